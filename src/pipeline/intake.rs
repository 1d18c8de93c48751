//! A delivery is taken in, whichever way it came: looked at whether it is of any use, kept, taken up.

use super::Pipeline;
use crate::bot::World;
use crate::domain::{Delivery, DeliverySource, Kept};
use crate::gitlab::{Classified, classify};
use crate::store::StoreError;

/// Bodies from this size on, in bytes, are taken apart off the async threads, and a few at a time: what is made of one can be
/// many times as large as it.
const LARGE: usize = 256 * 1024;

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
    /// As much waits as may wait; it was not kept.
    Full,
    /// It cannot be kept now, and nothing of it was.
    Unwritable,
}

impl Pipeline {
    /// Keeps a delivery, unless it is of no use, and takes it up.
    pub async fn take_in(&self, delivery: Delivery) -> Intake {
        if let Some(useless) = self.useless(&delivery).await {
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
            Err(StoreError::Full(_)) => Intake::Full,
            Err(error) => {
                tracing::error!(%error, "a delivery could not be kept");
                self.note_refusal();
                Intake::Unwritable
            }
        }
    }

    /// Why a delivery need not be kept; `None`: it is worth keeping.
    pub(super) async fn useless(&self, delivery: &Delivery) -> Option<Intake> {
        let world = self.world();
        if delivery.body.len() < LARGE {
            return useless(&world, &delivery.source, &delivery.body);
        }
        let _place = self.taking_apart.acquire().await.ok();
        let (source, body) = (delivery.source.clone(), delivery.body.clone());
        let looked = tokio::task::spawn_blocking(move || useless(&world, &source, &body)).await;
        looked.unwrap_or_else(|fault| {
            tracing::error!(%fault, "a large delivery could not be looked at");
            Some(Intake::Unwritable)
        })
    }
}

fn useless(world: &World, source: &DeliverySource, body: &[u8]) -> Option<Intake> {
    if let DeliverySource::Provider { name } = source {
        let says_nothing =
            world.flags().get(name).is_some_and(|provider| provider.read_webhook(body).is_empty());
        return says_nothing.then_some(Intake::Ignored("no_flag_in_it"));
    }
    let name = world.only_name();
    match classify(body, &world.bots(), name.as_deref()) {
        Classified::NotJson => Some(Intake::NotJson),
        // The rules are about work: a project that holds nothing but flags needs none.
        Classified::Ignored(_) if world.flags().hears_in_gitlab(body) => None,
        Classified::Ignored(reason) => Some(Intake::Ignored(reason)),
        Classified::Event { project_path: Some(path), .. } if world.rules().for_project(&path).is_none() => {
            Some(Intake::Ignored("no_rule"))
        }
        Classified::Event { .. } => None,
    }
}
