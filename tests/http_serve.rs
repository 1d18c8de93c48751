//! The server core against peers that are slow, endless, broken, many, or gone.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/http.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use flaglink::http::{Answer, Handler, Peer, RequestBody, ServeOptions, empty, streamed, text};
use hyper::{Request, StatusCode};
use tokio::io::AsyncReadExt;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use support::{PATIENCE, Running, Wire, body, header, status};

const LIMIT: usize = 1024 * 1024;

/// Answers by path.
#[derive(Default)]
struct Paths {
    /// Requests to `/wait` that have begun.
    begun: AtomicUsize,
    begun_now: Notify,
    /// Lets one request to `/wait` go on.
    go: Notify,
    /// Requests to `/wait` that were finished, whoever was still there to hear of it.
    finished: Notify,
}

impl Paths {
    async fn begun(&self, how_many: usize) {
        let all = async {
            while self.begun.load(Ordering::SeqCst) < how_many {
                self.begun_now.notified().await;
            }
        };
        timeout(PATIENCE, all).await.unwrap();
    }
}

#[async_trait]
impl Handler for Paths {
    async fn handle(&self, mut request: Request<RequestBody>, _peer: Peer) -> Answer {
        match request.uri().path() {
            "/echo" => match request.body_mut().collect(LIMIT).await {
                Ok(body) => text(StatusCode::OK, String::from_utf8_lossy(&body)),
                Err(error) => text(error.status(), error.to_string()),
            },
            "/unread" => empty(StatusCode::UNAUTHORIZED),
            "/wait" => {
                self.begun.fetch_add(1, Ordering::SeqCst);
                self.begun_now.notify_one();
                self.go.notified().await;
                self.finished.notify_one();
                text(StatusCode::OK, "waited")
            }
            "/forever" => std::future::pending().await,
            "/panic" => panic!("a mistake in a handler"),
            "/endless" => {
                let (send, pieces) = mpsc::channel(1);
                tokio::spawn(async move {
                    while send.send(Ok(Bytes::from_static(&[b'x'; 65536]))).await.is_ok() {}
                });
                streamed("text/plain", pieces)
            }
            "/broken" => {
                let (send, pieces) = mpsc::channel(2);
                send.send(Ok(Bytes::from_static(b"half"))).await.unwrap();
                send.send(Err("the rest cannot be read".into())).await.unwrap();
                streamed("text/plain", pieces)
            }
            other => text(StatusCode::OK, format!("{} {other}", request.method())),
        }
    }
}

fn quick() -> ServeOptions {
    ServeOptions {
        header_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(600),
        body_timeout: Duration::from_millis(900),
        body_idle_timeout: Duration::from_millis(300),
        write_timeout: Duration::from_millis(300),
        answer_timeout: Duration::from_secs(10),
        drain_timeout: Duration::from_secs(5),
        linger: Duration::from_millis(500),
        ..ServeOptions::default()
    }
}

async fn server() -> (Running, Arc<Paths>) {
    let paths = Arc::new(Paths::default());
    (Running::start(paths.clone(), quick()).await, paths)
}

/// Sends a byte every now and then until the other side has had enough.
async fn drip(wire: &mut Wire, byte: &str) -> String {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut all = Vec::new();
    let all = timeout(PATIENCE, async {
        loop {
            let mut piece = [0; 1024];
            tokio::select! {
                _ = ticks.tick() => wire.send(byte).await,
                read = wire.0.read(&mut piece) => match read {
                    Ok(0) | Err(_) => return String::from_utf8_lossy(&all).into_owned(),
                    Ok(count) => all.extend_from_slice(&piece[..count]),
                },
            }
        }
    });
    all.await.expect("the connection was not closed")
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let (server, _) = server().await;
    assert_eq!(server.connect().await.rest().await, "");
}

#[tokio::test]
async fn half_a_head_is_not_waited_for() {
    let (server, _) = server().await;
    assert_eq!(server.say("GET / HTTP/1.1\r\nHost: x\r\n").await, "");
}

