//! How a flag must be changed for one environment to be as wanted, and no other to be different. No I/O.

use serde_json::{Map, Value, json};

use crate::config::fits;
use crate::domain::Switch;
use crate::gitlab::{FeatureFlag, FlagChange, FlagScope, FlagStrategy};

/// A flag about to be changed.
pub(super) struct Plan<'a> {
    /// The environment, in the spelling in which it is shown.
    pub(super) environment: &'a str,
    /// Every environment that is known, this one too.
    pub(super) known: &'a [String],
    /// The flag's page.
    pub(super) page: &'a str,
    /// The flag as it is.
    pub(super) flag: &'a FeatureFlag,
}

/// What is to be sent, and what is to be said about it.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) change: FlagChange,
    pub(super) says: Option<String>,
}

impl Plan<'_> {
    /// The change, or why there is none that does just this.
    pub(super) fn switch(&self, to: &Switch) -> Result<Planned, String> {
        let change = FlagChange { active: self.flag.active, strategies: self.flag.strategies.clone() };
        let mut planned = Planned { change, says: None };
        match to.on {
            Some(true) => self.turn_on(&mut planned)?,
            Some(false) => self.turn_off(&mut planned)?,
            None => {}
        }
        if let Some(share) = to.rollout {
            self.roll_out(&mut planned, share)?;
        }
        Ok(planned)
    }

    /// What GitLab left out of a change that it has taken, by the flag as it is now; for people.
    pub(super) fn left_out(&self, wanted: &FlagChange, now: &FeatureFlag) -> Option<String> {
        let in_force = |active: bool, all: &[FlagStrategy], environment: &str| {
            if active { all.iter().filter(|one| counts(one, environment)).count() } else { 0 }
        };
        let differs = |environment: &&str| {
            in_force(wanted.active, &wanted.strategies, environment)
                != in_force(now.active, &now.strategies, environment)
        };
        let places: Vec<&str> = self.known.iter().map(String::as_str).filter(differs).collect();
        (!places.is_empty()).then(|| {
            format!(
                "GitLab took the change of {} and did not do all of it: {} is otherwise than it was to be in {}; look at it at {}",
                self.flag.name,
                self.flag.name,
                places.join(", "),
                self.page
            )
        })
    }

    fn others(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(String::as_str).filter(|other| *other != self.environment)
    }

    fn turn_on(&self, planned: &mut Planned) -> Result<(), String> {
        let change = &mut planned.change;
        let there = change.strategies.iter().any(|one| counts(one, self.environment));
        if !change.active {
            let would: Vec<&str> = self
                .others()
                .filter(|other| change.strategies.iter().any(|one| counts(one, other)))
                .collect();
            let everywhere = change
                .strategies
                .iter()
                .flat_map(|one| &one.scopes)
                .all(|scope| scope.environment_scope == "*");
            if !would.is_empty() && everywhere {
                for strategy in &mut change.strategies {
                    strategy.scopes = vec![made(self.environment)];
                }
                change.active = true;
                return Ok(());
            }
            if !would.is_empty() {
                return Err(format!(
                    "{} is off as a whole, and to switch it on would switch it on in {} too; change its strategies at {}",
                    self.flag.name,
                    would.join(", "),
                    self.page
                ));
            }
            change.active = true;
        }
        if there {
            return Ok(());
        }
        let plain = change.strategies.iter_mut().find(|one| one.name == "default" && !one.scopes.is_empty());
        match plain {
            Some(plain) => plain.scopes.push(made(self.environment)),
            None => change.strategies.push(strategy("default", Map::new(), self.environment)),
        }
        Ok(())
    }

    fn turn_off(&self, planned: &mut Planned) -> Result<(), String> {
        let change = &mut planned.change;
        if !change.active || !change.strategies.iter().any(|one| counts(one, self.environment)) {
            return Ok(());
        }
        if !self.others().any(|other| change.strategies.iter().any(|one| counts(one, other))) {
            change.active = false;
            return Ok(());
        }
        let mut split = false;
        for strategy in &mut change.strategies {
            split |= self.take_out(strategy)?;
        }
        change.strategies.retain(|one| !one.scopes.is_empty() || untouched(self.flag, one));
        planned.says = split.then(|| self.split_says());
        Ok(())
    }

    /// Takes the environment out of a strategy's scopes. Whether a pattern had to be replaced by names for that.
    fn take_out(&self, strategy: &mut FlagStrategy) -> Result<bool, String> {
        let mut split = false;
        let (gone, mut kept): (Vec<FlagScope>, Vec<FlagScope>) = std::mem::take(&mut strategy.scopes)
            .into_iter()
            .partition(|scope| fits(&scope.environment_scope, self.environment));
        for scope in gone.iter().filter(|scope| scope.environment_scope != self.environment) {
            split = true;
            for other in self.others() {
                if !fits(&scope.environment_scope, other) {
                    continue;
                }
                // One of a folder: the rest of it cannot be named.
                if fits(other, self.environment) {
                    return Err(format!(
                        "in {} {} is on by `{}`, and to take it out there would switch off others of {other} too; change its \
                         strategies at {}",
                        self.environment, self.flag.name, scope.environment_scope, self.page
                    ));
                }
                if !kept.iter().any(|scope| fits(&scope.environment_scope, other)) {
                    kept.push(made(other));
                }
            }
        }
        strategy.scopes = kept;
        Ok(split)
    }

    fn roll_out(&self, planned: &mut Planned, share: f64) -> Result<(), String> {
        if !(0.0..=100.0).contains(&share) || share.fract() != 0.0 {
            return Err("GitLab takes whole percents from 0 to 100".to_owned());
        }
        let change = &mut planned.change;
        let places: Vec<usize> = change
            .strategies
            .iter()
            .enumerate()
            .filter(|(_, one)| counts(one, self.environment))
            .map(|(place, _)| place)
            .collect();
        let [place] = places.as_slice() else {
            return Err(if places.is_empty() {
                format!("{} is off in {}: switch it on there first", self.flag.name, self.environment)
            } else {
                format!(
                    "{} has several strategies in {}, and it is not clear whose share is meant; set it at {}",
                    self.flag.name, self.environment, self.page
                )
            });
        };
        let Some(strategy_there) = change.strategies.get_mut(*place) else { return Ok(()) };
        if !matches!(strategy_there.name.as_str(), "default" | "flexibleRollout" | "gradualRolloutUserId") {
            return Err(format!(
                "in {} {} is for chosen users, not for a share of them; change that at {}",
                self.environment, self.flag.name, self.page
            ));
        }
        let mut parameters = Map::new();
        if strategy_there.name == "flexibleRollout" {
            parameters.clone_from(&strategy_there.parameters);
        }
        parameters.insert("rollout".to_owned(), Value::String(format!("{share:.0}")));
        parameters.entry("stickiness").or_insert_with(|| json!("default"));
        parameters.entry("groupId").or_insert_with(|| json!(self.flag.name));
        let alone = strategy_there.scopes.iter().all(|scope| scope.environment_scope == self.environment);
        if alone {
            "flexibleRollout".clone_into(&mut strategy_there.name);
            strategy_there.parameters = parameters;
            return Ok(());
        }
        if self.take_out(strategy_there)? {
            planned.says = Some(self.split_says());
        }
        change.strategies.retain(|one| !one.scopes.is_empty() || untouched(self.flag, one));
        change.strategies.push(strategy("flexibleRollout", parameters, self.environment));
        Ok(())
    }

    fn split_says(&self) -> String {
        format!(
            "Its strategies named environments by a pattern, which now stands as a list of those that there are: in new \
             environments {} is off until they are added.",
            self.flag.name
        )
    }
}

/// Whether a strategy counts in an environment.
pub(super) fn counts(strategy: &FlagStrategy, environment: &str) -> bool {
    strategy.scopes.iter().any(|scope| fits(&scope.environment_scope, environment))
}

/// A strategy that had no scopes before is nobody's leftover.
fn untouched(flag: &FeatureFlag, strategy: &FlagStrategy) -> bool {
    flag.strategies.iter().any(|old| old == strategy)
}

fn made(environment: &str) -> FlagScope {
    FlagScope { id: None, environment_scope: environment.to_owned() }
}

fn strategy(name: &str, parameters: Map<String, Value>, environment: &str) -> FlagStrategy {
    let scopes = vec![made(environment)];
    FlagStrategy { id: None, name: name.to_owned(), parameters, scopes, user_list: None }
}
