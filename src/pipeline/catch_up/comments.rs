//! Comments, descriptions and changes of linked work that no webhook told of: the net under everything.
//!
//! GitLab is asked for the issues and merge requests that changed since. That a comment was written or edited counts as a
//! change of its page, but only once a minute, so the page's moment may be a minute older than its newest comment's.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::cursor::{self, before};
use super::{Caught, Look, Memory};
use crate::bot::news::News;
use crate::bot::{Trouble, news};
use crate::domain::{Event, NoteHint, NoteKey, NoteSource, Noteable, NoteableKind};
use crate::gitlab::{GitlabError, GitlabResult, Note, NoteableDetail, may_command};

/// How far each look goes back before the last one: the minute in which a page's moment stands still, changes that show late
/// because GitLab reads from copies of its database, and what was left to the webhooks.
const OVERLAP: Duration = Duration::from_secs(5 * 60);
/// Pages that are read in one look at a project.
const MOST_PAGES: usize = 1_000;
/// Comments that are read of one page.
const MOST_NOTES: usize = 10_000;

/// Looks at the issues or merge requests of a project that changed since the last look. How far it went is written when all of
/// it is done, together with the last of what was found: an end in the middle repeats, and skips nothing.
pub(super) async fn look(
    look: &Look<'_>,
    kind: NoteableKind,
    taken: &BTreeSet<NoteKey>,
    memory: &mut Memory,
    caught: &mut Caught,
) -> Result<(), Trouble> {
    let project = look.place.project.detail.id;
    let name = cursor::work(project, kind);
    let known: Option<Timestamp> = cursor::read(look.world, &name).await?;
    // In a project in which nothing happens the cursor stands still; this run remembers better.
    let looked_at = known.max(memory.reached.get(&(project, kind)).copied());
    let since = looked_at.map_or(Timestamp::MIN, |moment| before(moment, OVERLAP));
    let earliest = look.place.earliest;
    // Commands are not run when they are old, but that linked work was closed is news however old it is.
    let from =
        if look.place.linked && known.is_some() { since } else { since.max(before(earliest, OVERLAP)) };
    let mut pass = Pass { look, kind, texts_from: since.max(earliest), taken, seen: HashMap::new() };

    let (mut after, mut page) = (from, 1);
    let mut found = Vec::new();
    let (mut newest, mut begun) = (known, None);
    let mut complete = false;
    for _ in 0..MOST_PAGES {
        let answer = look.place.project.gitlab.changed_since(project, kind, after, page).await;
        let Some(changed) = unless_refused(answer)? else { return Ok(()) };
        begun = begun.or(Some(changed.date.map_or(look.until, |date| date.min(look.until))));
        // What the page before has found is written: a decision should not grow without end.
        write(look, &[], &mut found, memory, caught).await?;
        for detail in &changed.noteables {
            newest = newest.max(Some(detail.updated_at));
            if pass.is_news(detail) {
                pass.page(detail, memory, &mut found).await?;
            }
        }
        if !changed.more {
            complete = true;
            break;
        }
        // While pages are read, what changes moves to the end: a page number would skip what moves up for it. Only where a whole
        // page shares one moment there is no other way.
        match changed.noteables.iter().map(|detail| detail.updated_at).max() {
            Some(last) if last > after => (after, page) = (last, 1),
            _ => page += 1,
        }
    }
    if !complete {
        tracing::warn!(project, kind = kind.path(), "too much has changed to be looked at in one go");
    }
    // No further than to where this look began, because what was looked at first may have got another comment since; and not to
    // what was left to the webhooks.
    let reached = newest.map(|newest| begun.map_or(newest, |begun| newest.min(begun)));
    let moved = reached.max(known).filter(|_| complete).map(|reached| (name, reached.to_string()));
    write(look, moved.as_slice(), &mut found, memory, caught).await?;
    if let Some(begun) = begun.filter(|_| complete) {
        memory.reached.insert((project, kind), begun);
    }
    Ok(())
}

/// Something that was found.
pub(super) struct Found {
    event: Event,
    /// Which text, and the moment of its last change.
    text: Option<(NoteKey, Timestamp)>,
}

/// Writes what was found, counts it, and remembers it for the next look.
async fn write(
    look: &Look<'_>,
    moved: &[(String, String)],
    found: &mut Vec<Found>,
    memory: &mut Memory,
    caught: &mut Caught,
) -> Result<(), Trouble> {
    let events: Vec<Event> = found.iter().map(|one| one.event.clone()).collect();
    cursor::move_on(look.pipeline, moved, &events).await?;
    for one in found.drain(..) {
        match &one.text {
            None => caught.changes += 1,
            Some((NoteKey { source: NoteSource::Description, .. }, _)) => caught.descriptions += 1,
            Some(_) => caught.comments += 1,
        }
        memory.asked.extend(one.text);
    }
    Ok(())
}

