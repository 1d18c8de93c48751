//! Webhooks of projects and groups: `ProjectHook` of the API description; their log, Test and Resend (facts, sections 1 and 5).

use std::collections::BTreeSet;
use std::sync::Arc;

use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde_json::json;

use super::call::{Call, Problem};
use super::paging::page;
use super::shapes::EVENTS;
use super::unknown;
use crate::sandbox::gitlab::access::Refusal;
use crate::sandbox::gitlab::groups::Home;
use crate::sandbox::gitlab::model::{Fate, Hook};
use crate::sandbox::gitlab::press::{self, NotPressed};
use crate::sandbox::gitlab::shared::Shared;
use crate::sandbox::server::Response;

/// A request that waits for the receiver of a webhook.
pub(super) enum Slow {
    Test { user: u64, hook: u64, trigger: String },
    Resend { user: u64, delivery: u64 },
}

/// Whether a request is one that waits: `POST .../test/:trigger` and `POST .../events/:id/resend`.
pub(super) fn slow(call: &Call<'_>) -> Result<Option<Slow>, Problem> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let [kind @ ("projects" | "groups"), id, "hooks", hook, rest @ ..] = segments.as_slice() else {
        return Ok(None);
    };
    if call.method != Method::POST {
        return Ok(None);
    }
    let home = match *kind {
        "projects" => Home::Project(call.project(id)?),
        _ if call.model.settings.group_hooks => Home::Group(call.group(id)?),
        _ => return Ok(None),
    };
    match rest {
        ["test", trigger] => {
            let (user, hook) = (call.me()?, mine(call, home, hook)?);
            if !EVENTS.contains(trigger) {
                return Err(Problem::error(StatusCode::BAD_REQUEST, "trigger does not have a valid value"));
            }
            Ok(Some(Slow::Test { user, hook, trigger: (*trigger).to_owned() }))
        }
        ["events", delivery, "resend"] if call.model.settings.at_least(17, 4) => {
            let (user, hook) = (call.me()?, mine(call, home, hook)?);
            let delivery = call.number(delivery, "hook_log_id")?;
            let found = call.model.deliveries.get(&delivery).filter(|found| found.hook == hook);
            found.ok_or(Refusal::NOT_FOUND)?;
            Ok(Some(Slow::Resend { user, delivery }))
        }
        _ => Ok(None),
    }
}

/// Sends, waits, answers: 201, or 422 with the reason.
pub(super) async fn wait(
    slow: Slow,
    shared: &Arc<Shared>,
    client: &reqwest::Client,
) -> Result<Response, Problem> {
    let (result, resent) = match slow {
        Slow::Test { user, hook, trigger } => {
            (press::press(shared, client, user, hook, &trigger).await, false)
        }
        Slow::Resend { user, delivery } => (press::again(shared, client, user, delivery).await, true),
    };
    let fate = result.map_err(|problem| match problem {
        NotPressed::Refused(refusal) => Problem::Refused(refusal),
        NotPressed::Nothing(why) => Problem::message(StatusCode::UNPROCESSABLE_ENTITY, why),
    })?;
    match fate {
        Fate::Answered { status, .. } if resent => {
            Ok(Response::json(StatusCode::CREATED, &json!({ "response_status": status })))
        }
        Fate::Answered { status, .. } if (200..300).contains(&status) => {
            Ok(Response::json(StatusCode::CREATED, &json!({ "message": "201 Created" })))
        }
        Fate::Answered { status, body } => Err(Problem::message(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("Hook execution failed: {status} {body}"),
        )),
        Fate::Failed(why) => Err(Problem::message(StatusCode::UNPROCESSABLE_ENTITY, why)),
        _ => Err(Refusal::NOT_FOUND.into()),
    }
}

fn maintained(call: &Call<'_>, home: Home) -> Result<u64, Problem> {
    let me = call.me()?;
    if call.model.may_manage_hooks_of(home, me) { Ok(me) } else { Err(Refusal::Forbidden.into()) }
}

