//! What catching up asks of GitLab: lists that change while they are read, webhooks and their logs.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "the server can do more than is needed here")]

#[path = "support/answering.rs"]
mod answering;

use std::sync::Arc;
use std::time::Duration;

use answering::{Answer, Seen, Server, json};
use flaglink::domain::NoteableKind;
use flaglink::gitlab::{GitlabApi, GitlabError, HookState};
use flaglink::net::{HttpClient, HttpOptions};
use flaglink::telemetry::Metrics;
use serde_json::{Value, json as value};

async fn always(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> (Server, GitlabApi) {
    let server = Server::start(answer).await;
    let options = HttpOptions {
        peer: "gitlab".to_owned(),
        timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        in_flight: 4,
        ca_file: None,
    };
    let http = HttpClient::new(options, Arc::new(Metrics::default())).unwrap();
    let api = GitlabApi::new(&server.url, "glpat-shop-token".to_owned().into(), http);
    (server, api)
}

/// What the query of a request says.
fn asked(seen: &Seen, name: &str) -> Option<String> {
    let query = seen.target.split_once('?')?.1;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn the_projects_of_a_member_page_by_page_after_the_last_id() {
    let project = |id: u64| {
        value!({"id": id, "path_with_namespace": format!("shop/{id}"), "visibility": "private",
            "created_at": "2026-03-09T10:00:00.000Z", "archived": false})
    };
    let (server, api) = always(move |seen| match asked(seen, "id_after").as_deref() {
        Some("0") => {
            json(200, value!([project(3), {"id": 5, "name": "without a path"}])).with("x-next-page", "2")
        }
        Some("5") => json(200, value!([project(9)])).with("x-next-page", ""),
        other => panic!("{other:?}"),
    })
    .await;
    let projects = api.member_projects().await.unwrap();
    assert_eq!(projects.iter().map(|one| one.id).collect::<Vec<_>>(), [3, 9]);
    assert_eq!(projects[0].created_at, Some("2026-03-09T10:00:00Z".parse().unwrap()));
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    for (name, wanted) in [("membership", "true"), ("archived", "false"), ("order_by", "id"), ("sort", "asc")]
    {
        assert_eq!(asked(&seen[0], name).as_deref(), Some(wanted));
    }
}

#[tokio::test]
async fn what_changed_since_in_the_order_of_its_changes() {
    for (kind, path) in [(NoteableKind::Issue, "issues"), (NoteableKind::MergeRequest, "merge_requests")] {
        let (server, api) =
            always(|_| {
                let author = value!({"id": 12, "username": "mara"});
                json(200, value!([
                {"iid": 41, "title": "Basket", "author": author, "created_at": "2026-03-01T00:00:00.000Z",
                    "updated_at": "2026-03-09T10:41:07.123Z", "description": "x", "state": "opened"},
                {"iid": 42, "title": "of nobody", "created_at": "2026-03-01T00:00:00.000Z"},
                "nonsense",
            ]))
            .with("x-next-page", "2")
            .with("date", "Mon, 09 Mar 2026 10:42:00 GMT")
            })
            .await;
        let since = "2026-03-09T10:36:07.123999Z".parse().unwrap();
        let changed = api.changed_since(318, kind, since, 1).await.unwrap();
        assert_eq!(changed.noteables.len(), 1, "what cannot be understood hides nothing else");
        assert_eq!(changed.noteables[0].iid, 41);
        assert!(changed.more);
        assert_eq!(changed.date, Some("2026-03-09T10:42:00Z".parse().unwrap()));
        let seen = &server.seen()[0];
        assert!(seen.target.starts_with(&format!("/api/v4/projects/318/{path}?")), "{}", seen.target);
        for (name, wanted) in [
            ("updated_after", "2026-03-09T10:36:07.123Z"),
            ("scope", "all"),
            ("order_by", "updated_at"),
            ("sort", "asc"),
            ("per_page", "100"),
            ("page", "1"),
        ] {
            assert_eq!(asked(seen, name).as_deref(), Some(wanted), "{name}");
        }
    }
}

#[tokio::test]
async fn notes_that_changed_since_whenever_they_were_written() {
    let (server, api) = always(|_| {
        let note = |id: u64, created: &str, updated: &str| {
            value!({"id": id, "body": "x", "author": {"id": 12, "username": "mara"}, "created_at": created,
                "updated_at": updated})
        };
        json(
            200,
            value!([
                note(1, "2026-01-01T00:00:00Z", "2026-03-09T10:00:00Z"),
                note(7, "2026-03-09T09:00:00Z", "2026-03-09T09:00:00Z"),
                note(6, "2026-03-08T09:00:00Z", "2026-03-08T09:00:00Z"),
            ]),
        )
        .with("x-next-page", "2")
    })
    .await;
    let since = "2026-03-09T00:00:00Z".parse().unwrap();
    let notes = api.notes_changed_since(318, NoteableKind::Issue, 41, since, 100).await.unwrap();
    assert_eq!(notes.iter().map(|note| note.id).collect::<Vec<_>>(), [1, 7]);
    assert_eq!(server.seen().len(), 1, "no page further than needed");
    assert_eq!(asked(&server.seen()[0], "order_by").as_deref(), Some("updated_at"));
}

#[tokio::test]
async fn webhooks_and_whether_they_are_sent() {
    let (_server, api) = always(|_| {
        json(200, value!([
            {"id": 1, "url": "https://a.example/hooks/gitlab", "alert_status": "executable", "note_events": true,
                "push_events": false},
            {"id": "2", "url": "https://b.example/", "alert_status": "temporarily_disabled",
                "disabled_until": "2026-03-09T10:00:00Z", "issues_events": true, "note_events": true},
            {"id": 3, "url": "https://c.example/", "alert_status": "disabled"},
            {"id": 4, "url": "https://d.example/"},
            {"id": 5},
        ]))
    })
    .await;
    let hooks = api.hooks(318).await.unwrap();
    let states: Vec<(u64, HookState)> = hooks.iter().map(|hook| (hook.id, hook.state)).collect();
    let (on, off) = (HookState::On, HookState::Off);
    assert_eq!(states, [(1, on), (2, HookState::OffForAWhile), (3, off), (4, on)]);
    assert_eq!(hooks[0].triggers, ["note_events"]);
    assert_eq!(hooks[1].triggers, ["issues_events", "note_events"]);
}

#[tokio::test]
async fn what_a_webhook_could_not_deliver() {
    let body = value!({"object_kind": "note", "object_attributes": {"id": 7, "note": "/flag list"}});
    let sent = body.clone();
    let (server, api) = always(move |_| {
        json(200, value!([
            {"id": 9004, "request_headers": {"X-Gitlab-Token": "[REDACTED]", "IDEMPOTENCY-key": "abc",
                "X-Gitlab-Event": "Note Hook"}, "request_data": sent, "response_status": "internal error"},
            {"id": 9003, "request_headers": {"webhook-id": "def"}, "request_data": {}, "response_status": "500"},
            {"id": 9002, "request_headers": null, "request_data": "none", "response_status": "404"},
            {"response_status": "404"},
        ]))
        .with("x-next-page", "")
    })
    .await;
    let (failed, more) = api.failed_deliveries(318, 61, 1).await.unwrap();
    assert!(!more);
    let keys: Vec<_> = failed.iter().map(|one| (one.id, one.key.as_deref())).collect();
    assert_eq!(keys, [(9004, Some("abc")), (9003, Some("def")), (9002, None)]);
    assert_eq!(serde_json::from_slice::<Value>(&failed[0].body).unwrap(), body);
    assert_eq!(failed[0].headers.len(), 1, "no secret is kept: {:?}", failed[0].headers);
    assert_eq!(&failed[2].body[..], b"{}");
    let seen = &server.seen()[0];
    assert!(seen.target.starts_with("/api/v4/projects/318/hooks/61/events?"), "{}", seen.target);
    assert_eq!(asked(seen, "per_page").as_deref(), Some("20"), "GitLab refuses to give more");
    assert_eq!(asked(seen, "status").as_deref(), Some("client_failure,server_failure"));
}

#[tokio::test]
async fn a_webhook_is_tested() {
    let (server, api) = always(|seen| {
        if seen.target.ends_with("/note_events") {
            return json(201, value!({"message": "201 Created"}));
        }
        json(422, value!({"message": "Ensure the project has issues."}))
    })
    .await;
    api.test_hook(318, 61, "note_events").await.unwrap();
    let Err(GitlabError::Failed(failure)) = api.test_hook(318, 61, "issues_events").await else {
        panic!("a 422 is no success");
    };
    assert_eq!((failure.status, failure.said.as_str()), (Some(422), "Ensure the project has issues."));
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("POST", "/api/v4/projects/318/hooks/61/test/note_events")
    );
}
