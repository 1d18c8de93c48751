//! What all benchmarks share: child processes, the load, percentiles, and how figures are written down.
//!
//! Every figure is a ratio to a floor that is measured in the same run, on the same machine, between the rounds of
//! what it is compared with: machines differ, and the same machine differs from minute to minute.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

pub(crate) mod floor;
pub(crate) mod house;
pub(crate) mod load;
pub(crate) mod world;

use std::time::Duration;

use hdrhistogram::Histogram;

/// A histogram of times in microseconds, good for three digits.
pub(crate) fn times() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 120_000_000, 3).unwrap()
}

/// Notes a time.
pub(crate) fn note(times: &mut Histogram<u64>, time: Duration) {
    times.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1));
}

/// A quantile in milliseconds.
pub(crate) fn ms(times: &Histogram<u64>, quantile: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a time in microseconds is far from 2^52")]
    let micros = times.value_at_quantile(quantile) as f64;
    micros / 1000.0
}

/// The value in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// A number from the environment, for a shorter or longer run.
pub(crate) fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Whether `cargo test --benches` only wants to know that it starts.
pub(crate) fn only_asked() -> bool {
    !std::env::args().any(|argument| argument == "--bench")
}

/// A table as Markdown.
pub(crate) struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn print(&self, title: &str) {
        println!("\n{title}\n");
        println!("| {} |", self.heads.join(" | "));
        println!("| :-- |{}", " --: |".repeat(self.heads.len().saturating_sub(1)));
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }
}
