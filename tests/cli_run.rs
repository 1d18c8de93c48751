//! `flaglink run`: starts although nobody else is there, answers the other commands, and stops when told to.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/cli.rs"]
mod support;

use std::process::{Child, Command};
use std::time::Duration;

use flaglink::store::sled::{SledStore, StoreOptions};
use tokio::net::UnixStream;
use tokio::time::timeout;

use support::{House, Said, finished, least};

const PATIENCE: Duration = Duration::from_secs(30);

/// A house in which nobody answers, neither GitLab nor the flag service.
fn house() -> House {
    let listen = "webhooks = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nsocket = \"flaglink.sock\"".to_owned();
    let house = House::new(
        &least(&listen)
            .replace("https://gitlab.example.com", "http://127.0.0.1:9")
            .replace("https://flags.example.com", "http://127.0.0.1:9"),
    );
    house.write("gitlab-token", "glpat-1234567890\n");
    house.write("webhook-secret", "0123456789abcdef0123\n");
    house.write("flagsmith-key", "a-key-of-flagsmith\n");
    house
}

impl House {
    /// Waits until the log of the daemon has these words.
    async fn logs(&self, words: &str) {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let log = || std::fs::read_to_string(self.path("log")).unwrap();
        let said = async {
            while !log().contains(words) {
                ticks.tick().await;
            }
        };
        assert!(timeout(PATIENCE, said).await.is_ok(), "{}", log());
    }
}

/// A daemon that is ended with the test, however that ends.
struct Daemon(Option<Child>);

impl Daemon {
    async fn start(house: &House) -> Self {
        Self::start_with(house, &[]).await
    }

    /// With those variables.
    async fn start_with(house: &House, env: &[(&str, &str)]) -> Self {
        let mut command = house.command(&["run"]);
        command.envs(env.iter().copied());
        // Its log is read at the end; a pipe that fills up would stop it.
        let log = std::fs::File::create(house.path("log")).unwrap();
        let daemon = Self(Some(command.stderr(log).spawn().unwrap()));
        let socket = house.path("flaglink.sock");
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let up = async {
            while UnixStream::connect(&socket).await.is_err() {
                ticks.tick().await;
            }
        };
        if timeout(PATIENCE, up).await.is_err() {
            let log = std::fs::read_to_string(house.path("log")).unwrap();
            unreachable!("the daemon did not come up: {log}");
        }
        daemon
    }

    async fn signal(&self, signal: &str) {
        let mut kill = Command::new("/bin/sh");
        kill.args(["-c", &format!("kill -{signal} {}", self.0.as_ref().unwrap().id())]);
        assert_eq!(finished(kill).await.code, 0);
    }

