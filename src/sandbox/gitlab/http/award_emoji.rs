//! Reactions: `AwardEmoji` of the API description; a second one is a 404 (facts, section 5).

use http::{Method, StatusCode};

use super::call::{Call, Problem};
use super::paging::page;
use super::unknown;
use crate::sandbox::gitlab::access::Refusal;
use crate::sandbox::gitlab::model::Awardable;
use crate::sandbox::server::Response;

/// Everything below `.../award_emoji`.
pub(super) fn route(call: &mut Call<'_>, on: Awardable, rest: &[&str]) -> Result<Response, Problem> {
    match (rest, &call.method) {
        ([], &Method::GET | &Method::HEAD) => {
            let awards: Vec<_> = call.model.awards_on(on).collect();
            page(call, &awards, |award| Some(call.model.award_json(award)))
        }
        ([], &Method::POST) => {
            let me = call.me()?;
            let name = call.required("name")?;
            let id = call.model.award(on, me, &name)?;
            shown(call, on, id, StatusCode::CREATED)
        }
        ([id], method) => {
            let id = call.number(id, "award_id")?;
            match *method {
                Method::GET | Method::HEAD => shown(call, on, id, StatusCode::OK),
                Method::DELETE => {
                    let me = call.me()?;
                    shown(call, on, id, StatusCode::OK)?;
                    call.model.revoke(id, me)?;
                    Ok(Response::empty(StatusCode::NO_CONTENT))
                }
                _ => Err(call.not_allowed("GET, HEAD, DELETE")),
            }
        }
        ([], _) => Err(call.not_allowed("GET, HEAD, POST")),
        _ => Err(unknown()),
    }
}

fn shown(call: &Call<'_>, on: Awardable, id: u64, status: StatusCode) -> Result<Response, Problem> {
    let award = call.model.awards.get(&id).filter(|award| award.on == on).ok_or(Refusal::NOT_FOUND)?;
    Ok(Response::json(status, &call.model.award_json(award)))
}
