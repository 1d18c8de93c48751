//! The only way outside text gets into a comment. Pure.

mod address;
mod history;
mod marker;
mod outside;
mod panel;
pub mod reply;
mod state;
mod text;

pub use marker::{Marker, MarkerKey};
pub use outside::visible;
pub use panel::{PanelFlag, PanelView, panel};
pub use text::{GITLAB_TEXT_LIMIT, Markdown, PANEL_LIMIT, REPLY_LIMIT};
