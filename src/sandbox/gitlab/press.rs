//! The Test button and "Resend request": webhooks that are sent at once, while the one who asked waits.

use std::sync::Arc;

use super::Gitlab;
use super::access::Refusal;
use super::hooks::{self, Parcel};
use super::model::{Fate, Kind, Model};
use super::shared::Shared;

/// Why nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPressed {
    /// This user may not, or there is no such hook or request.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is nothing to send: 422. Says why.
    #[error("{0}")]
    Nothing(String),
}

impl Model {
    /// Queues what the Test button sends: the newest real object of the project, with the one who pressed as `user`
    /// (facts, section 1).
    fn press(&mut self, user: u64, hook: u64, trigger: &str) -> Result<u64, NotPressed> {
        let hook_itself = self.hooks.get(&hook).ok_or(Refusal::NOT_FOUND)?;
        if !self.may_manage_hooks_of(hook_itself.home(), user) {
            return Err(Refusal::NOT_FOUND.into());
        }
        let lacks = |what: &str| NotPressed::Nothing(format!("Ensure the project has {what}."));
        let (event, body) = match trigger {
            "note_events" | "confidential_note_events" => {
                let confidential = trigger == "confidential_note_events";
                let newest =
                    self.notes.values().rev().find(|note| self.goes_to(hook_itself, note.on.project));
                let note = newest.ok_or_else(|| lacks("notes"))?;
                let event = if confidential { "Confidential Note Hook" } else { "Note Hook" };
                (event, self.note_body(note, "create", user))
            }
            "issues_events" | "confidential_issues_events" | "merge_requests_events" => {
                let (kind, what) = match trigger {
                    "merge_requests_events" => (Kind::MergeRequest, "merge requests"),
                    _ => (Kind::Issue, "issues"),
                };
                let newest = self
                    .noteables
                    .keys()
                    .rev()
                    .find(|place| self.goes_to(hook_itself, place.project) && place.kind == kind)
                    .copied()
                    .ok_or_else(|| lacks(what))?;
                let (_, event, body) = self
                    .noteable_body(newest, Some("open"), user, serde_json::json!({}))
                    .ok_or_else(|| lacks(what))?;
                (event, body)
            }
            // The sandbox's projects have no repository, pipelines, releases and so on.
            other => return Err(lacks(&other.trim_end_matches("_events").replace('_', " "))),
        };
        self.queue(hook, trigger, event, body.to_string(), Fate::Held, None)
            .ok_or_else(|| Refusal::NOT_FOUND.into())
    }

    /// Queues the same request again, key included.
    fn again(&mut self, user: u64, delivery: u64) -> Result<u64, NotPressed> {
        let old = self.deliveries.get(&delivery).ok_or(Refusal::NOT_FOUND)?;
        let (hook, url) = (old.hook, old.url.clone());
        let now = self.hooks.get(&hook).ok_or(Refusal::NOT_FOUND)?;
        if !self.may_manage_hooks_of(now.home(), user) {
            return Err(Refusal::NOT_FOUND.into());
        }
        if now.url != url {
            return Err(NotPressed::Nothing(
                "The hook URL has changed. This log entry cannot be retried.".to_owned(),
            ));
        }
        self.repeat(delivery, Fate::Held).ok_or_else(|| Refusal::NOT_FOUND.into())
    }
}

pub(super) async fn press(
    shared: &Arc<Shared>,
    client: &reqwest::Client,
    user: u64,
    hook: u64,
    trigger: &str,
) -> Result<Fate, NotPressed> {
    // Queued and packed in one step, so that neither a hold nor the order of the others touches it.
    let parcel = shared.change(|model| {
        let delivery = model.press(user, hook, trigger)?;
        model.pack(delivery).ok_or(NotPressed::Refused(Refusal::NOT_FOUND))
    })?;
    Ok(send(shared, client, parcel).await)
}

pub(super) async fn again(
    shared: &Arc<Shared>,
    client: &reqwest::Client,
    user: u64,
    delivery: u64,
) -> Result<Fate, NotPressed> {
    let parcel = shared.change(|model| {
        let delivery = model.again(user, delivery)?;
        model.pack(delivery).ok_or(NotPressed::Refused(Refusal::NOT_FOUND))
    })?;
    Ok(send(shared, client, parcel).await)
}

/// Sends, also where whoever asked for it hangs up before the answer: a server goes on with what it has begun.
async fn send(shared: &Arc<Shared>, client: &reqwest::Client, parcel: Parcel) -> Fate {
    let (shared, client) = (Arc::clone(shared), client.clone());
    let sending = tokio::spawn(async move { hooks::send(&shared, &client, parcel).await });
    sending.await.unwrap_or_else(|error| Fate::Failed(error.to_string()))
}

impl Gitlab {
    /// Presses a hook's Test button for one trigger (`note_events`, …) and waits for the receiver's answer.
    ///
    /// # Errors
    ///
    /// When this user is no maintainer, there is no such hook, or nothing to send.
    pub async fn press_test(&self, user: u64, hook: u64, trigger: &str) -> Result<Fate, NotPressed> {
        press(&self.shared, &self.client, user, hook, trigger).await
    }

    /// Presses "Resend request" on a logged webhook request and waits for the receiver's answer.
    ///
    /// # Errors
    ///
    /// When this user is no maintainer, there is no such request, or its hook points elsewhere by now.
    pub async fn resend(&self, user: u64, delivery: u64) -> Result<Fate, NotPressed> {
        again(&self.shared, &self.client, user, delivery).await
    }
}
