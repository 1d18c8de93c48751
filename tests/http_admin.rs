//! The admin listener, the API and the unix socket: who is let in, what is answered, and that the description is true.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/http.rs"]
mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flaglink::domain::Noteable;
use flaglink::http::api_letter::{QueueItem, QueuedRequest};
use flaglink::http::api_types::{
    AddressProof, GitlabStatus, Health, LettersDealt, LinkedNoteable, LinksChange, LinksChanged, LinksPage,
    Queue, Reloaded, Status,
};
use flaglink::http::{
    Admin, AdminView, ApiDoc, Gate, Listener, Route, ServeOptions, SocketError, TcpGate, bind_socket, serve,
};
use flaglink::pipeline::{How, Which};
use flaglink::store::StoreError;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue};
use hyper::{StatusCode, Uri};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;

use support::{PATIENCE, Running, body, header, status};

/// A daemon with `noteables` linked issues.
#[derive(Default)]
struct Daemon {
    problems: Mutex<Vec<String>>,
    noteables: u64,
    export: usize,
    damaged: bool,
    remarks: Vec<String>,
    dealt: Arc<Mutex<Vec<(How, Which)>>>,
}

impl Daemon {
    fn damage(&self) -> Result<(), StoreError> {
        if self.damaged { Err(StoreError::Damaged("a page is torn".to_owned())) } else { Ok(()) }
    }
}

#[async_trait]
impl AdminView for Daemon {
    async fn readiness(&self) -> Vec<String> {
        self.problems.lock().unwrap().clone()
    }

    fn metrics(&self) -> String {
        "# TYPE flaglink_deliveries counter\nflaglink_deliveries_total 1\n# EOF\n".to_owned()
    }

    async fn status(&self) -> Status {
        Status {
            version: "1.2.3".to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            public_url: None,
            uptime_seconds: 5,
            webhooks: Vec::new(),
            gitlab: GitlabStatus {
                instance: None,
                url: "https://gitlab.example.com/".to_owned(),
                webhooks_refused: None,
                bot: None,
                health: Health::Bad { why: "it does not answer".to_owned() },
            },
            providers: Vec::new(),
            at_the_next_start: Vec::new(),
            config_read_at: None,
            config_digest: None,
            config_files: None,
        }
    }

    async fn queue(&self, _limit: usize) -> Result<Queue, StoreError> {
        self.damage()?;
        Ok(Queue::default())
    }

    async fn believe(&self, provider: &str) -> Result<Option<usize>, StoreError> {
        self.damage()?;
        Ok((provider == "flagsmith").then_some(7))
    }

    async fn change_links(&self, change: LinksChange) -> LinksChanged {
        LinksChanged { applied: change.apply, links: Vec::new() }
    }

    async fn reload(&self) -> Result<Reloaded, String> {
        match self.problems.lock().unwrap().first() {
            Some(problem) => Err(format!("flaglink.toml:3: {problem}")),
            None => Ok(Reloaded {
                rules: 2,
                providers: 1,
                warnings: Vec::new(),
                at_the_next_start: vec!["store.path".to_owned()],
                secrets_of_the_start: false,
            }),
        }
    }

    async fn remarks(&self) -> Vec<String> {
        self.remarks.clone()
    }

    async fn prove_address(&self) -> AddressProof {
        AddressProof { url: None, proven: false, why: None, trouble: None }
    }

    async fn queue_item(&self, id: u64) -> Result<Option<QueueItem>, StoreError> {
        self.damage()?;
        Ok((id == 12).then(|| QueueItem {
            id,
            dead: true,
            what: "delivery".to_owned(),
            about: None,
            work: None,
            begun: None,
            given_up: None,
            attempts: 1,
            next_try: None,
            reason: None,
            todo: None,
            request: QueuedRequest::Unknown { json: "what mara wrote".to_owned() },
        }))
    }

    async fn deal(&self, how: How, which: Which) -> Result<LettersDealt, StoreError> {
        self.damage()?;
        self.dealt.lock().unwrap().push((how, which));
        Ok(LettersDealt { done: vec![12], ..LettersDealt::default() })
    }

