//! GitLab's own feature flags and environments (`doc/api/feature_flags.md`, `doc/api/environments.md`).

use gitlab::api::projects::Project;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::api::{GitlabApi, ProjectDetail};
use super::client::MOST_PAGES;
use super::endpoints::{ChangeFlag, Environments, FeatureFlags, NewFlag, OneFlag};
use super::error::{GitlabError, GitlabResult};
use super::lenient::Object;
use super::people::unbuilt;
use super::wire::RawProject;
use crate::domain::ProjectId;

/// A feature flag of a project.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FeatureFlag {
    /// Name, unique in the project.
    pub name: String,
    /// What people wrote about it.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether it is on where a strategy says so.
    #[serde(default)]
    pub active: bool,
    /// When it was made, as GitLab writes it.
    #[serde(default)]
    pub created_at: String,
    /// When it was changed last, as GitLab writes it.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// For whom it is on, and where.
    #[serde(default)]
    pub strategies: Vec<FlagStrategy>,
}

/// For whom a flag is on, and where.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FlagStrategy {
    /// Id; `None` for one that is to be made.
    #[serde(default)]
    pub id: Option<u64>,
    /// `default`, `gradualRolloutUserId`, `userWithId`, `gitlabUserList` or `flexibleRollout`.
    pub name: String,
    /// Its parameters.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// Where it counts.
    #[serde(default)]
    pub scopes: Vec<FlagScope>,
    /// The list of users of a `gitlabUserList`.
    #[serde(default)]
    pub user_list: Option<Value>,
}

/// Where a strategy counts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FlagScope {
    /// Id; `None` for one that is to be made.
    #[serde(default)]
    pub id: Option<u64>,
    /// An environment's name, or a pattern with `*`.
    pub environment_scope: String,
}

/// An environment of a project.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Environment {
    /// Name.
    pub name: String,
    /// `production`, `staging`, `testing`, `development` or `other`.
    #[serde(default)]
    pub tier: Option<String>,
}

/// How a flag is to be after a change. What was there and is not any more is taken away.
#[derive(Debug, Clone, PartialEq)]
pub struct FlagChange {
    /// On or off as a whole.
    pub active: bool,
    /// The strategies.
    pub strategies: Vec<FlagStrategy>,
}

impl FlagChange {
    /// The fields that take `before` there; `None` where it is so already.
    fn body(&self, before: &FeatureFlag) -> Option<Value> {
        let mut strategies: Vec<Value> = Vec::new();
        for old in &before.strategies {
            let Some(new) = self.strategies.iter().find(|new| new.id.is_some() && new.id == old.id) else {
                strategies.push(json!({ "id": old.id, "_destroy": true }));
                continue;
            };
            if new == old {
                continue;
            }
            let mut scopes: Vec<Value> = Vec::new();
            for scope in &old.scopes {
                if !new.scopes.contains(scope) {
                    scopes.push(json!({ "id": scope.id, "_destroy": true }));
                }
            }
            scopes.extend(made(&new.scopes));
            strategies.push(
                json!({ "id": old.id, "name": new.name, "parameters": new.parameters, "scopes": scopes }),
            );
        }
        for new in self.strategies.iter().filter(|new| new.id.is_none()) {
            strategies
                .push(json!({ "name": new.name, "parameters": new.parameters, "scopes": made(&new.scopes) }));
        }
        let mut body = Map::new();
        if self.active != before.active {
            body.insert("active".to_owned(), json!(self.active));
        }
        if !strategies.is_empty() {
            body.insert("strategies".to_owned(), Value::Array(strategies));
        }
        (!body.is_empty()).then_some(Value::Object(body))
    }
}

fn made(scopes: &[FlagScope]) -> Vec<Value> {
    let new = scopes.iter().filter(|scope| scope.id.is_none());
    new.map(|scope| json!({ "environment_scope": scope.environment_scope })).collect()
}

impl GitlabApi {
    /// A project by its path: `GET /projects/:path`. `None`: not there or not for this token.
    pub async fn project_at(&self, path: &str) -> GitlabResult<Option<ProjectDetail>> {
        let endpoint = Project::builder().project(path).build().map_err(unbuilt)?;
        let project: Option<Object<RawProject>> = self.client.find(&endpoint).await?;
        project.map(|project| project.0.detail()).transpose()
    }

    /// The address of a page of this GitLab.
    pub fn page(&self, path: &str) -> String {
        self.client.page_at(path)
    }

    /// All feature flags of a project: `GET /projects/:id/feature_flags`. `None` on 404.
    pub async fn feature_flags(&self, project: ProjectId) -> GitlabResult<Option<Vec<FeatureFlag>>> {
        self.whole_list(&FeatureFlags { project }).await
    }

    /// One feature flag: `GET /projects/:id/feature_flags/:name`. `None` on 404.
    pub async fn feature_flag(&self, project: ProjectId, name: &str) -> GitlabResult<Option<FeatureFlag>> {
        let found: Option<Object<FeatureFlag>> = self.client.find(&OneFlag { project, name }).await?;
        Ok(found.map(|found| found.0))
    }

    /// Makes a feature flag that is off as a whole and has no strategies: `POST /projects/:id/feature_flags`.
    pub async fn create_flag(&self, project: ProjectId, name: &str) -> GitlabResult<FeatureFlag> {
        let made: Object<FeatureFlag> = self.client.get(&NewFlag { project, name }).await?;
        Ok(made.0)
    }

    /// Changes a feature flag from `before`: `PUT /projects/:id/feature_flags/:name`. Where nothing differs, nothing is sent.
    pub async fn change_flag(
        &self,
        project: ProjectId,
        before: &FeatureFlag,
        to: &FlagChange,
    ) -> GitlabResult<()> {
        let Some(body) = to.body(before) else { return Ok(()) };
        self.client.tell(&ChangeFlag { project, name: &before.name, body }).await
    }

    /// The environments of a project that are available: `GET /projects/:id/environments`. `None` on 404.
    pub async fn environments(&self, project: ProjectId) -> GitlabResult<Option<Vec<Environment>>> {
        self.whole_list(&Environments { project }).await
    }

    async fn whole_list<T, E>(&self, endpoint: &E) -> GitlabResult<Option<Vec<T>>>
    where
        T: DeserializeOwned,
        E: gitlab::api::Endpoint + Sync,
    {
        let mut all = Vec::new();
        for number in 1..=MOST_PAGES {
            match self.client.page::<Object<T>, _>(endpoint, number).await {
                Ok((page, more)) => {
                    all.extend(page.into_iter().map(|one| one.0));
                    if !more {
                        break;
                    }
                }
                Err(GitlabError::Failed(failure)) if failure.is_not_found() => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(all))
    }
}
