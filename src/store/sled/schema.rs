//! The layout of the store.

/// The layout of the store that this version reads and writes.
pub const SCHEMA_VERSION: u32 = 1;
