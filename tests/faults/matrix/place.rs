//! A town whose flag is one of Flagsmith's, of an Unleash's or of GitLab's own.

use std::time::Duration;

use flaglink::sandbox::faults::Faults;
use flaglink::sandbox::gitlab::NoteableRef;
use flaglink::sandbox::server::Server;
use flaglink::sandbox::unleash::Unleash;
use serde_json::json;

use crate::kit::rest_within;
use crate::town::{Plan, Town};

/// Whose flag the story is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flags {
    Flagsmith,
    Unleash,
    Own,
}

/// At which server something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Gitlab,
    Service,
}

/// A town with a flag `checkout_v2` that is off in production, and an issue.
pub(super) struct Place {
    pub(super) town: Town,
    pub(super) issue: NoteableRef,
    flags: Flags,
    unleash: Option<Unleash>,
    _secrets: tempfile::TempDir,
}

impl Place {
    pub(super) async fn new(flags: Flags) -> Self {
        Self::planned(flags, "").await
    }

    /// With further lines for `[gitlab]`.
    pub(super) async fn planned(flags: Flags, request_ceiling: &str) -> Self {
        let secrets = tempfile::tempdir().unwrap();
        let mut unleash = None;
        let mut more = String::new();
        let provider = match flags {
            Flags::Flagsmith => "flagsmith",
            Flags::Unleash => {
                let server = Unleash::start().await.unwrap();
                server.person("uma").new_flag("checkout_v2", "").unwrap();
                let token = secrets.path().join("token");
                std::fs::write(&token, server.token()).unwrap();
                let only_mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
                std::fs::set_permissions(&token, only_mine).unwrap();
                more = format!(
                    "[providers.unleash]\nkind = \"unleash\"\nurl = \"{}\"\napi_token_file = \"{}\"\npoll = \"1h\"\n",
                    server.url(),
                    token.display()
                );
                unleash = Some(server);
                "unleash"
            }
            Flags::Own => {
                more = "[providers.gitlab]\nkind = \"gitlab\"\npoll = \"1h\"\n".to_owned();
                "gitlab"
            }
        };
        let rule = format!("providers = [\"{provider}\"]\npermissions = {{ toggle = \"developer\" }}");
        let mut town = Town::planned(Plan { rule, more, ..Plan::default() }).await;
        if !request_ceiling.is_empty() {
            town.start_rewritten("request_ceiling = \"2s\"", request_ceiling).await;
        }
        if flags == Flags::Own {
            let staging = json!({
                "name": "default", "parameters": {}, "scopes": [{ "environment_scope": "staging" }]
            });
            for name in ["production", "staging"] {
                town.gitlab.environment(town.shop, name, name);
            }
            town.gitlab.new_feature_flag(town.mara, town.shop, "checkout_v2", true, vec![staging]).unwrap();
        }
        let issue = town.issue();
        town.rest().await;
        Self { town, issue, flags, unleash, _secrets: secrets }
    }

    /// The server that is asked; GitLab's own flags are GitLab's.
    pub(super) fn server(&self, at: At) -> &Server {
        match (at, &self.unleash) {
            (At::Service, Some(unleash)) => unleash.server(),
            (At::Service, None) if self.flags == Flags::Flagsmith => self.town.flagsmith.server(),
            _ => self.town.gitlab.server(),
        }
    }

    /// What goes wrong there.
    pub(super) fn faults(&self, at: At) -> &Faults {
        self.server(at).faults()
    }

    /// Whether what stands on the flag in its service is the issue, once; GitLab keeps nothing there.
    pub(super) fn is_linked_there(&self) -> bool {
        let links = match (self.flags, &self.unleash) {
            (Flags::Flagsmith, _) => self.town.links("checkout_v2"),
            (_, Some(unleash)) => {
                let links = unleash.person("uma").links("checkout_v2").unwrap();
                links.into_iter().map(|link| link.url).collect()
            }
            _ => return true,
        };
        links == [self.town.page(self.issue)]
    }

    /// Whether the flag is tagged with how the issue stands; GitLab's flags have no tags.
    pub(super) fn is_tagged_there(&self) -> bool {
        match (self.flags, &self.unleash) {
            (Flags::Flagsmith, _) => self.town.ada.labels("checkout_v2").unwrap() == ["Issue Open"],
            (_, Some(unleash)) => unleash.person("uma").tags("checkout_v2").unwrap() == ["simple:Issue Open"],
            _ => true,
        }
    }

    /// Whether the flag is on in production.
    pub(super) fn is_on(&self) -> bool {
        match (self.flags, &self.unleash) {
            (Flags::Flagsmith, _) => self.town.ada.state("checkout_v2", "production").unwrap().0,
            (_, Some(unleash)) => unleash.person("uma").is_on("checkout_v2", "production").unwrap(),
            _ => self.town.gitlab.read(|model| {
                let flag = model.feature_flag(self.town.shop, "checkout_v2").unwrap();
                let mut scopes = flag.strategies.iter().flat_map(|one| &one.scopes);
                flag.active && scopes.any(|scope| scope.environment_scope == "production")
            }),
        }
    }

    /// The server takes flaglink's token or key back, or accepts it again.
    pub(super) fn accept(&self, at: At, accepted: bool) {
        match (at, &self.unleash) {
            (At::Service, Some(unleash)) => unleash.change(|world| {
                world.tokens.iter_mut().for_each(|token| token.revoked = !accepted);
            }),
            (At::Service, None) => self.town.flagsmith.change(|world| {
                world.keys.values_mut().for_each(|key| key.revoked = !accepted);
            }),
            (At::Gitlab, _) => self.town.gitlab.change(|model| {
                let ours = model.tokens.iter_mut().filter(|token| token.user == self.town.bot);
                ours.for_each(|token| token.revoked = !accepted);
            }),
        }
    }

    /// Returns when everything has come to rest.
    pub(super) async fn rest(&self, patience: Duration) {
        rest_within(&self.town, patience).await;
    }

    pub(super) async fn end(self) {
        self.town.end().await;
    }
}
