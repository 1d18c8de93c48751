//! What is written down when something happens, and which webhooks it becomes.

use serde_json::{Map, Value as Json, json};

use super::clock::{Stamp, ulid};
use super::deliveries::Outgoing;
use super::model::{Actor, Addon, Event, Tag};
use super::view;
use super::world::World;

/// The kinds of events that the form for a webhook offers, and those beyond them that are sent as well.
pub const EVENTS: &[&str] = &[
    "feature-created",
    "feature-updated",
    "feature-archived",
    "feature-revived",
    "feature-deleted",
    "feature-stale-on",
    "feature-stale-off",
    "feature-potentially-stale-on",
    "feature-completed",
    "feature-uncompleted",
    "feature-environment-enabled",
    "feature-environment-disabled",
    "feature-strategy-add",
    "feature-strategy-update",
    "feature-strategy-remove",
    "feature-metadata-updated",
    "feature-project-change",
    "feature-tagged",
    "feature-untagged",
    "feature-link-added",
    "feature-link-updated",
    "feature-link-removed",
];

/// Something that happened to a flag, before it is written down.
pub(super) struct Happened {
    kind: &'static str,
    environment: Option<String>,
    data: Json,
    pre_data: Json,
    tags: Option<Json>,
    group: Option<String>,
}

/// An event of this kind, together with nothing else.
pub(super) fn happened(kind: &'static str) -> Happened {
    let (data, pre_data) = (Json::Null, Json::Null);
    Happened { kind, environment: None, data, pre_data, tags: None, group: Some(ulid()) }
}

impl Happened {
    pub(super) fn with(mut self, data: Json) -> Self {
        self.data = data;
        self
    }

    pub(super) fn was(mut self, pre_data: Json) -> Self {
        self.pre_data = pre_data;
        self
    }

    pub(super) fn in_environment(mut self, environment: &str) -> Self {
        self.environment = Some(environment.to_owned());
        self
    }

    /// Tags other than those that the flag has now.
    pub(super) fn tags(mut self, tags: Json) -> Self {
        self.tags = Some(tags);
        self
    }

    /// Together with others, or with nothing that is named.
    pub(super) fn group(mut self, group: Option<&str>) -> Self {
        self.group = group.map(str::to_owned);
        self
    }
}

impl World {
    /// Writes down what happened to a flag, and sends it to those who listen.
    pub(super) fn tell(&mut self, by: &Actor, feature: &str, happened: Happened) {
        let known = self.feature_mut(feature);
        let (project, tags) = match known {
            Some(known) => {
                known.collaborators.retain(|other| other != by);
                known.collaborators.insert(0, by.clone());
                (Some(known.project.clone()), tags(&known.tags))
            }
            None => (None, json!([])),
        };
        self.write_down(by, Some(feature), project, tags, happened);
    }

    /// Writes down what happened to no flag.
    pub(super) fn tell_of_nothing(&mut self, by: &Actor, happened: Happened) {
        self.write_down(by, None, None, json!([]), happened);
    }

    /// Writes down what happened to a flag that is not there any more.
    pub(super) fn tell_of_gone(&mut self, by: &Actor, feature: &str, project: &str, happened: Happened) {
        self.write_down(by, Some(feature), Some(project.to_owned()), json!([]), happened);
    }

    fn write_down(
        &mut self,
        by: &Actor,
        feature: Option<&str>,
        project: Option<String>,
        tags: Json,
        happened: Happened,
    ) {
        self.last_event += 1;
        let event = Event {
            id: self.last_event,
            kind: happened.kind,
            by: by.clone(),
            at: Stamp::now(),
            data: happened.data,
            pre_data: happened.pre_data,
            tags: happened.tags.unwrap_or(tags),
            feature: feature.map(str::to_owned),
            project,
            environment: happened.environment,
            group: happened.group,
        };
        let body = view::event(&event).to_string();
        for addon in self.addons.iter().filter(|addon| listens(addon, &event)) {
            let Some(url) = addon.parameter("url") else { continue };
            self.outgoing.push(Outgoing {
                webhook: addon.id,
                event: event.id,
                url: url.to_owned(),
                headers: headers(addon),
                body: body.clone(),
            });
        }
        self.events.push(event);
    }
}

/// Tags as events show them.
pub(super) fn tags(tags: &[Tag]) -> Json {
    tags.iter().map(|tag| json!({ "value": tag.value, "type": tag.kind })).collect()
}

/// Whether a webhook is sent for an event. One without an environment passes every filter of environments.
fn listens(addon: &Addon, event: &Event) -> bool {
    let takes = |wanted: &[String], name: Option<&String>| {
        let all = wanted.is_empty() || wanted.iter().any(|wanted| wanted == "*");
        all || name.is_some_and(|name| wanted.contains(name))
    };
    addon.enabled
        && addon.events.iter().any(|kind| kind == event.kind)
        && takes(&addon.projects, event.project.as_ref())
        && (event.environment.is_none() || takes(&addon.environments, event.environment.as_ref()))
}

/// Exactly these and no more: no name of the sender, no signature, no id of the delivery.
fn headers(addon: &Addon) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    if let Some(authorization) = addon.parameter("authorization") {
        headers.push(("authorization".to_owned(), authorization.to_owned()));
    }
    let kind = addon.parameter("contentType").unwrap_or("application/json");
    headers.push(("content-type".to_owned(), kind.to_owned()));
    let own: Map<String, Json> =
        addon.parameter("customHeaders").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    for (name, value) in &own {
        headers.push((name.to_lowercase(), value.as_str().unwrap_or_default().to_owned()));
    }
    headers.push(("Connection".to_owned(), "keep-alive".to_owned()));
    headers
}
