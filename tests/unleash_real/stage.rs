//! The real Unleash server as a stage. A proxy stands before it, to count requests and to break what can break.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use flaglink::flags::FlagProvider;
use flaglink::flags::unleash::{Unleash as Provider, UnleashSecrets};
use flaglink::net::{HttpClient, HttpOptions};
use flaglink::sandbox::faults::{Fault, Faults, Rule};
use flaglink::sandbox::server::{Handler, Request, Response, Server};
use flaglink::telemetry::Metrics;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use serde_json::json;
use tokio::sync::MutexGuard;

use crate::conformance::{Sending, Stage};
use crate::unleash_server::{SECRET, Unleash};

/// The server reads its tokens once a minute.
const UNTIL_REVOKED: Duration = Duration::from_secs(100);

/// Hands on to the server what it is asked, and its answers.
struct Forward {
    to: String,
    http: reqwest::Client,
}

#[async_trait]
impl Handler for Forward {
    async fn handle(&self, request: Request) -> Response {
        let mut url = format!("{}{}", self.to, request.path);
        if !request.query.is_empty() {
            url = format!("{url}?{}", request.query);
        }
        let mut on = self.http.request(request.method.clone(), url).body(request.body.clone());
        for name in [AUTHORIZATION, CONTENT_TYPE, ACCEPT] {
            if let Some(value) = request.headers.get(&name) {
                on = on.header(name, value);
            }
        }
        let answer = on.send().await.unwrap();
        let mut response = Response::empty(answer.status());
        for name in [CONTENT_TYPE, RETRY_AFTER] {
            if let Some(value) = answer.headers().get(&name) {
                response.headers.insert(name, value.clone());
            }
        }
        response.body = answer.bytes().await.unwrap();
        response
    }
}

pub(crate) struct UnleashStage {
    unleash: &'static Unleash,
    proxy: Server,
    token: String,
    /// The newest event that was told.
    told: AtomicU64,
    _alone: MutexGuard<'static, ()>,
}

impl UnleashStage {
    /// How often its few searches were used.
    pub(crate) fn searches(&self) -> usize {
        self.proxy.faults().count("GET", "/api/admin/search/features")
    }

    pub(crate) fn provider_of(&self, project: &str) -> Arc<dyn FlagProvider> {
        let options = HttpOptions {
            peer: "unleash".to_owned(),
            timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(5),
            in_flight: 4,
            ca_file: None,
        };
        let http = HttpClient::new(options, Arc::new(Metrics::default())).unwrap();
        let settings = json!({ "url": self.proxy.url(), "project": project });
        let settings = serde_json::from_value(settings).unwrap();
        let secrets =
            UnleashSecrets { api_token: self.token.clone().into(), webhook: vec![SECRET.to_owned().into()] };
        Arc::new(Provider::new("unleash", &settings, secrets, http).unwrap())
    }
}

#[async_trait]
impl Stage for UnleashStage {
    const MORE_THAN_A_PAGE: usize = 501;
    const VALUES: bool = false;
    // It looks the host up when the webhook is made; this one it is told to allow.
    const ELSEWHERE: &'static str = "http://127.0.0.1:9";

    async fn set_up() -> Self {
        static TOKENS: AtomicUsize = AtomicUsize::new(0);
        let alone = Unleash::alone().await;
        let unleash = Unleash::shared();
        // Over the API this would take a request for each, and tell of each by webhook.
        unleash.sql("delete from features");
        unleash.sql("delete from feature_lifecycles");
        unleash.sql("delete from environments where name not in ('development', 'production')");
        // The API makes no tokens for its own administration.
        let token = format!("*:*.token-of-a-story-{}", TOKENS.fetch_add(1, Ordering::SeqCst));
        unleash.sql(&format!(
            "insert into api_tokens (secret, username, token_name, type) values ('{token}', 'story', 'story', 'admin')"
        ));
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let forward = Forward { to: unleash.url().to_owned(), http };
        let proxy = Server::start(Arc::new(forward), Faults::new()).await.unwrap();
        let told = AtomicU64::new(unleash.newest_event().await);
        Self { unleash, proxy, token, told, _alone: alone }
    }

    fn provider(&self) -> Arc<dyn FlagProvider> {
        self.provider_of("default")
    }

    fn odd_environment(number: usize) -> String {
        format!("review-{number}.x")
    }

    async fn environment(&self, name: &str) {
        // The open source edition has the environments that it has.
        self.unleash.sql(&format!(
            "insert into environments (name, type) values ('{name}', 'test');
             insert into project_environments (project_id, environment_name) values ('default', '{name}')"
        ));
    }

    async fn make(&self, key: &str, description: &str) {
        self.unleash.make_described(key, description).await;
    }

    async fn switch(&self, key: &str, environment: &str, on: bool) {
        self.unleash.switch(key, environment, on).await;
    }

    async fn archive(&self, key: &str) {
        self.unleash.archive(key).await;
    }

    async fn delete(&self, key: &str) {
        let archived = format!("select 1 from features where name = '{key}' and archived_at is not null");
        if self.unleash.sql(&archived).is_empty() {
            self.unleash.archive(key).await;
        }
        self.unleash.call("DELETE", &format!("/api/admin/archive/{key}"), None).await;
    }

    async fn tag(&self, key: &str, label: &str) {
        let tag = json!({ "type": "simple", "value": label });
        self.unleash.call("POST", &format!("/api/admin/features/{key}/tags"), Some(tag)).await;
    }

    async fn revoke_key(&self) {
        self.unleash.sql(&format!("delete from api_tokens where secret = '{}'", self.token));
        let begun = Instant::now();
        while self.unleash.accepts(&self.token).await {
            assert!(begun.elapsed() < UNTIL_REVOKED, "the token is still good");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn hide(&self) {
        self.proxy.faults().add(Rule::everything(Fault::status(404)));
    }

    async fn throttle(&self, length: Duration) {
        self.proxy.faults().add(Rule::everything(Fault::too_many(Some(length.as_secs()))));
    }

    async fn behave(&self) {
        self.proxy.faults().clear();
    }

    async fn go_away(&self) {
        self.proxy.go_away().await;
    }

    async fn sendings(&self) -> Vec<Sending> {
        let told = self.told.load(Ordering::SeqCst);
        let events: BTreeSet<u64> = self.unleash.events_after(told).await;
        self.told.fetch_max(events.last().copied().unwrap_or_default(), Ordering::SeqCst);
        let deliveries = self.unleash.deliveries(&events).await.into_iter();
        deliveries.map(|one| Sending { headers: one.headers, body: one.body }).collect()
    }

    fn forged(genuine: &Sending) -> Vec<Sending> {
        // The body is not signed.
        ["", "another", "Bearer a-shared-secret", "a-shared-secre", "a-shared-secret2"]
            .into_iter()
            .map(|value| {
                let mut forged = genuine.clone();
                forged.headers.insert("authorization".to_owned(), value.to_owned());
                forged
            })
            .collect()
    }

    fn requests(&self) -> usize {
        self.proxy.faults().log().len()
    }

    fn odd_keys(&self) -> Vec<&'static str> {
        vec![
            "a",
            "new",
            ".a.",
            "...",
            "-_.~!'()*",
            "A.b-C_d~e!f'g(h)i*j",
            "x23456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789x",
        ]
    }
}
