//! Webhooks of other flaglinks in the projects.

use super::gitlab::{Chosen, Gitlab};
use super::{Interview, file};
use crate::cli::doctor::Own;
use crate::config::MarkerKeySource;
use crate::domain::HookTarget;
use crate::gitlab::HookHome;

/// So many projects are looked at.
const LOOKED_AT: usize = 12;

impl Interview<'_> {
    /// That another flaglink has registered a webhook in a project, one sentence each. What GitLab does not show is not told.
    pub(super) async fn other_flaglinks(&self, gitlab: &Gitlab, chosen: &Chosen) -> Vec<String> {
        if !chosen.may_register() {
            return Vec::new();
        }
        let Some(own) = self.own() else { return Vec::new() };
        let _step = self.progress.step("looking at the webhooks that are there");
        let mut others = Vec::new();
        for project in chosen.matched.iter().take(LOOKED_AT) {
            let hooks = gitlab.api.hooks_of(HookHome::Project(project.id)).await.unwrap_or_default();
            let target = HookTarget::Project(project.id);
            for hook in hooks.iter().filter(|hook| own.is_of_another(&target, &hook.url)) {
                // A host may be called hooks, too.
                let leads = hook.url.rsplit_once("/hooks/").map_or(hook.url.as_str(), |(before, _)| before);
                others.push(format!(
                    "another flaglink has a webhook in {} already (webhook {}, to {leads}): where both are at work each command is \
                     answered twice, so let the [[projects]] of only one of them match it; one that nobody needs any more is removed \
                     in GitLab (Settings → Webhooks)",
                    project.path, hook.id
                ));
            }
        }
        others
    }

    /// By what this flaglink knows its own; `None` where its key is there and cannot be read.
    fn own(&self) -> Option<Own> {
        let text = |key| file::text(&self.document, "store", key);
        let key = match text("marker_key_env") {
            Some(variable) => MarkerKeySource::Given(self.context.env.get(variable)?.clone().into()),
            None => {
                let found = self.found(text("marker_key_file").unwrap_or("marker-key"));
                // It has made none yet.
                let Some(path) = found else { return Some(Own::of(None)) };
                MarkerKeySource::File(path)
            }
        };
        Some(Own::of(Some(key.read_or_make(false).ok()?)))
    }
}
