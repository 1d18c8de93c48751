//! Everything that a server can do wrong on purpose.

use std::net::SocketAddr;
use std::time::Duration;

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::Gitlab;
use serde_json::json;

use crate::support::{SOON, Scene};

fn notes_by_bot(scene: &Scene) -> usize {
    scene.gitlab.read(|model| model.notes_by(scene.issue, scene.bot).len())
}

#[tokio::test]
async fn a_status_for_some_requests_and_not_for_others() {
    let scene = Scene::new().await;
    let faults = scene.gitlab.faults();
    let rule = faults.add(Rule::new("POST", "/notes$", Fault::too_many(Some(7))).after(1).times(1));
    let body = || json!({ "body": "x" });
    assert_eq!(scene.post(&scene.at("/notes"), body()).await.status, 201);
    assert_eq!(scene.get(&scene.at("/notes")).await.status, 200);
    let limited = scene.post(&scene.at("/notes"), body()).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, "7"));
    assert_eq!(scene.post(&scene.at("/notes"), body()).await.status, 201);
    assert_eq!((faults.hits(rule), notes_by_bot(&scene)), (1, 2), "a refused request does nothing");

    faults.add(Rule::everything(Fault::too_many(None)).times(1));
    assert_eq!(scene.get("/user").await.header("retry-after"), "");
    faults.add(Rule::everything(Fault::html(502)).times(1));
    let page = scene.get("/user").await;
    assert_eq!((page.status, page.header("content-type")), (502, "text/html"));
    faults.add(Rule::everything(Fault::redirect("http://127.0.0.1:1/elsewhere")).times(1));
    let elsewhere = scene.get("/user").await;
    assert_eq!((elsewhere.status, elsewhere.header("location")), (302, "http://127.0.0.1:1/elsewhere"));
    faults.add(Rule::everything(Fault::status(500)));
    assert_eq!(scene.get("/user").await.status, 500);
    assert_eq!(scene.get("/version").await.status, 500);
    faults.clear();
    assert_eq!(scene.get("/user").await.status, 200);
}

#[tokio::test]
async fn done_and_the_answer_lost() {
    let scene = Scene::new().await;
    let faults = scene.gitlab.faults();
    let post = || async {
        scene
            .try_ask(&scene.token, reqwest::Method::POST, &scene.at("/notes"), Some(json!({ "body": "x" })))
            .await
    };
    faults.add(Rule::new("POST", "/notes$", Fault::WorkThenClose).times(1));
    assert!(post().await.is_err());
    assert_eq!(notes_by_bot(&scene), 1);

    faults.add(Rule::new("POST", "/notes$", Fault::Close).times(1));
    assert!(post().await.is_err());
    assert_eq!(notes_by_bot(&scene), 1);

    faults.add(Rule::new("POST", "/notes$", Fault::HalfAnswer).times(1));
    assert!(post().await.is_err(), "half an answer is none");
    assert_eq!(notes_by_bot(&scene), 2);

    let gateway = Fault::WorkThenAnswer { status: 504, headers: vec![], body: "too late".to_owned() };
    faults.add(Rule::new("POST", "/notes$", gateway).times(1));
    assert_eq!(post().await.unwrap().status, 504);
    assert_eq!(notes_by_bot(&scene), 3);

    let log = faults.requests("POST", "/notes$");
    let statuses: Vec<_> = log.iter().map(|request| request.status).collect();
    assert_eq!(statuses, [None, None, Some(201), Some(504)]);
    assert!(log.iter().all(|request| request.who.as_deref() == Some(scene.bot_name.as_str())));
    assert_eq!(log[0].json(), json!({ "body": "x" }));
    assert_eq!(log[0].fault.as_deref(), Some("work, then close"));
}

#[tokio::test]
async fn held_until_it_is_let_go() {
    let scene = Scene::new().await;
    let faults = scene.gitlab.faults();
    let before = faults.add(Rule::new("POST", "/notes$", Fault::Hold).times(1));
    let after = faults.add(Rule::new("POST", "/notes$", Fault::HoldAnswer).times(1));
    let notes = scene.at("/notes");
    let first = scene.post(&notes, json!({ "body": "first" }));
    let story = async {
        faults.until(SOON, |log| log.len() == 1).await.unwrap();
        assert_eq!(notes_by_bot(&scene), 0, "nothing is done yet");
        faults.release(before);
    };
    let (answer, ()) = tokio::join!(first, story);
    assert_eq!(answer.status, 201);

    let second = scene.post(&notes, json!({ "body": "second" }));
    let story = async {
        scene.until(|model| model.notes_by(scene.issue, scene.bot).len() == 2).await;
        assert_eq!(faults.log()[1].status, None, "done, not answered");
        faults.release(after);
    };
    let (answer, ()) = tokio::join!(second, story);
    assert_eq!(answer.status, 201);

    faults.add(Rule::new("GET", "/user$", Fault::Delay(Duration::from_millis(30))).times(1));
    let started = std::time::Instant::now();
    scene.get("/user").await;
    assert!(started.elapsed() >= Duration::from_millis(30));
    // Removing a rule lets go what it holds.
    let stuck = faults.add(Rule::new("GET", "/version$", Fault::Hold));
    let waiting = scene.get("/version");
    let story = async {
        faults.until(SOON, |log| log.iter().any(|request| request.path.ends_with("/version"))).await.unwrap();
        faults.remove(stuck);
    };
    let (answer, ()) = tokio::join!(waiting, story);
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn away_and_back() {
    let scene = Scene::new().await;
    assert_eq!(scene.get("/user").await.status, 200);
    scene.gitlab.server().go_away().await;
    let refused = scene.try_ask(&scene.token, reqwest::Method::GET, "/user", None).await;
    assert!(refused.is_err_and(|error| error.is_connect()));
    // People go on, the model lives: only nobody can reach it.
    scene.gitlab.comment(scene.alice, scene.issue, "still here").unwrap();
    scene.gitlab.server().come_back().await.unwrap();
    scene.gitlab.server().come_back().await.unwrap();
    assert_eq!(scene.get(&scene.at("/notes")).await.json[0]["body"], "still here");
}

#[tokio::test]
async fn only_loopback() {
    let outside: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let error = Gitlab::start_at(outside).await.unwrap_err();
    assert!(error.to_string().contains("loopback only"), "{error}");
}

#[tokio::test]
async fn waiting_in_vain_says_what_there_is() {
    let scene = Scene::new().await;
    scene.gitlab.comment(scene.alice, scene.issue, "the only one").unwrap();
    scene.get("/user").await;
    let state =
        scene.gitlab.until(Duration::from_millis(20), |model| model.notes.len() > 1).await.unwrap_err();
    assert!(state.contains("the only one") && state.contains("GET /api/v4/user -> 200"), "{state}");
}
