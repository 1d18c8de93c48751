//! The model as the REST API shows it: fields as in the API description where it has the path, else as in the facts.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::gitlab::model::{
    Award, Awardable, Delivery, Fate, Hook, Kind, Label, Model, Note, Noteable, Project, State,
};

/// A point in time as the REST API has it: milliseconds, `Z`.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Every event that a hook can be sent for (facts, section 5).
pub(super) const EVENTS: &[&str] = &[
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "feature_flag_events",
    "job_events",
    "releases_events",
    "milestone_events",
    "emoji_events",
    "resource_access_token_events",
    "vulnerability_events",
];

impl Model {
    /// `UserBasic`.
    pub(super) fn user_json(&self, id: u64) -> Value {
        match self.users.get(&id) {
            Some(user) => json!({
                "id": user.id,
                "username": user.username,
                "public_email": user.public_email,
                "name": user.name,
                "state": if user.blocked { "blocked" } else { "active" },
                "locked": false,
                "avatar_url": null,
                "web_url": format!("{}/{}", self.settings.url, user.username),
            }),
            None => Value::Null,
        }
    }

    pub(super) fn project_json(&self, project: &Project) -> Value {
        let url = format!("{}/{}", self.settings.url, project.path);
        let api = format!("{}/api/v4/projects/{}", self.settings.url, project.id);
        json!({
            "id": project.id,
            "description": null,
            "name": project.name(),
            "name_with_namespace": format!("{} / {}", project.namespace(), project.name()),
            "path": project.name(),
            "path_with_namespace": project.path,
            "created_at": time(project.created_at),
            "default_branch": "main",
            "web_url": url,
            "http_url_to_repo": format!("{url}.git"),
            "visibility": project.visibility.name(),
            "archived": project.archived,
            "empty_repo": true,
            "issues_enabled": !project.issues_off,
            "merge_requests_enabled": !project.merge_requests_off,
            "issues_access_level": if project.issues_off { "disabled" } else { "enabled" },
            "merge_requests_access_level": if project.merge_requests_off { "disabled" } else { "enabled" },
            "only_allow_merge_if_all_discussions_are_resolved": project.threads_block_merge,
            "_links": { "self": api, "issues": format!("{api}/issues"), "merge_requests": format!("{api}/merge_requests") },
        })
    }

    pub(super) fn label_json(&self, label: &Label) -> Value {
        json!({
            "id": label.id,
            "name": label.name,
            "description": label.description,
            "description_html": label.description.as_deref().unwrap_or_default(),
            "text_color": "#FFFFFF",
            "color": label.color,
            "subscribed": false,
            "priority": null,
            "is_project_label": true,
            "archived": false,
        })
    }

