//! All that the sandbox Flagsmith knows, and finding things in it.

use std::collections::BTreeMap;

use super::clock::{Clock, Mint};
use super::deliveries::Outgoing;
use super::model::{
    AuditEntry, Environment, Feature, FeatureSegment, GitLab, Identity, Key, Organisation, Project, Resource,
    Segment, State, Tag, Tasks, User, Version, Webhook,
};
use super::pending::Pending;

/// Everything the sandbox Flagsmith knows.
#[derive(Debug, Default)]
pub struct World {
    /// How background work runs.
    pub tasks: Tasks,
    /// Whether private and loopback addresses are taken for webhooks and GitLab, which a real Flagsmith
    /// refuses.
    pub private_addresses: bool,
    /// Organisations by id.
    pub organisations: BTreeMap<u64, Organisation>,
    /// Users by id.
    pub users: BTreeMap<u64, User>,
    /// Master API keys by id.
    pub keys: BTreeMap<u64, Key>,
    /// Projects by id.
    pub projects: BTreeMap<u64, Project>,
    /// Environments by id.
    pub environments: BTreeMap<u64, Environment>,
    /// Features by id.
    pub features: BTreeMap<u64, Feature>,
    /// States by id, of all versions.
    pub states: BTreeMap<u64, State>,
    /// Segment overrides by id, of all versions.
    pub feature_segments: BTreeMap<u64, FeatureSegment>,
    /// Versions, oldest first.
    pub versions: Vec<Version>,
    /// Segments by id.
    pub segments: BTreeMap<u64, Segment>,
    /// Identities by id.
    pub identities: BTreeMap<u64, Identity>,
    /// Tags by id.
    pub tags: BTreeMap<u64, Tag>,
    /// Links by id.
    pub resources: BTreeMap<u64, Resource>,
    /// Webhooks, oldest first.
    pub webhooks: Vec<Webhook>,
    /// GitLab integrations, deleted ones too.
    pub gitlab: Vec<GitLab>,
    /// The audit log, oldest first.
    pub audit: Vec<AuditEntry>,
    pub(super) clock: Clock,
    pub(super) mint: Mint,
    pub(super) ids: BTreeMap<&'static str, u64>,
    pub(super) pending: Vec<Pending>,
    pub(super) outgoing: Vec<Outgoing>,
}

impl World {
    /// The next id of a table.
    pub(super) fn next_id(&mut self, table: &'static str) -> u64 {
        let id = self.ids.entry(table).or_default();
        *id += 1;
        *id
    }

    /// Skips ids of a table (`feature`, `state`, `resource`, …), so that `next` is the next one: what a real
    /// database does when it is started again, and a reason to never take ids for dense.
    pub fn skip_ids(&mut self, table: &'static str, next: u64) {
        let last = self.ids.entry(table).or_default();
        *last = (*last).max(next.saturating_sub(1));
    }

    /// The environment with that API key.
    pub fn environment_by_key(&self, api_key: &str) -> Option<&Environment> {
        self.environments.values().find(|environment| environment.api_key == api_key)
    }

    /// The project's environment of that name.
    pub fn environment_named(&self, project: u64, name: &str) -> Option<&Environment> {
        self.environments
            .values()
            .find(|environment| environment.project == project && environment.name == name)
    }

    /// The ids of the project's features.
    pub fn features_in(&self, project: u64) -> Vec<u64> {
        self.features
            .values()
            .filter(|feature| feature.project == project)
            .map(|feature| feature.id)
            .collect()
    }

    /// The project's feature of that name; names are unique whatever their case.
    pub fn feature_named(&self, project: u64, name: &str) -> Option<&Feature> {
        let name = name.to_lowercase();
        self.features
            .values()
            .find(|feature| feature.project == project && feature.name.to_lowercase() == name)
    }

    /// The project's segment of that name.
    pub fn segment_named(&self, project: u64, name: &str) -> Option<&Segment> {
        self.segments.values().find(|segment| segment.project == project && segment.name == name)
    }

    /// The segment that a state is for, if it is for one, and its priority.
    pub fn segment_of(&self, state: &State) -> Option<(&Segment, &FeatureSegment)> {
        let feature_segment = self.feature_segments.get(&state.feature_segment?)?;
        Some((self.segments.get(&feature_segment.segment)?, feature_segment))
    }

    /// The version that is live now.
    pub fn live_version(&self, environment: u64, feature: u64) -> Option<&Version> {
        self.versions
            .iter()
            .filter(|version| version.environment == environment && version.feature == feature)
            .filter(|version| version.live_from.is_some())
            .max_by_key(|version| version.live_from)
    }

    /// The states of a feature that count in an environment now: its default first, then segment overrides,
    /// then identity overrides.
    pub fn live_states(&self, environment: u64, feature: u64) -> Vec<&State> {
        let version = self.live_version(environment, feature).map(|version| version.uuid.as_str());
        let mut states: Vec<_> = self
            .states
            .values()
            .filter(|state| state.environment == environment && state.feature == feature)
            .filter(|state| state.identity.is_some() || state.version.as_deref() == version)
            .collect();
        states.sort_by_key(|state| (state.identity.is_some(), state.feature_segment.is_some(), state.id));
        states
    }

    /// The state that everybody gets who has no override.
    pub fn default_state(&self, environment: u64, feature: u64) -> Option<&State> {
        self.live_states(environment, feature)
            .into_iter()
            .find(|state| state.identity.is_none() && state.feature_segment.is_none())
    }

    /// The state for a segment.
    pub fn segment_state(&self, environment: u64, feature: u64, segment: u64) -> Option<&State> {
        self.live_states(environment, feature)
            .into_iter()
            .find(|state| self.segment_of(state).is_some_and(|(found, _)| found.id == segment))
    }

    /// The state for an identity.
    pub fn identity_state(&self, identity: u64, feature: u64) -> Option<&State> {
        self.states.values().find(|state| state.identity == Some(identity) && state.feature == feature)
    }
}
