//! The metrics, in the text format that Prometheus reads (OpenMetrics).

use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::catalogue::{self, MetricSpec};

/// The version of flaglink that this is.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Upper ends of the buckets for the time that requests to the outside take, in seconds. The last ones are about the
/// longest that GitLab works on a request (`request_ceiling`).
const SECONDS: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 65.0];

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;

/// Makes the histograms of a family.
#[derive(Clone, Copy, Debug)]
struct Seconds;

impl MetricConstructor<Histogram> for Seconds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(SECONDS)
    }
}

/// All metrics of one daemon.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    deliveries: Counters,
    ignored: Counters,
    commands: Counters,
    effects: Counters,
    flag_changes: Counters,
    caught_up: Counters,
    catch_up_runs: Counters,
    hooks_off: Gauge,
    hook_tests: Counters,
    requests: Counters,
    request_seconds: Family<Labels, Histogram, Seconds>,
    comments_put_off: Histogram,
    doubted: Family<Labels, Gauge>,
    waiting: Family<Labels, Gauge>,
    dead_letters: Family<Labels, Gauge>,
    dead_letter_age: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let started: Gauge<f64, AtomicU64> = Gauge::default();
        started.set(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
        let mut add = Adder(&mut registry);
        let deliveries = add.metric(catalogue::DELIVERIES);
        let ignored = add.metric(catalogue::IGNORED);
        let commands = add.metric(catalogue::COMMANDS);
        let effects = add.metric(catalogue::EFFECTS);
        let flag_changes = add.metric(catalogue::FLAG_CHANGES);
        let caught_up = add.metric(catalogue::CAUGHT_UP);
        let catch_up_runs = add.metric(catalogue::CATCH_UP_RUNS);
        let hooks_off = add.metric(catalogue::HOOKS_OFF);
        let hook_tests = add.metric(catalogue::HOOK_TESTS);
        let requests = add.metric(catalogue::REQUESTS);
        let request_seconds = add.this(catalogue::REQUEST_SECONDS, Family::new_with_constructor(Seconds));
        let comments_put_off = add.this(catalogue::COMMENTS_PUT_OFF, Seconds.new_metric());
        let doubted = add.metric(catalogue::FLAGS_DOUBTED);
        let waiting = add.metric(catalogue::WAITING);
        let dead_letters = add.metric(catalogue::DEAD_LETTERS);
        let dead_letter_age = add.metric(catalogue::DEAD_LETTER_AGE);
        add.this(catalogue::START_TIME, started);
        let build = Info::new(vec![("version", VERSION)]);
        registry.register(catalogue::BUILD.registered_name(), catalogue::BUILD.help, build);
        Self {
            registry,
            deliveries,
            ignored,
            commands,
            effects,
            flag_changes,
            caught_up,
            catch_up_runs,
            hooks_off,
            hook_tests,
            requests,
            request_seconds,
            comments_put_off,
            doubted,
            waiting,
            dead_letters,
            dead_letter_age,
        }
    }
}

/// Registers metrics under the names and help texts of the catalogue.
struct Adder<'a>(&'a mut Registry);

impl Adder<'_> {
    fn metric<M: prometheus_client::registry::Metric + Clone + Default>(&mut self, spec: MetricSpec) -> M {
        self.this(spec, M::default())
    }

    fn this<M: prometheus_client::registry::Metric + Clone>(&mut self, spec: MetricSpec, metric: M) -> M {
        self.0.register(spec.registered_name(), spec.help, metric.clone());
        metric
    }
}

impl Metrics {
    /// A webhook request was answered: source `gitlab` or a provider's name; answer `kept`, `before`, `ignored`, `forged`, `refused`, `unwritable`,
    /// `full`.
    pub fn delivery(&self, source: &str, answer: &'static str) {
        count(&self.deliveries, [("source", source), ("answer", answer)]);
    }

    /// An authentic delivery or event was of no use, and why.
    pub fn ignored(&self, source: &str, reason: &'static str) {
        count(&self.ignored, [("source", source), ("reason", reason)]);
    }

