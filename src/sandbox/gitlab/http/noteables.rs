//! Issues and merge requests.

use http::{Method, StatusCode};

use super::call::{Call, Problem};
use super::paging::page;
use super::{award_emoji, discussions, issue_links, notes, unknown};
use crate::sandbox::gitlab::access::Refusal;
use crate::sandbox::gitlab::model::{Awardable, IssueType, Kind, Noteable, NoteableRef, State};
use crate::sandbox::gitlab::work::{Change, Opening};
use crate::sandbox::server::Response;

/// Everything below `/projects/:id/issues` and `/projects/:id/merge_requests`.
pub(super) fn route(call: &mut Call<'_>, project: u64, rest: &[&str]) -> Result<Response, Problem> {
    let [kind, rest @ ..] = rest else { return Err(unknown()) };
    let (kind, name) = match *kind {
        "issues" => (Kind::Issue, "issue_iid"),
        _ => (Kind::MergeRequest, "merge_request_iid"),
    };
    let [iid, rest @ ..] = rest else { return collection(call, project, kind) };
    let on = NoteableRef { project, kind, iid: call.number(iid, name)? };
    call.model.visible(on, call.user)?;
    match rest {
        [] => one(call, on),
        ["notes"] => notes::collection(call, on),
        ["notes", note] => notes::one(call, on, note),
        ["notes", note, "award_emoji", rest @ ..] => {
            let note = call.number(note, "note_id")?;
            call.model.visible_note(on, note, call.user)?;
            award_emoji::route(call, Awardable::Note(note), rest)
        }
        ["award_emoji", rest @ ..] => award_emoji::route(call, Awardable::Noteable(on), rest),
        ["links"] if kind == Kind::Issue => issue_links::collection(call, on),
        ["discussions", rest @ ..] => discussions::route(call, on, rest),
        _ => Err(unknown()),
    }
}

/// `GET` (newest first) and, for issues, `POST` (facts, section 5; openapi.yaml, lines 26292 and 28388: `updated_after` means
/// that moment or later; `iids[]` are the only ones asked for).
fn collection(call: &mut Call<'_>, project: u64, kind: Kind) -> Result<Response, Problem> {
    match (&call.method, kind) {
        (&Method::GET | &Method::HEAD, _) => {
            let state = call.asked("state").unwrap_or("all");
            let labels: Vec<&str> =
                call.asked("labels").unwrap_or_default().split(',').filter(|name| !name.is_empty()).collect();
            let mut found: Vec<_> = call
                .model
                .noteables
                .values()
                .filter(|noteable| noteable.place.project == project && noteable.place.kind == kind)
                .filter(|noteable| call.model.sees(noteable, call.user))
                .filter(|noteable| state == "all" || noteable.state.name() == state)
                .filter(|noteable| {
                    labels.iter().all(|name| noteable.labels.iter().any(|label| label == name))
                })
                .collect();
            if let Some(since) = call.asked("updated_after") {
                let since: jiff::Timestamp = since
                    .parse()
                    .map_err(|_| Problem::error(StatusCode::BAD_REQUEST, "updated_after is invalid"))?;
                found.retain(|noteable| noteable.updated_at >= since);
            }
            let iids: Vec<&str> =
                call.query.iter().filter(|(name, _)| name == "iids[]").map(|(_, iid)| iid.as_str()).collect();
            if !iids.is_empty() {
                found.retain(|noteable| iids.contains(&noteable.place.iid.to_string().as_str()));
            }
            if let Some(author) = call.asked("author_id") {
                let author = call.number(author, "author_id")?;
                found.retain(|noteable| noteable.author == author);
            }
            let one_of = |name: &'static str, known: &[&str]| match call.asked(name) {
                Some(asked) if !known.contains(&asked) => Err(Problem::error(
                    StatusCode::BAD_REQUEST,
                    format!("{name} does not have a valid value"),
                )),
                _ => Ok(()),
            };
            one_of("scope", &["created_by_me", "assigned_to_me", "all"])?;
            one_of("order_by", &["created_at", "updated_at"])?;
            one_of("sort", &["asc", "desc"])?;
            match call.asked("scope") {
                Some("created_by_me") => found.retain(|noteable| Some(noteable.author) == call.user),
                Some("assigned_to_me") => {
                    found.retain(|noteable| call.user.is_some_and(|me| noteable.assignees.contains(&me)));
                }
                _ => {}
            }
            // Of those that changed in the same moment the newer one is first, whichever way the others are sorted.
            let by_change = call.asked("order_by") == Some("updated_at");
            let descending = call.asked("sort") != Some("asc");
            found.sort_by(|one, other| {
                let moment = |noteable: &Noteable| {
                    if by_change { noteable.updated_at } else { noteable.created_at }
                };
                let order = moment(one).cmp(&moment(other));
                if descending { order.reverse() } else { order }.then(other.id.cmp(&one.id))
            });
            page(call, &found, |noteable| Some(call.model.noteable_json(noteable)))
        }
        (&Method::POST, Kind::Issue) => {
            let me = call.me()?;
            let issue_type = match call.text("issue_type").as_deref() {
                None | Some("issue") => IssueType::Issue,
                Some("task") => IssueType::Task,
                Some("incident") => IssueType::Incident,
                Some(_) => {
                    return Err(Problem::error(
                        StatusCode::BAD_REQUEST,
                        "issue_type does not have a valid value",
                    ));
                }
            };
            let opening = Opening {
                title: call.required("title")?,
                description: call.text("description").unwrap_or_default(),
                labels: call.names("labels").unwrap_or_default(),
                assignees: call.ids("assignee_ids").unwrap_or_default().into_iter().collect(),
                confidential: call.boolean("confidential")?.unwrap_or_default(),
                issue_type: Some(issue_type),
            };
            let on = call.model.open(project, kind, me, opening)?;
            shown(call, on, StatusCode::CREATED)
        }
        (_, Kind::Issue) => Err(call.not_allowed("GET, HEAD, POST")),
        // The sandbox's projects have no branches to merge: merge requests are opened by `Gitlab::merge_request`.
        (_, Kind::MergeRequest) => Err(call.not_allowed("GET, HEAD")),
    }
}

