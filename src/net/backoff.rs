//! stub
use super::Failure;
use std::time::Duration;
/// stub
pub fn delay(attempt: u32, failure: Option<&Failure>) -> Duration {
    let _ = (attempt, failure);
    Duration::from_secs(1)
}
