//! The REST client against a server that answers as GitLab's documents say, and as they do not.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "support/answering.rs"]
mod answering;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use answering::{Answer, Seen, Server, json, text};
use flaglink::domain::{NoteSource, NoteableKind, Person, Reaction, Visibility, WorkState};
use flaglink::gitlab::{AccessLevel, GitlabApi, GitlabError, NoteEdit, NoteType};
use flaglink::net::{Failure, HttpClient, HttpOptions, Sent};
use flaglink::telemetry::Metrics;
use http::{Method, StatusCode};
use serde_json::{Value, json as value};

const ISSUE: NoteableKind = NoteableKind::Issue;
const MERGE_REQUEST: NoteableKind = NoteableKind::MergeRequest;

fn http_client() -> HttpClient {
    let options = HttpOptions {
        peer: "gitlab".to_owned(),
        timeout: Duration::from_millis(800),
        connect_timeout: Duration::from_millis(800),
        in_flight: 4,
        ca_file: None,
    };
    HttpClient::new(options, Arc::new(Metrics::default())).unwrap()
}

fn api(server: &Server) -> GitlabApi {
    GitlabApi::new(&server.url, "glpat-shop-token".to_owned().into(), http_client())
}

async fn always(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> (Server, GitlabApi) {
    let server = Server::start(answer).await;
    let api = api(&server);
    (server, api)
}

fn failed(error: GitlabError) -> Failure {
    match error {
        GitlabError::Failed(failure) => failure,
        GitlabError::Strange(what) => panic!("{what}"),
    }
}

fn strange(error: GitlabError) -> String {
    match error {
        GitlabError::Strange(what) => what,
        GitlabError::Failed(failure) => panic!("{failure}"),
    }
}

fn note(id: u64, created_at: &str) -> Value {
    value!({
        "id": id, "body": format!("note {id}"), "author": {"id": 12, "username": "mara", "name": "Mara"},
        "created_at": created_at, "updated_at": created_at, "system": false, "type": null, "internal": false,
        "noteable_iid": 41, "resolvable": false
    })
}

#[tokio::test]
async fn me_is_asked_with_the_token_and_gitlabs_clock_is_taken() {
    let (server, api) = always(|_| {
        json(200, value!({"id": 90, "username": "flaglink", "bot": true}))
            .with("date", "Sun, 22 Nov 2026 10:41:07 GMT")
    })
    .await;
    let me = api.me().await.unwrap();
    assert_eq!((me.id, me.username.as_str()), (90, "flaglink"));
    assert_eq!(me.date, Some("2026-11-22T10:41:07Z".parse().unwrap()));
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/api/v4/user"));
    assert_eq!(seen.headers["private-token"], "glpat-shop-token");
    assert!(!format!("{api:?}").contains("glpat"));
}

#[tokio::test]
async fn gitlab_may_live_under_a_path() {
    let server = Server::start(|_| json(200, value!({"id": 90, "data": {"note": null}}))).await;
    for root in ["git/lab", "git/lab/", "git/lab?x=1#y"] {
        let api =
            GitlabApi::new(&server.url.join(root).unwrap(), " token\n".to_owned().into(), http_client());
        assert_eq!(api.me().await.unwrap().id, 90);
        assert_eq!(api.note_edit(5).await.unwrap(), None);
    }
    for pair in server.seen().chunks(2) {
        assert_eq!(pair[0].target, "/git/lab/api/v4/user");
        assert_eq!(pair[1].target, "/git/lab/api/graphql");
        assert_eq!(pair[1].headers["private-token"], "token");
    }
}

#[tokio::test]
async fn a_token_that_cannot_stand_in_a_header_is_told_and_not_shown() {
    let server = Server::start(|_| json(200, value!({"id": 1}))).await;
    let api = GitlabApi::new(&server.url, "glpat-one\nglpat-two".to_owned().into(), http_client());
    let failure = failed(api.me().await.unwrap_err());
    assert_eq!(failure.sent, Sent::No);
    assert!(failure.message.contains("token") && !failure.message.contains("glpat"), "{}", failure.message);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_project_is_read_by_id_and_an_unknown_visibility_is_private() {
    for (said, visibility) in [
        (value!("public"), Visibility::Public),
        (value!("internal"), Visibility::Internal),
        (value!("galactic"), Visibility::Private),
        (value!(null), Visibility::Private),
    ] {
        let (server, api) = always(move |_| {
            json(
                200,
                value!({"id": 318, "path_with_namespace": "shop/web", "visibility": said, "archived": true}),
            )
        })
        .await;
        let project = api.project(318).await.unwrap().unwrap();
        assert_eq!((project.id, project.path.as_str(), project.visibility), (318, "shop/web", visibility));
        assert!(project.archived);
        assert_eq!(server.seen()[0].target, "/api/v4/projects/318");
    }
}

#[tokio::test]
async fn what_is_not_there_is_none_and_what_fails_is_a_failure() {
    let (_server, api) = always(|_| json(404, value!({"message": "404 Project Not Found"}))).await;
    assert_eq!(api.project(1).await.unwrap(), None);
    assert_eq!(api.noteable(1, ISSUE, 2).await.unwrap(), None);
    assert_eq!(api.note(1, MERGE_REQUEST, 2, 3).await.unwrap(), None);
    assert_eq!(api.note_edit(3).await.unwrap(), None);
    assert_eq!(api.discussion(1, ISSUE, 2, "ab").await.unwrap(), None);
    assert_eq!(api.update_note(1, ISSUE, 2, 3, "x").await.unwrap(), None);
    assert_eq!(api.access_level(1, 2).await.unwrap(), None);
    api.delete_note(1, ISSUE, 2, 3).await.unwrap();
    api.remove_label(1, ISSUE, 2, "x").await.unwrap();
    // Here a 404 means that it cannot be done.
    assert!(
        failed(api.create_note(api.turn().unwrap(), 1, ISSUE, 2, "x", false).await.unwrap_err())
            .is_not_found()
    );
    assert!(failed(api.reply(api.turn().unwrap(), 1, ISSUE, 2, "ab", "x").await.unwrap_err()).is_not_found());
    assert!(failed(api.add_label(1, ISSUE, 2, "x").await.unwrap_err()).is_not_found());
    assert!(failed(api.discussion_of(1, ISSUE, 2, 3).await.unwrap_err()).is_not_found());

    let (_server, api) = always(|_| json(401, value!({"message": "401 Unauthorized"}))).await;
    let failure = failed(api.project(1).await.unwrap_err());
    assert!(failure.is_unauthorized() && failure.said == "401 Unauthorized");
}

#[tokio::test]
async fn retry_after_comes_through_on_every_kind_of_call() {
    for status in [429, 503] {
        let asked = move |_: &Seen| json(status, value!({"message": "later"})).with("retry-after", "40");
        let (_server, api) = always(asked).await;
        assert_eq!(failed(api.me().await.unwrap_err()).retry_after, Some(Duration::from_secs(40)));
        let (_server, api) = always(asked).await;
        assert_eq!(failed(api.project(1).await.unwrap_err()).retry_after, Some(Duration::from_secs(40)));
        let (_server, api) = always(asked).await;
        let failure = failed(api.delete_note(1, ISSUE, 2, 3).await.unwrap_err());
        assert_eq!((failure.status, failure.retry_after), (Some(status), Some(Duration::from_secs(40))));
    }
}

#[tokio::test]
async fn two_tokens_of_one_instance_keep_one_limit() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => json(429, value!({"message": "slow down"})).with("retry-after", "1"),
        _ => json(200, value!({"id": 90, "username": "flaglink"})),
    })
    .await;
    let http = http_client();
    let one = GitlabApi::new(&server.url, "one".to_owned().into(), http.clone());
    let two = GitlabApi::new(&server.url, "two".to_owned().into(), http);
    assert_eq!(failed(one.me().await.unwrap_err()).status, Some(429));
    two.me().await.unwrap();
    let seen = server.seen();
    assert_eq!((seen.len(), &seen[1].headers["private-token"]), (2, &"two".parse().unwrap()));
    assert!(seen[1].at - seen[0].at >= Duration::from_millis(950));
}

