//! `flaglink doctor`: everything that can be checked, one line each, and what to do about it.

mod address;
mod by_hand;
mod config;
mod daemon;
mod environments;
mod exposure;
mod files;
mod finding;
mod fix;
mod gitlab;
mod hook_answers;
mod hook_judge;
mod hook_report;
mod hooks;
mod listens;
mod ours;
mod own_flags;
mod projects;
mod provider_webhook;
mod providers;
mod reminders;
mod render;
mod store;
mod whose;
mod words;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use url::Url;

use super::progress::Progress;
use super::{Context, Trouble, document, screen};
use crate::config::{Config, Places};
use crate::flags::{Registry, Surroundings, TooOld};
use crate::gitlab::GitlabApi;
use crate::http::api_types::Status;
use crate::net::{HttpClient, HttpOptions, Peers};
use crate::telemetry::Metrics;
pub(super) use by_hand::{is_wrong as hand_is_wrong, words as hand_words};
use finding::{Finding, Group, Id, Standing};
use fix::Fixed;
use gitlab::Access;
use ours::Ours;
pub(super) use projects::Needs;
pub(super) use whose::Own;
pub(super) use words::wants_tls;

/// Check everything that can be checked, and say what to do about each failure
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Repair what is safe to repair: modes of our own files, a missing folder or key, webhooks
    #[arg(long)]
    fix: bool,

    /// How many seconds each question may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=300))]
    patience: u64,

    /// With less free room than this many MB on the disk of the store something is wrong
    #[arg(long, value_name = "MB", default_value_t = 64)]
    least_free: u64,

    /// Write nothing; only the exit code says whether anything is wrong
    #[arg(long)]
    quiet: bool,
}

/// The names of all checks, each with its heading in docs/troubleshooting.md.
pub fn checks() -> Vec<&'static str> {
    Id::ALL.iter().map(|id| id.name()).collect()
}

/// Why GitLab gave no good answer with that token, and what to do: one sentence or two.
pub(super) fn explain(error: &crate::gitlab::GitlabError, whose: &str, address: &str) -> String {
    let finding = words::of_gitlab(error, whose, address, false, "flaglink reload");
    match finding.remedy {
        Some(remedy) => format!("{}; {remedy}", finding.says),
        None => finding.says,
    }
}

/// Why the bot's role is too small for something in the projects that are `named`, and what to do.
pub(super) fn role_too_small(bot: &str, level: u32, named: &str, needs: Needs) -> Option<String> {
    wants_attention(projects::judge_role(bot, level, named, needs))
}

/// That a flag service is older than what flaglink is made for, and what to do.
pub(super) fn service_too_old(service: &str, old: &TooOld) -> String {
    let (says, remedy) = providers::too_old(service, old);
    format!("{says}; {remedy}")
}

/// That this machine's clock and GitLab's differ, and what to do; GitLab has just answered, and that `took` so long.
pub(super) fn clocks_differ(me: &crate::gitlab::Me, took: Duration) -> Option<String> {
    gitlab::clock(gitlab::ahead(me, took)).and_then(wants_attention)
}

/// What was found and what to do, unless all is well.
fn wants_attention(finding: Finding) -> Option<String> {
    let attention = matches!(finding.standing, Standing::Look | Standing::Wrong);
    attention.then(|| match finding.remedy {
        Some(remedy) => format!("{}; {remedy}", finding.says),
        None => finding.says,
    })
}

/// What comes of it, or nothing when it takes too long.
async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

impl Doctor {
    pub(super) async fn perform(self, context: &Context) -> Result<(), Trouble> {
        let limit = Duration::from_secs(self.patience);
        let progress = Progress::new(context);
        let (mut groups, mut fixed) = (self.look(context, &progress, limit).await, Fixed::default());
        if self.fix {
            fixed = self.repair(context, &progress, &groups, limit).await;
            if !fixed.done.is_empty() {
                groups = self.look(context, &progress, limit).await;
            }
        }
        drop(progress);
        let wrong = render::wrong(&groups);
        if self.quiet {
        } else if context.json {
            document::write(&render::report(&groups, &fixed))?;
        } else {
            write!(anstream::stdout(), "{}", render::text(&groups, &fixed, screen::width()))?;
        }
        if wrong == 0 { Ok(()) } else { Err(Trouble::Told) }
    }

