//! What people do meanwhile, and the plain model of what must come of it.

use std::collections::{BTreeMap, BTreeSet};

use flaglink::sandbox::gitlab::{Fate, NoteableRef};

use super::flags::{Flag, Service, Spot};
use super::place::Place;

/// What a comment has to come to.
pub(super) struct Written {
    pub(super) note: u64,
    pub(super) on: NoteableRef,
    pub(super) author: u64,
    pub(super) text: String,
    pub(super) reactions: &'static [&'static str],
    pub(super) replies: usize,
    pub(super) edited: bool,
    /// Whether a flag is to be switched by it.
    pub(super) switches: bool,
    /// Whether somebody undid that before it was answered.
    pub(super) undone: bool,
}

pub(super) const DONE: &[&str] = &["eyes", "white_check_mark"];
pub(super) const NOT_DONE: &[&str] = &["eyes", "x"];
pub(super) const PARTLY: &[&str] = &["eyes", "warning"];

/// One change of a flag that is switched by commands, as it must have been.
pub(super) struct Wanted {
    /// The comment that asked for it; `None`: somebody did it in the service itself.
    pub(super) by: Option<u64>,
    pub(super) on: bool,
    pub(super) value: Option<String>,
}

/// Who linked and switched what, as it must be when all is done.
#[derive(Default)]
pub(super) struct Model {
    pub(super) written: Vec<Written>,
    pub(super) pages: Vec<NoteableRef>,
    pub(super) links: BTreeMap<NoteableRef, BTreeSet<Flag>>,
    pub(super) changes: BTreeMap<NoteableRef, usize>,
    pub(super) turns: BTreeMap<Spot, Vec<Wanted>>,
    /// The comment that last said something about a flag on a page; nothing more is said about it before that is done, since
    /// deliveries that are sent again may overtake each other. `None`: nothing more at all.
    last: BTreeMap<(NoteableRef, Flag), Option<u64>>,
    /// The same for flags that are switched.
    switching: BTreeMap<Spot, u64>,
    values: usize,
}

impl Place {
    /// Somebody does something. Now and then GitLab is over its limit and sends no webhook about it.
    pub(super) async fn act(&mut self) {
        let lost = self.chance.once_in(8);
        self.gitlab.drop_deliveries(lost);
        self.acts().await;
        self.gitlab.drop_deliveries(false);
    }

    async fn acts(&mut self) {
        if self.model.pages.len() < 3 || self.chance.once_in(25) {
            self.new_page();
        }
        let on = self.chance.of(&self.model.pages);
        let author = self.chance.of(&self.people);
        let flag = self.chance.of(&Flag::all());
        let name = flag.name();
        let linked = self.model.links[&on].contains(&flag);
        match self.chance.below(100) {
            0..28 if !linked && self.may_say(on, flag) => {
                let note = self.writes(on, author, &format!("/flag link {name}"), DONE, 0);
                self.changes_link(on, flag, Some(note));
            }
            0..50 if linked && self.may_say(on, flag) => {
                let note = self.writes(on, author, &format!("Enough.\n\n/flag unlink {name}"), DONE, 0);
                self.changes_link(on, flag, Some(note));
            }
            0..34 => {
                let asks = ["/flag status unleash:f1", "/flag list", "/flag search f", "/flag help"];
                let asks = self.chance.of(&asks);
                self.writes(on, author, asks, DONE, 1);
            }
            34..38 => {
                self.writes(on, author, "/flag lnik gitlab:f1", NOT_DONE, 1);
            }
            38..42 => {
                self.writes(on, author, "/flag link no_such_flag", NOT_DONE, 1);
            }
            42..45 => {
                self.writes(on, author, &format!("/flag link {}", flag.key), NOT_DONE, 1);
            }
            45..48 => {
                self.writes(on, self.reporter, &format!("/flag link {name}"), NOT_DONE, 1);
            }
            48..54 if !linked && self.may_say(on, flag) => {
                let text = format!("/flag link {name}\n\n/flag unlink --nonsense\n\n/flag help");
                let note = self.writes(on, author, &text, PARTLY, 2);
                self.changes_link(on, flag, Some(note));
            }
            48..56 => self.changes_flag(),
            56..74 => self.switches(on, author),
            74..82 => self.edits(flag),
            82..92 => self.changes_flag(),
            _ => self.sends_again().await,
        }
    }

