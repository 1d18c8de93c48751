//! What can be done with notes and reactions, by a person or through the API alike.

use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};

use super::access::Refusal;
use super::mentions::mentioned;
use super::model::{Award, Awardable, Edit, Model, Note, NoteKind, NoteableRef, Outcome};
use super::quick_actions;

/// The most characters that a note or description may have (facts, section 5).
pub(super) const LONGEST_TEXT: usize = 1_000_000;

/// How long a page is not touched again.
const TOUCH_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// Names of emoji that this instance knows. A real GitLab knows all of Unicode's.
const EMOJI: &[&str] = &[
    "+1",
    "-1",
    "100",
    "bell",
    "bulb",
    "checkered_flag",
    "clock1",
    "confused",
    "construction",
    "cry",
    "exclamation",
    "eyes",
    "fire",
    "green_heart",
    "grey_question",
    "heart",
    "heavy_check_mark",
    "hourglass",
    "hourglass_flowing_sand",
    "laughing",
    "lock",
    "memo",
    "no_entry",
    "no_entry_sign",
    "ok_hand",
    "question",
    "raised_hands",
    "robot",
    "rocket",
    "smile",
    "tada",
    "thinking",
    "thumbsdown",
    "thumbsup",
    "triangular_flag_on_post",
    "warning",
    "wave",
    "white_check_mark",
    "x",
    "zzz",
];

/// A note to be written.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) text: String,
    pub(super) internal: bool,
    /// The discussion to answer in.
    pub(super) discussion: Option<String>,
    /// Whether it begins a thread of its own, if it answers in none.
    pub(super) thread: Option<NoteKind>,
}

impl Model {
    /// Writes a note: checks, runs its quick actions, keeps what is left, sends webhooks.
    pub(super) fn write_note(&mut self, on: NoteableRef, author: u64, draft: Draft) -> Result<u64, Refusal> {
        self.visible(on, Some(author))?;
        if !self.may_comment(on, author) {
            return Err(Refusal::Forbidden);
        }
        let (discussion, kind, mut internal) = match &draft.discussion {
            Some(id) => {
                let first = self
                    .notes_on(on)
                    .find(|note| note.discussion == *id && self.reads_note(note, Some(author)))
                    .ok_or(Refusal::NotFound("Discussion Not Found".into()))?;
                if first.system {
                    return Err(Refusal::Invalid(
                        "400 Bad request - Discussion can not be replied to.".to_owned(),
                    ));
                }
                let kind = if first.kind == NoteKind::Diff { NoteKind::Diff } else { NoteKind::Discussion };
                (Some((id.clone(), first.id)), kind, first.internal)
            }
            None => (None, draft.thread.unwrap_or(NoteKind::Plain), draft.internal),
        };
        // Who may not write internally writes openly: GitLab drops the wish without a word.
        internal &= self.may_comment_internally(on, author);
        if draft.text.trim().is_empty() {
            return Err(invalid_note("can't be blank"));
        }
        let reading = quick_actions::read(&draft.text);
        if reading.text.chars().count() > LONGEST_TEXT {
            return Err(invalid_note("is too long (maximum is 1000000 characters)"));
        }
        if reading.text.trim().is_empty() {
            let executed = self.run_all(on, author, &reading.commands);
            let names: Vec<String> = executed.iter().map(|command| command.name.clone()).collect();
            let all_refused = executed.iter().all(|command| command.outcome == Outcome::Refused);
            self.other_quick_actions.extend(executed);
            return Err(if all_refused {
                Refusal::Invalid(format!("400 Bad request - Could not apply {} command.", names.join(", ")))
            } else {
                Refusal::OnlyCommands(names)
            });
        }
        if let Some((_, first)) = &discussion
            && let Some(first) = self.notes.get_mut(first)
            && first.kind == NoteKind::Plain
        {
            // An answer makes a thread of a comment that stood alone.
            first.kind = NoteKind::Discussion;
        }
        let id = self.keep_note(on, author, reading.text, discussion.map(|(id, _)| id), kind, |note| {
            note.internal = internal;
        });
        self.announce_note(id, "create");
        let executed = self.run_all(on, author, &reading.commands);
        if let Some(note) = self.notes.get_mut(&id) {
            note.quick_actions = executed;
        }
        Ok(id)
    }

    /// Writes a note of GitLab's own: `closed`, `changed the description`, …
    pub(super) fn write_system_note(&mut self, on: NoteableRef, author: u64, text: &str) {
        self.keep_note(on, author, text.to_owned(), None, NoteKind::Plain, |note| note.system = true);
    }

    fn keep_note(
        &mut self,
        on: NoteableRef,
        author: u64,
        body: String,
        discussion: Option<String>,
        kind: NoteKind,
        finish: impl FnOnce(&mut Note),
    ) -> u64 {
        let id = self.next_id("note");
        let now = self.now();
        let discussion = discussion.unwrap_or_else(|| {
            let digest = hex::encode(Sha256::digest(format!("discussion {id}")));
            digest.get(..40).unwrap_or_default().to_owned()
        });
        let mut note = Note {
            id,
            on,
            discussion,
            kind,
            mentions: mentioned(&body),
            body,
            author,
            system: false,
            internal: false,
            imported: false,
            created_at: now,
            updated_at: now,
            edited: None,
            resolved: None,
            former: Vec::new(),
            quick_actions: Vec::new(),
        };
        finish(&mut note);
        self.notes.insert(id, note);
        self.touch(on);
        id
    }

