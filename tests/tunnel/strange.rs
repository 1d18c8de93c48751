//! Agents that are none, lie, say nonsense, say too much or nothing at all.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flaglink::config::HostPattern;
use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::server::Response;
use http::StatusCode;

use crate::kit::{Here, Stand, Way, cloudflared, settings};
use crate::tls_end::with_tls;

#[tokio::test]
async fn a_false_agent_with_a_host_of_its_own_is_named_and_never_asked_there() {
    let here = Here::start().await;
    let theirs = Way::to(here.at).await;
    let agent = Stand::ngrok(&[(&theirs.url, &here.to())]).await;
    let mut settings = settings();
    settings.allow = vec![HostPattern::parse("*.ngrok.app").unwrap()];
    settings.ngrok = vec![agent.at()];
    let looking = here.look(&settings);
    let told = looking.told("no pattern of `allow` in [tunnel] fits").await;
    assert!(told.contains("write allow = [\"127.0.0.1\"]"), "{told}");
    agent.asked(4).await;
    assert_eq!((looking.address.now(), theirs.asked()), (None, 0));
}

#[tokio::test]
async fn a_false_agent_at_an_allowed_host_cannot_answer_for_us() {
    let (here, another) = (Here::start().await, Here::start().await);
    // It leads to another flaglink, which knows nothing of the question.
    let wrong = Way::to(another.at).await;
    let liar = Stand::new(|request| {
        let nonce = request.path.rsplit('/').next().unwrap().to_owned();
        Response::text(StatusCode::OK, "text/plain", nonce)
    })
    .await;
    let right = Way::to(here.at).await;
    let agent = Stand::ngrok(&[(&wrong.url, &here.to()), (&liar.url(), &here.to())]).await;
    let mut settings = settings();
    settings.ngrok = vec![agent.at()];
    let mut looking = here.look(&settings);
    let told = looking.told("another program answers").await;
    assert!(told.contains("a flaglink answers at 127.0.0.1, and does not know the path"), "{told}");
    assert_eq!(looking.address.now(), None);
    // They do not keep the right one from being found.
    agent.offers(&[(&wrong.url, &here.to()), (&liar.url(), &here.to()), (&right.url, &here.to())]);
    assert_eq!(looking.found().await, right.url);
}

#[tokio::test]
async fn an_agent_that_says_nonsense_too_much_or_nothing_holds_up_nobody() {
    let here = Here::start().await;
    let way = Way::to(here.at).await;
    let text = |body: String| Response::text(StatusCode::OK, "application/json", body);
    let nonsense = Stand::new(move |_| text("{\"tunnels\":[{\"public_url\":".to_owned())).await;
    let huge =
        Stand::new(move |_| text(format!("{{\"tunnels\":[],\"x\":\"{}\"}}", "x".repeat(2 << 20)))).await;
    let slow = Stand::ngrok(&[(&way.url, &here.to())]).await;
    slow.faults().add(Rule::everything(Fault::Hold));
    let mut settings = settings();
    settings.ngrok = vec![nonsense.at(), huge.at(), slow.at()];
    let mut looking = here.look(&settings);
    let told = looking.told("no answer in time").await;
    assert!(
        told.contains(&format!("ngrok at {}: what it says cannot be understood", nonsense.at())),
        "{told}"
    );
    assert!(told.contains(&format!("ngrok at {}: its answer is larger than 1 MB", huge.at())), "{told}");
    nonsense.offers(&[(&way.url, &here.to())]);
    assert_eq!(looking.found().await, way.url);
}

/// A program that stands for tailscale's.
fn script(folder: &Path, text: &str) -> Vec<String> {
    let file = folder.join("tailscale");
    // Written beside it and renamed: a file that is open for writing cannot be run.
    let beside = folder.join("new");
    fs::write(&beside, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&beside, &file).unwrap();
    vec![file.to_str().unwrap().to_owned(), "--socket=x y".to_owned()]
}

