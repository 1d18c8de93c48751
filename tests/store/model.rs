//! The store against a model of it that is nothing but maps: whatever is done to both, in whatever order and
//! with restarts in between, both say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use flaglink::domain::{
    CommandRecord, CommandStatus, DeadLetter, DeadThing, Decision, Delivery, Edge, EdgeId, Event,
    FlagPointer, FlagRef, Inbound, InboxId, Kept, Level, NoteKey, NoteRecord, NoteSource, Noteable,
    NoteableRecord, Outcome, Read, RecordKey, Register, Rev, Write,
};
use flaglink::store::sled::SledStore;
use flaglink::store::{Backlog, CommitError, Store};
use jiff::Timestamp;
use proptest::prelude::*;

use crate::kit::{at, delivery, edge, flag, folder, hook, issue, letter, linked, open, person};

/// One thing that is done to both. Small numbers pick among what there is.
#[derive(Debug, Clone)]
enum Step {
    Keep { source: bool, key: Option<u8>, body: u8, when: u8 },
    Commit { rests: Vec<(u8, bool)>, writes: Vec<Put> },
    Sweep(u8),
    Restart,
}

#[derive(Debug, Clone)]
enum Put {
    Noteable(u8, BTreeSet<u8>),
    Note { note: u8, handled: u8, taken: bool },
    Register(u8),
    Done(u8),
    Later(u8, u8),
    Dead(u8, u8),
    Again(u8),
    LetterDone(u8),
    EdgeLetterDone(u8),
    Queue,
    NewEdge,
    Edge(u8, u8),
    EdgeDone(u8),
    EdgeDead(u8, u8),
    Stale(u8, u8),
    True(u8, bool),
    LevelLater(u8),
    LevelSent(u8, bool),
}

