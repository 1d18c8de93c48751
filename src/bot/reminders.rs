//! Flags that nobody seems to need any more, and what is to be done about each.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Trouble;
use super::patience::{self, Patience};
use super::world::Project;
use crate::config::Reminder;
use crate::domain::{Flag, FlagState, UserId, WorkState};
use crate::flags::{FlagProvider, Provided};
use crate::gitlab::NoteableDetail;
use crate::markdown::MarkerKey;

/// Flags whose states are asked for in one go.
const AT_ONCE: usize = 500;

/// A flag that is the same everywhere, and what is to be done about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reminded {
    /// The flag.
    pub flag: Flag,
    /// For how many whole days it is as it is.
    pub days: u64,
    /// In which environments, where not all count; empty: everywhere.
    pub environments: Vec<String>,
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
    /// How long it is waited, each time, for a service that has no answer for the moment.
    pub patience: Patience<'a>,
    /// Now.
    pub now: Timestamp,
}

/// What is to be done now, about the flags that have been the same for longest first. Reads, and writes nothing.
pub async fn plan(grounds: &Grounds<'_>) -> Result<Vec<Reminded>, Trouble> {
    let mut stale = stale(grounds).await?;
    stale.sort_by(|(a, _, since), (b, _, other)| since.cmp(other).then_with(|| a.flag.key.cmp(&b.flag.key)));
    let issues = our_issues(grounds).await?;
    let mut left = grounds.reminder.limit;
    let mut all = Vec::with_capacity(stale.len());
    for (flag, environments, since) in stale {
        let project = grounds.project.detail.id;
        let markers = grounds.markers.map(|key| key.of_cleanups(project, &flag, grounds.former_names));
        let known = issues.iter().filter(|(_, description, _)| {
            markers.iter().flatten().any(|marker| marker.stands_in(description))
        });
        let what = match known.min_by_key(|(iid, ..)| *iid) {
            Some((iid, _, WorkState::Opened)) => ToDo::Refresh(*iid),
            Some((iid, ..)) => ToDo::Closed(*iid),
            None if left == 0 => ToDo::Later,
            None => {
                left -= 1;
                ToDo::Open
            }
        };
        let age = Duration::try_from(grounds.now.duration_since(since)).unwrap_or_default();
        all.push(Reminded { flag, days: age.as_secs() / (24 * 60 * 60), environments, what });
    }
    Ok(all)
}

/// The issues of our bots in the project that speak of any flag.
async fn our_issues(grounds: &Grounds<'_>) -> Result<Vec<(u64, String, WorkState)>, Trouble> {
    let mut all = Vec::new();
    for bot in grounds.bots {
        let ours = |issue: NoteableDetail| {
            let marked = issue.description.contains("<!-- flaglink:");
            marked.then_some((issue.iid, issue.description, issue.state))
        };
        let Project { gitlab, detail, .. } = grounds.project;
        all.extend(
            patience::ask(grounds.patience, || gitlab.issues_by(detail.id, *bot, usize::MAX, ours)).await?,
        );
    }
    Ok(all)
}

/// Flags that are the same in all environments that count, in which, and since when.
async fn stale(grounds: &Grounds<'_>) -> Result<Vec<(Flag, Vec<String>, Timestamp)>, Trouble> {
    let Grounds { reminder, provider, project, patience, .. } = grounds;
    let mut flags = patience::ask(*patience, || provider.flags(project.detail.id)).await?;
    flags.retain(|flag| {
        let key = &flag.flag.key;
        !flag.archived && !reminder.keeps(key) && project.rule.sees(provider.name(), key)
    });
    let mut stale = Vec::new();
    for (flag, state) in flags.iter().zip(states(grounds, &flags).await?) {
        let Some(state) = state.filter(|state| same_everywhere(reminder, state)) else { continue };
        if kept(grounds, flag).await? {
            continue;
        }
        let about = of_one(grounds, flag, || provider.about(&flag.flag, &flag.internal_id)).await?;
        // Of what the service does not tell the age of, nobody is reminded.
        let Some(since) = about.and_then(|about| about.changed_at) else { continue };
        let age = Duration::try_from(grounds.now.duration_since(since)).unwrap_or_default();
        if age >= reminder.after {
            stale.push((flag.clone(), counted(reminder, &state), since));
        }
    }
    Ok(stale)
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

/// Whether the flag has a tag that says that it is there to stay.
async fn kept(grounds: &Grounds<'_>, flag: &Flag) -> Result<bool, Trouble> {
    if !grounds.provider.abilities().tags || !grounds.reminder.looks_at_tags() {
        return Ok(false);
    }
    let tags = of_one(grounds, flag, || grounds.provider.tags(&flag.flag, &flag.internal_id)).await?;
    // Where they cannot be read, it may have that tag.
    Ok(tags.is_none_or(|tags| tags.iter().any(|tag| grounds.reminder.keeps_tagged(tag))))
}
