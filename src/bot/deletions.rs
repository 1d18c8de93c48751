//! Linked work that GitLab does not know any more, and too much of it at once to be believed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::doubts::{Count, Doubts, is_too_many};
use crate::domain::ProjectId;
use crate::telemetry::Metrics;

/// What an admin's word about deleted work is called by: no provider can have this name.
pub const WORK: &str = "gitlab/work";
/// What was deleted lately counts with what is deleted now: for this long at least, and for several looks.
const LATELY: Duration = Duration::from_secs(30 * 60);
const LOOKS: u32 = 3;

/// How much of the linked work of one project is missing.
#[derive(Debug, Clone, Default)]
pub struct Missing {
    /// The project's path.
    pub path: String,
    /// How much is missing.
    pub missing: usize,
    /// Of how much.
    pub linked: usize,
}

/// Where what is missing is not believed.
#[derive(Debug, Default)]
enum Held {
    #[default]
    Nowhere,
    Everywhere,
    /// In these projects alone, by their paths.
    In(BTreeMap<ProjectId, String>),
}

/// What is doubted of work that GitLab does not know any more, and what was believed of late.
#[derive(Debug)]
pub struct Deletions {
    doubts: Doubts,
    held: Mutex<Held>,
    believed: Mutex<Vec<(Timestamp, ProjectId)>>,
    said: Notify,
}

impl Default for Deletions {
    fn default() -> Self {
        Self {
            doubts: Doubts::of_work(),
            held: Mutex::default(),
            believed: Mutex::default(),
            said: Notify::new(),
        }
    }
}

impl Deletions {
    /// Weighs how much linked work GitLab does not know any more, by project. Too much in one project holds back that project
    /// alone; too much in all of them together holds back everything. `every` is the time between two looks.
    pub fn weigh(
        &self,
        metrics: &Metrics,
        projects: &BTreeMap<ProjectId, Missing>,
        every: Duration,
        now: Timestamp,
    ) {
        let span = LATELY.max(every.saturating_mul(LOOKS));
        let taken: Vec<(Timestamp, ProjectId)> = {
            let mut believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
            let long_ago = now.checked_sub(span).unwrap_or(Timestamp::MIN);
            believed.retain(|(at, _)| *at > long_ago);
            believed.clone()
        };
        let lately = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        let sum = |counted: &dyn Fn(ProjectId) -> bool| {
            let of = projects.iter().filter(|(id, _)| counted(**id)).map(|(_, one)| one);
            let (missing, linked) =
                of.fold((0, 0), |(missing, linked), one| (missing + one.missing, linked + one.linked));
            let taken = taken.iter().filter(|(_, project)| counted(*project)).map(|(at, _)| *at).collect();
            Count { missing, linked, taken, certain: Vec::new(), lately, whole: true }
        };
        let all = sum(&|_| true);
        let is_much = |count: &Count| is_too_many(count.missing, count.linked, count.taken.len());
        let is_doubted = |id: &ProjectId| is_much(&sum(&|one| one == *id));
        let doubted: BTreeSet<ProjectId> = projects.keys().copied().filter(is_doubted).collect();
        let others = sum(&|id| !doubted.contains(&id));
        let alone = doubted.len() == 1 && !is_much(&others) || !doubted.is_empty() && !is_much(&all);
        let (count, held) = if alone {
            let paths = projects.iter().filter(|(id, _)| doubted.contains(id));
            let paths = paths.map(|(id, one)| (*id, one.path.clone())).collect();
            (sum(&|id| doubted.contains(&id)), Held::In(paths))
        } else {
            (all, Held::Everywhere)
        };
        let doubts = self.doubts.weigh(metrics, WORK, count, now);
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = if doubts { held } else { Held::Nowhere };
    }

    /// Whether what is missing in that project is not believed now.
    pub fn holds(&self, project: ProjectId) -> bool {
        // An admin's word may come while it is weighed.
        if self.doubts.of(WORK).is_none() {
            return false;
        }
        match &*self.held.lock().unwrap_or_else(PoisonError::into_inner) {
            Held::Nowhere => false,
            Held::Everywhere => true,
            Held::In(projects) => projects.contains_key(&project),
        }
    }

    /// What is doubted, with the projects where it is about these alone; for an admin.
    pub fn told(&self) -> Vec<String> {
        let mut told = self.doubts.told();
        if let Held::In(projects) = &*self.held.lock().unwrap_or_else(PoisonError::into_inner) {
            let paths: Vec<&str> = projects.values().map(String::as_str).collect();
            told =
                told.into_iter().map(|line| format!("{line}. This is about {}", paths.join(", "))).collect();
        }
        told
    }

    /// An admin says that what is missing was deleted. Returns how much was doubted until now; `None`: nothing was.
    pub fn believe(&self, metrics: &Metrics, now: Timestamp) -> Option<usize> {
        let doubt = self.doubts.believe(metrics, WORK, now)?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Held::Nowhere;
        self.said.notify_one();
        Some(doubt.missing)
    }

    /// Returns when an admin has said so: the word holds for a while only, and is not to wait for the next look.
    pub async fn said(&self) {
        self.said.notified().await;
    }

    /// The links of one in this project were taken away.
    pub fn note(&self, project: ProjectId, now: Timestamp) {
        self.believed.lock().unwrap_or_else(PoisonError::into_inner).push((now, project));
    }
}
