//! What hostile bytes must not be able to do, as bodies of fuzz targets: each takes bytes, and panics where a promise of
//! flaglink's is broken. The targets for libFuzzer and the ordinary test `tests/fuzz_corpus.rs` run the same bodies.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is the report"
)]

#[path = "../../tests/support/answering.rs"]
#[allow(dead_code, reason = "shared with tests that need other parts of it")]
mod answering;
#[path = "../../tests/support/quick_actions.rs"]
mod quick_actions;
#[path = "../../tests/support/rendered.rs"]
mod rendered;

mod answers;
mod command;
mod comment;
mod gitlab_hook;
mod provider_hook;
mod request;
mod script;

/// A target: its name, which is also the folder of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 11] = [
    ("command_text", command::text),
    ("comment_text", comment::text),
    ("gitlab_body", gitlab_hook::body),
    ("gitlab_signature", gitlab_hook::signature),
    ("flagsmith_webhook", provider_hook::flagsmith),
    ("unleash_webhook", provider_hook::unleash),
    ("gitlab_flags_webhook", provider_hook::gitlab_flags),
    ("flagsmith_answers", answers::flagsmith),
    ("unleash_answers", answers::unleash),
    ("gitlab_flags_answers", answers::gitlab_flags),
    ("gitlab_answers", answers::gitlab),
];

/// Runs the target of that name.
pub fn run(name: &str, data: &[u8]) {
    let (_, body) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of that name");
    body(data);
}

/// How many states of flags are read from these answers, by target, and what went wrong: a corpus that is never understood tests
/// little.
pub fn states_read(name: &str, data: &[u8]) -> (usize, Vec<String>) {
    answers::states_read(name, data)
}
