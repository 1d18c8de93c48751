//! Projects, environments, and what the instance says about itself.

use serde_json::{Value as Json, json};

use super::call::{Answer, Call, Reply};
use crate::sandbox::unleash::model::Feature;

pub(super) fn projects(call: &mut Call<'_>) -> Answer {
    let shown: Vec<Json> = call
        .world
        .projects
        .iter()
        .map(|project| {
            let live = |feature: &&Feature| feature.project == project.id && feature.archived_at.is_none();
            let newest = call.world.features.iter().rfind(live);
            let status = match newest {
                Some(feature) => json!({ "status": "first-flag-created", "feature": feature.name }),
                None => json!({ "status": "onboarding-started" }),
            };
            let changed = newest.map(|feature| feature.created_at.text());
            json!({
                "name": project.name,
                "id": project.id,
                "description": format!("{} project", project.name),
                "health": 100,
                "technicalDebt": 0,
                "featureCount": call.world.features.iter().filter(live).count(),
                "memberCount": 0,
                "createdAt": project.created_at.text(),
                "archivedAt": null,
                "mode": "open",
                "lastReportedFlagUsage": null,
                "lastUpdatedAt": changed,
                "onboardingStatus": status,
                "owners": [{ "ownerType": "system" }],
            })
        })
        .collect();
    Ok(Reply::ok(json!({ "version": 1, "projects": shown })))
}

pub(super) fn environments(call: &mut Call<'_>) -> Answer {
    let world = &call.world;
    let shown: Vec<Json> = world
        .environments
        .iter()
        .map(|environment| {
            let uses = world.projects.iter().filter(|one| one.environments.contains_key(&environment.name));
            json!({
                "name": environment.name,
                "type": environment.kind,
                "sortOrder": environment.sort_order,
                "enabled": true,
                "protected": false,
                "requiredApprovals": null,
                "projectCount": uses.count(),
                "apiTokenCount": 0,
                "enabledToggleCount": enabled(call, None, &environment.name),
            })
        })
        .collect();
    Ok(Reply::ok(json!({ "version": 1, "environments": shown })))
}

/// How many flags are on in an environment.
fn enabled(call: &Call<'_>, project: Option<&str>, environment: &str) -> usize {
    let here = |feature: &&Feature| {
        project.is_none_or(|project| feature.project == project)
            && feature.archived_at.is_none()
            && feature.environments.get(environment).is_some_and(|state| state.enabled)
    };
    call.world.features.iter().filter(here).count()
}

/// All environments of the instance, also those that the project does not use: `visible` tells them apart, as
/// the API's description has it.
pub(super) fn environments_of_project(call: &mut Call<'_>) -> Answer {
    let project = call.part(0);
    let used = call.world.project(&project).map(|project| project.environments.clone()).unwrap_or_default();
    let shown: Vec<Json> = call
        .world
        .environments
        .iter()
        .map(|environment| {
            json!({
                "name": environment.name,
                "type": environment.kind,
                "sortOrder": environment.sort_order,
                "enabled": true,
                "protected": false,
                "requiredApprovals": null,
                "projectApiTokenCount": 0,
                "projectEnabledToggleCount": enabled(call, Some(&project), &environment.name),
                "visible": used.contains_key(&environment.name),
            })
        })
        .collect();
    Ok(Reply::ok(json!({ "version": 1, "environments": shown })))
}

/// Where changes have to be requested. Enterprise alone has this (not recorded); else the path is not there.
pub(super) fn change_requests(call: &mut Call<'_>) -> Answer {
    let project = call.part(0);
    if !call.world.enterprise {
        let path = format!("/api/admin/projects/{project}/change-requests/config");
        let words = format!("The path you were looking for ({path}) is not available.");
        return Err(Reply::refused(404, "NotFoundError", &words));
    }
    let shown: Vec<Json> = call
        .world
        .environments_of(&project)
        .into_iter()
        .map(|environment| {
            let approvals = call.world.approvals(&project, &environment.name);
            json!({
                "environment": environment.name,
                "type": environment.kind,
                "requiredApprovals": approvals,
                "changeRequestEnabled": approvals.is_some(),
            })
        })
        .collect();
    Ok(Reply::ok(json!(shown)))
}

/// What is needed of it: the version.
pub(super) fn ui_config(call: &mut Call<'_>) -> Answer {
    let world = &call.world;
    let current = json!({ "oss": world.version, "enterprise": enterprise(call) });
    let environment = if world.enterprise { "Enterprise" } else { "Open Source" };
    Ok(Reply::ok(json!({
        "environment": environment,
        "version": world.version,
        "versionInfo": { "current": current, "latest": {}, "isLatest": true },
    })))
}

/// The version of the enterprise edition, where it is one.
fn enterprise(call: &Call<'_>) -> String {
    if call.world.enterprise { call.world.version.clone() } else { String::new() }
}

/// What is needed of it: the versions.
pub(super) fn statistics(call: &mut Call<'_>) -> Answer {
    let live = call.world.features.iter().filter(|feature| feature.archived_at.is_none());
    Ok(Reply::ok(json!({
        "versionOSS": call.world.version,
        "versionEnterprise": enterprise(call),
        "projects": call.world.projects.len(),
        "environments": call.world.environments.len(),
        "featureToggles": live.count(),
    })))
}
