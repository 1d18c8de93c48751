//! What webhook bodies are good for: every kind that GitLab documents, and what nobody documents.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::Path;

use flaglink::domain::{Event, NoteHint, NoteSource, NoteableKind};
use flaglink::gitlab::{Classified, classify, read_time};
use proptest::prelude::*;
use serde_json::{Value, json};

const OURS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/gitlab");
/// GitLab's own examples, where they are at hand; they are not part of the repository.
const DOCUMENTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/recordings/gitlab/docs-payloads");

struct Row {
    file: String,
    expected: String,
    documented: Option<String>,
}

fn index() -> Vec<Row> {
    let text = std::fs::read_to_string(format!("{OURS}/INDEX.tsv")).unwrap();
    let rows: Vec<Row> = text
        .lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let [file, _, expected, documented] = columns[..] else { panic!("{line}") };
            Row {
                file: file.to_owned(),
                expected: expected.to_owned(),
                documented: (documented != "-").then(|| documented.to_owned()),
            }
        })
        .collect();
    assert!(rows.len() > 80);
    rows
}

fn look(body: &[u8]) -> Classified {
    classify(body, &BTreeSet::from([90]), Some("flaglink"))
}

fn of(body: &Value) -> Classified {
    look(body.to_string().as_bytes())
}

/// In the words of the index.
fn in_words(classified: &Classified) -> String {
    match classified {
        Classified::NotJson => "not json".to_owned(),
        Classified::Ignored(reason) => format!("ignored {reason}"),
        Classified::Event { event: Event::NoteWritten(hint), .. } => match hint.source {
            NoteSource::Note(_) => format!("note {}", hint.kind.path()),
            NoteSource::Description => format!("description {}", hint.kind.path()),
        },
        Classified::Event { event: Event::NoteableChanged { kind, .. }, .. } => {
            format!("changed {}", kind.path())
        }
        Classified::Event { event, .. } => format!("unexpected {event:?}"),
    }
}

#[test]
fn every_body_is_what_the_index_says_and_names_the_right_place() {
    for row in index() {
        let body = std::fs::read(format!("{OURS}/{}", row.file)).unwrap();
        let classified = look(&body);
        assert_eq!(in_words(&classified), row.expected, "{}", row.file);
        let Classified::Event { event, project_path } = classified else { continue };
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(project_path.as_deref(), body["project"]["path_with_namespace"].as_str(), "{}", row.file);
        let (project, iid) = match &event {
            Event::NoteWritten(hint) => {
                if let NoteSource::Note(note) = hint.source {
                    assert_eq!(Some(note), body["object_attributes"]["id"].as_u64(), "{}", row.file);
                    assert_eq!(
                        hint.discussion.as_deref(),
                        body["object_attributes"]["discussion_id"].as_str()
                    );
                }
                (hint.project, hint.iid)
            }
            Event::NoteableChanged { project, iid, .. } => (*project, *iid),
            other => panic!("{other:?}"),
        };
        assert_eq!(project, 318, "{}", row.file);
        let iids = ["issue", "work_item", "merge_request", "object_attributes"]
            .map(|place| body[place]["iid"].as_u64());
        assert_eq!(Some(iid), iids.into_iter().flatten().next(), "{}", row.file);
    }
}

#[test]
fn every_file_stands_in_the_index() {
    let named: BTreeSet<String> = index().into_iter().map(|row| row.file).collect();
    for file in std::fs::read_dir(OURS).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(name == "INDEX.tsv" || named.contains(&name), "{name}");
    }
}

/// GitLab's own examples are judged as ours are, and every one of them has a counterpart.
#[test]
fn the_documented_bodies_are_judged_alike() {
    if !Path::new(DOCUMENTED).is_dir() {
        println!("left out: GitLab's documented bodies are not at hand");
        return;
    }
    let mut known = BTreeSet::new();
    for row in index() {
        let Some(documented) = row.documented else { continue };
        let body = std::fs::read(format!("{DOCUMENTED}/{documented}")).unwrap();
        assert_eq!(in_words(&look(&body)), row.expected, "{documented}");
        known.insert(documented);
    }
    let there = std::fs::read_to_string(format!("{DOCUMENTED}/INDEX.tsv")).unwrap();
    for line in there.lines().skip(1) {
        let name = line.split('\t').next().unwrap();
        assert!(known.contains(name), "{name} has no counterpart");
    }
}

fn note(text: &str) -> Value {
    json!({
        "object_kind": "note",
        "project_id": 318,
        "object_attributes": {"id": 9, "note": text, "noteable_type": "Issue", "author_id": 12},
        "issue": {"iid": 41}
    })
}

#[test]
fn the_least_that_a_note_needs() {
    let wanted = NoteHint {
        project: 318,
        kind: NoteableKind::Issue,
        iid: 41,
        source: NoteSource::Note(9),
        discussion: None,
        by_another: false,
    };
    let event = Event::NoteWritten(wanted);
    assert_eq!(of(&note("/flag help")), Classified::Event { event, project_path: None });
}

#[test]
fn a_line_that_begins_as_a_command_is_worth_a_look() {
    for text in [
        "/flag",
        "/FLAG help",
        "a\n/flag x",
        "a\n\r\n\r/flag x",
        "  /flag x",
        "/fl\rag x",
        "@flaglink flag x",
        "@FlagLink",
        "ä\n@flaglink",
    ] {
        assert_eq!(in_words(&of(&note(text))), "note issues", "{text:?}");
    }
    for text in ["", "flag", "a /flag x", "a\r/flag x", "/fla", "/label ~x", "@mara flag", "@", "@é", "/flä"]
    {
        assert_eq!(in_words(&of(&note(text))), "ignored no_command", "{text:?}");
    }
}