/// `None` where the project has none of it: merge requests can be switched off.
fn unless_refused<T>(answer: GitlabResult<T>) -> Result<Option<T>, Trouble> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(GitlabError::Failed(failure))
            if matches!(failure.status, Some(403 | 404)) && !failure.is_unauthorized() =>
        {
            tracing::debug!(reason = %failure, "nothing to look at");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// One look at the issues or merge requests of one project.
struct Pass<'a> {
    look: &'a Look<'a>,
    kind: NoteableKind,
    /// Texts that changed before this moment are not looked at.
    texts_from: Timestamp,
    /// What a delivery has told of just now.
    taken: &'a BTreeSet<NoteKey>,
    /// What was looked at, with its moment.
    seen: HashMap<u64, Timestamp>,
}

impl Pass<'_> {
    fn is_news(&mut self, detail: &NoteableDetail) -> bool {
        let before = self.seen.insert(detail.iid, detail.updated_at);
        before.is_none_or(|before| before < detail.updated_at)
    }

    /// Whether webhooks have had their time for what happened at that moment. If not the next look will see it.
    fn settled(&self, moment: Timestamp) -> bool {
        moment <= self.look.until
    }

    fn hint(&self, iid: u64, source: NoteSource) -> Event {
        let project = self.look.place.project.detail.id;
        Event::NoteWritten(NoteHint {
            project,
            kind: self.kind,
            iid,
            source,
            discussion: None,
            by_another: false,
        })
    }

    /// Looks at one issue or merge request.
    async fn page(
        &self,
        detail: &NoteableDetail,
        memory: &Memory,
        found: &mut Vec<Found>,
    ) -> Result<(), Trouble> {
        let (world, project) = (self.look.world, &self.look.place.project);
        let noteable = world.noteable(project.detail.id, self.kind, detail.iid);
        if self.settled(detail.updated_at) && news::in_page(world, project, detail, &noteable).await? {
            let event = Event::NoteableChanged { project: detail.project, kind: self.kind, iid: detail.iid };
            found.push(Found { event, text: None });
        }
        if detail.imported {
            return Ok(());
        }
        let key = NoteKey { noteable: noteable.clone(), source: NoteSource::Description };
        if detail.created_at >= self.texts_from
            && self.settled(detail.created_at)
            && !world.is_bot(detail.author.id)
            && self.may_be_asked(&key, detail.created_at, &detail.description, memory)
            && news::in_text(world, &key, &detail.description, &self.look.me).await? == News::New
        {
            let event = self.hint(detail.iid, NoteSource::Description);
            found.push(Found { event, text: Some((key, detail.created_at)) });
        }
        if detail.updated_at >= before(self.texts_from, OVERLAP) {
            self.notes(detail, &noteable, memory, found).await?;
        }
        Ok(())
    }

    async fn notes(
        &self,
        detail: &NoteableDetail,
        noteable: &Noteable,
        memory: &Memory,
        found: &mut Vec<Found>,
    ) -> Result<(), Trouble> {
        let gitlab = &self.look.place.project.gitlab;
        let (project, iid) = (detail.project, detail.iid);
        let notes = gitlab.notes_changed_since(project, self.kind, iid, self.texts_from, MOST_NOTES).await;
        let Some(mut notes) = unless_refused(notes)? else { return Ok(()) };
        // What is older than the last arrival here is a copy, whatever moments it has.
        let arrival = notes.iter().filter(|note| note.tells_of_arrival()).map(|note| note.id).max();
        notes.retain(|note| {
            !note.system
                && !note.imported
                && !self.look.world.is_bot(note.author.id)
                && arrival.is_none_or(|arrival| note.id > arrival)
                && self.settled(note.updated_at)
        });
        notes.sort_by_key(|note| note.id);
        for note in notes {
            let key = NoteKey { noteable: noteable.clone(), source: NoteSource::Note(note.id) };
            if self.may_be_asked(&key, note.updated_at, &note.body, memory)
                && self.is_to_be_read(&key, &note).await?
            {
                let event = self.hint(iid, key.source);
                found.push(Found { event, text: Some((key, note.updated_at)) });
            }
        }
        Ok(())
    }

    /// Whether a text may hold a command that nobody has asked for already.
    fn may_be_asked(&self, key: &NoteKey, changed: Timestamp, text: &str, memory: &Memory) -> bool {
        may_command(text, Some(&self.look.me))
            && !self.taken.contains(key)
            && memory.asked.get(key) != Some(&changed)
    }

    async fn is_to_be_read(&self, key: &NoteKey, note: &Note) -> Result<bool, Trouble> {
        match news::in_text(self.look.world, key, &note.body, &self.look.me).await? {
            News::Nothing => Ok(false),
            News::Edited => Ok(true),
            News::New if note.created_at >= self.look.place.earliest => Ok(true),
            // Written before, and never handled: history, unless its text was edited since. A reaction changes a comment's
            // moment as well, and only an edit sends a webhook.
            News::New => {
                let edit = self.look.place.project.gitlab.note_edit(note.id).await?;
                Ok(edit.and_then(|edit| edit.at).is_some_and(|at| at >= self.look.place.earliest))
            }
        }
    }
}
