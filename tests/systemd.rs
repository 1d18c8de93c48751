//! The unit for systemd and the configuration that goes with it.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use flaglink::config::{Config, MarkerKeySource};
use flaglink::flags::{Registry, Surroundings};

const UNIT: &str = include_str!("../systemd/flaglink.service");
const SETTINGS: &str = include_str!("../systemd/flaglink.toml");

/// The values of a directive, one for each line that has it.
fn values<'a>(unit: &'a str, directive: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(directive)?.strip_prefix('=')).collect()
}

/// The names of the credentials that the unit loads.
fn credentials() -> BTreeSet<String> {
    values(UNIT, "LoadCredential").iter().map(|line| line.split_once(':').unwrap().0.to_owned()).collect()
}

#[test]
fn the_configuration_of_the_unit_loads_with_the_credentials_of_the_unit() {
    let dir = tempfile::tempdir().unwrap();
    let env = BTreeMap::from([("CREDENTIALS_DIRECTORY".to_owned(), dir.path().display().to_string())]);
    let file = Path::new("/etc/flaglink/flaglink.toml");
    for name in credentials() {
        let secret = dir.path().join(name);
        std::fs::write(&secret, "0123456789abcdef0123456789abcdef\n").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o400)).unwrap();
        }
    }
    let config = Config::parse(SETTINGS, file, &env).unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());
    let providers = |config: &Config| Registry::build(&config.providers, &Surroundings::default());
    assert_eq!(providers(&config).unwrap().iter().count(), 1);

    // What systemd makes for the service is what the configuration points to.
    let state = |path: &Path| {
        let name = path.strip_prefix("/var/lib").unwrap().iter().next().unwrap().to_str().unwrap().to_owned();
        values(UNIT, "StateDirectory").iter().any(|names| names.split(' ').any(|made| made == name))
    };
    assert!(state(&config.store.path), "{:?}", config.store.path);
    let MarkerKeySource::File(key) = &config.store.marker_key else {
        unreachable!("no key in the environment")
    };
    assert!(state(key) && !key.starts_with(&config.store.path), "{key:?}");
    assert_eq!(
        config.listen.socket.parent(),
        Some(Path::new("/run").join(values(UNIT, "RuntimeDirectory")[0]).as_path())
    );

    // Each credential is used: without it the configuration is not whole.
    for name in credentials() {
        std::fs::rename(dir.path().join(&name), dir.path().join("away")).unwrap();
        let whole = Config::parse(SETTINGS, file, &env).is_ok_and(|config| providers(&config).is_ok());
        assert!(!whole, "it loads without {name}");
        std::fs::rename(dir.path().join("away"), dir.path().join(&name)).unwrap();
    }
}

#[test]
fn the_unit_is_hardened_and_gives_time_to_drain() {
    for line in [
        "Type=notify",
        "User=flaglink",
        "UMask=0077",
        "StateDirectoryMode=0700",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateDevices=yes",
        "MemoryDenyWriteExecute=yes",
        "SystemCallFilter=@system-service",
        "Restart=on-failure",
        "RestartPreventExitStatus=2 CREDENTIALS",
    ] {
        assert!(UNIT.lines().any(|has| has == line), "no {line}");
    }
    let seconds =
        |directive: &str| values(UNIT, directive)[0].strip_suffix('s').unwrap().parse::<u64>().unwrap();
    let mut keys = flaglink::config::EXAMPLE.lines().filter_map(|line| line.split_once('='));
    let drain = keys.find(|(key, _)| key.trim() == "drain").unwrap().1.trim();
    let drain: u64 = drain.strip_prefix('"').unwrap().split_once('s').unwrap().0.parse().unwrap();
    assert!(
        seconds("TimeoutStopSec") > drain + 10,
        "draining takes up to {drain} seconds, and its end up to ten"
    );
    assert!(seconds("WatchdogSec") > 0);
    let users = include_str!("../systemd/flaglink.sysusers.conf");
    assert!(users.lines().any(|line| line.starts_with("u flaglink ")), "{users}");
}

/// `systemd-analyze`, where it is installed.
fn systemd_analyze() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|dir| dir.join("systemd-analyze")).find(|path| path.is_file())
}

/// What systemd says about a unit; empty where it has nothing to say.
fn verdict(analyze: &Path, unit: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("flaglink.service");
    std::fs::write(&path, unit).unwrap();
    // `man:` and `file:` pages of the unit are not installed here, and are not what is checked.
    let output = Command::new(analyze).args(["verify", "--man=no"]).arg(&path).output().unwrap();
    let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
    // It also reads the units that ours is ordered after, and speaks about those of this machine.
    said = said.lines().filter(|line| line.contains("flaglink")).collect::<Vec<_>>().join("\n");
    if !output.status.success() && said.is_empty() {
        said = format!("it ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    said
}

#[test]
fn systemd_has_nothing_to_say_against_the_unit() {
    let Some(analyze) = systemd_analyze() else {
        eprintln!("left out: systemd-analyze is not installed here, so systemd was not asked about the unit");
        return;
    };
    let installed = values(UNIT, "ExecStart")[0].split(' ').next().unwrap();
    let unit = UNIT.replace(installed, env!("CARGO_BIN_EXE_flaglink"));
    assert_eq!(verdict(&analyze, &unit), "");
    // It would have had something to say.
    let mistyped = unit.replace("ProtectHome=yes", "ProtektHome=yes");
    assert!(verdict(&analyze, &mistyped).contains("ProtektHome"));
    let nowhere = unit.replace(env!("CARGO_BIN_EXE_flaglink"), "/nowhere/flaglink");
    assert!(verdict(&analyze, &nowhere).contains("/nowhere/flaglink"));
}
