//! A listener on a free port of this machine, and clients that speak to it byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flaglink::http::{Drained, Handler, Listener, ServeOptions, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server that runs.
pub(crate) struct Running {
    /// Where.
    pub(crate) address: SocketAddr,
    /// Stops it.
    pub(crate) stop: CancellationToken,
    ended: JoinHandle<Drained>,
}

impl Running {
    /// Serves on a free port.
    pub(crate) async fn start(handler: Arc<dyn Handler>, options: ServeOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let ended = tokio::spawn(serve(Listener::Tcp(listener), handler, options, stop.clone()));
        Self { address, stop, ended }
    }

    /// A connection.
    pub(crate) async fn connect(&self) -> Wire {
        Wire(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends bytes on a connection of their own and reads until it is closed.
    pub(crate) async fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut wire = self.connect().await;
        wire.send(bytes).await;
        wire.rest().await
    }

    /// Stops it and waits until it is over.
    pub(crate) async fn stopped(self) -> Drained {
        self.stop.cancel();
        timeout(PATIENCE, self.ended).await.unwrap().unwrap()
    }
}

/// One connection of a client.
pub(crate) struct Wire(pub(crate) TcpStream);

impl Wire {
    /// Sends bytes. That the other side closes meanwhile is no mistake.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = timeout(PATIENCE, self.0.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Everything until the other side closes.
    pub(crate) async fn rest(&mut self) -> String {
        let mut all = Vec::new();
        // A reset after the answer is an end, too.
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut all)).await.expect("the connection was not closed");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Everything up to and with `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut all = Vec::new();
        let read = async {
            while !all.ends_with(end.as_bytes()) {
                let byte = self.0.read_u8().await;
                let Ok(byte) = byte else {
                    panic!("closed before {end:?}: {}", String::from_utf8_lossy(&all))
                };
                all.push(byte);
            }
        };
        timeout(PATIENCE, read).await.expect("nothing more came");
        String::from_utf8(all).unwrap()
    }
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {answer:?}")).parse().unwrap()
}

/// A header of an answer.
pub(crate) fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| {
        let (this, value) = line.split_once(": ")?;
        this.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// The body of an answer.
pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
