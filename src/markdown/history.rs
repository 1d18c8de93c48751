//! What happened lately to the flags of a panel, newest first, in a fold.

use jiff::Timestamp;

use super::overrides;
use super::panel_view::{PanelFlag, PanelView, SHOWN_FLAGS};
use super::state::{ENVIRONMENT_LIMIT, KEY_LIMIT, NAME_LIMIT, VALUE_LIMIT, strategy_list};
use super::text::Markdown;
use super::text::{Part, and_list, phrase};
use crate::domain::{Change, ChangeKind, EnvironmentState, FlagRef};

/// How many changes the fold shows.
const SHOWN: usize = 10;
/// How much of a reason is shown, in characters.
const REASON_LIMIT: usize = 200;

/// One line of the fold.
struct Entry<'a> {
    at: Timestamp,
    name: String,
    what: What<'a>,
}

enum What<'a> {
    /// Something about the flag changed; with the provider's name.
    Change(&'a Change, &'a str),
    /// The flag was linked or unlinked here.
    Link { flag: &'a FlagRef, linked: bool, there: bool, deleted: bool, by: &'a str },
}

/// How a line is written.
#[derive(Clone, Copy)]
struct Form {
    /// Where Markdown is not read.
    html: bool,
    /// Only what is most important.
    short: bool,
    show_values: bool,
}

impl Form {
    fn code(self, outside: &str, limit: usize) -> Markdown {
        if self.html { Markdown::html_code(outside, limit) } else { Markdown::code(outside, limit) }
    }
}

/// The fold: the newest change as its summary, the last ten in it, and who linked what is linked. Nothing
/// where nothing ever happened.
pub(super) fn fold(view: &PanelView<'_>) -> Markdown {
    let mut entries = collect(view);
    // The sort is stable: of one moment, what was put in first comes first.
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    entries.truncate(SHOWN);
    let mut out = Markdown::new();
    let Some(newest) = entries.first() else { return out };

    let form = Form { html: false, short: false, show_values: view.show_values };
    out.push_lit("<details><summary>")
        .push(newest.line(Form { html: true, short: true, ..form }))
        .push_lit("</summary>\n\n");
    for entry in &entries {
        out.push_lit("- ").push(entry.line(form)).push_lit("\n");
    }
    let others = view
        .flags
        .iter()
        .take(SHOWN_FLAGS)
        .filter(|flag| !entries.iter().any(|entry| entry.is_link_of(flag)));
    let mut others = others.map(linked_by).peekable();
    if others.peek().is_some() {
        let flags = Markdown::join(others, ", ", ", ");
        out.push_lit("\n").push(phrase("linked_earlier", [("flags", flags.into())])).push_lit("\n");
    }
    out.push_lit("\n</details>\n");
    out
}

fn linked_by(flag: &PanelFlag<'_>) -> Markdown {
    // There may be many of them: a hundred characters tell one from another.
    phrase(
        "linked_earlier_flag",
        [
            ("flag", Markdown::code(&flag.name, NAME_LIMIT).into()),
            ("by", Markdown::code(flag.linked_by, NAME_LIMIT).into()),
            ("time", Markdown::time(flag.linked_at).into()),
        ],
    )
}

/// All entries, those of one source newest first.
fn collect<'a>(view: &PanelView<'a>) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    for flag in &view.flags {
        let provider = flag.flag.flag.provider.as_str();
        for change in flag.history.iter().rev() {
            entries.push(Entry {
                at: change.moment(),
                name: flag.name.clone(),
                what: What::Change(change, provider),
            });
        }
    }
    for change in view.links.iter().rev() {
        entries.push(Entry {
            at: change.at,
            name: name_of(view, &change.flag),
            what: What::Link {
                flag: &change.flag,
                linked: change.linked,
                there: change.there,
                deleted: change.deleted,
                by: &change.by.username,
            },
        });
    }
    // The record of links is capped; the links themselves tell what it has forgotten.
    for flag in &view.flags {
        if !entries.iter().any(|entry| entry.is_link_of(flag)) {
            entries.push(Entry {
                at: flag.linked_at,
                name: flag.name.clone(),
                what: What::Link {
                    flag: &flag.flag.flag,
                    linked: true,
                    there: false,
                    deleted: false,
                    by: flag.linked_by,
                },
            });
        }
    }
    entries
}

/// How a flag is named: as in the panel if it is in it, else by its key, with its provider where there are several.
fn name_of(view: &PanelView<'_>, flag: &FlagRef) -> String {
    if let Some(shown) = view.flags.iter().find(|shown| &shown.flag.flag == flag) {
        return shown.name.clone();
    }
    let mut providers = view
        .flags
        .iter()
        .map(|shown| &shown.flag.flag.provider)
        .chain(view.links.iter().map(|l| &l.flag.provider));
    if providers.all(|provider| provider == &flag.provider) { flag.key.clone() } else { flag.words() }
}

