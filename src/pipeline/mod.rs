//! inbox → bot → outbox: what came in is decided, decisions are committed, effects are carried out.
//!
//! Everything that writes one resource goes through its lane, one thing at a time. What cannot be done now
//! waits in its lane without holding up what does not depend on it; other lanes go on.

mod adopting;
mod alike;
mod bodies;
pub mod by_hand;
mod catch_up;
mod cleanup;
mod edges;
mod hooks_in_step;
mod inbox;
mod intake;
mod jobs;
mod lanes;
mod letters;
mod levels;
mod membership;
mod own_hook;
mod polling;
mod reminders;
mod retry;
mod routing;
mod rules_changed;
mod switches;
mod upkeep;
mod visibility;
mod waited;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::bot::{Trouble, WORK, World};
use crate::domain::{Decision, Edge, Event, FlagRef, InboxId, Level, Write};
use crate::store::{CommitError, StoreError};

pub use catch_up::{CatchingUp, HooksOff, OwnAddress, catch_up};
pub use hooks_in_step::{
    HookChoice, HookDone, HookFailure, HookProblem, HookProblemKind, HookReport, HookSettings, HookStanding,
    HookTested, KeepingInStep, LiveHooks, RefusedByHand, Spoiled, keep_hooks_in_step, remove_hooks,
    report_hooks, sync_hooks, test_hooks,
};
pub use intake::Intake;
pub use letters::{Dealt, Desk, How, NotDealt, Which};
pub use own_hook::is_own_hook;
pub use polling::poll;
pub use reminders::remind;
pub use rules_changed::rules_changed;
pub use upkeep::{Upkeep, keep_up};
pub use visibility::watch_visibility;

use bodies::Bodies;
use lanes::{Item, Lanes, Run};
use routing::{Meaning, Route};

/// How long a fresh start of what was just decided waits: not at all.
const AT_ONCE: Option<Timestamp> = None;

/// The machinery between what came in and what goes out.
pub struct Pipeline {
    /// Ourselves, for what has to come to its end whoever lets go of it.
    this: Weak<Self>,
    world: ArcSwap<World>,
    lanes: Lanes,
    bodies: Bodies,
    hooks: Arc<LiveHooks>,
    /// Places for large bodies that are being looked at before they are kept.
    taking_apart: Semaphore,
    /// The store has refused something since everything that waits was last taken up from it.
    store_refused: AtomicBool,
}

impl Pipeline {
    /// A pipeline that nothing is in yet.
    pub fn new(world: Arc<World>) -> Arc<Self> {
        Arc::new_cyclic(|this: &Weak<Self>| {
            let ourselves = this.clone();
            let this = this.clone();
            let lanes = Lanes::new(move |items| {
                let this = this.clone();
                Box::pin(async move {
                    match this.upgrade() {
                        Some(pipeline) => pipeline.carry_out(items).await,
                        None => vec![Run::Done; items.len()],
                    }
                })
            });
            Self {
                this: ourselves,
                world: ArcSwap::new(world),
                lanes,
                bodies: Bodies::default(),
                hooks: Arc::default(),
                taking_apart: Semaphore::new(2),
                store_refused: AtomicBool::new(false),
            }
        })
    }

    /// What the behaviours read now.
    pub fn world(&self) -> Arc<World> {
        self.world.load_full()
    }

    /// The webhooks that flaglink has registered.
    pub fn hooks(&self) -> &LiveHooks {
        &self.hooks
    }

    /// From now on the behaviours read another world. What is being decided or sent at this moment ends by the one it began with.
    pub fn change_world(&self, world: Arc<World>) {
        self.world.store(world);
    }

    /// Puts everything that waits on disk into its lane: once, at the start.
    pub async fn load(&self) -> Result<(), StoreError> {
        let world = self.world();
        for id in world.store().inbox().await? {
            self.accept(id).await?;
        }
        for edge in world.store().edges().await? {
            self.submit_edge(&edge);
        }
        for stale in world.store().stale().await? {
            self.lanes.submit(
                routing::lane_of_level(&stale.level),
                Item::Level(stale.level),
                Route::free(),
                stale.not_before,
            );
        }
        Ok(())
    }