#[test]
fn as_long_as_the_bots_name_is_not_known_any_name_counts() {
    let look = |text: &str| in_words(&classify(note(text).to_string().as_bytes(), &BTreeSet::new(), None));
    assert_eq!(look("@whoever flag link x"), "note issues");
    assert_eq!(look("@whoever thanks"), "ignored no_command");
    assert_eq!(look("/flag help"), "note issues");
}

#[test]
fn odd_shapes_of_single_fields_do_not_spoil_the_rest() {
    let with = |pointer: &str, value: Value| {
        let mut body = note("/flag help");
        *body.pointer_mut(pointer).unwrap() = value;
        in_words(&of(&body))
    };
    assert_eq!(with("/project_id", json!("318")), "note issues");
    assert_eq!(with("/object_attributes/author_id", json!({})), "note issues");
    // No text at all is no proof that there is no command: it is read back.
    assert_eq!(with("/object_attributes/note", Value::Null), "note issues");
    assert_eq!(with("/object_attributes/id", json!(-1)), "ignored incomplete");
    assert_eq!(with("/object_attributes/id", json!(1.5)), "ignored incomplete");
    assert_eq!(with("/issue/iid", json!(0)), "ignored incomplete");
    assert_eq!(with("/issue", json!([41])), "ignored incomplete");
    assert_eq!(with("/project_id", Value::Null), "ignored incomplete");
    assert_eq!(with("/object_attributes", json!("x")), "ignored incomplete");
    assert_eq!(with("/object_attributes/noteable_type", Value::Null), "ignored incomplete");
    assert_eq!(with("/object_kind", json!(["note"])), "ignored no_kind");
}

#[test]
fn a_discussion_id_becomes_part_of_an_address_and_must_look_like_one() {
    let discussion = |id: &str| {
        let mut body = note("/flag help");
        body["object_attributes"]["discussion_id"] = json!(id);
        match of(&body) {
            Classified::Event { event: Event::NoteWritten(hint), .. } => hint.discussion,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(discussion(&"a1".repeat(20)), Some("a1".repeat(20)));
    assert_eq!(discussion("../../user"), None);
    assert_eq!(discussion(&"g1".repeat(20)), None);
}

#[test]
fn a_key_that_stands_twice_counts_as_it_stands_last() {
    let twice = br#"{"object_kind": "push", "object_kind": "pipeline"}"#;
    assert_eq!(look(twice), Classified::Ignored("pipeline"));
}

#[test]
fn what_is_no_json_object_is_told_apart() {
    for body in [
        "",
        " ",
        "null",
        "1",
        "\"x\"",
        "[]",
        r#"["note"]"#,
        "{",
        r#"{"a":}"#,
        "{} {}",
        "\u{feff}{}",
        "object_kind=note",
    ] {
        assert_eq!(look(body.as_bytes()), Classified::NotJson, "{body:?}");
    }
    assert_eq!(look(b"{\"a\": \"\xff\"}"), Classified::NotJson);
    assert_eq!(look(b" \r\n{}"), Classified::Ignored("no_kind"));
    // Deeper than any body of GitLab's, and than a stack.
    assert_eq!(look(format!("{{\"a\":{}", "[".repeat(1_000_000)).as_bytes()), Classified::NotJson);
}

#[test]
fn every_shape_of_a_moment_is_read() {
    let wanted = "2026-05-16T15:14:33Z".parse().unwrap();
    for text in [
        "2026-05-16T15:14:33Z",
        "2026-05-16T15:14:33.000Z",
        "2026-05-16 15:14:33 UTC",
        "2026-05-16 17:14:33 +0200",
        "2026-05-16T17:14:33+02:00",
        " 2026-05-16 15:14:33 UTC ",
    ] {
        assert_eq!(read_time(text), Some(wanted), "{text}");
    }
    for text in ["", "yesterday", "2026-05-16", "2026-13-01 00:00:00 UTC", "UTC", "2026-05-16 15:14:33"] {
        assert_eq!(read_time(text), None, "{text}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[/@](flag|flaglink) .{0,10}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{1,12}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every place in a JSON value, as pointers.
fn places(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                places(inner, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), out);
            }
        }
        Value::Array(list) => {
            for (i, inner) in list.iter().enumerate() {
                places(inner, format!("{at}/{i}"), out);
            }
        }
        _ => {}
    }
    out.push(at);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        look(&body);
    }

    #[test]
    fn no_json_makes_it_panic(body in any_json(), kind in "(note|issue|merge_request|work_item)") {
        of(&body);
        if let Value::Object(mut object) = body {
            object.insert("object_kind".to_owned(), kind.into());
            prop_assert_ne!(of(&Value::Object(object)), Classified::NotJson);
        }
    }

    /// A known body with any place of it replaced is still read, and never believed to be more than it was.
    #[test]
    fn a_spoilt_body_is_still_read(pick: prop::sample::Index, place: prop::sample::Index, spoilt in any_json(), cut: prop::sample::Index) {
        let rows = index();
        let bytes = std::fs::read(format!("{OURS}/{}", pick.get(&rows).file)).unwrap();
        look(&bytes[..cut.index(bytes.len())]);
        let mut body: Value = serde_json::from_slice(&bytes).unwrap();
        let mut all = Vec::new();
        places(&body, String::new(), &mut all);
        all.retain(|place| !place.is_empty());
        let place: &String = place.get(&all);
        *body.pointer_mut(place).unwrap() = spoilt;
        prop_assert_ne!(of(&body), Classified::NotJson);
    }
}
