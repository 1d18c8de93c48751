//! What the store keeps, one type per kind of record.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    AskedSwitch, Change, ChangeKind, CleanupIssue, Flag, FlagRef, FlagState, InboxId, InstanceId, Level,
    Link, NoteKey, Noteable, Person, ReminderRecord, SwitchProgress, Telling, UserId,
};

/// Who may see a project, by GitLab's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Members only. Also what an unknown word is taken for.
    #[default]
    Private,
    /// Everybody who is signed in.
    Internal,
    /// Everybody.
    Public,
}

/// The state of an issue or merge request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkState {
    /// Open.
    #[default]
    Opened,
    /// Closed.
    Closed,
    /// Merged (merge requests only).
    Merged,
    /// Locked while it is being merged.
    Locked,
}

/// What GitLab said about a noteable when it was last read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NoteableView {
    /// Its title.
    pub title: String,
    /// Its page.
    pub web_url: String,
    /// Open, closed, merged.
    pub state: WorkState,
    /// Whether it is a draft (merge requests only).
    pub draft: bool,
    /// Whether it is confidential (issues only).
    pub confidential: bool,
    /// The project's path with its namespace.
    pub project_path: String,
    /// Who may see the project.
    pub visibility: Visibility,
}

/// Everything kept about one noteable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoteableRecord {
    /// Which.
    pub noteable: Noteable,
    /// As GitLab last showed it.
    pub view: NoteableView,
    /// The flags linked here, in the order of linking.
    pub links: Vec<Link>,
    /// The panel.
    #[serde(default)]
    pub panel: PanelRecord,
    /// Links made and taken away, newest last, capped; for the panel's fold.
    #[serde(default)]
    pub history: Vec<LinkChange>,
    /// A label that flaglink was about to put on; set before it is sent.
    #[serde(default)]
    pub label_sending: Option<String>,
    /// The label that flaglink itself put on, if it did.
    #[serde(default)]
    pub label_added: Option<String>,
    /// A person took the label off: it stays off until the next link.
    #[serde(default)]
    pub label_refused: bool,
    /// Replies of the last hour, per author.
    #[serde(default)]
    pub replies: BTreeMap<UserId, ReplyBudget>,
    /// Changes that are to be told here soon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telling: Option<Telling>,
    /// When GitLab first did not know it, where nothing but a deletion explains that. It is believed after a second look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_found_at: Option<Timestamp>,
    /// What was taken away because GitLab did not show it any more: that comes back when GitLab shows it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Box<Hidden>>,
}

/// What was kept of work that GitLab does not show any more: it was deleted, or its author is banned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// When it was taken away.
    pub at: Timestamp,
    /// The links.
    pub links: Vec<Link>,
    /// The panel.
    #[serde(default)]
    pub panel: PanelRecord,
    /// The label that flaglink was about to put on.
    #[serde(default)]
    pub label_sending: Option<String>,
    /// The label that flaglink itself put on.
    #[serde(default)]
    pub label_added: Option<String>,
}

impl NoteableRecord {
    /// An empty record.
    pub fn new(noteable: Noteable) -> Self {
        Self {
            noteable,
            view: NoteableView::default(),
            links: Vec::new(),
            panel: PanelRecord::default(),
            history: Vec::new(),
            label_sending: None,
            label_added: None,
            label_refused: false,
            replies: BTreeMap::new(),
            telling: None,
            not_found_at: None,
            hidden: None,
        }
    }

    /// The link to that flag, if there is one.
    pub fn link(&self, flag: &FlagRef) -> Option<&Link> {
        self.links.iter().find(|link| &link.flag == flag)
    }
}

/// A link made or taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkChange {
    /// When.
    pub at: Timestamp,
    /// Which flag.
    pub flag: FlagRef,
    /// Made (`true`) or taken away.
    pub linked: bool,
    /// It was made or taken away in the flag's own service, which does not say by whom.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub there: bool,
    /// It was taken away because GitLab did not show the work any more, or came back because GitLab shows it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// By whom.
    pub by: Person,
}

/// The bot's one comment that shows the state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PanelRecord {
    /// Its note, once GitLab has told it.
    pub note: Option<u64>,
    /// Which of our bot users wrote it.
    pub by: Option<UserId>,
    /// A creation was sent at this moment and its answer is not known.
    pub sent_at: Option<Timestamp>,
    /// Digest of the text that was last written.
    pub written: Option<String>,
    /// Digest of the text as GitLab gave it back then: it may differ from what was written.
    pub stands: Option<String>,
}

/// How many replies one author has got on one noteable lately.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReplyBudget {
    /// Moments of the replies of the last hour.
    pub at: Vec<Timestamp>,
    /// When it was last said that the budget is used up.
    pub told_at: Option<Timestamp>,
}

/// What was seen in one text, so that nothing in it runs twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoteRecord {
    /// Which text.
    pub note: NoteKey,
    /// Who wrote it.
    pub author: Person,
    /// Whether it is an internal note.
    pub internal: bool,
    /// The discussion that it stands in, where a reply belongs into that discussion.
    pub discussion: Option<String>,
    /// Every command ever taken from it, in the order of taking.
    pub commands: Vec<CommandRecord>,
    /// The edit (GitLab's `lastEditedAt`) that was refused and answered last, so that it is answered once.
    #[serde(default)]
    pub refused_edit: Option<Timestamp>,
    /// When it was last handled: records are deleted long after.
    pub handled_at: Timestamp,
}

