//! Outside text in what the bot writes.

use std::sync::LazyLock;

use flaglink::domain::{
    Cause, Change, ChangeKind, Deed, EnvironmentState, Flag, FlagRef, FlagState, InstanceId, LinkChange,
    NoteSource, Noteable, NoteableKind, Person, Purpose, Reaction,
};
use flaglink::markdown::{
    GITLAB_TEXT_LIMIT, Markdown, MarkerKey, PanelFlag, PanelView, panel, reply, switch, told, visible,
};
use flaglink::sandbox::gitlab::mentioned;
use jiff::Timestamp;

use super::quick_actions::quick_actions;
use super::rendered::{Rendered, render};

/// A word that means nothing anywhere.
const HARMLESS: &str = "w0";
/// What markers are made with.
const KEY: &[u8] = b"the key of the markers of this test";
/// Every list is cut somewhere, so that longer text finds nothing new.
const MOST: usize = 4096;

pub(super) fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(&data[..data.len().min(MOST)]).into_owned();
    let key = MarkerKey::new(KEY);
    let (own, other) = (key.of_cause(&cause(1)), key.of_cause(&cause(2)));
    // Whoever wants to can copy a true marker out of another comment of the bot's.
    let text = text.replace("{{MARKER}}", &other.sign(&Markdown::new().finish()));
    if text.is_empty() {
        return;
    }
    let seen = visible(&text, 100);
    assert!(seen.chars().count() <= 100 && !seen.contains(char::is_control));
    let hostile = all(&text);
    assert_eq!(BENIGN.len(), hostile.len() + 1);
    for (hostile, benign) in hostile.into_iter().zip(&*BENIGN) {
        let signed = own.sign(&hostile.finish_within(GITLAB_TEXT_LIMIT - 200));
        means_nothing(&signed, benign);
        assert!(own.is_in(&signed) && !other.is_in(&signed), "{signed}");
    }
    means_nothing(&panel_of(&text), &BENIGN[BENIGN.len() - 1]);
}

/// Every answer, and the panel behind them, with a harmless word.
static BENIGN: LazyLock<Vec<Rendered>> = LazyLock::new(|| {
    let marker = MarkerKey::new(KEY).of_cause(&cause(1));
    let answers = all(HARMLESS).into_iter().map(|answer| render(&marker.sign(&answer.finish())));
    answers.chain([render(&panel_of(HARMLESS))]).collect()
});

/// A comment with hostile text in it is, but for what stands in its code, the comment with a harmless word.
fn means_nothing(hostile: &str, expected: &Rendered) {
    assert!(hostile.chars().count() <= GITLAB_TEXT_LIMIT);
    assert_eq!(quick_actions(hostile, "[a-z_]+"), [], "{hostile}");
    assert!(!hostile.lines().any(|line| line.trim_start().starts_with('/')), "{hostile}");
    assert_eq!(mentioned(hostile), Vec::<String>::new(), "{hostile}");
    let real = render(hostile);
    assert_eq!(real.shape, expected.shape, "{hostile}");
    assert_eq!((&real.rows, &real.links, &real.html), (&expected.rows, &expected.links, &expected.html));
    assert_eq!(real.codes.len(), expected.codes.len(), "{hostile}");
}

fn cause(iid: u64) -> Cause {
    let instance = InstanceId("main".to_owned());
    Cause {
        noteable: Noteable { instance, project: 41, kind: NoteableKind::Issue, iid },
        source: Some(NoteSource::Note(7)),
        command: 0,
        purpose: Purpose::React(Reaction::Taken),
    }
}

fn at() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn flag(text: &str) -> Flag {
    let flag = FlagRef { provider: text.to_owned(), scope: "1".to_owned(), key: text.to_owned() };
    Flag {
        flag,
        internal_id: "1".to_owned(),
        // A description of white space is none.
        description: Some(format!("d {text}")),
        archived: false,
        url: Some("https://flags.example.com/1".to_owned()),
        public_page: true,
    }
}

