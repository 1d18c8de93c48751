//! Changes of flags are told on linked work: gathered as they are seen, and told in one reply when the time has come.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::claims::Named;
use super::world::{Project, World};
use super::{Entry, Made, Trouble, resolve};
use crate::config::ProjectRule;
use crate::domain::{
    Cause, Change, ChangeKind, Decision, Deed, Edge, EdgeId, EdgeKind, Event, FlagRecord, FlagRef, FlagState,
    InboxId, Noteable, NoteableRecord, Purpose, Telling, Untold, Was, WorkState, Write,
};
use crate::markdown::told::{self, News as ToldNews, Told};

/// What was not told for so long after its time has been given up: what changes from then on is told by itself.
const GIVEN_UP: SignedDuration = SignedDuration::from_hours(26);

/// What has just changed about a flag.
pub(super) struct News<'a> {
    /// The flag as it is now.
    pub(super) flag: &'a FlagRecord,
    /// Its state before, if one was known.
    pub(super) before: Option<&'a FlagState>,
    /// What changed.
    pub(super) changes: &'a [Change],
    /// Earlier changes of which more is known now.
    pub(super) named: &'a [Named],
}

impl News<'_> {
    /// What the project wants to be told of a change: what the changed thing was before.
    fn was(&self, rule: &ProjectRule, change: &Change) -> Option<Was> {
        let provider = &self.flag.flag.flag.provider;
        self.before?;
        match &change.what {
            // That an environment is new says nothing of the flag, unless it is on there; that one is gone says nothing of it.
            ChangeKind::Environment { before: None, after } if !after.on => None,
            ChangeKind::Environment { before, after } if rule.tells(provider, &after.environment) => {
                Some(Was::Environment(after.environment.clone(), before.clone().map(Box::new)))
            }
            ChangeKind::Archived(now) if self.is_on(rule) => Some(Was::Archived(!now)),
            ChangeKind::Missing if self.is_on(rule) => Some(Was::Missing(false)),
            ChangeKind::Back if self.is_on(rule) => Some(Was::Missing(true)),
            _ => None,
        }
    }

    /// Whether the flag is or was on in an environment that is told: then what happens to it as a whole is told, too.
    fn is_on(&self, rule: &ProjectRule) -> bool {
        let states = self.before.into_iter().chain(self.flag.state.as_ref());
        states.flat_map(|state| &state.environments).any(|environment| {
            environment.on && rule.tells(&self.flag.flag.flag.provider, &environment.environment)
        })
    }
}

/// Whether nobody is to be woken by a change on work in that state.
fn sleeps(rule: &ProjectRule, state: WorkState, draft: bool) -> bool {
    let over = matches!(state, WorkState::Closed | WorkState::Merged);
    (over && !rule.tell_closed) || (draft && !over && !rule.tell_drafts)
}

/// Puts what is to be told on a noteable to what waits there, and sees to it that it is told.
pub(super) async fn gather(
    world: &World,
    entry: Entry,
    decision: &mut Decision,
    news: &News<'_>,
    noteable: &Noteable,
) -> Result<(), Trouble> {
    let wanted = |rule: &ProjectRule| news.changes.iter().any(|change| news.was(rule, change).is_some());
    let named: Vec<&Named> = news.named.iter().filter(|named| named.is_news()).collect();
    if named.is_empty() && !world.rules().rules.iter().any(|rule| wanted(rule)) {
        return Ok(());
    }
    let seen = world.store().noteable(noteable).await?;
    let Some(mut record) = seen.value.clone() else { return Ok(()) };
    let is_named = name_deeds(&mut record, &news.flag.flag.flag, &named);
    if add(world, entry, decision, news, noteable, &mut record).await? || is_named {
        decision.rests_on(seen);
        decision.write(Write::PutNoteable(Box::new(record)));
    }
    Ok(())
}

/// Whether there is anything about the news that is to be told on the noteable; it is put to what waits in its record.
async fn add(
    world: &World,
    entry: Entry,
    decision: &mut Decision,
    news: &News<'_>,
    noteable: &Noteable,
    record: &mut NoteableRecord,
) -> Result<bool, Trouble> {
    let view = &record.view;
    let Some(rule) = world.rules().for_project(&view.project_path) else { return Ok(false) };
    if sleeps(&rule, view.state, view.draft) {
        return Ok(false);
    }
    let flag = &news.flag.flag.flag;
    let mut new = Vec::new();
    for change in news.changes {
        let Some(was) = news.was(&rule, change) else { continue };
        new.push(Untold { flag: flag.clone(), was, deeds: deeds_of(change) });
    }
    if new.is_empty() {
        return Ok(false);
    }
    let waits = match &record.telling {
        Some(waits) if is_alive(world, entry.now, waits).await? => Some(waits.clone()),
        _ => None,
    };
    let begins = waits.is_none();
    let mut telling = waits.unwrap_or_else(|| Telling {
        entry: InboxId(world.store().new_id()),
        due: entry.now.checked_add(rule.tell_after).unwrap_or(entry.now),
        untold: Vec::new(),
    });
    for untold in new {
        // Who asked for it on this page knows. It counts only where it makes something else that is told another.
        let asked_here = untold.deeds.iter().all(|deed| deed.asked_on.as_ref() == Some(noteable));
        if !asked_here || telling.about(&untold.flag, &untold.was).is_some() {
            telling.gather(untold);
        }
    }
    if telling.untold.is_empty() {
        return Ok(false);
    }
    if begins {
        decision.write(Write::QueueEvent(telling.entry, Event::TellDue(noteable.clone())));
    }
    record.telling = Some(telling);
    Ok(true)
}

