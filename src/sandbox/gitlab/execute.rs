//! Carrying out quick actions, with the rights of the one who wrote them.

use std::collections::BTreeSet;

use super::model::{Awardable, Executed, Kind, Model, NoteableRef, Outcome, State};
use super::quick_actions::Found;
use super::work::Change;

impl Model {
    /// Carries out commands in order.
    pub(super) fn run_all(&mut self, on: NoteableRef, by: u64, commands: &[Found]) -> Vec<Executed> {
        commands
            .iter()
            .map(|command| Executed {
                name: command.name.clone(),
                argument: command.argument.clone(),
                by,
                on,
                at: self.now(),
                outcome: self.run(on, by, command),
            })
            .collect()
    }

    fn run(&mut self, on: NoteableRef, by: u64, command: &Found) -> Outcome {
        let argument = command.argument.as_str();
        let mut change = Change::default();
        match command.name.as_str() {
            "close" => change.state = Some(State::Closed),
            "reopen" => change.state = Some(State::Opened),
            "title" => change.title = Some(argument.to_owned()),
            "confidential" if on.kind == Kind::Issue => change.confidential = Some(true),
            "draft" if on.kind == Kind::MergeRequest => change.draft = Some(true),
            "ready" if on.kind == Kind::MergeRequest => change.draft = Some(false),
            "lock" => change.locked = Some(true),
            "unlock" => change.locked = Some(false),
            "label" | "labels" => change.add_labels = self.labels_in(on, argument),
            "unlabel" | "remove_label" if argument.is_empty() => change.labels = Some(Vec::new()),
            "unlabel" | "remove_label" => change.remove_labels = self.labels_in(on, argument),
            "relabel" => change.labels = Some(self.labels_in(on, argument)),
            "assign" => {
                let mut people = self.assignees_of(on);
                people.extend(self.people_in(argument, by));
                change.assignees = Some(people);
            }
            "reassign" => change.assignees = Some(self.people_in(argument, by)),
            "unassign" => {
                let gone = self.people_in(argument, by);
                let mut people = self.assignees_of(on);
                people.retain(|id| !gone.is_empty() && !gone.contains(id));
                change.assignees = Some(people);
            }
            "merge" => return outcome(self.merge(on, by).is_ok()),
            "award" | "react" => {
                let name = argument.trim_matches(':').to_owned();
                return outcome(self.award(Awardable::Noteable(on), by, &name).is_ok());
            }
            _ => return Outcome::NotModelled,
        }
        let needs_role = change.confidential.is_some()
            || change.locked.is_some()
            || change.labels.is_some()
            || !change.add_labels.is_empty()
            || !change.remove_labels.is_empty()
            || change.assignees.is_some();
        if needs_role && !self.may_administer(on, by) {
            return Outcome::Refused;
        }
        outcome(self.update(on, by, change).is_ok())
    }

    fn assignees_of(&self, on: NoteableRef) -> BTreeSet<u64> {
        self.noteables.get(&on).map(|noteable| noteable.assignees.clone()).unwrap_or_default()
    }

    fn people_in(&self, text: &str, me: u64) -> BTreeSet<u64> {
        text.split_whitespace()
            .filter_map(|word| match word.trim_start_matches('@') {
                "me" => Some(me),
                name => self.user_named(name).map(|user| user.id),
            })
            .collect()
    }

    /// The project's labels that a text names as `~name` or `~"two words"`.
    fn labels_in(&self, on: NoteableRef, text: &str) -> Vec<String> {
        let Some(project) = self.projects.get(&on.project) else { return Vec::new() };
        let mut names = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            rest = rest.trim_start_matches('~');
            let (name, tail) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
            };
            if let Some(label) = project.label(name) {
                names.push(label.name.clone());
            }
            rest = tail.trim_start();
        }
        names
    }
}

fn outcome(done: bool) -> Outcome {
    if done { Outcome::Done } else { Outcome::Refused }
}
