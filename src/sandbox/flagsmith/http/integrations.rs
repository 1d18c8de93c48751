//! The settings of Flagsmith's own GitLab integration. The sandbox keeps them; it never speaks to GitLab.

use serde_json::{Value as Json, json};

use super::call::{Answer, Call, Reply, text, truth};
use crate::sandbox::flagsmith::view;

pub(super) fn gitlab(call: &mut Call<'_>) -> Answer {
    let project = call.project(0)?.id;
    if call.is("POST") {
        let (url, token, labeling) = checked(call)?;
        if call.world.gitlab_of(project).is_some() {
            return Err(Reply::json(400, json!(["This integration already exists for this project."])));
        }
        call.world.set_gitlab(project, &url, &token, labeling.unwrap_or_default());
        let gitlab = call.world.gitlab_of(project).ok_or_else(|| Reply::no("GitLabConfiguration"))?;
        return Ok(Reply::created(view::gitlab(gitlab)));
    }
    let settings: Vec<Json> = call.world.gitlab_of(project).into_iter().map(view::gitlab).collect();
    Ok(Reply::ok(Json::Array(settings)))
}

fn checked(call: &Call<'_>) -> Result<(String, String, Option<bool>), Reply> {
    let body = call.body()?;
    let url = text(&body, "gitlab_instance_url")?;
    if let Some(words) = call.world.refuses(url) {
        return Err(Reply::invalid("gitlab_instance_url", words));
    }
    let token = text(&body, "access_token")?;
    Ok((url.to_owned(), token.to_owned(), truth(&body, "labeling_enabled")?))
}

pub(super) fn gitlab_one(call: &mut Call<'_>) -> Answer {
    let project = call.project(0)?.id;
    let found = call.world.gitlab_of(project).filter(|gitlab| gitlab.id == call.id(1));
    let labeling = found.ok_or_else(|| Reply::no("GitLabConfiguration"))?.labeling;
    match call.method.as_str() {
        "GET" => {}
        "DELETE" => {
            call.world.delete_gitlab(project);
            return Ok(Reply::nothing(204));
        }
        _ => {
            // The placeholder that was shown for the token overwrites the token.
            let (url, token, changed) = checked(call)?;
            call.world.set_gitlab(project, &url, &token, changed.unwrap_or(labeling));
        }
    }
    let gitlab = call.world.gitlab_of(project).ok_or_else(|| Reply::no("GitLabConfiguration"))?;
    Ok(Reply::ok(view::gitlab(gitlab)))
}
