//! The templates of a folder, tried before they are used.

use std::sync::Arc;

use super::samples;
use super::templates::Templates;
use crate::config::TemplateFile;

/// Reads the files of a folder and tries each phrase with samples.
///
/// # Errors
///
/// Where something is wrong with them and what to do, for people.
pub fn read_templates(files: &[TemplateFile]) -> Result<Arc<Templates>, String> {
    let templates = Templates::read(files)?;
    if !files.is_empty() {
        for sample in samples::all() {
            sample.said(&templates).map_err(|error| templates.placed(&error))?;
        }
    }
    Ok(Arc::new(templates))
}
