//! The real programs, each with the sample of docs/samples: only addresses, the server's name and its certificate are others.

use std::io::ErrorKind;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::kit::PATIENCE;
use crate::sender::client;
use crate::tls_end::tls;

/// Runs a program until standard input closes, which it does when this process ends, however it ends. With the program
/// it ends, too.
const KEEPER: &str =
    r#"exec 3<&0; "$@" 3<&- & program=$!; { cat <&3 >/dev/null; kill -9 $program; } & wait $program"#;

/// The path of a public address that has one.
pub(crate) const BELOW: &str = "/flags";

/// Which part of a sample is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A server of flaglink's own.
    Own,
    /// What it says for an address with a path, which comes to flaglink as it is.
    Kept,
    /// The same with the path taken away.
    TakenAway,
}

/// A program that stands before flaglink.
pub(crate) trait Program: Sync {
    /// What it is called in its answers.
    const SERVER: &'static str;

    /// Writes what the program is started with, for that port, before the listener there.
    fn write(&self, folder: &Path, port: u16, to: SocketAddr, way: Way);

    /// Runs it.
    fn command(&self, folder: &Path) -> Command;

    /// Has it read the same, and no more.
    fn check(&self, folder: &Path) -> Command;

    /// How long it keeps a connection to flaglink that nothing goes over.
    fn keeps_idle(&self, folder: &Path) -> Duration;
}

/// nginx, and docs/samples/nginx.conf.
pub(crate) struct Nginx;

/// Caddy, and docs/samples/Caddyfile.
pub(crate) struct Caddy;

fn sample(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/samples").join(name)).unwrap()
}

/// Something else in a place that is there once.
fn instead(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?} in:\n{text}");
    text.replacen(from, to, 1)
}

/// What stands between two places that are there once, with the first.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    assert_eq!(text.matches(from).count(), 1, "{from:?} in:\n{text}");
    let begin = text.find(from).unwrap();
    let length = text[begin..].find(to).unwrap_or_else(|| panic!("no {to:?} after {from:?} in:\n{text}"));
    &text[begin..begin + length]
}

/// Whether this machine has it.
fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

impl Program for Nginx {
    const SERVER: &'static str = "nginx";

    fn write(&self, folder: &Path, port: u16, to: SocketAddr, way: Way) {
        let mut text = sample("nginx.conf");
        let v6 = if has_ipv6() { format!("listen [::1]:{port} ssl;") } else { String::new() };
        for (from, to) in [
            ("server 127.0.0.1:8080;", format!("server {to};")),
            ("listen 443 ssl;", format!("listen 127.0.0.1:{port} ssl;")),
            ("listen [::]:443 ssl;", v6),
            ("server_name flags.example.com;", "server_name localhost;".to_owned()),
            ("/etc/ssl/flags.example.com/fullchain.pem", tls("good").display().to_string()),
            ("/etc/ssl/flags.example.com/privkey.pem", tls("key").display().to_string()),
        ] {
            text = instead(&text, from, &to);
        }
        if way != Way::Own {
            // As the sample says it: the limit goes into the block, and the block begins with another line.
            let size = "client_max_body_size 25m;";
            text = instead(&text, &format!("\n    {size}"), "");
            let line = between(&text, "location ~ ^/flags/", "\n").to_owned();
            let away = if way == Way::TakenAway { "rewrite ^/flags(/.*)$ $1 break;" } else { "" };
            text = instead(
                &text,
                "location ~ ^/(hooks/|healthz$|\\.flaglink/) {",
                &format!("{line} {size} {away}"),
            );
        }
        std::fs::write(folder.join("flaglink.conf"), text).unwrap();
        // What Debian's own nginx.conf would say, for whoever runs this.
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {};\n", folder.join(kind).display()));
        let main = format!(
            "daemon off;\nmaster_process off;\npid {pid};\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}include {site};\n}}\n",
            pid = folder.join("pid").display(),
            temporary = temporary.concat(),
            site = folder.join("flaglink.conf").display(),
        );
        std::fs::write(folder.join("nginx.conf"), main).unwrap();
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(folder.join("nginx.conf"));
        command
    }

    fn check(&self, folder: &Path) -> Command {
        let mut command = self.command(folder);
        command.arg("-t");
        command
    }

    fn keeps_idle(&self, folder: &Path) -> Duration {
        let text = std::fs::read_to_string(folder.join("flaglink.conf")).unwrap();
        let upstream = between(&text, "upstream flaglink {", "}");
        // Not said, it is what nginx's documentation says.
        let said = upstream.split_once("keepalive_timeout ").map_or("60s;", |(_, said)| said);
        let seconds = said.split_once("s;").unwrap().0;
        Duration::from_secs(seconds.parse().unwrap())
    }
}

impl Caddy {
    /// Caddy, which keeps nothing elsewhere.
    fn caddy(folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("caddy");
        command
            .args(arguments)
            .arg("--config")
            .arg(folder.join("Caddyfile"))
            .args(["--adapter", "caddyfile"]);
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env(name, folder);
        }
        command
    }
}

