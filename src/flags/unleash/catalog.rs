//! What there is in the project: its flags, those in the archive, by name and by part of a name.

use std::sync::Arc;

use super::Unleash;
use super::wire::{Feature, Features};
use crate::domain::{Flag, FlagRef};
use crate::flags::json_api::part;
use crate::flags::rank::{Searched, best_first};
use crate::flags::{Provided, ProviderError};

/// Flags asked for on one page of the archive.
const PAGE: usize = 100;
/// More pages than any archive has, so that a server that always has more does not hold us for ever.
const MOST_PAGES: usize = 100;

/// A flag, and whether it is in the archive.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) feature: Feature,
    pub(super) archived: bool,
}

impl Unleash {
    /// The flag of that name, also from the archive; `None` where there is none in this project.
    pub(super) async fn find(&self, key: &str) -> Provided<Option<Known>> {
        if !plausible(key) {
            return Ok(None);
        }
        match self.api.get::<Feature>(&self.path(key)).await {
            Ok(feature) if self.is_ours(&feature) && feature.name == key => {
                Ok(Some(Known { feature, archived: false }))
            }
            Ok(_) => Ok(None),
            Err(ProviderError::Failed(failure)) if failure.is_not_found() => {
                // Unleash's own words tell one that is archived from one that never was (measured on 8.2).
                if failure.said.contains("There's no feature named") {
                    return Ok(None);
                }
                self.find_archived(key).await
            }
            Err(error) => Err(error),
        }
    }

    async fn find_archived(&self, key: &str) -> Provided<Option<Known>> {
        let named = |all: &Vec<Feature>| all.iter().find(|feature| feature.name == key).cloned();
        let mut found = named(&*self.archive().await?);
        if found.is_none() {
            // It may have been archived since the archive was read.
            self.archive.expire();
            found = named(&*self.archive().await?);
        }
        Ok(found.map(|feature| Known { feature, archived: true }))
    }

    /// The flags in the archive. Only the search knows them, and it answers 15 times a minute: so at most a minute old.
    async fn archive(&self) -> Provided<Arc<Vec<Feature>>> {
        self.archive
            .get(async {
                let mut all = Vec::new();
                for page in 0..MOST_PAGES {
                    let path = format!(
                        "search/features?archived=IS:true&project=IS:{}&limit={PAGE}&offset={}",
                        part(&self.project),
                        page * PAGE
                    );
                    let found: Features = self.api.get(&path).await?;
                    let last = found.features.len() < PAGE;
                    all.extend(found.features);
                    if last || found.total.is_some_and(|total| all.len() >= total) {
                        break;
                    }
                }
                Ok(all)
            })
            .await
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

    pub(super) async fn find_like(&self, text: &str, limit: usize) -> Provided<Vec<Flag>> {
        if text.trim().is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let known = |archived: bool| move |feature: &Feature| Known { feature: feature.clone(), archived };
        let mut all: Vec<Known> = self.all_flags().await?.iter().map(known(false)).collect();
        // The archive is an extra: where its few requests are used up, the others are found all the same.
        if let Ok(archive) = self.archive().await {
            all.extend(archive.iter().map(known(true)));
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

    /// The flag that was linked, as it stands now and not in the archive, to be changed.
    pub(super) async fn the_one(&self, flag: &FlagRef, internal_id: &str) -> Provided<Feature> {
        let gone =
            || ProviderError::Strange(format!("{} does not have the flag {} any more", self.name, flag.key));
        if !plausible(&flag.key) {
            return Err(gone());
        }
        let found: Option<Feature> = self.api.get_if_there(&self.path(&flag.key)).await?;
        found.filter(|feature| feature.internal_id() == internal_id && self.is_ours(feature)).ok_or_else(gone)
    }
}

/// Whether Unleash could have a flag of that name: 1 to 100 characters that need no escaping in an address (measured on 8.2).
fn plausible(key: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.~!'()*".contains(c);
    (1..=100).contains(&key.len()) && key.chars().all(good) && key != "." && key != ".."
}