fn mine(call: &Call<'_>, home: Home, hook: &str) -> Result<u64, Problem> {
    maintained(call, home)?;
    let id = call.number(hook, "hook_id")?;
    Ok(call.model.hooks.get(&id).filter(|hook| hook.home() == home).ok_or(Refusal::NOT_FOUND)?.id)
}

/// Everything else below `/projects/:id/hooks` and `/groups/:id/hooks`.
pub(super) fn route(call: &mut Call<'_>, home: Home, rest: &[&str]) -> Result<Response, Problem> {
    maintained(call, home)?;
    match (rest, &call.method) {
        ([], &Method::GET | &Method::HEAD) => {
            let hooks: Vec<_> = call.model.hooks.values().filter(|hook| hook.home() == home).collect();
            page(call, &hooks, |hook| Some(call.model.hook_json(hook)))
        }
        ([], &Method::POST) => create(call, home),
        ([], _) => Err(call.not_allowed("GET, HEAD, POST")),
        ([id], method) => {
            let method = method.clone();
            let id = mine(call, home, id)?;
            match method {
                Method::GET | Method::HEAD => shown(call, id, StatusCode::OK),
                Method::PUT => {
                    let mut hook = call.model.hooks.get(&id).ok_or(Refusal::NOT_FOUND)?.clone();
                    fill(call, &mut hook)?;
                    call.model.hooks.insert(id, hook);
                    shown(call, id, StatusCode::OK)
                }
                Method::DELETE => {
                    call.model.hooks.remove(&id);
                    Ok(Response::empty(StatusCode::NO_CONTENT))
                }
                _ => Err(call.not_allowed("GET, HEAD, PUT, DELETE")),
            }
        }
        ([id, "events"], &Method::GET | &Method::HEAD) if call.model.settings.at_least(17, 3) => {
            let id = mine(call, home, id)?;
            events(call, id)
        }
        _ => Err(unknown()),
    }
}

fn create(call: &mut Call<'_>, home: Home) -> Result<Response, Problem> {
    call.required("url")?;
    let id = call.model.next_id("hook");
    let mut hook = Hook {
        id,
        project: if let Home::Project(project) = home { project } else { 0 },
        group: if let Home::Group(group) = home { Some(group) } else { None },
        url: String::new(),
        name: None,
        description: None,
        token: None,
        signing_token: None,
        // The one event that is on unless it is said otherwise.
        events: BTreeSet::from(["push_events".to_owned()]),
        ssl_verification: true,
        push_events_branch_filter: None,
        created_at: call.model.now(),
        failures: 0,
        disabled_until: None,
    };
    fill(call, &mut hook)?;
    call.model.hooks.insert(id, hook);
    shown(call, id, StatusCode::CREATED)
}

/// Sets what was sent. A token that was not sent stays, unless the address changes: then GitLab drops it, so that nobody leads a
/// secret to an address of their own (facts, section 1: gitlab#384326; `app/models/hooks/web_hook.rs`, `reset_token`).
fn fill(call: &Call<'_>, hook: &mut Hook) -> Result<(), Problem> {
    if let Some(url) = call.text("url") {
        check_url(call, &url)?;
        if hook.url != url {
            (hook.token, hook.signing_token) = (None, None);
        }
        hook.url = url;
    }
    for (name, field) in [("name", &mut hook.name), ("description", &mut hook.description)] {
        if call.has(name) && call.model.settings.at_least(17, 1) {
            *field = call.text(name);
        }
    }
    if call.has("token") {
        hook.token = call.text("token").filter(|token| !token.is_empty());
    }
    // Silently ignored by instances that cannot sign yet.
    if call.has("signing_token") && call.model.settings.at_least(19, 0) {
        let token = call.text("signing_token").filter(|token| !token.is_empty());
        if token.as_deref().is_some_and(|token| super::super::signature(token, "", 0, "").is_none()) {
            return Err(Problem::message(
                StatusCode::UNPROCESSABLE_ENTITY,
                json!({ "signing_token": ["is invalid"] }),
            ));
        }
        hook.signing_token = token;
    }
    if let Some(check) = call.boolean("enable_ssl_verification")? {
        hook.ssl_verification = check;
    }
    if call.has("push_events_branch_filter") {
        hook.push_events_branch_filter = call.text("push_events_branch_filter");
    }
    for event in EVENTS {
        match call.boolean(event)? {
            Some(true) => {
                hook.events.insert((*event).to_owned());
            }
            Some(false) => {
                hook.events.remove(*event);
            }
            None => {}
        }
    }
    Ok(())
}

