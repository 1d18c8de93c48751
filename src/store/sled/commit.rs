//! The committer: one thread through which everything is written.
//!
//! It takes whatever is queued, works each request out on top of the ones before it, applies all of it as
//! one batch, waits once for the disk, and then answers everybody. So commits are serialisable, many of them
//! share one sync, and nobody is told "kept" before it is true, also whoever only repeats what another one
//! in the same group is writing.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::apply::{self, Refusal};
use super::fault::Fault;
use super::keys::{self, Key};
use super::shared::{Handle, Shared};
use super::stored::Ready;
use super::sweep;
use super::txn::{Group, Written};
use super::view;
use crate::domain::{Decision, InboxId, Kept};
use crate::store::{CommitError, StoreError};

/// Numbers are reserved on disk this far ahead, so that one is never given again even if all that carried
/// it is deleted.
const AHEAD: u64 = 1000;
/// A group is closed at this many requests or bytes of bodies: everybody in it waits for all of it.
const MOST_REQUESTS: usize = 1024;
const MOST_BYTES: usize = 1024 * 1024;

/// What is asked of the committer.
pub(super) enum Request {
    Keep(Box<Ready>, oneshot::Sender<Result<Kept, StoreError>>),
    Commit(Decision, oneshot::Sender<Result<(), CommitError>>),
    Check(oneshot::Sender<Result<(), StoreError>>),
    Forget(Vec<Key>, Timestamp, oneshot::Sender<Result<u64, StoreError>>),
}

impl Request {
    fn weight(&self) -> usize {
        match self {
            Self::Keep(ready, _) => ready.body.weight(),
            _ => 0,
        }
    }
}

/// An answer that waits for the disk. Whoever does not wait for it any more gets none.
enum Answer {
    Keep(oneshot::Sender<Result<Kept, StoreError>>, Result<Kept, StoreError>),
    Commit(oneshot::Sender<Result<(), CommitError>>, Result<(), CommitError>),
    Check(oneshot::Sender<Result<(), StoreError>>, Result<u64, StoreError>),
    Forget(oneshot::Sender<Result<u64, StoreError>>, Result<u64, StoreError>),
}

impl Answer {
    /// Gives the answer; `disk` is what became of the whole group.
    fn give(self, shared: &Shared, disk: &Result<(), StoreError>) {
        let disk = disk.clone();
        // An answer is refused only by those who have stopped waiting.
        match self {
            Self::Keep(to, kept) => drop(to.send(disk.and(kept))),
            Self::Commit(to, done) => drop(to.send(disk.map_err(CommitError::from).and(done))),
            Self::Forget(to, forgotten) => drop(to.send(disk.and(forgotten))),
            Self::Check(to, rev) => {
                drop(to.send(disk.and(rev).and_then(|rev| read_back(shared, rev))));
            }
        }
    }
}

/// Whether what `check` wrote can be read.
fn read_back(shared: &Shared, rev: u64) -> Result<(), StoreError> {
    match shared.read(|tree| view::value::<u64>(tree, &keys::probe()))? {
        // A later check of the same group has written over it.
        Some(found) if found >= rev => Ok(()),
        _ => Err(StoreError::Damaged("what was just written is not there".to_owned())),
    }
}

/// The committer, on its own thread.
pub(super) struct Committer {
    shared: Arc<Shared>,
    /// Up to here numbers are reserved on disk.
    reserved: u64,
}

