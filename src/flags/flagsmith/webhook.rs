//! Flagsmith's webhooks: whether they are genuine, and which flag they make worth looking at.
//!
//! They come twice, late, out of order or not at all, and say less than they seem to: an event is read as "look at this
//! flag", with what it claims beside it.

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use super::wire::plain;
use super::{overrides, variants};
use crate::domain::{Claim, ClaimedUser, FlagPointer, StatePart};
use crate::flags::{Hint, Verdict, WebhookRequest, genuine};

/// The header with the signature: the HMAC-SHA256 of the body, in hex, without any prefix.
const SIGNATURE: &str = "x-flagsmith-signature";

pub(super) fn verify(secrets: &[SecretString], request: &WebhookRequest<'_>) -> Verdict {
    genuine::signed(secrets, request.headers.get(SIGNATURE).map(String::as_str), request.body)
}

/// What a body says.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) hints: Vec<Hint>,
    /// The list of environments may be another now.
    pub(super) environments: bool,
    /// The list of flags may be another now.
    pub(super) flags: bool,
}

impl Read {
    fn hint(flag: FlagPointer, claim: Claim) -> Self {
        Self { hints: vec![Hint { flag, claim: Some(claim) }], ..Self::default() }
    }
}

pub(super) fn read(project: u64, body: &[u8]) -> Read {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Read::default() };
    let Some(data) = body.get("data") else { return Read::default() };
    match body.get("event_type").and_then(Value::as_str) {
        Some("FLAG_UPDATED") => flag_updated(project, data),
        Some("FLAG_DELETED") => flag_deleted(project, data),
        Some("NEW_VERSION_PUBLISHED") => version_published(project, data),
        Some("AUDIT_LOG_CREATED") => audit_log(project, data),
        _ => Read::default(),
    }
}

fn flag_updated(project: u64, data: &Value) -> Read {
    let state = part(data, "new_state");
    let feature = part(state, "feature");
    if elsewhere(project, part(feature, "project")) {
        return Read::default();
    }
    let mut claim = Claim {
        environment: text(part(state, "environment"), "name"),
        by: text(data, "changed_by"),
        at: moment(data, "timestamp"),
        visible: true,
        ..Claim::default()
    };
    // What an override is set to says nothing about the default. And of `previous_state` nothing is believed: its value was
    // seen to be null where there had been one.
    if part(state, "feature_segment").is_null() && part(state, "identity_identifier").is_null() {
        claim.on = part(state, "enabled").as_bool();
        claim.value = state.get("feature_state_value").map(plain);
        claim.variants = variants::claimed(state);
    } else {
        claim.part = Some(StatePart::Details);
        claim.user = user(state);
    }
    let of_all = claim.part.is_none();
    let mut read = Read::hint(pointer(project, feature), claim);
    // Only a state that is new has none before it, and so has that of a new flag.
    read.flags = part(data, "previous_state").is_null();
    if read.flags && of_all {
        read.hints.extend(made(project, text(feature, "name")));
    }
    read
}

/// Whose override a state is, if it is that of one user.
fn user(state: &Value) -> Option<ClaimedUser> {
    Some(ClaimedUser {
        id: part(state, "identity").as_u64()?.to_string(),
        name: overrides::shown_user(&text(state, "identity_identifier")?),
        on: part(state, "enabled").as_bool()?,
        value: overrides::value(part(state, "feature_state_value")),
    })
}

/// Its number is a new flag's, which nobody has linked. One of the same key may be, and is gone then: that one is to be looked at.
/// What is claimed is about the other.
fn made(project: u64, key: Option<String>) -> Option<Hint> {
    let flag = FlagPointer::Key { scope: project.to_string(), key: key? };
    Some(Hint { flag, claim: Some(Claim { visible: true, ..Claim::default() }) })
}

fn flag_deleted(project: u64, data: &Value) -> Read {
    let feature = part(part(data, "previous_state"), "feature");
    if elsewhere(project, part(feature, "project")) {
        return Read::default();
    }
    // Author and moment are those of the last change before it was deleted, so they claim nothing here; and it comes
    // once for every environment, though the flag is gone from all of them.
    let claim = Claim { deleted: true, visible: true, ..Claim::default() };
    let mut read = Read::hint(pointer(project, feature), claim);
    read.flags = true;
    read
}

fn version_published(project: u64, data: &Value) -> Read {
    // It names neither environment nor project, and not which of its states is the default.
    let claim = Claim { by: text(data, "published_by"), visible: true, ..Claim::default() };
    Read::hint(pointer(project, part(data, "feature")), claim)
}

