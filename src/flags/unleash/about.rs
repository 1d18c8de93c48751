//! When a flag last changed, and whose it is: its events say it.

use jiff::Timestamp;
use serde_json::Value;

use super::Unleash;
use super::webhook;
use super::wire::Events;
use crate::domain::FlagRef;
use crate::flags::json_api::part;
use crate::flags::{About, Provided};

/// The events of a change in who gets what.
const CHANGES: &str = "feature-environment-enabled,feature-environment-disabled,feature-strategy-add,feature-strategy-update,\
                       feature-strategy-remove,feature-environment-variants-updated,feature-variants-updated,feature-archived,\
                       feature-revived,feature-created";
/// The event that says who made it.
const MADE: &str = "feature-created";

impl Unleash {
    pub(super) async fn about_flag(&self, flag: &FlagRef, internal_id: &str) -> Provided<About> {
        // What tells a flag from another of its key begins with the moment in which it was made.
        let made_at = internal_id.split(' ').next().and_then(|at| at.parse::<Timestamp>().ok());
        let newest = self.newest(flag, CHANGES).await?;
        let changed_at = newest.as_ref().and_then(webhook::moment).and_then(|at| at.parse().ok());
        let made = self.newest(flag, MADE).await?;
        let by = made.as_ref().and_then(|event| event.get("createdBy")?.as_str());
        Ok(About {
            changed_at: changed_at.max(made_at),
            owners: by.filter(|by| by.contains('@')).map(str::to_owned).into_iter().collect(),
            ..About::default()
        })
    }

    /// The newest of a flag's events of these kinds.
    async fn newest(&self, flag: &FlagRef, kinds: &str) -> Provided<Option<Value>> {
        let (key, kinds) = (part(&flag.key), part(kinds));
        let path = format!("search/events?feature=IS:{key}&type=IS_ANY_OF:{kinds}&limit=1");
        Ok(self.api.get::<Events>(&path).await?.events.into_iter().next())
    }
}
