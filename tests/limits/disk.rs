//! A disk that takes nothing more, for the whole program: the answer is 503, nothing is half-kept, and when the disk is well
//! so is the program.

use std::path::Path;
use std::process::Command;

use crate::place::{Daemon, PATIENCE, Place, letters};

/// Lets the daemon's files grow up to so many bytes: at 0 each of its writes fails, for real.
fn limit(daemon: &Daemon, bytes: &str) {
    let pid = daemon.id().to_string();
    let done = Command::new("prlimit").args([&format!("--fsize={bytes}:unlimited"), "--pid", &pid]).status();
    assert!(done.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_refuses_so_does_the_daemon_and_then_all_is_done_once() {
    let place = Place::new("").await;
    let daemon = place.start().await;
    place.until_ready(200).await;
    let mut notes = Vec::new();
    for _ in 0..2 {
        // Taken, and not done yet, when the disk fails.
        let hangs = place.gitlab_hangs();
        for text in ["/flag list", "/flag status checkout_v2"] {
            notes.push(place.says(text).await);
        }
        let asked = place.gitlab.faults();
        asked.until(PATIENCE, |log| log.iter().any(|one| one.fault.is_some())).await.unwrap();

        limit(&daemon, "0");
        let (note, webhook) = place.comment("/flag list", "");
        for _ in 0..3 {
            assert_eq!(place.sends(&webhook).await, (503, true), "it says when to come again");
        }
        let said = place.until_ready(503).await;
        assert!(said.contains("the store cannot be written"), "{said}");
        place.gitlab_is_back(hangs);
        place.gitlab.faults().clear();
        // What is decided now cannot be written, and so nothing of it is to be seen.
        let written = place.gitlab.faults().requests("POST", "/notes").len();
        let (_, again) = place.comment("/flag status checkout_v2", "");
        assert_eq!(place.sends(&again).await, (503, true));
        assert_eq!(place.gitlab.faults().requests("POST", "/notes").len(), written);

        limit(&daemon, "unlimited");
        place.until_ready(200).await;
        place.until_answered(&notes).await;
        assert_eq!(place.sends(&webhook).await, (200, false), "nothing of it was kept");
        notes.push(note);
        place.until_answered(&notes).await;
    }
    daemon.stop().await;
}

/// A shell that may mount things for itself, where this machine lets its users do that.
fn with_mounts(script: &str) -> Option<Command> {
    let unshared = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "/bin/sh", "-c", script]);
        command
    };
    let there =
        unshared("mount -t tmpfs -o size=1m none /mnt").output().is_ok_and(|done| done.status.success());
    if !there {
        eprintln!("left out: this machine does not let its users mount anything (unshare --user --mount)");
    }
    there.then(|| unshared(script))
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

/// The daemon's command with something done before, in a world of mounts of its own.
fn mounted(place: &Place, mount: &str) -> Option<Command> {
    with_mounts(&format!("{mount} && exec {}", words(&place.command())))
}

/// A command as a shell takes it.
fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quoted(Path::new(word))).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_to_the_last_byte_is_told_and_got_over() {
    let place = Place::new("").await;
    let store = place.path("store");
    std::fs::create_dir(&store).unwrap();
    let mount = format!("mount -t tmpfs -o size=24m none {}", quoted(&store));
    let Some(command) = mounted(&place, &mount) else { return };
    let mut daemon = place.spawn(command);
    place.until_up(&mut daemon).await;
    place.until_ready(200).await;
    // What waits fills the disk. What is refused leaves nothing behind, so another one may fit.
    let hangs = place.gitlab_hangs();
    let (mut notes, mut refused) = (Vec::new(), Vec::new());
    while refused.len() < 3 {
        let seed = u64::try_from(notes.len() + refused.len()).unwrap();
        let (note, webhook) = place.comment("/flag list", &letters(1024 * 1024, seed));
        match place.sends(&webhook).await {
            (200, _) => notes.push(note),
            (503, true) => refused.push((note, webhook)),
            other => panic!("{other:?}"),
        }
        assert!(notes.len() < 100, "a disk of 24 MiB holds it all");
    }
    println!("{} deliveries of 1 MiB until the disk was full", notes.len());
    // Without the room that was kept nothing could be written that is done, and what waits would fill the disk for ever.
    place.gitlab_is_back(hangs);
    place.gitlab.faults().clear();
    place.until_answered(&notes).await;
    place.until_ready(200).await;
    for (note, webhook) in refused {
        assert_eq!(place.sends(&webhook).await, (200, false), "nothing of it was kept");
        notes.push(note);
    }
    place.until_answered(&notes).await;
    daemon.stop().await;
}

/// It is killed while things wait, and comes back on a disk that somebody else has filled to the last byte.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_full_disk_works_off_what_waits_and_takes_nothing_new() {
    let place = Place::new("").await;
    let store = place.path("store");
    std::fs::create_dir(&store).unwrap();
    let store = quoted(&store);
    let run = words(&place.command());
    // `dd` ends with the disk.
    let script = format!(
        "mount -t tmpfs -o size=24m none {store} && {{ {run}; dd if=/dev/zero of={store}/others bs=512; exec {run}; }}"
    );
    let Some(command) = with_mounts(&script) else { return };
    let mut shell = place.spawn(command);
    place.until_up(&mut shell).await;
    place.until_ready(200).await;
    let hangs = place.gitlab_hangs();
    let mut notes = Vec::new();
    for text in ["/flag list", "/flag status checkout_v2"] {
        notes.push(place.says(text).await);
    }
    let asked = place.gitlab.faults();
    asked.until(PATIENCE, |log| log.iter().any(|one| one.fault.is_some())).await.unwrap();
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", shell.id())).unwrap();
    let killed = Command::new("kill").arg("-KILL").args(children.split_whitespace()).status().unwrap();
    assert!(killed.success(), "{children}");
    place.gitlab_is_back(hangs);
    place.gitlab.faults().clear();

    let said = place.until_ready(503).await;
    assert!(said.contains("the disk is full"), "{said}");
    let (note, webhook) = place.comment("/flag list", "");
    assert_eq!(place.sends(&webhook).await, (503, true), "it says when to come again");
    place.until_answered(&notes).await;

    // Somebody makes room, and all is as before.
    let others = store.trim_matches('\'').trim_start_matches('/');
    std::fs::remove_file(format!("/proc/{}/root/{others}/others", shell.id())).unwrap();
    place.until_ready(200).await;
    assert_eq!(place.sends(&webhook).await, (200, false), "nothing of it was kept");
    notes.push(note);
    place.until_answered(&notes).await;
    shell.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_read_only_is_told_at_the_start_and_has_lost_nothing_afterwards() {
    let place = Place::new("drain = \"1s\"").await;
    let daemon = place.start().await;
    place.until_ready(200).await;
    let hangs = place.gitlab_hangs();
    let note = place.says("/flag list").await;
    daemon.stop().await;
    let store = quoted(&place.path("store"));
    let mount = format!("mount --bind {store} {store} && mount -o remount,ro,bind {store}");
    let Some(command) = mounted(&place, &mount) else { return };
    let ended = place.spawn(command).ended().await;
    assert_eq!(ended.code(), Some(1), "{}", place.log());
    let log = place.log();
    assert!(log.contains("Read-only file system") && log.contains("can be written"), "{log}");

    place.gitlab_is_back(hangs);
    place.gitlab.faults().clear();
    let daemon = place.start().await;
    place.until_answered(&[note]).await;
    daemon.stop().await;
}
