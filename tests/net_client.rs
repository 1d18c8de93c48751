//! The HTTP client against servers that redirect, stall, break off, refuse and say odd things.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/answering.rs"]
mod answering;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use answering::{Answer, Server, json, text};
use flaglink::net::{Failure, HttpClient, HttpOptions, Sent};
use flaglink::telemetry::Metrics;
use http::StatusCode;
use serde_json::json as value;

fn options() -> HttpOptions {
    HttpOptions {
        peer: "gitlab".to_owned(),
        timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(2),
        in_flight: 4,
        ca_file: None,
    }
}

fn client(options: HttpOptions) -> HttpClient {
    HttpClient::new(options, Arc::new(Metrics::default())).unwrap()
}

fn get(server: &Server, path: &str) -> http::Request<Vec<u8>> {
    http::Request::get(server.url.join(path).unwrap().as_str())
        .header("private-token", "glpat-very-secret")
        .body(Vec::new())
        .unwrap()
}

async fn failure_of(answer: impl Fn() -> Answer + Send + Sync + 'static) -> Failure {
    let server = Server::start(move |_| answer()).await;
    client(options()).send(get(&server, "/api/v4/user?private=value")).await.unwrap_err()
}

#[tokio::test]
async fn a_good_answer_comes_back_whole_and_says_who_asked() {
    let server = Server::start(|_| json(201, value!({"id": 7})).with("x-next-page", "2")).await;
    let answer = client(options()).send(get(&server, "/x")).await.unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["x-next-page"], "2");
    assert_eq!(answer.body().as_ref(), br#"{"id":7}"#);
    let agent = server.seen()[0].headers["user-agent"].to_str().unwrap().to_owned();
    assert_eq!(agent, format!("flaglink/{}", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn a_body_arrives_as_it_was_given() {
    let server = Server::start(|_| json(200, value!({}))).await;
    let request = http::Request::put(server.url.as_str()).body(r#"{"body": "grüße"}"#.into());
    client(options()).send(request.unwrap()).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.json()["body"].as_str()), ("PUT", Some("grüße")));
}

#[tokio::test]
async fn an_answer_without_a_body_is_a_good_answer() {
    let server = Server::start(|_| text(204, "text/plain", "")).await;
    assert_eq!(client(options()).send(get(&server, "/x")).await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_redirect_is_never_followed_and_the_token_stays_here() {
    let elsewhere = Server::start(|_| json(200, value!({}))).await;
    for status in [301, 302, 303, 307, 308] {
        let target = elsewhere.url.join("/stolen?token=1").unwrap().to_string();
        let server =
            Server::start(move |_| text(status, "text/plain", "moved").with("location", &target)).await;
        let failure = client(options()).send(get(&server, "/x")).await.unwrap_err();
        assert_eq!((failure.status, failure.sent), (Some(status), Sent::No));
        assert!(failure.message.contains("redirects are not followed"), "{}", failure.message);
        assert!(failure.message.contains(elsewhere.url.as_str()), "{}", failure.message);
        assert!(!failure.message.contains("token"), "{}", failure.message);
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_words_without_query_or_token() {
    let failure = failure_of(|| {
        json(403, value!({"message": "403 Forbidden\u{1b}[31m\n\nno \u{202e}glpat-very-secret"}))
    })
    .await;
    assert_eq!((failure.status, failure.sent, failure.is_passing()), (Some(403), Sent::No, false));
    assert_eq!(failure.said, "403 Forbidden [31m no [secret]");
    assert!(failure.message.starts_with("GET 127.0.0.1:"), "{}", failure.message);
    assert!(
        failure.message.ends_with("/api/v4/user: 403 Forbidden: 403 Forbidden [31m no [secret]"),
        "{}",
        failure.message
    );
    assert!(!failure.message.contains("value"));
}

#[tokio::test]
async fn the_secret_of_another_request_is_hidden_as_well() {
    let server = Server::start(|_| json(403, value!({"message": "not with glpat-very-secret"}))).await;
    let client = client(options());
    client.send(get(&server, "/x")).await.unwrap_err();
    let other = http::Request::get(server.url.as_str()).header("private-token", "glpat-of-another-project");
    let failure = client.send(other.body(Vec::new()).unwrap()).await.unwrap_err();
    assert_eq!(failure.said, "not with [secret]");
}

#[tokio::test]
async fn a_secret_that_is_said_back_is_hidden_in_every_form_and_so_is_what_addresses_hide() {
    for (said_back, told) in [
        ("Z2xwYXQtdmVyeS1zZWNyZXQ= is bad", "[secret] is bad"),
        ("Z2xwYXQtdmVyeS1zZWNyZXQ is bad", "[secret] is bad"),
        ("key=glpat%2Dvery%2dsecret", "key=[secret]"),
        ("see https://bot:hunter2@gate.example/in?token=hunter2#x", "see https://…@gate.example/in?…"),
        ("see https://gate.example/in.", "see https://gate.example/in."),
        ("GET /api/v4/user?private_token=hunter2", "GET /api/v4/user?…"),
        ("is/was it? a=b", "is/was it? a=b"),
        ("100% sure, 3 of 4", "100% sure, 3 of 4"),
    ] {
        let failure = failure_of(move || json(400, value!({"message": said_back}))).await;
        assert_eq!(failure.said, told);
    }
}

#[tokio::test]
async fn every_shape_of_an_error_body_becomes_a_short_line() {
    let said = |status: u16, kind: &'static str, body: String| async move {
        failure_of(move || text(status, kind, &body)).await.said
    };
    assert_eq!(
        said(404, "application/json", value!({"message": "404 Project Not Found"}).to_string()).await,
        "404 Project Not Found"
    );
    for (body, told) in [
        (value!({"message": {"title": ["is missing", "is short"], "x": []}}), "title: is missing is short"),
        (value!({"message": {"base": ["Too many webhooks"]}}), "Too many webhooks"),
        (value!({"name": ["Is taken."], "non_field_errors": ["No."]}), "name: Is taken.; No."),
        (value!({"default": {"value": ["'abc' is no integer"]}}), "default: value: 'abc' is no integer"),
        (value!(["Feature 'x' not found"]), "Feature 'x' not found"),
        (
            value!({"name": "BadDataError", "message": "Refer to the `details` list.", "details": [{"message": "not \"ü\""}]}),
            "not \"ü\"",
        ),
        (
            value!({"name": "NameExistsError", "message": "is there", "details": [{"message": "is there"}]}),
            "is there",
        ),
        (value!({"message": "see `details`", "details": []}), "see `details`"),
        (value!({"message": {}}), ""),
    ] {
        assert_eq!(said(400, "application/json", body.to_string()).await, told, "{body}");
    }
    assert_eq!(
        said(
            403,
            "application/json",
            value!({"error": "insufficient_scope", "error_description": "needs api"}).to_string()
        )
        .await,
        "insufficient_scope: needs api"
    );
    assert_eq!(
        said(401, "application/json", value!({"detail": "Invalid token."}).to_string()).await,
        "Invalid token."
    );
    assert_eq!(
        said(
            502,
            "text/html",
            "<!doctype html>\n<html><head><TITLE >GitLab is\n not responding (502)</TITLE></head><body>much"
                .to_owned()
        )
        .await,
        "GitLab is not responding (502)"
    );
    assert_eq!(said(502, "text/html", "<html>no title".to_owned()).await, "");
    assert_eq!(said(500, "text/plain", String::new()).await, "");
    let long = said(500, "text/plain", "ä".repeat(100_000)).await;
    assert_eq!(long, format!("{}…", "ä".repeat(200)));
}

#[tokio::test]
async fn what_a_status_says_about_the_work() {
    for (status, sent, passing) in [
        (302, Sent::No, true),
        (400, Sent::No, false),
        (404, Sent::No, false),
        (408, Sent::No, true),
        // "Resource lock": somebody else holds it for a moment.
        (409, Sent::No, true),
        (422, Sent::No, false),
        (500, Sent::Perhaps, true),
        (502, Sent::StillAtWork, true),
        (503, Sent::StillAtWork, true),
        (504, Sent::StillAtWork, true),
        (524, Sent::StillAtWork, true),
    ] {
        let failure = failure_of(move || json(status, value!({}))).await;
        assert_eq!((failure.status, failure.sent, failure.is_passing()), (Some(status), sent, passing));
        assert_eq!(failure.retry_after, None);
    }
}

#[tokio::test]
async fn a_server_that_never_answers_may_still_be_at_work() {
    let server = Server::start(|_| Answer::Never).await;
    let client = client(HttpOptions { timeout: Duration::from_millis(200), ..options() });
    let failure = client.send(get(&server, "/x?q=secret")).await.unwrap_err();
    assert_eq!((failure.status, failure.sent), (None, Sent::StillAtWork));
    assert!(failure.message.ends_with("/x: no answer within 200 ms"), "{}", failure.message);
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    for (status, sent) in [
        (StatusCode::CREATED, Sent::StillAtWork),
        (StatusCode::INTERNAL_SERVER_ERROR, Sent::StillAtWork),
        (StatusCode::NOT_FOUND, Sent::No),
    ] {
        let failure = failure_of(move || Answer::Half(status)).await;
        assert_eq!(failure.sent, sent, "{status}");
        assert!(failure.message.contains("the answer broke off"), "{}", failure.message);
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let failure = failure_of(|| text(200, "text/plain", &"x".repeat(33 * 1024 * 1024))).await;
    assert_eq!((failure.status, failure.sent), (None, Sent::Perhaps));
    assert!(failure.message.contains("larger than 32 MB"), "{}", failure.message);
}

#[tokio::test]
async fn where_nothing_listens_nothing_was_sent() {
    let gone = Server::start(|_| Answer::Never).await.url.clone();
    // The port is free again as soon as the server's task is gone.
    let failure = loop {
        let request = http::Request::post(gone.join("/x").unwrap().as_str()).body(Vec::new()).unwrap();
        let client = client(HttpOptions { timeout: Duration::from_millis(300), ..options() });
        let failure = client.send(request).await.unwrap_err();
        if failure.sent == Sent::No {
            break failure;
        }
    };
    assert_eq!(failure.status, None);
    assert!(failure.is_passing());
    assert!(
        failure.message.starts_with("POST 127.0.0.1:") && failure.message.contains("no connection"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn without_an_agreement_on_tls_nothing_was_sent() {
    let server = Server::start(|_| json(200, value!({}))).await;
    let mut url = server.url.clone();
    url.set_scheme("https").unwrap();
    let failure =
        client(options()).send(http::Request::get(url.as_str()).body(Vec::new()).unwrap()).await.unwrap_err();
    assert_eq!((failure.status, failure.sent), (None, Sent::No));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn an_address_without_a_server_is_refused_here() {
    let failure = client(options())
        .send(http::Request::get("/just/a/path").body(Vec::new()).unwrap())
        .await
        .unwrap_err();
    assert_eq!((failure.status, failure.sent), (None, Sent::No));
}

#[tokio::test]
async fn a_429_keeps_every_later_request_of_its_host_waiting_also_over_a_clone() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => json(429, value!({"message": "Too many requests"})).with("retry-after", "2"),
        _ => json(200, value!({})),
    })
    .await;
    let other = Server::start(|_| json(200, value!({}))).await;
    let client = client(options());
    let failure = client.send(get(&server, "/a")).await.unwrap_err();
    assert_eq!((failure.sent, failure.retry_after), (Sent::No, Some(Duration::from_secs(2))));

    let started = Instant::now();
    client.send(get(&other, "/free")).await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(1900), "another host is not to wait");

    let (one, two) = (client.clone(), client.clone());
    let (one, two) = tokio::join!(one.send(get(&server, "/b")), two.send(get(&server, "/c")));
    one.unwrap();
    two.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    for later in &seen[1..] {
        assert!(later.at - seen[0].at >= Duration::from_millis(1950), "{:?}", later.at - seen[0].at);
    }
}

#[tokio::test]
async fn a_long_wait_is_given_back_instead_of_held() {
    let server = Server::start(|_| json(429, value!({})).with("retry-after", "90")).await;
    let client = client(options());
    assert_eq!(client.send(get(&server, "/a")).await.unwrap_err().retry_after, Some(Duration::from_secs(90)));
    let kept_back = client.send(get(&server, "/b")).await.unwrap_err();
    assert_eq!((kept_back.status, kept_back.sent), (None, Sent::No));
    let wait = kept_back.retry_after.unwrap();
    assert!(wait > Duration::from_secs(80) && wait <= Duration::from_secs(90), "{wait:?}");
    assert!(kept_back.message.contains("left alone for another"), "{}", kept_back.message);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn how_long_a_server_asks_to_be_left_alone() {
    let later = |seconds: u64| {
        httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000 + seconds))
    };
    // The server's clock is years ahead of ours: only the difference counts.
    let date = later(0);
    type Headers = Vec<(&'static str, String)>;
    let cases: [(u16, Headers, Option<u64>); 13] = [
        (429, vec![("retry-after", "12".to_owned())], Some(12)),
        (429, vec![("retry-after", later(45)), ("date", date.clone())], Some(45)),
        (429, vec![("ratelimit-reset", "1900000020".to_owned()), ("date", date.clone())], Some(20)),
        (
            429,
            vec![
                ("retry-after", "7".to_owned()),
                ("ratelimit-reset", "1900000020".to_owned()),
                ("date", date.clone()),
            ],
            Some(7),
        ),
        (429, vec![("ratelimit-reset", "5".to_owned())], Some(1)),
        (429, vec![], Some(30)),
        (429, vec![("retry-after", "soon".to_owned())], Some(30)),
        (429, vec![("retry-after", "0".to_owned())], Some(1)),
        (429, vec![("retry-after", "99999999999".to_owned())], Some(3600)),
        (429, vec![("retry-after", "-3".to_owned()), ("ratelimit-reset", u64::MAX.to_string())], Some(30)),
        (503, vec![("retry-after", "9".to_owned())], Some(9)),
        (503, vec![], None),
        (500, vec![("retry-after", "9".to_owned())], None),
    ];
    for (status, headers, expected) in cases {
        let told = headers.clone();
        let failure = failure_of(move || {
            headers.iter().fold(json(status, value!({})), |answer, (name, value)| answer.with(name, value))
        })
        .await;
        assert_eq!(failure.retry_after.map(|wait| wait.as_secs()), expected, "{status} {told:?}");
    }
}

#[tokio::test]
async fn no_more_requests_are_in_flight_than_allowed() {
    let server =
        Server::start(|seen| if seen.target == "/slow" { Answer::Never } else { json(200, value!({})) })
            .await;
    let client = client(HttpOptions { timeout: Duration::from_millis(300), in_flight: 1, ..options() });
    let (slow, next) = tokio::join!(client.send(get(&server, "/slow")), client.send(get(&server, "/next")));
    assert_eq!(slow.unwrap_err().sent, Sent::StillAtWork);
    next.unwrap();
    let seen = server.seen();
    assert!(seen[1].at - seen[0].at >= Duration::from_millis(250));
}

/// The environment of a process is set before it starts: this test runs another one in a process of its own.
#[test]
fn a_proxy_is_used_but_not_for_this_machine_itself() {
    let with_proxy = |test: &str| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--include-ignored"])
            .env("HTTP_PROXY", "http://127.0.0.1:9")
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .output()
            .unwrap()
    };
    assert!(with_proxy("a_good_answer_comes_back_whole_and_says_who_asked").status.success());
    assert!(with_proxy("helper_for_the_proxy_a_name_elsewhere_goes_there").status.success());
}

#[tokio::test]
#[ignore = "needs an environment with a proxy: run by a_proxy_is_used_but_not_for_this_machine_itself"]
async fn helper_for_the_proxy_a_name_elsewhere_goes_there() {
    // A name that no resolver knows: with a proxy it is the proxy that cannot be reached.
    let request = http::Request::get("http://flags.invalid/x").body(Vec::new()).unwrap();
    let failure = client(options()).send(request).await.unwrap_err();
    assert_eq!(failure.sent, Sent::No);
    assert!(failure.message.contains("refused"), "{}", failure.message);
}

#[tokio::test]
async fn further_certificates_come_from_a_file_that_must_hold_some() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roots.pem");
    let make = || {
        HttpClient::new(
            HttpOptions { ca_file: Some(file.clone()), ..options() },
            Arc::new(Metrics::default()),
        )
    };
    assert!(make().unwrap_err().to_string().contains("cannot be read"));
    std::fs::write(&file, "not a certificate").unwrap();
    assert!(make().unwrap_err().to_string().contains("no certificate"));
    std::fs::write(&file, ROOT).unwrap();
    make().unwrap();
}

/// A root certificate that nothing is signed with.
const ROOT: &str = "-----BEGIN CERTIFICATE-----
MIIBhjCCAS2gAwIBAgIUW9UcxhBSVZyc6pJt8zOs5J7W7kIwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNTm9ib2R5J3Mgcm9vdDAgFw0yNjExMjMwMDQzNTdaGA8yMTI2
MTAzMDAwNDM1N1owGDEWMBQGA1UEAwwNTm9ib2R5J3Mgcm9vdDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABNluCydm2/RC7DQl+3V0B4DsilbbzjG2T9FAe6ykmdZV
3Midhgd0L9P+/VmQ9jYuL6HUy6Q38IW4fbf1z8Iw5/mjUzBRMB0GA1UdDgQWBBSh
rw+3kvyauXauavd3uc5p5u3l2DAfBgNVHSMEGDAWgBShrw+3kvyauXauavd3uc5p
5u3l2DAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIFAYDHHTXJSK
NZwqHFTr57rGqIW+N19J/s3BKtBX8JlHAiAY3Ag3ult6iT88p8BnhZRahOh6f24s
3qGXivJ6qZTjaA==
-----END CERTIFICATE-----
";

#[test]
fn where_the_other_side_is_is_cut_out_of_what_comments_say() {
    for (message, told) in [
        ("PUT flags.corp:8000/api/v1/x/: 403 Forbidden: no: never", "403 Forbidden: no: never"),
        ("GET flags.corp/x: 302 Found to https://sso.corp/in, and redirects are not followed", "302 Found"),
        ("GET flags.corp/x: no connection (certificate not valid for name \"flags.corp\")", "no connection"),
        (
            "GET flags.corp/x: the connection broke before an answer came (flags.corp)",
            "the connection broke before an answer came",
        ),
        ("GET flags.corp/x: no answer within 10 s", "no answer within 10 s"),
        ("it is away: for now", "it is away: for now"),
    ] {
        assert_eq!(flaglink::net::without_request(message), told);
    }
}
