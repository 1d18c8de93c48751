//! What happened, asked for.

use flaglink::domain::FlagPointer;

use crate::conformance::Stage;
use crate::unleash_stage::UnleashStage;

fn checkout() -> FlagPointer {
    FlagPointer::Key { scope: "default".to_owned(), key: "checkout".to_owned() }
}

#[tokio::test]
async fn what_no_webhook_told_is_asked_for_and_each_event_once() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let now = provider.changes_since(None).await.unwrap();
    assert!(now.hints.is_empty(), "nothing from before");
    for _ in 0..60 {
        stage.switch("checkout", "production", true).await;
        stage.switch("checkout", "production", false).await;
    }
    let changes = provider.changes_since(Some(&now.cursor)).await.unwrap();
    let switches =
        changes.hints.iter().filter(|hint| hint.claim.as_ref().is_some_and(|claim| claim.on.is_some()));
    assert_eq!(switches.count(), 120);
    let last = changes.hints.last().unwrap();
    assert_eq!(last.flag, FlagPointer::Key { scope: "default".to_owned(), key: "checkout".to_owned() });
    let claim = last.claim.clone().unwrap();
    assert_eq!((claim.on, claim.by.as_deref()), (Some(false), Some("ada")));
    let again = provider.changes_since(Some(&changes.cursor)).await.unwrap();
    assert_eq!((again.hints.len(), again.cursor), (0, changes.cursor));
}

#[tokio::test]
async fn a_flag_that_goes_to_another_project_is_looked_at_and_so_is_one_that_comes() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    stage.ada.in_project("other").new_flag("theirs", "").unwrap();
    stage.unleash.new_project("third", "A third");
    let provider = stage.provider();
    let now = provider.changes_since(None).await.unwrap();
    stage.sendings().await;
    stage.ada.move_to("checkout", "other").unwrap();
    stage.ada.move_to("theirs", "third").unwrap();
    let changes = provider.changes_since(Some(&now.cursor)).await.unwrap();
    assert_eq!(changes.hints.iter().map(|hint| hint.flag.clone()).collect::<Vec<_>>(), [checkout()]);
    let again = provider.changes_since(Some(&changes.cursor)).await.unwrap();
    assert_eq!((again.hints.len(), &again.cursor), (0, &changes.cursor), "once");
    stage.ada.move_to("checkout", "default").unwrap();
    let back = provider.changes_since(Some(&again.cursor)).await.unwrap();
    assert_eq!(back.hints.iter().map(|hint| hint.flag.clone()).collect::<Vec<_>>(), [checkout()]);
    let told = stage.sendings().await;
    let hints: Vec<usize> = told.iter().map(|sending| provider.read_webhook(&sending.body).len()).collect();
    assert_eq!(hints, [1, 0, 1], "and the webhooks say the same");
}

#[tokio::test]
async fn events_that_begin_anew_are_noticed_and_followed_from_there() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    stage.switch("checkout", "production", true).await;
    let provider = stage.provider();
    let before = provider.changes_since(None).await.unwrap();
    stage.unleash.change(flaglink::sandbox::unleash::World::begin_events_anew);
    let anew = provider.changes_since(Some(&before.cursor)).await.unwrap();
    assert_eq!(anew.hints.iter().map(|hint| hint.flag.clone()).collect::<Vec<_>>(), [FlagPointer::Any]);
    assert_eq!(provider.changes_since(Some(&anew.cursor)).await.unwrap().hints.len(), 0);
    stage.switch("checkout", "production", false).await;
    let next = provider.changes_since(Some(&anew.cursor)).await.unwrap();
    assert_eq!(next.hints.iter().map(|hint| hint.flag.clone()).collect::<Vec<_>>(), [checkout()]);
}

#[tokio::test]
async fn events_that_began_anew_and_have_come_as_far_again_are_noticed_too() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let before = provider.changes_since(None).await.unwrap();
    stage.unleash.change(flaglink::sandbox::unleash::World::begin_events_anew);
    // A cursor has the moment in milliseconds: the next event of that number has another.
    let written = stage.unleash.read(|world| world.features[1].created_at);
    while flaglink::sandbox::unleash::Stamp::now() == written {
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        stage.switch("checkout", "production", true).await;
        stage.switch("checkout", "production", false).await;
    }
    let anew = provider.changes_since(Some(&before.cursor)).await.unwrap();
    assert_eq!(anew.hints.iter().map(|hint| hint.flag.clone()).collect::<Vec<_>>(), [FlagPointer::Any]);
    let numbers = |cursor: &str| cursor.split(' ').next().unwrap().parse::<u64>().unwrap();
    assert!(numbers(&anew.cursor) > numbers(&before.cursor));
}