    async fn links(&self, after: Option<&Noteable>, limit: usize) -> Result<LinksPage, StoreError> {
        self.damage()?;
        let from = after.map_or(0, |noteable| noteable.iid);
        let to = self.noteables.min(from + limit as u64);
        let name = |iid: u64| format!("here/7/issues/{iid}");
        Ok(LinksPage {
            noteables: (from + 1..=to)
                .map(|iid| LinkedNoteable {
                    noteable: name(iid),
                    kind: "issue".to_owned(),
                    project: "shop/web".to_owned(),
                    project_id: 7,
                    iid,
                    title: None,
                    url: String::new(),
                    state: "opened".to_owned(),
                    draft: false,
                    confidential: true,
                    links: Vec::new(),
                })
                .collect(),
            next: (to < self.noteables).then(|| name(to)),
        })
    }

    async fn export(&self, pieces: mpsc::Sender<Bytes>) -> Result<(), StoreError> {
        for number in 0..self.export {
            if pieces.send(format!("{{\"line\":{number}}}\n").into()).await.is_err() {
                return Ok(());
            }
        }
        self.damage()
    }
}

fn options() -> ServeOptions {
    ServeOptions { header_timeout: Duration::from_secs(2), ..ServeOptions::default() }
}

async fn server(daemon: Daemon) -> Running {
    let bound: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let gate = Gate::Tcp(TcpGate::new(bound, "127.0.0.1:9180", None));
    Running::start(Arc::new(Admin::new(Arc::new(daemon), gate)), options()).await
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

/// The body of an answer that may be sent in chunks.
fn whole(answer: &str) -> String {
    if header(answer, "transfer-encoding").is_none() {
        return body(answer).to_owned();
    }
    let mut rest = body(answer);
    let mut whole = String::new();
    while let Some((size, more)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        whole += &more[..size];
        if size == 0 {
            break;
        }
        rest = &more[size + 2..];
    }
    whole
}

#[tokio::test]
async fn it_says_whether_it_is_alive_and_whether_it_is_well() {
    let server = server(Daemon::default()).await;
    let alive = server.say(get("/healthz")).await;
    assert_eq!((status(&alive), body(&alive)), (200, "ok"));
    let ready = server.say(get("/readyz")).await;
    assert_eq!((status(&ready), body(&ready)), (200, "ready"));
    assert_eq!(header(&ready, "cache-control"), Some("no-store"));
    assert_eq!(header(&ready, "content-type"), Some("text/plain; charset=utf-8"));

    let problems = vec!["the store cannot be written".to_owned(), "GitLab refuses the token".to_owned()];
    let server = self::server(Daemon { problems: Mutex::new(problems), ..Daemon::default() }).await;
    let ready = server.say(get("/readyz")).await;
    assert_eq!(status(&ready), 503);
    assert_eq!(body(&ready), "the store cannot be written\nGitLab refuses the token\n");
    assert_eq!(status(&server.say(get("/healthz")).await), 200, "alive is not well");
}

#[tokio::test]
async fn metrics_come_with_the_type_that_prometheus_needs() {
    let server = server(Daemon::default()).await;
    let answer = server.say(get("/metrics")).await;
    assert_eq!(status(&answer), 200);
    assert!(header(&answer, "content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(body(&answer).contains("flaglink_deliveries_total 1"));
}

#[tokio::test]
async fn links_come_in_pages_that_together_are_all() {
    let server = server(Daemon { noteables: 25, ..Daemon::default() }).await;
    let mut wire = server.connect().await;
    let mut seen = Vec::new();
    let mut path = "/api/v1/links?limit=10".to_owned();
    let mut pages = 0;
    loop {
        wire.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        let head = wire.until("\r\n\r\n").await;
        let mut json = vec![0; header(&head, "content-length").unwrap().parse().unwrap()];
        timeout(PATIENCE, wire.0.read_exact(&mut json)).await.unwrap().unwrap();
        let page: LinksPage = serde_json::from_slice(&json).unwrap();
        seen.extend(page.noteables.into_iter().map(|noteable| noteable.iid));
        pages += 1;
        let Some(next) = page.next else { break };
        path = format!("/api/v1/links?limit=10&after={}", next.replace('/', "%2F"));
    }
    assert_eq!(pages, 3);
    assert_eq!(seen, (1..=25).collect::<Vec<_>>());
}

#[tokio::test]
async fn parameters_that_cannot_be_meant_are_named() {
    let server = server(Daemon::default()).await;
    for (path, word) in [
        ("/api/v1/links?limit=0", "limit"),
        ("/api/v1/links?limit=1001", "limit"),
        ("/api/v1/links?limit=-1", "limit"),
        ("/api/v1/links?limit=99999999999999999999", "limit"),
        ("/api/v1/queue?limit=ten", "limit"),
        ("/api/v1/links?after=nonsense", "after"),
        ("/api/v1/links?page=2", "page"),
        ("/api/v1/queue?after=here/7/issues/1", "after"),
    ] {
        let answer = server.say(get(path)).await;
        assert_eq!(status(&answer), 400, "{path}");
        let problem: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
        assert!(problem["error"].as_str().unwrap().contains(word), "{path}: {problem}");
    }
}

#[tokio::test]
async fn an_export_is_json_lines_and_one_that_fails_does_not_look_whole() {
    let lines = |answer: &str| whole(answer).lines().count();
    let server = server(Daemon { export: 1000, ..Daemon::default() }).await;
    let answer = server.say(get("/api/v1/links/export")).await;
    assert_eq!(header(&answer, "content-type"), Some("application/jsonl"));
    assert_eq!(lines(&answer), 1000);
    assert!(answer.ends_with("0\r\n\r\n"));

    let empty = self::server(Daemon::default()).await.say(get("/api/v1/links/export")).await;
    assert_eq!((status(&empty), lines(&empty)), (200, 0));

    // It fails before the first line: that can still be said.
    let server = self::server(Daemon { damaged: true, ..Daemon::default() }).await;
    for path in ["/api/v1/links/export", "/api/v1/links", "/api/v1/queue"] {
        let answer = server.say(get(path)).await;
        assert_eq!(status(&answer), 503, "{path}");
        assert!(body(&answer).contains("a page is torn"), "{answer}");
    }
    // It fails later: the connection is cut.
    let server = self::server(Daemon { damaged: true, export: 1000, ..Daemon::default() }).await;
    let answer = server.say(get("/api/v1/links/export")).await;
    assert_eq!(status(&answer), 200);
    assert!(!answer.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn each_route_takes_its_own_method_and_no_other() {
    let server = server(Daemon::default()).await;
    for route in Route::ALL {
        let (others, allowed) = match route.changes() {
            true => (["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"], "POST"),
            false => (["POST", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], "GET, HEAD"),
        };
        for method in others {
            let answer = server
                .say(format!(
                    "{method} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
                    path_of(route)
                ))
                .await;
            assert_eq!(status(&answer), 405, "{method} {}", route.path());
            assert_eq!(header(&answer, "allow"), Some(allowed));
        }
    }
    for path in [
        "/",
        "/api/v1",
        "/api/v1/links/",
        "/api/v2/links",
        "/hooks/gitlab",
        "/api/v1/queue/",
        "/api/v1/queue/x",
        "/api/v1/queue/+5",
        "/api/v1/queue/99999999999999999999",
        "/api/v1/queue/5/",
    ] {
        assert_eq!(status(&server.say(get(path)).await), 404, "{path}");
    }
}

#[tokio::test]
async fn the_description_and_the_routes_are_the_same() {
    let described = serde_json::to_value(ApiDoc::openapi()).unwrap();
    let described: BTreeSet<(String, String)> = described["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone()))
        })
        .collect();
    let routes: BTreeSet<(String, String)> =
        Route::ALL.into_iter().map(|route| (method_of(route).to_owned(), route.path().to_owned())).collect();
    assert_eq!(described, routes);

    // And each of them answers.
    let server = server(Daemon { noteables: 1, export: 1, ..Daemon::default() }).await;
    for route in Route::ALL.into_iter().filter(|route| !route.is_for_trusted()) {
        assert_eq!(status(&server.say(get(route.path())).await), 200, "{}", route.path());
    }
    let answer = server.say(get(Route::OpenApi.path())).await;
    let told: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    let names: Vec<&String> = told["components"]["schemas"].as_object().unwrap().keys().collect();
    for name in [
        "LinksPage",
        "LinkView",
        "Queue",
        "Waiting",
        "Dead",
        "Status",
        "Problem",
        "QueueItem",
        "Letters",
        "LettersDealt",
    ] {
        assert!(names.iter().any(|known| *known == name), "{name} is not described: {names:?}");
    }
    let answer = server.say(get(Route::Status.path())).await;
    let status: Status = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(status.gitlab.health, Health::Bad { why: "it does not answer".to_owned() });
}

fn method_of(route: Route) -> &'static str {
    if route.changes() { "post" } else { "get" }
}

fn path_of(route: Route) -> String {
    route.path().replace("{id}", "12")
}

/// A request for what only the trusted may see or do, with these heads.
fn trusted(route: Route, heads: &str, body: &str) -> String {
    let method = method_of(route).to_uppercase();
    let length = body.len();
    format!(
        "{method} {} HTTP/1.1\r\nConnection: close\r\n{heads}Content-Length: {length}\r\n\r\n{body}",
        path_of(route)
    )
}

const RIGHT: &str =
    "Host: localhost\r\nAuthorization: Bearer correct horse\r\nContent-Type: application/json\r\n";

#[tokio::test]
async fn over_tcp_what_changes_something_or_shows_what_people_wrote_needs_the_token_also_on_loopback() {
    let bound: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let daemon = Daemon::default();
    let dealt = Arc::clone(&daemon.dealt);
    let gate = Gate::Tcp(TcpGate::new(bound, "127.0.0.1:9180", Some(SecretString::from("correct horse"))));
    let server = Running::start(Arc::new(Admin::new(Arc::new(daemon), gate)), options()).await;
    let without = self::server(Daemon::default()).await;
    let good = |route| match route {
        Route::ProvidersBelieve => r#"{"provider":"flagsmith"}"#,
        Route::Reload | Route::Hooks | Route::HooksSync | Route::HooksRemove | Route::HooksTest => "{}",
        Route::LinksChange => r#"{"apply":false,"wish":"link","links":[]}"#,
        _ => r#"{"all":true}"#,
    };
    for route in Route::ALL.into_iter().filter(|route| route.is_for_trusted()) {
        for (heads, expected) in [
            (RIGHT.to_owned(), 200),
            (RIGHT.replace("correct horse", "correct hors"), 401),
            ("Host: localhost\r\nContent-Type: application/json\r\n".to_owned(), 401),
            (RIGHT.replace("localhost", "evil.example"), 421),
        ] {
            let answer = server.say(trusted(route, &heads, good(route))).await;
            assert_eq!(status(&answer), expected, "{route:?} {heads}");
            assert_eq!(answer.contains("what mara wrote"), expected == 200 && route == Route::QueueItem);
        }
        // Where no token is configured nothing can be shown.
        let answer = without.say(trusted(route, RIGHT, good(route))).await;
        assert_eq!(status(&answer), 403, "{route:?}");
        assert!(body(&answer).contains("admin_token_file") && body(&answer).contains("socket"), "{answer}");
    }
    assert_eq!(*dealt.lock().unwrap(), [(How::Retry, Which::All), (How::Drop, Which::All)]);
    // Reading anything else is as free as before.
    assert_eq!(status(&server.say(get("/api/v1/queue")).await), 200);
}

/// A tunnel that was pointed at it by mistake, with a host of its own.
#[tokio::test]
async fn webhooks_and_proofs_that_come_here_are_told_where_to_go() {
    let server = self::server(Daemon::default()).await;
    for request in
        ["POST /hooks/gitlab", "POST /hooks/gitlab/0-0", "POST /hooks/providers/x", "GET /.flaglink/abc"]
    {
        let request = format!(
            "{request} HTTP/1.1\r\nHost: flags.example.com\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        let answer = server.say(request).await;
        assert_eq!(status(&answer), 404, "{answer}");
        assert!(
            body(&answer).contains("admin listener") && body(&answer).contains("`webhooks` in [listen]"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_change_is_json_that_can_be_understood() {
    let bound: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let daemon = Daemon::default();
    let dealt = Arc::clone(&daemon.dealt);
    let gate = Gate::Tcp(TcpGate::new(bound, "127.0.0.1:9180", Some(SecretString::from("correct horse"))));
    let server = Running::start(Arc::new(Admin::new(Arc::new(daemon), gate)), options()).await;
    for (body, expected) in [
        (r#"{"ids":[3,5]}"#, 200),
        (r#"{"ids":[]}"#, 400),
        (r#"{"ids":[1],"all":true}"#, 400),
        (r#"{"id":1}"#, 400),
        ("{}", 400),
        ("", 400),
        ("[1]", 400),
        (r#"{"ids":["1"]}"#, 400),
    ] {
        let answer = server.say(trusted(Route::QueueDrop, RIGHT, body)).await;
        assert_eq!(status(&answer), expected, "{body}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        let heads = RIGHT.replace("application/json", kind);
        assert_eq!(
            status(&server.say(trusted(Route::QueueDrop, &heads, r#"{"all":true}"#)).await),
            415,
            "{kind}"
        );
    }
    let charset = RIGHT.replace("application/json", "Application/JSON; charset=utf-8");
    assert_eq!(status(&server.say(trusted(Route::QueueRetry, &charset, r#"{"ids":[7]}"#)).await), 200);
    assert_eq!(
        *dealt.lock().unwrap(),
        [(How::Drop, Which::These(vec![3, 5])), (How::Retry, Which::These(vec![7]))]
    );
    let nothing = trusted(Route::QueueItem, RIGHT, "").replace("/12 ", "/13 ");
    assert_eq!(status(&server.say(nothing).await), 404);
}

#[tokio::test]
async fn a_remark_stands_below_and_changes_nothing() {
    let remarks = vec!["2 given up".to_owned()];
    let server = server(Daemon { remarks: remarks.clone(), ..Daemon::default() }).await;
    let ready = server.say(get("/readyz")).await;
    assert_eq!((status(&ready), body(&ready)), (200, "ready\n2 given up\n"));
    let problems = Mutex::new(vec!["the store cannot be written".to_owned()]);
    let server = self::server(Daemon { remarks, problems, ..Daemon::default() }).await;
    let ready = server.say(get("/readyz")).await;
    assert_eq!((status(&ready), body(&ready)), (503, "the store cannot be written\n2 given up\n"));
}

#[tokio::test]
async fn on_loopback_only_this_machine_s_own_names_are_answered_to() {
    let server = server(Daemon::default()).await;
    for (head, expected) in [
        ("GET /readyz HTTP/1.1\r\nHost: localhost:9180", 200),
        ("GET /readyz HTTP/1.1\r\nHost: LocalHost", 200),
        ("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:1", 200),
        ("GET /readyz HTTP/1.1\r\nHost: [::1]:9180", 200),
        ("GET /readyz HTTP/1.1\r\nHost: [::1]", 200),
        ("GET http://localhost/readyz HTTP/1.1\r\nHost: localhost", 200),
        ("GET /readyz HTTP/1.1\r\nHost: evil.example", 421),
        ("GET /readyz HTTP/1.1\r\nHost: localhost.evil.example", 421),
        ("GET /readyz HTTP/1.1\r\nHost: 127.0.0.1.evil.example", 421),
        ("GET /readyz HTTP/1.1\r\nHost: evil.example:127.0.0.1", 421),
        ("GET /readyz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", 421),
        ("GET /readyz HTTP/1.1\r\nHost: evil.example\r\nHost: localhost", 421),
        ("GET /readyz HTTP/1.1\r\nHost:", 421),
        ("GET /readyz HTTP/1.1\r\nX: y", 421),
        ("GET http://evil.example/readyz HTTP/1.1\r\nHost: localhost", 421),
        ("GET http://localhost/readyz HTTP/1.1\r\nHost: evil.example", 421),
        ("GET /healthz HTTP/1.1\r\nHost: evil.example", 421),
        ("GET /nothing HTTP/1.1\r\nHost: evil.example", 421),
    ] {
        let answer = server.say(format!("{head}\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), expected, "{head}");
    }
}

#[test]
fn off_loopback_nothing_is_free() {
    let token = SecretString::from("correct horse");
    let check = |bound: &str, token: Option<&SecretString>, given: &[&'static str]| {
        let gate = Gate::Tcp(TcpGate::new(bound.parse().unwrap(), bound, token.cloned()));
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("flaglink.internal:9180"));
        for value in given {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        gate.check(&Uri::from_static("/healthz"), &headers).map_err(|refusal| refusal.status)
    };
    for bound in ["0.0.0.0:9180", "[::]:9180", "10.0.0.5:9180", "[::ffff:10.0.0.5]:9180"] {
        let token = Some(&token);
        assert_eq!(check(bound, token, &["Bearer correct horse"]), Ok(()));
        assert_eq!(check(bound, token, &["bearer correct horse"]), Ok(()));
        for wrong in [
            &[][..],
            &["Bearer correct hors"],
            &["Bearer correct horse "][..0],
            &["Bearer correct horsee"],
            &["Bearer "],
            &["Bearer"],
            &["correct horse"],
            &["Basic correct horse"],
            &["Bearer wrong", "Bearer correct horse"],
            &["Bearer correct horse", "Bearer wrong"],
        ] {
            assert_eq!(check(bound, token, wrong), Err(StatusCode::UNAUTHORIZED), "{wrong:?}");
        }
        assert_eq!(check(bound, None, &["Bearer correct horse"]), Err(StatusCode::FORBIDDEN));
    }
    // Loopback is loopback in each of its spellings; a name from outside is not let in there.
    for bound in ["127.0.0.1:9180", "127.8.0.1:9180", "[::1]:9180", "[::ffff:127.0.0.1]:9180"] {
        assert_eq!(check(bound, None, &[]), Err(StatusCode::MISDIRECTED_REQUEST));
    }
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_never_the_token() {
    let token = SecretString::from("correct horse");
    let gate = Gate::Tcp(TcpGate::new("0.0.0.0:9180".parse().unwrap(), "0.0.0.0:9180", Some(token)));
    let server = Running::start(Arc::new(Admin::new(Arc::new(Daemon::default()), gate)), options()).await;
    let answer = server.say(get("/metrics")).await;
    assert_eq!(status(&answer), 401);
    assert_eq!(header(&answer, "www-authenticate"), Some("Bearer"));
    assert!(answer.contains("admin_token_file") && !answer.contains("horse"), "{answer}");
    assert_eq!(server.stopped().await.abandoned, 0);
}

#[tokio::test]
async fn the_socket_needs_no_token_and_belongs_to_owner_and_group() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flaglink.sock");
    let (listener, file) = bind_socket(&path).await.unwrap();
    let about = std::fs::symlink_metadata(&path).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o660);
    let stop = CancellationToken::new();
    let admin = Admin::new(Arc::new(Daemon::default()), Gate::Socket);
    let serving = tokio::spawn(serve(Listener::Unix(listener), Arc::new(admin), options(), stop.clone()));
    let mut wire = UnixStream::connect(&path).await.unwrap();
    wire.write_all(b"GET /readyz HTTP/1.1\r\nHost: whatever\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, wire.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert_eq!((status(&answer), body(&answer)), (200, "ready"));

    // A second daemon is told so, and takes nothing away.
    assert!(matches!(bind_socket(&path).await, Err(SocketError::InUse(_))));
    assert_eq!(std::fs::symlink_metadata(&path).unwrap().ino(), about.ino());

    stop.cancel();
    assert_eq!(timeout(PATIENCE, serving).await.unwrap().unwrap().abandoned, 0);
    drop(file);
    assert!(!path.exists());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_anything_else_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flaglink.sock");
    // A daemon that was killed leaves its file behind.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let (listener, file) = bind_socket(&path).await.unwrap();
    UnixStream::connect(&path).await.expect("the new one answers");
    drop(listener);
    // Ours was replaced meanwhile: what is there now is not ours to remove.
    let (_successor, successors) = bind_socket(&path).await.unwrap();
    drop(file);
    assert!(path.exists());
    drop(successors);
    assert!(!path.exists());

    std::fs::write(&path, "people's data").unwrap();
    assert!(matches!(bind_socket(&path).await, Err(SocketError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "people's data");

    let nowhere = directory.path().join("missing").join("flaglink.sock");
    let error = bind_socket(&nowhere).await.unwrap_err();
    assert!(error.to_string().contains("listen.socket"), "{error}");

    // As long as a socket's path may be.
    let long = "s".repeat(107 - directory.path().as_os_str().len() - 1);
    let (_listener, _file) = bind_socket(&directory.path().join(long)).await.unwrap();
}
