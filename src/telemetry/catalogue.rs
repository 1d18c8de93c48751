//! Every metric by name: what is registered, and what `docs/metrics.md` lists.

use std::fmt::Write as _;

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricSpec {
    /// The name under which it is scraped.
    pub name: &'static str,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub kind: &'static str,
    /// Its labels with the values that they can have.
    pub labels: &'static str,
    /// What it counts, without a full stop.
    pub help: &'static str,
}

impl MetricSpec {
    /// The name without the suffix that the text format itself adds for its kind.
    pub(crate) fn registered_name(&self) -> &'static str {
        let suffix = match self.kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        self.name.strip_suffix(suffix).unwrap_or(self.name)
    }
}

pub(crate) const DELIVERIES: MetricSpec = MetricSpec {
    name: "flaglink_deliveries_total",
    kind: "counter",
    labels: "`source`: `gitlab` or a provider's name; `answer`: `kept`, `before` (a repeat), `ignored`, `forged`, `refused`, \
             `unwritable`, `full` (too much waits)",
    help: "Webhook requests by their answer",
};

pub(crate) const IGNORED: MetricSpec = MetricSpec {
    name: "flaglink_ignored_total",
    kind: "counter",
    labels: "`source`: `gitlab` or a provider's name; `reason`",
    help: "Authentic deliveries and events that were of no use, by the reason",
};

pub(crate) const COMMANDS: MetricSpec = MetricSpec {
    name: "flaglink_commands_total",
    kind: "counter",
    labels: "`command`; `outcome`: `done`, `partly`, `not_done`",
    help: "Commands in comments that ended",
};

pub(crate) const EFFECTS: MetricSpec = MetricSpec {
    name: "flaglink_effects_total",
    kind: "counter",
    labels: "`kind`: `reply`, `react`, `switch`, `job`, `panel`, `label`, `back_links`, `tags`; `outcome`: `done`, `unchanged`, `later`, `dead`",
    help: "Attempts to change something outside",
};

pub(crate) const FLAG_CHANGES: MetricSpec = MetricSpec {
    name: "flaglink_flag_changes_total",
    kind: "counter",
    labels: "`provider`; `noticed_by`: `webhook`, `poll`, `command`",
    help: "Changes of linked flags, by how they were noticed",
};

pub(crate) const CAUGHT_UP: MetricSpec = MetricSpec {
    name: "flaglink_caught_up_total",
    kind: "counter",
    labels: "`way`: `deliveries` (failed ones that GitLab kept), `comments`, `descriptions`, `changes` (of linked work)",
    help: "What no webhook told and catching up found",
};

pub(crate) const CATCH_UP_RUNS: MetricSpec = MetricSpec {
    name: "flaglink_catch_up_runs_total",
    kind: "counter",
    labels: "`outcome`: `complete`, `partial` (something could not be looked at and is tried again)",
    help: "Runs of catching up that ended",
};

pub(crate) const HOOKS_OFF: MetricSpec = MetricSpec {
    name: "flaglink_hooks_off",
    kind: "gauge",
    labels: "",
    help: "Webhooks of ours that GitLab has switched off and that are not on again",
};

pub(crate) const HOOK_TESTS: MetricSpec = MetricSpec {
    name: "flaglink_hook_tests_total",
    kind: "counter",
    labels: "`outcome`: `on`, `failed`",
    help: "Attempts to switch a webhook of ours on again",
};

pub(crate) const REQUESTS: MetricSpec = MetricSpec {
    name: "flaglink_requests_total",
    kind: "counter",
    labels: "`peer`: `gitlab` or a provider's name; `status`: the HTTP status, what went wrong, or `held` (not sent)",
    help: "Requests to the outside that ended or were not sent",
};

pub(crate) const REQUEST_SECONDS: MetricSpec = MetricSpec {
    name: "flaglink_request_duration_seconds",
    kind: "histogram",
    labels: "`peer`: `gitlab` or a provider's name",
    help: "How long requests to the outside took",
};

pub(crate) const COMMENTS_PUT_OFF: MetricSpec = MetricSpec {
    name: "flaglink_comment_put_off_seconds",
    kind: "histogram",
    labels: "",
    help: "For how long new comments were put off, each time, to keep `limits.notes_per_minute`",
};

pub(crate) const FLAGS_DOUBTED: MetricSpec = MetricSpec {
    name: "flaglink_flags_doubted",
    kind: "gauge",
    labels: "`provider`",
    help: "Linked flags that the service does not know any more, too many at once to be believed",
};

pub(crate) const WAITING: MetricSpec = MetricSpec {
    name: "flaglink_waiting",
    kind: "gauge",
    labels: "`queue`: `inbox` (deliveries), `edges` (effects done once), `levels` (things to be made equal)",
    help: "How much waits now",
};

pub(crate) const DEAD_LETTERS: MetricSpec = MetricSpec {
    name: "flaglink_dead_letters",
    kind: "gauge",
    labels: "`kind`: `delivery`, `event`, `reply`, `react`, `switch`, `job`, `panel`, `label`, `back_links`, `tags`, `other` (of another \
             version, and beyond the first thousand)",
    help: "Deliveries and effects that were given up on and wait for somebody (`flaglink queue list`)",
};

pub(crate) const DEAD_LETTER_AGE: MetricSpec = MetricSpec {
    name: "flaglink_oldest_dead_letter_seconds",
    kind: "gauge",
    labels: "",
    help: "How long ago the oldest of them was given up; 0 where there is none",
};

pub(crate) const START_TIME: MetricSpec = MetricSpec {
    name: "process_start_time_seconds",
    kind: "gauge",
    labels: "",
    help: "When the daemon started, in seconds since 1970-01-01 UTC",
};

pub(crate) const BUILD: MetricSpec = MetricSpec {
    name: "flaglink_build_info",
    kind: "info",
    labels: "`version`",
    help: "Which flaglink this is",
};

/// All metrics, in the order of the documentation.
pub const METRICS: [MetricSpec; 18] = [
    DELIVERIES,
    IGNORED,
    COMMANDS,
    EFFECTS,
    FLAG_CHANGES,
    CAUGHT_UP,
    CATCH_UP_RUNS,
    HOOKS_OFF,
    HOOK_TESTS,
    REQUESTS,
    REQUEST_SECONDS,
    COMMENTS_PUT_OFF,
    FLAGS_DOUBTED,
    WAITING,
    DEAD_LETTERS,
    DEAD_LETTER_AGE,
    START_TIME,
    BUILD,
];

/// `docs/metrics.md`.
pub fn metrics_markdown() -> String {
    let mut page = "\
# Metrics

<!-- Made from `src/telemetry/catalogue.rs`: run `UPDATE_DOCS=1 cargo test --test telemetry_metrics`. -->

`GET /metrics` on the admin listener answers in the OpenMetrics text format, which Prometheus reads. A metric with labels
appears when it is first counted.

| metric | kind | what | labels |
| --- | --- | --- | --- |
"
    .to_owned();
    for spec in METRICS {
        let _ = writeln!(page, "| `{}` | {} | {} | {} |", spec.name, spec.kind, spec.help, spec.labels);
    }
    page.push_str(
        "\
\nWorth an alert: `flaglink_dead_letters` above 0, `flaglink_flags_doubted` above 0, `flaglink_hooks_off` above 0,
`flaglink_waiting` that only grows, `flaglink_caught_up_total` that grows all the time (webhooks do not arrive),
`flaglink_deliveries_total` with `answer=\"forged\"` (a wrong secret in a hook) or `answer=\"unwritable\"` (the disk); `answer=\"full\"` says that
`[limits] backlog` was reached.
",
    );
    page
}
