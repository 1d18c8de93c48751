//! One connection: what it is doing now, and a wire that notices a peer who does not read or does not leave.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

/// A byte stream of any kind of listener.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Just made; nothing has come in.
    Fresh,
    /// The head of a request is coming in, or it was no request at all.
    Head,
    /// The body of a request is coming in.
    Body,
    /// A request is being worked on or answered.
    Busy,
    /// Everything that was asked is answered.
    Idle,
    /// It was answered without its body having been read: it is on its way out.
    Leaving,
}

/// What a connection is doing, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phase {
    pub(super) doing: Doing,
    pub(super) since: Instant,
}

/// The state of one connection, shared by its wire, its requests and the watch over it.
#[derive(Debug)]
pub(super) struct Activity {
    phase: watch::Sender<Phase>,
    unread: AtomicBool,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self { phase: watch::Sender::new(Phase::now(Doing::Fresh)), unread: AtomicBool::new(false) }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    pub(super) fn doing(&self) -> Doing {
        self.phase.borrow().doing
    }

    pub(super) fn enter(&self, doing: Doing) {
        self.phase.send_replace(Phase::now(doing));
    }

    /// A request has begun; `body` says whether it has one that is still to be read.
    pub(super) fn begin(&self, body: bool) {
        self.unread.store(body, Ordering::Relaxed);
        self.enter(Doing::Busy);
    }

    /// The body was read to its end.
    pub(super) fn body_read(&self) {
        self.unread.store(false, Ordering::Relaxed);
    }

    /// Whether there is a body that was not read to its end: then the connection cannot be used again.
    pub(super) fn unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// The answer is complete.
    pub(super) fn finish(&self) {
        self.enter(if self.unread() { Doing::Leaving } else { Doing::Idle });
    }

    fn bytes_came(&self) {
        if matches!(self.doing(), Doing::Fresh | Doing::Idle) {
            self.enter(Doing::Head);
        }
    }
}

impl Phase {
    fn now(doing: Doing) -> Self {
        Self { doing, since: Instant::now() }
    }
}

/// A stream that ends when its peer takes nothing for too long, and that is closed in a way
/// in which the last answer arrives: what the peer is still sending is read and thrown away for a moment, because
/// closing a socket with unread bytes resets it, and a reset can overtake the answer.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    activity: std::sync::Arc<Activity>,
    write_timeout: Duration,
    linger: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    leaving: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub(super) fn new(
        stream: Box<dyn Stream>,
        activity: std::sync::Arc<Activity>,
        write_timeout: Duration,
        linger: Duration,
    ) -> Self {
        Self { stream, activity, write_timeout, linger, stalled: None, leaving: None }
    }

    /// Turns "not yet" into an error when it has been "not yet" for too long.
    fn unless_stalled<T>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<std::io::Result<T>>,
    ) -> Poll<std::io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let timeout = self.write_timeout;
        let sleep = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(sleep.as_mut().poll(context));
        Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes_came();
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.unless_stalled(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.unless_stalled(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.unless_stalled(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.leaving.is_none() {
            let polled = Pin::new(&mut self.stream).poll_shutdown(context);
            ready!(self.unless_stalled(context, polled))?;
            if self.activity.doing() == Doing::Idle {
                return Poll::Ready(Ok(()));
            }
            self.activity.enter(Doing::Leaving);
            self.leaving = Some(Box::pin(tokio::time::sleep(self.linger)));
        }
        let mut scratch = [0; 16 * 1024];
        // Some rounds only, so that a fast sender does not keep the thread for itself.
        for _ in 0..64 {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    return match self.leaving.as_mut() {
                        Some(sleep) => sleep.as_mut().poll(context).map(Ok),
                        None => Poll::Ready(Ok(())),
                    };
                }
            }
        }
        if self.leaving.as_ref().is_none_or(|sleep| sleep.is_elapsed() || sleep.deadline() <= Instant::now())
        {
            return Poll::Ready(Ok(()));
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
