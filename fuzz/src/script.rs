//! What a server answers, as a file, and a server on loopback that answers so.
//!
//! The file has parts, each with a line `> STATUS KIND PLACE` before its body. A request is answered by the first part whose PLACE
//! stands in its address; of several with the same PLACE each has its turn, and the last stays; where there is none, it is a 404.
//! A file without such a line is one answer to everything. `{{KEY}}` stands for the key that the request came with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flaglink::net::{HttpClient, HttpOptions};
use flaglink::telemetry::Metrics;
use http::Response;

use super::answering::{Answer, Seen, Server};
use super::request::Inside;

/// Requests that are answered in one play; after that nothing is there any more.
const MOST: usize = 400;
/// A server keeps what it was asked; so it is replaced now and then.
const PLAYS: usize = 500;

struct Part {
    status: u16,
    kind: String,
    place: String,
    body: Vec<u8>,
    used: bool,
}

/// The answers of one play, and what was asked.
#[derive(Default)]
struct Script {
    parts: Vec<Part>,
    asked: Vec<String>,
}

impl Script {
    fn read(data: &[u8], key: &str) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        for line in data.split_inclusive(|byte| *byte == b'\n') {
            match (line.strip_prefix(b"> "), parts.last_mut()) {
                (Some(head), _) => parts.push(Part::new(&String::from_utf8_lossy(head))),
                (None, Some(part)) => part.body.extend_from_slice(line),
                (None, None) => {
                    parts.push(Part { body: line.to_vec(), ..Part::new("200 application/json /") });
                }
            }
        }
        for part in parts.iter_mut().filter(|part| part.body.windows(7).any(|seven| seven == b"{{KEY}}")) {
            part.body = String::from_utf8_lossy(&part.body).replace("{{KEY}}", key).into_bytes();
        }
        Self { parts, asked: Vec::new() }
    }

    fn answer(&mut self, seen: &Seen) -> Answer {
        self.asked.push(seen.target.clone());
        let fits = |part: &Part| seen.target.contains(&part.place);
        let nothing = Part::new("404 application/json /");
        let wanted = self.parts.iter().find(|part| fits(part)).map(|part| part.place.clone());
        let of_it = |part: &Part| Some(&part.place) == wanted.as_ref();
        let place = self.parts.iter().position(|part| !part.used && of_it(part));
        let place = place.or_else(|| self.parts.iter().rposition(of_it));
        let part = match place {
            Some(place) if self.asked.len() <= MOST => {
                self.parts[place].used = true;
                &self.parts[place]
            }
            _ => &nothing,
        };
        let response = Response::builder().status(part.status).header("content-type", &part.kind);
        Answer::Whole(response.body(part.body.clone()).expect("a status and a type"))
    }
}

impl Part {
    fn new(head: &str) -> Self {
        let mut words = head.split_whitespace();
        // A 429 closes its host for half a minute, and what is below 200 is not an answer yet.
        let status = words.next().and_then(|word| word.parse().ok());
        let status = status.filter(|status| (200..=599).contains(status) && *status != 429).unwrap_or(200);
        let kind = words.next().filter(|kind| kind.bytes().all(|byte| byte.is_ascii_graphic()));
        Self {
            status,
            kind: kind.unwrap_or("application/json").to_owned(),
            place: words.next().unwrap_or("/").to_owned(),
            body: Vec::new(),
            used: false,
        }
    }
}

/// Where one target plays, time and again.
pub(super) struct Stage {
    runtime: tokio::runtime::Runtime,
    server: Server,
    script: Arc<Mutex<Script>>,
    http: HttpClient,
    plays: usize,
}

/// What was said in a play, and what was asked for.
pub(super) struct Played<T> {
    pub(super) outcome: T,
    /// What stands in the answers.
    pub(super) inside: Inside,
    /// Path and query of each request.
    pub(super) asked: Vec<String>,
}

impl Stage {
    pub(super) fn new() -> Mutex<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let script = Arc::<Mutex<Script>>::default();
        let server = runtime.block_on(serve(&script));
        let http = client();
        Mutex::new(Self { runtime, server, script, http, plays: 0 })
    }

    /// Answers as `data` says while `work` goes on.
    pub(super) fn play<T>(
        stage: &Mutex<Self>,
        data: &[u8],
        key: &str,
        work: impl AsyncFnOnce(&str, HttpClient) -> T,
    ) -> Played<T> {
        let mut stage = locked(stage);
        stage.plays += 1;
        if stage.plays.is_multiple_of(PLAYS) {
            stage.server = stage.runtime.block_on(serve(&stage.script));
        }
        let script = Script::read(&data[..data.len().min(1 << 16)], key);
        let mut inside = Inside::default();
        for part in &script.parts {
            if let Ok(value) = serde_json::from_slice(&part.body) {
                inside.take(&value);
            }
        }
        *locked(&stage.script) = script;
        let url = stage.server.url.as_str().trim_end_matches('/').to_owned();
        let outcome = stage.runtime.block_on(work(&url, stage.http.clone()));
        let asked = std::mem::take(&mut locked(&stage.script).asked);
        Played { outcome, inside, asked }
    }
}

async fn serve(script: &Arc<Mutex<Script>>) -> Server {
    let script = Arc::clone(script);
    Server::start(move |seen| locked(&script).answer(seen)).await
}

pub(super) fn client() -> HttpClient {
    let options = HttpOptions {
        peer: "fuzzed".to_owned(),
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(5),
        in_flight: 4,
        ca_file: None,
    };
    HttpClient::new(options, Arc::new(Metrics::default())).expect("a client")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