/// The deeds that a change is, one for each of its people.
fn deeds_of(change: &Change) -> Vec<Deed> {
    let at = change.moment();
    let Change { noticed_at, by, others, reason, asked_on, .. } = change.clone();
    let deed = |by, reason, asked_on| Deed { at, by, reason, asked_on, noticed_at };
    let by_others = others.into_iter().map(|by| deed(Some(by), None, None));
    by_others.chain([deed(by, reason, asked_on)]).collect()
}

/// Whether what waits is still going to be told.
async fn is_alive(world: &World, now: Timestamp, waits: &Telling) -> Result<bool, Trouble> {
    Ok(now.duration_since(waits.due) < GIVEN_UP
        && world.store().inbox_entry_without_body(waits.entry).await?.is_some())
}

/// Who changed something became known later than that it changed: it is put to what waits.
pub(super) async fn name_authors(
    world: &World,
    decision: &mut Decision,
    flag: &FlagRef,
    named: &[&Named],
    noteable: &Noteable,
) -> Result<(), Trouble> {
    let seen = world.store().noteable(noteable).await?;
    let Some(mut record) = seen.value.clone() else { return Ok(()) };
    if name_deeds(&mut record, flag, named) {
        decision.rests_on(seen);
        decision.write(Write::PutNoteable(Box::new(record)));
    }
    Ok(())
}

/// Names them in what waits to be told. Whether anything there is another now.
fn name_deeds(record: &mut NoteableRecord, flag: &FlagRef, named: &[&Named]) -> bool {
    let Some(telling) = &mut record.telling else { return false };
    let mut changed = false;
    for Named { change, .. } in named {
        let about = match &change.what {
            ChangeKind::Environment { after, .. } => Was::Environment(after.environment.clone(), None),
            ChangeKind::Archived(now) => Was::Archived(!now),
            ChangeKind::Missing => Was::Missing(false),
            _ => continue,
        };
        let Some(deeds) = telling.about(flag, &about).map(|untold| &mut untold.deeds) else { continue };
        // Others may have changed it again since then. Those of one change follow each other.
        // What a command did in the same moment has its author already.
        let is_of_it = |deed: &Deed| {
            deed.noticed_at.is_some()
                && deed.noticed_at == change.noticed_at
                && deed.asked_on == change.asked_on
        };
        let Some(first) = deeds.iter().position(is_of_it) else { continue };
        let known = deeds.iter().skip(first).take_while(|deed| is_of_it(deed)).count();
        deeds.splice(first..first.saturating_add(known), deeds_of(change));
        changed = true;
    }
    changed
}

/// The time has come. GitLab is asked what holds now: what is written stays, and goes to everybody's mail.
pub(super) async fn decide(world: &World, entry: Entry, noteable: &Noteable) -> Result<Made, Trouble> {
    let mut decision = Decision::new();
    let Some(mut record) = decision.rests_on(world.store().noteable(noteable).await?) else {
        return Ok(Made::Nothing("not_linked"));
    };
    let Some(telling) = record.telling.take().filter(|telling| telling.entry == entry.id) else {
        return Ok(Made::Nothing("told_already"));
    };
    if let Ok(early) = std::time::Duration::try_from(telling.due.duration_since(entry.now))
        && !early.is_zero()
    {
        return Err(Trouble::again_in(early, "what else changes until then is told with it"));
    }
    decision.write(Write::PutNoteable(Box::new(record.clone())));
    let Some(project) = awake(world, noteable).await? else { return Ok(Made::Decision(decision)) };
    let mut told = Vec::new();
    let name = |flag: &FlagRef| resolve::page_name(flag, resolve::several_providers(&record.links));
    for flag in flags_of(&record, &telling) {
        if !project.rule.sees(&flag.provider, &flag.key) {
            continue;
        }
        let Some(kept) = decision.rests_on(world.store().flag(&flag).await?) else { continue };
        let mut untold: Vec<Untold> =
            telling.untold.iter().filter(|untold| untold.flag == flag).cloned().collect();
        without_secret_reasons(&project, noteable, &mut untold).await?;
        told.push((name(&flag), kept, untold));
    }
    let show_values = project.rule.shows_values(project.detail.visibility);
    let lines: Vec<Told<'_>> = told
        .iter()
        .flat_map(|(name, kept, untold)| {
            let differs = differences(&project.rule, kept, untold);
            differs.into_iter().map(|(news, deeds)| Told { flag: &kept.flag, name, news, deeds, show_values })
        })
        .collect();
    let Some(text) = told::told(&lines) else { return Ok(Made::Decision(decision)) };
    let mut about: Vec<FlagRef> = lines.iter().map(|line| line.flag.flag.clone()).collect();
    about.dedup();
    let text = text.finish_in(world.templates());
    let purpose = Purpose::Tell(entry.id.0.to_string());
    decision.write(Write::PutEdge(Box::new(Edge::new(
        EdgeId(world.store().new_id()),
        Cause { noteable: noteable.clone(), source: None, command: 0, purpose },
        EdgeKind::Reply { discussion: None, internal: false, text, about },
        None,
        entry.now,
    ))));
    Ok(Made::Decision(decision))
}

