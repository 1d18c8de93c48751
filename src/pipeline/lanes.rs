//! Lanes: per resource one thing at a time, in order; lanes side by side.
//!
//! A thing that waits for its moment does not hold up what does not conflict with it.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::retry::when;
use super::routing::{LaneKey, Route};
use crate::domain::{EdgeId, FlagRef, InboxId, Level, ProjectId};
use crate::net::Places;

/// Things that are carried out at the same time: over all lanes that need GitLab alone, and as many again over those that
/// may have to wait for a flag service. One that hangs must not use up what 👀, replies and panels need; and neither a project
/// nor a flag service has more than half of either.
const AT_THE_SAME_TIME: usize = 64;

/// So much of what came in about one flag or service is carried out together.
const TOGETHER: usize = 100;

/// After a fault of our own.
const AFTER_A_FAULT: Duration = Duration::from_secs(60);

/// One thing in a lane.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Item {
    Inbox(InboxId),
    Edge(EdgeId),
    Level(Level),
}

/// What came of carrying a thing out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    /// It is over.
    Done,
    /// To be carried out again, at once.
    Again,
    /// To be carried out again at that moment.
    Later(Timestamp),
    /// GitLab takes no more comments for now: to be carried out at that moment, and later comments of the lane after it.
    InTurn(Timestamp),
}

/// Inbox entries and edges in the order of their numbers, levels behind them: ten changes that are decided
/// already make one edit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Numbered(u64),
    Level(String),
}

#[derive(Debug)]
struct Waiting {
    item: Item,
    route: Route,
    due: Option<Timestamp>,
    /// It was submitted again while it was being carried out.
    again: bool,
    /// It waits for its turn to be written; a new reason to write it changes nothing about that.
    in_turn: bool,
}

/// What places are shared by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Share {
    Project(ProjectId),
    Provider(String),
}

#[derive(Default)]
struct Lane {
    items: BTreeMap<Order, Waiting>,
    wake: Arc<Notify>,
}

/// Carries out what stands together, and says of each what came of it.
type Work = dyn Fn(Vec<Item>) -> Pin<Box<dyn Future<Output = Vec<Run>> + Send>> + Send + Sync;

struct Inner {
    lanes: Mutex<HashMap<LaneKey, Lane>>,
    work: Box<Work>,
    for_gitlab: Places<Share>,
    for_flags: Places<Share>,
    /// How many things are in lanes.
    count: watch::Sender<usize>,
    /// How many are being carried out, and whether new ones may start.
    running: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

/// All lanes.
pub(crate) struct Lanes {
    inner: Arc<Inner>,
}

/// What a lane's worker does next.
enum Next {
    Carry(Vec<(Order, Item)>),
    WaitUntil(Option<Timestamp>, Arc<Notify>),
    Leave,
}

impl Lanes {
    /// Lanes whose things are carried out by `work`.
    pub(crate) fn new(
        work: impl Fn(Vec<Item>) -> Pin<Box<dyn Future<Output = Vec<Run>> + Send>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                lanes: Mutex::default(),
                work: Box::new(work),
                for_gitlab: Places::new(AT_THE_SAME_TIME),
                for_flags: Places::new(AT_THE_SAME_TIME),
                count: watch::Sender::new(0),
                running: watch::Sender::new(0),
                open: watch::Sender::new(true),
            }),
        }
    }

    /// Puts a thing into its lane. One that is there already is not doubled: if it is just being carried out it is
    /// carried out once more, if it waits for a later moment it is due at the earlier one.
    pub(crate) fn submit(&self, key: LaneKey, item: Item, route: Route, due: Option<Timestamp>) {
        let mut lanes = self.inner.lanes();
        let new_lane = !lanes.contains_key(&key);
        let lane = lanes.entry(key.clone()).or_default();
        let order = Order::of(&item);
        match lane.items.get_mut(&order) {
            Some(waiting) => {
                waiting.again = true;
                if !waiting.in_turn {
                    waiting.due = waiting.due.min(due);
                }
            }
            None => {
                lane.items.insert(order, Waiting { item, route, due, again: false, in_turn: false });
                self.inner.count.send_modify(|count| *count += 1);
            }
        }
        lane.wake.notify_one();
        drop(lanes);
        if new_lane {
            tokio::spawn(Arc::clone(&self.inner).walk(key));
        }
    }

    /// How many things are in lanes.
    pub(crate) fn len(&self) -> usize {
        *self.inner.count.borrow()
    }

    /// Whether something that came in about the flag is being carried out or could be.
    pub(crate) fn looks_at(&self, flag: &FlagRef) -> bool {
        let now = Timestamp::now();
        let lanes = self.inner.lanes();
        let lane = lanes.get(&LaneKey::Flag(flag.provider.clone(), flag.key.clone()));
        let due = |waiting: &Waiting| waiting.due.is_none_or(|due| due <= now);
        lane.is_some_and(|lane| {
            lane.items.values().any(|waiting| matches!(waiting.item, Item::Inbox(_)) && due(waiting))
        })
    }

    /// Returns when nothing is in any lane.
    pub(crate) async fn settled(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.inner.count.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Starts nothing new and waits for what runs. Returns how many things ran on after the deadline.
    pub(crate) async fn drain(&self, deadline: Duration) -> usize {
        self.inner.open.send_replace(false);
        let mut running = self.inner.running.subscribe();
        let finished = running.wait_for(|running| *running == 0);
        match tokio::time::timeout(deadline, finished).await {
            Ok(_) => 0,
            Err(_) => *self.inner.running.borrow(),
        }
    }
}

