//! What entries of the inbox mean, and which of them are decided as one.

use jiff::Timestamp;

use crate::bot::limits::CLAIMS;
use crate::bot::{Entry, Made};
use crate::domain::{Event, FlagPointer, InboxEntry, InboxId};

/// What is known of an entry without its body, which may be large.
pub(super) struct Known {
    pub(super) id: InboxId,
    pub(super) attempts: u32,
    pub(super) since: Option<Timestamp>,
    pub(super) large: bool,
    not_before: Option<Timestamp>,
    revived: bool,
}

/// What entries mean.
pub(super) enum Meaning {
    /// An event that is to be decided.
    Event(Event),
    /// Decided already: it takes nothing but a look at it.
    Made(Made),
    /// Another version wrote it.
    Unknown,
    /// Nothing is left of it: it is done with.
    Over,
}

/// Entries that follow each other and are decided as one, since those after the first say nothing else but what they claim.
pub(super) struct Alike {
    pub(super) entries: Vec<Known>,
    pub(super) source: String,
    pub(super) meaning: Meaning,
}

impl Alike {
    /// One entry by itself.
    pub(super) fn one(entry: &InboxEntry, large: bool, source: String, meaning: Meaning) -> Self {
        let InboxEntry { id, attempts, not_before, revived, since, .. } = *entry;
        let known = Known { id, attempts, since, large, not_before, revived };
        Self { entries: vec![known], source, meaning }
    }

    /// An entry that is done with.
    pub(super) fn over(id: InboxId) -> Self {
        let known = Known { id, attempts: 0, since: None, large: false, not_before: None, revived: false };
        Self { entries: vec![known], source: String::new(), meaning: Meaning::Over }
    }

    /// Takes what follows, if it says that the same flag is to be looked at: one look answers both, and what they claim is weighed
    /// together. Otherwise it is given back.
    pub(super) fn join(&mut self, mut next: Self) -> Option<Self> {
        let is_alike = |a: &Known, b: &Known| a.attempts == b.attempts && a.revived == b.revived;
        let both_alike = match (self.entries.last(), next.entries.first()) {
            (Some(last), Some(first)) => is_alike(last, first),
            _ => false,
        };
        match (&mut self.meaning, &mut next.meaning) {
            (
                Meaning::Event(Event::FlagChanged { provider, flag, claims }),
                Meaning::Event(Event::FlagChanged { provider: its, flag: same, claims: newer }),
            ) if both_alike
                && provider == its
                && flag == same
                && matches!(flag, FlagPointer::Key { .. })
                && claims.len().saturating_add(newer.len()) <= CLAIMS =>
            {
                newer.append(claims);
                *claims = std::mem::take(newer);
                self.entries.append(&mut next.entries);
                None
            }
            _ => Some(next),
        }
    }

    /// What a behaviour is told of them: it answers whoever came last.
    pub(super) fn entry(&self, now: Timestamp) -> Option<Entry> {
        let last = self.entries.last()?;
        let not_before = self.entries.iter().filter_map(|entry| entry.not_before).max();
        Some(Entry { id: last.id, attempts: last.attempts, not_before, revived: last.revived, now })
    }
}
