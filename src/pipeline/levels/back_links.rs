//! The links to work that stand on a flag in its own service: what is linked here and not confidential.
//!
//! Only links that flaglink made are changed or taken away, and where links are adopted those that it was told of.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Became, NotTrue, Pipeline, Sends, ceiling, is_hopeless, is_overtaken, write_down};
use crate::bot::adopt::decides_there;
use crate::bot::back_links::{all_to_the_work, stands_as, wanted};
use crate::bot::{Trouble, World};
use crate::domain::{Decision, FlagRecord, FlagRef, Level, Mirror, Noteable, NoteableKind, StateTag, Write};
use crate::flags::{BackLink, FlagProvider, StandingLink, same_page};
use crate::net::Sent;

pub(super) async fn make_true(
    pipeline: &Pipeline,
    world: &World,
    sends: &Sends<'_>,
    flag: &FlagRef,
) -> Result<Became, NotTrue> {
    match look(pipeline, world, sends, flag).await {
        Err(NotTrue::Trouble(trouble)) if is_overtaken(&trouble) => look(pipeline, world, sends, flag).await,
        other => other,
    }
}

async fn look(
    pipeline: &Pipeline,
    world: &World,
    sends: &Sends<'_>,
    flag: &FlagRef,
) -> Result<Became, NotTrue> {
    let Some(provider) = world.provider(flag) else { return Ok(Became::Unchanged) };
    if !provider.abilities().back_links {
        return Ok(Became::Unchanged);
    }
    let mut decision = Decision::new();
    let Some(mut record) = decision.rests_on(world.store().flag(flag).await?) else {
        return Ok(Became::Unchanged);
    };
    if record.missing_since.is_some() {
        return Ok(Became::Unchanged);
    }
    let wanted = wanted(world, flag).await?;
    if world.refusals().ask(provider.as_ref()).await? {
        // What is missed meanwhile is looked at when the flag is ours again, also after a restart.
        let mut changed = keep_in_mind(&mut record, &wanted);
        if let Some(tagged) = record.tagged.as_mut().filter(|tagged| !tagged.due) {
            tagged.due = true;
            changed = true;
        }
        if !changed {
            return Ok(Became::Unchanged);
        }
        decision.write(Write::PutFlag(Box::new(record)));
        return Ok(Became::True(decision));
    }
    let internal_id = record.flag.internal_id.clone();
    let standing = provider.back_links(flag, &internal_id).await?;
    let mirror = MirrorOf { pipeline, world, sends, provider: provider.as_ref(), flag, internal_id };

    let mut changed = false;
    let mut troubles = Troubles::default();
    for (noteable, mirrored) in &record.mirrors {
        let moved = wanted.get(noteable).is_some_and(|link| !same_page(&link.url, &mirrored.url));
        if !wanted.contains_key(noteable) || moved {
            let stands = standing.iter().any(|standing| stands_as(standing, mirrored));
            if !stands && let Some(at) = mirror.not_yet_known(Some(mirrored)) {
                troubles.not_before(at);
                continue;
            }
            changed |= troubles.of_one(mirror.take_away(noteable, mirrored, &standing, moved).await)?;
        }
    }
    for (noteable, link) in &wanted {
        let mirrored = record.mirrors.get(noteable).filter(|mirrored| same_page(&mirrored.url, &link.url));
        let known = |found: &&StandingLink| mirrored.is_some_and(|mirrored| stands_as(found, mirrored));
        let found = standing.iter().find(known);
        let found = found.or_else(|| standing.iter().find(|found| same_page(&found.url, &link.url)));
        changed |= match found {
            Some(found) => {
                troubles.of_one(mirror.keep_up(noteable, link, mirrored, found, &standing).await)?
            }
            // Somebody took it off there, and there it is decided as well.
            None if mirrored.is_some_and(|mirrored| mirrored.id.is_some())
                && !sends.any_unanswered()
                && decides_there(world, provider.as_ref(), flag, noteable).await? =>
            {
                false
            }
            None => match mirror.not_yet_known(mirrored) {
                Some(at) => {
                    troubles.not_before(at);
                    false
                }
                None => troubles.of_one(mirror.put_on(noteable, link).await)?,
            },
        };
    }
    if let Some(at) = troubles.open {
        return Ok(Became::NotYetKnown(at, "the answer of the flag service was lost; looking again"));
    }
    match troubles.refused {
        Some(refused) => Err(refused.into()),
        None if changed => Ok(Became::True(Decision::new())),
        None => Ok(Became::Unchanged),
    }
}

