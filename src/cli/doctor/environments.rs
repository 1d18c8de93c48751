//! The environments that rules and reminders name: whether a flag service has them.

use super::finding::{Finding, Id};
use super::providers::Asked;
use crate::config::{Config, EnvironmentPattern, suggestion};

/// Names those that no flag service of the rule has. What a service does not tell is not judged.
pub(super) fn look(config: &Config, asked: &[Asked]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in &config.rules.rules {
        let place = format!("the rule `{}`", rule.pattern);
        for (key, pattern) in rule.environments() {
            findings.extend(judge(asked, &rule.providers, key, &place, pattern));
        }
    }
    for reminder in &config.reminders {
        let (place, providers) =
            (format!("[[reminders]] of {}", reminder.name()), [reminder.provider.clone()]);
        for pattern in reminder.environments() {
            findings.extend(judge(asked, &providers, "environments", &place, pattern));
        }
    }
    findings
}

fn judge(
    asked: &[Asked],
    providers: &[String],
    key: &str,
    place: &str,
    pattern: &EnvironmentPattern,
) -> Option<Finding> {
    if pattern.is_everything() {
        return None;
    }
    let mut all = Vec::new();
    let mut about = Vec::new();
    for name in providers.iter().filter(|name| pattern.is_about(name)) {
        let environments = asked.iter().find(|one| one.name == *name)?.environments.as_ref()?;
        if environments.iter().any(|one| pattern.matches(name, one)) {
            return None;
        }
        about.push(name.as_str());
        all.extend(environments.iter().map(String::as_str));
    }
    // That one has no environment at all is said where it is looked at.
    if all.is_empty() {
        return None;
    }
    all.dedup();
    let what = if pattern.name().contains('*') {
        "no environment fits that"
    } else {
        "there is no such environment"
    };
    Some(Finding::wrong(
        Id::EnvironmentNames,
        format!("`{key}` in {place} names \"{}\", and {what} in {}", pattern.name(), about.join(" and ")),
        format!(
            "{} Put it right in that entry, then `flaglink reload`",
            suggestion(pattern.name(), &all, "environments")
        ),
    ))
}
