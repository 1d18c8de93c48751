//! What the sandbox GitLab knows: a plain model. Everything else reads and changes this.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::delivery::{Courier, Delivery};
use super::quick_actions::Executed;

/// Access levels, as GitLab numbers them (facts, section 5).
pub mod level {
    /// Guest.
    pub const GUEST: u32 = 10;
    /// Planner.
    pub const PLANNER: u32 = 15;
    /// Reporter.
    pub const REPORTER: u32 = 20;
    /// Developer.
    pub const DEVELOPER: u32 = 30;
    /// Maintainer.
    pub const MAINTAINER: u32 = 40;
    /// Owner.
    pub const OWNER: u32 = 50;
}

/// How the whole instance is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Version, such as `18.5.1`: decides which headers and fields there are.
    pub version: String,
    /// Whether it is the Enterprise Edition.
    pub enterprise: bool,
    /// Its URL as it shows itself in links, without a slash at the end.
    pub url: String,
    /// How many comments a user may write in a time; `None`: as many as they like (the default of self-managed).
    pub notes_limit: Option<NotesLimit>,
    /// How long a webhook's receiver may take (`webhook_timeout`, 10 s).
    pub webhook_timeout: Duration,
    /// Whether hooks that fail are switched off for a while (on at gitlab.com, off by default elsewhere).
    pub auto_disable_hooks: bool,
    /// Whether hooks may point at this machine or a private network. A real GitLab refuses that by default.
    pub local_hooks: bool,
    /// How points in time are written in webhook bodies.
    pub hook_times: HookTimes,
    /// Whether GraphQL is there; otherwise it is a 404.
    pub graphql: bool,
    /// How far the instance's clock is ahead of this machine's.
    pub clock_ahead: SignedDuration,
}

/// A limit on comments by one user (`notes_create_limit`).
#[derive(Debug, Clone, Copy)]
pub struct NotesLimit {
    /// How many.
    pub count: u32,
    /// In which time; GitLab's own is a minute.
    pub window: Duration,
}

/// How points in time are written in webhook bodies (facts, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookTimes {
    /// `2025-05-16 15:14:33 UTC`.
    Utc,
    /// `2025-05-16T15:14:33Z`.
    Iso,
    /// `2025-05-16T15:14:33.123Z`.
    IsoMillis,
}

impl Settings {
    /// The instance's version as two numbers, to compare with.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        let mut parts = self.version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (major, minor)
    }
}

/// A user, a person or a bot.
#[derive(Debug, Clone)]
pub struct User {
    /// Id.
    pub id: u64,
    /// Name without `@`.
    pub username: String,
    /// Full name.
    pub name: String,
    /// Whether it is a bot (project access tokens have one each).
    pub bot: bool,
    /// Whether it is an administrator.
    pub admin: bool,
    /// Whether it is blocked: it can do nothing then.
    pub blocked: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An access token.
#[derive(Clone)]
pub struct Token {
    /// Id.
    pub id: u64,
    /// What is sent.
    pub secret: String,
    /// Whose it is.
    pub user: u64,
    /// What it is good for: `api`, `read_api`, …
    pub scopes: Vec<String>,
    /// Whether it was taken back.
    pub revoked: bool,
    /// The first day on which it is no longer good, such as `2027-01-31`.
    pub expires_at: Option<jiff::civil::Date>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("id", &self.id)
            .field("user", &self.user)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// Who may see a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Members.
    Private,
    /// Everybody who is signed in.
    Internal,
    /// Everybody.
    Public,
}

impl Visibility {
    /// As the API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Internal => "internal",
            Self::Public => "public",
        }
    }

    /// As webhook bodies number it.
    pub fn level(self) -> u32 {
        match self {
            Self::Private => 0,
            Self::Internal => 10,
            Self::Public => 20,
        }
    }
}

/// A user's membership in a project, inherited ones too.
#[derive(Debug, Clone)]
pub struct Member {
    /// Access level.
    pub level: u32,
    /// Whether it counts: `false` is GitLab's `membership_state: awaiting`.
    pub active: bool,
    /// Since when.
    pub created_at: Timestamp,
}