/// Keeps in mind what is linked while nothing may be put on the flag: a link to it that stands there all the same is then known as
/// unlinked, and not as somebody's wish, when it is not linked any more. Returns whether that is new.
fn keep_in_mind(record: &mut FlagRecord, wanted: &BTreeMap<String, BackLink>) -> bool {
    let before = record.mirrors.len();
    for (noteable, link) in wanted {
        let unseen = || Mirror { url: link.url.clone(), ..Mirror::default() };
        record.mirrors.entry(noteable.clone()).or_insert_with(unseen);
    }
    record.mirrors.len() != before
}

/// What went wrong with one page's link, and is no reason to leave those of the other pages.
#[derive(Default)]
struct Troubles {
    /// Until then it is open whether one that was sent stands.
    open: Option<Timestamp>,
    /// What the service will not have.
    refused: Option<Trouble>,
}

impl Troubles {
    fn not_before(&mut self, at: Timestamp) {
        self.open = Some(self.open.map_or(at, |open| open.min(at)));
    }

    /// What is refused for certain is about that link alone; anything else is about the service.
    fn of_one(&mut self, done: Result<bool, NotTrue>) -> Result<bool, NotTrue> {
        match done {
            Err(NotTrue::Trouble(trouble)) if is_hopeless(&trouble) => {
                self.refused.get_or_insert(trouble);
                Ok(false)
            }
            other => other,
        }
    }
}

struct MirrorOf<'a> {
    pipeline: &'a Pipeline,
    world: &'a World,
    sends: &'a Sends<'a>,
    provider: &'a dyn FlagProvider,
    flag: &'a FlagRef,
    internal_id: String,
}

