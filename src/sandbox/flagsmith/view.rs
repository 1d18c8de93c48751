//! What the Admin API shows of the model. Every body here has the keys of the recordings.

use serde_json::{Value as Json, json};

use super::model::{
    Environment, Feature, FeatureSegment, GitLab, Key, Organisation, Project, Resource, Segment, State, Tag,
    User, Version, Webhook, Who,
};
use super::world::World;

pub(super) fn organisation(organisation: &Organisation, role: Option<&str>) -> Json {
    json!({
        "id": organisation.id,
        "uuid": organisation.uuid,
        "name": organisation.name,
        "created_date": organisation.created.zulu(),
        "webhook_notification_email": null,
        "num_seats": 1,
        "subscription": {
            "id": organisation.id,
            "has_active_billing_periods": false,
            "deleted_at": null,
            "uuid": organisation.subscription,
            "subscription_id": null,
            "subscription_date": null,
            "plan": "free",
            "max_seats": 1,
            "max_api_calls": 50000,
            "cancellation_date": null,
            "customer_id": null,
            "billing_status": null,
            "payment_method": null,
            "notes": null,
        },
        "role": role,
        "persist_trait_data": true,
        "block_access_to_admin": false,
        "restrict_project_create_to_admin": false,
        "force_2fa": false,
    })
}

pub(super) fn user(user: &User) -> Json {
    json!({
        "first_name": user.first_name,
        "last_name": user.last_name,
        "sign_up_type": null,
        "id": user.id,
        "email": user.email,
        "auth_type": "EMAIL",
        "is_superuser": true,
        "date_joined": user.joined.zulu(),
        "uuid": user.uuid,
        "pylon_email_signature": null,
        "onboarding": null,
    })
}

pub(super) fn key(key: &Key) -> Json {
    let prefix = key.secret.split('.').next().unwrap_or_default();
    json!({
        // A real one ends in a hash of the secret, not in the secret.
        "id": format!("{prefix}.pbkdf2_sha256$1000000$sandbox"),
        "prefix": prefix,
        "created": key.created.zulu(),
        "name": key.name,
        "revoked": key.revoked,
        "expiry_date": null,
        "is_admin": true,
        "has_expired": false,
        "created_by": 1,
    })
}

pub(super) fn project(project: &Project) -> Json {
    json!({
        "id": project.id,
        "uuid": project.uuid,
        "name": project.name,
        "organisation": project.organisation,
        "hide_disabled_flags": false,
        "enable_dynamo_db": false,
        "migration_status": "NOT_APPLICABLE",
        "use_edge_identities": false,
        "prevent_flag_defaults": false,
        "enable_realtime_updates": false,
        "only_allow_lower_case_feature_names": true,
        "feature_name_regex": project.feature_name_regex,
        "show_edge_identity_overrides_for_feature": false,
        "stale_flags_limit_days": 30,
        "edge_v2_migration_status": "NOT_STARTED",
        "minimum_change_request_approvals": null,
        "enforce_feature_owners": false,
    })
}

pub(super) fn project_alone(world: &World, found: &Project) -> Json {
    let mut json = project(found);
    json["max_segments_allowed"] = json!(500);
    json["max_features_allowed"] = json!(1000);
    json["max_segment_overrides_allowed"] = json!(2000);
    json["total_features"] =
        json!(world.features.values().filter(|feature| feature.project == found.id).count());
    json["total_segments"] =
        json!(world.segments.values().filter(|segment| segment.project == found.id).count());
    json
}

pub(super) fn environment_in_audit(environment: &Environment) -> Json {
    json!({
        "id": environment.id,
        "uuid": environment.uuid,
        "name": environment.name,
        "api_key": environment.api_key,
        "description": null,
        "project": environment.project,
        "minimum_change_request_approvals": environment.minimum_change_request_approvals,
        "allow_client_traits": true,
        "banner_text": null,
        "banner_colour": null,
        "hide_disabled_flags": null,
        "use_mv_v2_evaluation": true,
        "use_identity_composite_key_for_hashing": true,
        "hide_sensitive_data": false,
        "use_v2_feature_versioning": environment.use_v2_feature_versioning,
        "use_identity_overrides_in_local_eval": true,
        "is_creating": false,
    })
}

pub(super) fn environment(found: &Environment) -> Json {
    let mut json = environment_in_audit(found);
    json["metadata"] = json!([]);
    json
}

pub(super) fn environment_alone(world: &World, found: &Environment) -> Json {
    let mut json = environment(found);
    let features: Vec<u64> = world.features.keys().copied().collect();
    let overrides: usize = features.iter().map(|feature| segment_overrides(world, found.id, *feature)).sum();
    json["total_segment_overrides"] = json!(overrides);
    json
}

fn segment_overrides(world: &World, environment: u64, feature: u64) -> usize {
    world.live_states(environment, feature).iter().filter(|state| state.feature_segment.is_some()).count()
}

