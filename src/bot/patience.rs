//! Waiting, in the middle of a long piece of work, for a service that has no answer for the moment.

use std::time::Duration;

use tokio::time::Instant;

use super::Trouble;
use crate::net::Failure;

/// How long is waited where the service does not say.
const PAUSE: Duration = Duration::from_secs(30);

/// Asks until there is an answer, or a failure that does not pass by itself. No longer than `longest`: then it is the last
/// failure. Dropping the future ends the waiting.
pub(super) async fn ask<T, E, F>(longest: Duration, mut ask: impl FnMut() -> F) -> Result<T, Trouble>
where
    E: Into<Trouble>,
    F: Future<Output = Result<T, E>>,
{
    let until = Instant::now() + longest;
    loop {
        let trouble = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error.into(),
        };
        if !wait(until, &trouble).await {
            return Err(trouble);
        }
    }
}

/// Waits as long as the service asks for; `false`, at once, where that does not help or takes too long.
pub(super) async fn wait(until: Instant, trouble: &Trouble) -> bool {
    let Some(failure) = trouble.failure.as_ref().filter(|failure| failure.is_passing()) else { return false };
    let pause = failure.retry_after.unwrap_or(PAUSE);
    if pause > until.saturating_duration_since(Instant::now()) {
        return false;
    }
    tracing::info!(?pause, reason = %trouble, "a service has no answer for the moment; it is asked again");
    tokio::time::sleep(pause).await;
    true
}

/// Whether it is a failure of the whole service, not of what was asked about.
pub(super) fn is_of_all(trouble: &Trouble) -> bool {
    let of_all = |failure: &Failure| failure.is_passing() || failure.is_unauthorized();
    trouble.failure.as_ref().is_some_and(of_all)
}
