//! The store on sled: what it promises, under everything that can be done to it without breaking the disk.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

#[path = "store/kit.rs"]
mod kit;

#[path = "store/deliveries.rs"]
mod deliveries;
#[path = "store/export.rs"]
mod export;
#[path = "store/flat.rs"]
mod flat;
#[path = "store/model.rs"]
mod model;
#[path = "store/opening.rs"]
mod opening;
#[path = "store/queues.rs"]
mod queues;
#[path = "store/records.rs"]
mod records;
#[path = "store/together.rs"]
mod together;
