//! The sandbox's GitLab with its own feature flags as a stage.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use flaglink::flags::FlagProvider;
use flaglink::flags::gitlab::{GitlabFlags, GitlabSettings};
use flaglink::gitlab::GitlabApi;
use flaglink::net::{HttpClient, HttpOptions};
use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{FeatureFlag, FlagEdit, Gitlab, HookSpec, Visibility, level};
use flaglink::telemetry::Metrics;
use serde_json::{Value, json};

use crate::conformance::{Sending, Stage};

/// The project with the flags: the first that the sandbox makes.
pub(crate) const PROJECT: u64 = 41;

pub(crate) struct GitlabStage {
    pub(crate) gitlab: Gitlab,
    pub(crate) alice: u64,
    pub(crate) token: String,
    hook: u64,
    told: AtomicUsize,
}

impl GitlabStage {
    pub(crate) fn client(&self, token: &str) -> GitlabApi {
        let options = HttpOptions {
            peer: "gitlab".to_owned(),
            timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(5),
            in_flight: 4,
            ca_file: None,
        };
        let http = HttpClient::new(options, Arc::new(Metrics::default())).unwrap();
        GitlabApi::new(&self.gitlab.url().parse().unwrap(), token.to_owned().into(), http)
    }

    pub(crate) fn with(&self, settings: Value, clients: Vec<GitlabApi>) -> Arc<dyn FlagProvider> {
        let settings: GitlabSettings = serde_json::from_value(settings).unwrap();
        Arc::new(GitlabFlags::new("gitlab", &settings, clients).unwrap())
    }

    pub(crate) fn flag(&self, key: &str) -> FeatureFlag {
        self.gitlab.read(|model| model.feature_flag(PROJECT, key).cloned()).unwrap()
    }

    /// What stands on a flag: whether it is active, and each strategy with its scopes in order.
    pub(crate) fn stands(&self, key: &str) -> (bool, Vec<(String, Vec<String>)>) {
        let flag = self.flag(key);
        let strategies = flag.strategies.iter().map(|one| {
            let mut scopes: Vec<String> =
                one.scopes.iter().map(|scope| scope.environment_scope.clone()).collect();
            scopes.sort();
            (one.name.clone(), scopes)
        });
        (flag.active, strategies.collect())
    }
}

#[async_trait]
impl Stage for GitlabStage {
    const FROM: u64 = PROJECT;
    const MORE_THAN_A_PAGE: usize = 501;
    const VALUES: bool = false;
    const ARCHIVE: bool = false;
    const MARKS_APART: bool = false;

    async fn set_up() -> Self {
        let gitlab = Gitlab::start().await.unwrap();
        let project = gitlab.project("shop/checkout", Visibility::Private);
        assert_eq!(project, PROJECT);
        // Of another project nothing may ever show.
        let other = gitlab.project("shop/other", Visibility::Private);
        let alice = gitlab.user("alice");
        gitlab.member(project, alice, level::DEVELOPER);
        gitlab.member(other, alice, level::DEVELOPER);
        gitlab.new_feature_flag(alice, other, "checkout", true, vec![default("*")]).unwrap();
        gitlab.environment(other, "production", "production");
        let token = gitlab.project_token(project, level::DEVELOPER, &["api"]).secret;
        gitlab.hold_deliveries();
        let mut spec = HookSpec::everything("http://127.0.0.1:9/", "secret");
        spec.events = vec!["feature_flag_events"];
        let hook = gitlab.hook(project, spec);
        let stage = Self { gitlab, alice, token, hook, told: AtomicUsize::new(0) };
        stage.environment("development").await;
        stage.environment("production").await;
        stage
    }

    fn provider(&self) -> Arc<dyn FlagProvider> {
        self.with(json!({}), vec![self.client(&self.token)])
    }

    fn odd_environment(number: usize) -> String {
        format!("QA {number}_${{eu}}.x")
    }

    async fn environment(&self, name: &str) {
        let tier = if name == "production" || name == "development" { name } else { "other" };
        self.gitlab.environment(PROJECT, name, tier);
    }

    async fn make(&self, key: &str, description: &str) {
        self.gitlab.new_feature_flag(self.alice, PROJECT, key, false, Vec::new()).unwrap();
        let edit = FlagEdit { description: Some(description.to_owned()), ..FlagEdit::default() };
        self.gitlab.edit_feature_flag(self.alice, PROJECT, key, edit).unwrap();
    }

    async fn switch(&self, key: &str, environment: &str, on: bool) {
        let flag = self.flag(key);
        let mut strategies = Vec::new();
        let mut left = 0;
        for strategy in &flag.strategies {
            if strategy.scopes.iter().all(|scope| scope.environment_scope == environment) {
                strategies.push(json!({ "id": strategy.id, "_destroy": true }));
            } else {
                left += 1;
            }
        }
        if on {
            strategies.push(default(environment));
        }
        let active = Some(on || left > 0);
        let edit = FlagEdit { active, strategies, ..FlagEdit::default() };
        self.gitlab.edit_feature_flag(self.alice, PROJECT, key, edit).unwrap();
    }

    async fn delete(&self, key: &str) {
        self.gitlab.delete_feature_flag(self.alice, PROJECT, key).unwrap();
    }

    async fn revoke_key(&self) {
        self.gitlab.revoke_token(&self.token);
    }

    async fn hide(&self) {
        self.gitlab.faults().add(Rule::everything(Fault::status(404)));
    }

    async fn throttle(&self, length: Duration) {
        let headers = vec![("retry-after".to_owned(), length.as_secs().to_string())];
        let body = "Retry later\n".to_owned();
        self.gitlab.faults().add(Rule::everything(Fault::Answer { status: 429, headers, body }));
    }

    async fn behave(&self) {
        self.gitlab.faults().clear();
    }

    async fn go_away(&self) {
        self.gitlab.server().go_away().await;
    }

    async fn sendings(&self) -> Vec<Sending> {
        let all: Vec<Sending> = self.gitlab.read(|model| {
            let sent = model.deliveries_of(self.hook).into_iter();
            sent.map(|one| Sending { headers: one.headers.clone(), body: one.body.clone().into_bytes() })
                .collect()
        });
        let before = self.told.swap(all.len(), Ordering::SeqCst);
        all.into_iter().skip(before).collect()
    }

    fn requests(&self) -> usize {
        self.gitlab.faults().log().len()
    }

    fn odd_keys(&self) -> Vec<&'static str> {
        vec![
            "a",
            "a-1_b--c",
            "enabled",
            "new",
            "x23456789012345678901234567890123456789012345678901234567890123",
        ]
    }
}

/// A strategy for everybody, as the API takes it.
pub(crate) fn default(scope: &str) -> Value {
    strategy("default", json!({}), &[scope])
}

/// A strategy as the API takes it.
pub(crate) fn strategy(name: &str, parameters: Value, scopes: &[&str]) -> Value {
    let scopes: Vec<Value> = scopes.iter().map(|scope| json!({ "environment_scope": scope })).collect();
    json!({ "name": name, "parameters": parameters, "scopes": scopes })
}
