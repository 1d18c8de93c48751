//! Notes, discussions, reactions.

use std::time::Duration;

use flaglink::sandbox::gitlab::{NotesLimit, Visibility};
use serde_json::json;

use crate::support::Scene;

#[tokio::test]
async fn a_note_from_first_to_last() {
    let scene = Scene::new().await;
    let new = scene.post(&scene.at("/notes"), json!({ "body": "hello **you**" })).await;
    assert_eq!(new.status, 201);
    let note = &new.json;
    assert_eq!(note["type"], json!(null));
    assert_eq!(note["body"], "hello **you**");
    assert_eq!(note["system"], false);
    assert_eq!(note["internal"], false);
    assert_eq!(note["noteable_type"], "Issue");
    assert_eq!(note["noteable_iid"], 1);
    assert_eq!(note["project_id"], scene.project);
    assert_eq!(note["author"]["id"], scene.bot);
    assert_eq!(note["created_at"], note["updated_at"]);

    let path = scene.at(&format!("/notes/{}", note["id"]));
    assert_eq!(&scene.get(&path).await.json, note);
    let edited = scene.put(&path, json!({ "body": "bye" })).await;
    assert_eq!((edited.status, &edited.json["body"]), (200, &json!("bye")));
    let gone = scene.delete(&path).await;
    assert_eq!((gone.status, &gone.json), (204, &json!("")));
    assert_eq!(scene.get(&path).await.status, 404);
    assert_eq!(scene.delete(&path).await.status, 404);
    assert_eq!(scene.gitlab.read(|model| model.deleted_notes.len()), 1);
}

#[tokio::test]
async fn notes_that_cannot_be() {
    let scene = Scene::new().await;
    let missing = scene.post(&scene.at("/notes"), json!({})).await;
    assert_eq!((missing.status, &missing.json), (400, &json!({ "error": "body is missing" })));
    let empty = scene.post(&scene.at("/notes"), json!({ "body": "  \n" })).await;
    assert_eq!(empty.status, 400);
    assert!(empty.json["message"].as_str().unwrap().contains("can't be blank"));
    let long = scene.post(&scene.at("/notes"), json!({ "body": "ü".repeat(1_000_001) })).await;
    assert_eq!(long.status, 400);
    let just = scene.post(&scene.at("/notes"), json!({ "body": "ü".repeat(1_000_000) })).await;
    assert_eq!(just.status, 201);
    let wrong = scene.post(&scene.at("/notes"), json!({ "body": "x", "internal": "maybe" })).await;
    assert_eq!((wrong.status, &wrong.json), (400, &json!({ "error": "internal is invalid" })));
}

#[tokio::test]
async fn a_reply_makes_a_thread_of_a_comment() {
    let scene = Scene::new().await;
    let note = scene.gitlab.comment(scene.alice, scene.issue, "alone").unwrap();
    let before = scene.get(&scene.at("/discussions")).await.json;
    let discussion = before[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(discussion.len(), 40);
    assert_eq!(before[0]["individual_note"], true);

    let path = scene.at(&format!("/discussions/{discussion}/notes"));
    let reply = scene.post(&path, json!({ "body": "not any more" })).await;
    assert_eq!((reply.status, &reply.json["type"]), (201, &json!("DiscussionNote")));
    let after = scene.get(&scene.at(&format!("/discussions/{discussion}"))).await.json;
    assert_eq!(after["individual_note"], false);
    assert_eq!(after["notes"][0]["id"], note);
    assert_eq!(after["notes"][0]["type"], "DiscussionNote");
    assert_eq!(after["notes"].as_array().unwrap().len(), 2);
    assert_eq!(scene.get(&scene.at("/discussions/0000")).await.status, 404);

    let thread = scene.post(&scene.at("/discussions"), json!({ "body": "a thread" })).await;
    assert_eq!((thread.status, &thread.json["individual_note"]), (201, &json!(false)));
}

#[tokio::test]
async fn an_unresolved_thread_blocks_a_merge() {
    let scene = Scene::new().await;
    let request = scene.gitlab.merge_request(scene.alice, scene.project, "Faster", "").unwrap();
    let project = scene.project;
    scene.gitlab.change(|model| model.projects.get_mut(&project).unwrap().threads_block_merge = true);
    let note = scene.gitlab.comment(scene.alice, request, "plain").unwrap();
    assert!(scene.gitlab.read(|model| model.unresolved_threads(request).is_empty()), "stands alone");

    // A reply to a single comment on a merge request makes a thread that has to be resolved.
    scene.gitlab.reply(scene.bot, note, "oops").unwrap();
    let path = format!("/projects/{}/merge_requests/{}", scene.project, request.iid);
    let shown = scene.get(&path).await.json;
    assert_eq!(shown["detailed_merge_status"], "discussions_not_resolved");
    assert_eq!(shown["blocking_discussions_resolved"], false);
    assert!(scene.gitlab.merge(scene.maintainer, request).is_err());
    assert_eq!(scene.get(&format!("{path}/notes/{note}")).await.json["resolvable"], true);
    scene.gitlab.resolve(scene.alice, note, true).unwrap();
    scene.gitlab.merge(scene.maintainer, request).unwrap();
    assert_eq!(scene.get(&path).await.json["state"], "merged");
}

#[tokio::test]
async fn a_second_reaction_is_a_404() {
    let scene = Scene::new().await;
    let note = scene.gitlab.comment(scene.alice, scene.issue, "/flag link x").unwrap();
    let before = scene.get(&scene.at(&format!("/notes/{note}"))).await.json;
    for path in [scene.at(&format!("/notes/{note}/award_emoji")), scene.at("/award_emoji")] {
        let first = scene.post(&path, json!({ "name": "eyes" })).await;
        assert_eq!((first.status, &first.json["name"]), (201, &json!("eyes")));
        assert_eq!(first.json["user"]["id"], scene.bot);
        let second = scene.post(&path, json!({ "name": "eyes" })).await;
        assert_eq!(second.status, 404);
        let why = second.json["message"].as_str().unwrap();
        assert!(why.starts_with("404 Award Emoji") && why.ends_with("Not Found"), "{why}");
        assert_eq!(scene.post(&path, json!({ "name": "no_such_thing" })).await.status, 404);
        let list = scene.get(&path).await.json;
        assert_eq!(list.as_array().unwrap().len(), 1);
        let award = format!("{path}/{}", list[0]["id"]);
        assert_eq!(scene.delete(&award).await.status, 204);
        assert_eq!(scene.get(&path).await.json, json!([]));
        assert_eq!(scene.post(&path, json!({ "name": "eyes" })).await.status, 201);
    }
    let after = scene.get(&scene.at(&format!("/notes/{note}"))).await.json;
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str(), "a reaction counts as a change");
    assert_eq!(scene.gitlab.read(|model| model.notes[&note].edited), None);
}

