//! Shapes, tokens, scopes, paging, missing fields.

use flaglink::sandbox::gitlab::{Visibility, level};
use jiff::civil::date;
use reqwest::Method;
use serde_json::json;

use crate::support::Scene;

#[tokio::test]
async fn who_asks_and_with_which_token() {
    let scene = Scene::new().await;
    let me = scene.get("/user").await;
    assert_eq!(me.status, 200);
    assert_eq!(me.json["id"], scene.bot);
    assert_eq!(me.json["username"], scene.bot_name.as_str());
    assert_eq!(me.json["bot"], true);
    assert!(scene.bot_name.starts_with(&format!("project_{}_bot_", scene.project)));
    assert!(me.header("date").ends_with("GMT"));
    assert!(!me.header("x-request-id").is_empty());

    let token = scene.get("/personal_access_tokens/self").await;
    assert_eq!(token.json["scopes"], json!(["api"]));
    assert_eq!(token.json["user_id"], scene.bot);
    assert_eq!(token.json["active"], true);

    let metadata = scene.get("/metadata").await;
    assert_eq!(metadata.json["version"], "18.5.1-ee");
    assert_eq!(metadata.json["enterprise"], true);
    assert_eq!(scene.get("/version").await.json["version"], "18.5.1-ee");
}

#[tokio::test]
async fn tokens_that_are_no_good() {
    let scene = Scene::new().await;
    let nobody = scene.ask("", Method::GET, "/user", None).await;
    assert_eq!((nobody.status, &nobody.json), (401, &json!({ "message": "401 Unauthorized" })));
    assert_eq!(scene.ask("wrong", Method::GET, "/version", None).await.status, 401);

    let expired = scene.gitlab.token(scene.alice, &["api"]);
    scene.gitlab.change(|model| model.tokens.last_mut().unwrap().expires_at = Some(date(2020, 1, 1)));
    let answer = scene.ask(&expired, Method::GET, "/user", None).await;
    assert_eq!((answer.status, &answer.json["error"]), (401, &json!("invalid_token")));

    scene.gitlab.revoke_token(&scene.token);
    let answer = scene.get("/user").await;
    assert_eq!((answer.status, &answer.json["error"]), (401, &json!("invalid_token")));
    assert_eq!(scene.get("/personal_access_tokens/self").await.status, 401);

    let blocked = scene.gitlab.token(scene.alice, &["api"]);
    let alice = scene.alice;
    scene.gitlab.change(|model| model.users.get_mut(&alice).unwrap().blocked = true);
    assert_eq!(scene.ask(&blocked, Method::GET, "/user", None).await.status, 403);
}

#[tokio::test]
async fn a_token_that_may_only_read() {
    let scene = Scene::new().await;
    let token = scene.gitlab.token(scene.alice, &["read_api"]);
    assert_eq!(scene.ask(&token, Method::GET, &scene.at("/notes"), None).await.status, 200);
    let body = Some(json!({ "body": "hello" }));
    let refused = scene.ask(&token, Method::POST, &scene.at("/notes"), body).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json["error"], "insufficient_scope");
    assert_eq!(refused.json["scope"], "api");
    let useless = scene.gitlab.token(scene.alice, &["read_repository"]);
    assert_eq!(scene.ask(&useless, Method::GET, "/user", None).await.status, 403);
}

#[tokio::test]
async fn a_project_by_id_by_path_and_by_the_path_it_once_had() {
    let scene = Scene::new().await;
    let project = scene.get(&format!("/projects/{}", scene.project)).await;
    assert_eq!(project.json["path_with_namespace"], "shop/checkout");
    assert_eq!(project.json["visibility"], "private");
    assert_eq!(project.json["archived"], false);
    assert_eq!(scene.get("/projects/shop%2Fcheckout").await.json["id"], scene.project);
    let missing = scene.get("/projects/shop%2Fnothing").await;
    assert_eq!((missing.status, &missing.json), (404, &json!({ "message": "404 Project Not Found" })));

    scene.gitlab.move_project(scene.project, "store/till");
    assert_eq!(scene.get("/projects/store%2Ftill").await.status, 200);
    let moved = scene.get("/projects/shop%2Fcheckout/issues/1?x=y").await;
    assert_eq!(moved.status, 301);
    let to = format!("{}/api/v4/projects/{}/issues/1", scene.gitlab.url(), scene.project);
    assert_eq!(moved.header("location"), to);
    let written = scene.post("/projects/shop%2Fcheckout/issues/1/notes", json!({ "body": "x" })).await;
    assert_eq!(written.status, 405);
    assert_eq!(written.json["message"], "Non GET methods are not allowed for moved projects");
}

