//! For whom a webhook is wanted: the projects and groups that the rules name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::report::HookProblem;
use super::words;
use crate::bot::{Trouble, World};
use crate::config::{Hooks, ProjectRule};
use crate::domain::HookTarget;
use crate::gitlab::{GitlabApi, HookHome, ProjectDetail, needed_triggers};
use crate::pipeline::membership::member_projects;

/// A project or group that is to have a webhook.
pub(super) struct Wanted {
    pub(super) target: HookTarget,
    pub(super) home: HookHome,
    /// Its path.
    pub(super) name: String,
    pub(super) gitlab: GitlabApi,
    pub(super) events: BTreeSet<&'static str>,
}

impl Wanted {
    pub(super) fn kind(&self) -> &'static str {
        match self.home {
            HookHome::Project(_) => "project",
            HookHome::Group(_) => "group",
        }
    }

    pub(super) fn is_group(&self) -> bool {
        matches!(self.home, HookHome::Group(_))
    }

    pub(super) fn id(&self) -> u64 {
        match self.home {
            HookHome::Project(id) | HookHome::Group(id) => id,
        }
    }

    fn project(world: &World, detail: &ProjectDetail, rule: &ProjectRule) -> Self {
        Self {
            target: HookTarget::Project(detail.id),
            home: HookHome::Project(detail.id),
            name: detail.path.clone(),
            gitlab: world.client_for(rule).clone(),
            events: events(world, rule),
        }
    }
}

/// For whom webhooks are wanted, and for whom not.
#[derive(Default)]
pub(super) struct Targets {
    pub(super) wanted: Vec<Wanted>,
    /// Projects that are seen, and in which no webhook is wanted (any more).
    pub(super) not: Vec<Wanted>,
    /// Groups that cannot be found, by their paths.
    pub(super) lost: BTreeMap<String, HookProblem>,
    /// Whether every token is accepted: else there may be more projects.
    pub(super) complete: bool,
    /// GitLab did not say of every group whether it is there.
    pub(super) unsure: bool,
    /// All projects that are seen, by their ids.
    pub(super) seen: HashMap<u64, String>,
}

/// Asks GitLab which projects and groups there are.
pub(super) async fn find(world: &World) -> Result<Targets, Trouble> {
    let (shown, complete) = member_projects(world).await?;
    let mut targets = Targets { complete, ..Targets::default() };
    for detail in shown.into_values() {
        targets.seen.insert(detail.id, detail.path.clone());
        let Some(rule) = world.rules().for_project(&detail.path) else { continue };
        let one = Wanted::project(world, &detail, &rule);
        if rule.hooks == Hooks::Project { targets.wanted.push(one) } else { targets.not.push(one) }
    }
    let mut groups: BTreeMap<String, (GitlabApi, BTreeSet<&'static str>)> = BTreeMap::new();
    for rule in &world.rules().rules {
        let Some(group) = rule.hooked_group() else { continue };
        let entry = groups.entry(group).or_insert_with(|| (world.client_for(rule).clone(), BTreeSet::new()));
        entry.1.extend(events(world, rule));
    }
    for (name, (gitlab, events)) in groups {
        match gitlab.group_at(&name).await {
            Ok(Some(id)) => targets.wanted.push(Wanted {
                target: HookTarget::Group(id),
                home: HookHome::Group(id),
                name,
                gitlab,
                events,
            }),
            Ok(None) => {
                let problem = HookProblem::new(
                    format!("GitLab shows flaglink no group {name}"),
                    "Is its path right? Make the bot an Owner of it, or write `hooks = \"project\"` in that [[projects]] entry.",
                );
                targets.lost.insert(name, problem);
            }
            Err(error) => {
                targets.unsure = true;
                let problem = words::of_gitlab(&error, &HookTarget::Group(0), &name, "");
                targets.lost.insert(name, problem);
            }
        }
    }
    Ok(targets)
}

fn events(world: &World, rule: &ProjectRule) -> BTreeSet<&'static str> {
    let own_flags = world
        .flags()
        .hearing_gitlab()
        .any(|provider| rule.providers.iter().any(|name| name == provider.name()));
    needed_triggers(own_flags).map(|trigger| trigger.key).collect()
}
