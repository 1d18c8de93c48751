//! What there is in the project: its environments and its flags, by name and by part of a name.

use http::Method;
use serde_json::json;

use super::Flagsmith;
use super::wire::{Environment, Feature};
use crate::domain::{Flag, FlagRef};
use crate::flags::json_api::part;
use crate::flags::named::environment_named;
use crate::flags::rank::{Searched, best_first};
use crate::flags::{Provided, ProviderError};

/// How much of a name is sent in a search. A longer one would make an address that web servers refuse; what is
/// found is compared in full anyway.
const SEARCHED: usize = 200;

/// A flag as far as it is needed to find it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) archived: bool,
}

impl From<Feature> for Known {
    fn from(feature: Feature) -> Self {
        Self {
            id: feature.id,
            name: feature.name,
            description: feature.description.filter(|text| !text.trim().is_empty()),
            archived: feature.is_archived,
        }
    }
}

impl Flagsmith {
    /// The environments, in Flagsmith's order, by names that are unique.
    pub(super) async fn environments(&self) -> Provided<std::sync::Arc<Vec<Environment>>> {
        self.environments
            .get(async {
                let mut all: Vec<Environment> = Vec::new();
                let path = format!("environments/?project={}", self.project);
                self.api.list(&path, |environment| all.push(environment)).await?;
                name_apart(&mut all);
                Ok(all)
            })
            .await
    }

    /// The environment of that name.
    pub(super) async fn environment_named(&self, name: &str) -> Provided<Environment> {
        let all = self.environments().await?;
        environment_named(&self.name, &all, name, |environment| &environment.name).cloned()
    }

    /// All flags of the project, at most a minute old.
    pub(super) async fn all_flags(&self) -> Provided<std::sync::Arc<Vec<Known>>> {
        self.flags
            .get(async {
                let mut all = Vec::new();
                let path = format!("projects/{}/features/", self.project);
                self.api.list(&path, |feature: Feature| all.push(Known::from(feature))).await?;
                Ok(all)
            })
            .await
    }

    pub(super) async fn find(&self, key: &str) -> Provided<Option<Flag>> {
        let Some(path) = self.search_path(key) else { return Ok(None) };
        let mut found: Option<Known> = None;
        self.api
            .list(&path, |feature: Feature| {
                // Flagsmith's search finds parts of names. Names are unique whatever their case, but should
                // two differ in case alone, then the one that was written is meant.
                if feature.name == key || (found.is_none() && same(&feature.name, key)) {
                    found = Some(feature.into());
                }
            })
            .await?;
        match found {
            None => Ok(None),
            Some(known) => Ok(Some(self.flag(&known, self.dashboard().await.as_deref()))),
        }
    }

    /// A new flag. Flagsmith has it in every environment at once.
    pub(super) async fn make(&self, key: &str) -> Provided<Flag> {
        if self.search_path(key).is_none() {
            let why = "a key has at least one character, and no line breaks or other control characters";
            return Err(ProviderError::Strange(format!("{} makes no such flag: {why}", self.name)));
        }
        let path = format!("projects/{}/features/", self.project);
        let body = json!({ "name": key, "default_enabled": false });
        let made = self.api.write::<Feature>(Method::POST, &path, &body).await;
        let made = made.map_err(|error| ProviderError::key_refused(&self.name, key, &[400, 422], error))?;
        self.flags.expire();
        Ok(self.flag(&made.into(), self.dashboard().await.as_deref()))
    }

    pub(super) async fn find_like(&self, text: &str, limit: usize) -> Provided<Vec<Flag>> {
        let text = text.trim();
        let Some(path) = self.search_path(text) else { return Ok(Vec::new()) };
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut hits: Vec<Known> = Vec::new();
        self.api.list(&path, |feature: Feature| hits.push(feature.into())).await?;
        // Flagsmith does not search descriptions.
        for known in self.all_flags().await?.iter() {
            if !hits.iter().any(|hit| hit.id == known.id) {
                hits.push(known.clone());
            }
        }
        let best = best_first(hits, text, limit, |known| Searched {
            name: &known.name,
            description: known.description.as_deref(),
            archived: known.archived,
        });
        let dashboard = self.dashboard().await;
        Ok(best.iter().map(|known| self.flag(known, dashboard.as_deref())).collect())
    }

    /// The flag's page in one environment.
    pub(super) fn page(&self, environment: &Environment, feature: u64) -> String {
        self.page_in(&environment.api_key, feature)
    }

    fn page_in(&self, environment_key: &str, feature: u64) -> String {
        format!(
            "{}/project/{}/environment/{}/features?feature={feature}",
            self.site,
            self.project,
            part(environment_key)
        )
    }

    /// The key of the environment whose pages stand for the flag as a whole: Flagsmith has no page without one.
    pub(super) async fn dashboard(&self) -> Option<String> {
        // A page is an extra: where the environments cannot be read just now, the flag is there all the same.
        let environments = self.environments().await.ok()?;
        environments.first().map(|environment| environment.api_key.clone())
    }

    pub(super) fn flag(&self, known: &Known, dashboard: Option<&str>) -> Flag {
        Flag {
            flag: FlagRef {
                provider: self.name.clone(),
                scope: self.project.to_string(),
                key: known.name.clone(),
            },
            internal_id: known.id.to_string(),
            description: known.description.clone(),
            archived: known.archived,
            url: dashboard.map(|environment| self.page_in(environment, known.id)),
            public_page: false,
        }
    }

    /// The search for a name or a part of one; `None` for what no flag can have in its name.
    pub(super) fn search_path(&self, text: &str) -> Option<String> {
        // PostgreSQL has no text with a NUL in it, and Flagsmith answers such a search with an error.
        if text.is_empty() || text.chars().any(char::is_control) {
            return None;
        }
        let searched: String = text.chars().take(SEARCHED).collect();
        Some(format!("projects/{}/features/?search={}", self.project, part(&searched)))
    }
}

/// Flagsmith compares names without regard to case.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

/// Flagsmith lets two environments have one name; states are compared by name, so all but the oldest get their
/// number to it.
fn name_apart(environments: &mut [Environment]) {
    let names: Vec<(u64, String)> =
        environments.iter().map(|environment| (environment.id, environment.name.clone())).collect();
    for environment in environments {
        if names.iter().any(|(id, name)| *id < environment.id && same(name, &environment.name)) {
            environment.name = format!("{} ({})", environment.name, environment.id);
        }
    }
}
