//! Who may switch a flag, whose a change was, and who may read why.

use jiff::Timestamp;

use super::Trouble;
use super::world::World;
use crate::domain::{
    AskedSwitch, Change, ChangeKind, EnvironmentState, FlagRecord, FlagRef, Noteable, ProjectId, SwitchEnd,
    UserId,
};
use crate::gitlab::AccessLevel;

/// Whether that person may switch that flag there, as GitLab and the configuration say now.
pub async fn may_switch(
    world: &World,
    project: ProjectId,
    person: UserId,
    flag: &FlagRef,
    environment: &str,
) -> Result<bool, Trouble> {
    let Some(project) = world.project(project).await? else { return Ok(false) };
    if !project.rule.sees(&flag.provider, &flag.key) {
        return Ok(false);
    }
    let Some(needed) = project.rule.may_toggle(&flag.provider, environment).level() else { return Ok(false) };
    let level = project.gitlab.access_level(project.detail.id, person).await?;
    Ok(level.is_some_and(|AccessLevel(level)| level >= needed))
}

/// Who changed the flag last in that environment, where that is known.
pub fn last_author(record: &FlagRecord, environment: &str) -> Option<String> {
    let there = |change: &&Change| match &change.what {
        ChangeKind::Environment { after, .. } => after.environment.eq_ignore_ascii_case(environment),
        _ => false,
    };
    record.history.iter().rev().find(there)?.by.clone()
}

/// Whether somebody else has changed the flag in that environment since a command was written that had to wait, and who. `now` is
/// how it stands.
///
/// What the command's author saw is what was last seen of the flag: if it stands otherwise now and no command of this page did it, it
/// was changed meanwhile. Of a flag that is linked nowhere nothing is seen, so nothing can be told.
pub(super) async fn overtaken(
    world: &World,
    flag: &FlagRef,
    now: &EnvironmentState,
    (page, written_at): (&Noteable, Timestamp),
) -> Result<Option<SwitchEnd>, Trouble> {
    if world.store().noteables_of(flag).await?.is_empty() {
        return Ok(None);
    }
    let Some(record) = world.store().flag(flag).await?.value else { return Ok(None) };
    let here = |environment: &str| environment.eq_ignore_ascii_case(&now.environment);
    let by_others = |change: &&Change| {
        let there = matches!(&change.what, ChangeKind::Environment { after, .. } if here(&after.environment));
        // On one page one command follows the other.
        there && change.at > written_at && change.asked_on.as_ref() != Some(page)
    };
    if let Some(change) = record.history.iter().rev().find(by_others) {
        return Ok(Some(SwitchEnd::Overtaken { by: change.by.clone() }));
    }
    let mut sent = record.asked.iter().filter(|asked| here(&asked.environment));
    if let Some(other) = sent.clone().find(|asked| asked.on != *page) {
        return Ok(Some(SwitchEnd::Overtaken { by: Some(other.by.clone()) }));
    }
    // A switch of this page that was not seen yet is no change of others.
    if sent.next().is_some() {
        return Ok(None);
    }
    let seen = record.state.as_ref().and_then(|state| state.environment(&now.environment));
    let differs = seen.is_some_and(|seen| !seen.same_as(now));
    Ok(differs.then_some(SwitchEnd::Overtaken { by: None }))
}

/// The switch, or the archiving, that somebody asked for here and that this change is, taken out of those that are waited for.
pub(super) fn asked_for(record: &mut FlagRecord, what: &ChangeKind) -> Option<AskedSwitch> {
    let place = record.asked.iter().position(|asked| match what {
        ChangeKind::Environment { after, .. } => {
            asked.environment.eq_ignore_ascii_case(&after.environment) && asked.to.holds_in(after)
        }
        ChangeKind::Archived(true) => asked.environment.is_empty(),
        _ => false,
    })?;
    Some(record.asked.remove(place))
}

/// What of a change the switch accounts for that was asked for, if anything, and what is otherwise besides: that is somebody else's,
/// though both were seen at once. What goes with a switch in a service's details is of it.
pub(super) fn apart(what: &ChangeKind, asked: &AskedSwitch) -> (Option<ChangeKind>, Option<ChangeKind>) {
    let ChangeKind::Environment { before: Some(before), after } = what else {
        return (Some(what.clone()), None);
    };
    let AskedSwitch { to, .. } = asked;
    let mut done = after.clone();
    if to.value.is_none() {
        done.value.clone_from(&before.value);
        done.quoted = before.quoted;
    }
    // A share is for those for whom it is on.
    if to.on.is_none() && to.rollout.is_none() {
        done.on = before.on;
    }
    let change = |before: &EnvironmentState, after: &EnvironmentState| {
        let (before, after) = (Some(before.clone()), after.clone());
        (!before.as_ref().is_some_and(|before| before.same_as(&after)))
            .then_some(ChangeKind::Environment { before, after })
    };
    (change(before, &done), change(&done, after))
}

/// Takes the reasons out of a flag's history that are not for the readers of this page: a reason was written on one
/// page, and is for those who may read that page. Others of its project may read it too, unless it is confidential.
pub(super) async fn without_secret_reasons(
    world: &World,
    page: &Noteable,
    history: &mut [Change],
) -> Result<(), Trouble> {
    for change in history.iter_mut().filter(|change| change.reason.is_some()) {
        let Some(asked_on) = change.asked_on.clone().filter(|asked_on| asked_on != page) else { continue };
        let same_project = asked_on.instance == page.instance && asked_on.project == page.project;
        let open = same_project
            && match world.store().noteable(&asked_on).await?.value {
                Some(record) => !record.view.confidential,
                // Nothing is known of a page on which nothing was ever linked.
                None => false,
            };
        if !open {
            change.reason = None;
        }
    }
    Ok(())
}
