//! Webhook bodies to events. Tolerant: every field is optional until it is needed.
//!
//! What a body says is a hint: nothing in it is believed but where to look. So a field that is not there, or
//! has another shape than in GitLab's documents, never spoils the rest.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::lenient::{Object, id, lenient};
use crate::domain::{Event, NoteHint, NoteSource, NoteableKind, ProjectId};

/// What a webhook body is good for.
#[derive(Debug, Clone, PartialEq)]
pub enum Classified {
    /// It means something.
    Event {
        /// What.
        event: Event,
        /// The project's path as the body has it: a hint, for an early look at the rules and for logs.
        project_path: Option<String>,
    },
    /// It means nothing to flaglink; the reason is a metric label such as `push` or `system_note`.
    Ignored(&'static str),
    /// It is not a JSON object.
    NotJson,
}

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(default, deserialize_with = "lenient")]
    object_kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    event_name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    user: Option<Object<User>>,
    #[serde(default, deserialize_with = "id")]
    project_id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    project: Option<Object<Project>>,
    #[serde(default, deserialize_with = "lenient")]
    object_attributes: Option<Object<Attributes>>,
    #[serde(default, deserialize_with = "lenient")]
    issue: Option<Object<Parent>>,
    #[serde(default, deserialize_with = "lenient")]
    work_item: Option<Object<Parent>>,
    #[serde(default, deserialize_with = "lenient")]
    merge_request: Option<Object<Parent>>,
    #[serde(default, deserialize_with = "lenient")]
    changes: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
struct User {
    #[serde(default, deserialize_with = "id")]
    id: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Project {
    #[serde(default, deserialize_with = "id")]
    id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    path_with_namespace: Option<String>,
}

/// The noteable of a note.
#[derive(Debug, Deserialize)]
struct Parent {
    #[serde(default, deserialize_with = "id")]
    iid: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct Attributes {
    #[serde(default, deserialize_with = "id")]
    id: Option<u64>,
    #[serde(default, deserialize_with = "id")]
    iid: Option<u64>,
    #[serde(default, deserialize_with = "id")]
    project_id: Option<u64>,
    #[serde(default, deserialize_with = "id")]
    target_project_id: Option<u64>,
    #[serde(default, deserialize_with = "id")]
    author_id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    action: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    noteable_type: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    discussion_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    system: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    note: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    description: Option<String>,
}

/// Says what a webhook body is good for. Never panics.
///
/// `bots` are the user ids of every bot of ours: their notes are ignored. `bot_name` is our bot's user name, where there is
/// one only and it is known.
pub fn classify(body: &[u8], bots: &BTreeSet<u64>, bot_name: Option<&str>) -> Classified {
    let Some(body) = read(body) else { return Classified::NotJson };
    let path = body.project.as_ref().and_then(|project| project.0.path_with_namespace.clone());
    let meaning = match body.object_kind.as_deref() {
        None if body.event_name.is_some() => Err("system_hook"),
        None => Err("no_kind"),
        Some("note") => body.note(bots, bot_name),
        Some("issue" | "work_item") => body.work(NoteableKind::Issue, bots, bot_name),
        Some("merge_request") => body.work(NoteableKind::MergeRequest, bots, bot_name),
        Some(other) => Err(of_no_use(other)),
    };
    match meaning {
        Ok(event) => Classified::Event { event, project_path: path },
        Err(reason) => Classified::Ignored(reason),
    }
}

/// The project that a body is about: its id and its path.
pub fn project_of(body: &[u8]) -> (Option<ProjectId>, Option<String>) {
    let Some(body) = read(body) else { return (None, None) };
    let path = body.project.as_ref().and_then(|project| project.0.path_with_namespace.clone());
    (body.project(), path)
}

/// Reads an object. Only where that fails (a key stands in it twice) is the whole of it taken apart.
fn read(body: &[u8]) -> Option<Body> {
    // What is skipped while reading is not checked for being text.
    let body = std::str::from_utf8(body).ok()?;
    if !body.trim_ascii_start().starts_with('{') {
        return None;
    }
    match serde_json::from_str(body) {
        Ok(body) => Some(body),
        Err(_) => Body::deserialize(serde_json::from_str::<Value>(body).ok()?).ok(),
    }
}

impl Body {
    fn attributes(&self) -> Option<&Attributes> {
        self.object_attributes.as_ref().map(|attributes| &attributes.0)
    }

    /// The project: `project.id` is what the hook is about; the others are for bodies without it.
    fn project(&self) -> Option<ProjectId> {
        let attributes = self.attributes();
        self.project
            .as_ref()
            .and_then(|project| project.0.id)
            .or(self.project_id)
            .or(attributes.and_then(|attributes| attributes.target_project_id))
            .or(attributes.and_then(|attributes| attributes.project_id))
    }

    fn is_ours(&self, bots: &BTreeSet<u64>) -> bool {
        let user = || self.user.as_ref().and_then(|user| user.0.id);
        self.attributes()
            .and_then(|attributes| attributes.author_id)
            .or_else(user)
            .is_some_and(|id| bots.contains(&id))
    }