impl Waiting {
    fn holds_up(&self, later: &Self) -> bool {
        let overtakes = self.in_turn && self.route == Route::Comment && later.route == Route::Comment;
        overtakes || self.route.conflicts_with(&later.route)
    }
}

impl Order {
    fn of(item: &Item) -> Self {
        match item {
            Item::Inbox(id) => Self::Numbered(id.0),
            Item::Edge(id) => Self::Numbered(id.0),
            Item::Level(level) => Self::Level(format!("{level:?}")),
        }
    }
}

impl Inner {
    fn lanes(&self) -> MutexGuard<'_, HashMap<LaneKey, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The places for what is in a lane, and whose share of them it takes.
    fn places(&self, key: &LaneKey) -> (&Places<Share>, Option<Share>) {
        match key {
            LaneKey::Noteable(noteable) => (&self.for_gitlab, Some(Share::Project(noteable.project))),
            LaneKey::Nothing(_) => (&self.for_gitlab, None),
            LaneKey::Commands(noteable) => (&self.for_flags, Some(Share::Project(noteable.project))),
            LaneKey::Flag(provider, _) | LaneKey::Provider(provider) => {
                (&self.for_flags, Some(Share::Provider(provider.clone())))
            }
        }
    }

    async fn walk(self: Arc<Self>, key: LaneKey) {
        let mut open = self.open.subscribe();
        loop {
            if !*open.borrow_and_update() {
                return;
            }
            match self.next(&key) {
                Next::Leave => return,
                Next::WaitUntil(due, wake) => {
                    tokio::select! {
                        () = wake.notified() => {}
                        () = until(due) => {}
                        _ = open.changed() => {}
                    }
                }
                Next::Carry(together) => {
                    let (places, share) = self.places(&key);
                    // The places are never closed.
                    let Some(_place) = places.take(share).await else { return };
                    if !*open.borrow() {
                        return;
                    }
                    self.running.send_modify(|running| *running += 1);
                    let running = Running(&self.running);
                    let (orders, items): (Vec<Order>, Vec<Item>) = together.into_iter().unzip();
                    // In a task of its own, so that a fault in one thing is the end of that attempt and of nothing else.
                    let runs = match tokio::spawn((self.work)(items)).await {
                        Ok(runs) => runs,
                        Err(fault) => {
                            tracing::error!(%fault, lane = ?key, "a fault of flaglink; trying again");
                            vec![Run::Later(when(Timestamp::now(), AFTER_A_FAULT)); orders.len()]
                        }
                    };
                    for (order, run) in orders.iter().zip(runs) {
                        self.put_back(&key, order, run);
                    }
                    drop(running);
                }
            }
        }
    }

    /// The first thing of the lane that is due and that nothing before it stands in the way of. What came in about a flag or
    /// from a service is taken together with what follows it: where much is told of one flag, most of it says the same.
    fn next(&self, key: &LaneKey) -> Next {
        let mut lanes = self.lanes();
        let Some(lane) = lanes.get_mut(key) else { return Next::Leave };
        if lane.items.is_empty() {
            lanes.remove(key);
            return Next::Leave;
        }
        let now = Timestamp::now();
        let mut earliest: Option<Timestamp> = None;
        let several = matches!(key, LaneKey::Flag(..) | LaneKey::Provider(_));
        let mut ready: Vec<(Order, Item)> = Vec::new();
        {
            let mut before: Vec<&Waiting> = Vec::new();
            for (order, waiting) in &lane.items {
                let held_up = before.iter().any(|earlier| earlier.holds_up(waiting));
                before.push(waiting);
                if held_up {
                    continue;
                }
                match waiting.due {
                    Some(due) if due > now => {
                        earliest = Some(earliest.map_or(due, |earliest| earliest.min(due)))
                    }
                    _ if ready.is_empty() || matches!(waiting.item, Item::Inbox(_)) => {
                        ready.push((order.clone(), waiting.item.clone()));
                        let goes_on = several && matches!(waiting.item, Item::Inbox(_));
                        if !goes_on || ready.len() >= TOGETHER {
                            break;
                        }
                    }
                    _ => break,
                }
            }
        }
        if ready.is_empty() {
            return Next::WaitUntil(earliest, Arc::clone(&lane.wake));
        }
        for (order, _) in &ready {
            if let Some(waiting) = lane.items.get_mut(order) {
                waiting.again = false;
                waiting.in_turn = false;
            }
        }
        Next::Carry(ready)
    }

    fn put_back(&self, key: &LaneKey, order: &Order, run: Run) {
        let mut lanes = self.lanes();
        let Some(lane) = lanes.get_mut(key) else { return };
        let Some(waiting) = lane.items.get_mut(order) else { return };
        match run {
            Run::InTurn(due) => {
                waiting.in_turn = true;
                waiting.due = Some(due);
            }
            _ if waiting.again => waiting.due = None,
            Run::Again => waiting.due = None,
            Run::Later(due) => waiting.due = Some(due),
            Run::Done => {
                lane.items.remove(order);
                self.count.send_modify(|count| *count -= 1);
            }
        }
    }
}

/// Counts a thing as running, also when it panics.
struct Running<'a>(&'a watch::Sender<usize>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

async fn until(due: Option<Timestamp>) {
    match due {
        Some(due) => {
            let left = due.duration_since(Timestamp::now());
            tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
        }
        None => std::future::pending().await,
    }
}
