//! The provider for Unleash on the sandbox's Unleash, and on bodies that a real one sent.
#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

use std::time::Duration;

use flaglink::domain::{Flag, FlagState};
use flaglink::flags::{FlagProvider, ProviderError, Switch, Switched};

#[path = "../support/conformance.rs"]
#[macro_use]
mod conformance;
mod archive;
mod events;
mod marks;
#[path = "../support/unleash_stage.rs"]
mod unleash_stage;
mod webhook;

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

#[tokio::test]
async fn a_share_that_is_set_already_is_not_written_again() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    stage.switch("checkout", "production", true).await;
    stage.ada.rollout("checkout", "production", 25).unwrap();
    let provider = stage.provider();
    let flag = found(provider.as_ref(), "checkout").await;
    let events = || stage.unleash.read(|world| world.events.len());
    let set = async |environment: &str, share: f64| {
        let to = Switch { rollout: Some(share), ..Switch::default() };
        let switched = provider.switch(&flag.flag, &flag.internal_id, environment, &to).await.unwrap();
        assert_eq!(switched, Switched::Done);
    };
    let before = events();
    set("production", 25.0).await;
    set("development", 100.0).await;
    assert_eq!(events(), before, "nothing changed, so nobody is told");
    set("production", 30.0).await;
    set("development", 50.0).await;
    assert_eq!(events(), before + 2);
    let state = state(provider.as_ref(), &flag).await;
    let shares: Vec<Option<f64>> = state.environments.iter().map(|one| one.rollout).collect();
    assert_eq!(shares, [Some(50.0), Some(30.0)]);
}

#[tokio::test]
async fn of_the_address_only_the_part_of_the_api_is_left_out() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    for end in ["", "/", "/api", "/api/", "/api/admin", "/api/admin/"] {
        let provider = unleash_stage::provider(&format!("{}{end}", stage.unleash.url()), &stage.token);
        let flag = found(&provider, "checkout").await;
        let page = format!("{}/projects/default/features/checkout", stage.unleash.url());
        assert_eq!(flag.url.as_deref(), Some(page.as_str()), "{end}");
    }
    let below = unleash_stage::provider(&format!("{}/admin", stage.unleash.url()), &stage.token);
    below.check().await.unwrap_err();
    let asked = stage.unleash.faults().log();
    assert_eq!(asked.last().unwrap().path, "/admin/api/admin/projects", "an Unleash may live below /admin");
}
