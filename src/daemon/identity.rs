//! Which GitLab instance this is: an id of ours, made once; URLs are its aliases.

use url::Url;

use super::StartError;
use crate::domain::{Decision, Instance, InstanceId, Register, Write};
use crate::store::{CommitError, Store};

/// The id of the configured instance. A new one is made for a store that knows none; a store that knows
/// another one is not used before somebody has said which is which.
pub(super) async fn instance(
    store: &dyn Store,
    url: &Url,
    formerly: &[Url],
) -> Result<InstanceId, StartError> {
    loop {
        let mut decision = Decision::new();
        let mut register = decision.rests_on(store.register().await?).unwrap_or_default();
        let (id, changed) = settle(&mut register, url, formerly)?;
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

fn settle(register: &mut Register, url: &Url, formerly: &[Url]) -> Result<(InstanceId, bool), StartError> {
    let present = plain(url);
    let former: Vec<String> = formerly.iter().map(plain).collect();
    if let Some(known) = register.instances.iter_mut().find(|known| known.urls.contains(&present)) {
        // It may be an address that it had before and has again: the present one stands last.
        let is_last = known.urls.last() == Some(&present);
        if !is_last {
            known.urls.retain(|url| url != &present);
            known.urls.push(present);
        }
        return Ok((known.id.clone(), !is_last));
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
    let mut bytes = [0_u8; 4];
    getrandom::fill(&mut bytes).map_err(|error| StartError::Random(error.to_string()))?;
    let id = InstanceId(format!("gl-{}", hex::encode(bytes)));
    register.instances.push(Instance { id: id.clone(), urls: vec![present], bots: Default::default() });
    Ok((id, true))
}

/// Without what does not count: the trailing slash.
fn plain(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}
