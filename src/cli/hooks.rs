//! `flaglink hooks`: the webhooks that flaglink registers itself.

use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand};
use owo_colors::OwoColorize;

use crate::config::Config;
use crate::daemon::HookDesk;
use crate::http::api_hooks::{HookReports, HooksAsked, HooksDone, HooksTested};
use crate::pipeline::{HookChoice, HookProblem, HookReport, HookStanding};

use super::client::Client;
use super::credentials::hinted;
use super::doctor::{hand_is_wrong, hand_words};
use super::progress::Progress;
use super::screen::{fold, width};
use super::source::daemon_or_own_store;
use super::trouble::remark;
use super::words::{count, plain};
use super::{Context, Trouble, document};

/// How long the daemon may be at work: it asks GitLab about every project.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// What can be done with webhooks.
#[derive(Debug, Subcommand)]
pub(super) enum Hooks {
    /// Show how each webhook stands: address, events, secret, what GitLab could not deliver, and what to do
    List(Names),
    /// Register what is missing and put right what is wrong
    Sync(Change),
    /// Remove flaglink's own webhooks, in GitLab and at the flag services; their paths are closed at once
    Remove(Change),
    /// Have GitLab send each webhook once, and see whether it comes here
    Test(Names),
}

/// Which webhooks are meant.
#[derive(Debug, Args)]
pub(super) struct Names {
    /// Paths of projects or groups, or names of providers [default: all]
    #[arg(value_name = "PROJECT")]
    names: Vec<String>,
}

/// Which webhooks are to be changed.
#[derive(Debug, Args)]
pub(super) struct Change {
    #[command(flatten)]
    which: Names,
    /// Only print what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Who does it: the running daemon, or we ourselves where none runs.
enum Desk {
    Daemon(Client),
    Alone(HookDesk),
}

impl Desk {
    async fn open(context: &Context) -> Result<Self, Trouble> {
        if let Some(client) = daemon_or_own_store(context).await? {
            return Ok(Self::Daemon(client.patient(PATIENCE)));
        }
        let file = context.config_file()?;
        let config = Config::load(&file, &context.env);
        let config = config.map_err(|error| hinted(error, &file, &context.env))?;
        remark("flaglink is not running; GitLab is asked from here.");
        Ok(Self::Alone(HookDesk::alone(&config).await?))
    }

    async fn report(&mut self, names: Vec<String>) -> Result<HookReports, Trouble> {
        match self {
            Self::Daemon(client) => {
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                query.extend_pairs(names.iter().map(|name| ("name", name)));
                client.read(&format!("/api/v1/hooks?{}", query.finish())).await
            }
            Self::Alone(desk) => {
                let hooks = desk.report(&HookChoice { names }).await.map_err(Trouble::World)?;
                Ok(HookReports { hooks, refused_by_hand: None })
            }
        }
    }

    async fn change(&mut self, remove: bool, asked: HooksAsked) -> Result<HooksDone, Trouble> {
        match self {
            Self::Daemon(client) => {
                let target = if remove { "/api/v1/hooks/remove" } else { "/api/v1/hooks/sync" };
                client.change(target, &asked).await
            }
            Self::Alone(desk) => {
                let choice = HookChoice { names: asked.names };
                let done = match remove {
                    true => desk.remove(&choice, asked.dry_run).await,
                    false => desk.sync(&choice, asked.dry_run).await,
                };
                Ok(HooksDone { hooks: done.map_err(Trouble::World)? })
            }
        }
    }

