//! How the store is to be opened.

/// How the store is to be opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// How much memory sled may use to keep pages, in bytes.
    pub cache_bytes: u64,
    /// So many inbox entries may wait; deliveries beyond are refused. What follows from those that were taken is not.
    pub backlog: u64,
    /// How much room on the disk is kept at least, in bytes, in which what waits can be worked off when the disk is full.
    /// 0: none, for whoever only looks.
    pub reserve: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { cache_bytes: 32 * 1024 * 1024, backlog: u64::MAX, reserve: 0 }
    }
}