#[tokio::test]
async fn a_page_of_html_is_strange_and_its_text_is_not_passed_on() {
    let (_server, api) =
        always(|_| text(200, "text/html", "<html><title>Sign in</title><p>secret form")).await;
    assert!(!strange(api.project(1).await.unwrap_err()).contains("secret"));
    assert!(!strange(api.me().await.unwrap_err()).contains("secret"));
    assert!(!strange(api.notes_since(1, ISSUE, 2, None, 5).await.unwrap_err()).contains("secret"));
    let (_server, api) = always(|_| json(200, value!([1, "mara"]))).await;
    strange(api.me().await.unwrap_err());
    strange(api.project(1).await.unwrap_err());
}

#[tokio::test]
async fn a_moved_project_is_told_and_not_followed() {
    let (server, api) = always(|_| {
        json(301, value!({"message": "moved"}))
            .with("location", "https://elsewhere.example/api/v4/projects/9")
    })
    .await;
    let failure = failed(api.project(1).await.unwrap_err());
    assert_eq!((failure.status, failure.sent), (Some(301), Sent::No));
    assert!(failure.message.contains("https://elsewhere.example/api/v4/projects/9"), "{}", failure.message);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_issue_and_a_merge_request_in_old_and_new_words() {
    let (server, api) = always(|seen| {
        if seen.target.contains("/issues/") {
            return json(200, value!({
                "id": 900, "iid": 41, "title": "Basket", "description": null, "state": "closed", "confidential": true,
                "web_url": "https://gitlab.shop.example/shop/web/-/issues/41", "author": {"id": 12, "username": "mara"},
                "created_at": "2026-03-17T12:30:00.123Z", "labels": [{"name": "a"}, "b", 3], "imported_from": "github"
            }));
        }
        json(200, value!({
            "iid": 8, "title": "Draft: Badge", "description": "d", "state": "merged", "work_in_progress": true,
            "author": {"id": 17, "username": "tobias"}, "created_at": "2026-03-17 12:30:00 UTC",
            "updated_at": "2026-03-18T12:30:00+02:00", "labels": [], "imported": false, "imported_from": "none"
        }))
    })
    .await;
    let issue = api.noteable(318, ISSUE, 41).await.unwrap().unwrap();
    assert_eq!(
        (issue.project, issue.iid, issue.title.as_str(), issue.description.as_str()),
        (318, 41, "Basket", "")
    );
    assert_eq!(
        (issue.state, issue.confidential, issue.draft, issue.imported),
        (WorkState::Closed, true, false, true)
    );
    assert_eq!(issue.author, Person { id: 12, username: "mara".to_owned() });
    assert_eq!(issue.labels, ["a", "b"]);
    assert_eq!(issue.updated_at, issue.created_at);
    let work = api.noteable(318, MERGE_REQUEST, 8).await.unwrap().unwrap();
    assert_eq!(
        (work.state, work.draft, work.confidential, work.imported),
        (WorkState::Merged, true, false, false)
    );
    assert_eq!(work.updated_at, "2026-03-18T10:30:00Z".parse().unwrap());
    let targets: Vec<String> = server.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets, ["/api/v4/projects/318/issues/41", "/api/v4/projects/318/merge_requests/8"]);
    // Another one than was asked for is not taken for it.
    strange(api.noteable(318, ISSUE, 42).await.unwrap_err());
}

