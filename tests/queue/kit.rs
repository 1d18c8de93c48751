//! What these stories ask of a town beyond what every story asks.

use std::process::{Command, Output};

use flaglink::domain::{DeadLetter, DeadThing, Decision, Event, Inbound, InboxId, NoteRecord, Write};
use flaglink::sandbox::faults::{Fault, Rule, RuleId};
use flaglink::sandbox::gitlab::NoteableRef;
use flaglink::store::Store;
use flaglink::store::sled::{SledStore, StoreOptions};
use jiff::Timestamp;
use serde_json::Value;

use crate::town::{PATIENCE, Town, without_marker};

/// What the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// What it said as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

/// Runs `flaglink queue …` as an admin of the town does.
pub(crate) async fn queue(town: &Town, arguments: &[&str]) -> Said {
    flaglink(town, &[&["queue"], arguments].concat()).await
}

/// Runs `flaglink …` as an admin of the town does.
pub(crate) async fn flaglink(town: &Town, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flaglink"));
    command.arg("--config").arg(town.folder().join("flaglink.toml")).args(arguments).env_clear();
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

/// The dead letters, as the program lists them.
pub(crate) async fn dead(town: &Town) -> Vec<Value> {
    let list = queue(town, &["list", "--json"]).await;
    assert_eq!(list.code, 0, "{list:?}");
    list.json()["dead"].as_array().unwrap().clone()
}

/// The one dead letter's number.
pub(crate) async fn the_one(town: &Town) -> String {
    let dead = dead(town).await;
    assert_eq!(dead.len(), 1, "{dead:#?}");
    dead[0]["id"].to_string()
}

/// Nothing waits and nothing is given up.
pub(crate) async fn assert_empty(town: &Town) {
    let list = queue(town, &["list"]).await;
    assert_eq!(list.out, "Nothing waits, and nothing was given up.\n", "{list:?}");
}

/// GitLab forbids whatever changes something on a page.
pub(crate) fn forbidden(town: &Town, on: NoteableRef) -> [RuleId; 2] {
    let page = format!(r"/projects/{}/(issues|merge_requests)/{}(/|\?|$)", on.project, on.iid);
    ["POST", "PUT"].map(|method| town.gitlab.faults().add(Rule::new(method, &page, Fault::status(403))))
}

/// Everything of the bot's that is to be seen on a page, without what differs between two pages.
pub(crate) fn picture(town: &Town, on: NoteableRef) -> Vec<String> {
    let times = regex::Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC").unwrap();
    let numbers = regex::Regex::new(r"note_\d+").unwrap();
    let mut seen: Vec<String> = town
        .bot_notes(on)
        .iter()
        .map(|note| {
            let text = without_marker(&note.body);
            let text = numbers.replace_all(&text, "note_N");
            format!("{} {}", note.internal, times.replace_all(&text, "TIME"))
        })
        .collect();
    let notes: Vec<u64> = town.gitlab.read(|model| model.notes_on(on).map(|note| note.id).collect());
    for note in notes {
        let mut reactions = town.reactions(note);
        reactions.sort_unstable();
        if !reactions.is_empty() {
            seen.push(format!("{reactions:?}"));
        }
    }
    seen.push(format!("labels {:?}", town.labels(on)));
    let linked = town.links("checkout_v2").contains(&town.page(on));
    seen.push(format!("on the flag: {linked}"));
    seen.sort_unstable();
    seen
}

/// The store of a daemon that does not run.
pub(crate) fn store(town: &Town) -> SledStore {
    SledStore::open(&town.folder().join("store"), StoreOptions::default()).unwrap()
}

/// Writes one decision.
pub(crate) async fn write(store: &SledStore, writes: impl IntoIterator<Item = Write>) {
    let mut decision = Decision::new();
    for write in writes {
        decision.write(write);
    }
    store.commit(decision).await.unwrap();
}

/// An inbox entry is given up, as after a day of trying in vain.
pub(crate) fn given_up(id: InboxId) -> Write {
    Write::InboxDead(DeadLetter {
        id: id.0,
        at: Timestamp::now(),
        begun: None,
        reason: "GitLab was away".to_owned(),
        attempts: 3000,
        what: DeadThing::Inbox(id),
    })
}

/// Mara comments while Flagsmith is away, the daemon is stopped, and her commands (taken, not run) are given up. `change` is what
/// happened meanwhile to the record of her comment. Flagsmith is back afterwards, the daemon is not.
pub(crate) async fn commands_given_up(
    town: &mut Town,
    on: NoteableRef,
    text: &str,
    change: impl FnOnce(&mut NoteRecord),
) -> u64 {
    town.flagsmith.server().go_away().await;
    let note = town.gitlab.comment(town.mara, on, text).unwrap();
    town.gitlab.until(PATIENCE, |model| model.reactions(note, town.bot) == ["eyes"]).await.unwrap();
    town.stop().await;
    let store = store(town);
    let mut record = None;
    for id in store.inbox().await.unwrap() {
        let entry = store.inbox_entry(id).await.unwrap().unwrap();
        assert!(entry.since.is_some(), "{entry:?}");
        if let Inbound::Event(Event::CommandTaken { note, .. }) = entry.what {
            record = store.note(&note).await.unwrap().value;
            write(&store, [given_up(id)]).await;
        }
    }
    let mut record = record.expect("a command waits");
    change(&mut record);
    write(&store, [Write::PutNote(Box::new(record))]).await;
    drop(store);
    town.flagsmith.server().come_back().await.unwrap();
    note
}
