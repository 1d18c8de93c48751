//! Polling: the safety net behind webhooks, and enough without them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Pipeline;
use super::adopting::adopt_links;
use crate::bot::limits::CLAIMS;
use crate::bot::{Count, LATELY, Trouble, WORD_HOLDS, World};
use crate::domain::{Claim, Decision, Event, FlagPointer, FlagRecord, FlagRef, InboxId, Write};
use crate::flags::{FlagProvider, Hint};
use crate::store::{CommitError, StoreError};

/// Flags that are asked for in one go.
const AT_ONCE: usize = 500;

/// Polls one provider until `stop` says so: at once, then every `poll_interval`.
pub async fn poll(pipeline: Arc<Pipeline>, provider: Arc<dyn FlagProvider>, stop: CancellationToken) {
    let mut every = tokio::time::interval(provider.poll_interval());
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // Many flags are many requests, and a service may want them spread over minutes: states are compared meanwhile.
    let mut adopting = JoinSet::new();
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = stop.cancelled() => return,
        }
        let one = poll_once(&pipeline, &provider);
        let result = tokio::select! {
            result = one => result,
            () = stop.cancelled() => return,
        };
        if let Some(Err(fault)) = adopting.try_join_next() {
            tracing::warn!(provider = provider.name(), reason = %fault, "the look at links on flags has broken off; the next poll tries again");
        }
        match result {
            Ok(differences) => {
                tracing::debug!(provider = provider.name(), differences, "polled");
                if adopting.is_empty() {
                    let (pipeline, provider) = (Arc::clone(&pipeline), Arc::clone(&provider));
                    adopting
                        .spawn(async move { adopt(&pipeline, provider.as_ref()).await }.in_current_span());
                }
            }
            Err(trouble) => {
                tracing::warn!(provider = provider.name(), reason = %trouble, "polling failed; the next poll tries again");
            }
        }
    }
}

/// Compares every linked flag with what was last seen, asks what happened, and lets the flags' lanes look. Returns how many
/// flags differ.
///
/// What the service tells of what happened also says who it was: it is asked after the states were read, so that it tells of
/// all that they show, and its word goes first. What it does not tell is found by comparing all the same.
async fn poll_once(pipeline: &Pipeline, provider: &Arc<dyn FlagProvider>) -> Result<usize, Trouble> {
    let (compared, trouble) = compare_all(pipeline, provider).await?;
    if let Err(trouble) = ask_what_changed(pipeline, provider.as_ref()).await {
        tracing::warn!(provider = provider.name(), reason = %trouble, "cannot ask what changed");
    }
    let world = pipeline.world();
    let Compared { watched, mut missing, taken, mut differ } = compared;
    // What could not be read says nothing for the others: what is doubted already stays so.
    let doubted = match world.doubts().of(provider.name()) {
        Some(_) if trouble.is_some() => true,
        _ => {
            let (missing, whole) = (missing.len(), trouble.is_none());
            // All that is gone is looked at here, so that what is left of an admin's word is known without it.
            let certain = Vec::new();
            let count = Count { missing, linked: watched, taken, certain, lately: LATELY, whole };
            world.doubts().weigh(world.metrics(), provider.name(), count, Timestamp::now())
        }
    };
    if !doubted {
        differ.append(&mut missing);
    }
    for flags in differ.chunks(AT_ONCE) {
        let mut decision = Decision::new();
        for flag in flags {
            decision.write(Write::QueueEvent(InboxId(world.store().new_id()), look_at(flag)));
        }
        pipeline.commit(decision).await?;
    }
    if let Some(trouble) = trouble {
        return Err(trouble);
    }
    if !is_left_alone(pipeline, provider.as_ref()).await? {
        mark_what_was_missed(pipeline, provider.as_ref()).await?;
    }
    Ok(differ.len())
}

/// Looks at the links that people put on flags, unless somebody else keeps them.
async fn adopt(pipeline: &Pipeline, provider: &dyn FlagProvider) {
    let looked = match is_left_alone(pipeline, provider).await {
        Ok(true) => return,
        Ok(false) => adopt_links(pipeline, provider).await,
        Err(trouble) => Err(trouble),
    };
    if let Err(trouble) = looked {
        tracing::warn!(provider = provider.name(), reason = %trouble, "links on flags could not be looked at; the next poll tries again");
    }
}

/// Whether nothing is to be put on the provider's flags: it cannot be, or somebody else does it.
async fn is_left_alone(pipeline: &Pipeline, provider: &dyn FlagProvider) -> Result<bool, Trouble> {
    let abilities = provider.abilities();
    if !abilities.back_links && !abilities.tags {
        return Ok(true);
    }
    Ok(pipeline.world().refusals().ask(provider).await?)
}

