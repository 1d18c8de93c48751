//! Stand-ins: agents that say what real ones say, a tunnel that forwards, and the listener that is to be found.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use flaglink::config::{HostPattern, NamedAgents, Span, TunnelSettings};
use flaglink::domain::Delivery;
use flaglink::flags::{Verdict, WebhookRequest};
use flaglink::gitlab::Standing;
use flaglink::http::{Door, Headers, Listener, ServeOptions, Taken, Webhooks, serve};
use flaglink::sandbox::faults::Faults;
use flaglink::sandbox::server::{Handler, Request, Response, Server};
use flaglink::telemetry::Metrics;
use flaglink::tunnel::{Known, Nonces, Prover, PublicAddress, Remark, Watch};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::tls_end::tls;
use crate::town::{PATIENCE, loopback};

/// A server that answers as a function says.
pub(crate) struct Stand {
    server: Server,
    answers: Arc<Answers>,
}

type Answering = Box<dyn Fn(&Request) -> Response + Send>;

struct Answers(Mutex<Answering>);

#[async_trait]
impl Handler for Answers {
    async fn handle(&self, request: Request) -> Response {
        self.0.lock().unwrap()(&request)
    }
}

impl Stand {
    pub(crate) async fn new(answer: impl Fn(&Request) -> Response + Send + 'static) -> Self {
        let answers = Arc::new(Answers(Mutex::new(Box::new(answer))));
        let server = Server::start(answers.clone(), Faults::new()).await.unwrap();
        Self { server, answers }
    }

    /// An agent of ngrok's with those tunnels: address and what it leads to.
    pub(crate) async fn ngrok(tunnels: &[(&str, &str)]) -> Self {
        Self::new(ngrok(tunnels)).await
    }

    pub(crate) fn says(&self, answer: impl Fn(&Request) -> Response + Send + 'static) {
        *self.answers.0.lock().unwrap() = Box::new(answer);
    }

    pub(crate) fn offers(&self, tunnels: &[(&str, &str)]) {
        self.says(ngrok(tunnels));
    }

    pub(crate) fn at(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.at())
    }

    pub(crate) fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// Returns when it was asked that often from now on.
    pub(crate) async fn asked(&self, times: usize) {
        let before = self.faults().count("GET", "");
        self.faults().until(PATIENCE, |all| all.len() >= before + times).await.unwrap();
    }
}

/// What ngrok's agent answers: `/api/tunnels`, as facts have it.
fn ngrok(tunnels: &[(&str, &str)]) -> impl Fn(&Request) -> Response + Send + use<> {
    let all: Vec<Value> = tunnels
        .iter()
        .map(|(url, to)| {
            json!({
                "name": "command_line", "uri": "/api/tunnels/command_line", "public_url": url, "proto": "https",
                "config": {"addr": to, "inspect": true}, "metrics": {"conns": {"count": 0}, "http": {"count": 0}},
            })
        })
        .collect();
    let body = json!({"tunnels": all, "uri": "/api/tunnels"});
    move |request| match request.path.as_str() {
        "/api/tunnels" => Response::json(StatusCode::OK, &body),
        _ => nothing(),
    }
}

/// A newer one, which knows only endpoints.
pub(crate) fn ngrok_endpoints(url: &str, to: &str) -> impl Fn(&Request) -> Response + Send + use<> {
    let body = json!({"endpoints": [{
        "name": "command_line", "uri": "/api/endpoints/command_line", "url": url,
        "upstream": {"url": to, "protocol": "http1"}, "inspect": true, "pooling_enabled": false,
    }]});
    move |request| match request.path.as_str() {
        "/api/endpoints" => Response::json(StatusCode::OK, &body),
        _ => nothing(),
    }
}

/// cloudflared's metrics address.
pub(crate) fn cloudflared(hostname: &str) -> impl Fn(&Request) -> Response + Send + use<> {
    let body = json!({"hostname": hostname});
    move |request| match request.path.as_str() {
        "/quicktunnel" => Response::json(StatusCode::OK, &body),
        _ => nothing(),
    }
}

pub(crate) fn nothing() -> Response {
    Response::text(StatusCode::NOT_FOUND, "text/plain", "404 page not found\n")
}

/// The way from the world to a listener: what a tunnel does at its far end.
pub(crate) struct Way {
    stand: Server,
    pub(crate) url: String,
}

struct Forward {
    to: SocketAddr,
    /// What is taken away from the path.
    strip: &'static str,
}

