//! The store: whose it is, who else may look into it, how much room is left, and the key that belongs to it.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::io::Errno;

use super::finding::{Finding, Group, Id, Repair, Standing};
use crate::cli::show;
use crate::cli::source::user_name;
use crate::config::{Config, MarkerKeySource};
use crate::store::sled::schema_in;

/// With less room than this it is time to look, in bytes.
const SPACE_LOOK: u64 = 512 * 1024 * 1024;

/// Looks at the folder and at what is in it, without opening the database.
/// With less than `least` bytes of free room something is wrong.
/// `owners`: what [`owners`] has found.
pub(super) fn look(config: &Config, least: u64, owners: Option<Finding>) -> Group {
    let path = &config.store.path;
    let mut findings = folder(path);
    let is_there = path.is_dir();
    if is_there {
        findings.extend(mode(path));
        findings.extend(schema(path));
    }
    findings.extend(free(path).map(|free| space(path, free, least)));
    findings.push(marker_key(config));
    let is_wrong = |finding: &Finding| finding.id == Id::StoreFolder && finding.standing == Standing::Wrong;
    if let Some(owners) = owners
        && !findings.iter().any(is_wrong)
    {
        let at = findings.iter().position(|finding| finding.id == owners.id).unwrap_or(0);
        findings.retain(|finding| finding.id != owners.id);
        findings.insert(at.min(findings.len()), owners);
    }
    Group::new("Store", findings)
}

/// The marker key is for one user alone, and the store is another one's: whoever of both runs flaglink, it does not start. `env` says
/// where systemd has put credentials, which it gives to whoever runs.
pub(super) fn owners(config: &Config, env: &BTreeMap<String, String>) -> Option<Finding> {
    let MarkerKeySource::File(key) = &config.store.marker_key else { return None };
    if env.get("CREDENTIALS_DIRECTORY").is_some_and(|folder| key.starts_with(folder)) {
        return None;
    }
    let store = &config.store.path;
    let log = std::fs::metadata(store.join("db/db")).ok();
    let (in_use, about) = (log.is_some(), log.or_else(|| std::fs::metadata(store).ok())?);
    let about_key = std::fs::metadata(key).ok()?;
    let (of_store, of_key, mode) = (about.uid(), about_key.uid(), about_key.mode() & 0o777);
    if of_store == of_key || mode & 0o077 != 0 {
        return None;
    }
    let (owner, reader) = (user_name(of_store), user_name(of_key));
    if of_store != 0 {
        let says = format!(
            "only {reader} can read the marker key {} (mode {mode:o}), and the store belongs to {owner}: flaglink does not start as \
             {owner}",
            show(key)
        );
        let remedy = format!("`chown {} {}`", of_number(&owner), show(key));
        return Some(match in_use {
            true => Finding::wrong(Id::MarkerKey, says, remedy),
            // It may be root who begins a new one.
            false => Finding::look(Id::MarkerKey, says, remedy),
        });
    }
    let folder = config
        .listen
        .socket
        .parent()
        .map(|folder| if folder == Path::new("") { Path::new(".") } else { folder });
    let of_socket = folder.and_then(|folder| std::fs::metadata(folder).ok()).map(|about| about.uid());
    let says = format!(
        "{} belongs to root, and the marker key {} to {reader}: flaglink does not start as {reader}. It was copied by root, or \
         flaglink was run as root once",
        show(store),
        show(key)
    );
    let remedy =
        format!("`chown -R {} {}`, where flaglink runs as {reader}", of_number(&reader), show(store));
    Some(match of_socket == Some(of_key) {
        true => Finding::wrong(Id::StoreFolder, says, remedy),
        // Root can read that key as well.
        false => Finding::look(Id::StoreFolder, says, remedy),
    })
}

/// No store is there, and `before` are projects in which flaglink has registered webhooks with the marker key that is there.
pub(super) fn begun_anew(config: &Config, before: &[&str]) -> Option<Finding> {
    if before.is_empty() || config.store.path.join("db").exists() {
        return None;
    }
    let (path, named) =
        (show(&config.store.path), before.iter().take(5).copied().collect::<Vec<_>>().join(", "));
    Some(Finding::look(
        Id::StoreFolder,
        format!(
            "there is no store in {path}, though flaglink was in use: GitLab has webhooks that it registered with this marker key ({named})"
        ),
        "if `path` in [store] has changed, write the one from before; if the store is lost, `flaglink links import` takes the links from \
         a copy of its links.jsonl",
    ))
}

/// A user as `chown` takes it: one without a name is a bare number there.
fn of_number(user: &str) -> &str {
    user.trim_start_matches('#')
}

