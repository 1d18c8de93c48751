//! What changed about the overrides of a flag in an environment.

use super::overriding::KEPT;
use super::{EnvironmentState, Override, Whom};

/// An override that is otherwise: as it was, as it is. One of them is missing where it was made or removed.
pub type OverrideChange<'a> = (Option<&'a Override>, Option<&'a Override>);

impl EnvironmentState {
    /// For whom there are overrides; `None` where that is not known.
    fn known_overrides(&self) -> Option<&[Override]> {
        self.overridden.as_deref().or((self.overrides == 0).then_some(&[]))
    }

    /// The override for the same users as that one.
    fn override_like(&self, other: &Override) -> Option<&Override> {
        self.known_overrides()?.iter().find(|one| one.is_same_place(other))
    }

    /// Which overrides are otherwise in `now`, as far as they are known in both.
    pub fn override_changes<'a>(&'a self, now: &'a Self) -> Vec<OverrideChange<'a>> {
        let (Some(before), Some(after)) = (self.known_overrides(), now.known_overrides()) else {
            return Vec::new();
        };
        // What is missing where not all are kept may be there.
        let is_whole = |all: &[Override], whom| all.iter().filter(|one| one.whom == whom).count() < KEPT;
        let there = after.iter().filter_map(|one| match self.override_like(one) {
            Some(was) => (!was.same_as(one)).then_some((Some(was), Some(one))),
            None => is_whole(before, one.whom).then_some((None, Some(one))),
        });
        let gone = before.iter().filter(|was| now.override_like(was).is_none() && is_whole(after, was.whom));
        there.chain(gone.map(|was| (Some(was), None))).collect()
    }

    /// Whether other overrides are known in `other`, or by other names, as far as the service says these.
    pub(super) fn overrides_read_otherwise(&self, other: &Self) -> bool {
        match (&self.overridden, &other.overridden) {
            (Some(a), Some(b)) => a.len() != b.len() || a.iter().zip(b).any(|(a, b)| !a.reads_as(b)),
            (a, b) => a.is_some() != b.is_some(),
        }
    }

    /// Takes over what users are called in `other`. Whether that is more than was known.
    pub fn name_users(&mut self, other: &Self) -> bool {
        let mut news = false;
        for one in self.overridden.iter_mut().flatten().filter(|one| one.whom == Whom::User) {
            let known = other.override_like(one).and_then(|known| known.name.as_ref());
            if let Some(name) = known.filter(|_| one.name.is_none()) {
                one.name = Some(name.clone());
                news = true;
            }
        }
        news
    }

    /// Both without the overrides that did not change: the same changes are still to be seen.
    pub(super) fn without_same_overrides(&self, now: &Self) -> (Self, Self) {
        let (mut was_only, mut now_only) = (Vec::new(), Vec::new());
        for (was, is) in self.override_changes(now) {
            was_only.extend(was.cloned());
            now_only.extend(is.cloned());
        }
        let known = |state: &Self| state.known_overrides().is_some();
        let both = known(self) && known(now);
        let with = |state: &Self, only| Self { overridden: both.then_some(only), ..state.clone() };
        (with(self, was_only), with(now, now_only))
    }
}
