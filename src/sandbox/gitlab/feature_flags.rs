//! What can be done with feature flags, over HTTP and by people, and what GitLab refuses (providers' facts, section 3).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Gitlab;
use super::access::Refusal;
use super::model::{Environment, FeatureFlag, FlagEdited, FlagScope, FlagStrategy, Model, level};

/// What is to change about a flag; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct FlagEdit {
    /// New name.
    pub name: Option<String>,
    /// New description.
    pub description: Option<String>,
    /// On or off.
    pub active: Option<bool>,
    /// Strategies as the API takes them: `id` for one that is there, `_destroy` to take it away.
    pub strategies: Vec<Value>,
}

impl Model {
    /// Whether a user may see and change flags: from Developer on.
    pub(super) fn flags_allowed(&self, project: u64, user: Option<u64>) -> Result<(), Refusal> {
        if self.level(project, user) >= level::DEVELOPER { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// The flag of this name.
    pub fn feature_flag(&self, project: u64, name: &str) -> Option<&FeatureFlag> {
        self.projects.get(&project)?.feature_flags.iter().find(|flag| flag.name == name)
    }

    /// Flags are made a millisecond apart at least, as people make them.
    fn moment_for_a_flag(&mut self) -> Timestamp {
        let earliest = self.flag_made.checked_add(SignedDuration::from_millis(1)).unwrap_or(self.flag_made);
        self.flag_made = self.now().max(earliest);
        self.flag_made
    }

    pub(super) fn make_flag(&mut self, project: u64, user: u64, edit: FlagEdit) -> Result<(), Refusal> {
        self.flags_allowed(project, Some(user))?;
        let name = edit.name.clone().unwrap_or_default();
        check_name(&name)?;
        if self.feature_flag(project, &name).is_some() {
            return Err(Refusal::Field("name", "has already been taken"));
        }
        let mut flag = FeatureFlag {
            id: self.next_id("feature_flag"),
            name,
            description: edit.description,
            active: edit.active.unwrap_or(true),
            created_at: self.moment_for_a_flag(),
            updated_at: self.now(),
            strategies: Vec::new(),
            edits: Vec::new(),
        };
        self.set_strategies(&mut flag, &edit.strategies)?;
        if let Some(project) = self.projects.get_mut(&project) {
            project.feature_flags.push(flag);
            project.feature_flags.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(())
    }

    /// Changes a flag. The webhook goes out only where `active` flips (providers' facts, section 3).
    pub(super) fn edit_flag(
        &mut self,
        project: u64,
        user: u64,
        name: &str,
        edit: FlagEdit,
    ) -> Result<(), Refusal> {
        self.flags_allowed(project, Some(user))?;
        let mut flag = self.feature_flag(project, name).ok_or(Refusal::NOT_FOUND)?.clone();
        let before = flag.active;
        if let Some(name) = edit.name {
            check_name(&name)?;
            if name != flag.name && self.feature_flag(project, &name).is_some() {
                return Err(Refusal::Field("name", "has already been taken"));
            }
            flag.name = name;
        }
        flag.description = edit.description.or(flag.description);
        flag.active = edit.active.unwrap_or(before);
        self.set_strategies(&mut flag, &edit.strategies)?;
        flag.updated_at = self.now();
        flag.edits.push(FlagEdited { by: user, at: flag.updated_at, active: flag.active });
        let flipped = (flag.active != before).then(|| flag.clone());
        if let Some(found) = self.projects.get_mut(&project) {
            found.feature_flags.retain(|other| other.name != name);
            found.feature_flags.push(flag);
            found.feature_flags.sort_by(|a, b| a.name.cmp(&b.name));
        }
        if let Some(flag) = flipped {
            let body = self.flag_body(project, user, &flag);
            self.announce(project, "feature_flag_events", "Feature Flag Hook", &body);
        }
        Ok(())
    }

    pub(super) fn delete_flag(&mut self, project: u64, user: u64, name: &str) -> Result<(), Refusal> {
        self.flags_allowed(project, Some(user))?;
        self.feature_flag(project, name).ok_or(Refusal::NOT_FOUND)?;
        if let Some(project) = self.projects.get_mut(&project) {
            project.feature_flags.retain(|flag| flag.name != name);
        }
        Ok(())
    }

    fn set_strategies(&mut self, flag: &mut FeatureFlag, wanted: &[Value]) -> Result<(), Refusal> {
        for entry in wanted {
            let gone = destroyed(entry);
            let name = entry.get("name").and_then(Value::as_str);
            let place = match entry.get("id").and_then(Value::as_u64) {
                Some(id) => {
                    flag.strategies.iter().position(|strategy| strategy.id == id).ok_or(Refusal::NOT_FOUND)?
                }
                None => {
                    let id = self.next_id("strategy");
                    let name = name.unwrap_or_default().to_owned();
                    flag.strategies.push(FlagStrategy {
                        id,
                        name,
                        parameters: json!({}),
                        scopes: Vec::new(),
                    });
                    flag.strategies.len() - 1
                }
            };
            if gone {
                flag.strategies.remove(place);
                continue;
            }
            let Some(strategy) = flag.strategies.get_mut(place) else { continue };
            if let Some(name) = name {
                name.clone_into(&mut strategy.name);
            }
            if let Some(parameters) = entry.get("parameters") {
                strategy.parameters = parameters.clone();
            }
            check_strategy(strategy)?;
            for scope in entry.get("scopes").and_then(Value::as_array).into_iter().flatten() {
                let wanted = scope.get("environment_scope").and_then(Value::as_str);
                let id = scope.get("id").and_then(Value::as_u64);
                match (id, wanted) {
                    (Some(id), _) if destroyed(scope) => strategy.scopes.retain(|kept| kept.id != id),
                    (Some(id), Some(wanted)) => {
                        let kept = strategy.scopes.iter_mut().find(|kept| kept.id == id);
                        wanted.clone_into(&mut kept.ok_or(Refusal::NOT_FOUND)?.environment_scope);
                    }
                    (None, Some(wanted)) => {
                        let id = self.next_id("scope");
                        strategy.scopes.push(FlagScope { id, environment_scope: wanted.to_owned() });
                    }
                    _ => {}
                }
            }
            let mut names: Vec<&str> =
                strategy.scopes.iter().map(|scope| scope.environment_scope.as_str()).collect();
            names.sort_unstable();
            let all = names.len();
            names.dedup();
            if names.len() < all {
                return Err(Refusal::Field("strategies.scopes.environment_scope", "has already been taken"));
            }
        }
        Ok(())
    }

    /// The body of the webhook (`lib/gitlab/data_builder/feature_flag.rb`; providers' facts, section 3).
    fn flag_body(&self, project: u64, user: u64, flag: &FeatureFlag) -> Value {
        let name = self.users.get(&user).map_or("", |user| user.username.as_str());
        json!({
            "object_kind": "feature_flag",
            "project": self.hook_project(project),
            "user": self.hook_user(user),
            "user_url": format!("{}/{name}", self.settings.url),
            "object_attributes": {
                "id": flag.id,
                "name": flag.name,
                "description": flag.description,
                "active": flag.active,
            },
        })
    }
}

fn destroyed(entry: &Value) -> bool {
    entry.get("_destroy").is_some_and(|value| value == true || value == "true" || value == 1)
}

/// A letter first, then letters, digits, `-` and `_`, all small, at most 63, none of the two signs at the end.
fn check_name(name: &str) -> Result<(), Refusal> {
    let fine = name.chars().next().is_some_and(|first| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
        && !name.ends_with(['-', '_'])
        && name.len() <= 63;
    if fine {
        Ok(())
    } else {
        Err(Refusal::Field("name", "can contain only lowercase letters, digits, '_' and '-'."))
    }
}

fn check_strategy(strategy: &FlagStrategy) -> Result<(), Refusal> {
    let percent = |name: &str| {
        let text = strategy.parameters.get(name).and_then(Value::as_str).unwrap_or_default();
        text.parse::<u32>().is_ok_and(|number| number <= 100 && number.to_string() == text)
    };
    match strategy.name.as_str() {
        "default" | "userWithId" | "gitlabUserList" => Ok(()),
        "gradualRolloutUserId" if percent("percentage") => Ok(()),
        "gradualRolloutUserId" => {
            Err(Refusal::Field("parameters", "percentage must be a string between 0 and 100 inclusive"))
        }
        "flexibleRollout" if percent("rollout") => Ok(()),
        "flexibleRollout" => {
            Err(Refusal::Field("parameters", "rollout must be a string between 0 and 100 inclusive"))
        }
        _ => Err(Refusal::Field("name", "strategy name is invalid")),
    }
}

/// What people do with flags. Each returns a [`Refusal`] where GitLab does not let this user.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once, above: a refusal where GitLab does not let this user"
)]
impl Gitlab {
    /// Makes a flag that is on or not, with strategies as the API takes them.
    pub fn new_feature_flag(
        &self,
        user: u64,
        project: u64,
        name: &str,
        active: bool,
        strategies: Vec<Value>,
    ) -> Result<(), Refusal> {
        let edit =
            FlagEdit { name: Some(name.to_owned()), active: Some(active), strategies, ..FlagEdit::default() };
        self.change(|model| model.make_flag(project, user, edit))
    }

    /// Changes a flag.
    pub fn edit_feature_flag(
        &self,
        user: u64,
        project: u64,
        name: &str,
        edit: FlagEdit,
    ) -> Result<(), Refusal> {
        self.change(|model| model.edit_flag(project, user, name, edit))
    }

    /// Switches a flag on or off as a whole.
    pub fn set_flag_active(&self, user: u64, project: u64, name: &str, active: bool) -> Result<(), Refusal> {
        self.edit_feature_flag(user, project, name, FlagEdit { active: Some(active), ..FlagEdit::default() })
    }

    /// Gives a flag another name.
    pub fn rename_feature_flag(&self, user: u64, project: u64, name: &str, to: &str) -> Result<(), Refusal> {
        self.edit_feature_flag(
            user,
            project,
            name,
            FlagEdit { name: Some(to.to_owned()), ..FlagEdit::default() },
        )
    }

    /// Deletes a flag.
    pub fn delete_feature_flag(&self, user: u64, project: u64, name: &str) -> Result<(), Refusal> {
        self.change(|model| model.delete_flag(project, user, name))
    }

    /// Makes an environment that is available. Nobody's rights are asked.
    pub fn environment(&self, project: u64, name: &str, tier: &str) {
        self.change(|model| {
            let (id, created_at) = (model.next_id("environment"), model.now());
            if let Some(project) = model.projects.get_mut(&project) {
                let (name, tier, state) = (name.to_owned(), tier.to_owned(), "available".to_owned());
                project.environments.push(Environment { id, name, state, tier, created_at });
            }
        });
    }
}
