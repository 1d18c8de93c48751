//! Notes (facts, section 5; the API description does not have them).

use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde_json::json;

use super::call::{Call, Problem};
use super::paging::page;
use crate::sandbox::gitlab::access::Refusal;
use crate::sandbox::gitlab::model::NoteableRef;
use crate::sandbox::gitlab::notes::Draft;
use crate::sandbox::server::Response;

/// `GET` (newest first) and `POST .../notes`.
pub(super) fn collection(call: &mut Call<'_>, on: NoteableRef) -> Result<Response, Problem> {
    match call.method {
        Method::GET | Method::HEAD => {
            let by_update = match call.asked("order_by") {
                None | Some("created_at") => false,
                Some("updated_at") => true,
                Some(_) => return Err(invalid("order_by")),
            };
            let ascending = match call.asked("sort") {
                None | Some("desc") => false,
                Some("asc") => true,
                Some(_) => return Err(invalid("sort")),
            };
            let mut notes: Vec<_> = match call.asked("activity_filter") {
                None | Some("all_notes") => call.model.notes_on(on).collect(),
                Some("only_comments") => call.model.notes_on(on).filter(|note| !note.system).collect(),
                Some("only_activity") => call.model.notes_on(on).filter(|note| note.system).collect(),
                Some(_) => return Err(invalid("activity_filter")),
            };
            if by_update {
                notes.sort_by_key(|note| (note.updated_at, note.id));
            } else {
                notes.sort_by_key(|note| (note.created_at, note.id));
            }
            if !ascending {
                notes.reverse();
            }
            // Paged before what this user may not read is taken out, as GitLab does.
            page(call, &notes, |note| {
                call.model.reads_note(note, call.user).then(|| call.model.note_json(note))
            })
        }
        Method::POST => {
            let me = call.me()?;
            let text = call.required("body")?;
            let internal = match call.boolean("internal")? {
                Some(internal) => internal,
                None => call.boolean("confidential")?.unwrap_or_default(),
            };
            let limit = limited(call, me)?;
            let id = call.model.write_note(on, me, Draft { text, internal, ..Draft::default() })?;
            let note = call.model.notes.get(&id).ok_or(Refusal::NOT_FOUND)?;
            let mut response = Response::json(StatusCode::CREATED, &call.model.note_json(note));
            for (name, value) in limit {
                response = response.with_header(name, &value);
            }
            Ok(response)
        }
        _ => Err(call.not_allowed("GET, HEAD, POST")),
    }
}

/// `GET`, `PUT` and `DELETE .../notes/:note_id`.
pub(super) fn one(call: &mut Call<'_>, on: NoteableRef, note: &str) -> Result<Response, Problem> {
    let id = call.number(note, "note_id")?;
    call.model.visible_note(on, id, call.user)?;
    match call.method {
        Method::GET | Method::HEAD => {}
        Method::PUT => {
            let me = call.me()?;
            let text = call.required("body")?;
            call.model.edit(id, me, &text)?;
        }
        Method::DELETE => {
            let me = call.me()?;
            call.model.delete(id, me)?;
            return Ok(Response::empty(StatusCode::NO_CONTENT));
        }
        _ => return Err(call.not_allowed("GET, HEAD, PUT, DELETE")),
    }
    let note = call.model.notes.get(&id).ok_or(Refusal::NOT_FOUND)?;
    Ok(Response::json(StatusCode::OK, &call.model.note_json(note)))
}

fn invalid(name: &str) -> Problem {
    Problem::error(StatusCode::BAD_REQUEST, format!("{name} does not have a valid value"))
}

/// Counts a comment against the limit, where there is one: the headers to answer with, or 429 with `Retry-After`
/// (facts, section 5).
pub(super) fn limited(call: &mut Call<'_>, user: u64) -> Result<Vec<(&'static str, String)>, Problem> {
    let Some(limit) = call.model.settings.notes_limit else { return Ok(Vec::new()) };
    let now = call.model.now();
    let window = SignedDuration::try_from(limit.window).unwrap_or(SignedDuration::MAX);
    let written = call.model.written.entry(user).or_default();
    written.retain(|at| at.saturating_add(window).is_ok_and(|end| end > now));
    let first = written.first().copied().unwrap_or(now);
    let reset = first.saturating_add(window).unwrap_or(now);
    let over = written.len() >= limit.count as usize;
    if !over {
        written.push(now);
    }
    let left = (limit.count as usize).saturating_sub(written.len());
    let seconds = (reset.duration_since(now).as_millis().max(0) as u64).div_ceil(1000).max(1);
    let headers = vec![
        ("ratelimit-limit", limit.count.to_string()),
        ("ratelimit-name", "notes_create".to_owned()),
        ("ratelimit-observed", (written.len() + usize::from(over)).to_string()),
        ("ratelimit-remaining", left.to_string()),
        ("ratelimit-reset", reset.as_second().to_string()),
        ("ratelimit-resettime", reset.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
    ];
    if !over {
        return Ok(headers);
    }
    let why = "This endpoint has been requested too many times. Try again later.";
    let body = json!({ "message": { "error": why } });
    let mut response =
        Response::json(StatusCode::TOO_MANY_REQUESTS, &body).with_header("retry-after", &seconds.to_string());
    for (name, value) in headers {
        response = response.with_header(name, &value);
    }
    Err(Problem::answer(response))
}
