//! `flaglink reminders --dry-run`.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use crate::bot::reminders::{Reminded, ToDo};
use crate::config::Config;
use crate::daemon::{Planned, planned_reminders};

use super::document;
use super::progress::Progress;
use super::table::Table;
use super::words::{count, plain};
use super::{Context, Trouble};

/// Look for flags that may be cleaned up, as `[[reminders]]` of the configuration says
#[derive(Debug, Args)]
pub(super) struct Reminders {
    /// Print what would be done, and do nothing; the running daemon does it when its time has come
    #[arg(long, required = true)]
    dry_run: bool,
}

/// What `--json` says of one reminder.
#[derive(Serialize)]
struct Said<'a> {
    provider: &'a str,
    project: &'a str,
    error: Option<String>,
    flags: Vec<SaidOfFlag<'a>>,
}

#[derive(Serialize)]
struct SaidOfFlag<'a> {
    flag: String,
    days: u64,
    /// `open`, `refresh`, `closed` or `later`.
    what: &'a str,
    issue: Option<u64>,
}

impl Reminders {
    pub(super) async fn perform(self, context: &Context) -> Result<(), Trouble> {
        let config = Config::load(&context.config_file()?, &context.env)?;
        if config.reminders.is_empty() {
            return Err(Trouble::Arguments(
                "there are no [[reminders]] in the configuration; docs/configuration.md says what they are."
                    .to_owned(),
            ));
        }
        let progress = Progress::new(context);
        let step = progress.step("asking GitLab and the flag services");
        let all = planned_reminders(&config).await?;
        drop((step, progress));
        if context.json {
            document::write(&all.iter().map(said).collect::<Vec<_>>())?;
        } else {
            tell(&all)?;
        }
        let failed = all.iter().filter(|one| one.flags.is_err()).count();
        match failed {
            0 => Ok(()),
            _ => Err(Trouble::World(format!(
                "{} could not be looked at.",
                count(failed, "reminder", "reminders")
            ))),
        }
    }
}

fn said(planned: &Planned) -> Said<'_> {
    let (flags, error) = match &planned.flags {
        Ok(flags) => (flags.as_slice(), None),
        Err(trouble) => (&[][..], Some(trouble.to_string())),
    };
    let of_flag = |one: &Reminded| {
        let (what, issue) = match one.what {
            ToDo::Open => ("open", None),
            ToDo::Refresh(iid) => ("refresh", Some(iid)),
            ToDo::Closed(iid) => ("closed", Some(iid)),
            ToDo::Later => ("later", None),
        };
        SaidOfFlag { flag: one.flag.flag.words(), days: one.days, what, issue }
    };
    Said {
        provider: &planned.reminder.provider,
        project: &planned.reminder.project,
        error,
        flags: flags.iter().map(of_flag).collect(),
    }
}

fn tell(all: &[Planned]) -> Result<(), Trouble> {
    let mut out = anstream::stdout().lock();
    for (at, planned) in all.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        let name = plain(&planned.reminder.name());
        let flags = match &planned.flags {
            Ok(flags) => flags,
            Err(trouble) => {
                writeln!(out, "{name}: {}", plain(&trouble.to_string()))?;
                continue;
            }
        };
        let days = planned.reminder.after.as_secs() / (24 * 60 * 60);
        let flags_words = count(flags.len(), "flag is", "flags are");
        writeln!(out, "{name}: {flags_words} the same everywhere, and unchanged for {days} d or longer.")?;
        if flags.is_empty() {
            continue;
        }
        let mut table = Table::new(["FLAG", "DAYS", "WHAT WOULD BE DONE"]);
        for one in flags {
            let what = match one.what {
                ToDo::Open => "open an issue".to_owned(),
                ToDo::Refresh(iid) => format!("bring issue #{iid} up to date"),
                ToDo::Closed(iid) => format!("nothing: issue #{iid} was closed"),
                ToDo::Later => "nothing yet: there are enough for one time".to_owned(),
            };
            table.row([plain(&one.flag.flag.words()), one.days.to_string(), what]);
        }
        table.write(&mut out)?;
    }
    Ok(())
}
