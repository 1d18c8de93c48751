//! Serving a sandbox over HTTP on a loopback port: what all sandbox servers share.
//!
//! A server can go away (connections are refused, open ones are cut) and come back on the same port.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use super::message::{Request, Response};

use super::faults::{Faults, Interference, Received, Wait};

/// The largest request body that is taken, in bytes. Larger ones are answered with 413.
const LARGEST_BODY: usize = 32 * 1024 * 1024;

/// What a sandbox server does with a request.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Does the work and says what to answer.
    async fn handle(&self, request: Request) -> Response;

    /// Who sent a request, as far as its headers tell: for the log of requests.
    fn who(&self, headers: &HeaderMap) -> Option<String> {
        let _ = headers;
        None
    }
}

/// A running server. Dropping it ends it.
pub struct Server {
    address: SocketAddr,
    handler: Arc<dyn Handler>,
    faults: Faults,
    running: Mutex<CancellationToken>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start(handler: Arc<dyn Handler>, faults: Faults) -> io::Result<Self> {
        Self::start_at(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), handler, faults).await
    }

    /// Starts on a given address.
    ///
    /// # Errors
    ///
    /// When the address is not loopback (a sandbox is never offered to a network) or is taken.
    pub async fn start_at(
        address: SocketAddr,
        handler: Arc<dyn Handler>,
        faults: Faults,
    ) -> io::Result<Self> {
        if !address.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a sandbox listens on loopback only, not on {address}"),
            ));
        }
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let running = CancellationToken::new();
        tokio::spawn(accept(listener, Arc::clone(&handler), faults.clone(), running.clone()));
        Ok(Self { address, handler, faults, running: Mutex::new(running) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL without a slash at the end: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests it received, and what it is told to do wrong.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Goes away: open connections are cut, new ones are refused, until [`Server::come_back`].
    ///
    /// The port is free once this returns.
    pub async fn go_away(&self) {
        let token = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        token.cancel();
        // The accept loop drops its listener when it is next polled; a refused connection proves that it was.
        while tokio::net::TcpStream::connect(self.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Listens again on the same port. Does nothing while it listens.
    ///
    /// # Errors
    ///
    /// When the port was taken by somebody else in the meantime.
    pub async fn come_back(&self) -> io::Result<()> {
        if !self.running.lock().unwrap_or_else(PoisonError::into_inner).is_cancelled() {
            return Ok(());
        }
        let listener = TcpListener::bind(self.address).await?;
        let token = CancellationToken::new();
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = token.clone();
        tokio::spawn(accept(listener, Arc::clone(&self.handler), self.faults.clone(), token));
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).cancel();
    }
}

async fn accept(
    listener: TcpListener,
    handler: Arc<dyn Handler>,
    faults: Faults,
    running: CancellationToken,
) {
    loop {
        let stream = tokio::select! {
            () = running.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        let handler = Arc::clone(&handler);
        let faults = faults.clone();
        let running = running.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &handler, &faults));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = running.cancelled() => {}
                // An error here is a connection cut by us on purpose, or by the client: nothing to do.
                _ = connection => {}
            }
        });
    }
}

/// The connection is cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut on purpose")]
struct Cut;

async fn answer(
    request: hyper::Request<Incoming>,
    handler: &Arc<dyn Handler>,
    faults: &Faults,
) -> Result<hyper::Response<OutBody>, Cut> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let (entry, interference) = faults.received(Received::new(
        &parts.method,
        &path,
        &query,
        &parts.headers,
        handler.who(&parts.headers),
    ));

    if matches!(interference, Some(Interference::Close)) {
        return Err(Cut);
    }
    let body = match read(body).await {
        Ok(body) => body,
        Err(Unreadable::TooLarge) => {
            faults.answered(entry, StatusCode::PAYLOAD_TOO_LARGE);
            return Ok(out(Response::empty(StatusCode::PAYLOAD_TOO_LARGE)));
        }
        Err(Unreadable::Broken) => return Err(Cut),
    };
    faults.body(entry, &body);
    let asked = Request {
        method: parts.method.clone(),
        path: path.clone(),
        query: query.clone(),
        headers: parts.headers.clone(),
        body: body.clone(),
    };
    let work = || handler.handle(asked.clone());

    let mut response = match interference {
        None => work().await,
        Some(Interference::Close) => return Err(Cut),
        Some(Interference::Answer(response)) => response,
        Some(Interference::WorkThenClose) => {
            work().await;
            return Err(Cut);
        }
        Some(Interference::WorkThenAnswer(response)) => {
            work().await;
            response
        }
        Some(Interference::AnswerThenWork(response, wait)) => {
            let (handler, asked) = (Arc::clone(handler), asked.clone());
            tokio::spawn(async move {
                wait.over().await;
                handler.handle(asked).await;
            });
            response
        }
        Some(Interference::WaitThenWork(wait @ Wait::Time(_))) => {
            // A slow server goes on also where nobody waits for its answer any more.
            let (handler, asked) = (Arc::clone(handler), asked.clone());
            let slowly = tokio::spawn(async move {
                wait.over().await;
                handler.handle(asked).await
            });
            slowly.await.map_err(|_| Cut)?
        }
        Some(Interference::WaitThenWork(wait)) => {
            wait.over().await;
            work().await
        }
        Some(Interference::WorkThenWait(wait)) => {
            let response = work().await;
            wait.over().await;
            response
        }
        Some(Interference::Half) => {
            let response = work().await;
            faults.answered(entry, response.status);
            return Ok(half(response));
        }
    };
    if parts.method == Method::HEAD {
        response.body = Bytes::new();
    }
    faults.answered(entry, response.status);
    Ok(out(response))
}

enum Unreadable {
    TooLarge,
    Broken,
}

async fn read(body: Incoming) -> Result<Bytes, Unreadable> {
    match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unreadable::TooLarge),
        Err(_) => Err(Unreadable::Broken),
    }
}

fn out(response: Response) -> hyper::Response<OutBody> {
    with_body(response.status, response.headers, OutBody::Whole(Some(response.body)))
}

fn half(response: Response) -> hyper::Response<OutBody> {
    let promised = response.body.len().max(2) as u64;
    let first = response.body.slice(..response.body.len() / 2);
    with_body(
        response.status,
        response.headers,
        OutBody::Half { promised, first: Some(first), flushed: false },
    )
}

fn with_body(status: StatusCode, headers: HeaderMap, body: OutBody) -> hyper::Response<OutBody> {
    let mut response = hyper::Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A body that is sent whole, or promised whole and cut in the middle.
enum OutBody {
    Whole(Option<Bytes>),
    Half { promised: u64, first: Option<Bytes>, flushed: bool },
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(
                bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))),
            ),
            Self::Half { first, flushed, .. } => {
                if let Some(bytes) = first.take().filter(|bytes| !bytes.is_empty()) {
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                if !*flushed {
                    // Lets hyper write the first half before it learns that there is no second.
                    *flushed = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(Cut)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Half { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Half { promised, .. } => SizeHint::with_exact(*promised),
        }
    }
}
