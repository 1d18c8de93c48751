//! The bodies of webhooks, laid out as GitLab lays them out (facts, sections 1 and 2).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::model::{HookTimes, IssueType, Kind, Model, Note, Noteable, NoteableRef};

impl Model {
    /// A point in time as webhook bodies have it.
    pub(super) fn hook_time(&self, at: Timestamp) -> String {
        match self.settings.hook_times {
            HookTimes::Utc => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            HookTimes::Iso => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            HookTimes::IsoMillis => at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        }
    }

    pub(super) fn hook_user(&self, id: u64) -> Value {
        match self.users.get(&id) {
            Some(user) => json!({
                "id": user.id,
                "name": user.name,
                "username": user.username,
                "avatar_url": format!("{}/uploads/-/system/user/avatar/{}/avatar.png", self.settings.url, user.id),
                "email": "[REDACTED]",
            }),
            None => Value::Null,
        }
    }

    pub(super) fn hook_project(&self, id: u64) -> Value {
        let Some(project) = self.projects.get(&id) else { return Value::Null };
        let url = format!("{}/{}", self.settings.url, project.path);
        let ssh = format!("git@{}:{}.git", self.host(), project.path);
        json!({
            "id": project.id,
            "name": project.name(),
            "description": null,
            "web_url": url,
            "avatar_url": null,
            "git_ssh_url": ssh,
            "git_http_url": format!("{url}.git"),
            "namespace": project.namespace(),
            "visibility_level": project.visibility.level(),
            "path_with_namespace": project.path,
            "default_branch": "main",
            "ci_config_path": null,
            "homepage": url,
            "url": ssh,
            "ssh_url": ssh,
            "http_url": format!("{url}.git"),
        })
    }

    fn hook_repository(&self, id: u64) -> Value {
        let Some(project) = self.projects.get(&id) else { return Value::Null };
        json!({
            "name": project.name(),
            "url": format!("git@{}:{}.git", self.host(), project.path),
            "description": null,
            "homepage": format!("{}/{}", self.settings.url, project.path),
        })
    }

    fn host(&self) -> &str {
        self.settings.url.split_once("://").map_or("localhost", |(_, host)| host)
    }

    fn hook_labels(&self, project: u64, names: &[String]) -> Value {
        let Some(project) = self.projects.get(&project) else { return json!([]) };
        names
            .iter()
            .filter_map(|name| project.label(name))
            .map(|label| {
                json!({
                    "id": label.id,
                    "title": label.name,
                    "color": label.color,
                    "project_id": project.id,
                    "created_at": self.hook_time(label.created_at),
                    "updated_at": self.hook_time(label.created_at),
                    "template": false,
                    "description": label.description,
                    "type": "ProjectLabel",
                    "group_id": null,
                })
            })
            .collect()
    }

