//! The small server that all listeners are made of: connections are capped, everything that a peer could draw out
//! has a limit, and it can be drained.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::body::{Answer, RequestBody, Room, Tracked, text};
use super::connection::{Activity, Doing, Phase, Stream, Wire};

/// Where requests come in.
#[derive(Debug)]
pub enum Listener {
    /// A TCP port.
    Tcp(TcpListener),
    /// A unix socket.
    Unix(UnixListener),
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Somebody who came over TCP.
    Tcp {
        /// Their address.
        remote: SocketAddr,
    },
    /// Somebody on this machine who may use the socket's file.
    Unix,
}

/// What answers requests.
///
/// Each request runs as a task of its own: a panic is answered 500, and a peer that goes away does not stop
/// what it has set going.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    async fn handle(&self, request: Request<RequestBody>, peer: Peer) -> Answer;
}

/// The limits of one listener.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// What the listener is called in logs.
    pub name: &'static str,
    /// How many connections there may be. For one more, the one that has waited longest without a whole request
    /// goes; where all are at work, the new one is answered 503.
    pub connections: usize,
    /// How long the head of a request may take, counted from the connection's beginning or the head's first byte.
    pub header_timeout: Duration,
    /// How long a connection may wait for its next request. Longer than what proxies keep (nginx: 60 s), because a
    /// proxy that sends into a closing connection answers its own client 502.
    pub idle_timeout: Duration,
    /// How long a body may take as a whole.
    pub body_timeout: Duration,
    /// How long nothing may come of a body that is not there yet.
    pub body_idle_timeout: Duration,
    /// How long a peer may take nothing of its answer.
    pub write_timeout: Duration,
    /// How long an answer may take to make. After that the peer is told 503; the work itself goes on.
    pub answer_timeout: Duration,
    /// How long, at the end, work that has begun is waited for.
    pub drain_timeout: Duration,
    /// How long is listened to a peer that is still sending what nobody wants, so that it can read its answer.
    pub linger: Duration,
    /// The largest head of a request, in bytes (431).
    pub header_bytes: usize,
    /// How many bytes of request bodies may be held at a time (503).
    pub body_memory: usize,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            name: "http",
            connections: 512,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            body_idle_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(15),
            linger: Duration::from_secs(2),
            header_bytes: 64 * 1024,
            body_memory: 256 * 1024 * 1024,
        }
    }
}

/// How a listener came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections and requests that were not over when the time was up. 0 is a clean end.
    pub abandoned: usize,
}

/// A body that has been coming in for less than this keeps its connection even when all are taken.
const BODY_GRACE: Duration = Duration::from_secs(5);

/// How long to wait before accepting again after the system refused (no file descriptors left, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// hyper cannot work with a smaller buffer.
const MIN_BUFFER: usize = 8192;

const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

impl Listener {
    async fn accept(&self) -> io::Result<(Box<dyn Stream>, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, remote) = listener.accept().await?;
                // Answers are small and written at once: waiting to fill a packet only costs time.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "the connection keeps its delay");
                }
                Ok((Box::new(stream), Peer::Tcp { remote }))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), Peer::Unix))
            }
        }
    }
}

/// Serves until `stop`, then takes no new connections, finishes what runs, and returns.
pub async fn serve(
    listener: Listener,
    handler: Arc<dyn Handler>,
    options: ServeOptions,
    stop: CancellationToken,
) -> Drained {
    let house = Arc::new(House {
        room: Room::new(options.body_memory),
        handler,
        options,
        stop,
        abort: CancellationToken::new(),
        tasks: TaskTracker::new(),
        guests: Mutex::default(),
        full: AtomicBool::new(false),
    });
    loop {
        let accepted = tokio::select! {
            biased;
            () = house.stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => house.welcome(stream, peer).await,
            Err(error) => {
                tracing::warn!(listener = house.options.name, %error, "no connection could be accepted");
                let _ = timeout(ACCEPT_PAUSE, house.stop.cancelled()).await;
            }
        }
    }
    drop(listener);
    house.drain().await
}

/// A connection as the house sees it.
struct Guest {
    phase: watch::Receiver<Phase>,
    leave: CancellationToken,
}

struct House {
    handler: Arc<dyn Handler>,
    options: ServeOptions,
    stop: CancellationToken,
    abort: CancellationToken,
    tasks: TaskTracker,
    room: Arc<Room>,
    guests: Mutex<Guests>,
    full: AtomicBool,
}

#[derive(Default)]
struct Guests {
    last: u64,
    here: HashMap<u64, Guest>,
}

