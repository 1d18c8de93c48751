//! A store that somebody holds for a moment: `flaglink doctor`, or another command while no daemon runs. It is waited for.

use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

use crate::config::Config;
use crate::store::sled::SledStore;

/// How long it is waited for. Who holds it then is told by whoever opens it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Returns when nobody has the store open, or not within [`PATIENCE`]. Where a daemon answers on the socket it is not waited for: it
/// will not let go.
pub(super) async fn wait(config: &Config) {
    let path = &config.store.path;
    let Some(owner) = SledStore::in_use_by(path) else { return };
    if UnixStream::connect(&config.listen.socket).await.is_ok() {
        return;
    }
    tracing::warn!(
        "the store {} is in use by {owner}; waiting up to {} s for it to be let go of",
        path.display(),
        PATIENCE.as_secs()
    );
    let end = Instant::now() + PATIENCE;
    while SledStore::in_use_by(path).is_some() && Instant::now() < end {
        sleep(LOOK).await;
    }
}
