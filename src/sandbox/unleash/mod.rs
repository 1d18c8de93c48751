//! A small Unleash 8.2: its Admin API as far as a client for flags needs it, its webhooks with all their
//! traps, and people who change flags.
//!
//! Answers and webhooks have the shape of those recorded from a real server; the tests compare them. What was
//! not recorded says so where it stands. [`World`] is the plain model; the HTTP handlers and [`Person`] only
//! read and change it.
//!
//! ```no_run
//! # use flaglink::sandbox::unleash::Unleash;
//! # async fn story() -> Result<(), Box<dyn std::error::Error>> {
//! let unleash = Unleash::start().await?;
//! let ada = unleash.person("ada");
//! ada.new_flag("checkout_v2", "The new checkout")?;
//! unleash.webhook("http://127.0.0.1:8080/hooks/providers/unleash", "secret");
//! ada.switch("checkout_v2", "production", true)?;
//! # Ok(())
//! # }
//! ```

mod addresses;
mod clock;
mod deliveries;
mod events;
mod flags;
mod http;
mod marks;
mod model;
mod people;
mod strategies;
mod view;
mod world;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::HeaderMap;
use async_trait::async_trait;
use tokio::sync::watch;

use super::faults::Faults;
use super::server::{Handler, Request, Response, Server};
use deliveries::Deliveries;

pub use clock::Stamp;
pub use deliveries::{Delivery, Order, Outcome};
pub use events::EVENTS;
pub use flags::FeatureChange;
pub use model::{
    Actor, Addon, Environment, Event, Feature, FlagIn, Link, Project, Strategy, StrategyChange, Tag, TagType,
    Token,
};
pub use people::{NotThere, Person};
pub use world::World;

/// The model and what goes out of it, without the server: what the handlers work on.
#[derive(Debug)]
struct Core {
    world: Mutex<World>,
    deliveries: Deliveries,
    changed: Arc<watch::Sender<u64>>,
}

impl Core {
    /// Reads or changes the model, and sends what that gives rise to.
    fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&mut world);
        let outgoing = std::mem::take(&mut world.outgoing);
        // While the model is locked, so that webhooks are sent in the order in which things happened.
        self.deliveries.add(outgoing);
        drop(world);
        self.changed.send_modify(|count| *count += 1);
        result
    }
}

#[async_trait]
impl Handler for Core {
    async fn handle(&self, request: Request) -> Response {
        self.with(|world| {
            if http::asks_what_was_sent(&request) {
                world.sent = self.deliveries.log();
            }
            http::answer(world, &request)
        })
    }

    fn who(&self, headers: &HeaderMap) -> Option<String> {
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        http::who(&world, headers).map(|actor| actor.name)
    }
}

/// A sandbox Unleash that runs. Clones are the same; it ends with the last of them.
///
/// It starts as the open source edition does: with one project, `default`, the environments `development` and
/// `production`, the user `admin`, and one admin token, called `admin`.
#[derive(Debug, Clone)]
pub struct Unleash {
    core: Arc<Core>,
    server: Arc<Server>,
    token: String,
}

