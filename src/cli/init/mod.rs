//! `flaglink init`: a configuration made by asking, each answer tried at once; webhooks registered; and what to type where.

mod address;
mod as_service;
mod ask;
mod by_hand;
mod choice;
mod file;
mod flags;
mod gitlab;
mod interrupt;
mod kinds;
mod others;
mod plan;
mod secrets;
mod service;
mod tell;
mod webhooks;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use secrecy::SecretString;

use super::credentials;
use super::doctor::Needs;
use super::progress::Progress;
use super::proxy_words::{WRITE_IT, unusable};
use super::{Context, Trouble, document, show};
use crate::config::TunnelSettings;
use crate::tunnel::Survey;
use ask::{Asker, Question};
use file::Wanted;
use flags::Flags;
use gitlab::Gitlab;
use interrupt::{Interrupt, Stage};

/// Write a configuration by asking; check every answer at once, register the webhooks, say what to type where
///
/// Every question has a flag, so it runs unattended. Secrets are never arguments: they are read from a file, from the environment
/// (FLAGLINK_INIT_GITLAB_TOKEN, FLAGLINK_INIT_SERVICE_KEY), or asked for without echo. Run again, it changes only what differs.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The address of GitLab; that of a project there will do
    #[arg(long, value_name = "URL")]
    gitlab_url: Option<String>,

    /// A file to read the bot's access token from (scope `api`); a copy for flaglink alone is put beside the configuration
    #[arg(long, value_name = "FILE")]
    gitlab_token_file: Option<PathBuf>,

    /// Which projects: patterns such as `shop/**`, several with commas
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
    projects: Vec<String>,

    #[arg(
        long,
        value_name = "SERVICE",
        help = format!("The flag service: {}", kinds::names(" or ")),
        value_parser = kinds::parser(),
    )]
    service: Option<String>,

    /// The address of the flag service; that of a project there will do
    #[arg(long, value_name = "URL")]
    service_url: Option<String>,

    /// A file to read the service's API key or token from
    #[arg(long, value_name = "FILE")]
    service_key_file: Option<PathBuf>,

    #[arg(long, value_name = "PROJECT", help = format!("The service's project: {}", kinds::projects()))]
    service_project: Option<String>,

    /// Environments whose changes also get a reply, several with commas; `none` for none
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    tell: Option<Vec<String>>,

    /// How flaglink is reached from outside: an address, `auto` for a tunnel on this machine, or `none`
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// Where webhooks come in on this machine
    #[arg(long, value_name = "ADDRESS")]
    webhooks: Option<std::net::SocketAddr>,

    /// The folder of the store
    #[arg(long, value_name = "FOLDER")]
    store: Option<String>,

    /// PEM file with further root certificates, for servers with a CA of your own
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// Take what is proposed, and ask nothing
    #[arg(long, short)]
    yes: bool,

    /// Show everything that would be written and registered, secrets as …, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Whoever is asked, and what is known before.
struct Interview<'a> {
    init: &'a Init,
    context: &'a Context,
    asker: Asker,
    interrupt: Arc<Interrupt>,
    progress: Progress,
    /// The configuration.
    path: PathBuf,
    /// What stands there now.
    text: Option<String>,
    /// The same, to be changed.
    document: toml_edit::DocumentMut,
}

impl Init {
    pub(super) async fn perform(self, context: &Context) -> Result<(), Trouble> {
        let path = context.config.clone().unwrap_or_else(|| PathBuf::from("flaglink.toml"));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(Trouble::Arguments(format!("{} cannot be read: {error}", show(&path))));
            }
        };
        let document = file::read(text.as_deref());
        let document = document.map_err(|why| Trouble::Arguments(format!("{}: {why}", show(&path))))?;
        let interrupt = Interrupt::watch();
        let interview = Interview {
            init: &self,
            context,
            asker: Asker::new(self.yes, Arc::clone(&interrupt)),
            interrupt,
            progress: Progress::new(context),
            path,
            text,
            document,
        };
        interview.hold().await
    }
}

