//! People who change flags: what a test or the demo lets somebody do in Unleash.

use serde_json::{Value as Json, json};

use super::flags::FeatureChange;
use super::model::{Actor, Link, StrategyChange, Tag, TagType};
use super::world::World;
use super::{Strategy, Unleash};

/// Something that a person wanted to change is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox Unleash has no {what} `{name}`")]
pub struct NotThere {
    /// What kind of thing.
    pub what: &'static str,
    /// Its name.
    pub name: String,
}

fn not_there(what: &'static str, name: &str) -> NotThere {
    NotThere { what, name: name.to_owned() }
}

/// What a person wanted.
type Done<T = ()> = Result<T, NotThere>;

/// Somebody who works on flags. Flags are called by their names, which are unique in the whole instance; new ones
/// go to the person's project.
#[derive(Debug, Clone)]
pub struct Person {
    unleash: Unleash,
    actor: Actor,
    project: String,
}

impl Person {
    pub(super) fn new(unleash: Unleash, actor: Actor, project: &str) -> Self {
        Self { unleash, actor, project: project.to_owned() }
    }

    /// Who that is in events.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The same person at work on another project.
    #[must_use]
    pub fn in_project(&self, project: &str) -> Self {
        Self { project: project.to_owned(), ..self.clone() }
    }

    /// Makes an environment and has the person's project use it. `kind` is `development`, `test`,
    /// `preproduction` or `production`.
    ///
    /// # Errors
    ///
    /// When the project is not there.
    pub fn new_environment(&self, name: &str, kind: &str) -> Done {
        self.unleash.change(|world| {
            world.new_environment(name, kind);
            let found = world.projects.iter_mut().find(|project| project.id == self.project);
            let project = found.ok_or_else(|| not_there("project", &self.project))?;
            project.environments.entry(name.to_owned()).or_default();
            Ok(())
        })
    }

    /// Has the person's project no longer use an environment.
    ///
    /// # Errors
    ///
    /// When the project is not there, or does not use it.
    pub fn leave_environment(&self, name: &str) -> Done {
        self.unleash.change(|world| {
            let found = world.projects.iter_mut().find(|project| project.id == self.project);
            let project = found.ok_or_else(|| not_there("project", &self.project))?;
            project.environments.remove(name).map(|_| ()).ok_or_else(|| not_there("environment", name))
        })
    }

    /// Makes a flag, off everywhere.
    ///
    /// # Errors
    ///
    /// When the project is not there, or there is a flag of that name; the error says which.
    pub fn new_flag(&self, flag: &str, description: &str) -> Done {
        self.unleash.change(|world| {
            if world.project(&self.project).is_none() {
                return Err(not_there("project", &self.project));
            }
            let description = Some(description).filter(|text| !text.is_empty());
            match world.new_feature(&self.actor, &self.project, flag, "release", description, false) {
                true => Ok(()),
                false => Err(not_there("room for a second flag", flag)),
            }
        })
    }

    /// Switches a flag on or off. The first time it is switched on, it gets a strategy for everybody.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there.
    pub fn switch(&self, flag: &str, environment: &str, on: bool) -> Done {
        self.in_environment(flag, environment, |world| {
            world.switch(&self.actor, flag, environment, on, false);
            Ok(())
        })
    }

    /// Sets the share of users, in percent, in the first gradual rollout; adds one where there is none.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there.
    pub fn rollout(&self, flag: &str, environment: &str, percent: u8) -> Done {
        self.in_environment(flag, environment, |world| {
            let change = StrategyChange::rollout(percent);
            let known = world.state(flag, environment).and_then(|state| {
                state.strategies.iter().find(|one| one.name == "flexibleRollout").map(|one| one.id.clone())
            });
            match known {
                Some(id) => {
                    world.change_strategy(&self.actor, flag, environment, &id, change);
                }
                None => {
                    world.add_strategy(&self.actor, flag, environment, change);
                }
            }
            Ok(())
        })
    }

    /// Adds a strategy. Returns its id.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there.
    pub fn add_strategy(&self, flag: &str, environment: &str, strategy: StrategyChange) -> Done<String> {
        self.in_environment(flag, environment, |world| {
            Ok(world.add_strategy(&self.actor, flag, environment, strategy))
        })
    }

