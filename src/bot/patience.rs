//! Waiting, in the middle of a long piece of work, for a service that has no answer for the moment.

use std::time::Duration;

use tokio::time::Instant;

use super::Trouble;
use crate::net::Failure;

/// How long is waited where the service does not say.
const PAUSE: Duration = Duration::from_secs(30);

/// How long it is waited, each time, for a service that has no answer for the moment, and who hears of it.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// How long.
    pub longest: Duration,
    /// Is told why, and after what time it is asked again.
    pub told: &'a (dyn Fn(&Trouble, Duration) + Sync),
}

impl Patience<'_> {
    /// Nobody hears of it but the log.
    pub const fn quiet(longest: Duration) -> Self {
        Self { longest, told: &|_, _| {} }
    }
}

/// Asks until there is an answer, or a failure that does not pass by itself. No longer than there is patience: then it is the last
/// failure. Dropping the future ends the waiting.
pub(super) async fn ask<T, E, F>(patience: Patience<'_>, mut ask: impl FnMut() -> F) -> Result<T, Trouble>
where
    E: Into<Trouble>,
    F: Future<Output = Result<T, E>>,
{
    let until = Instant::now() + patience.longest;
    loop {
        let trouble = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error.into(),
        };
        if !wait(until, patience, &trouble).await {
            return Err(trouble);
        }
    }
}

/// Waits as long as the service asks for; `false`, at once, where that does not help or takes too long.
pub(super) async fn wait(until: Instant, patience: Patience<'_>, trouble: &Trouble) -> bool {
    let Some(failure) = trouble.failure.as_ref().filter(|failure| failure.is_passing()) else { return false };
    let pause = failure.retry_after.unwrap_or(PAUSE);
    if pause > until.saturating_duration_since(Instant::now()) {
        return false;
    }
    tracing::info!(?pause, reason = %trouble, "a service has no answer for the moment; it is asked again");
    (patience.told)(trouble, pause);
    tokio::time::sleep(pause).await;
    true
}

/// Whether it is a failure of the whole service, not of what was asked about.
pub(super) fn is_of_all(trouble: &Trouble) -> bool {
    let of_all = |failure: &Failure| failure.is_passing() || failure.is_unauthorized();
    trouble.failure.as_ref().is_some_and(of_all)
}
