//! The paths that are good now, in memory: what the webhook listener asks for every request.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::heard::{HandPath, ServicePaths};
use super::path;
use super::report::HookProblem;
use super::spoiled::Spoiled;
use super::words;
use crate::domain::{HookRecord, HookTarget, ProjectId};
use crate::gitlab::WebhookSecrets;
use crate::markdown::MarkerKey;

/// The paths of registered webhooks, and how these stand.
#[derive(Default)]
pub struct LiveHooks {
    known: RwLock<Known>,
    services: ServicePaths,
    by_hand: HandPath,
    /// Held by whoever brings webhooks into step: one at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    register: bool,
    require_signature: bool,
    paths: HashMap<String, Live>,
    /// The paths of the projects that were seen last.
    projects: HashMap<ProjectId, String>,
    /// Paths to which somebody sent with a wrong secret, since they were last brought into step.
    doubted: HashSet<String>,
    /// What is not as it was sent on paths to which something came that was not.
    spoiled: HashMap<String, (Spoiled, Since)>,
    /// Since when each path is good here with the secret that it has in GitLab: what was answered before says nothing of it.
    good_since: HashMap<String, Timestamp>,
    /// How many genuine requests have come over each path.
    arrived: HashMap<String, u64>,
    /// Providers whose webhook was looked at since the start.
    looked_at: HashSet<String>,
    /// Since when the projects are refused that GitLab does not list.
    missing: HashMap<HookTarget, Instant>,
    /// By how many seconds a signed delivery was ahead of this machine's clock that was far from it, if none was right since.
    clock_ahead: Option<i64>,
    /// What is the matter, by whom it is about.
    problems: BTreeMap<String, HookProblem>,
    /// Webhooks that were switched on again because somebody asked for it, and that nobody has heard of yet.
    on_again: HashSet<u64>,
    /// What is left at services, by whose it was; told until flaglink ends.
    left: BTreeMap<String, HookProblem>,
}

/// How far it is known that it was spoiled on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    /// GitLab may have none, or another one.
    Seen,
    /// GitLab was given its secrets again.
    SentAgain,
    /// The same came after that: it happens on the way.
    Certain,
}

/// A path that is good.
struct Live {
    target: HookTarget,
    /// The path of the group that has it.
    group: Option<String>,
    secrets: Arc<WebhookSecrets>,
    /// Until when it is good; `None`: it is the present one.
    until: Option<Timestamp>,
}

impl LiveHooks {
    /// What came over the paths of the flag services.
    pub fn services(&self) -> &ServicePaths {
        &self.services
    }

    /// What came over the path of webhooks made by hand.
    pub fn by_hand(&self) -> &HandPath {
        &self.by_hand
    }

    /// Takes in what the store keeps: once, at the start.
    pub fn load(&self, records: &[HookRecord], key: &MarkerKey) {
        for record in records {
            self.put(record, key);
        }
    }

    /// What the configuration says: whether any are registered, and whether requests have to be signed.
    pub fn configure(&self, register: bool, require_signature: bool) {
        let mut known = self.write();
        (known.register, known.require_signature) = (register, require_signature);
        for live in known.paths.values_mut() {
            let secrets = WebhookSecrets { require_signature, ..WebhookSecrets::clone(&live.secrets) };
            live.secrets = Arc::new(secrets);
        }
        if !register {
            known.problems.clear();
        }
    }

    /// Whether flaglink registers any.
    pub fn registers(&self) -> bool {
        self.read().register
    }

    /// The paths of a webhook are these from now on, and no others.
    pub(super) fn put(&self, record: &HookRecord, key: &MarkerKey) {
        let mut known = self.write();
        known.paths.retain(|_, live| live.target != record.target);
        let group = matches!(record.target, HookTarget::Group(_)).then(|| record.name.clone());
        for one in &record.paths {
            // With another key nobody knows the secrets of this path any more.
            if path::is_ours(key, &record.target, &one.id) {
                let secrets = Arc::new(path::secrets(key, &one.id, known.require_signature));
                let (target, group) = (record.target.clone(), group.clone());
                let live = Live { target, group, secrets, until: one.until };
                known.good_since.entry(one.id.clone()).or_insert_with(Timestamp::now);
                known.paths.insert(one.id.clone(), live);
            }
        }
    }

