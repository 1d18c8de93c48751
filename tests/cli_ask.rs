//! `links` and `queue`, asked of a running daemon and of the store itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/cli.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use flaglink::config::Places;
use flaglink::domain::{
    Cause, DeadLetter, DeadThing, Decision, Delivery, DeliverySource, Edge, EdgeId, EdgeKind, FlagRef,
    InstanceId, Level, Link, NoteKey, NoteSource, Noteable, NoteableKind, NoteableRecord, NoteableView,
    Person, Purpose, Reaction, WorkState, Write,
};
use flaglink::http::api_letter::QueueItem;
use flaglink::http::api_types::{
    AddressProof, LettersDealt, LinksChange, LinksChanged, LinksPage, Queue, Reloaded, Status,
};
use flaglink::http::{
    Admin, AdminView, Answer, Drained, Gate, Handler, Listener, Peer, RequestBody, ServeOptions, SocketFile,
    bind_socket, letter_view, serve, text, view,
};
use flaglink::pipeline::{Desk, How, Which};
use flaglink::store::export::read_links;
use flaglink::store::sled::{SledStore, StoreOptions};
use flaglink::store::{Store, StoreError};
use hyper::{Request, StatusCode};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use support::{House, Said, finished, least};

const LINKED: usize = 3;

/// Where socket and store are.
fn places(house: &House) -> Places {
    Places::load(&house.path("flaglink.toml"), &BTreeMap::new()).unwrap()
}

fn noteable(kind: NoteableKind, iid: u64) -> Noteable {
    Noteable { instance: InstanceId("here".to_owned()), project: 7, kind, iid }
}

fn record(noteable: Noteable, keys: &[&str]) -> NoteableRecord {
    let link = |key: &&str| Link {
        flag: FlagRef { provider: "flagsmith".to_owned(), scope: "12".to_owned(), key: (*key).to_owned() },
        internal_id: "1".to_owned(),
        by: Person { id: 5, username: "anna".to_owned() },
        at: "2026-11-21T16:02:33Z".parse().unwrap(),
        from: NoteSource::Note(4711),
    };
    let view = NoteableView {
        title: "Checkout anew".to_owned(),
        web_url: format!("https://gitlab.example.com/shop/web/-/issues/{}", noteable.iid),
        state: WorkState::Opened,
        project_path: "shop/web".to_owned(),
        ..NoteableView::default()
    };
    NoteableRecord { view, links: keys.iter().map(link).collect(), ..NoteableRecord::new(noteable) }
}

/// Puts links into the store, and something into each queue.
async fn fill(store: &SledStore) {
    let (issue, request) = (noteable(NoteableKind::Issue, 12), noteable(NoteableKind::MergeRequest, 7));
    let now = Timestamp::now();
    let mut decision = Decision::new();
    decision.write(Write::PutNoteable(Box::new(record(issue.clone(), &["checkout_v2", "dark_mode"]))));
    // What a name from outside might do to a terminal.
    let mut hostile = record(request, &["\u{1b}[31mred\u{1b}]0;owned\u{7}"]);
    hostile.view.confidential = true;
    decision.write(Write::PutNoteable(Box::new(hostile)));
    let key = NoteKey { noteable: issue.clone(), source: NoteSource::Note(4711) };
    let edge = |purpose: Purpose, reaction: Reaction| {
        Edge::new(
            EdgeId(store.new_id()),
            Cause::of(&key, 0, purpose),
            EdgeKind::React { on: key.source, reaction },
            None,
            now,
        )
    };
    let waiting = Edge {
        attempts: 2,
        not_before: Some("2199-01-01T00:00:00Z".parse().unwrap()),
        last_reason: Some("GitLab answered 503\nand nothing else".to_owned()),
        ..edge(Purpose::React(Reaction::Taken), Reaction::Taken)
    };
    let dead = edge(Purpose::React(Reaction::Done), Reaction::Done);
    decision.write(Write::PutEdge(Box::new(waiting)));
    decision.write(Write::PutEdge(Box::new(dead.clone())));
    decision.write(Write::MarkStale(Level::Panel(issue), now));
    store.commit(decision).await.unwrap();
    let mut decision = Decision::new();
    decision.write(Write::EdgeDead(DeadLetter {
        id: dead.id.0,
        at: now,
        begun: None,
        reason: "the note is gone".to_owned(),
        attempts: 5,
        what: DeadThing::Edge(Box::new(dead)),
    }));
    store.commit(decision).await.unwrap();
    let delivery = Delivery {
        source: DeliverySource::Gitlab { hook: String::new() },
        key: None,
        headers: [("x-gitlab-event".to_owned(), "Note Hook".to_owned())].into(),
        body: Bytes::from_static(b"{\"secret\":\"of the body\"}"),
        received_at: now,
    };
    store.keep(delivery).await.unwrap();
}

/// A daemon as far as the command line can see it.
struct Daemon(SledStore);

#[async_trait]
impl AdminView for Daemon {
    async fn readiness(&self) -> Vec<String> {
        Vec::new()
    }

    fn metrics(&self) -> String {
        String::new()
    }