    async fn told(mut self, signal: &str) -> i32 {
        self.signal(signal).await;
        let mut child = self.0.take().unwrap();
        let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
        timeout(PATIENCE, ended).await.unwrap().unwrap().code().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_runs_answers_and_stops_when_told_to() {
    let house = house();
    for signal in ["TERM", "INT"] {
        let daemon = Daemon::start(&house).await;
        let Said { code, out, err } = house.run(&["links", "list"]).await;
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains("No flag is linked"), "{out}");
        let queue = house.run(&["--json", "queue", "list"]).await;
        assert_eq!(queue.code, 0, "{queue:?}");

        // A second one is sent away, and the first does not notice.
        let second = house.run(&["run"]).await;
        assert_eq!(second.code, 1, "{second:?}");
        assert!(second.err.contains("in use"), "{second:?}");
        assert_eq!(house.run(&["links", "list"]).await.code, 0);

        assert_eq!(daemon.told(signal).await, 0);
        assert!(!house.path("flaglink.sock").exists());
        let log = std::fs::read_to_string(house.path("log")).unwrap();
        assert!(!log.contains("glpat") && !log.contains("0123456789abcdef"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reads_its_configuration_again_when_told_to() {
    let house = house();
    let said = house.run(&["reload"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("not running"), "{said:?}");

    let daemon = Daemon::start(&house).await;
    let said = house.run(&["reload"]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_eq!(said.out, "The configuration is in force: 1 project rule, 1 flag service.\n");
    let said = house.run(&["--json", "reload"]).await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said.out).unwrap()["rules"], 1);

    // A secret that is not there: it says so, and the one from before stays in force.
    std::fs::rename(house.path("gitlab-token"), house.path("elsewhere")).unwrap();
    let said = house.run(&["reload"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("gitlab-token") && said.err.contains("flaglink.toml:"), "{said:?}");

    // By a signal nobody is there to be answered; the log says it. Whatever it says, the daemon goes on.
    for (word, back) in [("is not used", false), ("is in force", true)] {
        if back {
            std::fs::rename(house.path("elsewhere"), house.path("gitlab-token")).unwrap();
        }
        let told = |log: &str| log.matches(word).count();
        let before = told(&std::fs::read_to_string(house.path("log")).unwrap());
        daemon.signal("HUP").await;
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let heard = async {
            while told(&std::fs::read_to_string(house.path("log")).unwrap()) == before {
                ticks.tick().await;
            }
        };
        timeout(PATIENCE, heard).await.unwrap();
        assert_eq!(house.run(&["links", "list"]).await.code, 0);
    }
    assert_eq!(daemon.told("TERM").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_the_configuration_is_told_as_one() {
    let house = house();
    house.write("flagsmith-key", "\n");
    let said = house.run(&["run"]).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("flagsmith"), "{said:?}");

    let house = self::house();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = house.command(&["run"]);
    command.env("FLAGLINK_LISTEN__WEBHOOKS", taken.local_addr().unwrap().to_string());
    let said = finished(command).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("listen.webhooks"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_names_no_proxy_is_told_in_the_log() {
    let house = house();
    let daemon = Daemon::start_with(&house, &[("HTTPS_PROXY", "htp://me:hush@proxy.corp.test")]).await;
    assert_eq!(daemon.told("TERM").await, 0);
    let log = std::fs::read_to_string(house.path("log")).unwrap();
    assert!(log.contains("HTTPS_PROXY is not the address of a proxy") && !log.contains("hush"), "{log}");
}

/// Another command holds the store for a moment: that is no reason to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_held_for_a_moment_is_waited_for() {
    let house = house();
    let daemon = Daemon::start(&house).await;
    assert_eq!(daemon.told("TERM").await, 0);
    let store = SledStore::open(&house.path("store"), StoreOptions::default()).unwrap();
    let log = std::fs::File::create(house.path("log")).unwrap();
    let daemon = Daemon(Some(house.command(&["run"]).stderr(log).spawn().unwrap()));
    house.logs("waiting up to 10 s").await;
    let stopped = daemon.told("TERM").await;
    assert_eq!(stopped, 0, "whoever waits can be stopped");

    let log = std::fs::File::create(house.path("log")).unwrap();
    let daemon = Daemon(Some(house.command(&["run"]).stderr(log).spawn().unwrap()));
    house.logs("waiting up to 10 s").await;
    drop(store);
    house.logs("webhooks come in on").await;
    assert_eq!(daemon.told("TERM").await, 0);
}

/// GitLab is away, and the token another one: whether it is good cannot be said yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_that_cannot_be_tried_is_told() {
    let house = house();
    let daemon = Daemon::start(&house).await;
    // What was there before has been read.
    assert_eq!(house.run(&["reload"]).await.code, 0);
    house.write("gitlab-token", "glpat-0987654321\n");
    house.write("flagsmith-key", "another-key-of-flagsmith\n");
    let said = house.run(&["reload"]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    for named in ["the token of [gitlab]", "the key of [providers.flagsmith]"] {
        assert!(said.out.contains(&format!("{named} is new and could not be tried (")), "{}", said.out);
    }
    assert!(said.out.contains("is in force") && !said.out.contains("0987654321"), "{}", said.out);

    // A mistake that is told with a sample keeps its lines.
    house.write("flaglink.toml", "[gitlab]\nurl = \"http://127.0.0.1:9\"\ntoken_file = \"gitlab-token\"\n[store]\npath = \"store\"\n[listen]\nsocket = \"flaglink.sock\"\n");
    for command in ["reload", "doctor"] {
        let said = house.run(&[command]).await;
        let all = format!("{}{}", said.out, said.err);
        assert!(
            all.contains("\n") && all.contains("    [providers.flagsmith]\n") && !all.contains('\u{fffd}'),
            "{all}"
        );
    }
    assert_eq!(daemon.told("TERM").await, 0);
}