    /// What issues and merge requests have in common, in bodies about themselves and about their notes.
    fn hook_noteable(&self, noteable: &Noteable) -> Map<String, Value> {
        let at = noteable.place;
        let assignees: Vec<u64> = noteable.assignees.iter().copied().collect();
        let mut map = Map::new();
        let mut set = |name: &str, value: Value| {
            map.insert(name.to_owned(), value);
        };
        set("id", json!(noteable.id));
        set("iid", json!(at.iid));
        set("title", json!(noteable.shown_title()));
        set("description", json!(noteable.description));
        set("author_id", json!(noteable.author));
        set("assignee_ids", json!(assignees));
        set("created_at", json!(self.hook_time(noteable.created_at)));
        set("updated_at", json!(self.hook_time(noteable.updated_at)));
        set("updated_by_id", json!(noteable.updated_by));
        set("last_edited_at", json!(noteable.edited.map(|(when, _)| self.hook_time(when))));
        set("last_edited_by_id", json!(noteable.edited.map(|(_, by)| by)));
        set("milestone_id", Value::Null);
        set("state", json!(noteable.state.name()));
        set("state_id", json!(noteable.state.id()));
        set("time_estimate", json!(0));
        set("total_time_spent", json!(0));
        set("time_change", json!(0));
        set("human_total_time_spent", Value::Null);
        set("human_time_estimate", Value::Null);
        set("human_time_change", Value::Null);
        set("labels", self.hook_labels(at.project, &noteable.labels));
        set("url", json!(self.page_of(at)));
        match at.kind {
            Kind::Issue => {
                set("project_id", json!(at.project));
                set("assignee_id", json!(assignees.first()));
                set("confidential", json!(noteable.confidential));
                set("discussion_locked", json!(noteable.locked.then_some(true)));
                set("closed_at", json!(noteable.closed.map(|(when, _)| self.hook_time(when))));
                set("due_date", Value::Null);
                set("moved_to_id", Value::Null);
                set("duplicated_to_id", Value::Null);
                set("relative_position", Value::Null);
                set("weight", Value::Null);
                set("health_status", Value::Null);
                set("type", json!(noteable.issue_type.title()));
                set("severity", json!("unknown"));
                if self.settings.at_least(19, 0) {
                    set("start_date", Value::Null);
                }
            }
            Kind::MergeRequest => {
                set("target_project_id", json!(at.project));
                set("source_project_id", json!(at.project));
                set("target_branch", json!("main"));
                set("source_branch", json!(format!("branch-{}", at.iid)));
                set("source", self.hook_project(at.project));
                set("target", self.hook_project(at.project));
                set("draft", json!(noteable.draft));
                set("work_in_progress", json!(noteable.draft));
                set("merge_status", json!("can_be_merged"));
                set("detailed_merge_status", json!("mergeable"));
                set("merge_commit_sha", Value::Null);
                set("merge_error", Value::Null);
                set("merge_user_id", json!(noteable.merged.map(|(_, by)| by)));
                set("merge_when_pipeline_succeeds", json!(false));
                set("head_pipeline_id", Value::Null);
                set("blocking_discussions_resolved", json!(self.unresolved_threads(at).is_empty()));
                set("first_contribution", json!(false));
                set("reviewer_ids", json!([]));
                set("last_commit", Value::Null);
                if self.settings.at_least(19, 0) {
                    set("merged_at", json!(noteable.merged.map(|(when, _)| self.hook_time(when))));
                    set("squash_commit_sha", Value::Null);
                    set("target_branch_protected", json!(true));
                    set("system", json!(false));
                }
            }
        }
        map
    }

    /// A note's body. `user` is the one GitLab names: the author, except for the Test button.
    pub(super) fn note_body(&self, note: &Note, action: &str, user: u64) -> Value {
        let on = note.on;
        let Some(noteable) = self.noteables.get(&on) else { return Value::Null };
        let mut attributes = json!({
            "author_id": note.author,
            "change_position": null,
            "commit_id": null,
            "created_at": self.hook_time(note.created_at),
            "discussion_id": note.discussion,
            "id": note.id,
            "line_code": null,
            "note": note.body,
            "noteable_id": noteable.id,
            "noteable_type": on.kind.type_name(),
            "original_position": null,
            "position": null,
            "project_id": on.project,
            "resolved_at": note.resolved.map(|edit| self.hook_time(edit.at)),
            "resolved_by_id": note.resolved.map(|edit| edit.by),
            "resolved_by_push": null,
            "st_diff": null,
            "system": note.system,
            "type": note.kind.name(),
            "updated_at": self.hook_time(note.updated_at),
            "updated_by_id": note.edited.map(|edit| edit.by),
            "description": note.body,
            "url": format!("{}#note_{}", self.page_of(on), note.id),
            "action": action,
        });
        if self.settings.at_least(19, 0) {
            attributes["internal"] = json!(note.internal);
        }
        let mut body = json!({
            "object_kind": "note",
            "event_type": if self.is_confidential(note) { "confidential_note" } else { "note" },
            "user": self.hook_user(user),
            "project_id": on.project,
            "project": self.hook_project(on.project),
            "object_attributes": attributes,
            "repository": self.hook_repository(on.project),
        });
        let name = if on.kind == Kind::Issue { "issue" } else { "merge_request" };
        body[name] = Value::Object(self.hook_noteable(noteable));
        body
    }

    /// Whether a note's webhook is a confidential one: the note is internal, or what it hangs on is confidential.
    fn is_confidential(&self, note: &Note) -> bool {
        note.internal || self.noteables.get(&note.on).is_some_and(|noteable| noteable.confidential)
    }

