//! What the panel on a noteable is to say.

use super::Trouble;
use super::resolve;
use super::switching::without_secret_reasons;
use super::world::{Project, World};
use crate::domain::{CommentText, FlagRecord, NoteableRecord};
use crate::markdown::{PanelFlag, PanelView, panel_in};

/// The panel's text, from what the store says now.
pub async fn text(world: &World, project: &Project, record: &NoteableRecord) -> Result<CommentText, Trouble> {
    let mut known: Vec<FlagRecord> = Vec::with_capacity(record.links.len());
    for link in &record.links {
        if let Some(mut flag) = world.store().flag(&link.flag).await?.value {
            without_secret_reasons(world, &record.noteable, &mut flag.history).await?;
            known.push(flag);
        }
    }
    let several = resolve::several_providers(&record.links);
    let flags = record
        .links
        .iter()
        .filter_map(|link| {
            let flag = known.iter().find(|flag| flag.flag.flag == link.flag)?;
            Some(PanelFlag {
                flag: &flag.flag,
                name: resolve::page_name(&link.flag, several),
                state: flag.state.as_ref(),
                missing_since: flag.missing_since,
                made_again: flag.missing_since.is_some() && flag.made_again,
                unwatched: world.provider(&link.flag).is_none(),
                history: &flag.history,
                linked_by: &link.by.username,
                linked_at: link.at,
            })
        })
        .collect();
    let show_values = project.rule.shows_values(project.detail.visibility);
    let view = PanelView { flags, links: &record.history, show_values };
    Ok(panel_in(&view, world.templates()))
}
