//! The proof of an address: a path that only this process answers is fetched through it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::unproven::{self, Trouble, Unproven};
use super::{Nonces, PATH};
use crate::net::{ClientError, LookOptions, Looker};

/// How long the way there and back may take. Tunnels go round half the world, and a proxy may have to wake up.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read: enough to see whose page it is.
const MOST: usize = 16 * 1024;
/// ngrok's free plan shows browsers a page of its own instead of what is behind it, unless this is there.
const SKIP_WARNING: HeaderName = HeaderName::from_static("ngrok-skip-browser-warning");

fn looker(ca_file: Option<PathBuf>) -> Result<Looker, ClientError> {
    Looker::new(LookOptions { timeout: TIMEOUT, most: MOST, ca_file })
}

/// Proves addresses.
#[derive(Debug, Clone)]
pub struct Prover {
    nonces: Nonces,
    /// Clones share it.
    looker: Arc<ArcSwap<Looker>>,
    listener: SocketAddr,
}

impl Prover {
    /// One for the listener there, which answers by these nonces. `ca_file` names further root certificates.
    pub fn new(nonces: Nonces, listener: SocketAddr, ca_file: Option<PathBuf>) -> Result<Self, ClientError> {
        let looker = Arc::new(ArcSwap::from_pointee(looker(ca_file)?));
        Ok(Self { nonces, looker, listener })
    }

    /// From now on these are the further root certificates.
    pub fn change(&self, ca_file: Option<PathBuf>) -> Result<(), ClientError> {
        self.looker.store(Arc::new(looker(ca_file)?));
        Ok(())
    }

    /// Whether this process answers under that address.
    ///
    /// # Errors
    /// What answers instead, or why nothing does.
    pub async fn prove(&self, url: &Url) -> Result<(), Unproven> {
        let Some(proving) = self.nonces.begin(url.path()) else {
            let why = "too many proofs of the address run at once; try again";
            return Err(Unproven { trouble: Trouble::Busy, why: why.to_owned() });
        };
        let mut asked = url.clone();
        asked.set_path(&format!("{}/{PATH}{}", url.path().trim_end_matches('/'), proving.nonce()));
        let headers = HeaderMap::from_iter([(SKIP_WARNING, HeaderValue::from_static("1"))]);
        match self.looker.load_full().look(&asked, headers).await {
            Ok(seen) if seen.status == 200 && proving.is_answered_by(&seen.body) => Ok(()),
            Ok(seen) => Err(unproven::of_answer(url, self.listener, &seen)),
            Err(unseen) => Err(unproven::of_silence(url, &unseen, TIMEOUT)),
        }
    }
}
