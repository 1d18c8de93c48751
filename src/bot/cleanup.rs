//! The issue in which a flag is to be cleaned up: what it says, and whom it is for.

use super::linked;
use super::world::{Project, World};
use super::{Trouble, roles};
use crate::config::Role;
use crate::domain::{
    Change, Cleanup, CommentText, Flag, FlagState, NoteableKind, NoteableRecord, Person, UserId,
};
use crate::flags::{About, FlagProvider};
use crate::markdown::cleanup::{self as say, Facts, Why};
use crate::markdown::job::Page;

/// So many issues are related to it.
const RELATED: usize = linked::READ_AGAIN;
/// So many of a flag's owners are looked for in GitLab.
const OWNERS: usize = 5;

/// What was found out for the issue about a flag.
pub struct Known {
    state: Option<FlagState>,
    about: About,
    linked: Vec<NoteableRecord>,
}

/// Finds out what the issue is to say.
pub async fn find_out(
    world: &World,
    project: &Project,
    provider: &dyn FlagProvider,
    flag: &Flag,
) -> Result<Known, Trouble> {
    let state = provider.state(&flag.flag, &flag.internal_id).await?;
    let mut about = provider.about(&flag.flag, &flag.internal_id).await?;
    let known = world.store().flag(&flag.flag).await?.value;
    let seen = known.filter(|known| known.flag.internal_id == flag.internal_id);
    about.changed_at =
        about.changed_at.max(seen.and_then(|known| known.history.iter().map(Change::moment).max()));
    // What is related, and all that is named, is looked at; of the others the text tells only how many there are.
    let linked = linked::still_named(world, project, &flag.flag).await?;
    Ok(Known { state, about, linked })
}

impl Known {
    fn with_facts<T>(&self, project: &Project, cleanup: &Cleanup, then: impl FnOnce(&Facts<'_>) -> T) -> T {
        let linked: Vec<Page> = self.linked.iter().map(linked::page).collect();
        then(&Facts {
            flag: &cleanup.flag,
            over: cleanup.over,
            state: self.state.as_ref(),
            changed_at: self.about.changed_at,
            linked: &linked,
            show_values: project.rule.shows_values(project.detail.visibility),
        })
    }

    /// The title and the description of a new issue.
    pub fn texts(
        &self,
        project: &Project,
        cleanup: &Cleanup,
        asked: Option<(&Person, Option<&Page>)>,
        archives: bool,
    ) -> (String, CommentText) {
        let why = match asked {
            Some((person, on)) => Why::Asked { by: &person.username, on },
            None => Why::Stale { days: cleanup.days, environments: &cleanup.environments },
        };
        let text = self.with_facts(project, cleanup, |facts| say::description(facts, &why, archives));
        (say::title(&cleanup.flag.flag.key), text)
    }

    /// The description of an issue that is there, brought up to date; `None` where nothing is to be changed.
    pub fn brought_up_to_date(&self, project: &Project, cleanup: &Cleanup, now: &str) -> Option<CommentText> {
        self.with_facts(project, cleanup, |facts| say::brought_up_to_date(now, facts))
    }

    /// The issues that it is to be related to.
    pub fn related(&self) -> impl Iterator<Item = (u64, u64)> {
        let issues = self.linked.iter().filter(|record| record.noteable.kind == NoteableKind::Issue);
        issues.map(|record| (record.noteable.project, record.noteable.iid)).take(RELATED)
    }

    /// Whom it is for: the first of the flag's owners whose address GitLab knows and who is a member, else who asked.
    pub async fn assignee(
        &self,
        project: &Project,
        asked: Option<&Person>,
    ) -> Result<Option<UserId>, Trouble> {
        let addresses = self.about.owners.iter().filter(|address| address.contains('@'));
        for address in addresses.take(OWNERS) {
            if let Some(owner) = project.gitlab.user_with_address(address).await?
                && Some(roles::level(project, owner.id).await?) >= Role::Guest.level()
            {
                return Ok(Some(owner.id));
            }
        }
        Ok(asked.map(|person| person.id))
    }
}