fn puts() -> impl Strategy<Value = Put> {
    let small = 0..5_u8;
    let when = 0..100_u8;
    prop_oneof![
        (small.clone(), proptest::collection::btree_set(0..4_u8, 0..4))
            .prop_map(|(n, f)| Put::Noteable(n, f)),
        (small.clone(), when.clone(), any::<bool>()).prop_map(|(note, handled, taken)| Put::Note {
            note,
            handled,
            taken
        }),
        when.clone().prop_map(Put::Register),
        any::<u8>().prop_map(Put::Done),
        (any::<u8>(), when.clone()).prop_map(|(n, t)| Put::Later(n, t)),
        (any::<u8>(), when.clone()).prop_map(|(n, t)| Put::Dead(n, t)),
        any::<u8>().prop_map(Put::Again),
        any::<u8>().prop_map(Put::LetterDone),
        any::<u8>().prop_map(Put::EdgeLetterDone),
        Just(Put::Queue),
        Just(Put::NewEdge),
        (any::<u8>(), small.clone()).prop_map(|(n, a)| Put::Edge(n, a)),
        any::<u8>().prop_map(Put::EdgeDone),
        (any::<u8>(), when.clone()).prop_map(|(n, t)| Put::EdgeDead(n, t)),
        (small.clone(), when).prop_map(|(n, t)| Put::Stale(n, t)),
        (small.clone(), any::<bool>()).prop_map(|(n, now)| Put::True(n, now)),
        small.clone().prop_map(Put::LevelLater),
        (small, any::<bool>()).prop_map(|(n, sent)| Put::LevelSent(n, sent)),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let keep = (any::<bool>(), proptest::option::of(0..3_u8), 0..3_u8, 0..100_u8)
        .prop_map(|(source, key, body, when)| Step::Keep { source, key, body, when });
    let commit = (
        proptest::collection::vec((0..11_u8, proptest::bool::weighted(0.9)), 0..3),
        proptest::collection::vec(puts(), 0..5),
    )
        .prop_map(|(rests, writes)| Step::Commit { rests, writes });
    prop_oneof![6 => keep, 10 => commit, 1 => (0..100_u8).prop_map(Step::Sweep), 1 => Just(Step::Restart)]
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    what: What,
    attempts: u32,
    not_before: Option<Timestamp>,
    reason: Option<String>,
    dead: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    Delivery(Box<Delivery>),
    Event(Event),
}

#[derive(Debug, Clone)]
struct ModelStale {
    since: Timestamp,
    attempts: u32,
    not_before: Option<Timestamp>,
    reason: Option<String>,
    sent_at: Option<Timestamp>,
}

/// What the store should hold.
#[derive(Debug, Clone, Default)]
struct Model {
    noteables: BTreeMap<Noteable, NoteableRecord>,
    notes: BTreeMap<NoteKey, NoteRecord>,
    register: Option<Register>,
    inbox: BTreeMap<InboxId, Entry>,
    edges: BTreeMap<EdgeId, Edge>,
    letters: BTreeMap<u64, DeadLetter>,
    stale: BTreeMap<Level, ModelStale>,
    keys: BTreeMap<(bool, String), (InboxId, Timestamp)>,
}

fn note_key(note: u8) -> NoteKey {
    NoteKey { noteable: issue(1), source: NoteSource::Note(note.into()) }
}

fn level(n: u8) -> Level {
    match n {
        0 => Level::Panel(issue(1)),
        1 => Level::Label(issue(1)),
        2 => Level::Panel(issue(2)),
        3 => Level::BackLinks(flag("0")),
        _ => Level::BackLinks(flag("1")),
    }
}

fn flags(picked: &BTreeSet<u8>) -> Vec<FlagRef> {
    picked.iter().map(|n| flag(&n.to_string())).collect()
}

fn record_key(n: u8) -> RecordKey {
    match n {
        0..5 => RecordKey::Noteable(issue(n.into())),
        5..10 => RecordKey::Note(note_key(n - 5)),
        _ => RecordKey::Register,
    }
}

impl Model {
    fn keep(&mut self, delivery: &Delivery, source: bool) -> Option<Kept> {
        if let Some(key) = &delivery.key {
            let (id, _) = self.keys.get(&(source, key.clone()))?;
            let id = *id;
            if self.inbox.get(&id).is_some_and(|entry| entry.dead) {
                self.revive(id);
                return Some(Kept::Revived(id));
            }
            return Some(Kept::Before);
        }
        let waits = self.inbox.values().any(|entry| match &entry.what {
            What::Delivery(other) => {
                !entry.dead
                    && other.key.is_none()
                    && other.source == delivery.source
                    && other.body == delivery.body
            }
            What::Event(_) => false,
        });
        waits.then_some(Kept::Before)
    }

    fn revive(&mut self, id: InboxId) {
        self.letters.remove(&id.0);
        if let Some(entry) = self.inbox.get_mut(&id) {
            *entry =
                Entry { what: entry.what.clone(), attempts: 0, not_before: None, reason: None, dead: false };
        }
    }

    fn write(&mut self, write: &Write, generations: &BTreeMap<Level, u64>) {
        match write {
            Write::PutNoteable(record) => {
                self.noteables.insert(record.noteable.clone(), (**record).clone());
            }
            Write::PutNote(record) => {
                self.notes.insert(record.note.clone(), (**record).clone());
            }
            Write::PutFlag(_) => unreachable!("flags are written like notes"),
            Write::PutHook(_) | Write::HookGone(_) => unreachable!("webhooks are written like notes"),
            Write::PutRegister(register) => self.register = Some((**register).clone()),
            Write::InboxDone(id) => {
                self.inbox.remove(id);
                self.letters.remove(&id.0);
            }
            Write::InboxLater { id, not_before, reason } => {
                if self.inbox.get(id).is_some_and(|entry| entry.dead) {
                    self.revive(*id);
                } else if let Some(entry) = self.inbox.get_mut(id) {
                    entry.attempts += 1;
                }
                if let Some(entry) = self.inbox.get_mut(id) {
                    entry.not_before = Some(*not_before);
                    entry.reason = Some(reason.clone());
                }
            }
            Write::InboxDead(letter) => {
                if let Some(entry) = self.inbox.get_mut(&InboxId(letter.id)) {
                    entry.dead = true;
                    entry.attempts = letter.attempts;
                    entry.not_before = None;
                    entry.reason = Some(letter.reason.clone());
                    self.letters.insert(letter.id, letter.clone());
                }
            }
            Write::InboxAgain(id) => {
                if self.inbox.get(id).is_some_and(|entry| entry.dead) {
                    self.revive(*id);
                }
            }
            Write::LetterDone(id) => {
                self.letters.remove(id);
                if self.inbox.get(&InboxId(*id)).is_some_and(|entry| entry.dead) {
                    self.inbox.remove(&InboxId(*id));
                }
            }
            Write::QueueEvent(id, event) => {
                let what = What::Event(event.clone());
                let entry = Entry { what, attempts: 0, not_before: None, reason: None, dead: false };
                self.inbox.insert(*id, entry);
            }
            Write::PutEdge(edge) => {
                self.letters.remove(&edge.id.0);
                self.edges.insert(edge.id, (**edge).clone());
            }
            Write::EdgeDone(id) => {
                self.letters.remove(&id.0);
                self.edges.remove(id);
            }
            Write::EdgeDead(letter) => {
                self.edges.remove(&EdgeId(letter.id));
                self.letters.insert(letter.id, letter.clone());
            }
            Write::MarkStale(level, now) => {
                self.stale.entry(level.clone()).or_insert(ModelStale {
                    since: *now,
                    attempts: 0,
                    not_before: None,
                    reason: None,
                    sent_at: None,
                });
            }
            Write::LevelTrue(level, generation) => {
                if generations.get(level) == Some(generation) {
                    self.stale.remove(level);
                }
            }
            Write::LevelSent(level, sent_at) => {
                if let Some(stale) = self.stale.get_mut(level) {
                    stale.sent_at = *sent_at;
                }
            }
            Write::LevelLater { level, not_before, reason } => {
                if let Some(stale) = self.stale.get_mut(level) {
                    stale.attempts += 1;
                    stale.not_before = Some(*not_before);
                    stale.reason = Some(reason.clone());
                }
            }
        }
    }

    fn sweep(&mut self, before: Timestamp) -> u64 {
        let all = |model: &Self| model.keys.len() + model.notes.len() + model.noteables.len();
        let had = all(self);
        let inbox = &self.inbox;
        self.keys.retain(|_, (id, at)| *at >= before || inbox.contains_key(id));
        // No command waits in the inbox of this model.
        self.notes.retain(|_, record| record.handled_at >= before);
        let stale = &self.stale;
        self.noteables.retain(|noteable, record| {
            !record.links.is_empty()
                || stale.contains_key(&Level::Panel(noteable.clone()))
                || stale.contains_key(&Level::Label(noteable.clone()))
        });
        (had - all(self)) as u64
    }

    fn links_of(&self, wanted: &FlagRef) -> Vec<Noteable> {
        self.noteables.values().filter(|n| n.link(wanted).is_some()).map(|n| n.noteable.clone()).collect()
    }
}

/// The store and its model, side by side.
struct Pair {
    path: PathBuf,
    store: Option<SledStore>,
    model: Model,
    ids: Vec<InboxId>,
    edges: Vec<Edge>,
    revs: BTreeMap<u8, Rev>,
}

impl Pair {
    fn store(&self) -> &SledStore {
        self.store.as_ref().unwrap()
    }

    async fn rev(&self, n: u8) -> Rev {
        match record_key(n) {
            RecordKey::Noteable(key) => self.store().noteable(&key).await.unwrap().rev,
            RecordKey::Note(key) => self.store().note(&key).await.unwrap().rev,
            RecordKey::Flag(key) => self.store().flag(&key).await.unwrap().rev,
            RecordKey::Register => self.store().register().await.unwrap().rev,
            RecordKey::Hook(target) => self.store().hook(&target).await.unwrap().rev,
            RecordKey::Letter(id) => self.store().dead_letter(id).await.unwrap().rev,
        }
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Keep { source, key, body, when } => {
                let key = key.map(|key| key.to_string());
                let mut new = delivery(key.as_deref(), &[*body; 200]);
                new.received_at = at((*when).into());
                if *source {
                    new.source = hook("two");
                }
                let expected = self.model.keep(&new, *source);
                let kept = self.store().keep(new.clone()).await.unwrap();
                match (expected, kept) {
                    (None, Kept::New(id)) => {
                        if let Some(key) = &new.key {
                            self.model.keys.insert((*source, key.clone()), (id, new.received_at));
                        }
                        let what = What::Delivery(Box::new(new));
                        let entry = Entry { what, attempts: 0, not_before: None, reason: None, dead: false };
                        self.model.inbox.insert(id, entry);
                        assert!(self.ids.iter().all(|other| *other < id), "numbers grow");
                        self.ids.push(id);
                    }
                    (expected, kept) => assert_eq!(expected, Some(kept)),
                }
            }
            Step::Commit { rests, writes } => {
                let mut decision = Decision::new();
                let mut holds = true;
                for (n, fresh) in rests {
                    let now = self.rev(*n).await;
                    let rev = if *fresh { now } else { self.revs.get(n).copied().unwrap_or(Rev(0)) };
                    holds &= rev == now;
                    decision.reads.push(Read { key: record_key(*n), rev });
                    self.revs.insert(*n, now);
                }
                let mut generations = BTreeMap::new();
                for stale in self.store().stale().await.unwrap() {
                    generations.insert(stale.level, stale.generation);
                }
                let mut model = self.model.clone();
                for put in writes {
                    let Some(write) = self.write(put, &generations) else { continue };
                    // Marked stale in this very decision: its generation is not known to anybody yet.
                    if let Write::MarkStale(level, _) = &write {
                        generations.remove(level);
                    }
                    model.write(&write, &generations);
                    decision.write(write);
                }
                match self.store().commit(decision).await {
                    Ok(()) => {
                        assert!(holds, "it rested on something old");
                        self.model = model;
                    }
                    Err(CommitError::Conflict) => assert!(!holds, "nothing had changed"),
                    Err(CommitError::Store(error)) => panic!("{error}"),
                }
            }
            Step::Sweep(before) => {
                let before = at((*before).into());
                assert_eq!(self.store().sweep(before).await.unwrap(), self.model.sweep(before));
            }
            Step::Restart => {
                self.store = None;
                self.store = Some(open(&self.path));
            }
        }
        self.compare().await;
    }

    fn pick<T: Clone>(all: &[T], n: u8) -> Option<T> {
        all.get(usize::from(n).checked_rem(all.len())?).cloned()
    }

    fn write(&mut self, put: &Put, generations: &BTreeMap<Level, u64>) -> Option<Write> {
        let when = |t: u8| at(t.into());
        Some(match put {
            Put::Noteable(iid, picked) => {
                Write::PutNoteable(Box::new(linked(&issue((*iid).into()), &flags(picked))))
            }
            Put::Note { note, handled, taken } => Write::PutNote(Box::new(NoteRecord {
                note: note_key(*note),
                author: person(),
                internal: false,
                discussion: None,
                commands: vec![CommandRecord {
                    text: "list".to_owned(),
                    batch: 0,
                    written_at: at(0),
                    status: if *taken { CommandStatus::Taken } else { CommandStatus::Over(Outcome::Done) },
                    told_waiting: false,
                    switch: None,
                }],
                refused_edit: None,
                handled_at: when(*handled),
            })),
            Put::Register(n) => Write::PutRegister(Box::new(Register {
                cursors: BTreeMap::from([("n".to_owned(), n.to_string())]),
                ..Register::default()
            })),
            Put::Done(n) => Write::InboxDone(Self::pick(&self.ids, *n)?),
            Put::Later(n, t) => Write::InboxLater {
                id: Self::pick(&self.ids, *n)?,
                not_before: when(*t),
                reason: format!("until {t}"),
            },
            Put::Dead(n, t) => {
                let id = Self::pick(&self.ids, *n)?;
                Write::InboxDead(letter(id.0, DeadThing::Inbox(id), (*t).into()))
            }
            Put::Again(n) => Write::InboxAgain(Self::pick(&self.ids, *n)?),
            Put::LetterDone(n) => Write::LetterDone(Self::pick(&self.ids, *n)?.0),
            Put::EdgeLetterDone(n) => Write::LetterDone(Self::pick(&self.edges, *n)?.id.0),
            Put::Queue => {
                let id = InboxId(self.store().new_id());
                self.ids.push(id);
                let event = Event::FlagChanged {
                    provider: "flagsmith".to_owned(),
                    flag: FlagPointer::Id(id.0.to_string()),
                    claims: Vec::new(),
                };
                Write::QueueEvent(id, event)
            }
            Put::NewEdge => {
                let edge = edge(self.store().new_id());
                self.edges.push(edge.clone());
                Write::PutEdge(Box::new(edge))
            }
            Put::Edge(n, attempts) => {
                let mut edge = Self::pick(&self.edges, *n)?;
                edge.attempts = (*attempts).into();
                Write::PutEdge(Box::new(edge))
            }
            Put::EdgeDone(n) => Write::EdgeDone(Self::pick(&self.edges, *n)?.id),
            Put::EdgeDead(n, t) => {
                let edge = Self::pick(&self.edges, *n)?;
                Write::EdgeDead(letter(edge.id.0, DeadThing::Edge(Box::new(edge)), (*t).into()))
            }
            Put::Stale(n, t) => Write::MarkStale(level(*n), when(*t)),
            Put::True(n, now) => {
                // One that never was, for what only becomes stale in the same decision.
                let generation = generations.get(&level(*n)).copied().unwrap_or(1_000_000);
                Write::LevelTrue(level(*n), if *now { generation } else { generation - 1 })
            }
            Put::LevelSent(n, sent) => Write::LevelSent(level(*n), sent.then(|| at(2))),
            Put::LevelLater(n) => {
                Write::LevelLater { level: level(*n), not_before: at(1), reason: "busy".to_owned() }
            }
        })
    }

    async fn compare(&self) {
        let (store, model) = (self.store(), &self.model);
        let waiting = model.inbox.iter().filter(|(_, entry)| !entry.dead);
        assert_eq!(store.inbox().await.unwrap(), waiting.clone().map(|(id, _)| *id).collect::<Vec<_>>());
        for id in &self.ids {
            let found = store.inbox_entry(*id).await.unwrap();
            let expected = model.inbox.get(id);
            assert_eq!(found.is_some(), expected.is_some());
            if let (Some(found), Some(expected)) = (found, expected) {
                let what = match found.what {
                    Inbound::Delivery(delivery) => What::Delivery(Box::new(delivery)),
                    Inbound::Event(event) => What::Event(event),
                    Inbound::Unknown(json) => panic!("this version writes what it knows: {json}"),
                };
                assert_eq!(what, expected.what);
                assert_eq!(
                    (found.attempts, found.not_before, found.last_reason),
                    (expected.attempts, expected.not_before, expected.reason.clone())
                );
            }
        }
        assert_eq!(store.edges().await.unwrap(), model.edges.values().cloned().collect::<Vec<_>>());
        let mut letters: Vec<DeadLetter> = model.letters.values().cloned().collect();
        letters.sort_by_key(|letter| (letter.at, letter.id));
        assert_eq!(store.dead_letters(1000).await.unwrap(), letters);

        let stale = store.stale().await.unwrap();
        assert_eq!(stale.len(), model.stale.len());
        for found in stale {
            let expected = &model.stale[&found.level];
            assert_eq!(
                (found.since, found.attempts, found.not_before, found.last_reason, found.sent_at),
                (
                    expected.since,
                    expected.attempts,
                    expected.not_before,
                    expected.reason.clone(),
                    expected.sent_at
                )
            );
        }
        assert_eq!(
            store.backlog().await.unwrap(),
            Backlog {
                inbox: waiting.count() as u64,
                edges: model.edges.len() as u64,
                stale: model.stale.len() as u64,
                dead: model.letters.len() as u64,
            }
        );

        for n in 0..5_u8 {
            let noteable = issue(n.into());
            assert_eq!(
                store.noteable(&noteable).await.unwrap().value.as_ref(),
                model.noteables.get(&noteable)
            );
            let note = note_key(n);
            assert_eq!(store.note(&note).await.unwrap().value.as_ref(), model.notes.get(&note));
            let flag = flag(&n.to_string());
            assert_eq!(store.noteables_of(&flag).await.unwrap(), model.links_of(&flag));
        }
        assert_eq!(store.register().await.unwrap().value, model.register);
        let linked: Vec<NoteableRecord> =
            model.noteables.values().filter(|record| !record.links.is_empty()).cloned().collect();
        assert_eq!(store.linked_noteables(None, 1000).await.unwrap(), linked);
        let flags: BTreeSet<FlagRef> =
            linked.iter().flat_map(|record| &record.links).map(|link| link.flag.clone()).collect();
        assert_eq!(store.linked_flags("flagsmith").await.unwrap(), flags.into_iter().collect::<Vec<_>>());
        assert_eq!(store.providers_in_use().await.unwrap().is_empty(), linked.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_its_model_does(steps in proptest::collection::vec(steps(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let folder = folder();
        let mut pair = Pair {
            path: folder.path().to_owned(),
            store: Some(open(folder.path())),
            model: Model::default(),
            ids: Vec::new(),
            edges: Vec::new(),
            revs: BTreeMap::new(),
        };
        runtime.block_on(async {
            for step in &steps {
                pair.step(step).await;
            }
            pair.step(&Step::Restart).await;
        });
    }
}
