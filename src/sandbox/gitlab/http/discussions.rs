//! Discussions and the notes in them (facts, section 5; the API description does not have them).

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::call::{Call, Problem};
use super::notes::{limited, one as note};
use super::paging::page;
use super::unknown;
use crate::sandbox::gitlab::access::Refusal;
use crate::sandbox::gitlab::model::{Kind, Model, Note, NoteKind, NoteableRef};
use crate::sandbox::gitlab::notes::Draft;
use crate::sandbox::server::Response;

/// Everything below `.../discussions`.
pub(super) fn route(call: &mut Call<'_>, on: NoteableRef, rest: &[&str]) -> Result<Response, Problem> {
    match (rest, &call.method) {
        ([], &Method::GET | &Method::HEAD) => {
            let discussions = call.model.discussions_on(on);
            page(call, &discussions, |(id, notes)| shape(call.model, id, notes, call.user))
        }
        ([], &Method::POST) => {
            let id = write(call, on, |draft| draft.thread = Some(NoteKind::Discussion))?;
            let discussion = call.model.notes.get(&id).ok_or(Refusal::NOT_FOUND)?.discussion.clone();
            Ok(Response::json(StatusCode::CREATED, &find(call, on, &discussion)?))
        }
        ([id], &Method::GET | &Method::HEAD) => Ok(Response::json(StatusCode::OK, &find(call, on, id)?)),
        ([id], &Method::PUT) if on.kind == Kind::MergeRequest => {
            let me = call.me()?;
            let resolved = call
                .boolean("resolved")?
                .ok_or_else(|| Problem::error(StatusCode::BAD_REQUEST, "resolved is missing"))?;
            call.model.resolve(on, id, me, resolved)?;
            Ok(Response::json(StatusCode::OK, &find(call, on, id)?))
        }
        ([id, "notes"], &Method::POST) => {
            find(call, on, id)?;
            let note = write(call, on, |draft| draft.discussion = Some((*id).to_owned()))?;
            let note = call.model.notes.get(&note).ok_or(Refusal::NOT_FOUND)?;
            Ok(Response::json(StatusCode::CREATED, &call.model.note_json(note)))
        }
        ([id, "notes", number], _) => {
            find(call, on, id)?;
            note(call, on, number)
        }
        ([] | [_, "notes"], _) => Err(call.not_allowed("GET, HEAD, POST")),
        ([_], _) => Err(call.not_allowed("GET, HEAD")),
        _ => Err(unknown()),
    }
}

fn write(call: &mut Call<'_>, on: NoteableRef, finish: impl FnOnce(&mut Draft)) -> Result<u64, Problem> {
    let me = call.me()?;
    let text = call.required("body")?;
    limited(call, me)?;
    let mut draft = Draft { text, ..Draft::default() };
    finish(&mut draft);
    Ok(call.model.write_note(on, me, draft)?)
}

fn find(call: &Call<'_>, on: NoteableRef, id: &str) -> Result<Value, Problem> {
    let missing = || Problem::from(Refusal::NotFound("Discussion Not Found".into()));
    let discussions = call.model.discussions_on(on);
    let (id, notes) = discussions.iter().find(|(known, _)| *known == id).ok_or_else(missing)?;
    shape(call.model, id, notes, call.user).ok_or_else(missing)
}

fn shape(model: &Model, id: &str, notes: &[&Note], user: Option<u64>) -> Option<Value> {
    let readable: Vec<&&Note> = notes.iter().filter(|note| model.reads_note(note, user)).collect();
    let first = readable.first()?;
    Some(json!({
        "id": id,
        "individual_note": first.kind == NoteKind::Plain,
        "notes": readable.iter().map(|note| model.note_json(note)).collect::<Vec<_>>(),
    }))
}
