//! Webhooks of flaglink's own: made, changed, removed; what they could not deliver; and what this GitLab can.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::api::GitlabApi;
use super::client::parse;
use super::endpoints::{self, DeleteHook, FailedEvents, HookHome, TestHook, WriteHook};
use super::error::{GitlabError, GitlabResult};
use super::hooks::{Hook, RawHook, TEST_TRIGGERS, has_nothing_to_send};
use super::lenient::{Object, id, lenient};

/// How a webhook is to be.
#[derive(Debug, Clone)]
pub struct HookWish {
    /// Where it sends to.
    pub url: Url,
    /// What it is to be sent for.
    pub events: BTreeSet<&'static str>,
    /// Its secret token.
    pub token: SecretString,
    /// Its signing token, where this GitLab takes one.
    pub signing_token: Option<SecretString>,
    /// Its name and description, where this GitLab keeps them.
    pub name: Option<&'static str>,
    /// See `name`.
    pub description: Option<&'static str>,
}

/// Every event that a webhook can be sent for (`lib/api/entities/hook.rs`, and for groups
/// `ee/lib/api/entities/group_hook.rs`). Those that a GitLab does not know it leaves out.
pub(super) const EVENTS: [&str; 20] = [
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "issues_events",
    "confidential_issues_events",
    "note_events",
    "confidential_note_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "feature_flag_events",
    "job_events",
    "releases_events",
    "milestone_events",
    "emoji_events",
    "resource_access_token_events",
    "vulnerability_events",
    "subgroup_events",
    "member_events",
    "project_events",
];

impl HookWish {
    /// Events that are wanted and that it is not sent for.
    pub fn missing(&self, hook: &Hook) -> Vec<String> {
        let has = |event: &str| hook.triggers.iter().any(|trigger| trigger == event);
        self.events.iter().filter(|event| !has(event)).map(|event| (*event).to_owned()).collect()
    }

    /// Events that it is sent for and that are of no use.
    pub fn needless(&self, hook: &Hook) -> Vec<String> {
        // Events that are not in our list cannot be switched off by us.
        let ours =
            |event: &&String| EVENTS.contains(&event.as_str()) && !self.events.contains(event.as_str());
        hook.triggers.iter().filter(ours).cloned().collect()
    }

    /// Whether certificates are to be checked.
    pub fn checks_certificates(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// What a server says back must not bring a secret into a log.
    fn without_secrets(&self, error: GitlabError) -> GitlabError {
        let clean = |text: String| {
            let secrets = std::iter::once(&self.token).chain(&self.signing_token);
            secrets.fold(text, |text, secret| {
                let whole = text.replace(secret.expose_secret(), "[secret]");
                // What was said is shortened: the beginning of a secret may stand at its end.
                let beginning: String = secret.expose_secret().chars().take(BEGINNING).collect();
                match whole.find(&beginning) {
                    Some(at) => format!("{}[secret]", whole.get(..at).unwrap_or_default()),
                    None => whole,
                }
            })
        };
        match error {
            GitlabError::Failed(mut failure) => {
                failure.message = clean(failure.message);
                failure.said = clean(failure.said);
                GitlabError::Failed(failure)
            }
            GitlabError::Strange(text) => GitlabError::Strange(clean(text)),
        }
    }

    /// The token is in every body: GitLab drops it when the address changes without it (gitlab#384326).
    fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("url".to_owned(), json!(self.url.as_str()));
        body.insert("token".to_owned(), json!(self.token.expose_secret()));
        body.insert("enable_ssl_verification".to_owned(), json!(self.checks_certificates()));
        for event in EVENTS {
            body.insert(event.to_owned(), json!(self.events.contains(event)));
        }
        if let Some(token) = &self.signing_token {
            body.insert("signing_token".to_owned(), json!(token.expose_secret()));
        }
        for (key, text) in [("name", self.name), ("description", self.description)] {
            if let Some(text) = text {
                body.insert(key.to_owned(), json!(text));
            }
        }
        Value::Object(body)
    }
}

/// A delivery that failed, as an admin wants to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentFailure {
    /// `404`, or `internal error` where no answer came.
    pub status: String,
    /// The beginning of the answer, on one line.
    pub answer: String,
    /// What it was sent for.
    pub trigger: String,
}

