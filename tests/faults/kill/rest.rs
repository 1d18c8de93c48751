//! Coming to rest in the end.

use std::time::Duration;

use super::place::Place;
use crate::town::PATIENCE;

/// How long everything may take to come to rest in the end.
const REST: Duration = Duration::from_secs(90);

impl Place {
    /// Waits until everything is delivered, everything that was given up is tried again, what no webhook told is found, and
    /// nothing is left to do.
    pub(super) async fn rest(&self) {
        self.gitlab.faults().clear();
        self.gitlab.duplicate_deliveries(0);
        if tokio::time::timeout(REST, self.resting()).await.is_err() {
            let queue = crate::kit::queue(self.admin).await;
            let wrong = self.wrong().join("\n");
            panic!("{}", self.failed(&format!("not at rest: {queue:#?}\n{wrong}")));
        }
    }

    async fn resting(&self) {
        self.quiet().await;
        // Two looks, since the first may have begun before the last comment; and the polls that the panels wait for.
        let looks = self.looks().await;
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        while self.looks().await < looks + 2 || !self.wrong().is_empty() {
            tick.tick().await;
        }
        self.quiet().await;
    }

    async fn quiet(&self) {
        let mut tick = tokio::time::interval(Duration::from_millis(30));
        let mut quiet = 0;
        while quiet < 3 {
            tick.tick().await;
            self.sends_what_failed_again().await;
            let delivered = self.gitlab.read(|model| model.all_delivered());
            self.services.flagsmith.settled(PATIENCE).await.unwrap();
            self.services.unleash.settled(PATIENCE).await.unwrap();
            if self.waiting(&["dead"]).await.is_some_and(|dead| dead > 0) {
                let ended = self.run(&["queue", "retry", "--all"]).ended();
                assert!(ended.success(), "{}", self.failed(&format!("the retry ended with {ended}")));
            }
            let waits = self.waiting(&["inbox", "edges", "levels", "dead"]).await;
            quiet = if delivered && waits == Some(0) { quiet + 1 } else { 0 };
        }
    }
}
