//! Which projects are caught up, and since when each is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::cursor::{self, before};
use crate::bot::limits::{CLOCK_SLACK, COMMAND_AGE};
use crate::bot::{Project, Trouble, World};
use crate::domain::ProjectId;
use crate::gitlab::GitlabError;
use crate::pipeline::Pipeline;
use crate::pipeline::membership::{clients, member_projects};

/// How many noteables are read in one go.
const PAGE: usize = 500;
/// The moment of the last listing is written again after this time, not each time.
const LISTED_EVERY: Duration = Duration::from_secs(60 * 60);

/// A project to be caught up.
pub(super) struct Place {
    pub(super) project: Project,
    /// Nothing that was written before this moment is looked at.
    pub(super) earliest: Timestamp,
    /// Whether something there is linked.
    pub(super) linked: bool,
}

/// The projects that our tokens' users are members of and that a rule matches, by id. The rule's own client speaks to each.
/// And GitLab's time.
pub(super) async fn find(pipeline: &Pipeline) -> Result<(Vec<Place>, Timestamp), Trouble> {
    let world = pipeline.world();
    let now = gitlabs_time(&world).await?;
    let (shown, complete) = member_projects(&world).await?;
    let projects: Vec<Project> =
        shown.into_values().filter_map(|detail| world.shown_project(detail)).collect();
    let since = begin(pipeline, &projects, now, complete).await?;
    let linked = linked(&world).await?;
    let mut places = Vec::with_capacity(projects.len());
    for project in projects {
        let id = project.detail.id;
        let first_seen = since.get(&id).copied().unwrap_or(now);
        let rule = world.rule_since(&project.rule).await?;
        // Ours, which may be wrong by a little: whoever decides looks again.
        let oldest = before(Timestamp::now(), COMMAND_AGE + CLOCK_SLACK);
        let earliest = first_seen.max(rule).max(oldest);
        places.push(Place { project, earliest, linked: linked.contains(&id) });
    }
    Ok((places, now))
}

/// By GitLab's clock, where any token of ours is told.
async fn gitlabs_time(world: &World) -> Result<Timestamp, Trouble> {
    let mut trouble = None;
    for client in clients(world) {
        match client.me().await {
            Ok(me) => return Ok(me.date.unwrap_or_else(|| before(Timestamp::now(), CLOCK_SLACK))),
            Err(GitlabError::Failed(failure)) if failure.is_unauthorized() => {
                trouble = Some(Trouble::from(failure));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(trouble.unwrap_or_else(|| Trouble::again_in(LISTED_EVERY, "there is no token for GitLab")))
}

/// Since when each project is looked at. For one that is seen for the first time that is written down.
///
/// The first time of all, everything may have been there before: what its rule says counts. Later, a project that was made
/// since the last look is looked at from its beginning. One that is older came to its rule in some other way: moved, renamed,
/// the bot invited. What was written there before is history.
async fn begin(
    pipeline: &Pipeline,
    projects: &[Project],
    now: Timestamp,
    complete: bool,
) -> Result<BTreeMap<ProjectId, Timestamp>, Trouble> {
    let world = pipeline.world();
    let register = world.store().register().await?.value.unwrap_or_default();
    let moment = |name: &str| -> Option<Timestamp> { register.cursors.get(name)?.parse().ok() };
    let listed = moment(cursor::LISTED);
    let mut since = BTreeMap::new();
    let mut moved = Vec::new();
    for project in projects {
        let id = project.detail.id;
        let known = moment(&cursor::project(id));
        // What is older than its project was imported with it.
        let made = project.detail.created_at.unwrap_or(Timestamp::MIN);
        let from = match (known, listed) {
            (Some(known), _) => known,
            (None, None) => made.max(before(now, COMMAND_AGE)),
            // GitLab's time is told in whole seconds: what happened within one of them counts as before.
            (None, Some(listed)) if made.as_second() > listed.as_second() => made,
            (None, Some(_)) => now.checked_add(Duration::from_secs(1)).unwrap_or(now),
        };
        since.insert(id, from);
        if known.is_none() {
            moved.push((cursor::project(id), from.to_string()));
        }
    }
    let long_ago = listed.is_none_or(|listed| listed <= before(now, LISTED_EVERY));
    if complete && (long_ago || !moved.is_empty()) {
        moved.push((cursor::LISTED.to_owned(), now.to_string()));
    }
    cursor::move_on(pipeline, &moved, &[]).await?;
    Ok(since)
}

/// The projects in which something is linked.
async fn linked(world: &World) -> Result<BTreeSet<ProjectId>, Trouble> {
    let mut found = BTreeSet::new();
    let mut after = None;
    loop {
        let page = world.store().linked_noteables(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.noteable.clone());
        found.extend(page.iter().map(|record| record.noteable.project));
    }
}
