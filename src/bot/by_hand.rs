//! Links that an admin makes or takes off by hand, or brings along from an export.

use jiff::Timestamp;

use super::limits::LINKS;
use super::linking::{self, Hindrance, Linker};
use super::resolve::{self, Meaning};
use super::trouble::Trouble;
use super::world::{Project, World};
use crate::domain::{
    Decision, FlagRef, NoteSource, Noteable, NoteableKind, NoteableRecord, Person, ProjectId,
};
use crate::gitlab::{NoteableDetail, WorkPage};

/// How many noteables are looked through in one go.
const PAGE: usize = 500;

/// Work as an admin names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedWork {
    /// `shop/web#12`, `shop/web!7`, or the address of its page.
    pub name: String,
    /// By its number, where an export of this GitLab has it: it holds when the project has moved.
    pub known: Option<(ProjectId, NoteableKind, u64)>,
}

/// A flag that is to be linked, or not to be linked any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFlag {
    /// As in a command: `KEY` or `PROVIDER:KEY`.
    pub name: String,
    /// Only the flag that has this id in its service, where that matters: a key can be deleted and made again.
    pub internal_id: Option<String>,
    /// Who linked it and when, where an export says so. Else it is the bot, now.
    pub linked: Option<(Person, Timestamp, NoteSource)>,
}

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The flags are to be linked.
    Link,
    /// They are not to be linked any more.
    Unlink,
}

/// What becomes of one flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Became {
    /// It is linked.
    Linked,
    /// It was linked before.
    LinkedBefore,
    /// It is not linked any more.
    Unlinked,
    /// It was not linked.
    NotLinked,
    /// It cannot be done, for that reason.
    Refused(String),
}

/// What is made of it.
pub struct Made {
    /// To be written; nothing where nothing changes.
    pub decision: Option<Decision>,
    /// The page as `shop/web#12`, where it was found.
    pub work: Option<String>,
    /// What becomes of each flag, in their order.
    pub became: Vec<Became>,
}

impl Made {
    fn refused(flags: &[NamedFlag], why: &str) -> Self {
        Self {
            decision: None,
            work: None,
            became: flags.iter().map(|_| Became::Refused(why.to_owned())).collect(),
        }
    }
}

/// Decides it for one issue or merge request. Rules count as in a command: flags that its project may not see are not there.
///
/// # Errors
/// Where GitLab or the store cannot be asked. A flag service that does not answer stands with its flag.
pub async fn decide(
    world: &World,
    wish: Wish,
    work: &NamedWork,
    flags: &[NamedFlag],
    now: Timestamp,
) -> Result<Made, Trouble> {
    let Some(page) = Page::read(world, work).await? else {
        return Ok(Made::refused(flags, &not_here(work, flags)));
    };
    match wish {
        Wish::Link => link(world, &page, flags, now).await,
        Wish::Unlink => unlink(world, &page, flags, now).await,
    }
}

/// That it is no page of this GitLab. In an export nobody has mistyped it.
fn not_here(work: &NamedWork, flags: &[NamedFlag]) -> String {
    let exported = flags.iter().any(|flag| flag.internal_id.is_some());
    match url::Url::parse(&work.name).ok().filter(|_| exported) {
        Some(url) => {
            let there = url.origin().ascii_serialization();
            format!(
                "this names no issue or merge request of this GitLab, but of the one at {there}: where that is its former address, \
                 write `formerly = [\"{there}\"]` in [gitlab]"
            )
        }
        None => {
            "this names no issue or merge request of this GitLab: write shop/web#12, shop/web!7 or the address of its page"
                .to_owned()
        }
    }
}

