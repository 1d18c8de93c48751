//! Links to issues and merge requests, the tags that Flagsmith sets because of them, and the settings of its
//! GitLab integration.

use serde_json::Value as Json;

use super::model::{GitLab, Resource, Tag};
use super::world::World;

/// The tags that Flagsmith makes for what is linked: kind of link, label, description.
const SYSTEM_TAGS: [(&str, &str, &str); 6] = [
    ("GITLAB_ISSUE", "Issue Open", "Has a linked GitLab issue open"),
    ("GITLAB_ISSUE", "Issue Closed", "Has a linked GitLab issue closed"),
    ("GITLAB_MR", "MR Open", "Has a linked GitLab merge request open"),
    ("GITLAB_MR", "MR Draft", "Has a linked GitLab merge request draft"),
    ("GITLAB_MR", "MR Closed", "Has a linked GitLab merge request closed"),
    ("GITLAB_MR", "MR Merged", "Has a linked GitLab merge request merged"),
];

/// Which tag a link asks for, by what the one who linked said about the state.
fn label_for(kind: &str, metadata: &Json) -> Option<&'static str> {
    let state = metadata.get("state").and_then(Json::as_str)?;
    let draft = metadata.get("draft").and_then(Json::as_bool).unwrap_or_default();
    let open = matches!(state, "opened" | "reopened" | "open");
    match (kind, state) {
        ("GITLAB_ISSUE", _) if open => Some("Issue Open"),
        ("GITLAB_ISSUE", "closed") => Some("Issue Closed"),
        ("GITLAB_MR", _) if open && draft => Some("MR Draft"),
        ("GITLAB_MR", _) if open => Some("MR Open"),
        ("GITLAB_MR", "closed") => Some("MR Closed"),
        ("GITLAB_MR", "merged") => Some("MR Merged"),
        _ => None,
    }
}

impl World {
    /// Links a feature, and sets the tag of that kind, with or without a GitLab integration. Nothing is told.
    pub fn link(&mut self, feature: u64, kind: &str, url: &str, metadata: Json) -> u64 {
        let id = self.next_id("resource");
        let label = label_for(kind, &metadata);
        let resource = Resource { id, feature, kind: kind.to_owned(), url: url.to_owned(), metadata };
        self.resources.insert(id, resource);
        if let Some(label) = label {
            self.set_system_tag(feature, kind, Some(label));
        }
        id
    }

    /// Takes a link off. The tag of its kind goes with the last link of that kind.
    pub fn unlink(&mut self, id: u64) {
        let Some(resource) = self.resources.remove(&id) else { return };
        let others = self
            .resources
            .values()
            .any(|other| other.feature == resource.feature && other.kind == resource.kind);
        if !others {
            self.set_system_tag(resource.feature, &resource.kind, None);
        }
    }

    fn set_system_tag(&mut self, feature: u64, kind: &str, label: Option<&str>) {
        let Some(project) = self.features.get(&feature).map(|feature| feature.project) else { return };
        let of_kind: Vec<u64> = self
            .tags
            .values()
            .filter(|tag| tag.project == project && tag.is_system)
            .filter(|tag| SYSTEM_TAGS.iter().any(|(of, label, _)| *of == kind && tag.label == *label))
            .map(|tag| tag.id)
            .collect();
        let wanted = label.and_then(|label| self.system_tag(project, label));
        let Some(feature) = self.features.get_mut(&feature) else { return };
        feature.tags.retain(|tag| !of_kind.contains(tag));
        feature.tags.extend(wanted);
        feature.tags.sort_unstable();
    }

    fn system_tag(&mut self, project: u64, label: &str) -> Option<u64> {
        let found = self
            .tags
            .values()
            .find(|tag| tag.project == project && tag.is_system && tag.label == label)
            .map(|tag| tag.id);
        if found.is_some() {
            return found;
        }
        let (_, _, description) = SYSTEM_TAGS.iter().find(|(_, known, _)| *known == label)?;
        let id = self.next_id("tag");
        let tag = Tag {
            id,
            uuid: self.mint.uuid(),
            project,
            label: label.to_owned(),
            color: "#FC6D26".to_owned(),
            description: Some((*description).to_owned()),
            is_permanent: false,
            is_system: true,
        };
        self.tags.insert(id, tag);
        Some(id)
    }

    /// The GitLab integration of a project, if it has one.
    pub fn gitlab_of(&self, project: u64) -> Option<&GitLab> {
        self.gitlab.iter().find(|gitlab| gitlab.project == project && !gitlab.deleted)
    }

    /// Switches a project's GitLab integration on; one that was deleted comes back with its id. Returns its id.
    pub fn set_gitlab(&mut self, project: u64, url: &str, token: &str, labeling: bool) -> u64 {
        let known = self.gitlab.iter().position(|gitlab| gitlab.project == project);
        let id = match known.and_then(|index| self.gitlab.get(index)) {
            Some(gitlab) => gitlab.id,
            None => self.next_id("gitlab"),
        };
        if let Some(index) = known {
            self.gitlab.remove(index);
        }
        self.gitlab.push(GitLab {
            id,
            project,
            url: url.to_owned(),
            token: token.to_owned(),
            labeling,
            deleted: false,
        });
        id
    }

    /// Switches a project's GitLab integration off.
    pub fn delete_gitlab(&mut self, project: u64) {
        for gitlab in self.gitlab.iter_mut().filter(|gitlab| gitlab.project == project) {
            gitlab.deleted = true;
        }
    }
}