    async fn status(&self) -> Status {
        unreachable!("the command line does not ask for it")
    }

    async fn queue(&self, limit: usize) -> Result<Queue, StoreError> {
        view::queue(&self.0, limit, Timestamp::now()).await
    }

    async fn change_links(&self, change: LinksChange) -> LinksChanged {
        LinksChanged { applied: change.apply, links: Vec::new() }
    }

    async fn reload(&self) -> Result<Reloaded, String> {
        Err("this one reads nothing".to_owned())
    }

    async fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    async fn prove_address(&self) -> AddressProof {
        AddressProof { url: None, proven: false, why: None, trouble: None }
    }

    async fn queue_item(&self, id: u64) -> Result<Option<QueueItem>, StoreError> {
        letter_view::queue_item(&self.0, id, Timestamp::now()).await
    }

    async fn deal(&self, how: How, which: Which) -> Result<LettersDealt, StoreError> {
        Ok(Desk::of_store(&self.0).deal(how, &which).await?.into())
    }

    async fn believe(&self, provider: &str) -> Result<Option<usize>, StoreError> {
        Ok((provider == "flagsmith").then_some(4))
    }

    async fn links(&self, after: Option<&Noteable>, limit: usize) -> Result<LinksPage, StoreError> {
        // One at a time, so that there are several pages.
        view::links_page(&self.0, after, limit.min(1)).await
    }

    async fn export(&self, pieces: mpsc::Sender<Bytes>) -> Result<(), StoreError> {
        view::export(&self.0, Timestamp::now(), &pieces).await
    }
}

struct Running {
    stop: CancellationToken,
    ended: JoinHandle<Drained>,
    _file: SocketFile,
}

impl Running {
    async fn start(house: &House, handler: Arc<dyn Handler>) -> Self {
        let (listener, file) = bind_socket(&places(house).socket).await.unwrap();
        let stop = CancellationToken::new();
        let options = ServeOptions::default();
        let ended = tokio::spawn(serve(Listener::Unix(listener), handler, options, stop.clone()));
        Self { stop, ended, _file: file }
    }

    async fn stopped(self) {
        self.stop.cancel();
        self.ended.await.unwrap();
    }
}

/// A house whose store is filled.
async fn filled() -> (House, SledStore) {
    let house = House::new(&least("socket = \"flaglink.sock\""));
    let store = SledStore::open(&places(&house).store, StoreOptions::default()).unwrap();
    fill(&store).await;
    (house, store)
}

