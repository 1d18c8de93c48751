//! What is asked for and what is answered while an address is being proven.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use subtle::ConstantTimeEq;

/// What the paths begin with, below the address.
pub const PATH: &str = ".flaglink/";

/// How many proofs may run at a time; one more has to wait for its next turn.
const MOST: usize = 16;

/// The proofs that run. Clones are the same.
///
/// A proof is a random path and a random answer. The path is told to whatever answers under the address, the answer to nobody:
/// who can say it has asked this process.
#[derive(Clone, Default)]
pub struct Nonces {
    open: Arc<Mutex<Vec<Open>>>,
}

struct Open {
    nonce: String,
    answer: String,
    /// The path of the address, with `/` at its end.
    below: String,
}

/// A proof that runs until this is dropped.
pub struct Proving {
    all: Nonces,
    nonce: String,
    answer: String,
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").finish_non_exhaustive()
    }
}

impl Nonces {
    /// Begins a proof of an address with that path; `None` where too many run, or the system has no randomness to give.
    pub fn begin(&self, below: &str) -> Option<Proving> {
        let (nonce, answer) = (random()?, random()?);
        let mut open = self.open();
        if open.len() >= MOST {
            return None;
        }
        let below = format!("{}/", below.trim_end_matches('/'));
        open.push(Open { nonce: nonce.clone(), answer: answer.clone(), below });
        drop(open);
        Some(Proving { all: self.clone(), nonce, answer })
    }

    /// What is to be answered to who asks for that path; `None` where no proof runs that asks for it.
    pub fn answer(&self, path: &str) -> Option<String> {
        let (below, nonce) = path.rsplit_once(PATH)?;
        let mut found = None;
        for open in self.open().iter() {
            // A proxy may have taken the path of the address away.
            let in_place = below == "/" || below == open.below;
            if bool::from(open.nonce.as_bytes().ct_eq(nonce.as_bytes())) && in_place {
                found = Some(open.answer.clone());
            }
        }
        found
    }

    fn open(&self) -> MutexGuard<'_, Vec<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proving {
    /// The last segment of the path.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Whether that is the right answer. In constant time.
    pub fn is_answered_by(&self, body: &[u8]) -> bool {
        self.answer.as_bytes().ct_eq(body).into()
    }
}

impl Drop for Proving {
    fn drop(&mut self) {
        self.all.open().retain(|open| open.nonce != self.nonce);
    }
}

/// 256 random bits.
fn random() -> Option<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(hex::encode(bytes))
}
