//! Opening: who may, what is put right by itself, and what people are told.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flaglink::domain::{Kept, Write};
use flaglink::store::sled::{OpenError, SledStore, StoreOptions, user_name};
use flaglink::store::{Store, StoreError};

use crate::kit::{commit, delivery, flag, folder, issue, linked, open};

fn refused(path: &Path) -> OpenError {
    match SledStore::open(path, StoreOptions::default()) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    }
}

async fn with_something_in_it(path: &Path) {
    let store = open(path);
    commit(&store, [Write::PutNoteable(Box::new(linked(&issue(1), &[flag("a")])))]).await;
    store.keep(delivery(Some("a"), b"{}")).await.unwrap();
}

async fn has_it_all(path: &Path) {
    let store = open(path);
    assert_eq!(store.noteables_of(&flag("a")).await.unwrap(), [issue(1)]);
    assert_eq!(store.keep(delivery(Some("a"), b"{}")).await.unwrap(), Kept::Before);
}

#[tokio::test]
async fn a_store_has_one_owner_and_the_second_hears_who() {
    let folder = folder();
    let store = open(folder.path());
    let error = refused(folder.path());
    assert!(matches!(error, OpenError::Locked { .. }));
    let text = error.to_string();
    assert!(text.contains(&folder.path().display().to_string()), "{text}");
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    store.check().await.unwrap();
    drop(store);
    open(folder.path());
}

/// Root can open everything; what it left behind would keep the flaglink whose store it is from starting.
#[tokio::test]
async fn the_store_of_another_users_flaglink_is_left_alone_also_by_root() {
    let folder = folder();
    with_something_in_it(folder.path()).await;
    let log = folder.path().join("db/db");
    if std::os::unix::fs::chown(&log, Some(65_534), None).is_err() {
        eprintln!("left out: only root can give a file to somebody else");
        return;
    }
    let before = files_below(folder.path());
    let error = refused(folder.path());
    assert!(matches!(error, OpenError::Strangers { .. }), "{error}");
    let text = error.to_string();
    let (owner, ours) = (user_name(65_534), user_name(0));
    assert!(text.contains(&format!("belongs to the user {owner}")), "{text}");
    assert!(text.contains(&format!("runs as {ours}")), "{text}");
    assert_eq!(files_below(folder.path()), before, "nothing was touched");

    // A folder of somebody else's is no store of somebody else's: that is how volumes are.
    std::os::unix::fs::chown(&log, Some(0), None).unwrap();
    std::os::unix::fs::chown(folder.path(), Some(65_534), None).unwrap();
    has_it_all(folder.path()).await;
}

/// Every file with its length and its time.
fn files_below(path: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        let about = entry.metadata().unwrap();
        if about.is_dir() {
            all.extend(files_below(&entry.path()));
        } else {
            all.insert(entry.path(), (about.len(), about.modified().unwrap()));
        }
    }
    all
}

#[tokio::test]
async fn the_folder_is_made_and_is_nobody_elses_business() {
    let folder = folder();
    let path = folder.path().join("var").join("flaglink");
    with_something_in_it(&path).await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    has_it_all(&path).await;
}