fn state(text: &str) -> EnvironmentState {
    serde_json::from_value(serde_json::json!({
        "environment": text, "on": true, "value": text, "overrides": 2, "rollout": 25.0,
        "strategies": [{ "name": text, "share": 10.0, "limited": true }],
        "variants": [{ "name": text, "share": 50.0 }],
        "overridden": [
            { "whom": "segment", "id": "1", "name": text, "on": true, "value": text },
            { "whom": "user", "id": "1", "name": text, "on": true, "value": text },
        ],
    }))
    .unwrap()
}

/// Every answer of the bot's that has outside text in it, with that text in all its places.
fn all(text: &str) -> Vec<Markdown> {
    let flag = flag(text);
    let near = [text.to_owned(), text.to_owned()];
    let write = |key: &str| format!("/flag link {key}");
    let environment = state(text);
    let before = EnvironmentState { overrides: 0, overridden: None, ..state(text) };
    let by = || Some(text.to_owned());
    let deeds = [Deed { at: at(), by: by(), reason: by(), asked_on: None, noticed_at: None }];
    let told = [
        told::News::Environment { was: Some(&environment), now: &environment },
        told::News::AsItWas(&environment),
        told::News::Environment { was: Some(&before), now: &environment },
        told::News::EnvironmentGone(&environment),
        told::News::Archived(true),
        told::News::Missing { since: at(), was_on: vec![&environment] },
        told::News::Back,
    ]
    .map(|news| told::Told { flag: &flag, name: text, news, deeds: &deeds, show_values: true });
    let environments = vec![state(text), state(text)];
    let states = FlagState { environments, stale: true, ..FlagState::default() };
    let mut replies = vec![
        Markdown::code(text, 100),
        Markdown::html_code(text, 100),
        reply::no_such_flag(&[text, text], text, &near, &write),
        reply::no_such_flag(&[text], text, &[], &write),
        reply::which_one(text, &near, &write),
        reply::waiting(text, text),
        reply::bullets([reply::flag_line(&flag, text, Some(&states), true), reply::key(text)]),
        reply::bullets([reply::found_line(&flag, text, true), reply::found_line(&flag, text, false)]),
        reply::names([text, text, text]),
        told::told(&told).unwrap(),
        switch::archived(text),
        switch::cannot_switch(text),
        switch::cannot_set(text),
        switch::not_a_share(text, text),
        switch::nobody_may_switch(text),
        switch::needs_role_to_switch(text, "Developer", "Guest"),
        switch::not_allowed_any_more(text),
        switch::done_with(text),
        switch::change_request(text, "https://flags.example.com/1"),
        switch::overtaken(text, text, Some(text)),
        switch::not_switched(text),
        switch::never_known(text, text),
    ];
    replies.push(reply::paragraphs(replies.clone()));
    replies.iter_mut().for_each(|answer| {
        let opened = std::mem::replace(answer, reply::opening(NoteSource::Note(7)));
        answer.push(opened);
    });
    replies
}

fn panel_of(text: &str) -> String {
    let flag = flag(text);
    let change = |what| Change {
        at: at(),
        noticed_at: None,
        happened_at: None,
        by: Some(text.to_owned()),
        others: Vec::new(),
        heard: Vec::new(),
        reason: Some(text.to_owned()),
        what,
        asked_on: None,
    };
    let history = [
        change(ChangeKind::Environment { before: Some(state(text)), after: state(text) }),
        change(ChangeKind::Environment {
            before: Some(EnvironmentState { overrides: 0, overridden: None, ..state(text) }),
            after: state(text),
        }),
        change(ChangeKind::EnvironmentGone(text.to_owned())),
    ];
    let environments = vec![state(text)];
    let now = FlagState { environments, archived: true, archived_is_off: true, stale: true };
    let shown = |state, missing| PanelFlag {
        flag: &flag,
        name: text.to_owned(),
        state,
        missing_since: missing,
        made_again: false,
        unwatched: false,
        history: &history,
        linked_by: text,
        linked_at: at(),
    };
    let by = Person { id: 1, username: text.to_owned() };
    let links =
        [LinkChange { at: at(), flag: flag.flag.clone(), linked: false, there: false, deleted: false, by }];
    let flags = vec![shown(Some(&now), None), shown(None, Some(at()))];
    panel(&PanelView { flags, links: &links, show_values: true }).as_str().to_owned()
}
