//! A delivery is taken in, whichever way it came: looked at whether it is of any use, kept, taken up.

use std::sync::Arc;

use super::Pipeline;
use super::hooks_in_step::LiveHooks;
use super::routing::Meaning;
use crate::bot::World;
use crate::domain::{Delivery, DeliverySource, Event, Kept, ProjectId};
use crate::gitlab::{Classified, classify, project_of};
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
        let meaning = match self.meaning_of(&delivery).await {
            Ok(meaning) => meaning,
            Err(useless) => return useless,
        };
        match self.to_the_end(async move |this| this.keep_and_take_up(delivery, meaning).await).await {
            Ok(taken) => taken,
            // Whether it is on disk is not known; who sent it sends it again.
            Err(_) => Intake::Unwritable,
        }
    }

    async fn keep_and_take_up(&self, delivery: Delivery, meaning: Meaning) -> Intake {
        let taken_up = match self.world().store().keep(delivery).await {
            Ok(Kept::Before) => return Intake::Before,
            Ok(Kept::New(id)) => self.take_up_new(id, meaning).await.map_err(|error| (id, error)),
            Ok(Kept::Revived(id)) => self.accept(id).await.map_err(|error| (id, error)),
            Err(StoreError::Full(_)) => return Intake::Full,
            Err(error) => {
                tracing::error!(%error, "a delivery could not be kept");
                self.note_refusal();
                return Intake::Unwritable;
            }
        };
        if let Err((id, error)) = taken_up {
            // It is on disk, and taken up as soon as the store is well.
            tracing::error!(%error, entry = id.0, "a delivery was kept and cannot be read back");
        }
        Intake::Kept
    }

    /// What a delivery means for its lane, or why it need not be kept.
    pub(super) async fn meaning_of(&self, delivery: &Delivery) -> Result<Meaning, Intake> {
        let world = self.world();
        if delivery.body.len() < LARGE {
            return meaning_of(&world, &self.hooks, &delivery.source, &delivery.body);
        }
        let _place = self.taking_apart.acquire().await.ok();
        let (source, body) = (delivery.source.clone(), delivery.body.clone());
        let hooks = Arc::clone(&self.hooks);
        let looked = tokio::task::spawn_blocking(move || meaning_of(&world, &hooks, &source, &body)).await;
        looked.unwrap_or_else(|fault| {
            tracing::error!(%fault, "a large delivery could not be looked at");
            Err(Intake::Unwritable)
        })
    }
}

fn meaning_of(
    world: &World,
    hooks: &LiveHooks,
    source: &DeliverySource,
    body: &[u8],
) -> Result<Meaning, Intake> {
    if let DeliverySource::Provider { name } = source {
        let says_nothing =
            world.flags().get(name).is_some_and(|provider| provider.read_webhook(body).is_empty());
        return if says_nothing {
            Err(Intake::Ignored("no_flag_in_it"))
        } else {
            Ok(Meaning::OfProvider(name.clone()))
        };
    }
    let name = world.only_name();
    match classify(body, &world.bots(), name.as_deref()) {
        Classified::NotJson => Err(Intake::NotJson),
        // The rules are about work: a project that holds nothing but flags needs none.
        Classified::Ignored(_) if world.flags().hears_in_gitlab(body) => {
            let (project, path) = project_of(body);
            covered(hooks, source, project, path.as_deref()).map(|()| Meaning::Nothing)
        }
        Classified::Ignored(reason) => Err(Intake::Ignored(reason)),
        Classified::Event { project_path: Some(path), .. } if world.rules().for_project(&path).is_none() => {
            Err(Intake::Ignored("no_rule"))
        }
        Classified::Event { event, project_path } => {
            let project = match &event {
                Event::NoteWritten(hint) => Some(hint.project),
                Event::NoteableChanged { project, .. } => Some(*project),
                _ => None,
            };
            covered(hooks, source, project, project_path.as_deref()).map(|()| Meaning::Event(event))
        }
    }
}

/// What comes over a registered path is about what it was registered for: whoever has its secret can forge any body.
fn covered(
    hooks: &LiveHooks,
    source: &DeliverySource,
    project: Option<ProjectId>,
    path: Option<&str>,
) -> Result<(), Intake> {
    match source {
        DeliverySource::Gitlab { hook } if !hooks.covers(hook, project, path) => {
            Err(Intake::Ignored("other_project"))
        }
        _ => Ok(()),
    }
}