async fn link(world: &World, page: &Page, flags: &[NamedFlag], now: Timestamp) -> Result<Made, Trouble> {
    let (project, detail) = match page.seen(world).await? {
        Sight::Work(project, detail) => (*project, *detail),
        Sight::NoWork(project) => {
            let (kind, iid) = (page.kind.words(), page.iid);
            let path = &project.detail.path;
            return Ok(Made::refused(
                flags,
                &format!("{path} has no {kind} {}{iid}, or the bot does not see it", page.kind.sign()),
            ));
        }
        Sight::NoProject => {
            return Ok(Made::refused(
                flags,
                "no [[projects]] rule matches its project, or the bot is no member of it",
            ));
        }
    };
    let noteable = world.noteable(project.detail.id, page.kind, page.iid);
    let me = world.me(&project.rule).await?;
    let bot = Person { id: me.id, username: me.username };
    // All are looked up before anything is decided.
    let mut meanings = Vec::with_capacity(flags.len());
    for flag in flags {
        meanings.push((flag, resolve::meaning(world, &project, &flag.name).await));
    }
    let mut decision = Decision::new();
    let seen = world.store().noteable(&noteable).await?;
    let mut record = decision.rests_on(seen).unwrap_or_else(|| NoteableRecord::new(noteable.clone()));
    let mut became = Vec::with_capacity(flags.len());
    for (wanted, meaning) in meanings {
        let flag = match meaning {
            Ok(Meaning::One(flag)) => *flag,
            Ok(Meaning::None { near, .. }) => {
                became.push(Became::Refused(no_such_flag(&near)));
                continue;
            }
            Ok(Meaning::Several(choices)) => {
                became.push(Became::Refused(format!("it can be {}: write which", choices.join(" or "))));
                continue;
            }
            Err(silent) => {
                became.push(Became::Refused(no_answer(&silent)));
                continue;
            }
        };
        if wanted.internal_id.as_ref().is_some_and(|id| *id != flag.internal_id) {
            became.push(Became::Refused(
                "the flag of this key is another one: it was deleted and made again since. `flaglink links add` links the \
                 one that is there now"
                    .to_owned(),
            ));
            continue;
        }
        let known = record.link(&flag.flag);
        if known.is_some_and(|known| known.internal_id == flag.internal_id) {
            became.push(Became::LinkedBefore);
            continue;
        }
        if known.is_none() && record.links.len() >= LINKS {
            became.push(Became::Refused(format!("there are {LINKS} flags already")));
            continue;
        }
        let linker = match wanted.linked.clone() {
            Some((by, at, from)) => {
                // Ours if it stands; that is looked at when it is sent.
                record.label_sending = record.label_sending.take().or_else(|| project.rule.label.clone());
                Linker { by, at, from, brought: Some(detail.web_url.clone()) }
            }
            None => Linker { by: bot.clone(), at: now, from: NoteSource::Description, brought: None },
        };
        match linking::add(world, &mut decision, &mut record, flag, &linker, now).await {
            Ok(()) => became.push(Became::Linked),
            Err(Hindrance::Trouble(trouble)) => return Err(trouble),
            // The decision may be half made.
            Err(Hindrance::Silent(silent)) => {
                return Ok(Made::refused(flags, &no_answer(&silent)));
            }
        }
    }
    let work = Some(page.words(&project.detail.path));
    if !became.contains(&Became::Linked) {
        return Ok(Made { decision: None, work, became });
    }
    linking::settle(world, &mut decision, record, (&detail, &project), now);
    Ok(Made { decision: Some(decision), work, became })
}

/// A flag service gives no good answer.
fn no_answer(silent: &resolve::Silent) -> String {
    format!(
        "{} gives no good answer ({}); `flaglink doctor` says what to do about it",
        silent.provider, silent.trouble
    )
}

fn no_such_flag(near: &[String]) -> String {
    let none = "its project sees no such flag";
    if near.is_empty() { none.to_owned() } else { format!("{none}. Did you mean {}?", near.join(" or ")) }
}

