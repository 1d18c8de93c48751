//! Feature flags and environments over the API.

use flaglink::sandbox::gitlab::{HookSpec, level};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Scene;

fn at(scene: &Scene, rest: &str) -> String {
    format!("/projects/{}/feature_flags{rest}", scene.project)
}

#[tokio::test]
async fn a_flag_is_made_changed_by_its_parts_and_deleted() {
    let scene = Scene::new().await;
    let made = json!({
        "name": "checkout", "version": "new_version_flag", "description": "The way to pay",
        "strategies": [{ "name": "default", "parameters": {}, "scopes": [
            { "environment_scope": "production" }, { "environment_scope": "review/*" }] }],
    });
    let answer = scene.post(&at(&scene, ""), made.clone()).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    assert_eq!((&answer.json["active"], &answer.json["version"]), (&json!(true), &json!("new_version_flag")));
    assert_eq!(scene.post(&at(&scene, ""), made).await.status, 400, "the name is taken");
    let strategy = answer.json["strategies"][0].clone();
    let (id, scope) = (strategy["id"].clone(), strategy["scopes"][0]["id"].clone());

    let change = json!({ "name": "checkout_v2", "active": false, "strategies": [
        { "id": id, "scopes": [{ "id": scope, "_destroy": true }, { "environment_scope": "staging" }] },
        { "name": "flexibleRollout", "parameters": { "rollout": "25" }, "scopes": [{ "environment_scope": "*" }] },
    ] });
    let answer = scene.put(&at(&scene, "/checkout"), change).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    assert_eq!(answer.json["active"], false);
    assert_eq!(answer.json["strategies"][0]["id"], id, "it is the same one");
    let names: Vec<&Value> = answer.json["strategies"][0]["scopes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scope| &scope["environment_scope"])
        .collect();
    assert_eq!(names, ["review/*", "staging"]);
    assert_eq!(scene.get(&at(&scene, "/checkout")).await.status, 404);

    let gone = json!({ "strategies": [{ "id": id, "_destroy": true }] });
    let answer = scene.put(&at(&scene, "/checkout_v2"), gone).await;
    assert_eq!(answer.json["strategies"].as_array().unwrap().len(), 1);
    let wrong = json!({ "strategies": [{ "name": "flexibleRollout", "parameters": { "rollout": "101" } }] });
    assert_eq!(scene.put(&at(&scene, "/checkout_v2"), wrong).await.status, 400);
    assert_eq!(scene.delete(&at(&scene, "/checkout_v2")).await.status, 200);
    assert_eq!(scene.delete(&at(&scene, "/checkout_v2")).await.status, 404);
}

#[tokio::test]
async fn lists_come_in_pages_and_by_state() {
    let scene = Scene::new().await;
    for number in 0..25 {
        let name = format!("flag_{number:02}");
        scene
            .gitlab
            .new_feature_flag(scene.alice, scene.project, &name, number % 5 == 0, Vec::new())
            .unwrap();
    }
    let first = scene.get(&at(&scene, "")).await;
    assert_eq!((first.json.as_array().unwrap().len(), first.header("x-next-page")), (20, "2"));
    assert_eq!(scene.get(&at(&scene, "?scope=enabled")).await.json.as_array().unwrap().len(), 5);
    assert_eq!(scene.get(&at(&scene, "?scope=other")).await.status, 400);
    scene.gitlab.environment(scene.project, "review/a", "development");
    let path = format!("/projects/{}/environments?states=available", scene.project);
    let answer = scene.get(&path).await;
    assert_eq!(
        (&answer.json[0]["name"], &answer.json[0]["tier"]),
        (&json!("review/a"), &json!("development"))
    );
}

#[tokio::test]
async fn flags_are_for_developers_and_environments_for_reporters() {
    let scene = Scene::new().await;
    let reporter = scene.gitlab.user("rita");
    scene.gitlab.member(scene.project, reporter, level::REPORTER);
    let environments = format!("/projects/{}/environments", scene.project);
    for (user, flags, places) in
        [(scene.guest, 403, 403), (reporter, 403, 200), (scene.alice, 200, 200), (scene.stranger, 404, 404)]
    {
        let token = scene.gitlab.token(user, &["api"]);
        assert_eq!(scene.ask(&token, Method::GET, &at(&scene, ""), None).await.status, flags);
        assert_eq!(scene.ask(&token, Method::GET, &environments, None).await.status, places);
    }
    assert!(scene.gitlab.new_feature_flag(scene.guest, scene.project, "a", true, Vec::new()).is_err());
}

#[tokio::test]
async fn the_webhook_goes_out_only_when_active_flips() {
    let scene = Scene::new().await;
    scene.gitlab.hold_deliveries();
    let mut spec = HookSpec::everything("http://127.0.0.1:9/", "secret");
    spec.events = vec!["feature_flag_events"];
    let hook = scene.gitlab.hook(scene.project, spec);
    let (alice, project) = (scene.alice, scene.project);
    scene.gitlab.new_feature_flag(alice, project, "checkout", true, Vec::new()).unwrap();
    scene.put(&at(&scene, "/checkout"), json!({ "description": "x" })).await;
    scene.put(&at(&scene, "/checkout"), json!({ "strategies": [{ "name": "default" }] })).await;
    scene.gitlab.set_flag_active(alice, project, "checkout", true).unwrap();
    let sent = |scene: &Scene| {
        scene.gitlab.read(|model| model.deliveries_of(hook).into_iter().cloned().collect::<Vec<_>>())
    };
    assert!(sent(&scene).is_empty());
    scene.gitlab.set_flag_active(alice, project, "checkout", false).unwrap();
    scene.gitlab.rename_feature_flag(alice, project, "checkout", "pay").unwrap();
    scene.gitlab.delete_feature_flag(alice, project, "pay").unwrap();
    let sent = sent(&scene);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].event, "Feature Flag Hook");
    let (body, documented) = (sent[0].json(), include_str!("feature_flag.json"));
    let documented: Value = serde_json::from_str(documented).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&body), keys(&documented));
    for part in ["project", "user", "object_attributes"] {
        assert_eq!(keys(&body[part]), keys(&documented[part]), "{part}");
    }
    assert_eq!(
        (&body["object_attributes"]["active"], &body["user"]["username"]),
        (&json!(false), &json!("alice"))
    );
}