pub(super) fn feature_type(feature: &Feature) -> &'static str {
    if feature.options.is_empty() { "STANDARD" } else { "MULTIVARIATE" }
}

/// Which environment and segment a list of features was asked to show the states of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Through {
    pub(super) environment: Option<u64>,
    pub(super) segment: Option<u64>,
}

/// A feature as the answer to its creation shows it: nearly what lists show.
pub(super) fn feature_created(world: &World, feature: &Feature) -> Json {
    let mut json = feature_fields(world, feature, Through::default());
    // Its first versions are not yet made when the answer is.
    json["last_modified_in_any_environment"] = Json::Null;
    json
}

/// A feature as lists and GET show it.
pub(super) fn feature(world: &World, feature: &Feature, through: Through) -> Json {
    let mut json = feature_fields(world, feature, through);
    json["code_references_counts"] = json!([]);
    json
}

/// A feature as the answer to PATCH shows it.
pub(super) fn feature_changed(world: &World, found: &Feature) -> Json {
    let mut json = feature(world, found, Through::default());
    if let Some(fields) = json.as_object_mut() {
        fields.remove("is_num_identity_overrides_complete");
    }
    json
}

fn feature_fields(world: &World, feature: &Feature, through: Through) -> Json {
    let states =
        through.environment.map(|environment| world.live_states(environment, feature.id)).unwrap_or_default();
    let default = states.iter().find(|state| state.identity.is_none() && state.feature_segment.is_none());
    let for_segment = states.iter().find(|state| {
        through.segment.is_some() && world.segment_of(state).map(|(segment, _)| segment.id) == through.segment
    });
    let segments = states.iter().filter(|state| state.feature_segment.is_some()).count();
    let identities = states.iter().filter(|state| state.identity.is_some()).count();
    json!({
        "id": feature.id,
        "name": feature.name,
        "type": feature_type(feature),
        "default_enabled": feature.default_enabled,
        "initial_value": feature.initial_value,
        "created_date": feature.created.zulu(),
        "description": feature.description,
        "tags": feature.tags,
        "multivariate_options": feature.options.iter().map(|option| {
            let mut json = option.value.typed();
            json["id"] = json!(option.id);
            json["uuid"] = json!(option.uuid);
            json["default_percentage_allocation"] = json!(option.share);
            json["key"] = Json::Null;
            json
        }).collect::<Vec<_>>(),
        "is_archived": feature.is_archived,
        "owners": feature.owners.iter().filter_map(|id| world.users.get(id)).map(|user| json!({
            "id": user.id,
            "email": user.email,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "last_login": user.joined.zulu(),
            "uuid": user.uuid,
        })).collect::<Vec<_>>(),
        "group_owners": [],
        "uuid": feature.uuid,
        "project": feature.project,
        "environment_feature_state": default.map(|state| state_in_feature(state)),
        "segment_feature_state": for_segment.map(|state| state_in_feature(state)),
        "num_segment_overrides": segments,
        // Null, not 0, where there are none.
        "num_identity_overrides": (identities > 0).then_some(identities),
        "is_num_identity_overrides_complete": true,
        "is_server_key_only": false,
        "last_modified_in_any_environment": last_modified(world, feature.id, None),
        "last_modified_in_current_environment":
            through.environment.and_then(|environment| last_modified(world, feature.id, Some(environment))),
        "metadata": [],
    })
}

/// Known for environments with version 2 of feature versioning only.
fn last_modified(world: &World, feature: u64, environment: Option<u64>) -> Option<String> {
    world
        .versions
        .iter()
        .filter(|version| version.feature == feature)
        .filter(|version| environment.is_none_or(|environment| version.environment == environment))
        .filter_map(|version| version.live_from)
        .max()
        .map(super::clock::Stamp::iso)
}

fn state_in_feature(state: &State) -> Json {
    json!({
        "id": state.id,
        "feature_state_value": state.value.bare(),
        "environment": state.environment,
        "identity": state.identity,
        "feature_segment": state.feature_segment,
        "enabled": state.enabled,
    })
}

/// A state as the calls below `/environments/` show it: with a bare value.
pub(super) fn state(world: &World, state: &State) -> Json {
    let mut json = state_typed(world, state);
    json["feature_state_value"] = state.value.bare();
    json
}

/// A state as `/features/featurestates/` shows it: with a typed value.
pub(super) fn state_typed(_world: &World, state: &State) -> Json {
    json!({
        "id": state.id,
        "feature_state_value": state.value.typed(),
        "multivariate_feature_state_values": shares(state),
        "deleted_at": null,
        "uuid": state.uuid,
        "enabled": state.enabled,
        "created_at": state.created.zulu(),
        "updated_at": state.updated.zulu(),
        "live_from": state.live_from.map(super::clock::Stamp::zulu),
        "version": 1,
        "feature": state.feature,
        "environment": state.environment,
        "identity": state.identity,
        "feature_segment": state.feature_segment,
        "change_request": null,
        "environment_feature_version": state.version,
    })
}

