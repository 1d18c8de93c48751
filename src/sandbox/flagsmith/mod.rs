//! A small Flagsmith 2.265: its Admin API as far as a client for flags needs it, its webhooks with all their
//! traps, and people who change flags.
//!
//! Answers and webhooks have the shape of those recorded from a real server; the tests compare them. What was
//! not recorded says so where it stands. [`World`] is the plain model; the HTTP handlers and [`Person`] only
//! read and change it.
//!
//! ```no_run
//! # use flaglink::sandbox::flagsmith::Flagsmith;
//! # async fn story() -> Result<(), Box<dyn std::error::Error>> {
//! let flagsmith = Flagsmith::start().await?;
//! let shop = flagsmith.new_project("Web shop");
//! let ada = flagsmith.person("ada@example.com", shop);
//! ada.new_environment("production")?;
//! ada.new_flag("checkout_v2", false, "blue")?;
//! flagsmith.organisation_webhook("http://127.0.0.1:8080/hooks/providers/flagsmith", "secret");
//! ada.switch("checkout_v2", "production", true)?;
//! # Ok(())
//! # }
//! ```

mod clock;
mod deliveries;
mod events;
mod flags;
mod hooks;
mod http;
mod links;
mod model;
mod payload;
mod pending;
mod people;
mod python;
mod setup;
mod states;
mod value;
mod versions;
mod view;
mod world;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::HeaderMap;
use async_trait::async_trait;
use tokio::sync::watch;

use super::faults::{Fault, Faults};
use super::server::{Handler, Request, Response, Server};
use deliveries::Deliveries;

pub use clock::Stamp;
pub use deliveries::{Delivery, Order, Outcome, signature};
pub use flags::{FeatureChange, NewFeature};
pub use model::{
    AuditEntry, Environment, Feature, FeatureSegment, GitLab, Identity, Key, Organisation, Project, Resource,
    Saved, Scope, Segment, Share, State, Tag, Tasks, User, VariantOption, Version, Webhook, Who,
};
pub use people::{NotThere, Person};
pub use python::dumps;
pub use states::Change;
pub use value::Value;
pub use versions::{SegmentChange, VersionChange};
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
        world.tell();
        let outgoing = std::mem::take(&mut world.outgoing);
        // While the model is locked, so that webhooks are sent in the order in which things happened.
        self.deliveries.add(outgoing, world.tasks);
        drop(world);
        self.changed.send_modify(|count| *count += 1);
        result
    }
}

#[async_trait]
impl Handler for Core {
    async fn handle(&self, request: Request) -> Response {
        self.with(|world| http::answer(world, &request))
    }

    fn who(&self, headers: &HeaderMap) -> Option<String> {
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        http::who(&world, headers).map(|who| world.name_of(who))
    }
}

/// A sandbox Flagsmith that runs. Clones are the same; it ends with the last of them.
///
/// It starts with one organisation, `Acme`, one user, `admin@example.com`, and one master API key, `flag-bot`.
#[derive(Debug, Clone)]
pub struct Flagsmith {
    core: Arc<Core>,
    server: Arc<Server>,
}

impl Flagsmith {
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
        let mut world = World::default();
        let organisation = world.new_organisation("Acme");
        world.new_user("admin@example.com", "Ada", "Admin");
        world.new_key(organisation, "flag-bot");
        let changed = Arc::new(watch::Sender::new(0));
        let deliveries = Deliveries::start(Arc::clone(&changed));
        let core = Arc::new(Core { world: Mutex::new(world), deliveries, changed });
        let handler: Arc<dyn Handler> = Arc::clone(&core) as Arc<dyn Handler>;
        let server = Server::start_at(address, handler, Faults::new()).await?;
        Ok(Self { core, server: Arc::new(server) })
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

    /// The master API key that it started with: what stands behind `Api-Key` in the `Authorization` header.
    pub fn api_key(&self) -> String {
        self.read(|world| world.keys.values().next().map(|key| key.secret.clone()).unwrap_or_default())
    }

    /// A new master API key of the first organisation.
    pub fn new_api_key(&self, name: &str) -> String {
        self.change(|world| {
            let organisation = world.organisations.keys().next().copied().unwrap_or_default();
            let id = world.new_key(organisation, name);
            world.keys.get(&id).map(|key| key.secret.clone()).unwrap_or_default()
        })
    }