/// The project, if work in it is to be told of changes as GitLab shows it now.
async fn awake(world: &World, noteable: &Noteable) -> Result<Option<Project>, Trouble> {
    if noteable.instance != *world.instance() {
        return Ok(None);
    }
    world.forget_project(noteable.project);
    let Some(project) = world.project(noteable.project).await? else { return Ok(None) };
    if project.detail.archived {
        // Nobody can comment there. The panel is made true when it is restored.
        return Ok(None);
    }
    let seen = project.gitlab.noteable(noteable.project, noteable.kind, noteable.iid).await?;
    Ok(seen.filter(|seen| !sleeps(&project.rule, seen.state, seen.draft)).map(|_| project))
}

/// The flags that something is to be told of and that are still linked, in the order of linking.
fn flags_of(record: &NoteableRecord, telling: &Telling) -> Vec<FlagRef> {
    let links = record.links.iter().map(|link| &link.flag);
    links.filter(|flag| telling.untold.iter().any(|untold| untold.flag == **flag)).cloned().collect()
}

/// What of it is otherwise now, or was meanwhile, and who did that.
fn differences<'a>(
    rule: &ProjectRule,
    flag: &'a FlagRecord,
    untold: &'a [Untold],
) -> Vec<(ToldNews<'a>, &'a [Deed])> {
    let provider = &flag.flag.flag.provider;
    let deeds_of = |was: Was| {
        let known = untold.iter().find(|untold| untold.was == was);
        known.map(|untold| untold.deeds.as_slice()).unwrap_or_default()
    };
    if let Some(since) = flag.missing_since {
        if untold.iter().any(|untold| untold.was == Was::Missing(true)) {
            return Vec::new();
        }
        let known = flag.state.iter().flat_map(|state| &state.environments);
        let was_on = known.filter(|was| was.on && rule.tells(provider, &was.environment)).collect();
        return vec![(ToldNews::Missing { since, was_on }, deeds_of(Was::Missing(false)))];
    }
    let Some(state) = &flag.state else { return Vec::new() };
    let is_archived_now = untold.iter().any(|untold| untold.was == Was::Archived(false));
    let mut found = Vec::new();
    for Untold { was, deeds, .. } in untold {
        let news = match was {
            Was::Environment(name, was) => {
                let was = was.as_deref();
                let now = match was {
                    Some(was) => state.place_of(was),
                    None => state.environments.iter().find(|now| now.environment == *name),
                };
                match (was, now) {
                    _ if !rule.tells(provider, name) => continue,
                    (None, None) => continue,
                    (Some(was), Some(now)) if was.same_as(now) => ToldNews::AsItWas(now),
                    // That it goes off because it is archived is told by that alone.
                    (Some(was), Some(now)) if is_archived_now && state.is_off_by_archive(was, now) => {
                        continue;
                    }
                    (was, Some(now)) => ToldNews::Environment { was, now },
                    (Some(was), None) if was.on => ToldNews::EnvironmentGone(was),
                    (Some(_), None) => continue,
                }
            }
            Was::Archived(was) if *was != state.archived => ToldNews::Archived(state.archived),
            Was::Missing(true) => ToldNews::Back,
            Was::Archived(_) | Was::Missing(false) => continue,
        };
        found.push((news, deeds.as_slice()));
    }
    found
}

/// Takes out reasons that are not for the readers of this page: one that was written on another page is for those who may read
/// that page. Others of its project may read it too, unless GitLab says that it is confidential.
async fn without_secret_reasons(
    project: &Project,
    page: &Noteable,
    untold: &mut [Untold],
) -> Result<(), Trouble> {
    let mut known: BTreeMap<Noteable, bool> = BTreeMap::new();
    let deeds = untold.iter_mut().flat_map(|untold| &mut untold.deeds);
    for deed in deeds.filter(|deed| deed.reason.is_some()) {
        let Some(asked_on) = deed.asked_on.as_ref().filter(|asked_on| *asked_on != page) else { continue };
        if !known.contains_key(asked_on) {
            let same_project = asked_on.instance == page.instance && asked_on.project == page.project;
            let open = same_project && {
                let seen = project.gitlab.noteable(asked_on.project, asked_on.kind, asked_on.iid).await?;
                seen.is_some_and(|seen| !seen.confidential)
            };
            known.insert(asked_on.clone(), open);
        }
        if known.get(asked_on) != Some(&true) {
            deed.reason = None;
        }
    }
    Ok(())
}
