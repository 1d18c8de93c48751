//! Which overrides of a flag were made, changed and removed, in words.

use super::Markdown;
use super::state::{NAME_LIMIT, VALUE_LIMIT};
use super::text::{and_list, phrase};
use crate::domain::{EnvironmentState, Override, Whom};

/// How many are named; of more it is said how many.
const NAMED: usize = 5;

/// Each that is otherwise. For whom it is and its value are hidden where values are: names of segments and users say as much.
pub(super) fn changes(
    was: &EnvironmentState,
    now: &EnvironmentState,
    show_values: bool,
    code: impl Fn(&str, usize) -> Markdown,
) -> Vec<Markdown> {
    let all = was.override_changes(now);
    let words = Words { show_values, code };
    let mut parts: Vec<Markdown> =
        all.iter().take(NAMED).filter_map(|(was, now)| words.change(*was, *now)).collect();
    if let Some(more) = all.len().checked_sub(NAMED).filter(|more| *more > 0) {
        parts.push(phrase("more_overrides", [("count", more.into())]));
    }
    parts
}

struct Words<Code> {
    show_values: bool,
    code: Code,
}

impl<Code: Fn(&str, usize) -> Markdown> Words<Code> {
    fn change(&self, was: Option<&Override>, now: Option<&Override>) -> Option<Markdown> {
        let whom = ("whom", self.whom(now.or(was)?).into());
        Some(match (was, now) {
            (None, Some(now)) => phrase(
                "override_made",
                [whom, ("on", now.on.into()), ("value", self.value(now).filter(|_| self.show_values).into())],
            ),
            (Some(was), Some(now)) => {
                phrase("override_changed", [whom, ("changed", self.difference(was, now).into())])
            }
            _ => phrase("override_removed", [whom]),
        })
    }

    fn whom(&self, one: &Override) -> Markdown {
        let name = one.name.as_ref().filter(|_| self.show_values).map(|name| (self.code)(name, NAME_LIMIT));
        let phrase_name = match one.whom {
            Whom::Segment => "override_of_segment",
            Whom::User => "override_of_user",
        };
        phrase(phrase_name, [("name", name.into())])
    }

    fn value(&self, one: &Override) -> Option<Markdown> {
        let value = one.value.as_ref()?;
        let quoted = one.quoted.then(|| format!("\"{value}\""));
        Some((self.code)(quoted.as_ref().unwrap_or(value), VALUE_LIMIT))
    }

    fn difference(&self, was: &Override, now: &Override) -> Markdown {
        let mut parts = Vec::new();
        if was.on != now.on {
            parts.push(phrase(if now.on { "switched_on" } else { "switched_off" }, []));
        }
        if (&was.value, was.quoted) != (&now.value, now.quoted) {
            let value = |one| self.value(one).unwrap_or_else(|| phrase("no_value", []));
            let (was, now) = (value(was), value(now));
            // Of long ones the beginning is shown, which may be the same.
            let shown = self.show_values && was != now;
            let parts_of = [
                ("shown", shown.into()),
                ("was", shown.then_some(was).into()),
                ("now", shown.then_some(now).into()),
            ];
            parts.push(phrase("value_changed", parts_of));
        }
        and_list(parts)
    }
}
