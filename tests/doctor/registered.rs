//! Webhooks that flaglink registers itself: what is wrong with them it tells doctor, and --fix puts them right.

use crate::place::{PATIENCE, Place};

#[tokio::test(flavor = "multi_thread")]
async fn registered_webhooks_are_told_of_and_put_right() {
    let mut place = Place::quiet().await;
    place.gitlab.change(|model| {
        model.settings.local_hooks = true;
        model.hooks.clear();
    });
    place.rewrite("webhook_secret_file = \"webhook-secret\"\n", "");
    place.start().await;
    place.gitlab.until(PATIENCE, |model| model.hooks.len() == 1).await.unwrap();
    place.comment().await;
    let found = place.doctor(&[], &[]).await;
    assert_eq!((found.code, found.all("wrong").len()), (0, 0), "{:#}", found.report);
    found.says("good", "hook-there", &["shop/web", "/hooks/gitlab/"]);

    // Somebody unticks a box.
    place.gitlab.change(|model| {
        for hook in model.hooks.values_mut() {
            hook.events.remove("note_events");
        }
    });
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "hook-events", &["shop/web"]);
    let fixed = place.doctor(&["--fix"], &[]).await;
    assert_eq!(fixed.all("wrong").len(), 0, "{:#}", fixed.report);
    assert!(fixed.report["fixed"].to_string().contains("shop/web"), "{:#}", fixed.report);
    assert!(place.gitlab.read(|model| model.hooks.values().all(|hook| hook.events.contains("note_events"))));

    // Somebody takes it away.
    place.gitlab.change(|model| model.hooks.clear());
    place.doctor(&[], &[]).await.says("wrong", "hook-there", &["shop/web"]);
    let fixed = place.doctor(&["--fix"], &[]).await;
    assert_eq!(fixed.all("wrong").len(), 0, "{:#}", fixed.report);
    assert_eq!(place.gitlab.read(|model| model.hooks.len()), 1);
}
