//! What there is in the project: its flags, those in the archive, by name and by part of a name.

use std::sync::Arc;

use http::Method;
use serde_json::json;

use super::Unleash;
use super::wire::{Feature, Features, Projects};
use crate::domain::{Flag, FlagRef};
use crate::flags::json_api::part;
use crate::flags::rank::{Searched, best_first};
use crate::flags::{Provided, ProviderError};

/// A flag, and whether it is in the archive.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) feature: Feature,
    pub(super) archived: bool,
}

/// What Unleash says of a name in this project.
pub(super) enum Said {
    Live(Box<Feature>),
    Archived,
    Nothing,
}

impl Unleash {
    /// What there is of that name. An absent flag is believed only of a project that is still seen.
    pub(super) async fn ask(&self, key: &str) -> Provided<Said> {
        if !plausible(key) {
            return Ok(Said::Nothing);
        }
        match self.api.get::<Feature>(&self.path(key)).await {
            Ok(feature) if self.is_ours(&feature) && feature.name == key => Ok(Said::Live(Box::new(feature))),
            Ok(_) => Ok(Said::Nothing),
            // Unleash's own words tell one that is archived from one that never was (measured on 8.2).
            Err(ProviderError::Failed(failure)) if failure.is_not_found() => {
                if failure.said.contains("Could not find feature") {
                    return Ok(Said::Archived);
                }
                if failure.said.contains("There's no feature named") {
                    // It says the same of every flag where the project is gone, or not for this token any more.
                    self.check_project().await?;
                    return Ok(Said::Nothing);
                }
                Err(ProviderError::Failed(failure))
            }
            Err(error) => Err(error),
        }
    }

    /// The flag of that name, also from the archive (without its environments there); `None` where there is none in this
    /// project.
    pub(super) async fn find(&self, key: &str) -> Provided<Option<Known>> {
        Ok(match self.ask(key).await? {
            Said::Live(feature) => Some(Known { feature: *feature, archived: false }),
            Said::Archived => self.archived(key).await?.map(|feature| Known { feature, archived: true }),
            Said::Nothing => None,
        })
    }

    /// That the project is there and the token may see it.
    pub(super) async fn check_project(&self) -> Provided<()> {
        // Asked for by name, a project that is not there has an empty list of flags.
        let all: Projects = self.api.get("projects").await?;
        if all.projects.iter().any(|project| project.id == self.project) {
            return Ok(());
        }
        Err(ProviderError::Strange(format!(
            "{} has no project {} that this token may see: check `project` and the token",
            self.name, self.project
        )))
    }

    /// All flags of the project that are not archived, at most a minute old.
    pub(super) async fn all_flags(&self) -> Provided<Arc<Vec<Feature>>> {
        self.flags
            .get(async {
                let path = format!("projects/{}/features", part(&self.project));
                Ok(self.api.get::<Features>(&path).await?.features)
            })
            .await
    }

    /// A new flag, off in every environment of the project.
    pub(super) async fn make(&self, key: &str) -> Provided<Flag> {
        if !plausible(key) {
            return Err(ProviderError::Strange(format!(
                "{} makes no flag {key}: a key has 1 to 100 letters, digits and characters of -_.~!'()*",
                self.name
            )));
        }
        let path = format!("projects/{}/features", part(&self.project));
        let body = json!({ "name": key, "type": "release" });
        let made = self.api.write::<Feature>(Method::POST, &path, &body).await;
        let feature =
            made.map_err(|error| ProviderError::key_refused(&self.name, key, &[400, 409, 422], error))?;
        self.flags.expire();
        Ok(self.flag(&Known { feature, archived: false }))
    }

    pub(super) async fn find_like(&self, text: &str, limit: usize) -> Provided<Vec<Flag>> {
        if text.trim().is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let known = |archived: bool| move |feature: &Feature| Known { feature: feature.clone(), archived };
        let mut all: Vec<Known> = self.all_flags().await?.iter().map(known(false)).collect();
        // The archive is an extra: where its few searches are used up, the others are found all the same.
        if let Ok(archive) = self.search_archive(text).await {
            all.extend(archive.features.iter().map(known(true)));
        }
        let best = best_first(all, text, limit, |known| Searched {
            name: &known.feature.name,
            description: known.feature.description.as_deref(),
            archived: known.archived,
        });
        Ok(best.iter().map(|known| self.flag(known)).collect())
    }

    pub(super) fn flag(&self, known: &Known) -> Flag {
        let feature = &known.feature;
        Flag {
            flag: FlagRef {
                provider: self.name.clone(),
                scope: self.project.clone(),
                key: feature.name.clone(),
            },
            internal_id: feature.internal_id(),
            description: feature.description.clone().filter(|text| !text.trim().is_empty()),
            archived: known.archived,
            url: Some(self.page(&feature.name)),
            public_page: true,
        }
    }

    /// The flag's page.
    pub(super) fn page(&self, key: &str) -> String {
        format!("{}/projects/{}/features/{}", self.url, part(&self.project), part(key))
    }

    /// The flag's address in the API.
    pub(super) fn path(&self, key: &str) -> String {
        format!("projects/{}/features/{}", part(&self.project), part(key))
    }

    fn is_ours(&self, feature: &Feature) -> bool {
        feature.project.as_ref().is_none_or(|project| *project == self.project)
    }

    /// Whether the flag that was linked is there, in the archive or not.
    pub(super) async fn has(&self, flag: &FlagRef, internal_id: &str) -> Provided<bool> {
        Ok(match self.ask(&flag.key).await? {
            Said::Live(feature) => feature.internal_id() == internal_id,
            Said::Archived => true,
            Said::Nothing => false,
        })
    }

    /// The flag that was linked, as it stands now and not in the archive, to be changed.
    pub(super) async fn the_one(&self, flag: &FlagRef, internal_id: &str) -> Provided<Feature> {
        match self.ask(&flag.key).await? {
            Said::Live(feature) if feature.internal_id() == internal_id => Ok(*feature),
            Said::Archived => Err(ProviderError::Strange(format!(
                "{} is archived in {}, so nothing was changed; restore it there first",
                flag.key, self.name
            ))),
            Said::Live(_) | Said::Nothing => Err(ProviderError::gone(&self.name, &flag.key)),
        }
    }
}

/// Whether Unleash could have a flag of that name: 1 to 100 characters that need no escaping in an address (measured on 8.2).
fn plausible(key: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.~!'()*".contains(c);
    (1..=100).contains(&key.len()) && key.chars().all(good) && key != "." && key != ".."
}
