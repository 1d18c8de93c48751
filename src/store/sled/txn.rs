//! A transaction over the tree: what one decision reads and writes, on top of what the others of its group
//! write. Nothing reaches the tree before the whole group does.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cell::{self, Cell, Head, Packed};
use super::fault::Fault;
use super::keys::{Key, kind};
use crate::store::Backlog;

/// How many things of each kind that is counted came or went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Deltas {
    inbox: i64,
    edges: i64,
    stale: i64,
    dead: i64,
}

impl Deltas {
    fn of(&mut self, key: &[u8]) -> Option<&mut i64> {
        match *key.first()? {
            kind::ENTRY => Some(&mut self.inbox),
            kind::EDGE => Some(&mut self.edges),
            kind::STALE => Some(&mut self.stale),
            kind::LETTER => Some(&mut self.dead),
            _ => None,
        }
    }

    fn add(&mut self, other: Self) {
        self.inbox += other.inbox;
        self.edges += other.edges;
        self.stale += other.stale;
        self.dead += other.dead;
    }

    /// What waits after this.
    pub(super) fn after(self, mut backlog: Backlog) -> Backlog {
        self.onto(&mut backlog);
        backlog
    }

    /// Makes a backlog what waits after this.
    pub(super) fn onto(self, backlog: &mut Backlog) {
        backlog.inbox = backlog.inbox.saturating_add_signed(self.inbox);
        backlog.edges = backlog.edges.saturating_add_signed(self.edges);
        backlog.stale = backlog.stale.saturating_add_signed(self.stale);
        backlog.dead = backlog.dead.saturating_add_signed(self.dead);
    }
}

/// What becomes of one key.
#[derive(Debug, Clone)]
struct Change {
    /// What the tree has under it. Read before anything is written: where its page cannot be read, the transaction that wants
    /// to write it fails there and then, not its whole group later.
    before: Option<Head>,
    /// What it is to have.
    cell: Option<Cell>,
}

/// What a group of decisions writes.
pub(super) struct Group<'a> {
    tree: &'a ::sled::Tree,
    changed: BTreeMap<Key, Change>,
    deltas: Deltas,
    weight: usize,
}

impl<'a> Group<'a> {
    /// A group that writes nothing yet.
    pub(super) fn new(tree: &'a ::sled::Tree) -> Self {
        Self { tree, changed: BTreeMap::new(), deltas: Deltas::default(), weight: 0 }
    }

    /// Starts a transaction; what it writes gets the version `rev`.
    pub(super) fn begin(&self, rev: u64) -> Txn<'_> {
        Txn { group: self, rev, changed: BTreeMap::new(), deltas: Deltas::default(), weight: 0 }
    }

    /// Makes what a transaction wrote part of the group.
    pub(super) fn absorb(&mut self, written: Written) {
        self.changed.extend(written.changed);
        self.deltas.add(written.deltas);
        self.weight = self.weight.saturating_add(written.weight);
    }

    /// How many bytes of bodies it writes or takes away. Either brings their pages into memory, where they stay until all of
    /// it is applied.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Whether nothing is to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }

    /// What the group does to the numbers of things that wait.
    pub(super) fn deltas(&self) -> Deltas {
        self.deltas
    }

    /// All that the group writes.
    pub(super) fn batch(&self) -> Result<::sled::Batch, Fault> {
        let mut batch = ::sled::Batch::default();
        for (key, change) in &self.changed {
            cell::write(&mut batch, key, change.before, change.cell.as_ref())?;
        }
        Ok(batch)
    }
}

/// What one transaction wrote.
pub(super) struct Written {
    changed: BTreeMap<Key, Change>,
    deltas: Deltas,
    weight: usize,
}

/// One transaction.
pub(super) struct Txn<'g> {
    group: &'g Group<'g>,
    rev: u64,
    changed: BTreeMap<Key, Change>,
    deltas: Deltas,
    weight: usize,
}

impl Txn<'_> {
    /// The version of everything that this transaction writes.
    pub(super) fn rev_of_writes(&self) -> u64 {
        self.rev
    }

    fn change(&self, key: &[u8]) -> Option<&Change> {
        self.changed.get(key).or_else(|| self.group.changed.get(key))
    }

    /// The version of a value; 0 where there is none.
    pub(super) fn rev(&self, key: &[u8]) -> Result<u64, Fault> {
        Ok(match self.change(key) {
            Some(change) => change.cell.as_ref().map_or(0, |cell| cell.rev),
            None => cell::head(self.group.tree, key)?.map_or(0, |head| head.rev),
        })
    }

    /// Whether there is a value.
    pub(super) fn has(&self, key: &[u8]) -> Result<bool, Fault> {
        Ok(self.rev(key)? != 0)
    }

    /// Whether there is a value under any key that begins so.
    pub(super) fn has_under(&self, prefix: &[u8]) -> Result<bool, Fault> {
        let written = |changed: &BTreeMap<Key, Change>| {
            changed
                .range(prefix.to_vec()..)
                .take_while(|(key, _)| key.starts_with(prefix))
                .any(|(key, _)| self.change(key).is_some_and(|change| change.cell.is_some()))
        };
        if written(&self.changed) || written(&self.group.changed) {
            return Ok(true);
        }
        for key in self.group.tree.scan_prefix(prefix).keys() {
            if self.change(&key?).is_none_or(|change| change.cell.is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A value.
    pub(super) fn read<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, Fault> {
        let cell = match self.change(key) {
            Some(change) => change.cell.clone(),
            None => cell::read(self.group.tree, key)?,
        };
        let Some(cell) = cell else { return Ok(None) };
        Ok(Some(serde_json::from_slice(&cell.packed.unpack()?)?))
    }

    /// Writes a value.
    pub(super) fn put<T: Serialize>(&mut self, key: Key, value: &T) -> Result<(), Fault> {
        let packed = Packed::pack(serde_json::to_vec(value)?.into());
        self.put_packed(key, packed)
    }

    /// Writes a value that is packed already.
    pub(super) fn put_packed(&mut self, key: Key, packed: Packed) -> Result<(), Fault> {
        let cell = Cell { rev: self.rev, packed };
        self.set(key, Some(cell))
    }

    /// Deletes a value, if there is one.
    pub(super) fn delete(&mut self, key: Key) -> Result<(), Fault> {
        self.set(key, None)
    }

    fn set(&mut self, key: Key, cell: Option<Cell>) -> Result<(), Fault> {
        let (before, was_there) = match self.change(&key) {
            Some(change) => (change.before, change.cell.is_some()),
            None => {
                let before = cell::head(self.group.tree, &key)?;
                (before, before.is_some())
            }
        };
        if key.first() == Some(&kind::BODY) {
            let written = cell.as_ref().map_or(0, |cell| cell.packed.weight());
            let taken_away = before.map_or(0, |head| head.weight());
            self.weight = self.weight.saturating_add(written).saturating_add(taken_away);
        }
        if let Some(count) = self.deltas.of(&key) {
            *count += i64::from(cell.is_some()) - i64::from(was_there);
        }
        self.changed.insert(key, Change { before, cell });
        Ok(())
    }

    /// Ends the transaction.
    pub(super) fn end(self) -> Written {
        Written { changed: self.changed, deltas: self.deltas, weight: self.weight }
    }
}
