//! Webhooks: which are sent, what is in them, how they are signed, logged, repeated, held back.

use flaglink::sandbox::faults::{Fault, Received, Rule};
use flaglink::sandbox::gitlab::{Fate, HookSpec, HookTimes, IssueType, NotPressed, Order, level, signature};
use flaglink::sandbox::server::Server;
use reqwest::Method;
use serde_json::json;

use crate::support::{SOON, Scene, receiver};

const TOKEN: &str = "plain secret";
/// A signing token, the request it signs and the signature, computed from the algorithm by other means.
const SIGNING_TOKEN: &str = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";
const SIGNED_BODY: &str = r#"{"object_kind":"note","event_type":"note","object_attributes":{"id":1,"note":"/flag link my_feature","action":"create"}}"#;

async fn received(receiver: &Server, count: usize) -> Vec<Received> {
    receiver
        .faults()
        .until(SOON, |log| log.iter().filter(|request| request.status.is_some()).count() >= count)
        .await
        .unwrap();
    receiver.faults().log()
}

fn hook(scene: &Scene, receiver: &Server) -> u64 {
    scene.gitlab.hook(scene.project, HookSpec::everything(&format!("{}/hook", receiver.url()), TOKEN))
}

#[tokio::test]
async fn a_comment_is_sent_with_headers_and_body() {
    let scene = Scene::new().await;
    let receiver = receiver(200).await;
    let hook = hook(&scene, &receiver);
    let note = scene.gitlab.comment(scene.alice, scene.issue, "/label ~x\n/flag link x").unwrap();
    let log = received(&receiver, 1).await;
    let request = &log[0];
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/hook"));
    for (name, value) in [
        ("content-type", "application/json"),
        ("user-agent", "GitLab/18.5.1-ee"),
        ("x-gitlab-event", "Note Hook"),
        ("x-gitlab-instance", &scene.gitlab.url()),
        ("x-gitlab-token", TOKEN),
    ] {
        assert_eq!(request.headers.get(name).map(String::as_str), Some(value), "{name}");
    }
    for name in ["x-gitlab-webhook-uuid", "x-gitlab-event-uuid", "idempotency-key"] {
        assert_eq!(request.headers[name].len(), 36, "{name}");
    }
    assert!(!request.headers.contains_key("webhook-id"), "from 19.0 on");

    let body = request.json();
    assert_eq!(body["object_kind"], "note");
    assert_eq!(body["event_type"], "note");
    assert_eq!(body["user"]["username"], "alice");
    assert_eq!(body["user"]["email"], "[REDACTED]");
    assert_eq!(body["project_id"], scene.project);
    assert_eq!(body["project"]["path_with_namespace"], "shop/checkout");
    assert_eq!(body["project"]["visibility_level"], 0);
    assert_eq!(body["issue"]["iid"], 1);
    assert!(body.get("merge_request").is_none());
    let attributes = &body["object_attributes"];
    assert_eq!(attributes["id"], note);
    assert_eq!(attributes["note"], "/flag link x", "GitLab's own commands are gone from it");
    assert_eq!(attributes["action"], "create");
    assert_eq!(attributes["noteable_type"], "Issue");
    assert_eq!(attributes["author_id"], scene.alice);
    assert_eq!(attributes["type"], json!(null));
    assert_eq!(attributes["commit_id"], json!(null));
    assert!(attributes.get("internal").is_none(), "from 19.0 on");
    assert!(attributes.get("iid").is_none());
    assert!(attributes["created_at"].as_str().unwrap().ends_with(" UTC"));
    scene.until(|model| model.all_delivered()).await;
    let status = scene.gitlab.read(|model| model.deliveries_of(hook)[0].fate.clone());
    assert_eq!(status, Fate::Answered { status: 200, body: String::new() });
}