    /// Looks at everything: what does not hang together is asked about at the same time.
    async fn look(&self, context: &Context, progress: &Progress, limit: Duration) -> Vec<Group> {
        let file = match context.config_file() {
            Ok(file) => file,
            Err(Trouble::Arguments(said) | Trouble::World(said)) => {
                return vec![config::unread(&crate::config::ConfigError(said))];
            }
            Err(_) => return Vec::new(),
        };
        // Where flaglink is found is known also where its secrets are not.
        let places = Places::load(&file, &context.env);
        let daemon = async {
            let _step = progress.step("asking the running flaglink");
            match &places {
                Ok(places) => daemon::look(places, limit).await,
                Err(_) => daemon::Known::default(),
            }
        };
        let config = match config::load(context, &file) {
            Ok(config) => config,
            Err(error) => {
                let mut groups = vec![config::unread(&error)];
                groups.extend(daemon.await.groups);
                return groups;
            }
        };
        let mut groups = vec![config::look(&config, &context.env)];
        // First, and quick: it knows the public address that the others need.
        let known = daemon.await;
        let public = public_address(&config, &known);
        let (all, registry) = match accesses(&config, limit) {
            Ok(parts) => parts,
            Err(error) => {
                groups.push(Group::new(
                    "GitLab",
                    vec![Finding::wrong(Id::GitlabReachable, error, "see `ca_file` in the configuration")],
                ));
                groups.extend(known.groups);
                return groups;
            }
        };
        let ours = Ours {
            config: &config,
            public: public.as_ref(),
            known: &known,
            lost_key: whose::is_key_lost(&config),
            clock_ahead: None,
        };
        let registers = known.status.is_some() && config.gitlab.register_hooks;
        let of_gitlab = async {
            let _step = progress.step("asking GitLab");
            let mut all = all;
            let base = config.gitlab.url.as_str();
            let apis: Vec<GitlabApi> = all.iter().map(|access| access.api.clone()).collect();
            let ((own, ahead), lists) =
                tokio::join!(gitlab::look(&mut all, base, limit), projects::lists(&apis, limit));
            let (projects, matched) = projects::look(&config, &all, &lists, base, limit).await;
            let listed = hooks::list(&ours, &all, &matched, limit, !registers).await;
            let of_reminders = reminders::look(&config, &all, limit).await;
            (own, ahead, projects, matched, listed, of_reminders)
        };
        let of_hooks = async {
            let _step =
                registers.then(|| progress.step("asking the running flaglink how its webhooks stand"));
            match registers {
                true => daemon::reports(&config.listen.socket, limit).await,
                false => daemon::Reported::Nothing,
            }
        };
        let of_address = async {
            let _step = progress.step("asking at the public address");
            let socket = known.status.is_some().then_some(config.listen.socket.as_path());
            let listens = match known.is_down {
                true => listens::look(&config),
                false => listens::Listens::default(),
            };
            let of_services = providers::send_webhooks(&registry);
            let runs_at = known.status.as_ref().and(public.as_ref());
            tokio::join!(
                address::look(&config, public.as_ref(), socket, listens, of_services, limit),
                address::of_file(&config, runs_at, limit)
            )
        };
        let of_providers = async {
            let _step = progress.step("asking the flag services");
            providers::ask(&registry, &config, public.as_ref(), limit).await
        };
        let (of_gitlab, reported, (address, unreached), asked) =
            tokio::join!(of_gitlab, of_hooks, of_address, of_providers);
        let (gitlab, clock_ahead, mut projects, matched, listed, of_reminders) = of_gitlab;
        let ours = Ours { clock_ahead, ..ours };
        projects.findings.extend(environments::look(&config, &asked));
        projects.findings.extend(of_reminders);
        let hooks = hooks::look(&ours, &matched, &listed, &reported);
        let hooks_before = hooks::registered_before(&matched, &listed);
        let shown = own_flags::look(&registry, &config, &matched, limit).await;
        let providers = providers::look(&asked, &config, &reported, known.status.as_ref(), &shown);
        let mut of_daemon = known.groups.clone();
        daemon::leave_out(&mut of_daemon, &[&projects, &hooks, &address]);
        daemon::compare(&mut of_daemon, &config, known.status.as_ref(), unreached.as_deref());
        groups.extend([gitlab, projects, hooks]);
        groups.push(address);
        groups.extend(providers);
        let owners = known.is_down.then(|| store::owners(&config, &context.env)).flatten();
        let mut store = store::look(&config, self.least_free.saturating_mul(1024 * 1024), owners);
        if known.is_down {
            store.findings.extend(store::begun_anew(&config, &hooks_before));
        }
        groups.push(store);
        groups.extend(of_daemon);
        groups.push(exposure::look(&config, &matched));
        groups
    }

