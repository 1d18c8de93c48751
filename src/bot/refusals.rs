//! Flag services whose flags are left alone, because somebody else keeps links and tags there already (Flagsmith's own GitLab
//! integration). An admin is told once, and reads of it for as long as it is so.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::flags::{FlagProvider, Provided};

#[derive(Debug, Default)]
struct Mind {
    /// Why the service's flags are left alone.
    why: Option<String>,
    /// What may have been missed meanwhile, or before the start, was looked at.
    looked: bool,
    /// They were left alone for a while since that look: anything may have been missed.
    was_left: bool,
}

/// Whose flags are left alone, by provider.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<BTreeMap<String, Mind>>);

impl Refusals {
    /// Asks whether the service's flags are to be left alone now.
    ///
    /// # Errors
    /// The service does not say.
    pub async fn ask(&self, provider: &dyn FlagProvider) -> Provided<bool> {
        let why = provider.back_links_refused().await?;
        let refused = why.is_some();
        let mut minds = self.minds();
        let mind = minds.entry(provider.name().to_owned()).or_default();
        let before = std::mem::replace(&mut mind.why, why.clone());
        mind.looked &= !refused;
        mind.was_left |= refused;
        drop(minds);
        match (before, why) {
            (None, Some(why)) => {
                tracing::warn!(provider = provider.name(), why, "no links and no tags are put on its flags");
            }
            (Some(_), None) => {
                tracing::info!(provider = provider.name(), "links and tags are put on its flags again");
            }
            _ => {}
        }
        Ok(refused)
    }

    /// Whether what may have been missed is still to be looked at: after the start, and when the flags are not left alone any
    /// more.
    pub fn is_to_be_looked_at(&self, provider: &str) -> bool {
        self.minds().get(provider).is_some_and(|mind| mind.why.is_none() && !mind.looked)
    }

    /// Whether its flags were left alone since the last such look.
    pub fn was_left_alone(&self, provider: &str) -> bool {
        self.minds().get(provider).is_some_and(|mind| mind.was_left)
    }

    /// It was looked at.
    pub fn looked_at(&self, provider: &str) {
        if let Some(mind) = self.minds().get_mut(provider) {
            mind.looked = mind.why.is_none();
            mind.was_left = mind.why.is_some();
        }
    }

    /// Everything that is left alone, one sentence each; for an admin.
    pub fn told(&self) -> Vec<String> {
        let minds = self.minds();
        minds.iter().filter_map(|(name, mind)| Some(format!("{name}: {}", mind.why.as_ref()?))).collect()
    }

    fn minds(&self) -> MutexGuard<'_, BTreeMap<String, Mind>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