#[tokio::test]
async fn an_issue_and_what_can_be_changed_about_it() {
    let scene = Scene::new().await;
    let issue = scene.get(&scene.at("")).await.json;
    assert_eq!(issue["iid"], 1);
    assert_eq!(issue["state"], "opened");
    assert_eq!(issue["issue_type"], "issue");
    assert_eq!(issue["confidential"], false);
    assert_eq!(issue["imported"], false);
    assert_eq!(issue["author"]["username"], "alice");
    assert_eq!(issue["web_url"], format!("{}/shop/checkout/-/issues/1", scene.gitlab.url()));

    let changed = scene.put(&scene.at(""), json!({ "add_labels": "Feature flag,bug" })).await;
    assert_eq!((changed.status, &changed.json["labels"]), (200, &json!(["Feature flag", "bug"])));
    let changed =
        scene.put(&scene.at(""), json!({ "add_labels": ["bug"], "remove_labels": ["never"] })).await;
    assert_eq!(changed.json["labels"], json!(["Feature flag", "bug"]));
    let changed = scene.put(&scene.at(""), json!({ "remove_labels": "bug", "state_event": "close" })).await;
    assert_eq!(changed.json["labels"], json!(["Feature flag"]));
    assert_eq!(changed.json["state"], "closed");
    assert_eq!(changed.json["closed_by"]["id"], scene.bot);
    let changed = scene.put(&scene.at(""), json!({ "state_event": "reopen", "title": "Faster" })).await;
    assert_eq!((&changed.json["state"], &changed.json["title"]), (&json!("opened"), &json!("Faster")));
    assert_eq!(scene.put(&scene.at(""), json!({ "labels": "" })).await.json["labels"], json!([]));

    let nothing = scene.put(&scene.at(""), json!({})).await;
    assert_eq!(nothing.status, 400);
    assert!(nothing.json["error"].as_str().unwrap().contains("at least one parameter must be provided"));
    assert_eq!(scene.put(&scene.at(""), json!({ "state_event": "burn" })).await.status, 400);
    let blank = scene.put(&scene.at(""), json!({ "title": " " })).await;
    assert_eq!((blank.status, &blank.json), (400, &json!({ "message": { "title": ["can't be blank"] } })));
    assert_eq!(scene.get(&format!("/projects/{}/issues/99", scene.project)).await.status, 404);
    let word = scene.get(&format!("/projects/{}/issues/abc", scene.project)).await;
    assert_eq!((word.status, &word.json["error"]), (400, &json!("issue_iid is invalid")));
}

#[tokio::test]
async fn a_new_issue() {
    let scene = Scene::new().await;
    let path = format!("/projects/{}/issues", scene.project);
    let body =
        json!({ "title": "Clean up", "labels": ["a", "b"], "confidential": true, "issue_type": "task" });
    let issue = scene.post(&path, body).await;
    assert_eq!(issue.status, 201);
    assert_eq!(issue.json["iid"], 2);
    assert_eq!(issue.json["labels"], json!(["a", "b"]));
    assert_eq!(issue.json["confidential"], true);
    assert_eq!(issue.json["type"], "TASK");
    let untitled = scene.post(&path, json!({ "description": "x" })).await;
    assert_eq!((untitled.status, &untitled.json), (400, &json!({ "error": "title is missing" })));
    let newest_first: Vec<_> =
        scene.get(&path).await.json.as_array().unwrap().iter().map(|issue| issue["iid"].clone()).collect();
    assert_eq!(newest_first, [2, 1]);
}

