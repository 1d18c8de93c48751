//! GitLab's own feature flags as a provider: what every provider must do, and what is GitLab's own. All of it over HTTP
//! against the sandbox's GitLab.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a panic is the report"
)]

use std::sync::Arc;

use flaglink::domain::{FlagPointer, FlagState, Strategy};
use flaglink::flags::{FlagProvider, ProviderError, Switch, Switched};
use flaglink::sandbox::gitlab::{Visibility, level};
use serde_json::{Value, json};

#[macro_use]
#[path = "support/conformance.rs"]
mod conformance;
#[path = "support/gitlab_stage.rs"]
mod gitlab_stage;

use conformance::Stage;
use gitlab_stage::{GitlabStage, PROJECT, default, strategy};

conformance!(on_gitlab, GitlabStage);

async fn state_of(provider: &Arc<dyn FlagProvider>, key: &str) -> FlagState {
    let flag = provider.look_up(PROJECT, key).await.unwrap().unwrap();
    provider.state(&flag.flag, &flag.internal_id).await.unwrap().unwrap()
}

/// The environments, those where it is on with a `+`.
async fn shown(provider: &Arc<dyn FlagProvider>, key: &str) -> Vec<String> {
    let state = state_of(provider, key).await;
    let shown =
        state.environments.iter().map(|one| format!("{}{}", if one.on { "+" } else { "" }, one.environment));
    shown.collect()
}

async fn switch(
    provider: &Arc<dyn FlagProvider>,
    environment: &str,
    to: Switch,
) -> Result<Switched, ProviderError> {
    let flag = provider.look_up(PROJECT, "checkout").await.unwrap().unwrap();
    provider.switch(&flag.flag, &flag.internal_id, environment, &to).await
}

fn turn(on: bool) -> Switch {
    Switch { on: Some(on), ..Switch::default() }
}

fn share(rollout: f64) -> Switch {
    Switch { rollout: Some(rollout), ..Switch::default() }
}

async fn with(active: bool, strategies: Vec<Value>) -> GitlabStage {
    let stage = GitlabStage::set_up().await;
    stage.gitlab.new_feature_flag(stage.alice, PROJECT, "checkout", active, strategies).unwrap();
    stage
}

fn scopes(name: &str, scopes: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), scopes.iter().map(|&scope| scope.to_owned()).collect())
}

#[tokio::test]
async fn folders_are_one_environment_and_patterns_count_where_they_cover_all_of_it() {
    let stage = with(true, vec![default("review/*"), default("prod*"), default("old/one")]).await;
    for (name, tier) in [("review/a", "development"), ("review/b", "development"), ("eu/x", "staging")] {
        stage.gitlab.environment(PROJECT, name, tier);
    }
    let provider = stage.provider();
    assert_eq!(
        shown(&provider, "checkout").await,
        ["+production", "eu/*", "development", "+review/*", "+old/one", "+prod*"]
    );
    let chosen =
        stage.with(json!({ "environments": ["review/*", "production"] }), vec![stage.client(&stage.token)]);
    assert_eq!(shown(&chosen, "checkout").await, ["+review/*", "+production"]);
}

#[tokio::test]
async fn the_pattern_for_everything_is_an_environment_only_where_there_is_no_other() {
    let stage = with(true, vec![default("*")]).await;
    assert_eq!(shown(&stage.provider(), "checkout").await, ["+production", "+development"]);
    stage.gitlab.change(|model| model.projects.get_mut(&PROJECT).unwrap().environments.clear());
    let provider = stage.provider();
    assert_eq!(shown(&provider, "checkout").await, ["+*"]);
    switch(&provider, "*", turn(false)).await.unwrap();
    assert_eq!(shown(&provider, "checkout").await, ["*"]);
    switch(&provider, "*", turn(true)).await.unwrap();
    assert_eq!(stage.stands("checkout"), (true, vec![scopes("default", &["*"])]));
}

