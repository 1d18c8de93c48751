//! `flaglink reminders --dry-run`.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use clap::Args;
use serde::Serialize;

use crate::bot::Trouble as BotTrouble;
use crate::bot::reminders::{Reminded, ToDo};
use crate::config::Config;
use crate::daemon::{Asking, Planned, planned_reminders};
use crate::domain::{NEW_PATH, of_an_old_path};

use super::document;
use super::progress::{Progress, Step};
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
    /// The path that the project has now, where the configuration has an old one.
    moved_to: Option<&'a str>,
    error: Option<String>,
    flags: Vec<SaidOfFlag<'a>>,
}

#[derive(Serialize)]
struct SaidOfFlag<'a> {
    flag: String,
    days: u64,
    /// Whether it is to be reminded of; else only its open issue is brought up to date.
    due: bool,
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
        let step: Mutex<Option<Step>> = Mutex::default();
        let hear = |asking: Asking<'_>| {
            let mut step = step.lock().unwrap_or_else(PoisonError::into_inner);
            // What is written next begins on an empty line.
            *step = None;
            let what = match asking {
                Asking::About(reminder) => format!("asking GitLab and {}", plain(&reminder.provider)),
                Asking::Again(reminder, trouble, after) => {
                    let (name, why) = (plain(&reminder.name()), plain(&trouble.to_string()));
                    if !context.json {
                        let _ = writeln!(
                            anstream::stderr().lock(),
                            "{name}: {why}. Asking again in {} s.",
                            after.as_secs().max(1)
                        );
                    }
                    format!("waiting for {}", plain(&reminder.provider))
                }
            };
            *step = Some(progress.step(what));
        };
        let all = planned_reminders(&config, &hear).await?;
        drop(step);
        drop(progress);
        if context.json {
            document::write(&all.iter().map(said).collect::<Vec<_>>())?;
        } else {
            tell(&all)?;
        }
        let failed = all.iter().filter(|one| one.flags.is_err()).count();
        match failed {
            0 => Ok(()),
            _ => Err(Trouble::World(format!(
                "{} could not be looked at. {}",
                count(failed, "reminder", "reminders"),
                what_to_do(&config, &all)
            ))),
        }
    }
}

/// Who did not answer, and what to do then.
fn what_to_do(config: &Config, all: &[Planned]) -> String {
    let url = &config.gitlab.url;
    let gitlabs = format!("{}{}/api/", url.authority(), url.path().trim_end_matches('/'));
    let mut silent = BTreeSet::new();
    for planned in all {
        let Err(BotTrouble { failure: Some(failure), .. }) = &planned.flags else { continue };
        if failure.is_passing() {
            let is_gitlab = failure.message.contains(&gitlabs);
            silent.insert(if is_gitlab { "GitLab".to_owned() } else { plain(&planned.reminder.provider) });
        }
    }
    if silent.is_empty() {
        return "Why stands with it; `flaglink doctor` says what to do about tokens, keys and projects."
            .to_owned();
    }
    let names = silent.into_iter().collect::<Vec<_>>().join(" and ");
    format!(
        "No answer from {names}: run this again in a while, and if it stays so, `flaglink doctor` says what is in the way. The \
         daemon tries again by itself."
    )
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
        SaidOfFlag { flag: one.flag.flag.words(), days: one.days, due: one.over.is_none(), what, issue }
    };
    Said {
        provider: &planned.reminder.provider,
        project: &planned.reminder.project,
        moved_to: planned.moved_to.as_deref(),
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
        if let Some(path) = &planned.moved_to {
            writeln!(out, "{}: {NEW_PATH}.", plain(&of_an_old_path(&planned.reminder.name(), path)))?;
        }
        let flags = match &planned.flags {
            Ok(flags) => flags,
            Err(trouble) => {
                writeln!(out, "{name}: {}", plain(&trouble.to_string()))?;
                continue;
            }
        };
        let days = planned.reminder.after.as_secs() / (24 * 60 * 60);
        let due = flags.iter().filter(|one| one.over.is_none()).count();
        let flags_words = count(due, "flag is", "flags are");
        let places =
            if planned.reminder.counts_all() { "everywhere" } else { "in all environments that count" };
        writeln!(out, "{name}: {flags_words} the same {places}, and unchanged for {days} d or longer.")?;
        if flags.is_empty() {
            continue;
        }
        let mut table = Table::new(["FLAG", "DAYS", "WHAT WOULD BE DONE"]);
        for one in flags {
            let what = match one.what {
                ToDo::Open => "open an issue".to_owned(),
                ToDo::Refresh(iid) if one.over.is_some() => {
                    format!(
                        "bring issue #{iid} up to date: the flag is another now, is to stay, or is archived"
                    )
                }
                ToDo::Refresh(iid) => format!("bring issue #{iid} up to date"),
                ToDo::Closed(iid) => format!("nothing: issue #{iid} was closed"),
                ToDo::Later => "nothing yet: there are enough for one time".to_owned(),
            };
            let days = if one.over.is_none() { one.days.to_string() } else { "–".to_owned() };
            table.row([plain(&one.flag.flag.words()), days, what]);
        }
        table.write(&mut out)?;
    }
    Ok(())
}
