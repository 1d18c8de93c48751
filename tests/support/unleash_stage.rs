//! The sandbox's Unleash as a stage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use flaglink::flags::FlagProvider;
use flaglink::flags::unleash::{Unleash, UnleashSecrets, UnleashSettings};
use flaglink::net::{HttpClient, HttpOptions};
use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::unleash::{self as sandbox, Person};
use flaglink::telemetry::Metrics;
use secrecy::SecretString;
use serde_json::json;

use crate::conformance::{Sending, Stage};

/// What the stage's webhook has in its `Authorization` header.
pub(crate) const SECRET: &str = "Bearer a-shared-secret";

pub(crate) struct UnleashStage {
    pub(crate) unleash: sandbox::Unleash,
    pub(crate) ada: Person,
    pub(crate) token: String,
    told: AtomicUsize,
}

/// A provider for the project `default` at that address.
pub(crate) fn provider(url: &str, token: &str) -> Unleash {
    let options = HttpOptions {
        peer: "unleash".to_owned(),
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(5),
        in_flight: 4,
        ca_file: None,
    };
    let http = HttpClient::new(options, Arc::new(Metrics::default())).unwrap();
    let settings: UnleashSettings = serde_json::from_value(json!({ "url": url })).unwrap();
    let secrets = UnleashSecrets {
        api_token: SecretString::from(token),
        webhook: vec![SecretString::from("the one before"), SecretString::from(SECRET)],
    };
    Unleash::new("unleash", &settings, secrets, http).unwrap()
}

#[async_trait]
impl Stage for UnleashStage {
    const MORE_THAN_A_PAGE: usize = 501;
    const VALUES: bool = false;

    async fn set_up() -> Self {
        let unleash = sandbox::Unleash::start().await.unwrap();
        unleash.take_private_addresses(true);
        // Of another project nothing may ever show.
        unleash.new_project("other", "Another");
        let bob = unleash.person("bob").in_project("other");
        bob.new_flag("not_ours", "").unwrap();
        unleash.hold_deliveries();
        unleash.webhook("http://127.0.0.1:9/", SECRET);
        let ada = unleash.person("ada");
        let token = unleash.token();
        let told = AtomicUsize::new(unleash.deliveries().len());
        Self { unleash, ada, token, told }
    }

    fn provider(&self) -> Arc<dyn FlagProvider> {
        Arc::new(provider(&self.unleash.url(), &self.token))
    }

    fn odd_environment(number: usize) -> String {
        format!("review-{number}.x~")
    }

    async fn environment(&self, name: &str) {
        self.ada.new_environment(name, "test").unwrap();
    }

    async fn make(&self, key: &str, description: &str) {
        self.ada.new_flag(key, description).unwrap();
    }

    async fn switch(&self, key: &str, environment: &str, on: bool) {
        self.ada.switch(key, environment, on).unwrap();
    }

    async fn archive(&self, key: &str) {
        self.ada.archive(key).unwrap();
    }

    async fn delete(&self, key: &str) {
        // Only what is in the archive can be deleted.
        let _ = self.ada.archive(key);
        self.ada.delete(key).unwrap();
    }

    async fn tag(&self, key: &str, label: &str) {
        self.ada.tag(key, "simple", label).unwrap();
    }

    async fn revoke_key(&self) {
        self.unleash.revoke_token(&self.token);
    }

    async fn hide(&self) {
        self.unleash.faults().add(Rule::everything(Fault::status(404)));
    }

    async fn throttle(&self, length: Duration) {
        self.unleash.faults().add(Rule::everything(Fault::too_many(Some(length.as_secs()))));
    }

    async fn behave(&self) {
        self.unleash.faults().clear();
    }

    async fn go_away(&self) {
        self.unleash.server().go_away().await;
    }

    async fn sendings(&self) -> Vec<Sending> {
        let all = self.unleash.deliveries();
        let new = all.iter().skip(self.told.swap(all.len(), Ordering::SeqCst));
        new.map(|delivery| Sending {
            headers: BTreeMap::from([
                ("content-type".to_owned(), "application/json".to_owned()),
                ("authorization".to_owned(), SECRET.to_owned()),
            ]),
            body: delivery.body.clone().into(),
        })
        .collect()
    }

    fn forged(genuine: &Sending) -> Vec<Sending> {
        ["", "a-shared-secret", "Bearer a-shared-secret2", "bearer a-shared-secret"]
            .into_iter()
            .map(|value| {
                let mut forged = genuine.clone();
                forged.headers.insert("authorization".to_owned(), value.to_owned());
                forged
            })
            .collect()
    }

    fn requests(&self) -> usize {
        self.unleash.faults().log().len()
    }

    fn odd_keys(&self) -> Vec<&'static str> {
        vec!["checkout.v2", "a~b", "ab!", "it's", "(x)", "*", "-", "_", "UPPER", "...", "9"]
    }
}
