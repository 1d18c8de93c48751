//! Flags that nobody seems to need any more, and what is to be done about each.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Trouble;
use super::patience::{self, Patience};
use super::world::Project;
use crate::config::Reminder;
use crate::domain::{CleanupIssue, Flag, FlagRef, FlagState, Over, UserId, WorkState};
use crate::flags::{FlagProvider, Provided};
use crate::gitlab::NoteableDetail;
use crate::markdown::MarkerKey;

/// Flags whose states are asked for in one go.
const AT_ONCE: usize = 500;

/// A flag that is the same everywhere, or was, and what is to be done about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reminded {
    /// The flag.
    pub flag: Flag,
    /// For how many whole days it is as it is.
    pub days: u64,
    /// In which environments, where not all count; empty: everywhere.
    pub environments: Vec<String>,
    /// Nobody would be reminded of it any more: only its open issue is brought up to date.
    pub over: Option<Over>,
    /// What is to be done.
    pub what: ToDo,
}

/// What is to be done about a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToDo {
    /// Its issue is opened.
    Open,
    /// Its open issue is brought up to date.
    Refresh(u64),
    /// Somebody closed its issue: nothing.
    Closed(u64),
    /// Its issue is opened another time: there are enough for one.
    Later,
}

/// What a plan is made from.
pub struct Grounds<'a> {
    /// The reminder.
    pub reminder: &'a Reminder,
    /// The provider of its flags.
    pub provider: &'a dyn FlagProvider,
    /// The project for its issues.
    pub project: &'a Project,
    /// The key of the hidden markers; without it no issue is known again.
    pub markers: Option<&'a MarkerKey>,
    /// What the provider was called before.
    pub former_names: &'a [String],
    /// Our bot users.
    pub bots: &'a [UserId],
    /// The issues that are remembered for that project, as far as the store is at hand.
    pub remembered: &'a [CleanupIssue],
    /// How long it is waited, each time, for a service that has no answer for the moment.
    pub patience: Patience<'a>,
    /// Now.
    pub now: Timestamp,
}

/// An issue of ours that is about a flag.
struct Ours {
    iid: u64,
    description: String,
    state: WorkState,
    created_at: Timestamp,
}

/// A flag that is the same in all environments that count, in which, and since when.
struct Stale {
    flag: Flag,
    environments: Vec<String>,
    since: Timestamp,
}

/// A flag of which nobody is reminded, why, and when it last changed, where that was asked.
struct Other {
    flag: Flag,
    over: Over,
    since: Option<Timestamp>,
}

/// What is to be done now, about the flags that have been the same for longest first; behind them the open issues about others that
/// are there. Reads, and writes nothing.
pub async fn plan(grounds: &Grounds<'_>) -> Result<Vec<Reminded>, Trouble> {
    let (mut stale, others) = looked(grounds).await?;
    stale.sort_by(|a, b| a.since.cmp(&b.since).then_with(|| a.flag.flag.key.cmp(&b.flag.flag.key)));
    let issues = our_issues(grounds).await?;
    let mut left = grounds.reminder.limit;
    let mut all = Vec::with_capacity(stale.len());
    for Stale { flag, environments, since } in stale {
        let what = match issue_about(grounds, &issues, &flag) {
            Some(Ours { iid, state: WorkState::Opened, .. }) => ToDo::Refresh(*iid),
            Some(Ours { iid, .. }) => ToDo::Closed(*iid),
            None if left == 0 => ToDo::Later,
            None => {
                left -= 1;
                ToDo::Open
            }
        };
        let age = Duration::try_from(grounds.now.duration_since(since)).unwrap_or_default();
        all.push(Reminded { flag, days: age.as_secs() / (24 * 60 * 60), environments, over: None, what });
    }
    for Other { flag, over, since } in others {
        let Some(issue) =
            issue_about(grounds, &issues, &flag).filter(|issue| issue.state == WorkState::Opened)
        else {
            continue;
        };
        // Otherwise somebody has asked for it early.
        let has_changed = since.is_none_or(|since| since > issue.created_at);
        if over != Over::Changed || has_changed {
            let what = ToDo::Refresh(issue.iid);
            all.push(Reminded { flag, days: 0, environments: Vec::new(), over: Some(over), what });
        }
    }
    Ok(all)
}