#[tokio::test]
async fn a_note_is_read_whatever_it_is_called() {
    let (server, api) = always(|seen| {
        let mut body = note(77, "2026-03-17T12:30:00.000Z");
        if seen.target.contains("merge_requests") {
            body = value!({
                "id": 77, "body": "x", "author": {"id": 12, "username": "mara"}, "created_at": "2026-03-17T12:30:00Z",
                "type": "DiffNote", "confidential": true, "imported": true, "position": {"new_line": 3}
            });
        }
        json(200, body)
    })
    .await;
    let plain = api.note(318, ISSUE, 41, 77).await.unwrap().unwrap();
    assert_eq!(
        (plain.kind, plain.internal, plain.imported, plain.system),
        (NoteType::Plain, false, false, false)
    );
    assert_eq!(plain.body, "note 77");
    let threaded = api.note(318, MERGE_REQUEST, 8, 77).await.unwrap().unwrap();
    assert_eq!((threaded.kind, threaded.internal, threaded.imported), (NoteType::Threaded, true, true));
    assert_eq!(server.seen()[1].target, "/api/v4/projects/318/merge_requests/8/notes/77");
    strange(api.note(318, ISSUE, 41, 78).await.unwrap_err());
}

#[tokio::test]
async fn who_edited_a_note_is_told_by_graphql_or_not_at_all() {
    let at = "2026-04-02T08:19:40Z";
    let cases = [
        (value!({"data": {"note": {"lastEditedAt": null, "lastEditedBy": null}}}), Some(NoteEdit::default())),
        (
            value!({"data": {"note": {"lastEditedAt": at, "lastEditedBy": {"id": "gid://gitlab/User/17"}}}}),
            Some(NoteEdit { at: Some(at.parse().unwrap()), by: Some(17) }),
        ),
        (
            value!({"data": {"note": {"lastEditedAt": at, "lastEditedBy": null}}, "errors": []}),
            Some(NoteEdit { at: Some(at.parse().unwrap()), by: None }),
        ),
        (value!({"data": {"note": null}}), None),
        (value!({"data": null, "errors": [{"message": "Field 'lastEditedBy' doesn't exist"}]}), None),
        (value!({"data": {"note": {"lastEditedAt": null}}, "errors": [{"message": "half an answer"}]}), None),
        (value!({"data": {"note": {"lastEditedAt": "some time ago"}}}), None),
        (value!({"data": {"note": {}}}), None),
        (value!([]), None),
    ];
    for (answer, expected) in cases {
        let told = answer.clone();
        let (server, api) = always(move |_| json(200, answer.clone())).await;
        assert_eq!(api.note_edit(77).await.unwrap(), expected, "{told}");
        let seen = &server.seen()[0];
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/api/graphql"));
        assert!(seen.json()["query"].as_str().unwrap().contains(r#"note(id: "gid://gitlab/Note/77")"#));
    }
    let (_server, api) = always(|_| json(502, value!({}))).await;
    assert_eq!(failed(api.note_edit(77).await.unwrap_err()).status, Some(502));
}

fn page_of(seen: &Seen) -> u64 {
    let query = seen.target.split_once('?').unwrap().1;
    url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "page").unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn short_and_empty_pages_are_not_the_end_where_gitlab_says_that_more_follows() {
    let (server, api) = always(|seen| match page_of(seen) {
        1 => json(200, value!([note(9, "2026-03-09T00:00:00Z")])).with("x-next-page", "2"),
        2 => json(200, value!([]))
            .with("link", r#"<https://x.example/?page=3>; rel="next", <https://x.example/>; rel="first""#),
        3 => json(200, value!([note(9, "2026-03-09T00:00:00Z"), note(8, "2026-03-08T00:00:00Z")]))
            .with("x-next-page", ""),
        _ => json(500, value!({})),
    })
    .await;
    let notes = api.notes_since(318, ISSUE, 41, None, 100).await.unwrap();
    // A note that moved to the next page while pages were read counts once.
    assert_eq!(notes.iter().map(|note| note.id).collect::<Vec<_>>(), [9, 8]);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen[0].target.starts_with("/api/v4/projects/318/issues/41/notes?"), "{}", seen[0].target);
    for wanted in ["sort=desc", "order_by=created_at", "per_page=100"] {
        assert!(seen[0].target.contains(wanted), "{}", seen[0].target);
    }
}

#[tokio::test]
async fn notes_are_read_no_further_back_than_asked() {
    let full = |seen: &Seen| {
        let first = 1000 - page_of(seen) * 100;
        let notes: Vec<Value> = (0..100)
            .map(|i| note(first + 100 - i, &format!("2026-03-{:02}T00:00:00Z", 28 - page_of(seen))))
            .collect();
        // No header says whether more follows: a full page does.
        json(200, Value::from(notes))
    };
    let (server, api) = always(full).await;
    let since = "2026-03-26T00:00:00Z".parse().unwrap();
    assert_eq!(api.notes_since(318, MERGE_REQUEST, 8, Some(since), 1000).await.unwrap().len(), 200);
    assert_eq!(server.seen().len(), 3);
    let (server, api) = always(full).await;
    assert_eq!(api.notes_since(318, MERGE_REQUEST, 8, None, 100).await.unwrap().len(), 100);
    assert_eq!(server.seen().len(), 1);
    let (server, api) = always(full).await;
    assert!(api.notes_since(318, ISSUE, 8, None, 0).await.unwrap().is_empty());
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_list_without_end_is_left_at_some_point() {
    let (server, api) = always(|_| json(200, value!([])).with("x-next-page", "2")).await;
    assert!(api.notes_since(318, ISSUE, 41, None, 10).await.unwrap().is_empty());
    assert_eq!(api.discussion_of(318, ISSUE, 41, 5).await.unwrap(), None);
    assert_eq!(server.seen().len(), 200);
}

#[tokio::test]
async fn the_discussion_of_a_note_is_found_over_pages() {
    let id = "9b1c6a1f0f1c4c0f8f4d9a3c2b7e5d6071829304";
    let (server, api) = always(move |seen| match (seen.target.contains('?')).then(|| page_of(seen)) {
        Some(1) => json(200, value!([{"id": "aa", "individual_note": true, "notes": [note(1, "2026-03-09T00:00:00Z")]}])).with("x-next-page", "2"),
        _ if seen.target.ends_with(id) => json(200, value!({"id": id, "individual_note": true, "notes": []})),
        _ => json(200, value!([{"id": id, "individual_note": false, "notes": [note(2, "2026-03-09T00:00:00Z"), note(3, "2026-03-09T00:00:01Z")]}])),
    })
    .await;
    let found = api.discussion_of(318, MERGE_REQUEST, 8, 3).await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.individual, found.notes.len()), (id, false, 2));
    assert_eq!(api.discussion_of(318, MERGE_REQUEST, 8, 4).await.unwrap(), None);
    assert!(api.discussion(318, ISSUE, 41, id).await.unwrap().unwrap().individual);
    assert_eq!(
        server.seen().last().unwrap().target,
        format!("/api/v4/projects/318/issues/41/discussions/{id}")
    );
}

#[tokio::test]
async fn comments_are_written_as_json_and_ids_cannot_leave_their_place_in_the_address() {
    let (server, api) = always(|_| json(201, value!({"id": 77, "body": "kept"}))).await;
    let body = "ü & = \"x\"\nline";
    let new = api.create_note(api.turn().unwrap(), 318, ISSUE, 41, body, false).await.unwrap();
    assert_eq!((new.id, new.body.as_str()), (77, "kept"));
    api.create_note(api.turn().unwrap(), 318, MERGE_REQUEST, 8, body, true).await.unwrap();
    api.reply(api.turn().unwrap(), 318, ISSUE, 41, "../../x?y", body).await.unwrap();
    assert_eq!(api.update_note(318, MERGE_REQUEST, 8, 77, body).await.unwrap().unwrap().body, "kept");
    let seen = server.seen();
    let lines: Vec<(Method, &str)> =
        seen.iter().map(|seen| (seen.method.clone(), seen.target.as_str())).collect();
    assert_eq!(
        lines,
        [
            (Method::POST, "/api/v4/projects/318/issues/41/notes"),
            (Method::POST, "/api/v4/projects/318/merge_requests/8/notes"),
            (Method::POST, "/api/v4/projects/318/issues/41/discussions/..%2F..%2Fx%3Fy/notes"),
            (Method::PUT, "/api/v4/projects/318/merge_requests/8/notes/77"),
        ]
    );
    assert_eq!(seen[0].json(), value!({"body": body}));
    assert_eq!(seen[1].json(), value!({"body": body, "internal": true}));
    for seen in &seen {
        assert_eq!(seen.headers["content-type"], "application/json");
        assert_eq!(seen.json()["body"], body);
    }
}

#[tokio::test]
async fn a_comment_that_gitlab_took_for_quick_actions_is_not_a_comment() {
    let (_server, api) =
        always(|_| json(202, value!({"commands_changes": {"add_label_ids": [3]}, "summary": ["x"]}))).await;
    assert!(
        strange(api.create_note(api.turn().unwrap(), 318, ISSUE, 41, "/label ~x", false).await.unwrap_err())
            .contains("quick actions")
    );
}

#[tokio::test]
async fn a_comment_whose_answer_is_lost_may_stand() {
    for answer in [|| Answer::Half(StatusCode::CREATED), || Answer::Never] {
        let (_server, api) = always(move |_| answer()).await;
        let failure =
            failed(api.create_note(api.turn().unwrap(), 318, ISSUE, 41, "x", false).await.unwrap_err());
        assert_eq!(failure.sent, Sent::StillAtWork);
    }
    let (_server, api) = always(|_| json(500, value!({"message": "500 Internal Server Error"}))).await;
    assert_eq!(
        failed(api.create_note(api.turn().unwrap(), 318, ISSUE, 41, "x", false).await.unwrap_err()).sent,
        Sent::Perhaps
    );
}

#[tokio::test]
async fn a_deleted_comment_answers_nothing_and_that_is_success() {
    let (server, api) = always(|_| text(204, "text/plain", "")).await;
    api.delete_note(318, MERGE_REQUEST, 8, 77).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("DELETE", "/api/v4/projects/318/merge_requests/8/notes/77")
    );
    let (_server, api) = always(|_| json(403, value!({"message": "403 Forbidden"}))).await;
    assert_eq!(failed(api.delete_note(318, ISSUE, 41, 77).await.unwrap_err()).status, Some(403));
}

