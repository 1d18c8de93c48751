//! Which GitLab instance this is: an id of ours, made once; URLs are its aliases.

use url::Url;

use super::StartError;
use crate::domain::{Decision, HookRecord, HookTarget, Instance, InstanceId, Register, Write};
use crate::markdown::MarkerKey;
use crate::store::{Backlog, CommitError, Store};

/// The id of the configured instance. A new one is made for a store that knows none; a store that knows
/// another one is not used before somebody has said which is which.
pub(super) async fn instance(
    store: &dyn Store,
    markers: &MarkerKey,
    url: &Url,
    formerly: &[Url],
) -> Result<InstanceId, StartError> {
    loop {
        let mut decision = Decision::new();
        let mut register = decision.rests_on(store.register().await?).unwrap_or_default();
        let (id, changed) = match settle(&mut register, markers, url, formerly) {
            Err(StartError::OtherInstance { known, configured })
                if holds_nothing(store, &register).await? =>
            {
                tracing::info!(
                    %known,
                    %configured,
                    "the store holds nothing of the GitLab that it was made for, and belongs to the one that is configured now"
                );
                register = Register::default();
                settle(&mut register, markers, url, formerly)?
            }
            settled => settled?,
        };
        if !changed {
            return Ok(id);
        }
        decision.write(Write::PutRegister(Box::new(register)));
        match store.commit(decision).await {
            Ok(()) => return Ok(id),
            Err(CommitError::Conflict) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

/// Whether nothing ever came of the instances that the store knows: no bot of ours was seen there, no webhook made, nothing is linked
/// and nothing waits. So it is where the first address was mistyped.
async fn holds_nothing(store: &dyn Store, register: &Register) -> Result<bool, StartError> {
    if register.instances.iter().any(|known| !known.bots.is_empty()) {
        return Ok(false);
    }
    let made = |hook: &HookRecord| {
        !matches!(hook.target, HookTarget::Provider(_)) && (hook.hook.is_some() || hook.sent_at.is_some())
    };
    Ok(store.backlog().await? == Backlog::default()
        && store.linked_noteables(None, 1).await?.is_empty()
        && !store.hooks().await?.iter().any(made))
}

fn settle(
    register: &mut Register,
    markers: &MarkerKey,
    url: &Url,
    formerly: &[Url],
) -> Result<(InstanceId, bool), StartError> {
    let present = plain(url);
    let former: Vec<String> = formerly.iter().map(plain).collect();
    if let Some(known) = register.instances.iter_mut().find(|known| known.urls.contains(&present)) {
        // It may be an address that it had before and has again: the present one stands last. Those before it may be new here:
        // this store may be younger than they are.
        let before = known.urls.clone();
        known.urls.retain(|url| url != &present);
        for old in former {
            if !known.urls.contains(&old) {
                known.urls.push(old);
            }
        }
        known.urls.push(present);
        let changed = known.urls != before;
        return Ok((known.id.clone(), changed));
    }
    let renamed = |known: &&mut Instance| known.urls.iter().any(|alias| former.contains(alias));
    if let Some(known) = register.instances.iter_mut().find(renamed) {
        known.urls.push(present);
        return Ok((known.id.clone(), true));
    }
    if let Some(known) = register.instances.last() {
        return Err(StartError::OtherInstance {
            known: known.urls.last().cloned().unwrap_or_default(),
            configured: present,
        });
    }
    let urls: Vec<String> = former.into_iter().chain([present]).collect();
    // With the same key it is the same one again when the store is lost: markers hold it, and by them comments are found again.
    let first = urls.first().map(String::as_str).unwrap_or_default();
    let digits = hex::encode(markers.derived("instance", first));
    let id = InstanceId(format!("gl-{}", digits.get(..8).unwrap_or(&digits)));
    register.instances.push(Instance { id: id.clone(), urls, bots: Default::default() });
    Ok((id, true))
}

/// Without what does not count: the trailing slash.
fn plain(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}
