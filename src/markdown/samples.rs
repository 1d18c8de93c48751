//! Everything that the bot can say, once or more, with made-up flags and people: what templates are tried with at the start.

use std::sync::LazyLock;

use jiff::Timestamp;

use super::panel_view::{PanelFlag, PanelView};
use super::text::Markdown;
use super::told::{self, News, Told};
use super::{job, panel, reply, switch};
use crate::domain::{
    Change, ChangeKind, Deed, EnvironmentState, Flag, FlagRef, FlagState, LinkChange, NoteSource,
    NoteableKind, Override, Person, Strategy, Variant, Whom,
};

const KEY: &str = "checkout_v2";

fn flag(archived: bool) -> Flag {
    Flag {
        flag: FlagRef { provider: "flagsmith".to_owned(), scope: String::new(), key: KEY.to_owned() },
        internal_id: "1".to_owned(),
        description: archived.then(|| "The new checkout".to_owned()),
        archived,
        url: Some("https://flags.example.com/1".to_owned()),
        public_page: true,
    }
}

fn strategy(share: Option<f64>, limited: bool) -> Strategy {
    Strategy { name: "gradual".to_owned(), share, limited }
}

fn variant(share: Option<f64>) -> Variant {
    Variant { name: "blue".to_owned(), share }
}

/// States of every kind.
fn states() -> Vec<EnvironmentState> {
    let plain =
        |on| EnvironmentState { environment: "production".to_owned(), on, ..EnvironmentState::default() };
    let valued = EnvironmentState { value: Some("blue".to_owned()), overrides: 1, ..plain(true) };
    let rolled = EnvironmentState { rollout: Some(25.0), overrides: 2, ..valued.clone() };
    let some = vec![strategy(Some(10.0), true), strategy(None, true)];
    let strategic =
        EnvironmentState { strategies: some, variants: vec![variant(Some(50.0))], ..rolled.clone() };
    let several = vec![variant(None), variant(Some(50.0))];
    let by_one = EnvironmentState {
        strategies: vec![strategy(Some(5.0), false)],
        variants: several,
        ..valued.clone()
    };
    let many = EnvironmentState {
        strategies: vec![strategy(None, false); 9],
        variants: vec![variant(None); 9],
        ..plain(true)
    };
    vec![plain(true), plain(false), valued, rolled, strategic, by_one, many]
}

/// Overrides that are made, changed and removed, and more of them than are named: before and after.
fn overrides() -> [EnvironmentState; 2] {
    let one = |number: usize, whom, on, value: Option<&str>| Override {
        whom,
        id: number.to_string(),
        name: number.is_multiple_of(2).then(|| "beta".to_owned()),
        on,
        value: value.map(str::to_owned),
        quoted: false,
    };
    let with = |all: Vec<Override>| EnvironmentState {
        environment: "production".to_owned(),
        overrides: u32::try_from(all.len()).unwrap_or_default(),
        overridden: Some(all),
        ..EnvironmentState::default()
    };
    let before = vec![
        one(1, Whom::Segment, true, Some("blue")),
        one(2, Whom::Segment, true, None),
        one(3, Whom::User, false, None),
    ];
    let after = [
        one(1, Whom::Segment, false, Some("green")),
        one(3, Whom::User, true, None),
        one(4, Whom::User, true, Some("blue")),
        one(5, Whom::User, false, None),
    ];
    let more = (6..10).map(|number| one(number, Whom::Segment, true, None));
    [with(before), with(after.into_iter().chain(more).collect())]
}

/// Changes of every kind.
fn changes(states: &[EnvironmentState]) -> Vec<Change> {
    let mut kinds: Vec<ChangeKind> =
        [true, false].into_iter().flat_map(|is| [ChangeKind::Archived(is), ChangeKind::Stale(is)]).collect();
    kinds.extend([ChangeKind::Missing, ChangeKind::Back, ChangeKind::EnvironmentGone("staging".to_owned())]);
    for after in states {
        kinds.push(ChangeKind::Environment { before: None, after: after.clone() });
        let befores = states.iter().take(2).chain([after]);
        kinds.extend(
            befores
                .map(|before| ChangeKind::Environment { before: Some(before.clone()), after: after.clone() }),
        );
    }
    for pair in states.windows(2) {
        if let [before, after] = pair {
            kinds.push(ChangeKind::Environment { before: Some(before.clone()), after: after.clone() });
        }
    }
    let [before, after] = overrides();
    let fewer = EnvironmentState { overridden: None, overrides: 0, ..after.clone() };
    for (before, after) in [(&before, &after), (&after, &before), (&before, &fewer)] {
        kinds.push(ChangeKind::Environment { before: Some(before.clone()), after: after.clone() });
    }
    let by = |at: usize| at.is_multiple_of(2).then(|| "ada".to_owned());
    let reason = |at: usize| at.is_multiple_of(3).then(|| "ready".to_owned());
    let at = Timestamp::UNIX_EPOCH;
    let with = |(place, what): (usize, ChangeKind)| Change {
        at,
        noticed_at: place.is_multiple_of(5).then_some(at),
        happened_at: None,
        by: by(place),
        others: Vec::new(),
        heard: Vec::new(),
        reason: reason(place),
        what,
        asked_on: None,
    };
    kinds.into_iter().enumerate().map(with).collect()
}