impl MirrorOf<'_> {
    /// Until when it is open whether a link that was sent stands.
    fn not_yet_known(&self, mirrored: Option<&Mirror>) -> Option<Timestamp> {
        let ceiling = ceiling(mirrored?.sent_at?, self.pipeline);
        (Timestamp::now() < ceiling).then_some(ceiling)
    }

    /// Takes the link away. Where what stands there counts, too, every other link to the same work would put it back at the next
    /// look, so those go with it; not when the work is only at another address (`moved`).
    async fn take_away(
        &self,
        noteable: &str,
        mirrored: &Mirror,
        standing: &[StandingLink],
        moved: bool,
    ) -> Result<bool, NotTrue> {
        let the_one = standing.iter().find(|standing| mirrored.id.as_ref() == Some(&standing.id));
        let the_one = the_one.or_else(|| standing.iter().find(|standing| stands_as(standing, mirrored)));
        let mut found: Vec<&StandingLink> = the_one.into_iter().collect();
        if decides_there(self.world, self.provider, self.flag, noteable).await? {
            if !moved {
                found = all_to_the_work(self.world, mirrored, standing).await?;
            }
        } else if !mirrored.ours && mirrored.sent_at.is_none() {
            found.clear();
        }
        for link in &found {
            self.sends.begin().await?;
            self.provider.remove_back_link(self.flag, &self.internal_id, &link.id).await?;
        }
        let kind = noteable.parse::<Noteable>().ok().map(|noteable| noteable.kind);
        // By the tags flags are found on which somebody has put a link that is not known here yet: with it they are made true.
        let ours = mirrored.ours || mirrored.sent_at.is_some();
        if !ours && self.has_strange_links(standing, &found).await? {
            self.write(|record| drop(record.mirrors.remove(noteable)), false).await?;
            return Ok(!found.is_empty());
        }
        self.remember(|record| {
            record.mirrors.remove(noteable);
            // The service may have set a tag with the link, and none of ours was put on yet.
            if let Some(kind) = kind.filter(|_| !found.is_empty() && self.provider.abilities().tags) {
                let says = &mut record.tagged.get_or_insert_default().says;
                says.insert(StateTag::some_of(kind).label().to_owned());
            }
        })
        .await?;
        Ok(!found.is_empty())
    }

    /// The link stands: whose it is is written down, and its title and state are brought up to date if it is ours.
    async fn keep_up(
        &self,
        noteable: &str,
        link: &BackLink,
        mirrored: Option<&Mirror>,
        found: &StandingLink,
        standing: &[StandingLink],
    ) -> Result<bool, NotTrue> {
        let ours = mirrored.is_some_and(|mirrored| mirrored.ours || mirrored.sent_at.is_some());
        let known =
            Mirror { url: link.url.clone(), id: Some(found.id.clone()), ours, sent_at: None, gone_at: None };
        if mirrored != Some(&known) {
            self.remember(|record| {
                record.mirrors.insert(noteable.to_owned(), known.clone());
            })
            .await?;
        }
        if !ours || found.says == self.provider.back_link_says(link) {
            return Ok(false);
        }
        let of = |standing: &StandingLink| self.provider.back_link_kind(&standing.says);
        if let Some(kind) = of(found).filter(|kind| *kind != link.kind) {
            let others = standing.iter().any(|other| other.id != found.id && of(other) == Some(kind));
            return self.make_anew(noteable, link, found, (!others).then_some(kind)).await;
        }
        let link = BackLink { url: found.url.clone(), ..link.clone() };
        self.sends.begin().await?;
        self.provider.update_back_link(self.flag, &self.internal_id, &found.id, &link).await?;
        Ok(true)
    }

    /// A link says that it leads to work of another kind, and services take no other word for it: it is made anew. With it the
    /// service has set a tag of that kind (`tagged`; `None` where that is another link's as well), which is to go.
    async fn make_anew(
        &self,
        noteable: &str,
        link: &BackLink,
        found: &StandingLink,
        tagged: Option<NoteableKind>,
    ) -> Result<bool, NotTrue> {
        let sent_at = Some(Timestamp::now());
        // Before it is taken away: that it is not there then is not to look as if somebody had taken it off.
        self.remember(|record| {
            let sending = Mirror { url: link.url.clone(), sent_at, ..Mirror::default() };
            record.mirrors.insert(noteable.to_owned(), sending);
            if let Some(kind) = tagged.filter(|_| self.provider.abilities().tags) {
                let says = &mut record.tagged.get_or_insert_default().says;
                says.insert(StateTag::some_of(kind).label().to_owned());
            }
        })
        .await?;
        self.sends.begin().await?;
        self.provider.remove_back_link(self.flag, &self.internal_id, &found.id).await?;
        self.put_on(noteable, link).await
    }

    async fn put_on(&self, noteable: &str, link: &BackLink) -> Result<bool, NotTrue> {
        let sending = Mirror {
            url: link.url.clone(),
            id: None,
            ours: false,
            sent_at: Some(Timestamp::now()),
            gone_at: None,
        };
        self.remember(|record| {
            record.mirrors.insert(noteable.to_owned(), sending.clone());
        })
        .await?;
        match self.provider.add_back_link(self.flag, &self.internal_id, link).await {
            Ok(id) => {
                let stands =
                    Mirror { url: link.url.clone(), id: Some(id), ours: true, sent_at: None, gone_at: None };
                self.remember(|record| {
                    record.mirrors.insert(noteable.to_owned(), stands.clone());
                })
                .await?;
                Ok(true)
            }
            Err(error) => {
                let trouble = Trouble::from(error);
                if trouble.failure.as_ref().is_some_and(|failure| failure.sent == Sent::No) {
                    self.remember(|record| {
                        record.mirrors.remove(noteable);
                    })
                    .await?;
                }
                Err(trouble.into())
            }
        }
    }

    /// Whether links stand there, beside those, that are of nothing that is known to be linked.
    async fn has_strange_links(
        &self,
        standing: &[StandingLink],
        beside: &[&StandingLink],
    ) -> Result<bool, NotTrue> {
        let record = self.world.store().flag(self.flag).await?.value;
        let known: Vec<Mirror> = record.into_iter().flat_map(|record| record.mirrors.into_values()).collect();
        let is_known = |link: &StandingLink| known.iter().any(|mirror| stands_as(link, mirror));
        let is_beside = |link: &StandingLink| !beside.iter().any(|one| one.id == link.id);
        Ok(standing.iter().any(|link| is_beside(link) && !is_known(link)))
    }

    /// Writes the flag's record down, as it is now and changed. Its tags are looked at.
    async fn remember(&self, change: impl Fn(&mut FlagRecord)) -> Result<(), NotTrue> {
        self.write(change, true).await
    }

    async fn write(&self, change: impl Fn(&mut FlagRecord), with_tags: bool) -> Result<(), NotTrue> {
        let mut decision = Decision::new();
        let Some(mut record) = decision.rests_on(self.world.store().flag(self.flag).await?) else {
            return Ok(());
        };
        change(&mut record);
        if with_tags && self.provider.abilities().tags {
            // With a link the service may change tags by itself.
            record.tagged.get_or_insert_default().due = true;
            decision.write(Write::MarkStale(Level::Tags(self.flag.clone()), Timestamp::now()));
        }
        decision.write(Write::PutFlag(Box::new(record)));
        write_down(self.pipeline, decision).await
    }
}