    /// `Issue` or `MergeRequest` of the API description.
    pub(super) fn noteable_json(&self, noteable: &Noteable) -> Value {
        let at = noteable.place;
        let path = self.projects.get(&at.project).map_or("", |project| project.path.as_str());
        let sign = if at.kind == Kind::Issue { '#' } else { '!' };
        let assignees: Vec<Value> = noteable.assignees.iter().map(|id| self.user_json(*id)).collect();
        let votes =
            |name: &str| self.awards_on(Awardable::Noteable(at)).filter(|award| award.name == name).count();
        let mut json = json!({
            "id": noteable.id,
            "iid": at.iid,
            "project_id": at.project,
            "title": noteable.shown_title(),
            "description": noteable.description,
            "state": noteable.state.name(),
            "created_at": time(noteable.created_at),
            "updated_at": time(noteable.updated_at),
            "closed_at": noteable.closed.map(|(at, _)| time(at)),
            "closed_by": noteable.closed.map(|(_, by)| self.user_json(by)),
            "labels": noteable.labels,
            "milestone": null,
            "assignees": assignees,
            "assignee": assignees.first(),
            "author": self.user_json(noteable.author),
            "user_notes_count": self.notes_on(at).filter(|note| !note.system).count(),
            "upvotes": votes("thumbsup"),
            "downvotes": votes("thumbsdown"),
            "discussion_locked": noteable.locked.then_some(true),
            "web_url": self.page_of(at),
            "references": {
                "short": format!("{sign}{}", at.iid),
                "relative": format!("{sign}{}", at.iid),
                "full": format!("{path}{sign}{}", at.iid),
            },
            "time_stats": {
                "time_estimate": 0, "total_time_spent": 0,
                "human_time_estimate": null, "human_total_time_spent": null,
            },
            "task_completion_status": { "count": 0, "completed_count": 0 },
        });
        if self.settings.at_least(17, 2) {
            json["imported"] = json!(noteable.imported);
            json["imported_from"] = json!(if noteable.imported { "gitlab_migration" } else { "none" });
        }
        let more = match at.kind {
            Kind::Issue => json!({
                "type": noteable.issue_type.name().to_uppercase(),
                "issue_type": noteable.issue_type.name(),
                "confidential": noteable.confidential,
                "due_date": null,
                "merge_requests_count": 0,
                "has_tasks": false,
                "severity": "UNKNOWN",
                "moved_to_id": null,
                "service_desk_reply_to": null,
            }),
            Kind::MergeRequest => json!({
                "draft": noteable.draft,
                "work_in_progress": noteable.draft,
                "merged_by": noteable.merged.map(|(_, by)| self.user_json(by)),
                "merge_user": noteable.merged.map(|(_, by)| self.user_json(by)),
                "merged_at": noteable.merged.map(|(at, _)| time(at)),
                "target_branch": "main",
                "source_branch": format!("branch-{}", at.iid),
                "source_project_id": at.project,
                "target_project_id": at.project,
                "reviewers": [],
                "merge_when_pipeline_succeeds": false,
                "merge_status": "can_be_merged",
                "detailed_merge_status": self.merge_status(noteable),
                "sha": null,
                "merge_commit_sha": null,
                "squash_commit_sha": null,
                "has_conflicts": false,
                "blocking_discussions_resolved": !self.blocked_by_threads(noteable),
            }),
        };
        if let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) {
            json.extend(more);
        }
        json
    }

    fn blocked_by_threads(&self, noteable: &Noteable) -> bool {
        self.projects.get(&noteable.place.project).is_some_and(|project| project.threads_block_merge)
            && !self.unresolved_threads(noteable.place).is_empty()
    }

    fn merge_status(&self, noteable: &Noteable) -> &'static str {
        if noteable.state != State::Opened {
            "not_open"
        } else if noteable.draft {
            "draft_status"
        } else if self.blocked_by_threads(noteable) {
            "discussions_not_resolved"
        } else {
            "mergeable"
        }
    }

    /// A note (facts, section 5; the API description has none).
    pub(super) fn note_json(&self, note: &Note) -> Value {
        let mut json = json!({
            "id": note.id,
            "type": note.kind.name(),
            "body": note.body,
            "author": self.user_json(note.author),
            "created_at": time(note.created_at),
            "updated_at": time(note.updated_at),
            "system": note.system,
            "noteable_id": self.noteables.get(&note.on).map(|noteable| noteable.id),
            "noteable_type": note.on.kind.type_name(),
            "project_id": note.on.project,
            "resolvable": note.resolvable(),
            "confidential": note.internal,
            "internal": note.internal,
            "noteable_iid": note.on.iid,
            "commands_changes": {},
        });
        if note.resolvable() {
            json["resolved"] = json!(note.resolved.is_some());
            json["resolved_by"] = note.resolved.map(|edit| self.user_json(edit.by)).unwrap_or_default();
            json["resolved_at"] = json!(note.resolved.map(|edit| time(edit.at)));
        }
        if self.settings.at_least(17, 2) {
            json["imported"] = json!(note.imported);
            json["imported_from"] = json!(if note.imported { "gitlab_migration" } else { "none" });
        }
        json
    }

    /// `AwardEmoji`.
    pub(super) fn award_json(&self, award: &Award) -> Value {
        let (id, kind) = match award.on {
            Awardable::Note(note) => (Some(note), "Note"),
            Awardable::Noteable(place) => {
                (self.noteables.get(&place).map(|noteable| noteable.id), place.kind.type_name())
            }
        };
        json!({
            "id": award.id,
            "name": award.name,
            "user": self.user_json(award.user),
            "created_at": time(award.created_at),
            "updated_at": time(award.created_at),
            "awardable_id": id,
            "awardable_type": kind,
            "url": null,
        })
    }

    /// `ProjectHook`. Secrets are never shown; from 19.0 on, whether there are any.
    pub(super) fn hook_json(&self, hook: &Hook) -> Value {
        let alert = match hook.disabled_until {
            Some(until) if until == Timestamp::MAX => "disabled",
            Some(until) if until > self.now() => "temporarily_disabled",
            _ => "executable",
        };
        let until = hook.disabled_until.filter(|until| *until != Timestamp::MAX).map(time);
        let mut json = json!({
            "id": hook.id,
            "url": hook.url,
            "created_at": time(hook.created_at),
            "repository_update_events": false,
            "enable_ssl_verification": hook.ssl_verification,
            "alert_status": alert,
            "disabled_until": until,
            "url_variables": [],
            "push_events_branch_filter": hook.push_events_branch_filter,
            "branch_filter_strategy": "wildcard",
            "custom_webhook_template": null,
            "custom_headers": [],
        });
        match hook.group {
            Some(group) => json["group_id"] = json!(group),
            None => json["project_id"] = json!(hook.project),
        }
        // `doc/api/project_webhooks.md`: "introduced in GitLab 17.1".
        if self.settings.at_least(17, 1) {
            json["name"] = json!(hook.name);
            json["description"] = json!(hook.description);
        }
        for event in EVENTS {
            json[*event] = json!(hook.events.contains(*event));
        }
        if self.settings.at_least(19, 0) {
            json["token_present"] = json!(hook.token.is_some());
            json["signing_token_present"] = json!(hook.signing_token.is_some());
        }
        json
    }

    /// One line of a hook's log (facts, section 1, "Recovery path").
    pub(super) fn delivery_json(&self, delivery: &Delivery) -> Value {
        let (status, body) = match &delivery.fate {
            Fate::Answered { status, body } => (status.to_string(), body.as_str()),
            _ => ("internal error".to_owned(), ""),
        };
        json!({
            "id": delivery.id,
            "url": delivery.url,
            "trigger": format!("{}_hooks", delivery.trigger.trim_end_matches("s_events").trim_end_matches("_events")),
            "request_headers": delivery.headers,
            "request_data": delivery.json(),
            "response_headers": delivery.response_headers,
            "response_body": body,
            "execution_duration": delivery.took.as_secs_f64(),
            "response_status": status,
        })
    }
}