fn folder(path: &Path) -> Vec<Finding> {
    let about = match std::fs::metadata(path) {
        Ok(about) if about.is_dir() => about,
        Ok(_) => {
            return vec![Finding::wrong(
                Id::StoreFolder,
                format!("{} is not a folder", show(path)),
                "let `[store] path` name a folder; flaglink makes it where it is not there",
            )];
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return vec![unmakeable(path).unwrap_or_else(|| {
                Finding::note(
                    Id::StoreFolder,
                    format!("{} is not there yet; it is made at the first start", show(path)),
                )
                .repaired_by(Repair::Folder(path.to_owned()))
            })];
        }
        Err(error) => {
            return vec![Finding::wrong(
                Id::StoreFolder,
                format!("{} cannot be looked at: {error}", show(path)),
                "run this as the user that runs flaglink, for example with `sudo -u flaglink`",
            )];
        }
    };
    let (owner, me) = (about.uid(), rustix::process::geteuid().as_raw());
    let volume = owner_within(path, owner);
    let owner = volume.unwrap_or(owner);
    // What somebody else's run left behind keeps the daemon from starting.
    let others = ["db", "lock", "reserve", "db/db"].into_iter().find_map(|name| {
        let inside = path.join(name);
        let of = std::fs::metadata(&inside).ok()?.uid();
        (of != owner).then_some((inside, of))
    });
    if let Some((inside, of)) = others {
        return vec![Finding::wrong(
            Id::StoreFolder,
            format!(
                "{} belongs to {}, and the store to {}: flaglink was run as another user once",
                show(&inside),
                user_name(of),
                user_name(owner)
            ),
            format!(
                "`chown -R {} {}`, and run flaglink as that user always",
                of_number(&user_name(owner)),
                show(path)
            ),
        )];
    }
    if volume.is_some() && about.mode() & 0o022 == 0 {
        return vec![Finding::wrong(
            Id::StoreFolder,
            format!(
                "only root may write in {} (mode {:o}), and what is in it is {}'s: flaglink cannot start as that user",
                show(path),
                about.mode() & 0o777,
                user_name(owner)
            ),
            format!("`chown {} {}`", of_number(&user_name(owner)), show(path)),
        )];
    }
    if volume.is_some() {
        return vec![Finding::good(
            Id::StoreFolder,
            format!(
                "{} is root's, as a volume's may be, and what is in it is {}'s",
                show(path),
                user_name(owner)
            ),
        )];
    }
    let says = format!("{} belongs to {}", show(path), user_name(owner));
    vec![if about.permissions().mode() & 0o700 != 0o700 {
        Finding::wrong(
            Id::StoreFolder,
            format!(
                "{says}, who may not write in it (mode {:o}): flaglink cannot start",
                about.mode() & 0o777
            ),
            format!("`chmod 700 {}`, or `flaglink doctor --fix`", show(path)),
        )
        .repaired_by(Repair::Mode(path.to_owned(), 0o700))
    } else if let Some((inside, error)) =
        unwritable(path).filter(|(_, error)| owner == me || *error == Errno::ROFS)
    {
        not_written(&inside, error)
    } else if owner == me || me == 0 {
        Finding::good(Id::StoreFolder, says)
    } else if rustix::fs::access(path, Access::WRITE_OK).is_err() {
        // Whoever can read the secrets is the user that runs flaglink, as far as can be told.
        Finding::wrong(
            Id::StoreFolder,
            format!(
                "{says}, and {} may not write in it: flaglink does not start as that user",
                user_name(me)
            ),
            format!(
                "run flaglink, and this, as {0}; or `chown -R {1} {2}`",
                user_name(owner),
                user_name(me),
                show(path)
            ),
        )
    } else {
        Finding::note(Id::StoreFolder, format!("{says}; flaglink has to run as that user"))
    }]
}

/// The first of what flaglink writes that cannot be written, and what the system says. Asked without writing anything.
fn unwritable(path: &Path) -> Option<(PathBuf, Errno)> {
    let inside = ["lock", "db", "db/db"].map(|name| path.join(name));
    let all = std::iter::once(path.to_owned()).chain(inside.into_iter().filter(|path| path.exists()));
    all.into_iter().find_map(|path| {
        let error = rustix::fs::access(&path, Access::WRITE_OK).err()?;
        Some((path, error))
    })
}

fn not_written(path: &Path, error: Errno) -> Finding {
    if error == Errno::ROFS {
        return Finding::wrong(
            Id::StoreFolder,
            format!("{} is on a file system that is read-only: flaglink cannot start", show(path)),
            "mount it so that it can be written (`findmnt -T` says where it is from), or let `[store] path` name another folder; in a \
             container give the store a volume that is not read-only",
        );
    }
    Finding::wrong(
        Id::StoreFolder,
        format!("{} cannot be written: {}; flaglink cannot start", show(path), std::io::Error::from(error)),
        format!("`chmod u+w {}`, and see that its disk is good", show(path)),
    )
}

