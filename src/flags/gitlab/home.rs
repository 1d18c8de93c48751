//! The project that has the flags, and the client that sees it.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::GitlabFlags;
use crate::domain::ProjectId;
use crate::flags::cached::Cached;
use crate::flags::{Provided, ProviderError};
use crate::gitlab::{Environment, FeatureFlag, GitlabApi, GitlabError};

/// How long it is known who sees a project.
const FRESH: Duration = Duration::from_secs(60);

/// A project with flags.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) id: ProjectId,
    pub(super) api: GitlabApi,
    /// The page with its flags.
    pub(super) page: String,
    pub(super) flags: Cached<Vec<FeatureFlag>>,
    found: Instant,
}

impl From<GitlabError> for ProviderError {
    fn from(error: GitlabError) -> Self {
        match error {
            GitlabError::Failed(failure) => Self::Failed(failure),
            GitlabError::Strange(text) => Self::Unreadable(text),
        }
    }
}

impl GitlabFlags {
    /// The project with the flags that are meant in `from`.
    pub(super) async fn home_of(&self, from: ProjectId) -> Provided<Arc<Home>> {
        self.home(&self.project.clone().unwrap_or_else(|| from.to_string())).await
    }

    /// The project of that path or number.
    pub(super) async fn home(&self, project: &str) -> Provided<Arc<Home>> {
        if let Some(home) = self.homes().get(project).filter(|home| home.found.elapsed() < FRESH) {
            return Ok(Arc::clone(home));
        }
        // Not while the others are locked out: a project that hangs would hold up all of them.
        let found = self.find_home(project).await;
        let mut homes = self.homes();
        homes.remove(project);
        let home = Arc::new(found?);
        homes.insert(project.to_owned(), Arc::clone(&home));
        Ok(home)
    }

    fn homes(&self) -> MutexGuard<'_, HashMap<String, Arc<Home>>> {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn find_home(&self, project: &str) -> Provided<Home> {
        let (mut failed, mut without_role) = (None, None);
        for api in &self.clients {
            let found = match project.parse::<ProjectId>() {
                Ok(id) => api.project(id).await,
                Err(_) => api.project_at(project).await,
            };
            match found {
                Ok(Some(detail)) => {
                    let home = Home {
                        id: detail.id,
                        page: api.page(&format!("{}/-/feature_flags", detail.path)),
                        api: api.clone(),
                        flags: Cached::default(),
                        found: Instant::now(),
                    };
                    // Everybody sees a public project, but not its flags: another client may have the role for them.
                    let refused =
                        self.clients.len() > 1 && refused(api.feature_flag(home.id, "flaglink").await.err());
                    if !refused {
                        return Ok(home);
                    }
                    without_role = without_role.or(Some(home));
                }
                Ok(None) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(home) = without_role {
            return Ok(home);
        }
        Err(match failed {
            Some(error) => error.into(),
            None => ProviderError::Strange(format!(
                "GitLab has no project {project} that flaglink's token may see; {} needs it with the Developer role",
                self.name
            )),
        })
    }

    /// Forgets who sees the project, and looks anew: a project that is not there any more is not a project without flags.
    pub(super) async fn still_there(&self, home: &Home) -> Provided<()> {
        self.homes().retain(|_, kept| kept.id != home.id);
        self.home(&home.id.to_string()).await.map(|_| ())
    }
}

/// Whether GitLab knows who asks, and does not let them.
fn refused(error: Option<GitlabError>) -> bool {
    matches!(error, Some(GitlabError::Failed(failure)) if failure.status == Some(403))
}

impl Home {
    /// All its flags, at most a minute old.
    pub(super) async fn all_flags(&self) -> Provided<Arc<Vec<FeatureFlag>>> {
        self.flags.get(self.read_flags()).await
    }

    pub(super) async fn read_flags(&self) -> Provided<Vec<FeatureFlag>> {
        self.api.feature_flags(self.id).await?.ok_or_else(|| self.unseen("feature flags"))
    }

    pub(super) async fn environments(&self) -> Provided<Vec<Environment>> {
        self.api.environments(self.id).await?.ok_or_else(|| self.unseen("environments"))
    }

    fn unseen(&self, what: &str) -> ProviderError {
        ProviderError::Strange(format!(
            "GitLab does not show the {what} of the project {}: are they switched off there, or does the token lack the \
             Developer role?",
            self.id
        ))
    }
}