    /// Whether only signed requests are taken.
    pub(super) fn requires_signature(&self) -> bool {
        self.read().require_signature
    }

    /// No path of a webhook is good any more.
    pub(super) fn close(&self, target: &HookTarget) {
        self.write().paths.retain(|_, live| live.target != *target);
    }

    /// The secrets of a path; `None` where it is not good.
    pub fn secrets(&self, path: &str) -> Option<Arc<WebhookSecrets>> {
        let known = self.read();
        let live = known.paths.get(path)?;
        live.until.is_none_or(|until| until > Timestamp::now()).then(|| Arc::clone(&live.secrets))
    }

    /// Whether what came over a path may be about that project: its own, or one of its group's. Where the path is not known
    /// nothing speaks against it. `named` is the project's path as the body has it.
    pub fn covers(&self, path: &str, project: Option<ProjectId>, named: Option<&str>) -> bool {
        let known = self.read();
        let Some(live) = known.paths.get(path) else { return true };
        match (&live.target, &live.group) {
            (HookTarget::Project(own), _) => project == Some(*own),
            (HookTarget::Group(_), Some(group)) => {
                // What GitLab has told of a project counts before what a body says.
                let seen = project.and_then(|project| known.projects.get(&project)).map(String::as_str);
                seen.or(named).is_some_and(|path| is_below(path, group))
            }
            _ => false,
        }
    }

    /// A request that is not genuine came over a path: somebody may have changed the secret in GitLab, unless it was `spoiled` on the
    /// way.
    pub fn doubt(&self, path: &str, spoiled: Option<Spoiled>) {
        let mut known = self.write();
        if !known.paths.contains_key(path) {
            return;
        }
        match (spoiled, known.spoiled.get(path).copied()) {
            (Some(now), Some((before, Since::SentAgain | Since::Certain))) if now == before => {
                known.spoiled.insert(path.to_owned(), (now, Since::Certain));
                return;
            }
            (Some(now), _) => drop(known.spoiled.insert(path.to_owned(), (now, Since::Seen))),
            (None, _) => drop(known.spoiled.remove(path)),
        }
        known.doubted.insert(path.to_owned());
    }

    /// What is spoiled on the way of all that comes over a path, where that is certain.
    pub(super) fn spoiled(&self, path: &str) -> Option<Spoiled> {
        self.read().spoiled.get(path).filter(|(_, since)| *since == Since::Certain).map(|(what, _)| *what)
    }

    /// A signed request came over a path whose time is that many seconds ahead of this machine's, and far from it.
    pub fn doubt_clock(&self, path: &str, ahead: i64) {
        let mut known = self.write();
        if known.paths.contains_key(path) {
            known.clock_ahead = Some(ahead);
        }
    }

    /// By how many seconds what was signed last was ahead of this machine's clock, where it was refused for that.
    pub(super) fn clock_ahead(&self) -> Option<i64> {
        self.read().clock_ahead
    }

    pub(super) fn is_doubted(&self, path: &str) -> bool {
        self.read().doubted.contains(path)
    }

    pub(super) fn believe(&self, path: &str) {
        let mut known = self.write();
        known.doubted.remove(path);
        if let Some((_, since)) = known.spoiled.get_mut(path).filter(|(_, since)| *since == Since::Seen) {
            *since = Since::SentAgain;
        }
        known.good_since.insert(path.to_owned(), Timestamp::now());
    }

    /// Since when this flaglink takes what comes over that path with the secret that GitLab has.
    pub(super) fn good_since(&self, path: &str) -> Option<Timestamp> {
        self.read().good_since.get(path).copied()
    }

