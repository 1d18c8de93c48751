//! Other words for comments: whole, checked before anything is said in them, and never the way out for outside text.
#![expect(clippy::unwrap_used, reason = "a test stops where it goes wrong")]

#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/quick_actions.rs"]
mod quick_actions;
#[path = "support/rendered.rs"]
mod rendered;

use std::sync::{Arc, LazyLock};

use flaglink::config::TemplateFile;
use flaglink::domain::{
    Change, ChangeKind, Deed, EnvironmentState, Flag, FlagRef, FlagState, NoteSource, Override, Whom,
};
use flaglink::markdown::{
    DEFAULTS, Markdown, PanelFlag, PanelView, Templates, job, panel, panel_in, read_templates, reply, switch,
    told,
};
use jiff::Timestamp;
use proptest::prelude::*;
use quick_actions::quick_actions;
use rendered::render;

fn file(name: &str, text: &str) -> TemplateFile {
    TemplateFile { name: name.to_owned(), path: format!("templates/{name}").into(), text: text.to_owned() }
}

fn read(name: &str, text: &str) -> Result<Arc<Templates>, String> {
    read_templates(&[file(name, text)])
}

/// Every phrase that there is, with its file.
fn phrases() -> Vec<(&'static str, &'static str)> {
    let names = |text: &'static str| {
        text.lines().filter_map(|line| line.strip_prefix('[').and_then(|line| line.strip_suffix(']')))
    };
    DEFAULTS.iter().flat_map(|(name, text)| names(text).map(|phrase| (*name, phrase))).collect()
}

#[test]
fn the_default_words_are_good_as_a_folder_too() {
    let files: Vec<TemplateFile> = DEFAULTS.iter().map(|(name, text)| file(name, text)).collect();
    let own = read_templates(&files).unwrap();
    let text = "a|b `c` @all";
    for markdown in everything(text) {
        assert_eq!(markdown.clone().finish(), markdown.finish_in(&own));
    }
    assert!(read_templates(&[]).is_ok(), "an empty folder changes nothing");
}

/// Each phrase is tried at the start: one that is bad is found there, whichever it is.
#[test]
fn every_phrase_is_tried_and_can_be_said_otherwise() {
    let all = phrases();
    assert!(all.len() > 100, "{}", all.len());
    for (name, phrase) in &all {
        let error = read(name, &format!("[{phrase}]\n/close\n")).unwrap_err();
        assert!(
            error.starts_with(&format!("templates/{name}:2: `{phrase}`: it begins with a `/`")),
            "{error}"
        );
    }
}

#[test]
fn what_is_wrong_with_a_folder_is_said_with_its_place_and_the_way_out() {
    for (name, text, expected) in [
        (
            "panle.jinja",
            "",
            "templates/panle.jinja:1: there is no template file of that name. Did you mean `panel.jinja`?",
        ),
        ("x.md", "", "There are `panel.jinja`, `replies.jinja`, `state.jinja`, `told.jinja`."),
        (
            "told.jinja",
            "\n[told_archved]\nx",
            "told.jinja:2: there is no phrase `told_archved`. Did you mean `told_archived`?",
        ),
        ("told.jinja", "hello\n[told_back]\nx", "told.jinja:1: this stands before the first phrase"),
        (
            "told.jinja",
            "[told_back]\nx\n[told_back]\ny",
            "told.jinja:3: the phrase `told_back` is in templates/told.jinja:1 already",
        ),
        ("told.jinja", "[told_back]\n\n{{ flag", "told.jinja:3: `told_back` is no template: "),
        ("told.jinja", "[told_back]\n{% if flag %}x", "told.jinja:2: `told_back` is no template: "),
        (
            "told.jinja",
            "[told_back]\nx\n{{ flg }}",
            "told.jinja:3: `told_back` has no variable `flg`. Did you mean `flag`?",
        ),
        ("told.jinja", "[told_back]\n{{ flag.x }}", "told.jinja:2: `told_back`: undefined value"),
        ("told.jinja", "[told_back]\n{{ flag|upper }}", "told.jinja:2: `told_back`"),
        (
            "told.jinja",
            "[told_back]\n{% include \"/etc/passwd\" %}",
            "told.jinja:2: `told_back` is no template: ",
        ),
        (
            "told.jinja",
            "[told_back]\n{% for a in [1] * 9000 %}{% for b in [1] * 9000 %}x{% endfor %}{% endfor %}",
            "told.jinja:2: `told_back`",
        ),
        (
            "told.jinja",
            "[told_back]\n",
            "told.jinja:2: `told_back`: it says nothing. Correct it, or take the phrase out",
        ),
        ("told.jinja", "[told_back]\n{% if not flag %}x{% endif %}", "it says nothing"),
    ] {
        let error = read(name, text).unwrap_err();
        assert!(error.contains(expected), "\n  it said   {error}\n  expected  {expected}");
    }
}

