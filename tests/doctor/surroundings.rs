//! What stands around flaglink: proxies, a slow GitLab, a port without TLS, a file that is not what runs.

use std::time::{Duration, Instant, SystemTime};

use flaglink::sandbox::faults::{Fault, Rule};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::loopback::free_port;
use crate::place::{PATIENCE, Place};
use crate::proxy::{BROKEN, CLOSED, STRICT, proxy};

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_in_the_way_is_named() {
    let place = Place::quiet().await;
    let dead = free_port().to_string();
    let (closed, strict, broken) = (proxy(CLOSED).await, proxy(STRICT).await, proxy(BROKEN).await);
    for (scheme, proxy, words) in [
        ("https", &dead, "there is no way there"),
        ("http", &dead, "there is no way there"),
        ("https", &closed, "wants a user and a password"),
        ("http", &closed, "wants a user and a password"),
        ("https", &strict, "does not let flaglink through"),
        ("http", &strict, "what refuses is not GitLab's API"),
        ("http", &broken, "no good answer came"),
    ] {
        let (url, way) = (format!("{scheme}://gitlab.corp.test"), format!("http://me:hush-hush@{proxy}"));
        let env = [("FLAGLINK_GITLAB__URL", url.as_str()), ("HTTPS_PROXY", &way), ("HTTP_PROXY", &way)];
        let found = place.doctor(&["--patience", "5"], &env).await;
        let name = format!("the proxy http://{proxy}");
        found.says("wrong", "gitlab-reachable", &[name.as_str(), words, "NO_PROXY"]);
        assert!(!found.report.to_string().contains("hush-hush"), "{:#}", found.report);
    }
}

/// The client leaves out what it cannot read, without a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_names_no_proxy_is_named_and_its_value_is_not_shown() {
    let place = Place::new().await;
    for (name, value, words) in [
        ("HTTPS_PROXY", "htp://me:hush-hush@proxy.corp.test:3128", "is not the address of a proxy"),
        ("http_proxy", "http//hush-hush.corp.test", "is not the address of a proxy"),
        ("ALL_PROXY", "socks5://hush-hush.corp.test:1080", "names a SOCKS proxy"),
    ] {
        let found = place.doctor(&[], &[(name, value)]).await;
        found.says("look", "config-warning", &[name, words, "http://HOST:PORT"]);
        assert!(!found.report.to_string().contains("hush"), "{:#}", found.report);
    }
    // Without a scheme it is one, and so is none at all.
    let env = [("HTTPS_PROXY", "proxy.corp.test:3128"), ("HTTP_PROXY", ""), ("NO_PROXY", "*")];
    let found = place.doctor(&[], &env).await;
    assert!(!found.report.to_string().contains("_PROXY"), "{:#}", found.report);
}

/// A proxy before flaglink: what it passes on of a request, or what it answers itself.
async fn proxy_before(to: std::net::SocketAddr, pass: fn(&str) -> Result<String, &'static str>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let mut asked = vec![0; 4096];
            let read = from.read(&mut asked).await.unwrap_or(0);
            match pass(&String::from_utf8_lossy(&asked[..read])) {
                Err(answer) => drop(from.write_all(answer.as_bytes()).await),
                Ok(asked) => {
                    let Ok(mut to) = tokio::net::TcpStream::connect(to).await else { continue };
                    let _ = to.write_all(asked.as_bytes()).await;
                    tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut to).await });
                }
            }
        }
    });
    address
}

/// A flaglink that runs behind such a proxy.
async fn behind(pass: fn(&str) -> Result<String, &'static str>) -> Place {
    let mut place = Place::registering().await;
    let listener = place.address.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    let before = proxy_before(listener, pass).await;
    place.rewrite(
        &format!("public_url = \"{}\"", place.address),
        &format!("public_url = \"http://{before}\""),
    );
    place.start().await;
    place.until_registered().await;
    place
}

/// It lets everybody look, and answers itself where something is sent.
fn only_for_looking(asked: &str) -> Result<String, &'static str> {
    let refused = "HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    if asked.starts_with("POST") { Err(refused) } else { Ok(asked.to_owned()) }
}

