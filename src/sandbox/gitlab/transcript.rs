//! What stands on an issue or merge request, as text: for the demo, and for tests that failed.

use std::fmt::Write as _;

use super::model::{Awardable, Model, NoteKind, NoteableRef};

impl Model {
    /// What stands on an issue or merge request: title, labels, then the notes in order with author, reactions and marks.
    pub fn transcript(&self, on: NoteableRef) -> String {
        let mut out = String::new();
        let Some(noteable) = self.noteables.get(&on) else { return format!("{on}: not there\n") };
        let mut marks = vec![noteable.state.name()];
        if noteable.confidential {
            marks.push("confidential");
        }
        if noteable.locked {
            marks.push("locked");
        }
        let _ = write!(out, "{on} {} ({})", noteable.shown_title(), marks.join(", "));
        for label in &noteable.labels {
            let _ = write!(out, " ~{label}");
        }
        out.push_str(&self.reactions_text(Awardable::Noteable(on)));
        out.push('\n');
        if !noteable.description.is_empty() {
            push_indented(&mut out, &noteable.description);
        }
        for note in self.notes_on(on) {
            let author = self.users.get(&note.author).map_or("?", |user| user.username.as_str());
            let _ = write!(out, "\n@{author}");
            if note.system {
                let _ = writeln!(out, " {}", note.body);
                continue;
            }
            let first = self
                .notes_on(on)
                .find(|other| other.discussion == note.discussion)
                .is_none_or(|first| first.id == note.id);
            if !first {
                out.push_str(" (in the thread)");
            } else if note.kind != NoteKind::Plain {
                out.push_str(" (thread)");
            }
            if note.internal {
                out.push_str(" (internal)");
            }
            if note.edited.is_some() {
                out.push_str(" (edited)");
            }
            out.push_str(&self.reactions_text(Awardable::Note(note.id)));
            out.push_str(":\n");
            push_indented(&mut out, &note.body);
        }
        out
    }

    fn reactions_text(&self, on: Awardable) -> String {
        self.awards_on(on)
            .map(|award| {
                let who = self.users.get(&award.user).map_or("?", |user| user.username.as_str());
                format!(" [{} {who}]", emoji(&award.name))
            })
            .collect()
    }

    /// Everything that stands everywhere, and the webhook requests with what became of them.
    pub fn describe(&self) -> String {
        let mut out = String::new();
        for place in self.noteables.keys() {
            out.push_str(&self.transcript(*place));
            out.push('\n');
        }
        for delivery in self.deliveries.values() {
            let _ = writeln!(
                out,
                "delivery {} of hook {}, {}: {:?}",
                delivery.id, delivery.hook, delivery.event, delivery.fate
            );
        }
        out
    }
}

fn push_indented(out: &mut String, text: &str) {
    for line in text.lines() {
        if line.is_empty() {
            out.push('\n');
        } else {
            let _ = writeln!(out, "    {line}");
        }
    }
}

/// A reaction as people see it; its name where the sandbox has no picture of it.
fn emoji(name: &str) -> String {
    match name {
        "eyes" => "👀".to_owned(),
        "white_check_mark" => "✅".to_owned(),
        "warning" => "⚠️".to_owned(),
        "x" => "❌".to_owned(),
        "thumbsup" | "+1" => "👍".to_owned(),
        "thumbsdown" | "-1" => "👎".to_owned(),
        "lock" => "🔒".to_owned(),
        "no_entry" => "⛔".to_owned(),
        other => format!(":{other}:"),
    }
}
