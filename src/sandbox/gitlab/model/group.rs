//! Groups.

use std::collections::BTreeMap;

/// A group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Id.
    pub id: u64,
    /// Full path.
    pub path: String,
    /// Access levels of its members, by their ids. Projects below do not inherit them here.
    pub members: BTreeMap<u64, u32>,
}