#[tokio::test]
async fn a_head_that_drips_in_is_cut_off_all_the_same() {
    let (server, _) = server().await;
    let mut wire = server.connect().await;
    wire.send("GET / HTTP/1.1\r\nX-Slow: ").await;
    let began = Instant::now();
    assert_eq!(drip(&mut wire, "a").await, "");
    assert!(began.elapsed() < Duration::from_secs(5), "each byte may not buy more time");
}

#[tokio::test]
async fn a_connection_may_rest_between_requests_for_longer_than_a_head_may_take_but_not_for_ever() {
    let (server, _) = server().await;
    let mut wire = server.connect().await;
    wire.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(wire.until("GET /a").await.starts_with("HTTP/1.1 200"));
    let began = Instant::now();
    assert_eq!(wire.rest().await, "");
    assert!(began.elapsed() >= Duration::from_millis(500), "it was closed after {:?}", began.elapsed());
}

#[tokio::test]
async fn a_second_head_on_an_old_connection_has_no_more_time_than_the_first() {
    let (server, _) = server().await;
    let mut wire = server.connect().await;
    wire.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await;
    wire.until("GET /a").await;
    wire.send("GET /b HTT").await;
    assert_eq!(drip(&mut wire, "P").await, "");
}

#[tokio::test]
async fn a_body_that_stops_is_answered_408_and_closed() {
    let (server, _) = server().await;
    let answer = server.say("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").await;
    assert_eq!(status(&answer), 408);
    assert_eq!(header(&answer, "connection"), Some("close"));
}

#[tokio::test]
async fn a_body_that_drips_has_a_time_as_a_whole() {
    let (server, _) = server().await;
    let mut wire = server.connect().await;
    wire.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n").await;
    let answer = drip(&mut wire, "a").await;
    assert_eq!(status(&answer), 408);
}

#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_not_read() {
    let (server, _) = server().await;
    let mut wire = server.connect().await;
    wire.send(format!("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", LIMIT + 1)).await;
    let answer = wire.rest().await;
    assert_eq!(status(&answer), 413);
    assert_eq!(header(&answer, "connection"), Some("close"));
}

#[tokio::test]
async fn a_peer_that_sends_everything_before_it_reads_still_gets_its_answer() {
    let (server, _) = server().await;
    for path in ["/unread", "/echo"] {
        let mut request =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 8 * LIMIT).into_bytes();
        request.resize(request.len() + 8 * LIMIT, b'x');
        let mut wire = server.connect().await;
        timeout(PATIENCE, tokio::io::AsyncWriteExt::write_all(&mut wire.0, &request))
            .await
            .unwrap()
            .expect("the connection was reset while sending");
        let expected = if path == "/echo" { 413 } else { 401 };
        assert_eq!(status(&wire.rest().await), expected);
    }
}

#[tokio::test]
async fn chunks_without_end_are_stopped_at_the_limit() {
    let (server, _) = server().await;
    let mut wire = server.connect().await;
    wire.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 65536], b"\r\n"].concat();
    let (mut read, mut write) = wire.0.into_split();
    let sending = tokio::spawn(async move {
        let mut sent = 0_usize;
        while tokio::io::AsyncWriteExt::write_all(&mut write, &chunk).await.is_ok() {
            sent += chunk.len();
        }
        sent
    });
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, read.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(status(&String::from_utf8_lossy(&answer)), 413);
    timeout(PATIENCE, sending).await.expect("it was read for ever").unwrap();
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_limit_and_not_a_byte_larger() {
    let (server, _) = server().await;
    for (size, expected) in [(LIMIT, 200), (LIMIT + 1, 413)] {
        let mut request =
            "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                .to_owned()
                .into_bytes();
        request.extend_from_slice(format!("{size:x}\r\n").as_bytes());
        request.resize(request.len() + size, b'x');
        request.extend_from_slice(b"\r\n0\r\n\r\n");
        let answer = server.say(request).await;
        assert_eq!(status(&answer), expected);
    }
}

