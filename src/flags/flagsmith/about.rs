//! When a flag last changed, and whose it is.

use jiff::Timestamp;

use super::Flagsmith;
use super::wire::Moment;
use crate::flags::{About, Provided};

impl Flagsmith {
    /// The states of environments with version 2 of feature versioning keep no moment of their own; the flag has one for all
    /// of them.
    pub(super) async fn about_flag(&self, internal_id: &str) -> Provided<About> {
        let Ok(id) = internal_id.parse::<u64>() else { return Ok(About::default()) };
        let Some(feature) = self.feature(id).await? else { return Ok(About::default()) };
        let mut moments = vec![feature.created_date, feature.last_modified_in_any_environment];
        for environment in self.environments().await?.iter() {
            let path = format!("features/featurestates/?environment={}&feature={id}", environment.id);
            self.api.list(&path, |state: Moment| moments.push(state.updated_at)).await?;
        }
        let read = |text: String| text.parse::<Timestamp>().ok();
        Ok(About {
            changed_at: moments.into_iter().flatten().filter_map(read).max(),
            owner: feature.owners.into_iter().find_map(|owner| owner.email),
        })
    }
}
