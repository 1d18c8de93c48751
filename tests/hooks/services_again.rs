//! The webhooks at the flag services: taken away by people, moved, renamed, and left behind.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::flagsmith::{Flagsmith, Scope};
use flaglink::sandbox::unleash::Unleash;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::kit::{Flaglink, PATIENCE, Place};
use crate::told::said;

/// The addresses of the organisations' webhooks in a Flagsmith.
fn addresses(flagsmith: &Flagsmith) -> Vec<String> {
    flagsmith.read(|world| {
        let hooks = world.webhooks.iter().filter(|hook| matches!(hook.scope, Scope::Organisation(_)));
        hooks.map(|hook| hook.url.clone()).collect()
    })
}

fn ours(flaglink: &Flaglink, name: &str) -> String {
    format!("{}/hooks/providers/{name}", flaglink.public)
}

/// Reads a changed configuration again, and waits until it has looked at the webhooks.
async fn reload(flaglink: &Flaglink, place: &Place, change: impl Fn(String) -> String) {
    flaglink.write_config(place);
    flaglink.write("flaglink.toml", &change(flaglink.config(place)));
    let looks = flaglink.daemon().times_hooks_looked_at();
    flaglink.daemon().reload().await.unwrap();
    tokio::time::timeout(PATIENCE, flaglink.daemon().hooks_looked_at(looks + 1)).await.unwrap();
}

async fn registered() -> (Place, Flaglink) {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.flagsmith_secret = true;
    flaglink.start(&place).await;
    assert_eq!(addresses(&place.flagsmith), [ours(&flaglink, "flagsmith")]);
    (place, flaglink)
}

/// A flaglink with an Unleash, at which it registers its webhook.
async fn with_unleash(place: &Place, unleash: &Unleash) -> Flaglink {
    let mut flaglink = Flaglink::new();
    flaglink.write("unleash-token", &unleash.token());
    flaglink.write("unleash-webhook", "Bearer of-unleashs-webhook");
    flaglink.more = format!(
        "[providers.unleash]\nkind = \"unleash\"\nurl = \"{}\"\napi_token_file = \"unleash-token\"\n\
         webhook_secret_file = \"unleash-webhook\"\npoll = \"1h\"",
        unleash.url()
    );
    flaglink.start(place).await;
    flaglink
}

/// Which failure was before the webhook was written is told by Unleash's own dates: its clock is not ours.
#[tokio::test]
async fn what_failed_before_unleashs_webhook_was_written_is_past_whatever_its_clock_says() {
    let place = Place::new().await;
    let unleash = Unleash::start().await.unwrap();
    unleash.take_private_addresses(true);
    let mut flaglink = with_unleash(&place, &unleash).await;
    let url = ours(&flaglink, "unleash");
    let failed = |after: i64| {
        let at = Timestamp::now() + SignedDuration::from_secs(after);
        let details = "Webhook request failed with status code: 401.";
        let sent = json!({
            "createdAt": at.to_string(), "state": "failed", "stateDetails": details, "details": { "url": url },
        });
        let body = json!({ "integrationEvents": [sent] }).to_string();
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        unleash.faults().clear();
        let answer = Fault::Answer { status: 200, headers, body };
        unleash.faults().add(Rule::new("GET", r"/addons/\d+/events", answer).times(100));
    };
    for ahead in [300, -300] {
        failed(ahead);
        assert_eq!(standing(&flaglink, "unleash").await, "wrong", "{ahead}");
        let (code, out, _) = said(&flaglink, &["hooks", "sync", "unleash"]).await;
        assert_eq!(code, 0, "{out}");
        assert_eq!(standing(&flaglink, "unleash").await, "right", "{ahead}");
        failed(ahead + 60);
        assert_eq!(standing(&flaglink, "unleash").await, "wrong", "{ahead}");
        let (code, out, _) = said(&flaglink, &["hooks", "sync", "unleash"]).await;
        assert_eq!(code, 0, "{out}");
        unleash.faults().clear();
        let (code, out, _) = said(&flaglink, &["hooks", "sync", "unleash"]).await;
        assert_eq!(code, 0, "{out}");
    }
    // It does not go by it at once, and that is said.
    let (_, out, _) = said(&flaglink, &["hooks", "test", "unleash"]).await;
    assert!(out.contains("up to 60 s after it is made or changed"), "{out}");
    flaglink.stop().await;
}

/// How `hooks list` says that the webhook of a service stands.
async fn standing(flaglink: &Flaglink, name: &str) -> Value {
    let (_, out, _) = said(flaglink, &["hooks", "list", name, "--json"]).await;
    let answer: Value = serde_json::from_str(&out).unwrap();
    answer["hooks"][0]["standing"].clone()
}

#[tokio::test]
async fn a_webhook_that_somebody_deletes_at_flagsmith_is_made_again() {
    let (place, mut flaglink) = registered().await;
    assert_eq!(standing(&flaglink, "flagsmith").await, "right");
    place.flagsmith.change(|world| world.webhooks.clear());
    assert_eq!(standing(&flaglink, "flagsmith").await, "missing", "it is looked at, not remembered");
    flaglink.reload(&place).await;
    assert_eq!(addresses(&place.flagsmith), [ours(&flaglink, "flagsmith")]);
    let writes = place.flagsmith.faults().count("POST", "/webhooks/");
    flaglink.reload(&place).await;
    assert_eq!(place.flagsmith.faults().count("POST", "/webhooks/"), writes, "all is well");
    flaglink.stop().await;
}