#[tokio::test]
async fn signatures() {
    let id = "f5e5f430-f57b-4e6e-9fac-d9128cd7232f";
    let expected = "v1,SkV1v8xoJkeYyVxFVOe2NoB2efWKOWRF5oYM7pxuajU=";
    assert_eq!(signature(SIGNING_TOKEN, id, 1_784_000_000, SIGNED_BODY).as_deref(), Some(expected));
    assert_eq!(signature("no prefix", id, 0, ""), None);

    let scene = Scene::new().await;
    scene.gitlab.change(|model| model.settings.version = "19.1.0".to_owned());
    let receiver = receiver(200).await;
    let signing_token = Some(SIGNING_TOKEN.to_owned());
    let spec = HookSpec { signing_token, ..HookSpec::everything(&receiver.url(), TOKEN) };
    scene.gitlab.hook(scene.project, spec);
    scene.gitlab.comment(scene.alice, scene.issue, "héllo").unwrap();
    let log = received(&receiver, 1).await;
    let headers = &log[0].headers;
    assert_eq!(headers["webhook-id"], headers["idempotency-key"]);
    let body = std::str::from_utf8(&log[0].body).unwrap();
    let at = headers["webhook-timestamp"].parse().unwrap();
    let expected = signature(SIGNING_TOKEN, &headers["webhook-id"], at, body).unwrap();
    assert_eq!(headers["webhook-signature"], expected);
    assert_eq!(log[0].json()["object_attributes"]["internal"], false);
}

#[tokio::test]
async fn older_versions_send_less() {
    let scene = Scene::new().await;
    scene.gitlab.change(|model| {
        model.settings.version = "16.11.0".to_owned();
        model.settings.hook_times = HookTimes::IsoMillis;
    });
    let receiver = receiver(200).await;
    let hook = hook(&scene, &receiver);
    scene.gitlab.comment(scene.alice, scene.issue, "x").unwrap();
    let log = received(&receiver, 1).await;
    assert!(!log[0].headers.contains_key("idempotency-key"), "from 17.4 on");
    let at = log[0].json()["object_attributes"]["created_at"].as_str().unwrap().to_owned();
    assert_eq!((at.len(), at.ends_with('Z')), (24, true), "{at}");
    scene.gitlab.member(scene.project, scene.bot, level::MAINTAINER);
    let events = scene.get(&format!("/projects/{}/hooks/{hook}/events", scene.project)).await;
    assert_eq!(events.status, 404, "from 17.3 on");
}

#[tokio::test]
async fn only_new_text_is_sent_again_and_in_the_authors_name() {
    let scene = Scene::new().await;
    let receiver = receiver(200).await;
    hook(&scene, &receiver);
    let note = scene.gitlab.comment(scene.alice, scene.issue, "one").unwrap();
    scene.gitlab.edit_note(scene.alice, note, "one").unwrap();
    scene.gitlab.react(scene.bot, note, "eyes").unwrap();
    scene.gitlab.edit_note(scene.maintainer, note, "two").unwrap();
    scene.gitlab.delete_note(scene.alice, note).unwrap();
    let last = scene.gitlab.comment(scene.alice, scene.issue, "last").unwrap();
    let log = received(&receiver, 3).await;
    let seen: Vec<_> = log
        .iter()
        .map(|request| {
            let body = request.json();
            (body["object_attributes"]["action"].clone(), body["object_attributes"]["id"].clone())
        })
        .collect();
    assert_eq!(
        seen,
        [(json!("create"), json!(note)), (json!("update"), json!(note)), (json!("create"), json!(last))]
    );
    let update = log[1].json();
    assert_eq!(update["user"]["id"], scene.alice, "whoever edited it");
    assert_eq!(update["object_attributes"]["updated_by_id"], scene.maintainer);
    assert_eq!(update["object_attributes"]["note"], "two");
}

#[tokio::test]
async fn what_is_confidential_goes_to_hooks_that_want_it() {
    let scene = Scene::new().await;
    let (open, all) = (receiver(200).await, receiver(200).await);
    let spec =
        HookSpec { events: vec!["note_events", "issues_events"], ..HookSpec::everything(&open.url(), TOKEN) };
    scene.gitlab.hook(scene.project, spec);
    hook(&scene, &all);
    scene.gitlab.internal_comment(scene.alice, scene.issue, "psst").unwrap();
    let hidden = scene.gitlab.confidential_issue(scene.alice, scene.project, "secret", "").unwrap();
    scene.gitlab.comment(scene.alice, hidden, "on it").unwrap();
    let log = received(&all, 3).await;
    let seen: Vec<_> = log
        .iter()
        .map(|request| (request.headers["x-gitlab-event"].clone(), request.json()["event_type"].clone()))
        .collect();
    assert_eq!(
        seen,
        [
            ("Confidential Note Hook".to_owned(), json!("confidential_note")),
            ("Confidential Issue Hook".to_owned(), json!("confidential_issue")),
            ("Confidential Note Hook".to_owned(), json!("confidential_note")),
        ]
    );
    scene.gitlab.comment(scene.alice, scene.issue, "open").unwrap();
    let log = received(&open, 1).await;
    assert_eq!(log[0].json()["object_attributes"]["note"], "open");
}

