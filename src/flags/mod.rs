//! Flag services: the door that every one of them comes through, the registry, and one folder for each.

mod cached;
pub mod flagsmith;
mod genuine;
pub mod gitlab;
mod json_api;
mod named;
mod pages;
mod pasted;
mod provider;
mod rank;
mod registry;
mod settings;
mod setup;
mod share;
mod survey;
pub mod unleash;

pub use pages::same_page;
pub use pasted::Pasted;
pub use provider::{
    Abilities, About, BackLink, Changes, FlagProvider, Hint, Provided, ProviderError, Settable, StandingLink,
    Switched, Verdict, WebhookRequest, still_off,
};
pub use registry::{KindDoc, Registry, Surroundings, kinds, lives_in_gitlab};
pub use settings::SettingError;
pub use setup::{OwnService, ProjectSetting, Setup};
pub use survey::{FailedDelivery, ServiceProject, TooOld, WebhookThere};

pub use crate::domain::Switch;
