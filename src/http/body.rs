//! Request bodies, read within limits, and the bodies of answers.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::connection::{Activity, Doing};

/// What can go wrong while an answer is streamed: then the connection is cut, so that half an answer is not
/// taken for a whole one.
pub type StreamError = Box<dyn std::error::Error + Send + Sync>;

/// An answer.
pub type Answer = Response<BoxBody<Bytes, StreamError>>;

/// Why a request body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is larger than is taken here.
    #[error("the body is too large")]
    TooLarge,
    /// It did not come in time.
    #[error("the body came too slowly")]
    Slow,
    /// The connection broke, or the body is not what its head says.
    #[error("the body broke off")]
    Broken,
    /// Other requests need all the memory that there is for bodies.
    #[error("there is no room for the body now")]
    NoRoom,
}

impl BodyError {
    /// The status to answer with.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
            Self::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// How many bytes of request bodies one listener may hold at a time.
#[derive(Debug)]
pub(super) struct Room {
    free: AtomicUsize,
}

impl Room {
    pub(super) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { free: AtomicUsize::new(bytes) })
    }

    fn take(&self, bytes: usize) -> bool {
        self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(bytes)).is_ok()
    }
}

/// The body of a request. It is read when the handler asks for it, and not before.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    activity: Arc<Activity>,
    room: Arc<Room>,
    taken: usize,
    overall: Duration,
    idle: Duration,
}

impl RequestBody {
    pub(super) fn new(
        incoming: Incoming,
        activity: Arc<Activity>,
        room: Arc<Room>,
        overall: Duration,
        idle: Duration,
    ) -> Self {
        Self { incoming, activity, room, taken: 0, overall, idle }
    }

    /// The whole body, if it has at most `limit` bytes. One that is announced as larger is not read at all.
    pub async fn collect(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        self.activity.enter(Doing::Body);
        let collected = self.read(limit).await;
        self.activity.enter(Doing::Busy);
        collected
    }

    async fn read(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        let announced = self.incoming.size_hint().lower();
        if announced > limit as u64 {
            return Err(BodyError::TooLarge);
        }
        let deadline = Instant::now() + self.overall;
        let mut whole = BytesMut::new();
        loop {
            let until = deadline.min(Instant::now() + self.idle);
            let frame = match timeout_at(until, self.incoming.frame()).await {
                Err(_) => return Err(BodyError::Slow),
                Ok(None) => break,
                Ok(Some(Err(_))) => return Err(BodyError::Broken),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > limit - whole.len() {
                return Err(BodyError::TooLarge);
            }
            if !self.room.take(data.len()) {
                return Err(BodyError::NoRoom);
            }
            self.taken += data.len();
            if whole.is_empty() {
                // All at once: growing by doubling holds up to twice as much. Until something is written there it is only
                // address space, so a length that is announced and not sent costs nothing.
                whole.reserve(usize::try_from(announced).unwrap_or(limit).clamp(data.len(), limit));
            }
            whole.extend_from_slice(&data);
        }
        self.activity.body_read();
        Ok(whole.freeze())
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.room.free.fetch_add(self.taken, Ordering::Relaxed);
    }
}

/// An answer's body that tells the connection when it is over.
pub(super) struct Tracked {
    body: BoxBody<Bytes, StreamError>,
    activity: Arc<Activity>,
}

impl Tracked {
    pub(super) fn new(body: BoxBody<Bytes, StreamError>, activity: Arc<Activity>) -> Self {
        Self { body, activity }
    }
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.activity.finish();
    }
}

/// A body that is sent piece by piece as the pieces come through a channel.
struct Pieces(mpsc::Receiver<Result<Bytes, StreamError>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Answer {
    with_body(status, None, Empty::new().map_err(|never| match never {}).boxed())
}

/// An answer in plain text.
pub fn text(status: StatusCode, text: impl Into<String>) -> Answer {
    typed(status, "text/plain; charset=utf-8", text.into())
}

/// An answer of a given content type.
pub fn typed(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed();
    with_body(status, Some(content_type), body)
}

/// An answer in JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => typed(status, "application/json", body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// An answer that is sent as its pieces come. An error cuts the connection.
pub fn streamed(content_type: &'static str, pieces: mpsc::Receiver<Result<Bytes, StreamError>>) -> Answer {
    with_body(StatusCode::OK, Some(content_type), Pieces(pieces).boxed())
}

fn with_body(
    status: StatusCode,
    content_type: Option<&'static str>,
    body: BoxBody<Bytes, StreamError>,
) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    if let Some(content_type) = content_type {
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    answer
}