/// A label of a project.
#[derive(Debug, Clone)]
pub struct Label {
    /// Id.
    pub id: u64,
    /// Name.
    pub name: String,
    /// Color, such as `#6699cc`.
    pub color: String,
    /// Description.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Id.
    pub id: u64,
    /// Path with namespace.
    pub path: String,
    /// Paths that it had before it was moved.
    pub old_paths: Vec<String>,
    /// Who may see it.
    pub visibility: Visibility,
    /// Whether nothing can be written.
    pub archived: bool,
    /// Whether a merge request with an unresolved thread cannot be merged
    /// (`only_allow_merge_if_all_discussions_are_resolved`).
    pub threads_block_merge: bool,
    /// Members by user id.
    pub members: BTreeMap<u64, Member>,
    /// Labels.
    pub labels: Vec<Label>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The number that its next issue gets.
    pub next_issue: u64,
    /// The number that its next merge request gets.
    pub next_merge_request: u64,
}

impl Project {
    /// The last part of its path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Its path without the last part.
    pub fn namespace(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The label of this name.
    pub fn label(&self, name: &str) -> Option<&Label> {
        self.labels.iter().find(|label| label.name == name)
    }
}

/// Issue or merge request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Issue, also a task or an incident.
    Issue,
    /// Merge request.
    MergeRequest,
}

impl Kind {
    /// The segment in the API's and in pages' paths.
    pub fn segment(self) -> &'static str {
        match self {
            Self::Issue => "issues",
            Self::MergeRequest => "merge_requests",
        }
    }

    /// As `noteable_type` and `awardable_type` have it.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Issue => "Issue",
            Self::MergeRequest => "MergeRequest",
        }
    }
}

/// Names an issue or merge request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteableRef {
    /// The project's id.
    pub project: u64,
    /// Issue or merge request.
    pub kind: Kind,
    /// Its number there.
    pub iid: u64,
}

impl fmt::Display for NoteableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.kind == Kind::Issue { '#' } else { '!' };
        write!(f, "{}{sign}{}", self.project, self.iid)
    }
}

/// What kind of issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueType {
    /// Issue.
    Issue,
    /// Task.
    Task,
    /// Incident.
    Incident,
}

impl IssueType {
    /// As the API's `issue_type` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Task => "task",
            Self::Incident => "incident",
        }
    }

    /// As webhook bodies' `type` has it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Issue => "Issue",
            Self::Task => "Task",
            Self::Incident => "Incident",
        }
    }
}

/// Open or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Open.
    Opened,
    /// Closed.
    Closed,
    /// Merged.
    Merged,
}

impl State {
    /// As the API has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Merged => "merged",
        }
    }

    /// As webhook bodies number it.
    pub fn id(self) -> u32 {
        match self {
            Self::Opened => 1,
            Self::Closed => 2,
            Self::Merged => 3,
        }
    }
}

/// An issue or merge request.
#[derive(Debug, Clone)]
pub struct Noteable {
    /// Which.
    pub place: NoteableRef,
    /// Id, unique among all of its kind.
    pub id: u64,
    /// Title, without `Draft: `.
    pub title: String,
    /// Description.
    pub description: String,
    /// State.
    pub state: State,
    /// Who opened it.
    pub author: u64,
    /// Names of its labels, in the order in which they were put on.
    pub labels: Vec<String>,
    /// Who it is assigned to.
    pub assignees: BTreeSet<u64>,
    /// Whether only members may see it (issues).
    pub confidential: bool,
    /// Issue, task, incident.
    pub issue_type: IssueType,
    /// Whether it is a draft (merge requests).
    pub draft: bool,
    /// Whether only members may comment.
    pub locked: bool,
    /// Whether it came from elsewhere.
    pub imported: bool,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When anything about it changed last.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: Option<u64>,
    /// When it was closed, and by whom.
    pub closed: Option<(Timestamp, u64)>,
    /// When it was merged, and by whom.
    pub merged: Option<(Timestamp, u64)>,
    /// When title or description were edited last, and by whom.
    pub edited: Option<(Timestamp, u64)>,
}