    /// Takes up an inbox entry that is on disk.
    pub async fn accept(&self, id: InboxId) -> Result<(), StoreError> {
        self.take_up(id).await.inspect_err(|_| self.note_refusal())
    }

    /// Notes that the store refused something: it may be on disk all the same, or be on disk and in no lane. What waits
    /// there is taken up anew as soon as the store is well.
    pub fn note_refusal(&self) {
        self.store_refused.store(true, Ordering::Relaxed);
    }

    /// Takes up an entry that waits for a later moment at once: what it waited for has come.
    pub(crate) async fn take_up_now(&self, id: InboxId) -> Result<(), StoreError> {
        self.put_into_lane(id, |_| AT_ONCE).await
    }

    async fn take_up(&self, id: InboxId) -> Result<(), StoreError> {
        self.put_into_lane(id, |not_before| not_before).await
    }

    async fn put_into_lane(
        &self,
        id: InboxId,
        due: impl FnOnce(Option<Timestamp>) -> Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let seen = self.look_at(id, |world, entry| (entry.not_before, routing::means(world, entry.what)));
        let Some((not_before, meaning)) = seen.await? else { return Ok(()) };
        self.submit_entry(id, meaning, due(not_before)).await
    }

    /// Takes up an inbox entry that was just put on disk, and of which it is known what it means.
    async fn take_up_new(&self, id: InboxId, meaning: Meaning) -> Result<(), StoreError> {
        self.submit_entry(id, meaning, AT_ONCE).await.inspect_err(|_| self.note_refusal())
    }

    async fn submit_entry(
        &self,
        id: InboxId,
        meaning: Meaning,
        due: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let (lane, route) = routing::of_meaning(&self.world(), id, meaning).await?;
        self.lanes.submit(lane, Item::Inbox(id), route, due);
        Ok(())
    }

    /// How many things are in lanes: waiting, or being carried out.
    pub fn in_lanes(&self) -> usize {
        self.lanes.len()
    }

    /// An admin says that the flags of a provider that are missing are gone; or, of `PROVIDER/links`, the links; or, of
    /// [`WORK`], the linked work. Returns how many were doubted; `None`: none were.
    pub async fn believe(&self, provider: &str) -> Result<Option<usize>, StoreError> {
        let world = self.world();
        if provider == WORK {
            return Ok(world.deletions().believe(world.metrics(), Timestamp::now()));
        }
        if let Some(provider) = provider.strip_suffix("/links") {
            let doubt = world.adoptions().doubts().believe(world.metrics(), provider, Timestamp::now());
            return Ok(doubt.map(|doubt| doubt.missing));
        }
        let Some(doubt) = world.doubts().believe(world.metrics(), provider, Timestamp::now()) else {
            return Ok(None);
        };
        polling::look_at_all(self, provider).await?;
        Ok(Some(doubt.missing))
    }

    /// Returns when nothing is in any lane.
    pub async fn settled(&self) {
        self.lanes.settled().await;
    }

    /// Starts nothing new, and returns when what runs is finished or the deadline has passed. Everything
    /// else is on disk and goes on at the next start. Returns how many things still ran.
    pub async fn drain(&self, deadline: Duration) -> usize {
        self.lanes.drain(deadline).await
    }

    /// Carries out to its end what must not be let go of between the disk and the lanes: timed work is dropped half-way when it is
    /// told to stop, and what is on disk and in no lane would wait there for the next start.
    async fn to_the_end<T, F>(&self, work: impl FnOnce(Arc<Self>) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let gone = || StoreError::Unwritable("flaglink is stopping".to_owned());
        let this = self.this.upgrade().ok_or_else(gone)?;
        tokio::spawn(work(this).in_current_span()).await.map_err(|fault| {
            tracing::error!(%fault, "something ended in an unforeseen way between the disk and the lanes");
            self.note_refusal();
            gone()
        })
    }