/// What stands on flags because of linked work, and what may not be so: from before a version that puts it there, or from when
/// somebody else did (see [`Refusals`](crate::bot::Refusals)). After the start, and whenever it is ours again.
async fn mark_what_was_missed(pipeline: &Pipeline, provider: &dyn FlagProvider) -> Result<(), Trouble> {
    let world = pipeline.world();
    if !world.refusals().is_to_be_looked_at(provider.name()) {
        return Ok(());
    }
    let all = world.refusals().was_left_alone(provider.name());
    let linked: BTreeSet<FlagRef> = world.store().linked_flags(provider.name()).await?.into_iter().collect();
    // What was unlinked meanwhile may still carry what was put on before.
    let marked: BTreeSet<FlagRef> = world.store().marked_flags(provider.name()).await?.into_iter().collect();
    let flags: Vec<&FlagRef> = linked.union(&marked).collect();
    for flags in flags.chunks(AT_ONCE) {
        let mut decision = Decision::new();
        for flag in flags {
            let Some(record) = world.store().flag(flag).await?.value else { continue };
            if all || !linked.contains(*flag) || record.tagged.is_none_or(|tagged| tagged.due) {
                decision.mark_flag_stale(flag, Timestamp::now());
            }
        }
        pipeline.commit(decision).await?;
    }
    world.refusals().looked_at(provider.name());
    Ok(())
}

/// Compares the flags of each scope, side by side: one that hangs, or that nobody may see any more, is no reason not to look at
/// the others.
async fn compare_all(
    pipeline: &Pipeline,
    provider: &Arc<dyn FlagProvider>,
) -> Result<(Compared, Option<Trouble>), Trouble> {
    let world = pipeline.world();
    let mut scopes: BTreeMap<String, Vec<FlagRef>> = BTreeMap::new();
    for flag in world.store().linked_flags(provider.name()).await? {
        scopes.entry(flag.scope.clone()).or_default().push(flag);
    }
    let mut reads = JoinSet::new();
    for flags in scopes.into_values() {
        let (world, provider) = (Arc::clone(&world), Arc::clone(provider));
        reads.spawn(async move { compare(&world, provider.as_ref(), &flags).await }.in_current_span());
    }
    let mut all = Compared::default();
    let mut trouble = None;
    while let Some(read) = reads.join_next().await {
        match read {
            Ok(Ok(compared)) => all.add(compared),
            Ok(Err(why)) => trouble = Some(why),
            Err(fault) => trouble = Some(Trouble::again_in(Duration::ZERO, fault.to_string())),
        }
    }
    Ok((all, trouble))
}

