//! Links and tags on a flag.

use http::Method;
use serde_json::json;

use super::Unleash;
use super::catalog::Said;
use super::wire::{Link, Tag, Tags};
use crate::domain::FlagRef;
use crate::flags::json_api::part;
use crate::flags::{BackLink, Provided, ProviderError, StandingLink, same_page};

/// The type of tags without one in front.
const SIMPLE: &str = "simple";
/// The longest and the shortest value of a tag, in characters (measured on 8.2).
const TAG_LENGTH: std::ops::RangeInclusive<usize> = 2..=50;

impl Unleash {
    pub(super) async fn links(&self, flag: &FlagRef) -> Provided<Vec<StandingLink>> {
        match self.ask(&flag.key).await? {
            Said::Live(feature) => Ok(feature.links.into_iter().map(standing).collect()),
            // They are there, and cannot be read: to say that there are none would have them put on again, or forgotten.
            Said::Archived => Err(ProviderError::Strange(format!(
                "{} is archived in {}, where its links cannot be read until it is restored",
                flag.key, self.name
            ))),
            Said::Nothing => Ok(Vec::new()),
        }
    }

    /// Unleash puts a link on as often as it is asked to, in a spelling of its own, and answers without saying which it is.
    pub(super) async fn add_link(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        link: &BackLink,
    ) -> Provided<String> {
        let before = self.the_one(flag, internal_id).await?.links;
        if let Some(known) = before.iter().find(|known| same_page(&known.url, &link.url)) {
            if standing(known.clone()).says != link.as_title() {
                self.update_link(flag, &known.id, link).await?;
            }
            return Ok(known.id.clone());
        }
        let path = format!("{}/link", self.path(&flag.key));
        let sent = self.api.send(Method::POST, &path, Some(&body(link))).await;
        sent.map_err(|error| self.too_many(flag, error))?;
        let mut new: Vec<Link> = self.the_one(flag, internal_id).await?.links;
        new.retain(|link| before.iter().all(|before| before.id != link.id));
        // Its ids grow with time: the oldest stays.
        new.sort_by(|a, b| a.id.cmp(&b.id));
        let (alike, others): (Vec<Link>, Vec<Link>) =
            new.into_iter().partition(|made| same_page(&made.url, &link.url));
        let mut alike = alike.into_iter();
        // In whatever spelling Unleash keeps it: it was not there before, and says what it was to say.
        let in_its_way = || others.into_iter().find(|made| standing(made.clone()).says == link.as_title());
        let Some(stays) = alike.next().or_else(in_its_way) else {
            return Err(ProviderError::Strange(format!("{} did not keep the link that it took", self.name)));
        };
        for double in alike {
            self.remove_link(flag, &double.id).await?;
        }
        Ok(stays.id)
    }

    fn too_many(&self, flag: &FlagRef, error: ProviderError) -> ProviderError {
        match error {
            ProviderError::Failed(failure)
                if failure.status == Some(403) && failure.said.contains("Too many links") =>
            {
                ProviderError::Strange(format!(
                    "{} has as many links in {} as Unleash takes; remove one of them there, and this one can be put on: {}",
                    flag.key,
                    self.name,
                    self.page(&flag.key)
                ))
            }
            other => other,
        }
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
        let (add, remove): (Vec<Tag>, Vec<Tag>) =
            (add.iter().map(|label| tag(label)).collect(), remove.iter().map(|label| tag(label)).collect());
        if let Some(bad) = add.iter().find(|tag| !TAG_LENGTH.contains(&tag.value.chars().count())) {
            return Err(ProviderError::Strange(format!(
                "{} cannot be a tag: Unleash takes {} to {} characters",
                label(bad),
                TAG_LENGTH.start(),
                TAG_LENGTH.end()
            )));
        }
        if add.is_empty() && !self.has(flag, internal_id).await? {
            // They went with the flag.
            return Ok(());
        }
        self.the_one(flag, internal_id).await?;
        let path = self.tags_path(flag);
        let there = self.api.get::<Tags>(&path).await?.tags;
        // What stands is not put on again: Unleash would tell everybody of it once more.
        for tag in add.iter().filter(|tag| !there.contains(tag)) {
            let body = json!({ "type": tag.kind, "value": tag.value });
            self.api.send(Method::POST, &path, Some(&body)).await?;
        }
        for tag in remove.iter().filter(|tag| there.contains(tag) && !add.contains(tag)) {
            self.api.delete(&format!("{path}/{}/{}", part(&tag.kind), part(&tag.value))).await?;
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
    json!({ "url": link.url, "title": link.as_title() })
}

/// A tag as one label: its value, with its type in front where that is another than the usual one, or where the value itself
/// looks as if it had one. Types have no colon.
fn label(tag: &Tag) -> String {
    match tag.kind == SIMPLE && !tag.value.contains(':') {
        true => tag.value.clone(),
        false => format!("{}:{}", tag.kind, tag.value),
    }
}

fn tag(label: &str) -> Tag {
    let (kind, value) = label.split_once(':').unwrap_or((SIMPLE, label));
    Tag { kind: kind.to_owned(), value: value.to_owned() }
}