#[tokio::test]
async fn all_bodies_together_have_a_limit_and_give_their_room_back() {
    let paths = Arc::new(Paths::default());
    let server = Running::start(paths, ServeOptions { body_memory: 100_000, ..quick() }).await;
    let request = |size: usize| {
        format!(
            "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n{}",
            "x".repeat(size)
        )
    };
    for _ in 0..5 {
        assert_eq!(status(&server.say(request(90_000)).await), 200);
        assert_eq!(status(&server.say(request(110_000)).await), 503);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_answered_and_harms_nobody() {
    let (server, _) = server().await;
    let mut wire = server.connect().await;
    wire.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").await;
    tokio::io::AsyncWriteExt::shutdown(&mut wire.0).await.unwrap();
    let answer = wire.rest().await;
    assert!(answer.is_empty() || status(&answer) == 400, "{answer}");
    assert_eq!(status(&server.say("GET / HTTP/1.0\r\n\r\n").await), 200);
}

#[tokio::test]
async fn a_peer_that_has_said_all_still_hears_the_answer() {
    let (server, paths) = server().await;
    let mut wire = server.connect().await;
    wire.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    tokio::io::AsyncWriteExt::shutdown(&mut wire.0).await.unwrap();
    paths.begun(1).await;
    paths.go.notify_one();
    assert!(wire.rest().await.ends_with("waited"));
}

#[tokio::test]
async fn expect_continue_is_answered_only_where_the_body_is_wanted() {
    let (server, _) = server().await;
    let head = |path: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    };
    let mut wire = server.connect().await;
    wire.send(head("/echo")).await;
    assert!(wire.until("\r\n\r\n").await.starts_with("HTTP/1.1 100"));
    wire.send("abc").await;
    assert!(wire.until("abc").await.starts_with("HTTP/1.1 200"));
    assert_eq!(status(&server.say(head("/unread")).await), 401);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let (server, _) = server().await;
    let mut requests = String::new();
    for number in 0..20 {
        requests += &format!(
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nn={number:03}GET /{number} HTTP/1.1\r\nHost: x\r\n\r\n"
        );
    }
    requests += "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answers = server.say(requests).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 41);
    let mut from = 0;
    for number in 0..20 {
        for part in [format!("n={number:03}"), format!("GET /{number}")] {
            from +=
                answers[from..].find(&part).unwrap_or_else(|| panic!("{part} is missing or out of order"));
        }
    }
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_the_next_request_is_answered() {
    let (server, _) = server().await;
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\r\n\r\n";
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let nul = b"GET /\0 HTTP/1.1\r\n\r\n";
    let lengths = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab";
    let negative = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n";
    let chunk =
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nab";
    for bytes in [hello.as_slice(), preface, nul, lengths, negative, chunk] {
        let answer = server.say(bytes).await;
        assert!(answer.is_empty() || status(&answer) == 400, "{answer}");
        assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(status(&server.say("GET / HTTP/1.0\r\n\r\n").await), 200);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let (server, _) = server().await;
    let large = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "a".repeat(100_000));
    assert_eq!(status(&server.say(large).await), 431);
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: a\r\n".repeat(1000));
    assert_eq!(status(&server.say(many).await), 431);
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_server_goes_on() {
    let (server, _) = server().await;
    let mut wire = server.connect().await;
    wire.send("GET /panic HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(status(&wire.until("\r\n\r\n").await), 500);
    for _ in 0..3 {
        assert_eq!(status(&server.say("GET /panic HTTP/1.0\r\n\r\n").await), 500);
    }
    assert_eq!(status(&server.say("GET / HTTP/1.0\r\n\r\n").await), 200);
    assert_eq!(server.stopped().await.abandoned, 0);
}

#[tokio::test]
async fn work_goes_on_when_the_one_who_asked_is_gone() {
    let (server, paths) = server().await;
    let mut wire = server.connect().await;
    wire.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    paths.begun(1).await;
    drop(wire);
    paths.go.notify_one();
    timeout(PATIENCE, paths.finished.notified()).await.expect("the work was dropped half-way");
}

#[tokio::test]
async fn what_takes_too_long_is_answered_503() {
    let paths = Arc::new(Paths::default());
    let options = ServeOptions { answer_timeout: Duration::from_millis(200), ..quick() };
    let server = Running::start(paths, options).await;
    let answer = server.say("GET /forever HTTP/1.0\r\n\r\n").await;
    assert_eq!(status(&answer), 503);
    assert!(header(&answer, "retry-after").is_some());
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_answer_is_left() {
    let (server, _) = server().await;
    let mut wire = server.connect().await;
    wire.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    wire.until("\r\n\r\n").await;
    // Nothing is read now: draining can only be clean if the server gives up by itself.
    let drained = server.stopped().await;
    assert_eq!(drained.abandoned, 0);
    drop(wire);
}

#[tokio::test]
async fn half_an_answer_does_not_look_like_a_whole_one() {
    let (server, _) = server().await;
    let answer = server.say("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_thousand_idle_connections_keep_nobody_out() {
    let paths = Arc::new(Paths::default());
    let options =
        ServeOptions { connections: 50, header_timeout: PATIENCE, idle_timeout: PATIENCE, ..quick() };
    let server = Running::start(paths, options).await;
    let mut idle = Vec::new();
    for number in 0..1000 {
        let mut wire = server.connect().await;
        match number % 3 {
            0 => {}
            1 => wire.send("GET / HTTP/1.1\r\nX-Half: ").await,
            _ => {
                wire.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await;
                wire.until("GET /a").await;
            }
        }
        idle.push(wire);
    }
    let began = Instant::now();
    assert_eq!(status(&server.say("GET / HTTP/1.0\r\n\r\n").await), 200);
    assert!(began.elapsed() < Duration::from_secs(5));
    // The oldest went, the youngest stayed.
    assert_eq!(idle[0].rest().await, "");
    let youngest = idle.last_mut().unwrap();
    youngest.send("GET /b HTTP/1.1\r\nHost: x\r\n\r\n").await;
    youngest.until("GET /b").await;
}

#[tokio::test]
async fn work_is_never_sent_away_to_make_room() {
    let paths = Arc::new(Paths::default());
    let server = Running::start(paths.clone(), ServeOptions { connections: 3, ..quick() }).await;
    let mut working = Vec::new();
    for _ in 0..3 {
        let mut wire = server.connect().await;
        wire.send("GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        working.push(wire);
    }
    paths.begun(3).await;
    let answer = server.connect().await.rest().await;
    assert_eq!(status(&answer), 503);
    assert!(header(&answer, "retry-after").is_some());
    for wire in &mut working {
        paths.go.notify_one();
        assert!(wire.rest().await.ends_with("waited"));
    }
    assert_eq!(status(&server.say("GET / HTTP/1.0\r\n\r\n").await), 200);
}

#[tokio::test]
async fn at_the_end_what_runs_is_finished_and_nothing_new_begins() {
    let (server, paths) = server().await;
    let address = server.address;
    let mut working = server.connect().await;
    working.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    paths.begun(1).await;
    let mut idle = server.connect().await;
    idle.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n").await;
    idle.until("GET /a").await;
    let mut fresh = server.connect().await;

    server.stop.cancel();
    assert_eq!(idle.rest().await, "");
    assert_eq!(fresh.rest().await, "");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "the port is still open");
    paths.go.notify_one();
    let answer = working.rest().await;
    assert_eq!(status(&answer), 200);
    assert_eq!(header(&answer, "connection"), Some("close"));
    assert_eq!(body(&answer), "waited");
    assert_eq!(server.stopped().await.abandoned, 0);
}

#[tokio::test]
async fn at_the_end_nobody_is_waited_for_for_ever() {
    let paths = Arc::new(Paths::default());
    let options = ServeOptions { drain_timeout: Duration::from_millis(300), ..quick() };
    let server = Running::start(paths.clone(), options).await;
    let mut wire = server.connect().await;
    wire.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    paths.begun(1).await;
    assert!(server.stopped().await.abandoned > 0);
    let answer = wire.rest().await;
    assert!(answer.is_empty() || status(&answer) == 503, "{answer}");
}
