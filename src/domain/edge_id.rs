//! What an edge is called by whatever waits for it.

use serde::{Deserialize, Serialize};

/// Number of an edge; later edges have greater numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EdgeId(pub u64);