    /// Commits a decision and takes up what it queued.
    pub(crate) async fn commit(&self, decision: Decision) -> Result<(), CommitError> {
        let committed = self.to_the_end(async move |this| this.commit_and_take_up(decision).await).await?;
        if matches!(committed, Err(CommitError::Store(_))) {
            self.note_refusal();
        }
        committed
    }

    async fn commit_and_take_up(&self, decision: Decision) -> Result<(), CommitError> {
        let queued: Vec<Queued> = decision.writes.iter().filter_map(Queued::of).collect();
        let world = self.world();
        world.store().commit(decision).await?;
        for one in queued {
            match one {
                Queued::Again(id) => self.take_up_now(id).await?,
                Queued::Event(id, event) => {
                    let (lane, route) = routing::of_event(&world, id, &event).await?;
                    self.lanes.submit(lane, Item::Inbox(id), route, AT_ONCE);
                }
                Queued::Edge(edge) => self.submit_edge(&edge),
                Queued::Level(level) => {
                    self.lanes.submit(
                        routing::lane_of_level(&level),
                        Item::Level(level),
                        Route::free(),
                        AT_ONCE,
                    );
                }
            }
        }
        Ok(())
    }

    fn submit_edge(&self, edge: &Edge) {
        self.lanes.submit(
            routing::lane_of_edge(edge),
            Item::Edge(edge.id),
            routing::route_of_edge(edge),
            edge.not_before,
        );
    }

    /// Carries out one thing, or several entries of the inbox.
    async fn carry_out(self: Arc<Self>, items: Vec<Item>) -> Vec<Run> {
        let result = match items.as_slice() {
            [Item::Edge(id)] => edges::run(&self, *id).await.map(|run| vec![run]),
            [Item::Level(level)] => levels::run(&self, level).await.map(|run| vec![run]),
            several => {
                let ids = several.iter().filter_map(|item| match item {
                    Item::Inbox(id) => Some(*id),
                    Item::Edge(_) | Item::Level(_) => None,
                });
                inbox::run(&self, ids).await
            }
        };
        let all = |run: Run| vec![run; items.len()];
        match result {
            Ok(runs) => runs,
            Err(CommitError::Conflict) => all(Run::Again),
            // What the store cannot write now stays as it is on disk, and is tried again from there.
            Err(CommitError::Store(error)) => {
                tracing::error!(%error, ?items, "the store failed; trying again");
                all(Run::Later(retry::when(Timestamp::now(), retry::STORE_FAILED)))
            }
        }
    }

    /// Whether something that came in about the flag is being carried out or could be.
    fn looks_at(&self, flag: &FlagRef) -> bool {
        self.lanes.looks_at(flag)
    }
}

/// What a decision puts into lanes.
enum Queued {
    Again(InboxId),
    Event(InboxId, Event),
    Edge(Box<Edge>),
    Level(Level),
}

impl Queued {
    fn of(write: &Write) -> Option<Self> {
        match write {
            Write::InboxAgain(id) => Some(Self::Again(*id)),
            Write::QueueEvent(id, event) => Some(Self::Event(*id, event.clone())),
            // An edge that is being sent is in its lane already.
            Write::PutEdge(edge) if edge.attempts == 0 => Some(Self::Edge(edge.clone())),
            Write::MarkStale(level, _) => Some(Self::Level(level.clone())),
            _ => None,
        }
    }
}

/// What came of one thing in a lane, or why the store refused.
pub(crate) type Ran = Result<Run, CommitError>;

/// The moment to try again after this trouble.
fn after(trouble: &Trouble, attempts: u32) -> Timestamp {
    retry::when(Timestamp::now(), retry::delay(trouble, attempts))
}
