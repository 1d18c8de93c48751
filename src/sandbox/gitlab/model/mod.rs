//! What the sandbox GitLab knows: a plain model. Everything else reads and changes this.

mod delivery;
mod executed;
mod feature_flag;
mod group;
mod instance;
mod note;
mod noteable;
mod project;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use delivery::{Courier, Delivery, Fate};
pub use executed::{Executed, Outcome};
pub use feature_flag::{Environment, FeatureFlag, FlagEdited, FlagScope, FlagStrategy};
pub use group::Group;
pub use instance::{HookTimes, NotesLimit, Settings, Token, User};
pub use note::{Award, Awardable, Edit, Note, NoteKind};
pub use noteable::{IssueType, Kind, Noteable, NoteableRef, State};
pub use project::{Hook, Label, Member, Project, Visibility, level};

/// Everything.
#[derive(Debug, Clone)]
pub struct Model {
    /// How the instance is set up.
    pub settings: Settings,
    /// Users.
    pub users: BTreeMap<u64, User>,
    /// Access tokens.
    pub tokens: Vec<Token>,
    /// Projects.
    pub projects: BTreeMap<u64, Project>,
    /// Groups. A project is in those that its path begins with.
    pub groups: BTreeMap<u64, Group>,
    /// Issues and merge requests.
    pub noteables: BTreeMap<NoteableRef, Noteable>,
    /// Issues that are related: the smaller one first.
    pub related: BTreeSet<(NoteableRef, NoteableRef)>,
    /// Notes.
    pub notes: BTreeMap<u64, Note>,
    /// Notes that were deleted, in that order.
    pub deleted_notes: Vec<Note>,
    /// Quick actions of notes that were not kept because nothing else was in them, and of descriptions.
    pub other_quick_actions: Vec<Executed>,
    /// Reactions.
    pub awards: BTreeMap<u64, Award>,
    /// Webhooks.
    pub hooks: BTreeMap<u64, Hook>,
    /// Webhook requests, sent and to be sent.
    pub deliveries: BTreeMap<u64, Delivery>,
    /// How webhook requests are sent.
    pub courier: Courier,
    /// When each user wrote comments through the API, for the limit.
    pub(super) written: BTreeMap<u64, Vec<Timestamp>>,
    /// When the last feature flag was made.
    pub(super) flag_made: Timestamp,
    ids: BTreeMap<&'static str, u64>,
}

impl Model {
    /// An instance with nobody on it.
    pub fn new(url: String) -> Self {
        Self {
            settings: Settings {
                version: "18.5.1-ee".to_owned(),
                enterprise: true,
                url,
                notes_limit: None,
                webhook_timeout: Duration::from_secs(10),
                auto_disable_hooks: false,
                local_hooks: true,
                group_hooks: true,
                hook_times: HookTimes::Utc,
                graphql: true,
                clock_ahead: SignedDuration::ZERO,
            },
            users: BTreeMap::new(),
            tokens: Vec::new(),
            projects: BTreeMap::new(),
            groups: BTreeMap::new(),
            noteables: BTreeMap::new(),
            related: BTreeSet::new(),
            notes: BTreeMap::new(),
            deleted_notes: Vec::new(),
            other_quick_actions: Vec::new(),
            awards: BTreeMap::new(),
            hooks: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            courier: Courier::default(),
            written: BTreeMap::new(),
            flag_made: Timestamp::UNIX_EPOCH,
            ids: BTreeMap::new(),
        }
    }

    /// What the instance's clock says.
    pub fn now(&self) -> Timestamp {
        Timestamp::now().saturating_add(self.settings.clock_ahead).unwrap_or(Timestamp::MAX)
    }

    /// The next id of a sort of thing. Each sort starts elsewhere, so that mixing them up does not go unseen.
    pub(super) fn next_id(&mut self, sort: &'static str) -> u64 {
        let start = match sort {
            "project" => 41,
            "user" => 11,
            "group" => 31,
            "issue" => 501,
            "merge_request" => 701,
            "note" => 4001,
            "label" => 91,
            "award" => 301,
            "hook" => 61,
            "delivery" => 9001,
            _ => 1,
        };
        let next = self.ids.entry(sort).or_insert(start);
        let id = *next;
        *next += 1;
        id
    }

    /// The user of this name.
    pub fn user_named(&self, username: &str) -> Option<&User> {
        self.users.values().find(|user| user.username.eq_ignore_ascii_case(username))
    }

    /// The project at this path.
    pub fn project_at(&self, path: &str) -> Option<&Project> {
        self.projects.values().find(|project| project.path.eq_ignore_ascii_case(path))
    }

    /// The notes of a noteable, oldest first.
    pub fn notes_on(&self, on: NoteableRef) -> impl DoubleEndedIterator<Item = &Note> {
        self.notes.values().filter(move |note| note.on == on)
    }

    /// The notes that a user wrote on a noteable, oldest first, GitLab's own words about them left out.
    pub fn notes_by(&self, on: NoteableRef, user: u64) -> Vec<&Note> {
        self.notes_on(on).filter(|note| note.author == user && !note.system).collect()
    }

    /// The reactions on something, oldest first.
    pub fn awards_on(&self, on: Awardable) -> impl Iterator<Item = &Award> {
        self.awards.values().filter(move |award| award.on == on)
    }

    /// The names of a user's reactions on a note.
    pub fn reactions(&self, note: u64, user: u64) -> Vec<&str> {
        self.awards_on(Awardable::Note(note))
            .filter(|award| award.user == user)
            .map(|award| award.name.as_str())
            .collect()
    }

    /// The discussions of a noteable, in the order in which they began: id and notes.
    pub fn discussions_on(&self, on: NoteableRef) -> Vec<(&str, Vec<&Note>)> {
        let mut discussions: Vec<(&str, Vec<&Note>)> = Vec::new();
        for note in self.notes_on(on) {
            match discussions.iter_mut().find(|(id, _)| *id == note.discussion) {
                Some((_, notes)) => notes.push(note),
                None => discussions.push((&note.discussion, vec![note])),
            }
        }
        discussions
    }

    /// The discussions with notes that could be resolved and are not: they block a merge where the project wants that.
    pub fn unresolved_threads(&self, on: NoteableRef) -> Vec<&str> {
        self.discussions_on(on)
            .into_iter()
            .filter(|(_, notes)| notes.iter().any(|note| note.resolvable() && note.resolved.is_none()))
            .map(|(id, _)| id)
            .collect()
    }

    /// A page of a noteable.
    pub fn page_of(&self, on: NoteableRef) -> String {
        let path = self.projects.get(&on.project).map_or("", |project| project.path.as_str());
        format!("{}/{path}/-/{}/{}", self.settings.url, on.kind.segment(), on.iid)
    }
}
