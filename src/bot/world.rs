//! What the behaviours read: the store, GitLab as the configured tokens see it, the flag services, the rules.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Trouble;
use super::adoptions::Adoptions;
use super::deletions::Deletions;
use super::doubts::Doubts;
use super::limits::CLOCK_SLACK;
use super::looks::Looks;
use super::refusals::Refusals;
use crate::config::{ProjectRule, Rules};
use crate::domain::{
    Decision, FlagRef, InstanceId, Noteable, NoteableKind, NoteableView, ProjectId, Register, UserId, Write,
};
use crate::flags::{FlagProvider, Registry};
use crate::gitlab::{GitlabApi, GitlabError, Me, NoteableDetail, ProjectDetail};
use crate::markdown::{MarkerKey, Templates};
use crate::store::{CommitError, Store};
use crate::telemetry::Metrics;

/// How long what GitLab said about a project is believed.
const PROJECT_BELIEVED: Duration = Duration::from_secs(30);
/// How long GitLab may take to tell its time.
const PATIENCE_FOR_TIME: Duration = Duration::from_secs(30);
/// Projects remembered at the same time.
const PROJECTS: usize = 10_000;

/// What a [`World`] is made of. A new one is made when the configuration is read again.
pub struct WorldParts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The instance's id.
    pub instance: InstanceId,
    /// The client with the instance's own token.
    pub gitlab: GitlabApi,
    /// Clients of rules that have a token of their own, by the rule's pattern.
    pub gitlab_by_rule: HashMap<String, GitlabApi>,
    /// The rules.
    pub rules: Rules,
    /// The flag services.
    pub flags: Registry,
    /// The key of the hidden markers.
    pub markers: MarkerKey,
    /// The words of comments.
    pub templates: Arc<Templates>,
    /// The longest GitLab may still work on a request that was given up on.
    pub request_ceiling: Duration,
    /// Metrics.
    pub metrics: Arc<Metrics>,
}

/// A project with the rule that holds for it and the client that speaks to it.
#[derive(Debug, Clone)]
pub struct Project {
    /// As GitLab showed it.
    pub detail: ProjectDetail,
    /// The first rule that matches its path.
    pub rule: Arc<ProjectRule>,
    /// The client for it.
    pub gitlab: GitlabApi,
}

#[derive(Clone)]
struct Remembered {
    at: Instant,
    project: Option<Project>,
}

/// What the behaviours read.
pub struct World {
    parts: WorldParts,
    projects: Mutex<HashMap<ProjectId, Remembered>>,
    /// Who we are, per client: the empty pattern is the instance's own token.
    me: Mutex<HashMap<String, Me>>,
    bots: RwLock<BTreeSet<UserId>>,
    looks: Looks,
    doubts: Arc<Doubts>,
    refusals: Refusals,
    adoptions: Arc<Adoptions>,
    deletions: Arc<Deletions>,
}

impl World {
    /// Joins the parts.
    pub fn new(parts: WorldParts) -> Self {
        Self {
            parts,
            projects: Mutex::default(),
            me: Mutex::default(),
            bots: RwLock::default(),
            looks: Looks::default(),
            doubts: Arc::default(),
            refusals: Refusals::default(),
            adoptions: Arc::default(),
            deletions: Arc::default(),
        }
    }

    /// The one that comes after another when the configuration is read again: what is doubted stays doubted, and what an admin
    /// has said of it stays said.
    pub fn after(self, before: &Self) -> Self {
        Self {
            doubts: Arc::clone(&before.doubts),
            adoptions: Arc::clone(&before.adoptions),
            deletions: Arc::clone(&before.deletions),
            ..self
        }
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        self.parts.store.as_ref()
    }

    /// The instance.
    pub fn instance(&self) -> &InstanceId {
        &self.parts.instance
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.parts.rules
    }

    /// The flag services.
    pub fn flags(&self) -> &Registry {
        &self.parts.flags
    }

    /// The key of the hidden markers.
    pub fn markers(&self) -> &MarkerKey {
        &self.parts.markers
    }

    /// The words of comments.
    pub fn templates(&self) -> &Templates {
        &self.parts.templates
    }

    /// The longest GitLab may still work on a request that was given up on.
    pub fn request_ceiling(&self) -> Duration {
        self.parts.request_ceiling
    }

