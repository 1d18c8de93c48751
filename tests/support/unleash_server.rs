//! The real Unleash server with a PostgreSQL of its own, for tests that are told by `tests/all` where it is installed.
//!
//! One shell starts both and waits for its standard input to close: that happens when this process ends, however it
//! ends, and then the shell stops them and removes their folder.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use flaglink::sandbox::faults::Faults;
use flaglink::sandbox::server::{Handler, Request, Response, Server};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

/// The token of an admin, as the server is told at its first start.
pub(crate) const ADMIN: &str = "*:*.flaglink-test-admin-token";

/// What its webhooks have in their `Authorization` header.
pub(crate) const SECRET: &str = "a-shared-secret";

/// What it tells of by webhook.
const EVENTS: [&str; 9] = [
    "feature-created",
    "feature-archived",
    "feature-revived",
    "feature-deleted",
    "feature-environment-enabled",
    "feature-environment-disabled",
    "feature-strategy-add",
    "feature-strategy-update",
    "feature-strategy-remove",
];

/// The longest that a start may take, or a webhook to arrive.
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts both, waits for standard input to close, and stops them. `$1` PostgreSQL's programs, `$2` a new folder, `$3`
/// its port, `$4` Unleash's port, `$5` the folder with `node_modules`, `$6` node.
const KEEPER: &str = r#"
trap '' INT
as() { if [ "$(id -u)" = 0 ]; then su postgres -c "$*"; else sh -c "$*"; fi; }
[ "$(id -u)" = 0 ] && chown postgres "$2"
cd "$2" || exit 1
as "'$1/initdb' -D '$2/data' -U postgres --auth=trust -E UTF8 --no-sync && '$1/pg_ctl' -D '$2/data' -l '$2/log' -w -o '-p $3 -k $2 -c listen_addresses=127.0.0.1 -c fsync=off' start" >/dev/null 2>&1 </dev/null
"$1/psql" -qh 127.0.0.1 -p "$3" -U postgres -c 'create database unleash' </dev/null
DATABASE_URL="postgres://postgres@127.0.0.1:$3/unleash" HTTP_HOST=127.0.0.1 PORT="$4" UNLEASH_URL="http://127.0.0.1:$4" \
    "$6" "$5/node_modules/unleash-server/dist/server.js" >"$2/unleash.log" 2>&1 </dev/null &
node=$!
cat >/dev/null
kill -9 "$node" 2>/dev/null || { echo "Unleash had ended by itself:"; tail -n 40 "$2/unleash.log"; } >&2
as "'$1/pg_ctl' -D '$2/data' -m immediate -w stop" >/dev/null 2>&1
rm -rf "$2"
"#;

/// A webhook request as it really came.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// The id of the event in its body.
    pub(crate) id: u64,
}

#[derive(Default)]
struct Receiver {
    got: Mutex<Vec<Delivery>>,
}

#[async_trait]
impl Handler for Receiver {
    async fn handle(&self, request: Request) -> Response {
        let event: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let headers = request.headers.iter();
        let headers = headers
            .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned()));
        self.got.lock().unwrap().push(Delivery {
            headers: headers.collect(),
            body: request.body.to_vec(),
            id: event["id"].as_u64().unwrap_or_default(),
        });
        Response::empty(StatusCode::OK)
    }
}

/// The running server. There is one for all tests of this process.
pub(crate) struct Unleash {
    url: String,
    /// The port of its PostgreSQL.
    database: String,
    http: reqwest::Client,
    received: Arc<Receiver>,
    /// Its standard input is what keeps everything running.
    _keeper: Mutex<Child>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; tests/all --install sets it"))
}

