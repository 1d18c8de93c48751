//! Edges that a command waits for: how far they are stands in the command's record, and their end is written there at once.

use jiff::Timestamp;

use super::lanes::Run;
use super::{Pipeline, Ran, retry};
use crate::bot::World;
use crate::bot::limits::TELL_WAITING;
use crate::domain::{
    Cleanup, CleanupIssue, Decision, Edge, EdgeId, EdgeKind, Event, FlagPointer, FlagRef, InboxId, NoteKey,
    NoteableKind, ReminderRecord, SwitchEnd, SwitchProgress, Work, Write,
};
use crate::store::CommitError;

/// An edge that a command waits for.
pub(super) struct Waited<'a> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) world: &'a World,
    /// The text with the command; `None` where no command asked.
    pub(super) note: Option<NoteKey>,
    /// The command's entry in the inbox.
    pub(super) entry: Option<InboxId>,
    /// The flag that it is about, where there is one yet.
    pub(super) flag: Option<&'a FlagRef>,
    /// Its kind: a metric label.
    pub(super) kind: &'static str,
}

impl Waited<'_> {
    pub(super) async fn put_off(&self, mut edge: Edge, at: Timestamp, reason: &str) -> Ran {
        self.world.metrics().effect(self.kind, "later");
        tracing::warn!(
            edge = edge.id.0,
            attempts = edge.attempts,
            flag = flag_of(&edge),
            project = edge.cause.noteable.project,
            reason,
            "to be tried again"
        );
        edge.not_before = Some(at);
        edge.last_reason = Some(reason.to_owned());
        // At least once tried, so that a commit does not take it for a new one.
        edge.attempts = edge.attempts.max(1);
        let unknown = edge.uncertain.is_some();
        let under_way = SwitchProgress::UnderWay { edge: edge.id, unknown };
        let news = loop {
            let mut decision = Decision::new();
            let news = self.progress(&mut decision, &edge, under_way.clone()).await?;
            decision.write(Write::PutEdge(Box::new(edge.clone())));
            match self.pipeline.commit(decision).await {
                // As at its end: that nothing was sent is known here alone.
                Err(CommitError::Conflict) => {}
                committed => break committed.map(|()| news)?,
            }
        };
        if let Some(entry) = self.entry
            && ((news && unknown) || self.is_to_be_told(&edge).await?)
        {
            self.pipeline.take_up_now(entry).await?;
        }
        Ok(Run::Later(at))
    }

    /// Whether it has been waiting for so long that the person is to hear of it now, and has not yet.
    async fn is_to_be_told(&self, edge: &Edge) -> Result<bool, CommitError> {
        let (Some(note), EdgeKind::Job(job)) = (&self.note, &edge.kind) else { return Ok(false) };
        if !job.what.may_wait_long() {
            return Ok(false);
        }
        let record = self.world.store().note(note).await?.value;
        let command = record.as_ref().and_then(|record| record.commands.get(edge.cause.command));
        let long_ago = retry::before(Timestamp::now(), TELL_WAITING);
        Ok(command.is_some_and(|command| !command.told_waiting && command.written_at < long_ago))
    }

    /// It has come to an end: that, and what follows from it, is written at once.
    pub(super) async fn end(&self, edge: &Edge, end: SwitchEnd) -> Ran {
        self.world.metrics().effect(self.kind, if end.is_done() { "done" } else { "dead" });
        let how = in_the_log(&end);
        if self.note.is_none() && !end.is_done() {
            tracing::warn!(
                edge = edge.id.0,
                kind = self.kind,
                reminder = cleanup_of(edge).and_then(|cleanup| cleanup.reminder.as_deref()),
                flag = flag_of(edge),
                project = edge.cause.noteable.project,
                how,
                "it was not done, and nobody waits to hear of it; /readyz tells"
            );
        } else {
            tracing::info!(edge = edge.id.0, kind = self.kind, how, "what was begun has come to an end");
        }
        // Another command of the same text may have written to these records meanwhile. What came of this one is known here
        // alone: run again, it would be sent again.
        while let Err(error) = self.pipeline.commit(self.ended(edge, &end).await?).await {
            if !matches!(error, CommitError::Conflict) {
                return Err(error);
            }
        }
        if let Some(entry) = self.entry {
            self.pipeline.take_up_now(entry).await?;
        }
        Ok(Run::Done)
    }

    /// What is written when it has come to its end.
    async fn ended(&self, edge: &Edge, end: &SwitchEnd) -> Result<Decision, CommitError> {
        let mut decision = Decision::new();
        self.progress(&mut decision, edge, SwitchProgress::Ended(end.clone())).await?;
        if let Some(flag_ref) = self.flag
            && let Some(mut flag) = decision.rests_on(self.world.store().flag(flag_ref).await?)
        {
            if !end.is_done() && flag.asked.iter().any(|asked| asked.edge == edge.id) {
                flag.asked.retain(|asked| asked.edge != edge.id);
                decision.write(Write::PutFlag(Box::new(flag)));
            }
            // The flag's own lane looks, and tells everybody else.
            let pointer = FlagPointer::Key { scope: flag_ref.scope.clone(), key: flag_ref.key.clone() };
            let look =
                Event::FlagChanged { provider: flag_ref.provider.clone(), flag: pointer, claims: Vec::new() };
            decision.write(Write::QueueEvent(InboxId(self.world.store().new_id()), look));
        }
        if let Some(cleanup) = cleanup_of(edge) {
            let before = decision.rests_on(self.world.store().register().await?).unwrap_or_default();
            let mut register = before.clone();
            if let SwitchEnd::Issue { iid, .. } = end {
                register.remember_cleanup(CleanupIssue {
                    issue: self.world.noteable(edge.cause.noteable.project, NoteableKind::Issue, *iid),
                    flag: cleanup.flag.flag.clone(),
                    internal_id: cleanup.flag.internal_id.clone(),
                });
            }
            if let Some(reminder) = &cleanup.reminder {
                let record = register.reminders.entry(reminder.clone()).or_default();
                record.ended(&cleanup.flag.flag.words(), end);
                register.reminders.retain(|_, record| *record != ReminderRecord::default());
            }
            if register != before {
                decision.write(Write::PutRegister(Box::new(register)));
            }
        }
        decision.write(Write::EdgeDone(EdgeId(edge.id.0)));
        Ok(decision)
    }

    /// Puts into the command's record how far it is. Returns whether that is news.
    async fn progress(
        &self,
        decision: &mut Decision,
        edge: &Edge,
        progress: SwitchProgress,
    ) -> Result<bool, CommitError> {
        let Some(note) = &self.note else { return Ok(false) };
        let Some(mut record) = decision.rests_on(self.world.store().note(note).await?) else {
            return Ok(false);
        };
        let Some(command) = record.commands.get_mut(edge.cause.command) else { return Ok(false) };
        if command.switch.as_ref() == Some(&progress) {
            return Ok(false);
        }
        command.switch = Some(progress);
        decision.write(Write::PutNote(Box::new(record)));
        Ok(true)
    }
}

/// The issue in which a flag is to be cleaned up, if it is for one.
fn cleanup_of(edge: &Edge) -> Option<&Cleanup> {
    let EdgeKind::Job(job) = &edge.kind else { return None };
    match &job.what {
        Work::Cleanup(cleanup) => Some(cleanup),
        Work::Create { .. } | Work::Archive { .. } => None,
    }
}

/// The flag that it is about, as people name it.
fn flag_of(edge: &Edge) -> Option<String> {
    match &edge.kind {
        EdgeKind::Job(job) => {
            let (provider, key) = job.what.about();
            Some(format!("{provider}:{key}"))
        }
        EdgeKind::Switch(toggle) => Some(toggle.flag.words()),
        EdgeKind::React { .. } | EdgeKind::Reply { .. } => None,
    }
}

/// How something ended, for the log: what flags are set to and where their pages are does not belong there.
fn in_the_log(end: &SwitchEnd) -> String {
    match end {
        SwitchEnd::Created(flag) => format!("made {}", flag.flag),
        SwitchEnd::Archived { flag, .. } => format!("archived {}", flag.flag),
        other => format!("{other:?}"),
    }
}
