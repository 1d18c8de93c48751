//! Asks the running daemon over its socket.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::http::request::Builder;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::http::api_types::Problem;

use super::{Trouble, show};

/// How long the daemon may take to say something.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest answer that is read into memory. The API's pages are far smaller.
const MOST: usize = 64 * 1024 * 1024;

/// A connection to the daemon.
pub(super) struct Client {
    socket: PathBuf,
    sender: SendRequest<Full<Bytes>>,
    patience: Duration,
}

impl Client {
    /// A connection; `None` where no daemon runs.
    pub(super) async fn connect(socket: &Path) -> Result<Option<Self>, Trouble> {
        let silent = |why: String| {
            Trouble::World(format!(
                "flaglink does not answer on its socket {}: {why}. Its log may say more.",
                show(socket)
            ))
        };
        let stream = match timeout(PATIENCE, UnixStream::connect(socket)).await {
            Err(_) => return Err(silent("it takes too long".to_owned())),
            Ok(Ok(stream)) => stream,
            // No file, or one that a killed daemon left behind.
            Ok(Err(error)) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Ok(Err(error)) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(Trouble::World(format!(
                    "you may not use flaglink's socket {}: its user and its group may. Run this as one of them, for \
                     example with `sudo -u flaglink`.",
                    show(socket)
                )));
            }
            Ok(Err(error)) => return Err(silent(error.to_string())),
        };
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| silent(error.to_string()))?;
        // Its errors reach whoever waits for an answer.
        tokio::spawn(connection);
        Ok(Some(Self { socket: socket.to_owned(), sender, patience: PATIENCE }))
    }

    /// The same, for what may take so long.
    pub(super) fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Reads one JSON document.
    pub(super) async fn read<T: DeserializeOwned>(&mut self, target: &str) -> Result<T, Trouble> {
        let answer = self.ask(target).await?;
        self.understand(answer).await
    }

    /// Asks for a change, and reads what became of it.
    pub(super) async fn change<T: DeserializeOwned>(
        &mut self,
        target: &str,
        what: &impl Serialize,
    ) -> Result<T, Trouble> {
        let body = serde_json::to_vec(what).map_err(|error| self.broken(&error.to_string()))?;
        let request = Request::post(target).header(CONTENT_TYPE, "application/json");
        let answer = self.send(request, body.into()).await?;
        self.understand(answer).await
    }

    async fn understand<T: DeserializeOwned>(&self, mut answer: Response<Incoming>) -> Result<T, Trouble> {
        let body = self.whole(&mut answer).await?;
        serde_json::from_slice(&body).map_err(|error| {
            Trouble::World(format!(
                "the running flaglink answers what this one does not understand ({error}). Are they the same version? \
                 Restart the daemon after an update."
            ))
        })
    }

    /// Reads a text, whatever its status; the second value says whether it is good.
    pub(super) async fn text(&mut self, target: &str) -> Result<(String, bool), Trouble> {
        let mut answer = self.any(Request::get(target), Bytes::new()).await?;
        let good = answer.status().is_success();
        let body = self.whole(&mut answer).await?;
        Ok((String::from_utf8_lossy(&body).into_owned(), good))
    }

    /// Copies an answer as it comes.
    pub(super) async fn copy(&mut self, target: &str, out: &mut impl Write) -> Result<(), Trouble> {
        let mut answer = self.ask(target).await?;
        while let Some(piece) = self.piece(&mut answer).await? {
            out.write_all(&piece)?;
        }
        out.flush()?;
        Ok(())
    }

    async fn ask(&mut self, target: &str) -> Result<Response<Incoming>, Trouble> {
        self.send(Request::get(target), Bytes::new()).await
    }

    async fn any(&mut self, request: Builder, body: Bytes) -> Result<Response<Incoming>, Trouble> {
        let request = request
            .header(HOST, "localhost")
            .body(Full::new(body))
            .map_err(|error| self.broken(&error.to_string()))?;
        let asked = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        match timeout(self.patience, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.broken(&error.to_string())),
            Err(_) => Err(self.broken("it takes too long")),
        }
    }

    async fn send(&mut self, request: Builder, body: Bytes) -> Result<Response<Incoming>, Trouble> {
        let mut answer = self.any(request, body).await?;
        if answer.status() == StatusCode::OK {
            return Ok(answer);
        }
        let body = self.whole(&mut answer).await?;
        Err(Trouble::World(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => format!("flaglink says: {}", super::words::plain_lines(&problem.error)),
            Err(_) => format!(
                "flaglink answers {} to a question that it should know. Is it the same version as this one?",
                answer.status()
            ),
        }))
    }

    async fn whole(&self, answer: &mut Response<Incoming>) -> Result<Vec<u8>, Trouble> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece(answer).await? {
            if whole.len() + piece.len() > MOST {
                return Err(self.broken("its answer does not end"));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// The next piece; `None` at the true end. An answer that breaks off is an error.
    async fn piece(&self, answer: &mut Response<Incoming>) -> Result<Option<Bytes>, Trouble> {
        loop {
            match timeout(PATIENCE, answer.body_mut().frame()).await {
                Err(_) => return Err(self.broken("its answer stopped half-way")),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => {
                    return Err(self.broken(&format!("its answer broke off and is not complete ({error})")));
                }
                Ok(Some(Ok(frame))) => {
                    if let Ok(piece) = frame.into_data() {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }

    fn broken(&self, why: &str) -> Trouble {
        Trouble::World(format!(
            "the conversation with flaglink on {} failed: {why}. Its log may say more.",
            show(&self.socket)
        ))
    }
}
