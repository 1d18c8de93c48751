//! What became of the newest delivery of an integration, by Unleash's own log: `GET /api/admin/addons/:id/events` (measured on 8.2).
//!
//! It is the only place where Unleash shows in clear where an integration leads.

use jiff::Timestamp;
use url::Url;

use super::Unleash;
use super::wire::{Addon, Sent, SentList};
use crate::flags::{FailedDelivery, WebhookThere};
use crate::net::one_line;

/// The longest that is shown of Unleash's own words, in characters.
const MOST_SAID: usize = 200;

impl Unleash {
    /// The newest delivery; `None` where nothing was sent, or Unleash does not tell.
    pub(super) async fn newest_sent(&self, addon: &Addon) -> Option<Sent> {
        let list: SentList = self.api.get(&format!("addons/{}/events?limit=1", addon.id)).await.ok()?;
        list.events.into_iter().next()
    }
}

/// How an integration stands that is on, and whose newest delivery this is.
pub(super) fn judge(newest: Option<&Sent>, url: &Url) -> WebhookThere {
    let Some(newest) = newest else { return WebhookThere::Perhaps };
    let to = leads_elsewhere(newest, url);
    let at = newest.created_at.parse::<Timestamp>().ok();
    match (newest.state.as_str(), to) {
        ("success", None) => WebhookThere::Good,
        (state, to) => {
            let status = status(&newest.state_details);
            let answer = match status {
                // A dead port and a receiver that is too slow read as a 500 there, which flaglink never answers.
                Some(500) => "500, which it also writes where nothing answered".to_owned(),
                Some(status) => status.to_string(),
                None if newest.state_details.trim().is_empty() => {
                    format!("\"{}\"", one_line(state, MOST_SAID))
                }
                None => format!("\"{}\"", one_line(&newest.state_details, MOST_SAID)),
            };
            WebhookThere::Failing(FailedDelivery { at, status, answer, to })
        }
    }
}

/// Where the delivery went, if not to that address: the origin alone, since a path may be secret.
fn leads_elsewhere(newest: &Sent, url: &Url) -> Option<String> {
    let to = Url::parse(newest.details.url.trim()).ok()?;
    if to.as_str().trim_end_matches('/') == url.as_str().trim_end_matches('/') {
        return None;
    }
    let origin = to.origin().ascii_serialization();
    Some(if to.origin() == url.origin() { format!("another path at {origin}") } else { origin })
}

/// The status in Unleash's words: `Webhook request failed with status code: 500.`
fn status(said: &str) -> Option<u16> {
    let (_, number) = said.rsplit_once("status code: ")?;
    number.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()
}
