//! What is to be told on a noteable, gathered until it is told in one reply.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{EnvironmentState, FlagRef, InboxId, Noteable};

/// How many deeds are kept for one thing that is to be told: the last ones.
const DEEDS: usize = 20;

/// What is to be told on a noteable. It is there from the first change that is to be told until the reply is queued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Telling {
    /// The entry of the inbox that tells it.
    pub entry: InboxId,
    /// When.
    pub due: Timestamp,
    /// What, in the order in which it began to differ.
    pub untold: Vec<Untold>,
}

impl Telling {
    /// Takes something in: what is there about the same thing already stays as it was first, with one deed more.
    pub fn gather(&mut self, new: Untold) {
        match self.about(&new.flag, &new.was) {
            Some(known) => {
                known.deeds.extend(new.deeds);
                let surplus = known.deeds.len().saturating_sub(DEEDS);
                known.deeds.drain(..surplus);
            }
            None => self.untold.push(new),
        }
    }

    /// What is there about the same thing.
    pub fn about(&mut self, flag: &FlagRef, was: &Was) -> Option<&mut Untold> {
        self.untold.iter_mut().find(|known| &known.flag == flag && known.was.is_about_the_same(was))
    }
}

/// One thing about a flag that is to be told, if it still differs from what it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Untold {
    /// Which flag.
    pub flag: FlagRef,
    /// What it was before the first change.
    pub was: Was,
    /// Who changed it, the last one last.
    pub deeds: Vec<Deed>,
}

/// What something about a flag was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Was {
    /// The state in that environment; `None` where the environment was not there.
    Environment(String, Option<Box<EnvironmentState>>),
    /// Whether the flag was archived.
    Archived(bool),
    /// Whether the flag service did not know the flag.
    Missing(bool),
}

impl Was {
    fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Environment(_, Some(a)), Self::Environment(_, Some(b))) => a.is_same_place(b),
            (Self::Environment(a, _), Self::Environment(b, _)) => a == b,
            (Self::Archived(_), Self::Archived(_)) | (Self::Missing(_), Self::Missing(_)) => true,
            _ => false,
        }
    }
}

/// That somebody changed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// When; where that is [`noticed_at`](Self::noticed_at), it is not known when it happened.
    pub at: Timestamp,
    /// Who, by the provider's name for them; `None` where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it was asked for, if it was asked for in a comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_on: Option<Noteable>,
    /// When the change was noticed that it is of: of one thing no two changes are noticed at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noticed_at: Option<Timestamp>,
}
