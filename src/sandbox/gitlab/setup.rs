//! Setting the scene: users, tokens, projects, members, webhooks, and how these are sent. Nobody's rights are asked.

use std::collections::BTreeMap;

use super::Gitlab;
use super::delivery::{Order, uuid};
use super::model::{Hook, Member, Model, Project, Token, User, Visibility};

/// A webhook to be set up.
#[derive(Debug, Clone, Default)]
pub struct HookSpec {
    /// Where it sends to.
    pub url: String,
    /// The plain secret.
    pub token: Option<String>,
    /// The signing token, `whsec_…`.
    pub signing_token: Option<String>,
    /// What it is sent for: `note_events`, …
    pub events: Vec<&'static str>,
}

impl HookSpec {
    /// A hook for all that flags are about: notes, issues, merge requests, the confidential ones too.
    pub fn everything(url: &str, token: &str) -> Self {
        Self {
            url: url.to_owned(),
            token: Some(token.to_owned()),
            signing_token: None,
            events: vec![
                "note_events",
                "confidential_note_events",
                "issues_events",
                "confidential_issues_events",
                "merge_requests_events",
            ],
        }
    }
}

/// The bot of a project access token.
#[derive(Clone)]
pub struct ProjectBot {
    /// Its user id.
    pub user: u64,
    /// Its user name.
    pub username: String,
    /// Its token.
    pub secret: String,
}

impl std::fmt::Debug for ProjectBot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProjectBot")
            .field("user", &self.user)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl Model {
    fn add_user(&mut self, username: &str, bot: bool, admin: bool) -> u64 {
        let id = self.next_id("user");
        let mut name = username.to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let created_at = self.now();
        self.users.insert(
            id,
            User {
                id,
                username: username.to_owned(),
                name,
                bot,
                admin,
                blocked: false,
                public_email: None,
                created_at,
            },
        );
        id
    }

    fn add_token(&mut self, user: u64, scopes: &[&str]) -> String {
        let id = self.next_id("token");
        let secret = format!("glpat-sandbox-{}", uuid());
        let created_at = self.now();
        self.tokens.push(Token {
            id,
            secret: secret.clone(),
            user,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            revoked: false,
            expires_at: None,
            created_at,
        });
        secret
    }

    fn add_member(&mut self, project: u64, user: u64, level: u32) {
        let created_at = self.now();
        if let Some(project) = self.projects.get_mut(&project) {
            project.members.insert(user, Member { level, active: true, created_at });
        }
    }
}

/// Setting things up: nobody's rights are asked.
impl Gitlab {
    /// Makes a person and returns their id. The same name again is the same person.
    pub fn user(&self, username: &str) -> u64 {
        self.change(|model| match model.user_named(username) {
            Some(user) => user.id,
            None => model.add_user(username, false, false),
        })
    }

    /// Lets everybody know a user's mail address.
    pub fn publish_address(&self, user: u64, address: &str) {
        self.change(|model| {
            if let Some(user) = model.users.get_mut(&user) {
                user.public_email = Some(address.to_owned());
            }
        });
    }

    /// Makes a user that is a bot: like a person, except that it says so.
    pub fn bot(&self, username: &str) -> u64 {
        self.change(|model| model.add_user(username, true, false))
    }

    /// Makes an administrator.
    pub fn admin(&self, username: &str) -> u64 {
        self.change(|model| model.add_user(username, false, true))
    }

    /// Makes a personal access token with these scopes (`api`, `read_api`) and returns it.
    pub fn token(&self, user: u64, scopes: &[&str]) -> String {
        self.change(|model| model.add_token(user, scopes))
    }

    /// Takes a token back.
    pub fn revoke_token(&self, secret: &str) {
        self.change(|model| {
            for token in model.tokens.iter_mut().filter(|token| token.secret == secret) {
                token.revoked = true;
            }
        });
    }

