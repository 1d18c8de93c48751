//! What was in a file when it was read, so that another content is known whatever the file's times say.

use std::fmt;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// A digest of what was in a file. What it is of may be a secret that can be guessed, so it is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Content([u8; 32]);

impl Content {
    /// Of a text.
    pub(crate) fn of(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Of a small file; `None` where it cannot be read, or only once.
    pub(crate) fn of_file(path: &Path) -> Option<Self> {
        path.is_file().then_some(())?;
        super::secret::read(path).ok().map(|text| Self::of(text.as_bytes()))
    }

    /// As text, to make a digest of that nobody else can make.
    pub(crate) fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content(…)")
    }
}
