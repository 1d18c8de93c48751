//! The only way outside text gets into a comment. Pure.

mod marker;
mod panel;
mod text;

pub use marker::{Marker, MarkerKey};
pub use panel::{PanelFlag, PanelView, panel};
pub use text::Markdown;