#[tokio::test]
async fn labels_are_there_once() {
    let scene = Scene::new().await;
    let path = format!("/projects/{}/labels", scene.project);
    let body = json!({ "name": "Feature flag", "color": "#6699cc", "description": "has flags" });
    let label = scene.post(&path, body.clone()).await;
    assert_eq!((label.status, &label.json["description"]), (201, &json!("has flags")));
    let again = scene.post(&path, body).await;
    assert_eq!((again.status, &again.json), (409, &json!({ "message": "Label already exists" })));
    assert_eq!(scene.get(&path).await.json.as_array().unwrap().len(), 1);
    let colorless = scene.post(&path, json!({ "name": "x" })).await;
    assert_eq!((colorless.status, &colorless.json), (400, &json!({ "error": "color is missing" })));
    assert_eq!(scene.post(&path, json!({ "name": "x", "color": "#12" })).await.status, 400);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let scene = Scene::new().await;
    for number in 0..25 {
        scene.gitlab.comment(scene.alice, scene.issue, &format!("note {number}")).unwrap();
    }
    let first = scene.get(&scene.at("/notes?per_page=10&sort=asc")).await;
    assert_eq!(first.json.as_array().unwrap().len(), 10);
    assert_eq!(first.json[0]["body"], "note 0");
    assert_eq!((first.header("x-next-page"), first.header("x-total")), ("2", "25"));
    let next = first
        .header("link")
        .split(", ")
        .find(|link| link.ends_with("rel=\"next\""))
        .and_then(|link| link.strip_prefix('<')?.split_once('>'))
        .map(|(url, _)| url.to_owned())
        .unwrap();
    let path = next.strip_prefix(&format!("{}/api/v4", scene.gitlab.url())).unwrap();
    let second = scene.get(path).await;
    assert_eq!(second.json[0]["body"], "note 10");
    let last = scene.get(&scene.at("/notes?per_page=10&page=3")).await;
    assert_eq!(last.json.as_array().unwrap().len(), 5);
    assert_eq!(last.json[4]["body"], "note 0", "newest first unless asked otherwise");
    assert_eq!(last.header("x-next-page"), "");
    assert_eq!(scene.get(&scene.at("/notes")).await.json.as_array().unwrap().len(), 20);
    assert_eq!(scene.get(&scene.at("/notes?per_page=0")).await.status, 400);
    assert_eq!(scene.get(&scene.at("/notes?order_by=body")).await.status, 400);
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let scene = Scene::new().await;
    let unknown = scene.get("/nothing").await;
    assert_eq!((unknown.status, &unknown.json), (404, &json!({ "error": "404 Not Found" })));
    let patched = scene.ask(&scene.token, Method::PATCH, &scene.at("/notes"), None).await;
    assert_eq!((patched.status, patched.header("allow")), (405, "GET, HEAD, POST"));
}

#[tokio::test]
async fn members_with_their_level() {
    let scene = Scene::new().await;
    let path = |user: u64| format!("/projects/{}/members/all/{user}", scene.project);
    let alice = scene.get(&path(scene.alice)).await;
    assert_eq!(alice.json["access_level"], level::DEVELOPER);
    assert_eq!(alice.json["membership_state"], "active");
    assert_eq!(scene.get(&path(scene.stranger)).await.status, 404);
    scene.gitlab.set_member_active(scene.project, scene.alice, false);
    assert_eq!(scene.get(&path(scene.alice)).await.json["membership_state"], "awaiting");
    scene.gitlab.remove_member(scene.project, scene.alice);
    assert_eq!(scene.get(&path(scene.alice)).await.status, 404);
    scene.gitlab.set_visibility(scene.project, Visibility::Public);
    assert_eq!(scene.get(&format!("/projects/{}", scene.project)).await.json["visibility"], "public");
}

#[tokio::test]
async fn graphql_names_the_last_editor() {
    let scene = Scene::new().await;
    let note = scene.gitlab.comment(scene.alice, scene.issue, "one").unwrap();
    let gid = format!("gid://gitlab/Note/{note}");
    let query =
        "query($id: NoteID!) { note(id: $id) { id lastEditedAt lastEditedBy { id } author { username } } }";
    let ask = json!({ "query": query, "variables": { "id": gid } });
    let answer = scene.graphql(&scene.token, ask.clone()).await;
    assert_eq!(
        answer.json["data"]["note"],
        json!({ "id": gid, "lastEditedAt": null, "lastEditedBy": null, "author": { "username": "alice" } })
    );

    scene.gitlab.edit_note(scene.maintainer, note, "two").unwrap();
    let answer = scene.graphql(&scene.token, ask).await;
    let edited = &answer.json["data"]["note"];
    assert_eq!(edited["lastEditedBy"]["id"], format!("gid://gitlab/User/{}", scene.maintainer));
    assert!(edited["lastEditedAt"].as_str().unwrap().ends_with('Z'));

    let inline = json!({ "query": format!("{{ n: note(id: \"{gid}\") {{ body }} }}") });
    assert_eq!(scene.graphql(&scene.token, inline).await.json, json!({ "data": { "n": { "body": "two" } } }));
    let unknown = json!({ "query": format!("{{ note(id: \"{gid}\") {{ secret }} }}") });
    let answer = scene.graphql(&scene.token, unknown).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json["errors"][0]["message"], "Field 'secret' doesn't exist on type 'Note'");
    let missing = json!({ "query": "{ note(id: \"gid://gitlab/Note/1\") { id } }" });
    assert_eq!(scene.graphql(&scene.token, missing).await.json, json!({ "data": { "note": null } }));
    let refused = scene.graphql("wrong", json!({ "query": "{ currentUser { id } }" })).await;
    assert_eq!((refused.status, &refused.json["errors"][0]["message"]), (401, &json!("Invalid token")));
    let stranger = scene.gitlab.token(scene.stranger, &["read_api"]);
    let inline = json!({ "query": format!("{{ note(id: \"{gid}\") {{ body }} }}") });
    assert_eq!(scene.graphql(&stranger, inline).await.json, json!({ "data": { "note": null } }));
}