/// One command of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandRecord {
    /// Its normalised text: with the place among equal ones, what makes it this command.
    pub text: String,
    /// Which handling of the text it was taken in; the commands of one batch share their reactions.
    pub batch: u32,
    /// When it was written, by GitLab's clock.
    pub written_at: Timestamp,
    /// How far it is.
    pub status: CommandStatus,
    /// The person was told that it waits for a flag service.
    #[serde(default)]
    pub told_waiting: bool,
    /// How far that is which it has begun elsewhere, if it begins anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<SwitchProgress>,
}

/// How far a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandStatus {
    /// Taken, not yet run.
    Taken,
    /// Over.
    Over(Outcome),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Done,
    /// Done in part.
    Partly,
    /// Not done.
    NotDone,
    /// Not looked at: nobody is to hear of it.
    Ignored,
}

/// Everything kept about one flag that is or was linked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlagRecord {
    /// As the provider described it when it was last looked up.
    pub flag: Flag,
    /// The state that was last seen; panels show it.
    pub state: Option<FlagState>,
    /// When it was last seen.
    pub seen_at: Timestamp,
    /// Since when the provider does not know it any more.
    #[serde(default)]
    pub missing_since: Option<Timestamp>,
    /// Whether the provider has another flag of the same key since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made_again: bool,
    /// When a read first did not find it. That is believed only after a second one, some time later.
    #[serde(default)]
    pub not_found_at: Option<Timestamp>,
    /// The last changes, newest last, capped.
    #[serde(default)]
    pub history: Vec<Change>,
    /// Switches that were sent for people, until the changes that they made are seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<AskedSwitch>,
    /// What stands on the flag in its own service, per noteable (in text form).
    #[serde(default)]
    pub mirrors: BTreeMap<String, Mirror>,
    /// The tags of ours that stand on the flag in its own service; `None` where none was put on, or all were taken off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tagged: Option<Tagged>,
}

impl FlagRecord {
    /// Whether something may stand on the flag in its own service because of linked work.
    pub fn is_marked(&self) -> bool {
        !self.mirrors.is_empty() || self.tagged.is_some()
    }

    /// Since when it is gone, where nobody but the reads says so: of one whose deletion the service itself told of it is certain.
    pub fn gone_untold_since(&self) -> Option<Timestamp> {
        let gone = self.history.iter().rev().find(|change| change.what == ChangeKind::Missing);
        let is_told =
            gone.is_some_and(|gone| gone.by.is_some() || gone.heard.iter().any(|claim| claim.deleted));
        self.missing_since.filter(|_| !is_told)
    }
}

/// The tags on a flag in its own service that tell the state of linked work.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tagged {
    /// Those that were put on last, by label; while `due` also those that may stand there because of us.
    pub says: BTreeSet<String>,
    /// They are being written, or the service may have changed them with a link since: what stands is not known.
    pub due: bool,
    /// They were sent at this moment, and the answer is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
}

/// A link to a noteable that stands on the flag in its own service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mirror {
    /// The URL that it has.
    pub url: String,
    /// Its id in the service, once it is known.
    pub id: Option<String>,
    /// Whether flaglink made it; what people made stays.
    pub ours: bool,
    /// A creation was sent at this moment and its answer is not known.
    pub sent_at: Option<Timestamp>,
    /// When it was first seen that somebody took it off there, where that counts. It is believed after a second look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<Timestamp>,
}

/// Something that was given up, kept until someone deals with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its number: that of the inbox entry or edge it was.
    pub id: u64,
    /// When it was given up.
    pub at: Timestamp,
    /// Since when it was to be done; `None` where that was not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Timestamp>,
    /// Why; for people.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// What it was.
    pub what: DeadThing,
}

/// What a dead letter was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadThing {
    /// An inbox entry. It stays in the inbox tree under its own number and can be revived.
    Inbox(InboxId),
    /// An edge.
    Edge(Box<super::Edge>),
    /// A level.
    Level(Level),
    /// What this version does not know: another one wrote it. As it lies on disk, in JSON; it is left there as it is.
    #[serde(skip)]
    Unknown(String),
}

/// A GitLab instance and the URLs that it has or had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id of ours.
    pub id: InstanceId,
    /// Its URLs, the present one last.
    pub urls: Vec<String>,
    /// The user id of every bot user that ever wrote for us there.
    pub bots: BTreeSet<UserId>,
}

/// The one record about the installation itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Register {
    /// Every instance ever worked with.
    pub instances: Vec<Instance>,
    /// When each rule (instance and `match` pattern) was first in force, by GitLab's clock.
    pub rules: BTreeMap<String, Timestamp>,
    /// Where catching up goes on, by name of what is caught up.
    pub cursors: BTreeMap<String, String>,
    /// How reminders fare, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reminders: BTreeMap<String, ReminderRecord>,
    /// The issues in which flags are to be cleaned up, the one that was made or seen last at the end; capped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleanups: Vec<CleanupIssue>,
    /// Work whose links were taken away because GitLab did not show it any more, newest last, capped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<Noteable>,
}

/// So many issues in which flags are to be cleaned up are remembered. The others are known by their markers alone.
const MOST_CLEANUPS: usize = 500;

impl Register {
    /// Remembers the issue about a flag.
    pub fn remember_cleanup(&mut self, new: CleanupIssue) {
        let known = self.cleanups.iter().any(|known| known == &new);
        if known {
            return;
        }
        let same_flag = |known: &CleanupIssue| {
            (&known.issue.instance, known.issue.project) == (&new.issue.instance, new.issue.project)
                && known.flag == new.flag
        };
        self.cleanups.retain(|known| known.issue != new.issue && !same_flag(known));
        self.cleanups.push(new);
        let surplus = self.cleanups.len().saturating_sub(MOST_CLEANUPS);
        self.cleanups.drain(..surplus);
    }
}
