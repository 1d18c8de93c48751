//! `flaglink links`.

use std::io::{self, Write};

use clap::Subcommand;

use crate::bot::WORK;
use crate::config::suggestion;
use crate::http::api_types::{Believed, LinkWish, LinkedNoteable, LinksPage};

use super::document;
use super::links_change::{self, Change, Import};
use super::screen::{fold, width};
use super::source::Source;
use super::table::Table;
use super::words::{count, moment, plain};
use super::{Context, Trouble};

/// What can be done with links.
#[derive(Debug, Subcommand)]
pub(super) enum Links {
    /// Show which flags are linked to which work
    List,
    /// Write all links as JSON Lines, enough to make them again
    Export,
    /// Link flags to an issue or merge request, as `/flag link` does there
    Add(Change),
    /// Take links off, as `/flag unlink` does there
    Remove(Change),
    /// Make the links of an export, also of another installation; shows first what would become of them
    Import(Import),
    /// Take flags for gone that a provider does not know any more, where flaglink asks about them
    Believe {
        /// The provider's name in the configuration; with `/links` behind it, links that do not stand on its flags any more;
        /// `gitlab/work`: linked issues and merge requests that GitLab does not know any more
        provider: String,
    },
}

impl Links {
    pub(super) async fn perform(self, context: &Context) -> Result<(), Trouble> {
        match self {
            Self::Add(change) => links_change::change(context, LinkWish::Link, change).await,
            Self::Remove(change) => links_change::change(context, LinkWish::Unlink, change).await,
            Self::Import(import) => links_change::import(context, import).await,
            Self::List => {
                let links = Source::open(context).await?.links().await?;
                if context.json { document::write(&links) } else { list(&links) }
            }
            Self::Believe { provider } => {
                let believed = Source::open(context).await?.believe(provider.clone()).await;
                let believed = believed.map_err(|trouble| of_nobody(context, &provider, trouble))?;
                if context.json { document::write(&believed) } else { taken_for_gone(&believed) }
            }
            Self::Export => Source::open(context).await?.export(&mut io::BufWriter::new(io::stdout())).await,
        }
    }
}

/// Where no provider of that name is configured, that is said, too.
fn of_nobody(context: &Context, provider: &str, trouble: Trouble) -> Trouble {
    let near = || {
        let text = std::fs::read_to_string(context.config_file().ok()?).ok()?;
        let document = text.parse::<toml_edit::DocumentMut>().ok()?;
        let names: Vec<&str> =
            document.get("providers")?.as_table_like()?.iter().map(|(name, _)| name).collect();
        let name = provider.strip_suffix("/links").unwrap_or(provider);
        let is_known = provider == WORK || names.contains(&name);
        (!is_known).then(|| format!("No provider is called so. {}", suggestion(name, &names, "providers")))
    };
    match (trouble, near()) {
        (Trouble::World(said), Some(near)) => {
            Trouble::World(format!("{}. {near}", said.trim_end_matches('.')))
        }
        (trouble, _) => trouble,
    }
}

fn taken_for_gone(believed: &Believed) -> Result<(), Trouble> {
    let mut out = anstream::stdout().lock();
    if believed.provider == WORK {
        let work = count(believed.flags, "issue or merge request", "issues and merge requests");
        writeln!(out, "{work}: looked for once more, and the links taken away where not found.")?;
        return Ok(());
    }
    if let Some(name) = believed.provider.strip_suffix("/links") {
        let links = count(believed.flags, "link", "links");
        writeln!(
            out,
            "{links} of {}: taken off here, too, with the next polls, if still gone.",
            plain(name)
        )?;
        return Ok(());
    }
    let flags = count(believed.flags, "flag", "flags");
    let name = plain(&believed.provider);
    writeln!(
        out,
        "{flags} of {name}: looked for once more, and taken for gone where not found. Links stay."
    )?;
    Ok(())
}

fn list(page: &LinksPage) -> Result<(), Trouble> {
    let mut out = anstream::stdout().lock();
    let links: usize = page.noteables.iter().map(|noteable| noteable.links.len()).sum();
    if links == 0 {
        writeln!(out, "No flag is linked yet. `/flag link KEY` in a comment links one.")?;
        return Ok(());
    }
    let mut table = Table::new(["WORK", "STATE", "FLAG", "LINKED BY", "LINKED"]);
    for noteable in &page.noteables {
        for link in &noteable.links {
            table.row([
                work(noteable),
                noteable.state.clone(),
                link.flag.clone(),
                link.by.clone(),
                moment(link.at),
            ]);
        }
    }
    table.write(&mut out)?;
    let noteables = count(page.noteables.len(), "issue or merge request", "issues and merge requests");
    let all = format!("{} on {noteables}.", count(links, "link", "links"));
    writeln!(out, "\n{}", fold(&all, width(), 0, 0))?;
    Ok(())
}

/// As GitLab writes it: `shop/web#12`, `shop/web!7`.
fn work(noteable: &LinkedNoteable) -> String {
    let sign = if noteable.kind == "issue" { '#' } else { '!' };
    if noteable.project.is_empty() {
        format!("project {}{sign}{}", noteable.project_id, noteable.iid)
    } else {
        format!("{}{sign}{}", noteable.project, noteable.iid)
    }
}
