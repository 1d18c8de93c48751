//! The links as JSON Lines.

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;

use flaglink::domain::{Instance, InstanceId, NoteSource, Register, Write};
use flaglink::store::Store;
use flaglink::store::export::{
    ExportedLink, ReadLinksError, links_file, links_file_before, read_links, save_links, write_links,
};
use flaglink::store::sled::SledStore;

use crate::kit::{at, commit, flag, folder, issue, linked, open, person};

const URLS: [&str; 2] = ["https://old.example.com", "https://gitlab.example.com"];

async fn fill(store: &SledStore, noteables: u64) -> Vec<ExportedLink> {
    let register = Register {
        instances: vec![Instance {
            id: InstanceId("main".to_owned()),
            urls: URLS.map(str::to_owned).to_vec(),
            bots: [1].into(),
        }],
        ..Register::default()
    };
    let mut expected = Vec::new();
    let mut writes = vec![Write::PutRegister(Box::new(register))];
    for iid in 1..=noteables {
        let flags = [flag("a"), flag(&format!("🚩 \"{iid}\"\n"))];
        let mut record = linked(&issue(iid), &flags);
        record.view.title = "secret plans".to_owned();
        for link in &record.links {
            expected.push(ExportedLink {
                noteable: issue(iid),
                instance_urls: URLS.map(str::to_owned).to_vec(),
                web_url: record.view.web_url.clone(),
                flag: link.flag.clone(),
                internal_id: link.internal_id.clone(),
                by: person(),
                at: at(0),
                from: NoteSource::Note(4711),
            });
        }
        writes.push(Write::PutNoteable(Box::new(record)));
    }
    commit(store, writes).await;
    expected
}