    async fn repair(
        &self,
        context: &Context,
        progress: &Progress,
        groups: &[Group],
        limit: Duration,
    ) -> Fixed {
        let _step = progress.step("repairing");
        let Ok(file) = context.config_file() else { return Fixed::default() };
        let places = Places::load(&file, &context.env).ok();
        let Ok(config) = Config::load(&file, &context.env) else { return Fixed::default() };
        let Ok((all, _)) = accesses(&config, limit) else { return Fixed::default() };
        let mut fixed = fix::repair(&config, &all, groups, limit).await;
        if let Some(places) = places {
            fix::sync_hooks(&places.socket, groups, &mut fixed).await;
        }
        fixed
    }
}

/// Where webhooks are to come in: as the running one says, since it is what answers, else as configured.
fn public_address(config: &Config, known: &daemon::Known) -> Option<Url> {
    known.status.as_ref().and_then(runs_at).or_else(|| config.listen.public_url.clone())
}

fn runs_at(status: &Status) -> Option<Url> {
    if let Some(url) = &status.public_url {
        return Url::parse(url).ok();
    }
    // One of an older version does not say it by itself.
    let urls = status.webhooks.iter().filter_map(|hook| Some((hook.url.as_ref()?, &hook.path)));
    urls.filter_map(|(url, path)| Url::parse(&format!("{}/", url.strip_suffix(path.as_str())?)).ok()).next()
}

/// A client for each token, and the providers. All of them give up soon: somebody waits.
fn accesses(config: &Config, limit: Duration) -> Result<(Vec<Access>, Registry), String> {
    let options = HttpOptions {
        peer: "gitlab".to_owned(),
        timeout: limit,
        connect_timeout: limit,
        in_flight: 16,
        ca_file: config.gitlab.ca_file.clone(),
    };
    let own_ca = config.gitlab.ca_file.is_some();
    let metrics = Arc::new(Metrics::default());
    let http = HttpClient::new(options, Arc::clone(&metrics)).map_err(|error| error.to_string())?;
    let api = |token| GitlabApi::new(&config.gitlab.url, token, http.clone());
    let mut all = vec![Access {
        name: "the token of [gitlab]".to_owned(),
        rule: None,
        api: api(config.gitlab.token.clone()),
        own_ca,
        anew: config.read_anew_by("[gitlab]"),
        me: None,
    }];
    for rule in &config.rules.rules {
        let Some(token) = rule.token.clone() else { continue };
        all.push(Access {
            name: format!("the token of `{}`", rule.pattern),
            rule: Some(rule.pattern.clone()),
            api: api(token),
            own_ca,
            anew: config.read_anew_by("[[projects]]"),
            me: None,
        });
    }
    let gitlab = all.iter().map(|access| access.api.clone()).collect();
    let registry = Registry::build(&config.providers, &Surroundings { peers: Peers::new(metrics), gitlab });
    Ok((all, registry.map_err(|error| error.to_string())?))
}
