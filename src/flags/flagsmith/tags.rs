//! Tags on a flag.
//!
//! Flagsmith replaces a flag's whole list of tags at once and knows no versions, so the list is read, changed, written
//! and read again; what somebody else did in between shows in that last read, and then it is done once more.

use http::Method;
use serde::de::IgnoredAny;
use serde_json::json;

use super::Flagsmith;
use super::catalog::Known;
use super::wire::{Feature, Tag};
use crate::domain::{Flag, FlagRef, StateTag};
use crate::flags::{Provided, ProviderError};

/// The colour of tags that are made, the same as that of Flagsmith's own GitLab tags.
const COLOUR: &str = "#FC6D26";
/// How often the list is written before somebody else's hands in it are told to people.
const ATTEMPTS: usize = 3;

impl Flagsmith {
    /// The flags with a tag that tells of linked work: Flagsmith lists links of one flag only, and sets the tag with each.
    pub(super) async fn flags_with_work(&self) -> Provided<Vec<Flag>> {
        let tags = self.project_tags().await?;
        let of_work = |id: &u64| {
            tags.iter().any(|tag| {
                tag.id == *id
                    && (tag.is_system_tag || StateTag::ALL.iter().any(|of_work| of_work.label() == tag.label))
            })
        };
        let mut found: Vec<Known> = Vec::new();
        let path = format!("projects/{}/features/", self.project);
        self.api
            .list(&path, |feature: Feature| {
                if feature.tags.iter().any(of_work) {
                    found.push(feature.into());
                }
            })
            .await?;
        let dashboard = self.dashboard().await;
        Ok(found.iter().map(|known| self.flag(known, dashboard.as_deref())).collect())
    }

    pub(super) async fn tag_labels(&self, flag: &FlagRef, internal_id: &str) -> Provided<Vec<String>> {
        let on_flag = self.tag_ids(flag, internal_id).await?.ok_or_else(|| self.gone(flag))?;
        let known = self.project_tags().await?;
        Ok(known.iter().filter(|tag| on_flag.contains(&tag.id)).map(|tag| tag.label.clone()).collect())
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
        let path = self.feature_path(self.id(flag, internal_id)?);
        let mut known = self.project_tags().await?;
        for attempt in 1..=ATTEMPTS {
            let now = match self.tag_ids(flag, internal_id).await? {
                Some(now) => now,
                // They went with the flag.
                None if add.is_empty() => return Ok(()),
                None => return Err(self.gone(flag)),
            };
            let wanted = self.wanted(&now, &mut known, add, remove).await?;
            if wanted == now {
                return Ok(());
            }
            let body = json!({ "tags": wanted });
            match self.api.write::<IgnoredAny>(Method::PATCH, &path, &body).await {
                Ok(_) => {}
                // A tag of the list was deleted since it was read (400), or the flag was (404).
                Err(ProviderError::Failed(failure))
                    if attempt < ATTEMPTS && (failure.status == Some(400) || failure.is_not_found()) =>
                {
                    known = self.project_tags().await?;
                }
                Err(error) => return Err(error),
            }
        }
        let now = self.tag_ids(flag, internal_id).await?.ok_or_else(|| self.gone(flag))?;
        if self.wanted(&now, &mut known, add, remove).await? == now {
            return Ok(());
        }
        Err(ProviderError::Strange(format!(
            "the tags of {} in {} are being changed by somebody else at the same time",
            flag.key, self.name
        )))
    }

    /// The list as it is to be; tags that are missing in the project are made.
    async fn wanted(
        &self,
        now: &[u64],
        known: &mut Vec<Tag>,
        add: &[String],
        remove: &[String],
    ) -> Provided<Vec<u64>> {
        let labelled = |known: &[Tag], id: u64, labels: &[String]| {
            known.iter().any(|tag| tag.id == id && labels.contains(&tag.label))
        };
        let mut wanted: Vec<u64> = now.iter().copied().filter(|id| !labelled(known, *id, remove)).collect();
        for label in add.iter().filter(|label| !remove.contains(label)) {
            // Flagsmith lets several tags have one label; any of them will do, and two of them on one flag are one too many: where
            // a link came late, Flagsmith has put its own beside ours.
            let same: Vec<u64> = wanted
                .iter()
                .copied()
                .filter(|id| labelled(known, *id, std::slice::from_ref(label)))
                .collect();
            if !same.is_empty() {
                let kept = known
                    .iter()
                    .filter(|tag| same.contains(&tag.id))
                    .min_by_key(|tag| (!tag.is_system_tag, tag.id))
                    .map(|tag| tag.id);
                wanted.retain(|id| !same.contains(id) || Some(*id) == kept);
                continue;
            }
            let candidates = known.iter().filter(|tag| tag.label == *label);
            let id = match candidates.min_by_key(|tag| (!tag.is_system_tag, tag.id)) {
                Some(tag) => tag.id,
                None => self.tag_of_that_label(label, known).await?,
            };
            wanted.push(id);
        }
        Ok(wanted)
    }

    /// A tag that was not there: several flags may miss it at the same moment, and Flagsmith would make as many of one label.
    async fn tag_of_that_label(&self, label: &str, known: &mut Vec<Tag>) -> Provided<u64> {
        let _turn = self.making_tags.lock().await;
        *known = self.project_tags().await?;
        let there = known.iter().filter(|tag| tag.label == label);
        if let Some(tag) = there.min_by_key(|tag| (!tag.is_system_tag, tag.id)) {
            return Ok(tag.id);
        }
        let made = self.make_tag(label).await?;
        let id = made.id;
        known.push(made);
        Ok(id)
    }

    async fn make_tag(&self, label: &str) -> Provided<Tag> {
        let path = format!("projects/{}/tags/", self.project);
        let body = json!({ "label": label, "color": COLOUR, "description": "Kept by flaglink" });
        self.api.write(Method::POST, &path, &body).await
    }

    pub(super) async fn project_tags(&self) -> Provided<Vec<Tag>> {
        let mut tags = Vec::new();
        self.api.list(&format!("projects/{}/tags/", self.project), |tag| tags.push(tag)).await?;
        Ok(tags)
    }

    /// The tags on the flag; `None` where the flag is gone.
    async fn tag_ids(&self, flag: &FlagRef, internal_id: &str) -> Provided<Option<Vec<u64>>> {
        let id = self.id(flag, internal_id)?;
        Ok(self.feature(id).await?.map(|feature| feature.tags))
    }
}