    /// Sends a note's webhooks. Notes by GitLab itself have none.
    pub(super) fn announce_note(&mut self, note: u64, action: &str) {
        let Some(note) = self.notes.get(&note).filter(|note| !note.system) else { return };
        let mut body = self.note_body(note, action, note.author);
        let confidential = self.is_confidential(note);
        let project = note.on.project;
        if !self.settings.at_least(16, 11)
            && let Some(attributes) = body["object_attributes"].as_object_mut()
        {
            attributes.remove("action");
        }
        let (trigger, event) = if confidential {
            ("confidential_note_events", "Confidential Note Hook")
        } else {
            ("note_events", "Note Hook")
        };
        self.announce(project, trigger, event, &body);
    }

    /// The body about an issue or merge request, its trigger and its `X-Gitlab-Event`.
    pub(super) fn noteable_body(
        &self,
        on: NoteableRef,
        action: Option<&str>,
        user: u64,
        changes: Value,
    ) -> Option<(&'static str, &'static str, Value)> {
        let noteable = self.noteables.get(&on)?;
        let mut attributes = self.hook_noteable(noteable);
        if let Some(action) = action {
            attributes.insert("action".to_owned(), json!(action));
        }
        let people: Vec<Value> = noteable.assignees.iter().map(|id| self.hook_user(*id)).collect();
        let (kind, event_type, trigger, event) = match (on.kind, noteable.issue_type, noteable.confidential) {
            (Kind::MergeRequest, ..) => {
                ("merge_request", "merge_request", "merge_requests_events", "Merge Request Hook")
            }
            (Kind::Issue, IssueType::Issue, false) => ("issue", "issue", "issues_events", "Issue Hook"),
            (Kind::Issue, IssueType::Issue, true) => {
                ("issue", "confidential_issue", "confidential_issues_events", "Confidential Issue Hook")
            }
            (Kind::Issue, _, false) => ("work_item", "work_item", "issues_events", "Issue Hook"),
            (Kind::Issue, _, true) => (
                "work_item",
                "confidential_work_item",
                "confidential_issues_events",
                "Confidential Issue Hook",
            ),
        };
        let mut body = json!({
            "object_kind": kind,
            "event_type": event_type,
            "user": self.hook_user(user),
            "project": self.hook_project(on.project),
            "object_attributes": attributes,
            "labels": self.hook_labels(on.project, &noteable.labels),
            "changes": changes,
            "repository": self.hook_repository(on.project),
        });
        // Absent when nobody is assigned.
        if !people.is_empty() {
            if on.kind == Kind::Issue {
                body["assignee"] = people.first().cloned().unwrap_or_default();
            }
            body["assignees"] = json!(people);
        }
        Some((trigger, event, body))
    }

    /// Sends the webhooks about an issue or merge request.
    pub(super) fn announce_noteable(&mut self, on: NoteableRef, action: &str, user: u64, changes: Value) {
        if let Some((trigger, event, body)) = self.noteable_body(on, Some(action), user, changes) {
            self.announce(on.project, trigger, event, &body);
        }
    }

    /// `changes` between two states of an issue or merge request.
    pub(super) fn changes(&self, before: &Noteable, after: &Noteable) -> Value {
        let mut changes = Map::new();
        let mut compare = |name: &str, previous: Value, current: Value| {
            if previous != current {
                changes.insert(name.to_owned(), json!({ "previous": previous, "current": current }));
            }
        };
        let project = after.place.project;
        let time = |when: Option<(Timestamp, u64)>| json!(when.map(|(at, _)| self.hook_time(at)));
        compare("title", json!(before.shown_title()), json!(after.shown_title()));
        compare("description", json!(before.description), json!(after.description));
        compare("confidential", json!(before.confidential), json!(after.confidential));
        compare("draft", json!(before.draft), json!(after.draft));
        compare("state_id", json!(before.state.id()), json!(after.state.id()));
        compare("closed_at", time(before.closed), time(after.closed));
        compare("discussion_locked", json!(before.locked), json!(after.locked));
        compare("assignees", json!(before.assignees), json!(after.assignees));
        compare(
            "labels",
            self.hook_labels(project, &before.labels),
            self.hook_labels(project, &after.labels),
        );
        compare("updated_by_id", json!(before.updated_by), json!(after.updated_by));
        compare(
            "updated_at",
            json!(self.hook_time(before.updated_at)),
            json!(self.hook_time(after.updated_at)),
        );
        Value::Object(changes)
    }
}
