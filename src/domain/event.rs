//! What comes in: deliveries as they arrived, and events as they are understood.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{NoteKey, NoteSource, Noteable, NoteableKind, ProjectId, Variant};

/// Number of an entry of the inbox; later entries have greater numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InboxId(pub u64);

/// Who sent a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliverySource {
    /// GitLab, by the hook with this id of ours; the hand-made path has the empty id.
    Gitlab {
        /// Id of the hook.
        hook: String,
    },
    /// A provider, by its name in the configuration.
    Provider {
        /// Name of the provider.
        name: String,
    },
}

/// One webhook request, authenticated, as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Who sent it.
    pub source: DeliverySource,
    /// What tells a repeat of it from another one, within the source: GitLab's `Idempotency-Key` or
    /// `webhook-id`, Unleash's event id and its moment. `None` where the sender gives none; then only an equal body that still waits is a repeat.
    pub key: Option<String>,
    /// The few headers that are needed later, lower-case names. Never a secret.
    pub headers: BTreeMap<String, String>,
    /// The body, byte for byte.
    pub body: Bytes,
    /// When it came in.
    pub received_at: Timestamp,
}

/// What became of a delivery that was to be kept. Either way it is on disk when this is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is new.
    New(InboxId),
    /// It was there before.
    Before,
    /// It was there before, had ended as a dead letter, and is alive again.
    Revived(InboxId),
}

/// One entry of the inbox.
#[derive(Debug, Clone)]
pub struct InboxEntry {
    /// Its number.
    pub id: InboxId,
    /// What came in.
    pub what: Inbound,
    /// How often it was tried without an end.
    pub attempts: u32,
    /// Not to be tried before this moment.
    pub not_before: Option<Timestamp>,
    /// Why the last try did not end it; for people.
    pub last_reason: Option<String>,
    /// Since when it is there; `None` where that was not kept.
    pub since: Option<Timestamp>,
    /// It was given up once, and taken back.
    pub revived: bool,
}

/// What an inbox entry holds.
#[derive(Debug, Clone)]
pub enum Inbound {
    /// A webhook request.
    Delivery(Delivery),
    /// An event that a decision gave rise to.
    Event(Event),
    /// What this version does not know: another one wrote it. As it lies on disk, in JSON; it is left there as it is.
    Unknown(String),
}

/// What a delivery, a poll or a finished effect means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody wrote or edited a text that may carry commands. A hint only: the text is read back.
    NoteWritten(NoteHint),
    /// A command was taken and is to be run; `command` is its place in the note's record.
    CommandTaken {
        /// The text that it stands in.
        note: NoteKey,
        /// Its place in [`NoteRecord::commands`](super::NoteRecord).
        command: usize,
    },
    /// An issue or merge request may have another state, title, confidentiality or visibility now.
    NoteableChanged {
        /// Project.
        project: ProjectId,
        /// Issue or merge request.
        kind: NoteableKind,
        /// Number.
        iid: u64,
    },
    /// A flag may have another state now.
    FlagChanged {
        /// Name of the provider.
        provider: String,
        /// Which flag, as far as the webhook or the poll can tell.
        flag: FlagPointer,
        /// What is claimed about it: by a webhook, or by what the service tells of a while; the newest first.
        #[serde(default)]
        claims: Vec<Claim>,
    },
    /// What was gathered on a noteable is to be told when its time has come.
    TellDue(Noteable),
}

/// Where a text that may carry commands is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteHint {
    /// Project.
    pub project: ProjectId,
    /// Issue or merge request.
    pub kind: NoteableKind,
    /// Number.
    pub iid: u64,
    /// Note or description.
    pub source: NoteSource,
    /// The discussion that the body names. To be checked before it is used.
    pub discussion: Option<String>,
    /// The body says that somebody else than its author has just put it there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_another: bool,
}

/// Which flag a webhook or a poll speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagPointer {
    /// By the provider's internal id.
    Id(String),
    /// By key, in the given scope where the provider has scopes (empty: unknown).
    Key {
        /// Scope.
        scope: String,
        /// Key.
        key: String,
    },
    /// Cannot be told: every linked flag of the provider is to be looked at.
    Any,
}

/// What a flag webhook claims happened. It is shown only where it matches what is then read, and people are named only where what
/// was claimed accounts for every part of a change (on or off, value, details).
///
/// | the webhook says | set |
/// | --- | --- |
/// | that it is on or off now, and nothing else | `on`; it also accounts for details that a switch changes on the way |
/// | the whole state there | `on` and `value`; of several such the first counts that shows what was read |
/// | which part was changed, not to what | `part` alone: it accounts for that part, and nothing else of the claim counts |
/// | that something but on and off was changed | `not_of_on`, without `on` and `value` |
/// | that something happened there | none of these |
/// | that the flag was archived, called stale or deleted | `archived`, `stale`, `deleted`, without `environment` |
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Name of the environment.
    pub environment: Option<String>,
    /// Whether `on` is about the flag in all its environments; `environment` is `None` then.
    #[serde(default)]
    pub everywhere: bool,
    /// On or off now.
    pub on: Option<bool>,
    /// Whether it is about something else than on and off, such as a strategy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_of_on: bool,
    /// The value now; `Some(None)` claims that there is none.
    #[serde(default, with = "claimed_value")]
    pub value: Option<Option<String>>,
    /// The variants with their shares now, where the flag has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variants: Option<Vec<Variant>>,
    /// The share of users, in percent, that a strategy has there now, or the flag where it has no strategies: a claim counts only where
    /// such a share was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f32>,
    /// Archived (`true`) or restored now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// Called stale (`true`) or not any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<bool>,
    /// Who did it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When, by the provider's clock.
    pub at: Option<Timestamp>,
    /// Which part of the environment's state it is about, where that is said and nothing more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<StatePart>,
    /// Whether it claims that something was changed there that shows, and does not say what: a read that shows no change is worth
    /// repeating.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
    /// Whose override it is about, and what that sets now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ClaimedUser>,
    /// Whether it claims that the flag was deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Whether something is claimed that shows in [`FlagState`](super::FlagState), so that a read that
    /// shows `on` or `value` otherwise is worth repeating.
    #[serde(default)]
    pub visible: bool,
}

/// What is claimed of the override for one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedUser {
    /// What the service knows the user by.
    pub id: String,
    /// What people call the user, as far as it may be shown.
    pub name: String,
    /// On or off.
    pub on: bool,
    /// The value.
    pub value: Option<String>,
}

/// A part of what a flag is set to in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatePart {
    /// Whether it is on.
    On,
    /// Its value.
    Value,
    /// Everything else: overrides, variants, shares, strategies.
    Details,
}

/// Keeps "no value is claimed" and "the claim is that there is no value" apart in JSON.
mod claimed_value {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        value: &Option<Option<String>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().map(|inner| [inner]).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<String>>, D::Error> {
        Ok(Option::<[Option<String>; 1]>::deserialize(deserializer)?.map(|[inner]| inner))
    }
}
