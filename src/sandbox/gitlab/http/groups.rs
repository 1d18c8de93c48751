//! Groups: one of them (`doc/api/groups.md`), and their webhooks (`doc/api/group_webhooks.md`, Premium; facts, section 5).

use http::StatusCode;
use serde_json::json;

use super::call::{Call, Problem};
use super::{hooks, unknown};
use crate::sandbox::gitlab::access::Refusal;
use crate::sandbox::gitlab::groups::Home;
use crate::sandbox::server::Response;

pub(super) fn route(call: &mut Call<'_>, id: &str, rest: &[&str]) -> Result<Response, Problem> {
    let group = call.group(id)?;
    match rest {
        [] => call.only_get(|call| show(call, group)),
        // Without the licence there is no such path.
        ["hooks", rest @ ..] if call.model.settings.group_hooks => {
            hooks::route(call, Home::Group(group), rest)
        }
        _ => Err(unknown()),
    }
}

fn show(call: &mut Call<'_>, group: u64) -> Result<Response, Problem> {
    let group = call.model.groups.get(&group).ok_or(Refusal::NOT_FOUND)?;
    let name = group.path.rsplit('/').next().unwrap_or_default();
    let json = json!({ "id": group.id, "name": name, "path": name, "full_path": group.path, "visibility": "private" });
    Ok(Response::json(StatusCode::OK, &json))
}
