//! Asked at a terminal: answers that do not do are asked for again, and secrets are not shown.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::place::Place;

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program at a terminal, and whoever sits there.
struct Sitting {
    child: Child,
    keys: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    /// What was seen up to here was waited for.
    at: usize,
}

impl Sitting {
    fn new(place: &Place, arguments: &[String]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let side: OwnedFd =
            rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let stdio = || Stdio::from(side.try_clone().unwrap());
        let mut command = place.command(arguments);
        command.stdin(stdio()).stdout(stdio()).stderr(stdio()).env("NO_COLOR", "1").env("TERM", "xterm");
        let child = command.spawn().unwrap();
        let keys = File::from(master);
        let mut screen = keys.try_clone().unwrap();
        let (send, receive) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            // When the program has ended this is an error.
            while let Ok(read) = screen.read(&mut piece) {
                if read == 0 || send.send(piece[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, screen: receive, seen: String::new(), at: 0 }
    }

    /// Waits until that is on the screen, and answers.
    fn answer(&mut self, question: &str, answer: &str) {
        self.see(question);
        self.keys.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }

    fn see(&mut self, words: &str) {
        let began = Instant::now();
        loop {
            if let Some(found) = self.seen[self.at..].find(words) {
                self.at += found + words.len();
                return;
            }
            match self.screen.recv_timeout(PATIENCE.saturating_sub(began.elapsed())) {
                Ok(piece) => self.seen.push_str(&String::from_utf8_lossy(&piece)),
                Err(_) => unreachable!("no `{words}` in what came since:\n{}", &self.seen[self.at..]),
            }
        }
    }

    /// Whether the terminal shows what is typed.
    fn echoes(&self) -> bool {
        tcgetattr(&self.keys).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    fn ended(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().unwrap();
        // Our own end of its side is closed with it; what is left on the screen is read.
        while let Ok(piece) = self.screen.recv_timeout(Duration::from_millis(500)) {
            self.seen.push_str(&String::from_utf8_lossy(&piece));
        }
        (code, self.seen)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_asked_again_until_they_are_answered() {
    let place = Place::new().await;
    let ended = tokio::task::spawn_blocking({
        let (gitlab, flagsmith) = (place.gitlab.url(), place.flagsmith.url());
        let (token, key) = (place.token.clone(), place.key.clone());
        let mut sitting = Sitting::new(&place, &[]);
        move || {
            sitting.answer("Where is your GitLab?", "what is this");
            sitting.see("✘ `what is this` is no web address");
            sitting.answer("Where is your GitLab?", &format!("{gitlab}/shop/web"));
            sitting.see("✔ GitLab is at");
            sitting.answer("The access token of the bot?", "glpat-mistyped");
            sitting.see("✘ GitLab does not accept this token");
            sitting.answer("The access token of the bot?", &format!(" {token} "));
            sitting.see("the bot is @flag-bot");
            sitting.see("1  shop/**");
            sitting.answer("several with commas.", "7");
            sitting.see("✘ there is no 7 in the list");
            sitting.answer("several with commas.", "1");
            sitting.answer("Which flag service?", "launchdarkly");
            sitting.see("[flagsmith]");
            sitting.answer("Which flag service?", "");
            sitting.answer("Where is your Flagsmith?", &gitlab);
            sitting.see("not Flagsmith's API");
            sitting.answer("Where is your Flagsmith?", &flagsmith);
            sitting.answer("The API key for Flagsmith?", "not.a-key");
            sitting.see("✘ Flagsmith does not accept this key");
            sitting.answer("The API key for Flagsmith?", &key);
            sitting.see("environments: staging, production");
            sitting.answer("also get a reply", "nope");
            sitting.see("✘ there is no environment `nope`");
            sitting.answer("also get a reply", "");
            sitting.answer("from outside?", "none");
            sitting.see("flaglink.toml is made");
            sitting.answer("Write that?", "perhaps");
            sitting.see("✘ answer yes or no");
            sitting.answer("Write that?", "");
            sitting.ended()
        }
    });
    let (code, screen) = ended.await.unwrap();
    assert_eq!(code, 0, "{screen}");
    for secret in [&place.token, &place.key] {
        assert!(!screen.contains(secret.as_str()), "a secret was shown:\n{screen}");
    }
    assert!(screen.contains("/flag link checkout_v2"), "{screen}");
    assert!(!screen.contains("\u{1b}[3") && !screen.contains("\u{1b}[1m"), "NO_COLOR holds: {screen:?}");
    let config = place.read("flaglink.toml");
    assert!(config.contains("match = \"shop/**\"\ntell = [\"production\"]"), "{config}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_at_the_end_and_a_way_out_write_nothing() {
    let place = Place::new().await;
    let flags = place.flags();
    let ended = tokio::task::spawn_blocking({
        let mut sitting = Sitting::new(&place, &flags);
        move || {
            sitting.answer("also get a reply", "none");
            sitting.answer("Write that?", "no");
            sitting.ended()
        }
    });
    let (code, screen) = ended.await.unwrap();
    assert_eq!(code, 1, "{screen}");
    assert!(screen.contains("nothing was written") && place.files().is_empty(), "{screen}");

    // Ctrl-C at a hidden question.
    let flags = place.flags_but("--gitlab-token-file", "");
    let ended = tokio::task::spawn_blocking({
        let mut sitting = Sitting::new(&place, &flags);
        move || {
            sitting.answer("The access token of the bot?", "abc\u{3}");
            sitting.ended()
        }
    });
    let (code, screen) = ended.await.unwrap();
    assert!(
        code == 1 && screen.contains("nothing was written") && place.files().is_empty(),
        "{code}: {screen}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_at_a_hidden_question_gives_the_terminal_its_echo_back() {
    let place = Place::new().await;
    for by in [Signal::TERM, Signal::HUP, Signal::INT] {
        let flags = place.flags_but("--gitlab-token-file", "");
        let ended = tokio::task::spawn_blocking({
            let mut sitting = Sitting::new(&place, &flags);
            move || {
                sitting.see("The access token of the bot?");
                assert!(!sitting.echoes(), "what is typed is not shown");
                kill_process(Pid::from_child(&sitting.child), by).unwrap();
                sitting.see("stopped: nothing was written");
                assert!(sitting.echoes(), "it is shown again");
                sitting.ended()
            }
        });
        let (code, screen) = ended.await.unwrap();
        assert!(code == 1 && place.files().is_empty(), "{by:?}: {code}: {screen}");
    }
}
