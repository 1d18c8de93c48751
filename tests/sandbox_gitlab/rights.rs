//! Who may do what.

use flaglink::sandbox::gitlab::{Refusal, Visibility, level};
use reqwest::Method;
use serde_json::json;

use crate::support::Scene;

#[tokio::test]
async fn a_private_project_is_not_there_for_strangers() {
    let scene = Scene::new().await;
    let token = scene.gitlab.token(scene.stranger, &["api"]);
    for path in [format!("/projects/{}", scene.project), scene.at(""), scene.at("/notes")] {
        let answer = scene.ask(&token, Method::GET, &path, None).await;
        assert_eq!((answer.status, &answer.json), (404, &json!({ "message": "404 Project Not Found" })));
        assert_eq!(scene.ask("", Method::GET, &path, None).await.status, 404);
    }
    assert!(scene.gitlab.comment(scene.stranger, scene.issue, "hi").is_err());

    scene.gitlab.set_visibility(scene.project, Visibility::Internal);
    assert_eq!(scene.ask(&token, Method::GET, &scene.at(""), None).await.status, 200);
    assert_eq!(scene.ask("", Method::GET, &scene.at(""), None).await.status, 404);
    scene.gitlab.set_visibility(scene.project, Visibility::Public);
    assert_eq!(scene.ask("", Method::GET, &scene.at(""), None).await.status, 200);
    let body = Some(json!({ "body": "x" }));
    assert_eq!(scene.ask("", Method::POST, &scene.at("/notes"), body).await.status, 401);
}

#[tokio::test]
async fn guests_see_no_internal_notes_and_no_confidential_issues() {
    let scene = Scene::new().await;
    let token = scene.gitlab.token(scene.guest, &["api"]);
    let secret = scene.gitlab.internal_comment(scene.alice, scene.issue, "psst").unwrap();
    scene.gitlab.comment(scene.alice, scene.issue, "open").unwrap();
    let notes = scene.ask(&token, Method::GET, &scene.at("/notes"), None).await;
    assert_eq!(notes.json.as_array().unwrap().len(), 1);
    assert_eq!(notes.header("x-total"), "2", "paged before what is hidden is taken out");
    let one = scene.ask(&token, Method::GET, &scene.at(&format!("/notes/{secret}")), None).await;
    assert_eq!(one.status, 404);
    assert_eq!(scene.get(&scene.at(&format!("/notes/{secret}"))).await.json["internal"], true);
    let discussions = scene.ask(&token, Method::GET, &scene.at("/discussions"), None).await;
    assert_eq!(discussions.json.as_array().unwrap().len(), 1);

    let hidden = scene.gitlab.confidential_issue(scene.alice, scene.project, "secret", "").unwrap();
    let path = format!("/projects/{}/issues/{}", scene.project, hidden.iid);
    assert_eq!(scene.ask(&token, Method::GET, &path, None).await.status, 404);
    assert_eq!(scene.get(&path).await.json["confidential"], true);
    let own = scene.gitlab.confidential_issue(scene.guest, scene.project, "mine", "").unwrap();
    let path = format!("/projects/{}/issues/{}", scene.project, own.iid);
    assert_eq!(scene.ask(&token, Method::GET, &path, None).await.status, 200, "its author sees it");

    // A guest who asks for an internal note writes an open one: GitLab drops the wish without a word.
    let note = scene.gitlab.internal_comment(scene.guest, scene.issue, "hm").unwrap();
    assert!(!scene.gitlab.read(|model| model.notes[&note].internal));
    // A reply to an internal note is internal.
    let reply = scene.gitlab.reply(scene.alice, secret, "yes?").unwrap();
    assert!(scene.gitlab.read(|model| model.notes[&reply].internal));
}

