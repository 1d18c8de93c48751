//! Rules that show something else than before, or in other words: whatever stands by them is looked at again.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Pipeline;
use crate::bot::Trouble;
use crate::domain::{Decision, Level, Write};
use crate::store::CommitError;

/// Where it is written down what was last shown.
const CURSOR: &str = "rules/shown";
/// How many noteables are looked at in one go.
const PAGE: usize = 500;

/// At the start, and when the configuration was read again. Panels that are true already are read and left as they are.
pub async fn rules_changed(pipeline: &Pipeline) -> Result<(), Trouble> {
    let world = pipeline.world();
    let store = world.store();
    let shown = Sha256::new().chain_update(world.rules().shown()).chain_update(world.templates().print());
    let shown = hex::encode(shown.finalize());
    let last = store.register().await?.value.and_then(|register| register.cursors.get(CURSOR).cloned());
    if last.as_ref() == Some(&shown) {
        return Ok(());
    }
    let mut after = None;
    loop {
        let page = store.linked_noteables(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.noteable.clone());
        let mut decision = Decision::new();
        let now = Timestamp::now();
        for record in &page {
            decision.write(Write::MarkStale(Level::Panel(record.noteable.clone()), now));
            decision.write(Write::MarkStale(Level::Label(record.noteable.clone()), now));
            for link in &record.links {
                decision.mark_flag_stale(&link.flag, now);
            }
        }
        pipeline.commit(decision).await?;
    }
    // Last: whoever is interrupted begins anew.
    loop {
        let mut decision = Decision::new();
        let mut register = decision.rests_on(store.register().await?).unwrap_or_default();
        register.cursors.insert(CURSOR.to_owned(), shown.clone());
        decision.write(Write::PutRegister(Box::new(register)));
        match pipeline.commit(decision).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
