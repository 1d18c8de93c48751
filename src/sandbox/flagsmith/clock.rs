//! Time as Flagsmith shows it, and names and tokens nobody else has.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// A moment, in whole microseconds like the database of a real Flagsmith.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub Timestamp);

impl Stamp {
    /// The form of nearly every field: `2026-11-22T12:36:29.053660Z`.
    pub fn zulu(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
    }

    /// Python's `isoformat()`: `2026-11-22T12:36:29.053660+00:00`.
    pub fn iso(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
    }
}

/// Tells the time, and never the same moment twice.
#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<Stamp>,
}

impl Clock {
    pub(super) fn now(&mut self) -> Stamp {
        let real = Timestamp::now();
        let whole = Timestamp::from_microsecond(real.as_microsecond()).unwrap_or(real);
        let now = match self.last {
            Some(Stamp(last)) if last >= whole => last + SignedDuration::from_micros(1),
            _ => whole,
        };
        self.last = Some(Stamp(now));
        Stamp(now)
    }
}

/// Makes tokens and UUIDs. Two of them are never the same in one run, and differ from those of another run.
#[derive(Debug)]
pub(super) struct Mint {
    seed: [u8; 32],
    made: u64,
}

impl Default for Mint {
    fn default() -> Self {
        let mut seed = [0; 32];
        // Without randomness the tokens are still all different; a sandbox guards nothing.
        let _ = getrandom::fill(&mut seed);
        Self { seed, made: 0 }
    }
}

impl Mint {
    fn bytes(&mut self) -> [u8; 32] {
        self.made += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(self.made.to_be_bytes());
        hash.finalize().into()
    }

    /// `length` letters and digits, at most 32.
    pub(super) fn token(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
        self.bytes()
            .iter()
            .take(length)
            .filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()))
            .map(|letter| char::from(*letter))
            .collect()
    }

    /// 40 hexadecimal digits, as a user's token has them.
    pub(super) fn hex(&mut self) -> String {
        hex::encode(self.bytes()).chars().take(40).collect()
    }

    /// A random UUID.
    pub(super) fn uuid(&mut self) -> String {
        let text = hex::encode(self.bytes());
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
    }
}
