//! What is answered to a command that switches a flag.

use url::Url;

use super::Markdown;
use super::reply::{key, line, names, quoted};

/// The flag service has no environment of that name for the flag.
pub fn no_such_environment(
    provider: &str,
    wanted: &str,
    there: &[&str],
    write: &dyn Fn(&str) -> String,
) -> Markdown {
    let mut text = quoted(provider);
    text.push_lit(" has no environment ").push(quoted(wanted)).push_lit(" for this flag");
    match nearest(wanted, there) {
        _ if there.is_empty() => {
            text.push_lit(", nor any other.");
        }
        Some(near) => {
            text.push_lit(". Did you mean ").push(quoted(near)).push_lit("? Write ");
            text.push(line(&write(near))).push_lit(".");
        }
        None => {
            let shown = there.iter().take(10).copied();
            text.push_lit("; there are ").push(names(shown));
            text.push_lit(if there.len() > 10 { " and others." } else { "." });
        }
    }
    text
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
    let mut text = key(wanted);
    text.push_lit(" is archived, so nothing was switched. Restore it in its flag service first.");
    text
}

/// The flag service cannot be told to switch flags.
pub fn cannot_switch(provider: &str) -> Markdown {
    let mut text = Markdown::lit("flags of ");
    text.push(quoted(provider)).push_lit(" cannot be switched from here.");
    text
}

/// Flags of that service are on or off, and nothing else.
pub fn cannot_set(provider: &str) -> Markdown {
    let mut text = Markdown::lit("flags of ");
    text.push(quoted(provider)).push_lit(" have nothing that can be set; they can be switched on and off.");
    text
}

/// Flags of that service have no values but are on for a share of users.
pub fn not_a_share(provider: &str, written: &str) -> Markdown {
    let mut text = quoted(provider);
    text.push_lit(" has no values: what can be set is the share of users, in whole percent, such as ")
        .push(Markdown::code("25%", 10))
        .push_lit(", and not ")
        .push(quoted(written))
        .push_lit(".");
    text
}

/// Nobody may switch flags in that environment.
pub fn nobody_may_switch(environment: &str) -> Markdown {
    let mut text = Markdown::lit("switching flags in ");
    text.push(quoted(environment))
        .push_lit(" is allowed to nobody in this project by flaglink's configuration (")
        .push(Markdown::code("permissions.toggle", 40))
        .push_lit(", ")
        .push(Markdown::code("toggle_in", 40))
        .push_lit(").");
    text
}

/// A role is missing for that environment.
pub fn needs_role_to_switch(environment: &str, needed: &'static str, has: &'static str) -> Markdown {
    let mut text = Markdown::lit("switching flags in ");
    text.push(quoted(environment))
        .push_lit(" needs the role ")
        .push_lit(needed)
        .push_lit(" in this project, and yours is ")
        .push_lit(has)
        .push_lit(". Ask somebody who has it, or a maintainer for the role.");
    text
}

/// The role was taken away before it was done.
pub fn not_allowed_any_more(environment: &str) -> Markdown {
    let mut text = Markdown::lit("nothing was switched in ");
    text.push(quoted(environment)).push_lit(", because you may not do that any more.");
    text
}

/// It is done, and the flag service has something to say.
pub fn done_with(remark: &str) -> Markdown {
    let mut text = Markdown::lit("done. ");
    text.push(quoted(remark));
    text
}

/// The environment takes changes through change requests only.
pub fn change_request(environment: &str, page: &str) -> Markdown {
    let mut text = quoted(environment);
    text.push_lit(" takes changes through change requests only, so nothing was switched. Make one ");
    match Url::parse(page) {
        Ok(page) => text.push(Markdown::link(Markdown::lit("on the flag's page"), &page)),
        Err(_) => text.push_lit("on the flag's page"),
    };
    text.push_lit(".");
    text
}

/// Somebody else was there in between.
pub fn overtaken(wanted: &str, environment: &str, by: Option<&str>) -> Markdown {
    let mut text = key(wanted);
    text.push_lit(" was changed in ").push(quoted(environment)).push_lit(" by ");
    match by {
        Some(by) => text.push(quoted(by)),
        None => text.push_lit("somebody else"),
    };
    text.push_lit(" after you wrote, so it was left as it is now. Look with ")
        .push(line(&format!("/flag status {wanted}")))
        .push_lit(", and write the command again if you still want it.");
    text
}

/// It was refused for certain.
pub fn not_switched(why: &str) -> Markdown {
    let mut text = Markdown::lit("nothing was switched: ");
    text.push(quoted_long(why));
    text
}

/// A sentence of a flag service's or of ours about one.
fn quoted_long(text: &str) -> Markdown {
    Markdown::code(text, 400)
}

/// It could not be done in time.
pub fn switched_too_late() -> Markdown {
    Markdown::lit(
        "a flag is switched within two minutes of the command or not at all, and in that time the flag service, GitLab or flaglink itself could not do it. Nothing was switched. Write the command again if you still want it. (If it was seen at once, the clocks of GitLab and of flaglink's machine differ.)",
    )
}

/// It was sent, and its answer was lost.
pub fn not_known_yet() -> Markdown {
    Markdown::lit(
        "the switch was sent, but the answer of the flag service was lost, so it is not known yet whether it was made. It is looked at again, and the reaction to your command will say.",
    )
}

/// Nobody found out.
pub fn never_known(wanted: &str, why: &str) -> Markdown {
    let mut text = Markdown::lit("the switch was sent, and whether it was made could not be found out (");
    text.push(quoted(why))
        .push_lit("). Look with ")
        .push(line(&format!("/flag status {wanted}")))
        .push_lit(".");
    text
}