impl Entry<'_> {
    fn is_link_of(&self, shown: &PanelFlag<'_>) -> bool {
        matches!(self.what, What::Link { flag, linked: true, .. }
            if flag == &shown.flag.flag && self.at == shown.linked_at)
    }

    fn line(&self, form: Form) -> Markdown {
        let mut author = None;
        let mut unknown = false;
        let mut reason = None;
        let what = match &self.what {
            What::Link { flag, linked: false, there: true, .. } => {
                phrase("entry_taken_off", [("provider", form.code(&flag.provider, NAME_LIMIT).into())])
            }
            What::Link { linked: false, deleted: true, .. } => phrase("entry_work_deleted", []),
            What::Link { linked: true, deleted: true, .. } => phrase("entry_work_back", []),
            What::Link { linked, by, .. } => {
                let name = if *linked { "entry_linked" } else { "entry_unlinked" };
                phrase(name, [("by", form.code(by, NAME_LIMIT).into())])
            }
            What::Change(change, provider) => {
                if !form.short {
                    let people: Vec<Markdown> = change.people().map(|by| form.code(by, NAME_LIMIT)).collect();
                    author = (!people.is_empty()).then(|| and_list(people));
                    // That nobody knows who is said of what somebody did, not of what flaglink noticed itself.
                    let noticed = matches!(change.what, ChangeKind::Missing | ChangeKind::Back);
                    unknown = author.is_none() && !noticed;
                    reason = change.reason.as_ref().map(|reason| form.code(reason, REASON_LIMIT));
                }
                change_words(&change.what, provider, form)
            }
        };
        let noticed =
            matches!(self.what, What::Change(change, _) if change.noticed_at == Some(change.moment()));
        phrase(
            "entry",
            [
                ("time", Markdown::time(self.at).into()),
                ("noticed", noticed.into()),
                ("flag", form.code(&self.name, KEY_LIMIT).into()),
                ("what", what.into()),
                ("by", author.into()),
                ("unknown", unknown.into()),
                ("reason", reason.into()),
            ],
        )
    }
}

fn change_words(what: &ChangeKind, provider: &str, form: Form) -> Markdown {
    let provider = ("provider", Part::from(form.code(provider, NAME_LIMIT)));
    match what {
        ChangeKind::Environment { before, after } => environment_words(before.as_ref(), after, form),
        ChangeKind::EnvironmentGone(name) => {
            phrase("entry_environment_gone", [("environment", form.code(name, ENVIRONMENT_LIMIT).into())])
        }
        ChangeKind::Archived(true) => phrase("entry_archived", []),
        ChangeKind::Archived(false) => phrase("entry_restored", []),
        ChangeKind::Stale(true) => phrase("entry_stale", []),
        ChangeKind::Stale(false) => phrase("entry_not_stale", []),
        ChangeKind::Missing => phrase("entry_missing", [provider]),
        ChangeKind::Back => phrase("entry_back", [provider]),
    }
}

/// From what to what.
fn from_to(name: &'static str, was: Markdown, now: Markdown) -> Markdown {
    phrase(name, [("was", was.into()), ("now", now.into())])
}

fn environment_words(before: Option<&EnvironmentState>, after: &EnvironmentState, form: Form) -> Markdown {
    let mut parts = match before {
        Some(before) => differences(before, after, form),
        None => vec![phrase(if after.on { "new_and_on" } else { "new_and_off" }, [])],
    };
    // A flag that is switched on is best told with what it serves from now on.
    let switched_on = after.on && before.is_none_or(|before| !before.on && before.same_value_as(after));
    if let (true, true, Some(text)) = (switched_on, form.show_values, after.shown_value()) {
        parts.push(phrase("value_is", [("value", form.code(&text, VALUE_LIMIT).into())]));
    }
    let mut parts = parts.into_iter();
    let first = parts.next().unwrap_or_default();
    let others: Vec<Markdown> = if form.short { Vec::new() } else { parts.collect() };
    phrase(
        "entry_environment",
        [
            ("first", first.into()),
            ("environment", form.code(&after.environment, ENVIRONMENT_LIMIT).into()),
            ("others", others.into()),
        ],
    )
}

/// What is otherwise in a state of which all that is shown is the same.
pub(super) fn unseen(before: &EnvironmentState, after: &EnvironmentState, show_values: bool) -> Markdown {
    Markdown::join(differences(before, after, Form { html: false, short: false, show_values }), ", ", ", ")
}

fn differences(before: &EnvironmentState, after: &EnvironmentState, form: Form) -> Vec<Markdown> {
    let value = |state: &EnvironmentState| match state.shown_value() {
        Some(value) => form.code(&value, VALUE_LIMIT),
        None => phrase("no_value", []),
    };
    let mut parts = Vec::new();
    if before.on != after.on {
        parts.push(phrase(if after.on { "switched_on" } else { "switched_off" }, []));
    }
    if !before.same_value_as(after) {
        let (was, now) = (value(before), value(after));
        // Of long ones the beginning is shown, which may be the same.
        let shown = form.show_values && was != now;
        parts.push(phrase(
            "value_changed",
            [
                ("shown", shown.into()),
                ("was", shown.then_some(was).into()),
                ("now", shown.then_some(now).into()),
            ],
        ));
    }
    if before.rollout != after.rollout {
        let share = |share: Option<f64>| Markdown::percent(share.unwrap_or(100.0));
        parts.push(from_to("rollout_changed", share(before.rollout), share(after.rollout)));
    }
    if before.overrides != after.overrides {
        let count = |count: u32| Markdown::number(u64::from(count));
        parts.push(from_to("overrides_changed", count(before.overrides), count(after.overrides)));
    }
    parts.extend(overrides::changes(before, after, form.show_values, |text, limit| form.code(text, limit)));
    if before.strategies != after.strategies {
        // What is in force now where somebody may be interested, else that something changed.
        let both = !before.strategies.is_empty() && !after.strategies.is_empty();
        let list = |strategies| if both { strategy_list(strategies) } else { Markdown::new() };
        parts.push(from_to("strategies_changed", list(&before.strategies), list(&after.strategies)));
    }
    if before.variants != after.variants {
        parts.push(phrase("variants_changed", []));
    }
    if parts.is_empty() {
        let by_strategies = !after.strategies.is_empty() || after.rollout.is_some();
        parts.push(phrase(
            if by_strategies { "details_of_strategies_changed" } else { "details_changed" },
            [],
        ));
    }
    parts
}
