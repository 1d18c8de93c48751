//! Webhooks: what they say, and registering flaglink's own.

use std::collections::BTreeMap;

use flaglink::domain::{Claim, FlagPointer};
use flaglink::flags::{ProviderError, WebhookRequest};
use flaglink::sandbox::unleash::{Addon, StrategyChange};
use url::Url;

use crate::conformance::Stage;
use crate::unleash_stage::UnleashStage;

const OURS: &str = "https://flags.example.com/hooks/providers/unleash";

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
                let key = format!("{} {}", event["id"], event["createdAt"].as_str().unwrap());
                assert_eq!(provider.webhook_key(&request), Some(key));
                read += 1;
            }
            None => assert!(hints.is_empty(), "{body}"),
        }
    }
    assert!(read >= 10, "only {read} bodies were about a flag");
}

/// What the webhooks since the last time claim, by the kind of their event.
async fn claims(stage: &UnleashStage) -> Vec<(String, Claim)> {
    let provider = stage.provider();
    let mut claims = Vec::new();
    for sending in stage.sendings().await {
        let event: serde_json::Value = serde_json::from_slice(&sending.body).unwrap();
        for hint in provider.read_webhook(&sending.body) {
            claims.push((event["type"].as_str().unwrap().to_owned(), hint.claim.unwrap()));
        }
    }
    claims
}

#[tokio::test]
async fn a_webhook_claims_what_its_event_did_and_no_more() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    stage.sendings().await;
    stage.ada.rollout("checkout", "production", 25).unwrap();
    stage.switch("checkout", "production", true).await;
    stage.ada.stale("checkout", true).unwrap();
    stage.archive("checkout").await;
    stage.ada.revive("checkout").unwrap();
    let claims = claims(&stage).await;
    let the =
        |kind: &str| &claims.iter().find(|(known, _)| known == kind).unwrap_or_else(|| panic!("{kind}")).1;
    let strategy = the("feature-strategy-add");
    assert_eq!((strategy.on, strategy.not_of_on, strategy.share), (None, true, Some(25.0)));
    let switch = the("feature-environment-enabled");
    assert_eq!((switch.on, switch.not_of_on, switch.share), (Some(true), false, None));
    assert_eq!((the("feature-stale-on").stale, the("feature-stale-on").archived), (Some(true), None));
    assert_eq!((the("feature-archived").archived, the("feature-archived").stale), (Some(true), None));
    assert_eq!(the("feature-revived").archived, Some(false));
    assert!(the("feature-metadata-updated").by.is_none());
}

#[tokio::test]
async fn a_strategy_that_is_not_in_force_claims_no_share() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    stage.sendings().await;
    stage.ada.add_strategy("checkout", "production", StrategyChange::rollout(50).switched_off()).unwrap();
    let claims = claims(&stage).await;
    assert_eq!(claims.iter().map(|(_, claim)| claim.share).collect::<Vec<_>>(), [None]);
}

#[tokio::test]
async fn after_a_webhook_about_the_archive_a_search_looks_anew() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let provider = stage.provider();
    let archived = async || {
        let hits = provider.search(1, "checkout", 5).await.unwrap();
        hits.iter().map(|hit| hit.archived).collect::<Vec<_>>()
    };
    assert_eq!(archived().await, [false]);
    stage.sendings().await;
    stage.archive("checkout").await;
    for sending in stage.sendings().await {
        assert_eq!(provider.read_webhook(&sending.body).len(), 1);
    }
    assert_eq!(archived().await, [true]);
}

fn addons(stage: &UnleashStage) -> Vec<Addon> {
    stage.unleash.read(|world| world.addons.clone())
}

