//! Labels.

use gitlab::api::projects::issues::EditIssue;
use gitlab::api::projects::labels::CreateLabel;
use gitlab::api::projects::merge_requests::EditMergeRequest;

use super::api::GitlabApi;
use super::error::{GitlabError, GitlabResult};
use super::notes::not_found_is_fine;
use super::people::unbuilt;
use crate::domain::{NoteableKind, ProjectId};

impl GitlabApi {
    /// Makes sure that the project knows the label (409 is fine).
    pub async fn ensure_label(
        &self,
        project: ProjectId,
        name: &str,
        color: &str,
        description: &str,
    ) -> GitlabResult<()> {
        let endpoint = CreateLabel::builder()
            .project(project)
            .name(name)
            .color(color)
            .description(description)
            .build()
            .map_err(unbuilt)?;
        match self.client.tell(&endpoint).await {
            Err(GitlabError::Failed(failure)) if is_there(failure.status, &failure.said) => Ok(()),
            other => other,
        }
    }

    /// Adds a label (`add_labels`): others stay. A label name with a comma cannot be given this way; config refuses those.
    pub async fn add_label(
        &self,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
        label: &str,
    ) -> GitlabResult<()> {
        match kind {
            NoteableKind::Issue => {
                let edit = EditIssue::builder().project(project).issue(iid).add_label(label).build();
                self.client.tell(&edit.map_err(unbuilt)?).await
            }
            NoteableKind::MergeRequest => {
                let edit =
                    EditMergeRequest::builder().project(project).merge_request(iid).add_label(label).build();
                self.client.tell(&edit.map_err(unbuilt)?).await
            }
        }
    }

    /// Takes a label off (`remove_labels`). One that is not on is fine, and so is a noteable that is gone.
    pub async fn remove_label(
        &self,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
        label: &str,
    ) -> GitlabResult<()> {
        let done = match kind {
            NoteableKind::Issue => {
                let edit = EditIssue::builder().project(project).issue(iid).remove_label(label).build();
                self.client.tell(&edit.map_err(unbuilt)?).await
            }
            NoteableKind::MergeRequest => {
                let edit = EditMergeRequest::builder()
                    .project(project)
                    .merge_request(iid)
                    .remove_label(label)
                    .build();
                self.client.tell(&edit.map_err(unbuilt)?).await
            }
        };
        not_found_is_fine(done)
    }
}

/// 409 is the project's own label; for one that a group above has, some versions answer 400 in the words
/// of the failed validation.
fn is_there(status: Option<u16>, said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    status == Some(409) || (status == Some(400) && (said.contains("already") && said.contains("title")))
}
