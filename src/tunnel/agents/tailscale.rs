//! Tailscale: `tailscale funnel status --json` prints what is served, and what of it the world may reach.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::oneshot;

use super::{Heard, MOST, OFFERS, Strange, TIMEOUT};
use crate::net::one_line;
use crate::tunnel::Offer;

/// Where the program is looked for. It gets nothing else of the environment, which may hold secrets.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin:/run/current-system/sw/bin:/opt/homebrew/bin";

/// What the program is called where nobody says otherwise.
const PROGRAM: &str = "tailscale";
/// What the program says is not what Tailscale says.
const STRANGE: &str = "what it prints cannot be understood: is it Tailscale's own program (`tailscale` in `[tunnel]`), and what does \
                       `tailscale funnel status --json` print?";

/// `ServeConfig`: everything in it may be left out.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ServeConfig {
    #[serde(rename = "Web")]
    web: Option<BTreeMap<String, Web>>,
    #[serde(rename = "AllowFunnel")]
    allow_funnel: Option<BTreeMap<String, bool>>,
    /// What runs in the foreground of a terminal, by its session.
    #[serde(rename = "Foreground")]
    foreground: Option<BTreeMap<String, ServeConfig>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Web {
    #[serde(rename = "Handlers")]
    handlers: Option<BTreeMap<String, Handler>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Handler {
    #[serde(rename = "Proxy")]
    proxy: String,
}

/// What `funnel status --json` offers the world.
///
/// # Errors
/// Where that is not what tailscale says.
pub fn funnels(said: &[u8]) -> Result<Vec<Offer>, Strange> {
    let mut served = served(said)?;
    served.retain(|offer| !offer.private);
    Ok(served)
}

/// All that is served, to the world or within the tailnet only.
fn served(said: &[u8]) -> Result<Vec<Offer>, Strange> {
    if said.trim_ascii() == b"null" {
        return Ok(Vec::new());
    }
    let config: ServeConfig = serde_json::from_slice(said).map_err(|_| Strange)?;
    let configs: Vec<&ServeConfig> =
        std::iter::once(&config).chain(config.foreground.iter().flat_map(BTreeMap::values)).collect();
    let is_open = |place: &str| {
        configs
            .iter()
            .any(|config| config.allow_funnel.as_ref().is_some_and(|open| open.get(place) == Some(&true)))
    };
    let mut offers = Vec::new();
    for (place, web) in configs.iter().filter_map(|config| config.web.as_ref()).flatten() {
        for (path, handler) in web.handlers.iter().flatten() {
            if handler.proxy.is_empty() || !path.starts_with('/') {
                continue;
            }
            // The port of TLS is left out of an address, so the place is one as it is.
            let offer = Offer::new("tailscale", &format!("https://{place}{path}"), Some(&handler.proxy));
            offers.extend(offer.map(|offer| Offer { private: !is_open(place), ..offer }));
        }
    }
    offers.sort_by_key(|offer| offer.private);
    offers.truncate(OFFERS);
    Ok(offers)
}

/// Runs the program.
#[derive(Debug, Clone)]
pub(super) struct Tailscale {
    program: String,
    /// Whether somebody wrote where it is, so that it is missed where it is not.
    named: bool,
    before: Vec<String>,
    /// Whether it still runs, or something that it has started holds on to its output.
    runs: Arc<AtomicBool>,
}

impl Tailscale {
    /// `named`: whether somebody has written it down, also as it is anyway.
    pub(super) fn new(command: &[String], named: bool) -> Option<Self> {
        let (program, before) = command.split_first()?;
        let named = named || program != PROGRAM || !before.is_empty();
        Some(Self { program: program.clone(), named, before: before.to_vec(), runs: Arc::default() })
    }

    pub(super) async fn ask(&self) -> Heard {
        if self.runs.swap(true, Ordering::AcqRel) {
            return Heard::Trouble("it still has not ended since it was last asked".to_owned());
        }
        let mut command = Command::new(&self.program);
        command.args(&self.before).args(["funnel", "status", "--json"]);
        command.env_clear().env("PATH", PATH);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (say, heard) = oneshot::channel();
        let runs = Arc::clone(&self.runs);
        // A thread of its own: the runtime's would be waited for when flaglink stops.
        let missed = self.named.then(|| one_line(&self.program, 160));
        std::thread::spawn(move || {
            let _ = say.send(run(command, missed, &runs));
        });
        heard.await.unwrap_or_else(|_| Heard::Trouble("it could not be run".to_owned()))
    }
}

/// `missed`: the name of the program, where somebody has written it.
fn run(mut command: Command, missed: Option<String>, runs: &Arc<AtomicBool>) -> Heard {
    let until = Instant::now() + TIMEOUT;
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            runs.store(false, Ordering::Release);
            return match (error.kind(), missed) {
                (ErrorKind::NotFound, None) => Heard::Away,
                (ErrorKind::NotFound, Some(program)) => Heard::Missed(format!(
                    "there is no program {program}: write where it is as `tailscale` in [tunnel], or take that out (`command -v \
                     tailscale` says where)"
                )),
                (ErrorKind::PermissionDenied, Some(program)) => Heard::Trouble(format!(
                    "{program} may not be run by flaglink's user: see the mode and the owner of that file, which `tailscale` in \
                     [tunnel] names"
                )),
                _ => Heard::Trouble(format!("it cannot be run: {error}")),
            };
        }
    };
    let output = output_of(&mut child, until, runs);
    let ended = output.as_ref().and_then(|_| end_of(&mut child, until));
    let _ = child.kill();
    let _ = child.wait();
    match (output, ended) {
        (Some((said, _)), _) if said.len() > MOST => Heard::Trouble("it says more than 1 MB".to_owned()),
        (Some((said, _)), Some(true)) => {
            served(&said).map_or_else(|_| Heard::Trouble(STRANGE.to_owned()), Heard::Offers)
        }
        (Some((_, complaint)), Some(false)) => {
            let complaint = one_line(&String::from_utf8_lossy(&complaint), 160);
            Heard::Trouble(match complaint.as_str() {
                "" => "it failed and did not say why; `tailscale funnel status` may".to_owned(),
                complaint => format!("it failed: {complaint}"),
            })
        }
        (None, _) | (_, None) => Heard::Trouble(format!("it did not end within {} s", TIMEOUT.as_secs())),
    }
}

/// What it says and what it complains of, if it comes to an end in time.
fn output_of(child: &mut Child, until: Instant, runs: &Arc<AtomicBool>) -> Option<(Vec<u8>, Vec<u8>)> {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (say, said) = mpsc::channel();
    let runs = Arc::clone(runs);
    std::thread::spawn(move || {
        let complaint = std::thread::spawn(move || read(err));
        let out = read(out);
        let _ = say.send((out, complaint.join().unwrap_or_default()));
        runs.store(false, Ordering::Release);
    });
    said.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
}

/// Whether it ended well, if it ends in time. Its output has ended, so that is a matter of a moment.
fn end_of(child: &mut Child, until: Instant) -> Option<bool> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
            _ => return None,
        }
    }
}

fn read(from: Option<impl Read>) -> Vec<u8> {
    let mut all = Vec::new();
    if let Some(from) = from {
        let _ = from.take(MOST as u64 + 1).read_to_end(&mut all);
    }
    all
}
