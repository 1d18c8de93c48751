//! What systemd hears: ready, alive, stopping. Its end of the socket is the story's.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use flaglink::sandbox::faults::{Fault, Rule};

use crate::place::{Daemon, PATIENCE, Place};

/// Systemd, as far as the daemon knows it.
struct Systemd(UnixDatagram);

impl Systemd {
    /// The next thing that it is told, but for what it shows people.
    fn hears(&self) -> String {
        loop {
            let said = self.is_told();
            if !said.starts_with("STATUS=") {
                return said;
            }
        }
    }

    /// The next thing that it is to show people.
    fn shows(&self) -> String {
        loop {
            if let Some(shown) = self.is_told().strip_prefix("STATUS=") {
                return shown.to_owned();
            }
        }
    }

    fn is_told(&self) -> String {
        let mut said = [0; 4096];
        let len = self.0.recv(&mut said).expect("nothing is said");
        String::from_utf8_lossy(&said[..len]).trim().to_owned()
    }

    /// What was said and not yet heard; then nothing more is.
    fn drop_what_was_said(&self) {
        self.0.set_nonblocking(true).unwrap();
        while self.0.recv(&mut [0; 64]).is_ok() {}
        self.0.set_nonblocking(false).unwrap();
    }
}

/// A daemon of a service with `WatchdogSec=`.
fn watched(place: &Place, systemd: &str, allowed: Duration) -> Daemon {
    let mut command = place.command();
    command.env("NOTIFY_SOCKET", place.path(systemd)).env("WATCHDOG_USEC", allowed.as_micros().to_string());
    place.spawn(command)
}

fn listen(place: &Place, name: &str) -> Systemd {
    let socket = UnixDatagram::bind(place.path(name)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Systemd(socket)
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_hears_that_it_is_ready_alive_and_stopping_in_that_order() {
    let place = Place::new("drain = \"2s\"").await;
    let systemd = listen(&place, "systemd");
    let mut daemon = watched(&place, "systemd", Duration::from_millis(600));
    // It may take long: there may be much in the store.
    assert_eq!(systemd.hears(), "EXTEND_TIMEOUT_USEC=60000000");
    let mut heard = systemd.hears();
    // Alive may be said before ready, which nobody counts.
    while heard == "WATCHDOG=1" {
        heard = systemd.hears();
    }
    assert_eq!(heard, "READY=1");
    assert!(tokio::net::TcpStream::connect(place.webhooks).await.is_ok(), "ready is when webhooks are taken");
    place.until_up(&mut daemon).await;
    place.until_ready(200).await;
    for _ in 0..4 {
        assert_eq!(systemd.hears(), "WATCHDOG=1");
    }

    // A disk that is full is no reason to be started again.
    let limit = |bytes: &str| {
        let pid = daemon.id().to_string();
        let done =
            Command::new("prlimit").args([&format!("--fsize={bytes}:unlimited"), "--pid", &pid]).status();
        assert!(done.unwrap().success());
    };
    limit("0");
    place.until_ready(503).await;
    systemd.drop_what_was_said();
    for _ in 0..4 {
        assert_eq!(systemd.hears(), "WATCHDOG=1");
    }
    limit("unlimited");
    place.until_ready(200).await;

    let _hangs = place.gitlab_hangs();
    place.says("/flag list").await;
    let caught = place.gitlab.faults().until(PATIENCE, |log| log.iter().any(|one| one.fault.is_some()));
    caught.await.unwrap();
    systemd.drop_what_was_said();
    daemon.tell("TERM");
    let mut heard = systemd.hears();
    while heard == "WATCHDOG=1" {
        heard = systemd.hears();
    }
    assert_eq!(heard, "STOPPING=1");
    for _ in 0..3 {
        assert_eq!(systemd.hears(), "WATCHDOG=1", "it is alive while it drains");
    }
    assert_eq!(daemon.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_systemctl_shows_is_how_gitlab_and_the_flag_services_are() {
    let place = Place::new("").await;
    let systemd = listen(&place, "systemd");
    let down = place.gitlab.faults().add(Rule::everything(Fault::status(503)));
    let mut daemon = watched(&place, "systemd", Duration::from_millis(600));
    let shown = systemd.shows();
    assert!(shown.starts_with("Not well: gitlab: "), "{shown}");
    place.gitlab.faults().remove(down);
    while systemd.shows() != "GitLab and all flag services answer" {}
    place.until_up(&mut daemon).await;
    daemon.stop().await;
}