/// What no template may write, whatever it is meant for.
#[test]
fn a_template_cannot_write_what_only_people_may_write() {
    for bad in [
        "/close",
        "  /close",
        "{{ \"/close\" }}",
        "{{ \"\\n/close\" }}",
        "{% if flag %}/merge{% endif %}",
        "@all",
        "mail to a@b.example",
        "&#64;all",
        "&commat;all",
        "<!-- flaglink:00 -->",
        "<!-- {{ flag }} -->",
        "<img src=x>",
        "<details>",
        "</sub>",
        "<b>",
        "<a href=\"https://evil.example\">{{ flag }}</a>",
        "<b></b>",
        "{{ flag }} | {{ provider }}",
        "`{{ flag }}`",
        "` {{ flag }}",
        "``x``",
        "\\{{ flag }}",
        "![x](https://evil.example/x.png)",
        "!{{ flag }}",
        "[x]({{ flag }})",
        "[x](https://evil.example/{{ flag }})",
        "[x](javascript:alert)",
        "https://x.example/{{ flag }}",
        "see (HTTPS://x.example){{ flag }}.",
        "www.x.example/?flag={{ flag }}",
        "[https://x.example/{{ flag }}](https://docs.example.com/flags)",
        "[x]{{ flag }}",
        "[[wiki]]",
        "[a]: https://evil.example",
        "::include{file=x}",
        "$x$",
        "~bug",
        "x^2",
        "> {{ flag }}",
        ">>>",
        "---",
        "***",
        "===",
        "a\u{202e}b",
        "a\u{200b}b",
        "\u{e000}0\u{e001}",
        "{{ \"\\ue00099\\ue001\" }}",
        "{{ flag[0] }}",
        "{{ \"\u{e000}99\u{e001}\" }}",
    ] {
        let told = read("told.jinja", &format!("[told_back]\n{bad}"));
        assert!(told.is_err(), "{bad}");
        let why = told.unwrap_err();
        assert!(why.contains("told_back") || why.contains("private use"), "{bad}: {why}");
    }
    for good in [
        "{{ flag }} ist wieder da, **endlich** (siehe [unser Handbuch](https://docs.example.com/flags#da)).",
        "{{ flag }} (https://docs.example.com/flags#da, [hier](https://docs.example.com){{ provider }})",
        "<b>{{ flag }}</b> & <code>{{ provider }}</code>",
        "„{{ flag }}“ — là, déjà: 100 % #1",
        "{# nothing to see #}{{ flag }}{% if provider %} {{ provider }}{% endif %}",
    ] {
        read("told.jinja", &format!("[told_back]\n{good}")).unwrap();
    }
}

/// Words that put pieces into every place that they may: at the beginning, at the end, side by side, in bold, in brackets, in tags.
static ODD: LazyLock<Arc<Templates>> = LazyLock::new(|| {
    let files: Vec<TemplateFile> = DEFAULTS
        .iter()
        .map(|(name, text)| {
            let text: String = text
                .lines()
                .map(|line| {
                    let own = match line.starts_with(['[', '{', '#', '<']) && !line.starts_with("{{") {
                        false => line.replace(
                            "{{ flag }}",
                            "{{ flag }}{{ flag }} **{{ flag }}** <b>{{ flag }}</b>[{{ flag }}",
                        ),
                        true => line.to_owned(),
                    };
                    format!("{own}\n")
                })
                .collect();
            file(name, &text)
        })
        .collect();
    read_templates(&files).unwrap()
});

static GERMAN: LazyLock<Arc<Templates>> = LazyLock::new(|| {
    read(
        "told.jinja",
        "[told_environment]\nIn {{ environment }} steht {{ flag }} jetzt auf {{ now }}{% if was %} (vorher {{ was }}){% endif %}\n\
         [told]\n{{ what }}{% if people %} von {{ people }}{% endif %}{% if reasons %}: {{ reasons }}{% endif %}\n",
    )
    .unwrap()
});

