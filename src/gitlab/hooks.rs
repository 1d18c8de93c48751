//! Webhooks of projects and groups: which there are, what they could not deliver, and their test. For maintainers only; those of
//! groups for owners. `own_hooks.rs` makes and changes them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::api::GitlabApi;
use super::client::MOST_PAGES;
use super::endpoints::{FailedEvents, HookHome, Hooks, TestHook};
use super::error::GitlabResult;
use super::lenient::{Object, id, lenient};
use crate::domain::ProjectId;
use crate::net::Failure;

/// Entries of a hook's log on one page: GitLab refuses to give more (`lib/api/hooks/events.rb`).
const EVENTS_ON_A_PAGE: u64 = 20;

/// The headers of a logged delivery that are kept, lower-case names.
const KEPT_HEADERS: [&str; 4] = ["user-agent", "webhook-id", "x-gitlab-event", "x-gitlab-event-uuid"];

/// What a webhook is tested with, the least harmful first: a push means nothing to flaglink, and of work and comments the test
/// sends the newest, which was handled already or has its turn now.
pub const TEST_TRIGGERS: [&str; 5] =
    ["push_events", "merge_requests_events", "issues_events", "note_events", "confidential_note_events"];

/// Whether a test failed because nothing was sent: the project has none of it ("Ensure the project has notes.",
/// `app/services/concerns/integrations/project_test_data.rb`) or this GitLab cannot test it. Everything else went out and failed.
pub fn has_nothing_to_send(failure: &Failure) -> bool {
    failure.status == Some(422)
        && (failure.said.contains("Ensure ") || failure.said.contains("Testing not available"))
}

/// Whether GitLab sends a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookState {
    /// It is sent. Also where GitLab does not say.
    On,
    /// It failed several times in a row, and is not sent for a while.
    OffForAWhile,
    /// It failed too often, and is not sent any more.
    Off,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Its id.
    pub id: u64,
    /// Where it sends to.
    pub url: String,
    /// Whether it is sent (`alert_status`).
    pub state: HookState,
    /// What it is sent for: `note_events`, …
    pub triggers: Vec<String>,
    /// Until when it is switched off, as GitLab writes it.
    pub off_until: Option<String>,
    /// Its name, where it has one (17.1 and later).
    pub name: Option<String>,
    /// Its description, likewise.
    pub description: Option<String>,
    /// Whether certificates are checked; `None` where GitLab does not say.
    pub checks_certificates: Option<bool>,
    /// Whether it has a secret token (19.0 and later say so).
    pub has_token: Option<bool>,
    /// Whether it has a signing token (19.0 and later say so).
    pub has_signing_token: Option<bool>,
}

/// A delivery that failed, from the hook's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedDelivery {
    /// Its number in the log; later ones have greater numbers.
    pub id: u64,
    /// `Idempotency-Key` or `webhook-id`, where it was sent with one: the same for whatever repeats it.
    pub key: Option<String>,
    /// The few headers that are kept, lower-case names.
    pub headers: BTreeMap<String, String>,
    /// The body: the same JSON, not the same bytes.
    pub body: Bytes,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawHook {
    #[serde(default, deserialize_with = "id")]
    id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    url: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    alert_status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    disabled_until: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    description: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    enable_ssl_verification: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    token_present: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    signing_token_present: Option<bool>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct RawEvent {
    #[serde(default, deserialize_with = "id")]
    id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    request_headers: Option<BTreeMap<String, Value>>,
    #[serde(default, deserialize_with = "lenient")]
    request_data: Option<Map<String, Value>>,
}

impl GitlabApi {
    /// The webhooks of a project: `GET /projects/:id/hooks`.
    pub async fn hooks(&self, project: ProjectId) -> GitlabResult<Vec<Hook>> {
        self.hooks_of(HookHome::Project(project)).await
    }

    /// The webhooks of a project or group: `GET /projects/:id/hooks`, `GET /groups/:id/hooks`.
    pub async fn hooks_of(&self, home: HookHome) -> GitlabResult<Vec<Hook>> {
        let endpoint = Hooks(home);
        let mut hooks = Vec::new();
        for number in 1..=MOST_PAGES {
            let (page, more) = self.client.page::<Object<RawHook>, _>(&endpoint, number).await?;
            hooks.extend(page.into_iter().filter_map(|hook| hook.0.hook()));
            if !more {
                break;
            }
        }
        Ok(hooks)
    }

    /// One page of what a webhook could not deliver in the last seven days, the newest first, and whether more follows:
    /// `GET /projects/:id/hooks/:hook_id/events` (17.3 and later; 404 before).
    pub async fn failed_deliveries(
        &self,
        project: ProjectId,
        hook: u64,
        page: u64,
    ) -> GitlabResult<(Vec<FailedDelivery>, bool)> {
        let endpoint = FailedEvents { home: HookHome::Project(project), hook };
        let listed = self.client.listed::<Object<RawEvent>, _>(&endpoint, page, EVENTS_ON_A_PAGE).await?;
        Ok((listed.entries.into_iter().filter_map(|event| event.0.delivery()).collect(), listed.more))
    }

    /// Has GitLab send a webhook at once, with the newest thing of that kind:
    /// `POST /projects/:id/hooks/:hook_id/test/:trigger`. A hook that was switched off is on again where the receiver answers
    /// with a 2xx; whatever else it answers is a 422, as is a project that has nothing of that kind.
    pub async fn test_hook(&self, project: ProjectId, hook: u64, trigger: &str) -> GitlabResult<()> {
        self.client.tell(&TestHook { home: HookHome::Project(project), hook, trigger }).await
    }
}

impl RawHook {
    pub(super) fn hook(self) -> Option<Hook> {
        let on = |(name, value): (String, Value)| {
            (name.ends_with("_events") && value == Value::Bool(true)).then_some(name)
        };
        Some(Hook {
            id: self.id?,
            url: self.url?,
            state: match self.alert_status.as_deref() {
                Some("disabled") => HookState::Off,
                Some("temporarily_disabled") => HookState::OffForAWhile,
                _ => HookState::On,
            },
            off_until: self.disabled_until,
            name: self.name.filter(|name| !name.is_empty()),
            description: self.description.filter(|text| !text.is_empty()),
            checks_certificates: self.enable_ssl_verification,
            has_token: self.token_present,
            has_signing_token: self.signing_token_present,
            triggers: self.more.into_iter().filter_map(on).collect(),
        })
    }
}

impl RawEvent {
    fn delivery(self) -> Option<FailedDelivery> {
        // GitLab keeps the names as it sent them, in whatever case.
        let headers: BTreeMap<String, String> = self
            .request_headers
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned())))
            .collect();
        let key = headers.get("idempotency-key").or_else(|| headers.get("webhook-id")).cloned();
        let body = serde_json::to_vec(&self.request_data.unwrap_or_default()).ok()?;
        Some(FailedDelivery {
            id: self.id?,
            key,
            headers: headers.into_iter().filter(|(name, _)| KEPT_HEADERS.contains(&name.as_str())).collect(),
            body: body.into(),
        })
    }
}