/// The issue about a flag: the one that is remembered while it is open, else the oldest with its marker.
fn issue_about<'a>(grounds: &Grounds<'_>, issues: &'a [Ours], flag: &Flag) -> Option<&'a Ours> {
    let project = grounds.project.detail.id;
    let markers = grounds.markers.map(|key| key.of_cleanups(project, flag, grounds.former_names));
    let remembered = grounds
        .remembered
        .iter()
        .find(|known| known.is_about(&known.issue.instance, project, flag, grounds.former_names))
        .map(|known| known.issue.iid);
    let is_remembered = |issue: &Ours| remembered == Some(issue.iid);
    let known = issues.iter().filter(|issue| {
        is_remembered(issue) || markers.iter().flatten().any(|marker| marker.stands_in(&issue.description))
    });
    known.min_by_key(|issue| (!(is_remembered(issue) && issue.state == WorkState::Opened), issue.iid))
}

/// The issues of our bots in the project that speak of any flag.
async fn our_issues(grounds: &Grounds<'_>) -> Result<Vec<Ours>, Trouble> {
    let mut all = Vec::new();
    for bot in grounds.bots {
        let ours = |issue: NoteableDetail| {
            let marked = issue.description.contains("<!-- flaglink:");
            let remembered = || grounds.remembered.iter().any(|known| known.issue.iid == issue.iid);
            (marked || remembered()).then_some(Ours {
                iid: issue.iid,
                description: issue.description,
                state: issue.state,
                created_at: issue.created_at,
            })
        };
        let Project { gitlab, detail, .. } = grounds.project;
        all.extend(
            patience::ask(grounds.patience, || gitlab.issues_by(detail.id, *bot, usize::MAX, ours)).await?,
        );
    }
    Ok(all)
}

/// The flags that are the same in all environments that count for long enough, and the others as far as they can be told apart.
async fn looked(grounds: &Grounds<'_>) -> Result<(Vec<Stale>, Vec<Other>), Trouble> {
    let Grounds { reminder, provider, project, patience, .. } = grounds;
    let all = patience::ask(*patience, || provider.flags(project.detail.id)).await?;
    let mut others: Vec<Other> = gone(grounds, &all);
    let other = |flag: &Flag, over| Other { flag: flag.clone(), over, since: None };
    let seen = all.into_iter().filter(|flag| project.rule.sees(provider.name(), &flag.flag.key));
    let (flags, kept): (Vec<Flag>, Vec<Flag>) =
        seen.partition(|flag| !flag.archived && !reminder.keeps(&flag.flag.key));
    others.extend(kept.iter().map(|flag| other(flag, if flag.archived { Over::Gone } else { Over::Stays })));
    let mut stale = Vec::new();
    for (flag, state) in flags.iter().zip(states(grounds, &flags).await?) {
        let Some(state) = state else { continue };
        if !same_everywhere(reminder, &state) {
            others.push(other(flag, if state.archived { Over::Gone } else { Over::Differs }));
            continue;
        }
        match by_tags(grounds, flag).await? {
            Some(false) => {}
            Some(true) => {
                others.push(other(flag, Over::Stays));
                continue;
            }
            None => continue,
        }
        let about = of_one(grounds, flag, || provider.about(&flag.flag, &flag.internal_id)).await?;
        let Some(about) = about else { continue };
        if about.permanent {
            others.push(other(flag, Over::Stays));
            continue;
        }
        // Of what the service does not tell the age of, nobody is reminded.
        let Some(since) = about.changed_at else { continue };
        let age = Duration::try_from(grounds.now.duration_since(since)).unwrap_or_default();
        if age >= reminder.after {
            stale.push(Stale { flag: flag.clone(), environments: counted(reminder, &state), since });
        } else {
            others.push(Other { since: Some(since), ..other(flag, Over::Changed) });
        }
    }
    Ok((stale, others))
}

/// The flags of remembered issues that the service does not list any more.
fn gone(grounds: &Grounds<'_>, listed: &[Flag]) -> Vec<Other> {
    let name = grounds.provider.name();
    let is_of_it = |provider: &String| provider == name || grounds.former_names.contains(provider);
    let remembered = grounds.remembered.iter().filter(|known| is_of_it(&known.flag.provider));
    let flags = remembered.map(|known| Flag {
        flag: FlagRef { provider: name.to_owned(), ..known.flag.clone() },
        internal_id: known.internal_id.clone(),
        description: None,
        archived: false,
        url: None,
        public_page: false,
    });
    let missing = flags.filter(|flag| {
        let is_listed = |one: &Flag| one.flag == flag.flag && one.internal_id == flag.internal_id;
        !listed.iter().any(is_listed) && grounds.project.rule.sees(name, &flag.flag.key)
    });
    missing.map(|flag| Other { flag, over: Over::Gone, since: None }).collect()
}