#[tokio::test]
async fn issues_and_merge_requests_say_what_happened() {
    let scene = Scene::new().await;
    let receiver = receiver(200).await;
    hook(&scene, &receiver);
    scene.gitlab.add_labels(scene.alice, scene.issue, &["x"]).unwrap();
    scene.gitlab.add_labels(scene.alice, scene.issue, &["x"]).unwrap();
    scene.gitlab.close(scene.alice, scene.issue).unwrap();
    scene.gitlab.reopen(scene.alice, scene.issue).unwrap();
    let request = scene.gitlab.merge_request(scene.alice, scene.project, "Draft: Faster", "").unwrap();
    scene.gitlab.set_draft(scene.alice, request, false).unwrap();
    scene.gitlab.merge(scene.maintainer, request).unwrap();
    scene.gitlab.work_item(scene.alice, scene.project, IssueType::Task, "task").unwrap();
    let log = received(&receiver, 7).await;
    let seen: Vec<_> = log
        .iter()
        .map(|request| {
            let body = request.json();
            format!(
                "{} {} {}",
                request.headers["x-gitlab-event"], body["object_kind"], body["object_attributes"]["action"]
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            r#"Issue Hook "issue" "update""#,
            r#"Issue Hook "issue" "close""#,
            r#"Issue Hook "issue" "reopen""#,
            r#"Merge Request Hook "merge_request" "open""#,
            r#"Merge Request Hook "merge_request" "update""#,
            r#"Merge Request Hook "merge_request" "merge""#,
            r#"Issue Hook "work_item" "open""#,
        ]
    );
    let labels = &log[0].json()["changes"]["labels"];
    assert_eq!((&labels["previous"], &labels["current"][0]["title"]), (&json!([]), &json!("x")));
    assert!(log[0].json().get("assignees").is_none(), "missing when nobody is assigned");
    let draft = &log[4].json()["changes"]["draft"];
    assert_eq!(draft, &json!({ "previous": true, "current": false }));
    let merged = log[5].json();
    assert_eq!(merged["object_attributes"]["state"], "merged");
    assert_eq!(merged["user"]["username"], "mia");
    assert_eq!(log[6].json()["object_attributes"]["type"], "Task");
}

#[tokio::test]
async fn the_test_button_sends_a_real_note_under_another_name() {
    let scene = Scene::new().await;
    let receiver = receiver(200).await;
    let hook = hook(&scene, &receiver);
    let empty = scene.gitlab.press_test(scene.maintainer, hook, "note_events").await;
    assert_eq!(empty, Err(NotPressed::Nothing("Ensure the project has notes.".to_owned())));
    let note = scene.gitlab.comment(scene.alice, scene.issue, "/flag link x").unwrap();
    received(&receiver, 1).await;

    let token = scene.gitlab.token(scene.maintainer, &["api"]);
    let path = format!("/projects/{}/hooks/{hook}/test/note_events", scene.project);
    let answer = scene.ask(&token, Method::POST, &path, None).await;
    assert_eq!((answer.status, &answer.json), (201, &json!({ "message": "201 Created" })));
    let log = receiver.faults().log();
    let body = log[1].json();
    assert_eq!(body["object_attributes"]["id"], note);
    assert_eq!(body["object_attributes"]["author_id"], scene.alice);
    assert_eq!(body["user"]["username"], "mia", "the one who pressed it");
    assert_ne!(log[0].headers["idempotency-key"], log[1].headers["idempotency-key"]);
    assert_eq!(scene.post(&path, json!({})).await.status, 403, "for maintainers");
    let nonsense = format!("/projects/{}/hooks/{hook}/test/nonsense", scene.project);
    assert_eq!(scene.ask(&token, Method::POST, &nonsense, None).await.status, 400);
    let nothing = format!("/projects/{}/hooks/{hook}/test/push_events", scene.project);
    assert_eq!(scene.ask(&token, Method::POST, &nothing, None).await.status, 422);
}

#[tokio::test]
async fn failures_are_logged_and_can_be_sent_again() {
    let scene = Scene::new().await;
    let receiver = receiver(200).await;
    let hook = hook(&scene, &receiver);
    receiver.faults().add(Rule::everything(Fault::status(503)).times(1));
    receiver.faults().add(Rule::everything(Fault::Close).times(1));
    for text in ["refused", "cut off", "fine"] {
        scene.gitlab.comment(scene.alice, scene.issue, text).unwrap();
    }
    scene.until(|model| model.deliveries_of(hook).len() == 3 && model.all_delivered()).await;

    let token = scene.gitlab.token(scene.maintainer, &["api"]);
    let path = format!("/projects/{}/hooks/{hook}/events", scene.project);
    let all = scene.ask(&token, Method::GET, &path, None).await.json;
    let statuses: Vec<_> =
        all.as_array().unwrap().iter().map(|event| event["response_status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["200", "internal error", "503"], "newest first, never retried");
    assert_eq!(all[0]["trigger"], "note_hooks");
    assert_eq!(all[0]["request_headers"]["X-Gitlab-Token"], "[REDACTED]");
    let failed = scene.ask(&token, Method::GET, &format!("{path}?status=server_failure"), None).await.json;
    assert_eq!(failed.as_array().unwrap().len(), 2, "no answer at all counts as the server's failure");
    let failed = &failed[1];
    assert_eq!(failed["request_data"]["object_attributes"]["note"], "refused");

    let resend = format!("{path}/{}/resend", failed["id"]);
    let answer = scene.ask(&token, Method::POST, &resend, None).await;
    assert_eq!((answer.status, &answer.json), (201, &json!({ "response_status": 200 })));
    let log = receiver.faults().log();
    assert_eq!(log[3].headers["idempotency-key"], log[0].headers["idempotency-key"]);
    assert_ne!(log[3].headers["x-gitlab-webhook-uuid"], log[0].headers["x-gitlab-webhook-uuid"]);
    assert_eq!(log[3].body, log[0].body);
}

#[tokio::test]
async fn a_receiver_that_is_too_slow() {
    let scene = Scene::new().await;
    scene.gitlab.change(|model| model.settings.webhook_timeout = std::time::Duration::from_millis(50));
    let receiver = receiver(200).await;
    let hook = hook(&scene, &receiver);
    let rule = receiver.faults().add(Rule::everything(Fault::HoldAnswer));
    scene.gitlab.comment(scene.alice, scene.issue, "x").unwrap();
    scene.until(|model| model.deliveries_of(hook).iter().all(|delivery| delivery.fate.is_final())).await;
    let fate = scene.gitlab.read(|model| model.deliveries_of(hook)[0].fate.clone());
    assert_eq!(fate, Fate::Failed("timeout".to_owned()));
    assert_eq!(receiver.faults().hits(rule), 1);
}

#[tokio::test]
async fn held_back_reordered_duplicated_dropped() {
    let scene = Scene::new().await;
    let receiver = receiver(200).await;
    let hook = hook(&scene, &receiver);
    scene.gitlab.hold_deliveries();
    scene.gitlab.comment(scene.alice, scene.issue, "first").unwrap();
    scene.gitlab.comment(scene.alice, scene.issue, "second").unwrap();
    assert!(scene.gitlab.read(|model| model.all_delivered()), "nothing is on its way");
    assert_eq!(receiver.faults().log().len(), 0);
    scene.gitlab.release_deliveries(Order::Reversed);
    let texts = |log: Vec<Received>| -> Vec<String> {
        log.iter()
            .map(|request| request.json()["object_attributes"]["note"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(texts(received(&receiver, 2).await), ["second", "first"]);

    receiver.faults().clear_log();
    scene.gitlab.duplicate_deliveries(2);
    scene.gitlab.comment(scene.alice, scene.issue, "thrice").unwrap();
    let log = received(&receiver, 3).await;
    assert!(
        log.iter().all(|request| request.headers["idempotency-key"] == log[0].headers["idempotency-key"])
    );
    assert_eq!(texts(log), ["thrice"; 3]);

    scene.gitlab.duplicate_deliveries(0);
    scene.gitlab.drop_deliveries(true);
    scene.gitlab.comment(scene.alice, scene.issue, "lost").unwrap();
    let fate = scene.gitlab.read(|model| model.deliveries_of(hook).last().unwrap().fate.clone());
    assert_eq!(fate, Fate::Dropped("over the limit of webhooks"));
}

#[tokio::test]
async fn whoever_asked_for_a_request_may_leave_and_it_is_sent_all_the_same() {
    let scene = Scene::new().await;
    let receiver = receiver(200).await;
    let hook = hook(&scene, &receiver);
    scene.gitlab.comment(scene.alice, scene.issue, "first").unwrap();
    received(&receiver, 1).await;
    let held = receiver.faults().add(Rule::everything(Fault::HoldAnswer).times(1));
    let token = scene.gitlab.token(scene.maintainer, &["api"]);
    let path = format!("/projects/{}/hooks/{hook}/test/note_events", scene.project);
    {
        let asked = scene.ask(&token, Method::POST, &path, None);
        let arrived = receiver.faults().until(SOON, |log| log.len() == 2);
        tokio::select! {
            _ = asked => panic!("answered before the receiver was"),
            arrived = arrived => arrived.unwrap(),
        };
    }
    receiver.faults().release(held);
    scene.until(|model| model.deliveries_of(hook).iter().all(|delivery| delivery.fate.is_final())).await;
    scene.gitlab.comment(scene.alice, scene.issue, "later").unwrap();
    let log = received(&receiver, 3).await;
    assert_eq!(log[2].json()["object_attributes"]["note"], "later", "the hook is not held up");
}

#[tokio::test]
async fn a_hook_that_keeps_failing_is_switched_off() {
    let scene = Scene::new().await;
    scene.gitlab.change(|model| model.settings.auto_disable_hooks = true);
    let receiver = receiver(401).await;
    let hook = hook(&scene, &receiver);
    let token = scene.gitlab.token(scene.maintainer, &["api"]);
    let path = format!("/projects/{}/hooks/{hook}", scene.project);
    for number in 1..=4 {
        let shown = scene.ask(&token, Method::GET, &path, None).await.json;
        assert_eq!(shown["alert_status"], "executable", "before failure {number}");
        scene.gitlab.comment(scene.alice, scene.issue, "x").unwrap();
        scene.until(|model| model.deliveries_of(hook).len() == number && model.all_delivered()).await;
    }
    let shown = scene.ask(&token, Method::GET, &path, None).await.json;
    assert_eq!(shown["alert_status"], "temporarily_disabled");
    assert!(shown["disabled_until"].is_string());
    scene.gitlab.comment(scene.alice, scene.issue, "x").unwrap();
    assert_eq!(receiver.faults().log().len(), 4);
}

#[tokio::test]
async fn hooks_are_managed_by_maintainers() {
    let scene = Scene::new().await;
    let path = format!("/projects/{}/hooks", scene.project);
    assert_eq!(scene.get(&path).await.status, 403);
    scene.gitlab.member(scene.project, scene.bot, level::MAINTAINER);
    let spec = json!({ "url": "http://127.0.0.1:9/hook", "token": "s", "note_events": true, "push_events": false,
        "signing_token": SIGNING_TOKEN });
    let new = scene.post(&path, spec).await;
    assert_eq!(new.status, 201);
    assert_eq!((&new.json["note_events"], &new.json["push_events"]), (&json!(true), &json!(false)));
    assert!(new.json.get("token").is_none() && new.json.get("signing_token_present").is_none());
    let id = new.json["id"].as_u64().unwrap();
    assert_eq!(
        scene.gitlab.read(|model| model.hooks[&id].signing_token.clone()),
        None,
        "before 19.0: ignored"
    );

    scene.gitlab.change(|model| model.settings.version = "19.0.0".to_owned());
    let signed = json!({ "signing_token": SIGNING_TOKEN, "confidential_note_events": true });
    let changed = scene.put(&format!("{path}/{id}"), signed).await.json;
    assert_eq!((&changed["signing_token_present"], &changed["token_present"]), (&json!(true), &json!(true)));
    assert_eq!(changed["confidential_note_events"], true);
    let wrong = scene.put(&format!("{path}/{id}"), json!({ "signing_token": "whsec" })).await;
    assert_eq!(wrong.status, 422);
    assert_eq!(scene.post(&path, json!({})).await.json, json!({ "error": "url is missing" }));
    assert_eq!(scene.post(&path, json!({ "url": "ftp://x" })).await.status, 422);
    scene.gitlab.change(|model| model.settings.local_hooks = false);
    let local = scene.post(&path, json!({ "url": "http://127.0.0.1/" })).await;
    assert_eq!((local.status, &local.json), (422, &json!({ "error": "Invalid url given" })));
    assert_eq!(scene.delete(&format!("{path}/{id}")).await.status, 204);
    assert_eq!(scene.get(&format!("{path}/{id}")).await.status, 404);
}
