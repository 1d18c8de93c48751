//! The whole daemon, with an address that is found, and with one that is written.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flaglink::http::api_types::{AddressProof, Status};
use flaglink::sandbox::gitlab::HookSpec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::kit::{Stand, Way};
use crate::town::{GITLAB_SECRET, PATIENCE, Plan, Town};

/// Asks on the socket.
async fn ask(town: &Town, request: &str, body: &str) -> String {
    let mut socket = UnixStream::connect(town.folder().join("flaglink.sock")).await.unwrap();
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: flaglink\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    body.to_owned()
}

async fn proof(town: &Town) -> AddressProof {
    serde_json::from_str(&ask(town, "POST /api/v1/address/prove", "{}").await).unwrap()
}

async fn webhook_urls(town: &Town) -> Vec<Option<String>> {
    let status: Status = serde_json::from_str(&ask(town, "GET /api/v1/status", "").await).unwrap();
    status.webhooks.into_iter().map(|webhook| webhook.url).collect()
}

#[tokio::test]
async fn everything_works_before_the_address_is_known_and_it_is_shown_as_soon_as_it_is() {
    let agent = Stand::ngrok(&[]).await;
    let more = format!(
        "[tunnel]\nallow = [\"127.0.0.1\"]\nngrok = [\"{}\"]\ncloudflared = []\ntailscale = []\ncheck_every = \"100ms\"",
        agent.at()
    );
    let listen = "public_url = \"auto\"".to_owned();
    let mut town = Town::planned(Plan { listen, more, ..Plan::default() }).await;
    let issue = town.issue();
    let note = town.says(issue, "/flag link dark_mode").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(webhook_urls(&town).await, [None, None]);
    agent.asked(2).await;
    let ready = ask(&town, "GET /readyz", "").await;
    assert!(ready.starts_with("ready\nthe public address is not known yet: no agent"), "{ready}");
    let unproven = proof(&town).await;
    assert_eq!((unproven.url, unproven.trouble.as_deref()), (None, Some("no_address")));
    assert!(unproven.why.unwrap().contains("ngrok http"));

    let way = Way::to(town.address()).await;
    let to = format!("http://localhost:{}", town.address().port());
    agent.offers(&[(&way.url, &to)]);
    let shown = async {
        while webhook_urls(&town).await
            != [
                Some(format!("{}hooks/gitlab", way.url)),
                Some(format!("{}hooks/providers/flagsmith", way.url)),
            ]
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, shown).await.unwrap();
    assert_eq!(
        proof(&town).await,
        AddressProof { url: Some(way.url.clone()), proven: true, why: None, trouble: None }
    );
    assert_eq!(ask(&town, "GET /readyz", "").await, "ready");

    // What is written in [tunnel] counts from the reload on: an address that it does not allow is let go of, since it may be a
    // false agent's that somebody has seen through.
    let reloaded = town.reload("allow = [\"127.0.0.1\"]", "allow = [\"*.ngrok.app\"]").await.unwrap();
    assert_eq!(reloaded.at_the_next_start, [""; 0]);
    let refused = async {
        while !ask(&town, "GET /readyz", "").await.contains("no pattern of `allow` in [tunnel] fits") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    assert_eq!(proof(&town).await.url, None);
    assert_eq!(webhook_urls(&town).await, [None, None]);
    town.reload("allow = [\"*.ngrok.app\"]", "allow = [\"127.0.0.1\"]").await.unwrap();
    let again = async {
        while proof(&town).await.url != Some(way.url.clone()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();

    // Down and up again it is looked for anew.
    town.stop().await;
    agent.offers(&[]);
    town.start().await;
    assert_eq!(proof(&town).await.url, None);
    town.end().await;
}

#[tokio::test]
async fn below_a_path_webhooks_come_in_whether_the_proxy_takes_it_away_or_not() {
    // The second path is the beginning of one that flaglink has itself.
    for (strip, path) in [("", "flags"), ("/flags", "flags"), ("/hooks", "hooks"), ("", "hooks")] {
        // Where it will be is only known when it runs.
        let listen =
            "public_url = \"https://flags.example.com/\"\ntrusted_proxies = [\"127.0.0.0/8\"]".to_owned();
        let mut town = Town::planned(Plan { listen, ..Plan::default() }).await;
        let way = Way::below(town.address(), strip).await;
        let public = format!("{}{path}", way.url);
        town.start_rewritten("https://flags.example.com/", &public).await;
        town.gitlab.change(|model| model.hooks.clear());
        town.gitlab.hook(town.shop, HookSpec::everything(&format!("{public}/hooks/gitlab"), GITLAB_SECRET));
        let issue = town.issue();
        let note = town.says(issue, "/flag link dark_mode").await;
        assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "{strip}");
        let proven = proof(&town).await;
        assert!(proven.proven && proven.url == Some(format!("{public}/")), "{proven:?}");
        // And straight, as on this machine.
        assert_eq!(town.post(GITLAB_SECRET, &serde_json::json!({})).await, 200);
        drop(way);
        // What was on its way there may still break off.
        let refused = async {
            while proof(&town).await.trouble.as_deref() != Some("refused") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, refused).await.unwrap();
        town.end().await;
    }
}

/// A log that is kept.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn who_sent_a_webhook_that_was_refused_is_logged_as_trusted_proxies_say() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _kept = tracing::subscriber::set_default(subscriber);
    for (trusted, expected) in [("127.0.0.0/8", "from=198.51.100.7"), ("10.0.0.0/8", "from=127.0.0.1")] {
        let listen = format!("trusted_proxies = [\"{trusted}\"]");
        let town = Town::planned(Plan { listen, ..Plan::default() }).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request =
            client.post(format!("http://{}/hooks/gitlab", town.address())).header("X-Gitlab-Token", "wrong");
        let request = request.header("X-Forwarded-For", "203.0.113.1, 198.51.100.7").body("{}");
        assert_eq!(request.send().await.unwrap().status(), 401);
        let said = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
        let refused: Vec<&str> =
            said.lines().filter(|line| line.contains("a webhook request was refused")).collect();
        assert!(refused.len() == 1 && refused[0].contains(expected), "{trusted}: {refused:?}");
        assert!(!said.contains("203.0.113.1"), "{said}");
        town.end().await;
    }
}
