//! What happened, asked for: fills the gaps that webhooks leave.

use serde_json::Value;

use super::Unleash;
use super::webhook;
use super::wire::Events;
use crate::flags::json_api::part;
use crate::flags::{Changes, Provided};

/// Events asked for at once.
const PAGE: usize = 100;
/// More pages than this are not read: what is older is found by comparing states.
const MOST_PAGES: usize = 20;

impl Unleash {
    /// The cursor is the number of the newest event that was seen.
    pub(super) async fn events_since(&self, cursor: Option<&str>) -> Provided<Changes> {
        let Some(seen) = cursor.and_then(|cursor| cursor.parse::<u64>().ok()) else {
            let newest = self.events(1, 0).await?.first().and_then(webhook::number).unwrap_or_default();
            return Ok(Changes { hints: Vec::new(), cursor: newest.to_string() });
        };
        let mut new: Vec<Value> = Vec::new();
        for page in 0..MOST_PAGES {
            let events = self.events(PAGE, page * PAGE).await?;
            let last = events.len() < PAGE;
            let before = new.len();
            new.extend(events.into_iter().filter(|event| webhook::number(event).is_some_and(|id| id > seen)));
            if last || new.len() - before < PAGE {
                break;
            }
        }
        // While pages are read, events come in and push others to the next page.
        new.sort_by_key(webhook::number);
        new.dedup_by_key(|event| webhook::number(event));
        let newest = new.last().and_then(webhook::number).unwrap_or(seen);
        let hints = new.iter().filter_map(|event| webhook::read(&self.project, event)).collect();
        Ok(Changes { hints, cursor: newest.to_string() })
    }

    async fn events(&self, limit: usize, offset: usize) -> Provided<Vec<Value>> {
        let path = format!("search/events?project=IS:{}&limit={limit}&offset={offset}", part(&self.project));
        Ok(self.api.get::<Events>(&path).await?.events)
    }
}
