//! How GitLab and the flag services were when they were last asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::notify;
use crate::bot::World;
use crate::config::Config;
use crate::flags::ProviderError;
use crate::gitlab::GitlabError;
use crate::http::api_types;
use crate::pipeline::Pipeline;

/// How often they are asked while all is well.
const ASK: Duration = Duration::from_secs(60);
/// How often one that was not well is asked.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// How long whoever wants to know how it is waits for those that were not well to be asked anew.
const ANEW: Duration = Duration::from_secs(1);
/// What was asked so lately is not asked anew, however often somebody wants to know.
const FRESH: Duration = Duration::from_millis(500);

/// What was last heard, by name; GitLab is `gitlab`, with a rule's own token `gitlab (the token of PATTERN)`, a provider
/// `providers.NAME`.
#[derive(Default)]
pub(super) struct Health {
    heard: Mutex<BTreeMap<String, Result<(), String>>>,
    /// What has a new secret read, likewise by name.
    read_anew_by: Mutex<BTreeMap<String, &'static str>>,
    /// When it was last begun to ask all of them. Held while they are asked.
    asked: tokio::sync::Mutex<Option<Instant>>,
}

impl Health {
    pub(super) fn of_gitlab(&self) -> api_types::Health {
        self.of("gitlab")
    }

    pub(super) fn of_provider(&self, name: &str) -> api_types::Health {
        self.of(&of_provider(name))
    }

    /// Everything that was not well when it was last asked, one line each.
    pub(super) fn troubles(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter_map(|(name, said)| Some(format!("{name}: {}", said.as_ref().err()?))).collect()
    }

    /// All of it in one line.
    fn in_a_line(&self) -> String {
        match self.troubles() {
            troubles if troubles.is_empty() => "GitLab and all flag services answer".to_owned(),
            troubles => format!("Not well: {}", troubles.join("; ")),
        }
    }

    /// Asks anew where something was not well: what has passed meanwhile is not told any more, and what it says is true now.
    pub(super) async fn look_again(&self, pipeline: &Pipeline) {
        if self.troubles().is_empty() {
            return;
        }
        // What does not answer in time stays as it was last heard.
        let _ = tokio::time::timeout(ANEW, ask(pipeline, self, FRESH)).await;
    }

    /// Goes by that configuration where it says how a new secret is read.
    pub(super) fn configure(&self, config: &Config) {
        let rules = config.rules.rules.iter().map(|rule| (of_rule(&rule.pattern), "[[projects]]".to_owned()));
        let tables = config.providers.iter().map(|table| &table.name);
        let tables = tables.map(|name| (of_provider(name), format!("[providers.{name}]")));
        let gitlab = ("gitlab".to_owned(), "[gitlab]".to_owned());
        let all = std::iter::once(gitlab).chain(rules).chain(tables);
        let all = all.map(|(name, table)| (name, config.read_anew_by(&table))).collect();
        *self.read_anew_by.lock().unwrap_or_else(PoisonError::into_inner) = all;
    }

    fn read_anew_by(&self, name: &str) -> &'static str {
        let all = self.read_anew_by.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(name).copied().unwrap_or("flaglink reload")
    }

    /// Forgets whoever is not asked any more.
    fn keep(&self, asked: &BTreeSet<String>) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| asked.contains(name));
    }

    fn of(&self, name: &str) -> api_types::Health {
        match self.heard.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            Some(Ok(())) => api_types::Health::Good,
            Some(Err(why)) => api_types::Health::Bad { why: why.clone() },
            None => api_types::Health::Unknown,
        }
    }

    fn hear(&self, name: String, said: Result<(), String>) -> bool {
        let good = said.is_ok();
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let before = heard.insert(name.clone(), said.clone());
        drop(heard);
        match (before, said) {
            (Some(Ok(())) | None, Err(why)) => {
                tracing::warn!(peer = name, why, "not well; what comes in is kept until it is");
            }
            (Some(Err(_)), Ok(())) => tracing::info!(peer = name, "well again"),
            _ => {}
        }
        good
    }
}

