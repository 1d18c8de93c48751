//! The webhooks on both sides: by the running flaglink, or by ourselves where none runs.

use std::path::Path;

use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::flags::Flags;
use super::gitlab::{Chosen, Gitlab};
use super::plan::Plan;
use crate::cli::client::Client;
use crate::cli::progress::Progress;
use crate::cli::source::owner_of_store;
use crate::cli::{Trouble, show};
use crate::config::Config;
use crate::daemon::HookDesk;
use crate::gitlab::HookHome;
use crate::http::api_hooks::{HooksAsked, HooksDone, HooksTested};
use crate::http::api_types::{Reload, Reloaded};
use crate::pipeline::{HookChoice, HookDone};

/// What became of the webhooks.
#[derive(Default)]
pub(super) struct Registered {
    /// What was done, and what came of the test, one sentence each.
    pub(super) done: Vec<String>,
    /// What could not be done, likewise.
    pub(super) not: Vec<String>,
    /// What is not done yet and passes by itself, or could not be tried, likewise.
    pub(super) not_yet: Vec<String>,
    /// Whether a webhook that there should be is not in step, or something could not be done.
    pub(super) failed: bool,
    /// Whether flaglink runs.
    pub(super) runs: bool,
    /// Whether it has to be started again before it can register any.
    pub(super) waits: bool,
    /// Whether it has the secrets of its start, of which some are other ones now.
    pub(super) has_old_secrets: bool,
}

/// So many projects are looked at for what would be done.
const SHOWN: usize = 12;

/// What would become of the webhooks, one sentence each. Only reads.
pub(super) async fn would(
    plan: &Plan,
    gitlab: &Gitlab,
    chosen: &Chosen,
    flags: &Flags,
    progress: &Progress,
) -> Vec<String> {
    let _step = progress.step("looking at the webhooks");
    let (mut there, mut new) = (Vec::new(), Vec::new());
    for project in chosen.matched.iter().take(SHOWN) {
        let prefix = plan.address().map(|address| format!("{address}/hooks/gitlab/"));
        let ours = |url: &str| prefix.as_ref().is_some_and(|prefix| url.starts_with(prefix));
        let hooks = match plan.by_hand {
            true => Vec::new(),
            false => gitlab.api.hooks_of(HookHome::Project(project.id)).await.unwrap_or_default(),
        };
        if hooks.iter().any(|hook| ours(&hook.url)) { &mut there } else { &mut new }
            .push(project.path.as_str());
    }
    let more = chosen.matched.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let mut all = Vec::new();
    if !there.is_empty() {
        all.push(format!("Webhooks are there already in {}", there.join(", ")));
    }
    let at = plan.address().unwrap_or("the tunnel's address");
    if plan.by_hand {
        all.push(format!(
            "No webhook would be registered in GitLab; it is to be made by hand in {}{more}",
            new.join(", ")
        ));
    } else if !new.is_empty() {
        all.push(format!("Webhooks would be registered in {}{more}, to {at}/hooks/gitlab/…", new.join(", ")));
    }
    all.extend(would_at_service(plan, flags, at).await);
    all
}

/// The same of the flag service's.
async fn would_at_service(plan: &Plan, flags: &Flags, at: &str) -> Option<String> {
    let provider = flags.asked.as_ref().filter(|provider| provider.abilities().register_webhook)?;
    let service = provider.service();
    if plan.public.is_none() || plan.by_hand {
        return Some(format!("No webhook would be registered at {service}"));
    }
    let url = format!("{at}/hooks/providers/{}", flags.name);
    let secret = plan.service_secret.as_ref().map(|secret| secret.expose_secret()).unwrap_or_default();
    let stands = match Url::parse(&url) {
        Ok(url) => provider.has_webhook(&url, secret).await.unwrap_or(false),
        Err(_) => false,
    };
    Some(match stands {
        true => format!("{service}'s webhook to {url} is there already"),
        false => format!("A webhook would be registered at {service}, to {url}"),
    })
}