/// Asks a service that can tell it what has changed since it was asked last, and lets the flags' lanes look.
async fn ask_what_changed(pipeline: &Pipeline, provider: &dyn FlagProvider) -> Result<(), Trouble> {
    if !provider.abilities().changes_since {
        return Ok(());
    }
    let world = pipeline.world();
    let name = format!("flags/{}", provider.name());
    let since =
        world.store().register().await?.value.and_then(|register| register.cursors.get(&name).cloned());
    let mut changes = provider.changes_since(since.as_deref()).await?;
    // What is told afterwards shows by now, or was overtaken: it is not waited for.
    for claim in changes.hints.iter_mut().filter_map(|hint| hint.claim.as_mut()) {
        claim.visible = false;
    }
    if since.as_ref() == Some(&changes.cursor) && changes.hints.is_empty() {
        return Ok(());
    }
    loop {
        let mut decision = Decision::new();
        let mut register = decision.rests_on(world.store().register().await?).unwrap_or_default();
        register.cursors.insert(name.clone(), changes.cursor.clone());
        decision.write(Write::PutRegister(Box::new(register)));
        for (flag, claims) in by_flag(&changes.hints) {
            let event = Event::FlagChanged { provider: provider.name().to_owned(), flag, claims };
            decision.write(Write::QueueEvent(InboxId(world.store().new_id()), event));
        }
        match pipeline.commit(decision).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Conflict) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

/// What is told of each flag together, the newest first: one look shows all that happened since the last, and is to know of
/// each part whose it is. What is about no single flag comes last, since it says nothing of anybody.
fn by_flag(hints: &[Hint]) -> Vec<(FlagPointer, Vec<Claim>)> {
    let mut flags: Vec<(FlagPointer, Vec<Claim>)> = Vec::new();
    let mut places: HashMap<&FlagPointer, usize> = HashMap::new();
    for hint in hints.iter().rev() {
        let place = *places.entry(&hint.flag).or_insert_with(|| {
            flags.push((hint.flag.clone(), Vec::new()));
            flags.len() - 1
        });
        let known = flags.get_mut(place).filter(|(_, claims)| claims.len() < CLAIMS);
        if let (Some((_, claims)), Some(claim)) = (known, &hint.claim) {
            claims.push(claim.clone());
        }
    }
    flags.sort_by_key(|(flag, _)| *flag == FlagPointer::Any);
    flags
}

/// What a comparison has shown.
#[derive(Default)]
struct Compared {
    /// How many linked flags there are that are not gone already.
    watched: usize,
    /// Those of them that the service does not know.
    missing: Vec<FlagRef>,
    /// When those were taken for gone of which that is not long ago.
    taken: Vec<Timestamp>,
    /// Those that are not as they were last seen.
    differ: Vec<FlagRef>,
}

impl Compared {
    fn add(&mut self, other: Self) {
        self.watched += other.watched;
        self.missing.extend(other.missing);
        self.taken.extend(other.taken);
        self.differ.extend(other.differ);
    }
}

async fn compare(
    world: &World,
    provider: &dyn FlagProvider,
    linked: &[FlagRef],
) -> Result<Compared, Trouble> {
    let mut compared = Compared::default();
    let now = Timestamp::now();
    for flags in linked.chunks(AT_ONCE) {
        let mut asked = Vec::with_capacity(flags.len());
        let mut records = Vec::with_capacity(flags.len());
        for flag in flags {
            if let Some(record) = world.store().flag(flag).await?.value {
                asked.push((flag.clone(), record.flag.internal_id.clone()));
                records.push(record);
            }
        }
        if asked.is_empty() {
            continue;
        }
        let states = provider.states(&asked).await?;
        let mut lost = Vec::new();
        for (record, state) in records.iter().zip(states) {
            let flag = || record.flag.flag.clone();
            let gone = record.missing_since.is_some();
            compared.watched += usize::from(!gone);
            let untold = record.gone_untold_since();
            compared.taken.extend(untold.filter(|since| now.duration_since(*since) < WORD_HOLDS));
            match (&record.state, &state) {
                (_, None) if gone => lost.push(record),
                (_, None) => compared.missing.push(flag()),
                (Some(before), Some(now)) => {
                    // One that is found again is written down as found, or the next read without it would be believed.
                    let otherwise = !before.changes_to(now).is_empty() || before.is_named_otherwise(now);
                    if gone || record.not_found_at.is_some() || otherwise {
                        compared.differ.push(flag());
                    }
                }
                (None, Some(_)) => compared.differ.push(flag()),
            }
        }
        match made_again(provider, &lost).await {
            Ok(again) => compared.differ.extend(again),
            // What was compared is not given up for it: the next poll asks again.
            Err(trouble) => {
                tracing::debug!(reason = %trouble, "whether flags were made again cannot be seen now")
            }
        }
    }
    Ok(compared)
}

/// Those of the flags that are gone of which it is not known yet that the service has another one of the same key, or that it
/// has none any more.
async fn made_again(provider: &dyn FlagProvider, lost: &[&FlagRecord]) -> Result<Vec<FlagRef>, Trouble> {
    let Some(first) = lost.first() else { return Ok(Vec::new()) };
    // Where keys are a project's own, the scope is that project.
    let keys = provider.keys(first.flag.flag.scope.parse().unwrap_or_default()).await?;
    let news = |record: &&&FlagRecord| keys.contains(&record.flag.flag.key) != record.made_again;
    Ok(lost.iter().filter(news).map(|record| record.flag.flag.clone()).collect())
}

/// Has every linked flag of a provider looked at, each in its own lane: after an admin's word.
pub(super) async fn look_at_all(pipeline: &Pipeline, provider: &str) -> Result<(), StoreError> {
    let event =
        Event::FlagChanged { provider: provider.to_owned(), flag: FlagPointer::Any, claims: Vec::new() };
    let mut decision = Decision::new();
    decision.write(Write::QueueEvent(InboxId(pipeline.world().store().new_id()), event));
    match pipeline.commit(decision).await {
        Ok(()) | Err(CommitError::Conflict) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
    }
}

fn look_at(flag: &FlagRef) -> Event {
    Event::FlagChanged {
        provider: flag.provider.clone(),
        flag: FlagPointer::Key { scope: flag.scope.clone(), key: flag.key.clone() },
        claims: Vec::new(),
    }
}
