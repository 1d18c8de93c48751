//! `/flag on`, `/flag off` and `/flag set`: a flag is changed in its own service.
//!
//! The command itself changes nothing: it finds out what is meant and whether it may be, and queues the switch. What came of
//! that is in the command's record when it is run again.

use std::time::Duration;

use jiff::SignedDuration;

use super::{Asked, Ran, Unfinished};
use crate::bot::resolve::{self, Meaning};
use crate::bot::switching::overtaken;
use crate::bot::world::World;
use crate::bot::{Trouble, roles};
use crate::command::SwitchTo;
use crate::domain::{
    Cause, Decision, Edge, EdgeId, EdgeKind, Flag, Purpose, Switch, SwitchEnd, SwitchProgress, Toggle, Write,
};
use crate::flags::{FlagProvider, Settable};
use crate::markdown::{Markdown, reply, switch};

/// A switch is sent within this time after its command was written, by GitLab's clock, or not at all.
const IN_TIME: SignedDuration = SignedDuration::from_mins(2);
/// What is carried out within this time after it was written had not to wait.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(10);
/// How often a command looks whether its switch has come to an end. It is told, too.
const LOOK: Duration = Duration::from_secs(30);

/// What is asked for.
pub(super) struct Wanted<'a> {
    pub(super) key: &'a str,
    pub(super) environment: &'a str,
    pub(super) to: &'a SwitchTo,
    pub(super) reason: Option<&'a str>,
}

impl Wanted<'_> {
    /// The same command for another flag or environment, to be copied.
    fn line(&self, key: &str, environment: &str) -> String {
        let (key, environment) = (crate::command::quoted(key), crate::command::quoted(environment));
        match self.to {
            SwitchTo::On => format!("/flag on {key} --env {environment}"),
            SwitchTo::Off => format!("/flag off {key} --env {environment}"),
            SwitchTo::Set(value) => {
                format!("/flag set {key} {} --env {environment}", crate::command::quoted(value))
            }
        }
    }
}

/// How far a switch that has begun is. Its flag's lane carries it out.
pub(super) async fn goes_on(
    world: &World,
    progress: &SwitchProgress,
    wanted: &Wanted<'_>,
) -> Result<Ran, Unfinished> {
    match progress {
        SwitchProgress::Ended(end) => Ok(ended(end, wanted)),
        SwitchProgress::UnderWay { edge, unknown } => {
            if world.store().edge(*edge).await?.is_none() {
                return Ok(ended(&SwitchEnd::NeverKnown("it was taken out of the queue".to_owned()), wanted));
            }
            Err(Unfinished::UnderWay {
                unknown: *unknown,
                trouble: Trouble::again_in(LOOK, "being switched"),
            })
        }
    }
}

pub(super) async fn run(
    asked: &Asked<'_>,
    decision: &mut Decision,
    wanted: &Wanted<'_>,
) -> Result<Ran, Unfinished> {
    let world = asked.world;
    let until = asked.written_at().checked_add(IN_TIME).unwrap_or(asked.entry.now);
    if asked.entry.now > until {
        return Ok(ended(&SwitchEnd::TooLate, wanted));
    }
    // Who waits two minutes at most is not told that it waits.
    let meaning =
        resolve::meaning(world, asked.project, wanted.key).await.map_err(|silent| silent.trouble)?;
    let flag = match meaning {
        Meaning::One(flag) => *flag,
        Meaning::None { providers, near } => {
            let providers: Vec<&str> = providers.iter().map(String::as_str).collect();
            let write = |key: &str| wanted.line(key, wanted.environment);
            return Ok(Ran::not_done(reply::no_such_flag(&providers, wanted.key, &near, &write)));
        }
        Meaning::Several(choices) => {
            let write = |key: &str| wanted.line(key, wanted.environment);
            return Ok(Ran::not_done(reply::which_one(wanted.key, &choices, &write)));
        }
    };
    let command = wanted.line(&flag.flag.words(), wanted.environment);
    if let Some(asks) = asked.gone_there(decision, wanted.key, &flag.flag, &command).await? {
        return Ok(asks);
    }
    let Some(provider) = world.provider(&flag.flag) else {
        return Ok(ended(
            &SwitchEnd::Refused("its flag service is not configured any more".to_owned()),
            wanted,
        ));
    };
    let to = match switch_of(provider.as_ref(), wanted.to) {
        Ok(to) => to,
        Err(why) => return Ok(Ran::not_done(why)),
    };
    let Some(state) = provider.state(&flag.flag, &flag.internal_id).await? else {
        return Ok(ended(
            &SwitchEnd::Refused(format!("{} does not know it any more", provider.name())),
            wanted,
        ));
    };
    let Some(before) = state.environment(wanted.environment) else {
        let names: Vec<&str> = state.environments.iter().map(|one| one.environment.as_str()).collect();
        return Ok(Ran::not_done(switch::no_such_environment(
            provider.name(),
            wanted.environment,
            &names,
            &|environment| wanted.line(wanted.key, environment),
        )));
    };
    if let Some(refused) = refused(asked, &flag, &before.environment).await? {
        return Ok(refused);
    }
    if state.archived {
        return Ok(Ran::not_done(switch::archived(wanted.key)));
    }
    if to.holds_in(before) {
        let remark = provider.remark(&flag.flag, &before.environment, &to, &state);
        return Ok(ended(&SwitchEnd::Done { remark }, wanted));
    }
    let waited = asked.entry.now.duration_since(asked.written_at());
    if waited > AT_ONCE
        && let Some(end) =
            overtaken(world, &flag.flag, before, (&asked.note.note.noteable, asked.written_at())).await?
    {
        return Ok(ended(&end, wanted));
    }
    let toggle = Toggle {
        flag: flag.flag,
        internal_id: flag.internal_id,
        environment: before.environment.clone(),
        to,
        before: before.clone(),
        reason: wanted.reason.map(str::to_owned),
        until,
        entry: asked.entry.id,
    };
    queue(asked, decision, toggle);
    Err(Unfinished::UnderWay { unknown: false, trouble: Trouble::again_in(LOOK, "being switched") })
}

