//! What flags are set to, in every environment.
//!
//! One question an environment is enough for enabled, value and how many overrides there are; a flag with overrides or
//! variants takes a second (and with segment overrides a third) for what they are set to.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::Flagsmith;
use super::api::Api;
use super::wire::{Environment, Feature, FeatureSegment, FullState, plain, reads_otherwise};
use super::{digest, overrides, variants};
use crate::domain::{EnvironmentState, FlagRef, FlagState, Override, Variant};
use crate::flags::{Provided, ProviderError};

/// What one environment says about the flags that were asked for, by id.
type Seen = HashMap<u64, (Feature, Unlisted)>;

/// What the list of flags does not show of one in an environment.
#[derive(Default)]
struct Unlisted {
    digest: String,
    overridden: Option<Vec<Override>>,
    variants: Vec<Variant>,
}

impl Flagsmith {
    pub(super) async fn state_of(&self, flag: &FlagRef, internal_id: &str) -> Provided<Option<FlagState>> {
        // Flagsmith's ids are numbers: anything else is none of its flags.
        let Ok(id) = internal_id.parse() else { return Ok(None) };
        self.state_by_id(id, &flag.key).await
    }

    pub(super) async fn states_of(&self, flags: &[(FlagRef, String)]) -> Provided<Vec<Option<FlagState>>> {
        // No flag tells of an environment that is new or called otherwise, and webhooks may not either: whoever polls sees it.
        self.environments.expire();
        if let [(flag, internal_id)] = flags {
            return Ok(vec![self.state_of(flag, internal_id).await?]);
        }
        let wanted: HashSet<u64> = flags.iter().filter_map(|(_, id)| id.parse().ok()).collect();
        if wanted.is_empty() {
            return Ok(vec![None; flags.len()]);
        }
        let path = format!("projects/{}/features/", self.project);
        let (environments, seen) = self.see(&path, &wanted).await?;
        let mut states = Vec::with_capacity(flags.len());
        for (flag, internal_id) in flags {
            let state = match internal_id.parse() {
                Err(_) => None,
                Ok(id) => match self.assemble(id, &environments, &seen) {
                    Some(state) => Some(state),
                    // Deleted, or the list moved while its pages were read.
                    None if self.feature(id).await?.is_none() => None,
                    None => self.state_by_id(id, &flag.key).await?,
                },
            };
            states.push(state);
        }
        Ok(states)
    }

    /// The state of the flag with that id, which is found by its name. "It is not there" is said only when Flagsmith
    /// says so of the id itself: a list may just have moved under the reading.
    async fn state_by_id(&self, id: u64, key: &str) -> Provided<Option<FlagState>> {
        if let Some(state) = self.state_by_search(id, key).await? {
            return Ok(Some(state));
        }
        let Some(feature) = self.feature(id).await? else { return Ok(None) };
        if let Some(state) = self.state_by_search(id, &feature.name).await? {
            return Ok(Some(state));
        }
        if self.feature(id).await?.is_none() {
            return Ok(None);
        }
        Err(ProviderError::Strange(format!(
            "{} knows the flag with the number {id} but does not list it",
            self.name
        )))
    }

    async fn state_by_search(&self, id: u64, name: &str) -> Provided<Option<FlagState>> {
        let Some(path) = self.search_path(name) else { return Ok(None) };
        let (environments, seen) = self.see(&path, &HashSet::from([id])).await?;
        Ok(self.assemble(id, &environments, &seen))
    }

    /// The flag with that id, wherever it is in Flagsmith's lists.
    pub(super) async fn feature(&self, id: u64) -> Provided<Option<Feature>> {
        let path = self.feature_path(id);
        let feature: Option<Feature> = self.api.get_if_there(&path).await?;
        if feature.is_none() {
            // A project that cannot be seen (any more) answers in the same way, and its flags are not gone.
            self.check_project().await?;
        }
        Ok(feature)
    }

    pub(super) fn feature_path(&self, id: u64) -> String {
        format!("projects/{}/features/{id}/", self.project)
    }

    /// Reads the list at `path` in every environment and keeps the flags that are wanted.
    async fn see(&self, path: &str, wanted: &HashSet<u64>) -> Provided<(Arc<Vec<Environment>>, Vec<Seen>)> {
        let environments = self.environments().await?;
        match self.see_in(&environments, path, wanted).await {
            // An environment may be gone since the list of them was read.
            Err(ProviderError::Failed(failure)) if matches!(failure.status, Some(400 | 403 | 404)) => {
                self.environments.expire();
                let environments = self.environments().await?;
                let seen = self.see_in(&environments, path, wanted).await?;
                Ok((environments, seen))
            }
            other => other.map(|seen| (environments, seen)),
        }
    }