    /// Metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.parts.metrics
    }

    /// The provider of a flag, if it is configured.
    pub fn provider(&self, flag: &FlagRef) -> Option<&Arc<dyn FlagProvider>> {
        self.parts.flags.get(&flag.provider)
    }

    /// What a flag service says and nobody believes yet.
    pub fn doubts(&self) -> &Doubts {
        &self.doubts
    }

    /// What is doubted of links that were taken off flags in their own service.
    pub fn adoptions(&self) -> &Adoptions {
        &self.adoptions
    }

    /// What is doubted of linked work that GitLab does not know any more.
    pub fn deletions(&self) -> &Deletions {
        &self.deletions
    }

    /// The flag services whose flags are left alone.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// The last look at each flag.
    pub(super) fn looks(&self) -> &Looks {
        &self.looks
    }

    /// The addresses that the instance has or had.
    pub async fn addresses(&self) -> Result<Vec<String>, Trouble> {
        let instances = self.store().register().await?.value.unwrap_or_default().instances;
        let ours = instances.into_iter().find(|instance| instance.id == self.parts.instance);
        Ok(ours.map(|instance| instance.urls).unwrap_or_default())
    }

    /// The noteable's name for good.
    pub fn noteable(&self, project: ProjectId, kind: NoteableKind, iid: u64) -> Noteable {
        Noteable { instance: self.parts.instance.clone(), project, kind, iid }
    }

    /// The project, if a rule matches it and a token of ours sees it.
    ///
    /// What GitLab said is believed for 30 seconds.
    pub async fn project(&self, id: ProjectId) -> Result<Option<Project>, Trouble> {
        if let Some(remembered) = self.remembered(id) {
            return Ok(remembered);
        }
        let at = Instant::now();
        let project = self.ask_for_project(id).await?;
        let mut projects = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
        if projects.len() >= PROJECTS {
            projects.retain(|_, remembered| remembered.at.elapsed() < PROJECT_BELIEVED);
        }
        projects.insert(id, Remembered { at, project: project.clone() });
        Ok(project)
    }

    /// The same as GitLab has shown it since that moment, for what would give something away: all that is written in one project at
    /// a time asks once.
    pub async fn project_since(&self, id: ProjectId, since: Instant) -> Result<Option<Project>, Trouble> {
        let older = |remembered: &Remembered| remembered.at < since;
        if self.projects.lock().unwrap_or_else(PoisonError::into_inner).get(&id).is_some_and(older) {
            self.forget_project(id);
        }
        self.project(id).await
    }

    /// The project at that path, if a rule matches it and its token sees it. Asked anew each time. One that went elsewhere (GitLab
    /// redirects then) is not there any more.
    pub async fn project_at(&self, path: &str) -> Result<Option<Project>, Trouble> {
        let Some(rule) = self.parts.rules.for_project(path) else { return Ok(None) };
        let detail = match self.client_of(&rule).project_at(path).await {
            Err(GitlabError::Failed(failure)) if matches!(failure.status, Some(300..=399)) => None,
            found => found?,
        };
        Ok(detail.and_then(|detail| self.shown_project(detail)))
    }

    /// A project that GitLab has shown, with the rule that holds for it and the client that speaks to it.
    pub fn shown_project(&self, detail: ProjectDetail) -> Option<Project> {
        let rule = self.parts.rules.for_project(&detail.path)?;
        let gitlab = self.client_of(&rule).clone();
        Some(Project { detail, rule, gitlab })
    }

    /// Forgets what GitLab said about a project, after a sign that it changed.
    pub fn forget_project(&self, id: ProjectId) {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    fn remembered(&self, id: ProjectId) -> Option<Option<Project>> {
        let projects = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = projects.get(&id)?;
        (remembered.at.elapsed() < PROJECT_BELIEVED).then(|| remembered.project.clone())
    }

    async fn ask_for_project(&self, id: ProjectId) -> Result<Option<Project>, Trouble> {
        // A token that has expired must not hide a project from the others; but only where all of them have answered is it
        // certain that none sees it.
        let mut detail = None;
        let mut trouble = None;
        for client in std::iter::once(&self.parts.gitlab).chain(self.parts.gitlab_by_rule.values()) {
            match client.project(id).await {
                Ok(Some(found)) => {
                    detail = Some(found);
                    break;
                }
                Ok(None) => {}
                Err(GitlabError::Failed(failure)) if failure.is_unauthorized() => {
                    trouble = trouble.or(Some(Trouble::from(failure)));
                }
                // The same GitLab has nothing better for another token.
                Err(error) => return Err(error.into()),
            }
        }
        let Some(detail) = detail else {
            return match trouble {
                Some(trouble) => Err(trouble),
                None => Ok(None),
            };
        };
        Ok(self.shown_project(detail))
    }

    /// The client that speaks to the projects of that rule.
    pub fn client_for(&self, rule: &ProjectRule) -> &GitlabApi {
        self.client_of(rule)
    }

    fn client_of(&self, rule: &ProjectRule) -> &GitlabApi {
        self.parts.gitlab_by_rule.get(&rule.pattern).unwrap_or(&self.parts.gitlab)
    }

    /// Who we are where that rule holds. Asked once; a user that is new to us is written down before it is used.
    pub async fn me(&self, rule: &ProjectRule) -> Result<Me, Trouble> {
        let pattern = match self.parts.gitlab_by_rule.contains_key(&rule.pattern) {
            true => rule.pattern.as_str(),
            false => "",
        };
        if let Some(me) = self.me.lock().unwrap_or_else(PoisonError::into_inner).get(pattern) {
            return Ok(me.clone());
        }
        let me = self.client_of(rule).me().await?;
        self.write_down_bot(me.id).await?;
        self.me.lock().unwrap_or_else(PoisonError::into_inner).insert(pattern.to_owned(), me.clone());
        Ok(me)
    }

    /// Who we are with the instance's own token, if that has been asked already.
    pub fn known_me(&self) -> Option<Me> {
        self.me.lock().unwrap_or_else(PoisonError::into_inner).get("").cloned()
    }

    /// The one name that we can be spoken to by, if there is only one and it is known: a rule with a token of its own has a
    /// bot with a name of its own.
    pub fn only_name(&self) -> Option<String> {
        if !self.parts.gitlab_by_rule.is_empty() {
            return None;
        }
        self.known_me().map(|me| me.username)
    }

    /// The instance's own client.
    pub fn gitlab(&self) -> &GitlabApi {
        &self.parts.gitlab
    }

    /// The clients of rules that have a token of their own, with the rule's pattern.
    pub fn gitlab_by_rule(&self) -> impl Iterator<Item = (&str, &GitlabApi)> {
        self.parts.gitlab_by_rule.iter().map(|(pattern, client)| (pattern.as_str(), client))
    }

    /// Every bot user that ever wrote for us, as far as known.
    pub fn bots(&self) -> BTreeSet<UserId> {
        self.bots.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether that user is one of ours.
    pub fn is_bot(&self, user: UserId) -> bool {
        self.bots.read().unwrap_or_else(PoisonError::into_inner).contains(&user)
    }

    /// Reads the bots that the store knows.
    pub async fn load_bots(&self) -> Result<(), Trouble> {
        let register = self.store().register().await?.value.unwrap_or_default();
        let known = register.instances.iter().filter(|known| known.id == self.parts.instance);
        let ids: BTreeSet<UserId> = known.flat_map(|known| known.bots.iter().copied()).collect();
        self.bots.write().unwrap_or_else(PoisonError::into_inner).extend(ids);
        Ok(())
    }

    async fn write_down_bot(&self, id: UserId) -> Result<(), Trouble> {
        self.change_register(|register| {
            let Some(known) = register.instances.iter_mut().find(|known| known.id == self.parts.instance)
            else {
                return false;
            };
            known.bots.insert(id)
        })
        .await?;
        self.bots.write().unwrap_or_else(PoisonError::into_inner).insert(id);
        Ok(())
    }

    /// Writes down for every rule that is new since when it holds: before anything is taken, so that nothing that is
    /// written from then on is older than its rule. GitLab is asked for its time, for so long at most.
    pub async fn begin_rules(&self, patience: Duration) -> Result<(), Trouble> {
        let until = Instant::now() + patience;
        for rule in &self.parts.rules.rules {
            self.begin_rule(rule, until.saturating_duration_since(Instant::now())).await?;
        }
        Ok(())
    }

    /// When the rule was first in force, by GitLab's clock.
    pub async fn rule_since(&self, rule: &ProjectRule) -> Result<Timestamp, Trouble> {
        self.begin_rule(rule, PATIENCE_FOR_TIME).await
    }

    async fn begin_rule(&self, rule: &ProjectRule, patience: Duration) -> Result<Timestamp, Trouble> {
        let name = format!("{}/{}", self.parts.instance, rule.pattern);
        if let Some(since) =
            self.store().register().await?.value.and_then(|register| register.rules.get(&name).copied())
        {
            return Ok(since);
        }
        let now = Timestamp::now();
        let since = match tokio::time::timeout(patience, self.client_of(rule).me()).await {
            Ok(Ok(Me { date: Some(date), .. })) => date,
            _ => now.checked_sub(CLOCK_SLACK).unwrap_or(now),
        };
        self.change_register(|register| {
            let new = !register.rules.contains_key(&name);
            register.rules.entry(name.clone()).or_insert(since);
            new
        })
        .await?;
        Ok(since)
    }

    /// Changes the installation's record until that goes through; `change` says whether it changed anything.
    async fn change_register(&self, mut change: impl FnMut(&mut Register) -> bool) -> Result<(), Trouble> {
        loop {
            let mut decision = Decision::new();
            let mut register = decision.rests_on(self.store().register().await?).unwrap_or_default();
            if !change(&mut register) {
                return Ok(());
            }
            decision.write(Write::PutRegister(Box::new(register)));
            match self.store().commit(decision).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }
}

/// What is kept of what GitLab showed.
pub(super) fn view_of(detail: &NoteableDetail, project: &ProjectDetail) -> NoteableView {
    NoteableView {
        title: detail.title.clone(),
        web_url: detail.web_url.clone(),
        state: detail.state,
        draft: detail.draft,
        confidential: detail.confidential,
        project_path: project.path.clone(),
        visibility: project.visibility,
    }
}