    fn new_page(&mut self) {
        let author = self.chance.of(&self.people);
        let page = match self.chance.below(2) {
            0 => self.gitlab.issue(author, self.shop, "Checkout is slow", "").unwrap(),
            _ => self.gitlab.merge_request(author, self.shop, "A faster checkout", "").unwrap(),
        };
        self.model.pages.push(page);
        self.model.links.insert(page, BTreeSet::new());
    }

    /// Whether the bot has said by a reaction how a comment ended.
    pub(super) fn is_over(&self, note: u64) -> bool {
        self.gitlab.read(|model| model.reactions(note, self.bot).len() > 1)
    }

    fn may_say(&self, on: NoteableRef, flag: Flag) -> bool {
        match self.model.last.get(&(on, flag)) {
            None => true,
            Some(None) => false,
            Some(Some(note)) => self.is_over(*note),
        }
    }

    fn changes_link(&mut self, on: NoteableRef, flag: Flag, by: Option<u64>) {
        let links = self.model.links.get_mut(&on).unwrap();
        if !links.remove(&flag) {
            links.insert(flag);
        }
        *self.model.changes.entry(on).or_default() += 1;
        self.model.last.insert((on, flag), by);
    }

    pub(super) fn writes(
        &mut self,
        on: NoteableRef,
        author: u64,
        text: &str,
        reactions: &'static [&'static str],
        replies: usize,
    ) -> u64 {
        let note = self.gitlab.comment(author, on, text).unwrap();
        let (text, edited, switches, undone) = (text.to_owned(), false, false, false);
        let written = Written { note, on, author, text, reactions, replies, edited, switches, undone };
        self.model.written.push(written);
        note
    }

    /// Somebody asks a question, on any page.
    pub(super) fn asks(&mut self) {
        if self.model.pages.is_empty() {
            self.new_page();
        }
        let on = self.chance.of(&self.model.pages);
        let author = self.chance.of(&self.people);
        self.writes(on, author, "/flag help", DONE, 1);
    }

    /// Somebody adds a command to a comment of theirs.
    fn edits(&mut self, flag: Flag) {
        if self.model.written.is_empty() {
            return;
        }
        let which = self.chance.below(self.model.written.len());
        let written = &self.model.written[which];
        if written.edited || written.reactions != DONE {
            return;
        }
        let (note, author, on) = (written.note, written.author, written.on);
        let free = !self.model.last.contains_key(&(on, flag)) && !self.model.links[&on].contains(&flag);
        let line =
            if free { format!("/flag link {}", flag.name()) } else { "/flag status gitlab:f2".to_owned() };
        let text = format!("{}\n\nand\n\n{line}", written.text);
        self.gitlab.edit_note(author, note, &text).unwrap();
        let written = &mut self.model.written[which];
        written.edited = true;
        written.text = text;
        if free {
            self.changes_link(on, flag, None);
        } else {
            written.replies += 1;
        }
    }

    /// Somebody switches a flag, by a comment or in its own service; one at a time in each place, so that it is known what comes
    /// after what.
    fn switches(&mut self, on: NoteableRef, author: u64) {
        let switched = Flag::all().into_iter().filter(|flag| flag.is_switched());
        let spots: Vec<Spot> = switched.flat_map(Flag::spots).collect();
        let spot = self.chance.of(&spots);
        let (flag, environment) = spot;
        if self.model.switching.get(&spot).is_some_and(|note| !self.is_over(*note)) {
            return;
        }
        let is_on = self.services.is_on(spot);
        let name = flag.name();
        match self.chance.below(10) {
            0..2 => {
                self.services.turn(spot, !is_on);
                self.wanted(spot, Wanted { by: None, on: !is_on, value: None });
            }
            2 if environment == "production" => {
                let text = format!("/flag {} {name} --env production", said(!is_on));
                self.writes(on, author, &text, NOT_DONE, 1);
            }
            3 => {
                let text = format!("/flag {} {name} --env {environment}", said(is_on));
                let note = self.writes(on, self.maintainer, &text, DONE, 0);
                self.model.written.last_mut().unwrap().switches = true;
                self.model.switching.insert(spot, note);
            }
            4..6 if flag.service == Service::Flagsmith => {
                self.model.values += 1;
                let value = format!("v{}", self.model.values);
                let text = format!("/flag set {name} {value} --env {environment}");
                self.asks_for(on, spot, &text, Wanted { by: None, on: is_on, value: Some(value) });
            }
            _ => {
                let text = format!("/flag {} {name} --env {environment} --reason it is time", said(!is_on));
                self.asks_for(on, spot, &text, Wanted { by: None, on: !is_on, value: None });
            }
        }
    }

    /// Somebody who may asks for a switch, wherever none is under way.
    pub(super) fn asks_for_a_switch(&mut self) -> Option<(Spot, u64)> {
        let mut spots: Vec<Spot> = Flag::all()
            .into_iter()
            .filter(|flag| flag.is_switched())
            .flat_map(Flag::spots)
            .filter(|spot| self.model.switching.get(spot).is_none_or(|note| self.is_over(*note)))
            .collect();
        self.chance.shuffle(&mut spots);
        let spot = spots.pop()?;
        if self.model.pages.is_empty() {
            self.new_page();
        }
        let on = self.chance.of(&self.model.pages);
        let turned = !self.services.is_on(spot);
        let text = format!("/flag {} {} --env {}", said(turned), spot.0.name(), spot.1);
        Some((spot, self.asks_for(on, spot, &text, Wanted { by: None, on: turned, value: None })))
    }

    /// How often a flag must have been changed there by now.
    pub(super) fn turns_wanted(&self, spot: Spot) -> usize {
        self.model.turns.get(&spot).map_or(0, Vec::len)
    }

    /// Somebody sets back in the service itself what was just switched by a comment.
    pub(super) fn undoes(&mut self, spot: Spot, note: u64) {
        let over = self.is_over(note);
        let on = !self.services.is_on(spot);
        self.services.turn(spot, on);
        self.wanted(spot, Wanted { by: None, on, value: None });
        let written = self.model.written.iter_mut().find(|written| written.note == note);
        written.unwrap().undone = !over;
    }

    /// Somebody who may asks for a switch that changes something.
    fn asks_for(&mut self, on: NoteableRef, spot: Spot, text: &str, wanted: Wanted) -> u64 {
        let note = self.writes(on, self.maintainer, text, DONE, 0);
        self.model.written.last_mut().unwrap().switches = true;
        self.model.switching.insert(spot, note);
        self.wanted(spot, Wanted { by: Some(note), ..wanted });
        note
    }

    fn wanted(&mut self, spot: Spot, wanted: Wanted) {
        self.model.turns.entry(spot).or_default().push(wanted);
    }

    fn changes_flag(&mut self) {
        let flags: Vec<Flag> = Flag::all().into_iter().filter(|flag| !flag.is_switched()).collect();
        let flag = self.chance.of(&flags);
        self.services.change(flag, &mut self.chance);
    }

    /// Somebody presses "Resend" on any delivery, or everybody sends the next ones twice.
    async fn sends_again(&mut self) {
        let copies = self.chance.of(&[0, 0, 1, 2]);
        self.gitlab.duplicate_deliveries(copies);
        let copies = self.chance.of(&[1, 1, 2]);
        self.services.flagsmith.send_copies(copies);
        self.services.unleash.send_copies(copies);
        let all: Vec<u64> = self.gitlab.read(|model| {
            // What was never sent is not in GitLab's log.
            let sent = model.deliveries.values().filter(|one| !matches!(one.fate, Fate::Dropped(_)));
            sent.map(|one| one.id).collect()
        });
        if !all.is_empty() {
            let delivery = self.chance.of(&all);
            let _ = self.gitlab.resend(self.maintainer, delivery).await;
        }
    }

    /// People send again what failed.
    pub(super) async fn sends_what_failed_again(&self) {
        let failed: BTreeMap<String, u64> = self.gitlab.read(|model| {
            let mut failed = BTreeMap::new();
            for delivery in model.deliveries.values() {
                if matches!(delivery.fate, Fate::Answered { .. } | Fate::Failed(_)) {
                    failed.entry(delivery.key.clone()).or_insert(delivery.id);
                }
            }
            for delivery in model.deliveries.values() {
                if delivery.fate.is_success() || !delivery.fate.is_final() {
                    failed.remove(&delivery.key);
                }
            }
            failed
        });
        for delivery in failed.into_values() {
            let _: Result<Fate, _> = self.gitlab.resend(self.maintainer, delivery).await;
        }
    }
}

fn said(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