#[async_trait]
impl Handler for Forward {
    async fn handle(&self, request: Request) -> Response {
        let Some(path) = request.path.strip_prefix(self.strip) else { return nothing() };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut sent = client.request(request.method.clone(), format!("http://{}{path}", self.to));
        for (name, value) in &request.headers {
            if !["host", "content-length", "connection"].contains(&name.as_str()) {
                sent = sent.header(name, value);
            }
        }
        let Ok(answer) = sent.body(request.body.clone()).send().await else {
            return Response::text(StatusCode::BAD_GATEWAY, "text/html", "<title>502 Bad Gateway</title>");
        };
        let status = answer.status();
        Response::text(status, "text/plain", answer.bytes().await.unwrap())
    }
}

impl Way {
    pub(crate) async fn to(listener: SocketAddr) -> Self {
        Self::below(listener, "").await
    }

    /// One that takes a path away before it passes requests on.
    pub(crate) async fn below(to: SocketAddr, strip: &'static str) -> Self {
        let stand = Server::start(Arc::new(Forward { to, strip }), Faults::new()).await.unwrap();
        let url = format!("{}/", stand.url().trim_end_matches('/'));
        Self { stand, url }
    }

    pub(crate) fn url(&self) -> Url {
        Url::parse(&self.url).unwrap()
    }

    pub(crate) fn asked(&self) -> usize {
        self.stand.faults().count("GET", "/.flaglink/")
    }
}

/// Nobody comes in here.
struct Shut;

#[async_trait]
impl Door for Shut {
    fn gitlab_before_body(&self, _: &str, _: &Headers) -> Option<Standing> {
        None
    }

    fn gitlab_with_body(&self, _: &str, _: &Headers, _: &[u8], _: Timestamp) -> Option<Standing> {
        None
    }

    fn provider_verdict(&self, _: &str, _: &WebhookRequest<'_>) -> Verdict {
        Verdict::NoSecret
    }

    fn provider_key(&self, _: &str, _: &WebhookRequest<'_>) -> Option<String> {
        None
    }

    async fn take(&self, _: Delivery) -> Taken {
        Taken::Unwritable
    }
}

/// A webhook listener, and what proves that it is it.
pub(crate) struct Here {
    pub(crate) at: SocketAddr,
    pub(crate) prover: Prover,
    pub(crate) nonces: Nonces,
    stop: CancellationToken,
}

impl Here {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((loopback::ip_of_its_own(), 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let nonces = Nonces::default();
        let handler = Webhooks::new(Arc::new(Shut), Arc::new(Metrics::default())).proving(nonces.clone());
        let stop = CancellationToken::new();
        tokio::spawn(serve(
            Listener::Tcp(listener),
            Arc::new(handler),
            ServeOptions::default(),
            stop.clone(),
        ));
        let prover = Prover::new(nonces.clone(), at, Some(tls("ca"))).unwrap();
        Self { at, prover, nonces, stop }
    }

    /// Where a tunnel's agent says that it leads.
    pub(crate) fn to(&self) -> String {
        format!("http://localhost:{}", self.at.port())
    }

    /// Looks for its address.
    pub(crate) fn look(&self, settings: &TunnelSettings) -> Looking {
        let (say, address) = PublicAddress::found();
        let remark = Remark::default();
        let known = Arc::new(Known::new(say, remark.clone()));
        let watch = Watch::new(settings, self.at, self.prover.clone(), known).unwrap();
        tokio::spawn(watch.run(self.stop.clone()));
        Looking { address, remark }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A look for an address that goes on.
pub(crate) struct Looking {
    pub(crate) address: PublicAddress,
    pub(crate) remark: Remark,
}

impl Looking {
    /// The address when it is known, or when it is another one.
    pub(crate) async fn found(&mut self) -> String {
        let changed = tokio::time::timeout(PATIENCE, self.address.changed()).await;
        assert!(changed.is_ok(), "no address is found: {:?}", self.remark.line());
        self.address.now().unwrap().to_string()
    }

    /// What is told, when that is in it.
    pub(crate) async fn told(&self, part: &str) -> String {
        let told = async {
            loop {
                match self.remark.line() {
                    Some(line) if line.contains(part) => return line,
                    _ => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let told = tokio::time::timeout(PATIENCE, told).await;
        told.unwrap_or_else(|_| panic!("nothing of {part:?}: {:?}", self.remark.line()))
    }

    /// Returns when nothing is the matter any more.
    pub(crate) async fn well(&self) {
        let well = async {
            while self.remark.line().is_some() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let well = tokio::time::timeout(PATIENCE, well).await;
        assert!(well.is_ok(), "it is not well: {:?}", self.remark.line());
    }
}

/// No agents yet; this machine's own addresses are allowed.
pub(crate) fn settings() -> TunnelSettings {
    TunnelSettings {
        allow: vec![HostPattern::parse("127.0.0.1").unwrap()],
        ngrok: Vec::new(),
        cloudflared: Vec::new(),
        tailscale: Vec::new(),
        named: NamedAgents::default(),
        check_every: "100ms".parse::<Span>().unwrap(),
        embedded: None,
    }
}