#[tokio::test]
async fn one_plain_share_is_a_rollout_and_everything_else_is_told_by_strategy() {
    let stage = with(
        true,
        vec![
            strategy(
                "flexibleRollout",
                json!({ "rollout": "25", "stickiness": "default", "groupId": "x" }),
                &["production"],
            ),
            strategy("gradualRolloutUserId", json!({ "percentage": "50", "groupId": "x" }), &["development"]),
            strategy("userWithId", json!({ "userIds": "1,2" }), &["development"]),
        ],
    )
    .await;
    let provider = stage.provider();
    let state = state_of(&provider, "checkout").await;
    let production = state.environment("production").unwrap();
    assert_eq!((production.rollout, production.strategies.as_slice()), (Some(25.0), [].as_slice()));
    let development = state.environment("development").unwrap();
    let told = |name: &str, share, limited| Strategy { name: name.to_owned(), share, limited };
    assert_eq!(development.rollout, None);
    assert_eq!(
        development.strategies,
        [told("gradualRolloutUserId", Some(50.0), false), told("userWithId", None, true)]
    );
    let error = switch(&provider, "development", share(10.0)).await.unwrap_err();
    assert!(error.to_string().contains("several strategies"), "{error}");
    assert!(switch(&provider, "production", share(10.5)).await.unwrap_err().to_string().contains("whole"));
    switch(&provider, "production", share(10.0)).await.unwrap();
    assert_eq!(stage.flag("checkout").strategies[0].parameters["rollout"], "10");
    assert_eq!(stage.flag("checkout").strategies[0].parameters["groupId"], "x", "it stays");
}

#[tokio::test]
async fn off_where_a_pattern_counts_leaves_the_others_by_name_and_says_what_that_means() {
    let stage = with(true, vec![default("*")]).await;
    stage.gitlab.environment(PROJECT, "review/a", "development");
    let provider = stage.provider();
    let Switched::DoneWith(says) = switch(&provider, "production", turn(false)).await.unwrap() else {
        panic!("nothing is said")
    };
    assert!(says.contains("new environments"), "{says}");
    assert_eq!(stage.stands("checkout"), (true, vec![scopes("default", &["development", "review/*"])]));
    assert_eq!(shown(&provider, "checkout").await, ["production", "+development", "+review/*"]);
    // From here on the names are exact.
    assert_eq!(switch(&provider, "development", turn(false)).await.unwrap(), Switched::Done);
    assert_eq!(stage.stands("checkout"), (true, vec![scopes("default", &["review/*"])]));
    // It is the last one: the strategies stay, the flag goes off as a whole.
    assert_eq!(switch(&provider, "review/*", turn(false)).await.unwrap(), Switched::Done);
    assert_eq!(stage.stands("checkout"), (false, vec![scopes("default", &["review/*"])]));
}

#[tokio::test]
async fn one_of_a_folder_cannot_be_taken_out_of_it() {
    let stage = with(true, vec![default("review/*"), default("production")]).await;
    stage.gitlab.environment(PROJECT, "review/a", "development");
    stage.gitlab.environment(PROJECT, "review/b", "development");
    let chosen = stage.with(json!({ "environments": ["review/a"] }), vec![stage.client(&stage.token)]);
    let before = stage.stands("checkout");
    for to in [turn(false), share(25.0)] {
        let error = switch(&chosen, "review/a", to).await.unwrap_err();
        assert!(matches!(&error, ProviderError::Strange(why) if why.contains("review/*")), "{error}");
    }
    assert_eq!(stage.stands("checkout"), before);
}

#[tokio::test]
async fn a_share_in_one_environment_of_a_pattern_splits_it() {
    let stage = with(true, vec![default("*")]).await;
    let provider = stage.provider();
    let said = switch(&provider, "production", share(25.0)).await.unwrap();
    assert!(matches!(said, Switched::DoneWith(_)), "{said:?}");
    let wanted = vec![scopes("default", &["development"]), scopes("flexibleRollout", &["production"])];
    assert_eq!(stage.stands("checkout"), (true, wanted));
    let parameters = &stage.flag("checkout").strategies[1].parameters;
    assert_eq!(*parameters, json!({ "rollout": "25", "stickiness": "default", "groupId": "checkout" }));
}

#[tokio::test]
async fn an_inactive_flag_for_everything_comes_on_where_it_was_asked_alone() {
    let stage = with(false, vec![default("*")]).await;
    let provider = stage.provider();
    assert_eq!(switch(&provider, "production", turn(true)).await.unwrap(), Switched::Done);
    assert_eq!(shown(&provider, "checkout").await, ["+production", "development"]);
    assert_eq!(stage.stands("checkout"), (true, vec![scopes("default", &["production"])]));
}

#[tokio::test]
async fn an_inactive_flag_that_would_come_on_elsewhere_too_is_left_alone() {
    let stage = with(false, vec![default("development")]).await;
    let provider = stage.provider();
    let error = switch(&provider, "production", turn(true)).await.unwrap_err();
    assert!(matches!(error, ProviderError::Strange(_)));
    assert!(error.to_string().contains("development"), "{error}");
    assert!(error.to_string().contains("shop/checkout/-/feature_flags"), "{error}");
    assert_eq!(stage.stands("checkout"), (false, vec![scopes("default", &["development"])]));
    assert_eq!(switch(&provider, "development", turn(true)).await.unwrap(), Switched::Done);
    assert_eq!(stage.stands("checkout"), (true, vec![scopes("default", &["development"])]));
}

