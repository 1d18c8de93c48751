//! What a sandbox server is told to do wrong, and the log of all requests that it received.
//!
//! A rule catches requests by method and path, and says what goes wrong with them:
//!
//! ```no_run
//! # use flaglink::sandbox::faults::{Fault, Faults, Rule};
//! # fn story(faults: &Faults) {
//! // GitLab keeps the second comment, and its answer is lost.
//! faults.add(Rule::new("POST", r"/notes$", Fault::WorkThenClose).after(1).times(1));
//! # }
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use jiff::Timestamp;
use regex::Regex;
use tokio::sync::watch;

use super::message::Response;
pub use super::received::Received;

/// What goes wrong with a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing is done; this is answered.
    Answer {
        /// Status.
        status: u16,
        /// Headers.
        headers: Vec<(String, String)>,
        /// Body.
        body: String,
    },
    /// Everything is done as asked, and then this is answered instead of the truth: what a proxy does that gave up
    /// waiting (502, 504).
    WorkThenAnswer {
        /// Status.
        status: u16,
        /// Headers.
        headers: Vec<(String, String)>,
        /// Body.
        body: String,
    },
    /// A proxy has given up (504), and the server is at work all the same: the request is done at [`Faults::release`].
    GiveUpThenWork,
    /// Nothing is done, and the connection is closed without an answer.
    Close,
    /// Everything is done as asked, and the answer is lost: the connection is closed without it.
    WorkThenClose,
    /// The request is kept waiting until [`Faults::release`], and only then done and answered.
    Hold,
    /// The request is done, and its answer is kept back until [`Faults::release`].
    HoldAnswer,
    /// The request is kept waiting this long, and only then done, whether or not anybody still waits for the answer.
    Delay(Duration),
    /// The request is done, and its answer is kept back this long.
    DelayAnswer(Duration),
    /// The request is done, half of its answer is sent, and the connection is cut.
    HalfAnswer,
}

impl Fault {
    /// A plain JSON error with this status and GitLab's kind of body.
    pub fn status(status: u16) -> Self {
        let body = serde_json::json!({ "message": format!("{status} from the sandbox") }).to_string();
        Self::Answer { status, headers: vec![("content-type".into(), "application/json".into())], body }
    }