    /// Each note that is saved counts as a change of its page, but only once a minute (`app/models/note.rb`, `touch_noteable`;
    /// `app/models/concerns/throttled_touch.rb`): the page's `updated_at` may be older than its newest note.
    pub(super) fn touch(&mut self, on: NoteableRef) {
        let now = self.now();
        if let Some(noteable) = self.noteables.get_mut(&on)
            && now.duration_since(noteable.updated_at) > TOUCH_INTERVAL
        {
            noteable.updated_at = now;
        }
    }

    /// Edits a note. The same text again is no edit. Only quick actions: the note is deleted.
    pub(super) fn edit(&mut self, note: u64, editor: u64, text: &str) -> Result<(), Refusal> {
        let old = self.notes.get(&note).ok_or(Refusal::NOT_FOUND)?;
        if !self.may_edit_note(old, editor) {
            return Err(Refusal::Forbidden);
        }
        if old.system || old.body == text {
            return Ok(());
        }
        if text.trim().is_empty() {
            return Err(Refusal::Invalid(
                "400 Bad request - Failed to save note {:note=>[\"can't be blank\"]}".to_owned(),
            ));
        }
        let on = old.on;
        let reading = quick_actions::read(text);
        if reading.text.chars().count() > LONGEST_TEXT {
            return Err(Refusal::Invalid(
                "400 Bad request - Failed to save note {:note=>[\"is too long (maximum is 1000000 characters)\"]}"
                    .to_owned(),
            ));
        }
        let executed = self.run_all(on, editor, &reading.commands);
        if reading.text.trim().is_empty() {
            self.other_quick_actions.extend(executed);
            self.remove_note(note);
            return Err(Refusal::Invalid(
                "400 Bad request - Failed to save note {:commands_only=>[\"Commands applied\"]}".to_owned(),
            ));
        }
        let now = self.now();
        let mentions = mentioned(&reading.text);
        if let Some(note) = self.notes.get_mut(&note) {
            note.former.push(std::mem::replace(&mut note.body, reading.text));
            note.mentions = mentions;
            note.edited = Some(Edit { at: now, by: editor });
            note.updated_at = now;
            note.quick_actions.extend(executed);
        }
        self.touch(on);
        self.announce_note(note, "update");
        Ok(())
    }

    /// Deletes a note. GitLab sends no webhook for that.
    pub(super) fn delete(&mut self, note: u64, user: u64) -> Result<(), Refusal> {
        let old = self.notes.get(&note).ok_or(Refusal::NOT_FOUND)?;
        if !self.may_edit_note(old, user) {
            return Err(Refusal::Forbidden);
        }
        self.remove_note(note);
        Ok(())
    }

    fn remove_note(&mut self, note: u64) {
        if let Some(note) = self.notes.remove(&note) {
            self.deleted_notes.push(note);
        }
        self.awards.retain(|_, award| award.on != Awardable::Note(note));
    }

    /// Resolves or opens again a thread on a merge request: its author, or from Developer on.
    pub(super) fn resolve(
        &mut self,
        on: NoteableRef,
        discussion: &str,
        user: u64,
        resolved: bool,
    ) -> Result<(), Refusal> {
        let noteable = self.visible(on, Some(user))?;
        let allowed =
            noteable.author == user || self.level(on.project, Some(user)) >= super::model::level::DEVELOPER;
        let ids: Vec<u64> = self
            .notes_on(on)
            .filter(|note| note.discussion == discussion && note.resolvable())
            .map(|note| note.id)
            .collect();
        if ids.is_empty() {
            return Err(Refusal::NotFound("Discussion Not Found".into()));
        }
        if !allowed {
            return Err(Refusal::Forbidden);
        }
        let at = self.now();
        for id in ids {
            if let Some(note) = self.notes.get_mut(&id) {
                note.resolved = resolved.then_some(Edit { at, by: user });
                note.updated_at = at;
            }
        }
        Ok(())
    }

    /// Puts a reaction on something. A second one, an unknown one and one that is not allowed are all a 404 (facts, section 5).
    pub(super) fn award(&mut self, on: Awardable, user: u64, name: &str) -> Result<u64, Refusal> {
        let place = match on {
            Awardable::Note(note) => self.notes.get(&note).ok_or(Refusal::NOT_FOUND)?.on,
            Awardable::Noteable(place) => place,
        };
        let refused = |why: &str| Refusal::NotFound(format!("Award Emoji {why} Not Found").into());
        if !self.may_comment(place, user) {
            return Err(refused("User cannot award emoji to awardable"));
        }
        if !EMOJI.contains(&name) {
            return Err(refused("Name is not a valid emoji name"));
        }
        if self.awards_on(on).any(|award| award.user == user && award.name == name) {
            return Err(refused("Name has already been taken"));
        }
        let id = self.next_id("award");
        let now = self.now();
        self.awards.insert(id, Award { id, name: name.to_owned(), user, on, created_at: now });
        // A reaction counts as a change of the note: its `updated_at` says nothing about its text.
        if let Awardable::Note(note) = on
            && let Some(note) = self.notes.get_mut(&note)
        {
            note.updated_at = now;
        }
        Ok(id)
    }

    /// Takes a reaction back: only one's own, except for administrators.
    pub(super) fn revoke(&mut self, award: u64, user: u64) -> Result<(), Refusal> {
        let owner = self.awards.get(&award).ok_or(Refusal::NOT_FOUND)?.user;
        if owner != user && !self.users.get(&user).is_some_and(|user| user.admin) {
            return Err(Refusal::Forbidden);
        }
        self.awards.remove(&award);
        Ok(())
    }
}

fn invalid_note(why: &str) -> Refusal {
    Refusal::Invalid(format!("400 Bad request - Note {{:note=>[\"{why}\"]}}"))
}
