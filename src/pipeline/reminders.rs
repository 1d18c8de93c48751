//! Reminders: on a timer, the flags that nobody seems to need any more get their issues.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Pipeline;
use crate::bot::Patience;
use crate::bot::Trouble;
use crate::bot::reminders::{Grounds, Reminded, ToDo, plan};
use crate::config::Reminder;
use crate::domain::{
    Cause, Cleanup, Decision, Edge, EdgeId, EdgeKind, Job, NoteableKind, Purpose, UserId, Work, Write,
};

/// How often it is looked whether a reminder is due; one that failed is due again then.
const LOOK: Duration = Duration::from_secs(5 * 60);
/// How long it is waited for a service that has no answer for the moment, before that reminder has failed.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How long an issue may take to be opened; after that the next look finds out again whether it is to be.
const WITHIN: Duration = Duration::from_secs(12 * 60 * 60);

/// Runs until `stop` says so: each reminder when its time has come, and soon after the start where that is over.
pub async fn remind(pipeline: Arc<Pipeline>, reminders: Vec<Reminder>, stop: CancellationToken) {
    let Some(shortest) = reminders.iter().map(|reminder| reminder.every).min() else { return };
    let mut every = tokio::time::interval(shortest.min(LOOK));
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = stop.cancelled() => return,
        }
        for reminder in &reminders {
            let one = remind_once(&pipeline, reminder);
            let result = tokio::select! {
                result = one => result,
                () = stop.cancelled() => return,
            };
            if let Err(trouble) = result {
                tracing::warn!(reminder = reminder.name(), reason = %trouble, "reminding failed; it is tried again");
            }
        }
    }
}

async fn remind_once(pipeline: &Pipeline, reminder: &Reminder) -> Result<(), Trouble> {
    let world = pipeline.world();
    let now = Timestamp::now();
    let name = format!("reminders/{}", reminder.name());
    let last =
        world.store().register().await?.value.and_then(|register| register.cursors.get(&name).cloned());
    let last = last.and_then(|last| last.parse::<Timestamp>().ok());
    if last.is_some_and(|last| now.duration_since(last).unsigned_abs() < reminder.every) {
        return Ok(());
    }
    let why_not = |why: &str| Trouble::again_in(LOOK, format!("{}: {why}", reminder.project));
    let Some(provider) = world.flags().get(&reminder.provider) else { return Ok(()) };
    let rule = world.rules().for_project(&reminder.project);
    let rule = rule.ok_or_else(|| why_not("no rule matches the project"))?;
    world.me(&rule).await?;
    let detail = world.client_for(&rule).project_at(&reminder.project).await?;
    let detail = detail.ok_or_else(|| why_not("there is no such project for flaglink's token"))?;
    let project = world.shown_project(detail).ok_or_else(|| why_not("no rule matches the project"))?;
    let bots: Vec<UserId> = world.bots().into_iter().collect();
    let grounds = Grounds {
        reminder,
        provider: provider.as_ref(),
        project: &project,
        markers: Some(world.markers()),
        former_names: world.flags().former_names(&reminder.provider),
        bots: &bots,
        patience: Patience::quiet(PATIENCE),
        now,
    };
    let due = plan(&grounds).await?;
    tracing::info!(reminder = reminder.name(), flags = due.len(), "looked for flags to be cleaned up");
    // It may have taken long.
    let planned = Timestamp::now();
    let mut decision = Decision::new();
    let waiting = world.store().edges().await?;
    for one in due.iter().filter(|one| matches!(one.what, ToDo::Open | ToDo::Refresh(_))) {
        let edge =
            edge(pipeline, reminder, project.detail.id, project.rule.cleanup_labels.as_slice(), one, planned);
        // One that is still on its way is not doubled.
        if !waiting.iter().any(|known| known.cause == edge.cause) {
            decision.write(Write::PutEdge(Box::new(edge)));
        }
    }
    // What is to be done and that it was looked at are written together, so that no more are opened than shall be at a time.
    let mut register = decision.rests_on(world.store().register().await?).unwrap_or_default();
    register.cursors.insert(name, now.to_string());
    decision.write(Write::PutRegister(Box::new(register)));
    Ok(pipeline.commit(decision).await?)
}

fn edge(
    pipeline: &Pipeline,
    reminder: &Reminder,
    project: u64,
    of_rule: &[String],
    one: &Reminded,
    now: Timestamp,
) -> Edge {
    let world = pipeline.world();
    let labels = reminder.labels.clone().unwrap_or_else(|| of_rule.to_vec());
    let environments = one.environments.clone();
    let cleanup = Cleanup { flag: one.flag.clone(), labels, days: one.days, environments };
    let until = now.checked_add(WITHIN).unwrap_or(now);
    let cause = Cause {
        // There is no page yet: the project alone.
        noteable: world.noteable(project, NoteableKind::Issue, 0),
        source: None,
        command: 0,
        purpose: Purpose::Remind(one.flag.flag.to_string()),
    };
    let job = Job { what: Work::Cleanup(Box::new(cleanup)), until, entry: None };
    Edge::new(EdgeId(world.store().new_id()), cause, EdgeKind::Job(Box::new(job)), None, now)
}
