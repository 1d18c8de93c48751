//! What the reminders would do now. Asks GitLab and the flag services, needs no store, and writes nothing anywhere.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::clients::Clients;
use super::start_error::StartError;
use crate::bot::reminder_project::{self, project_of};
use crate::bot::reminders::{Grounds, Reminded, plan};
use crate::bot::{Patience, Trouble};
use crate::config::{Config, ProjectRule, Reminder};
use crate::flags::{Registry, Surroundings};
use crate::gitlab::GitlabError;
use crate::markdown::MarkerKey;
use crate::telemetry::Metrics;

/// How long whoever asks waits for a service that has no answer for the moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one reminder would do.
#[derive(Debug)]
pub struct Planned {
    /// The reminder.
    pub reminder: Reminder,
    /// The path that its project has now, where the configuration has an old one.
    pub moved_to: Option<String>,
    /// The flags, in order, or why it cannot be said.
    pub flags: Result<Vec<Reminded>, Trouble>,
}

/// What is being waited for.
#[derive(Debug)]
pub enum Asking<'a> {
    /// What this reminder goes by is asked for.
    About(&'a Reminder),
    /// A service has no answer for the moment, and is asked again after that time.
    Again(&'a Reminder, &'a Trouble, Duration),
}

/// What each reminder would do now. `hear` is told what is being waited for.
///
/// # Errors
/// What an admin has to mend first. That a service does not answer stands with its reminder.
pub async fn planned_reminders(
    config: &Config,
    hear: &(dyn Fn(Asking<'_>) + Sync),
) -> Result<Vec<Planned>, StartError> {
    let metrics = Arc::new(Metrics::default());
    let clients = Clients::new(config, &metrics);
    let speakers = clients.of(config)?;
    let around = Surroundings { peers: clients.of_flags(), gitlab: speakers.all() };
    let flags = Registry::build(&config.providers, &around)?;
    // Without it no issue can be known again, and there is none where flaglink has never run.
    let key = config.store.marker_key.read_or_make(false).ok();
    let key = key.map(|key| MarkerKey::new(key.expose_secret()));
    let mut all = Vec::with_capacity(config.reminders.len());
    for reminder in &config.reminders {
        hear(Asking::About(reminder));
        let again = |trouble: &Trouble, after: Duration| hear(Asking::Again(reminder, trouble, after));
        let why_not = |why: &str| Trouble::from(GitlabError::Strange(format!("{}: {why}", reminder.project)));
        let mut moved_to = None;
        let planned = async {
            let client_of =
                |rule: &ProjectRule| speakers.by_rule.get(&rule.pattern).unwrap_or(&speakers.own).clone();
            let project = project_of(reminder, &config.rules, client_of).await?;
            moved_to = reminder_project::moved_to(reminder, &project);
            let bots = [project.gitlab.me().await?.id];
            let provider =
                flags.get(&reminder.provider).ok_or_else(|| why_not("there is no such provider"))?;
            plan(&Grounds {
                reminder,
                provider: provider.as_ref(),
                project: &project,
                markers: key.as_ref(),
                former_names: flags.former_names(&reminder.provider),
                bots: &bots,
                // The store belongs to the daemon: here issues are known by their markers alone.
                remembered: &[],
                patience: Patience { longest: PATIENCE, told: &again },
                now: Timestamp::now(),
            })
            .await
        };
        let flags = planned.await;
        all.push(Planned { reminder: reminder.clone(), moved_to, flags });
    }
    Ok(all)
}