impl Program for Caddy {
    const SERVER: &'static str = "Caddy";

    fn write(&self, folder: &Path, port: u16, to: SocketAddr, way: Way) {
        let mut text = sample("Caddyfile");
        let (certificate, key) = (tls("good"), tls("key"));
        let v6 = if has_ipv6() { "[::1]" } else { "" };
        let site = format!(
            "https://localhost:{port} {{\nbind 127.0.0.1 {v6}\ntls {} {}\n",
            certificate.display(),
            key.display()
        );
        let block = between(&text, "\t@flaglink path /hooks/", "\thandle {\n").to_owned();
        // As the sample says it in its comment.
        let below = between(&text, "@flaglink path /flags/", "\n#\n").replace("\n#\t", "\n");
        let here = match way {
            Way::Own => block.clone(),
            Way::Kept => below,
            Way::TakenAway => {
                let (_, begin) = between(&text, "# `handle_path", "`, which takes the path away").split_at(3);
                instead(&below, "handle @flaglink", begin)
            }
        };
        text = instead(&text, &block, &format!("{}\n", instead(&here, "127.0.0.1:8080", &to.to_string())));
        text = instead(&text, "flags.example.com {", &site);
        // Nothing but this site: no port for administration, none for plain HTTP, no certificate authority of its own.
        let alone = "{\nadmin off\nauto_https disable_redirects\nskip_install_trust\n}\n";
        std::fs::write(folder.join("Caddyfile"), format!("{alone}{text}")).unwrap();
    }

    fn command(&self, folder: &Path) -> Command {
        Self::caddy(folder, &["run"])
    }

    fn check(&self, folder: &Path) -> Command {
        Self::caddy(folder, &["validate"])
    }

    fn keeps_idle(&self, folder: &Path) -> Duration {
        let Output { stdout, .. } = Self::caddy(folder, &["adapt"]).output().unwrap();
        let adapted: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
        let mut kept = Vec::new();
        idle_timeouts(&adapted, &mut kept);
        // Not said, it is what Caddy's documentation says.
        kept.into_iter().max().map_or(Duration::from_secs(120), Duration::from_nanos)
    }
}

fn idle_timeouts(value: &serde_json::Value, found: &mut Vec<u64>) {
    match value {
        serde_json::Value::Object(object) => {
            found.extend(object.get("keep_alive").and_then(|kept| kept["idle_timeout"].as_u64()));
            object.values().for_each(|value| idle_timeouts(value, found));
        }
        serde_json::Value::Array(array) => array.iter().for_each(|value| idle_timeouts(value, found)),
        _ => {}
    }
}

/// A proxy that runs.
pub(crate) struct Proxy {
    /// Its standard input is what keeps it running.
    keeper: Child,
    folder: TempDir,
    /// Where it listens: on that port of `localhost`.
    pub(crate) port: u16,
}

impl Proxy {
    /// Started, and answering.
    pub(crate) async fn start<P: Program>(program: &P, to: SocketAddr, way: Way) -> Self {
        // Until it has its port somebody else may take it.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Some(proxy) = Self::start_at(program, port, to, way).await {
                return proxy;
            }
        }
        panic!("it gets no port");
    }

    async fn start_at<P: Program>(program: &P, port: u16, to: SocketAddr, way: Way) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        program.write(folder.path(), port, to, way);
        let checked = match program.check(folder.path()).output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("{} is not installed; tests/all --install would install it", P::SERVER)
            }
            checked => checked.unwrap(),
        };
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        if !checked.status.success() {
            assert!(said.contains("ddress already in use"), "{said}");
            return None;
        }
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let command = program.command(folder.path());
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(command.get_program()).args(command.get_args());
        keeper.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        keeper.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut proxy = Self { keeper: keeper.spawn().unwrap(), folder, port };
        let answers = async {
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            loop {
                tick.tick().await;
                if proxy.keeper.try_wait().unwrap().is_some() {
                    return false;
                }
                let answer = client().get(format!("{}/", proxy.url())).send().await;
                if answer.is_ok_and(|answer| served_by(&answer).starts_with(P::SERVER)) {
                    return true;
                }
            }
        };
        match tokio::time::timeout(PATIENCE, answers).await {
            Ok(true) => Some(proxy),
            Ok(false) if proxy.log().contains("ddress already in use") => None,
            _ => panic!("it does not run:\n{}", proxy.log()),
        }
    }

    /// Its address from outside, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// What it is started with.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// What it has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // With the program.
        let _ = self.keeper.wait();
    }
}

/// Which program answered, as it says itself.
pub(crate) fn served_by(answer: &reqwest::Response) -> String {
    let server = answer.headers().get(http::header::SERVER);
    server.and_then(|server| server.to_str().ok()).unwrap_or_default().to_owned()
}
