//! Flags in the archive. Unleash hides them from its plain reads: what they are is pieced together from what was written down
//! about them and from their strategies, which are read as often as one likes, and only else from a search.
//!
//! Its export would tell all of it at once, but writes an event each time.

use std::sync::Arc;

use serde_json::Value;

use super::Unleash;
use super::searches::Findings;
use super::webhook;
use super::wire::{Environment, Events, Feature, Features, ProjectEnvironments, Strategy};
use crate::flags::json_api::part;
use crate::flags::{Provided, ProviderError};
use crate::net::{Failure, Sent};

/// The events that say what a flag is, by itself.
const SAYING: &str = "feature-created,feature-metadata-updated,feature-updated,feature-stale-on,feature-stale-off,\
                      feature-deleted,feature-import";
/// So many of them are read. The newest that says it is enough.
const EVENTS: usize = 50;
/// Flags asked for on one page of a search; Unleash gives no more.
const PAGE: usize = 100;
/// More pages than that are not asked for: nobody reads what so short a text finds.
const MOST_PAGES: usize = 3;

/// What the events of a flag say.
enum WrittenDown {
    Is(Box<Feature>),
    Deleted,
    Nothing,
}

impl Unleash {
    /// The flag of that name that Unleash says is archived, without its environments; `None` if it is not there any more.
    pub(super) async fn archived(&self, key: &str) -> Provided<Option<Feature>> {
        let found = match self.written_down(key).await? {
            WrittenDown::Is(feature) => Some(*feature),
            WrittenDown::Nothing => match self.searches.known(key) {
                Some(known) => Some(known),
                None => self.searched(key).await?,
            },
            WrittenDown::Deleted => self.searched(key).await?,
        };
        Ok(found.map(|found| Feature { project: Some(self.project.clone()), ..found }))
    }

    async fn written_down(&self, key: &str) -> Provided<WrittenDown> {
        let path =
            format!("search/events?feature=IS:{}&type=IS_ANY_OF:{}&limit={EVENTS}", part(key), part(SAYING));
        let mut events = self.api.get::<Events>(&path).await?.events;
        events.sort_by_key(|event| std::cmp::Reverse(webhook::number(event)));
        let mut stale = None;
        for event in &events {
            match event.get("type").and_then(Value::as_str).unwrap_or_default() {
                "feature-stale-on" => stale = stale.or(Some(true)),
                "feature-stale-off" => stale = stale.or(Some(false)),
                "feature-deleted" => return Ok(WrittenDown::Deleted),
                _ => {
                    let data = event.get("data").cloned().unwrap_or_default();
                    let Ok(said) = serde_json::from_value::<Feature>(data) else { continue };
                    if said.name == key && !said.created_at.is_empty() {
                        let stale = stale.unwrap_or(said.stale);
                        return Ok(WrittenDown::Is(Box::new(Feature { stale, ..said })));
                    }
                }
            }
        }
        Ok(WrittenDown::Nothing)
    }

    async fn searched(&self, key: &str) -> Provided<Option<Feature>> {
        let found = self.search_archive(key).await?;
        match found.features.iter().find(|feature| feature.name == key) {
            Some(feature) => {
                self.searches.remember(feature.clone());
                Ok(Some(feature.clone()))
            }
            None if found.whole => Ok(None),
            None => Err(ProviderError::Strange(format!(
                "{} has {key} in its archive, among too many flags like it to say which it is",
                self.name
            ))),
        }
    }

    /// Flags in the archive that may have `text` in their name or description. At most a minute old.
    pub(super) async fn search_archive(&self, text: &str) -> Provided<Arc<Findings>> {
        // Unleash takes a comma for "or", so it is asked for the longest part; whoever asked looks for the whole.
        let longest = text.split(',').map(str::trim).max_by_key(|part| part.len());
        let text = longest.unwrap_or_default().to_lowercase();
        // Whoever asks for the same meanwhile gets what this one brings.
        let _alone = self.searching.lock().await;
        if let Some(found) = self.searches.found(&text) {
            return Ok(found);
        }
        let mut found = Findings { features: Vec::new(), whole: false };
        for page in 0..MOST_PAGES {
            self.searches.take().map_err(|wait| self.used_up(wait))?;
            let path = format!(
                "search/features?archived=IS:true&project=IS:{}&query={}&limit={PAGE}&offset={}",
                part(&self.project),
                part(&text),
                page * PAGE
            );
            let read: Features = self.api.get(&path).await?;
            let last = read.features.len() < PAGE;
            found.features.extend(read.features);
            found.whole = last || read.total.is_some_and(|total| found.features.len() >= total);
            if found.whole {
                break;
            }
        }
        let found = Arc::new(found);
        self.searches.keep(&text, &found);
        Ok(found)
    }

    fn used_up(&self, wait: std::time::Duration) -> ProviderError {
        ProviderError::Failed(Failure {
            status: None,
            sent: Sent::No,
            retry_after: Some(wait),
            message: format!(
                "{} answers few searches a minute, and they are used up; there is one again in {} s",
                self.name,
                wait.as_secs() + 1
            ),
            said: String::new(),
            foreign: false,
            unseen: None,
        })
    }

    /// An archived flag with its environments and the strategies that it keeps in them.
    pub(super) async fn with_strategies(&self, feature: &Feature) -> Provided<Feature> {
        let all = self.environments().await?;
        if all.is_empty() {
            self.check_project().await?;
        }
        let mut environments = Vec::new();
        for one in all.iter() {
            let path = format!("{}/environments/{}/strategies", self.path(&feature.name), part(&one.name));
            // It may not be in all environments of its project.
            if let Some(strategies) = self.api.get_if_there::<Vec<Strategy>>(&path).await? {
                environments.push(Environment { strategies, ..one.clone() });
            }
        }
        if environments.is_empty() && !all.is_empty() {
            return Err(ProviderError::Strange(format!(
                "{} was deleted from {}, or moved, while it was read",
                feature.name, self.name
            )));
        }
        Ok(Feature { environments, ..feature.clone() })
    }

    /// The environments that the project uses, at most a minute old.
    pub(super) async fn environments(&self) -> Provided<Arc<Vec<Environment>>> {
        self.environments
            .get(async {
                let path = format!("environments/project/{}", part(&self.project));
                let all = self.api.get::<ProjectEnvironments>(&path).await?.environments;
                let used = all.into_iter().filter(|one| one.visible != Some(false));
                let plain = used.map(|one| Environment {
                    name: one.name,
                    enabled: false,
                    sort_order: one.sort_order,
                    strategies: Vec::new(),
                });
                Ok(plain.collect())
            })
            .await
    }
}