/// Asks until `stop` says so, and has systemd show what is heard.
pub(super) async fn watch(pipeline: Arc<Pipeline>, health: Arc<Health>, stop: CancellationToken) {
    let mut shown = None;
    loop {
        let all_well = tokio::select! {
            all_well = ask(&pipeline, &health, Duration::ZERO) => all_well,
            () = stop.cancelled() => return,
        };
        let line = health.in_a_line();
        if shown.as_ref() != Some(&line) {
            notify::status(&line);
            shown = Some(line);
        }
        tokio::select! {
            () = tokio::time::sleep(if all_well { ASK } else { ASK_AGAIN }) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Asks all of them, unless that was done in the time before. Whether all are well.
async fn ask(pipeline: &Pipeline, health: &Health, before: Duration) -> bool {
    let mut last = health.asked.lock().await;
    if last.is_some_and(|last| last.elapsed() < before) {
        return health.troubles().is_empty();
    }
    // Whoever asks may not wait for the end.
    *last = Some(Instant::now());
    ask_all(pipeline, health).await
}

/// Asks all of them side by side: one that hangs keeps nobody from hearing how the others are.
async fn ask_all(pipeline: &Pipeline, health: &Health) -> bool {
    let world = pipeline.world();
    let mut asked = BTreeSet::from(["gitlab".to_owned()]);
    asked.extend(world.gitlab_by_rule().map(|(pattern, _)| of_rule(pattern)));
    asked.extend(world.flags().iter().map(|provider| of_provider(provider.name())));
    health.keep(&asked);
    let providers = join_all(world.flags().iter().map(async |provider| {
        let name = of_provider(provider.name());
        let anew = health.read_anew_by(&name);
        let said = provider.check().await.map_err(|error| of_service(provider.service(), &error, anew));
        health.hear(name, said)
    }));
    let (gitlab, providers) = tokio::join!(ask_gitlab(&world, health), providers);
    gitlab && providers.into_iter().all(|well| well)
}

async fn ask_gitlab(world: &World, health: &Health) -> bool {
    for rule in &world.rules().rules {
        // Who we are is asked once per token and kept, and from when on the rule holds is written down.
        if let Err(trouble) = world.rule_since(rule).await {
            tracing::warn!(reason = %trouble, rule = rule.pattern, "cannot write down since when the rule holds");
        }
        if let Err(trouble) = world.me(rule).await {
            tracing::debug!(reason = %trouble, rule = rule.pattern, "GitLab does not say who we are");
        }
    }
    let anew = health.read_anew_by("gitlab");
    let gitlab = world.gitlab().me().await.map(|_| ()).map_err(|error| of_gitlab(&error, anew));
    let mut all_well = health.hear("gitlab".to_owned(), gitlab);
    for (pattern, client) in world.gitlab_by_rule() {
        let name = of_rule(pattern);
        let anew = health.read_anew_by(&name);
        let said = client.me().await.map(|_| ()).map_err(|error| of_gitlab(&error, anew));
        all_well &= health.hear(name, said);
    }
    all_well
}

fn of_rule(pattern: &str) -> String {
    format!("gitlab (the token of {pattern})")
}

fn of_provider(name: &str) -> String {
    format!("providers.{name}")
}

/// What is the matter with GitLab, and what to do about it where somebody must. `anew`: what has a new token read.
fn of_gitlab(error: &GitlabError, anew: &str) -> String {
    match error {
        GitlabError::Failed(failure) if failure.status == Some(403) => {
            format!("the access token may not do what flaglink needs: it wants the scope `api` ({failure})")
        }
        GitlabError::Failed(failure) if failure.is_unauthorized() => format!(
            "GitLab does not accept the access token: mistyped, expired or revoked? Put a new one in its place and have \
             it read: `{anew}` ({failure})"
        ),
        GitlabError::Failed(failure) if failure.is_not_found() => {
            format!("there is no GitLab at `url` in [gitlab] ({failure})")
        }
        other => other.to_string(),
    }
}

/// The same of a flag service.
fn of_service(service: &str, error: &ProviderError, anew: &str) -> String {
    match error {
        ProviderError::Failed(failure) if failure.is_unauthorized() => format!(
            "{service} does not accept the key: mistyped, expired or deleted? Put a new one in its place and have it \
             read: `{anew}` ({failure})"
        ),
        other => other.to_string(),
    }
}
