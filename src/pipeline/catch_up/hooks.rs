//! Our webhooks' health: one that GitLab has switched off is reported, and switched on again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::own::Whose;
use super::{Look, Memory};
use crate::domain::ProjectId;
use crate::gitlab::{Hook, HookHome, HookState};

/// However often it failed, a webhook is tested again after this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 60 * 60);

/// The webhooks of ours that are switched off, for whoever asks how flaglink is.
#[derive(Debug, Default)]
pub struct HooksOff {
    off: Mutex<BTreeMap<(ProjectId, u64), String>>,
}

impl HooksOff {
    /// One line for each.
    pub fn lines(&self) -> Vec<String> {
        self.off().values().cloned().collect()
    }

    /// Forgets all of them: whoever looks next tells them anew.
    pub fn forget_all(&self) {
        self.off().clear();
    }

    /// Forgets those webhooks: they are on again.
    pub fn forget(&self, hooks: &HashSet<u64>) {
        self.off().retain(|(_, hook), _| !hooks.contains(hook));
    }

    fn off(&self) -> MutexGuard<'_, BTreeMap<(ProjectId, u64), String>> {
        self.off.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, project: ProjectId, hook: u64, line: Option<String>) {
        match line {
            Some(line) => self.off().insert((project, hook), line),
            None => self.off().remove(&(project, hook)),
        };
    }

    /// Forgets those of a project that are not there any more.
    fn keep(&self, project: ProjectId, there: &BTreeSet<u64>) {
        self.off().retain(|(of, hook), _| *of != project || there.contains(hook));
    }

    fn len(&self) -> usize {
        self.off().len()
    }
}

/// A webhook that was tested in vain.
pub(super) struct Tested {
    times: u32,
    not_before: Instant,
}

/// Looks after the webhooks of a project that lead here.
pub(super) async fn look_after(look: &Look<'_>, hooks: &[(Hook, Whose)], memory: &mut Memory) {
    let project = look.place.project.detail.id;
    let off = &look.plan.hooks_off;
    off.keep(project, &hooks.iter().map(|(hook, _)| hook.id).collect());
    for (hook, whose) in hooks {
        if hook.state == HookState::On {
            off.set(project, hook.id, None);
            memory.tested.remove(&hook.id);
            memory.told_off.remove(&hook.id);
            continue;
        }
        let path = &look.place.project.detail.path;
        let how = match hook.state {
            HookState::Off => "for good",
            HookState::On | HookState::OffForAWhile => "for a while",
        };
        let new = memory.told_off.insert(hook.id);
        if let Whose::Perhaps(_) = whose {
            // It may be another installation's, and that is not to be touched.
            if new {
                tracing::warn!(
                    project = path,
                    hook = hook.id,
                    "GitLab has switched off a webhook {how} that may be ours. Set listen.public_url, so that flaglink knows \
                     its own and switches them on again"
                );
            }
            continue;
        }
        let line = format!(
            "GitLab has switched off the webhook {} of {path} {how}, because it could not be delivered; comments are looked \
             for every {} s instead",
            hook.id,
            look.plan.every.as_secs()
        );
        if new {
            tracing::warn!(project = path, hook = hook.id, "GitLab has switched off a webhook of ours {how}");
        }
        off.set(project, hook.id, Some(line));
        switch_on(look, hook, memory).await;
    }
    look.world.metrics().hooks_off(off.len());
}

/// Has GitLab test it: if that succeeds it is on again. Once a run, and after failures less and less often, because GitLab counts
/// them.
async fn switch_on(look: &Look<'_>, hook: &Hook, memory: &mut Memory) {
    let tested = memory.tested.get(&hook.id);
    if tested.is_some_and(|tested| Instant::now() < tested.not_before) {
        return;
    }
    let times = tested.map_or(1, |tested| tested.times.saturating_add(1));
    let project = &look.place.project;
    let home = HookHome::Project(project.detail.id);
    let why = match project.gitlab.switch_on_hook(home, hook).await {
        Ok(()) => {
            tracing::info!(project = project.detail.path, hook = hook.id, "the webhook is switched on again");
            look.world.metrics().hook_test("on");
            look.plan.hooks_off.set(project.detail.id, hook.id, None);
            memory.tested.remove(&hook.id);
            memory.told_off.remove(&hook.id);
            return;
        }
        Err(error) => error.to_string(),
    };
    tracing::warn!(
        project = project.detail.path,
        hook = hook.id,
        why,
        "the webhook could not be switched on again"
    );
    look.world.metrics().hook_test("failed");
    let pause = look.plan.every.saturating_mul(1 << times.min(10)).min(LONGEST_PAUSE);
    // A little less, so that the run that is due then does not come a moment too early.
    let not_before = Instant::now() + pause.mul_f32(0.9);
    memory.tested.insert(hook.id, Tested { times, not_before });
}
