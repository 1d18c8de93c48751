//! What happened lately to the flags of a panel, newest first, in a fold.

use jiff::Timestamp;

use super::panel_view::{PanelFlag, PanelView, SHOWN_FLAGS};
use super::state::{ENVIRONMENT_LIMIT, KEY_LIMIT, NAME_LIMIT, VALUE_LIMIT, strategy_list};
use super::text::Markdown;
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
    Link { flag: &'a FlagRef, linked: bool, by: &'a str },
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
        out.push_lit("\nLinked earlier: ").push(Markdown::join(others, ", ", ", ")).push_lit(".\n");
    }
    out.push_lit("\n</details>\n");
    out
}

fn linked_by(flag: &PanelFlag<'_>) -> Markdown {
    // There may be many of them: a hundred characters tell one from another.
    let mut words = Markdown::code(&flag.name, NAME_LIMIT);
    words
        .push_lit(" by ")
        .push(Markdown::code(flag.linked_by, NAME_LIMIT))
        .push_lit(" (")
        .push(Markdown::time(flag.linked_at))
        .push_lit(")");
    words
}

/// All entries, those of one source newest first.
fn collect<'a>(view: &PanelView<'a>) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    for flag in &view.flags {
        let provider = flag.flag.flag.provider.as_str();
        for change in flag.history.iter().rev() {
            entries.push(Entry {
                at: change.at,
                name: flag.name.clone(),
                what: What::Change(change, provider),
            });
        }
    }
    for change in view.links.iter().rev() {
        entries.push(Entry {
            at: change.at,
            name: name_of(view, &change.flag),
            what: What::Link { flag: &change.flag, linked: change.linked, by: &change.by.username },
        });
    }
    // The record of links is capped; the links themselves tell what it has forgotten.
    for flag in &view.flags {
        if !entries.iter().any(|entry| entry.is_link_of(flag)) {
            entries.push(Entry {
                at: flag.linked_at,
                name: flag.name.clone(),
                what: What::Link { flag: &flag.flag.flag, linked: true, by: flag.linked_by },
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
        let mut line = Markdown::time(self.at);
        line.push_lit(": ").push(form.code(&self.name, KEY_LIMIT)).push_lit(" ");
        match &self.what {
            What::Link { linked, by, .. } => {
                line.push_lit(if *linked { "linked by " } else { "unlinked by " })
                    .push(form.code(by, NAME_LIMIT));
            }
            What::Change(change, provider) => {
                line.push(change_words(&change.what, provider, form));
                if !form.short {
                    line.push(author_words(change, form));
                }
            }
        }
        line
    }
}

/// Who and why. That nobody knows who is said of what somebody did, not of what flaglink noticed itself.
fn author_words(change: &Change, form: Form) -> Markdown {
    let mut words = Markdown::new();
    match (&change.by, &change.what) {
        (Some(by), _) => {
            words.push_lit(", by ").push(form.code(by, NAME_LIMIT));
        }
        (None, ChangeKind::Missing | ChangeKind::Back) => {}
        (None, _) => {
            words.push_lit(", by somebody unknown");
        }
    }
    if let Some(reason) = &change.reason {
        words.push_lit(" (reason: ").push(form.code(reason, REASON_LIMIT)).push_lit(")");
    }
    words
}

fn change_words(what: &ChangeKind, provider: &str, form: Form) -> Markdown {
    let mut words = Markdown::new();
    match what {
        ChangeKind::Environment { before, after } => return environment_words(before.as_ref(), after, form),
        ChangeKind::EnvironmentGone(name) => {
            words.push_lit("environment ").push(form.code(name, ENVIRONMENT_LIMIT)).push_lit(" is gone");
        }
        ChangeKind::Archived(true) => {
            words.push_lit("archived");
        }
        ChangeKind::Archived(false) => {
            words.push_lit("restored from the archive");
        }
        ChangeKind::Stale(true) => {
            words.push_lit("called stale");
        }
        ChangeKind::Stale(false) => {
            words.push_lit("not called stale any more");
        }
        ChangeKind::Missing => {
            words.push_lit("not found any more in ").push(form.code(provider, NAME_LIMIT));
        }
        ChangeKind::Back => {
            words.push_lit("found again in ").push(form.code(provider, NAME_LIMIT));
        }
    }
    words
}

/// How the strategies became others: what is in force now where somebody may be interested, else that something changed.
fn strategies_words(before: &EnvironmentState, after: &EnvironmentState) -> Markdown {
    let mut words = Markdown::lit("strategies ");
    if before.strategies.is_empty() || after.strategies.is_empty() {
        words.push_lit("changed");
    } else {
        words.push(strategy_list(&before.strategies)).push_lit(" → ").push(strategy_list(&after.strategies));
    }
    words
}

fn environment_words(before: Option<&EnvironmentState>, after: &EnvironmentState, form: Form) -> Markdown {
    let value = |value: &Option<String>| match value {
        Some(value) => form.code(value, VALUE_LIMIT),
        None => Markdown::lit("none"),
    };
    let mut parts = Vec::new();
    match before {
        Some(before) => {
            if before.on != after.on {
                parts.push(Markdown::lit(if after.on { "off → on" } else { "on → off" }));
            }
            if before.value != after.value {
                let mut part = Markdown::lit("value ");
                if form.show_values {
                    part.push(value(&before.value)).push_lit(" → ").push(value(&after.value));
                } else {
                    part.push_lit("changed");
                }
                parts.push(part);
            }
            if before.rollout != after.rollout {
                let mut part = Markdown::lit("rollout ");
                part.push(Markdown::percent(before.rollout.unwrap_or(100.0)))
                    .push_lit(" → ")
                    .push(Markdown::percent(after.rollout.unwrap_or(100.0)));
                parts.push(part);
            }
            if before.overrides != after.overrides {
                let mut part = Markdown::lit("overrides ");
                part.push(Markdown::number(u64::from(before.overrides)))
                    .push_lit(" → ")
                    .push(Markdown::number(u64::from(after.overrides)));
                parts.push(part);
            }
            if before.strategies != after.strategies {
                parts.push(strategies_words(before, after));
            }
            if before.variants != after.variants {
                parts.push(Markdown::lit("variants changed"));
            }
            if parts.is_empty() {
                let by_strategies = !after.strategies.is_empty() || after.rollout.is_some();
                parts.push(Markdown::lit(if by_strategies {
                    "details of its strategies changed"
                } else {
                    "overrides or variants changed"
                }));
            }
        }
        None => parts.push(Markdown::lit(if after.on { "new and on" } else { "new and off" })),
    }
    // A flag that is switched on is best told with what it serves from now on.
    let switched_on = after.on && before.is_none_or(|before| !before.on && before.value == after.value);
    if let (true, true, Some(text)) = (switched_on, form.show_values, &after.value) {
        let mut part = Markdown::lit("value ");
        part.push(form.code(text, VALUE_LIMIT));
        parts.push(part);
    }

    let mut parts = parts.into_iter();
    let mut words = parts.next().unwrap_or_default();
    words.push_lit(" in ").push(form.code(&after.environment, ENVIRONMENT_LIMIT));
    if !form.short {
        for part in parts {
            words.push_lit(", ").push(part);
        }
    }
    words
}
