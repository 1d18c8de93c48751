//! GitLab, its token, and the projects: what the bot can see is offered, what it may not do is said.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::ask::Question;
use super::choice::{SHOWN, choose, offers};
use super::{Interview, address, file, secrets};
use crate::cli::Trouble;
use crate::cli::doctor::{Needs, clocks_differ, explain, role_too_small};
use crate::cli::proxy_words::unusable;
use crate::cli::words::{count, expires};
use crate::config::Role;
use crate::gitlab::{GitlabApi, GitlabError, Me, ProjectDetail, Release};
use crate::net::{HttpClient, HttpOptions};
use crate::telemetry::Metrics;

/// How long a question may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many days are soon, as `doctor` has it.
const SOON: i64 = 30;
/// Where the token may come from.
const VARIABLE: &str = "FLAGLINK_INIT_GITLAB_TOKEN";

/// GitLab as it was found.
pub(super) struct Gitlab {
    /// Its address, with `/` at its end.
    pub(super) url: Url,
    /// The bot's token.
    pub(super) token: SecretString,
    /// Whether the token is in the environment that the file names, so that no file is written.
    pub(super) by_variable: bool,
    pub(super) me: Me,
    pub(super) api: GitlabApi,
    /// The projects that the bot is a member of.
    pub(super) projects: Vec<ProjectDetail>,
    /// What wants attention: a token that is good no more before long, clocks that differ.
    pub(super) warnings: Vec<String>,
}

/// The projects that were chosen.
pub(super) struct Chosen {
    /// Patterns for the file.
    pub(super) patterns: Vec<String>,
    /// What they match, as far as it was looked at.
    pub(super) matched: Vec<ProjectDetail>,
    /// Where the bot may do the least.
    least: Least,
}

/// The project in which the bot's access level is the least.
struct Least {
    level: u32,
    path: String,
}

/// Why a token is not taken.
enum Refused {
    /// Another one may do.
    Token(String),
    /// No other one would do at that GitLab.
    Gitlab(String),
}

impl From<String> for Refused {
    fn from(why: String) -> Self {
        Self::Token(why)
    }
}