    /// A comment was written or edited.
    fn note(&self, bots: &BTreeSet<u64>, bot_name: Option<&str>) -> Result<Event, &'static str> {
        let attributes = self.attributes().ok_or("incomplete")?;
        if attributes.system == Some(true) {
            return Err("system_note");
        }
        let (kind, parent) = match attributes.noteable_type.as_deref() {
            Some("Issue" | "WorkItem") => {
                (NoteableKind::Issue, self.issue.as_ref().or(self.work_item.as_ref()))
            }
            Some("MergeRequest") => (NoteableKind::MergeRequest, self.merge_request.as_ref()),
            Some("Commit") => return Err("note_on_commit"),
            Some("Snippet" | "ProjectSnippet" | "PersonalSnippet") => return Err("note_on_snippet"),
            Some("Epic") => return Err("no_project"),
            Some(_) => return Err("note_on_other"),
            None => return Err("incomplete"),
        };
        if self.is_ours(bots) {
            return Err("own_note");
        }
        let iid = parent.and_then(|parent| parent.0.iid);
        let (Some(note), Some(iid)) = (attributes.id, iid) else { return Err("incomplete") };
        let project = self.project().ok_or(if self.project.is_none() && self.work_item.is_some() {
            "no_project"
        } else {
            "incomplete"
        })?;
        // Both hold the text; `description` has the addresses of images made whole.
        let texts = [attributes.note.as_deref(), attributes.description.as_deref()];
        if texts.iter().any(Option::is_some)
            && !texts.iter().flatten().any(|text| may_command(text, bot_name))
        {
            return Err("no_command");
        }
        Ok(Event::NoteWritten(NoteHint {
            project,
            kind,
            iid,
            source: NoteSource::Note(note),
            // It becomes part of an address: 40 hexadecimal digits, or it is not one.
            discussion: attributes
                .discussion_id
                .clone()
                .filter(|id| id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit())),
            by_another: false,
        }))
    }

    /// Something happened to an issue, another work item or a merge request.
    fn work(
        &self,
        kind: NoteableKind,
        bots: &BTreeSet<u64>,
        bot_name: Option<&str>,
    ) -> Result<Event, &'static str> {
        let attributes = self.attributes().ok_or("incomplete")?;
        let action = attributes.action.as_deref();
        if matches!(action, Some("approved" | "unapproved" | "approval" | "unapproval")) {
            return Err("approval");
        }
        if action == Some("update")
            && self.changes.as_ref().is_some_and(|changes| !changes.keys().any(|field| matters(field)))
        {
            return Err("update_of_no_interest");
        }
        // Epics and other work items of a group have no project (GitLab's own `project&.hook_attrs`).
        let missing =
            if kind == NoteableKind::Issue && self.project.is_none() { "no_project" } else { "incomplete" };
        let project = self.project().ok_or(missing)?;
        let iid = attributes.iid.ok_or("incomplete")?;
        if action == Some("open") {
            let commands = attributes.description.as_deref().is_some_and(|text| may_command(text, bot_name));
            if !commands || self.is_ours(bots) {
                return Err("opened");
            }
            let source = NoteSource::Description;
            let user = self.user.as_ref().and_then(|user| user.0.id);
            let by_another = user.zip(attributes.author_id).is_some_and(|(user, author)| user != author);
            return Ok(Event::NoteWritten(NoteHint {
                project,
                kind,
                iid,
                source,
                discussion: None,
                by_another,
            }));
        }
        Ok(Event::NoteableChanged { project, kind, iid })
    }
}

/// Whether a change of this field can show in a panel, a back-link or a label of flaglink's.
fn matters(field: &str) -> bool {
    matches!(
        field,
        "title"
            | "description"
            | "state"
            | "state_id"
            | "draft"
            | "work_in_progress"
            | "confidential"
            | "labels"
    )
}

/// Whether a line of the text begins as a command begins: a cheap look that lets through more than
/// [`command::read`](crate::command::read) will take. Where the bot's name is not known (GitLab was
/// away at the start) or there are several bots, any name counts.
pub fn may_command(text: &str, bot_name: Option<&str>) -> bool {
    // GitLab deletes every carriage return before it looks for commands.
    let text = text.replace('\r', "");
    text.lines().any(|line| {
        let line = line.trim_start();
        if let Some(rest) = line.strip_prefix('@') {
            return match bot_name {
                Some(name) => starts_with(rest, name),
                None => rest.split_whitespace().nth(1).is_some_and(|word| starts_with(word, "flag")),
            };
        }
        starts_with(line, "/flag")
    })
}

/// Whether the text begins so, in either case.
fn starts_with(text: &str, beginning: &str) -> bool {
    text.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
}

/// Why a kind of event is ignored: its own name, from a fixed list, because it becomes a metric label.
fn of_no_use(kind: &str) -> &'static str {
    match kind {
        "push" | "tag_push" | "repository_update" => "push",
        "pipeline" => "pipeline",
        "build" => "job",
        "deployment" => "deployment",
        "release" => "release",
        "wiki_page" => "wiki_page",
        "feature_flag" => "feature_flag",
        "emoji" => "emoji",
        "milestone" => "milestone",
        "access_token" => "access_token",
        "vulnerability" => "vulnerability",
        "epic" => "no_project",
        _ => "unknown_kind",
    }
}
