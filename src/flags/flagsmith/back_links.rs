//! Links to issues and merge requests on a flag: Flagsmith's external resources of the kinds that its own GitLab
//! integration uses, so that they show in the dashboard's "Links" tab.

use http::Method;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::Flagsmith;
use super::wire::{ExternalResource, Results};
use crate::domain::{NoteableKind, WorkState};
use crate::flags::{BackLink, Provided, ProviderError, StandingLink};

impl Flagsmith {
    /// Flagsmith's own GitLab integration reacts to every link with a comment, a label and a hook of its own.
    pub(super) async fn other_integration(&self) -> Provided<Option<String>> {
        let path = format!("projects/{}/integrations/gitlab/", self.project);
        // A Flagsmith without that integration (an older one) does not know the address.
        let configured: Option<Vec<IgnoredAny>> = self.api.get_if_there(&path).await?;
        Ok(configured.filter(|found| !found.is_empty()).map(|_| {
            format!(
                "Flagsmith's own GitLab integration is on for project {}, and would comment on every link as well; \
                 remove it there to have links and tags kept by flaglink",
                self.project
            )
        }))
    }

    pub(super) async fn links(&self, internal_id: &str) -> Provided<Vec<StandingLink>> {
        Ok(self.resources(internal_id).await?.iter().filter_map(read).collect())
    }

    pub(super) async fn add_link(&self, internal_id: &str, link: &BackLink) -> Provided<String> {
        let path = self.links_path(internal_id);
        match self.api.write::<ExternalResource>(Method::POST, &path, &body(internal_id, link)).await {
            Ok(made) => Ok(made.id.to_string()),
            // A link that is there already is refused: it is the one that was to be made.
            Err(ProviderError::Failed(failure)) if failure.status == Some(400) => {
                let there = self.resources(internal_id).await?;
                let Some(found) = there.iter().find(|resource| resource.url == link.url) else {
                    return Err(failure.into());
                };
                let id = found.id.to_string();
                if read(found).is_none_or(|standing| standing.says != says(link.kind, &metadata(link))) {
                    self.update_link(internal_id, &id, link).await?;
                }
                Ok(id)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn update_link(&self, internal_id: &str, id: &str, link: &BackLink) -> Provided<()> {
        let Ok(id) = id.parse::<u64>() else {
            return Err(ProviderError::Strange("the link to be brought up to date has no number".to_owned()));
        };
        let path = format!("{}{id}/", self.links_path(internal_id));
        self.api.write::<IgnoredAny>(Method::PUT, &path, &body(internal_id, link)).await.map(|_| ())
    }

    pub(super) async fn remove_link(&self, internal_id: &str, id: &str) -> Provided<()> {
        // What is not a number is no link of Flagsmith's, so it is not there.
        let Ok(id) = id.parse::<u64>() else { return Ok(()) };
        self.api.delete(&format!("{}{id}/", self.links_path(internal_id))).await
    }

    async fn resources(&self, internal_id: &str) -> Provided<Vec<ExternalResource>> {
        let list: Results<ExternalResource> = self.api.get(&self.links_path(internal_id)).await?;
        Ok(list.results)
    }

    fn links_path(&self, internal_id: &str) -> String {
        let feature = crate::flags::json_api::part(internal_id);
        format!("projects/{}/features/{feature}/feature-external-resources/", self.project)
    }
}

fn body(internal_id: &str, link: &BackLink) -> Value {
    let feature = internal_id.parse::<u64>().map_or_else(|_| Value::from(internal_id), Value::from);
    json!({ "type": kind_word(link.kind), "url": link.url, "feature": feature, "metadata": metadata(link) })
}

fn kind_word(kind: NoteableKind) -> &'static str {
    match kind {
        NoteableKind::Issue => "GITLAB_ISSUE",
        NoteableKind::MergeRequest => "GITLAB_MR",
    }
}

/// What is kept beside the address.
pub(super) fn metadata(link: &BackLink) -> Value {
    let state = match link.state {
        WorkState::Opened => "opened",
        WorkState::Closed => "closed",
        WorkState::Merged => "merged",
        WorkState::Locked => "locked",
    };
    let mut metadata = json!({ "title": link.title, "state": state });
    if link.kind == NoteableKind::MergeRequest
        && let Some(parts) = metadata.as_object_mut()
    {
        parts.insert("draft".to_owned(), Value::Bool(link.draft));
    }
    metadata
}

/// The same in one text, to compare by. What is missing is what Flagsmith's dashboard shows in its place.
pub(super) fn says(kind: NoteableKind, metadata: &Value) -> String {
    let text = |name: &str| metadata.get(name).and_then(Value::as_str).unwrap_or_default();
    let state = match text("state") {
        "" => "opened",
        state => state,
    };
    let draft = metadata.get("draft").and_then(Value::as_bool).unwrap_or_default();
    json!([kind_word(kind), text("title"), state, draft]).to_string()
}

/// The kind of work that stands in it.
pub(super) fn kind_in(says: &str) -> Option<NoteableKind> {
    let says: Value = serde_json::from_str(says).ok()?;
    kind_of(says.get(0)?.as_str()?)
}

fn kind_of(word: &str) -> Option<NoteableKind> {
    [NoteableKind::Issue, NoteableKind::MergeRequest].into_iter().find(|kind| kind_word(*kind) == word)
}

/// A link to GitLab; `None` for links to elsewhere.
fn read(resource: &ExternalResource) -> Option<StandingLink> {
    let kind = kind_of(&resource.kind)?;
    Some(StandingLink {
        id: resource.id.to_string(),
        url: resource.url.clone(),
        says: says(kind, &resource.metadata),
    })
}
