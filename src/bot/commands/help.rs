//! `/flag help [COMMAND]`: what can be done here, by the one who asks.

use super::{Asked, Ran, Unfinished};
use crate::bot::roles;
use crate::command::{CommandSpec, Permission, TABLE};
use crate::flags::{Abilities, Settable};
use crate::markdown::{Markdown, reply};

pub(super) async fn run(asked: &Asked<'_>, topic: Option<&'static str>) -> Result<Ran, Unfinished> {
    if let Some(spec) = topic.and_then(|topic| TABLE.iter().find(|spec| spec.name == topic)) {
        return Ok(Ran::answered(about(spec)));
    }
    let project = asked.project;
    let level = roles::level(project, asked.note.author.id).await?;
    let may = |permission: Permission| {
        roles::least(&project.rule, permission).level().is_some_and(|least| level >= least)
    };
    let services = project.rule.providers.iter().filter_map(|name| asked.world.flags().get(name));
    let abilities: Vec<Abilities> = services.map(|provider| provider.abilities()).collect();
    let can = |spec: &CommandSpec| match spec.name {
        "search" => abilities.iter().any(|can| can.search),
        "create" => abilities.iter().any(|can| can.create),
        "archive" => abilities.iter().any(|can| can.archive),
        "on" | "off" => abilities.iter().any(|can| can.switch),
        "set" => abilities.iter().any(|can| can.switch && can.set != Settable::Nothing),
        _ => true,
    };
    let lines = TABLE.iter().filter(|spec| may(spec.permission) && can(spec)).map(|spec| {
        let mut line = Markdown::code(spec.usage, 200);
        line.push_lit(": ").push_lit(spec.summary);
        line
    });
    let mut text = Markdown::lit("this is what you can do here:\n");
    text.push(reply::bullets(lines));
    let mut services = Markdown::lit("Flags come from ");
    services.push(reply::names(project.rule.providers.iter().map(String::as_str))).push_lit(".");
    Ok(Ran::answered(reply::paragraphs([text, services])))
}

fn about(spec: &'static CommandSpec) -> Markdown {
    let mut text = Markdown::code(spec.usage, 200);
    text.push_lit(": ").push_lit(spec.summary).push_lit(".");
    let examples = reply::bullets(spec.examples.iter().map(|example| reply::line(example)));
    let mut whole = vec![text, Markdown::lit(spec.detail)];
    if !spec.examples.is_empty() {
        let mut shown = Markdown::lit("For example:\n");
        shown.push(examples);
        whole.push(shown);
    }
    reply::paragraphs(whole)
}