impl Unleash {
    /// Holds up all other stories: there is one server.
    pub(crate) async fn alone() -> MutexGuard<'static, ()> {
        static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        ALONE.lock().await
    }

    /// The server, started when it is first asked for.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Unleash> = OnceLock::new();
        SHARED.get_or_init(|| {
            // A runtime of its own: those of the tests end with them, the receiver of webhooks must not.
            let (send, receive) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let received = Arc::new(Receiver::default());
                    let hook = Server::start(received.clone(), Faults::new()).await.unwrap();
                    send.send(Self::start(received, &hook.url()).await).unwrap();
                    std::future::pending::<()>().await;
                });
            });
            receive.recv().expect("the server starts")
        })
    }

    async fn start(received: Arc<Receiver>, hook: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("flaglink-unleash-").tempdir().unwrap().keep();
        let port = free_port();
        let database = free_port().to_string();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper", &told("FLAGLINK_POSTGRES_BIN")])
            .arg(&folder)
            .args([&database, &port.to_string()])
            .args([&told("FLAGLINK_UNLEASH"), &told("FLAGLINK_NODE")])
            .envs([("DATABASE_SSL", "false"), ("TZ", "UTC"), ("LOG_LEVEL", "warn")])
            .envs([("CHECK_VERSION", "false"), ("SEND_TELEMETRY", "false")])
            .envs([("INIT_ADMIN_API_TOKENS", ADMIN), ("UNLEASH_ALLOW_LIST_INTEGRATION", "127.0.0.1")])
            .env("SEARCH_FEATURES_RATE_LIMIT_PER_MINUTE", "10000")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        // No connection is kept: it would belong to a test's runtime and end with that.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let server = Self { url, database, http, received, _keeper: Mutex::new(keeper) };
        let begun = Instant::now();
        while !server.healthy().await {
            assert!(begun.elapsed() < PATIENCE, "Unleash does not answer");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Unleash 8.2 writes down a little later that a flag was made or archived. Where the flag is gone by then this is
        // refused by its own database, and Unleash ends.
        server.sql("alter table feature_lifecycles drop constraint feature_lifecycles_feature_fkey");
        let hook = json!({ "provider": "webhook", "enabled": true, "projects": ["*"], "environments": [],
            "parameters": { "url": hook, "authorization": SECRET }, "events": EVENTS });
        server.call("POST", "/api/admin/addons", Some(hook)).await;
        server.until_it_tells().await;
        server
    }

    /// What the server knows of its webhooks it keeps for a minute, and an event of its own start may have made it look before
    /// there was one.
    async fn until_it_tells(&self) {
        let begun = Instant::now();
        self.make("first").await;
        let mut on = false;
        while self.received.got.lock().unwrap().is_empty() {
            assert!(begun.elapsed() < PATIENCE, "no webhook comes");
            on = !on;
            self.switch("first", "production", on).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        self.delete("first").await;
    }

    async fn healthy(&self) -> bool {
        let answer = self.http.get(format!("{}/health", self.url)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Asks as an admin; panics where the server refuses.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let mut request = request.header("authorization", ADMIN);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether a token is good for the API.
    pub(crate) async fn accepts(&self, token: &str) -> bool {
        let request = self.http.get(format!("{}/api/admin/projects", self.url));
        request.header("authorization", token).send().await.unwrap().status().is_success()
    }

    /// What the API lacks, done in its database.
    pub(crate) fn sql(&self, text: &str) -> String {
        let output = Command::new(format!("{}/psql", told("FLAGLINK_POSTGRES_BIN")))
            .args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &self.database])
            .args(["-U", "postgres", "-d", "unleash", "-c", text])
            .output()
            .unwrap();
        assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A flag that is off everywhere and has no strategies.
    pub(crate) async fn make(&self, key: &str) {
        self.make_described(key, "").await;
    }

    pub(crate) async fn make_described(&self, key: &str, description: &str) {
        let flag = json!({ "name": key, "type": "release", "description": description });
        self.call("POST", "/api/admin/projects/default/features", Some(flag)).await;
    }

    pub(crate) async fn switch(&self, key: &str, environment: &str, on: bool) {
        let to = if on { "on" } else { "off" };
        let path = format!("/api/admin/projects/default/features/{key}/environments/{environment}/{to}");
        self.call("POST", &path, None).await;
    }

    /// The flag as it is now.
    pub(crate) async fn flag(&self, key: &str) -> Value {
        self.call("GET", &format!("/api/admin/projects/default/features/{key}"), None).await
    }

    pub(crate) async fn archive(&self, key: &str) {
        self.call("DELETE", &format!("/api/admin/projects/default/features/{key}"), None).await;
    }

    /// Archives and deletes it.
    pub(crate) async fn delete(&self, key: &str) {
        self.archive(key).await;
        self.call("DELETE", &format!("/api/admin/archive/{key}"), None).await;
    }

    /// The ids of all events of a flag, as the server itself tells.
    pub(crate) async fn events(&self, key: &str) -> BTreeSet<u64> {
        let path = format!("/api/admin/search/events?feature=IS:{key}&limit=1000");
        let events = self.call("GET", &path, None).await;
        events["events"].as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()).collect()
    }

    /// The id of the newest event.
    pub(crate) async fn newest_event(&self) -> u64 {
        let events = self.call("GET", "/api/admin/search/events?limit=1", None).await;
        events["events"][0]["id"].as_u64().unwrap_or_default()
    }

    /// The ids of the events after that one, of which it tells by webhook.
    pub(crate) async fn events_after(&self, seen: u64) -> BTreeSet<u64> {
        let events = self.call("GET", "/api/admin/search/events?limit=1000", None).await;
        let events = events["events"].as_array().unwrap().iter();
        let told = events.filter(|event| EVENTS.iter().any(|&kind| event["type"] == kind));
        told.map(|event| event["id"].as_u64().unwrap()).filter(|&id| id > seen).collect()
    }

    /// What was delivered of these events, in the order of arrival, once all of them are there.
    pub(crate) async fn deliveries(&self, events: &BTreeSet<u64>) -> Vec<Delivery> {
        let begun = Instant::now();
        loop {
            let mut got = self.received.got.lock().unwrap().clone();
            got.retain(|delivery| events.contains(&delivery.id));
            if got.iter().map(|delivery| delivery.id).collect::<BTreeSet<_>>() == *events {
                return got;
            }
            assert!(begun.elapsed() < PATIENCE, "only {} of {} events came", got.len(), events.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