    /// 429, with `Retry-After` in seconds where given.
    pub fn too_many(retry_after: Option<u64>) -> Self {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.extend(retry_after.map(|seconds| ("retry-after".to_owned(), seconds.to_string())));
        Self::Answer { status: 429, headers, body: r#"{"message":"Too Many Requests"}"#.to_owned() }
    }

    /// An HTML page with this status, as a proxy in front of the server would answer.
    pub fn html(status: u16) -> Self {
        Self::Answer {
            status,
            headers: vec![("content-type".into(), "text/html".into())],
            body: format!(
                "<!DOCTYPE html>\n<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
            ),
        }
    }

    /// A redirect (302) to this URL.
    pub fn redirect(location: &str) -> Self {
        Self::Answer {
            status: 302,
            headers: vec![("location".into(), location.to_owned())],
            body: String::new(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Answer { status, .. } => format!("answer {status}"),
            Self::WorkThenAnswer { status, .. } => format!("work, then answer {status}"),
            Self::GiveUpThenWork => "answer 504, then work".to_owned(),
            Self::Close => "close".to_owned(),
            Self::WorkThenClose => "work, then close".to_owned(),
            Self::Hold => "hold".to_owned(),
            Self::HoldAnswer => "work, then hold".to_owned(),
            Self::Delay(time) => format!("delay {time:?}"),
            Self::DelayAnswer(time) => format!("work, then delay {time:?}"),
            Self::HalfAnswer => "half an answer".to_owned(),
        }
    }
}

/// Which requests a fault catches.
#[derive(Debug, Clone)]
pub struct Rule {
    method: Option<String>,
    path: Option<Regex>,
    skip: usize,
    left: Option<usize>,
    fault: Fault,
}

impl Rule {
    /// Catches requests by method (`*` for any) and by a regular expression that finds something in the path
    /// (as it was sent, with the query after a `?` where there is one).
    ///
    /// # Panics
    ///
    /// When `path` is not a regular expression: it is written by the one who writes the test.
    #[expect(clippy::expect_used, reason = "the expression stands in the test that calls this")]
    pub fn new(method: &str, path: &str, fault: Fault) -> Self {
        Self {
            method: (method != "*").then(|| method.to_ascii_uppercase()),
            path: Some(Regex::new(path).expect("a regular expression")),
            skip: 0,
            left: None,
            fault,
        }
    }

    /// Catches every request.
    pub fn everything(fault: Fault) -> Self {
        Self { method: None, path: None, skip: 0, left: None, fault }
    }

    /// Lets the first `n` matching requests through.
    #[must_use]
    pub fn after(mut self, n: usize) -> Self {
        self.skip = n;
        self
    }

    /// Catches `n` requests and no more. Without this, all until it is removed.
    #[must_use]
    pub fn times(mut self, n: usize) -> Self {
        self.left = Some(n);
        self
    }

    fn matches(&self, method: &str, path_and_query: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.path.as_ref().is_none_or(|path| path.is_match(path_and_query))
    }
}

/// Names a rule that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(usize);

/// What the server is to do with one request other than its work.
#[derive(Debug)]
pub(crate) enum Interference {
    Answer(Response),
    WorkThenAnswer(Response),
    AnswerThenWork(Response, Wait),
    Close,
    WorkThenClose,
    WaitThenWork(Wait),
    WorkThenWait(Wait),
    Half,
}

/// Something to wait for.
#[derive(Debug)]
pub(crate) enum Wait {
    Time(Duration),
    Release(watch::Receiver<bool>),
}

impl Wait {
    pub(crate) async fn over(self) {
        match self {
            Self::Time(time) => tokio::time::sleep(time).await,
            Self::Release(mut released) => {
                // An error means that the rule is gone: released as well.
                let _ = released.wait_for(|released| *released).await;
            }
        }
    }
}

#[derive(Default)]
struct State {
    rules: BTreeMap<usize, Active>,
    next: usize,
    hits: BTreeMap<usize, usize>,
    log: Vec<Received>,
}

struct Active {
    rule: Rule,
    released: watch::Sender<bool>,
}

/// The faults and the log of one sandbox server. Clones are the same.
#[derive(Clone)]
pub struct Faults {
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<u64>>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { state: Arc::default(), changed: Arc::new(watch::Sender::new(0)) }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Faults")
            .field("rules", &state.rules.len())
            .field("log", &state.log.len())
            .finish_non_exhaustive()
    }
}

impl Faults {
    /// No faults, an empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule. Of several that match, the one added first catches the request.
    pub fn add(&self, rule: Rule) -> RuleId {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.rules.insert(id, Active { rule, released: watch::Sender::new(false) });
        RuleId(id)
    }

    /// Removes a rule, and lets go what it held.
    pub fn remove(&self, id: RuleId) {
        self.state().rules.remove(&id.0);
    }

    /// Removes all rules, and lets go what they held.
    pub fn clear(&self) {
        self.state().rules.clear();
    }

    /// Lets go what a rule holds. What it catches from now on is not held any more.
    pub fn release(&self, id: RuleId) {
        if let Some(active) = self.state().rules.get(&id.0) {
            active.released.send_replace(true);
        }
    }

    /// How many requests a rule has caught, also after it was removed.
    pub fn hits(&self, id: RuleId) -> usize {
        self.state().hits.get(&id.0).copied().unwrap_or_default()
    }

    /// All requests so far, in the order in which they came.
    pub fn log(&self) -> Vec<Received> {
        self.state().log.clone()
    }

    /// Forgets the requests so far. Do this when nothing is under way: a request that is answered later is not
    /// found in the log.
    pub fn clear_log(&self) {
        self.state().log.clear();
    }

