//! Files that the configuration names and that are otherwise than the running flaglink has read them.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use crate::config::Config;
use crate::http::api_types::{FilesRead, Status};
use crate::http::{files_read, template_name};
use crate::markdown::MarkerKey;

/// Which files those are.
#[derive(Default)]
pub(super) struct Changed {
    /// A reload reads them again.
    pub(super) by_reload: Vec<PathBuf>,
    /// Credentials: under systemd the running one has copies, and only a start gives it new ones.
    pub(super) by_start: Vec<PathBuf>,
}

/// Compares what is in the files with what the running one has read. By their times where that cannot be compared: the running one is
/// of an older version, or another marker key is here than there.
pub(super) fn changed(config: &Config, status: &Status) -> Changed {
    let here = || {
        let key = config.store.marker_key.read_or_make(false).ok()?;
        Some(files_read(config, &MarkerKey::new(key.expose_secret())))
    };
    let both = status.config_files.as_ref().zip(here()).filter(|(there, here)| there.key == here.key);
    match both {
        Some((there, here)) => by_content(config, there, &here),
        None => by_times(config, status),
    }
}

fn by_content(config: &Config, there: &FilesRead, here: &FilesRead) -> Changed {
    // In the order in which they are told.
    let secrets = config.secret_files.iter().filter(|file| file.content.is_some() && !file.is_marker_key());
    let secrets = secrets.map(|file| (file.path.clone(), file.is_credential));
    let templates = config.templates.iter().map(|file| (file.path.clone(), false));
    let all = secrets.chain(templates).zip(&here.files);
    let mut changed = Changed::default();
    for ((path, is_credential), _) in all.filter(|(_, file)| !there.files.contains(file)) {
        if is_credential { &mut changed.by_start } else { &mut changed.by_reload }.push(path);
    }
    // One that was taken away is known by its name alone.
    let gone = there.files.iter().filter(|file| !here.files.iter().any(|one| one.name == file.name));
    let of_templates = template_name("");
    let gone = gone.filter_map(|file| file.name.strip_prefix(&of_templates));
    changed.by_reload.extend(gone.map(PathBuf::from));
    changed
}

fn by_times(config: &Config, status: &Status) -> Changed {
    let newer = |credentials: bool, moment: Option<Timestamp>| {
        let is_newer = |path: &PathBuf| changed_at(path).zip(moment).is_some_and(|(at, moment)| at > moment);
        let files = config.secret_files.iter().filter(|file| file.is_credential == credentials);
        files.map(|file| file.path.clone()).filter(is_newer).collect()
    };
    Changed { by_reload: newer(false, status.config_read_at), by_start: newer(true, Some(status.started_at)) }
}

/// When a file was last changed or put there: one that is copied may bring its old time along.
pub(super) fn changed_at(path: &Path) -> Option<Timestamp> {
    let about = std::fs::metadata(path).ok()?;
    let written = Timestamp::try_from(about.modified().ok()?).ok()?;
    let put = Timestamp::new(about.ctime(), i32::try_from(about.ctime_nsec()).unwrap_or(0)).ok();
    Some(put.map_or(written, |put| put.max(written)))
}
