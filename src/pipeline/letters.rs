//! Dead letters are dealt with: taken back, to be tried at once with fresh attempts, or dropped.
//!
//! Works on the store alone where no daemon runs. Each letter is dealt with once, whoever asks for it at the same time: the
//! decision rests on the letter.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::Pipeline;
use crate::bot;
use crate::bot::limits::COMMAND_AGE;
use crate::domain::{
    Cause, CommandStatus, DeadLetter, DeadThing, Decision, Edge, EdgeId, EdgeKind, Event, FlagRef, Inbound,
    InboxId, NoteKey, Purpose, Write,
};
use crate::markdown::Templates;
use crate::store::{CommitError, Store, StoreError};

/// So many letters are dealt with in one transaction.
const AT_ONCE: usize = 100;
/// How many letters are looked through for those that hang on one that is dropped.
const LOOK_THROUGH: usize = 1_000;

/// What is done with dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// They are tried again.
    Retry,
    /// They are forgotten.
    Drop,
}

/// Which dead letters are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All that there are.
    All,
    /// Those with these numbers.
    These(Vec<u64>),
}

/// What became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dealt {
    /// The numbers of those that were dealt with.
    pub done: Vec<u64>,
    /// How many further letters went with them, because they hung on them.
    pub with_them: u64,
    /// Those that were left as they are.
    pub not: Vec<NotDealt>,
}

/// A number under which nothing was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDealt {
    /// The number.
    pub id: u64,
    /// Why; for people.
    pub why: String,
}

/// Where dead letters are dealt with.
pub struct Desk<'a> {
    store: &'a dyn Store,
    pipeline: Option<&'a Pipeline>,
}

impl<'a> Desk<'a> {
    /// On the store alone: what is taken back is tried when the daemon starts.
    pub fn of_store(store: &'a dyn Store) -> Self {
        Self { store, pipeline: None }
    }

    /// Deals with them.
    pub async fn deal(&self, how: How, which: &Which) -> Result<Dealt, StoreError> {
        let (ids, named) = match which {
            Which::All => {
                let all = self.store.dead_letters(usize::MAX).await?;
                (all.into_iter().map(|letter| letter.id).collect(), false)
            }
            Which::These(ids) => {
                let mut once: Vec<u64> = Vec::new();
                for id in ids {
                    if !once.contains(id) {
                        once.push(*id);
                    }
                }
                (once, true)
            }
        };
        let mut all = Dealt::default();
        for some in ids.chunks(AT_ONCE) {
            let dealt = self.deal_with(how, some, named).await?;
            all.done.extend(dealt.done);
            all.with_them += dealt.with_them;
            all.not.extend(dealt.not);
        }
        tracing::info!(
            ?how,
            done = all.done.len(),
            with_them = all.with_them,
            left = all.not.len(),
            "dead letters"
        );
        Ok(all)
    }

    async fn deal_with(&self, how: How, ids: &[u64], named: bool) -> Result<Dealt, StoreError> {
        loop {
            let mut case = Case {
                decision: Decision::new(),
                dealt: Dealt::default(),
                gone_with_others: BTreeSet::new(),
                now: Timestamp::now(),
            };
            for id in ids {
                if case.gone_with_others.contains(id) {
                    continue;
                }
                let seen = self.store.dead_letter(*id).await?;
                let Some(letter) = case.decision.rests_on(seen) else {
                    // Of all, one that is gone meanwhile was dealt with by somebody else, or went with another.
                    if named {
                        let why = self.why_none(*id).await?;
                        case.refuse(*id, why);
                    }
                    continue;
                };
                match how {
                    How::Retry => self.take_back(&mut case, letter).await?,
                    How::Drop => self.drop_it(&mut case, letter).await?,
                }
            }
            if case.decision.writes.is_empty() {
                return Ok(case.dealt);
            }
            let committed = match self.pipeline {
                Some(pipeline) => pipeline.commit(case.decision).await,
                None => self.store.commit(case.decision).await,
            };
            match committed {
                Ok(()) => return Ok(case.dealt),
                Err(CommitError::Conflict) => {}
                Err(CommitError::Store(error)) => return Err(error),
            }
        }
    }

    async fn why_none(&self, id: u64) -> Result<String, StoreError> {
        let entry = self.store.inbox_entry(InboxId(id)).await;
        let waits = !matches!(entry, Ok(None)) || self.store.edge(EdgeId(id)).await?.is_some();
        Ok(if waits {
            "it is not given up: it waits, and is tried by itself".to_owned()
        } else {
            "nothing is given up under this number".to_owned()
        })
    }

    async fn take_back(&self, case: &mut Case, letter: DeadLetter) -> Result<(), StoreError> {
        match letter.what {
            DeadThing::Inbox(id) => match self.store.inbox_entry(id).await {
                Ok(Some(entry)) if !matches!(entry.what, Inbound::Unknown(_)) => {
                    case.decision.write(Write::InboxAgain(id));
                }
                // There is nothing left to be tried.
                Ok(None) => case.decision.write(Write::LetterDone(letter.id)),
                Ok(Some(_)) | Err(StoreError::Damaged(_)) => {
                    case.refuse(letter.id, of_another_version());
                    return Ok(());
                }
                Err(error) => return Err(error),
            },
            DeadThing::Edge(edge) if self.is_untrue_by_now(&edge, case.now).await? => {
                case.decision.write(Write::LetterDone(letter.id));
            }
            DeadThing::Edge(edge) => case.decision.write(Write::PutEdge(Box::new(edge.again(case.now)))),
            DeadThing::Level(level) => {
                case.decision.write(Write::MarkStale(level, case.now));
                case.decision.write(Write::LetterDone(letter.id));
            }
            DeadThing::Unknown(_) => {
                case.refuse(letter.id, of_another_version());
                return Ok(());
            }
        }
        case.dealt.done.push(letter.id);
        Ok(())
    }

