//! The only way outside text gets into a comment. Pure.

mod address;
pub mod cleanup;
mod history;
pub mod job;
mod marker;
mod outside;
mod panel;
mod panel_view;
pub mod reply;
mod state;
pub mod switch;
mod text;
pub mod told;

pub use marker::{Marker, MarkerKey};
pub use outside::visible;
pub use panel::panel;
pub use panel_view::{PanelFlag, PanelView};
pub use text::{GITLAB_TEXT_LIMIT, Markdown, PANEL_LIMIT, REPLY_LIMIT};
