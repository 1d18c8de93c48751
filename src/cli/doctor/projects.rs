//! Which projects each rule matches, and what the bot may do in them.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;

use super::finding::{Finding, Group, Id};
use super::gitlab::{Access, again, late};
use super::within;
use super::words::of_gitlab;
use crate::cli::words::count;
use crate::config::{Config, ProjectRule, Role};
use crate::flags::lives_in_gitlab;
use crate::gitlab::{GitlabApi, GitlabError, GitlabResult, ProjectDetail};

/// So many projects of a rule are looked at one by one.
const MOST: usize = 100;
/// So many of them are named.
const NAMED: usize = 5;

/// A project that a rule matches, and the bot's access level in it.
pub(super) struct Matched {
    /// The rule's place in the file.
    pub(super) rule: usize,
    /// Whose token is used: the place in the list of tokens.
    pub(super) access: usize,
    /// The project.
    pub(super) project: ProjectDetail,
    /// The bot's access level; `None` where it could not be read.
    pub(super) level: Option<u32>,
}

/// The projects that one token's user is a member of.
pub(super) struct List {
    live: GitlabResult<Vec<ProjectDetail>>,
    /// Empty also where GitLab does not say.
    archived: Vec<ProjectDetail>,
}

/// Asks for the projects with every token at once.
pub(super) async fn lists(apis: &[GitlabApi], limit: Duration) -> Vec<List> {
    let mut asked = Vec::with_capacity(apis.len());
    for api in apis {
        let api = api.clone();
        asked.push(tokio::spawn(async move {
            let (live, archived) =
                tokio::join!(within(limit, api.member_projects()), within(limit, api.archived_projects()));
            let archived = archived.and_then(Result::ok).unwrap_or_default();
            List { live: live.unwrap_or_else(|| Err(late(limit))), archived }
        }));
    }
    let mut lists = Vec::with_capacity(asked.len());
    for one in asked {
        lists.push(one.await.unwrap_or_else(|_| List { live: Err(late(limit)), archived: Vec::new() }));
    }
    lists
}

/// Says what each rule matches, and asks for the roles there.
pub(super) async fn look(
    config: &Config,
    all: &[Access],
    lists: &[List],
    address: &str,
    limit: Duration,
) -> (Group, Vec<Matched>) {
    let (mut findings, mut matched) = (Vec::new(), Vec::new());
    for (at, rule) in config.rules.rules.iter().enumerate() {
        let which = all.iter().position(|access| access.rule.as_deref() == Some(&rule.pattern)).unwrap_or(0);
        let Some(access) = all.get(which) else { continue };
        // What is wrong with the token is said where it is looked at.
        if access.me.is_none() {
            continue;
        }
        let Some(list) = lists.get(which) else { continue };
        let projects = match &list.live {
            Ok(projects) => projects,
            Err(error) => {
                findings.push(of_gitlab(error, &access.name, address, access.own_ca, access.anew));
                continue;
            }
        };
        let holds = |project: &&ProjectDetail| {
            config.rules.for_project(&project.path).is_some_and(|first| first.pattern == rule.pattern)
        };
        let mut found: Vec<ProjectDetail> = projects.iter().filter(holds).cloned().collect();
        let mut moved = None;
        if found.is_empty()
            && let Some(project) = named_exactly(rule, access, limit).await
        {
            match project.path.eq_ignore_ascii_case(&rule.pattern) {
                true => found.push(project),
                // GitLab leads on from where it was.
                false => moved = Some(project.path),
            }
        }
        let mut gone: Vec<ProjectDetail> = list.archived.iter().filter(holds).cloned().collect();
        gone.extend(found.iter().filter(|project| project.archived).cloned());
        found.retain(|project| !project.archived);
        gone.dedup_by_key(|project| project.id);
        findings.extend(archived(rule, &gone, found.is_empty()));
        if found.is_empty() && !gone.is_empty() {
            continue;
        }
        if found.is_empty() {
            findings.push(
                moved.map_or_else(|| nothing(config, rule, access, projects), |path| renamed(rule, &path)),
            );
            continue;
        }
        let many = found.len();
        let levels = levels(found, access, limit).await;
        findings.push(Finding::good(
            Id::RuleMatches,
            format!(
                "`{}` matches {}: {}",
                rule.pattern,
                count(many, "project", "projects"),
                names(levels.iter().map(|(project, _)| project))
            ),
        ));
        findings.extend(roles(config, rule, access, &levels));
        matched.extend(levels.into_iter().map(|(project, level)| Matched {
            rule: at,
            access: which,
            project,
            level: level.ok(),
        }));
    }
    (Group::new("Projects", findings), matched)
}

/// What is archived: `alone`, where the rule matches nothing else.
fn archived(rule: &ProjectRule, gone: &[ProjectDetail], alone: bool) -> Option<Finding> {
    if gone.is_empty() {
        return None;
    }
    let (named, is) = (names(gone.iter()), if gone.len() == 1 { "is" } else { "are" });
    let says =
        format!("{named} {is} archived in GitLab: nothing can be written there, so /flag does nothing");
    if !alone {
        return Some(Finding::note(Id::ProjectArchived, says));
    }
    Some(Finding::wrong(
        Id::ProjectArchived,
        format!("{says}, and `{}` matches nothing else", rule.pattern),
        "unarchive it in GitLab (Settings → General → Advanced), or take the rule out",
    ))
}

/// The project that a rule without any `*` names, also where the bot is no member of it, and wherever it is now.
async fn named_exactly(rule: &ProjectRule, access: &Access, limit: Duration) -> Option<ProjectDetail> {
    if rule.pattern.contains(['*', '?', '[', '{']) {
        return None;
    }
    within(limit, access.api.project_once_at(&rule.pattern)).await?.ok()?
}