/// Why the folder cannot be made where it is not there.
fn unmakeable(path: &Path) -> Option<Finding> {
    let here = |path| if path == Path::new("") { Path::new(".") } else { path };
    let above = path.ancestors().skip(1).map(here).find(|above| above.is_dir())?;
    let error = rustix::fs::access(above, Access::WRITE_OK | Access::EXEC_OK).err()?;
    if error == Errno::ROFS {
        return Some(not_written(above, error));
    }
    // systemd makes it for its service.
    Some(Finding::look(
        Id::StoreFolder,
        format!(
            "{} is not there yet, and {} may not make it: {} cannot be written",
            show(path),
            user_name(rustix::process::geteuid().as_raw()),
            show(above)
        ),
        format!(
            "under systemd `StateDirectory=` makes it; else `install -d -m 700 -o {} {}` as root",
            user_name(rustix::process::geteuid().as_raw()),
            show(path)
        ),
    ))
}

/// Whose the store is that lies in a folder of root's: that of a volume, which its user may write in by its mode.
fn owner_within(path: &Path, owner: u32) -> Option<u32> {
    let within = std::fs::metadata(path.join("db/db")).ok()?.uid();
    (owner == 0 && within != 0).then_some(within)
}

fn mode(path: &Path) -> Option<Finding> {
    let about = std::fs::metadata(path).ok()?;
    let mode = about.permissions().mode() & 0o777;
    if owner_within(path, about.uid()).is_some() {
        // With a mode for root alone nobody else could use it.
        return Some(match mode & 0o007 {
            0 => Finding::good(Id::StoreMode, "only its owner and its group can look into it"),
            _ => Finding::look(
                Id::StoreMode,
                format!("everybody on this machine can look into {} (mode {mode:o})", show(path)),
                "give it a group of flaglink's user's, and take the rights of all others away: what people wrote is in there",
            ),
        });
    }
    Some(if mode & 0o077 == 0 {
        Finding::good(Id::StoreMode, "only its owner can look into it")
    } else {
        Finding::wrong(
            Id::StoreMode,
            format!(
                "others on this machine can look into {} (mode {mode:o}): what people wrote is in there",
                show(path)
            ),
            format!("`chmod 700 {}`, or `flaglink doctor --fix`", show(path)),
        )
        .repaired_by(Repair::Mode(path.to_owned(), 0o700))
    })
}

fn schema(path: &Path) -> Option<Finding> {
    match schema_in(path) {
        Ok(None) => None,
        Ok(Some(schema)) => {
            Some(Finding::good(Id::StoreSchema, format!("this version can read it (schema {schema})")))
        }
        Err(error) => {
            let (says, remedy) = error.to_string().split_once(". ").map_or_else(
                || (error.to_string(), "see docs/troubleshooting.md".to_owned()),
                |(says, remedy)| (says.to_owned(), remedy.to_owned()),
            );
            Some(Finding::wrong(Id::StoreSchema, says, remedy))
        }
    }
}

/// Free bytes on the disk that the store is on, or will be on.
fn free(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.is_dir()).map(Path::to_owned);
    let there = there.filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| ".".into());
    let about = rustix::fs::statvfs(&there).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}

/// What so much free room means.
fn space(path: &Path, free: u64, least: u64) -> Finding {
    let says = format!("{} MB are free on the disk of {}", free / (1024 * 1024), show(path));
    if free < least {
        Finding::wrong(
            Id::StoreSpace,
            format!("{says}: on a full disk webhooks are answered 503 and nothing new is taken"),
            "make room on that disk; flaglink goes on by itself then",
        )
    } else if free < SPACE_LOOK {
        Finding::look(Id::StoreSpace, says, "make room on that disk before it is full")
    } else {
        Finding::good(Id::StoreSpace, says)
    }
}

fn marker_key(config: &Config) -> Finding {
    let path = match &config.store.marker_key {
        MarkerKeySource::Given(_) => {
            return Finding::good(Id::MarkerKey, "the marker key comes from the environment");
        }
        MarkerKeySource::File(path) => path,
    };
    let in_use = config.store.path.join("db").exists();
    match std::fs::metadata(path) {
        Ok(_) => match config.store.marker_key.read_or_make(false) {
            Ok(_) => Finding::good(Id::MarkerKey, format!("{} is there, outside the store", show(path)))
                .with("keep a copy of it elsewhere, apart from the store's"),
            Err(error) => Finding::wrong(
                Id::MarkerKey,
                error.to_string(),
                "see that the user that runs flaglink can read it and that it is whole",
            ),
        },
        Err(_) if in_use => Finding::wrong(
            Id::MarkerKey,
            format!(
                "the marker key {} is not there, though the store has been in use: flaglink does not start",
                show(path)
            ),
            format!(
                "put it back from your copy. If it is lost for good: `openssl rand -hex 32 > {}`; new panels are then written \
                 below the old ones",
                show(path)
            ),
        ),
        Err(_) => Finding::note(
            Id::MarkerKey,
            format!("the marker key {} is not there yet; it is made at the first start", show(path)),
        )
        .repaired_by(Repair::MarkerKey),
    }
}
