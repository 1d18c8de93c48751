//! How the API reads what it is asked, and says what the store answered.

use hyper::StatusCode;

use super::body::{Answer, json};
use super::probes::problem;
use crate::store::StoreError;

/// How many of something are shown where nobody says how many.
pub const DEFAULT_LIMIT: usize = 100;

/// How many of something are shown at most.
pub const MAX_LIMIT: usize = 1000;

pub(super) fn answer<T: serde::Serialize>(read: Result<T, StoreError>) -> Answer {
    match read {
        Ok(value) => json(StatusCode::OK, &value),
        Err(error) => unreadable(&error),
    }
}

pub(super) fn unreadable(error: &StoreError) -> Answer {
    tracing::error!(%error, "the store could not be read for the API");
    problem(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

pub(super) fn read_limit(value: &str) -> Result<usize, Box<Answer>> {
    match value.parse() {
        Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(Box::new(problem(
            StatusCode::BAD_REQUEST,
            format!("limit: give a number from 1 to {MAX_LIMIT}"),
        ))),
    }
}

pub(super) fn unknown_parameter(name: &str, known: &str) -> Answer {
    let name: String = name.chars().take(40).collect();
    problem(StatusCode::BAD_REQUEST, format!("`{name}` is no parameter here; there is {known}"))
}
