//! `--fix` repairs what is safe to repair, says what it did, and touches nothing else.

use std::os::unix::fs::PermissionsExt;

use jiff::Timestamp;

use crate::place::Place;

#[tokio::test(flavor = "multi_thread")]
async fn modes_and_a_webhook_that_is_switched_off() {
    let place = Place::new().await;
    place.comment().await;
    place.mode("gitlab-token", 0o644);
    place.mode("store", 0o755);
    place.gitlab.change(|model| {
        model.hooks.get_mut(&place.hook).unwrap().disabled_until = Some(Timestamp::MAX);
    });
    let found = place.doctor(&[], &[]).await;
    assert_eq!(found.all("wrong").len(), 3, "{:#}", found.report);
    found.says("wrong", "file-modes", &["gitlab-token", "`token_file` in [gitlab]", "chmod 600"]);
    found.says("wrong", "store-mode", &["755", "chmod 700"]);

    let fixed = place.doctor(&["--fix"], &[]).await;
    assert_eq!((fixed.code, fixed.all("wrong").len()), (0, 0), "{:#}", fixed.report);
    let did = fixed.report["fixed"].to_string();
    for word in ["gitlab-token", "store", "switched on again"] {
        assert!(did.contains(word), "{did}");
    }
    let mode = |name: &str| std::fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("gitlab-token"), mode("store")), (0o600, 0o700));
    assert!(place.gitlab.read(|model| model.hooks[&place.hook].disabled_until).is_none());
    assert_eq!(place.doctor(&["--fix"], &[]).await.report["fixed"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_start_would_make() {
    let place = Place::quiet().await;
    let fixed = place.doctor(&["--fix"], &[]).await;
    assert_eq!(fixed.report["fixed"].as_array().unwrap().len(), 2, "{:#}", fixed.report);
    assert!(place.path("store").is_dir() && place.path("marker-key").exists());
    let key = std::fs::read_to_string(place.path("marker-key")).unwrap();
    assert!(!fixed.report.to_string().contains(key.trim()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_marker_key_is_not_made_anew() {
    let mut place = Place::new().await;
    place.stop().await;
    std::fs::remove_file(place.path("marker-key")).unwrap();
    let found = place.doctor(&["--fix"], &[]).await;
    found.says("wrong", "marker-key", &["has been in use", "put it back"]);
    assert!(!place.path("marker-key").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_of_a_flaglink_that_is_stopped_are_put_right_by_another_command() {
    let mut place = Place::registering().await;
    place.start().await;
    place.until_registered().await;
    place.stop().await;
    place.gitlab.change(|model| {
        for hook in model.hooks.values_mut() {
            hook.events.remove("note_events");
        }
    });
    let fixed = place.doctor(&["--fix"], &[]).await;
    fixed.says("wrong", "hook-events", &["Comments"]);
    let not = fixed.report["not_fixed"].to_string();
    assert!(not.contains("flaglink does not run") && not.contains("`flaglink hooks sync`"), "{not}");
    assert_eq!(place.run(&["hooks", "sync"], &[]).await.code, 0);
    let found = place.doctor(&[], &[]).await;
    found.says("good", "hook-there", &["all is well"]);
}