    async fn test(&mut self, names: Vec<String>) -> Result<HooksTested, Trouble> {
        match self {
            Self::Daemon(client) => {
                client.change("/api/v1/hooks/test", &HooksAsked { names, dry_run: false }).await
            }
            Self::Alone(_) => Err(Trouble::World(
                "flaglink is not running, so no webhook can come here: start it, and test again.".to_owned(),
            )),
        }
    }
}

impl Hooks {
    pub(super) async fn perform(self, context: &Context) -> Result<(), Trouble> {
        let mut desk = Desk::open(context).await?;
        match self {
            Self::List(Names { names }) => {
                let progress = Progress::new(context);
                let step = progress.step("asking GitLab and the flag services");
                let reports = desk.report(names).await?;
                drop((step, progress));
                if context.json {
                    document::write(&reports)?
                } else {
                    list(&reports)?
                }
                let by_hand = reports.refused_by_hand.as_ref().is_some_and(hand_is_wrong);
                let bad =
                    reports.hooks.iter().filter(|report| !is_good(report)).count() + usize::from(by_hand);
                all_good(bad, "is not as it should be", "are not as they should be")
            }
            Self::Sync(change) => changed(context, &mut desk, false, change).await,
            Self::Remove(change) => changed(context, &mut desk, true, change).await,
            Self::Test(Names { names }) => {
                let progress = Progress::new(context);
                let step = progress.step("waiting for what GitLab sends");
                let tested = desk.test(names).await?;
                drop((step, progress));
                if context.json {
                    document::write(&tested)?
                } else {
                    tell_tests(&tested)?
                }
                all_came(&tested)
            }
        }
    }
}

async fn changed(context: &Context, desk: &mut Desk, remove: bool, change: Change) -> Result<(), Trouble> {
    let Change { which: Names { names }, dry_run } = change;
    let progress = Progress::new(context);
    let step = progress.step("looking at the webhooks, and changing them");
    let done = desk.change(remove, HooksAsked { names, dry_run }).await?;
    drop((step, progress));
    if context.json {
        document::write(&done)?
    } else {
        tell(&done, remove, dry_run)?
    }
    let bad = done.hooks.iter().filter(|one| one.problem.is_some()).count();
    all_good(bad, "could not be dealt with", "could not be dealt with")
}

fn all_good(bad: usize, one: &str, many: &str) -> Result<(), Trouble> {
    match bad {
        0 => Ok(()),
        _ => Err(Trouble::World(format!(
            "{} {}.",
            count(bad, "webhook", "webhooks"),
            if bad == 1 { one } else { many }
        ))),
    }
}

/// What was sent and did not come is one thing, what nothing could be sent of another.
fn all_came(tested: &HooksTested) -> Result<(), Trouble> {
    let bad = tested.hooks.iter().filter(|one| one.problem.is_some());
    let (sent, unsent): (Vec<_>, Vec<_>) = bad.partition(|one| one.trigger.is_some());
    let words = |these: &[_], one: &str, many: &str| {
        let number = these.len();
        let verb = if number == 1 { one } else { many };
        (number > 0).then(|| format!("{} {verb}", count(number, "webhook", "webhooks")))
    };
    let sent = words(&sent, "does not come here", "do not come here");
    let unsent = words(&unsent, "could not be tested", "could not be tested");
    match sent.into_iter().chain(unsent).collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => Ok(()),
        some => Err(Trouble::World(format!("{some}."))),
    }
}

/// Why there may be no webhook.
const NONE: &str = "flaglink registers no webhook: its rules say `hooks = \"none\"`, or the bot is a member of no project that one \
                    matches (`flaglink doctor` says which)";

fn is_good(report: &HookReport) -> bool {
    matches!(report.standing, HookStanding::Right | HookStanding::Off)
}

