//! Changing a flag: on or off in one environment, for what share of users, and whether it is archived.

use http::Method;
use serde_json::json;
use url::Url;

use super::Unleash;
use super::state::{is_limited, share};
use super::wire::{ChangeRequests, Environment, Feature, Strategy};
use crate::domain::FlagRef;
use crate::flags::json_api::part;
use crate::flags::named::environment_named;
use crate::flags::{Provided, ProviderError, Switch, Switched};

impl Unleash {
    pub(super) async fn switch_in(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        environment: &str,
        to: &Switch,
    ) -> Provided<Switched> {
        if to.value.is_some() {
            return Err(ProviderError::Unsupported);
        }
        let feature = self.the_one(flag, internal_id).await?;
        let named = environment_named(&self.name, &feature.environments, environment, |one| &one.name)?;
        if self.demands_change_request(&named.name).await? {
            let page = Url::parse(&self.page(&feature.name));
            let page =
                page.map_err(|_| ProviderError::Strange("`url` makes no address for pages".to_owned()))?;
            return Ok(Switched::ChangeRequest(page));
        }
        if let Some(share) = to.rollout {
            self.roll_out(&feature, named, share).await?;
        }
        match to.on {
            Some(true) if !named.enabled => self.turn_on(&feature, named).await?,
            Some(false) if named.enabled => self.turn(&feature, named, "off").await?,
            Some(_) | None => {}
        }
        Ok(Switched::Done)
    }

    /// Only Unleash Enterprise has change requests; the open source edition does not know the address.
    async fn demands_change_request(&self, environment: &str) -> Provided<bool> {
        let path = format!("projects/{}/change-requests/config", part(&self.project));
        let config: Option<Vec<ChangeRequests>> = self.api.get_if_there(&path).await?;
        Ok(config.into_iter().flatten().any(|one| one.enabled && one.environment == environment))
    }

    async fn turn_on(&self, feature: &Feature, environment: &Environment) -> Provided<()> {
        // Unleash would add a strategy for everybody beside those that somebody prepared and did not put into force yet.
        if !environment.strategies.is_empty() && environment.strategies.iter().all(|one| one.disabled) {
            return Err(ProviderError::Strange(format!(
                "all strategies of {} in {} are disabled, and Unleash would switch it on for everybody; enable one of \
                 them there first",
                feature.name, environment.name
            )));
        }
        self.turn(feature, environment, "on").await
    }

    async fn turn(&self, feature: &Feature, environment: &Environment, way: &str) -> Provided<()> {
        let path = format!("{}/environments/{}/{way}", self.path(&feature.name), part(&environment.name));
        self.api.send(Method::POST, &path, None).await.map(|_| ())
    }

    async fn roll_out(&self, feature: &Feature, environment: &Environment, wanted: f64) -> Provided<()> {
        if has_share(environment, wanted) {
            return Ok(());
        }
        let path =
            format!("{}/environments/{}/strategies", self.path(&feature.name), part(&environment.name));
        let rollout = format!("{wanted}");
        let (method, path, body) = match environment.strategies.as_slice() {
            [] => {
                let parameters =
                    json!({ "rollout": rollout, "stickiness": "default", "groupId": feature.name });
                let body = json!({
                    "name": "flexibleRollout", "constraints": [], "segments": [], "parameters": parameters,
                });
                (Method::POST, path, body)
            }
            [only] if only.name == "flexibleRollout" && !only.disabled && !is_limited(only) => {
                (Method::PUT, format!("{path}/{}", part(&only.id)), with_rollout(only, &rollout))
            }
            _ => {
                return Err(ProviderError::Strange(format!(
                    "{} has several strategies in {}, or one that is not a plain gradual rollout, so it is not clear \
                     whose share is meant; set it in Unleash: {}",
                    feature.name,
                    environment.name,
                    self.page(&feature.name)
                )));
            }
        };
        self.api.send(method, &path, Some(&body)).await.map(|_| ())
    }

    pub(super) async fn set_archived(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        archived: bool,
    ) -> Provided<()> {
        let known = self.find(&flag.key).await?.filter(|known| known.feature.internal_id() == internal_id);
        let known = known.ok_or_else(|| ProviderError::gone(&self.name, &flag.key))?;
        if known.archived == archived {
            return Ok(());
        }
        let (method, path) = match archived {
            true => (Method::DELETE, self.path(&flag.key)),
            false => (Method::POST, format!("archive/revive/{}", part(&flag.key))),
        };
        self.api.send(method, &path, None).await?;
        self.searches.forget();
        self.flags.expire();
        Ok(())
    }
}

/// Whether the flag has that share there already, so that nothing need be written.
fn has_share(environment: &Environment, wanted: f64) -> bool {
    match environment.strategies.as_slice() {
        // Without a strategy it is on for everybody where it is on, and so Unleash makes it when it is switched on.
        [] => wanted >= 100.0,
        [only] if only.disabled || is_limited(only) => false,
        [only] if only.name == "default" => wanted >= 100.0,
        [only] => share(only).is_some_and(|share| (share - wanted).abs() < f64::EPSILON),
        _ => false,
    }
}

/// The strategy as it is, with another share.
fn with_rollout(strategy: &Strategy, rollout: &str) -> serde_json::Value {
    let mut parameters = strategy.parameters.clone();
    parameters.insert("rollout".to_owned(), json!(rollout));
    let variants: Vec<serde_json::Value> = strategy
        .variants
        .iter()
        .map(|variant| {
            let mut whole = variant.rest.clone();
            whole.insert("name".to_owned(), json!(variant.name));
            if let Some(weight) = variant.weight {
                whole.insert("weight".to_owned(), json!(weight.round() as i64));
            }
            serde_json::Value::Object(whole)
        })
        .collect();
    json!({
        "name": strategy.name,
        "title": strategy.title,
        "constraints": strategy.constraints,
        "segments": strategy.segments,
        "parameters": parameters,
        "variants": variants,
        "sortOrder": strategy.sort_order,
        "disabled": strategy.disabled,
    })
}
