//! Flagsmith, over its Admin API as release 2.265 speaks it. Addresses are under `/api/v1/`; nothing that Flagsmith calls
//! experimental is used.

mod about;
mod api;
mod back_links;
mod catalog;
mod digest;
mod overrides;
mod register;
mod settings;
mod setup;
mod state;
mod survey;
mod switch;
mod tags;
mod variants;
mod webhook;
mod wire;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

pub use settings::{FlagsmithSecrets, FlagsmithSettings};
pub(in crate::flags) use setup::SETUP;

use crate::domain::{Flag, FlagRef, FlagState, NoteableKind, ProjectId};
use crate::flags::cached::Cached;
use crate::flags::settings::SettingError;
use crate::flags::{
    Abilities, About, BackLink, FlagProvider, Hint, Provided, ProviderError, ServiceProject, Settable,
    StandingLink, Switch, Switched, Verdict, WebhookRequest, WebhookThere,
};
use crate::net::HttpClient;

/// One project of one Flagsmith.
pub struct Flagsmith {
    name: String,
    project: u64,
    address: String,
    site: String,
    poll: Duration,
    api: api::Api,
    webhook_secrets: Vec<SecretString>,
    environments: Cached<Vec<wire::Environment>>,
    flags: Cached<Vec<catalog::Known>>,
    /// Tags belong to the project: one is made at a time.
    making_tags: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Flagsmith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flagsmith")
            .field("name", &self.name)
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}

impl Flagsmith {
    /// The project that `settings` name, known to people as `name`. Says nothing to Flagsmith yet.
    pub fn new(
        name: impl Into<String>,
        settings: &FlagsmithSettings,
        secrets: FlagsmithSecrets,
        http: HttpClient,
    ) -> Result<Self, SettingError> {
        let checked = settings.checked()?;
        Ok(Self {
            name: name.into(),
            project: settings.project,
            api: api::Api::new(&checked.base, &secrets.api_key, http)?,
            address: checked.base,
            site: checked.site,
            poll: settings.poll.duration(),
            webhook_secrets: secrets.webhook,
            environments: Cached::default(),
            flags: Cached::default(),
            making_tags: tokio::sync::Mutex::default(),
        })
    }

    /// Whether the project is there, for this key.
    async fn check_project(&self) -> Provided<wire::Project> {
        match self.api.get(&format!("projects/{}/", self.project)).await {
            Ok(project) => Ok(project),
            Err(ProviderError::Failed(failure)) if matches!(failure.status, Some(403 | 404)) => {
                Err(ProviderError::Strange(format!(
                    "{} has no project {} that this key may see: check `project` and the key",
                    self.name, self.project
                )))
            }
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl FlagProvider for Flagsmith {
    fn name(&self) -> &str {
        &self.name
    }

    fn service(&self) -> &'static str {
        "Flagsmith"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            search: true,
            back_links: true,
            finds_links: true,
            tags: true,
            create: true,
            archive: true,
            switch: true,
            set: Settable::Value,
            webhooks: !self.webhook_secrets.is_empty(),
            register_webhook: true,
            // Flagsmith's audit log is empty on the free plan, so it cannot be relied on.
            changes_since: false,
        }
    }

    fn poll_interval(&self) -> Duration {
        self.poll
    }

    async fn check(&self) -> Provided<()> {
        self.check_project().await.map(|_| ())
    }

    async fn look_up(&self, _from: ProjectId, key: &str) -> Provided<Option<Flag>> {
        self.find(key).await
    }

    async fn search(&self, _from: ProjectId, text: &str, limit: usize) -> Provided<Vec<Flag>> {
        self.find_like(text, limit).await
    }

    async fn keys(&self, _from: ProjectId) -> Provided<Vec<String>> {
        Ok(self.all_flags().await?.iter().map(|known| known.name.clone()).collect())
    }

    async fn flags(&self, _from: ProjectId) -> Provided<Vec<Flag>> {
        let dashboard = self.dashboard().await;
        Ok(self.all_flags().await?.iter().map(|known| self.flag(known, dashboard.as_deref())).collect())
    }

    async fn state(&self, flag: &FlagRef, internal_id: &str) -> Provided<Option<FlagState>> {
        self.state_of(flag, internal_id).await
    }

    async fn states(&self, flags: &[(FlagRef, String)]) -> Provided<Vec<Option<FlagState>>> {
        self.states_of(flags).await
    }

    async fn about(&self, _flag: &FlagRef, internal_id: &str) -> Provided<About> {
        self.about_flag(internal_id).await
    }

    async fn switch(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        environment: &str,
        to: &Switch,
    ) -> Provided<Switched> {
        self.switch_in(flag, internal_id, environment, to).await
    }

    async fn mark(&self, flag: &FlagRef, internal_id: &str, environment: &str) -> Provided<Option<String>> {
        self.mark_in(flag, internal_id, environment).await
    }

    async fn changed_at(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        environment: &str,
    ) -> Provided<Option<Timestamp>> {
        self.changed_in(flag, internal_id, environment).await
    }

    async fn back_links_refused(&self) -> Provided<Option<String>> {
        self.other_integration().await
    }

    fn changing_over(&self) -> Option<&'static str> {
        Some("docs/from-flagsmith.md")
    }

