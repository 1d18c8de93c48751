//! Which projects our tokens' users are members of.

use std::collections::BTreeMap;

use crate::bot::{Trouble, World};
use crate::domain::ProjectId;
use crate::gitlab::{GitlabApi, GitlabError, ProjectDetail};

/// The clients of all tokens, GitLab's own first.
pub(super) fn clients(world: &World) -> impl Iterator<Item = &GitlabApi> {
    std::iter::once(world.gitlab()).chain(world.gitlab_by_rule().map(|(_, client)| client))
}

/// What all tokens together see, and whether all of them were answered.
pub(super) async fn member_projects(
    world: &World,
) -> Result<(BTreeMap<ProjectId, ProjectDetail>, bool), Trouble> {
    let mut shown = BTreeMap::new();
    let mut complete = true;
    for client in clients(world) {
        match client.member_projects().await {
            Ok(projects) => {
                shown.extend(projects.into_iter().filter(|one| !one.archived).map(|one| (one.id, one)));
            }
            // A token that has expired hides nothing of what the others see. The health says so already.
            Err(GitlabError::Failed(failure)) if failure.is_unauthorized() => complete = false,
            Err(error) => return Err(error.into()),
        }
    }
    Ok((shown, complete))
}
