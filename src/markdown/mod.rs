//! The only way outside text gets into a comment. Pure.

mod marker;
mod panel;
pub mod reply;
mod text;

pub use marker::{Marker, MarkerKey};
pub use panel::{PanelFlag, PanelView, panel};
pub use text::Markdown;