impl Committer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, reserved: 0 }
    }

    /// Works until nobody can ask any more.
    pub(super) fn run(mut self, requests: &Receiver<Request>) {
        while let Ok(first) = requests.recv() {
            let mut weight = first.weight();
            let mut group = vec![first];
            while group.len() < MOST_REQUESTS && weight < MOST_BYTES {
                let Ok(next) = requests.try_recv() else { break };
                weight += next.weight();
                group.push(next);
            }
            self.shared.asked.fetch_add(group.len() as u64, Ordering::Relaxed);
            // sled panics on some damage. Those of the group then hear that nobody answers them.
            if catch_unwind(AssertUnwindSafe(|| self.carry_out(group))).is_err() {
                self.shared.shut(StoreError::Damaged("the database library gave up".to_owned()));
                self.reserved = 0;
            }
        }
        self.close();
    }

    fn carry_out(&mut self, requests: Vec<Request>) {
        let mut requests = VecDeque::from(requests);
        while !requests.is_empty() {
            let mut answers = Vec::with_capacity(requests.len());
            let disk = self.try_carry_out(&mut requests, &mut answers);
            if let Err(why) = &disk {
                tracing::error!(%why, "nothing of {} requests was written", answers.len());
                self.shared.shut(why.clone());
                self.shared.reserve.let_go();
                self.reserved = 0;
            }
            for answer in answers {
                answer.give(&self.shared, &disk);
            }
        }
    }

    /// Carries out as many as make a group, at least one. An error means that the handle is to be replaced: of what was asked
    /// nothing was acknowledged.
    fn try_carry_out(
        &mut self,
        requests: &mut VecDeque<Request>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), StoreError> {
        let mut trouble = self.shared.ensure_open().err();
        let shared = self.shared.clone();
        let handle = shared.handle();
        let (batch, deltas) = match &*handle {
            Handle::Shut(why) => {
                let why = trouble.take().unwrap_or_else(|| why.clone());
                answers.extend(requests.drain(..).map(|request| refused(request, &why)));
                return Err(why);
            }
            Handle::Open(database) => {
                let mut group = Group::new(database.tree());
                while let Some(request) = requests.pop_front() {
                    let answer = self.work_out(&mut group, request, &mut trouble);
                    answers.push(answer);
                    // How much a request takes away is seen only here.
                    if group.weight() >= MOST_BYTES || trouble.is_some() {
                        break;
                    }
                }
                if let Some(why) = trouble {
                    return Err(why);
                }
                if group.is_empty() {
                    return Ok(());
                }
                self.reserve(&mut group)?;
                (group.batch()?, group.deltas())
            }
        };
        drop(handle);

        // Readers must not see half of it.
        match &*self.shared.handle_alone() {
            Handle::Open(database) => database.tree().apply_batch(batch).map_err(Fault::from)?,
            Handle::Shut(why) => return Err(why.clone()),
        }
        match &*self.shared.handle() {
            Handle::Open(database) => database.sync().map_err(Fault::from)?,
            Handle::Shut(why) => return Err(why.clone()),
        }
        self.shared.syncs.fetch_add(1, Ordering::Relaxed);
        deltas.onto(&mut self.shared.backlog());
        Ok(())
    }

    /// Works one request out on top of the group. What goes wrong with it alone is its own answer; `trouble`
    /// is what makes going on with this handle useless.
    fn work_out(&self, group: &mut Group<'_>, request: Request, trouble: &mut Option<StoreError>) -> Answer {
        let mut noted = |fault: Fault| {
            let fatal = fault.is_fatal();
            let error = StoreError::from(fault);
            if fatal {
                trouble.get_or_insert_with(|| error.clone());
            }
            error
        };
        let rev = self.shared.next_number();
        match request {
            Request::Keep(ready, to) => {
                let id = InboxId(self.shared.next_number());
                let waits = group.deltas().after(*self.shared.backlog()).inbox;
                self.shared.reserve.tend(waits == 0);
                let mut txn = group.begin(rev);
                let kept = apply::keep(&mut txn, &ready, id, self.shared.takes_at(waits));
                let written = txn.end();
                let kept = take(group, kept.map(|kept| (kept, written))).map_err(noted);
                Answer::Keep(to, kept.and_then(|kept| kept))
            }
            Request::Commit(decision, to) => {
                self.shared.skip_to(apply::greatest_number(&decision));
                let mut txn = group.begin(rev);
                let done = apply::decision(&mut txn, &decision);
                let written = txn.end();
                let done = match done {
                    Ok(()) => {
                        group.absorb(written);
                        Ok(())
                    }
                    Err(Refusal::Conflict) => Err(CommitError::Conflict),
                    Err(Refusal::Fault(fault)) => Err(CommitError::Store(noted(fault))),
                };
                Answer::Commit(to, done)
            }
            Request::Check(to) => {
                let idle = self.shared.backlog().inbox == 0;
                self.shared.reserve.tend(idle);
                let mut txn = group.begin(rev);
                let put = txn.put(keys::probe(), &rev);
                let written = txn.end();
                Answer::Check(to, take(group, put.map(|()| (rev, written))).map_err(noted))
            }
            Request::Forget(keys, before, to) => {
                let mut txn = group.begin(rev);
                let forgotten = sweep::forget(&mut txn, keys, before);
                let written = txn.end();
                Answer::Forget(to, take(group, forgotten.map(|n| (n, written))).map_err(noted))
            }
        }
    }

    /// Sees to it that all numbers of this group, and some to come, are reserved on disk with it.
    fn reserve(&mut self, group: &mut Group<'_>) -> Result<(), Fault> {
        let last = self.shared.last_number();
        if last + AHEAD / 2 > self.reserved {
            self.reserve_up_to(group, last + AHEAD)?;
        }
        Ok(())
    }

    fn reserve_up_to(&mut self, group: &mut Group<'_>, number: u64) -> Result<(), Fault> {
        let mut txn = group.begin(number);
        txn.put(keys::numbers(), &number)?;
        let written = txn.end();
        group.absorb(written);
        self.reserved = number;
        Ok(())
    }

    /// Gives back the numbers that were reserved and not used, so that they stay small. Without it only a
    /// gap is left.
    fn close(&mut self) {
        if self.reserved == 0 {
            return;
        }
        let last = self.shared.last_number();
        let shared = self.shared.clone();
        let handle = shared.handle();
        let Handle::Open(database) = &*handle else { return };
        let mut group = Group::new(database.tree());
        let closed = self
            .reserve_up_to(&mut group, last)
            .and_then(|()| group.batch())
            .and_then(|batch| Ok(database.tree().apply_batch(batch)?))
            .and_then(|()| Ok(database.sync()?));
        if let Err(fault) = closed {
            tracing::warn!(why = %StoreError::from(fault), "the store was not closed cleanly; nothing is lost");
        }
    }
}

fn take<T>(group: &mut Group<'_>, worked_out: Result<(T, Written), Fault>) -> Result<T, Fault> {
    let (answer, written) = worked_out?;
    group.absorb(written);
    Ok(answer)
}

fn refused(request: Request, why: &StoreError) -> Answer {
    let why = why.clone();
    match request {
        Request::Keep(_, to) => Answer::Keep(to, Err(why)),
        Request::Commit(_, to) => Answer::Commit(to, Err(why.into())),
        Request::Check(to) => Answer::Check(to, Err(why)),
        Request::Forget(_, _, to) => Answer::Forget(to, Err(why)),
    }
}