#[tokio::test]
async fn only_authors_and_maintainers_edit_notes() {
    let scene = Scene::new().await;
    let note = scene.gitlab.comment(scene.alice, scene.issue, "mine").unwrap();
    let path = scene.at(&format!("/notes/{note}"));
    let refused = scene.put(&path, json!({ "body": "theirs" })).await;
    assert_eq!((refused.status, &refused.json), (403, &json!({ "message": "403 Forbidden" })));
    assert_eq!(scene.delete(&path).await.status, 403);
    scene.gitlab.member(scene.project, scene.bot, level::MAINTAINER);
    assert_eq!(scene.put(&path, json!({ "body": "theirs" })).await.status, 200);
    let edit = scene.gitlab.read(|model| model.notes[&note].edited).unwrap();
    assert_eq!(edit.by, scene.bot);
}

#[tokio::test]
async fn labels_need_a_role() {
    let scene = Scene::new().await;
    scene.gitlab.member(scene.project, scene.bot, level::GUEST);
    let labels = json!({ "add_labels": "x" });
    assert_eq!(scene.put(&scene.at(""), labels.clone()).await.status, 403);
    let path = format!("/projects/{}/labels", scene.project);
    assert_eq!(scene.post(&path, json!({ "name": "x", "color": "#123456" })).await.status, 403);
    scene.gitlab.member(scene.project, scene.bot, level::REPORTER);
    assert_eq!(scene.put(&scene.at(""), labels.clone()).await.json["labels"], json!(["x"]));

    let request = scene.gitlab.merge_request(scene.alice, scene.project, "Faster", "").unwrap();
    let path = format!("/projects/{}/merge_requests/{}", scene.project, request.iid);
    assert_eq!(scene.put(&path, labels.clone()).await.status, 403, "merge requests want a developer");
    scene.gitlab.member(scene.project, scene.bot, level::DEVELOPER);
    assert_eq!(scene.put(&path, labels.clone()).await.status, 200);

    // An author without a role may write to their issue, and sets no labels by that.
    let own = scene.gitlab.issue(scene.guest, scene.project, "mine", "").unwrap();
    let token = scene.gitlab.token(scene.guest, &["api"]);
    let path = format!("/projects/{}/issues/{}", scene.project, own.iid);
    let answer = scene.ask(&token, Method::PUT, &path, Some(labels)).await;
    assert_eq!((answer.status, &answer.json["labels"]), (200, &json!([])));
}

#[tokio::test]
async fn archived_and_locked() {
    let scene = Scene::new().await;
    scene.gitlab.set_visibility(scene.project, Visibility::Public);
    scene.gitlab.set_locked(scene.alice, scene.issue, true).unwrap();
    assert_eq!(scene.gitlab.comment(scene.stranger, scene.issue, "x"), Err(Refusal::Forbidden));
    assert_eq!(scene.post(&scene.at("/notes"), json!({ "body": "members may" })).await.status, 201);
    scene.gitlab.set_archived(scene.project, true);
    assert_eq!(scene.post(&scene.at("/notes"), json!({ "body": "x" })).await.status, 403);
    assert_eq!(scene.put(&scene.at(""), json!({ "add_labels": "x" })).await.status, 403);
    assert_eq!(scene.post(&scene.at("/award_emoji"), json!({ "name": "eyes" })).await.status, 404);
    assert_eq!(scene.get(&scene.at("")).await.status, 200);
}

#[tokio::test]
async fn merge_requests_of_a_private_project_are_not_for_guests() {
    let scene = Scene::new().await;
    let request = scene.gitlab.merge_request(scene.alice, scene.project, "Draft: Faster", "").unwrap();
    let path = format!("/projects/{}/merge_requests/{}", scene.project, request.iid);
    let shown = scene.get(&path).await.json;
    assert_eq!((&shown["draft"], &shown["title"]), (&json!(true), &json!("Draft: Faster")));
    let token = scene.gitlab.token(scene.guest, &["api"]);
    assert_eq!(scene.ask(&token, Method::GET, &path, None).await.status, 404);
    assert_eq!(scene.gitlab.merge_request(scene.guest, scene.project, "mine", ""), Err(Refusal::Forbidden));
}
