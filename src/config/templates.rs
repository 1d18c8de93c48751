//! `[templates]`: files with other words for comments. What is in them is checked by who uses them.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::content::Content;
use super::section::Section;

/// The longest file that is read.
const MOST: u64 = 256 * 1024;

/// Other words for comments: another language, or the tone of your house. See [Templates](templates.md).
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct TemplatesTable {
    /// Folder with templates. `flaglink config templates --write FOLDER` puts the default ones there to begin with. Files that are
    /// not there, and phrases that are not in them, are as they come with flaglink.
    #[schemars(extend("format" = "path"))]
    pub(crate) folder: Option<String>,
}

/// A file with templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFile {
    /// Its name in the folder.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

impl TemplateFile {
    /// A digest of what is in it.
    pub(crate) fn content(&self) -> Content {
        Content::of(self.text.as_bytes())
    }
}

/// The files of the folder, in the order of their names; none where no folder is named.
pub(crate) fn check(section: &Section, warnings: &mut Vec<String>) -> Result<Vec<TemplateFile>, ConfigError> {
    let table: TemplatesTable = section.read()?;
    let Some(folder) = &table.folder else { return Ok(Vec::new()) };
    let folder = section.around().beside(folder);
    read(&folder, warnings).map_err(|why| section.error("folder", why))
}

fn read(folder: &Path, warnings: &mut Vec<String>) -> Result<Vec<TemplateFile>, String> {
    let unread = |path: &Path, why: String| format!("{} cannot be read: {why}", path.display());
    let entries = std::fs::read_dir(folder).map_err(|why| {
        let hint = "`flaglink config templates --write FOLDER` makes one";
        format!("{}. {hint}", unread(folder, why.to_string()))
    })?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|why| unread(folder, why.to_string()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if is_left_over(&name) {
            continue;
        }
        // What people keep beside them.
        if !name.to_ascii_lowercase().ends_with(".jinja") {
            warnings.push(format!(
                "{} is no template and is left out: only files that end in .jinja are read there",
                path.display()
            ));
            continue;
        }
        let about = std::fs::metadata(&path).map_err(|why| unread(&path, why.to_string()))?;
        if !about.is_file() {
            return Err(format!("{} is called like a template and is no file", path.display()));
        }
        if about.len() > MOST {
            return Err(unread(&path, "it is far too long for templates".to_owned()));
        }
        let bytes = std::fs::read(&path).map_err(|why| unread(&path, why.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| unread(&path, "it is not UTF-8 text".to_owned()))?;
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        files.push(TemplateFile { name, path, text });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Whether that is what editors, version control and file systems leave there.
fn is_left_over(name: &str) -> bool {
    let ends = ["~", ".bak", ".orig", ".rej", ".swp", ".tmp"];
    let lower = name.to_ascii_lowercase();
    name.starts_with(['.', '#']) || ends.iter().any(|end| lower.ends_with(end))
}
