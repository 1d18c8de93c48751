//! What is told behind each proxy.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use flaglink::http::{MAX_BODY, ServeOptions};
use flaglink::sandbox::gitlab::{Gitlab, level};
use flaglink::telemetry::{LogFormat, LogOptions};
use serde_json::Value;

use crate::kit::loopback::{free_port, ip_of_its_own};
use crate::kit::{Flaglink, Place, path_of};
use crate::proxy::{BELOW, Program, Proxy, Way, served_by};
use crate::sender::{answer_to_spaces, client, client_from};
use crate::tls_end::tls;

const BY_HAND: &str = "a-secret-that-was-made-by-hand";

/// A GitLab that trusts the certificate of the proxy, a proxy, and a flaglink behind it that is to be started.
async fn scene<P: Program>(program: &P, way: Way) -> (Place, Proxy, Flaglink) {
    let authority = std::fs::read(tls("ca")).unwrap();
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let gitlab = Gitlab::start_trusting(here, &authority).await.unwrap();
    // It signs what it sends.
    gitlab.change(|model| "19.1.0-ee".clone_into(&mut model.settings.version));
    let place = Place::around(gitlab, level::MAINTAINER).await;
    let listener = free_port();
    let proxy = Proxy::start(program, listener, way).await;
    let mut flaglink = Flaglink::new();
    flaglink.listener = Some(listener);
    flaglink.public = proxy.url();
    if way != Way::Own {
        flaglink.public.push_str(BELOW);
    }
    // As the samples say.
    flaglink.listen = "trusted_proxies = [\"127.0.0.1\"]".to_owned();
    flaglink.gitlab = format!("ca_file = \"{}\"", tls("ca").display());
    (place, proxy, flaglink)
}