#[derive(Debug, Deserialize)]
struct RawSent {
    #[serde(default, deserialize_with = "lenient")]
    response_status: Option<Value>,
    #[serde(default, deserialize_with = "lenient")]
    response_body: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    trigger: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RawGroup {
    #[serde(default, deserialize_with = "id")]
    id: Option<u64>,
}

/// So much of a secret tells it from everything else; signing tokens begin with `whsec_`.
const BEGINNING: usize = 12;
/// The most of an answer that is shown, in characters.
const MOST_SHOWN: usize = 200;

impl GitlabApi {
    /// Makes a webhook: `POST …/hooks`.
    pub async fn make_hook(&self, home: HookHome, wish: &HookWish) -> GitlabResult<Hook> {
        self.write_hook(home, None, wish).await
    }

    /// Brings a webhook into the wanted form: `PUT …/hooks/:hook_id`.
    pub async fn change_hook(&self, home: HookHome, hook: u64, wish: &HookWish) -> GitlabResult<Hook> {
        self.write_hook(home, Some(hook), wish).await
    }

    async fn write_hook(&self, home: HookHome, hook: Option<u64>, wish: &HookWish) -> GitlabResult<Hook> {
        let body = wish.body();
        let answer = self.client.answer(&WriteHook { home, hook, body: &body }).await;
        let answer = answer.map_err(|error| wish.without_secrets(error))?;
        let hook = parse::<Object<RawHook>>(&answer, "a webhook")?.0.hook();
        hook.ok_or_else(|| GitlabError::Strange("GitLab's answer has no webhook in it".to_owned()))
    }

    /// Removes a webhook; one that is not there any more is fine.
    pub async fn delete_hook(&self, home: HookHome, hook: u64) -> GitlabResult<()> {
        match self.client.tell(&DeleteHook { home, hook }).await {
            Err(GitlabError::Failed(failure)) if failure.is_not_found() => Ok(()),
            other => other,
        }
    }

    /// The newest deliveries that failed, at most `most` (17.3 and later; 404 before).
    pub async fn last_failures(
        &self,
        home: HookHome,
        hook: u64,
        most: u64,
    ) -> GitlabResult<Vec<SentFailure>> {
        let listed = self.client.listed::<Object<RawSent>, _>(&FailedEvents { home, hook }, 1, most).await?;
        let shown = |text: String| crate::net::one_line(&text, MOST_SHOWN);
        let failure = |sent: RawSent| SentFailure {
            status: match sent.response_status {
                Some(Value::String(text)) => shown(text),
                Some(Value::Number(number)) => number.to_string(),
                _ => String::new(),
            },
            answer: sent.response_body.map(shown).unwrap_or_default(),
            trigger: sent.trigger.map(shown).unwrap_or_default(),
        };
        Ok(listed.entries.into_iter().map(|sent| failure(sent.0)).collect())
    }

    /// Has GitLab send a webhook at once, as [`GitlabApi::test_hook`], also one of a group.
    pub async fn test_hook_of(&self, home: HookHome, hook: u64, trigger: &str) -> GitlabResult<()> {
        self.client.tell(&TestHook { home, hook, trigger }).await
    }

    /// Has GitLab test a webhook that it has switched off: where that succeeds it is on again.
    ///
    /// # Errors
    ///
    /// Why it is not: what GitLab or the receiver answered, or that there is nothing that it could be tested with.
    pub async fn switch_on_hook(&self, home: HookHome, hook: &Hook) -> GitlabResult<()> {
        let mut nothing =
            GitlabError::Strange("it is sent for nothing that it could be tested with".to_owned());
        for trigger in TEST_TRIGGERS.into_iter().filter(|one| hook.triggers.iter().any(|has| has == one)) {
            match self.test_hook_of(home, hook.id, trigger).await {
                Err(GitlabError::Failed(failure)) if has_nothing_to_send(&failure) => {
                    nothing = GitlabError::Failed(failure);
                }
                tested => return tested,
            }
        }
        Err(nothing)
    }

    /// The id of the group at that path; `None`: not there or not for this token.
    pub async fn group_at(&self, path: &str) -> GitlabResult<Option<u64>> {
        let group: Option<Object<RawGroup>> = self.client.find(&endpoints::Group(path)).await?;
        Ok(group.and_then(|group| group.0.id))
    }
}
