//! What a panel shows.

use jiff::Timestamp;

use crate::domain::{Change, Flag, FlagState, LinkChange};

/// More flags than this are counted, not shown.
pub(super) const SHOWN_FLAGS: usize = 100;

/// One flag of a panel.
#[derive(Debug, Clone)]
pub struct PanelFlag<'a> {
    /// The flag.
    pub flag: &'a Flag,
    /// How it is named here: its key, or `provider:key` where flags of several providers are in the panel.
    pub name: String,
    /// Its state; `None` where none was ever read.
    pub state: Option<&'a FlagState>,
    /// Since when the provider does not know it any more.
    pub missing_since: Option<Timestamp>,
    /// Whether the provider has another flag of the same key since.
    pub made_again: bool,
    /// Whether its provider is not configured (any more), so that the state may be old.
    pub unwatched: bool,
    /// Its last changes.
    pub history: &'a [Change],
    /// Who linked it.
    pub linked_by: &'a str,
    /// When.
    pub linked_at: Timestamp,
}

/// Everything a panel shows. No clock: the same truth always gives the same text.
#[derive(Debug, Clone)]
pub struct PanelView<'a> {
    /// The flags, in the order of linking.
    pub flags: Vec<PanelFlag<'a>>,
    /// Links made and taken away here.
    pub links: &'a [LinkChange],
    /// Whether values are shown; where not, that there is one is all that is said.
    pub show_values: bool,
}
