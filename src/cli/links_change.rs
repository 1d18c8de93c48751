//! `flaglink links add`, `remove` and `import`.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::config::{Config, Places};
use crate::daemon::ByHand;
use crate::domain::{NoteSource, NoteableKind};
use crate::http::api_types::{
    ChangedLink, LinkBecame, LinkWish, LinksChange, LinksChanged, WantedAsExported, WantedLink,
};
use crate::store::export::{ExportedLink, read_links};

use super::client::Client;
use super::credentials::hinted;
use super::progress::Progress;
use super::source::may_open_store;
use super::table::Table;
use super::trouble::remark;
use super::words::{count, plain};
use super::{Context, Trouble, document, show};

/// So many links are sent at a time.
const AT_ONCE: usize = 20;

/// How long the daemon may take for them: it asks GitLab and the flag services about each.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Flags on one issue or merge request.
#[derive(Debug, Args)]
pub(super) struct Change {
    /// The issue or merge request: shop/web#12, shop/web!7, or the address of its page
    work: String,
    /// The flags, as in a command: KEY or PROVIDER:KEY
    #[arg(required = true)]
    flags: Vec<String>,
    /// Only say what would become of it
    #[arg(long)]
    dry_run: bool,
}

/// The links of an export.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// What `flaglink links export` wrote, here or elsewhere; `-` is standard input
    file: PathBuf,
    /// Only say what would become of them
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
}

/// Makes links or takes them off.
pub(super) async fn change(context: &Context, wish: LinkWish, change: Change) -> Result<(), Trouble> {
    let link = |flag: &String| WantedLink { work: change.work.clone(), flag: flag.clone(), exported: None };
    let links = change.flags.iter().map(link).collect();
    let mut hand = Hand::open(context).await?;
    let changed = hand.change(LinksChange { apply: !change.dry_run, wish, links }).await?;
    tell(context, &changed)?;
    if !context.json && changed.applied {
        hand.tell_later();
    }
    refused(&changed)
}

/// Makes the links of an export. What would become of them is shown first.
pub(super) async fn import(context: &Context, import: Import) -> Result<(), Trouble> {
    let links: Vec<WantedLink> = read(&import.file)?.into_iter().map(wanted).collect();
    let mut hand = Hand::open(context).await?;
    let progress = Progress::new(context);
    let step = progress.step("asking GitLab and the flag services about the links");
    let plan = hand.all(&links, false).await?;
    drop(step);
    let new = plan.links.iter().filter(|link| link.became == LinkBecame::Linked).count();
    if import.dry_run || !import.yes {
        tell(context, &plan)?;
    }
    if import.dry_run || new == 0 {
        if import.yes {
            tell(context, &plan)?;
        }
        return refused(&plan);
    }
    if !import.yes && !agreed(new)? {
        return Ok(());
    }
    let step = progress.step("making the links");
    let changed = hand.all(&links, true).await?;
    drop((step, progress));
    tell(context, &changed)?;
    if !context.json {
        hand.tell_later();
    }
    refused(&changed)
}

/// Asks whoever sits there; nobody there: nothing is done, and a script is not to take that for done.
fn agreed(new: usize) -> Result<bool, Trouble> {
    if !std::io::stdin().is_terminal() {
        let why = "nothing was done: there is nobody to ask; say it again with --yes to do it, or with --dry-run to look only";
        return Err(Trouble::World(why.to_owned()));
    }
    let mut out = anstream::stderr();
    write!(out, "Make {}? [y/N] ", count(new, "link", "links"))?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let yes = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if !yes {
        remark("Nothing was done.");
    }
    Ok(yes)
}

fn read(file: &PathBuf) -> Result<Vec<ExportedLink>, Trouble> {
    let wrong = |why: String| Trouble::Arguments(format!("{}: {why}", show(file)));
    let links = if file.as_os_str() == "-" {
        read_links(std::io::stdin().lock())
    } else {
        let file = File::open(file).map_err(|error| wrong(error.to_string()))?;
        read_links(BufReader::new(file))
    };
    links.map_err(|error| wrong(error.to_string()))
}

fn wanted(link: ExportedLink) -> WantedLink {
    let kind = match link.noteable.kind {
        NoteableKind::Issue => "issue",
        NoteableKind::MergeRequest => "merge_request",
    };
    WantedLink {
        work: link.web_url,
        flag: link.flag.words(),
        exported: Some(WantedAsExported {
            instance_urls: link.instance_urls,
            project_id: link.noteable.project,
            kind: kind.to_owned(),
            iid: link.noteable.iid,
            internal_id: link.internal_id,
            by: link.by.username,
            by_id: link.by.id,
            at: link.at,
            note: match link.from {
                NoteSource::Note(id) => Some(id),
                NoteSource::Description => None,
            },
        }),
    }
}