#[tokio::test]
async fn a_reaction_goes_to_its_place_and_a_second_one_is_fine() {
    let asked = AtomicUsize::new(0);
    let (server, api) = always(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0..4 => json(201, value!({"id": 1, "name": "eyes"})),
        4 => json(404, value!({"message": "404 Award Emoji Name has already been taken Not Found"})),
        _ => json(403, value!({"message": "403 Forbidden"})),
    })
    .await;
    api.react(318, ISSUE, 41, NoteSource::Note(77), Reaction::Taken).await.unwrap();
    api.react(318, ISSUE, 41, NoteSource::Description, Reaction::Done).await.unwrap();
    api.react(318, MERGE_REQUEST, 8, NoteSource::Note(77), Reaction::NotDone).await.unwrap();
    api.react(318, MERGE_REQUEST, 8, NoteSource::Description, Reaction::Partly).await.unwrap();
    api.react(318, ISSUE, 41, NoteSource::Note(77), Reaction::Taken).await.unwrap();
    assert_eq!(
        failed(api.react(318, ISSUE, 41, NoteSource::Note(77), Reaction::Taken).await.unwrap_err()).status,
        Some(403)
    );
    let seen: Vec<(String, String)> =
        server.seen().into_iter().map(|seen| (seen.target, seen.body)).collect();
    let line = |place: &str, name: &str| {
        (format!("/api/v4/projects/318/{place}/award_emoji"), format!("name={name}"))
    };
    assert_eq!(
        seen[..4],
        [
            line("issues/41/notes/77", "eyes"),
            line("issues/41", "white_check_mark"),
            line("merge_requests/8/notes/77", "x"),
            line("merge_requests/8", "warning"),
        ]
    );
}