fn panels() -> Vec<Markdown> {
    let at = Timestamp::UNIX_EPOCH;
    let states = states();
    let changes = changes(&states);
    let flag = flag(true);
    let person = Person { id: 1, username: "mara".to_owned() };
    let ways = [
        (true, false, false),
        (false, false, false),
        (false, true, false),
        (false, false, true),
        (true, false, true),
    ];
    let links = ways.map(|(linked, there, deleted)| LinkChange {
        at,
        flag: flag.flag.clone(),
        linked,
        there,
        deleted,
        by: person.clone(),
    });
    let named = |at: usize| EnvironmentState { environment: format!("e{at}"), ..EnvironmentState::default() };
    let kinds = [
        Some(FlagState { environments: states.clone(), archived: true, archived_is_off: true, stale: true }),
        Some(FlagState { environments: (0..101).map(named).collect(), ..FlagState::default() }),
        Some(FlagState::default()),
        None,
    ];
    let shown = |state, missing: bool, history| PanelFlag {
        flag: &flag,
        name: KEY.to_owned(),
        state,
        missing_since: missing.then_some(at),
        made_again: missing,
        unwatched: missing,
        history,
        linked_by: "mara",
        linked_at: Timestamp::MIN,
    };
    let mut all = vec![panel::text(&PanelView { flags: Vec::new(), links: &links, show_values: true })];
    let flags = vec![shown(kinds.get(2).and_then(Option::as_ref), false, &[]); 102];
    all.push(panel::text(&PanelView { flags, links: &[], show_values: true }));
    for show_values in [true, false] {
        // The fold shows ten.
        for history in changes.chunks(7) {
            let flags = vec![shown(kinds.first().and_then(Option::as_ref), false, history)];
            all.push(panel::text(&PanelView { flags, links: &links, show_values }));
        }
        for kind in &kinds {
            for missing in [true, false] {
                let flags = vec![shown(kind.as_ref(), missing, &[]); 2];
                all.push(panel::text(&PanelView { flags, links: &[], show_values }));
            }
        }
    }
    all
}

fn told_ones() -> Vec<Markdown> {
    let flag = flag(false);
    let states = states();
    let [before, after] = overrides();
    let deed = |by: Option<usize>, why: bool| Deed {
        at: Timestamp::UNIX_EPOCH,
        by: by.map(|number| format!("ada{number}")),
        reason: why.then(|| "ready".to_owned()),
        asked_on: None,
        noticed_at: (!why).then_some(Timestamp::UNIX_EPOCH),
    };
    let crowd: Vec<Deed> = (0..9).map(|number| deed(Some(number), true)).chain([deed(None, false)]).collect();
    let mut all = Vec::new();
    for deeds in [vec![], vec![deed(None, false)], vec![deed(Some(1), true)], crowd] {
        let mut news: Vec<News<'_>> = vec![
            News::Archived(true),
            News::Archived(false),
            News::Missing { since: Timestamp::UNIX_EPOCH, was_on: Vec::new() },
            News::Missing { since: Timestamp::UNIX_EPOCH, was_on: states.iter().take(2).collect() },
            News::Back,
        ];
        for state in states.iter().take(deeds.len().max(2)) {
            news.push(News::Environment { was: None, now: state });
            news.push(News::Environment { was: Some(state), now: state });
            news.push(News::AsItWas(state));
            news.push(News::EnvironmentGone(state));
        }
        // What does not show, in one environment, and in more than are named.
        let unseen = if deeds.len() < 2 { deeds.len() } else { 9 };
        news.extend(
            states
                .iter()
                .take(1)
                .flat_map(|was| (0..unseen).map(|_| News::Environment { was: Some(was), now: was })),
        );
        news.push(News::Environment { was: Some(&before), now: &after });
        // More than a reply tells.
        news.extend((0..if deeds.is_empty() { 50 } else { 0 }).map(|_| News::Back));
        let told = |news| Told { flag: &flag, name: KEY, news, deeds: &deeds, show_values: true };
        let told: Vec<Told<'_>> = news.into_iter().map(told).collect();
        all.extend(told::told(&told));
    }
    all
}

