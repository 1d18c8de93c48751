//! The town with an Unleash and GitLab's own flags beside its Flagsmith.

use flaglink::sandbox::gitlab::{HookSpec, NoteableRef};
use flaglink::sandbox::unleash::{Outcome, Person, Unleash};
use serde_json::{Value, json};

use super::town::{GITLAB_SECRET, PATIENCE, Plan, Town};

/// What Unleash's webhooks have in their `Authorization` header.
pub(crate) const UNLEASH_SECRET: &str = "Bearer town-unleash-webhook-secret";

/// The town, and the Unleash beside it.
pub(crate) struct Services {
    pub(crate) town: Town,
    pub(crate) unleash: Unleash,
    /// Somebody who changes flags in Unleash.
    pub(crate) uma: Person,
}

/// How often everything is polled where polling is not what a story is about.
pub(crate) const SELDOM: &str = "1h";
/// As often as the configuration allows.
pub(crate) const OFTEN: &str = "5s";

impl Services {
    /// Flagsmith, Unleash (`unleash`) and GitLab's own (`gitlab`), all of them with webhooks.
    pub(crate) async fn new(plan: Plan, poll: &str) -> Self {
        let mut town = Town::planned(plan).await;
        let unleash = Unleash::start().await.unwrap();
        // What a real one allows in a minute is less than a story needs.
        unleash.limit_searches(None);
        let uma = unleash.person("uma");
        let tables = format!(
            "{}\n[providers.gitlab]\nkind = \"gitlab\"\npoll = \"{poll}\"\n",
            table("unleash", &unleash, poll)
        );
        town.start_with(&tables, &files("unleash", &unleash.token(), UNLEASH_SECRET).each()).await;
        for name in ["production", "staging"] {
            town.gitlab.environment(town.shop, name, name);
        }
        let services = Self { town, unleash, uma };
        services.unleash.webhook(&services.path_of("unleash"), UNLEASH_SECRET);
        services.hear_flags(services.town.shop);
        services
    }

    /// Where webhooks of that provider come in.
    pub(crate) fn path_of(&self, provider: &str) -> String {
        path_of(&self.town, provider)
    }

    /// GitLab tells of this project's flags, too.
    pub(crate) fn hear_flags(&self, project: u64) {
        let url = format!("http://{}/hooks/gitlab", self.town.address());
        let events = vec!["feature_flag_events"];
        self.town.gitlab.hook(project, HookSpec { events, ..HookSpec::everything(&url, GITLAB_SECRET) });
    }

    /// A flag of `shop/web` itself that is on where the scopes say.
    pub(crate) fn own_flag(&self, name: &str, scopes: &[&str]) {
        let strategies = scopes.iter().map(|scope| for_all(scope)).collect();
        let town = &self.town;
        town.gitlab.new_feature_flag(town.mara, town.shop, name, true, strategies).unwrap();
    }

    /// Mara comments, and everything comes to rest.
    pub(crate) async fn says(&self, on: NoteableRef, text: &str) -> u64 {
        let note = self.town.says(on, text).await;
        self.rest().await;
        note
    }

    /// Returns when every webhook is delivered and everything that follows from it is done.
    pub(crate) async fn rest(&self) {
        rest(&self.town, &[&self.unleash]).await;
    }

    /// The pages that stand on a flag in Unleash.
    pub(crate) fn links(&self, flag: &str) -> Vec<String> {
        self.uma.links(flag).unwrap().into_iter().map(|link| link.url).collect()
    }
}

/// Where webhooks of that provider come in.
pub(crate) fn path_of(town: &Town, provider: &str) -> String {
    format!("http://{}/hooks/providers/{provider}", town.address())
}

/// Returns when every webhook of these, too, is delivered and everything that follows from it is done.
pub(crate) async fn rest(town: &Town, beside: &[&Unleash]) {
    loop {
        for unleash in beside {
            unleash.settled(PATIENCE).await.unwrap();
        }
        town.rest().await;
        let under_way = |unleash: &&Unleash| {
            unleash.deliveries().iter().any(|delivery| delivery.outcome == Outcome::Waiting)
        };
        if !beside.iter().any(under_way) && town.daemon().in_lanes() == 0 {
            return;
        }
    }
}

/// The configuration's table for an Unleash.
pub(crate) fn table(name: &str, unleash: &Unleash, poll: &str) -> String {
    format!(
        "\n[providers.{name}]\nkind = \"unleash\"\nurl = \"{}\"\napi_token_file = \"{name}-token\"\n\
         webhook_secret_file = \"{name}-webhook\"\npoll = \"{poll}\"\n",
        unleash.url()
    )
}

/// The files that [`table`] names.
pub(crate) struct Files([(String, String); 2]);

/// The files that [`table`] names.
pub(crate) fn files(name: &str, token: &str, secret: &str) -> Files {
    Files([(format!("{name}-token"), token.to_owned()), (format!("{name}-webhook"), secret.to_owned())])
}

impl Files {
    /// Each with its name.
    pub(crate) fn each(&self) -> [(&str, &str); 2] {
        self.0.each_ref().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

/// A strategy for everybody in a scope, as GitLab's API takes it.
pub(crate) fn for_all(scope: &str) -> Value {
    json!({ "name": "default", "parameters": {}, "scopes": [{ "environment_scope": scope }] })
}
