//! What happened, asked for: fills the gaps that webhooks leave.

use serde_json::Value;

use super::Unleash;
use super::webhook;
use super::wire::Events;
use crate::domain::FlagPointer;
use crate::flags::json_api::part;
use crate::flags::{Changes, Hint, Provided};

/// Events asked for at once.
const PAGE: usize = 100;
/// More pages than this are not read: what is older is found by comparing states.
const MOST_PAGES: usize = 20;

/// The newest event that was seen.
#[derive(Debug, Default)]
struct Seen {
    id: u64,
    /// Its moment, as Unleash writes it: numbers begin anew with a new database.
    at: String,
}

impl Seen {
    fn read(cursor: &str) -> Option<Self> {
        let (id, at) = cursor.split_once(' ').unwrap_or((cursor, ""));
        Some(Self { id: id.parse().ok()?, at: at.to_owned() })
    }

    fn of(event: &Value) -> Option<Self> {
        let at = webhook::moment(event).unwrap_or_default().to_owned();
        Some(Self { id: webhook::number(event)?, at })
    }

    fn cursor(&self) -> String {
        format!("{} {}", self.id, self.at).trim_end().to_owned()
    }

    /// Whether this one was never among these, the newest that there are: its number is higher than theirs, or another has it.
    fn is_foreign(&self, newest: &[Value]) -> bool {
        let highest = newest.iter().filter_map(webhook::number).max().unwrap_or_default();
        let has_number = |event: &&Value| webhook::number(event) == Some(self.id);
        let other = newest.iter().find(has_number).and_then(webhook::moment);
        highest < self.id || (!self.at.is_empty() && other.is_some_and(|at| at != self.at))
    }
}

impl Unleash {
    /// The cursor is the newest event that was seen.
    pub(super) async fn events_since(&self, cursor: Option<&str>) -> Provided<Changes> {
        let Some(seen) = cursor.and_then(Seen::read) else {
            return Ok(Changes { hints: Vec::new(), cursor: self.now().await?.cursor() });
        };
        // A flag that left the project has its event in the project that it came to. Asked for first: what is newer than the
        // newest of these is then among the others.
        let mut all = self.moves().await?;
        let mut begun_anew = false;
        for page in 0..MOST_PAGES {
            let events = self.events(PAGE, page * PAGE).await?;
            let last = events.len() < PAGE;
            let no_more = events.iter().any(|event| webhook::number(event).is_some_and(|id| id <= seen.id));
            all.extend(events);
            if page == 0 && seen.is_foreign(&all) {
                begun_anew = true;
                break;
            }
            if last || no_more {
                break;
            }
        }
        if begun_anew {
            tracing::warn!(
                provider = self.name,
                seen = seen.id,
                "the events of Unleash have begun anew (another database?); all linked flags are looked at"
            );
            let hints = vec![Hint { flag: FlagPointer::Any, claim: None }];
            return Ok(Changes { hints, cursor: self.now().await?.cursor() });
        }
        all.retain(|event| webhook::number(event).is_some_and(|id| id > seen.id));
        // While pages are read, events come in and push others to the next page.
        all.sort_by_key(webhook::number);
        all.dedup_by_key(|event| webhook::number(event));
        let cursor = all.last().and_then(Seen::of).unwrap_or(seen).cursor();
        let hints = all.iter().filter_map(|event| webhook::read(&self.project, event)).collect();
        Ok(Changes { hints, cursor })
    }

    /// The number of the newest event of a flag in an environment; empty where none is near.
    pub(super) async fn last_event_in(&self, key: &str, environment: &str) -> Provided<String> {
        let path = format!(
            "search/events?project=IS:{}&feature=IS:{}&limit={PAGE}&offset=0",
            part(&self.project),
            part(key)
        );
        let events = self.api.get::<Events>(&path).await?.events;
        let there = |event: &&Value| {
            let named = event.get("environment").and_then(Value::as_str);
            named.is_some_and(|named| named.eq_ignore_ascii_case(environment))
        };
        let newest = events.iter().filter(there).filter_map(webhook::number).max();
        Ok(newest.map(|number| number.to_string()).unwrap_or_default())
    }

    /// The newest event that there is; before the first where there is none.
    async fn now(&self) -> Provided<Seen> {
        Ok(self.events(1, 0).await?.first().and_then(Seen::of).unwrap_or_default())
    }

    async fn events(&self, limit: usize, offset: usize) -> Provided<Vec<Value>> {
        let path = format!("search/events?project=IS:{}&limit={limit}&offset={offset}", part(&self.project));
        Ok(self.api.get::<Events>(&path).await?.events)
    }

    /// The last flags that went from one project to another, whichever these were.
    async fn moves(&self) -> Provided<Vec<Value>> {
        let path = format!("search/events?type=IS:feature-project-change&limit={PAGE}");
        Ok(self.api.get::<Events>(&path).await?.events)
    }
}
