//! Which projects are chosen: by number, by pattern, or by an address that was pasted.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};
use url::Url;

use super::address;
use crate::cli::words::count;
use crate::gitlab::ProjectDetail;

/// So many projects are named and looked at.
pub(super) const SHOWN: usize = 12;

/// What can be chosen: groups first, then projects.
pub(super) fn offers(projects: &[ProjectDetail]) -> Vec<(String, String)> {
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

/// Patterns, and the projects that they match.
type Choice = (Vec<String>, Vec<ProjectDetail>);

/// What that answer means at the GitLab at `gitlab`.
pub(super) fn choose(
    answer: &str,
    offers: &[(String, String)],
    projects: &[ProjectDetail],
    gitlab: &Url,
) -> Result<Choice, String> {
    let (mut patterns, mut matched): Choice = Default::default();
    for part in answer.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty()) {
        let pattern = match part.parse::<usize>() {
            Ok(number) => {
                let offer = number.checked_sub(1).and_then(|at| offers.get(at));
                offer.ok_or_else(|| format!("there is no {number} in the list"))?.0.clone()
            }
            Err(_) if part == "all" => "**".to_owned(),
            Err(_) => path(part, gitlab, projects)?,
        };
        matched.extend(matching(&pattern, projects)?);
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

/// The pattern that somebody wrote. Of an address at that GitLab it is the path of the project or group.
fn path(part: &str, gitlab: &Url, projects: &[ProjectDetail]) -> Result<String, String> {
    let host = gitlab.host_str().unwrap_or_default();
    let after = part
        .split_at_checked(host.len())
        .filter(|(begin, rest)| begin.eq_ignore_ascii_case(host) && rest.contains('/'))
        .map(|(_, rest)| rest);
    let without_scheme = after.is_some_and(|rest| {
        // A host without a dot may be the name of a group as well.
        let group =
            || !host.contains('.') && (part.contains(['*', '?', '[', '{']) || is_path(part, projects));
        rest.starts_with(':') || rest.starts_with('/') && !group()
    });
    if !part.contains("://") && !without_scheme {
        return Ok(part.trim_matches('/').to_owned());
    }
    let pasted = address::web_address(part)?;
    let below = gitlab.path();
    let path = pasted.path();
    let own = pasted.host_str() == gitlab.host_str();
    let path = path.strip_prefix(below).filter(|path| own && !path.is_empty()).ok_or_else(|| {
        format!("`{part}` is no project of the GitLab at {gitlab}; write the path of one, or a pattern such as shop/**")
    })?;
    let path = path.split("/-/").next().unwrap_or(path).trim_matches('/');
    let path = path.strip_prefix("groups/").unwrap_or(path);
    Ok(path.strip_suffix(".git").unwrap_or(path).to_owned())
}

/// Whether it is the path of a project or group as it is.
fn is_path(part: &str, projects: &[ProjectDetail]) -> bool {
    let path = part.trim_matches('/');
    matching(path, projects).is_ok() || matching(&format!("{path}/**"), projects).is_ok()
}

fn glob(pattern: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).case_insensitive(true).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|_| format!("`{pattern}` is no pattern; write it like shop/**"))
}

/// The projects that it matches: at least one.
fn matching(pattern: &str, projects: &[ProjectDetail]) -> Result<Vec<ProjectDetail>, String> {
    let by = |pattern: &str| -> Result<Vec<ProjectDetail>, String> {
        let glob = glob(pattern)?;
        Ok(projects.iter().filter(|project| glob.is_match(&project.path)).cloned().collect())
    };
    let found = by(pattern)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let below = format!("{pattern}/**");
    if by(&below).is_ok_and(|found| !found.is_empty()) {
        return Err(format!("`{pattern}` is a group: write `{below}` for all projects below it"));
    }
    if projects.is_empty() {
        return Err(format!(
            "`{pattern}` matches nothing, because the bot is a member of no project: make the token in the project or group, or \
             invite its user there"
        ));
    }
    let seen: Vec<&str> = projects.iter().take(5).map(|project| project.path.as_str()).collect();
    Err(format!("`{pattern}` matches none of the projects that the bot is a member of ({})", seen.join(", ")))
}
