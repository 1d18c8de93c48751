//! GitLab's own feature flags, over its REST API with the clients that flaglink has anyway.

mod home;
mod plan;
mod scope;
mod settings;
mod setup;
mod state;
mod webhook;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

pub use settings::GitlabSettings;
pub(in crate::flags) use setup::SETUP;

use self::home::Home;
use self::plan::Plan;
use crate::domain::{Flag, FlagRef, FlagState, ProjectId};
use crate::flags::named::environment_named;
use crate::flags::rank::{Searched, best_first};
use crate::flags::{
    Abilities, About, FlagProvider, Hint, Provided, ProviderError, Settable, Switch, Switched, still_off,
};
use crate::gitlab::{Environment, FeatureFlag, GitlabApi};

/// Up to so many flags of a project are asked for one by one; more are read as a list.
const ONE_BY_ONE: usize = 3;

/// GitLab's feature flags: of one project, or of each project its own.
pub struct GitlabFlags {
    name: String,
    project: Option<String>,
    shown: Vec<String>,
    poll: Duration,
    clients: Vec<GitlabApi>,
    homes: Mutex<HashMap<String, Arc<Home>>>,
}

impl fmt::Debug for GitlabFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitlabFlags").field("name", &self.name).finish_non_exhaustive()
    }
}

impl GitlabFlags {
    /// The flags that `settings` name, known to people as `name`. Says nothing to GitLab yet.
    ///
    /// # Errors
    ///
    /// The setting that cannot be used, and why.
    pub fn new(
        name: impl Into<String>,
        settings: &GitlabSettings,
        clients: Vec<GitlabApi>,
    ) -> Result<Self, (&'static str, String)> {
        if let Some(wrong) = settings.wrong() {
            return Err(wrong);
        }
        Ok(Self {
            name: name.into(),
            project: settings.project.as_ref().map(|project| project.trim().to_owned()),
            shown: settings.environments.clone(),
            poll: settings.poll.duration(),
            clients,
            homes: Mutex::default(),
        })
    }

    fn flag(&self, home: &Home, flag: &FeatureFlag) -> Flag {
        Flag {
            flag: FlagRef { provider: self.name.clone(), scope: home.id.to_string(), key: flag.name.clone() },
            internal_id: flag.created_at.clone(),
            description: flag.description.clone().filter(|text| !text.trim().is_empty()),
            archived: false,
            url: Some(home.page.clone()),
            public_page: true,
        }
    }

    /// The environments that are shown of a flag.
    fn environments_of(&self, known: &[Environment], flag: &FeatureFlag) -> Vec<String> {
        if self.shown.is_empty() { state::environments_of(known, flag) } else { self.shown.clone() }
    }

    /// GitLab's environments, where they are needed to tell a state.
    async fn known(&self, home: &Home) -> Provided<Vec<Environment>> {
        if self.shown.is_empty() { home.environments().await } else { Ok(Vec::new()) }
    }

    async fn read(&self, home: &Home, key: &str) -> Provided<Option<FeatureFlag>> {
        if !plausible(key) {
            return Ok(None);
        }
        let found = home.api.feature_flag(home.id, key).await?;
        if found.is_none() {
            self.still_there(home).await?;
        }
        Ok(found.filter(|flag| flag.name == key))
    }

    async fn states_in(&self, scope: &str, flags: &[&(FlagRef, String)]) -> Provided<Vec<Option<FlagState>>> {
        if scope.parse::<ProjectId>().is_err() || flags.iter().all(|(flag, id)| !could_be(flag, id)) {
            return Ok(vec![None; flags.len()]);
        }
        let home = self.home(scope).await?;
        let keys: HashSet<&str> = flags.iter().map(|(flag, _)| flag.key.as_str()).collect();
        let mut found: Vec<FeatureFlag> = Vec::new();
        if keys.len() <= ONE_BY_ONE {
            for key in keys {
                found.extend(self.read(&home, key).await?);
            }
        } else {
            found = home.read_flags().await?;
        }
        let mut known = None;
        let mut states = Vec::with_capacity(flags.len());
        for (flag, id) in flags {
            let mut there = found.iter().find(|one| one.name == flag.key).cloned();
            // A list may have moved under the reading: only GitLab's own word counts.
            if there.is_none() && could_be(flag, id) {
                there = self.read(&home, &flag.key).await?;
            }
            let Some(there) = there.filter(|there| there.created_at == *id) else {
                states.push(None);
                continue;
            };
            let known = match &known {
                Some(known) => known,
                None => known.insert(self.known(&home).await?),
            };
            states.push(Some(state::state_in(&self.environments_of(known, &there), &there, &home.page)));
        }
        Ok(states)
    }
}