impl House {
    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a new connection, or turns it away where there is no place for it.
    async fn welcome(self: &Arc<Self>, mut stream: Box<dyn Stream>, peer: Peer) {
        let activity = Arc::new(Activity::new());
        let leave = CancellationToken::new();
        let Some(id) = self.admit(Guest { phase: activity.watch(), leave: leave.clone() }) else {
            if !self.full.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    listener = self.options.name,
                    connections = self.options.connections,
                    "all connections are in use; new ones are refused"
                );
            }
            // A new socket's buffer is empty: this does not wait.
            let _ = timeout(Duration::from_millis(20), stream.write_all(FULL)).await;
            return;
        };
        self.full.store(false, Ordering::Relaxed);
        let house = Arc::clone(self);
        self.tasks.spawn(async move {
            house.serve_connection(stream, peer, activity, leave).await;
            house.guests().here.remove(&id);
        });
    }

    /// A place for one more, if need be that of the connection that can best be spared.
    fn admit(&self, guest: Guest) -> Option<u64> {
        let mut guests = self.guests();
        if guests.here.len() >= self.options.connections {
            let spared = guests
                .here
                .iter()
                .filter_map(|(id, guest)| spare(*guest.phase.borrow()).map(|rank| (rank, *id)))
                .min()
                .map(|(_, id)| id)?;
            if let Some(gone) = guests.here.remove(&spared) {
                gone.leave.cancel();
            }
        }
        guests.last += 1;
        let id = guests.last;
        guests.here.insert(id, guest);
        Some(id)
    }

    async fn serve_connection(
        self: &Arc<Self>,
        stream: Box<dyn Stream>,
        peer: Peer,
        activity: Arc<Activity>,
        leave: CancellationToken,
    ) {
        let options = &self.options;
        let watched = activity.watch();
        let wire = Wire::new(stream, Arc::clone(&activity), options.write_timeout, options.linger);
        let service = service_fn(|request| self.answer(request, peer, &activity));
        let mut connection = pin!(
            http1::Builder::new()
                // The house watches over the head itself: hyper's own limit would also end idle connections.
                .header_read_timeout(None)
                .max_header_size(options.header_bytes)
                .max_buf_size(options.header_bytes.max(MIN_BUFFER))
                // A peer that has said all it wants to say still gets its answer.
                .half_close(true)
                .serve_connection(TokioIo::new(wire), service)
        );
        let mut outstayed = pin!(outstayed(watched, options));
        let mut draining = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(listener = options.name, %error, "a connection broke");
                    }
                    return;
                }
                () = self.stop.cancelled(), if !draining => {
                    draining = true;
                    // hyper waits for the first request of a connection for as long as it takes.
                    if activity.doing() == Doing::Fresh {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                }
                () = outstayed.as_mut() => return,
                () = leave.cancelled() => return,
                () = self.abort.cancelled() => return,
            }
        }
    }

    async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: Peer,
        activity: &Arc<Activity>,
    ) -> Result<Response<Tracked>, Infallible> {
        let (head, incoming) = request.into_parts();
        activity.begin(!incoming.is_end_stream());
        let body = RequestBody::new(
            incoming,
            Arc::clone(activity),
            Arc::clone(&self.room),
            self.options.body_timeout,
            self.options.body_idle_timeout,
        );
        let request = Request::from_parts(head, body);
        let house = Arc::clone(self);
        let work = self.tasks.spawn(async move {
            tokio::select! {
                answer = house.handler.handle(request, peer) => answer,
                () = house.abort.cancelled() => unavailable("flaglink is stopping"),
            }
        });
        let mut answer = match timeout(self.options.answer_timeout, work).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::error!(listener = self.options.name, %error, "a request could not be answered");
                text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "something went wrong in flaglink; its log says what\n",
                )
            }
            Err(_) => {
                tracing::error!(listener = self.options.name, "a request took too long to answer");
                unavailable("this takes too long now; try again later")
            }
        };
        if activity.unread() {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let (head, body) = answer.into_parts();
        Ok(Response::from_parts(head, Tracked::new(body, Arc::clone(activity))))
    }

    async fn drain(&self) -> Drained {
        self.tasks.close();
        if timeout(self.options.drain_timeout, self.tasks.wait()).await.is_ok() {
            return Drained { abandoned: 0 };
        }
        let abandoned = self.tasks.len();
        tracing::warn!(
            listener = self.options.name,
            abandoned,
            "the time is up; what still runs is abandoned"
        );
        self.abort.cancel();
        // Each of them ends at its next await; one that never comes to it must not hold up the end.
        let _ = timeout(Duration::from_secs(1), self.tasks.wait()).await;
        Drained { abandoned }
    }
}

/// How well a connection can be spared, smallest first; `None`: not at all.
///
/// Among those that wait for a request age alone counts: half a head must not be safer than none, or whoever sends many
/// of them keeps everybody else out.
fn spare(phase: Phase) -> Option<(u8, Instant)> {
    let rank = match phase.doing {
        Doing::Fresh | Doing::Head | Doing::Idle | Doing::Leaving => 0,
        Doing::Body if phase.since.elapsed() > BODY_GRACE => 1,
        Doing::Body | Doing::Busy => return None,
    };
    Some((rank, phase.since))
}

/// Returns when the connection has done nothing, or the same thing, for longer than it may.
async fn outstayed(mut phase: watch::Receiver<Phase>, options: &ServeOptions) {
    loop {
        let Phase { doing, since } = *phase.borrow_and_update();
        let limit = match doing {
            Doing::Fresh | Doing::Head => Some(options.header_timeout),
            Doing::Idle => Some(options.idle_timeout),
            // Bodies, answers and leave-taking have their own clocks.
            Doing::Body | Doing::Busy | Doing::Leaving => None,
        };
        let changed = match limit {
            Some(limit) => match timeout_at(since + limit, phase.changed()).await {
                Ok(changed) => changed,
                Err(_) => return,
            },
            None => phase.changed().await,
        };
        if changed.is_err() {
            // Nobody can change it any more: the connection is ending by itself.
            std::future::pending::<()>().await;
        }
    }
}

fn unavailable(why: &str) -> Answer {
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n"));
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    answer
}