impl Interview<'_> {
    /// Where GitLab is, and who the bot is there.
    pub(super) async fn gitlab(&self) -> Result<Gitlab, Trouble> {
        let url = self.gitlab_address().await?;
        self.token(url).await
    }

    async fn gitlab_address(&self) -> Result<Url, Trouble> {
        let question = Question {
            words: "Where is your GitLab?",
            help: "Its address, such as https://gitlab.example.com; the address of a project there will do.",
            flag: "--gitlab-url",
        };
        let known =
            file::text(&self.document, "gitlab", "url").filter(|url| !url.is_empty()).map(str::to_owned);
        let mut given = self.init.gitlab_url.clone();
        loop {
            let typed = given.is_none();
            let answer = match given.take() {
                Some(given) => given,
                None => self.answer(question, known.as_deref(), None)?,
            };
            let found = {
                let _step = self.progress.step("looking for GitLab");
                address::gitlab(&answer, self.ca_file()).await
            };
            match found {
                Ok(found) => {
                    self.asker
                        .good(&found.remark.unwrap_or_else(|| format!("GitLab answers at {}", found.url)));
                    return Ok(found.url);
                }
                Err(why) => {
                    // One that is left out is the likeliest reason where nothing else goes out.
                    let left_out = unusable(&self.context.env).into_iter();
                    let all: Vec<String> = std::iter::once(why).chain(left_out).collect();
                    self.asker.refuse(question, typed, &all.join(". Besides, "))?;
                }
            }
        }
    }

    async fn token(&self, url: Url) -> Result<Gitlab, Trouble> {
        let question = Question {
            words: "The access token of the bot?",
            help: "In GitLab: project or group, Settings → Access tokens; role Maintainer (it then registers webhooks itself; \
                   Developer will do otherwise), scope `api`. It is not shown here.",
            flag: "--gitlab-token-file or FLAGLINK_INIT_GITLAB_TOKEN",
        };
        let variable = file::text(&self.document, "gitlab", "token_env").map(str::to_owned);
        let known = match &variable {
            Some(variable) => self.context.env.get(variable).cloned().map(SecretString::from),
            None => secrets::read(
                &self.secret_at(file::text(&self.document, "gitlab", "token_file").unwrap_or("gitlab-token")),
            ),
        };
        let mut given = match &self.init.gitlab_token_file {
            Some(file) => Some(
                secrets::given(file)
                    .map_err(|why| Trouble::Arguments(format!("--gitlab-token-file: {why}")))?,
            ),
            None => self.context.env.get(VARIABLE).cloned().map(SecretString::from).or(known),
        };
        loop {
            let typed = given.is_none();
            let secret = match given.take() {
                Some(given) => given,
                None => self.secret(question)?,
            };
            let by_variable = variable.is_some();
            let tried = match secrets::cleaned(&secret, "token") {
                Ok(token) => self.try_token(&url, token, by_variable).await,
                Err(why) => Err(Refused::Token(why)),
            };
            match tried {
                Ok(gitlab) => return Ok(gitlab),
                Err(Refused::Gitlab(why)) => return Err(Trouble::Arguments(format!("--gitlab-url: {why}"))),
                // One that stands in a file is shown to be wrong, and a new one is asked for where somebody can be.
                Err(Refused::Token(why)) => {
                    self.asker.refuse(question, typed || self.asker.somebody(), &why)?
                }
            }
        }
    }

    async fn try_token(&self, url: &Url, token: SecretString, by_variable: bool) -> Result<Gitlab, Refused> {
        let _step = self.progress.step("asking GitLab about the token");
        let options = HttpOptions {
            peer: "gitlab".to_owned(),
            timeout: PATIENCE,
            connect_timeout: PATIENCE,
            in_flight: 8,
            ca_file: self.ca_file(),
        };
        let http =
            HttpClient::new(options, Arc::new(Metrics::default())).map_err(|error| error.to_string())?;
        let api = GitlabApi::new(url, token.clone(), http);
        let say = |error| refused(&error, url);
        // First, since every token may ask this.
        let own = api.own_token().await;
        if let Ok(Some(own)) = &own
            && !own.scopes.iter().any(|scope| scope == "api")
        {
            let scopes = own.scopes.join(", ");
            return Err(Refused::Token(format!(
                "the scope of this token is {scopes}; flaglink writes comments, so it needs `api`: make another one"
            )));
        }
        let began = Instant::now();
        let me = api.me().await.map_err(say)?;
        let clocks = clocks_differ(&me, began.elapsed());
        let release = api.release().await.map_err(say)?;
        if !release.at_least(Release::OLDEST) {
            let why =
                format!("GitLab {release} is too old: flaglink needs 16.11 or later; update GitLab first");
            return Err(Refused::Gitlab(why));
        }
        let projects = api.member_projects().await.map_err(say)?;
        if projects.is_empty() && self.init.projects.is_empty() {
            return Err(Refused::Token(format!(
                "@{} is a member of no project: make the token in the project or group, or invite this user there",
                me.username
            )));
        }
        self.asker.good(&format!(
            "GitLab {release}; the bot is @{}, a member of {}",
            me.username,
            count(projects.len(), "project", "projects")
        ));
        let end = own.ok().flatten().and_then(|own| own.expires_at);
        let ends_soon = end.and_then(|end| ends_soon(end, me.date.unwrap_or_else(Timestamp::now)));
        if let (None, Some(end)) = (&ends_soon, end) {
            self.asker.good(&format!("the token is good until {end}"));
        }
        let warnings: Vec<String> = ends_soon.into_iter().chain(clocks).collect();
        warnings.iter().for_each(|warning| self.asker.warn(warning));
        Ok(Gitlab { url: url.clone(), token, by_variable, me, api, projects, warnings })
    }

    /// Which projects, and what the bot may do there.
    pub(super) async fn projects(&self, gitlab: &Gitlab) -> Result<Chosen, Trouble> {
        let offers = offers(&gitlab.projects);
        let list: Vec<String> = offers
            .iter()
            .enumerate()
            .map(|(at, (pattern, what))| format!("{}  {pattern}  {what}", at + 1).trim_end().to_owned())
            .collect();
        let help = format!("{}\nNumbers or patterns, several with commas.", list.join("\n"));
        let question =
            Question { words: "In which projects shall flaglink answer?", help: &help, flag: "--projects" };
        let known = Some(file::projects(&self.document).join(", ")).filter(|known| !known.is_empty());
        let mut given = Some(self.init.projects.join(",")).filter(|given| !given.is_empty());
        let proposed = offers.first().map(|(pattern, _)| pattern.clone());
        loop {
            let typed = given.is_none();
            let answer = match given.take() {
                Some(given) => given,
                None => self.answer(question, known.as_deref(), proposed.as_deref())?,
            };
            match choose(&answer, &offers, &gitlab.projects, &gitlab.url) {
                Ok((patterns, matched)) => {
                    let _step = self.progress.step("asking GitLab for the bot's roles");
                    match least(gitlab, &matched).await {
                        Ok(least) => {
                            self.asker.good(&least.words(&gitlab.me.username, matched.len()));
                            return Ok(Chosen { patterns, matched, least });
                        }
                        Err(why) => self.asker.refuse(question, typed, &why)?,
                    }
                }
                Err(why) => self.asker.refuse(question, typed, &why)?,
            }
        }
    }
}

