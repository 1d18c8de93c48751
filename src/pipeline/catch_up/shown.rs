//! Work that GitLab shows again after its links were taken away: the ban of its author is over, for one. The links go back in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::deleted::written;
use super::{Place, is_over};
use crate::bot::{Trouble, World, deleted};
use crate::domain::{Noteable, NoteableKind, Person, ProjectId};
use crate::gitlab::{GitlabError, SHOWN_AT_ONCE};
use crate::pipeline::Pipeline;

/// Asks for the hidden work of these projects, and puts the links back in of what is shown.
pub(super) async fn look(pipeline: &Pipeline, places: &[&Place]) -> Result<(), Trouble> {
    let world = pipeline.world();
    let hidden = hidden(&world).await?;
    for place in places {
        let id = place.project.detail.id;
        for kind in [NoteableKind::Issue, NoteableKind::MergeRequest] {
            let Some(work) = hidden.get(&(id, kind)) else { continue };
            let shown = match shown(place, kind, work).await {
                Ok(shown) => shown,
                Err(trouble) if is_over(&trouble) => return Err(trouble),
                Err(trouble) => {
                    let path = &place.project.detail.path;
                    tracing::debug!(project = path, reason = %trouble, "whether hidden work is shown again cannot be seen now");
                    continue;
                }
            };
            for noteable in work.iter().filter(|one| shown.contains(&one.iid)) {
                // What keeps one from coming back, such as a silent flag service, does not keep the others: the next run asks again.
                if let Err(trouble) = put_back(pipeline, &world, place, noteable).await {
                    tracing::debug!(%noteable, reason = %trouble, "its links cannot be put back in now");
                }
            }
        }
    }
    Ok(())
}

/// All hidden work, by project and kind.
async fn hidden(world: &World) -> Result<BTreeMap<(ProjectId, NoteableKind), Vec<Noteable>>, Trouble> {
    let register = world.store().register().await?.value.unwrap_or_default();
    let mut found: BTreeMap<_, Vec<Noteable>> = BTreeMap::new();
    for noteable in register.hidden {
        if noteable.instance == *world.instance() {
            found.entry((noteable.project, noteable.kind)).or_default().push(noteable);
        }
    }
    Ok(found)
}

/// The numbers of those that are shown.
async fn shown(place: &Place, kind: NoteableKind, work: &[Noteable]) -> Result<BTreeSet<u64>, Trouble> {
    let mut found = BTreeSet::new();
    let iids: Vec<u64> = work.iter().map(|one| one.iid).collect();
    for asked in iids.chunks(SHOWN_AT_ONCE) {
        match place.project.gitlab.shown_of(place.project.detail.id, kind, asked).await {
            Ok(shown) => found.extend(shown),
            // The project has none of it, or not for the bot.
            Err(GitlabError::Failed(failure)) if matches!(failure.status, Some(403 | 404)) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

async fn put_back(
    pipeline: &Pipeline,
    world: &World,
    place: &Place,
    noteable: &Noteable,
) -> Result<(), Trouble> {
    let me = world.me(&place.project.rule).await?;
    let by = Person { id: me.id, username: me.username };
    let decision = deleted::put_back(world, &place.project, noteable, &by, Timestamp::now()).await?;
    if let Some(decision) = decision {
        written(pipeline, decision).await?;
    }
    Ok(())
}
