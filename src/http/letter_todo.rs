//! What a person does about something that was given up, as far as the status that it was refused with tells.

use crate::domain::{DeadLetter, DeadThing, EdgeKind, Level, Noteable};
use crate::net::status_in;

/// Who refused it.
enum Refuser<'a> {
    /// GitLab, in that project.
    Gitlab(String),
    /// The flag service of that provider.
    Service(&'a str),
}

/// What to do; `None` where the reason alone does not tell. `work` is what it is about, as `shop/web#12`.
pub(super) fn todo(letter: &DeadLetter, work: Option<&str>) -> Option<String> {
    let status = status_in(&letter.reason)?;
    let id = letter.id;
    let retry = format!("then `flaglink queue retry {id}`");
    let drop = format!("`flaglink queue drop {id}`");
    Some(match (refuser(&letter.what, work)?, status) {
        (Refuser::Gitlab(project), 401) => format!(
            "GitLab does not accept the token of [gitlab], or the one that the rule of {project} has: put a good one in its place, `flaglink \
             reload`, {retry}."
        ),
        (Refuser::Gitlab(project), 403) => format!(
            "The bot's role in {project} is too small for that, the page is locked, or the project is archived: give the bot at least \
             Reporter there (Developer for labels on merge requests; Manage → Members), or unlock it, {retry}."
        ),
        (Refuser::Gitlab(project), 404 | 410) => format!(
            "The comment, the page or {project} is gone, or the bot is no member there any more: make it one again, {retry}; gone for good: \
             {drop}."
        ),
        (Refuser::Gitlab(_), 413) => format!(
            "It is more than GitLab, or a proxy before it, takes: let the proxy take larger bodies, {retry}; or {drop}."
        ),
        (Refuser::Gitlab(_), 400 | 405 | 422) => format!(
            "GitLab does not take it in this form, and will not: {drop}, and please report it with what `flaglink queue show {id}` says."
        ),
        (Refuser::Service(name), 401 | 403) => format!(
            "The key of [providers.{name}] is not accepted, or may not do that: give it the right or put another one in its place, \
             `flaglink reload` (or start flaglink again, where systemd hands it over), {retry}."
        ),
        (Refuser::Service(name), 404 | 410) => {
            format!(
                "The flag, or the project of [providers.{name}], is gone there: {drop}, or put it back, {retry}."
            )
        }
        _ => return None,
    })
}

/// `None`: both are asked for such a thing, or what came of it is told elsewhere.
fn refuser<'a>(what: &'a DeadThing, work: Option<&'a str>) -> Option<Refuser<'a>> {
    // By its path, where that is known.
    let path = work.and_then(|work| work.get(..work.rfind(['#', '!'])?));
    let gitlab = |noteable: &Noteable| {
        Refuser::Gitlab(path.map_or_else(|| format!("project {}", noteable.project), str::to_owned))
    };
    match what {
        DeadThing::Edge(edge) => match edge.kind {
            EdgeKind::Reply { .. } | EdgeKind::React { .. } => Some(gitlab(&edge.cause.noteable)),
            EdgeKind::Switch(_) | EdgeKind::Job(_) => None,
        },
        DeadThing::Level(Level::Panel(noteable) | Level::Label(noteable)) => Some(gitlab(noteable)),
        DeadThing::Level(Level::BackLinks(flag) | Level::Tags(flag)) => {
            Some(Refuser::Service(&flag.provider))
        }
        DeadThing::Inbox(_) | DeadThing::Unknown(_) => None,
    }
}