/// Why GitLab gives no good answer. There is no file yet, and nothing runs: a refused token is simply to be another one.
fn refused(error: &GitlabError, url: &Url) -> String {
    let GitlabError::Failed(failure) = error else { return explain(error, "this token", url.as_str()) };
    let said = failure.said.to_lowercase();
    let why = match failure.status {
        Some(401) if said.contains("revoked") => "it was revoked",
        Some(401) if said.contains("expired") => "it has expired",
        Some(401) => "mistyped, expired or revoked",
        Some(403) if failure.is_unauthorized() => "its scope is too small",
        _ => return explain(error, "this token", url.as_str()),
    };
    format!(
        "GitLab does not accept this token: {why}; give the whole of it, or make a new one (Settings → Access tokens, scope `api`)"
    )
}

/// A token that is good for only so long is good for nothing soon after.
fn ends_soon(end: Date, now: Timestamp) -> Option<String> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let days = i64::from(today.until(end).map_or(0, |span| span.get_days()));
    (days <= SOON).then(|| {
        format!(
            "the token {}: make one that is good for longer, or put a new one into its file in time and \
             run `flaglink reload`",
            expires(end, days)
        )
    })
}

/// The least that the bot may do in any of them. An error where that is too little.
async fn least(gitlab: &Gitlab, projects: &[ProjectDetail]) -> Result<Least, String> {
    let mut least = Least { level: u32::MAX, path: String::new() };
    for project in projects.iter().take(SHOWN) {
        let level = gitlab.api.access_level(project.id, gitlab.me.id).await;
        let level = level
            .map_err(|error| explain(&error, "this token", gitlab.url.as_str()))?
            .map_or(0, |level| level.0);
        if level < least.level {
            least = Least { level, path: project.path.clone() };
        }
    }
    if least.level < 20 {
        return Err(format!(
            "@{} has only the role {} in {}; it needs Reporter, and Maintainer to register webhooks",
            gitlab.me.username,
            least.role(),
            least.path
        ));
    }
    Ok(least)
}

impl Least {
    fn role(&self) -> &'static str {
        Role::of_level(self.level)
    }

    /// Whether the bot may register webhooks in all of the projects.
    fn may_register(&self) -> bool {
        self.level >= 40
    }

    /// What that means for `many` projects.
    fn words(&self, bot: &str, many: usize) -> String {
        let (many, role, path) = (count(many, "project", "projects"), self.role(), &self.path);
        match self.level {
            40.. => format!("{many}; @{bot} may register webhooks there ({role})"),
            30.. => format!(
                "{many}; @{bot} is {role} in {path}, so webhooks are made by hand (Maintainer could register them)"
            ),
            _ => format!(
                "{many}; @{bot} is {role} in {path}: no labels on merge requests (Developer), and webhooks are made by hand \
                 (Maintainer)"
            ),
        }
    }
}

impl Chosen {
    /// Whether the bot may register webhooks in all of them.
    pub(super) fn may_register(&self) -> bool {
        self.least.may_register()
    }

    /// What the bot's role is too small for, one sentence each. `registers`: flaglink would register webhooks.
    pub(super) fn too_small(&self, gitlab: &Gitlab, needs: Needs, registers: bool) -> Vec<String> {
        let (bot, path) = (format!("@{}", gitlab.me.username), &self.least.path);
        let by_hand = (registers && !self.may_register()).then(|| {
            format!(
                "{bot} is only {} in {path}, so it may not register webhooks, and they are made by hand. As a Maintainer it \
                 registers them itself: give it that role there (Manage → Members), or make its token with that role, and run \
                 `flaglink init` again",
                self.least.role()
            )
        });
        by_hand.into_iter().chain(role_too_small(&bot, self.least.level, path, needs)).collect()
    }
}

impl Gitlab {
    /// Whether another text is the same token.
    pub(super) fn has_token(&self, other: &SecretString) -> bool {
        self.token.expose_secret() == other.expose_secret()
    }
}
