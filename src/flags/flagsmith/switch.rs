//! Changing a flag: its default in one environment, and whether it is archived.

use http::Method;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use url::Url;

use super::Flagsmith;
use super::wire::{DefaultState, Environment, Feature, SavedState};
use crate::domain::FlagRef;
use crate::flags::{Provided, ProviderError, Switch, Switched};

impl Flagsmith {
    pub(super) async fn switch_in(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        environment: &str,
        to: &Switch,
    ) -> Provided<Switched> {
        let id = self.id(flag, internal_id)?;
        // How an environment is to be changed can itself have been changed.
        self.environments.expire();
        let environment = self.environment_named(environment).await?;
        if environment.minimum_change_request_approvals.is_some() {
            let page = self.page(&environment, id);
            let page = Url::parse(&page).map_err(|_| {
                ProviderError::Strange(format!("`site_url` of {} makes no address for its pages", self.name))
            })?;
            return Ok(Switched::ChangeRequest(page));
        }
        if to.rollout.is_some() {
            return Err(ProviderError::Unsupported);
        }
        if to.on.is_none() && to.value.is_none() {
            return Ok(Switched::Done);
        }
        let now = self.default_in(flag, id, &environment).await?;
        if stands(&now, to) {
            return Ok(Switched::Done);
        }
        if environment.use_v2_feature_versioning {
            self.publish_version(id, &environment, &now, to).await?;
        } else {
            self.write_state(&environment, &now, to).await?;
        }
        Ok(Switched::Done)
    }

    /// Another one after each save of the default there: with versions each of them has a number of its own, without them the
    /// moment of the last save moves.
    pub(super) async fn mark_in(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        environment: &str,
    ) -> Provided<Option<String>> {
        let id = self.id(flag, internal_id)?;
        let environment = self.environment_named(environment).await?;
        let path = format!(
            "environments/{}/featurestates/?feature_name={}",
            crate::flags::json_api::part(&environment.api_key),
            crate::flags::json_api::part(&flag.key)
        );
        let mut mark = None;
        self.api
            .list(&path, |state: SavedState| {
                if state.feature == id {
                    mark = state.updated_at.map(|at| format!("{} {at}", state.id));
                }
            })
            .await?;
        Ok(mark)
    }

    pub(super) async fn set_archived(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        archived: bool,
    ) -> Provided<()> {
        let path = self.feature_path(self.id(flag, internal_id)?);
        let feature: Feature =
            self.api.write(Method::PATCH, &path, &json!({ "is_archived": archived })).await?;
        self.flags.expire();
        if feature.is_archived == archived {
            return Ok(());
        }
        Err(ProviderError::Strange(format!("{} left {} as it was", self.name, flag.key)))
    }

    /// The number of the flag.
    pub(super) fn id(&self, flag: &FlagRef, internal_id: &str) -> Provided<u64> {
        internal_id.parse().map_err(|_| self.gone(flag))
    }

    pub(super) fn gone(&self, flag: &FlagRef) -> ProviderError {
        ProviderError::gone(&self.name, &flag.key)
    }

    async fn default_in(&self, flag: &FlagRef, id: u64, environment: &Environment) -> Provided<DefaultState> {
        let search = self.search_path(&flag.key).ok_or_else(|| self.gone(flag))?;
        let path = format!("{search}&environment={}", environment.id);
        let mut found = None;
        self.api
            .list(&path, |feature: Feature| {
                if feature.id == id {
                    found = Some(feature);
                }
            })
            .await?;
        found.and_then(|feature| feature.environment_feature_state).ok_or_else(|| self.gone(flag))
    }

    async fn write_state(&self, environment: &Environment, now: &DefaultState, to: &Switch) -> Provided<()> {
        let mut body = Map::new();
        if let Some(on) = to.on {
            body.insert("enabled".to_owned(), Value::Bool(on));
        }
        if let Some(value) = &to.value {
            body.insert("feature_state_value".to_owned(), alike(&now.feature_state_value, value));
        }
        let path = format!(
            "environments/{}/featurestates/{}/",
            crate::flags::json_api::part(&environment.api_key),
            now.id
        );
        // What is left out of this PUT stays as it is (seen on a running 2.265).
        self.api.write::<IgnoredAny>(Method::PUT, &path, &Value::Object(body)).await.map(|_| ())
    }

    async fn publish_version(
        &self,
        id: u64,
        environment: &Environment,
        now: &DefaultState,
        to: &Switch,
    ) -> Provided<()> {
        let value = match &to.value {
            Some(value) => alike(&now.feature_state_value, value),
            None => now.feature_state_value.clone(),
        };
        let body = json!({
            "feature_states_to_update": [{
                "feature_segment": null,
                "enabled": to.on.unwrap_or(now.enabled),
                "feature_state_value": spelled_out(&value),
            }],
            "feature_states_to_create": [],
            "segment_ids_to_delete_overrides": [],
            "publish_immediately": true,
        });
        let path = format!("environments/{}/features/{id}/versions/", environment.id);
        let version: Value = self.api.write(Method::POST, &path, &body).await?;
        // A version that waits for somebody's word changes nothing yet.
        if version.get("is_live").and_then(Value::as_bool) == Some(false) {
            return Err(ProviderError::Strange(format!(
                "{} kept the change as a version that is not live yet; publish it there",
                self.name
            )));
        }
        Ok(())
    }
}

/// Whether all is as it is wanted: written once more it would be a change that says nothing, and with versions one more of them.
fn stands(now: &DefaultState, to: &Switch) -> bool {
    let value_stands = to
        .value
        .as_ref()
        .is_none_or(|value| alike(&now.feature_state_value, value) == now.feature_state_value);
    to.on.is_none_or(|on| on == now.enabled) && value_stands
}

/// The text as a value of the kind that stands there now: programs that read a number must not be handed a text.
fn alike(now: &Value, text: &str) -> Value {
    match now {
        Value::Number(_) => text.trim().parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        Value::Bool(_) => text.trim().parse::<bool>().map_or_else(|_| Value::from(text), Value::from),
        _ => Value::from(text),
    }
}

/// A bare value in the shape that versions take.
fn spelled_out(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!({ "type": "int", "integer_value": number }),
        Value::Bool(flag) => json!({ "type": "bool", "boolean_value": flag }),
        Value::String(text) => json!({ "type": "unicode", "string_value": text }),
        other => json!({ "type": "unicode", "string_value": super::wire::plain(other) }),
    }
}
