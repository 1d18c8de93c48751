//! Linked work that GitLab does not know any more, and too much of it at once to be believed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::doubts::{Count, Doubts, is_too_many};
use crate::domain::ProjectId;
use crate::telemetry::Metrics;

/// What an admin's word about deleted work is called by: no provider can have this name.
pub const WORK: &str = "gitlab/work";
/// What was deleted lately counts with what is deleted now.
const LATELY: SignedDuration = SignedDuration::from_mins(10);

/// What is doubted of work that GitLab does not know any more, and what was believed of late.
#[derive(Debug)]
pub struct Deletions {
    doubts: Doubts,
    believed: Mutex<Vec<(Timestamp, ProjectId)>>,
    said: Notify,
}

impl Default for Deletions {
    fn default() -> Self {
        Self { doubts: Doubts::of_work(), believed: Mutex::default(), said: Notify::new() }
    }
}

impl Deletions {
    /// What is doubted, under the name [`WORK`].
    pub fn doubts(&self) -> &Doubts {
        &self.doubts
    }

    /// Whether so much linked work that GitLab does not know any more is too much to be believed: in all, or in one project.
    /// By project, how much is missing and of how much.
    pub fn weigh(
        &self,
        metrics: &Metrics,
        projects: &BTreeMap<ProjectId, (usize, usize)>,
        now: Timestamp,
    ) -> bool {
        let lately = {
            let mut believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
            believed.retain(|(at, _)| now.duration_since(*at) < LATELY);
            believed.clone()
        };
        let of = |project: ProjectId| lately.iter().filter(|(_, known)| *known == project).count();
        let mut all = Count { missing: 0, linked: 0, lately: lately.len() };
        let mut one = None;
        for (project, (missing, linked)) in projects {
            all = Count { missing: all.missing + missing, linked: all.linked + linked, ..all };
            let count = Count { missing: *missing, linked: *linked, lately: of(*project) };
            one = one.or_else(|| is_too_many(count).then_some(count));
        }
        let count = if is_too_many(all) { all } else { one.unwrap_or(all) };
        self.doubts.weigh(metrics, WORK, count, now)
    }

    /// An admin says that what is missing was deleted. Returns how much was doubted until now; `None`: nothing was.
    pub fn believe(&self, metrics: &Metrics, now: Timestamp) -> Option<usize> {
        let doubt = self.doubts.believe(metrics, WORK, now)?;
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
