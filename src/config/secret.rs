//! Where secrets come from: a file, or an environment variable. Never the configuration itself.
//!
//! A relative file name is looked for in `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential=`), then beside the
//! configuration.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

/// The longest secret file that is read: far more than any secret, far less than `/dev/zero`.
const MOST: u64 = 64 * 1024;

/// What is around a configuration file.
pub(crate) struct Surroundings {
    /// The directory that the file is in.
    dir: PathBuf,
    /// `$CREDENTIALS_DIRECTORY`.
    credentials: Option<PathBuf>,
    /// The environment. Holds secrets: it has no `Debug`.
    env: BTreeMap<String, String>,
}

impl Surroundings {
    pub(crate) fn new(file: &Path, env: &BTreeMap<String, String>) -> Self {
        let dir = match file.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
            _ => PathBuf::from("."),
        };
        let credentials = env.get("CREDENTIALS_DIRECTORY").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        Self { dir, credentials, env: env.clone() }
    }

    /// A path of the configuration: relative ones are beside the file.
    pub(crate) fn beside(&self, path: &str) -> PathBuf {
        self.dir.join(path)
    }

    /// The places where a file of the configuration may be, best first. An absolute path is its only place.
    fn places(&self, file: &str) -> Vec<PathBuf> {
        let beside = self.dir.join(file);
        match &self.credentials {
            Some(credentials) if Path::new(file).is_relative() => vec![credentials.join(file), beside],
            _ => vec![beside],
        }
    }

    /// Whether a file is in `$CREDENTIALS_DIRECTORY`.
    pub(crate) fn is_credential(&self, path: &Path) -> bool {
        self.credentials.as_ref().is_some_and(|credentials| path.starts_with(credentials))
    }

    /// Where a file of the configuration is, if it is anywhere.
    pub(crate) fn find(&self, file: &str) -> Option<PathBuf> {
        self.places(file).into_iter().find(|path| path.exists())
    }

    /// Where a file of the configuration is, or why not.
    pub(crate) fn find_or_say(&self, file: &str) -> Result<PathBuf, String> {
        if file.trim().is_empty() {
            return Err("this names no file".to_owned());
        }
        if looks_like_a_secret(file) {
            return Err(
                "this looks like a secret itself; put it into a file and write that file's name here"
                    .to_owned(),
            );
        }
        self.find(file).ok_or_else(|| {
            let places: Vec<String> =
                self.places(file).iter().map(|place| place.display().to_string()).collect();
            format!("there is no file {}", places.join(", and no "))
        })
    }

    pub(crate) fn secrets_in_file(&self, file: &str) -> Result<Vec<SecretString>, String> {
        let path = self.find_or_say(file)?;
        let text = read(&path).map_err(|why| format!("{} cannot be read: {why}", path.display()))?;
        lines(&text).map_err(|why| format!("{} {why}", path.display()))
    }

    pub(crate) fn secrets_in_variable(&self, name: &str) -> Result<Vec<SecretString>, String> {
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !plain || looks_like_a_secret(name) {
            return Err(
                "this should be the name of an environment variable, not the secret itself".to_owned()
            );
        }
        let text = self.env.get(name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
        lines(text).map_err(|why| format!("the environment variable {name} {why}"))
    }
}

/// Reads a small text file.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|why| why.to_string())?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        return Err("it is a directory".to_owned());
    }
    let mut text = String::new();
    file.take(MOST + 1).read_to_string(&mut text).map_err(|why| why.to_string())?;
    if text.len() as u64 > MOST {
        return Err("it is far too long for a secret".to_owned());
    }
    Ok(text)
}

/// The secrets in a text: one a line. Spaces around them and blank lines come from editors, not from people.
fn lines(text: &str) -> Result<Vec<SecretString>, &'static str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let secrets: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if secrets.is_empty() {
        return Err("is empty; it should hold the secret");
    }
    // Such a secret could not be sent in a header, and GitLab would never send it.
    if secrets.iter().any(|secret| secret.chars().any(char::is_control)) {
        return Err("holds control characters, so it is not a secret that can be sent");
    }
    Ok(secrets.into_iter().map(SecretString::from).collect())
}

/// What a token or key has around or in it that belongs to where it was copied from. None of them has quotes or spaces in it.
pub(crate) fn around_token(token: &str) -> Option<&'static str> {
    let is_quote = |c: char| matches!(c, '"' | '\'' | '`' | '\u{2018}'..='\u{201f}');
    let begins = |name: &str| token.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
    if ["PRIVATE-TOKEN:", "Authorization:"].iter().any(|name| begins(name)) {
        Some("begins with the name of a header: write the token alone")
    } else if token.starts_with(is_quote) || token.ends_with(is_quote) {
        Some("has quotes around it: write the token alone")
    } else if token.contains(['\u{feff}', '\u{200b}']) {
        Some("has an invisible letter in it: write the token alone")
    } else if token.contains(char::is_whitespace) {
        Some("has a space in it, and no token has: write the token alone")
    } else {
        None
    }
}

/// Beginnings of secrets that people paste where a file or a variable should be named: GitLab's token prefixes,
/// the Standard Webhooks prefix, Unleash's and Flagsmith's shapes are left to their providers.
fn looks_like_a_secret(text: &str) -> bool {
    ["glpat-", "gloas-", "gldt-", "glcbt-", "glptt-", "glft-", "whsec_"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
}
