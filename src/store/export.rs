//! The links as JSON Lines: one line per link, readable without flaglink, enough to make the links again.
//!
//! The first line tells what the file is, the last one how many links it holds: a file without its last line
//! is not all of it. No titles, no states, no secrets: only what a link is.

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::{Store, StoreError};
use crate::domain::{FlagRef, InstanceId, NoteSource, Noteable, NoteableRecord, Person, Register};

/// The form of the lines that this version writes.
pub const EXPORT_VERSION: u32 = 1;

/// So many noteables are read at a time.
const PAGE: usize = 200;
/// The last line is shorter than this, in bytes.
const LAST_LINE: u64 = 200;

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ExportLine {
    /// The first line.
    FlaglinkLinks {
        /// The form of the lines: [`EXPORT_VERSION`].
        version: u32,
        /// When the export was begun.
        at: Timestamp,
    },
    /// A link.
    Link(Box<ExportedLink>),
    /// The last line.
    End {
        /// How many links there are above.
        links: u64,
    },
}

/// A link, with everything that is needed to make it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedLink {
    /// What it hangs on.
    pub noteable: Noteable,
    /// The URLs of that GitLab instance, the present one last: the instance's id means nothing elsewhere.
    pub instance_urls: Vec<String>,
    /// Its page, for people.
    pub web_url: String,
    /// The flag.
    pub flag: FlagRef,
    /// The provider's internal id of the flag when it was linked.
    pub internal_id: String,
    /// Who linked it.
    pub by: Person,
    /// When, by GitLab's clock.
    pub at: Timestamp,
    /// From which text.
    pub from: NoteSource,
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The links could not be read.
    #[error("the links cannot be read: {0}")]
    Store(#[from] StoreError),
    /// The lines could not be written.
    #[error("the links cannot be saved: {0}")]
    Write(#[from] io::Error),
}

/// An export in the making: some lines at a time, so that a million links need little memory.
pub struct Export<'a> {
    store: &'a dyn Store,
    urls: Vec<(InstanceId, Vec<String>)>,
    at: Timestamp,
    stage: Stage,
    links: u64,
}

enum Stage {
    Beginning,
    After(Noteable),
    Ended,
}

impl<'a> Export<'a> {
    /// Begins an export; `at` is now.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn begin(store: &'a dyn Store, at: Timestamp) -> Result<Self, StoreError> {
        let Register { instances, .. } = store.register().await?.value.unwrap_or_default();
        let urls = instances.into_iter().map(|instance| (instance.id, instance.urls)).collect();
        Ok(Self { store, urls, at, stage: Stage::Beginning, links: 0 })
    }

    /// How many links have been handed out.
    pub fn links(&self) -> u64 {
        self.links
    }

    /// The next lines, each with its line break; `None` at the end.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut lines = Vec::new();
        let after = match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Ended => return Ok(None),
            Stage::Beginning => {
                push(&mut lines, &ExportLine::FlaglinkLinks { version: EXPORT_VERSION, at: self.at })?;
                None
            }
            Stage::After(noteable) => Some(noteable),
        };
        let records = self.store.linked_noteables(after.as_ref(), PAGE).await?;
        for record in &records {
            self.push_links(&mut lines, record)?;
        }
        match records.into_iter().last() {
            Some(last) => self.stage = Stage::After(last.noteable),
            None => push(&mut lines, &ExportLine::End { links: self.links })?,
        }
        Ok(Some(lines))
    }

    fn push_links(&mut self, lines: &mut Vec<u8>, record: &NoteableRecord) -> Result<(), StoreError> {
        let instance = &record.noteable.instance;
        let urls = self.urls.iter().find(|(id, _)| id == instance).map(|(_, urls)| urls.clone());
        let urls = urls.unwrap_or_default();
        for link in &record.links {
            let link = link.clone();
            push(
                lines,
                &ExportLine::Link(Box::new(ExportedLink {
                    noteable: record.noteable.clone(),
                    instance_urls: urls.clone(),
                    web_url: record.view.web_url.clone(),
                    flag: link.flag,
                    internal_id: link.internal_id,
                    by: link.by,
                    at: link.at,
                    from: link.from,
                })),
            )?;
            self.links += 1;
        }
        Ok(())
    }
}

fn push(lines: &mut Vec<u8>, line: &ExportLine) -> Result<(), StoreError> {
    // JSON has no line breaks inside: they are escaped in texts.
    serde_json::to_writer(&mut *lines, line).map_err(|error| StoreError::Damaged(error.to_string()))?;
    lines.push(b'\n');
    Ok(())
}

/// Writes all links to `out`; returns how many there are. `at` is now.
///
/// # Errors
/// Where the store cannot be read or `out` cannot be written.
pub async fn write_links(
    store: &dyn Store,
    at: Timestamp,
    out: &mut (impl Write + Send),
) -> Result<u64, ExportError> {
    let mut export = Export::begin(store, at).await?;
    while let Some(lines) = export.next().await? {
        out.write_all(&lines)?;
    }
    out.flush()?;
    Ok(export.links())
}

/// Where the links are saved: beside the database, so that they survive it.
pub fn links_file(store_path: &Path) -> PathBuf {
    store_path.join("links.jsonl")
}

