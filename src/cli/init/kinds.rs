//! The kinds of flag service that there are, in words.

use clap::builder::PossibleValuesParser;

use crate::flags::kinds;

/// The kinds, as clap takes one.
pub(super) fn parser() -> PossibleValuesParser {
    PossibleValuesParser::new(kinds().iter().map(|kind| kind.kind))
}

/// The kinds by name; `between` stands before the last.
pub(super) fn names(between: &str) -> String {
    listed(kinds().iter().map(|kind| kind.kind.to_owned()), between)
}

/// The kinds by name, with what is to be said of those whose name does not say enough.
pub(super) fn names_with_remarks(between: &str) -> String {
    let remarked = kinds().iter().map(|kind| match kind.setup.remark {
        Some(remark) => format!("{} ({remark})", kind.kind),
        None => kind.kind.to_owned(),
    });
    listed(remarked, between)
}

/// What a project is in each service that has some.
pub(super) fn projects() -> String {
    let all = kinds().iter().filter_map(|kind| Some((kind.service, kind.setup.own?.project?.what)));
    let all: Vec<String> = all.map(|(service, what)| format!("{what} in {service}")).collect();
    all.join(", ")
}

fn listed(all: impl Iterator<Item = String>, between: &str) -> String {
    let all: Vec<String> = all.collect();
    match all.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{}{between}{last}", rest.join(", ")),
        None => String::new(),
    }
}
