//! `flaglink queue show`: one thing of the queues, for people.

use std::io::{self, Write};

use jiff::Timestamp;
use owo_colors::OwoColorize;

use crate::http::api_letter::{Due, QueueItem, QueuedRequest};

use super::Trouble;
use super::words::{moment, plain};

/// Shows it, all of it.
pub(super) fn show(item: &QueueItem) -> Result<(), Trouble> {
    let mut out = anstream::stdout().lock();
    let state = if item.dead { "given up" } else { "waits" };
    writeln!(out, "{}", format!("{}: {}, {state}", item.id, plain(&item.what)).bold())?;
    let mut fields = Fields { out: &mut out };
    fields.one("about", item.work.as_deref().or(item.about.as_deref()))?;
    fields.one("reason", item.reason.as_deref())?;
    fields.one("what to do", item.todo.as_deref())?;
    fields.at("begun", item.begun)?;
    fields.at("given up", item.given_up)?;
    fields.one("tries", Some(&item.attempts.to_string()))?;
    fields.at("next try", item.next_try)?;
    request(&mut fields, &item.request)?;
    if item.dead {
        writeln!(
            out,
            "\nTry it again: `flaglink queue retry {0}`. Forget it: `flaglink queue drop {0}`.",
            item.id
        )?;
    }
    Ok(())
}

fn request(fields: &mut Fields<'_, impl Write>, request: &QueuedRequest) -> io::Result<()> {
    match request {
        QueuedRequest::Delivery { from, hook, key, headers, received_at, body } => {
            fields.one("from", Some(from))?;
            fields.one("hook", hook.as_deref().filter(|hook| !hook.is_empty()))?;
            fields.one("key", key.as_deref())?;
            fields.at("received", Some(*received_at))?;
            for (name, value) in headers {
                fields.one(name, Some(value))?;
            }
            let pretty = serde_json::from_str::<serde_json::Value>(body)
                .and_then(|json| serde_json::to_string_pretty(&json))
                .unwrap_or_else(|_| body.clone());
            fields.block("body", &pretty)
        }
        QueuedRequest::Event { event, command, asked_by, page } => {
            fields.one("page", page.as_deref())?;
            fields.one("asked by", asked_by.as_deref())?;
            fields.one("command", command.as_deref())?;
            fields.block("event", &serde_json::to_string_pretty(event).unwrap_or_default())
        }
        QueuedRequest::Reply { due, discussion, internal, text } => {
            fields.due(due)?;
            fields.one("thread", discussion.as_deref())?;
            fields.one("internal", internal.then_some("yes"))?;
            fields.block("text", text)
        }
        QueuedRequest::Reaction { due, emoji } => {
            fields.due(due)?;
            fields.one("reaction", Some(emoji))
        }
        QueuedRequest::Switch { due, flag, environment, to, until } => {
            fields.due(due)?;
            fields.one("flag", Some(flag))?;
            fields.one("in", Some(environment))?;
            fields.one("to", Some(to))?;
            fields.at("not after", Some(*until))
        }
        QueuedRequest::Job { due, job, flag, until } => {
            fields.due(due)?;
            fields.one("to do", Some(job))?;
            fields.one("flag", Some(flag))?;
            fields.at("not after", Some(*until))
        }
        QueuedRequest::Level { page } => fields.one("page", page.as_deref()),
        QueuedRequest::Unknown { json } => fields.block("as it is kept", json),
    }
}

/// Names and values that stand under each other. Text from outside is made harmless here.
struct Fields<'a, W: Write> {
    out: &'a mut W,
}

impl<W: Write> Fields<'_, W> {
    fn one(&mut self, name: &str, value: Option<&str>) -> io::Result<()> {
        match value {
            Some(value) => writeln!(self.out, "  {:<20}  {}", plain(name), plain(value)),
            None => Ok(()),
        }
    }

    fn at(&mut self, name: &str, at: Option<Timestamp>) -> io::Result<()> {
        self.one(name, at.map(moment).as_deref())
    }

    fn due(&mut self, due: &Due) -> io::Result<()> {
        self.one("page", due.page.as_deref())?;
        self.one("asked in", due.asked_in.as_deref())?;
        self.one("asked by", due.asked_by.as_deref())?;
        self.at("perhaps sent", due.perhaps_sent)
    }

    fn block(&mut self, name: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "  {name}:")?;
        text.lines().try_for_each(|line| writeln!(self.out, "    {}", plain(line)))
    }
}
