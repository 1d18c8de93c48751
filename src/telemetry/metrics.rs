//! The metrics, in Prometheus' text format.

use std::time::Duration;

/// All metrics of one daemon.
#[derive(Debug, Default)]
pub struct Metrics {}

impl Metrics {
    /// A webhook request was answered: source `gitlab` or a provider's name; answer `kept`, `before`, `ignored`, `forged`, `refused`, `unwritable`.
    pub fn delivery(&self, _source: &str, _answer: &'static str) {}

    /// An authentic delivery or event was of no use, and why.
    pub fn ignored(&self, _source: &str, _reason: &'static str) {}

    /// A command ended: its name, and `done`, `partly`, `not_done`.
    pub fn command(&self, _name: &str, _outcome: &'static str) {}

    /// An effect was tried: kind `reply`, `react`, `panel`, `label`, `back_links`; outcome `done`, `unchanged`, `later`, `dead`.
    pub fn effect(&self, _kind: &'static str, _outcome: &'static str) {}

    /// A flag changed, by provider and how it was noticed: `webhook`, `poll`, `command`.
    pub fn flag_change(&self, _provider: &str, _noticed_by: &'static str) {}

    /// A request to the outside ended: peer, status (`200`, `timeout`, `refused` …), duration.
    pub fn request(&self, _peer: &str, _status: &str, _took: Duration) {}

    /// How much waits now.
    pub fn backlog(&self, _inbox: u64, _edges: u64, _stale: u64, _dead: u64) {}

    /// The text for `GET /metrics`.
    pub fn text(&self) -> String {
        String::new()
    }
}
