//! How reminders of flags fare: what an admin is to hear of, since nobody waits for them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::SwitchEnd;

/// So many issues that could not be written are kept of one reminder.
const MOST_KEPT: usize = 100;

/// How one reminder fared the last time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReminderRecord {
    /// Why it could not look; for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The path that its project has now, where the configuration has an old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// The flags whose issues could not be written, and why; for people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_done: BTreeMap<String, String>,
}

impl ReminderRecord {
    /// It has looked. `moved_to`: where its project is now, if that is elsewhere. `flags`: what is still to be done something about.
    pub fn looked(&mut self, moved_to: Option<String>, flags: &BTreeSet<String>) {
        self.trouble = None;
        self.moved_to = moved_to;
        self.not_done.retain(|flag, _| flags.contains(flag));
    }

    /// The work on a flag's issue has come to its end.
    pub fn ended(&mut self, flag: &str, end: &SwitchEnd) {
        let Some(why) = why_not(end) else {
            self.not_done.remove(flag);
            return;
        };
        if self.not_done.len() < MOST_KEPT || self.not_done.contains_key(flag) {
            self.not_done.insert(flag.to_owned(), why);
        }
    }

    /// What is to be said of it: a sentence each, with what to do. `name` is the reminder's.
    pub fn remarks(&self, name: &str) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(path) = &self.moved_to {
            remarks.push(format!("{}: {}", of_an_old_path(name, path), NEW_PATH));
        }
        if let Some(why) = &self.trouble {
            remarks.push(format!("{}{why}", does_nothing(name)));
        }
        if let Some((flag, why)) = self.not_done.first_key_value() {
            let (many, noun) = match self.not_done.len() {
                1 => ("1".to_owned(), "issue"),
                many => (many.to_string(), "issues"),
            };
            remarks.push(format!(
                "the reminder {name}: {many} {noun} could not be opened or brought up to date, `{flag}`: {why}. See that the bot \
                 may open issues there, with their labels; it is tried again with the next look"
            ));
        }
        remarks
    }
}

/// What to do about an old path.
pub const NEW_PATH: &str = "write the new path as `project` of [[reminders]], then `flaglink reload`";

/// That the configuration names a reminder's project by an old path.
pub fn of_an_old_path(name: &str, path: &str) -> String {
    format!("the reminder {name}: that project is {path} now, and GitLab leads there from its old path")
}

/// What stands before the reason for which a reminder cannot look.
pub fn does_nothing(name: &str) -> String {
    format!("the reminder {name} does nothing: ")
}

fn why_not(end: &SwitchEnd) -> Option<String> {
    Some(match end {
        SwitchEnd::Refused(why) | SwitchEnd::NeverKnown(why) => why.clone(),
        SwitchEnd::TooLate => "it could not be done in time".to_owned(),
        SwitchEnd::NotAllowed => "it is not allowed any more".to_owned(),
        // Done, or what no issue ends with.
        _ => return None,
    })
}