/// Whoever changes links: the running daemon, or ourselves.
enum Hand {
    Daemon(Client),
    Ourselves(Box<ByHand>),
}

impl Hand {
    async fn open(context: &Context) -> Result<Self, Trouble> {
        let file = context.config_file()?;
        let Places { socket, store } = Places::load(&file, &context.env)?;
        if let Some(client) = Client::connect(&socket).await? {
            return Ok(Self::Daemon(client.patient(PATIENCE)));
        }
        may_open_store(&socket, &store)?;
        let config = Config::load(&file, &context.env);
        let config = config.map_err(|error| hinted(error, &file, &context.env))?;
        Ok(Self::Ourselves(Box::new(ByHand::open(&config).await?)))
    }

    async fn change(&mut self, change: LinksChange) -> Result<LinksChanged, Trouble> {
        match self {
            Self::Daemon(client) => client.change("/api/v1/links/change", &change).await,
            Self::Ourselves(hand) => Ok(hand.change(change).await),
        }
    }

    /// All of them, so many at a time.
    async fn all(&mut self, links: &[WantedLink], apply: bool) -> Result<LinksChanged, Trouble> {
        let mut all = LinksChanged { applied: apply, links: Vec::with_capacity(links.len()) };
        for some in links.chunks(AT_ONCE) {
            let change = LinksChange { apply, wish: LinkWish::Link, links: some.to_vec() };
            all.links.extend(self.change(change).await?.links);
            if links.len() > AT_ONCE && std::io::stderr().is_terminal() {
                let done = all.links.len();
                let what = if apply { "linked" } else { "looked at" };
                remark(&format!("{done} of {} {what}", links.len()));
            }
        }
        Ok(all)
    }

    fn tell_later(&self) {
        if let Self::Ourselves(_) = self {
            remark("flaglink is not running; panels, labels and links on the flags follow when it starts.");
        }
    }
}

fn tell(context: &Context, changed: &LinksChanged) -> Result<(), Trouble> {
    if context.json {
        return document::write(changed);
    }
    let mut out = anstream::stdout().lock();
    let mut table = Table::new(["WORK", "FLAG", "BECAME"]);
    for link in &changed.links {
        let became = words(link, changed.applied);
        table.row([link.work.clone(), link.flag.clone(), became]);
    }
    table.write(&mut out)?;
    let many = |became| changed.links.iter().filter(|link| link.became == became).count();
    let (linked, before) = (many(LinkBecame::Linked), many(LinkBecame::LinkedBefore));
    let (unlinked, refused) = (many(LinkBecame::Unlinked), many(LinkBecame::Refused));
    let verb = if changed.applied { "" } else { " to be" };
    let mut told = Vec::new();
    for (number, what) in [(linked, "linked"), (unlinked, "taken off")] {
        if number > 0 {
            told.push(format!("{number}{verb} {what}"));
        }
    }
    for (number, what) in [(before, "linked before"), (refused, "not possible")] {
        if number > 0 {
            told.push(format!("{number} {what}"));
        }
    }
    if !told.is_empty() {
        writeln!(out, "\n{}.", told.join(", "))?;
    }
    Ok(())
}

fn words(link: &ChangedLink, applied: bool) -> String {
    match (link.became, applied) {
        (LinkBecame::Linked, true) => "linked".to_owned(),
        (LinkBecame::Linked, false) => "would be linked".to_owned(),
        (LinkBecame::LinkedBefore, _) => "linked before".to_owned(),
        (LinkBecame::Unlinked, true) => "not linked any more".to_owned(),
        (LinkBecame::Unlinked, false) => "would not be linked any more".to_owned(),
        (LinkBecame::NotLinked, _) => "was not linked".to_owned(),
        (LinkBecame::Refused, _) => plain(link.why.as_deref().unwrap_or("not possible")),
    }
}

/// Something that could not be done is no success.
fn refused(changed: &LinksChanged) -> Result<(), Trouble> {
    let refused = changed.links.iter().filter(|link| link.became == LinkBecame::Refused).count();
    if refused == 0 {
        return Ok(());
    }
    let links = count(refused, "link is", "links are");
    Err(Trouble::World(format!("{links} not possible; the list says why.")))
}
