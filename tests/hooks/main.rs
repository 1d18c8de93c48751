//! Stories of the webhooks that flaglink registers itself and keeps in step.
#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

mod found;
mod groups;
mod kit;
mod leaving;
mod mended;
mod registered;
mod services;
mod services_again;
mod told;
