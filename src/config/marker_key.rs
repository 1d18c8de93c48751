//! The key that the bot's comments are marked with: read from its file, or made at first start.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::ConfigError;
use super::secret;

/// A key has at least this many bytes.
const LEAST: usize = 32;

/// Where the marker key comes from.
#[derive(Debug, Clone)]
pub enum MarkerKeySource {
    /// The environment: the key as text.
    Given(SecretString),
    /// A file, which may not be there yet.
    File(PathBuf),
}

impl MarkerKeySource {
    /// The key, made and kept if it is not there yet.
    ///
    /// It is only made for a store that is new (`store_is_new`). An old store without its key means that the file got
    /// lost: with another key none of the bot's comments would be known again, and all would be written anew.
    pub fn read_or_make(&self, store_is_new: bool) -> Result<SecretSlice<u8>, ConfigError> {
        match self {
            Self::Given(key) => key_in(key.expose_secret(), "the marker key in the environment"),
            Self::File(path) => match secret::read(path) {
                Ok(text) => key_in(&text, &format!("the marker key in {}", path.display())),
                Err(why) if path.exists() => {
                    Err(ConfigError(format!("the marker key {} cannot be read: {why}", path.display())))
                }
                Err(_) if !store_is_new => Err(ConfigError(format!(
                    "the marker key {path} is not there, though the store has been in use. Put it back from your copy. If it \
                     is lost for good, make a new one (`openssl rand -hex 32 > {path}`): flaglink will then write new \
                     panels below the old ones.",
                    path = path.display()
                ))),
                Err(_) => make(path),
            },
        }
    }
}

/// 64 hexadecimal digits are the 32 bytes that they stand for; any other text is taken byte for byte.
fn key_in(text: &str, what: &str) -> Result<SecretSlice<u8>, ConfigError> {
    let text = text.trim();
    let key = match hex::decode(text) {
        Ok(bytes) if bytes.len() >= LEAST => bytes,
        _ => text.as_bytes().to_vec(),
    };
    if key.len() < LEAST {
        return Err(ConfigError(format!(
            "{what} is too short: it should be at least {LEAST} characters, such as `openssl rand -hex 32` makes them"
        )));
    }
    Ok(key.into())
}

fn make(path: &Path) -> Result<SecretSlice<u8>, ConfigError> {
    let mut key = [0_u8; LEAST];
    let unwritten = |why: String| {
        ConfigError(format!(
            "the marker key cannot be kept in {}: {why}. Make the directory and let flaglink write there, or set \
             `marker_key_file` in [store] to a place where it can.",
            path.display()
        ))
    };
    getrandom::fill(&mut key).map_err(|why| unwritten(why.to_string()))?;
    match write_new(path, &format!("{}\n", hex::encode(key))) {
        Ok(()) => Ok(key.to_vec().into()),
        // Another flaglink made it in the same moment: that one holds.
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
            let text = secret::read(path).map_err(unwritten)?;
            key_in(&text, &format!("the marker key in {}", path.display()))
        }
        Err(why) => Err(unwritten(why.to_string())),
    }
}

/// Writes a file that was not there, readable for its owner alone, all of it or nothing: the text is on disk
/// under another name before the file's own name appears, and a file that is there is never replaced.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let mut suffix = [0_u8; 8];
    getrandom::fill(&mut suffix).map_err(|why| io::Error::other(why.to_string()))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", hex::encode(suffix)));
    let draft = dir.join(name);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let linked = written.and_then(|()| std::fs::hard_link(&draft, path));
    // The draft is of no use any more, whatever came of it.
    let removed = std::fs::remove_file(&draft);
    linked?;
    removed?;
    std::fs::File::open(dir)?.sync_all()
}