/// What `flaglink doctor` says of the public address, and of whether flaglink runs: `wrong address-reachable: …`.
async fn doctor(flaglink: &Flaglink) -> Vec<String> {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_flaglink"));
    command.args(["doctor", "--json"]).current_dir(flaglink.folder.path()).env_clear();
    command.stdin(std::process::Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    let lines = findings.map(|one| {
        let parts = [&one["standing"], &one["id"], &one["says"], &one["remedy"]].map(text);
        format!("{} {}: {} → {}", parts[0], parts[1], parts[2], parts[3])
    });
    lines.filter(|line| line.contains(" address-") || line.contains(" daemon-running")).collect()
}

fn assert_says(doctor: &[String], begins: &str, words: &[&str]) {
    let said = |line: &&String| line.starts_with(begins) && words.iter().all(|word| line.contains(word));
    assert!(doctor.iter().any(|line| said(&line)), "no {begins} with {words:?}: {doctor:#?}");
}

pub(crate) async fn a_signed_webhook_comes_through_and_is_answered(program: &impl Program) {
    let (place, proxy, mut flaglink) = scene(program, Way::Own).await;
    flaglink.gitlab.push_str("\nrequire_signature = true");
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    assert!(hook.url.starts_with(&format!("{}/hooks/gitlab/", proxy.url())), "{}", hook.url);
    assert!(hook.signing_token.is_some());
    flaglink.works(&place, place.issue(place.shop)).await;
    // With the secret and without a signature nobody comes in.
    let bare = client().post(&hook.url).header("X-Gitlab-Token", hook.token.unwrap()).body("{}");
    assert_eq!(bare.send().await.unwrap().status(), 401);
    // It proves its address there, and what is posted comes here.
    let found = doctor(&flaglink).await;
    assert_says(&found, "good address-answers", &["this very flaglink"]);
    assert!(!found.iter().any(|line| line.starts_with("wrong")), "{found:#?}");
    // Nobody else vouches for that certificate.
    flaglink.gitlab = "require_signature = true".to_owned();
    flaglink.reload(&place).await;
    let found = doctor(&flaglink).await;
    assert_says(
        &found,
        "wrong address-reachable",
        &["the certificate of localhost", "`ca_file` of [gitlab]"],
    );
    flaglink.stop().await;
}

/// What all flaglinks of this program log, as in systemd's journal.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// It is one for all stories: what one of them logs to alone can go unheard while another one begins.
    fn shared() -> &'static Self {
        static SHARED: LazyLock<Log> = LazyLock::new(|| {
            let log = Log::default();
            let writer = log.clone();
            let options = LogOptions { format: LogFormat::Journal, filter: "info".to_owned() };
            let subscriber = options.subscriber(move || writer.clone()).unwrap();
            tracing::subscriber::set_global_default(subscriber).unwrap();
            log
        });
        &SHARED
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(crate) async fn who_sent_what_was_refused_is_named_and_nobody_else(program: &impl Program) {
    let log = Log::shared();
    let (place, proxy, mut flaglink) = scene(program, Way::Own).await;
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    let sender = ip_of_its_own();
    // Whatever it says about itself.
    let forged = client_from(sender).post(&hook.url).header("X-Forwarded-For", "203.0.113.1");
    let forged = forged.header("Forwarded", "for=203.0.113.2").header("X-Real-IP", "203.0.113.3");
    let forged = forged.header("X-Gitlab-Token", "wrong").body("{}");
    assert_eq!(forged.send().await.unwrap().status(), 401);
    flaglink.stop().await;
    let said = log.text();
    // As the filter in docs/tunnels.md finds it.
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tunnels.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let filter = docs.lines().find_map(|line| line.strip_prefix("failregex = ")).unwrap();
    let filter = regex::Regex::new(&filter.replace("<HOST>", "(\\S+)")).unwrap();
    let refused = said.lines().filter_map(|line| Some(filter.captures(line)?.get(1)?.as_str()));
    let sender = sender.to_string();
    assert_eq!(refused.filter(|from| *from == sender).count(), 1, "{said}\n{}", proxy.log());
    assert!(!said.contains("203.0.113."), "{said}");
}

pub(crate) async fn only_what_webhooks_need_comes_through<P: Program>(program: &P) {
    let (place, proxy, mut flaglink) = scene(program, Way::Own).await;
    flaglink.start(&place).await;
    let get = async |path: &str| {
        let answer = client().get(format!("{}{path}", proxy.url())).send().await.unwrap();
        (answer.status().as_u16(), served_by(&answer), answer.text().await.unwrap())
    };
    let (status, _, text) = get("/healthz").await;
    assert_eq!((status, text.as_str()), (200, "ok"));
    // What flaglink itself answers where there is nothing.
    for path in ["/hooks/nothing", "/.flaglink/nothing"] {
        let (status, _, text) = get(path).await;
        assert!(status == 404 && text.contains("there is"), "{path}: {status} {text}");
    }
    for path in [
        "/",
        "/api/v1/status",
        "/metrics",
        "/readyz",
        "/hooks",
        "/hooksy/gitlab",
        "/a/hooks/gitlab",
        "/healthz/",
        "/healthzz",
        "/.flaglink",
        "/xflaglink/nothing",
        "/.git/config",
    ] {
        let (status, server, text) = get(path).await;
        assert!(status == 404 && server.starts_with(P::SERVER), "{path}: {status} {server} {text}");
        assert!(!text.contains("there is"), "{path} comes to flaglink: {text}");
    }
    flaglink.stop().await;
}

pub(crate) async fn as_large_a_body_as_gitlab_sends_comes_through_and_no_larger_one(program: &impl Program) {
    let (place, proxy, mut flaglink) = scene(program, Way::Own).await;
    flaglink.gitlab.push_str("\nwebhook_secret_file = \"by-hand\"");
    flaglink.write("by-hand", BY_HAND);
    flaglink.start(&place).await;
    let url = format!("{}/hooks/gitlab", proxy.url());
    for size in [20 * 1024 * 1024, MAX_BODY] {
        let (begin, end) = (r#"{"object_kind":"push","padding":""#, r#""}"#);
        let body = format!("{begin}{}{end}", "x".repeat(size - begin.len() - end.len()));
        assert_eq!(body.len(), size);
        let sent = client().post(&url).header("X-Gitlab-Token", BY_HAND).body(body).send().await.unwrap();
        assert_eq!(sent.status(), 200, "{size}\n{}", proxy.log());
    }
    let head = format!("POST /hooks/gitlab HTTP/1.1\r\nX-Gitlab-Token: {BY_HAND}\r\n");
    let answer = answer_to_spaces(proxy.port, &head, MAX_BODY + 1).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}\n{}", proxy.log());
    flaglink.stop().await;
}

pub(crate) async fn below_a_path_it_works_whether_the_proxy_takes_it_away_or_not(program: &impl Program) {
    for way in [Way::Kept, Way::TakenAway] {
        let (place, proxy, mut flaglink) = scene(program, way).await;
        flaglink.start(&place).await;
        let hook = place.hook_of(place.shop);
        assert!(path_of(&hook).starts_with("/flags/hooks/gitlab/"), "{}", hook.url);
        flaglink.works(&place, place.issue(place.shop)).await;
        assert_says(&doctor(&flaglink).await, "good address-answers", &["this very flaglink"]);
        for (path, expected) in [("/flags/healthz", 200), ("/healthz", 404), ("/", 404)] {
            let answer = client().get(format!("{}{path}", proxy.url())).send().await.unwrap();
            assert_eq!(answer.status(), expected, "{way:?} {path}");
        }
        flaglink.stop().await;
    }
}

pub(crate) async fn while_flaglink_is_away_the_proxy_says_so_and_doctor_names_it(program: &impl Program) {
    let (place, proxy, mut flaglink) = scene(program, Way::Own).await;
    flaglink.start(&place).await;
    let issue = place.issue(place.shop);
    flaglink.works(&place, issue).await;
    flaglink.stop().await;
    // GitLab is told that this one did not arrive.
    let hook = place.hook_of(place.shop);
    let lost = client().post(&hook.url).body("{}").send().await.unwrap();
    assert_eq!(lost.status(), 502);
    let found = doctor(&flaglink).await;
    assert_says(&found, "wrong address-reachable", &["502", "flaglink is not running", "start flaglink"]);
    // It is there again, and needs nothing from the proxy.
    flaglink.start(&place).await;
    flaglink.works(&place, issue).await;
    assert_says(&doctor(&flaglink).await, "good address-answers", &["this very flaglink"]);
    drop(proxy);
    assert_says(&doctor(&flaglink).await, "wrong address-reachable", &["refuses connections"]);
    flaglink.stop().await;
}

pub(crate) async fn a_proxy_that_leads_elsewhere_is_named(program: &impl Program) {
    let (place, proxy, mut flaglink) = scene(program, Way::Own).await;
    let listener = free_port();
    flaglink.listener = Some(listener);
    flaglink.start(&place).await;
    let found = doctor(&flaglink).await;
    let to = format!("it should forward to {listener}");
    assert_says(&found, "wrong address-answers", &["502", &to]);
    drop(proxy);
    flaglink.stop().await;
}

pub(crate) async fn connections_to_flaglink_are_given_up_before_flaglink_does(program: &impl Program) {
    for way in [Way::Own, Way::Kept, Way::TakenAway] {
        let proxy = Proxy::start(program, free_port(), way).await;
        let kept = program.keeps_idle(&proxy.folder());
        assert!(kept < ServeOptions::default().idle_timeout, "{way:?}: {kept:?}");
    }
}
