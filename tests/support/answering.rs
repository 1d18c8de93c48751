//! A web server on loopback that answers as a test wants and remembers what it was asked.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use url::Url;

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// Path and query, as they stood in the request line.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) at: Instant,
}

impl Seen {
    /// The body as JSON; null where it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What the server does with a request.
pub(crate) enum Answer {
    /// Answers it.
    Whole(Response<Vec<u8>>),
    /// Begins to answer, and breaks the connection.
    Half(StatusCode),
    /// Says nothing for ever.
    Never,
}

/// An answer with a status and a JSON body.
pub(crate) fn json(status: u16, body: serde_json::Value) -> Answer {
    text(status, "application/json", &body.to_string())
}

/// An answer with a status and some body.
pub(crate) fn text(status: u16, kind: &str, body: &str) -> Answer {
    let response = Response::builder().status(status).header("content-type", kind);
    Answer::Whole(response.body(body.as_bytes().to_vec()).unwrap())
}

impl Answer {
    /// The same with one more header.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Whole(response) = &mut self {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        self
    }
}

/// The server; it stops when it is dropped.
pub(crate) struct Server {
    pub(crate) url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts a server on a free port.
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let answer = Arc::new(answer);
        let log = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                let service =
                    service_fn(move |request| serve(request, Arc::clone(&answer), Arc::clone(&log)));
                let connection = hyper::server::conn::http1::Builder::new();
                connections.spawn(async move {
                    // A broken connection is what some tests are about.
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, seen, task }
    }

    /// Everything it was asked so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    request: http::Request<Incoming>,
    answer: Arc<impl Fn(&Seen) -> Answer>,
    log: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let seen = Seen {
        method: parts.method,
        target: parts.uri.to_string(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        at: Instant::now(),
    };
    log.lock().unwrap().push(seen.clone());
    Ok(match answer(&seen) {
        Answer::Whole(response) => {
            response.map(|body| Body { rest: Some(body.into()), breaks: false, flushed: false })
        }
        Answer::Half(status) => {
            let begin = Body { rest: Some(Bytes::from_static(b"{\"id\": 1")), breaks: true, flushed: false };
            Response::builder().status(status).body(begin).unwrap()
        }
        Answer::Never => std::future::pending().await,
    })
}

struct Body {
    rest: Option<Bytes>,
    breaks: bool,
    /// What was begun has been given time to leave.
    flushed: bool,
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match (self.rest.take(), self.breaks) {
            (Some(bytes), _) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            (None, true) if !self.flushed => {
                self.flushed = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (None, true) => Poll::Ready(Some(Err(std::io::Error::other("broken on purpose")))),
            (None, false) => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.rest, self.breaks) {
            (Some(bytes), false) => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
