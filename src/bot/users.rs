//! What the users are called for whom there are overrides. A flag service may say that in webhooks alone.

use crate::domain::{ChangeKind, Claim, EnvironmentState, FlagRecord, FlagState, Override, Whom};

/// Puts to the overrides that were read whose they are: as it was known before, and as it is claimed of one that is set as it
/// was read. Whether that is more than was known.
pub(super) fn put_names(state: &mut FlagState, before: Option<&FlagState>, claims: &[Claim]) -> bool {
    let mut news = false;
    for env in &mut state.environments {
        if let Some(known) = before.and_then(|before| before.place_of(env)) {
            env.name_users(known);
        }
        let here = |claim: &&Claim| {
            claim.environment.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&env.environment))
        };
        for claimed in claims.iter().filter(here).filter_map(|claim| claim.user.as_ref()) {
            let is_meant = |one: &&mut Override| {
                one.whom == Whom::User
                    && (&one.id, one.on, &one.value) == (&claimed.id, claimed.on, &claimed.value)
            };
            let unnamed = env.overridden.iter_mut().flatten().find(is_meant);
            if let Some(one) = unnamed.filter(|one| one.name.is_none()) {
                one.name = Some(claimed.name.clone());
                news = true;
            }
        }
    }
    news
}

/// Names in the history, too, whose overrides changed. Whether anything there is told otherwise now.
pub(super) fn name_in_history(record: &mut FlagRecord) -> bool {
    let Some(state) = &record.state else { return false };
    let mut news = false;
    for change in &mut record.history {
        let ChangeKind::Environment { before, after } = &mut change.what else { continue };
        let Some(known) = state.place_of(after) else { continue };
        let both: [Option<&mut EnvironmentState>; 2] = [before.as_mut(), Some(after)];
        for shown in both.into_iter().flatten() {
            news |= shown.name_users(known);
        }
    }
    news
}
