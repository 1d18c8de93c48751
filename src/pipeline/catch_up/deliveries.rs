//! Deliveries that failed and that GitLab kept (17.3 and later): taken in as if they came now.
//!
//! They came from GitLab's API with our own token, so there is no signature to be checked; and a body is a hint only.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Caught, Look, Memory, cursor};
use crate::bot::Trouble;
use crate::domain::{Delivery, DeliverySource, Event, NoteKey};
use crate::gitlab::{GitlabError, Hook};
use crate::net::Sent;
use crate::pipeline::{Intake, routing};

/// Pages of a log that are read in one go: ten thousand entries.
const MOST_PAGES: u64 = 500;

/// Takes in what a webhook could not deliver since its log was last read, the oldest first. Adds the texts that it told of to
/// `taken`.
pub(super) async fn take(
    look: &Look<'_>,
    hook: &Hook,
    id: String,
    taken: &mut BTreeSet<NoteKey>,
    memory: &mut Memory,
    caught: &mut Caught,
) -> Result<(), Trouble> {
    let project = look.place.project.detail.id;
    if memory.no_log.contains(&project) {
        return Ok(());
    }
    let name = cursor::hook(project, hook.id);
    let known: u64 = cursor::read(look.world, &name).await?.unwrap_or(0);
    let mut newest = known;
    let mut failed = Vec::new();
    for page in 1..=MOST_PAGES {
        let (deliveries, more) = match look
            .place
            .project
            .gitlab
            .failed_deliveries(project, hook.id, page)
            .await
        {
            Ok(found) => found,
            Err(GitlabError::Failed(failure)) if matches!(failure.status, Some(403 | 404)) => {
                tracing::debug!(project, reason = %failure, "GitLab keeps no failed deliveries here");
                memory.no_log.insert(project);
                return Ok(());
            }
            // Twenty bodies of pushes can be more than is read of one answer.
            Err(GitlabError::Failed(failure))
                if failure.status.is_none() && failure.sent == Sent::Perhaps =>
            {
                tracing::warn!(project, hook = hook.id, reason = %failure, "the webhook's log cannot be read");
                memory.no_log.insert(project);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let all_new = deliveries.iter().all(|delivery| delivery.id > known);
        for delivery in deliveries.into_iter().filter(|delivery| delivery.id > known) {
            newest = newest.max(delivery.id);
            let source = DeliverySource::Gitlab { hook: id.clone() };
            let (key, headers, body) = (delivery.key, delivery.headers, delivery.body);
            let taken_in = Delivery { source, key, headers, body, received_at: Timestamp::now() };
            // Most of what a webhook sends is of no use; only the rest is held until the oldest is found.
            if look.pipeline.meaning_of(&taken_in).await.is_ok() {
                failed.push((delivery.id, taken_in));
            }
        }
        if !more || !all_new {
            break;
        }
    }
    failed.sort_by_key(|(id, _)| *id);
    failed.dedup_by_key(|(id, _)| *id);
    for (number, delivery) in failed {
        if let Some(Event::NoteWritten(hint)) = routing::event_of(look.world, &delivery) {
            let noteable = look.world.noteable(hint.project, hint.kind, hint.iid);
            taken.insert(NoteKey { noteable, source: hint.source });
        }
        match look.pipeline.take_in(delivery).await {
            Intake::Kept => caught.deliveries += 1,
            Intake::Full | Intake::Unwritable => {
                return Err(Trouble::again_in(super::STORE_FAILED, "a delivery cannot be kept now"));
            }
            Intake::Before => tracing::debug!(number, "it did arrive, or was caught up before"),
            Intake::Ignored(_) | Intake::NotJson => {}
        }
    }
    if newest > known {
        cursor::move_on(look.pipeline, &[(name, newest.to_string())], &[]).await?;
    }
    Ok(())
}