fn check_url(call: &Call<'_>, url: &str) -> Result<(), Problem> {
    let invalid = || Problem::error(StatusCode::UNPROCESSABLE_ENTITY, "Invalid url given");
    let parsed = url::Url::parse(url).map_err(|_| invalid())?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(invalid());
    }
    let local = match parsed.host().ok_or_else(invalid)? {
        url::Host::Domain(name) => name == "localhost",
        url::Host::Ipv4(ip) => ip.is_loopback() || ip.is_private() || ip.is_unspecified(),
        url::Host::Ipv6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local(),
    };
    if local && !call.model.settings.local_hooks { Err(invalid()) } else { Ok(()) }
}

fn shown(call: &Call<'_>, id: u64, status: StatusCode) -> Result<Response, Problem> {
    let hook = call.model.hooks.get(&id).ok_or(Refusal::NOT_FOUND)?;
    Ok(Response::json(status, &call.model.hook_json(hook)))
}

/// The log of the last seven days, newest first (openapi.yaml, line 32933: at most 20 on a page). `server_failure` includes
/// what got no answer at all (`app/finders/web_hooks/web_hook_logs_finder.rb`).
fn events(call: &Call<'_>, hook: u64) -> Result<Response, Problem> {
    let invalid =
        |name: &str| Problem::error(StatusCode::BAD_REQUEST, format!("{name} does not have a valid value"));
    if call.asked("per_page").is_some_and(|text| !text.parse().is_ok_and(|size| (1..=20).contains(&size))) {
        return Err(invalid("per_page"));
    }
    let wanted: Vec<&str> = call
        .query
        .iter()
        .filter(|(name, _)| name == "status" || name == "status[]")
        .flat_map(|(_, value)| value.split(','))
        .collect();
    let known = |status: &&str| {
        matches!(*status, "successful" | "client_failure" | "server_failure")
            || status.parse().is_ok_and(|code: u16| StatusCode::from_u16(code).is_ok())
    };
    if !wanted.iter().all(known) {
        return Err(invalid("status"));
    }
    let since = call.model.now().saturating_sub(SignedDuration::from_hours(7 * 24));
    let matches = |fate: &Fate| match fate {
        _ if wanted.is_empty() => true,
        Fate::Answered { status, .. } => wanted.iter().any(|wanted| match *wanted {
            "successful" => (200..300).contains(status),
            "client_failure" => (400..500).contains(status),
            "server_failure" => (500..600).contains(status),
            code => code == status.to_string(),
        }),
        _ => wanted.contains(&"server_failure"),
    };
    let found: Vec<_> = call
        .model
        .deliveries
        .values()
        .rev()
        .filter(|delivery| delivery.hook == hook)
        .filter(|delivery| matches!(delivery.fate, Fate::Answered { .. } | Fate::Failed(_)))
        .filter(|delivery| since.as_ref().is_ok_and(|since| delivery.created_at >= *since))
        .filter(|delivery| matches(&delivery.fate))
        .collect();
    page(call, &found, |delivery| Some(call.model.delivery_json(delivery)))
}
