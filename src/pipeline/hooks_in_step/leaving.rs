//! Webhooks of ours that go: nobody wants them any more, or somebody has them removed.
//!
//! Their paths are closed, and that is on disk, before GitLab is asked: so it holds whatever GitLab answers. What GitLab merely does
//! not show for the moment is left alone.

use jiff::Timestamp;

use super::report::{HookDone, HookProblem};
use super::targets::{Targets, Wanted};
use super::{Office, step, words};
use crate::bot::World;
use crate::config::Hooks;
use crate::domain::{Decision, HookRecord, HookTarget, ProjectId, Seen, Write};
use crate::gitlab::{GitlabApi, GitlabError, Hook, HookHome};
use crate::pipeline::retry;
use crate::store::CommitError;

/// Why a webhook goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The configuration wants none there, or GitLab says that the project is archived.
    Unwanted,
    /// GitLab does not list the project. That may pass, all the more where not every token was answered.
    Unseen { all_answered: bool },
}

/// On whose word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The configuration's: nothing is kept of it.
    Rules,
    /// Somebody's; where one would be wanted it stays away until it is asked for again.
    Hand { stays_away: bool },
}

/// A webhook that goes.
pub(super) struct Leaving {
    pub(super) target: HookTarget,
    home: HookHome,
    /// The path of the project or group, as it was last seen.
    pub(super) name: String,
    /// Who may be able to remove it, the likeliest first.
    clients: Vec<GitlabApi>,
    pub(super) why: Why,
}

impl Leaving {
    pub(super) fn of(wanted: &Wanted) -> Self {
        Self {
            target: wanted.target.clone(),
            home: wanted.home,
            name: wanted.name.clone(),
            clients: vec![wanted.gitlab.clone()],
            why: Why::Unwanted,
        }
    }

    fn kept(world: &World, record: &HookRecord, why: Why) -> Option<Self> {
        let home = match record.target {
            HookTarget::Project(id) => HookHome::Project(id),
            HookTarget::Group(id) => HookHome::Group(id),
            HookTarget::Provider(_) => return None,
        };
        let clients = clients(world).cloned().collect();
        Some(Self { target: record.target.clone(), home, name: record.name.clone(), clients, why })
    }

    pub(super) fn kind(&self) -> &'static str {
        kind_of(&self.target)
    }

    /// Whether the group is to have a webhook in place of this project, and has none yet. `done`: what was just done.
    pub(super) fn waits_for_its_group(
        &self,
        world: &World,
        done: &[HookDone],
        records: &[HookRecord],
    ) -> bool {
        let rule = world.rules().for_project(&self.name).filter(|_| self.kind() == "project");
        let Some(group) = rule.and_then(|rule| rule.hooked_group()) else { return false };
        let is_its = |kind: &str, name: &str| kind == "group" && name.eq_ignore_ascii_case(&group);
        match done.iter().find(|done| is_its(&done.kind, &done.name)) {
            Some(done) => done.problem.is_some(),
            // Where it was taken away by hand nothing comes in its place.
            None => !records.iter().any(|record| {
                is_its(kind_of(&record.target), &record.name) && (record.hook.is_some() || record.off)
            }),
        }
    }

    pub(super) fn id(&self) -> u64 {
        match self.home {
            HookHome::Project(id) | HookHome::Group(id) => id,
        }
    }
}

pub(super) fn kind_of(target: &HookTarget) -> &'static str {
    match target {
        HookTarget::Project(_) => "project",
        HookTarget::Group(_) => "group",
        HookTarget::Provider(_) => "provider",
    }
}

/// Whether something of it is left that has to go where none are registered.
pub(super) fn is_left(record: &HookRecord) -> bool {
    !record.off || record.is_pending()
}

fn clients(world: &World) -> impl Iterator<Item = &GitlabApi> {
    std::iter::once(world.gitlab()).chain(world.gitlab_by_rule().map(|(_, client)| client))
}

/// All that are kept: for where none are registered any more.
pub(super) fn all(world: &World, records: &[HookRecord]) -> Vec<Leaving> {
    let left = records.iter().filter(|record| is_left(record));
    left.filter_map(|record| Leaving::kept(world, record, Why::Unwanted)).collect()
}

/// Those that are kept and that nobody wants.
pub(super) async fn find(world: &World, targets: &Targets, records: &[HookRecord]) -> Vec<Leaving> {
    let mut all = Vec::new();
    for record in records {
        if targets.wanted.iter().any(|wanted| wanted.target == record.target) {
            continue;
        }
        if let Some(not) = targets.not.iter().find(|not| not.target == record.target) {
            all.push(Leaving::of(not));
            continue;
        }
        let why = match &record.target {
            HookTarget::Project(id) => of_project(world, targets, *id, &record.name).await,
            HookTarget::Group(_) => of_group(world, targets, &record.name),
            HookTarget::Provider(_) => None,
        };
        all.extend(why.and_then(|why| Leaving::kept(world, record, why)));
    }
    all
}

