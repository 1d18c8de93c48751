//! The panel: what it shows, and that nothing in it can be more than text.
#![expect(clippy::unwrap_used, reason = "a test stops where it goes wrong")]

#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/quick_actions.rs"]
mod quick_actions;
#[path = "support/rendered.rs"]
mod rendered;

use std::collections::BTreeMap;

use flaglink::domain::{
    Change, ChangeKind, EnvironmentState, Flag, FlagRef, FlagState, LinkChange, Override, Person, Whom,
};
use flaglink::markdown::{GITLAB_TEXT_LIMIT, PanelFlag, PanelView, panel, visible};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use rendered::render;

/// A flag as the tests hold it.
#[derive(Debug, Clone)]
struct Shown {
    flag: Flag,
    name: String,
    state: Option<FlagState>,
    missing_since: Option<Timestamp>,
    unwatched: bool,
    history: Vec<Change>,
    linked_by: String,
    linked_at: Timestamp,
}

/// A panel as the tests hold it.
#[derive(Debug, Clone, Default)]
struct Panel {
    flags: Vec<Shown>,
    links: Vec<LinkChange>,
    hide_values: bool,
}

impl Panel {
    fn text(&self) -> String {
        let flags = self
            .flags
            .iter()
            .map(|shown| PanelFlag {
                flag: &shown.flag,
                name: shown.name.clone(),
                state: shown.state.as_ref(),
                missing_since: shown.missing_since,
                made_again: false,
                unwatched: shown.unwatched,
                history: &shown.history,
                linked_by: &shown.linked_by,
                linked_at: shown.linked_at,
            })
            .collect();
        panel(&PanelView { flags, links: &self.links, show_values: !self.hide_values }).as_str().to_owned()
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn flag_ref(key: &str) -> FlagRef {
    FlagRef { provider: "flagsmith".to_owned(), scope: "12".to_owned(), key: key.to_owned() }
}

fn env(name: &str, on: bool) -> EnvironmentState {
    EnvironmentState { environment: name.to_owned(), on, ..EnvironmentState::default() }
}

fn of_users(whom: Whom, name: Option<&str>, value: &str) -> Override {
    let (id, name) = ("1".to_owned(), name.map(str::to_owned));
    Override { whom, id, name, on: true, value: Some(value.to_owned()), quoted: false }
}

fn overridden(all: Vec<Override>, state: EnvironmentState) -> EnvironmentState {
    EnvironmentState { overrides: u32::try_from(all.len()).unwrap(), overridden: Some(all), ..state }
}

fn with_value(name: &str, on: bool, value: &str) -> EnvironmentState {
    EnvironmentState { value: Some(value.to_owned()), ..env(name, on) }
}

fn shown(key: &str, environments: Vec<EnvironmentState>) -> Shown {
    Shown {
        flag: Flag {
            flag: flag_ref(key),
            internal_id: "1".to_owned(),
            description: None,
            archived: false,
            url: Some(format!("https://flags.example.com/{key}")),
            public_page: false,
        },
        name: key.to_owned(),
        state: Some(FlagState { environments, ..FlagState::default() }),
        missing_since: None,
        unwatched: false,
        history: Vec::new(),
        linked_by: "ada".to_owned(),
        linked_at: at("2026-11-21T16:02:11Z"),
    }
}

fn change(when: &str, what: ChangeKind) -> Change {
    Change {
        at: at(when),
        noticed_at: None,
        happened_at: None,
        by: None,
        others: Vec::new(),
        heard: Vec::new(),
        reason: None,
        what,
        asked_on: None,
    }
}

#[test]
fn an_environment_that_services_spell_differently_is_one_column_unless_a_flag_has_both() {
    let mut view = Panel {
        flags: vec![
            shown("a", vec![env("Development", true), env("Production", false)]),
            shown("b", vec![env("production", true), env("development", false)]),
        ],
        ..Panel::default()
    };
    let rows = |view: &Panel| {
        let text = view.text();
        let rows = text.lines().filter(|line| line.starts_with("| "));
        rows.map(|row| row.split(" | ").skip(1).collect::<Vec<_>>().join(" | ")).collect::<Vec<_>>()
    };
    let same = ["`Development` | `Production` |", ":-- | :-- |", "🟢 on | ⚪ off |", "⚪ off | 🟢 on |"];
    assert_eq!(rows(&view), same);

    view.flags.push(shown("c", vec![env("production", false), env("Production", true)]));
    let apart = [
        "`Development` | `Production` | `production` |",
        ":-- | :-- | :-- |",
        "🟢 on | ⚪ off | – |",
        "⚪ off | – | 🟢 on |",
        "– | 🟢 on | ⚪ off |",
    ];
    assert_eq!(rows(&view), apart);
}

#[test]
fn the_panel_of_a_usual_day() {
    let mut checkout = shown(
        "checkout_v2",
        vec![
            with_value("development", true, "blue"),
            with_value("staging", true, "blue"),
            env("production", false),
        ],
    );
    checkout.history = vec![Change {
        by: Some("grace@example.com".to_owned()),
        reason: Some("all tests are green".to_owned()),
        ..change(
            "2026-11-22T10:41:00Z",
            ChangeKind::Environment {
                before: Some(with_value("staging", false, "blue")),
                after: with_value("staging", true, "blue"),
            },
        )
    }];
    let dark = shown(
        "dark_mode",
        vec![
            env("development", true),
            EnvironmentState { overrides: 2, ..env("staging", true) },
            EnvironmentState { rollout: Some(25.0), ..env("production", true) },
        ],
    );
    let text = Panel { flags: vec![checkout, dark], ..Panel::default() }.text();
    assert_eq!(
        text,
        "#### 🚩 Feature flags

| Flag | `development` | `staging` | `production` |
| :-- | :-- | :-- | :-- |
| [`checkout_v2`](https://flags.example.com/checkout_v2) | 🟢 on `blue` | 🟢 on `blue` | ⚪ off |
| [`dark_mode`](https://flags.example.com/dark_mode) | 🟢 on | 🟢 on, 2 overrides | 🟢 on for 25 % |

<details><summary>2026-11-22 10:41 UTC: <code>checkout_v2</code> off → on in <code>staging</code></summary>

- 2026-11-22 10:41 UTC: `checkout_v2` off → on in `staging`, value `blue`, by <code>grace<!-- -->&#64;example&#46;com</code> (reason: `all tests are green`)
- 2026-11-21 16:02 UTC: `checkout_v2` linked by `ada`
- 2026-11-21 16:02 UTC: `dark_mode` linked by `ada`

</details>

<sub>Kept up to date by flaglink. Write <code>/flag help</code> for what you can do here.</sub>"
    );
    assert_eq!(render(&text).rows, [4, 4, 4]);
}

#[test]
fn the_same_truth_is_the_same_text() {
    let panel = Panel { flags: vec![shown("a", vec![env("x", true)])], ..Panel::default() };
    assert_eq!(panel.text(), panel.clone().text());
}

#[test]
fn hidden_values_are_said_to_be_there_and_not_shown() {
    let mut secret = shown("a", vec![with_value("x", true, "s3cret"), env("y", true)]);
    secret.history = vec![
        change(
            "2026-11-22T10:00:00Z",
            ChangeKind::Environment {
                before: Some(with_value("x", true, "olds3cret")),
                after: with_value("x", true, "s3cret"),
            },
        ),
        change(
            "2026-11-22T11:00:00Z",
            ChangeKind::Environment { before: Some(env("x", false)), after: with_value("x", true, "s3cret") },
        ),
        change(
            "2026-11-22T12:00:00Z",
            ChangeKind::Environment { before: None, after: with_value("x", true, "s3cret") },
        ),
    ];
    let text = Panel { flags: vec![secret], hide_values: true, ..Panel::default() }.text();
    assert!(!text.contains("s3cret"), "{text}");
    assert!(text.contains("| 🟢 on, value hidden | 🟢 on |"), "{text}");
    assert!(text.contains("value changed in `x`, by somebody unknown"), "{text}");
}

#[test]
fn archived_missing_and_unwatched_flags_say_so() {
    let mut archived = shown("old", vec![env("x", true)]);
    archived.state.as_mut().unwrap().archived = true;
    let mut missing = shown("gone", vec![env("x", true)]);
    missing.missing_since = Some(at("2026-11-22T10:41:00Z"));
    let mut unwatched = shown("alone", vec![env("x", true)]);
    unwatched.unwatched = true;
    let mut unread = shown("fresh", vec![]);
    unread.state = None;
    let text = Panel { flags: vec![archived, missing, unwatched, unread], ..Panel::default() }.text();
    for line in [
        "| [`old`](https://flags.example.com/old)<br>archived | 🟢 on |",
        "| [`gone`](https://flags.example.com/gone)<br>⚠️ not found in `flagsmith` since 2026-11-22 10:41 UTC | – |",
        "| [`alone`](https://flags.example.com/alone)<br>⚠️ `flagsmith` is not watched any more, so this may be old | 🟢 on |",
        "| [`fresh`](https://flags.example.com/fresh) | not known yet |",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
}

#[test]
fn flags_without_any_environment_still_make_a_table() {
    let mut unread = shown("a", vec![]);
    unread.state = None;
    let text = Panel { flags: vec![unread, shown("b", vec![])], ..Panel::default() }.text();
    assert!(text.contains("| Flag | State |\n| :-- | :-- |\n"), "{text}");
    assert!(text.contains(") | not known yet |\n"), "{text}");
    assert!(text.contains(") | no environments |\n"), "{text}");
}

#[test]
fn flags_of_two_services_share_the_table() {
    let text = Panel {
        flags: vec![
            shown("a", vec![env("dev", true), env("prod", false)]),
            shown("b", vec![env("production", true)]),
        ],
        ..Panel::default()
    }
    .text();
    assert!(text.contains("| Flag | `dev` | `prod` | `production` |"), "{text}");
    assert!(text.contains("| 🟢 on | ⚪ off | – |\n"), "{text}");
    assert!(text.contains("| – | – | 🟢 on |\n"), "{text}");
}

#[test]
fn a_flag_without_a_page_is_no_link_and_a_bad_address_neither() {
    for url in [None, Some("not a url"), Some("javascript:alert(1)")] {
        let mut flag = shown("a", vec![env("x", true)]);
        flag.flag.url = url.map(str::to_owned);
        let text = Panel { flags: vec![flag], ..Panel::default() }.text();
        assert!(text.contains("| `a` | 🟢 on |"), "{text}");
    }
    let mut flag =
        shown("a", vec![EnvironmentState { url: Some("https://x.example/e".to_owned()), ..env("x", true) }]);
    flag.flag.url = None;
    let text = Panel { flags: vec![flag], ..Panel::default() }.text();
    assert!(text.contains("| [`a`](https://x.example/e) | 🟢 on |"), "{text}");
}

#[test]
fn the_last_unlink_is_said() {
    let by = Person { id: 1, username: "ada".to_owned() };
    let links = vec![
        LinkChange {
            at: at("2026-11-21T16:02:00Z"),
            flag: flag_ref("a"),
            linked: true,
            there: false,
            deleted: false,
            by: by.clone(),
        },
        LinkChange {
            at: at("2026-11-22T16:02:00Z"),
            flag: flag_ref("a"),
            linked: false,
            there: false,
            deleted: false,
            by,
        },
    ];
    let text = Panel { links, ..Panel::default() }.text();
    assert_eq!(
        text,
        "#### 🚩 Feature flags

The last flag was unlinked: no feature flag is linked here now.

<details><summary>2026-11-22 16:02 UTC: <code>a</code> unlinked by <code>ada</code></summary>

- 2026-11-22 16:02 UTC: `a` unlinked by `ada`
- 2026-11-21 16:02 UTC: `a` linked by `ada`

</details>

<sub>Kept up to date by flaglink. Write <code>/flag link KEY</code> to link a flag again.</sub>"
    );
}

#[test]
fn every_kind_of_change_has_its_words() {
    let both = |before: EnvironmentState, after: EnvironmentState| ChangeKind::Environment {
        before: Some(before),
        after,
    };
    let x = || with_value("x", true, "1");
    let cases = [
        (both(x(), EnvironmentState { on: false, ..x() }), "`a` on → off in `x`, by somebody unknown"),
        (both(x(), with_value("x", true, "2")), "`a` value `1` → `2` in `x`, by somebody unknown"),
        (both(x(), env("x", true)), "`a` value `1` → none in `x`, by somebody unknown"),
        (
            both(x(), EnvironmentState { rollout: Some(12.5), ..x() }),
            "`a` rollout 100 % → 12.5 % in `x`, by somebody unknown",
        ),
        (
            both(x(), EnvironmentState { overrides: 3, ..x() }),
            "`a` overrides 0 → 3 in `x`, by somebody unknown",
        ),
        (
            both(x(), EnvironmentState { digest: "d".to_owned(), ..x() }),
            "`a` overrides or variants changed in `x`, by somebody unknown",
        ),
        (
            both(x(), EnvironmentState { on: false, value: None, overrides: 1, ..x() }),
            "`a` on → off in `x`, value `1` → none, overrides 0 → 1, by somebody unknown",
        ),
        // Kept before it was kept for whom overrides are.
        (
            both(
                EnvironmentState { overrides: 1, ..x() },
                overridden(vec![of_users(Whom::Segment, Some("beta"), "1")], x()),
            ),
            "`a` overrides or variants changed in `x`, by somebody unknown",
        ),
        (
            both(
                overridden(
                    vec![of_users(Whom::Segment, Some("beta"), "1"), of_users(Whom::User, None, "1")],
                    x(),
                ),
                overridden(vec![of_users(Whom::Segment, Some("beta"), "2")], x()),
            ),
            "`a` overrides 2 → 1 in `x`, override for segment `beta` value `1` → `2`, override for one user removed, \
             by somebody unknown",
        ),
        (
            both(x(), overridden(vec![of_users(Whom::User, Some("a…@….com"), "1")], x())),
            "`a` overrides 0 → 1 in `x`, new override for user <code>a&#8230;<!-- -->&#64;&#8230;&#46;com</code> (on, `1`), \
             by somebody unknown",
        ),
        (
            ChangeKind::Environment { before: None, after: x() },
            "`a` new and on in `x`, value `1`, by somebody unknown",
        ),
        (ChangeKind::EnvironmentGone("x".to_owned()), "`a` environment `x` is gone, by somebody unknown"),
        (ChangeKind::Archived(true), "`a` archived, by somebody unknown"),
        (ChangeKind::Archived(false), "`a` restored from the archive, by somebody unknown"),
        (ChangeKind::Missing, "`a` not found any more in `flagsmith`"),
        (ChangeKind::Back, "`a` found again in `flagsmith`"),
    ];
    for (what, words) in cases {
        let mut flag = shown("a", vec![x()]);
        flag.history = vec![change("2026-11-22T10:41:00Z", what)];
        let text = Panel { flags: vec![flag], ..Panel::default() }.text();
        assert!(text.contains(&format!("\n- 2026-11-22 10:41 UTC: {words}\n")), "{words}\nis not in\n{text}");
    }
}

#[test]
fn the_ten_last_changes_are_shown_and_who_linked_is_never_lost() {
    let mut busy = shown("busy", vec![env("x", true)]);
    busy.history = (10..30)
        .map(|minute| change(&format!("2026-11-22T10:{minute}:00Z"), ChangeKind::Archived(minute % 2 == 0)))
        .collect();
    let mut late = shown("late", vec![env("x", true)]);
    late.linked_at = at("2026-11-22T10:25:30Z");
    late.linked_by = "grace".to_owned();
    let text = Panel { flags: vec![busy, late], ..Panel::default() }.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("- ")).collect();
    assert_eq!(lines.len(), 10);
    assert_eq!(lines[0], "- 2026-11-22 10:29 UTC: `busy` restored from the archive, by somebody unknown");
    assert_eq!(lines[4], "- 2026-11-22 10:25 UTC: `late` linked by `grace`");
    assert_eq!(lines[9], "- 2026-11-22 10:21 UTC: `busy` restored from the archive, by somebody unknown");
    assert!(text.contains("\nLinked earlier: `busy` by `ada` (2026-11-21 16:02 UTC).\n"), "{text}");
}

#[test]
fn many_environments_make_short_lists() {
    let mut envs: Vec<EnvironmentState> =
        (1..=9).map(|n| with_value(&format!("eu-{n}"), true, "blue")).collect();
    envs.push(env("us-1", false));
    let mut archived = shown("old", vec![]);
    archived.missing_since = Some(at("2026-11-22T10:41:00Z"));
    let text =
        Panel { flags: vec![shown("a", envs), archived, shown("b", vec![])], ..Panel::default() }.text();
    assert!(
        text.starts_with(
            "#### 🚩 Feature flags

- [`a`](https://flags.example.com/a)
  - 🟢 on `blue` in `eu-1`, `eu-2`, `eu-3`, `eu-4`, `eu-5`, `eu-6`, `eu-7`, `eu-8`, `eu-9`
  - ⚪ off in `us-1`
- [`old`](https://flags.example.com/old), ⚠️ not found in `flagsmith` since 2026-11-22 10:41 UTC
- [`b`](https://flags.example.com/b)
  - no environments

<details>"
        ),
        "{text}"
    );
}

#[test]
fn a_hundred_flags_are_shown_and_the_rest_is_counted() {
    let flags: Vec<Shown> = (0..123).map(|n| shown(&format!("f{n}"), vec![env("x", true)])).collect();
    let text = Panel { flags, ..Panel::default() }.text();
    assert_eq!(render(&text).rows.len(), 101);
    assert!(
        text.contains("\n\n…and 23 more. Write `/flag status KEY` to see one of them.\n\n<details>"),
        "{text}"
    );
}

#[test]
fn the_largest_panel_fits_into_a_comment() {
    let long = "|".repeat(10_000);
    for environments in [8, 300] {
        let flags = (0..200)
            .map(|n| {
                let envs = (0..environments)
                    .map(|e| with_value(&format!("{e}{long}"), true, &format!("{e}{long}")))
                    .collect();
                let mut flag = shown(&format!("{n}{long}"), envs);
                flag.linked_by = long.clone();
                flag.history = vec![Change {
                    by: Some(long.clone()),
                    reason: Some(long.clone()),
                    ..change("2026-11-22T10:41:00Z", ChangeKind::EnvironmentGone(long.clone()))
                }];
                flag
            })
            .collect();
        let text = Panel { flags, ..Panel::default() }.text();
        assert!(text.chars().count() < GITLAB_TEXT_LIMIT - 1000);
        assert!(text.ends_with("</sub>"), "it is whole");
        assert!(text.contains(" more. Write `/flag status KEY`"));
    }
}

/// What a panel is made of, all of it from outside.
#[derive(Debug, Clone)]
struct Material {
    environments: Vec<String>,
    flags: Vec<Vec<String>>,
    people: Vec<String>,
    hide_values: bool,
}

fn material() -> impl Strategy<Value = Material> {
    (
        vec(hostile::outside(), 1..12),
        vec(vec(hostile::outside(), 6), 1..4),
        vec(hostile::outside(), 3),
        any::<bool>(),
    )
        .prop_map(|(mut environments, flags, people, hide_values)| {
            environments.sort();
            environments.dedup();
            Material { environments, flags, people, hide_values }
        })
}

/// The panel of that material, with each outside text as `text` has it.
fn build(material: &Material, text: &mut dyn FnMut(&str) -> String) -> Panel {
    let names: Vec<String> = material.environments.iter().map(|name| text(name)).collect();
    let mut flags = Vec::new();
    let mut links = Vec::new();
    for (index, parts) in material.flags.iter().enumerate() {
        let key = format!("key-{index}");
        // In lists, environments of one state share a line: the number keeps the states apart in any case.
        let mut envs: Vec<EnvironmentState> = names
            .iter()
            .zip(1..)
            .map(|(name, number)| EnvironmentState {
                overrides: number,
                ..with_value(name, true, &text(&parts[0]))
            })
            .collect();
        let before = with_value(&text(&parts[1]), false, &text(&parts[2]));
        let after = EnvironmentState { on: true, value: Some(text(&parts[0])), ..before.clone() };
        let before = overridden(
            vec![
                of_users(Whom::Segment, Some(&text(&parts[1])), &text(&parts[2])),
                of_users(Whom::User, Some(&text(&parts[5])), "1"),
            ],
            before,
        );
        let after =
            overridden(vec![of_users(Whom::Segment, Some(&text(&parts[1])), &text(&parts[3]))], after);
        let by = Person { id: 1, username: text(&material.people[1]) };
        let mut flag = shown(&key, Vec::new());
        flag.name = text(&parts[3]);
        flag.flag.flag.provider = "p".to_owned();
        flag.linked_by = text(&material.people[0]);
        flag.missing_since = (index == 2).then(|| at("2026-11-22T08:00:00Z"));
        flag.history = vec![
            change("2026-11-22T09:00:00Z", ChangeKind::EnvironmentGone(text(&parts[1]))),
            Change {
                by: Some(text(&material.people[2])),
                reason: Some(text(&parts[4])),
                ..change("2026-11-22T10:41:00Z", ChangeKind::Environment { before: Some(before), after })
            },
        ];
        envs.reverse();
        flag.state = Some(FlagState {
            environments: envs,
            archived: index == 1,
            stale: index == 2,
            ..FlagState::default()
        });
        let gone = FlagRef { key: text(&parts[5]), ..flag.flag.flag.clone() };
        links.push(LinkChange {
            at: at("2026-11-22T11:00:00Z"),
            flag: gone,
            linked: false,
            there: false,
            deleted: false,
            by,
        });
        flags.push(flag);
    }
    Panel { flags, links, hide_values: material.hide_values }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// A panel of hostile text is, but for what stands in its code, the panel of harmless words.
    #[test]
    fn a_panel_of_hostile_text_is_that_of_harmless_words(material in material()) {
        let mut words: BTreeMap<String, String> = BTreeMap::new();
        let harmless = build(&material, &mut |text| {
            if text.is_empty() {
                return String::new();
            }
            let next = format!("w{}", words.len());
            words.entry(text.to_owned()).or_insert(next).clone()
        }).text();
        let hostile = build(&material, &mut str::to_owned).text();
        let (expected, real) = (render(&harmless), render(&hostile));

        prop_assert_eq!(&real.shape, &expected.shape, "{}", hostile);
        prop_assert_eq!(&real.rows, &expected.rows);
        let columns = material.environments.len() + 1;
        let rows = if columns > 9 { vec![] } else { vec![columns; material.flags.len() + 1] };
        prop_assert_eq!(&real.rows, &rows, "{}", hostile);
        prop_assert_eq!(&real.html, &expected.html);
        // Where values are hidden so are the pages: their addresses may carry a key.
        let links = if material.hide_values { 0 } else { material.flags.len() };
        prop_assert_eq!(real.links.len(), links);
        prop_assert_eq!(quick_actions::quick_actions(&hostile, "[a-z_]+"), vec![]);
        prop_assert!(hostile.lines().all(|line| !line.trim_start().starts_with('/')));

        // What stands in the code is the text, as far as there is room for it.
        let texts: BTreeMap<&str, &str> = words.iter().map(|(text, word)| (word.as_str(), text.as_str())).collect();
        prop_assert_eq!(real.codes.len(), expected.codes.len());
        for (code, word) in real.codes.iter().zip(&expected.codes) {
            let Some(text) = texts.get(word.as_str()) else {
                prop_assert_eq!(code, word, "a word of flaglink's own");
                continue;
            };
            prop_assert!([60, 100, 200, 250].iter().any(|limit| code == &visible(text, *limit)), "{:?} {:?}", code, text);
        }
    }
}