impl Noteable {
    /// The title as it is shown.
    pub fn shown_title(&self) -> String {
        if self.draft { format!("Draft: {}", self.title) } else { self.title.clone() }
    }
}

/// How a note stands among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// `null`: a comment that stands alone.
    Plain,
    /// `DiscussionNote`: part of a thread.
    Discussion,
    /// `DiffNote`: part of a thread at a line of a diff.
    Diff,
}

impl NoteKind {
    /// As the API's `type` has it.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Discussion => Some("DiscussionNote"),
            Self::Diff => Some("DiffNote"),
        }
    }
}

/// An edit of a note's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: u64,
}

/// A note.
#[derive(Debug, Clone)]
pub struct Note {
    /// Id, unique in the whole instance.
    pub id: u64,
    /// What it hangs on.
    pub on: NoteableRef,
    /// The discussion it stands in: 40 hexadecimal digits.
    pub discussion: String,
    /// How it stands there.
    pub kind: NoteKind,
    /// Text as it is kept: known quick actions are gone from it.
    pub body: String,
    /// Who wrote it.
    pub author: u64,
    /// Whether GitLab wrote it.
    pub system: bool,
    /// Whether only members may read it.
    pub internal: bool,
    /// Whether it came from elsewhere.
    pub imported: bool,
    /// When it was written.
    pub created_at: Timestamp,
    /// When anything about it changed last: a reaction counts too.
    pub updated_at: Timestamp,
    /// The last edit of its text.
    pub edited: Option<Edit>,
    /// Who resolved it (threads on merge requests), and when.
    pub resolved: Option<Edit>,
    /// Its texts before each edit, oldest first.
    pub former: Vec<String>,
    /// Quick actions that were found in it, all versions together.
    pub quick_actions: Vec<Executed>,
    /// Who its present text mentions: user names, groups, `all`, without `@`, whether or not they are there.
    pub mentions: Vec<String>,
}

impl Note {
    /// Whether it can be resolved: notes of threads on merge requests, except GitLab's own.
    pub fn resolvable(&self) -> bool {
        self.on.kind == Kind::MergeRequest && self.kind != NoteKind::Plain && !self.system
    }
}

/// What a reaction is put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Awardable {
    /// A note.
    Note(u64),
    /// An issue or merge request.
    Noteable(NoteableRef),
}

/// A reaction (award emoji).
#[derive(Debug, Clone)]
pub struct Award {
    /// Id.
    pub id: u64,
    /// Name, such as `eyes`.
    pub name: String,
    /// Whose.
    pub user: u64,
    /// On what.
    pub on: Awardable,
    /// When.
    pub created_at: Timestamp,
}

/// A project's webhook.
#[derive(Clone)]
pub struct Hook {
    /// Id.
    pub id: u64,
    /// The project it belongs to.
    pub project: u64,
    /// Where it sends to.
    pub url: String,
    /// Name.
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// The plain secret.
    pub token: Option<String>,
    /// The signing token: `whsec_…`.
    pub signing_token: Option<String>,
    /// What it is sent for: `note_events`, `issues_events`, …
    pub events: BTreeSet<String>,
    /// Whether certificates are checked.
    pub ssl_verification: bool,
    /// Which branches' pushes it is sent for.
    pub push_events_branch_filter: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Deliveries in a row that failed.
    pub failures: u32,
    /// Until when it is switched off. `Timestamp::MAX`: for good.
    pub disabled_until: Option<Timestamp>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").field("id", &self.id).field("url", &self.url).finish_non_exhaustive()
    }
}

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
    /// Issues and merge requests.
    pub noteables: BTreeMap<NoteableRef, Noteable>,
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
                hook_times: HookTimes::Utc,
                graphql: true,
                clock_ahead: SignedDuration::ZERO,
            },
            users: BTreeMap::new(),
            tokens: Vec::new(),
            projects: BTreeMap::new(),
            noteables: BTreeMap::new(),
            notes: BTreeMap::new(),
            deleted_notes: Vec::new(),
            other_quick_actions: Vec::new(),
            awards: BTreeMap::new(),
            hooks: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            courier: Courier::default(),
            written: BTreeMap::new(),
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
