//! The panel on a noteable: one comment, edited in place, made again if somebody deleted it.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Became, NotTrue, Pipeline, Sends, ceiling, retry, unseen, write_down};
use crate::bot::{self, Project, World};
use crate::domain::{Decision, Noteable, NoteableRecord, PanelRecord, Rev, Seen, Write};
use crate::gitlab::{NewNote, Note};

/// How many notes are looked through for a panel of ours.
const LOOK_THROUGH: usize = 500;
/// How far before the moment of sending a panel is looked for: GitLab's clock is not ours.
const CLOCK_SLACK: Duration = Duration::from_secs(10 * 60);
/// How long to wait before a panel that was deleted while it was written is looked for.
const DELETED: Duration = Duration::from_secs(1);

/// How soon it is looked whether a project that was there a moment ago is there again.
const GONE: Duration = Duration::from_secs(1);
/// How soon a panel is looked at again that waits for looks at its flags.
const SETTLES: Duration = Duration::from_millis(250);
/// It waits for them no longer than this, however much is told.
const LONGEST_UNSETTLED: Duration = Duration::from_secs(10);

/// What is written, and what it is known by.
struct Text {
    body: String,
    digest: String,
}

impl Text {
    async fn of(world: &World, project: &Project, record: &NoteableRecord) -> Result<Self, bot::Trouble> {
        let text = bot::panel::text(world, project, record).await?;
        let body = world.markers().of_panel(&record.noteable).sign(&text);
        Ok(Self { digest: digest(&body), body })
    }
}

pub(super) async fn make_true(
    pipeline: &Pipeline,
    world: &World,
    sends: &Sends<'_>,
    noteable: &Noteable,
    stale_since: Timestamp,
) -> Result<Became, NotTrue> {
    let begun = Instant::now();
    let seen = world.store().noteable(noteable).await?;
    let Some(record) = seen.value.clone() else { return Ok(Became::Unchanged) };
    // Where much is told of a flag at once, the first of it is not written before the last of it is known.
    let settles = retry::when(Timestamp::now(), SETTLES);
    let patience = retry::when(stale_since, LONGEST_UNSETTLED);
    if settles < patience && record.links.iter().any(|link| pipeline.looks_at(&link.flag)) {
        return Ok(Became::Settling(settles));
    }
    let nothing_there = record.panel.note.is_none() && record.panel.sent_at.is_none();
    if record.links.is_empty() && nothing_there {
        return Ok(Became::Unchanged);
    }
    let Some(project) = world.project(noteable.project).await? else {
        return Ok(unseen(world, &record, |rule| rule.panel));
    };
    if !project.rule.panel {
        return Ok(Became::Unchanged);
    }
    let me = world.me(&project.rule).await?;
    let text = Text::of(world, &project, &record).await?;
    let panel = Panel { pipeline, world, sends, project: &project, noteable, me: me.id, begun };

    // A panel that another bot user of ours wrote cannot be edited by this one: a new one follows it.
    let known = record.panel.note.filter(|_| record.panel.by == Some(me.id));
    if let Some(id) = known {
        let standing = project.gitlab.note(noteable.project, noteable.kind, noteable.iid, id).await?;
        match standing {
            Some(note) => return panel.bring_up_to_date(seen.rev, record, &note, text).await,
            None if record.links.is_empty() => {
                return Ok(Became::True(panel.remember(seen.rev, record, PanelRecord::default())));
            }
            None => {}
        }
    }
    panel.find_or_post(seen, record, text).await
}

struct Panel<'a> {
    pipeline: &'a Pipeline,
    world: &'a World,
    sends: &'a Sends<'a>,
    project: &'a Project,
    noteable: &'a Noteable,
    me: u64,
    /// When it was begun to make it true.
    begun: Instant,
}