    /// A notice that a command waits is not said any more when that command is over, nor a change that is no news any more.
    async fn is_untrue_by_now(&self, edge: &Edge, now: Timestamp) -> Result<bool, StoreError> {
        if matches!(edge.cause.purpose, Purpose::Tell(_)) {
            return self.is_no_news(edge, now).await;
        }
        let Cause { noteable, source: Some(source), command, purpose: Purpose::Waiting } = &edge.cause else {
            return Ok(false);
        };
        let note = NoteKey { noteable: noteable.clone(), source: *source };
        let record = self.store.note(&note).await?.value;
        let command = record.as_ref().and_then(|record| record.commands.get(*command));
        Ok(command.is_none_or(|command| command.status != CommandStatus::Taken))
    }

    /// What is told of changes says how things are now. It is not said when it is a day old, nor when a flag that it is about is not
    /// linked there any more, or has changed since: the panel tells all that.
    async fn is_no_news(&self, edge: &Edge, now: Timestamp) -> Result<bool, StoreError> {
        let EdgeKind::Reply { text, about, .. } = &edge.kind else { return Ok(false) };
        let noteable = &edge.cause.noteable;
        let dropped = |why: &str, flag: Option<&FlagRef>| {
            let flag = flag.map(tracing::field::display);
            tracing::info!(letter = edge.id.0, %noteable, flag, why, "what was to be told is no news any more, so it is not told");
            Ok(true)
        };
        let age = Duration::try_from(now.duration_since(edge.queued_at)).unwrap_or_default();
        if age > COMMAND_AGE {
            return dropped("it is too old", None);
        }
        let record = self.store.noteable(noteable).await?.value;
        let Some(record) = record.filter(|record| !record.links.is_empty()) else {
            return dropped("nothing is linked there any more", None);
        };
        // An earlier version has not kept which flags it is about.
        let links = record.links.iter().map(|link| &link.flag);
        let about: Vec<&FlagRef> = match about.is_empty() {
            true => links.filter(|flag| names(text.as_str(), &flag.key)).collect(),
            false => about.iter().collect(),
        };
        for flag in about {
            if record.link(flag).is_none() {
                return dropped("the flag is not linked there any more", Some(flag));
            }
            let known = self.store.flag(flag).await?.value;
            let last = known.as_ref().and_then(|known| known.history.last());
            if last.is_some_and(|last| last.noticed_at.unwrap_or(last.at) > edge.queued_at) {
                return dropped("the flag has changed since", Some(flag));
            }
        }
        Ok(false)
    }

    async fn drop_it(&self, case: &mut Case, letter: DeadLetter) -> Result<(), StoreError> {
        if let DeadThing::Inbox(id) = letter.what
            && let Ok(Some(entry)) = self.store.inbox_entry(id).await
            && let Inbound::Event(Event::CommandTaken { note, command }) = entry.what
        {
            let place = command;
            let world = self.pipeline.map(Pipeline::world);
            let default = Templates::default();
            let templates = world.as_ref().map_or(&default, |world| world.templates());
            if let Some(why) =
                bot::drop_command(self.store, templates, case.now, &mut case.decision, &note, place).await?
            {
                case.refuse(letter.id, why.to_owned());
                return Ok(());
            }
            // What was to be said or shown on the way, and was given up too, is of no use any more.
            for other in self.store.dead_letters(LOOK_THROUGH).await? {
                let DeadThing::Edge(edge) = &other.what else { continue };
                let cause = &edge.cause;
                let hangs_on_it = cause.noteable == note.noteable
                    && cause.source == Some(note.source)
                    && cause.command == place;
                if hangs_on_it
                    && !case.dealt.done.contains(&other.id)
                    && case.gone_with_others.insert(other.id)
                {
                    case.decision.write(Write::LetterDone(other.id));
                    case.dealt.with_them += 1;
                }
            }
        }
        case.decision.write(Write::LetterDone(letter.id));
        case.dealt.done.push(letter.id);
        Ok(())
    }
}

/// Letters that are dealt with in one transaction.
struct Case {
    decision: Decision,
    dealt: Dealt,
    gone_with_others: BTreeSet<u64>,
    now: Timestamp,
}

impl Case {
    fn refuse(&mut self, id: u64, why: String) {
        self.dealt.not.push(NotDealt { id, why });
    }
}

/// Whether a text names the flag of that key: as a whole word, or as a code span, there perhaps with its provider before it.
fn names(text: &str, key: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_it = |span: &str| {
        span.strip_suffix(key).is_some_and(|before| before.chars().next_back().is_none_or(|c| !is_letter(c)))
    };
    text.split('`').skip(1).step_by(2).any(is_it)
        || text.split(|c| !is_letter(c)).any(|word| word.trim_matches('.') == key)
}

fn of_another_version() -> String {
    "another version of flaglink wrote it, and this one does not know what it is: it can be dropped, or tried again by that \
     version"
        .to_owned()
}

impl Pipeline {
    /// Deals with dead letters; what is taken back is in its lane when this returns.
    pub async fn deal(&self, how: How, which: &Which) -> Result<Dealt, StoreError> {
        let world = self.world();
        Desk { store: world.store(), pipeline: Some(self) }.deal(how, which).await
    }
}
