//! What can be done with issues and merge requests, by a person, a quick action or the API alike.

use std::collections::BTreeSet;

use super::access::Refusal;
use super::model::{IssueType, Kind, Label, Model, Noteable, NoteableRef, State, level};
use super::notes::LONGEST_TEXT;
use super::quick_actions;

/// An issue or merge request to be opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Opening {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) labels: Vec<String>,
    pub(super) assignees: BTreeSet<u64>,
    pub(super) confidential: bool,
    pub(super) issue_type: Option<IssueType>,
}

/// What shall be otherwise with an issue or merge request.
#[derive(Debug, Clone, Default)]
pub(super) struct Change {
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) labels: Option<Vec<String>>,
    pub(super) add_labels: Vec<String>,
    pub(super) remove_labels: Vec<String>,
    pub(super) assignees: Option<BTreeSet<u64>>,
    pub(super) confidential: Option<bool>,
    pub(super) locked: Option<bool>,
    pub(super) draft: Option<bool>,
    pub(super) state: Option<State>,
}

impl Model {
    /// Opens an issue or merge request and runs the quick actions of its description.
    pub(super) fn open(
        &mut self,
        project: u64,
        kind: Kind,
        author: u64,
        opening: Opening,
    ) -> Result<NoteableRef, Refusal> {
        self.visible_project(project, Some(author))?;
        let least = match kind {
            Kind::Issue => 0,
            Kind::MergeRequest => level::DEVELOPER,
        };
        let archived = self.projects.get(&project).is_none_or(|project| project.archived);
        if archived || self.level(project, Some(author)) < least {
            return Err(Refusal::Forbidden);
        }
        check_title(&opening.title)?;
        let reading = quick_actions::read(&opening.description);
        check_description(&reading.text)?;
        let place = NoteableRef { project, kind, iid: self.next_iid(project, kind) };
        let now = self.now();
        let trusted = self.level(project, Some(author)) >= level::PLANNER;
        let labels = if trusted { self.known_labels(project, author, &opening.labels) } else { Vec::new() };
        let (draft, title) = match kind {
            Kind::MergeRequest => split_draft(&opening.title),
            Kind::Issue => (false, opening.title),
        };
        let noteable = Noteable {
            place,
            id: self.next_id(if kind == Kind::Issue { "issue" } else { "merge_request" }),
            title,
            description: reading.text,
            state: State::Opened,
            author,
            labels,
            assignees: opening.assignees,
            confidential: opening.confidential && kind == Kind::Issue,
            issue_type: opening.issue_type.unwrap_or(IssueType::Issue),
            draft,
            locked: false,
            imported: false,
            created_at: now,
            updated_at: now,
            updated_by: None,
            closed: None,
            merged: None,
            edited: None,
        };
        self.noteables.insert(place, noteable);
        let executed = self.run_all(place, author, &reading.commands);
        self.other_quick_actions.extend(executed);
        self.announce_noteable(place, "open", author, serde_json::json!({}));
        Ok(place)
    }

    pub(super) fn next_iid(&mut self, project: u64, kind: Kind) -> u64 {
        let Some(project) = self.projects.get_mut(&project) else { return 0 };
        let next = match kind {
            Kind::Issue => &mut project.next_issue,
            Kind::MergeRequest => &mut project.next_merge_request,
        };
        let iid = *next;
        *next += 1;
        iid
    }