/// `GET` and `PUT` of one (facts, section 5: `add_labels`, `remove_labels`, `state_event`).
fn one(call: &mut Call<'_>, on: NoteableRef) -> Result<Response, Problem> {
    match call.method {
        Method::GET | Method::HEAD => shown(call, on, StatusCode::OK),
        Method::PUT => {
            let me = call.me()?;
            const KNOWN: &[&str] = &[
                "add_labels",
                "assignee_ids",
                "confidential",
                "description",
                "discussion_locked",
                "labels",
                "remove_labels",
                "state_event",
                "title",
            ];
            if !KNOWN.iter().any(|name| call.has(name)) {
                return Err(Problem::error(
                    StatusCode::BAD_REQUEST,
                    format!("{} are missing, at least one parameter must be provided", KNOWN.join(", ")),
                ));
            }
            let state = match call.text("state_event").as_deref() {
                None => None,
                Some("close") => Some(State::Closed),
                Some("reopen") => Some(State::Opened),
                Some(_) => {
                    return Err(Problem::error(
                        StatusCode::BAD_REQUEST,
                        "state_event does not have a valid value",
                    ));
                }
            };
            let change = Change {
                title: call.has("title").then(|| call.text("title").unwrap_or_default()),
                description: call.has("description").then(|| call.text("description").unwrap_or_default()),
                labels: call.names("labels"),
                add_labels: call.names("add_labels").unwrap_or_default(),
                remove_labels: call.names("remove_labels").unwrap_or_default(),
                assignees: call
                    .ids("assignee_ids")
                    .map(|ids| ids.into_iter().filter(|id| *id != 0).collect()),
                confidential: call.boolean("confidential")?,
                locked: call.boolean("discussion_locked")?,
                draft: None,
                state,
            };
            call.model.update(on, me, change)?;
            shown(call, on, StatusCode::OK)
        }
        _ => Err(call.not_allowed("GET, HEAD, PUT")),
    }
}

fn shown(call: &Call<'_>, on: NoteableRef, status: StatusCode) -> Result<Response, Problem> {
    let noteable = call.model.noteables.get(&on).ok_or(Refusal::NOT_FOUND)?;
    Ok(Response::json(status, &call.model.noteable_json(noteable)))
}
