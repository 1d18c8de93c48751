//! The provider for Unleash on the sandbox's Unleash, and on bodies that a real one sent.
#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

use std::collections::BTreeMap;
use std::time::Duration;

use flaglink::domain::{Flag, FlagPointer, FlagState, NoteableKind, WorkState};
use flaglink::flags::{BackLink, FlagProvider, ProviderError, Switch, Switched, WebhookRequest};

#[path = "support/conformance.rs"]
#[macro_use]
mod conformance;
#[path = "support/unleash_stage.rs"]
mod unleash_stage;

use conformance::Stage;
use unleash_stage::UnleashStage;

conformance!(on_the_sandbox, UnleashStage);

async fn found(provider: &dyn FlagProvider, key: &str) -> Flag {
    provider.look_up(1, key).await.unwrap().unwrap()
}

async fn state(provider: &dyn FlagProvider, flag: &Flag) -> FlagState {
    provider.state(&flag.flag, &flag.internal_id).await.unwrap().unwrap()
}

#[tokio::test]
async fn strategies_shares_and_variants_show_where_they_are_in_force() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    stage.switch("checkout", "production", true).await;
    let plain = state(provider.as_ref(), &flag).await;
    let production = plain.environment("production").unwrap();
    assert!(production.on && production.rollout.is_none() && production.strategies.is_empty());

    stage.ada.rollout("checkout", "production", 25).unwrap();
    let quarter = state(provider.as_ref(), &flag).await;
    assert_eq!(quarter.environment("production").unwrap().rollout, Some(25.0));
    stage.ada.variants("checkout", "production", &[("blue", 75), ("red", 25)]).unwrap();
    let coloured = state(provider.as_ref(), &flag).await;
    let variants = &coloured.environment("production").unwrap().variants;
    let told: Vec<(&str, Option<f64>)> = variants.iter().map(|one| (one.name.as_str(), one.share)).collect();
    assert_eq!(told, [("blue", Some(75.0)), ("red", Some(25.0))]);
    assert_eq!(quarter.changes_to(&coloured).len(), 1);

    stage.ada.for_users("checkout", "production", &["7", "8"]).unwrap();
    let some = state(provider.as_ref(), &flag).await;
    let strategies = &some.environment("production").unwrap().strategies;
    assert_eq!(strategies.len(), 2, "{strategies:?}");
    assert_eq!((strategies[0].share, strategies[0].limited), (Some(25.0), false));
    assert!(strategies[1].limited);
    stage.ada.stale("checkout", true).unwrap();
    assert!(state(provider.as_ref(), &flag).await.stale);
}

#[tokio::test]
async fn a_share_is_set_where_it_is_clear_whose_and_else_nothing_is_touched() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    stage.switch("checkout", "production", true).await;
    stage.ada.for_users("checkout", "production", &["7"]).unwrap();
    let before = state(provider.as_ref(), &flag).await;
    let quarter = Switch { rollout: Some(25.0), ..Switch::default() };
    let refused = provider.switch(&flag.flag, &flag.internal_id, "production", &quarter).await.unwrap_err();
    let ProviderError::Strange(why) = refused else { panic!("{refused}") };
    assert!(
        why.contains("several strategies") && why.contains("/projects/default/features/checkout"),
        "{why}"
    );
    assert_eq!(state(provider.as_ref(), &flag).await, before);
}

#[tokio::test]
async fn an_environment_that_demands_a_change_request_gets_none_made_but_the_page_for_it() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    stage.unleash.require_change_requests("default", "production", Some(1));
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    let on = Switch { on: Some(true), ..Switch::default() };
    let switched = provider.switch(&flag.flag, &flag.internal_id, "production", &on).await.unwrap();
    let Switched::ChangeRequest(page) = switched else { panic!("{switched:?}") };
    assert!(page.path().ends_with("/projects/default/features/checkout"), "{page}");
    assert!(!stage.ada.is_on("checkout", "production").unwrap());
    provider.switch(&flag.flag, &flag.internal_id, "development", &on).await.unwrap();
    assert!(stage.ada.is_on("checkout", "development").unwrap());
}

