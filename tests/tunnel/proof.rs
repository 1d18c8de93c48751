//! The proof, and in words why there is none.

use flaglink::sandbox::server::Response;
use flaglink::tunnel::{Prover, Trouble};
use http::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use url::Url;

use crate::kit::{Here, Stand, Way};
use crate::tls_end::with_tls;

fn page(status: u16, text: &str) -> Response {
    Response::text(StatusCode::from_u16(status).unwrap(), "text/html", text.to_owned())
}

#[tokio::test]
async fn whoever_answers_the_question_was_told_the_answer_here() {
    let here = Here::start().await;
    let way = Way::to(here.at).await;
    here.prover.prove(&way.url()).await.unwrap();
    // An address with a path, which is taken away on the way, or not.
    let way = Way::below(here.at, "/flags").await;
    let mut below = way.url();
    below.set_path("/flags/");
    here.prover.prove(&below).await.unwrap();
    let way = Way::to(here.at).await;
    let mut kept = way.url();
    kept.set_path("/a%20b/flags/");
    here.prover.prove(&kept).await.unwrap();
    // A path that is half taken away is neither.
    let way = Way::below(here.at, "/x").await;
    for path in ["/x/y/", "/y/"] {
        let mut half = way.url();
        half.set_path(path);
        assert_eq!(here.prover.prove(&half).await.unwrap_err().trouble, Trouble::NotFound, "{path}");
    }
}

