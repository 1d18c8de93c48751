//! Stories on the real Unleash server. `tests/all --install` gets it and runs them, one after another.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test a panic is the report"
)]

#[macro_use]
#[path = "../support/conformance.rs"]
mod conformance;
mod stage;
#[path = "../support/unleash_server.rs"]
mod unleash_server;

use conformance::Stage as _;
use flaglink::domain::{ChangeKind, Flag, NoteableKind, WorkState};
use flaglink::flags::{BackLink, FlagProvider};
use serde_json::json;
use stage::UnleashStage;
use unleash_server::Unleash;

conformance!(ignored "needs the Unleash server: tests/all --install"; on_unleash, UnleashStage);

#[tokio::test]
#[ignore = "needs the Unleash server: tests/all --install"]
async fn a_burst_of_switches_ends_as_was_said_last_and_every_webhook_comes() {
    let _alone = Unleash::alone().await;
    let unleash = Unleash::shared();
    unleash.make("burst").await;
    for number in 0..20 {
        unleash.switch("burst", "production", number % 2 == 0).await;
    }
    let flag = unleash.flag("burst").await;
    let environments = flag["environments"].as_array().unwrap();
    let enabled =
        |name: &str| environments.iter().find(|one| one["name"] == name).unwrap()["enabled"].clone();
    assert_eq!(enabled("production"), false);
    assert_eq!(enabled("development"), false);
    // Made, twenty switches, and the strategy that the first of them brought.
    let events = unleash.events("burst").await;
    assert_eq!(events.len(), 22);
    // In whatever order they come.
    let deliveries = unleash.deliveries(&events).await;
    assert_eq!(deliveries.len(), 22, "none came twice");
    for delivery in &deliveries {
        assert_eq!(delivery.headers["authorization"], "a-shared-secret");
        assert!(String::from_utf8_lossy(&delivery.body).contains("burst"));
    }
    unleash.delete("burst").await;
}

async fn flag(provider: &dyn FlagProvider, key: &str) -> Flag {
    provider.look_up(1, key).await.unwrap().unwrap_or_else(|| panic!("{key} is not found"))
}

#[tokio::test]
#[ignore = "needs the Unleash server: tests/all --install"]
async fn an_archived_flag_keeps_its_strategies_and_takes_no_search() {
    let stage = UnleashStage::set_up().await;
    let unleash = Unleash::shared();
    stage.make("checkout", "The way to pay").await;
    let path = "/api/admin/projects/default/features/checkout";
    let strategy = json!({ "name": "flexibleRollout", "constraints": [],
        "parameters": { "rollout": "25", "stickiness": "default", "groupId": "checkout" },
        "variants": [{ "name": "blue", "weight": 1000, "weightType": "variable", "stickiness": "default" }] });
    unleash.call("POST", &format!("{path}/environments/production/strategies"), Some(strategy)).await;
    stage.switch("checkout", "production", true).await;
    let provider = stage.provider();
    let known = flag(provider.as_ref(), "checkout").await;
    let state = async || provider.state(&known.flag, &known.internal_id).await.unwrap().unwrap();
    let before = state().await;
    stage.archive("checkout").await;
    let archived = state().await;
    assert_eq!(before.changes_to(&archived), [ChangeKind::Archived(true)]);
    assert_eq!(archived.environment("production").unwrap().rollout, Some(25.0));
    let again = flag(provider.as_ref(), "checkout").await;
    assert_eq!(
        (&again.internal_id, again.description.as_deref()),
        (&known.internal_id, Some("The way to pay"))
    );
    unleash.call("POST", "/api/admin/archive/revive/checkout", None).await;
    assert_eq!(archived.changes_to(&state().await), [ChangeKind::Archived(false)]);
    assert_eq!(stage.searches(), 0);
}

#[tokio::test]
#[ignore = "needs the Unleash server: tests/all --install"]
async fn links_are_put_on_once_in_its_spelling_and_the_eleventh_is_refused_in_words() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let known = flag(provider.as_ref(), "checkout").await;
    let add = async |url: &str| {
        let link = BackLink {
            url: url.to_owned(),
            kind: NoteableKind::Issue,
            title: "Pay".to_owned(),
            state: WorkState::Opened,
            draft: false,
        };
        provider.add_back_link(&known.flag, &known.internal_id, &link).await
    };
    for url in [
        "https://www.gitlab.example.com/shop/web/-/issues/1",
        "https://gitlab.example.com/shop/web/-/issues/2/",
        "https://gitlab.example.com:443/kühlschrank/web/-/issues/3",
        "https://gitlab.example.com/k%C3%BChl/%7Eweb/-/issues/4",
        "https://GitLab.example.com./shop//web/-/issues/5",
        "https://bücher.example/shop/web/-/issues/6",
        "https://gitlab.example.com/100%25/a%20b/-/issues/7",
        "http://gitlab.example.com:8080/shop/web/-/issues/8",
        "https://gitlab.example.com/shop/web/-/issues/9?b=1&a=2",
        "https://gitlab.example.com/shop/web/-/issues/10#note_7",
    ] {
        let id = add(url).await.unwrap();
        assert_eq!(add(url).await.unwrap(), id, "{url}");
    }
    let there = provider.back_links(&known.flag, &known.internal_id).await.unwrap();
    assert_eq!(there.len(), 10, "{there:?}");
    let refused = add("https://gitlab.example.com/shop/web/-/issues/11").await.unwrap_err();
    assert!(refused.to_string().contains("remove one"), "{refused}");
}

#[tokio::test]
#[ignore = "needs the Unleash server: tests/all --install"]
async fn flaglinks_webhook_is_made_once_and_brought_up_to_date() {
    let stage = UnleashStage::set_up().await;
    let unleash = Unleash::shared();
    let url = "http://127.0.0.1:9/hooks/providers/unleash".parse().unwrap();
    for secret in ["Bearer first", "Bearer second"] {
        stage.provider().register_webhook(&url, secret).await.unwrap();
    }
    let kept =
        unleash.sql("select parameters->>'authorization' from addons where description like 'flaglink at %'");
    assert_eq!(kept, "Bearer second");
    unleash.sql("delete from addons where description like 'flaglink at %'");
}

#[tokio::test]
#[ignore = "needs the Unleash server: tests/all --install"]
async fn where_a_project_is_not_seen_no_flag_is_said_to_be_gone() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let known = flag(stage.provider().as_ref(), "checkout").await;
    assert_eq!(stage.provider().look_up(1, "nobody").await.unwrap(), None);
    let provider = stage.provider_of("nosuch");
    for refused in [
        provider.look_up(1, "nobody").await.unwrap_err(),
        provider.state(&known.flag, &known.internal_id).await.unwrap_err(),
    ] {
        assert!(refused.to_string().contains("no project nosuch"), "{refused}");
    }
}