#[tokio::test]
async fn a_role_counts_only_while_it_is_active() {
    for (answer, expected) in [
        (
            value!({"id": 12, "access_level": 30, "state": "active", "membership_state": "active"}),
            Some(AccessLevel(30)),
        ),
        (value!({"id": 12, "access_level": 40}), Some(AccessLevel(40))),
        (value!({"id": 12, "access_level": 50, "state": "blocked"}), None),
        (value!({"id": 12, "access_level": 50, "state": "active", "membership_state": "awaiting"}), None),
    ] {
        let (server, api) = always(move |_| json(200, answer.clone())).await;
        assert_eq!(api.access_level(318, 12).await.unwrap(), expected);
        assert_eq!(server.seen()[0].target, "/api/v4/projects/318/members/all/12");
    }
    assert!(AccessLevel(30) > AccessLevel(20));
    let (_server, api) = always(|_| json(200, value!({"id": 12}))).await;
    strange(api.access_level(318, 12).await.unwrap_err());
}

#[tokio::test]
async fn a_label_is_made_once_put_on_and_taken_off() {
    let (server, api) = always(|seen| match (&seen.method, seen.target.as_str()) {
        (&Method::POST, "/api/v4/projects/318/labels") => json(201, value!({"id": 3})),
        (&Method::PUT, "/api/v4/projects/318/issues/41" | "/api/v4/projects/318/merge_requests/8") => {
            json(200, value!({}))
        }
        _ => json(500, value!({})),
    })
    .await;
    api.ensure_label(318, "Feature flag", "#6699cc", "Kept by flaglink").await.unwrap();
    api.add_label(318, ISSUE, 41, "Feature flag").await.unwrap();
    api.add_label(318, MERGE_REQUEST, 8, "Feature flag").await.unwrap();
    api.remove_label(318, ISSUE, 41, "Feature flag").await.unwrap();
    api.remove_label(318, MERGE_REQUEST, 8, "Feature flag").await.unwrap();
    let bodies: Vec<String> = server.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies[0], "name=Feature+flag&color=%236699cc&description=Kept+by+flaglink");
    assert_eq!(bodies[1..3], ["add_labels=Feature+flag", "add_labels=Feature+flag"]);
    assert_eq!(bodies[3..], ["remove_labels=Feature+flag", "remove_labels=Feature+flag"]);
}

#[tokio::test]
async fn a_label_that_is_there_already_is_fine_and_one_that_may_not_be_made_is_not() {
    for (status, message, fine) in [
        (409, value!("Label already exists"), true),
        (400, value!({"title": ["already exists for a label of the group shop"]}), true),
        (400, value!({"title": ["has already been taken"]}), true),
        (400, value!({"color": ["must be a valid color code"]}), false),
        (403, value!("403 Forbidden"), false),
    ] {
        let told = message.clone();
        let (_server, api) = always(move |_| json(status, value!({"message": message}))).await;
        assert_eq!(api.ensure_label(318, "x", "#6699cc", "").await.is_ok(), fine, "{status} {told}");
    }
}
