//! Lists that are read to catch up: projects, what changed since, logs of webhooks; and pages that come from elsewhere.

use flaglink::sandbox::gitlab::{HookSpec, Visibility, level};
use jiff::{SignedDuration, ToSpan as _};
use reqwest::Method;

use crate::support::Scene;

fn numbers(answer: &crate::support::Answer, name: &str) -> Vec<u64> {
    answer.json.as_array().unwrap().iter().map(|one| one[name].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn projects_by_membership() {
    let scene = Scene::new().await;
    let gitlab = &scene.gitlab;
    let open = gitlab.project("open/source", Visibility::Public);
    let archived = gitlab.project("shop/old", Visibility::Private);
    let hidden = gitlab.project("shop/hidden", Visibility::Private);
    gitlab.member(archived, scene.bot, level::DEVELOPER);
    gitlab.set_archived(archived, true);
    assert_eq!(numbers(&scene.get("/projects").await, "id"), [archived, open, scene.project]);
    let mine = scene.get("/projects?membership=true&order_by=id&sort=asc").await;
    assert_eq!(numbers(&mine, "id"), [scene.project, archived]);
    let alive = "/projects?membership=true&archived=false&order_by=id&sort=asc";
    assert_eq!(numbers(&scene.get(alive).await, "id"), [scene.project]);
    gitlab.member(hidden, scene.bot, level::DEVELOPER);
    let after = format!("{alive}&id_after={}", scene.project);
    assert_eq!(numbers(&scene.get(&after).await, "id"), [hidden]);
    for wrong in ["membership=maybe", "id_after=x", "order_by=colour", "sort=up"] {
        assert_eq!(scene.get(&format!("/projects?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn what_changed_at_that_moment_or_later() {
    let scene = Scene::new().await;
    let mut issues = vec![scene.issue];
    for title in ["two", "three"] {
        issues.push(scene.gitlab.issue(scene.alice, scene.project, title, "").unwrap());
    }
    let moment = scene.gitlab.change(|model| {
        let moment: jiff::Timestamp = "2026-03-09T10:00:00.123456Z".parse().unwrap();
        for (issue, late) in issues.iter().zip([2, 1, 0]) {
            model.noteables.get_mut(issue).unwrap().updated_at = moment + late.seconds();
        }
        moment
    });
    let path = format!("/projects/{}/issues?order_by=updated_at&sort=asc&scope=all", scene.project);
    assert_eq!(numbers(&scene.get(&path).await, "iid"), [3, 2, 1]);
    let since = |moment: jiff::Timestamp| format!("{path}&updated_after={moment}");
    assert_eq!(numbers(&scene.get(&since(moment)).await, "iid"), [3, 2, 1]);
    let later = moment + SignedDuration::from_micros(1);
    assert_eq!(numbers(&scene.get(&since(later)).await, "iid"), [2, 1]);
    // In one moment the newer one is first.
    scene.gitlab.change(|model| {
        for issue in &issues {
            model.noteables.get_mut(issue).unwrap().updated_at = moment;
        }
    });
    assert_eq!(numbers(&scene.get(&path).await, "iid"), [3, 2, 1]);
    for wrong in ["scope=everything", "order_by=weight_of_it", "sort=up", "updated_after=yesterday"] {
        let path = format!("/projects/{}/issues?{wrong}", scene.project);
        assert_eq!(scene.get(&path).await.status, 400, "{wrong}");
    }
}

/// A comment counts as a change of its page, but only once a minute.
#[tokio::test]
async fn a_page_is_touched_once_a_minute() {
    let scene = Scene::new().await;
    let updated = || scene.gitlab.read(|model| model.noteables[&scene.issue].updated_at);
    let at_first = updated();
    let note = scene.gitlab.comment(scene.alice, scene.issue, "at once").unwrap();
    assert_eq!(updated(), at_first);
    scene.gitlab.change(|model| model.settings.clock_ahead = SignedDuration::from_secs(61));
    scene.gitlab.edit_note(scene.alice, note, "edited").unwrap();
    let touched = updated();
    assert!(touched > at_first);
    scene.gitlab.comment(scene.alice, scene.issue, "again").unwrap();
    assert_eq!(updated(), touched);
}

#[tokio::test]
async fn a_log_is_read_in_small_pages() {
    let scene = Scene::new().await;
    let hook = scene.gitlab.hook(scene.project, HookSpec::everything("http://127.0.0.1:9/", "secret"));
    let token = scene.gitlab.token(scene.maintainer, &["api"]);
    let path = format!("/projects/{}/hooks/{hook}/events", scene.project);
    for (query, status) in [
        ("?status=client_failure,server_failure&per_page=20", 200),
        ("?per_page=21", 400),
        ("?status=failed", 400),
        ("?status=503", 200),
    ] {
        let answer = scene.ask(&token, Method::GET, &format!("{path}{query}"), None).await;
        assert_eq!(answer.status, status, "{query}");
    }
}

#[tokio::test]
async fn a_moved_issue_keeps_its_moments_and_a_cloned_one_those_of_its_comments() {
    let scene = Scene::new().await;
    let gitlab = &scene.gitlab;
    let other = gitlab.project("shop/other", Visibility::Private);
    gitlab.member(other, scene.alice, level::DEVELOPER);
    let note = gitlab.comment(scene.alice, scene.issue, "words").unwrap();
    gitlab.change(|model| model.settings.clock_ahead = SignedDuration::from_hours(1));

    let cloned = gitlab.clone_issue(scene.alice, scene.issue, scene.project).unwrap();
    let moved = gitlab.move_issue(scene.alice, scene.issue, other).unwrap();
    gitlab.read(|model| {
        let (old, new) = (&model.noteables[&scene.issue], &model.noteables[&moved]);
        assert_eq!(new.created_at, old.created_at);
        assert!(model.noteables[&cloned].created_at > old.created_at);
        for page in [cloned, moved] {
            let copy = model.notes_on(page).find(|copy| copy.body == "words").unwrap();
            let arrival =
                model.notes_on(page).find(|note| note.system && note.body.contains(" from ")).unwrap();
            assert_eq!(copy.created_at, model.notes[&note].created_at);
            assert!(arrival.id > copy.id, "only the numbers tell");
        }
        let arrival = model.notes_on(moved).find(|note| note.body.starts_with("moved from")).unwrap();
        assert_eq!(
            (arrival.body.as_str(), arrival.created_at),
            ("moved from shop/checkout#1", new.created_at)
        );
        assert!(model.notes_on(scene.issue).any(|note| note.body == "moved to shop/other#1"));
    });
    assert!(gitlab.move_issue(scene.guest, cloned, other).is_err());
}