#[tokio::test]
async fn a_link_that_was_put_on_twice_becomes_one() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    let link = BackLink {
        url: "https://gitlab.example.com/shop/web/-/issues/7".to_owned(),
        kind: NoteableKind::Issue,
        title: "Pay".to_owned(),
        state: WorkState::Closed,
        draft: false,
    };
    assert_eq!(provider.back_link_says(&link), "Pay (issue, closed)");
    let mut together = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (provider, flag, link) = (stage.provider(), flag.clone(), link.clone());
        together.spawn(async move { provider.add_back_link(&flag.flag, &flag.internal_id, &link).await });
    }
    while let Some(added) = together.join_next().await {
        added.unwrap().unwrap();
    }
    provider.add_back_link(&flag.flag, &flag.internal_id, &link).await.unwrap();
    assert_eq!(stage.ada.links("checkout").unwrap().len(), 1);
}

#[tokio::test]
async fn tags_are_as_long_as_unleash_takes_them() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    let good = "x".repeat(50);
    provider.change_tags(&flag.flag, &flag.internal_id, std::slice::from_ref(&good), &[]).await.unwrap();
    for bad in ["x".repeat(51), "x".to_owned()] {
        let refused = provider.change_tags(&flag.flag, &flag.internal_id, &[bad], &[]).await.unwrap_err();
        assert!(refused.to_string().contains("2 to 50 characters"), "{refused}");
    }
    assert_eq!(provider.tags(&flag.flag, &flag.internal_id).await.unwrap(), [good]);
}

#[tokio::test]
async fn flags_in_the_archive_are_known_within_unleashs_fifteen_searches_a_minute() {
    let stage = UnleashStage::set_up().await;
    stage.unleash.limit_searches(Some(15));
    for number in 0..30 {
        stage.make(&format!("old_{number}"), "").await;
    }
    let provider = stage.provider();
    let mut flags = Vec::new();
    for number in 0..30 {
        flags.push(found(provider.as_ref(), &format!("old_{number}")).await);
        stage.archive(&format!("old_{number}")).await;
    }
    for flag in &flags {
        assert!(state(provider.as_ref(), flag).await.archived);
        assert_eq!(provider.look_up(1, "never_was").await.unwrap(), None);
    }
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
async fn bodies_that_a_real_unleash_sent_say_which_flag_to_look_at() {
    let stage = UnleashStage::set_up().await;
    let provider = stage.provider();
    let mut read = 0;
    for file in std::fs::read_dir("fixtures/unleash/deliveries").unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let sent: serde_json::Value = serde_json::from_str(&text).unwrap();
        let body = match &sent["body"] {
            serde_json::Value::String(raw) => raw.clone(),
            body => body.to_string(),
        };
        let Ok(event) = serde_json::from_str::<serde_json::Value>(&body) else { continue };
        let hints = provider.read_webhook(body.as_bytes());
        match event["featureName"].as_str() {
            Some(key) => {
                let pointer = FlagPointer::Key { scope: "default".to_owned(), key: key.to_owned() };
                assert_eq!(hints.len(), 1, "{body}");
                assert_eq!(hints[0].flag, pointer);
                let request = WebhookRequest { headers: &BTreeMap::new(), body: body.as_bytes() };
                assert_eq!(provider.webhook_key(&request), event["id"].as_u64().map(|id| id.to_string()));
                read += 1;
            }
            None => assert!(hints.is_empty(), "{body}"),
        }
    }
    assert!(read >= 10, "only {read} bodies were about a flag");
}

#[tokio::test]
async fn strategies_that_somebody_disabled_are_not_put_into_force_for_everybody() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    stage.switch("checkout", "production", true).await;
    stage.ada.rollout("checkout", "production", 50).unwrap();
    let id = stage.ada.strategies("checkout", "production").unwrap()[0].id.clone();
    let disabled = flaglink::sandbox::unleash::StrategyChange { disabled: Some(true), ..Default::default() };
    stage.ada.change_strategy("checkout", "production", &id, disabled).unwrap();
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    let on = Switch { on: Some(true), ..Switch::default() };
    let refused = provider.switch(&flag.flag, &flag.internal_id, "production", &on).await.unwrap_err();
    assert!(refused.to_string().contains("are disabled"), "{refused}");
    assert!(!stage.ada.is_on("checkout", "production").unwrap());
    assert_eq!(provider.poll_interval(), Duration::from_secs(300));
}
