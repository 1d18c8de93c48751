//! What is told when something changes: audit entries, and which webhooks they and the changes become.
//!
//! Nothing is sent while a change is being made: all of it is written down, and becomes webhooks when the
//! change is complete. So all `FLAG_UPDATED` of one change show the same state, as in Flagsmith, where a
//! thread reads it afterwards.

use serde_json::{Value as Json, json};

use super::clock::Stamp;
use super::deliveries::Outgoing;
use super::model::{AuditEntry, Scope};
use super::pending::Pending;
use super::world::World;
use super::{payload, python};

/// What an audit entry is about.
pub(super) enum About {
    Feature(u64),
    State(u64),
    Version(String),
    Environment(u64),
    Segment(u64),
}

impl World {
    /// Writes an entry into the audit log, with the time and the environment it is about.
    pub(super) fn audit(
        &mut self,
        at: Stamp,
        by: super::Who,
        project: u64,
        environment: Option<u64>,
        about: About,
        log: String,
    ) {
        let (related_type, related_id, related_uuid) = match about {
            About::Feature(id) => ("FEATURE", Some(id), None),
            About::State(id) => ("FEATURE_STATE", Some(id), None),
            About::Version(uuid) => ("EF_VERSION", None, Some(uuid)),
            About::Environment(id) => ("ENVIRONMENT", Some(id), None),
            About::Segment(id) => ("SEGMENT", Some(id), None),
        };
        let id = self.next_id("audit");
        self.pending.push(Pending::Audit(self.audit.len()));
        self.audit.push(AuditEntry {
            id,
            created: at,
            log,
            by,
            project,
            environment,
            related_type,
            related_id,
            related_uuid,
        });
    }

    /// Makes webhooks of all that is pending.
    pub(super) fn tell(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Audit(index) => self.tell_audit(index),
                Pending::FlagUpdated(id) => self.tell_flag_updated(id),
                Pending::Ready { event, environment, organisation_too, data } => {
                    self.tell_environment(environment, organisation_too, event, &data);
                }
            }
        }
    }

    fn tell_audit(&mut self, index: usize) {
        let Some(entry) = self.audit.get(index) else { return };
        let Some(project) = self.projects.get(&entry.project) else { return };
        let scope = Scope::Organisation(project.organisation);
        let body = body("AUDIT_LOG_CREATED", &payload::audit(self, entry));
        self.send_to(scope, &body);
    }

    fn tell_flag_updated(&mut self, id: u64) {
        // A state that is gone again by now has nothing to tell.
        let Some(state) = self.states.get(&id) else { return };
        let environment = state.environment;
        let Some(data) = payload::flag_updated(self, state) else { return };
        self.tell_environment(environment, true, "FLAG_UPDATED", &data);
    }

    fn tell_environment(&mut self, environment: u64, organisation_too: bool, event: &str, data: &Json) {
        let body = body(event, data);
        self.send_to(Scope::Environment(environment), &body);
        let organisation = self
            .environments
            .get(&environment)
            .and_then(|environment| self.projects.get(&environment.project))
            .map(|project| project.organisation);
        if let (true, Some(organisation)) = (organisation_too, organisation) {
            self.send_to(Scope::Organisation(organisation), &body);
        }
    }

    fn send_to(&mut self, scope: Scope, body: &str) {
        for webhook in &self.webhooks {
            if webhook.scope == scope && webhook.enabled {
                self.outgoing.push(Outgoing {
                    scope,
                    webhook: webhook.id,
                    url: webhook.url.clone(),
                    secret: webhook.secret.clone(),
                    body: body.to_owned(),
                });
            }
        }
    }
}

fn body(event: &str, data: &Json) -> String {
    python::dumps(&json!({ "event_type": event, "data": data }))
}