    /// Makes a project access token: it comes with a bot user of its own, a member of the project.
    pub fn project_token(&self, project: u64, level: u32, scopes: &[&str]) -> ProjectBot {
        self.change(|model| {
            let username = format!("project_{project}_bot_{}", uuid().replace('-', ""));
            let user = model.add_user(&username, true, false);
            model.add_member(project, user, level);
            let secret = model.add_token(user, scopes);
            ProjectBot { user, username, secret }
        })
    }

    /// Makes a project without members and returns its id.
    pub fn project(&self, path: &str, visibility: Visibility) -> u64 {
        self.change(|model| {
            let id = model.next_id("project");
            let created_at = model.now();
            model.projects.insert(
                id,
                Project {
                    id,
                    path: path.to_owned(),
                    old_paths: Vec::new(),
                    visibility,
                    archived: false,
                    issues_off: false,
                    merge_requests_off: false,
                    threads_block_merge: false,
                    members: BTreeMap::new(),
                    labels: Vec::new(),
                    feature_flags: Vec::new(),
                    environments: Vec::new(),
                    created_at,
                    next_issue: 1,
                    next_merge_request: 1,
                },
            );
            id
        })
    }

    /// Makes somebody a member with this access level, or changes the level.
    pub fn member(&self, project: u64, user: u64, level: u32) {
        self.change(|model| model.add_member(project, user, level));
    }

    /// Takes a membership away.
    pub fn remove_member(&self, project: u64, user: u64) {
        self.change(|model| {
            if let Some(project) = model.projects.get_mut(&project) {
                project.members.remove(&user);
            }
        });
    }

    /// Whether a membership counts (`membership_state`).
    pub fn set_member_active(&self, project: u64, user: u64, active: bool) {
        self.change(|model| {
            let project = model.projects.get_mut(&project);
            if let Some(member) = project.and_then(|project| project.members.get_mut(&user)) {
                member.active = active;
            }
        });
    }

    /// Changes who may see a project.
    pub fn set_visibility(&self, project: u64, visibility: Visibility) {
        self.change(|model| {
            if let Some(project) = model.projects.get_mut(&project) {
                project.visibility = visibility;
            }
        });
    }

    /// Archives a project, or brings it back.
    pub fn set_archived(&self, project: u64, archived: bool) {
        self.change(|model| {
            if let Some(project) = model.projects.get_mut(&project) {
                project.archived = archived;
            }
        });
    }

    /// Moves or renames a project. Its old path leads to it.
    pub fn move_project(&self, project: u64, path: &str) {
        self.change(|model| {
            if let Some(project) = model.projects.get_mut(&project) {
                let old = std::mem::replace(&mut project.path, path.to_owned());
                project.old_paths.push(old);
            }
        });
    }

    /// Sets up a webhook and returns its id.
    pub fn hook(&self, project: u64, spec: HookSpec) -> u64 {
        self.change(|model| {
            let id = model.next_id("hook");
            let created_at = model.now();
            model.hooks.insert(
                id,
                Hook {
                    id,
                    project,
                    group: None,
                    url: spec.url,
                    name: None,
                    description: None,
                    token: spec.token,
                    signing_token: spec.signing_token,
                    events: spec.events.into_iter().map(str::to_owned).collect(),
                    ssl_verification: true,
                    push_events_branch_filter: None,
                    created_at,
                    failures: 0,
                    disabled_until: None,
                },
            );
            id
        })
    }

    /// Holds new webhook requests back, until [`Gitlab::release_deliveries`].
    pub fn hold_deliveries(&self) {
        self.change(|model| model.courier.hold = true);
    }

    /// Lets the held webhook requests go, and holds no more back.
    pub fn release_deliveries(&self, order: Order) {
        self.change(|model| {
            model.courier.hold = false;
            model.release(order);
        });
    }

    /// Drops new webhook requests, or stops dropping them.
    pub fn drop_deliveries(&self, drop: bool) {
        self.change(|model| model.courier.drop = drop);
    }

    /// Sends each new webhook request this many times more, with the same key.
    pub fn duplicate_deliveries(&self, times: u32) {
        self.change(|model| model.courier.duplicates = times);
    }
}