#[tokio::test]
async fn tailscale_is_run_without_a_shell_and_what_it_serves_to_the_world_is_taken() {
    let here = Here::start().await;
    let folder = tempfile::tempdir().unwrap();
    let place = with_tls("good", here.at).await;
    let serves = format!(
        r#"{{"Web":{{"{place}":{{"Handlers":{{"/":{{"Proxy":"http://127.0.0.1:{port}"}}}}}}}},"AllowFunnel":{{"{place}":true}}}}"#,
        port = here.at.port()
    );
    let arguments = folder.path().join("arguments");
    let mut settings = settings();
    settings.tailscale = script(
        folder.path(),
        &format!("(printf '%s|' \"$@\"; env) > {}\ncat <<'END'\n{serves}\nEND", arguments.display()),
    );
    assert_eq!(here.look(&settings).found().await, format!("https://{place}/"));
    let given = fs::read_to_string(arguments).unwrap();
    assert!(given.starts_with("--socket=x y|funnel|status|--json|"), "{given}");
    // There may be secrets in the environment.
    assert!(!given.contains("CARGO"), "{given}");
}

#[tokio::test]
async fn a_tailscale_that_is_not_there_fails_or_does_not_end_is_no_harm() {
    let here = Here::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings();
    settings.tailscale = vec![folder.path().join("none").to_str().unwrap().to_owned()];
    let told = here.look(&settings).told("not known yet").await;
    assert!(told.contains("no agent of a tunnel offers one (asked: tailscale)"), "{told}");
    assert!(told.contains(&format!("there is no program {}", settings.tailscale[0])), "{told}");
    // Nobody has said that there is one.
    settings.tailscale = vec!["tailscale".to_owned()];
    let told = here.look(&settings).told("not known yet").await;
    assert!(!told.contains("no program"), "{told}");
    let file = script(folder.path(), "echo '{}'");
    fs::set_permissions(&file[0], fs::Permissions::from_mode(0o644)).unwrap();
    settings.tailscale = file;
    here.look(&settings).told("may not be run by flaglink's user").await;

    settings.tailscale = script(folder.path(), "echo 'failed to connect to local tailscaled' >&2; exit 1");
    here.look(&settings).told("tailscale: it failed: failed to connect to local tailscaled").await;

    // What it has started holds on to its output for as long as it likes.
    settings.tailscale = script(folder.path(), "sleep 4 & exec sleep 60");
    let looking = here.look(&settings);
    looking.told("tailscale: it did not end within 3 s").await;
    looking.told("tailscale: it still has not ended since it was last asked").await;
    script(folder.path(), "echo '{}'");
    looking.told("the public address is not known yet: no agent of a tunnel offers one").await;
}

#[tokio::test]
async fn what_tailscale_serves_within_the_tailnet_only_is_told_with_what_to_type() {
    let here = Here::start().await;
    let folder = tempfile::tempdir().unwrap();
    let port = here.at.port();
    let serves = |to: u16, open: &str| {
        format!(
            r#"cat <<'END'
{{"Web":{{"host.tail1.ts.net:443":{{"Handlers":{{"/":{{"Proxy":"http://127.0.0.1:{to}"}}}}}}}}{open}}}
END"#
        )
    };
    let mut settings = settings();
    for open in ["", r#","AllowFunnel":{"host.tail1.ts.net:443":false}"#] {
        settings.tailscale = script(folder.path(), &serves(port, open));
        let told = here.look(&settings).told("not known yet").await;
        for words in [
            "https://host.tail1.ts.net/",
            "within your own network only",
            &format!("`tailscale funnel {port}`"),
        ] {
            assert!(told.contains(words), "no {words} in {told}");
        }
        assert!(!told.contains("no agent of a tunnel"), "{told}");
    }
    // Something else is served there: that is nobody's tunnel.
    settings.tailscale = script(folder.path(), &serves(port ^ 1, ""));
    let told = here.look(&settings).told("not known yet").await;
    assert!(told.contains("no agent of a tunnel") && !told.contains("own network"), "{told}");
}

/// A named tunnel's cloudflared has no quick tunnel, and a program that is not Tailscale's prints anything.
#[tokio::test]
async fn a_cloudflared_without_a_quick_tunnel_and_a_program_that_prints_rubbish_are_told_with_what_to_do() {
    let here = Here::start().await;
    let folder = tempfile::tempdir().unwrap();
    let named = Stand::new(cloudflared("")).await;
    let mut settings = settings();
    settings.cloudflared = vec![named.at()];
    settings.tailscale = script(folder.path(), "echo rubbish");
    let looking = here.look(&settings);
    let told = looking.told("without a quick tunnel").await;
    assert!(told.contains("write that address as `public_url` in [listen]"), "{told}");
    let told = looking.told("what it prints cannot be understood").await;
    assert!(told.contains("`tailscale funnel status --json`") && !told.contains("its own API"), "{told}");
}