/// The project that a rule names has another path now.
fn renamed(rule: &ProjectRule, path: &str) -> Finding {
    let pattern = &rule.pattern;
    Finding::wrong(
        Id::RuleMatches,
        format!(
            "`{pattern}` matches no project any more, so nothing is answered there: {pattern} is {path} now"
        ),
        format!("write `{path}` as `match` of that rule"),
    )
}

fn nothing(config: &Config, rule: &ProjectRule, access: &Access, seen: &[ProjectDetail]) -> Finding {
    let bot = access.me.as_ref().map_or_else(|| "the bot".to_owned(), |me| format!("@{}", me.username));
    let by_another = seen.iter().find(|project| rule.matches(&project.path));
    if let Some(project) = by_another
        && let Some(first) = config.rules.for_project(&project.path)
    {
        return Finding::wrong(
            Id::RuleMatches,
            format!(
                "`{}` never holds: what it matches is matched by `{}` above it",
                rule.pattern, first.pattern
            ),
            "put the narrower rule first; the first that matches is the one that holds",
        );
    }
    let remedy = match seen {
        [] => format!(
            "{bot} is a member of no project at all: invite it into the project or group, with the role Developer or more"
        ),
        seen => format!(
            "{bot} is a member of {}: write a pattern for one of these as `match`, or invite it into the project that is meant",
            names(seen.iter())
        ),
    };
    Finding::wrong(
        Id::RuleMatches,
        format!(
            "`{}` matches no project that {bot} is a member of, so nothing is answered there",
            rule.pattern
        ),
        remedy,
    )
}

type Level = GitlabResult<u32>;

async fn levels(
    projects: Vec<ProjectDetail>,
    access: &Access,
    limit: Duration,
) -> Vec<(ProjectDetail, Level)> {
    let Some(me) = access.me.as_ref().map(|me| me.id) else { return Vec::new() };
    let mut asked = JoinSet::new();
    for (at, project) in projects.into_iter().take(MOST).enumerate() {
        let api = access.api.clone();
        asked.spawn(async move {
            let level = within(limit, api.access_level(project.id, me)).await;
            let level =
                level.unwrap_or_else(|| Err(late(limit))).map(|level| level.map_or(0, |level| level.0));
            (at, project, level)
        });
    }
    let mut told = Vec::new();
    while let Some(one) = asked.join_next().await {
        told.extend(one);
    }
    told.sort_by_key(|(at, ..)| *at);
    told.into_iter().map(|(_, project, level)| (project, level)).collect()
}

/// One line for each role that the bot has.
fn roles(
    config: &Config,
    rule: &ProjectRule,
    access: &Access,
    levels: &[(ProjectDetail, Level)],
) -> Vec<Finding> {
    let bot = access.me.as_ref().map_or_else(|| "the bot".to_owned(), |me| format!("@{}", me.username));
    let mut by_level: BTreeMap<u32, Vec<&ProjectDetail>> = BTreeMap::new();
    let mut findings = Vec::new();
    for (project, level) in levels {
        match level {
            Ok(level) => by_level.entry(*level).or_default().push(project),
            Err(GitlabError::Failed(failure)) if failure.status.is_some() => {
                by_level.entry(0).or_default().push(project);
            }
            Err(error) => findings.push(Finding::unseen(
                Id::ProjectRole,
                format!("the role of {bot} in {} cannot be read: {error}", project.path),
                again(error),
            )),
        }
    }
    // Their flags are for developers.
    let native = |name: &String| {
        config.providers.iter().any(|provider| provider.name == *name && lives_in_gitlab(&provider.kind))
    };
    let needs = Needs { own_flags: rule.providers.iter().any(native), labels: rule.label.is_some() };
    let each = by_level.into_iter();
    findings
        .extend(each.map(|(level, projects)| judge_role(&bot, level, &names(projects.into_iter()), needs)));
    findings
}

/// What the bot's role is needed for besides comments.
#[derive(Clone, Copy)]
pub(in crate::cli) struct Needs {
    /// GitLab's own flags can be named there: they are for developers.
    pub(in crate::cli) own_flags: bool,
    /// Linked work gets a label.
    pub(in crate::cli) labels: bool,
}

/// Whether a role is enough in the projects that are `named`.
pub(super) fn judge_role(bot: &str, level: u32, named: &str, needs: Needs) -> Finding {
    let least = if needs.own_flags { Role::Developer } else { Role::Reporter };
    let role = if level == 0 { "no role" } else { Role::of_level(level) };
    let says = format!("{bot} has the role {role} in {named}").replace("the role no role", "no role");
    if level < least.level().unwrap_or(u32::MAX) {
        let lacks = if needs.own_flags { "GitLab's own flags need Developer" } else { "it needs Reporter" };
        let invite = format!(
            "give {bot} at least {} there (Manage → Members), or make its token with that role",
            least.words()
        );
        return Finding::wrong(Id::ProjectRole, format!("{says}: {lacks}"), invite);
    }
    match level {
        ..30 if needs.labels => Finding::look(
            Id::ProjectRole,
            format!("{says}: enough for issues, but not to put labels on merge requests"),
            "give it Developer, or write `label = \"\"` in the rule",
        ),
        ..40 => Finding::note(
            Id::ProjectRole,
            format!("{says}: enough, but only a Maintainer can register webhooks and read back what failed"),
        ),
        _ => Finding::good(Id::ProjectRole, says),
    }
}

/// The first few by name, and how many more.
pub(super) fn names<'a>(projects: impl Iterator<Item = &'a ProjectDetail>) -> String {
    let paths: Vec<&str> = projects.map(|project| project.path.as_str()).collect();
    let shown = paths.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
