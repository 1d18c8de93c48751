//! The files with secrets: what is in them, what is to be, and how they are written.

use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::cli::show;

/// A file with a secret, as it is to be.
pub(super) struct SecretToBe {
    /// Where.
    pub(super) path: PathBuf,
    /// What is in it.
    pub(super) secret: SecretString,
    /// What it is, for people.
    pub(super) what: &'static str,
}

impl SecretToBe {
    /// Whether the file is so already, for its owner alone.
    pub(super) fn is_so(&self) -> bool {
        let mode = std::fs::metadata(&self.path).map(|about| about.permissions().mode() & 0o777);
        mode.is_ok_and(|mode| mode & 0o077 == 0)
            && read(&self.path).is_some_and(|is| is.expose_secret() == self.secret.expose_secret())
    }

    /// What writing it does, for people.
    pub(super) fn change(&self) -> String {
        let file = show(&self.path);
        match read(&self.path) {
            Some(old) if old.expose_secret() != self.secret.expose_secret() => {
                format!("{file} is written anew, for its owner alone; it held another one: {}", self.what)
            }
            _ => format!("{file} is written, for its owner alone: {}", self.what),
        }
    }

    /// Writes it, readable for its owner alone from the first moment on, all of it or nothing.
    pub(super) fn write(&self) -> io::Result<()> {
        write(&self.path, &format!("{}\n", self.secret.expose_secret()), 0o600)
    }
}

/// Writes a file under another name first, so that it is never there in part.
pub(super) fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", random(4)?));
    let draft = dir.join(name);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let there = written.and_then(|()| std::fs::rename(&draft, path));
    if there.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    there
}

/// The secret in a file, cleaned of what comes with pasting.
pub(super) fn read(path: &Path) -> Option<SecretString> {
    first_line(&std::fs::read_to_string(path).ok()?)
}

/// The same; where there is none, why.
pub(super) fn given(path: &Path) -> Result<SecretString, String> {
    let file = show(path);
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file {file}"),
        io::ErrorKind::IsADirectory => format!("{file} is a folder; give the file that holds it"),
        io::ErrorKind::PermissionDenied => {
            format!("{file} may not be read by the user that runs this: see its owner and mode")
        }
        io::ErrorKind::InvalidData => format!("{file} is not text in UTF-8: save it as such"),
        _ => format!("{file} cannot be read: {error}"),
    })?;
    first_line(&text).ok_or_else(|| format!("{file} is empty: write it there, on one line"))
}

fn first_line(text: &str) -> Option<SecretString> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.to_owned().into())
}

/// A token or key (`what`) as people paste it: without spaces, quotes and line breaks.
pub(super) fn cleaned(secret: &SecretString, what: &str) -> Result<SecretString, String> {
    let text: String = secret
        .expose_secret()
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'' | '\u{feff}' | '\u{200b}' | '<' | '>'))
        .collect();
    let text = text.strip_prefix("PRIVATE-TOKEN:").unwrap_or(&text);
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("it has characters that no {what} has: was something else pasted?"));
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        return Err(format!("that is an address, not a {what}"));
    }
    Ok(text.to_owned().into())
}

/// A new secret: 64 hexadecimal digits.
pub(super) fn new_secret() -> io::Result<SecretString> {
    random(32).map(SecretString::from)
}

fn random(bytes: usize) -> io::Result<String> {
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(hex::encode(random))
}