#[tokio::test]
async fn the_question_is_answered_only_while_it_is_asked_and_only_in_its_place() {
    let here = Here::start().await;
    let get = async |path: String, method: http::Method| {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.request(method, format!("http://{}{path}", here.at)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let proving = here.nonces.begin("/flags/").unwrap();
    let nonce = proving.nonce().to_owned();
    let (status, answer) = get(format!("/.flaglink/{nonce}"), http::Method::GET).await;
    assert!(
        status == 200 && proving.is_answered_by(answer.as_bytes()) && !answer.contains(&nonce),
        "{answer}"
    );
    assert_eq!(get(format!("/flags/.flaglink/{nonce}?x"), http::Method::GET).await, (200, answer.clone()));
    assert_eq!(get(format!("/.flaglink/{nonce}"), http::Method::POST).await.0, 405);
    for path in [
        format!("/other/.flaglink/{nonce}"),
        format!("/.flaglink/{nonce}/"),
        format!("/.flaglink/{}", &nonce[1..]),
        format!("/.flaglink/{answer}"),
        "/.flaglink/".to_owned(),
        "/.flaglink".to_owned(),
        format!("/x.flaglink/{nonce}"),
    ] {
        assert_eq!(get(path.clone(), http::Method::GET).await.0, 404, "{path}");
    }
    assert!(!proving.is_answered_by(b"") && !proving.is_answered_by(nonce.as_bytes()));
    drop(proving);
    assert_eq!(get(format!("/.flaglink/{nonce}"), http::Method::GET).await.0, 404);
    // Nobody can have them without end.
    let all: Vec<_> = std::iter::from_fn(|| here.nonces.begin("/")).take(100).collect();
    assert!(all.len() < 100);
}

#[tokio::test]
async fn each_way_to_fail_has_its_sentence() {
    let here = Here::start().await;
    let stand = Stand::new(|_| page(200, "")).await;
    let url = Url::parse(&stand.url()).unwrap();
    let to = here.at.to_string();
    for (answer, trouble, words) in [
        (
            page(404, "<title>Endpoint offline</title> ERR_NGROK_3200"),
            Trouble::TunnelOffline,
            "the tunnel is offline",
        ),
        (
            page(404, "").with_header("Ngrok-Error-Code", "ERR_NGROK_3200"),
            Trouble::TunnelOffline,
            "ERR_NGROK_3200",
        ),
        (page(502, "").with_header("Ngrok-Error-Code", "ERR_NGROK_8012"), Trouble::Upstream, to.as_str()),
        (page(200, "<html>ERR_NGROK_6024"), Trouble::Page, "warning for browsers"),
        (
            page(403, "").with_header("Ngrok-Error-Code", "ERR_NGROK_99123"),
            Trouble::TunnelOffline,
            "errors/err_ngrok_99123",
        ),
        (page(530, "error code: 1033"), Trouble::TunnelOffline, "is cloudflared running?"),
        (
            page(302, "").with_header("Location", "https://sso.example/?hidden=1"),
            Trouble::Redirect,
            "to https://sso.example/,",
        ),
        (page(401, "<title>Who are\n you?</title>"), Trouble::SignIn, "(401) (\"Who are you?\")"),
        (page(404, "there is nothing here\n"), Trouble::NotFound, "a flaglink answers"),
        (page(404, "<h1>Not Found</h1>"), Trouble::NotFound, "Forward /hooks/, /healthz and /.flaglink/ to"),
        (page(429, ""), Trouble::Limited, "429"),
        (
            page(502, "<TITLE>502 Bad Gateway</TITLE>"),
            Trouble::Upstream,
            "(502) (\"502 Bad Gateway\"): it should forward to",
        ),
        (page(200, "<!doctype html><title>Welcome to nginx!</title>"), Trouble::Page, "Welcome to nginx!"),
        (
            Response::text(StatusCode::OK, "text/plain", "ok"),
            Trouble::OtherProgram,
            "another program answers",
        ),
        (page(200, &"<".repeat(1 << 20)), Trouble::Page, "a page for browsers"),
    ] {
        let seen = format!("{answer:?}");
        stand.says(move |_| answer.clone());
        let unproven = here.prover.prove(&url).await.unwrap_err();
        assert_eq!(unproven.trouble, trouble, "{}\n{seen:.300}", unproven.why);
        assert!(unproven.why.contains(words), "no {words:?} in: {}", unproven.why);
        assert!(!unproven.why.contains("hidden") && !unproven.why.contains('\n'), "{}", unproven.why);
    }
    // Nobody there; nobody of that name; not TLS; nothing that is HTTP.
    drop(stand);
    let port = here.at.port();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = free.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = free.accept().await {
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
        }
    });
    for (url, trouble, words) in [
        ("http://127.0.0.1:1/".to_owned(), Trouble::Refused, "refuses connections on port 1"),
        // Too long for a name: no server is asked for it.
        (format!("http://{}.example/", "x".repeat(64)), Trouble::Name, "is not known"),
        (format!("https://{}:{port}/", here.at.ip()), Trouble::Tls, "does not speak TLS. Is it plain http"),
        (format!("http://{closed}/"), Trouble::Broken, "Is http right in the address"),
    ] {
        let unproven = here.prover.prove(&Url::parse(&url).unwrap()).await.unwrap_err();
        assert_eq!(unproven.trouble, trouble, "{}", unproven.why);
        assert!(unproven.why.contains(words), "no {words:?} in: {}", unproven.why);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told() {
    let here = Here::start().await;
    for (certificate, words) in
        [("expired", "has expired"), ("future", "is not valid yet"), ("other", "is for another name")]
    {
        let url = format!("https://{}/", with_tls(certificate, here.at).await);
        let unproven = here.prover.prove(&Url::parse(&url).unwrap()).await.unwrap_err();
        assert_eq!(unproven.trouble, Trouble::Tls, "{}", unproven.why);
        assert!(unproven.why.contains(words), "no {words:?} in: {}", unproven.why);
    }
    let url = Url::parse(&format!("https://{}/", with_tls("good", here.at).await)).unwrap();
    let without_ca = Prover::new(here.nonces.clone(), here.at, None).unwrap();
    let unproven = without_ca.prove(&url).await.unwrap_err();
    assert!(
        unproven.trouble == Trouble::Tls && unproven.why.contains("nobody whom this machine trusts"),
        "{unproven}"
    );
    here.prover.prove(&url).await.unwrap();
}
