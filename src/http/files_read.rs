//! What was in the files of a configuration, in the API's words: compared by digests that nobody makes without the marker key.

use super::api_types::{FileRead, FilesRead};
use crate::config::Config;
use crate::markdown::MarkerKey;

/// What was in the files that the configuration names.
pub fn files_read(config: &Config, markers: &MarkerKey) -> FilesRead {
    let digest = |of: &str| hex::encode(markers.derived("content of a file", of));
    // By the marker key all of them are compared.
    let secrets = config.secret_files.iter().filter(|file| !file.is_marker_key()).filter_map(|file| {
        let content = file.content.as_ref()?;
        Some((file.named_by.clone(), content))
    });
    let mut files: Vec<FileRead> =
        secrets.map(|(name, content)| FileRead { name, digest: digest(&content.hex()) }).collect();
    files.extend(
        config
            .templates
            .iter()
            .map(|file| FileRead { name: template_name(&file.name), digest: digest(&file.content().hex()) }),
    );
    FilesRead { key: digest(""), files }
}

/// What a file with templates is called there.
pub fn template_name(file: &str) -> String {
    format!("template {file}")
}