fn list(reports: &HookReports) -> Result<(), Trouble> {
    let mut out = anstream::stdout().lock();
    if reports.hooks.is_empty() {
        writeln!(out, "{}", fold(&format!("{NONE}."), width(), 0, 0))?;
    }
    if let Some(refused) = &reports.refused_by_hand {
        let sign = if hand_is_wrong(refused) { "✘".red().to_string() } else { "!".yellow().to_string() };
        let (what, todo) = hand_words(refused, "the file that `webhook_secret_file` in [gitlab] names");
        writeln!(out, "{sign} webhooks made by hand: {what}")?;
        writeln!(out, "    → {todo}")?;
    }
    for report in &reports.hooks {
        let what = match (report.standing, report.hook) {
            (HookStanding::Off, Some(hook)) => format!("webhook {hook}, which goes"),
            (HookStanding::Off, None) => "none is registered".to_owned(),
            (HookStanding::Missing, _) => "is missing".to_owned(),
            (HookStanding::Unknown, _) => "could not be looked at".to_owned(),
            (_, Some(hook)) => format!("webhook {hook}"),
            (_, None) => "a webhook".to_owned(),
        };
        let sign = match report.standing {
            HookStanding::Off => "–".to_owned(),
            _ if is_good(report) => "✔".green().to_string(),
            _ => "✘".red().to_string(),
        };
        let leads = report.url.as_deref().map(|url| format!(", leads to {}", plain(url))).unwrap_or_default();
        let line = format!("{} ({}): {what}{leads}", plain(&report.name), plain(&report.kind));
        writeln!(out, "{sign} {}", folded(&line))?;
        for problem in &report.problems {
            tell_problem(&mut out, problem)?;
        }
        for failure in report.failures.iter().flatten() {
            let answer =
                if failure.answer.is_empty() { String::new() } else { format!(": {}", failure.answer) };
            // GitLab does not say when.
            let line = format!(
                "not delivered in the last seven days ({}), answer {}{answer}",
                failure.trigger, failure.status
            );
            writeln!(out, "    {}", fold(&plain(&line), width(), 4, 4).dimmed())?;
        }
    }
    Ok(())
}

fn tell_problem(out: &mut impl Write, problem: &HookProblem) -> Result<(), Trouble> {
    let line = format!("{}. {}", plain(&problem.what), plain(&problem.todo));
    writeln!(out, "    {}", fold(&line, width(), 4, 4))?;
    Ok(())
}

/// What stands behind a sign, in lines that the terminal has room for.
fn folded(line: &str) -> String {
    fold(line, width(), 2, 4)
}

fn tell(done: &HooksDone, remove: bool, dry_run: bool) -> Result<(), Trouble> {
    let mut out = anstream::stdout().lock();
    let nothing = if remove { "there was none" } else { "right already" };
    for one in &done.hooks {
        let name = format!("{} ({})", plain(&one.name), plain(&one.kind));
        if let Some(problem) = &one.problem {
            writeln!(out, "{} {}", "✘".red(), folded(&name))?;
            tell_problem(&mut out, problem)?;
            continue;
        }
        let did = if one.did.is_empty() { nothing.to_owned() } else { plain(&one.did.join("; ")) };
        writeln!(out, "{} {}", "✔".green(), folded(&format!("{name}: {did}")))?;
    }
    if dry_run {
        writeln!(out, "This is what would be done; nothing was.")?;
    } else if remove && done.hooks.iter().any(|one| !one.did.is_empty()) {
        writeln!(out, "They stay away until `flaglink hooks sync`.")?;
    }
    Ok(())
}

fn tell_tests(tested: &HooksTested) -> Result<(), Trouble> {
    let mut out = anstream::stdout().lock();
    if tested.hooks.is_empty() {
        let line = format!("There is nothing to test. {NONE}.");
        writeln!(out, "{}", fold(&line, width(), 0, 0))?;
    }
    for one in &tested.hooks {
        let name = format!("{} ({})", plain(&one.name), plain(&one.kind));
        match &one.problem {
            Some(problem) => {
                writeln!(out, "{} {}", "✘".red(), folded(&name))?;
                tell_problem(&mut out, problem)?;
            }
            None => {
                let line = format!("{name}: GitLab sent one, and it came here");
                writeln!(out, "{} {}", "✔".green(), folded(&line))?;
            }
        }
    }
    Ok(())
}
