//! Relations between issues (`doc/api/issue_links.md`).

use http::{Method, StatusCode};
use serde_json::json;

use super::call::{Call, Problem};
use super::paging::page;
use crate::sandbox::gitlab::access::Refusal;
use crate::sandbox::gitlab::model::{Kind, NoteableRef};
use crate::sandbox::server::Response;

/// `GET` and `POST /projects/:id/issues/:iid/links`. Who relates two issues has to be allowed to change both; those that a
/// reader may not see are left out of the list.
pub(super) fn collection(call: &mut Call<'_>, on: NoteableRef) -> Result<Response, Problem> {
    match call.method {
        Method::GET | Method::HEAD => {
            let others = call.model.related.iter().filter_map(|(one, other)| match on {
                on if on == *one => Some(*other),
                on if on == *other => Some(*one),
                _ => None,
            });
            let found: Vec<NoteableRef> = others
                .filter(|other| {
                    call.model.noteables.get(other).is_some_and(|other| call.model.sees(other, call.user))
                })
                .collect();
            page(call, &found, |other| {
                call.model.noteables.get(other).map(|one| call.model.noteable_json(one))
            })
        }
        Method::POST => {
            let me = call.me()?;
            let project = call.required("target_project_id")?;
            let project = call.project(&project)?;
            let iid = call.required("target_issue_iid")?;
            let other =
                NoteableRef { project, kind: Kind::Issue, iid: call.number(&iid, "target_issue_iid")? };
            if call
                .text("link_type")
                .is_some_and(|kind| !["relates_to", "blocks", "is_blocked_by"].contains(&kind.as_str()))
            {
                return Err(Problem::error(StatusCode::BAD_REQUEST, "link_type does not have a valid value"));
            }
            if on.kind != Kind::Issue
                || other == on
                || !call.model.may_update(on, me)
                || !call.model.may_update(other, me)
            {
                let words = "No matching issue found. Make sure that you are adding a valid issue URL.";
                return Err(Refusal::NotFound(words.into()).into());
            }
            if !call.model.related.insert((on.min(other), on.max(other))) {
                return Err(Refusal::Conflict("Issue(s) already assigned").into());
            }
            let shown =
                |at: NoteableRef| call.model.noteables.get(&at).map(|one| call.model.noteable_json(one));
            let body =
                json!({ "source_issue": shown(on), "target_issue": shown(other), "link_type": "relates_to" });
            Ok(Response::json(StatusCode::CREATED, &body))
        }
        _ => Err(call.not_allowed("GET, HEAD, POST")),
    }
}