fn queue(asked: &Asked<'_>, decision: &mut Decision, toggle: Toggle) {
    let edge = EdgeId(asked.world.store().new_id());
    let mut record = asked.note.clone();
    if let Some(command) = record.commands.get_mut(asked.command) {
        command.switch = Some(SwitchProgress::UnderWay { edge, unknown: false });
    }
    decision.write(Write::PutNote(Box::new(record)));
    decision.write(Write::PutEdge(Box::new(Edge::new(
        edge,
        Cause::of(&asked.note.note, asked.command, Purpose::Switch),
        EdgeKind::Switch(Box::new(toggle)),
        Some(asked.note.author.clone()),
        asked.entry.now,
    ))));
}

/// What the service is to be told, or why it cannot be.
fn switch_of(provider: &dyn FlagProvider, to: &SwitchTo) -> Result<Switch, Markdown> {
    let abilities = provider.abilities();
    match (to, abilities.set) {
        _ if !abilities.switch => Err(switch::cannot_switch(provider.name())),
        (SwitchTo::On, _) => Ok(Switch { on: Some(true), ..Switch::default() }),
        (SwitchTo::Off, _) => Ok(Switch { on: Some(false), ..Switch::default() }),
        (SwitchTo::Set(_), Settable::Nothing) => Err(switch::cannot_set(provider.name())),
        (SwitchTo::Set(value), Settable::Value) => {
            Ok(Switch { value: Some(value.clone()), ..Switch::default() })
        }
        (SwitchTo::Set(text), Settable::Rollout) => match percent(text) {
            Some(share) => Ok(Switch { rollout: Some(share), ..Switch::default() }),
            None => Err(switch::not_a_share(provider.name(), text)),
        },
    }
}

/// `25%`, `25 %` or `25`: a whole number of percent, as the services keep it.
fn percent(text: &str) -> Option<f64> {
    let number: u32 = text.trim().trim_end_matches('%').trim_end().parse().ok()?;
    (number <= 100).then(|| f64::from(number))
}

/// Why this person may not switch it there.
async fn refused(asked: &Asked<'_>, flag: &Flag, environment: &str) -> Result<Option<Ran>, Trouble> {
    let project = asked.project;
    let needed = project.rule.may_toggle(&flag.flag.provider, environment);
    let Some(least) = needed.level() else {
        return Ok(Some(Ran::not_done(switch::nobody_may_switch(environment))));
    };
    let level = roles::level(project, asked.note.author.id).await?;
    if level >= least {
        return Ok(None);
    }
    let has = crate::config::Role::of_level(level);
    Ok(Some(Ran::not_done(switch::needs_role_to_switch(environment, needed.words(), has))))
}

/// What the person is told in the end.
fn ended(end: &SwitchEnd, wanted: &Wanted<'_>) -> Ran {
    match end {
        SwitchEnd::Done { remark: None } => Ran::done(),
        SwitchEnd::Done { remark: Some(remark) } => Ran::answered(switch::done_with(remark)),
        SwitchEnd::ChangeRequest { page } => Ran::not_done(switch::change_request(wanted.environment, page)),
        SwitchEnd::Overtaken { by } => {
            Ran::not_done(switch::overtaken(wanted.key, wanted.environment, by.as_deref()))
        }
        SwitchEnd::NotAllowed => Ran::not_done(switch::not_allowed_any_more(wanted.environment)),
        SwitchEnd::Refused(why) => Ran::not_done(switch::not_switched(why)),
        SwitchEnd::TooLate => Ran::not_done(switch::switched_too_late()),
        // No switch ends so.
        SwitchEnd::Created(_) | SwitchEnd::Archived { .. } | SwitchEnd::Issue { .. } => Ran::done(),
        SwitchEnd::NeverKnown(why) => Ran::not_done(switch::never_known(wanted.key, why)),
    }
}