/// Whether GitLab could have a flag of that name.
fn plausible(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= 255
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

fn could_be(flag: &FlagRef, id: &str) -> bool {
    plausible(&flag.key) && crate::gitlab::read_time(id).is_some()
}

#[async_trait]
impl FlagProvider for GitlabFlags {
    fn name(&self) -> &str {
        &self.name
    }

    fn service(&self) -> &'static str {
        "GitLab"
    }

    fn abilities(&self) -> Abilities {
        Abilities { search: true, create: true, switch: true, set: Settable::Rollout, ..Abilities::default() }
    }

    fn poll_interval(&self) -> Duration {
        self.poll
    }

    async fn check(&self) -> Provided<()> {
        if let Some(project) = &self.project {
            return self.home(project).await.map(|_| ());
        }
        match self.clients.first() {
            Some(client) => Ok(client.me().await.map(|_| ())?),
            None => Err(ProviderError::Strange("there is no GitLab to ask".to_owned())),
        }
    }

    async fn look_up(&self, from: ProjectId, key: &str) -> Provided<Option<Flag>> {
        if !plausible(key) {
            return Ok(None);
        }
        let home = self.home_of(from).await?;
        Ok(self.read(&home, key).await?.map(|flag| self.flag(&home, &flag)))
    }

    async fn search(&self, from: ProjectId, text: &str, limit: usize) -> Provided<Vec<Flag>> {
        if text.trim().is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let home = self.home_of(from).await?;
        let all = home.all_flags().await?;
        let best = best_first(all.iter(), text, limit, |flag| Searched {
            name: &flag.name,
            description: flag.description.as_deref(),
            archived: false,
        });
        Ok(best.into_iter().map(|flag| self.flag(&home, flag)).collect())
    }

    async fn keys(&self, from: ProjectId) -> Provided<Vec<String>> {
        let home = self.home_of(from).await?;
        Ok(home.all_flags().await?.iter().map(|flag| flag.name.clone()).collect())
    }

    async fn flags(&self, from: ProjectId) -> Provided<Vec<Flag>> {
        let home = self.home_of(from).await?;
        Ok(home.all_flags().await?.iter().map(|flag| self.flag(&home, flag)).collect())
    }

    async fn state(&self, flag: &FlagRef, internal_id: &str) -> Provided<Option<FlagState>> {
        let asked = (flag.clone(), internal_id.to_owned());
        Ok(self.states_in(&flag.scope, &[&asked]).await?.pop().flatten())
    }

    async fn states(&self, flags: &[(FlagRef, String)]) -> Provided<Vec<Option<FlagState>>> {
        let mut scopes: Vec<&str> = flags.iter().map(|(flag, _)| flag.scope.as_str()).collect();
        scopes.sort_unstable();
        scopes.dedup();
        let mut states = vec![None; flags.len()];
        for scope in scopes {
            let (places, asked): (Vec<usize>, Vec<&(FlagRef, String)>) =
                flags.iter().enumerate().filter(|(_, (flag, _))| flag.scope == scope).unzip();
            for (place, state) in places.into_iter().zip(self.states_in(scope, &asked).await?) {
                if let Some(slot) = states.get_mut(place) {
                    *slot = state;
                }
            }
        }
        Ok(states)
    }

    async fn about(&self, flag: &FlagRef, internal_id: &str) -> Provided<About> {
        let home = self.home(&flag.scope).await?;
        let there = self.read(&home, &flag.key).await?.filter(|there| there.created_at == internal_id);
        let moment = there.and_then(|there| crate::gitlab::read_time(there.updated_at.as_deref()?));
        Ok(About { changed_at: moment, ..About::default() })
    }

    async fn switch(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        environment: &str,
        to: &Switch,
    ) -> Provided<Switched> {
        if to.value.is_some() {
            return Err(ProviderError::Unsupported);
        }
        let home = self.home(&flag.scope).await?;
        let known = home.environments().await?;
        // Read anew: a switch is made of what stands there now.
        let there = self.read(&home, &flag.key).await?.filter(|there| there.created_at == internal_id);
        let there = there.ok_or_else(|| ProviderError::gone(&self.name, &flag.key))?;
        let shown = self.environments_of(&known, &there);
        let named = environment_named(&self.name, &shown, environment, String::as_str)?;
        let mut all = shown.clone();
        for name in state::environments_of(&known, &there) {
            if !all.contains(&name) && name != "*" {
                all.push(name);
            }
        }
        let plan = Plan { environment: named, known: &all, page: &home.page, flag: &there };
        let planned = plan.switch(to).map_err(ProviderError::Strange)?;
        home.api.change_flag(home.id, &there, &planned.change).await?;
        home.flags.expire();
        // Some versions answer 200 and leave out a part of what was asked (gitlab-org/gitlab#373009).
        let now =
            self.read(&home, &flag.key).await?.ok_or_else(|| ProviderError::gone(&self.name, &flag.key))?;
        if let Some(left_out) = plan.left_out(&planned.change, &now) {
            return Err(ProviderError::Strange(left_out));
        }
        let state = state::state_in(&all, &now, &home.page);
        let says = planned.says.into_iter().chain(self.remark(flag, named, to, &state));
        let says = says.collect::<Vec<_>>().join(" ");
        Ok(if says.is_empty() { Switched::Done } else { Switched::DoneWith(says) })
    }

    fn remark(&self, flag: &FlagRef, environment: &str, to: &Switch, state: &FlagState) -> Option<String> {
        let now = state.environment(environment)?;
        scope::still_on(&flag.key, to, now, state).or_else(|| still_off(&flag.key, to, now))
    }

    async fn mark(&self, flag: &FlagRef, internal_id: &str, _environment: &str) -> Provided<Option<String>> {
        let home = self.home(&flag.scope).await?;
        let there = self.read(&home, &flag.key).await?.filter(|there| there.created_at == internal_id);
        // GitLab keeps one moment for all environments. Another one that was changed just then is taken for this one.
        Ok(there.and_then(|there| there.updated_at))
    }

    async fn changed_at(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        _environment: &str,
    ) -> Provided<Option<Timestamp>> {
        // One moment for all environments, as above.
        Ok(self.about(flag, internal_id).await?.changed_at)
    }

    async fn create(&self, from: ProjectId, key: &str) -> Provided<Flag> {
        let home = self.home_of(from).await?;
        let made = home.api.create_flag(home.id, key).await;
        let flag =
            made.map_err(|error| ProviderError::key_refused(&self.name, key, &[400, 422], error.into()))?;
        home.flags.expire();
        Ok(self.flag(&home, &flag))
    }

    fn hears_gitlab(&self) -> bool {
        true
    }

    fn read_webhook(&self, body: &[u8]) -> Vec<Hint> {
        webhook::read(self.project.as_deref(), body).into_iter().collect()
    }
}