#[tokio::test]
async fn flaglinks_webhook_is_made_once_found_again_and_brought_up_to_date() {
    let stage = UnleashStage::set_up().await;
    let others = addons(&stage).len();
    let url: Url = OURS.parse().unwrap();
    for secret in ["Bearer first", "Bearer first", "Bearer second"] {
        // Whoever starts anew knows nothing of the time before.
        stage.provider().register_webhook(&url, secret).await.unwrap();
        let all = addons(&stage);
        assert_eq!(all.len(), others + 1, "never a second one");
        let ours = all.last().unwrap();
        assert_eq!((ours.parameter("url"), ours.parameter("authorization")), (Some(OURS), Some(secret)));
        assert_eq!((ours.enabled, ours.projects.as_slice()), (true, &["default".to_owned()][..]));
        assert!(ours.events.iter().any(|kind| kind == "feature-environment-enabled"));
    }
    // Somebody switched it off, and wrote a word behind its description.
    stage.unleash.change(|world| {
        let ours = world.addons.last_mut().unwrap();
        ours.enabled = false;
        ours.events.clear();
        ours.description = ours.description.take().map(|text| format!("{text} (ask Ada)"));
    });
    stage.provider().register_webhook(&url, "Bearer second").await.unwrap();
    let all = addons(&stage);
    let ours = all.last().unwrap();
    assert_eq!((all.len(), ours.enabled, ours.events.is_empty()), (others + 1, true, false));
    assert!(ours.description.as_ref().unwrap().ends_with("(ask Ada)"));
    stage.provider().remove_webhook(&url).await.unwrap();
    assert_eq!(addons(&stage).len(), others);
}

#[tokio::test]
async fn with_its_secret_the_registered_webhook_is_genuine() {
    let stage = UnleashStage::set_up().await;
    stage.make("checkout", "").await;
    let url: Url = OURS.parse().unwrap();
    stage.provider().register_webhook(&url, crate::unleash_stage::SECRET).await.unwrap();
    let id = addons(&stage).last().unwrap().id;
    stage.switch("checkout", "production", true).await;
    let sent = stage.unleash.deliveries().into_iter().rfind(|sent| sent.webhook == id).unwrap();
    let headers: BTreeMap<String, String> = sent.headers.iter().cloned().collect();
    let request = WebhookRequest { headers: &headers, body: sent.body.as_bytes() };
    assert_eq!(stage.provider().verify_webhook(&request), flaglink::flags::Verdict::Genuine);
}

#[tokio::test]
async fn the_webhook_of_another_installation_is_not_touched() {
    let stage = UnleashStage::set_up().await;
    let all: [&str; 4] = [
        "https://flags.example.com/hooks/providers/unleash2",
        "https://flags.example.com/hooks/providers/unleash/x",
        "https://other.example.com/hooks/providers/unleash",
        OURS,
    ];
    for (number, address) in all.iter().enumerate() {
        let url: Url = address.parse().unwrap();
        stage.provider().register_webhook(&url, &format!("Bearer number {number}")).await.unwrap();
    }
    stage.provider().register_webhook(&OURS.parse().unwrap(), "Bearer new").await.unwrap();
    let found: Vec<(String, String)> = addons(&stage)
        .iter()
        .skip(1)
        .map(|addon| {
            let text = |name: &str| addon.parameter(name).unwrap().to_owned();
            (text("url"), text("authorization"))
        })
        .collect();
    let wanted = ["Bearer number 0", "Bearer number 1", "Bearer number 2", "Bearer new"];
    let wanted: Vec<(String, String)> =
        all.iter().zip(wanted).map(|(url, secret)| ((*url).to_owned(), secret.to_owned())).collect();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn an_address_that_unleash_does_not_take_is_refused_with_what_to_do() {
    let stage = UnleashStage::set_up().await;
    stage.unleash.take_private_addresses(false);
    let url: Url = "http://10.1.2.3:8080/hooks/providers/unleash".parse().unwrap();
    let refused = stage.provider().register_webhook(&url, "Bearer a-secret").await.unwrap_err();
    let ProviderError::Strange(why) = refused else { panic!("{refused}") };
    assert!(why.contains("UNLEASH_ALLOW_LIST_INTEGRATION=10.1.2.3"), "{why}");
    assert!(!why.contains("a-secret"), "{why}");
}
