//! Stories on the real Unleash server. `tests/all --install` gets it and runs them, one after another.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test a panic is the report"
)]

#[macro_use]
#[path = "../support/conformance.rs"]
mod conformance;
mod stage;
#[path = "../support/unleash_server.rs"]
mod unleash_server;

use stage::UnleashStage;
use unleash_server::Unleash;

conformance!(ignored "needs the Unleash server: tests/all --install"; on_unleash, UnleashStage);

#[tokio::test]
#[ignore = "needs the Unleash server: tests/all --install"]
async fn a_burst_of_switches_ends_as_was_said_last_and_every_webhook_comes() {
    let _alone = Unleash::alone().await;
    let unleash = Unleash::shared();
    unleash.make("burst").await;
    for number in 0..20 {
        unleash.switch("burst", "production", number % 2 == 0).await;
    }
    let flag = unleash.flag("burst").await;
    let environments = flag["environments"].as_array().unwrap();
    let enabled =
        |name: &str| environments.iter().find(|one| one["name"] == name).unwrap()["enabled"].clone();
    assert_eq!(enabled("production"), false);
    assert_eq!(enabled("development"), false);
    // Made, twenty switches, and the strategy that the first of them brought.
    let events = unleash.events("burst").await;
    assert_eq!(events.len(), 22);
    // In whatever order they come.
    let deliveries = unleash.deliveries(&events).await;
    assert_eq!(deliveries.len(), 22, "none came twice");
    for delivery in &deliveries {
        assert_eq!(delivery.headers["authorization"], "a-shared-secret");
        assert!(String::from_utf8_lossy(&delivery.body).contains("burst"));
    }
    unleash.delete("burst").await;
}