fn shares(state: &State) -> Vec<Json> {
    state
        .shares
        .iter()
        .map(|share| {
            json!({
                "id": share.id,
                "multivariate_feature_option": share.option,
                "percentage_allocation": share.percent,
            })
        })
        .collect()
}

/// A state of a version, or of a segment override that was just made.
pub(super) fn state_with_segment(world: &World, state: &State) -> Json {
    json!({
        "id": state.id,
        "feature": state.feature,
        "enabled": state.enabled,
        "feature_state_value": state.value.typed(),
        "feature_segment": world.segment_of(state).map(|(segment, link)| json!({
            "id": link.id,
            "segment": segment.id,
            "priority": link.priority,
            "uuid": link.uuid,
        })),
        "deleted_at": null,
        "uuid": state.uuid,
        "created_at": state.created.zulu(),
        "updated_at": state.updated.zulu(),
        "live_from": state.live_from.map(super::clock::Stamp::zulu),
        "environment": state.environment,
        "identity": state.identity,
        "change_request": null,
        "multivariate_feature_state_values": shares(state),
    })
}

pub(super) fn feature_segment(world: &World, link: &FeatureSegment) -> Json {
    json!({
        "id": link.id,
        "uuid": link.uuid,
        "segment": link.segment,
        "priority": link.priority,
        "environment": link.environment,
        "segment_name": world.segments.get(&link.segment).map(|segment| &segment.name),
        "is_feature_specific": false,
    })
}

/// The whole of a feature in an environment, as the newest calls show it.
pub(super) fn whole(world: &World, environment: u64, feature: u64) -> Json {
    let show = |state: &State| {
        let variants: Vec<Json> =
            state.shares.iter().map(|share| json!({ "id": share.option, "weight": share.percent })).collect();
        json!({ "enabled": state.enabled, "value": state.value.named(), "variants": variants })
    };
    let mut overrides: Vec<(i64, u64, Json)> = world
        .live_states(environment, feature)
        .into_iter()
        .filter_map(|state| {
            let (segment, link) = world.segment_of(state)?;
            let mut json = show(state);
            json["segment"] = json!({ "id": segment.id });
            json["priority"] = json!(link.priority);
            Some((link.priority, link.id, json))
        })
        .collect();
    overrides.sort_by_key(|(priority, id, _)| (*priority, *id));
    json!({
        "environment_default": world.default_state(environment, feature).map(show),
        "segment_overrides": overrides.into_iter().map(|(_, _, json)| json).collect::<Vec<_>>(),
    })
}

pub(super) fn version(version: &Version) -> Json {
    let user = |who: Who| match who {
        Who::User(id) => Some(id),
        Who::Key(_) | Who::Nobody => None,
    };
    json!({
        "created_at": version.created.zulu(),
        "updated_at": version.updated.zulu(),
        "published": version.live_from.is_some(),
        "live_from": version.live_from.map(super::clock::Stamp::zulu),
        "uuid": version.uuid,
        // True for every version that was ever live.
        "is_live": version.live_from.is_some(),
        "published_by": user(version.published_by),
        "created_by": user(version.created_by),
        "description": null,
    })
}

pub(super) fn segment(segment: &Segment) -> Json {
    json!({
        "id": segment.id,
        "uuid": segment.uuid,
        "created_at": segment.created.zulu(),
        "updated_at": segment.created.zulu(),
        "name": segment.name,
        "description": segment.description,
        "project": segment.project,
        "feature": null,
        "version_of": segment.id,
        "rules": segment.rules,
        "metadata": [],
        "membership_counts": [],
        "managed_by": "",
    })
}

pub(super) fn tag(tag: &Tag) -> Json {
    json!({
        "id": tag.id,
        "label": tag.label,
        "color": tag.color,
        "description": tag.description,
        "project": tag.project,
        "uuid": tag.uuid,
        "is_permanent": tag.is_permanent,
        "is_system_tag": tag.is_system,
        "type": if tag.is_system { "GITLAB" } else { "NONE" },
    })
}

pub(super) fn resource(resource: &Resource) -> Json {
    json!({
        "id": resource.id,
        "url": resource.url,
        "type": resource.kind,
        "feature": resource.feature,
        "metadata": resource.metadata,
    })
}

pub(super) fn webhook(webhook: &Webhook) -> Json {
    json!({
        "id": webhook.id,
        "url": webhook.url,
        "enabled": webhook.enabled,
        "created_at": webhook.created.zulu(),
        "updated_at": webhook.updated.zulu(),
        "secret": webhook.secret,
    })
}

pub(super) fn gitlab(gitlab: &GitLab) -> Json {
    json!({
        "id": gitlab.id,
        "gitlab_instance_url": gitlab.url,
        "access_token": "write-only",
        "labeling_enabled": gitlab.labeling,
    })
}
