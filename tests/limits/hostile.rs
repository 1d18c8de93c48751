//! Peers that mean harm, or are merely slow, many and broken, all at once; meanwhile GitLab's webhooks are taken as ever.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::place::{PATIENCE, Place, SECRET};

/// How long a webhook may take while all that goes on: GitLab gives up after ten seconds.
const SOON: Duration = Duration::from_secs(9);

/// What a browser says first that was told `https://`.
fn client_hello() -> Vec<u8> {
    let mut hello = vec![0x03, 0x03];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0x13, 0x01, 0xc0, 0x2f, 1, 0]);
    let name = b"flags.example.com";
    let len = u8::try_from(name.len()).unwrap();
    let mut extension = vec![0, 0, 0, len + 5, 0, len + 3, 0, 0, len];
    extension.extend(name);
    hello.extend([0, u8::try_from(extension.len()).unwrap()]);
    hello.extend(extension);
    let len = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 0x03, 0x01, 0, len + 4, 1, 0, 0, len];
    record.extend(hello);
    record
}

fn post(token: &str, rest: &str) -> String {
    format!("POST /hooks/gitlab HTTP/1.1\r\nHost: x\r\nX-Gitlab-Token: {token}\r\n{rest}\r\n")
}

/// Sends `first`, then `again` for as long as it is taken (so many times at most); what is answered, and how much was sent.
async fn endless(
    place: std::net::SocketAddr,
    first: Vec<u8>,
    again: Vec<u8>,
    times: usize,
) -> (String, usize) {
    let (mut read, mut write) = TcpStream::connect(place).await.unwrap().into_split();
    let sending = tokio::spawn(async move {
        let mut sent = 0;
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        if write.write_all(&first).await.is_ok() {
            sent += first.len();
            for _ in 0..times {
                if write.write_all(&again).await.is_err() {
                    break;
                }
                sent += again.len();
                // Small pieces come at 4 MB a second at most, so that what is read in two seconds is no matter of the machine's
                // speed.
                if again.len() < 1024 && sent / 4096 > (sent - again.len()) / 4096 {
                    tick.tick().await;
                }
            }
        }
        sent
    });
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = tokio::time::timeout(PATIENCE, read.read_to_end(&mut answer)).await.expect("it is not closed");
    let sent = tokio::time::timeout(PATIENCE, sending).await.expect("it is read for ever").unwrap();
    (String::from_utf8_lossy(&answer).into_owned(), sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_taken_while_others_do_their_worst() {
    let place = Place::new("").await;
    let daemon = place.start().await;
    place.until_ready(200).await;
    let at = place.webhooks;
    let without_end = usize::MAX;

    // A thousand that want nothing: new ones, half a head each, and those that were answered and stay.
    let mut idle = Vec::new();
    for number in 0..1000 {
        let mut wire = TcpStream::connect(at).await.unwrap();
        match number % 3 {
            0 => {}
            1 => wire.write_all(b"POST /hooks/gitlab HTTP/1.1\r\nX-Half: ").await.unwrap(),
            _ => {
                wire.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
                let mut answer = [0; 12];
                wire.read_exact(&mut answer).await.unwrap();
                assert_eq!(&answer, b"HTTP/1.1 200");
            }
        }
        idle.push(wire);
    }
    // Bodies that come byte by byte, or not at all.
    for number in 0..50 {
        let mut wire = TcpStream::connect(at).await.unwrap();
        let body = if number % 2 == 0 { "{" } else { "" };
        wire.write_all(format!("{}{body}", post(SECRET, "Content-Length: 20000000\r\n")).as_bytes())
            .await
            .unwrap();
        idle.push(wire);
    }

    let mut worst = JoinSet::new();
    let mut add = |name: &'static str, first: Vec<u8>, again: Vec<u8>, times: usize| {
        worst.spawn(async move { (name, endless(at, first, again, times).await) });
    };
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 65536], b"\r\n"].concat();
    let chunked = "Transfer-Encoding: chunked\r\n";
    for _ in 0..3 {
        add("a head", post(SECRET, "").trim_end().into(), b"\r\nX-More: and more".to_vec(), without_end);
        add("chunks", post(SECRET, chunked).into(), chunk.clone(), without_end);
        add("forged", post("guessed", chunked).into(), chunk.clone(), without_end);
        let extended = [b"1;".as_slice(), &[b'x'; 1024]].concat();
        add("an extension", post(SECRET, chunked).into(), extended, without_end);
        add("too large", post(SECRET, "Content-Length: 26214401\r\n").into(), b"{".to_vec(), 1);
        add("TLS", client_hello(), Vec::new(), 0);
        add("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(), Vec::new(), 0);
    }
    let ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    add("10,000 at once", [ask.repeat(9_999).as_slice(), last].concat(), Vec::new(), 0);

    let mut notes = Vec::new();
    let mut slowest = Duration::ZERO;
    let mut heard = Vec::new();
    while notes.len() < 40 || !worst.is_empty() {
        if notes.len() < 400 {
            let began = Instant::now();
            notes.push(place.says("/flag link checkout_v2").await);
            slowest = slowest.max(began.elapsed());
        }
        while let Some(one) = worst.try_join_next() {
            heard.push(one.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!(
        "{} webhooks meanwhile, the slowest took {slowest:?}; {} KiB",
        notes.len(),
        daemon.memory("VmHWM")
    );
    assert!(slowest < SOON, "{slowest:?}");
    for (name, (answer, sent)) in heard {
        let status = answer.split(' ').nth(1).unwrap_or("none");
        let (statuses, most): (&[&str], usize) = match name {
            "a head" => (&["431", "none"], 10_000_000),
            // What is still sent when the answer is out is read and thrown away for two seconds, so that the answer arrives.
            "chunks" => (&["413"], without_end),
            "forged" => (&["401"], without_end),
            "an extension" => (&["400", "none"], without_end),
            "too large" => (&["413"], 1000),
            "10,000 at once" => (&["200"], without_end),
            _ => (&["400", "none"], 1000),
        };
        assert!(statuses.contains(&status), "{name}: {}", answer.chars().take(200).collect::<String>());
        assert!(sent <= most, "{name}: {sent} bytes were read");
        if name == "10,000 at once" {
            assert_eq!(answer.matches("HTTP/1.1 200").count(), 10_000);
        }
    }
    // Three endless bodies of 25 MiB, with as much again where they grew, and a thousand connections of some KiB each.
    let most = daemon.memory("VmHWM");
    assert!(most < 320 * 1024, "{most} KiB");
    place.until_done(&notes).await;
    drop(idle);
    place.until_ready(200).await;
    daemon.stop().await;
}