/// It takes `/hooks` away from the path.
fn without_the_path(asked: &str) -> Result<String, &'static str> {
    Ok(asked.replacen(" /hooks/", " /", 1))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_lets_no_webhooks_through_is_named() {
    let place = behind(only_for_looking).await;
    let found = place.doctor(&[], &[]).await;
    found.says("good", "address-reachable", &["is reached from here"]);
    found.says("wrong", "address-answers", &["a POST to", "was answered 405", "headers and body"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_takes_the_path_away_is_named_before_a_webhook_was_lost() {
    let place = behind(without_the_path).await;
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "address-answers", &["without that path", "in nginx"]);
}

/// It passes on what GitLab sends, and not what flag services do.
fn for_gitlab_alone(asked: &str) -> Result<String, &'static str> {
    let unknown = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    if asked.contains(" /hooks/providers/") { Err(unknown) } else { Ok(asked.to_owned()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_lets_no_webhooks_of_flag_services_through_is_named() {
    let place = behind(for_gitlab_alone).await;
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "address-answers", &["a POST to", "/hooks/providers/ was answered 404"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn https_at_a_port_of_plain_http() {
    let place = Place::quiet().await;
    let url = place.gitlab.url().to_string().replace("http://", "https://");
    let found = place.doctor(&[], &[("FLAGLINK_GITLAB__URL", &url)]).await;
    found.says("wrong", "gitlab-reachable", &["does not speak TLS", "http in place of https"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_gitlab_is_said_to_be_slow() {
    let place = Place::new().await;
    place.gitlab.faults().add(Rule::everything(Fault::Delay(Duration::from_millis(2200))));
    let began = Instant::now();
    let found = place.doctor(&[], &[]).await;
    found.says("look", "gitlab-reachable", &["GitLab is slow", "2 s"]);
    assert_eq!(found.code, 0, "{:#}", found.report);
    assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_registered_webhooks_the_running_flaglink_tells_also_while_gitlab_is_slow() {
    let mut place = Place::registering().await;
    place.start().await;
    place.until_registered().await;
    place.gitlab.faults().add(Rule::everything(Fault::Delay(Duration::from_millis(2200))));
    let found = place.doctor(&["--patience", "4"], &[]).await;
    found.says("look", "gitlab-reachable", &["GitLab is slow"]);
    found.says("good", "hook-there", &["all is well"]);
    assert_eq!(found.code, 0, "{:#}", found.report);
    // Where even that takes too long it is said, and nothing else is made up.
    let found = place.doctor(&["--patience", "1"], &[]).await;
    assert!(!found.all("wrong").iter().any(|said| said.starts_with("hook-")), "{:#}", found.report);
    found.says("look", "hook-there", &["does not say within 4 s"]);
}

/// What the running flaglink asks about does not add up where it does not hang together.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_off_is_seen_also_while_all_servers_are_slow() {
    let mut place = Place::registering().await;
    place.start().await;
    place.until_registered().await;
    place.gitlab.change(|model| {
        for hook in model.hooks.values_mut() {
            hook.disabled_until = Some(jiff::Timestamp::MAX);
        }
    });
    let slow = || Rule::everything(Fault::Delay(Duration::from_millis(1500)));
    place.gitlab.faults().add(slow());
    place.flagsmith.faults().add(slow());
    place.unleash.faults().add(slow());
    let found = place.doctor(&["--patience", "4"], &[]).await;
    found.says("wrong", "hook-off", &["shop/web", "for good"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_from_before_the_secret_was_put_right_is_past() {
    let place = Place::new().await;
    let secret = |text: &str| {
        place.gitlab.change(|model| model.hooks.get_mut(&place.hook).unwrap().token = Some(text.to_owned()));
    };
    secret("another one");
    place.comment().await;
    place.doctor(&[], &[]).await.names("hook-secret", &["401"]);
    secret("a-secret-of-gitlabs-webhook");
    place.write("webhook-secret", "a-secret-of-gitlabs-webhook");
    let file = std::fs::File::options().append(true).open(place.path("webhook-secret")).unwrap();
    // Answers are told in whole seconds.
    file.set_modified(SystemTime::now() + Duration::from_secs(2)).unwrap();
    let found = place.doctor(&[], &[]).await;
    assert_eq!(found.code, 0, "{:#}", found.report);
    found.says("note", "hook-secret", &["before flaglink's secret was last changed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_what_runs() {
    let place = Place::new().await;
    place.rewrite(
        &format!("public_url = \"{}\"", place.address),
        "public_url = \"https://flags.new-name.example\"",
    );
    let found = place.doctor(&[], &[]).await;
    found.names("daemon-running", &["`public_url` in [listen]", "new-name", "start flaglink again"]);
    place.rewrite("https://flags.new-name.example", &place.address);
    place.rewrite("admin = \"127.0.0.1:0\"", "admin = \"127.0.0.1:9181\"");
    // Nobody is told before it is read.
    assert_eq!(place.doctor(&[], &[]).await.code, 0);
    assert_eq!(place.run(&["reload"], &[]).await.code, 0);
    place.doctor(&[], &[]).await.names("daemon-running", &["`listen.admin`", "start flaglink again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_that_is_not_there() {
    let mut place = Place::quiet().await;
    let agent = free_port();
    place.rewrite(&format!("public_url = \"{}\"", place.address), "public_url = \"auto\"");
    place.rewrite(
        "[store]",
        &format!("[tunnel]\nngrok = [\"{agent}\"]\ncloudflared = []\ntailscale = [\"false\"]\n\n[store]"),
    );
    place.start().await;
    let mut found = place.doctor(&[], &[]).await;
    for _ in 0..20 {
        if found.report.to_string().contains("no agent of a tunnel") {
            break;
        }
        found = place.doctor(&[], &[]).await;
    }
    let port = place.address.rsplit(':').next().unwrap();
    found.says("wrong", "public-address", &["did not say why", &format!("ngrok http {port}"), "by itself"]);
    let said = found.report.to_string();
    assert!(!said.contains("ngrok http 8080"), "{said}");
    assert_eq!(said.matches("no agent of a tunnel").count(), 1, "{said}");
}

/// What is said goes by what runs, and the new address is looked at before webhooks are led to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_public_address_that_leads_nowhere_is_named_before_the_start() {
    let place = Place::new().await;
    let nowhere = format!("http://{}", free_port());
    place.rewrite(&format!("public_url = \"{}\"", place.address), &format!("public_url = \"{nowhere}\""));
    let found = place.doctor(&[], &[]).await;
    found.names(
        "daemon-running",
        &[&nowhere, "first see to it that the new address leads here", "Then start"],
    );
    found.says("look", "daemon-running", &["flaglink.toml changed", "but for what needs a start"]);
    assert!(!found.report.to_string().contains("what is said above is judged by the files"));
}

/// What a server sends that expects TLS, and is asked without.
const WANTS_TLS: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/html\r\ncontent-length: 96\r\nconnection: close\r\n\r\n\
    <html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>      ";

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_at_a_port_of_https() {
    let place = Place::quiet().await;
    let url = format!("http://{}", proxy(WANTS_TLS).await);
    let found = place.doctor(&[], &[("FLAGLINK_GITLAB__URL", &url)]).await;
    found.says(
        "wrong",
        "gitlab-reachable",
        &["speaks TLS", "write https in place of http in `url` in [gitlab]"],
    );
    let found = place.doctor(&[], &[("FLAGLINK_PROVIDERS__FLAGSMITH__URL", &url)]).await;
    found.says("wrong", "provider-key", &["write https in place of http in `url` in [providers.flagsmith]"]);
    // One that says nothing.
    let url = format!("http://{}", proxy("").await);
    let found = place.doctor(&[], &[("FLAGLINK_GITLAB__URL", &url)]).await;
    found.says("wrong", "gitlab-reachable", &["does it speak https there?"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_flag_service_is_said_to_be_slow() {
    let place = Place::new().await;
    let slow = Fault::Delay(Duration::from_millis(2200));
    let rule = place.flagsmith.faults().add(Rule::everything(slow));
    let found = place.doctor(&["--patience", "6"], &[]).await;
    found.says("look", "provider-key", &["Flagsmith is slow", "--patience 60"]);
    place.flagsmith.faults().remove(rule);
    let rule = place.flagsmith.faults().add(Rule::new("GET", r"/webhooks/", Fault::Hold));
    let found = place.doctor(&["--patience", "2"], &[]).await;
    found.says("look", "provider-webhook", &["does not tell of its webhooks in time", "--patience 60"]);
    // That is not taken for all being well.
    let said = place.run(&["doctor", "--patience", "2"], &[]).await;
    assert!(
        said.out.contains("Nothing wrong was found, and 1 thing could not be looked at."),
        "{}",
        said.out
    );
    place.flagsmith.faults().remove(rule);
    place.flagsmith.faults().release(rule);
}

/// The file is judged as it is, and the running flaglink goes by an older one.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_and_not_read_again_is_named() {
    let place = Place::new().await;
    assert!(place.doctor(&[], &[]).await.all("look").is_empty());
    place.rewrite("match = \"shop/**\"", "match = \"shop/**\"\ntell = [\"production\"]");
    let found = place.doctor(&[], &[]).await;
    found.says("look", "daemon-running", &["flaglink.toml changed after", "`flaglink reload`"]);
    assert_eq!(place.run(&["reload"], &[]).await.code, 0);
    assert!(place.doctor(&[], &[]).await.all("look").is_empty());

    // Written again and the same: nothing is to be done.
    place.write("unleash-token", &place.unleash_token);
    assert!(place.doctor(&[], &[]).await.all("look").is_empty());
    // Another content, put there with its old time.
    place.put_old("unleash-token", &format!("{}\n", place.unleash_token));
    let found = place.doctor(&[], &[]).await;
    found.says("look", "daemon-running", &["unleash-token changed after", "`flaglink reload`"]);
    assert_eq!(place.run(&["reload"], &[]).await.code, 0);
    assert!(place.doctor(&[], &[]).await.all("look").is_empty());
}

/// Templates are read with the configuration, and forgotten with it.
#[tokio::test(flavor = "multi_thread")]
async fn templates_that_were_changed_and_not_read_again_are_named() {
    let mut place = Place::quiet().await;
    std::fs::create_dir(place.path("words")).unwrap();
    place.write("words/told.jinja", "[told_back]\n{{ flag }} is back\n");
    place.rewrite("[store]", "[templates]\nfolder = \"words\"\n\n[store]");
    place.start().await;
    assert!(place.doctor(&[], &[]).await.all("look").is_empty());
    place.put_old("words/told.jinja", "[told_back]\n{{ flag }} is there again\n");
    let found = place.doctor(&[], &[]).await;
    found.says("look", "daemon-running", &["words/told.jinja changed after", "`flaglink reload`"]);
    assert_eq!(place.run(&["reload"], &[]).await.code, 0);
    assert!(place.doctor(&[], &[]).await.all("look").is_empty());
    std::fs::remove_file(place.path("words/told.jinja")).unwrap();
    let found = place.doctor(&[], &[]).await;
    found.says("look", "daemon-running", &["told.jinja changed after", "`flaglink reload`"]);
}

/// Under systemd the running one has copies of its credentials, which a reload reads again.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_changed_credential_it_is_said_that_only_a_start_brings_it() {
    let mut place = Place::quiet().await;
    let (originals, copies) = (place.path("originals"), place.path("copies"));
    for folder in [&originals, &copies] {
        std::fs::create_dir(folder).unwrap();
        std::fs::copy(place.path("unleash-token"), folder.join("unleash-token")).unwrap();
    }
    place.start_with_credentials(&copies).await;
    let (folder, token) = (originals.display().to_string(), place.unleash_token.clone());
    let env = [("CREDENTIALS_DIRECTORY", folder.as_str())];
    assert!(place.doctor(&[], &env).await.all("look").is_empty());
    place.put_old("originals/unleash-token", &format!("{token}\n"));
    for _ in 0..2 {
        let found = place.doctor(&[], &env).await;
        found.says(
            "look",
            "daemon-running",
            &["unleash-token changed after", "`systemctl restart flaglink`"],
        );
        let reloaded = place.run(&["reload"], &[]).await;
        assert!(reloaded.code == 0 && reloaded.out.contains("those of its start"), "{}", reloaded.out);
    }
    // And of one that is refused, what has the next one read: by the daemon, and by the doctor.
    place.unleash.revoke_token(&place.unleash_token);
    place.stop().await;
    place.start_with_credentials(&copies).await;
    let restart = "`systemctl restart flaglink`";
    let found = place.doctor(&[], &env).await;
    found.says("wrong", "provider-key", &["does not accept the key of unleash", restart]);
    place.gitlab.revoke_token(&place.token);
    let found = place.doctor(&[], &env).await;
    found.says("wrong", "token-alive", &["`flaglink reload`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_refused_credential_the_daemon_says_that_only_a_start_brings_another() {
    let mut place = Place::quiet().await;
    let copies = place.path("copies");
    std::fs::create_dir(&copies).unwrap();
    std::fs::copy(place.path("unleash-token"), copies.join("unleash-token")).unwrap();
    place.unleash.revoke_token(&place.unleash_token);
    place.start_with_credentials(&copies).await;
    let began = Instant::now();
    loop {
        let found = place.doctor(&[], &[]).await;
        let all = found.all("wrong").into_iter().find(|said| said.starts_with("daemon-ready: "));
        if let Some(said) = all.filter(|said| said.contains("does not accept the key")) {
            assert!(said.contains("`systemctl restart flaglink`"), "{said}");
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{:#}", found.report);
    }
}

/// A service was away when flaglink asked it last, and is back: that is not told any more, nor that anything is to be mended.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_passed_is_not_told_and_what_only_time_mends_is_not_to_be_mended() {
    let mut place = Place::quiet().await;
    place.unleash.faults().add(Rule::everything(Fault::status(503)).times(1000));
    place.start().await;
    let mut found = place.doctor(&[], &[]).await;
    for _ in 0..20 {
        if found.report.to_string().contains("not ready") {
            break;
        }
        found = place.doctor(&[], &[]).await;
    }
    found.says("wrong", "daemon-ready", &["providers.unleash", "503", "wait: there is nothing to mend"]);
    place.unleash.faults().clear();
    // What was asked half a second ago is not asked anew, and the daemon itself asks every ten seconds.
    let cleared = Instant::now();
    let found = loop {
        let is_last = cleared.elapsed() > Duration::from_secs(4);
        let found = place.doctor(&[], &[]).await;
        if found.code == 0 || is_last {
            break found;
        }
    };
    assert_eq!(found.code, 0, "{:#}", found.report);
}

/// An agent that somebody has written down is missed, also where it is written as it is anyway.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_the_file_names_and_that_is_not_there() {
    let place = Place::quiet().await;
    let agent = free_port();
    place.rewrite(&format!("public_url = \"{}\"", place.address), "public_url = \"auto\"");
    place.rewrite(
        "[store]",
        &format!("[tunnel]\nngrok = [\"{agent}\"]\ncloudflared = []\ntailscale = [\"tailscale\"]\n\n[store]"),
    );
    let found = place.doctor(&[], &[]).await;
    let of_ngrok = [&format!("ngrok at {agent}: nothing answers there"), "take that out"];
    found.says("look", "public-address", &of_ngrok);
    let port = place.address.rsplit(':').next().unwrap();
    found.says("look", "public-address", &["no tunnel is found", &format!("ngrok http {port}"), "by itself"]);
    let folders =
        ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/snap/bin"];
    if !folders.iter().any(|folder| std::path::Path::new(folder).join("tailscale").exists()) {
        found.says("look", "public-address", &["there is no program tailscale", "`tailscale` in [tunnel]"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_to_the_admin_listener() {
    let mut place = Place::quiet().await;
    let admin = free_port();
    place.rewrite("admin = \"127.0.0.1:0\"", &format!("admin = \"{admin}\""));
    place
        .rewrite(&format!("public_url = \"{}\"", place.address), &format!("public_url = \"http://{admin}\""));
    place.start().await;
    let found = place.doctor(&[], &[]).await;
    let webhooks = place.address.trim_start_matches("http://");
    found.says("wrong", "address-answers", &["leads to flaglink's admin listener", webhooks]);
}

/// Runs the doctor where the store's folder cannot be written, also by root; `None` where this machine does not let that be.
async fn with_a_store_that_is_read_only(place: &Place) -> Option<String> {
    let script =
        "mount --bind store store && mount -o remount,bind,ro store || exit 99; exec \"$0\" doctor --json";
    let mut command = std::process::Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_flaglink")]);
    command.current_dir(place.path("")).stdin(std::process::Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().ok()?;
    output.status.code().filter(|code| *code == 1)?;
    String::from_utf8(output.stdout).ok().filter(|said| said.starts_with('{'))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_written() {
    let place = Place::quiet().await;
    std::fs::create_dir(place.path("store")).unwrap();
    place.mode("store", 0o700);
    place.doctor(&[], &[]).await.says("good", "store-folder", &["belongs to"]);
    // Not everybody may make a file system read-only.
    if let Some(said) = with_a_store_that_is_read_only(&place).await {
        assert!(said.contains("is on a file system that is read-only: flaglink cannot start"), "{said}");
        assert!(said.contains("`[store] path`"), "{said}");
    }
}