fn replies() -> Vec<Markdown> {
    let write = |key: &str| format!("/flag link {key}");
    let near = [KEY.to_owned(), "checkout_v3".to_owned()];
    let mut all = vec![
        reply::opening(NoteSource::Note(1)),
        reply::opening(NoteSource::Description),
        reply::no_such_flag(&["flagsmith"], KEY, &near, &write),
        reply::no_such_flag(&["flagsmith", "unleash"], KEY, &[], &write),
        reply::which_one(KEY, &near, &write),
        reply::gone_there("flagsmith", KEY, "/flag on unleash:checkout_v2 --env production"),
        reply::needs_role("linking", "Developer", "Guest"),
        reply::nobody_may("linking", "permissions.link"),
        reply::waiting("flagsmith", "HTTP 503"),
        reply::too_late(),
        reply::dropped(),
        reply::dropped_unknown(),
        reply::edited_by_another(),
        reply::internal_changes_nothing(),
        reply::internal_does_nothing("archive"),
        reply::budget(),
        reply::flag_line(&flag(false), KEY, None, true),
        reply::flag_made_again(&flag(false), KEY, true),
        reply::above_states(),
        reply::above_links(),
        reply::above_found(),
        reply::linked_line(reply::key(KEY), "mara", Timestamp::UNIX_EPOCH),
        reply::none_linked(),
        reply::nothing_linked(),
        reply::not_linked(KEY, &near),
        reply::too_many_linked(KEY, 200),
        reply::page_gone(),
        reply::issues_off(),
        reply::found_nothing("checkout"),
        reply::found_more(),
        reply::cannot_search(["flagsmith", "unleash"]),
        reply::names([KEY]),
    ];
    for archived in [true, false] {
        all.push(reply::found_line(&flag(archived), KEY, true));
        for environments in [states(), Vec::new()] {
            let state = FlagState { environments, archived, archived_is_off: false, stale: archived };
            all.push(reply::flag_line(&flag(archived), KEY, Some(&state), archived));
        }
    }
    all
}

fn switches() -> Vec<Markdown> {
    let write = |name: &str| format!("/flag on {KEY} --env {name}");
    vec![
        switch::no_such_environment("flagsmith", "prod", &["production"], &write),
        switch::no_such_environment("flagsmith", "x", &["production"; 2], &write),
        switch::no_such_environment("flagsmith", "x", &["production"; 11], &write),
        switch::no_such_environment("flagsmith", "x", &[], &write),
        switch::archived(KEY),
        switch::cannot_switch("flagsmith"),
        switch::cannot_set("gitlab"),
        switch::not_a_share("unleash", "blue"),
        switch::nobody_may_switch("production"),
        switch::needs_role_to_switch("production", "Developer", "Guest"),
        switch::not_allowed_any_more("production"),
        switch::done_with("a remark"),
        switch::change_request("production", "https://flags.example.com/1"),
        switch::change_request("production", "nowhere"),
        switch::overtaken(KEY, "production", Some("ada")),
        switch::overtaken(KEY, "production", None),
        switch::not_switched("HTTP 400"),
        switch::switched_too_late(),
        switch::not_known_yet(),
        switch::never_known(KEY, "HTTP 500"),
    ]
}

fn jobs() -> Vec<Markdown> {
    let page = job::Page {
        project: "shop/web".to_owned(),
        kind: NoteableKind::Issue,
        iid: 1,
        url: "https://gitlab.example.com/shop/web/-/issues/1".to_owned(),
    };
    let mut all = vec![
        job::no_such_service("x", &["flagsmith", "unleash"]),
        job::unseen_character('\u{200b}'),
        job::no_key("flagsmith"),
        job::which_service(KEY, &["flagsmith", "unleash"]),
        job::cannot_create(),
        job::not_for_this_project(KEY),
        job::created(&flag(false), false, true),
        job::created(&flag(false), true, true),
        job::cannot_archive("gitlab"),
        job::not_done("HTTP 400"),
        job::not_allowed_any_more(),
        job::too_late(),
        job::waiting("HTTP 503"),
        job::not_known_yet(),
        job::never_known("HTTP 500"),
    ];
    for is in [true, false] {
        all.push(job::there_already(&flag(is), true));
        all.push(job::issue(KEY, 1, &page.url, is, true));
        all.push(job::issue(KEY, 1, &page.url, is, false));
        let on =
            EnvironmentState { environment: "production".to_owned(), on: is, ..EnvironmentState::default() };
        for pages in [0, 1, 12] {
            for environments in [vec![on.clone(), on.clone()], Vec::new()] {
                let was = FlagState { environments, ..FlagState::default() };
                all.push(job::archived(&flag(is), &was, &vec![page.clone(); pages], true));
            }
        }
    }
    all
}

/// All of it.
pub(super) fn all() -> &'static [Markdown] {
    static ALL: LazyLock<Vec<Markdown>> = LazyLock::new(|| {
        [panels(), told_ones(), replies(), switches(), jobs()].into_iter().flatten().collect()
    });
    &ALL
}