impl Unleash {
    /// Starts on a free loopback port.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts on a given loopback address.
    ///
    /// # Errors
    ///
    /// When the address is not loopback, or is taken.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        let mut world = World::new();
        let token = world.new_token("admin");
        let changed = Arc::new(watch::Sender::new(0));
        let deliveries = Deliveries::start(Arc::clone(&changed));
        let core = Arc::new(Core { world: Mutex::new(world), deliveries, changed });
        let handler: Arc<dyn Handler> = Arc::clone(&core) as Arc<dyn Handler>;
        let server = Server::start_at(address, handler, Faults::new()).await?;
        Ok(Self { core, server: Arc::new(server), token })
    }

    /// Its base URL without a slash at the end.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The server: to let it go away and come back.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// What it is told to do wrong, and the log of requests.
    pub fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// Reads the model.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.core.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the model, and sends the webhooks that this gives rise to.
    pub fn change<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        self.core.with(work)
    }

    /// Waits until the model is as wanted. `wanted` must look at nothing but the model: it is locked meanwhile.
    ///
    /// # Errors
    ///
    /// The log of requests as text, when that takes longer than `within`.
    pub async fn until(
        &self,
        within: Duration,
        mut wanted: impl FnMut(&World) -> bool,
    ) -> Result<(), String> {
        let mut changed = self.core.changed.subscribe();
        let waiting = async {
            while !self.read(&mut wanted) {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        match tokio::time::timeout(within, waiting).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.faults().describe()),
        }
    }

    /// Told whenever the model changes, and whenever a delivery is added or done.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.core.changed.subscribe()
    }

    /// The admin token that it started with: what stands in the `Authorization` header.
    pub fn token(&self) -> String {
        self.token.clone()
    }

    /// A new admin token. Its name is what events call the one who acts with it.
    pub fn new_token(&self, name: &str) -> String {
        self.change(|world| world.new_token(name))
    }

    /// A new personal access token of a person, who is made where there is none of that name.
    pub fn personal_token(&self, person: &str) -> String {
        self.change(|world| world.new_personal_token(person))
    }

    /// Takes a token back.
    pub fn revoke_token(&self, secret: &str) {
        self.change(|world| {
            for token in world.tokens.iter_mut().filter(|token| token.secret == secret) {
                token.revoked = true;
            }
        });
    }

    /// A new project, with all environments there are.
    pub fn new_project(&self, id: &str, name: &str) {
        self.change(|world| world.new_project(id, name));
    }

    /// Somebody who works on project `default`. Made where there is none of that name.
    pub fn person(&self, name: &str) -> Person {
        let actor = self.change(|world| world.named(name));
        Person::new(self.clone(), actor, "default")
    }

    /// How many searches for flags are answered in a minute from now on: 15, unless this says otherwise.
    /// `None`: any number.
    pub fn limit_searches(&self, per_minute: Option<u64>) {
        self.change(|world| {
            world.searches = per_minute;
            world.searched = None;
        });
    }

    /// Has changes in an environment of a project requested and approved from now on, as the enterprise edition
    /// can; `None`: not any more. `false` where project or environment are not there.
    pub fn require_change_requests(&self, project: &str, environment: &str, approvals: Option<u64>) -> bool {
        self.change(|world| world.require_approvals(project, environment, approvals))
    }

    /// Takes private and loopback addresses for webhooks from now on, as with `UNLEASH_ALLOW_LIST_INTEGRATION`.
    pub fn take_private_addresses(&self, take: bool) {
        self.change(|world| world.private_addresses = take);
    }

    /// Registers a webhook for all [`EVENTS`] of all projects, whatever its address. `authorization` is sent as
    /// it is. Returns its id.
    pub fn webhook(&self, url: &str, authorization: &str) -> u64 {
        let authorization = Some(authorization).filter(|text| !text.is_empty());
        self.change(|world| world.add_webhook(url, authorization, EVENTS))
    }

    /// All deliveries so far, in the order in which they came about.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.core.deliveries.log()
    }

    /// Forgets the deliveries so far, unless one is held back or under way.
    pub fn forget_deliveries(&self) {
        self.core.deliveries.forget();
    }

    /// Holds deliveries back from now on.
    pub fn hold_deliveries(&self) {
        self.core.deliveries.hold();
    }

    /// Sends what was held back, in this order, and holds nothing back any more.
    pub fn release_deliveries(&self, order: &Order) {
        self.core.deliveries.release(order);
    }

    /// Sends everything this many times from now on. 1 is the beginning.
    pub fn send_copies(&self, copies: usize) {
        self.core.deliveries.copies(copies);
    }

    /// Loses the next deliveries.
    pub fn drop_deliveries(&self, count: usize) {
        self.core.deliveries.drop_next(count);
    }

    /// Sends a delivery again: as somebody would who recorded it. `false` where there is no such one.
    pub fn send_again(&self, number: usize) -> bool {
        self.core.deliveries.again(number)
    }

    /// Waits until every delivery that is not held back has come to its end.
    ///
    /// # Errors
    ///
    /// What is still under way, as text, when that takes longer than `within`.
    pub async fn settled(&self, within: Duration) -> Result<(), String> {
        let mut changed = self.core.changed.subscribe();
        let under_way = || {
            let waiting = |delivery: &Delivery| delivery.outcome == Outcome::Waiting;
            self.deliveries().into_iter().filter(waiting).collect::<Vec<_>>()
        };
        let waiting = async {
            while !under_way().is_empty() {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        match tokio::time::timeout(within, waiting).await {
            Ok(()) => Ok(()),
            Err(_) => Err(under_way().iter().map(|delivery| format!("{delivery:?}\n")).collect()),
        }
    }
}
