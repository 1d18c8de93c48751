//! The logs: one line of the right form for terminals, machines and the journal.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use flaglink::telemetry::{LogFormat, LogOptions, TraceId};
use tracing_subscriber::fmt::MakeWriter;

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What the options make of one info, one warning and one debug line.
fn written(options: &LogOptions) -> String {
    let kept = Kept::default();
    let subscriber = options.subscriber(kept.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        let span = TraceId::random().span("gitlab");
        let _inside = span.enter();
        tracing::info!(project = "shop/website", "taken");
        tracing::warn!("slow");
        tracing::debug!("detail");
    });
    let bytes = kept.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_form_suits_where_the_lines_go() {
    for (pairs, json, terminal, expected) in [
        (&[][..], false, true, LogFormat::Words { colour: true }),
        (&[("NO_COLOR", "1")], false, true, LogFormat::Words { colour: false }),
        (&[], false, false, LogFormat::Words { colour: false }),
        (&[("JOURNAL_STREAM", "8:1")], false, false, LogFormat::Journal),
        // A terminal of a desktop session inherits the variable, but is no journal.
        (&[("JOURNAL_STREAM", "8:1")], false, true, LogFormat::Words { colour: true }),
        (&[("JOURNAL_STREAM", "8:1")], true, true, LogFormat::Json),
    ] {
        let options = LogOptions::new(&env(pairs), json, terminal);
        assert_eq!(options.format, expected, "{pairs:?} json={json} terminal={terminal}");
        assert_eq!(options.filter, "info");
    }
}

#[test]
fn words_have_a_time_the_level_and_the_id_of_the_webhook() {
    let text = written(&LogOptions::new(&env(&[]), false, false));
    assert_eq!(text.lines().count(), 2, "{text}");
    let first = text.lines().next().unwrap();
    assert!(first.contains("INFO webhook{id=") && first.contains("taken project=\"shop/website\""), "{text}");
    assert!(first.starts_with("20"), "{text}");
    assert!(!text.contains('\u{1b}'), "no colour where there is no terminal: {text}");
    assert!(written(&LogOptions::new(&env(&[]), false, true)).contains('\u{1b}'));
}

#[test]
fn the_journal_gets_the_level_in_front_and_no_time() {
    let text = written(&LogOptions::new(&env(&[("JOURNAL_STREAM", "8:1")]), false, false));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("<6>webhook{id="), "{text}");
    assert!(lines[1].starts_with("<4>webhook{id="), "{text}");
}

#[test]
fn machines_get_one_object_a_line() {
    let text = written(&LogOptions::new(&env(&[]), true, true));
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["spans"][0]["name"], "webhook");
        assert_eq!(line["spans"][0]["id"].as_str().unwrap().len(), 8);
    }
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn the_filter_says_how_much() {
    let text = written(&LogOptions::new(&env(&[("FLAGLINK_LOG", "debug")]), false, false));
    assert!(text.contains("DEBUG") && text.contains("detail"), "{text}");
    let text =
        written(&LogOptions::new(&env(&[("FLAGLINK_LOG", "warn,telemetry_logs=error")]), false, false));
    assert_eq!(text, "");
    let text = written(&LogOptions::new(&env(&[("FLAGLINK_LOG", "  ")]), false, false));
    assert_eq!(text.lines().count(), 2, "an empty variable is as good as none");
    match LogOptions::new(&env(&[("FLAGLINK_LOG", "flaglink=loud=very")]), false, false).subscriber(io::sink)
    {
        Ok(_) => panic!("a filter that means nothing was taken"),
        Err(error) => assert!(error.to_string().contains("FLAGLINK_LOG=flaglink=loud=very"), "{error}"),
    }
}

#[test]
fn ids_are_short_plain_and_different() {
    let ids: BTreeSet<String> = (0..1000).map(|_| TraceId::random().to_string()).collect();
    assert_eq!(ids.len(), 1000);
    assert!(
        ids.iter()
            .all(|id| id.len() == 8 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
    );
}
