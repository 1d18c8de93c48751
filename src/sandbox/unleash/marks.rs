//! What can be put on flags: tags and links.

use serde_json::{Value as Json, json};

use super::clock::ulid;
use super::events::happened;
use super::model::{Actor, Link, Tag, TagType};
use super::view;
use super::world::World;

impl World {
    /// Makes a type of tags. `false` where there is one of that name.
    pub fn new_tag_type(&mut self, by: &Actor, new: TagType) -> bool {
        if self.tag_types.iter().any(|known| known.name == new.name) {
            return false;
        }
        let mut shown = json!({ "name": new.name, "description": new.description });
        if let (Some(fields), Some(color)) = (shown.as_object_mut(), &new.color) {
            fields.insert("color".to_owned(), json!(color));
        }
        self.tag_types.push(new);
        self.tell_of_nothing(by, happened("tag-type-created").with(shown));
        true
    }

    /// Puts a tag on a flag. Tells of it also where the flag has it already.
    pub fn tag(&mut self, by: &Actor, name: &str, tag: Tag) {
        let new = !self.features.iter().any(|feature| feature.tags.contains(&tag));
        let data = json!({ "type": tag.kind, "value": tag.value });
        let Some(feature) = self.feature_mut(name) else { return };
        if !feature.tags.contains(&tag) {
            feature.tags.push(tag);
            feature.tags.sort();
        }
        if new {
            self.tell_of_nothing(by, happened("tag-created").with(data.clone()).group(None));
        }
        self.tell(by, name, happened("feature-tagged").with(data).group(None));
    }

    /// Takes a tag off a flag. The event still shows it among the flag's tags.
    pub fn untag(&mut self, by: &Actor, name: &str, tag: &Tag) {
        let Some(feature) = self.feature(name) else { return };
        let before = view::tags(self, feature);
        if let Some(feature) = self.feature_mut(name) {
            feature.tags.retain(|known| known != tag);
        }
        let data = json!({ "type": tag.kind, "value": tag.value });
        self.tell(by, name, happened("feature-untagged").was(data).tags(before).group(None));
    }

    /// Puts a link on a flag, also where it has one to the same address. Returns its id.
    pub fn add_link(&mut self, by: &Actor, name: &str, url: &str, title: Option<&str>) -> String {
        let Some(feature) = self.feature_mut(name) else { return String::new() };
        let link = Link { id: ulid(), url: url.to_owned(), title: title.map(str::to_owned) };
        let (id, shown) = (link.id.clone(), words(&link));
        feature.links.push(link);
        self.tell(by, name, happened("feature-link-added").with(shown));
        id
    }

    /// Changes a link. `false` where there is none of that id.
    pub fn change_link(&mut self, by: &Actor, name: &str, id: &str, url: &str, title: Option<&str>) -> bool {
        let found =
            self.feature_mut(name).and_then(|feature| feature.links.iter_mut().find(|link| link.id == id));
        let Some(link) = found else { return false };
        let before = words(link);
        url.clone_into(&mut link.url);
        link.title = title.map(str::to_owned);
        let after = words(link);
        self.tell(by, name, happened("feature-link-updated").with(after).was(before));
        true
    }

    /// Takes a link away. `false` where there is none of that id.
    pub fn remove_link(&mut self, by: &Actor, name: &str, id: &str) -> bool {
        let Some(feature) = self.feature_mut(name) else { return false };
        let Some(place) = feature.links.iter().position(|link| link.id == id) else { return false };
        let before = words(&feature.links.remove(place));
        self.tell(by, name, happened("feature-link-removed").was(before));
        true
    }
}

fn words(link: &Link) -> Json {
    json!({ "url": link.url, "title": link.title })
}
