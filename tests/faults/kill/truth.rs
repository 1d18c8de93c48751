//! Holding everything against the model.

use std::collections::BTreeSet;

use flaglink::sandbox::gitlab::NoteableRef;
use flaglink::store::Store;
use flaglink::store::sled::{SledStore, StoreOptions};
use jiff::SignedDuration;

use super::flags::{Flag, Service, Turn, once};
use super::people::{NOT_DONE, PARTLY, Written};
use super::place::Place;

/// A switch that was not made within this time after it was written is not made any more.
const IN_TIME: SignedDuration = SignedDuration::from_mins(2);

impl Place {
    /// What is wrong, in words.
    pub(super) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for written in &self.model.written {
            self.wrong_with(written, &mut wrong);
        }
        for (page, links) in &self.model.links {
            for problem in self.wrong_on(*page, links) {
                wrong.push(format!("{page}: {problem}"));
            }
        }
        for flag in Flag::all() {
            self.wrong_links(flag, &mut wrong);
            if flag.is_switched() {
                self.wrong_turns(flag, &mut wrong);
            }
        }
        wrong
    }

    fn wrong_with(&self, written: &Written, wrong: &mut Vec<String>) {
        let note = written.note;
        let reactions: BTreeSet<String> = self
            .gitlab
            .read(|model| model.reactions(note, self.bot).iter().map(|name| (*name).to_owned()).collect());
        let not_done = self.came_too_late(written) || self.was_left_alone(written);
        let wanted: &[&[&str]] = match (not_done, written.edited) {
            // What was added is answered together with what stood there, or after it.
            (true, true) => &[PARTLY, &["eyes", "white_check_mark", "x"]],
            (true, false) => &[NOT_DONE],
            (false, _) => &[written.reactions],
        };
        let fits = |wanted: &&[&str]| reactions.iter().map(String::as_str).eq(sorted(wanted));
        if !wanted.iter().any(fits) {
            wrong.push(format!("note {note}: {reactions:?}, not {wanted:?}: {}", written.text));
        }
        let mut replies = self.replies_to(written);
        // That nobody knows yet whether a flag is switched is said once, if it has to be said.
        if written.switches {
            let unknown = replies.iter().position(|reply| reply.contains("it is not known yet"));
            unknown.map(|place| replies.remove(place));
        }
        let many = written.replies + usize::from(not_done);
        if replies.len() != many {
            wrong.push(format!("note {note}: {} replies, not {many}: {}", replies.len(), written.text));
        }
    }

    /// Whether a switch was answered with that it came too late, and truly did: then nothing is switched.
    fn came_too_late(&self, written: &Written) -> bool {
        if !written.switches {
            return false;
        }
        self.gitlab.read(|model| {
            let until = model.notes[&written.note].created_at + IN_TIME;
            let link = format!("#note_{})", written.note);
            model.notes_by(written.on, self.bot).iter().any(|reply| {
                reply.body.contains(&link)
                    && reply.body.contains("within two minutes")
                    && reply.created_at >= until
            })
        })
    }

    /// Whether a switch that somebody undid was answered with that. Nobody may know any more that it was made before.
    fn was_left_alone(&self, written: &Written) -> bool {
        let told = |reply: &String| reply.contains(" was changed in ") && reply.contains("after you wrote");
        written.undone && self.replies_to(written).iter().any(told)
    }

    fn replies_to(&self, written: &Written) -> Vec<String> {
        let link = format!("#note_{})", written.note);
        let mut replies = self.bot_notes(written.on);
        replies.retain(|body| body.contains(&link));
        replies
    }

    fn bot_notes(&self, on: NoteableRef) -> Vec<String> {
        self.gitlab
            .read(|model| model.notes_by(on, self.bot).into_iter().map(|note| note.body.clone()).collect())
    }

    /// The pages on the flag itself.
    fn wrong_links(&self, flag: Flag, wrong: &mut Vec<String>) {
        let Some(stand) = self.services.links(flag) else { return };
        let linked = self.model.links.iter().filter(|(_, links)| links.contains(&flag));
        let wanted: BTreeSet<String> =
            linked.map(|(page, _)| self.gitlab.read(|model| model.page_of(*page))).collect();
        let (different, doubled) = once(&stand);
        if doubled || different != wanted.iter().map(String::as_str).collect() {
            wrong.push(format!("{}: links {stand:?}, not {wanted:?}", flag.name()));
        }
    }

    /// Every switch has happened once, in its turn, and nothing of what people did was undone by one that came again.
    fn wrong_turns(&self, flag: Flag, wrong: &mut Vec<String>) {
        for spot in flag.spots() {
            let wanted = self.model.turns.get(&spot).map(Vec::as_slice).unwrap_or_default();
            let wanted: Vec<_> = wanted
                .iter()
                .filter(|wanted| {
                    let asked = self.model.written.iter().find(|one| Some(one.note) == wanted.by);
                    !asked.is_some_and(|asked| self.came_too_late(asked))
                })
                .collect();
            let turns: Vec<Turn> =
                wanted.iter().map(|one| Turn { by_bot: one.by.is_some(), on: one.on }).collect();
            let were = self.services.turns(spot);
            if were != turns {
                wrong.push(format!("{} in {}: {were:?}, not {turns:?}", flag.name(), spot.1));
            }
            let values: Vec<String> = wanted.iter().filter_map(|one| one.value.clone()).collect();
            let were = self.services.values(spot);
            if were != values {
                wrong.push(format!("{} in {}: {were:?}, not {values:?}", flag.name(), spot.1));
            }
        }
    }

    fn wrong_on(&self, page: NoteableRef, links: &BTreeSet<Flag>) -> Vec<String> {
        let mut wrong = Vec::new();
        let notes = self.bot_notes(page);
        let markers: Vec<&str> = notes
            .iter()
            .filter_map(|body| body.lines().rev().find(|line| line.starts_with("<!-- flaglink:")))
            .collect();
        let different: BTreeSet<&str> = markers.iter().copied().collect();
        if markers.len() != notes.len() || different.len() != markers.len() {
            wrong.push("a comment without a marker, or two with the same".to_owned());
        }
        let panels: Vec<&String> = notes.iter().filter(|body| body.contains("🚩 Feature flags")).collect();
        let ever = self.model.changes.contains_key(&page);
        if panels.len() != usize::from(ever) {
            wrong.push(format!("{} panels", panels.len()));
        }
        if let [panel] = panels.as_slice() {
            self.wrong_in(panel, links, &mut wrong);
        }
        let labels = self.gitlab.read(|model| model.noteables[&page].labels.clone());
        if labels.contains(&"Feature flag".to_owned()) == links.is_empty() {
            wrong.push(format!("labels {labels:?} with {links:?}"));
        }
        wrong
    }

    fn wrong_in(&self, panel: &str, links: &BTreeSet<Flag>, wrong: &mut Vec<String>) {
        if links.is_empty() {
            if !panel.contains("The last flag was unlinked") {
                wrong.push(format!("the panel has something:\n{panel}"));
            }
            return;
        }
        let rows = table(panel);
        let (head, rows) =
            rows.split_first().map_or((&[][..], &[][..]), |(head, rows)| (head.as_slice(), rows));
        let services: BTreeSet<Service> = links.iter().map(|flag| flag.service).collect();
        let columns: BTreeSet<String> = head.iter().skip(1).cloned().collect();
        let environments: BTreeSet<String> = services
            .iter()
            .flat_map(|service| service.environments())
            .map(|environment| format!("`{environment}`"))
            .collect();
        if columns != environments || head.len() != environments.len() + 1 {
            wrong.push(format!("the columns are {head:?}:\n{panel}"));
            return;
        }
        let wanted: BTreeSet<Vec<String>> = links
            .iter()
            .map(|flag| {
                let name = if services.len() > 1 { flag.name() } else { flag.key.to_owned() };
                let cells =
                    head.iter().skip(1).map(|column| self.services.cell(*flag, column.trim_matches('`')));
                std::iter::once(format!("`{name}`")).chain(cells).collect()
            })
            .collect();
        let are: BTreeSet<Vec<String>> = rows.iter().cloned().collect();
        if are != wanted || rows.len() != wanted.len() {
            wrong.push(format!("the panel should say {wanted:?}:\n{panel}"));
        }
    }

    /// What the store says when nobody has it open: it opens, and has counted everything once.
    pub(super) async fn wrong_in_the_store(&self) -> Vec<String> {
        let store = match SledStore::open(&self.folder.path().join("store"), StoreOptions::default()) {
            Ok(store) => store,
            Err(error) => return vec![format!("the store does not open: {error}")],
        };
        let mut wrong = Vec::new();
        let backlog = store.backlog().await.unwrap();
        if (backlog.inbox, backlog.edges, backlog.stale, backlog.dead) != (0, 0, 0, 0) {
            wrong.push(format!("left over: {backlog:?}"));
        }
        let mut linked = store.linked_noteables(None, 10_000).await.unwrap();
        linked.retain(|record| !record.links.is_empty());
        let wanted = self.model.links.values().filter(|links| !links.is_empty()).count();
        if linked.len() != wanted {
            wrong.push(format!("{} pages with links in the store, not {wanted}", linked.len()));
        }
        for record in linked {
            let page = self.model.pages.iter().find(|page| {
                page.iid == record.noteable.iid
                    && record.view.web_url == self.gitlab.read(|model| model.page_of(**page))
            });
            let changes = page.and_then(|page| self.model.changes.get(page)).copied().unwrap_or_default();
            // The history is capped.
            if record.history.len() != changes.min(20) {
                let were = record.history.len();
                wrong.push(format!("{}: {were} changes of links, not {changes}", record.noteable));
            }
            let kept: BTreeSet<String> =
                record.links.iter().map(|link| format!("{}:{}", link.flag.provider, link.flag.key)).collect();
            let links = page.and_then(|page| self.model.links.get(page));
            let links: BTreeSet<String> = links.into_iter().flatten().map(|flag| flag.name()).collect();
            if kept != links || record.links.len() != links.len() {
                wrong.push(format!("{}: {kept:?} in the store, not {links:?}", record.noteable));
            }
        }
        wrong
    }
}

fn sorted<'a>(names: &[&'a str]) -> BTreeSet<&'a str> {
    names.iter().copied().collect()
}

/// The cells of the table in a panel, row by row, without the addresses of links; the head first.
fn table(panel: &str) -> Vec<Vec<String>> {
    let rows = panel.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| :-- |"));
    rows.map(|row| {
        let cells = row.trim_matches('|').split(" | ").map(str::trim);
        cells
            .map(|cell| {
                let linked = cell.strip_prefix('[').and_then(|cell| cell.split_once("]("));
                linked.map_or(cell, |(name, _)| name).to_owned()
            })
            .collect()
    })
    .collect()
}