    /// Changes an issue or merge request. What an author without a role may not set is left as it is, without a word.
    pub(super) fn update(&mut self, on: NoteableRef, user: u64, change: Change) -> Result<(), Refusal> {
        let before = self.visible(on, Some(user))?.clone();
        if !self.may_update(on, user) {
            return Err(Refusal::Forbidden);
        }
        if let Some(title) = &change.title {
            check_title(title)?;
        }
        let reading = change.description.as_deref().map(quick_actions::read);
        if let Some(reading) = &reading {
            check_description(&reading.text)?;
        }
        let now = self.now();
        let mut after = before.clone();
        if let Some(title) = change.title {
            (after.draft, after.title) = match on.kind {
                Kind::MergeRequest => split_draft(&title),
                Kind::Issue => (false, title),
            };
        }
        if let Some(draft) = change.draft.filter(|_| on.kind == Kind::MergeRequest) {
            after.draft = draft;
        }
        if let Some(reading) = &reading {
            after.description.clone_from(&reading.text);
        }
        if self.may_administer(on, user) {
            if let Some(names) = &change.labels {
                after.labels = self.known_labels(on.project, user, names);
            }
            for name in self.known_labels(on.project, user, &change.add_labels) {
                if !after.labels.contains(&name) {
                    after.labels.push(name);
                }
            }
            after.labels.retain(|name| !change.remove_labels.contains(name));
            if let Some(assignees) = change.assignees {
                after.assignees = assignees;
            }
            if let Some(confidential) = change.confidential.filter(|_| on.kind == Kind::Issue) {
                after.confidential = confidential;
            }
            if let Some(locked) = change.locked {
                after.locked = locked;
            }
        }
        match change.state {
            Some(State::Closed) if before.state == State::Opened => {
                after.state = State::Closed;
                after.closed = Some((now, user));
            }
            Some(State::Opened) if before.state == State::Closed => {
                after.state = State::Opened;
                after.closed = None;
            }
            Some(State::Merged) if before.state == State::Opened => {
                after.state = State::Merged;
                after.merged = Some((now, user));
            }
            _ => {}
        }
        if after.shown_title() != before.shown_title() || after.description != before.description {
            after.edited = Some((now, user));
        }
        self.put(before, after, user);
        if let Some(reading) = reading {
            let executed = self.run_all(on, user, &reading.commands);
            self.other_quick_actions.extend(executed);
        }
        Ok(())
    }

    /// Keeps the changed noteable, writes GitLab's own notes about it, sends webhooks. Nothing changed: nothing of that.
    fn put(&mut self, before: Noteable, mut after: Noteable, user: u64) {
        let on = after.place;
        if same(&before, &after) {
            return;
        }
        after.updated_at = self.now();
        after.updated_by = Some(user);
        let changes = self.changes(&before, &after);
        let other = !same(&Noteable { state: after.state, ..before.clone() }, &after);
        self.noteables.insert(on, after.clone());

        if before.title != after.title {
            let text = format!("changed title from **{}** to **{}**", before.title, after.title);
            self.write_system_note(on, user, &text);
        }
        if before.description != after.description {
            self.write_system_note(on, user, "changed the description");
        }
        if before.confidential != after.confidential {
            let how = if after.confidential { "confidential" } else { "visible to everyone" };
            self.write_system_note(on, user, &format!("made the issue {how}"));
        }
        if before.draft != after.draft {
            let how = if after.draft { "draft" } else { "ready" };
            self.write_system_note(on, user, &format!("marked this merge request as **{how}**"));
        }
        if before.locked != after.locked {
            let how = if after.locked { "locked" } else { "unlocked" };
            self.write_system_note(on, user, &format!("{how} the discussion"));
        }
        for new in after.assignees.difference(&before.assignees) {
            let name = self.users.get(new).map_or("unknown", |user| user.username.as_str());
            self.write_system_note(on, user, &format!("assigned to @{name}"));
        }

        if before.state != after.state {
            let action = match after.state {
                State::Opened => "reopen",
                State::Closed => "close",
                State::Merged => "merge",
            };
            self.announce_noteable(on, action, user, changes.clone());
        }
        if other {
            self.announce_noteable(on, "update", user, changes);
        }
    }