async fn unlink(world: &World, page: &Page, flags: &[NamedFlag], now: Timestamp) -> Result<Made, Trouble> {
    let Some(noteable) = page.linked(world).await? else {
        let became = flags.iter().map(|_| Became::NotLinked).collect();
        return Ok(Made { decision: None, work: None, became });
    };
    let mut decision = Decision::new();
    let Some(record) = decision.rests_on(world.store().noteable(&noteable).await?) else {
        let became = flags.iter().map(|_| Became::NotLinked).collect();
        return Ok(Made { decision: None, work: None, became });
    };
    let mut gone: Vec<FlagRef> = Vec::new();
    let mut became = Vec::with_capacity(flags.len());
    for flag in flags {
        became.push(match resolve::linked(&record.links, &flag.name).as_slice() {
            [] => Became::NotLinked,
            [link] => {
                if !gone.contains(&link.flag) {
                    gone.push(link.flag.clone());
                }
                Became::Unlinked
            }
            several => {
                let choices: Vec<String> = several.iter().map(|link| link.flag.words()).collect();
                Became::Refused(format!("it can be {}: write which", choices.join(" or ")))
            }
        });
    }
    let work = Some(page.words(&record.view.project_path));
    if gone.is_empty() {
        return Ok(Made { decision: None, work, became });
    }
    // Whoever asks on this machine has no name in GitLab. Where the bot is not known either, those who linked it stand for it.
    let by = match world.project(noteable.project).await? {
        Some(project) => {
            let me = world.me(&project.rule).await?;
            Some(Person { id: me.id, username: me.username })
        }
        None => record.links.iter().find(|link| gone.contains(&link.flag)).map(|link| link.by.clone()),
    };
    let Some(by) = by else { return Ok(Made { decision: None, work, became }) };
    linking::remove(&mut decision, record, &gone, &by, now, now);
    Ok(Made { decision: Some(decision), work, became })
}

/// A page of this GitLab.
struct Page {
    at: At,
    kind: NoteableKind,
    iid: u64,
}

/// What GitLab shows of a page.
enum Sight {
    Work(Box<Project>, Box<NoteableDetail>),
    /// There is none, or the bot may not see it.
    NoWork(Box<Project>),
    /// No rule holds there, or the bot does not see the project.
    NoProject,
}

enum At {
    Number(ProjectId),
    Path(String),
}

impl Page {
    async fn read(world: &World, work: &NamedWork) -> Result<Option<Self>, Trouble> {
        if let Some((project, kind, iid)) = work.known {
            return Ok(Some(Self { at: At::Number(project), kind, iid }));
        }
        let name = work.name.trim();
        if name.contains("://") {
            let bases = world.addresses().await?;
            let page = WorkPage::read(name, bases.iter().map(String::as_str));
            return Ok(page.map(|page| Self {
                at: At::Path(page.project_path),
                kind: page.kind,
                iid: page.iid,
            }));
        }
        let Some(at) = name.rfind(['#', '!']) else { return Ok(None) };
        let (path, rest) = name.split_at(at);
        let kind = if rest.starts_with('#') { NoteableKind::Issue } else { NoteableKind::MergeRequest };
        let digits = rest.get(1..).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let iid = digits.and_then(|digits| digits.parse().ok()).filter(|iid| *iid > 0);
        Ok(iid.filter(|_| path.contains('/')).map(|iid| Self { at: At::Path(path.to_owned()), kind, iid }))
    }

    /// As GitLab shows it now.
    async fn seen(&self, world: &World) -> Result<Sight, Trouble> {
        let project = match &self.at {
            At::Number(id) => world.project(*id).await?,
            At::Path(path) => world.project_at(path).await?,
        };
        let Some(project) = project else { return Ok(Sight::NoProject) };
        let project = Box::new(project);
        let detail = project.gitlab.noteable(project.detail.id, self.kind, self.iid).await?;
        Ok(match detail {
            Some(detail) => Sight::Work(project, Box::new(detail)),
            None => Sight::NoWork(project),
        })
    }

    /// The linked work that is meant: also where no rule holds any more, or GitLab does not show it.
    async fn linked(&self, world: &World) -> Result<Option<Noteable>, Trouble> {
        let path = match &self.at {
            At::Number(id) => return Ok(Some(world.noteable(*id, self.kind, self.iid))),
            At::Path(path) => path,
        };
        let mut after = None;
        loop {
            let page = world.store().linked_noteables(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.noteable.clone());
            let found = page.into_iter().find(|record| {
                record.noteable.kind == self.kind
                    && record.noteable.iid == self.iid
                    && record.view.project_path.eq_ignore_ascii_case(path)
            });
            if let Some(found) = found {
                return Ok(Some(found.noteable));
            }
        }
        // It may have moved since it was seen.
        let project = world.project_at(path).await?;
        Ok(project.map(|project| world.noteable(project.detail.id, self.kind, self.iid)))
    }

    fn words(&self, path: &str) -> String {
        format!("{path}{}{}", self.kind.sign(), self.iid)
    }
}
