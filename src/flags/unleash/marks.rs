//! Links and tags on a flag.

use http::Method;
use serde_json::json;

use super::Unleash;
use super::wire::{Feature, Link, Tag, Tags};
use crate::domain::{FlagRef, NoteableKind, WorkState};
use crate::flags::json_api::part;
use crate::flags::{BackLink, Provided, ProviderError, StandingLink};

/// The type of tags without one in front.
const SIMPLE: &str = "simple";
/// The longest and the shortest value of a tag, in characters (measured on 8.2).
const TAG_LENGTH: std::ops::RangeInclusive<usize> = 2..=50;

impl Unleash {
    pub(super) async fn links(&self, flag: &FlagRef) -> Provided<Vec<StandingLink>> {
        // In the archive they cannot be read; they are there again when it is revived.
        let found: Option<Feature> = self.api.get_if_there(&self.path(&flag.key)).await?;
        Ok(found.into_iter().flat_map(|feature| feature.links).map(standing).collect())
    }

    /// Unleash puts a link on as often as it is asked to, and answers without saying which it is.
    pub(super) async fn add_link(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        link: &BackLink,
    ) -> Provided<String> {
        let there = self.the_one(flag, internal_id).await?.links;
        if let Some(known) = there.iter().find(|known| known.url == link.url) {
            if standing(known.clone()).says != says(link) {
                self.update_link(flag, &known.id, link).await?;
            }
            return Ok(known.id.clone());
        }
        let path = format!("{}/link", self.path(&flag.key));
        self.api.send(Method::POST, &path, Some(&body(link))).await?;
        let mut made: Vec<Link> = self.the_one(flag, internal_id).await?.links;
        made.retain(|made| made.url == link.url);
        // Its ids grow with time: the oldest stays.
        made.sort_by(|a, b| a.id.cmp(&b.id));
        let mut made = made.into_iter();
        let Some(stays) = made.next() else {
            return Err(ProviderError::Strange(format!("{} did not keep the link that it took", self.name)));
        };
        for double in made {
            self.remove_link(flag, &double.id).await?;
        }
        Ok(stays.id)
    }

    pub(super) async fn update_link(&self, flag: &FlagRef, id: &str, link: &BackLink) -> Provided<()> {
        let path = format!("{}/link/{}", self.path(&flag.key), part(id));
        self.api.send(Method::PUT, &path, Some(&body(link))).await.map(|_| ())
    }

    pub(super) async fn remove_link(&self, flag: &FlagRef, id: &str) -> Provided<()> {
        self.api.delete(&format!("{}/link/{}", self.path(&flag.key), part(id))).await
    }

    pub(super) async fn tag_labels(&self, flag: &FlagRef) -> Provided<Vec<String>> {
        let there: Tags = self.api.get(&self.tags_path(flag)).await?;
        Ok(there.tags.iter().map(label).collect())
    }

    pub(super) async fn change_tag_labels(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        add: &[String],
        remove: &[String],
    ) -> Provided<()> {
        if add.is_empty() && remove.is_empty() {
            return Ok(());
        }
        if let Some(bad) = add.iter().find(|label| !TAG_LENGTH.contains(&parts(label).1.chars().count())) {
            return Err(ProviderError::Strange(format!(
                "{bad} cannot be a tag: Unleash takes {} to {} characters",
                TAG_LENGTH.start(),
                TAG_LENGTH.end()
            )));
        }
        self.the_one(flag, internal_id).await?;
        let there = self.tag_labels(flag).await?;
        let path = self.tags_path(flag);
        // What stands is not put on again: Unleash would tell everybody of it once more.
        for label in add.iter().filter(|label| !there.contains(label)) {
            let (kind, value) = parts(label);
            self.api.send(Method::POST, &path, Some(&json!({ "type": kind, "value": value }))).await?;
        }
        for label in remove.iter().filter(|label| there.contains(label) && !add.contains(label)) {
            let (kind, value) = parts(label);
            self.api.delete(&format!("{path}/{}/{}", part(kind), part(value))).await?;
        }
        Ok(())
    }

    fn tags_path(&self, flag: &FlagRef) -> String {
        format!("features/{}/tags", part(&flag.key))
    }
}

fn standing(link: Link) -> StandingLink {
    StandingLink { id: link.id, url: link.url, says: link.title.unwrap_or_default() }
}

fn body(link: &BackLink) -> serde_json::Value {
    json!({ "url": link.url, "title": says(link) })
}

/// A link's title: `Checkout is slow (issue, closed)`.
pub(super) fn says(link: &BackLink) -> String {
    let kind = match link.kind {
        NoteableKind::Issue => "issue",
        NoteableKind::MergeRequest => "merge request",
    };
    let state = match link.state {
        WorkState::Opened if link.draft => ", draft",
        WorkState::Opened => "",
        WorkState::Closed => ", closed",
        WorkState::Merged => ", merged",
        WorkState::Locked => ", locked",
    };
    format!("{} ({kind}{state})", link.title)
}

/// A tag as one label: its value, with its type in front where that is another than the usual one.
fn label(tag: &Tag) -> String {
    if tag.kind == SIMPLE { tag.value.clone() } else { format!("{}:{}", tag.kind, tag.value) }
}

fn parts(label: &str) -> (&str, &str) {
    label.split_once(':').unwrap_or((SIMPLE, label))
}
