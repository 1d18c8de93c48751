//! Flag services: the door that every one of them comes through, the registry, and one folder for each.

pub mod flagsmith;
mod provider;
mod registry;

pub use provider::{
    Abilities, BackLink, Changes, FlagProvider, Hint, Provided, ProviderError, Switch, SwitchError, Switched,
    Verdict, WebhookRequest,
};
pub use registry::{KindDoc, Registry, kinds};