/// Where a saved file is kept that had far more links than the next.
pub fn links_file_before(store_path: &Path) -> PathBuf {
    store_path.join("links.before.jsonl")
}

/// Saves all links to [`links_file`]; returns how many there are. `at` is now.
///
/// The file is replaced as a whole: whoever reads it, and whatever happens meanwhile, finds either the
/// old one or the new one. One of far more links is kept as [`links_file_before`]: a store that was begun anew has none, and what
/// was saved of the one before it would be the only copy.
///
/// # Errors
/// Where the store cannot be read or the file cannot be written; the old file then stays.
pub async fn save_links(store: &dyn Store, at: Timestamp, store_path: &Path) -> Result<u64, ExportError> {
    let path = links_file(store_path);
    let new = path.with_extension("jsonl.new");
    let written = write_file(store, at, &new).await;
    let links = match written {
        Ok(links) => links,
        Err(error) => {
            // The next one would write over it; this is only to leave nothing behind.
            let _ = tokio::fs::remove_file(&new).await;
            return Err(error);
        }
    };
    keep_if_far_more(store_path, links).await?;
    tokio::fs::rename(&new, &path).await?;
    tokio::fs::File::open(store_path).await?.sync_all().await?;
    Ok(links)
}

async fn keep_if_far_more(store_path: &Path, now: u64) -> io::Result<()> {
    let (path, before) = (links_file(store_path), links_file_before(store_path));
    let had = links_in(&path).await.unwrap_or(0);
    if had <= now.saturating_mul(2) || links_in(&before).await.is_some_and(|kept| kept > had) {
        return Ok(());
    }
    tracing::warn!(now, had, file = %before.display(), "far fewer links than were saved before: that file is kept");
    tokio::fs::rename(&path, &before).await
}

/// How many links a saved file says it has at its end; `None` where it says nothing of that.
async fn links_in(path: &Path) -> Option<u64> {
    let mut file = tokio::fs::File::open(path).await.ok()?;
    let len = file.metadata().await.ok()?.len();
    file.seek(io::SeekFrom::Start(len.saturating_sub(LAST_LINE))).await.ok()?;
    let mut end = Vec::new();
    file.read_to_end(&mut end).await.ok()?;
    let last = end.strip_suffix(b"\n")?.rsplit(|byte| *byte == b'\n').next()?;
    match serde_json::from_slice(last) {
        Ok(ExportLine::End { links }) => Some(links),
        _ => None,
    }
}

async fn write_file(store: &dyn Store, at: Timestamp, path: &Path) -> Result<u64, ExportError> {
    let mut options = tokio::fs::OpenOptions::new();
    let mut file = options.create(true).truncate(true).write(true).mode(0o600).open(path).await?;
    let mut export = Export::begin(store, at).await?;
    while let Some(lines) = export.next().await? {
        file.write_all(&lines).await?;
    }
    file.flush().await?;
    file.sync_all().await?;
    Ok(export.links())
}

/// What is wrong with a file of links.
#[derive(Debug, thiserror::Error)]
pub enum ReadLinksError {
    /// It cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A line is none of ours.
    #[error("line {line} is not one that flaglink writes: {error}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The first line does not say that it is a file of links.
    #[error("this is not a file of links: its first line does not say so")]
    NotLinks,
    /// It was written by a later version.
    #[error("the file was written by a newer flaglink (form {0}; this one reads {EXPORT_VERSION})")]
    Newer(u32),
    /// It ends too early.
    #[error("the file is not complete: {found} links, and its last line is {}", match .claimed {
        Some(claimed) => format!("for {claimed}"),
        None => "missing".to_owned(),
    })]
    Incomplete {
        /// How many links were found.
        found: u64,
        /// How many the last line promises.
        claimed: Option<u64>,
    },
}

/// Reads back what [`write_links`] wrote.
///
/// # Errors
/// Where it is not such a file, or not all of it.
pub fn read_links(lines: impl BufRead) -> Result<Vec<ExportedLink>, ReadLinksError> {
    let mut links = Vec::new();
    let mut claimed = None;
    let mut begun = false;
    for (place, line) in lines.lines().enumerate() {
        let line = serde_json::from_str(&line?);
        let line = line.map_err(|error| ReadLinksError::Line { line: place + 1, error });
        match (begun, line) {
            (false, Ok(ExportLine::FlaglinkLinks { version, .. })) if version > EXPORT_VERSION => {
                return Err(ReadLinksError::Newer(version));
            }
            (false, Ok(ExportLine::FlaglinkLinks { .. })) => begun = true,
            (false, _) => return Err(ReadLinksError::NotLinks),
            (true, Ok(ExportLine::Link(link))) => links.push(*link),
            (true, Ok(ExportLine::End { links })) => claimed = Some(links),
            (true, Ok(ExportLine::FlaglinkLinks { .. })) => return Err(ReadLinksError::NotLinks),
            (true, Err(error)) => return Err(error),
        }
    }
    let found = links.len() as u64;
    if !begun {
        return Err(ReadLinksError::NotLinks);
    }
    if claimed != Some(found) {
        return Err(ReadLinksError::Incomplete { found, claimed });
    }
    Ok(links)
}
