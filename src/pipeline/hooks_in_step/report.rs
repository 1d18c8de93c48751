//! What is told of webhooks: to the command line, to `doctor`, over the API. Fields are only ever added.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a problem is, for whoever does something about it. More may be added: one that is not known yet is `Other`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HookProblemKind {
    /// There is none, and nothing is known to be in the way of making it.
    NotThere,
    /// Nobody wants it any more, and flaglink removes it by itself.
    Leaving,
    /// At a flag service: it is not there, or not as it should be, and nothing is known to be in the way of putting that right.
    NotInStep,
    /// It is there, and it has to be changed.
    NeedsChange,
    /// It was changed after flaglink had put it right: by a person, or by a copy of this installation.
    ChangedElsewhere,
    /// GitLab's newest delivery was not taken: no change of the webhook mends that.
    NotTaken,
    /// What comes is signed at another time than it is by this machine's clock: one of the two clocks is wrong.
    ClocksDiffer,
    /// What comes over its path has lost its secret on the way.
    HeaderStripped,
    /// What comes over its path is signed for another body.
    BodyChanged,
    /// At a flag service: one leads to flaglink's address that flaglink did not make, so it is left alone.
    LeftAlone,
    /// GitLab does not accept flaglink's token, so that nothing can be said of the webhook.
    TokenRefused,
    /// Anything else: the words say it.
    #[default]
    #[serde(other)]
    Other,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HookProblem {
    /// What it is; `other` from a flaglink that does not tell it yet.
    #[serde(default)]
    pub kind: HookProblemKind,
    /// What is wrong, for people, without a full stop.
    pub what: String,
    /// What to do about it: a sentence.
    pub todo: String,
    /// Whether it may pass without anybody doing anything.
    #[serde(default)]
    pub passes: bool,
}

impl HookProblem {
    pub(super) fn new(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { kind: HookProblemKind::Other, what: what.into(), todo: todo.into(), passes: false }
    }

    /// The same, of that kind.
    pub(super) fn of(self, kind: HookProblemKind) -> Self {
        Self { kind, ..self }
    }

    /// One that may pass by itself: flaglink tries again.
    pub(super) fn passing(what: impl Into<String>) -> Self {
        Self { passes: true, ..Self::new(what, "flaglink tries again by itself.") }
    }
}

/// How a webhook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HookStanding {
    /// It is there, and everything about it is as it should be.
    Right,
    /// It is there, and something about it is wrong.
    Wrong,
    /// It is not there.
    Missing,
    /// It could not be looked at.
    Unknown,
    /// flaglink registers none here.
    Off,
}

/// A delivery that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HookFailure {
    /// The status of the answer, or `internal error` where GitLab got none.
    pub status: String,
    /// The beginning of the answer.
    pub answer: String,
    /// What it was sent for.
    pub trigger: String,
}

/// One webhook, as it is and as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HookReport {
    /// `project`, `group` or `provider`.
    pub kind: String,
    /// The path of the project or group, or the provider's name.
    pub name: String,
    /// GitLab's id of the project or group; null for providers.
    pub id: Option<u64>,
    /// How it stands.
    pub standing: HookStanding,
    /// GitLab's id of the webhook.
    pub hook: Option<u64>,
    /// Where it sends to.
    pub url: Option<String>,
    /// Where it should send to; null while no public address is known, or where a new path will be made.
    pub wanted_url: Option<String>,
    /// Whether the address is right; null where that cannot be said.
    pub address_right: Option<bool>,
    /// Events that it should be sent for and is not.
    pub events_missing: Vec<String>,
    /// Events that it is sent for without need.
    pub events_needless: Vec<String>,
    /// Whether GitLab has the secret that flaglink checks, as far as is known.
    pub secret_in_step: Option<bool>,
    /// Whether GitLab says that there is a secret token (19.0 and later).
    pub token_present: Option<bool>,
    /// Whether GitLab says that there is a signing token (19.0 and later).
    pub signing_token_present: Option<bool>,
    /// `executable`, `temporarily_disabled` or `disabled`.
    pub alert_status: Option<String>,
    /// Until when it is switched off, as GitLab writes it.
    pub disabled_until: Option<String>,
    /// The newest deliveries that failed in the last seven days, at most five; null where GitLab does not tell (before 17.3).
    pub failures: Option<Vec<HookFailure>>,
    /// What is wrong, each with what to do about it.
    pub problems: Vec<HookProblem>,
}

impl HookReport {
    pub(super) fn new(kind: &str, name: &str, id: Option<u64>, standing: HookStanding) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            id,
            standing,
            hook: None,
            url: None,
            wanted_url: None,
            address_right: None,
            events_missing: Vec::new(),
            events_needless: Vec::new(),
            secret_in_step: None,
            token_present: None,
            signing_token_present: None,
            alert_status: None,
            disabled_until: None,
            failures: None,
            problems: Vec::new(),
        }
    }
}

/// What came over the path of webhooks made by hand, and was refused (401) for its secret or signature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedByHand {
    /// How many requests.
    pub count: u64,
    /// When the last one came.
    #[schema(value_type = String, format = DateTime)]
    pub last_at: Timestamp,
    /// Whether one of them said that it comes from flaglink's GitLab. Anybody can say that.
    pub names_gitlab: bool,
    /// How many right ones came after the last one; after some the refused ones are forgotten.
    pub right_since: u64,
    /// Whether no right one came at all since flaglink was started, or since its secret was changed.
    pub none_right: bool,
}

/// What was done, or would be done, about one webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HookDone {
    /// `project`, `group` or `provider`.
    pub kind: String,
    /// The path of the project or group, or the provider's name.
    pub name: String,
    /// What was done, for people; empty: nothing had to be done.
    pub did: Vec<String>,
    /// Why it could not be done.
    pub problem: Option<HookProblem>,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HookTested {
    /// `project` or `group`.
    pub kind: String,
    /// Its path.
    pub name: String,
    /// What it was tested with, such as `note_events`; null where nothing could be sent.
    pub trigger: Option<String>,
    /// Whether GitLab says that the delivery was taken.
    pub taken: bool,
    /// Whether it arrived at this flaglink, with the right secret.
    pub arrived: bool,
    /// What went wrong.
    pub problem: Option<HookProblem>,
}
