//! What is kept in another form than in [`domain`](crate::domain).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::cell::Packed;
use super::keys::{self, Key};
use crate::domain::{Delivery, DeliverySource, Event, Inbound, InboxEntry, InboxId};

/// An inbox entry; the body of a delivery lies apart, so that looking through the inbox does not read it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredEntry {
    pub(super) what: StoredInbound,
    #[serde(default)]
    pub(super) attempts: u32,
    #[serde(default)]
    pub(super) not_before: Option<Timestamp>,
    #[serde(default)]
    pub(super) last_reason: Option<String>,
    /// When it was put in; an entry of an older version does not know. A delivery knows it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) revived: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoredInbound {
    Delivery(StoredDelivery),
    Event(Event),
    /// What another version wrote. It is written back as it was.
    #[serde(untagged)]
    Unknown(serde_json::Value),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredDelivery {
    pub(super) source: DeliverySource,
    pub(super) key: Option<String>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) received_at: Timestamp,
    /// Where the digest of a body without key is remembered, in hexadecimal.
    pub(super) waiting_body: Option<String>,
}

impl StoredEntry {
    pub(super) fn new(what: StoredInbound) -> Self {
        Self { what, attempts: 0, not_before: None, last_reason: None, since: None, revived: false }
    }

    /// The tree's key that says that an equal body without key waits, if this is such a delivery.
    pub(super) fn waiting_body(&self) -> Option<Key> {
        match &self.what {
            StoredInbound::Delivery(delivery) => hex::decode(delivery.waiting_body.as_ref()?).ok(),
            StoredInbound::Event(_) | StoredInbound::Unknown(_) => None,
        }
    }

    /// The entry as the house knows it. `body` is what was kept apart.
    pub(super) fn whole(self, id: InboxId, body: bytes::Bytes) -> InboxEntry {
        let mut since = self.since;
        let what = match self.what {
            StoredInbound::Delivery(StoredDelivery { source, key, headers, received_at, .. }) => {
                since = Some(received_at);
                Inbound::Delivery(Delivery { source, key, headers, body, received_at })
            }
            StoredInbound::Event(event) => Inbound::Event(event),
            StoredInbound::Unknown(json) => Inbound::Unknown(json.to_string()),
        };
        InboxEntry {
            id,
            what,
            attempts: self.attempts,
            not_before: self.not_before,
            last_reason: self.last_reason,
            since,
            revived: self.revived,
        }
    }
}

/// That a keyed delivery came in.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Remembered {
    /// Its inbox entry, which may be done with.
    pub(super) id: InboxId,
    /// When it came in.
    pub(super) at: Timestamp,
}

/// A delivery, made ready outside the committer: digests and compression take time.
#[derive(Debug)]
pub(super) struct Ready {
    /// The tree's key of what is remembered of it.
    pub(super) memory: Key,
    /// Whether the sender gave it a key.
    pub(super) keyed: bool,
    pub(super) received_at: Timestamp,
    pub(super) entry: StoredEntry,
    pub(super) body: Packed,
}

impl Ready {
    pub(super) fn of(delivery: Delivery) -> Self {
        let Delivery { source, key, headers, body, received_at } = delivery;
        let memory = match &key {
            Some(key) => keys::delivery(&source, key),
            None => keys::waiting_body(&source, &body),
        };
        let keyed = key.is_some();
        let waiting_body = (!keyed).then(|| hex::encode(&memory));
        let entry = StoredEntry::new(StoredInbound::Delivery(StoredDelivery {
            source,
            key,
            headers,
            received_at,
            waiting_body,
        }));
        Self { memory, keyed, received_at, entry, body: Packed::pack(body) }
    }
}
