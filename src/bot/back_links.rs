//! Which links to work are to stand on a flag in its own service.

use std::collections::BTreeMap;

use super::Trouble;
use super::world::World;
use crate::domain::{FlagRef, Mirror};
use crate::flags::{BackLink, StandingLink, same_page};
use crate::gitlab::WorkPage;

/// Whether a link that stands on a flag is the one that is kept in mind: by its id, however its address is spelt, or by that.
pub fn stands_as(standing: &StandingLink, mirror: &Mirror) -> bool {
    mirror.id.as_ref() == Some(&standing.id) || same_page(&standing.url, &mirror.url)
}

/// Of the links that stand on a flag, all that lead to the same work as the one that is kept in mind: to any of its pages.
pub async fn all_to_the_work<'a>(
    world: &World,
    mirror: &Mirror,
    standing: &'a [StandingLink],
) -> Result<Vec<&'a StandingLink>, Trouble> {
    let bases = world.addresses().await?;
    let page = |url: &str| {
        let page = WorkPage::read(url, bases.iter().map(String::as_str))?;
        // GitLab does not tell paths apart by letter case.
        Some(WorkPage { project_path: page.project_path.to_lowercase(), ..page })
    };
    let work = page(&mirror.url);
    let leads_there =
        |link: &&StandingLink| stands_as(link, mirror) || (work.is_some() && page(&link.url) == work);
    Ok(standing.iter().filter(leads_there).collect())
}

/// The links that are to stand on the flag, by noteable in text form. Confidential work is not among them:
/// nothing of it leaves GitLab.
pub async fn wanted(world: &World, flag: &FlagRef) -> Result<BTreeMap<String, BackLink>, Trouble> {
    let mut wanted = BTreeMap::new();
    for noteable in world.store().noteables_of(flag).await? {
        let Some(record) = world.store().noteable(&noteable).await?.value else { continue };
        if record.view.confidential || record.view.web_url.is_empty() {
            continue;
        }
        let link = BackLink {
            url: record.view.web_url,
            kind: noteable.kind,
            title: record.view.title,
            state: record.view.state,
            draft: record.view.draft,
        };
        wanted.insert(noteable.to_string(), link);
    }
    Ok(wanted)
}