#[tokio::test]
async fn on_does_not_touch_a_strategy_for_chosen_users() {
    let users = strategy("userWithId", json!({ "userIds": "1" }), &["development"]);
    let stage = with(true, vec![users]).await;
    let provider = stage.provider();
    switch(&provider, "production", turn(true)).await.unwrap();
    let wanted = vec![scopes("userWithId", &["development"]), scopes("default", &["production"])];
    assert_eq!(stage.stands("checkout"), (true, wanted));
}

#[tokio::test]
async fn the_flags_are_those_of_the_project_that_asks_unless_one_is_named() {
    let stage = with(true, vec![default("production")]).await;
    let elsewhere = stage.gitlab.project("shop/web", Visibility::Private);
    let token = stage.gitlab.token(stage.alice, &["api"]);
    stage.gitlab.member(elsewhere, stage.alice, level::DEVELOPER);
    let own = stage.with(json!({}), vec![stage.client(&token)]);
    assert_eq!(own.look_up(elsewhere, "checkout").await.unwrap(), None);
    for project in ["shop/checkout", "41"] {
        let named = stage.with(json!({ "project": project }), vec![stage.client(&token)]);
        named.check().await.unwrap();
        let flag = named.look_up(elsewhere, "checkout").await.unwrap().unwrap();
        assert_eq!(flag.flag.scope, "41");
        assert!(flag.public_page);
        assert_eq!(flag.url.unwrap(), format!("{}/shop/checkout/-/feature_flags", stage.gitlab.url()));
    }
    let missing = stage.with(json!({ "project": "shop/nothing" }), vec![stage.client(&token)]);
    assert!(missing.check().await.unwrap_err().to_string().contains("shop/nothing"));
}

#[tokio::test]
async fn a_client_that_does_not_see_the_project_leaves_it_to_the_next() {
    let stage = with(true, vec![default("production")]).await;
    let stranger = stage.gitlab.token(stage.gitlab.user("stranger"), &["api"]);
    let both = stage.with(json!({}), vec![stage.client(&stranger), stage.client(&stage.token)]);
    assert_eq!(shown(&both, "checkout").await, ["+production", "development"]);
    stage.gitlab.set_visibility(PROJECT, Visibility::Public);
    let both = stage.with(json!({}), vec![stage.client(&stranger), stage.client(&stage.token)]);
    assert_eq!(
        shown(&both, "checkout").await,
        ["+production", "development"],
        "seeing the project is not enough"
    );
    stage.gitlab.set_visibility(PROJECT, Visibility::Private);
    let none = stage.with(json!({}), vec![stage.client(&stranger)]);
    assert!(none.look_up(PROJECT, "checkout").await.is_err(), "not seen is not the same as not there");
}

#[tokio::test]
async fn a_project_that_is_not_seen_any_more_has_not_lost_its_flags() {
    let stage = with(true, vec![default("production")]).await;
    let token = stage.gitlab.token(stage.alice, &["api"]);
    let provider = stage.with(json!({}), vec![stage.client(&token)]);
    let flag = provider.look_up(PROJECT, "checkout").await.unwrap().unwrap();
    stage.gitlab.remove_member(PROJECT, stage.alice);
    provider.state(&flag.flag, &flag.internal_id).await.unwrap_err();
}

#[tokio::test]
async fn the_webhook_tells_who_switched_the_flag_as_a_whole() {
    let stage = with(true, vec![default("production")]).await;
    let provider = stage.provider();
    assert!(provider.hears_gitlab());
    stage.gitlab.set_flag_active(stage.alice, PROJECT, "checkout", false).unwrap();
    let sent = stage.sendings().await;
    assert_eq!(sent.len(), 1);
    let hints = provider.read_webhook(&sent[0].body);
    let key = FlagPointer::Key { scope: PROJECT.to_string(), key: "checkout".to_owned() };
    assert_eq!(hints.len(), 1);
    assert_eq!(hints[0].flag, key);
    let claim = hints[0].claim.clone().unwrap();
    assert_eq!((claim.everywhere, claim.on, claim.by.as_deref()), (true, Some(false), Some("alice")));
    let elsewhere = stage.with(json!({ "project": "shop/other" }), vec![stage.client(&stage.token)]);
    assert!(elsewhere.read_webhook(&sent[0].body).is_empty());
    for body in [
        &b"{}"[..],
        b"[]",
        b"x",
        br#"{"object_kind":"note"}"#,
        br#"{"object_kind":"feature_flag","project":7}"#,
    ] {
        assert!(provider.read_webhook(body).is_empty());
    }
}