/// What has outside text in it, in all its places.
fn everything(text: &str) -> Vec<Markdown> {
    let flag = Flag {
        flag: FlagRef { provider: text.to_owned(), scope: text.to_owned(), key: text.to_owned() },
        internal_id: text.to_owned(),
        description: Some(text.to_owned()),
        archived: false,
        url: None,
        public_page: true,
    };
    let state = EnvironmentState {
        environment: text.to_owned(),
        on: true,
        value: Some(text.to_owned()),
        overrides: 2,
        ..EnvironmentState::default()
    };
    let whose = |whom, value: &str| Override {
        whom,
        id: "1".to_owned(),
        name: Some(text.to_owned()),
        on: true,
        value: Some(value.to_owned()),
        quoted: false,
    };
    let with = |one| EnvironmentState { overridden: Some(vec![one]), ..state.clone() };
    let (was, now) = (with(whose(Whom::Segment, "1")), with(whose(Whom::Segment, text)));
    let of_user = with(whose(Whom::User, text));
    let by = || Some(text.to_owned());
    let deeds =
        [Deed { at: Timestamp::UNIX_EPOCH, by: by(), reason: by(), asked_on: None, noticed_at: None }];
    let news = [
        told::News::Environment { was: Some(&state), now: &state },
        told::News::Environment { was: None, now: &state },
        told::News::EnvironmentGone(&state),
        told::News::Missing { since: Timestamp::UNIX_EPOCH, was_on: vec![&state] },
        told::News::Back,
        told::News::AsItWas(&state),
        told::News::Environment { was: Some(&was), now: &now },
        told::News::Environment { was: Some(&now), now: &of_user },
    ];
    let told =
        news.map(|news| told::Told { flag: &flag, name: text, news, deeds: &deeds, show_values: true });
    let states = FlagState { environments: vec![state.clone()], ..FlagState::default() };
    let write = |key: &str| format!("/flag link {key}");
    let mut answers = vec![
        told::told(&told).unwrap(),
        reply::no_such_flag(&[text], text, &[text.to_owned()], &write),
        reply::which_one(text, &[text.to_owned(), text.to_owned()], &write),
        reply::gone_there(text, text, text),
        reply::flag_line(&flag, text, Some(&states), true),
        reply::found_line(&flag, text, true),
        reply::linked_line(reply::key(text), text, Timestamp::UNIX_EPOCH),
        reply::not_linked(text, &[text.to_owned()]),
        reply::found_nothing(text),
        reply::waiting(text, text),
        switch::overtaken(text, text, Some(text)),
        switch::archived(text),
        job::created(&flag, false, true),
        job::issue(text, 1, "https://gitlab.example.com/1", true, true),
        reply::flag_made_again(&flag, text, true),
        job::not_done(text),
    ];
    for answer in &mut answers {
        let mut whole = reply::opening(NoteSource::Note(7));
        whole.push(std::mem::take(answer));
        *answer = whole;
    }
    answers
}

fn panel_of(text: &str, templates: Option<&Templates>) -> String {
    let flag = Flag {
        flag: FlagRef { provider: text.to_owned(), scope: String::new(), key: text.to_owned() },
        internal_id: String::new(),
        description: None,
        archived: true,
        url: None,
        public_page: true,
    };
    let env = |value: &str| EnvironmentState {
        environment: text.to_owned(),
        on: true,
        value: Some(value.to_owned()),
        ..EnvironmentState::default()
    };
    let what = ChangeKind::Environment { before: Some(env("as it was")), after: env(text) };
    let by = Some(text.to_owned());
    let history = [Change {
        at: Timestamp::UNIX_EPOCH,
        noticed_at: None,
        happened_at: None,
        by: by.clone(),
        others: Vec::new(),
        heard: Vec::new(),
        reason: by,
        what,
        asked_on: None,
    }];
    let state = FlagState { environments: vec![env(text)], ..FlagState::default() };
    let view = PanelView {
        flags: vec![PanelFlag {
            flag: &flag,
            name: text.to_owned(),
            state: Some(&state),
            missing_since: None,
            made_again: false,
            unwatched: true,
            history: &history,
            linked_by: text,
            linked_at: Timestamp::UNIX_EPOCH,
        }],
        links: &[],
        show_values: true,
    };
    let text = match templates {
        Some(templates) => panel_in(&view, templates),
        None => panel(&view),
    };
    text.as_str().to_owned()
}

/// As it is rendered with a harmless word in place of the outside text, but for what stands in code.
fn inert(text: &str, harmless: &str) {
    assert_eq!(quick_actions(text, "[a-z_]+"), [], "{text}");
    let (rendered, plain) = (render(text), render(harmless));
    // Two pieces of code in backticks have a space between them, which tags do not need.
    let shape = |rendered: &rendered::Rendered| rendered.shape.replace("[code] [code]", "[code][code]");
    assert_eq!(shape(&rendered), shape(&plain), "{text}");
    assert_eq!(rendered.links, plain.links, "{text}");
    assert_eq!(rendered.html, plain.html, "{text}");
    assert_eq!(rendered.rows, plain.rows, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn outside_text_means_nothing_in_any_words(text in hostile::outside()) {
        prop_assume!(!text.trim().is_empty());
        for templates in [&*ODD, &*GERMAN] {
            for (said, plain) in everything(&text).into_iter().zip(everything("w|0")) {
                inert(said.finish_in(templates).as_str(), plain.finish_in(templates).as_str());
            }
            inert(&panel_of(&text, Some(templates)), &panel_of("w|0", Some(templates)));
        }
    }
}

#[test]
fn what_fails_later_is_said_in_the_default_words() {
    // The samples have no flag that is linked by so many.
    let odd = read(
        "replies.jinja",
        "[too_many_linked]\n{% if count == 4711 %}/close{% else %}{{ wanted }}{% endif %}",
    )
    .unwrap();
    let said = |count| reply::too_many_linked("a", count).finish_in(&odd).as_str().to_owned();
    assert_eq!(said(200), "`a`");
    assert_eq!(said(4711), reply::too_many_linked("a", 4711).finish().as_str());
    assert!(panel_of("a", Some(&GERMAN)).contains("Feature flags"), "what is not in the folder is as it was");
}