    /// A genuine request came over a path.
    pub fn arrive(&self, path: &str) {
        let mut known = self.write();
        if known.paths.contains_key(path) {
            known.clock_ahead = None;
            known.doubted.remove(path);
            known.spoiled.remove(path);
            *known.arrived.entry(path.to_owned()).or_default() += 1;
        }
    }

    pub(super) fn arrived(&self, path: &str) -> u64 {
        self.read().arrived.get(path).copied().unwrap_or(0)
    }

    /// That project is refused, and not listed. Whether it was so for that long already.
    pub(super) fn is_missing(&self, target: &HookTarget, long: Duration) -> bool {
        let mut known = self.write();
        let since = *known.missing.entry(target.clone()).or_insert_with(Instant::now);
        let long_enough = since.elapsed() >= long;
        if long_enough {
            known.missing.remove(target);
        }
        long_enough
    }

    /// That project is not refused, or that is not certain.
    pub(super) fn is_there(&self, target: &HookTarget) {
        self.write().missing.remove(target);
    }

    pub(super) fn see_projects(&self, projects: HashMap<ProjectId, String>) {
        let mut known = self.write();
        known
            .missing
            .retain(|target, _| !matches!(target, HookTarget::Project(id) if projects.contains_key(id)));
        known.projects = projects;
    }

    /// Whether this is the first look at that provider's webhook since the start.
    pub(super) fn is_first_look(&self, provider: &str) -> bool {
        !self.read().looked_at.contains(provider)
    }

    pub(super) fn looked_at(&self, provider: &str) {
        self.write().looked_at.insert(provider.to_owned());
    }

    /// What is the matter now. Each is told in the log once, and so is its end.
    pub(super) fn tell(&self, now: BTreeMap<String, HookProblem>) {
        let mut known = self.write();
        for (name, problem) in &now {
            if known.problems.get(name) != Some(problem) {
                tracing::warn!(of = name, "a webhook is not in step: {}. {}", problem.what, problem.todo);
            }
        }
        for name in known.problems.keys().filter(|name| !now.contains_key(*name)) {
            tracing::info!(of = name, "the webhook is in step again");
        }
        known.problems = now;
    }

    /// The webhook of that name is in step again, before the next look at all of them.
    pub(super) fn mended(&self, name: &str) {
        if self.write().problems.remove(name).is_some() {
            tracing::info!(of = name, "the webhook is in step again");
        }
    }

    /// What is the matter with the webhook of that name, as it was last told.
    pub(super) fn problem(&self, name: &str) -> Option<HookProblem> {
        self.read().problems.get(name).cloned()
    }

    /// A webhook was switched on again.
    pub(super) fn switched_on(&self, hook: u64) {
        self.write().on_again.insert(hook);
    }

    /// The webhooks that were switched on again since this was last asked.
    pub fn take_switched_on(&self) -> HashSet<u64> {
        std::mem::take(&mut self.write().on_again)
    }

    /// Something is left at a service that flaglink cannot remove. That is told in the log once.
    pub(super) fn leave(&self, provider: &str, left: HookProblem) {
        tracing::warn!(of = provider, "a webhook stays: {}. {}", left.what, left.todo);
        self.write().left.insert(provider.to_owned(), left);
    }

    /// One line for each webhook that is not as it should be.
    pub fn lines(&self) -> Vec<String> {
        let known = self.read();
        let line = |(name, problem): (&String, &HookProblem)| {
            format!("the webhook of {name}: {}. {}", problem.what, problem.todo)
        };
        let clock = known.clock_ahead.map(|ahead| {
            format!(
                "a webhook came whose time is more than five minutes from this machine's ({}). Is this machine's clock right?",
                words::ahead(ahead)
            )
        });
        known.problems.iter().chain(&known.left).map(line).chain(clock).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// GitLab's paths ignore case.
fn is_below(path: &str, group: &str) -> bool {
    let (path, group) = (path.to_lowercase(), group.to_lowercase());
    path.strip_prefix(&group).is_some_and(|rest| rest.starts_with('/'))
}