/// Registers the webhooks, and sends a test where flaglink runs. `new_secrets`: some were just written.
pub(super) async fn register(
    config: &Config,
    plan: &Plan,
    new_secrets: bool,
    progress: &Progress,
) -> Registered {
    let mut told = Registered::default();
    let client = match Client::connect(&config.listen.socket).await {
        Ok(client) => client,
        Err(trouble) => {
            told.fail(words(trouble));
            None
        }
    };
    told.runs = client.is_some();
    // systemd gives a service its secrets when it starts: what it says of the old ones is no answer.
    told.has_old_secrets = told.runs && new_secrets && plan.credentials.is_some();
    if told.has_old_secrets || !config.gitlab.register_hooks || plan.by_hand {
        return told;
    }
    let _step = progress.step("registering webhooks");
    match client {
        Some(_) => by_daemon(&config.listen.socket, &mut told).await,
        // The tunnel's address is found out by the daemon, which registers them then.
        None if config.listen.public_url.is_none() => {}
        // What we would write there could not be read by its owner any more.
        None if owner_of_store(&config.store.path).is_some() => {
            let owner = owner_of_store(&config.store.path).unwrap_or_default();
            let store = show(&config.store.path);
            told.not_yet.push(format!(
                "webhooks are brought into step when flaglink starts: its store {store} belongs to another user ({owner})."
            ));
        }
        None => match HookDesk::alone(config).await {
            Ok(desk) => match desk.sync(&HookChoice::default(), false).await {
                Ok(done) => told.take(done),
                Err(why) => told.fail(why),
            },
            Err(error) => told.fail(error.to_string()),
        },
    }
    told
}

async fn by_daemon(socket: &Path, told: &mut Registered) {
    // A flaglink that runs already reads the new configuration first; one that cannot takes it at its next start.
    let reloaded: Result<Reloaded, Trouble> = ask(socket, "/api/v1/reload", &Reload {}).await;
    told.waits = reloaded.is_ok_and(|reloaded| {
        reloaded.at_the_next_start.iter().any(|key| key == "listen.public_url" || key == "listen.webhooks")
    });
    if told.waits {
        return;
    }
    match ask::<HooksDone>(socket, "/api/v1/hooks/sync", &HooksAsked::default()).await {
        Ok(done) => told.take(done.hooks),
        Err(trouble) => {
            told.fail(words(trouble));
            return;
        }
    }
    match ask::<HooksTested>(socket, "/api/v1/hooks/test", &HooksAsked::default()).await {
        Ok(tested) => {
            for one in tested.hooks {
                if one.arrived {
                    told.done.push(format!("a test from {} arrived here", one.name));
                } else if let Some(problem) = one.problem {
                    let said = format!("a test from {}: {}. {}", one.name, problem.what, problem.todo);
                    // What could not even be sent, or passes, says nothing of the webhook.
                    match one.trigger.is_none() || problem.passes {
                        true => told.not_yet.push(said),
                        false => told.fail(said),
                    }
                }
            }
        }
        Err(trouble) => told.fail(words(trouble)),
    }
}

/// Asks for a change, on a connection of its own: one is closed after a refusal.
async fn ask<T: DeserializeOwned>(socket: &Path, target: &str, what: &impl Serialize) -> Result<T, Trouble> {
    match Client::connect(socket).await? {
        Some(mut client) => client.change(target, what).await,
        None => Err(Trouble::World("flaglink has stopped meanwhile".to_owned())),
    }
}

fn words(trouble: Trouble) -> String {
    match trouble {
        Trouble::World(text) | Trouble::Arguments(text) => text,
        Trouble::NobodyReads | Trouble::Told => String::new(),
    }
}

impl Registered {
    fn fail(&mut self, why: String) {
        self.failed = true;
        self.not.push(why);
    }

    fn take(&mut self, all: Vec<HookDone>) {
        for one in all {
            self.done.extend(one.did.iter().map(|did| format!("the webhook of {}: {did}", one.name)));
            if let Some(problem) = one.problem {
                let said = format!("the webhook of {}: {}. {}", one.name, problem.what, problem.todo);
                match problem.passes {
                    true => {
                        self.failed = true;
                        self.not_yet.push(said);
                    }
                    false => self.fail(said),
                }
            }
        }
    }
}
