//! The sandbox's Flagsmith as a stage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use flaglink::flags::FlagProvider;
use flaglink::flags::flagsmith::{Flagsmith, FlagsmithSecrets, FlagsmithSettings};
use flaglink::net::{HttpClient, HttpOptions};
use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::flagsmith::{self as sandbox, Person, Scope, throttled};
use flaglink::telemetry::Metrics;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::conformance::{Sending, Stage};

/// What the stage's webhook is signed with.
pub(crate) const SECRET: &str = "a-shared-secret";

/// A provider for that address, project and key; `more` are further settings.
pub(crate) fn provider(url: &str, project: u64, key: &str, more: Value) -> Flagsmith {
    let options = HttpOptions {
        peer: "flagsmith".to_owned(),
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(5),
        in_flight: 4,
        ca_file: None,
    };
    let http = HttpClient::new(options, Arc::new(Metrics::default())).unwrap();
    let mut settings = json!({ "url": url, "project": project });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let settings: FlagsmithSettings = serde_json::from_value(settings).unwrap();
    let secrets = FlagsmithSecrets {
        api_key: SecretString::from(key),
        webhook: vec![SecretString::from("the-one-before"), SecretString::from(SECRET)],
    };
    Flagsmith::new("flagsmith", &settings, secrets, http).unwrap()
}

/// The stage; with `VERSIONS` its environments use version 2 of feature versioning.
pub(crate) struct FlagsmithStage<const VERSIONS: bool> {
    pub(crate) flagsmith: sandbox::Flagsmith,
    pub(crate) project: u64,
    pub(crate) ada: Person,
    hook: u64,
    told: AtomicUsize,
}

impl<const VERSIONS: bool> FlagsmithStage<VERSIONS> {
    pub(crate) fn with_key(&self, key: &str) -> Arc<Flagsmith> {
        Arc::new(provider(&self.flagsmith.url(), self.project, key, json!({})))
    }
}

#[async_trait]
impl<const VERSIONS: bool> Stage for FlagsmithStage<VERSIONS> {
    const MORE_THAN_A_PAGE: usize = 1_002;

    async fn set_up() -> Self {
        let flagsmith = sandbox::Flagsmith::start().await.unwrap();
        // Of another project nothing may ever show.
        let other = flagsmith.new_project("Another");
        let bob = flagsmith.person("bob@example.com", other);
        bob.new_environment("production").unwrap();
        bob.new_flag("checkout", true, "not ours").unwrap();
        let project = flagsmith.new_project("Web shop");
        let ada = flagsmith.person("ada@example.com", project);
        // Nobody listens there; what is sent is taken from the sandbox's own log.
        flagsmith.hold_deliveries();
        let hook = flagsmith.organisation_webhook("http://127.0.0.1:9/", SECRET);
        ada.new_segment("beta users");
        let stage = Self { flagsmith, project, ada, hook, told: AtomicUsize::new(0) };
        stage.environment("development").await;
        stage.environment("production").await;
        stage
    }

    fn provider(&self) -> Arc<dyn FlagProvider> {
        self.with_key(&self.flagsmith.api_key())
    }

    async fn environment(&self, name: &str) {
        self.ada.new_environment(name).unwrap();
        if VERSIONS {
            self.ada.use_versions(name).unwrap();
        }
    }

    async fn make(&self, key: &str, description: &str) {
        self.ada.new_flag(key, false, None::<&str>).unwrap();
        self.ada.describe(key, description).unwrap();
    }

    async fn switch(&self, key: &str, environment: &str, on: bool) {
        self.ada.switch(key, environment, on).unwrap();
    }

    async fn set_value(&self, key: &str, environment: &str, value: &str) {
        self.ada.set_value(key, environment, value).unwrap();
    }

    async fn override_for_some(&self, key: &str, environment: &str, value: &str) {
        self.ada.override_for_segment(key, environment, "beta users", true, value).unwrap();
    }

    async fn drop_override(&self, key: &str, environment: &str) {
        self.ada.drop_override_for_segment(key, environment, "beta users").unwrap();
    }

    async fn archive(&self, key: &str) {
        self.ada.archive(key, true).unwrap();
    }

    async fn delete(&self, key: &str) {
        self.ada.delete(key).unwrap();
    }

    async fn tag(&self, key: &str, label: &str) {
        self.ada.tag(key, label).unwrap();
    }

    async fn revoke_key(&self) {
        self.flagsmith.revoke_api_key("flag-bot");
    }

    async fn hide(&self) {
        self.flagsmith.faults().add(Rule::everything(Fault::status(404)));
    }

    async fn throttle(&self, length: Duration) {
        self.flagsmith.faults().add(Rule::everything(throttled(length.as_secs())));
    }

    async fn behave(&self) {
        self.flagsmith.faults().clear();
    }

    async fn go_away(&self) {
        self.flagsmith.server().go_away().await;
    }

    async fn sendings(&self) -> Vec<Sending> {
        let all = self.flagsmith.deliveries();
        let new = all.iter().skip(self.told.swap(all.len(), Ordering::SeqCst));
        new.filter(|delivery| {
            matches!(delivery.scope, Scope::Organisation(_)) && delivery.webhook == self.hook
        })
        .map(|delivery| Sending {
            headers: BTreeMap::from([
                ("content-type".to_owned(), "application/json".to_owned()),
                ("x-flagsmith-signature".to_owned(), delivery.signature.clone().unwrap()),
            ]),
            body: delivery.body.clone().into_bytes(),
        })
        .collect()
    }

    fn requests(&self) -> usize {
        self.flagsmith.faults().log().len()
    }

    fn odd_keys(&self) -> Vec<&'static str> {
        vec![
            "with spaces in it",
            "a/b?c=d&e#f",
            "100%",
            "ümläut_ß",
            "a+b",
            "'quoted'",
            "`|<b>@all",
            "..",
            "-",
        ]
    }
}
