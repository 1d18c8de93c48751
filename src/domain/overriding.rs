//! For whom a flag has overrides, and what those set.

use serde::{Deserialize, Serialize};

/// So many overrides of each kind are kept; more are only counted.
pub(super) const KEPT: usize = 20;

/// For whom an override is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// For the users of a segment.
    Segment,
    /// For one user.
    User,
}

/// What some users get in place of what everybody gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Override {
    /// For whom it is.
    pub whom: Whom,
    /// What the service knows the segment or the user by.
    pub id: String,
    /// What people call the segment or the user, where that is known: of users only webhooks say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// On or off.
    pub on: bool,
    /// The value, as that of the flag is kept; of a long one not all need be kept, but two that differ are kept as two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether the value is a text that reads as a value of another kind.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quoted: bool,
}

impl Override {
    /// Those of them that are kept, in an order of their own.
    pub fn kept(mut all: Vec<Self>) -> Vec<Self> {
        // Numbers are in their order, too.
        all.sort_by(|a, b| (a.whom, a.id.len(), &a.id).cmp(&(b.whom, b.id.len(), &b.id)));
        let mut counts = [0_usize; 2];
        all.retain(|one| {
            let [segments, users] = &mut counts;
            let count = if one.whom == Whom::Segment { segments } else { users };
            *count = count.saturating_add(1);
            *count <= KEPT
        });
        all
    }

    /// Whether both are for the same users.
    pub fn is_same_place(&self, other: &Self) -> bool {
        (self.whom, &self.id) == (other.whom, &other.id)
    }

    /// Whether both set the same.
    pub fn same_as(&self, other: &Self) -> bool {
        (self.on, &self.value, self.quoted) == (other.on, &other.value, other.quoted)
    }

    /// Whether a service says the same with both: it does not say what users are called.
    pub(super) fn reads_as(&self, other: &Self) -> bool {
        let same_name = self.whom == Whom::User || self.name == other.name;
        self.is_same_place(other) && self.same_as(other) && same_name
    }
}
