//! Look-up and start with a thousand, a hundred thousand and a million links, and what they cost in memory and on disk.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails says so")]

mod support;

use std::time::{Duration, Instant};

use flaglink::domain::{
    Decision, Flag, FlagRecord, FlagRef, InstanceId, Link, NoteSource, Noteable, NoteableKind,
    NoteableRecord, Person, Write,
};
use flaglink::store::Store as _;
use flaglink::store::sled::{SledStore, StoreOptions};
use jiff::Timestamp;
use support::house::{Around, House, hanging_server};
use support::{Table, ms, note, only_asked, times};

/// Links on one issue.
const EACH: u64 = 4;
/// Issues that link one flag.
const SHARED: u64 = 10;
/// Reads that are measured.
const READS: u64 = 5000;
/// How long the daemon is left alone before its memory is read.
const QUIET: Duration = Duration::from_secs(5);

fn main() {
    if only_asked() {
        return;
    }
    let sizes = std::env::var("FLAGLINK_BENCH_LINKS").unwrap_or_else(|_| "0,1000,100000,1000000".to_owned());
    let sizes: Vec<u64> = sizes.split(',').map(|size| size.trim().parse().unwrap()).collect();
    tokio::runtime::Runtime::new().unwrap().block_on(all(&sizes));
}

async fn all(sizes: &[u64]) {
    let hanging = hanging_server().await;
    let mut table = Table::new(&[
        "links",
        "open the store s",
        "start to answering s",
        "issue's record p50 / p99 µs",
        "flag's issues p50 / p99 µs",
        "own memory MB",
        "with files MB",
        "on disk MB",
    ]);
    for links in sizes {
        table.row(one(&hanging, *links).await);
    }
    table.print("Links");
}

async fn one(hanging: &str, links: u64) -> Vec<String> {
    let house = House::new(&Around::hanging(hanging));
    // The daemon makes its store, so that everything fits: instance, rules, marker.
    let (daemon, _) = house.run().await;
    daemon.end().await;
    let path = house.store();
    let store = SledStore::open(&path, StoreOptions::default()).unwrap();
    let instance = store.register().await.unwrap().value.unwrap().instances[0].id.clone();
    fill(&store, &instance, links).await;
    drop(store);

    let begun = Instant::now();
    let store = SledStore::open(&path, StoreOptions::default()).unwrap();
    let open = begun.elapsed();
    let [mut records, mut issues] = [times(), times()];
    let pages = links / EACH;
    let mut state = 7_u64;
    for _ in 0..READS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let page = (state >> 20) % pages.max(1);
        let begun = Instant::now();
        let found = store.noteable(&noteable(&instance, page)).await.unwrap();
        note(&mut records, begun.elapsed());
        assert_eq!(found.value.is_some(), links > 0);
        let begun = Instant::now();
        let found = store.noteables_of(&flag(page, 0)).await.unwrap();
        note(&mut issues, begun.elapsed());
        assert_eq!(found.is_empty(), links == 0);
    }
    drop(store);

    let (daemon, start) = house.run().await;
    tokio::time::sleep(QUIET).await;
    let (own, with_files) = daemon.memory();
    daemon.end().await;
    vec![
        links.to_string(),
        format!("{:.2}", open.as_secs_f64()),
        format!("{:.2}", start.as_secs_f64()),
        format!("{:.0} / {:.0}", 1000.0 * ms(&records, 0.5), 1000.0 * ms(&records, 0.99)),
        format!("{:.0} / {:.0}", 1000.0 * ms(&issues, 0.5), 1000.0 * ms(&issues, 0.99)),
        format!("{own:.0}"),
        format!("{with_files:.0}"),
        format!("{:.0}", size_of(&path)),
    ]
}

/// Fills the store as commands would, some hundred issues at a time.
async fn fill(store: &SledStore, instance: &InstanceId, links: u64) {
    let at = Timestamp::from_second(1_790_000_000).unwrap();
    let by = Person { id: 7, username: "mara".to_owned() };
    let mut decision = Decision::new();
    for page in 0..links / EACH {
        let mut record = NoteableRecord::new(noteable(instance, page));
        record.view.title = format!("Checkout is slow ({page})");
        record.view.web_url = format!("https://gitlab.example.com/shop/web/-/issues/{page}");
        record.view.project_path = "shop/web".to_owned();
        for place in 0..EACH {
            let flag = flag(page, place);
            record.links.push(Link {
                flag,
                internal_id: page.to_string(),
                by: by.clone(),
                at,
                from: NoteSource::Note(page),
            });
            if page % SHARED == 0 {
                decision.write(Write::PutFlag(Box::new(flag_record(page, place, at))));
            }
        }
        decision.write(Write::PutNoteable(Box::new(record)));
        if decision.writes.len() >= 500 {
            store.commit(std::mem::take(&mut decision)).await.unwrap();
        }
    }
    store.commit(decision).await.unwrap();
}

fn noteable(instance: &InstanceId, page: u64) -> Noteable {
    Noteable { instance: instance.clone(), project: 1 + page % 50, kind: NoteableKind::Issue, iid: 1 + page }
}

fn flag(page: u64, place: u64) -> FlagRef {
    FlagRef {
        provider: "flagsmith".to_owned(),
        scope: "1".to_owned(),
        key: format!("flag_{}_{place}", page / SHARED),
    }
}

fn flag_record(page: u64, place: u64, at: Timestamp) -> FlagRecord {
    let flag = Flag {
        flag: flag(page, place),
        internal_id: page.to_string(),
        description: Some("A flag of the benchmark".to_owned()),
        archived: false,
        url: None,
        public_page: false,
    };
    FlagRecord {
        flag,
        state: None,
        seen_at: at,
        missing_since: None,
        made_again: false,
        not_found_at: None,
        history: Vec::new(),
        asked: Vec::new(),
        tagged: None,
        mirrors: std::collections::BTreeMap::new(),
    }
}

/// MB of all files in a folder.
fn size_of(folder: &std::path::Path) -> f64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            bytes += u64::try_from((size_of(&entry.path()) * 1_048_576.0) as i64).unwrap_or_default();
        } else {
            bytes += entry.metadata().unwrap().len();
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "megabytes, for people")]
    let megabytes = bytes as f64 / 1_048_576.0;
    megabytes
}
