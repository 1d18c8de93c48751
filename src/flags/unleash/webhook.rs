//! Unleash's webhooks: whether they are genuine, and which flag they make worth looking at.
//!
//! They are not signed: the `Authorization` header is what tells. They come late and in any order, and say of a switch that it
//! was made, not what holds now; their `id` grows with each event and is the same in a repeat.

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use super::state::share;
use super::wire::Strategy;
use crate::domain::{Claim, FlagPointer};
use crate::flags::{Hint, Verdict, WebhookRequest, genuine};

pub(super) fn verify(secrets: &[SecretString], request: &WebhookRequest<'_>) -> Verdict {
    genuine::named(secrets, request.headers.get("authorization").map(String::as_str))
}

/// What tells a repeat from another event: its number, and its moment, because numbers begin anew with a new database.
pub(super) fn key(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    Some(match moment(&body) {
        Some(at) => format!("{} {at}", number(&body)?),
        None => number(&body)?.to_string(),
    })
}

/// When an event happened, as Unleash writes it.
pub(super) fn moment(event: &Value) -> Option<&str> {
    event.get("createdAt")?.as_str()
}

/// Whether after an event another flag may be in the archive.
pub(super) fn changes_archive(event: &Value) -> bool {
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
    ["feature-archived", "feature-revived", "feature-deleted", "feature-project-change"].contains(&kind)
}

/// The number of an event.
pub(super) fn number(event: &Value) -> Option<u64> {
    event.get("id")?.as_u64()
}

/// What an event says, whether it came by webhook or was asked for.
pub(super) fn read(project: &str, event: &Value) -> Option<Hint> {
    let text =
        |name: &str| event.get(name)?.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let kind = text("type")?;
    // The event of a flag that moves is one of the project that it comes to.
    let left = event.get("data").and_then(|data| data.get("oldProject")?.as_str()) == Some(project);
    if !left && text("project").is_some_and(|named| named != project) {
        return None;
    }
    let mut claim = Claim {
        environment: text("environment"),
        by: text("createdBy"),
        at: text("createdAt").and_then(|at| at.parse::<Timestamp>().ok()),
        visible: true,
        ..Claim::default()
    };
    let Some(key) = text("featureName") else {
        // What is about no single flag may be about many: an environment, a segment, an import.
        let about_flags =
            ["environment-", "segment-", "project-environment-", "features-imported", "strategy-"];
        let may_be = about_flags.iter().any(|start| kind.starts_with(start));
        return may_be.then_some(Hint { flag: FlagPointer::Any, claim: None });
    };
    // Only who archived it or called it stale is the author of that: not who tagged it a moment before.
    let of_the_whole = ["feature-archived", "feature-revived", "feature-stale-on", "feature-stale-off"];
    if claim.environment.is_none() && !of_the_whole.contains(&kind.as_str()) {
        claim.by = None;
    }
    match kind.as_str() {
        "feature-environment-enabled" => claim.on = Some(true),
        "feature-environment-disabled" => claim.on = Some(false),
        "feature-archived" => claim.archived = Some(true),
        "feature-revived" => claim.archived = Some(false),
        "feature-stale-on" => claim.stale = Some(true),
        "feature-stale-off" => claim.stale = Some(false),
        "feature-strategy-add" | "feature-strategy-update" => claim.share = claimed_share(event),
        _ => {}
    }
    claim.not_of_on = claim.environment.is_some() && claim.on.is_none();
    Some(Hint { flag: FlagPointer::Key { scope: project.to_owned(), key }, claim: Some(claim) })
}

/// The share that a strategy was given, where it is in force.
fn claimed_share(event: &Value) -> Option<f32> {
    let data = event.get("data").cloned()?;
    let strategy: Strategy = serde_json::from_value(data).ok()?;
    share(&strategy).filter(|_| !strategy.disabled).map(|share| share as f32)
}