#[tokio::test]
async fn the_same_at_unleash_and_without_writing_at_each_look() {
    let place = Place::new().await;
    let unleash = Unleash::start().await.unwrap();
    unleash.take_private_addresses(true);
    let mut flaglink = with_unleash(&place, &unleash).await;
    let count = || {
        let urls = unleash.read(|world| world.addons.clone());
        let mine = urls.iter().filter(|addon| addon.parameter("url") == Some(&ours(&flaglink, "unleash")));
        mine.count()
    };
    let writes = || unleash.faults().count("PUT", "/addons/") + unleash.faults().count("POST", "/addons");
    assert_eq!((count(), writes()), (1, 1));
    flaglink.reload(&place).await;
    assert_eq!(writes(), 1, "it is only looked at");
    unleash.change(|world| world.addons.clear());
    flaglink.reload(&place).await;
    assert_eq!((count(), writes()), (1, 2));
    // For other projects than ours it sends nothing that is needed.
    unleash
        .change(|world| world.addons.iter_mut().for_each(|addon| addon.projects = vec!["other".to_owned()]));
    flaglink.reload(&place).await;
    assert_eq!((count(), writes()), (1, 3));

    // Unleash shows nobody its secret, so whoever asks for it has it written anew; a dry run says so.
    let anew = format!("written anew at Unleash, for {}", ours(&flaglink, "unleash"));
    let (code, out, err) = said(&flaglink, &["hooks", "sync", "--dry-run", "unleash"]).await;
    assert!(code == 0 && out.contains(&anew), "{out}{err}");
    assert_eq!((count(), writes()), (1, 3), "nothing was done");
    let (code, out, err) = said(&flaglink, &["hooks", "sync", "unleash"]).await;
    assert!(code == 0 && out.contains(&anew), "{out}{err}");
    assert_eq!((count(), writes()), (1, 4));
    flaglink.stop().await;
}

#[tokio::test]
async fn at_another_flagsmith_it_is_registered_and_the_one_left_is_told() {
    let (place, mut flaglink) = registered().await;
    let before = place.flagsmith.url();
    let second = Flagsmith::start().await.unwrap();
    second.take_private_addresses(true);
    let project = second.new_project("Web shop");
    flaglink.write("second-key", &second.api_key());
    reload(&flaglink, &place, |text| {
        let text = text.replace(&before, &second.url()).replace("\"flagsmith-key\"", "\"second-key\"");
        let lines = text.lines().map(|line| match line.trim().starts_with("project = ") {
            true => format!("project = {project}"),
            false => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    })
    .await;
    assert_eq!(addresses(&second), [ours(&flaglink, "flagsmith")]);
    let (_, said) = flaglink.admin("/readyz").await;
    assert!(said.contains(&ours(&flaglink, "flagsmith")) && said.contains(&before), "{said}");
    assert!(said.contains("by hand"), "{said}");
    flaglink.stop().await;
}

#[tokio::test]
async fn under_a_new_name_it_moves_and_without_a_secret_it_goes() {
    let (place, mut flaglink) = registered().await;
    let renamed =
        |text: String| text.replace("[providers.flagsmith]", "[providers.smith]\nformerly = [\"flagsmith\"]");
    reload(&flaglink, &place, renamed).await;
    assert_eq!(addresses(&place.flagsmith), [ours(&flaglink, "smith")], "no stale one is left");
    flaglink.flagsmith_secret = false;
    reload(&flaglink, &place, renamed).await;
    assert!(addresses(&place.flagsmith).is_empty(), "nobody could check what it sends");
    assert_eq!(flaglink.admin("/readyz").await, (200, "ready".to_owned()));
    flaglink.stop().await;
}

#[tokio::test]
async fn of_a_service_that_is_not_configured_any_more_the_webhook_left_is_told() {
    let (place, mut flaglink) = registered().await;
    let at = place.flagsmith.url();
    let without = |text: String| {
        let (before, rest) = text.split_once("[providers.flagsmith]").unwrap();
        let (_, after) = rest.split_once("[[projects]]").unwrap();
        format!("{before}[providers.own]\nkind = \"gitlab\"\n[[projects]]{after}")
    };
    for _ in 0..2 {
        reload(&flaglink, &place, without).await;
        let (status, said) = flaglink.admin("/readyz").await;
        let left = [ours(&flaglink, "flagsmith"), at.clone(), "by hand".to_owned()];
        assert!(status == 200 && left.iter().all(|word| said.contains(word)), "{said}");
        assert_eq!(said.matches("by hand").count(), 1, "{said}");
    }
    flaglink.stop().await;
}

#[tokio::test]
async fn the_path_of_webhooks_made_by_hand_is_named_only_where_they_are_taken() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let named = async |flaglink: &Flaglink| {
        let mut wire = UnixStream::connect(flaglink.folder.path().join("flaglink.sock")).await.unwrap();
        wire.write_all(b"GET /api/v1/status HTTP/1.0\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        wire.read_to_string(&mut answer).await.unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let status: Value = serde_json::from_str(body).unwrap();
        status["webhooks"].as_array().unwrap().iter().any(|one| one["path"] == "/hooks/gitlab")
    };
    assert!(!named(&flaglink).await, "nothing is taken there");
    flaglink.write("by-hand", "a-secret-of-a-webhook-made-by-hand");
    flaglink.gitlab = "webhook_secret_file = \"by-hand\"".to_owned();
    flaglink.write_config(&place);
    flaglink.daemon().reload().await.unwrap();
    assert!(named(&flaglink).await);
    flaglink.stop().await;
}