impl Panel<'_> {
    async fn bring_up_to_date(
        &self,
        rev: Rev,
        record: NoteableRecord,
        standing: &Note,
        text: Text,
    ) -> Result<Became, NotTrue> {
        let as_written = record.panel.written.as_deref() == Some(&text.digest)
            && record.panel.stands.as_deref() == Some(&digest(&standing.body));
        if as_written && record.panel.note == Some(standing.id) {
            return Ok(Became::Unchanged);
        }
        if standing.body.trim_end() == text.body.trim_end() {
            let stands = self.standing(standing.id, &standing.body, text.digest);
            return Ok(Became::True(self.remember(rev, record, stands)));
        }
        let text = self.as_seen_now(&record, text).await?;
        let Noteable { project, kind, iid, .. } = *self.noteable;
        self.sends.begin().await?;
        let updated = self.project.gitlab.update_note(project, kind, iid, standing.id, &text.body).await?;
        let stands = match updated {
            Some(NewNote { id, body }) => self.standing(id, &body, text.digest),
            // Deleted this very moment: the next look makes a new one. If it is there all the same, GitLab is not asked
            // again and again without a breath.
            None => {
                let at = retry::when(Timestamp::now(), DELETED);
                return Ok(Became::NotYetKnown(at, "the panel was deleted"));
            }
        };
        Ok(Became::True(self.remember(rev, record, stands)))
    }

    /// The text as it is to be written at this moment: values are not written where everybody has come to see the project since it
    /// was last asked for.
    async fn as_seen_now(&self, record: &NoteableRecord, text: Text) -> Result<Text, NotTrue> {
        let before = self.project.detail.visibility;
        if record.links.is_empty() || !self.project.rule.would_hide_values(before) {
            return Ok(text);
        }
        match self.world.project_since(self.noteable.project, self.begun).await? {
            Some(now) if now.detail.visibility == before => Ok(text),
            Some(now) => Ok(Text::of(self.world, &now, record).await?),
            None => Err(bot::Trouble::again_in(GONE, "GitLab does not show the project any more").into()),
        }
    }

    /// Looks for a panel of ours (an answer may have been lost, the store may be an older copy), and posts one where there is none.
    async fn find_or_post(
        &self,
        seen: Seen<NoteableRecord>,
        record: NoteableRecord,
        text: Text,
    ) -> Result<Became, NotTrue> {
        let mut standing = self.look(record.panel.sent_at).await?;
        if !standing.is_empty() {
            let oldest = standing.remove(0);
            for double in standing.iter().filter(|note| note.updated_at == note.created_at) {
                let Noteable { project, kind, iid, .. } = *self.noteable;
                self.project.gitlab.delete_note(project, kind, iid, double.id).await?;
            }
            let mut record = record;
            record.panel.note = None;
            return self.bring_up_to_date(seen.rev, record, &oldest, text).await;
        }
        if let Some(sent_at) = record.panel.sent_at {
            let ceiling = ceiling(sent_at, self.pipeline);
            if Timestamp::now() < ceiling {
                return Ok(Became::NotYetKnown(ceiling, "the answer of GitLab was lost; looking again"));
            }
        }
        if record.links.is_empty() {
            return Ok(Became::True(self.remember(seen.rev, record, PanelRecord::default())));
        }
        self.post(seen, record, text).await
    }

    async fn post(
        &self,
        seen: Seen<NoteableRecord>,
        record: NoteableRecord,
        text: Text,
    ) -> Result<Became, NotTrue> {
        let turn = match self.project.gitlab.turn() {
            Ok(turn) => turn,
            Err(wait) => return Ok(Became::InTurn(retry::when(Timestamp::now(), wait))),
        };
        let text = self.as_seen_now(&record, text).await?;
        let sending = PanelRecord { sent_at: Some(Timestamp::now()), ..PanelRecord::default() };
        write_down(self.pipeline, self.remember(seen.rev, record, sending)).await?;
        let Noteable { project, kind, iid, .. } = *self.noteable;
        let posted = self.project.gitlab.create_note(turn, project, kind, iid, &text.body, false).await;
        // This lane alone writes panels, but links may have been made meanwhile: read anew.
        let seen = self.world.store().noteable(self.noteable).await?;
        let Some(record) = seen.value else { return Ok(Became::Unchanged) };
        match posted {
            Ok(note) => {
                let stands = self.standing(note.id, &note.body, text.digest);
                Ok(Became::True(self.remember(seen.rev, record, stands)))
            }
            Err(error) => {
                let trouble = bot::Trouble::from(error);
                let for_certain_not =
                    trouble.failure.as_ref().is_some_and(|failure| failure.sent == crate::net::Sent::No);
                if for_certain_not {
                    write_down(self.pipeline, self.remember(seen.rev, record, PanelRecord::default()))
                        .await?;
                }
                Err(trouble.into())
            }
        }
    }

    /// Notes of ours that carry this panel's marker, oldest first.
    async fn look(&self, sent_at: Option<Timestamp>) -> Result<Vec<Note>, NotTrue> {
        let Noteable { project, kind, iid, .. } = *self.noteable;
        let since = sent_at.and_then(|at| at.checked_sub(CLOCK_SLACK).ok());
        let notes = self.project.gitlab.notes_since(project, kind, iid, since, LOOK_THROUGH).await?;
        let marker = self.world.markers().of_panel(self.noteable);
        let mut ours: Vec<Note> =
            notes.into_iter().filter(|note| note.author.id == self.me && marker.is_in(&note.body)).collect();
        ours.sort_by_key(|note| note.id);
        Ok(ours)
    }

    fn standing(&self, note: u64, body: &str, written: String) -> PanelRecord {
        PanelRecord {
            note: Some(note),
            by: Some(self.me),
            sent_at: None,
            written: Some(written),
            stands: Some(digest(body)),
        }
    }

    fn remember(&self, rev: Rev, mut record: NoteableRecord, panel: PanelRecord) -> Decision {
        let mut decision = Decision::new();
        let key = crate::domain::RecordKey::Noteable(self.noteable.clone());
        decision.reads.push(crate::domain::Read { key, rev });
        record.panel = panel;
        decision.write(Write::PutNoteable(Box::new(record)));
        decision
    }
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}