#[tokio::test]
async fn a_limit_on_comments() {
    let scene = Scene::new().await;
    let window = Duration::from_secs(60);
    scene.gitlab.change(|model| {
        model.settings.notes_limit = Some(NotesLimit { count: 2, window });
    });
    let first = scene.post(&scene.at("/notes"), json!({ "body": "1" })).await;
    assert_eq!(first.header("ratelimit-remaining"), "1");
    assert_eq!(scene.post(&scene.at("/notes"), json!({ "body": "2" })).await.status, 201);
    let third = scene.post(&scene.at("/notes"), json!({ "body": "3" })).await;
    assert_eq!(third.status, 429);
    let wait: u64 = third.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(third.header("ratelimit-limit"), "2");
    let why = "This endpoint has been requested too many times. Try again later.";
    assert_eq!(third.json, json!({ "message": { "error": why } }));
    // The window is over when GitLab's clock says so.
    scene.gitlab.change(|model| model.settings.clock_ahead = jiff::SignedDuration::from_secs(61));
    assert_eq!(scene.post(&scene.at("/notes"), json!({ "body": "3" })).await.status, 201);
}

#[tokio::test]
async fn gitlab_writes_notes_of_its_own() {
    let scene = Scene::new().await;
    scene.gitlab.retitle(scene.alice, scene.issue, "Faster").unwrap();
    scene.gitlab.set_confidential(scene.alice, scene.issue, true).unwrap();
    let notes = scene.get(&scene.at("/notes?activity_filter=only_activity&sort=asc")).await.json;
    let texts: Vec<_> = notes.as_array().unwrap().iter().map(|note| note["body"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        ["changed title from **Checkout is slow** to **Faster**", "made the issue confidential"]
    );
    assert!(notes.as_array().unwrap().iter().all(|note| note["system"] == true));
    assert_eq!(scene.get(&scene.at("/notes?activity_filter=only_comments")).await.json, json!([]));
}

#[tokio::test]
async fn what_stands_on_an_issue_can_be_read() {
    let scene = Scene::new().await;
    scene.gitlab.set_visibility(scene.project, Visibility::Public);
    let note = scene.gitlab.comment(scene.alice, scene.issue, "/flag link x").unwrap();
    scene.gitlab.react(scene.bot, note, "eyes").unwrap();
    scene.gitlab.internal_comment(scene.maintainer, scene.issue, "psst").unwrap();
    scene.gitlab.add_labels(scene.alice, scene.issue, &["Feature flag"]).unwrap();
    scene.gitlab.reply(scene.alice, note, "more").unwrap();
    let text = scene.gitlab.transcript(scene.issue);
    let expected = format!(
        "{}#1 Checkout is slow (opened) ~Feature flag\n    Sometimes.\n\n@alice (thread) [👀 {}]:\n    /flag link x\n\n\
         @mia (internal):\n    psst\n\n@alice (in the thread):\n    more\n",
        scene.project, scene.bot_name
    );
    assert_eq!(text, expected);
}