    /// The labels of these names, each once; unknown ones are made if this user may, else left out.
    fn known_labels(&mut self, project: u64, user: u64, names: &[String]) -> Vec<String> {
        let mut known: Vec<String> = Vec::new();
        for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
            let there = self.projects.get(&project).is_some_and(|project| project.label(name).is_some());
            if !there && self.make_label(project, user, name, "#6699cc", None).is_err() {
                continue;
            }
            if !known.iter().any(|known| known == name) {
                known.push(name.to_owned());
            }
        }
        known
    }

    /// Makes a label.
    pub(super) fn make_label(
        &mut self,
        project: u64,
        user: u64,
        name: &str,
        color: &str,
        description: Option<String>,
    ) -> Result<u64, Refusal> {
        self.visible_project(project, Some(user))?;
        if !self.may_make_labels(project, user) {
            return Err(Refusal::Forbidden);
        }
        if name.trim().is_empty() {
            return Err(Refusal::Field("title", "can't be blank"));
        }
        if name.contains([',']) {
            return Err(Refusal::Field("title", "is invalid"));
        }
        let is_color = color.strip_prefix('#').is_some_and(|digits| {
            matches!(digits.len(), 3 | 6) && digits.chars().all(|digit| digit.is_ascii_hexdigit())
        }) || !color.is_empty() && color.chars().all(|letter| letter.is_ascii_alphabetic());
        if !is_color {
            return Err(Refusal::Field("color", "must be a valid color code"));
        }
        if self.projects.get(&project).is_some_and(|project| project.label(name).is_some()) {
            return Err(Refusal::Conflict("Label already exists"));
        }
        let id = self.next_id("label");
        let created_at = self.now();
        if let Some(project) = self.projects.get_mut(&project) {
            project.labels.push(Label {
                id,
                name: name.to_owned(),
                color: color.to_owned(),
                description,
                created_at,
            });
        }
        Ok(id)
    }

    /// Merges a merge request, if nothing is in the way.
    pub(super) fn merge(&mut self, on: NoteableRef, user: u64) -> Result<(), Refusal> {
        let noteable = self.visible(on, Some(user))?;
        let in_the_way = noteable.draft || noteable.state != State::Opened || on.kind != Kind::MergeRequest;
        if !self.may_merge(on, user) {
            return Err(Refusal::Forbidden);
        }
        let strict = self.projects.get(&on.project).is_some_and(|project| project.threads_block_merge);
        if in_the_way || strict && !self.unresolved_threads(on).is_empty() {
            return Err(Refusal::Invalid(
                "it cannot be merged: closed, a draft, or a thread is unresolved".to_owned(),
            ));
        }
        self.update(on, user, Change { state: Some(State::Merged), ..Change::default() })
    }
}

fn same(one: &Noteable, other: &Noteable) -> bool {
    one.title == other.title
        && one.description == other.description
        && one.state == other.state
        && one.labels.iter().collect::<BTreeSet<_>>() == other.labels.iter().collect::<BTreeSet<_>>()
        && one.assignees == other.assignees
        && one.confidential == other.confidential
        && one.draft == other.draft
        && one.locked == other.locked
}

fn check_title(title: &str) -> Result<(), Refusal> {
    if title.trim().is_empty() {
        return Err(Refusal::Field("title", "can't be blank"));
    }
    if title.chars().count() > 255 {
        return Err(Refusal::Field("title", "is too long (maximum is 255 characters)"));
    }
    Ok(())
}

fn check_description(description: &str) -> Result<(), Refusal> {
    if description.chars().count() > LONGEST_TEXT {
        return Err(Refusal::Field("description", "is too long (maximum is 1000000 characters)"));
    }
    Ok(())
}

/// A merge request's title tells whether it is a draft.
fn split_draft(title: &str) -> (bool, String) {
    let mut rest = title;
    let mut draft = false;
    'again: loop {
        for prefix in ["draft:", "[draft]", "(draft)"] {
            if let Some((head, tail)) = rest.split_at_checked(prefix.len())
                && head.eq_ignore_ascii_case(prefix)
            {
                rest = tail.trim_start();
                draft = true;
                continue 'again;
            }
        }
        return (draft, rest.to_owned());
    }
}