/// The states of the flags, in their order; `None` also where the service cannot tell one.
///
/// Fewer are asked for at once after a failure: so one flag that cannot be read does not hide the others, and a service
/// that takes so many requests in a while does not have to begin anew each time.
async fn states(grounds: &Grounds<'_>, flags: &[Flag]) -> Result<Vec<Option<FlagState>>, Trouble> {
    let mut states: Vec<Option<FlagState>> = Vec::with_capacity(flags.len());
    let mut many = AT_ONCE;
    while let Some(some) = flags.get(states.len()..).and_then(|left| left.chunks(many).next()) {
        if let [one] = some {
            let state = || grounds.provider.state(&one.flag, &one.internal_id);
            states.push(of_one(grounds, one, state).await?.flatten());
            many = AT_ONCE.min(many * 2);
            continue;
        }
        let asked: Vec<_> = some.iter().map(|flag| (flag.flag.clone(), flag.internal_id.clone())).collect();
        match grounds.provider.states(&asked).await.map_err(Trouble::from) {
            Ok(found) => {
                let missing = std::iter::repeat_with(|| None);
                states.extend(found.into_iter().chain(missing).take(some.len()));
                many = AT_ONCE.min(many * 2);
            }
            Err(trouble) => {
                let waited =
                    patience::wait(Instant::now() + grounds.patience.longest, grounds.patience, &trouble)
                        .await;
                if !waited && patience::is_of_all(&trouble) {
                    return Err(trouble);
                }
                many = some.len().div_ceil(2);
            }
        }
    }
    Ok(states)
}

/// What is asked about one flag; `None` where the service cannot tell it of that flag.
async fn of_one<T, F>(
    grounds: &Grounds<'_>,
    flag: &Flag,
    ask: impl FnMut() -> F,
) -> Result<Option<T>, Trouble>
where
    F: Future<Output = Provided<T>>,
{
    match patience::ask(grounds.patience, ask).await {
        Ok(answer) => Ok(Some(answer)),
        Err(trouble) if patience::is_of_all(&trouble) => Err(trouble),
        Err(trouble) => {
            tracing::warn!(flag = %flag.flag, reason = %trouble, "a flag cannot be looked at; nobody is reminded of it");
            Ok(None)
        }
    }
}

/// Whether everybody gets the same, in all environments that count.
fn same_everywhere(reminder: &Reminder, state: &FlagState) -> bool {
    if state.archived {
        return false;
    }
    let mut count = state.environments.iter().filter(|one| reminder.counts(&one.environment));
    let Some(first) = count.next() else { return false };
    let plain = |one: &crate::domain::EnvironmentState| {
        one.overrides == 0
            && (!one.on || (one.rollout.is_none() && one.strategies.is_empty() && one.variants.is_empty()))
    };
    plain(first) && count.all(|one| plain(one) && one.on == first.on && (!one.on || one.same_value_as(first)))
}

/// The environments that count, where not all do.
fn counted(reminder: &Reminder, state: &FlagState) -> Vec<String> {
    let (counted, others): (Vec<_>, Vec<_>) =
        state.environments.iter().partition(|one| reminder.counts(&one.environment));
    let names = counted.into_iter().map(|one| one.environment.clone());
    if others.is_empty() { Vec::new() } else { names.collect() }
}

/// Whether the flag has a tag that says that it is there to stay; `None` where its tags cannot be read: it may have that tag.
async fn by_tags(grounds: &Grounds<'_>, flag: &Flag) -> Result<Option<bool>, Trouble> {
    if !grounds.provider.abilities().tags || !grounds.reminder.looks_at_tags() {
        return Ok(Some(false));
    }
    let tags = of_one(grounds, flag, || grounds.provider.tags(&flag.flag, &flag.internal_id)).await?;
    Ok(tags.map(|tags| tags.iter().any(|tag| grounds.reminder.keeps_tagged(tag))))
}
