//! The webhooks on both sides: by the running flaglink, or by ourselves where none runs.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::plan::Plan;
use crate::cli::Trouble;
use crate::cli::client::Client;
use crate::cli::progress::Progress;
use crate::config::Config;
use crate::daemon::HookDesk;
use crate::http::api_hooks::{HooksAsked, HooksDone, HooksTested};
use crate::pipeline::{HookChoice, HookDone};

/// What became of the webhooks.
#[derive(Default)]
pub(super) struct Registered {
    /// What was done, and what came of the test, one sentence each.
    pub(super) done: Vec<String>,
    /// What could not be done, likewise.
    pub(super) not: Vec<String>,
    /// Whether flaglink runs.
    pub(super) runs: bool,
}

/// Registers the webhooks, and sends a test where flaglink runs.
pub(super) async fn register(config: &Config, plan: &Plan, progress: &Progress) -> Registered {
    let mut told = Registered::default();
    let client = match Client::connect(&config.listen.socket).await {
        Ok(client) => client,
        Err(trouble) => {
            told.not.push(words(trouble));
            None
        }
    };
    told.runs = client.is_some();
    if !config.gitlab.register_hooks || plan.by_hand {
        return told;
    }
    let _step = progress.step("registering webhooks");
    match client {
        Some(_) => by_daemon(&config.listen.socket, &mut told).await,
        // The tunnel's address is found out by the daemon, which registers them then.
        None if config.listen.public_url.is_none() => {}
        None => match HookDesk::alone(config).await {
            Ok(desk) => match desk.sync(&HookChoice::default(), false).await {
                Ok(done) => told.take(done),
                Err(why) => told.not.push(why),
            },
            Err(error) => told.not.push(error.to_string()),
        },
    }
    told
}

async fn by_daemon(socket: &Path, told: &mut Registered) {
    // A flaglink that runs already reads the new configuration first; one that cannot takes it at its next start.
    let _: Result<serde_json::Value, Trouble> = ask(socket, "/api/v1/reload", &serde_json::json!({})).await;
    match ask::<HooksDone>(socket, "/api/v1/hooks/sync", &HooksAsked::default()).await {
        Ok(done) => told.take(done.hooks),
        Err(trouble) => {
            told.not.push(words(trouble));
            return;
        }
    }
    match ask::<HooksTested>(socket, "/api/v1/hooks/test", &HooksAsked::default()).await {
        Ok(tested) => {
            for one in tested.hooks {
                if one.arrived {
                    told.done.push(format!("a test from {} arrived here", one.name));
                } else if let Some(problem) = one.problem {
                    told.not.push(format!("a test from {}: {}. {}", one.name, problem.what, problem.todo));
                }
            }
        }
        Err(trouble) => told.not.push(words(trouble)),
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
    fn take(&mut self, all: Vec<HookDone>) {
        for one in all {
            self.done.extend(one.did.iter().map(|did| format!("the webhook of {}: {did}", one.name)));
            self.not.extend(
                one.problem.map(|problem| {
                    format!("the webhook of {}: {}. {}", one.name, problem.what, problem.todo)
                }),
            );
        }
    }
}
