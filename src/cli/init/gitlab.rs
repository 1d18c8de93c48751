//! GitLab, its token, and the projects: what the bot can see is offered, what it may not do is said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use globset::GlobBuilder;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::ask::Question;
use super::{Interview, address, file, secrets};
use crate::cli::Trouble;
use crate::cli::doctor::explain;
use crate::cli::words::count;
use crate::config::Role;
use crate::gitlab::{GitlabApi, GitlabError, Me, ProjectDetail, Release};
use crate::net::{HttpClient, HttpOptions};
use crate::telemetry::Metrics;

/// How long a question may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many projects are named and looked at.
const SHOWN: usize = 12;
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
    /// That the token will be good no more before long, in words.
    pub(super) ends_soon: Option<String>,
}

/// The projects that were chosen.
pub(super) struct Chosen {
    /// Patterns for the file.
    pub(super) patterns: Vec<String>,
    /// What they match, as far as it was looked at.
    pub(super) matched: Vec<ProjectDetail>,
    /// Whether the bot may register webhooks in all of them.
    pub(super) may_register: bool,
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
                Err(why) => self.asker.refuse(question, typed, &why)?,
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
                &self.beside(file::text(&self.document, "gitlab", "token_file").unwrap_or("gitlab-token")),
            ),
        };
        let mut given = match &self.init.gitlab_token_file {
            Some(file) => Some(secrets::read(file).ok_or_else(|| {
                Trouble::Arguments(format!(
                    "--gitlab-token-file: {} cannot be read, or is empty",
                    crate::cli::show(file)
                ))
            })?),
            None => self.context.env.get(VARIABLE).cloned().map(SecretString::from).or(known),
        };
        loop {
            let typed = given.is_none();
            let secret = match given.take() {
                Some(given) => given,
                None => self.asker.secret(question)?,
            };
            let by_variable = variable.is_some();
            let tried = match secrets::cleaned(&secret, "token") {
                Ok(token) => self.try_token(&url, token, by_variable).await,
                Err(why) => Err(why),
            };
            match tried {
                Ok(gitlab) => return Ok(gitlab),
                // One that stands in a file is shown to be wrong, and a new one is asked for where somebody can be.
                Err(why) => self.asker.refuse(question, typed || self.asker.somebody(), &why)?,
            }
        }
    }

    async fn try_token(&self, url: &Url, token: SecretString, by_variable: bool) -> Result<Gitlab, String> {
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
            return Err(format!(
                "the scope of this token is {scopes}; flaglink writes comments, so it needs `api`: make another one"
            ));
        }
        let me = api.me().await.map_err(say)?;
        let release = api.release().await.map_err(say)?;
        if !release.at_least(Release::OLDEST) {
            return Err(format!("GitLab {release} is too old: flaglink needs 16.11 or later"));
        }
        let projects = api.member_projects().await.map_err(say)?;
        if projects.is_empty() && self.init.projects.is_empty() {
            return Err(format!(
                "@{} is a member of no project: make the token in the project or group, or invite this user there",
                me.username
            ));
        }
        self.asker.good(&format!(
            "GitLab {release}; the bot is @{}, a member of {}",
            me.username,
            count(projects.len(), "project", "projects")
        ));
        let end = own.ok().flatten().and_then(|own| own.expires_at);
        let ends_soon = end.and_then(|end| ends_soon(end, me.date.unwrap_or_else(Timestamp::now)));
        match (&ends_soon, end) {
            (Some(soon), _) => self.asker.warn(soon),
            (None, Some(end)) => self.asker.good(&format!("the token is good until {end}")),
            (None, None) => {}
        }
        Ok(Gitlab { url: url.clone(), token, by_variable, me, api, projects, ends_soon })
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
            match choose(&answer, &offers, &gitlab.projects) {
                Ok((patterns, matched)) => {
                    let _step = self.progress.step("asking GitLab for the bot's roles");
                    match may(gitlab, &matched).await {
                        Ok((may_register, words)) => {
                            self.asker.good(&words);
                            return Ok(Chosen { patterns, matched, may_register });
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
    let left = count(usize::try_from(days).unwrap_or(0), "day", "days");
    (days <= SOON).then(|| {
        format!(
            "the token expires in {left}, on {end}: make one that is good for longer, or put a new one into its file in time and \
             run `flaglink reload`"
        )
    })
}

/// What can be chosen: groups first, then projects.
fn offers(projects: &[ProjectDetail]) -> Vec<(String, String)> {
    let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
    for project in projects {
        if let Some((group, _)) = project.path.split_once('/') {
            *groups.entry(group).or_default() += 1;
        }
    }
    let groups = groups.into_iter().map(|(group, many)| {
        (
            format!("{group}/**"),
            format!("(all below the group {group}; now {})", count(many, "project", "projects")),
        )
    });
    let each = projects.iter().map(|project| (project.path.clone(), String::new()));
    groups.chain(each).take(SHOWN).collect()
}

type Choice = (Vec<String>, Vec<ProjectDetail>);

fn choose(answer: &str, offers: &[(String, String)], projects: &[ProjectDetail]) -> Result<Choice, String> {
    let (mut patterns, mut matched): Choice = Default::default();
    for part in answer.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty()) {
        let pattern = match part.parse::<usize>() {
            Ok(number) => {
                let offer = number.checked_sub(1).and_then(|at| offers.get(at));
                offer.ok_or_else(|| format!("there is no {number} in the list"))?.0.clone()
            }
            Err(_) if part == "all" => "**".to_owned(),
            Err(_) => part.trim_matches('/').to_owned(),
        };
        let glob = GlobBuilder::new(&pattern).literal_separator(true).case_insensitive(true).build();
        let glob =
            glob.map_err(|_| format!("`{pattern}` is no pattern; write it like shop/**"))?.compile_matcher();
        let found: Vec<_> = projects.iter().filter(|project| glob.is_match(&project.path)).cloned().collect();
        if found.is_empty() {
            let seen: Vec<&str> = projects.iter().take(5).map(|project| project.path.as_str()).collect();
            return Err(format!(
                "`{pattern}` matches none of the projects that the bot is a member of ({})",
                seen.join(", ")
            ));
        }
        matched.extend(found);
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    if patterns.is_empty() {
        return Err("name at least one".to_owned());
    }
    matched.sort_by(|a, b| a.path.cmp(&b.path));
    matched.dedup_by(|a, b| a.id == b.id);
    Ok((patterns, matched))
}

/// Whether the bot may register webhooks in all of them, and that in words. An error where it may too little.
async fn may(gitlab: &Gitlab, projects: &[ProjectDetail]) -> Result<(bool, String), String> {
    let (mut least, mut whose) = (u32::MAX, "");
    for project in projects.iter().take(SHOWN) {
        let level = gitlab.api.access_level(project.id, gitlab.me.id).await;
        let level = level
            .map_err(|error| explain(&error, "this token", gitlab.url.as_str()))?
            .map_or(0, |level| level.0);
        if level < least {
            (least, whose) = (level, &project.path);
        }
    }
    let role = Role::of_level(least);
    let bot = &gitlab.me.username;
    if least < 20 {
        return Err(format!(
            "@{bot} has only the role {role} in {whose}; it needs Reporter, and Maintainer to register webhooks"
        ));
    }
    let many = count(projects.len(), "project", "projects");
    Ok(match least {
        40.. => (true, format!("{many}; @{bot} may register webhooks there ({role})")),
        30.. => (
            false,
            format!(
                "{many}; @{bot} is {role} in {whose}, so webhooks are made by hand (Maintainer could register them)"
            ),
        ),
        _ => (
            false,
            format!(
                "{many}; @{bot} is {role} in {whose}: no labels on merge requests (Developer), and webhooks are made by hand (Maintainer)"
            ),
        ),
    })
}

impl Gitlab {
    /// Whether another text is the same token.
    pub(super) fn has_token(&self, other: &SecretString) -> bool {
        self.token.expose_secret() == other.expose_secret()
    }
}
