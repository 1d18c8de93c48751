//! The floors: the least that a server could do which keeps the same promise.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The argument with which this program becomes a floor.
const ROLE: &str = "--floor";

/// A floor in a process of its own, as the daemon is in one.
pub(crate) struct Floor {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Floor {
    /// Starts one: reads bodies and answers, and with `store` keeps them there first.
    pub(crate) fn start(store: Option<&Path>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(ROLE).args(store).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        Self { child, address: line.trim().parse().unwrap() }
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Becomes a floor where the arguments say so; does not return then.
pub(crate) fn perhaps() {
    let mut arguments = std::env::args().skip_while(|argument| argument != ROLE);
    if arguments.next().is_none() {
        return;
    }
    let keeper = arguments.next().map(|folder| Keeper::open(&PathBuf::from(folder)));
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let keeper = keeper.clone();
            tokio::spawn(async move {
                let answer = service_fn(move |request| answer(request, keeper.clone()));
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
}

async fn answer(
    request: Request<Incoming>,
    keeper: Option<Keeper>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    if let Some(keeper) = keeper {
        keeper.keep(body).await;
    }
    Ok(Response::new(Empty::new()))
}

/// Appends bodies to a sled tree: all that wait in one batch, one flush, one `fdatasync` of its log, then everybody is
/// told. That is what it takes for "200 means it is on disk", and no more.
#[derive(Clone)]
struct Keeper {
    queue: mpsc::Sender<(Bytes, oneshot::Sender<()>)>,
}

impl Keeper {
    fn open(folder: &Path) -> Self {
        let tree = sled::Config::new().path(folder).cache_capacity(32 * 1024 * 1024).open().unwrap();
        let log = std::fs::File::open(folder.join("db")).unwrap();
        let (queue, waiting) = mpsc::channel::<(Bytes, oneshot::Sender<()>)>();
        std::thread::spawn(move || {
            let mut number = 0_u64;
            while let Ok(first) = waiting.recv() {
                let mut batch = sled::Batch::default();
                let mut answers = Vec::new();
                for (body, answer) in std::iter::once(first).chain(waiting.try_iter().take(1023)) {
                    number += 1;
                    batch.insert(&number.to_be_bytes(), body.as_ref());
                    answers.push(answer);
                }
                tree.apply_batch(batch).unwrap();
                tree.flush().unwrap();
                log.sync_data().unwrap();
                for answer in answers {
                    let _ = answer.send(());
                }
            }
        });
        Self { queue }
    }

    async fn keep(&self, body: Bytes) {
        let (answer, wait) = oneshot::channel();
        self.queue.send((body, answer)).unwrap();
        wait.await.unwrap();
    }
}