    /// Takes a master API key back, by its name.
    pub fn revoke_api_key(&self, name: &str) {
        self.change(|world| {
            for key in world.keys.values_mut().filter(|key| key.name == name) {
                key.revoked = true;
            }
        });
    }

    /// The token of the user with that e-mail address: what stands behind `Token` in the `Authorization`
    /// header.
    pub fn user_token(&self, email: &str) -> Option<String> {
        self.read(|world| {
            world.users.values().find(|user| user.email == email).map(|user| user.token.clone())
        })
    }

    /// A new project of the first organisation. Returns its id.
    pub fn new_project(&self, name: &str) -> u64 {
        self.change(|world| {
            let organisation = world.organisations.keys().next().copied().unwrap_or_default();
            world.new_project(organisation, name)
        })
    }

    /// Somebody who works on a project: a user by e-mail address, or else a master API key by name. Made
    /// where there is none of that name.
    pub fn person(&self, who: &str, project: u64) -> Person {
        let who = self.change(|world| world.named(who));
        Person::new(self.clone(), who, project)
    }

    /// How background work runs from now on.
    pub fn set_tasks(&self, tasks: Tasks) {
        self.change(|world| world.tasks = tasks);
    }

    /// Takes private and loopback addresses for webhooks and GitLab from now on, unlike a real Flagsmith.
    pub fn take_private_addresses(&self, take: bool) {
        self.change(|world| world.private_addresses = take);
    }

    /// Registers a webhook of the first organisation, whatever its address. An empty secret means unsigned.
    /// Returns its id.
    pub fn organisation_webhook(&self, url: &str, secret: &str) -> u64 {
        self.change(|world| {
            let organisation = world.organisations.keys().next().copied().unwrap_or_default();
            world.add_webhook(Scope::Organisation(organisation), url, true, secret)
        })
    }

    /// Registers a webhook of an environment, whatever its address. An empty secret means unsigned. Returns
    /// its id.
    pub fn environment_webhook(&self, environment: u64, url: &str, secret: &str) -> u64 {
        self.change(|world| world.add_webhook(Scope::Environment(environment), url, true, secret))
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
    pub fn release_deliveries(&self, order: Order) {
        let tasks = self.read(|world| world.tasks);
        self.core.deliveries.release(order, tasks);
    }

    /// Sends everything this many times from now on. 1 is the beginning.
    pub fn send_copies(&self, copies: usize) {
        self.core.deliveries.copies(copies);
    }

    /// Loses the next deliveries.
    pub fn drop_deliveries(&self, count: usize) {
        self.core.deliveries.drop_next(count);
    }

    /// How long the task processor waits before its second attempt where no connection can be had: 2 s,
    /// unless this says otherwise. The third comes after twice that time.
    pub fn wait_before_second_attempt(&self, pause: Duration) {
        self.core.deliveries.first_pause(pause);
    }

    /// Sends a delivery again: as somebody would who recorded it. `false` where there is no such one.
    pub fn send_again(&self, number: usize) -> bool {
        let tasks = self.read(|world| world.tasks);
        self.core.deliveries.again(number, tasks)
    }

    /// Waits until every delivery that is not held back has come to its end.
    ///
    /// # Errors
    ///
    /// What is still under way, as text, when that takes longer than `within`.
    pub async fn settled(&self, within: Duration) -> Result<(), String> {
        let mut changed = self.core.changed.subscribe();
        let under_way = || {
            self.deliveries()
                .into_iter()
                .filter(|delivery| delivery.outcome == Outcome::Waiting)
                .collect::<Vec<_>>()
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

/// What a throttled Flagsmith answers: 429, with `Retry-After`.
pub fn throttled(seconds: u64) -> Fault {
    let body = serde_json::json!({
        "detail": format!("Request was throttled. Expected available in {seconds} seconds.")
    });
    Fault::Answer {
        status: 429,
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("vary".to_owned(), "Accept, Origin".to_owned()),
            ("retry-after".to_owned(), seconds.to_string()),
        ],
        body: body.to_string(),
    }
}