/// A project that is not among those with a webhook: no rule matches it, it is archived, or GitLab does not show it.
async fn of_project(world: &World, targets: &Targets, id: ProjectId, name: &str) -> Option<Why> {
    let unwanted =
        |path: &str| world.rules().for_project(path).is_none_or(|rule| rule.hooks != Hooks::Project);
    if targets.seen.contains_key(&id) {
        return Some(Why::Unwanted);
    }
    let mut all_answered = targets.complete;
    for client in clients(world) {
        match client.project(id).await {
            // Where it is now says GitLab, and not what was kept of it.
            Ok(Some(detail)) if detail.archived || unwanted(&detail.path) => return Some(Why::Unwanted),
            Ok(Some(_)) => return Some(Why::Unseen { all_answered }),
            Ok(None) => {}
            Err(_) => all_answered = false,
        }
    }
    if all_answered && unwanted(name) {
        return Some(Why::Unwanted);
    }
    Some(Why::Unseen { all_answered })
}

/// A group that no rule names any more. Where GitLab did not say which group a rule names, it may be this one.
fn of_group(world: &World, targets: &Targets, name: &str) -> Option<Why> {
    let same = |group: String| group.eq_ignore_ascii_case(name);
    let named = world.rules().rules.iter().filter_map(|rule| rule.hooked_group()).any(same);
    (!named && !targets.unsure).then_some(Why::Unwanted)
}

/// What GitLab says about the webhooks there.
enum Listed {
    Hooks(GitlabApi, Vec<Hook>),
    /// No token may see them.
    Refused,
    Failed(HookProblem),
}

async fn list(leaving: &Leaving) -> Listed {
    let mut failed = None;
    for client in &leaving.clients {
        match client.hooks_of(leaving.home).await {
            Ok(hooks) => return Listed::Hooks(client.clone(), hooks),
            Err(error) if refuses(&error) => {}
            Err(error) => {
                failed = failed.or(Some(words::of_gitlab(&error, &leaving.target, &leaving.name, "")))
            }
        }
    }
    failed.map_or(Listed::Refused, Listed::Failed)
}

/// GitLab has understood, and says no.
fn refuses(error: &GitlabError) -> bool {
    matches!(error, GitlabError::Failed(failure) if matches!(failure.status, Some(403 | 404)) && !failure.is_unauthorized())
}

/// Takes the webhooks of ours in one project or group away, and closes their paths; with `dry_run` only says which.
pub(super) async fn take_away(office: &Office<'_>, leaving: &Leaving, dry_run: bool, by: By) -> HookDone {
    let taken = match leaving.why {
        _ if dry_run => would(office, leaving).await,
        Why::Unseen { all_answered } if by == By::Rules => unseen(office, leaving, all_answered).await,
        _ => take(office, leaving, by).await,
    };
    let (did, problem) = match taken {
        Ok(did) => (did, None),
        Err(problem) => (Vec::new(), Some(problem)),
    };
    HookDone { kind: leaving.kind().to_owned(), name: leaving.name.clone(), did, problem }
}

/// On the word of a person: the path is closed at once, and it stays away, whether GitLab answers or not.
pub(super) async fn close(office: &Office<'_>, record: &HookRecord) -> Result<(), HookProblem> {
    let mut seen = read(office, &record.target).await?;
    let Some(mut record) = seen.value.clone() else { return Ok(()) };
    record.close(Timestamp::now());
    record.off = true;
    step::keep(office, &mut seen, &record).await
}

async fn read(office: &Office<'_>, target: &HookTarget) -> Result<Seen<HookRecord>, HookProblem> {
    office.world.store().hook(target).await.map_err(|error| words::of_store(&error))
}

fn record_of(seen: &Seen<HookRecord>, leaving: &Leaving) -> HookRecord {
    let new = || HookRecord::new(leaving.target.clone(), leaving.name.clone());
    seen.value.clone().unwrap_or_else(new)
}

fn removed(hook: &Hook) -> String {
    format!("webhook {} removed", hook.id)
}