fn is_the_list(said: &Said) {
    assert_eq!(said.code, 0, "{said:?}");
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "WORK         STATE   FLAG                          LINKED BY  LINKED",
            "shop/web#12  opened  flagsmith:checkout_v2         anna       2026-11-21 16:02 UTC",
            "shop/web#12  opened  flagsmith:dark_mode           anna       2026-11-21 16:02 UTC",
        ],
        "{}",
        said.out
    );
    assert!(lines[3].starts_with("shop/web!7"), "{}", said.out);
    assert!(lines.last().unwrap().starts_with("3 links on 2 issues"), "{}", said.out);
    assert!(!said.out.contains('\u{1b}') && !said.out.contains('\u{7}'), "the terminal would obey: {said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_taken_for_gone_by_the_daemon_alone() {
    let (house, store) = filled().await;
    let running = Running::start(&house, Arc::new(Admin::new(Arc::new(Daemon(store)), Gate::Socket))).await;
    let said = house.run(&["links", "believe", "flagsmith"]).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    assert_eq!(
        said.out,
        "4 flags of flagsmith: looked for once more, and taken for gone where not found. Links stay.\n"
    );
    let json = house.run(&["--json", "links", "believe", "flagsmith"]).await;
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json, serde_json::json!({ "provider": "flagsmith", "flags": 4 }));
    let other = house.run(&["links", "believe", "unleash"]).await;
    assert_eq!(other.code, 1);
    assert!(other.err.contains("nothing of `unleash` is in doubt"), "{other:?}");
    assert!(other.err.contains("No provider is called so. The providers are `flagsmith`."), "{other:?}");
    running.stopped().await;
    let alone = house.run(&["links", "believe", "flagsmith"]).await;
    assert!(alone.code == 1 && alone.err.contains("start it"), "{alone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_and_its_store_say_the_same() {
    let (house, store) = filled().await;
    let running = Running::start(&house, Arc::new(Admin::new(Arc::new(Daemon(store)), Gate::Socket))).await;
    let asked = house.run(&["links", "list"]).await;
    is_the_list(&asked);
    assert_eq!(asked.err, "");
    let asked_json = house.run(&["--json", "links", "list"]).await;
    let asked_queue = house.run(&["queue", "list"]).await;
    let asked_export = house.run(&["links", "export"]).await;
    running.stopped().await;

    let read = house.run(&["links", "list"]).await;
    is_the_list(&read);
    assert_eq!(read.out, asked.out);
    assert!(read.err.contains("not running"), "{read:?}");

    let read_json = house.run(&["links", "list", "--json"]).await;
    assert_eq!(read_json.out, asked_json.out);
    let page: LinksPage = serde_json::from_str(&read_json.out).unwrap();
    assert_eq!(page.next, None);
    // A confidential title does not leave GitLab, not even here.
    let titles: Vec<Option<&str>> = page.noteables.iter().map(|noteable| noteable.title.as_deref()).collect();
    assert_eq!(titles, [Some("Checkout anew"), None]);
    assert_eq!(page.noteables.iter().map(|noteable| noteable.links.len()).sum::<usize>(), LINKED);

    let read_queue = house.run(&["queue", "list"]).await;
    for queue in [&asked_queue, &read_queue] {
        assert_eq!(queue.code, 0, "{queue:?}");
        for (start, with) in [
            ("inbox", &["delivery from gitlab (Note Hook)", "now"][..]),
            ("edges", &["reaction 👀", "shop/web#12", "2199-01-01 00:00 UTC", "GitLab answered 503"]),
            ("levels", &["panel", "shop/web#12"]),
            ("dead", &["reaction ✅", "never", "the note is gone", "  5  "]),
        ] {
            let line = queue.out.lines().find(|line| line.starts_with(start)).unwrap();
            for word in with {
                assert!(line.contains(word), "{word} is missing: {line}");
            }
        }
        assert!(!queue.out.contains("of the body"), "{queue:?}");
    }
    let queues: Queue = serde_json::from_str(&house.run(&["--json", "queue", "list"]).await.out).unwrap();
    let counts = queues.counts;
    assert_eq!((counts.inbox, counts.edges, counts.levels, counts.dead), (1, 1, 1, 1));
    assert_eq!(queues.dead[0].attempts, 5);

    let read_export = house.run(&["links", "export"]).await;
    for export in [&asked_export, &read_export] {
        assert_eq!(export.code, 0, "{export:?}");
        assert_eq!(read_links(export.out.as_bytes()).unwrap().len(), LINKED);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_house_says_what_to_do() {
    let house = House::new(&least("socket = \"flaglink.sock\""));
    let nothing = house.run(&["links", "list"]).await;
    assert_eq!(nothing.code, 1);
    assert!(nothing.err.contains("flaglink run"), "{nothing:?}");
    assert!(!places(&house).store.exists(), "asking makes no store");

    drop(SledStore::open(&places(&house).store, StoreOptions::default()).unwrap());
    let links = house.run(&["links", "list"]).await;
    assert_eq!(links.code, 0, "{links:?}");
    assert!(links.out.contains("/flag link KEY"), "{links:?}");
    let queue = house.run(&["queue", "list"]).await;
    assert_eq!(queue.out, "Nothing waits, and nothing was given up.\n");
    // A daemon that was killed has left its socket.
    drop(std::os::unix::net::UnixListener::bind(places(&house).socket).unwrap());
    assert_eq!(house.run(&["links", "list"]).await.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_use_is_left_alone() {
    let (house, _store) = filled().await;
    let said = house.run(&["links", "list"]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("in use") && said.err.contains("listen.socket"), "{said:?}");
    assert_eq!(said.out, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_another_user_is_not_opened() {
    let (house, store) = filled().await;
    let path = places(&house).store;
    drop(store);
    if std::os::unix::fs::chown(path.join("db/db"), Some(54_321), None).is_err() {
        eprintln!("left out: only root can give a file to somebody else");
        return;
    }
    let said = house.run(&["links", "list"]).await;
    assert_eq!(said.code, 1);
    assert!(said.err.contains("belongs to another user") && said.err.contains("sudo -u"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_only_the_beginning_does_no_harm() {
    let (house, _) = filled().await;
    let mut command = house.command(&["links", "export"]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    assert!(status.success(), "{status}");
}

/// Answers as no daemon of this version would.
struct Stranger;

#[async_trait]
impl Handler for Stranger {
    async fn handle(&self, request: Request<RequestBody>, _peer: Peer) -> Answer {
        match request.uri().path() {
            "/api/v1/links" => text(StatusCode::OK, r#"{"pages":"of another kind"}"#),
            "/api/v1/queue" => text(StatusCode::NOT_FOUND, "what?"),
            _ => {
                let (send, pieces) = mpsc::channel(2);
                send.send(Ok(Bytes::from_static(b"{\"half\":1}\n"))).await.ok();
                send.send(Err("the disk is gone".into())).await.ok();
                flaglink::http::streamed("application/jsonl", pieces)
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_cannot_be_used_are_errors() {
    let house = House::new(&least("socket = \"flaglink.sock\""));
    let running = Running::start(&house, Arc::new(Stranger)).await;
    for (arguments, word) in [
        (["links", "list"], "same version"),
        (["queue", "list"], "same version"),
        (["links", "export"], "failed"),
    ] {
        let said = house.run(&arguments).await;
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.err.contains(word), "{said:?}");
    }
    running.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secrets_of_the_daemon_are_not_needed_to_ask() {
    // No secret file is there at all: under systemd only the daemon has them.
    let (house, store) = filled().await;
    drop(store);
    let mut command = house.command(&["links", "list"]);
    command.env("FLAGLINK_STORE__PATH", places(&house).store);
    is_the_list(&finished(command).await);
}
