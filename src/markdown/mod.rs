//! The only way outside text gets into a comment. Pure.

mod address;
pub mod cleanup;
mod history;
pub mod job;
mod marker;
mod outside;
mod overrides;
mod own_words;
mod panel;
mod panel_view;
pub mod reply;
mod samples;
mod skeleton;
mod state;
pub mod switch;
mod templates;
mod text;
pub mod told;

pub use marker::{Marker, MarkerKey};
pub use outside::{shows_nothing, visible};
pub use own_words::read_templates;
pub use panel::{panel, panel_in};
pub use panel_view::{PanelFlag, PanelView};
pub use templates::{DEFAULTS, TemplateError, Templates};
pub use text::{GITLAB_TEXT_LIMIT, Markdown, PANEL_LIMIT, REPLY_LIMIT};
