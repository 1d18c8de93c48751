//! A delivery is taken in, whichever way it came: looked at whether it is of any use, kept, taken up.

use super::Pipeline;
use crate::domain::{Delivery, DeliverySource, Kept};
use crate::gitlab::{Classified, classify};

/// What became of a delivery that was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intake {
    /// It is on disk.
    Kept,
    /// It was on disk before.
    Before,
    /// There is nothing to do for it, and it was not kept. The reason is a metric label.
    Ignored(&'static str),
    /// It is no JSON object that can be read.
    NotJson,
    /// It cannot be kept now, and nothing of it was.
    Unwritable,
}

impl Pipeline {
    /// Keeps a delivery, unless it is of no use, and takes it up.
    pub async fn take_in(&self, delivery: Delivery) -> Intake {
        if let Some(useless) = self.useless(&delivery) {
            return useless;
        }
        let world = self.world();
        match world.store().keep(delivery).await {
            Ok(Kept::Before) => Intake::Before,
            Ok(Kept::New(id) | Kept::Revived(id)) => {
                if let Err(error) = self.accept(id).await {
                    // It is on disk, and taken up as soon as the store is well.
                    tracing::error!(%error, entry = id.0, "a delivery was kept and cannot be read back");
                }
                Intake::Kept
            }
            Err(error) => {
                tracing::error!(%error, "a delivery could not be kept");
                self.note_refusal();
                Intake::Unwritable
            }
        }
    }

    /// Why a delivery need not be kept; `None`: it is worth keeping.
    pub(super) fn useless(&self, delivery: &Delivery) -> Option<Intake> {
        let world = self.world();
        let name = match &delivery.source {
            DeliverySource::Provider { name } => {
                let provider = world.flags().get(name)?;
                let empty = provider.read_webhook(&delivery.body).is_empty();
                return empty.then_some(Intake::Ignored("no_flag_in_it"));
            }
            DeliverySource::Gitlab { .. } => world.only_name(),
        };
        match classify(&delivery.body, &world.bots(), name.as_deref()) {
            Classified::NotJson => Some(Intake::NotJson),
            // The rules are about work: a project that holds nothing but flags needs none.
            Classified::Ignored(_) if world.flags().hears_in_gitlab(&delivery.body) => None,
            Classified::Ignored(reason) => Some(Intake::Ignored(reason)),
            Classified::Event { project_path: Some(path), .. }
                if world.rules().for_project(&path).is_none() =>
            {
                Some(Intake::Ignored("no_rule"))
            }
            Classified::Event { .. } => None,
        }
    }
}