    /// Adds a strategy for these users alone. Returns its id.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there.
    pub fn for_users(&self, flag: &str, environment: &str, users: &[&str]) -> Done<String> {
        let strategy = StrategyChange::named("userWithId", json!({ "userIds": users.join(",") }));
        self.add_strategy(flag, environment, strategy)
    }

    /// Changes a strategy.
    ///
    /// # Errors
    ///
    /// When flag, environment or strategy are not there.
    pub fn change_strategy(&self, flag: &str, environment: &str, id: &str, change: StrategyChange) -> Done {
        self.in_environment(flag, environment, |world| {
            match world.change_strategy(&self.actor, flag, environment, id, change) {
                true => Ok(()),
                false => Err(not_there("strategy", id)),
            }
        })
    }

    /// Takes a strategy away. With the last one the flag goes off.
    ///
    /// # Errors
    ///
    /// When flag, environment or strategy are not there.
    pub fn remove_strategy(&self, flag: &str, environment: &str, id: &str) -> Done {
        self.in_environment(flag, environment, |world| {
            match world.remove_strategy(&self.actor, flag, environment, id) {
                true => Ok(()),
                false => Err(not_there("strategy", id)),
            }
        })
    }

    /// Sets the variants of the first strategy: names, and shares in percent.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there, or there is no strategy.
    pub fn variants(&self, flag: &str, environment: &str, variants: &[(&str, u64)]) -> Done {
        let variants: Json = variants
            .iter()
            .map(|(name, percent)| {
                json!({
                    "name": name,
                    "weight": percent * 10,
                    "weightType": "fix",
                    "stickiness": "default",
                })
            })
            .collect();
        let change = StrategyChange { variants: Some(variants), ..StrategyChange::default() };
        let first = self.strategies(flag, environment)?.first().map(|strategy| strategy.id.clone());
        self.change_strategy(flag, environment, &first.ok_or_else(|| not_there("strategy of", flag))?, change)
    }