#[tokio::test]
async fn what_is_exported_can_be_read_back_to_the_last_field() {
    let folder = folder();
    let store = open(folder.path());
    // More than one page, and not a whole number of pages.
    let expected = fill(&store, 431).await;
    let mut out = Vec::new();
    assert_eq!(write_links(&store, at(5), &mut out).await.unwrap(), 862);
    assert_eq!(read_links(out.as_slice()).unwrap(), expected);

    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count(), 862 + 2, "one line a link, one before, one after");
    assert!(!text.contains("secret plans"), "titles are no part of a link");
    assert_eq!(
        text.lines().next().unwrap(),
        format!(r#"{{"is":"flaglink_links","version":1,"at":"{}"}}"#, at(5))
    );
    assert_eq!(text.lines().last().unwrap(), r#"{"is":"end","links":862}"#);
}

#[tokio::test]
async fn a_line_is_readable_by_people_and_other_programs() {
    let folder = folder();
    let store = open(folder.path());
    fill(&store, 1).await;
    let mut out = Vec::new();
    write_links(&store, at(5), &mut out).await.unwrap();
    let line: serde_json::Value =
        serde_json::from_slice(out.split(|byte| *byte == b'\n').nth(1).unwrap()).unwrap();
    assert_eq!(
        line,
        serde_json::json!({
            "is": "link",
            "noteable": "main/7/issues/1",
            "instance_urls": URLS,
            "web_url": "https://gitlab.example.com/shop/-/issues/1",
            "flag": "flagsmith/12/a",
            "internal_id": "id of a",
            "by": { "id": 3, "username": "kim" },
            "at": at(0).to_string(),
            "from": { "note": 4711 },
        })
    );
}

#[tokio::test]
async fn nothing_linked_is_a_complete_file_too() {
    let folder = folder();
    let store = open(folder.path());
    let mut out = Vec::new();
    assert_eq!(write_links(&store, at(0), &mut out).await.unwrap(), 0);
    assert_eq!(read_links(out.as_slice()).unwrap(), []);
}

#[tokio::test]
async fn a_file_that_is_not_all_of_it_is_noticed() {
    let folder = folder();
    let store = open(folder.path());
    fill(&store, 3).await;
    let mut out = Vec::new();
    write_links(&store, at(0), &mut out).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let read = |lines: &[&str]| read_links(lines.join("\n").as_bytes());

    assert!(matches!(
        read(&lines[..lines.len() - 1]),
        Err(ReadLinksError::Incomplete { found: 6, claimed: None })
    ));
    let without_one = [&lines[..2], &lines[3..]].concat();
    assert!(matches!(read(&without_one), Err(ReadLinksError::Incomplete { found: 5, claimed: Some(6) })));
    assert!(matches!(read(&lines[1..]), Err(ReadLinksError::NotLinks)));
    assert!(matches!(read(&[]), Err(ReadLinksError::NotLinks)));
    assert!(matches!(read(&["<html>"]), Err(ReadLinksError::NotLinks)));
    let mut broken = lines.clone();
    let half = &lines[2][..40];
    broken[2] = half;
    assert!(matches!(read(&broken), Err(ReadLinksError::Line { line: 3, .. })));
    let newer = lines[0].replace(r#""version":1"#, r#""version":9"#);
    broken[0] = &newer;
    assert!(matches!(read(&broken), Err(ReadLinksError::Newer(9))));
}

#[tokio::test]
async fn the_file_beside_the_database_is_replaced_as_a_whole() {
    let folder = folder();
    let store = open(folder.path());
    fill(&store, 2).await;
    assert_eq!(save_links(&store, at(1), folder.path()).await.unwrap(), 4);
    let file = links_file(folder.path());
    assert_eq!(file, folder.path().join("links.jsonl"));
    let first = std::fs::read(&file).unwrap();
    assert_eq!(read_links(first.as_slice()).unwrap().len(), 4);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    // A kill half-way has left a part of a new one behind: the next one takes its place.
    std::fs::write(folder.path().join("links.jsonl.new"), "x".repeat(100_000)).unwrap();
    commit(&store, [Write::PutNoteable(Box::new(linked(&issue(1), &[])))]).await;
    assert_eq!(save_links(&store, at(2), folder.path()).await.unwrap(), 2);
    assert_eq!(read_links(std::fs::read(&file).unwrap().as_slice()).unwrap().len(), 2);
    assert!(!folder.path().join("links.jsonl.new").exists());

    // Where the new one cannot be written the old one stays.
    let before = std::fs::read(&file).unwrap();
    std::fs::create_dir(folder.path().join("links.jsonl.new")).unwrap();
    assert!(save_links(&store, at(3), folder.path()).await.is_err());
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

/// Somebody moved a damaged database away: what was saved of it is the only copy.
#[tokio::test]
async fn what_was_saved_of_a_store_before_is_kept_when_it_is_begun_anew() {
    let folder = folder();
    let store = open(folder.path());
    fill(&store, 2).await;
    save_links(&store, at(1), folder.path()).await.unwrap();
    drop(store);
    let (file, before) = (links_file(folder.path()), links_file_before(folder.path()));
    let saved = std::fs::read(&file).unwrap();
    std::fs::remove_dir_all(folder.path().join("db")).unwrap();

    let store = open(folder.path());
    for round in 2..4 {
        assert_eq!(save_links(&store, at(round), folder.path()).await.unwrap(), 0);
        assert_eq!(std::fs::read(&before).unwrap(), saved);
    }
    // Nor is it lost to one that has fewer.
    commit(&store, [Write::PutNoteable(Box::new(linked(&issue(9), &[flag("a")])))]).await;
    assert_eq!(save_links(&store, at(4), folder.path()).await.unwrap(), 1);
    commit(&store, [Write::PutNoteable(Box::new(linked(&issue(9), &[])))]).await;
    assert_eq!(save_links(&store, at(5), folder.path()).await.unwrap(), 0);
    assert_eq!(std::fs::read(&before).unwrap(), saved);

    // A single one is kept like many.
    std::fs::remove_file(&before).unwrap();
    commit(&store, [Write::PutNoteable(Box::new(linked(&issue(9), &[flag("a")])))]).await;
    assert_eq!(save_links(&store, at(6), folder.path()).await.unwrap(), 1);
    commit(&store, [Write::PutNoteable(Box::new(linked(&issue(9), &[])))]).await;
    assert_eq!(save_links(&store, at(7), folder.path()).await.unwrap(), 0);
    assert_eq!(read_links(std::fs::read(&before).unwrap().as_slice()).unwrap().len(), 1);
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_export() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let folder = folder();
    let store = open(folder.path());
    fill(&store, 1).await;
    Full.flush().unwrap();
    assert!(write_links(&store, at(0), &mut Full).await.is_err());
    store.check().await.unwrap();
}
