//! Calls to the outside: edges, done once, and levels, made equal to the truth.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{EdgeId, FlagRef, Job, NoteKey, NoteSource, Noteable, Person, Toggle};

/// The finished text of a comment of the bot.
///
/// Only `markdown/` makes one (a test of the house reads the sources for [`CommentText::from_markdown`]):
/// that is what keeps outside text from becoming a quick action, a mention or a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommentText(String);

impl CommentText {
    /// Takes a text that `markdown/` has made safe. Nobody else calls this.
    pub(crate) fn from_markdown(text: String) -> Self {
        Self(text)
    }

    /// The Markdown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A sign on a note, by GitLab's emoji names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// 👀 the commands of the note are taken.
    Taken,
    /// ✅ done.
    Done,
    /// ⚠️ done in part.
    Partly,
    /// ❌ not done.
    NotDone,
}

impl Reaction {
    /// GitLab's name of the emoji, without colons.
    pub fn emoji(self) -> &'static str {
        match self {
            Self::Taken => "eyes",
            Self::Done => "white_check_mark",
            Self::Partly => "warning",
            Self::NotDone => "x",
        }
    }
}

/// What an edge is for; part of its hidden marker, so that it can be found again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A reaction on the note.
    React(Reaction),
    /// The answer to a command.
    Answer,
    /// The one notice that a command waits for a flag service that does not answer, or that what came of it is not known yet.
    Waiting,
    /// The answer to an edit that nothing runs of.
    RefusedEdit,
    /// The one reply an hour that says that the reply budget is used up.
    Budget,
    /// The switch of a flag that a command asks for.
    Switch,
    /// What else a command makes in a flag service or in GitLab, once.
    Job,
    /// The issue about a flag that is the same everywhere for long; the text is the flag.
    Remind(String),
    /// Changes of flags that are told; the text tells one reply from another.
    Tell(String),
}

/// Why an edge exists. Two edges with the same cause are the same edge.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cause {
    /// On what.
    pub noteable: Noteable,
    /// The text that asked for it; `None` where nobody asked (a flag changed).
    pub source: Option<NoteSource>,
    /// Which command of that text.
    pub command: usize,
    /// What for.
    pub purpose: Purpose,
}

impl Cause {
    /// A cause that is a command in a note.
    pub fn of(note: &NoteKey, command: usize, purpose: Purpose) -> Self {
        Self { noteable: note.noteable.clone(), source: Some(note.source), command, purpose }
    }
}

/// What an edge does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// Puts a reaction on a note or description.
    React {
        /// Where.
        on: NoteSource,
        /// Which.
        reaction: Reaction,
    },
    /// Posts a comment.
    Reply {
        /// The discussion to answer in; `None` posts a plain note.
        discussion: Option<String>,
        /// Whether only members with the right to see internal notes may read it.
        internal: bool,
        /// The text, still without its marker.
        text: CommentText,
        /// The flags that it tells changes of. Empty for other replies, and where an earlier version wrote it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        about: Vec<FlagRef>,
    },
    /// Changes a flag in its own service.
    Switch(Box<Toggle>),
    /// Makes something elsewhere, once.
    Job(Box<Job>),
}

/// An effect that is done once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// Its number.
    pub id: EdgeId,
    /// Why it exists.
    pub cause: Cause,
    /// What it does.
    pub kind: EdgeKind,
    /// Who is waiting for it.
    pub asked_by: Option<Person>,
    /// When it was decided.
    pub queued_at: Timestamp,
    /// When somebody took it back from the dead letters: from then on it has its time anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<Timestamp>,
    /// Not to be tried before this moment.
    pub not_before: Option<Timestamp>,
    /// How often it was tried.
    pub attempts: u32,
    /// The last attempt whose outcome is not known for certain: it may have reached the other side.
    pub uncertain: Option<Attempt>,
    /// Why it is not done yet; for people.
    pub last_reason: Option<String>,
}

impl Edge {
    /// A fresh edge.
    pub fn new(id: EdgeId, cause: Cause, kind: EdgeKind, asked_by: Option<Person>, now: Timestamp) -> Self {
        Self {
            id,
            cause,
            kind,
            asked_by,
            queued_at: now,
            again_at: None,
            not_before: None,
            attempts: 0,
            uncertain: None,
            last_reason: None,
        }
    }

    /// The same edge with fresh attempts. Where its last one may have reached the other side, it is still looked for first.
    #[must_use]
    pub fn again(self, now: Timestamp) -> Self {
        Self { again_at: Some(now), not_before: None, attempts: 0, last_reason: None, ..self }
    }

    /// From when on its time counts.
    pub fn counts_from(&self) -> Timestamp {
        self.again_at.unwrap_or(self.queued_at)
    }
}

/// An attempt that is on disk before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it was sent, by our clock.
    pub at: Timestamp,
    /// Of a switch: the flag service's mark of the last change there, from before it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
}

/// Something outside that is made equal to what the store and the provider say.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The panel on a noteable.
    Panel(Noteable),
    /// The label on a noteable.
    Label(Noteable),
    /// The links that stand on the flag in its own service.
    BackLinks(FlagRef),
    /// The tags on the flag in its own service that tell the state of linked work.
    Tags(FlagRef),
}

/// A level that is not known to be true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stale {
    /// Which.
    pub level: Level,
    /// Grows each time it is marked stale; finishing generation 3 does not clear generation 4.
    pub generation: u64,
    /// Since when.
    pub since: Timestamp,
    /// How often it was tried without success.
    pub attempts: u32,
    /// Not to be tried before this moment.
    pub not_before: Option<Timestamp>,
    /// Why it is not true yet; for people.
    pub last_reason: Option<String>,
    /// When something was last sent for it whose answer is not known: it may be carried out later than what was sent since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
}

/// How long after the last moment at which something may be carried out the look takes that is due then.
const LAST_LOOK: Duration = Duration::from_secs(60);

impl Stale {
    /// Whether what is seen now may come of something that was sent for it and never answered. `ceiling` is how long the other side
    /// may be at work on it.
    pub fn may_have_been_ours(&self, ceiling: Duration, now: Timestamp) -> bool {
        let end = self.sent_at.and_then(|sent| sent.checked_add(ceiling.saturating_add(LAST_LOOK)).ok());
        end.is_some_and(|end| now < end)
    }
}