    async fn back_links(&self, _flag: &FlagRef, internal_id: &str) -> Provided<Vec<StandingLink>> {
        self.links(internal_id).await
    }

    async fn add_back_link(&self, _flag: &FlagRef, internal_id: &str, link: &BackLink) -> Provided<String> {
        self.add_link(internal_id, link).await
    }

    fn back_link_says(&self, link: &BackLink) -> String {
        back_links::says(link.kind, &back_links::metadata(link))
    }

    fn back_link_kind(&self, says: &str) -> Option<NoteableKind> {
        back_links::kind_in(says)
    }

    async fn update_back_link(
        &self,
        _flag: &FlagRef,
        internal_id: &str,
        id: &str,
        link: &BackLink,
    ) -> Provided<()> {
        self.update_link(internal_id, id, link).await
    }

    async fn remove_back_link(&self, _flag: &FlagRef, internal_id: &str, id: &str) -> Provided<()> {
        self.remove_link(internal_id, id).await
    }

    async fn flags_with_links(&self) -> Provided<Vec<Flag>> {
        self.flags_with_work().await
    }

    async fn tags(&self, flag: &FlagRef, internal_id: &str) -> Provided<Vec<String>> {
        self.tag_labels(flag, internal_id).await
    }

    async fn change_tags(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        add: &[String],
        remove: &[String],
    ) -> Provided<()> {
        self.change_tag_labels(flag, internal_id, add, remove).await
    }

    async fn create(&self, _from: ProjectId, key: &str) -> Provided<Flag> {
        self.make(key).await
    }

    async fn archive(&self, flag: &FlagRef, internal_id: &str, archived: bool) -> Provided<()> {
        self.set_archived(flag, internal_id, archived).await
    }

    fn verify_webhook(&self, request: &WebhookRequest<'_>) -> Verdict {
        webhook::verify(&self.webhook_secrets, request)
    }

    fn read_webhook(&self, body: &[u8]) -> Vec<Hint> {
        let read = webhook::read(self.project, body);
        if read.environments {
            self.environments.expire();
        }
        if read.flags {
            self.flags.expire();
        }
        read.hints
    }

    async fn projects(&self) -> Provided<Vec<ServiceProject>> {
        self.all_projects().await
    }

    async fn environment_names(&self) -> Provided<Vec<String>> {
        Ok(self.environments().await?.iter().map(|environment| environment.name.clone()).collect())
    }

    async fn webhook_standing(&self, url: &Url) -> Provided<WebhookThere> {
        self.webhook_there(url).await
    }

    fn webhook_proof(&self) -> Option<&'static str> {
        Some("X-Flagsmith-Signature")
    }

    fn webhook_secret(&self) -> Option<&SecretString> {
        self.webhook_secrets.last()
    }

    fn place(&self) -> String {
        format!("{}, project {}", self.address, self.project)
    }

    async fn has_webhook(&self, url: &Url, secret: &str) -> Provided<bool> {
        self.has_registered(url, secret).await
    }

    async fn webhooks_astray(&self, url: &Url) -> Provided<Vec<String>> {
        self.astray(url).await
    }

    async fn remove_webhook(&self, url: &Url) -> Provided<()> {
        self.unregister(url).await
    }

    async fn register_webhook(&self, url: &Url, secret: &str) -> Provided<bool> {
        self.register(url, secret).await
    }
}