    async fn see_in(
        &self,
        environments: &[Environment],
        path: &str,
        wanted: &HashSet<u64>,
    ) -> Provided<Vec<Seen>> {
        if environments.is_empty() {
            // Without any environment a flag is still there or not.
            return Ok(vec![see_listed(&self.api, None, path, wanted).await?]);
        }
        let mut reads = JoinSet::new();
        for (place, environment) in environments.iter().cloned().enumerate() {
            let (api, path, wanted) = (self.api.clone(), path.to_owned(), wanted.clone());
            let read = async move { (place, see_listed(&api, Some(&environment), &path, &wanted).await) };
            reads.spawn(read.in_current_span());
        }
        let mut seen: Vec<Seen> = std::iter::repeat_with(Seen::new).take(environments.len()).collect();
        while let Some(read) = reads.join_next().await {
            let (place, found) = read
                .map_err(|_| ProviderError::Strange(format!("reading from {} was broken off", self.name)))?;
            if let Some(slot) = seen.get_mut(place) {
                *slot = found?;
            }
        }
        Ok(seen)
    }

    /// Puts a flag's state together from what every environment said; `None` where one of them does not list it.
    fn assemble(&self, id: u64, environments: &[Environment], seen: &[Seen]) -> Option<FlagState> {
        let mut state = FlagState::default();
        for found in seen {
            state.archived |= found.get(&id)?.0.is_archived;
        }
        for (environment, found) in environments.iter().zip(seen) {
            let (feature, unlisted) = found.get(&id)?;
            // A new environment has no states until Flagsmith has made them.
            let Some(default) = &feature.environment_feature_state else { continue };
            let overrides = feature.num_segment_overrides.saturating_add(feature.num_identity_overrides);
            state.environments.push(EnvironmentState {
                environment: environment.name.clone(),
                id: environment.id.to_string(),
                on: default.enabled,
                value: plain(&default.feature_state_value),
                quoted: reads_otherwise(&default.feature_state_value),
                overrides: u32::try_from(overrides).unwrap_or(u32::MAX),
                overridden: unlisted.overridden.clone(),
                variants: unlisted.variants.clone(),
                digest: unlisted.digest.clone(),
                url: Some(self.page(environment, id)),
                ..EnvironmentState::default()
            });
        }
        Some(state)
    }
}

async fn see_listed(
    api: &Api,
    environment: Option<&Environment>,
    path: &str,
    wanted: &HashSet<u64>,
) -> Provided<Seen> {
    let mut seen = Seen::new();
    let Some(environment) = environment else {
        api.list(path, |feature: Feature| {
            if wanted.contains(&feature.id) {
                seen.insert(feature.id, (feature, Unlisted::default()));
            }
        })
        .await?;
        return Ok(seen);
    };
    let joint = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{joint}environment={}", environment.id);
    let mut features = Vec::new();
    api.list(&path, |feature: Feature| {
        if wanted.contains(&feature.id) {
            features.push(feature);
        }
    })
    .await?;
    for feature in features {
        let unlisted = unlisted(api, environment, &feature).await?;
        seen.insert(feature.id, (feature, unlisted));
    }
    Ok(seen)
}

/// What overrides and variants are set to.
async fn unlisted(api: &Api, environment: &Environment, feature: &Feature) -> Provided<Unlisted> {
    let overridden = feature.num_segment_overrides > 0 || feature.num_identity_overrides > 0;
    if !overridden && feature.multivariate_options.is_empty() {
        return Ok(Unlisted::default());
    }
    let query = format!("?environment={}&feature={}", environment.id, feature.id);
    let mut states: Vec<FullState> = Vec::new();
    list_if_there(api, &format!("features/featurestates/{query}"), &mut states).await?;
    let mut segments: Vec<FeatureSegment> = Vec::new();
    if feature.num_segment_overrides > 0 {
        list_if_there(api, &format!("features/feature-segments/{query}"), &mut segments).await?;
    }
    let options = &feature.multivariate_options;
    let default = states.iter().find(|state| state.feature_segment.is_null() && state.identity.is_null());
    let variants = default.map(|default| variants::of(options, default)).unwrap_or_default();
    let overridden = overridden.then(|| overrides::of(&states, &segments)).flatten();
    Ok(Unlisted { digest: digest::of(options, &states, &segments), overridden, variants })
}

/// Reads details that the state can do without: a Flagsmith that has no such list has fewer changes noticed, and
/// is not a Flagsmith that cannot be read.
async fn list_if_there<T: DeserializeOwned>(api: &Api, path: &str, into: &mut Vec<T>) -> Provided<()> {
    match api.list(path, |item| into.push(item)).await {
        Err(ProviderError::Failed(failure)) if failure.is_not_found() => Ok(()),
        other => other,
    }
}