    /// Writes what a flag is about.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn describe(&self, flag: &str, description: &str) -> Done {
        let description = Some(Some(description.to_owned()));
        self.change(flag, FeatureChange { description, ..FeatureChange::default() })
    }

    /// Marks a flag as stale, or not any more.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn stale(&self, flag: &str, stale: bool) -> Done {
        self.change(flag, FeatureChange { stale: Some(stale), ..FeatureChange::default() })
    }

    fn change(&self, flag: &str, change: FeatureChange) -> Done {
        self.on_flag(flag, |world| {
            world.change_feature(&self.actor, flag, change);
            Ok(())
        })
    }

    /// Archives a flag.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn archive(&self, flag: &str) -> Done {
        self.on_flag(flag, |world| {
            world.archive(&self.actor, flag);
            Ok(())
        })
    }

    /// Brings an archived flag back, off everywhere.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn revive(&self, flag: &str) -> Done {
        self.on_flag(flag, |world| {
            world.revive(&self.actor, flag);
            Ok(())
        })
    }

    /// Deletes a flag for good; archives it first where it is not archived yet, as one has to.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn delete(&self, flag: &str) -> Done {
        self.on_flag(flag, |world| {
            if world.feature(flag).is_some_and(|feature| feature.archived_at.is_none()) {
                world.archive(&self.actor, flag);
            }
            world.delete(&self.actor, flag);
            Ok(())
        })
    }

    /// Moves a flag to another project.
    ///
    /// # Errors
    ///
    /// When flag or project are not there.
    pub fn move_to(&self, flag: &str, project: &str) -> Done {
        self.on_flag(flag, |world| {
            if world.project(project).is_none() {
                return Err(not_there("project", project));
            }
            world.move_to(&self.actor, flag, project);
            Ok(())
        })
    }

    /// Puts a tag on a flag, and makes its type first where there is none of that name.
    ///
    /// # Errors
    ///
    /// When the flag is not there.
    pub fn tag(&self, flag: &str, kind: &str, value: &str) -> Done {
        self.on_flag(flag, |world| {
            let new = TagType { name: kind.to_owned(), description: None, icon: None, color: None };
            world.new_tag_type(&self.actor, new);
            world.tag(&self.actor, flag, Tag { kind: kind.to_owned(), value: value.to_owned() });
            Ok(())
        })
    }

    /// Takes a tag off a flag.
    ///
    /// # Errors
    ///
    /// When the flag is not there.
    pub fn untag(&self, flag: &str, kind: &str, value: &str) -> Done {
        self.on_flag(flag, |world| {
            world.untag(&self.actor, flag, &Tag { kind: kind.to_owned(), value: value.to_owned() });
            Ok(())
        })
    }

    /// A flag's tags, as `type:value`.
    ///
    /// # Errors
    ///
    /// When the flag is not there.
    pub fn tags(&self, flag: &str) -> Done<Vec<String>> {
        self.on_flag(flag, |world| {
            let tags = world.feature(flag).map(|feature| feature.tags.clone()).unwrap_or_default();
            Ok(tags.iter().map(|tag| format!("{}:{}", tag.kind, tag.value)).collect())
        })
    }

    /// Puts a link on a flag by hand. Returns its id.
    ///
    /// # Errors
    ///
    /// When the flag is not there.
    pub fn link(&self, flag: &str, url: &str, title: Option<&str>) -> Done<String> {
        self.on_flag(flag, |world| Ok(world.add_link(&self.actor, flag, url, title)))
    }

    /// Changes what a link is called, by its id.
    ///
    /// # Errors
    ///
    /// When flag or link are not there.
    pub fn rename_link(&self, flag: &str, id: &str, title: &str) -> Done {
        let found = self.links(flag)?.into_iter().find(|link| link.id == id);
        let link = found.ok_or_else(|| not_there("link", id))?;
        self.on_flag(flag, |world| {
            world.change_link(&self.actor, flag, id, &link.url, Some(title));
            Ok(())
        })
    }

    /// Takes all links to that address off a flag by hand.
    ///
    /// # Errors
    ///
    /// When the flag is not there, or has no such link.
    pub fn unlink(&self, flag: &str, url: &str) -> Done {
        let ids: Vec<String> =
            self.links(flag)?.into_iter().filter(|link| link.url == url).map(|link| link.id).collect();
        if ids.is_empty() {
            return Err(not_there("link", url));
        }
        self.on_flag(flag, |world| {
            for id in &ids {
                world.remove_link(&self.actor, flag, id);
            }
            Ok(())
        })
    }

    /// A flag's links, oldest first.
    ///
    /// # Errors
    ///
    /// When the flag is not there.
    pub fn links(&self, flag: &str) -> Done<Vec<Link>> {
        self.on_flag(flag, |world| {
            Ok(world.feature(flag).map(|feature| feature.links.clone()).unwrap_or_default())
        })
    }

    /// Whether a flag is on.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there.
    pub fn is_on(&self, flag: &str, environment: &str) -> Done<bool> {
        self.in_environment(flag, environment, |world| {
            Ok(world.state(flag, environment).is_some_and(|state| state.enabled))
        })
    }

    /// A flag's strategies, in their order.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there.
    pub fn strategies(&self, flag: &str, environment: &str) -> Done<Vec<Strategy>> {
        self.in_environment(flag, environment, |world| {
            Ok(world.state(flag, environment).map(|state| state.strategies.clone()).unwrap_or_default())
        })
    }

    fn on_flag<T>(&self, flag: &str, work: impl FnOnce(&mut World) -> Done<T>) -> Done<T> {
        self.unleash.change(|world| {
            if world.feature(flag).is_none() {
                return Err(not_there("flag", flag));
            }
            work(world)
        })
    }

    fn in_environment<T>(
        &self,
        flag: &str,
        environment: &str,
        work: impl FnOnce(&mut World) -> Done<T>,
    ) -> Done<T> {
        self.on_flag(flag, |world| {
            let project = world.feature(flag).map(|feature| feature.project.clone()).unwrap_or_default();
            if world.environments_of(&project).iter().all(|known| known.name != environment) {
                return Err(not_there("environment", environment));
            }
            work(world)
        })
    }
}
