//! Hidden markers: the same cause finds its comment again, and nobody else can make one.

use flaglink::domain::{
    Cause, CommentText, InstanceId, NoteSource, Noteable, NoteableKind, Purpose, Reaction,
};
use flaglink::markdown::{Markdown, Marker, MarkerKey};

fn key() -> MarkerKey {
    MarkerKey::new(&[7; 32])
}

fn noteable(instance: &str, project: u64, kind: NoteableKind, iid: u64) -> Noteable {
    Noteable { instance: InstanceId(instance.to_owned()), project, kind, iid }
}

fn issue() -> Noteable {
    noteable("one", 12, NoteableKind::Issue, 3)
}

fn cause() -> Cause {
    Cause { noteable: issue(), source: Some(NoteSource::Note(5)), command: 0, purpose: Purpose::Answer }
}

fn text() -> CommentText {
    Markdown::lit("| a |\n|---|\n| b |").finish()
}

#[test]
fn a_signed_comment_is_known_again() {
    let marker = key().of_cause(&cause());
    let body = marker.sign(&text());
    assert!(body.starts_with("| a |\n|---|\n| b |\n\n<!-- flaglink:"), "{body}");
    assert!(marker.is_in(&body));
    // GitLab may give it back with other line ends and without, or with, a last one.
    assert!(marker.is_in(&body.replace('\n', "\r\n")));
    assert!(marker.is_in(&format!("{body}\n")));
    assert!(key().of_cause(&cause()).is_in(&body), "made again from the same cause");
}

#[test]
fn only_the_last_line_counts() {
    let marker = key().of_cause(&cause());
    let body = marker.sign(&text());
    assert!(!marker.is_in(&format!("{body}\nsomething behind it")));
    assert!(!marker.is_in(text().as_str()));
    assert!(!marker.is_in(""));
    let quoted = body.replace("<!--", "> <!--");
    assert!(!marker.is_in(&quoted));
    // Something of another's making, signed for something else.
    let other = key().of_panel(&issue()).sign(&Markdown::lit("x").finish());
    assert!(!marker.is_in(&format!("{body}\n\n{other}")));
}

#[test]
fn another_key_makes_other_markers() {
    let body = MarkerKey::new(&[8; 32]).of_cause(&cause()).sign(&text());
    assert!(!key().of_cause(&cause()).is_in(&body));
}

#[test]
fn every_part_of_the_cause_tells() {
    let base = cause();
    let with = |change: &dyn Fn(&mut Cause)| {
        let mut changed = base.clone();
        change(&mut changed);
        key().of_cause(&changed)
    };
    let mut markers: Vec<Marker> = vec![
        key().of_cause(&base),
        key().of_panel(&issue()),
        key().of_panel(&noteable("one", 12, NoteableKind::MergeRequest, 3)),
        with(&|c| c.noteable = noteable("two", 12, NoteableKind::Issue, 3)),
        with(&|c| c.noteable = noteable("one", 13, NoteableKind::Issue, 3)),
        with(&|c| c.noteable = noteable("one", 12, NoteableKind::MergeRequest, 3)),
        with(&|c| c.noteable = noteable("one", 12, NoteableKind::Issue, 4)),
        with(&|c| c.noteable = noteable("one", 1, NoteableKind::Issue, 23)),
        with(&|c| c.source = None),
        with(&|c| c.source = Some(NoteSource::Description)),
        with(&|c| c.source = Some(NoteSource::Note(6))),
        with(&|c| c.command = 1),
        with(&|c| c.purpose = Purpose::Budget),
        with(&|c| c.purpose = Purpose::React(Reaction::Taken)),
        with(&|c| c.purpose = Purpose::React(Reaction::Done)),
        with(&|c| c.purpose = Purpose::React(Reaction::Partly)),
        with(&|c| c.purpose = Purpose::React(Reaction::NotDone)),
        with(&|c| c.purpose = Purpose::Tell(String::new())),
        with(&|c| c.purpose = Purpose::Tell("a".to_owned())),
    ];
    let all = markers.len();
    markers.dedup();
    let texts: std::collections::BTreeSet<String> = markers.iter().map(|m| m.sign(&text())).collect();
    assert_eq!(texts.len(), all);
}

#[test]
fn the_key_never_shows() {
    let shown = format!("{:?} {:#?}", MarkerKey::new(b"0123456789abcdef0123456789abcdef"), key());
    assert_eq!(shown, "MarkerKey(…) MarkerKey(…)");
}
