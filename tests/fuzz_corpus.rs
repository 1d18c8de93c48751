//! The fuzz targets of `fuzz/`, with an ordinary compiler: each on every file of its corpus, and then for a second on what
//! becomes of those files when bytes are changed, cut out, doubled, and put together with others.
//!
//! `FLAGLINK_FUZZ_SECONDS=600 cargo test --test fuzz_corpus` goes on for so long with each, and from another seed every time;
//! `FLAGLINK_SEED=N` is that one again. What breaks a promise is kept in `target/fuzz/`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[path = "support/hostile.rs"]
#[expect(dead_code, reason = "only the pieces are needed")]
mod hostile;
#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is a library where libFuzzer is")]
mod targets;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
/// The longest text that is made out of others, in bytes.
const LONGEST: usize = 1 << 16;

/// Pieces that mean something to one target or another.
const WORDS: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "-1",
    "0",
    "1e999",
    "18446744073709551616",
    "\"NaN\"",
    "\"checkout_v2\"",
    "\"object_kind\":\"note\",",
    "\"id\":",
    "{{KEY}}",
    "{{DIGEST}}",
    "{{MARKER}}",
    "> 200 application/json /\n",
    "> 403 application/json /\n",
    "> 500 text/html /\n",
    "webhook-signature: v1,{{DIGEST}}\n",
    "\n\n",
    "/flag link ",
    "--env ",
    "\u{fffd}",
    "\"../../x\"",
];

/// SplitMix64: enough to choose with, and the same on every machine.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `n`; 0 where there is nothing to choose from.
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }

    fn range(&mut self, of: &[u8]) -> std::ops::Range<usize> {
        let start = self.below(of.len() + 1);
        start..start + self.below((of.len() - start + 1).min(64))
    }

    /// One of the texts, with a few things done to it.
    fn mutant(&mut self, of: &[Vec<u8>]) -> Vec<u8> {
        let mut text = of[self.below(of.len())].clone();
        for _ in 0..=self.below(4) {
            let range = self.range(&text);
            match self.below(7) {
                0 => {
                    let at = self.below(text.len());
                    let bit = 1 << self.below(8);
                    if let Some(byte) = text.get_mut(at) {
                        *byte ^= bit;
                    }
                }
                1 => drop(text.drain(range)),
                2 => text.truncate(range.start),
                3 => {
                    let piece = text[range.clone()].to_vec();
                    let at = self.below(text.len() + 1);
                    drop(text.splice(at..at, piece));
                }
                4 => {
                    let other = &of[self.below(of.len())];
                    let from = self.range(other).start;
                    text.truncate(range.start);
                    text.extend_from_slice(&other[from..]);
                }
                5 => {
                    let word = WORDS[self.below(WORDS.len())];
                    drop(text.splice(range, word.bytes()));
                }
                _ => {
                    let piece = hostile::FRAGMENTS[self.below(hostile::FRAGMENTS.len())];
                    drop(text.splice(range.start..range.start, piece.bytes()));
                }
            }
        }
        text.truncate(LONGEST);
        text
    }
}

/// The files of a target's corpus, in order.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(ROOT).join("corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 3, "{target} has too small a corpus");
    files
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn holds(target: &str) {
    let mut texts: Vec<Vec<u8>> = Vec::new();
    for file in corpus(target) {
        let text = std::fs::read(&file).unwrap();
        let kept = catch_unwind(AssertUnwindSafe(|| targets::run(target, &text)));
        assert!(kept.is_ok(), "{target} does not hold for {}", file.display());
        texts.push(text);
    }
    let longer = number("FLAGLINK_FUZZ_SECONDS");
    let by_clock = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros();
    let unless_given = longer.map_or(4_711, |_| u64::try_from(by_clock).unwrap());
    let seed = number("FLAGLINK_SEED").unwrap_or(unless_given);
    let (mut chance, until) = (Chance(seed), Instant::now() + Duration::from_secs(longer.unwrap_or(1)));
    let mut rounds = 0_u64;
    while Instant::now() < until {
        let text = chance.mutant(&texts);
        if catch_unwind(AssertUnwindSafe(|| targets::run(target, &text))).is_err() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
            std::fs::create_dir_all(&folder).unwrap();
            let file = folder.join(format!("{target}-{seed}-{rounds}"));
            std::fs::write(&file, &text).unwrap();
            panic!("{target} does not hold for {}; put it into fuzz/corpus/{target}/", file.display());
        }
        rounds += 1;
    }
    println!("{target}: {} files, then {rounds} rounds with FLAGLINK_SEED={seed}", texts.len());
}

macro_rules! each_holds {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            holds(stringify!($target));
        })*
        const HERE: &[&str] = &[$(stringify!($target)),*];
    };
}

each_holds!(command_text comment_text gitlab_body gitlab_signature flagsmith_webhook unleash_webhook
    gitlab_flags_webhook flagsmith_answers unleash_answers gitlab_flags_answers gitlab_answers);

/// A target without a corpus, or one that only libFuzzer knows, would be one that nobody runs.
#[test]
fn every_target_is_run_here_and_by_libfuzzer_and_has_a_corpus() {
    let known: BTreeSet<&str> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(known, HERE.iter().copied().collect());
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
        entries
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    let known: BTreeSet<String> = known.into_iter().map(str::to_owned).collect();
    assert_eq!(names("fuzz_targets"), known);
    assert_eq!(names("corpus"), known);
    let manifest = std::fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    for name in known {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        let target =
            std::fs::read_to_string(Path::new(ROOT).join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(target.contains(&format!("\"{name}\"")), "{name}");
    }
}

/// A server whose answers are never understood would break no promise.
#[test]
fn the_answers_of_a_usual_day_are_understood() {
    for target in ["flagsmith_answers", "unleash_answers", "gitlab_flags_answers"] {
        let usual = std::fs::read(Path::new(ROOT).join("corpus").join(target).join("usual")).unwrap();
        let (read, errors) = targets::states_read(target, &usual);
        assert!(read > 0, "{target}: {errors:?}");
    }
}
