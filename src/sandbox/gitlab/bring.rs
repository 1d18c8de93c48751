//! Issues that are brought to another project: moved, or cloned with their comments.

use super::access::Refusal;
use super::model::{Kind, Model, Noteable, NoteableRef, State, level};
use super::work::Change;

impl Model {
    /// Makes an issue anew in another project. What is moved keeps the moments of its page and of its comments, what is cloned
    /// those of its comments alone (`app/services/issues/base_service.rb`, `moved_issue`; `app/services/notes/copy_service.rb`).
    /// Copied comments send no webhooks; the new issue does.
    pub(super) fn bring(
        &mut self,
        user: u64,
        on: NoteableRef,
        to: u64,
        move_it: bool,
    ) -> Result<NoteableRef, Refusal> {
        let old = self.visible(on, Some(user))?.clone();
        self.visible_project(to, Some(user))?;
        let least = self.level(on.project, Some(user)).min(self.level(to, Some(user)));
        if on.kind != Kind::Issue || least < level::REPORTER {
            return Err(Refusal::Forbidden);
        }
        let place = NoteableRef { project: to, kind: Kind::Issue, iid: self.next_iid(to, Kind::Issue) };
        let now = self.now();
        let (author, created_at, updated_at) =
            if move_it { (old.author, old.created_at, old.updated_at) } else { (user, now, now) };
        let id = self.next_id("issue");
        let new = Noteable { place, id, author, created_at, updated_at, labels: Vec::new(), ..old };
        self.noteables.insert(place, new);
        self.announce_noteable(place, "open", user, serde_json::json!({}));
        let notes: Vec<_> = self.notes_on(on).cloned().collect();
        for mut note in notes {
            note.id = self.next_id("note");
            note.on = place;
            self.notes.insert(note.id, note);
        }
        let path = |model: &Self, project: u64| {
            model.projects.get(&project).map(|found| found.path.clone()).unwrap_or_default()
        };
        let (here, there) = (path(self, on.project), path(self, to));
        let how = if move_it { "moved" } else { "cloned" };
        self.write_system_note(place, user, &format!("{how} from {here}#{}", on.iid));
        if move_it && let Some(note) = self.notes.values_mut().rev().find(|note| note.on == place) {
            // The page's own moment counts for what GitLab writes while it is made (`system_note_timestamp`).
            note.created_at = created_at;
        }
        self.write_system_note(on, user, &format!("{how} to {there}#{}", place.iid));
        if move_it {
            self.update(on, user, Change { state: Some(State::Closed), ..Change::default() })?;
        }
        Ok(place)
    }
}