#[tokio::test]
async fn a_snapshot_that_was_never_finished_is_removed() {
    let folder = folder();
    with_something_in_it(folder.path()).await;
    for content in [&b""[..], b"half of a snapshot that a kill cut short"] {
        let left_over = folder.path().join("db/snap.00000000FFFFFFFF.generating");
        fs::write(&left_over, content).unwrap();
        has_it_all(folder.path()).await;
        assert!(!left_over.exists());
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_each_of_many_restarts() {
    let folder = folder();
    for round in 0..8_u64 {
        let store = open(folder.path());
        assert_eq!(store.inbox().await.unwrap().len() as u64, round);
        assert_eq!(store.linked_noteables(None, 99).await.unwrap().len() as u64, round);
        commit(&store, [Write::PutNoteable(Box::new(linked(&issue(round), &[flag("a")])))]).await;
        store.keep(delivery(Some(&round.to_string()), b"{}")).await.unwrap();
    }
}

#[tokio::test]
async fn another_schema_is_refused_before_anything_is_touched() {
    let folder = folder();
    with_something_in_it(folder.path()).await;
    let marker = folder.path().join("db/flaglink-schema");
    assert_eq!(fs::read_to_string(&marker).unwrap(), "1\n");
    let log = fs::read(folder.path().join("db/db")).unwrap();

    fs::write(&marker, "2\n").unwrap();
    let error = refused(folder.path());
    assert!(matches!(error, OpenError::Newer { found: 2, .. }), "{error}");
    assert!(error.to_string().contains("newer flaglink"), "{error}");
    fs::write(&marker, "0\n").unwrap();
    let error = refused(folder.path());
    assert!(matches!(error, OpenError::Older { found: 0, .. }), "{error}");
    fs::write(&marker, "what?").unwrap();
    assert!(matches!(refused(folder.path()), OpenError::Damaged { .. }));
    assert!(fs::read(folder.path().join("db/db")).unwrap() == log, "it was touched");

    fs::write(&marker, "1\n").unwrap();
    has_it_all(folder.path()).await;
}

/// Opens the database past the store. sled lets go of its lock on a thread of its own, so one that was just closed
/// may still be locked for a moment.
fn database_itself(store: &Path) -> sled::Db {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        match sled::open(store.join("db")) {
            Ok(database) => return database,
            Err(error) => assert!(std::time::Instant::now() < deadline, "{error}"),
        }
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn the_schema_in_the_database_itself_counts_too() {
    let folder = folder();
    with_something_in_it(folder.path()).await;
    for (schema, newer) in [("7", true), ("0", false)] {
        let database = database_itself(folder.path());
        database.insert("Schema", schema).unwrap();
        database.flush().unwrap();
        drop(database);
        let error = refused(folder.path());
        assert_eq!(matches!(error, OpenError::Newer { found: 7, .. }), newer, "{error}");
        assert_eq!(matches!(error, OpenError::Older { found: 0, .. }), !newer, "{error}");
    }
}

#[tokio::test]
async fn a_database_of_something_else_is_left_alone() {
    let folder = folder();
    let database = database_itself(folder.path());
    database.insert("theirs", "theirs").unwrap();
    drop(database);
    let error = refused(folder.path());
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    let database = database_itself(folder.path());
    assert_eq!(database.len(), 1);
}

#[tokio::test]
async fn a_start_that_was_cut_short_is_made_up_for() {
    let folder = folder();
    // sled's folder is there, but flaglink had not got around to writing anything.
    drop(database_itself(folder.path()));
    with_something_in_it(folder.path()).await;
    has_it_all(folder.path()).await;
}

#[tokio::test]
async fn damage_is_told_with_a_remedy_and_never_taken_for_an_empty_store() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 5] = [
        ("the log is gone", |path| fs::remove_file(path.join("db/db")).unwrap()),
        ("the log is empty", |path| fs::write(path.join("db/db"), b"").unwrap()),
        ("the log is full of zeros", |path| {
            let len = fs::metadata(path.join("db/db")).unwrap().len();
            fs::write(path.join("db/db"), vec![0; usize::try_from(len).unwrap()]).unwrap();
        }),
        ("the log is noise", |path| {
            let len = fs::metadata(path.join("db/db")).unwrap().len();
            fs::write(path.join("db/db"), crate::kit::noise(usize::try_from(len).unwrap())).unwrap();
        }),
        ("the settings are noise", |path| fs::write(path.join("db/conf"), crate::kit::noise(64)).unwrap()),
    ];
    for (what, harm) in harms {
        let folder = folder();
        with_something_in_it(folder.path()).await;
        with_something_in_it(folder.path()).await;
        harm(folder.path());
        let error = refused(folder.path());
        assert!(matches!(error, OpenError::Damaged { .. }), "{what}: {error}");
        let text = error.to_string();
        assert!(
            text.contains("damaged") && text.contains("backup") && text.contains("links.jsonl"),
            "{text}"
        );
        // Asked again it says the same: nothing was made over it.
        assert!(matches!(refused(folder.path()), OpenError::Damaged { .. }), "{what}");

        // The remedy that the message names works.
        fs::rename(folder.path().join("db"), folder.path().join("damaged")).unwrap();
        with_something_in_it(folder.path()).await;
    }
}

#[tokio::test]
async fn what_cannot_be_a_store_is_refused_with_what_to_do() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = refused(&path);
        assert!(matches!(error, OpenError::NotAFolder { .. }), "{error:?}");
        assert!(error.to_string().contains("is not a folder"), "{error}");
    }
    for path in ["/proc/flaglink", "/sys/kernel/flaglink"] {
        let error = refused(Path::new(path));
        assert!(matches!(error, OpenError::Io { .. } | OpenError::NoPermission { .. }), "{error:?}");
        assert!(error.to_string().contains(path), "{error}");
    }
}

#[tokio::test]
async fn a_folder_of_another_user_is_refused_with_what_to_do() {
    let folder = folder();
    let path = folder.path().join("store");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(path.join("probe"), "").is_ok() {
        // Root may everything, so there is nothing to see here for root.
        return;
    }
    let error = refused(&path);
    assert!(matches!(error, OpenError::NoPermission { .. }), "{error:?}");
    assert!(error.to_string().contains("must belong to the user that runs flaglink"), "{error}");
}

#[tokio::test]
async fn checking_writes_and_reads() {
    let folder = folder();
    let store = open(folder.path());
    let before = store.work();
    store.check().await.unwrap();
    assert_eq!(store.work().syncs, before.syncs + 1);
}

#[tokio::test]
async fn a_log_that_was_cut_off_is_told_or_is_the_store_of_a_moment_earlier() {
    let folder = folder();
    let store = open(folder.path());
    for iid in 0..200 {
        let flags: Vec<_> = (0..20).map(|n| flag(&hex::encode(crate::kit::noise(40 + n)))).collect();
        commit(&store, [Write::PutNoteable(Box::new(linked(&issue(iid), &flags)))]).await;
    }
    drop(store);
    let whole = fs::read(folder.path().join("db/db")).unwrap();
    for sixteenths in 1..16 {
        let cut = crate::kit::folder();
        fs::create_dir_all(cut.path().join("db/blobs")).unwrap();
        for file in fs::read_dir(folder.path().join("db")).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                fs::copy(file.path(), cut.path().join("db").join(file.file_name())).unwrap();
            }
        }
        fs::write(cut.path().join("db/db"), &whole[..whole.len() * sixteenths / 16]).unwrap();
        for _again in 0..2 {
            match SledStore::open(cut.path(), StoreOptions::default()) {
                Err(error) => assert!(matches!(error, OpenError::Damaged { .. }), "{error}"),
                Ok(store) => {
                    let mut missing = None;
                    for iid in 0..200 {
                        match store.noteable(&issue(iid)).await {
                            Ok(seen) if seen.value.is_some() => {
                                assert_eq!(missing, None, "{iid} was written later and is there");
                            }
                            Ok(_) => missing = missing.or(Some(iid)),
                            Err(error) => assert!(matches!(error, StoreError::Damaged(_)), "{error}"),
                        }
                    }
                }
            }
        }
    }
}