async fn would(office: &Office<'_>, leaving: &Leaving) -> Result<Vec<String>, HookProblem> {
    let record = record_of(&read(office, &leaving.target).await?, leaving);
    match list(leaving).await {
        Listed::Hooks(..) if matches!(leaving.why, Why::Unseen { .. }) => Ok(Vec::new()),
        Listed::Hooks(_, hooks) => {
            Ok(step::ours(office, &leaving.target, &record, hooks).iter().map(removed).collect())
        }
        Listed::Refused if record.is_pending() => Err(words::may_not_remove(record.hook, &leaving.name)),
        Listed::Refused => Ok(Vec::new()),
        Listed::Failed(problem) => Err(problem),
    }
}

/// A project that GitLab does not list. Only where no token may see its webhooks any more, twice and apart, its path is closed.
async fn unseen(
    office: &Office<'_>,
    leaving: &Leaving,
    all_answered: bool,
) -> Result<Vec<String>, HookProblem> {
    let refused = all_answered && matches!(list(leaving).await, Listed::Refused);
    if !refused {
        office.live().is_there(&leaving.target);
        return Ok(Vec::new());
    }
    if !office.live().is_missing(&leaving.target, office.apart) {
        return Ok(Vec::new());
    }
    let seen = read(office, &leaving.target).await?;
    let hook = seen.value.as_ref().and_then(|record| record.hook);
    forget(office, leaving, seen).await?;
    let which = hook.map_or_else(|| "its webhook".to_owned(), |hook| format!("webhook {hook}"));
    Ok(vec![format!(
        "its path is closed, because the bot is no member there any more; if the project is still there, remove {which} by hand"
    )])
}

async fn take(office: &Office<'_>, leaving: &Leaving, by: By) -> Result<Vec<String>, HookProblem> {
    let mut seen = read(office, &leaving.target).await?;
    let mut record = record_of(&seen, leaving);
    let now = Timestamp::now();
    record.close(now);
    record.off |= by != By::Rules;
    record.trouble = None;
    if seen.value.is_some() || by == (By::Hand { stays_away: true }) {
        step::keep(office, &mut seen, &record).await?;
    }
    let (client, hooks) = match list(leaving).await {
        Listed::Hooks(client, hooks) => (client, hooks),
        Listed::Refused => return refused(office, leaving, seen, record, by).await,
        Listed::Failed(problem) => return Err(problem),
    };
    let ours = step::ours(office, &leaving.target, &record, hooks);
    for hook in &ours {
        match client.delete_hook(leaving.home, hook.id).await {
            Ok(()) => {}
            Err(error) if refuses(&error) => {
                record.hook = Some(hook.id);
                return refused(office, leaving, seen, record, by).await;
            }
            Err(error) => return Err(words::of_gitlab(&error, &leaving.target, &leaving.name, "")),
        }
    }
    if ours.is_empty()
        && let Some(sent_at) = record.sent_at
        && now < retry::when(sent_at, office.world.request_ceiling())
    {
        let what = format!("GitLab has not said yet whether it made the webhook of {}", leaving.name);
        return Err(HookProblem::passing(what));
    }
    end(office, leaving, seen, record, by).await?;
    Ok(ours.iter().map(removed).collect())
}

/// No token may remove it. Who asked for it is told; else it is a remark for as long as that is so.
async fn refused(
    office: &Office<'_>,
    leaving: &Leaving,
    mut seen: Seen<HookRecord>,
    mut record: HookRecord,
    by: By,
) -> Result<Vec<String>, HookProblem> {
    if !record.is_pending() {
        end(office, leaving, seen, record, by).await?;
        return Ok(Vec::new());
    }
    let problem = words::may_not_remove(record.hook, &leaving.name);
    if by == By::Rules {
        record.trouble = Some(problem.what.clone());
        step::keep(office, &mut seen, &record).await?;
    } else {
        end(office, leaving, seen, record, by).await?;
    }
    Err(problem)
}

async fn end(
    office: &Office<'_>,
    leaving: &Leaving,
    mut seen: Seen<HookRecord>,
    record: HookRecord,
    by: By,
) -> Result<(), HookProblem> {
    if by != (By::Hand { stays_away: true }) {
        return forget(office, leaving, seen).await;
    }
    let record = HookRecord { off: true, ..HookRecord::new(record.target, record.name) };
    step::keep(office, &mut seen, &record).await
}

/// Nothing is kept of it.
async fn forget(office: &Office<'_>, leaving: &Leaving, seen: Seen<HookRecord>) -> Result<(), HookProblem> {
    office.live().close(&leaving.target);
    if seen.value.is_none() {
        return Ok(());
    }
    let mut decision = Decision::new();
    decision.rests_on(seen);
    decision.write(Write::HookGone(leaving.target.clone()));
    office.pipeline.commit(decision).await.map_err(|error| match error {
        CommitError::Store(error) => words::of_store(&error),
        conflict @ CommitError::Conflict => words::of_store(&conflict),
    })
}
