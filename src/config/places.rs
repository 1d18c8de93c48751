//! Where a running flaglink and its store are found: all that the command line needs to ask about them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ConfigError;
use super::file::{ListenTable, StoreTable};
use super::load::text_of;
use super::secret::Surroundings;
use super::section::Section;
use super::settings;
use super::tree::{self, Node};

/// Where flaglink is found.
///
/// Read without the secrets that the file names: under systemd they are given to the daemon alone, and who may use the
/// socket need not be able to read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The socket of the daemon.
    pub socket: PathBuf,
    /// The directory of the store.
    pub store: PathBuf,
}

impl Places {
    /// Reads them from the file. Nothing else in it is checked.
    pub fn load(path: &Path, env: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut root = tree::parse(&text_of(path)?, path)?;
        tree::override_from(&mut root, env)?;
        let around = Arc::new(Surroundings::new(path, env));
        let mut section = |name: &str| {
            let place = root.place.clone();
            let node = root.take(name).map_or_else(|| Node::empty(place), |entry| entry.value);
            Section::new(format!("[{name}]"), node, around.clone())
        };
        let (listen, store) = (section("listen"), section("store"));
        let store = settings::store_path(&store, &store.read::<StoreTable>()?)?;
        let socket = settings::socket(&listen, &listen.read::<ListenTable>()?, &store)?;
        Ok(Self { socket, store })
    }
}
