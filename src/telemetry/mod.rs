//! Logs, metrics, and the id that follows one webhook through everything.

mod catalogue;
mod logs;
mod metrics;
mod trace_id;

pub use catalogue::{METRICS, MetricSpec, metrics_markdown};
pub use logs::{FILTER_VARIABLE, LogError, LogFormat, LogOptions};
pub use metrics::{Metrics, VERSION};
pub use trace_id::TraceId;
