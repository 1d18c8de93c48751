//! Unleash, over its admin API as the open source release 8.2 speaks it. Addresses are under `/api/admin/`.

mod about;
mod archive;
mod catalog;
mod events;
mod marks;
mod register;
mod searches;
mod sent;
mod settings;
mod setup;
mod state;
mod survey;
mod switch;
mod version;
mod webhook;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use catalog::Known;
use searches::Searches;
use wire::Feature;

pub use settings::{UnleashSecrets, UnleashSettings};
pub(in crate::flags) use setup::SETUP;

use crate::domain::{Flag, FlagPointer, FlagRef, FlagState, ProjectId};
use crate::flags::cached::Cached;
use crate::flags::json_api::JsonApi;
use crate::flags::settings::SettingError;
use crate::flags::{
    Abilities, About, BackLink, Changes, FlagProvider, Hint, Provided, ServiceProject, Settable,
    StandingLink, Switch, Switched, TooOld, Verdict, WebhookRequest, WebhookThere,
};
use crate::net::HttpClient;

/// One project of one Unleash. Clones are the same.
#[derive(Clone)]
pub struct Unleash {
    name: String,
    project: String,
    url: String,
    poll: Duration,
    api: JsonApi,
    webhook_secrets: Vec<SecretString>,
    flags: Arc<Cached<Vec<wire::Feature>>>,
    environments: Arc<Cached<Vec<wire::Environment>>>,
    searches: Arc<Searches>,
    /// Held while the archive is searched.
    searching: Arc<tokio::sync::Mutex<()>>,
}

impl fmt::Debug for Unleash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unleash")
            .field("name", &self.name)
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}

impl Unleash {
    /// The project that `settings` name, known to people as `name`. Says nothing to Unleash yet.
    pub fn new(
        name: impl Into<String>,
        settings: &UnleashSettings,
        secrets: UnleashSecrets,
        http: HttpClient,
    ) -> Result<Self, SettingError> {
        let url = settings.checked()?;
        let token = secrets.api_token.expose_secret().trim();
        if token.is_empty() {
            return Err(SettingError::new("api_token_file", "the token is empty"));
        }
        let api = JsonApi::new(
            "Unleash",
            format!("{url}/api/admin/"),
            (AUTHORIZATION, token),
            "api_token_file",
            http,
        )?;
        Ok(Self {
            name: name.into(),
            project: settings.project.trim().to_owned(),
            url,
            poll: settings.poll.duration(),
            api,
            webhook_secrets: secrets.webhook,
            flags: Arc::default(),
            environments: Arc::default(),
            searches: Arc::default(),
            searching: Arc::default(),
        })
    }
}

#[async_trait]
impl FlagProvider for Unleash {
    fn name(&self) -> &str {
        &self.name
    }

    fn service(&self) -> &'static str {
        "Unleash"
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            search: true,
            back_links: true,
            // Only one flag's links at a time, and nothing that tells which flags have some.
            finds_links: false,
            tags: true,
            create: true,
            archive: true,
            switch: true,
            set: Settable::Rollout,
            webhooks: !self.webhook_secrets.is_empty(),
            register_webhook: true,
            changes_since: true,
        }
    }

    fn poll_interval(&self) -> Duration {
        self.poll
    }

    async fn check(&self) -> Provided<()> {
        self.check_project().await
    }

    async fn look_up(&self, _from: ProjectId, key: &str) -> Provided<Option<Flag>> {
        Ok(self.find(key).await?.map(|known| self.flag(&known)))
    }

    async fn search(&self, _from: ProjectId, text: &str, limit: usize) -> Provided<Vec<Flag>> {
        self.find_like(text, limit).await
    }

    async fn keys(&self, _from: ProjectId) -> Provided<Vec<String>> {
        Ok(self.all_flags().await?.iter().map(|feature| feature.name.clone()).collect())
    }

    async fn flags(&self, _from: ProjectId) -> Provided<Vec<Flag>> {
        let live = |feature: &Feature| self.flag(&Known { feature: feature.clone(), archived: false });
        Ok(self.all_flags().await?.iter().map(live).collect())
    }

    async fn state(&self, flag: &FlagRef, internal_id: &str) -> Provided<Option<FlagState>> {
        self.state_of(flag, internal_id).await
    }

    async fn states(&self, flags: &[(FlagRef, String)]) -> Provided<Vec<Option<FlagState>>> {
        self.states_of(flags).await
    }

    async fn about(&self, flag: &FlagRef, internal_id: &str) -> Provided<About> {
        self.about_flag(flag, internal_id).await
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

    async fn mark(&self, flag: &FlagRef, _internal_id: &str, environment: &str) -> Provided<Option<String>> {
        self.last_event_in(&flag.key, environment).await.map(Some)
    }

    async fn back_links(&self, flag: &FlagRef, _internal_id: &str) -> Provided<Vec<StandingLink>> {
        self.links(flag).await
    }

    async fn add_back_link(&self, flag: &FlagRef, internal_id: &str, link: &BackLink) -> Provided<String> {
        self.add_link(flag, internal_id, link).await
    }

    async fn update_back_link(
        &self,
        flag: &FlagRef,
        _internal_id: &str,
        id: &str,
        link: &BackLink,
    ) -> Provided<()> {
        self.update_link(flag, id, link).await
    }

    async fn remove_back_link(&self, flag: &FlagRef, _internal_id: &str, id: &str) -> Provided<()> {
        self.remove_link(flag, id).await
    }

    async fn tags(&self, flag: &FlagRef, _internal_id: &str) -> Provided<Vec<String>> {
        self.tag_labels(flag).await
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

    async fn changes_since(&self, cursor: Option<&str>) -> Provided<Changes> {
        self.events_since(cursor).await
    }

    fn verify_webhook(&self, request: &WebhookRequest<'_>) -> Verdict {
        webhook::verify(&self.webhook_secrets, request)
    }

    fn webhook_key(&self, request: &WebhookRequest<'_>) -> Option<String> {
        webhook::key(request.body)
    }

    fn read_webhook(&self, body: &[u8]) -> Vec<Hint> {
        let Ok(event) = serde_json::from_slice(body) else { return Vec::new() };
        let hint = webhook::read(&self.project, &event);
        match &hint {
            Some(Hint { flag: FlagPointer::Any, .. }) => {
                self.flags.expire();
                self.environments.expire();
            }
            Some(_) => self.flags.expire(),
            None => {}
        }
        if hint.is_some() && webhook::changes_archive(&event) {
            self.searches.forget();
        }
        hint.into_iter().collect()
    }

    async fn too_old(&self) -> Provided<Option<TooOld>> {
        self.older_than_known().await
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

    fn webhook_settles(&self) -> Duration {
        // Its integrations are remembered for a minute (`src/lib/services/addon-service.ts`, `fetchAddonConfigs`).
        Duration::from_secs(60)
    }

    fn webhook_proof(&self) -> Option<&'static str> {
        Some("Authorization")
    }

    fn webhook_secret(&self) -> Option<&SecretString> {
        self.webhook_secrets.last()
    }

    fn place(&self) -> String {
        self.url.clone()
    }

    async fn has_webhook(&self, url: &Url, _secret: &str) -> Provided<bool> {
        self.has_registered(url).await
    }

    async fn remove_webhook(&self, url: &Url) -> Provided<()> {
        self.unregister(url).await
    }

    fn rewrites_webhook(&self) -> bool {
        true
    }

    async fn register_webhook(&self, url: &Url, secret: &str) -> Provided<bool> {
        self.register(url, secret).await
    }
}