    /// The requests by method (`*` for any) whose path and query the regular expression finds something in.
    ///
    /// # Panics
    ///
    /// When `path` is not a regular expression.
    #[expect(clippy::expect_used, reason = "the expression stands in the test that calls this")]
    pub fn requests(&self, method: &str, path: &str) -> Vec<Received> {
        let path = Regex::new(path).expect("a regular expression");
        self.state()
            .log
            .iter()
            .filter(|request| method == "*" || request.method.eq_ignore_ascii_case(method))
            .filter(|request| path.is_match(&request.path_and_query()))
            .cloned()
            .collect()
    }

    /// How many requests there were by method (`*` for any) and path.
    ///
    /// # Panics
    ///
    /// When `path` is not a regular expression.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.requests(method, path).len()
    }

    /// Waits until the log is as wanted.
    ///
    /// # Errors
    ///
    /// The log as text, when that takes longer than `within`.
    pub async fn until(
        &self,
        within: Duration,
        mut wanted: impl FnMut(&[Received]) -> bool,
    ) -> Result<(), String> {
        let mut changed = self.changed.subscribe();
        let waiting = async {
            while !wanted(&self.state().log) {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(within, waiting).await.is_ok() { Ok(()) } else { Err(self.describe()) }
    }

    /// The log as text, one line for each request.
    pub fn describe(&self) -> String {
        self.state().log.iter().map(|request| format!("{request}\n")).collect()
    }

    /// Told whenever a request comes in or is answered.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Logs a request and says which number it has and what goes wrong with it.
    pub(crate) fn received(&self, mut request: Received) -> (usize, Option<Interference>) {
        let mut state = self.state();
        let path = request.path_and_query();
        let caught = state.rules.iter_mut().find_map(|(id, active)| {
            if active.rule.left == Some(0) || !active.rule.matches(&request.method, &path) {
                return None;
            }
            if active.rule.skip > 0 {
                active.rule.skip -= 1;
                return None;
            }
            if let Some(left) = &mut active.rule.left {
                *left -= 1;
            }
            Some((*id, active.rule.fault.clone(), active.released.subscribe()))
        });
        let interference = caught.map(|(id, fault, released)| {
            *state.hits.entry(id).or_default() += 1;
            request.fault = Some(fault.name());
            match fault {
                Fault::Answer { status, headers, body } => {
                    Interference::Answer(made_up(status, &headers, body))
                }
                Fault::WorkThenAnswer { status, headers, body } => {
                    Interference::WorkThenAnswer(made_up(status, &headers, body))
                }
                Fault::GiveUpThenWork => {
                    let answer = made_up(504, &[], "<html><h1>504 Gateway Time-out</h1></html>".to_owned());
                    Interference::AnswerThenWork(answer, Wait::Release(released))
                }
                Fault::Close => Interference::Close,
                Fault::WorkThenClose => Interference::WorkThenClose,
                Fault::Hold => Interference::WaitThenWork(Wait::Release(released)),
                Fault::HoldAnswer => Interference::WorkThenWait(Wait::Release(released)),
                Fault::Delay(time) => Interference::WaitThenWork(Wait::Time(time)),
                Fault::DelayAnswer(time) => Interference::WorkThenWait(Wait::Time(time)),
                Fault::HalfAnswer => Interference::Half,
            }
        });
        let number = state.log.len();
        state.log.push(request);
        drop(state);
        self.tell();
        (number, interference)
    }

    pub(crate) fn body(&self, number: usize, body: &Bytes) {
        if let Some(request) = self.state().log.get_mut(number) {
            request.body = body.clone();
        }
    }

    pub(crate) fn answered(&self, number: usize, status: StatusCode) {
        if let Some(request) = self.state().log.get_mut(number) {
            request.status = Some(status.as_u16());
            let took = Timestamp::now().duration_since(request.at);
            request.took = Some(Duration::try_from(took).unwrap_or_default());
        }
        self.tell();
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn made_up(status: u16, headers: &[(String, String)], body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::empty(status);
    response.body = Bytes::from(body);
    for (name, value) in headers {
        response = response.with_header(name, value);
    }
    response
}