    /// A command ended: its name, and `done`, `partly`, `not_done`.
    pub fn command(&self, name: &str, outcome: &'static str) {
        count(&self.commands, [("command", name), ("outcome", outcome)]);
    }

    /// An effect was tried: kind `reply`, `react`, `switch`, `job`, `panel`, `label`, `back_links`, `tags`; outcome `done`, `unchanged`, `later`, `dead`.
    pub fn effect(&self, kind: &'static str, outcome: &'static str) {
        count(&self.effects, [("kind", kind), ("outcome", outcome)]);
    }

    /// A flag changed, by provider and how it was noticed: `webhook`, `poll`, `command`.
    pub fn flag_change(&self, provider: &str, noticed_by: &'static str) {
        count(&self.flag_changes, [("provider", provider), ("noticed_by", noticed_by)]);
    }

    /// Catching up found so much, by its way: `deliveries`, `comments`, `descriptions`, `changes`.
    pub fn caught_up(&self, way: &'static str, many: u64) {
        if many > 0 {
            self.caught_up.get_or_create(&labels([("way", way)])).inc_by(many);
        }
    }

    /// A run of catching up ended: `complete`, `partial`.
    pub fn catch_up_run(&self, outcome: &'static str) {
        count(&self.catch_up_runs, [("outcome", outcome)]);
    }

    /// How many webhooks of ours are switched off now.
    pub fn hooks_off(&self, many: usize) {
        self.hooks_off.set(i64::try_from(many).unwrap_or(i64::MAX));
    }

    /// It was tried to switch a webhook on again: `on`, `failed`.
    pub fn hook_test(&self, outcome: &'static str) {
        count(&self.hook_tests, [("outcome", outcome)]);
    }

    /// A request to the outside ended: peer, status (`200`, `timeout`, `refused` …), duration. One that took no time
    /// was never sent (`held`): it is counted, but says nothing about how long requests take.
    pub fn request(&self, peer: &str, status: &str, took: Duration) {
        count(&self.requests, [("peer", peer), ("status", status)]);
        if took.is_zero() {
            return;
        }
        self.request_seconds.get_or_create(&labels([("peer", peer)])).observe(took.as_secs_f64());
    }

    /// A new comment was put off for that long, because GitLab takes only so many a minute.
    pub fn comment_put_off(&self, wait: Duration) {
        self.comments_put_off.observe(wait.as_secs_f64());
    }

    /// So many linked flags are missing at a provider, and that is not believed; 0: nothing is doubted.
    pub fn doubted(&self, provider: &str, many: usize) {
        let many = i64::try_from(many).unwrap_or(i64::MAX);
        self.doubted.get_or_create(&labels([("provider", provider)])).set(many);
    }

    /// How much waits now.
    pub fn backlog(&self, inbox: u64, edges: u64, stale: u64) {
        for (queue, many) in [("inbox", inbox), ("edges", edges), ("levels", stale)] {
            self.waiting.get_or_create(&labels([("queue", queue)])).set(amount(many));
        }
    }

    /// How much was given up, by every kind that there is, and how long ago the oldest was.
    pub fn dead_letters(&self, kinds: impl IntoIterator<Item = (&'static str, u64)>, oldest: Duration) {
        for (kind, many) in kinds {
            self.dead_letters.get_or_create(&labels([("kind", kind)])).set(amount(many));
        }
        self.dead_letter_age.set(amount(oldest.as_secs()));
    }

    /// The text for `GET /metrics`, to be served as [`CONTENT_TYPE`](Self::CONTENT_TYPE).
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a string does not fail; were it to, half a page would be worse than an empty one.
            Err(std::fmt::Error) => String::from("# EOF\n"),
        }
    }

    /// The media type of [`text`](Self::text).
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
}

fn labels<const N: usize>(pairs: [(&'static str, &str); N]) -> Labels {
    pairs.map(|(name, value)| (name, value.to_owned())).to_vec()
}

fn count<const N: usize>(family: &Counters, pairs: [(&'static str, &str); N]) {
    family.get_or_create(&labels(pairs)).inc();
}

fn amount(many: u64) -> i64 {
    i64::try_from(many).unwrap_or(i64::MAX)
}
