//! The load: so many connections, each of which sends the next webhook as soon as the last one is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{note, times};

/// What came of a load.
pub(crate) struct Ran {
    /// Answers in a second.
    pub(crate) rate: f64,
    /// Times from sending to the answer, in microseconds.
    pub(crate) times: Histogram<u64>,
}

/// Makes the webhook with this number.
pub(crate) type Make = Arc<dyn Fn(u64) -> Request<Full<Bytes>> + Send + Sync>;

/// Opens a connection.
pub(crate) async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Sends one and reads its answer, which has to be a 200.
pub(crate) async fn send(connection: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) {
    connection.ready().await.unwrap();
    let answer = connection.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200, "the webhook was not taken");
    answer.into_body().collect().await.unwrap();
}

/// Keeps a server busy for a while. What is answered in the first fifth is not counted.
pub(crate) async fn run(address: SocketAddr, connections: usize, time: Duration, make: Make) -> Ran {
    let number = Arc::new(AtomicU64::new(1));
    let start = Instant::now();
    let (from, until) = (start + time / 5, start + time);
    let busy: Vec<_> = (0..connections)
        .map(|_| {
            let (make, number) = (Arc::clone(&make), Arc::clone(&number));
            tokio::spawn(async move {
                let mut connection = connect(address).await;
                let mut times = times();
                while Instant::now() < until {
                    let request = make(number.fetch_add(1, Ordering::Relaxed));
                    let sent = Instant::now();
                    send(&mut connection, request).await;
                    let answered = Instant::now();
                    if sent >= from && answered < until {
                        note(&mut times, answered - sent);
                    }
                }
                times
            })
        })
        .collect();
    let mut all = times();
    for one in busy {
        all.add(one.await.unwrap()).unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of answers is far from 2^52")]
    let rate = all.len() as f64 / (until - from).as_secs_f64();
    Ran { rate, times: all }
}
