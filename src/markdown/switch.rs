//! What is answered to a command that switches a flag.

use url::Url;

use super::Markdown;
use super::reply::{key, line, names, quoted};
use super::text::{Part, phrase};
use crate::domain::command_line;

/// The flag service has no environment of that name for the flag.
pub fn no_such_environment(
    provider: &str,
    wanted: &str,
    there: &[&str],
    write: &dyn Fn(&str) -> String,
) -> Markdown {
    let near = nearest(wanted, there);
    phrase(
        "no_such_environment",
        [
            ("provider", quoted(provider).into()),
            ("wanted", quoted(wanted).into()),
            ("near", near.map(quoted).into()),
            ("command", near.map(|near| line(&write(near))).into()),
            ("there", names(there.iter().take(10).copied()).into()),
            ("more", (there.len() > 10).into()),
        ],
    )
}

/// The name that was probably meant: one that is contained in the other, or near to it.
fn nearest<'a>(wanted: &str, there: &[&'a str]) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let near = |name: &&&str| {
        let name = name.to_lowercase();
        name.starts_with(&wanted) || wanted.starts_with(&name) || strsim::jaro_winkler(&wanted, &name) > 0.84
    };
    there.iter().find(near).copied()
}

/// The flag is archived.
pub fn archived(wanted: &str) -> Markdown {
    phrase("switch_archived", [("flag", key(wanted).into())])
}

/// The flag service cannot be told to switch flags.
pub fn cannot_switch(provider: &str) -> Markdown {
    phrase("cannot_switch", [("provider", quoted(provider).into())])
}

/// Flags of that service are on or off, and nothing else.
pub fn cannot_set(provider: &str) -> Markdown {
    phrase("cannot_set", [("provider", quoted(provider).into())])
}

/// Flags of that service have no values but are on for a share of users.
pub fn not_a_share(provider: &str, written: &str) -> Markdown {
    let example = Markdown::code("25%", 10);
    phrase(
        "not_a_share",
        [
            ("provider", quoted(provider).into()),
            ("example", example.into()),
            ("written", quoted(written).into()),
        ],
    )
}

/// Nobody may switch flags in that environment.
pub fn nobody_may_switch(environment: &str) -> Markdown {
    let [key, by_environment] = keys();
    phrase("nobody_may_switch", [("environment", quoted(environment).into()), key, by_environment])
}

/// The keys of the configuration that say who may switch flags.
fn keys() -> [(&'static str, Part); 2] {
    [("key", "permissions.toggle"), ("key_by_environment", "toggle_in")]
        .map(|(name, key)| (name, Markdown::code(key, 40).into()))
}

/// A role is missing for that environment.
pub fn needs_role_to_switch(environment: &str, needed: &'static str, has: &'static str) -> Markdown {
    let environment = ("environment", Part::from(quoted(environment)));
    let [key, by_environment] = keys();
    phrase(
        "needs_role_to_switch",
        [environment, ("needed", needed.into()), ("has", has.into()), key, by_environment],
    )
}

/// The role was taken away before it was done.
pub fn not_allowed_any_more(environment: &str) -> Markdown {
    phrase("switch_not_allowed_any_more", [("environment", quoted(environment).into())])
}

/// It is done, and the flag service has something to say.
pub fn done_with(remark: &str) -> Markdown {
    phrase("switch_done_with", [("remark", quoted_long(remark).into())])
}

/// The environment takes changes through change requests only.
pub fn change_request(environment: &str, page: &str) -> Markdown {
    let words = phrase("on_the_flags_page", []);
    let page = match Url::parse(page) {
        Ok(page) => Markdown::link(words, &page),
        Err(_) => words,
    };
    phrase("change_request", [("environment", quoted(environment).into()), ("page", page.into())])
}

/// Somebody else was there in between.
pub fn overtaken(wanted: &str, environment: &str, by: Option<&str>) -> Markdown {
    phrase(
        "overtaken",
        [
            ("flag", key(wanted).into()),
            ("environment", quoted(environment).into()),
            ("by", by.map(quoted).into()),
            ("command", line(&command_line("status", wanted)).into()),
        ],
    )
}

/// It was refused for certain.
pub fn not_switched(why: &str) -> Markdown {
    phrase("not_switched", [("why", quoted_long(why).into())])
}

/// A sentence of a flag service's or of ours about one.
fn quoted_long(text: &str) -> Markdown {
    Markdown::code(text, 400)
}

/// It could not be done in time.
pub fn switched_too_late() -> Markdown {
    phrase("switched_too_late", [])
}

/// It was sent, and its answer was lost.
pub fn not_known_yet() -> Markdown {
    phrase("switch_not_known_yet", [])
}

/// Nobody found out.
pub fn never_known(wanted: &str, why: &str) -> Markdown {
    let command = line(&command_line("status", wanted));
    phrase("switch_never_known", [("why", quoted(why).into()), ("command", command.into())])
}
