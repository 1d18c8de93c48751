//! Dead letters that another version wrote.

use std::path::Path;

use flaglink::store::Store;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kit::{assert_empty, dead, queue, store, the_one};
use crate::town::Town;
use flaglink::sandbox::faults::{Fault, Rule};

/// Writes a value as the store does: format, flags, version, length, no further pieces.
fn cell(value: &Value) -> Vec<u8> {
    let json = value.to_string();
    let mut cell = vec![1, 0];
    cell.extend_from_slice(&7_u64.to_be_bytes());
    cell.extend_from_slice(&u32::try_from(json.len()).unwrap().to_be_bytes());
    cell.extend_from_slice(&0_u32.to_be_bytes());
    cell.extend_from_slice(json.as_bytes());
    cell
}

fn key(kind: u8, numbers: &[u64]) -> Vec<u8> {
    let mut key = vec![kind];
    numbers.iter().for_each(|number| key.extend_from_slice(&number.to_be_bytes()));
    key
}

/// Two letters of a version to come: one of a thing that does not exist yet, one about an event that does not.
fn of_another_version(store: &Path, thing: u64, event: u64) {
    let tree = sled::Config::new().path(store.join("db")).open().unwrap();
    let at: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
    let moment = at.as_microsecond().cast_unsigned() ^ (1 << 63);
    let letter = |id: u64, what: Value| json!({ "id": id, "at": at.to_string(), "reason": "too new", "attempts": 9, "what": what, "mood": "blue" });
    for (id, what) in
        [(thing, json!({ "issue_to_open": { "title": "x" } })), (event, json!({ "inbox": event }))]
    {
        tree.insert(key(b'd', &[id]), cell(&letter(id, what))).unwrap();
        tree.insert(key(b'o', &[moment, id]), cell(&json!(id))).unwrap();
    }
    let entry = json!({ "what": { "event": { "moon_is_full": { "phase": 3 } } }, "attempts": 9 });
    tree.insert(key(b'z', &[event]), cell(&entry)).unwrap();
    // One that waits, too.
    tree.insert(key(b'q', &[event + 1]), cell(&entry)).unwrap();
    tree.flush().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_version_wrote_is_listed_kept_and_can_be_dropped() {
    let mut town = Town::new().await;
    let issue = town.issue();
    let rule = town.gitlab.faults().add(Rule::new("POST", r"/notes$", Fault::status(403)));
    let note = town.says(issue, "/flag list").await;
    town.gitlab.faults().remove(rule);
    let ours = the_one(&town).await;
    town.stop().await;
    let number = {
        let store = store(&town);
        store.new_id() + 10
    };
    of_another_version(&town.folder().join("store"), number, number + 1);

    for running in [false, true] {
        if running {
            town.start().await;
            town.rest().await;
        }
        // The daemon finds the one that waits, and throws nothing away that it does not know.
        let letters = dead(&town).await;
        assert_eq!(letters.len(), if running { 4 } else { 3 }, "{letters:#?}");
        let strange: Vec<&Value> = letters.iter().filter(|one| one["what"] == "of another version").collect();
        assert_eq!(strange.len(), letters.len() - 1, "{letters:#?}");
        assert_eq!(strange[0]["reason"], "too new");
        for (id, word) in [(number, "issue_to_open"), (number + 1, "moon_is_full")] {
            let shown = queue(&town, &["show", &id.to_string()]).await;
            assert!(shown.code == 0 && shown.out.contains(word), "{shown:?}");
            let said = queue(&town, &["retry", &id.to_string()]).await;
            assert_eq!(said.code, 1);
            assert!(said.err.contains("another version of flaglink"), "{said:?}");
        }
    }
    let said = queue(&town, &["retry", "--all", "--json"]).await;
    assert_eq!(said.code, 1);
    assert_eq!(said.json()["done"], json!([ours.parse::<u64>().unwrap()]));
    assert_eq!(said.json()["not"].as_array().unwrap().len(), 3);
    town.rest().await;
    town.reply_to(issue, note);
    // What was put back is as it was.
    let shown = queue(&town, &["show", &(number + 2).to_string()]).await;
    assert!(shown.out.contains(r#"{"event":{"moon_is_full":{"phase":3}}}"#), "{shown:?}");
    let said = queue(&town, &["drop", "--all"]).await;
    assert_eq!((said.code, said.out.as_str()), (0, "3 dropped.\n"), "{said:?}");
    assert_empty(&town).await;
    town.end().await;
}