fn audit_log(project: u64, data: &Value) -> Read {
    if elsewhere(project, part(data, "project")) {
        return Read::default();
    }
    let log = data.get("log").and_then(Value::as_str).unwrap_or_default();
    let id = part(data, "related_object_id");
    let mut claim = Claim {
        environment: text(part(data, "environment"), "name"),
        by: text(part(data, "author"), "email"),
        at: moment(data, "created_date"),
        visible: true,
        ..Claim::default()
    };
    match data.get("related_object_type").and_then(Value::as_str) {
        Some("FEATURE") => {
            let of_a_state = claim.environment.is_some() || log.starts_with("Multivariate ");
            claim.part = of_a_state.then(|| part_of(log));
            claim.deleted = log.starts_with("Flag / Remote Config Deleted: ");
            // Archived, restored, or its description written: tags and links tell nobody.
            claim.changed = log.starts_with("Flag / Remote Config updated: ");
            let flag = id.as_u64().map_or_else(|| named(project, log), |id| FlagPointer::Id(id.to_string()));
            let mut read = Read { flags: true, ..Read::hint(flag, claim) };
            if let Some(key) = log.strip_prefix("New Flag / Remote Config created: ") {
                read.hints.extend(made(project, Some(key.to_owned())));
            }
            read
        }
        // The id is that of a state or a version, so the flag is known only from the sentence.
        Some("FEATURE_STATE" | "EDGE_IDENTITY") => {
            claim.part = Some(part_of(log));
            Read::hint(named(project, log), claim)
        }
        // A version may hold anything.
        Some("EF_VERSION") => {
            claim.changed = claim.environment.is_some() && log.starts_with("New version published");
            Read::hint(named(project, log), claim)
        }
        // A segment takes its overrides with it when it goes, and nobody says which those are.
        Some("SEGMENT") if log.starts_with("New Segment created") || log.starts_with("Segment updated") => {
            Read::default()
        }
        Some("SEGMENT") => Read::hint(FlagPointer::Any, claim),
        // States of many flags may go live with it.
        Some("CHANGE_REQUEST") if log.ends_with("committed") => Read::hint(FlagPointer::Any, claim),
        Some("ENVIRONMENT") => {
            // Who names it otherwise, or changes its settings, changed no flag in it.
            claim.by = claim.by.filter(|_| log.starts_with("New Environment created: "));
            Read { environments: true, ..Read::hint(FlagPointer::Any, claim) }
        }
        _ => Read::default(),
    }
}

/// The part of a state that a sentence of the audit log is about.
fn part_of(log: &str) -> StatePart {
    match log {
        _ if log.starts_with("Flag state updated for feature: ") => StatePart::On,
        _ if log.starts_with("Remote config value updated for feature: ") => StatePart::Value,
        _ => StatePart::Details,
    }
}

/// The flag by its number, else by its name.
fn pointer(project: u64, feature: &Value) -> FlagPointer {
    if let Some(id) = part(feature, "id").as_u64() {
        return FlagPointer::Id(id.to_string());
    }
    text(feature, "name").map_or(FlagPointer::Any, |key| FlagPointer::Key { scope: project.to_string(), key })
}

/// The flag that a sentence of the audit log is about. The sentences are Flagsmith's and always English.
fn named(project: u64, log: &str) -> FlagPointer {
    let quoted = log.split_once("eature '").map(|(_, rest)| {
        let ends = ["' and segment '", "' and identity '"].iter().filter_map(|end| rest.find(end)).min();
        match ends {
            Some(end) => rest.get(..end).unwrap_or_default(),
            None => rest.rsplit_once('\'').map_or(rest, |(name, _)| name),
        }
    });
    let key = quoted.or_else(|| {
        let (_, name) = log.split_once(": ")?;
        // A scheduled change names its change request after the flag.
        Some(name.split_once(" by Change Request: ").map_or(name, |(name, _)| name))
    });
    match key {
        Some(key) if !key.is_empty() => FlagPointer::Key { scope: project.to_string(), key: key.to_owned() },
        _ => FlagPointer::Any,
    }
}

/// Whether this is about another project. What names none may be about ours.
fn elsewhere(project: u64, named: &Value) -> bool {
    let id = if named.is_number() { named } else { part(named, "id") };
    id.as_u64().is_some_and(|id| id != project)
}

fn part<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

fn moment(value: &Value, name: &str) -> Option<Timestamp> {
    value.get(name)?.as_str()?.parse().ok()
}
