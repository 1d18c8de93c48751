//! When a flag last changed, and whose it is.

use jiff::Timestamp;

use super::Flagsmith;
use super::wire::{Feature, Moment};
use crate::domain::FlagRef;
use crate::flags::{About, Provided};

impl Flagsmith {
    /// The states of environments with version 2 of feature versioning keep no moment of their own; the flag has one for all
    /// of them.
    pub(super) async fn about_flag(&self, internal_id: &str) -> Provided<About> {
        let Ok(id) = internal_id.parse::<u64>() else { return Ok(About::default()) };
        let Some(feature) = self.feature(id).await? else { return Ok(About::default()) };
        let permanent = !feature.tags.is_empty()
            && self
                .project_tags()
                .await?
                .iter()
                .any(|tag| tag.is_permanent && feature.tags.contains(&tag.id));
        let mut moments = vec![feature.created_date, feature.last_modified_in_any_environment];
        for environment in self.environments().await?.iter() {
            let path = format!("features/featurestates/?environment={}&feature={id}", environment.id);
            self.api.list(&path, |state: Moment| moments.push(state.updated_at)).await?;
        }
        let read = |text: String| text.parse::<Timestamp>().ok();
        Ok(About {
            changed_at: moments.into_iter().flatten().filter_map(read).max(),
            owners: feature.owners.into_iter().filter_map(|owner| owner.email).collect(),
            permanent,
        })
    }

    /// When the flag was last changed in one environment: for those without an override. With version 2 of feature versioning, when
    /// the last version went live there.
    pub(super) async fn changed_in(
        &self,
        flag: &FlagRef,
        internal_id: &str,
        environment: &str,
    ) -> Provided<Option<Timestamp>> {
        let Ok(id) = internal_id.parse::<u64>() else { return Ok(None) };
        let environment = self.environment_named(environment).await?;
        if !environment.use_v2_feature_versioning {
            // The state's own moment is what it is marked with.
            let mark = self.mark_in(flag, internal_id, &environment.name).await?;
            return Ok(mark.and_then(|mark| mark.split_once(' ')?.1.parse().ok()));
        }
        let Some(path) = self.search_path(&flag.key) else { return Ok(None) };
        let mut moment = None;
        let path = format!("{path}&environment={}", environment.id);
        let of_it = |feature: Feature| {
            if feature.id == id {
                moment = feature.last_modified_in_current_environment;
            }
        };
        self.api.list(&path, of_it).await?;
        Ok(moment.and_then(|text| text.parse().ok()))
    }
}
