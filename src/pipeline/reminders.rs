//! Reminders: on a timer, the flags that nobody seems to need any more get their issues.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Pipeline;
use crate::bot::reminder_project::{self, project_of};
use crate::bot::reminders::{Grounds, Reminded, ToDo, plan};
use crate::bot::{Patience, Project, Trouble};
use crate::config::Reminder;
use crate::domain::{
    Cause, Cleanup, Decision, Edge, EdgeId, EdgeKind, Job, NoteableKind, Purpose, Register, ReminderRecord,
    UserId, Work, Write,
};
use crate::store::CommitError;

/// How often it is looked whether a reminder is due; one that failed is due again then.
const LOOK: Duration = Duration::from_secs(5 * 60);
/// How long it is waited for a service that has no answer for the moment, before that reminder has failed.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How long an issue may take to be opened; after that the next look finds out again whether it is to be.
const WITHIN: Duration = Duration::from_secs(12 * 60 * 60);

/// Runs until `stop` says so: each reminder when its time has come, and soon after the start where that is over.
pub async fn remind(pipeline: Arc<Pipeline>, reminders: Vec<Reminder>, stop: CancellationToken) {
    // Nobody is to hear of one that is not configured any more.
    let known: BTreeSet<String> = reminders.iter().map(Reminder::name).collect();
    let pruned =
        change_register(&pipeline, |register| register.reminders.retain(|name, _| known.contains(name)));
    if let Err(trouble) = pruned.await {
        tracing::warn!(reason = %trouble, "how former reminders fared is not forgotten yet");
    }
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
                let name = reminder.name();
                tracing::warn!(reminder = name, reason = %trouble, "reminding failed; it is tried again");
                let kept = change_register(&pipeline, |register| {
                    register.reminders.entry(name.clone()).or_default().trouble =
                        Some(trouble.reason.clone());
                });
                if let Err(trouble) = kept.await {
                    tracing::warn!(reminder = name, reason = %trouble, "that cannot be written down");
                }
            }
        }
    }
}

/// Changes the installation's record until that goes through; nothing is written where nothing changes.
async fn change_register(pipeline: &Pipeline, mut change: impl FnMut(&mut Register)) -> Result<(), Trouble> {
    loop {
        let mut decision = Decision::new();
        let before = decision.rests_on(pipeline.world().store().register().await?).unwrap_or_default();
        let mut register = before.clone();
        change(&mut register);
        if register == before {
            return Ok(());
        }
        decision.write(Write::PutRegister(Box::new(register)));
        match pipeline.commit(decision).await {
            Err(CommitError::Conflict) => {}
            committed => return Ok(committed?),
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
    let Some(provider) = world.flags().get(&reminder.provider) else { return Ok(()) };
    let project = project_of(reminder, world.rules(), |rule| world.client_for(rule).clone()).await?;
    world.me(&project.rule).await?;
    let moved_to = reminder_project::moved_to(reminder, &project);
    if let Some(path) = &moved_to {
        tracing::warn!(reminder = reminder.name(), path, "its project has another path now");
    }
    let bots: Vec<UserId> = world.bots().into_iter().collect();
    let mut remembered = world.store().register().await?.value.unwrap_or_default().cleanups;
    let here = (world.instance(), project.detail.id);
    remembered.retain(|known| (&known.issue.instance, known.issue.project) == here);
    let grounds = Grounds {
        reminder,
        provider: provider.as_ref(),
        project: &project,
        markers: Some(world.markers()),
        former_names: world.flags().former_names(&reminder.provider),
        bots: &bots,
        remembered: &remembered,
        patience: Patience::quiet(PATIENCE),
        now,
    };
    let due = plan(&grounds).await?;
    tracing::info!(reminder = reminder.name(), flags = due.len(), "looked for flags to be cleaned up");
    // It may have taken long.
    let planned = Timestamp::now();
    let acted_on = |one: &&Reminded| matches!(one.what, ToDo::Open | ToDo::Refresh(_));
    let edges: Vec<Edge> =
        due.iter().filter(acted_on).map(|one| edge(pipeline, reminder, &project, one, planned)).collect();
    let flags: BTreeSet<String> = due.iter().filter(acted_on).map(|one| one.flag.flag.words()).collect();
    loop {
        let mut decision = Decision::new();
        let waiting = world.store().edges().await?;
        // One that is still on its way is not doubled.
        let new = edges.iter().filter(|edge| !waiting.iter().any(|known| known.cause == edge.cause));
        for edge in new {
            decision.write(Write::PutEdge(Box::new(edge.clone())));
        }
        // What is to be done and that it was looked at are written together, so that no more are opened than shall be at a time.
        let mut register = decision.rests_on(world.store().register().await?).unwrap_or_default();
        register.cursors.insert(name.clone(), now.to_string());
        register.reminders.entry(reminder.name()).or_default().looked(moved_to.clone(), &flags);
        register.reminders.retain(|_, record| *record != ReminderRecord::default());
        decision.write(Write::PutRegister(Box::new(register)));
        match pipeline.commit(decision).await {
            Err(CommitError::Conflict) => {}
            committed => return Ok(committed?),
        }
    }
}

fn edge(pipeline: &Pipeline, reminder: &Reminder, project: &Project, one: &Reminded, now: Timestamp) -> Edge {
    let world = pipeline.world();
    let labels = reminder.labels.clone().unwrap_or_else(|| project.rule.cleanup_labels.clone());
    let cleanup = Cleanup {
        flag: one.flag.clone(),
        labels,
        days: one.days,
        environments: one.environments.clone(),
        reminder: Some(reminder.name()),
        over: one.over,
    };
    let until = now.checked_add(WITHIN).unwrap_or(now);
    let cause = Cause {
        // There is no page yet: the project alone.
        noteable: world.noteable(project.detail.id, NoteableKind::Issue, 0),
        source: None,
        command: 0,
        purpose: Purpose::Remind(one.flag.flag.to_string()),
    };
    let job = Job { what: Work::Cleanup(Box::new(cleanup)), until, entry: None };
    Edge::new(EdgeId(world.store().new_id()), cause, EdgeKind::Job(Box::new(job)), None, now)
}
