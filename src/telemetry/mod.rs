//! Logs, metrics, and the id that follows one webhook through everything.

mod metrics;

pub use metrics::Metrics;
