//! One thing of the queues with everything that is kept of it. It may hold what people wrote: it is shown on the socket, and
//! elsewhere with the admin token.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that waits or was given up, with everything that is kept of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueueItem {
    /// Its number.
    pub id: u64,
    /// Whether it was given up: then it stays until somebody deals with it.
    pub dead: bool,
    /// What it is, in a few words.
    pub what: String,
    /// What it is about.
    pub about: Option<String>,
    /// The issue or merge request as people write it, `shop/web#12`; null where its path is not known.
    #[serde(default)]
    pub work: Option<String>,
    /// Since when it is to be done; null where that was not kept.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub begun: Option<Timestamp>,
    /// When it was given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub given_up: Option<Timestamp>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next; null: as soon as it can be, or never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_try: Option<Timestamp>,
    /// Why it is not done, for people; null where it was not tried.
    pub reason: Option<String>,
    /// What a person does about it where it was given up, a sentence or two; null where the reason alone does not tell.
    #[serde(default)]
    pub todo: Option<String>,
    /// What is to be done.
    pub request: QueuedRequest,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum QueuedRequest {
    /// A webhook request is to be understood.
    Delivery {
        /// `gitlab` or the provider's name.
        from: String,
        /// Which of GitLab's hooks; empty for the one that was made by hand.
        hook: Option<String>,
        /// What tells a repeat of it from another one.
        key: Option<String>,
        /// The headers that are kept. None of them is a secret.
        headers: BTreeMap<String, String>,
        /// When it came in.
        #[schema(value_type = String, format = DateTime)]
        received_at: Timestamp,
        /// The body, as it came in.
        body: String,
    },
    /// Something that followed from what came in is to be done.
    Event {
        /// It, as it is kept.
        #[schema(value_type = Object)]
        event: serde_json::Value,
        /// Where it is a command: what somebody wrote.
        command: Option<String>,
        /// Where it is a command: the user name of who wrote it.
        asked_by: Option<String>,
        /// Where it is a command: its page, where that is known.
        page: Option<String>,
    },
    /// A comment is to be written.
    Reply {
        /// On which page it is due, and why.
        #[serde(flatten)]
        due: Due,
        /// The discussion to answer in; null: a comment of its own.
        discussion: Option<String>,
        /// Whether it is for members only.
        internal: bool,
        /// What it says.
        text: String,
    },
    /// A reaction is to be put on a comment or a description.
    Reaction {
        /// Where it is due, and why.
        #[serde(flatten)]
        due: Due,
        /// GitLab's name of it.
        emoji: String,
    },
    /// A flag is to be switched.
    Switch {
        /// Where it was asked for.
        #[serde(flatten)]
        due: Due,
        /// `provider:key`.
        flag: String,
        /// The environment.
        environment: String,
        /// What it is to be, in words.
        to: String,
        /// Not after this moment.
        #[schema(value_type = String, format = DateTime)]
        until: Timestamp,
    },
    /// Something is to be made in a flag service or in GitLab.
    Job {
        /// Where it was asked for.
        #[serde(flatten)]
        due: Due,
        /// What: `create`, `archive` or `cleanup issue`.
        job: String,
        /// The flag: `provider:key`.
        flag: String,
        /// Not after this moment.
        #[schema(value_type = String, format = DateTime)]
        until: Timestamp,
    },
    /// Something is to be brought up to date; what it is then depends on that moment.
    Level {
        /// The page that it is on, where it is on one and that is known.
        #[serde(default)]
        page: Option<String>,
    },
    /// Another version of flaglink wrote it.
    Unknown {
        /// As it is kept.
        json: String,
    },
}

/// Where something is due, and for whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Due {
    /// The issue or merge request.
    pub on: String,
    /// Its page, where that is known.
    pub page: Option<String>,
    /// The comment that asked for it (`note 4711` or `description`); null where nobody asked.
    pub asked_in: Option<String>,
    /// The user name of who asked for it.
    pub asked_by: Option<String>,
    /// When it was last sent without an answer: it may have been done then, and is looked for first.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub perhaps_sent: Option<Timestamp>,
}
