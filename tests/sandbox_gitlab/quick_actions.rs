//! Which lines GitLab takes as commands, what they do, whom a text mentions.

use flaglink::sandbox::gitlab::{Outcome, Refusal, State, mentioned, read_quick_actions};
use serde_json::json;

use crate::support::Scene;

/// What is left of a text, and the commands in it.
fn read(text: &str) -> (String, Vec<String>) {
    let reading = read_quick_actions(text);
    let commands =
        reading.commands.iter().map(|found| format!("{} {}", found.name, found.argument)).collect();
    (reading.text, commands)
}

#[test]
fn lines_that_are_commands() {
    let none: [&str; 0] = [];
    for (text, left, commands) in [
        ("/close", "", &["close "][..]),
        ("hello\n/close", "hello", &["close "]),
        ("hello\r\n/close\r\nbye", "hello\nbye", &["close "]),
        ("/CLOSE", "", &["close "]),
        ("/close  now", "", &["close now"]),
        ("/label ~a\n/flag link x", "/flag link x", &["label ~a"]),
        ("/label ~a ~\"b c\"\n\ntext", "text", &["label ~a ~\"b c\""]),
        ("<!-- comment -->\n/close", "<!-- comment -->", &["close "]),
        ("**bold**\n/title a\\*b", "**bold**", &["title a\\*b"]),
        ("/flag link x", "/flag link x", &none),
        ("/shrug", "¯\\＿(ツ)＿/¯", &none),
    ] {
        let (rest, found) = read(text);
        assert_eq!(rest, left, "{text:?}");
        assert_eq!(found, commands, "{text:?}");
    }
}

#[test]
fn lines_that_are_none() {
    for text in [
        "/closex",
        "/close\tx",
        " /close",
        "a /close",
        "- /close",
        "1. /close",
        "> /close",
        ">>>\n/close\n>>>",
        "```\n/close\n```",
        "    /close",
        "# /close",
        "| a |\n| - |\n| /close |",
        "<div>\n/close\n</div>",
        "<!--\n/close\n-->",
        "`\n/close\n`",
        "<b>\n/close\n</b>",
        "\\/close",
        "&#47;close",
        "text\n: /close",
        "/flag on x --env production",
    ] {
        assert_eq!(read(text), (text.to_owned(), vec![]), "{text:?}");
    }
}

#[test]
fn a_line_after_lazy_continuation_belongs_to_the_quote() {
    assert_eq!(read("> quoted\n/close").1, [""; 0]);
    assert_eq!(read("- item\n/close").1, [""; 0]);
    assert_eq!(read("> quoted\n\n/close").1, ["close "]);
}

#[test]
fn mentions_outside_code() {
    for (text, names) in [
        ("hi @alice and @bob.", &["alice", "bob"][..]),
        ("@all!", &["all"]),
        ("@shop/checkout", &["shop/checkout"]),
        ("(@alice)", &["alice"]),
        ("&#64;all", &["all"]),
        ("<div>@all</div>", &["all"]),
        ("| @alice |\n| - |\n| @bob |", &["alice", "bob"]),
        ("> @alice", &["alice"]),
        ("`@alice`", &[]),
        ("```\n@alice\n```", &[]),
        ("    @alice", &[]),
        ("\\@alice", &[]),
        ("me@example.com", &[]),
        ("[@alice](http://example.com)", &[]),
        ("<!-- @alice -->", &[]),
        ("@\u{200b}alice", &[]),
    ] {
        assert_eq!(mentioned(text), names, "{text:?}");
    }
}

#[tokio::test]
async fn people_close_and_label_by_comment() {
    let scene = Scene::new().await;
    scene.gitlab.add_labels(scene.alice, scene.issue, &["two words"]).unwrap();
    scene.gitlab.remove_labels(scene.alice, scene.issue, &["two words"]).unwrap();
    let text = "done\n/label ~\"two words\"\n/close\n/spend 3h";
    let note = scene.gitlab.comment(scene.alice, scene.issue, text).unwrap();
    scene.gitlab.read(|model| {
        let issue = &model.noteables[&scene.issue];
        assert_eq!(issue.state, State::Closed);
        assert_eq!(issue.labels, ["two words"]);
        let note = &model.notes[&note];
        assert_eq!(note.body, "done");
        let outcomes: Vec<_> = note.quick_actions.iter().map(|done| done.outcome).collect();
        assert_eq!(outcomes, [Outcome::Done, Outcome::Done, Outcome::NotModelled]);
    });
    // A note of nothing but commands is not kept.
    let refused = scene.gitlab.comment(scene.alice, scene.issue, "/reopen");
    assert_eq!(refused, Err(Refusal::OnlyCommands(vec!["reopen".to_owned()])));
    assert_eq!(scene.gitlab.read(|model| model.noteables[&scene.issue].state), State::Opened);
}

#[tokio::test]
async fn commands_run_with_their_authors_rights() {
    let scene = Scene::new().await;
    let note = scene.gitlab.comment(scene.guest, scene.issue, "please\n/close\n/confidential").unwrap();
    scene.gitlab.read(|model| {
        assert_eq!(model.noteables[&scene.issue].state, State::Opened);
        assert!(!model.noteables[&scene.issue].confidential);
        let outcomes: Vec<_> = model.notes[&note].quick_actions.iter().map(|done| done.outcome).collect();
        assert_eq!(outcomes, [Outcome::Refused, Outcome::Refused]);
        assert_eq!(model.notes[&note].body, "please", "they are taken out all the same");
    });
}

#[tokio::test]
async fn the_bots_own_notes_are_read_too() {
    let scene = Scene::new().await;
    let note = scene.post(&scene.at("/notes"), json!({ "body": "Flag is\n/close\n@all" })).await;
    assert_eq!((note.status, &note.json["body"]), (201, &json!("Flag is\n@all")));
    let only = scene.post(&scene.at("/notes"), json!({ "body": "/reopen" })).await;
    assert_eq!(only.status, 202);
    assert_eq!(only.json["commands_changes"], json!({}));
    let id = note.json["id"].as_u64().unwrap();
    scene.gitlab.read(|model| {
        assert_eq!(model.notes[&id].mentions, ["all"]);
        assert_eq!(model.notes[&id].quick_actions[0].by, scene.bot);
        assert_eq!(model.other_quick_actions[0].name, "reopen");
    });

    let edited =
        scene.put(&scene.at(&format!("/notes/{id}")), json!({ "body": "safe `/close`\n\n/close" })).await;
    assert_eq!(edited.json["body"], "safe `/close`");
    assert_eq!(scene.gitlab.read(|model| model.noteables[&scene.issue].state), State::Closed);
    // Edited into nothing but commands, a note is gone.
    let gone = scene.put(&scene.at(&format!("/notes/{id}")), json!({ "body": "/reopen" })).await;
    assert_eq!(gone.status, 400);
    assert_eq!(scene.get(&scene.at(&format!("/notes/{id}"))).await.status, 404);
}

#[tokio::test]
async fn descriptions_are_read_too() {
    let scene = Scene::new().await;
    let issue = scene.gitlab.issue(scene.alice, scene.project, "New", "/confidential\n/flag link x").unwrap();
    scene.gitlab.read(|model| {
        assert!(model.noteables[&issue].confidential);
        assert_eq!(model.noteables[&issue].description, "/flag link x");
    });
}