impl Interview<'_> {
    async fn hold(mut self) -> Result<(), Trouble> {
        let proxies: Vec<String> =
            unusable(&self.context.env).into_iter().map(|why| format!("{why}; {WRITE_IT}")).collect();
        proxies.iter().for_each(|warning| self.asker.warn(warning));
        let gitlab = self.gitlab().await?;
        let projects = self.projects(&gitlab).await?;
        let flags = self.flag_service(&gitlab).await?;
        let public_url = self.public_url(&gitlab, &flags)?;
        let unknown = address::unknown_name(public_url.as_deref()).await;
        unknown.iter().for_each(|warning| self.asker.warn(warning));
        let other = {
            let _step = self.progress.step("asking at the public address");
            address::other_program(public_url.as_deref(), self.ca_file()).await
        };
        other.iter().for_each(|warning| self.asker.warn(warning));
        let no_tunnel = self.no_tunnel(public_url.as_deref()).await;
        no_tunnel.iter().for_each(|warning| self.asker.warn(warning));
        let webhooks = self.webhooks(&gitlab, &projects, public_url.as_deref()).await?;
        let others = self.other_flaglinks(&gitlab, &projects).await;
        others.iter().for_each(|warning| self.asker.warn(warning));
        let wanted = Wanted {
            gitlab: gitlab.url.to_string(),
            webhooks: self.init.webhooks.map(|address| address.to_string()),
            public_url: public_url.clone(),
            store: self.init.store.clone(),
            ca_file: self.init.ca_file.as_deref().map(absolute),
            by_hand: webhooks.by_hand(),
            registered_now: webhooks.now(),
            service: file::Service {
                kind: flags.kind,
                name: flags.name.clone(),
                url: flags.url.clone(),
                project: flags.project.clone(),
                ca_file: self.ca_file().as_deref().map(absolute),
            },
            projects: projects.patterns.clone(),
            tell: flags.tell.clone(),
            tell_said: self.init.tell.is_some(),
        };
        let odd = |why: String| Trouble::Arguments(format!("{}: {why}", show(&self.path)));
        let left_out = file::write(&mut self.document, &wanted).map_err(odd)?;
        let mut plan = plan::Plan::make(&self, &gitlab, &flags, &webhooks, public_url)?;
        let needs = Needs { own_flags: plan.own_flags, labels: file::labels(&self.document) };
        let too_small = projects.too_small(&gitlab, needs, plan.public.is_some());
        let all = gitlab
            .warnings
            .iter()
            .cloned()
            .chain(flags.warnings.iter().cloned())
            .chain(unknown)
            .chain(other)
            .chain(no_tunnel)
            .chain(others)
            .chain(too_small)
            .chain(left_out)
            .chain(webhooks.unseen());
        plan.warnings = proxies.into_iter().chain(all).collect();
        if self.init.dry_run {
            let would = webhooks::would(&plan, &gitlab, &projects, &flags, &self.progress).await;
            drop(self.progress);
            return plan.show(self.context, &would);
        }
        let changes = plan.changes();
        let new_secrets = plan.secrets.iter().any(|secret| !secret.is_so());
        if !changes.is_empty() && self.asker.somebody() {
            for line in &changes {
                self.asker.say(line);
            }
            if !self.asker.confirm("Write that?")? {
                return Err(Trouble::World("nothing was written.".to_owned()));
            }
        }
        self.interrupt.reach(Stage::Writing);
        plan.write()?;
        let config = plan.load(&self.context.env)?;
        self.interrupt.reach(Stage::Registering);
        let hooks = webhooks::register(&config, &plan, new_secrets, &self.progress).await;
        drop(self.progress);
        if self.context.json {
            document::write(&tell::Told::new(&plan, &changes, &hooks))?;
        } else {
            tell::done(&plan, &changes, &hooks, &projects, &gitlab, &flags, &config)?;
        }
        // What is written stands; whoever runs it unattended wants to know that it is not all.
        if hooks.failed { Err(Trouble::Told) } else { Ok(()) }
    }

    /// How flaglink is reached from outside; `None`: not known, or not yet.
    fn public_url(&self, gitlab: &Gitlab, flags: &Flags) -> Result<Option<String>, Trouble> {
        let question = Question {
            words: "How do GitLab and the flag service reach flaglink from outside?",
            help: "The address of your tunnel or reverse proxy, such as https://flags.example.com; `auto`: a tunnel on this \
                   machine is asked (ngrok, cloudflared, tailscale); `none`: not yet, webhooks are then made by hand.",
            flag: "--public-url",
        };
        let known = file::text(&self.document, "listen", "public_url").map(str::to_owned);
        let mut given = self.init.public_url.clone();
        loop {
            let typed = given.is_none();
            let answer = match given.take() {
                Some(given) => given,
                None => self.answer(question, known.as_deref(), Some("none"))?,
            };
            let plain = address::pasted(&answer);
            match plain.to_lowercase().as_str() {
                "none" | "no" | "-" => return Ok(None),
                "auto" => return Ok(Some("auto".to_owned())),
                _ => {}
            }
            match address::web_address(&plain) {
                Ok(mut url) => {
                    // The path of a webhook may have been pasted with it; a host may begin like one.
                    let path = url.path().split("/hooks").next().unwrap_or_default().to_owned();
                    url.set_path(&path);
                    let url = url.as_str().trim_end_matches('/');
                    let service = flags.url.as_deref().map(|at| (flags.kind.service, at));
                    let others = [("GitLab", gitlab.url.as_str())].into_iter().chain(service);
                    let Some((whose, _)) = others.into_iter().find(|(_, at)| address::is_same(url, at))
                    else {
                        return Ok(Some(url.to_owned()));
                    };
                    let why = format!(
                        "that is {whose}'s own address; flaglink needs one of its own, at which a proxy or tunnel leads to it"
                    );
                    self.asker.refuse(question, typed, &why)?;
                }
                Err(why) => self.asker.refuse(question, typed, &why)?,
            }
        }
    }

    /// That no tunnel on this machine leads here, where its address is to be found.
    async fn no_tunnel(&self, public: Option<&str>) -> Option<String> {
        public.filter(|public| *public == "auto")?;
        let text = self.document.to_string();
        // What is wrong with the file is said when it is loaded.
        let settings = TunnelSettings::of_text(&text, &self.path, &self.context.env).ok()?;
        let known = || file::text(&self.document, "listen", "webhooks")?.parse().ok();
        let listener = self.init.webhooks.or_else(known)?;
        if settings.embedded.is_some() {
            return None;
        }
        let _step = self.progress.step("looking for a tunnel");
        let why = Survey::take(&settings, listener).await.ok()?.why_none?;
        Some(format!(
            "no tunnel that leads here was found: {why}. As soon as there is one flaglink takes its address by itself, and registers \
             the webhooks"
        ))
    }

    /// An answer: what stands in the file counts where nobody can be asked; `proposed` only with --yes.
    fn answer(
        &self,
        question: Question<'_>,
        known: Option<&str>,
        proposed: Option<&str>,
    ) -> Result<String, Trouble> {
        match known {
            Some(known) if !self.asker.somebody() => Ok(known.to_owned()),
            _ => self.asker.line(question, known.or(proposed)),
        }
    }

    /// A file that the configuration names, or that it is to name.
    fn beside(&self, name: &str) -> PathBuf {
        match self.path.parent() {
            Some(dir) => dir.join(name),
            None => PathBuf::from(name),
        }
    }

    /// Where the daemon finds a secret's file: in `$CREDENTIALS_DIRECTORY`, then beside the configuration.
    fn found(&self, name: &str) -> Option<PathBuf> {
        self.of_service(name).into_iter().chain([self.beside(name)]).find(|path| path.exists())
    }

    /// The same, or where a new one is to be.
    fn secret_at(&self, name: &str) -> PathBuf {
        self.found(name).or_else(|| self.of_service(name)).unwrap_or_else(|| self.beside(name))
    }

    fn of_service(&self, name: &str) -> Option<PathBuf> {
        let folder = credentials::folder(&self.context.env)?;
        Path::new(name).is_relative().then(|| folder.join(name))
    }

    /// A secret that is asked for. Those of the service may only not have been found.
    fn secret(&self, question: Question<'_>) -> Result<SecretString, Trouble> {
        let hint = credentials::hint(&self.path, &self.context.env);
        hint.iter().for_each(|hint| self.asker.warn(hint));
        self.asker.secret(question).map_err(|trouble| match (trouble, hint) {
            (Trouble::Arguments(why), Some(hint)) => Trouble::Arguments(format!("{why} {hint}")),
            (trouble, _) => trouble,
        })
    }

    fn ca_file(&self) -> Option<PathBuf> {
        let known = || file::text(&self.document, "gitlab", "ca_file").map(|name| self.beside(name));
        self.init.ca_file.clone().or_else(known)
    }
}

/// A path that holds from wherever it is read.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
