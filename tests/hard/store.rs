//! A store that says no although the write has reached the disk: nothing may be left lying there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use flaglink::bot::{World, WorldParts};
use flaglink::config::Config;
use flaglink::daemon::heartbeat;
use flaglink::domain::{
    DeadLetter, Decision, Delivery, Edge, EdgeId, Event, FlagRecord, FlagRef, HookRecord, HookTarget,
    InboxEntry, InboxId, InstanceId, Kept, Level, NoteHint, NoteKey, NoteRecord, NoteSource, Noteable,
    NoteableKind, NoteableRecord, Register, Seen, Stale, Write,
};
use flaglink::flags::{Registry, Surroundings};
use flaglink::gitlab::GitlabApi;
use flaglink::markdown::MarkerKey;
use flaglink::net::{HttpClient, HttpOptions, Peers};
use flaglink::pipeline::{Pipeline, Upkeep, keep_up};
use flaglink::sandbox::flagsmith::Flagsmith;
use flaglink::sandbox::gitlab::{Gitlab, Visibility, level};
use flaglink::store::sled::{SledStore, StoreOptions};
use flaglink::store::{Backlog, CommitError, DeadTally, Store, StoreError};
use flaglink::telemetry::Metrics;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::town::PATIENCE;

/// A store whose disk fails at one moment, after the write has reached it: an fsync that returns an error.
struct Unsure {
    inner: SledStore,
    /// Commits that queue something, until one of them is answered with an error.
    fails_at: AtomicUsize,
    /// Its committer waits for a disk that does not answer, until it goes on.
    hangs: AtomicBool,
    goes_on: Notify,
}

impl Unsure {
    fn new(folder: &Path) -> Self {
        let options = StoreOptions { cache_bytes: 4 * 1024 * 1024, ..StoreOptions::default() };
        Self {
            inner: SledStore::open(folder, options).unwrap(),
            fails_at: AtomicUsize::new(usize::MAX),
            hangs: AtomicBool::new(false),
            goes_on: Notify::new(),
        }
    }
}

#[async_trait]
impl Store for Unsure {
    fn new_id(&self) -> u64 {
        self.inner.new_id()
    }
    async fn keep(&self, delivery: Delivery) -> Result<Kept, StoreError> {
        self.inner.keep(delivery).await
    }
    async fn commit(&self, decision: Decision) -> Result<(), CommitError> {
        let queues = decision.writes.iter().any(|write| matches!(write, Write::QueueEvent(..)));
        self.inner.commit(decision).await?;
        if queues && self.fails_at.fetch_sub(1, Ordering::SeqCst) == 1 {
            return Err(CommitError::Store(StoreError::Unwritable("the disk failed".to_owned())));
        }
        Ok(())
    }
    async fn noteable(&self, noteable: &Noteable) -> Result<Seen<NoteableRecord>, StoreError> {
        self.inner.noteable(noteable).await
    }
    async fn note(&self, note: &NoteKey) -> Result<Seen<NoteRecord>, StoreError> {
        self.inner.note(note).await
    }
    async fn flag(&self, flag: &FlagRef) -> Result<Seen<FlagRecord>, StoreError> {
        self.inner.flag(flag).await
    }
    async fn register(&self) -> Result<Seen<Register>, StoreError> {
        self.inner.register().await
    }
    async fn hook(&self, target: &HookTarget) -> Result<Seen<HookRecord>, StoreError> {
        self.inner.hook(target).await
    }
    async fn hooks(&self) -> Result<Vec<HookRecord>, StoreError> {
        self.inner.hooks().await
    }
    async fn noteables_of(&self, flag: &FlagRef) -> Result<Vec<Noteable>, StoreError> {
        self.inner.noteables_of(flag).await
    }
    async fn linked_flags(&self, provider: &str) -> Result<Vec<FlagRef>, StoreError> {
        self.inner.linked_flags(provider).await
    }
    async fn marked_flags(&self, provider: &str) -> Result<Vec<FlagRef>, StoreError> {
        self.inner.marked_flags(provider).await
    }
    async fn providers_in_use(&self) -> Result<Vec<String>, StoreError> {
        self.inner.providers_in_use().await
    }
    async fn linked_noteables(
        &self,
        after: Option<&Noteable>,
        limit: usize,
    ) -> Result<Vec<NoteableRecord>, StoreError> {
        self.inner.linked_noteables(after, limit).await
    }
    async fn inbox(&self) -> Result<Vec<InboxId>, StoreError> {
        self.inner.inbox().await
    }
    async fn inbox_entry(&self, id: InboxId) -> Result<Option<InboxEntry>, StoreError> {
        self.inner.inbox_entry(id).await
    }
    async fn edges(&self) -> Result<Vec<Edge>, StoreError> {
        self.inner.edges().await
    }
    async fn edge(&self, id: EdgeId) -> Result<Option<Edge>, StoreError> {
        self.inner.edge(id).await
    }
    async fn stale(&self) -> Result<Vec<Stale>, StoreError> {
        self.inner.stale().await
    }
    async fn stale_level(&self, level: &Level) -> Result<Option<Stale>, StoreError> {
        self.inner.stale_level(level).await
    }
    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.inner.dead_letters(limit).await
    }

    async fn dead_letter(&self, id: u64) -> Result<Seen<DeadLetter>, StoreError> {
        self.inner.dead_letter(id).await
    }

    async fn dead_tally(&self) -> Result<DeadTally, StoreError> {
        self.inner.dead_tally().await
    }
    async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.inner.backlog().await
    }
    async fn check(&self) -> Result<(), StoreError> {
        while self.hangs.load(Ordering::SeqCst) {
            self.goes_on.notified().await;
        }
        self.inner.check().await
    }
    async fn sweep(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.sweep(before).await
    }
}

#[tokio::test]
async fn a_command_whose_commit_seemed_to_fail_still_runs() {
    let gitlab = Gitlab::start().await.unwrap();
    let flagsmith = Flagsmith::start().await.unwrap();
    let bot = gitlab.bot("flag-bot");
    let token = gitlab.token(bot, &["api"]);
    let project = gitlab.project("shop/web", Visibility::Private);
    let mara = gitlab.user("mara");
    gitlab.member(project, bot, level::MAINTAINER);
    gitlab.member(project, mara, level::DEVELOPER);
    let flags = flagsmith.new_project("Web shop");
    let ada = flagsmith.person("ada@example.com", flags);
    ada.new_environment("production").unwrap();
    ada.new_flag("checkout_v2", false, "blue").unwrap();

    let folder = tempfile::tempdir().unwrap();
    for (name, secret) in
        [("token", &token), ("key", &flagsmith.api_key()), ("hook", &"a-secret-for-hooks".to_owned())]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, secret).unwrap();
        let only_mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, only_mine).unwrap();
    }
    let config = format!(
        "[gitlab]\nurl = \"{}\"\ntoken_file = \"token\"\nwebhook_secret_file = \"hook\"\n\
         [providers.flagsmith]\nkind = \"flagsmith\"\nurl = \"{}\"\napi_key_file = \"key\"\nproject = {flags}\n\
         [[projects]]\nmatch = \"shop/**\"\n",
        gitlab.url(),
        flagsmith.url(),
    );
    let config = Config::parse(&config, &folder.path().join("flaglink.toml"), &BTreeMap::new()).unwrap();
    let metrics = Arc::new(Metrics::default());
    let store = Arc::new(Unsure::new(&folder.path().join("store")));
    let http = HttpOptions {
        peer: "gitlab".to_owned(),
        timeout: PATIENCE,
        connect_timeout: PATIENCE,
        in_flight: 16,
        ca_file: None,
    };
    let http = HttpClient::new(http, Arc::clone(&metrics)).unwrap();
    let instance = InstanceId("main".to_owned());
    let world = Arc::new(World::new(WorldParts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        instance,
        gitlab: GitlabApi::new(&config.gitlab.url, SecretString::from(token), http),
        gitlab_by_rule: Default::default(),
        flags: Registry::build(
            &config.providers,
            &Surroundings { peers: Peers::new(Arc::clone(&metrics)), gitlab: Vec::new() },
        )
        .unwrap(),
        rules: config.rules,
        markers: MarkerKey::new(b"a key of the markers for this test"),
        templates: Default::default(),
        request_ceiling: PATIENCE,
        metrics,
    }));
    let pipeline = Pipeline::new(Arc::clone(&world));
    let stop = CancellationToken::new();
    let upkeep = Upkeep { export: Box::new(|| Box::pin(async { Ok(0) })) };
    let upkeep = tokio::spawn(keep_up(Arc::clone(&pipeline), upkeep, stop.clone()));

    // The second commit that queues something is the one that takes the commands.
    store.fails_at.store(2, Ordering::SeqCst);
    world.begin_rules(PATIENCE).await.unwrap();
    let issue = gitlab.issue(mara, project, "Checkout is slow", "").unwrap();
    let note = gitlab.comment(mara, issue, "/flag link checkout_v2").unwrap();
    let hint = NoteHint {
        project,
        kind: NoteableKind::Issue,
        iid: 1,
        source: NoteSource::Note(note),
        discussion: None,
        by_another: false,
    };
    let id = InboxId(store.new_id());
    let mut decision = Decision::new();
    decision.write(Write::QueueEvent(id, Event::NoteWritten(hint)));
    store.commit(decision).await.unwrap();
    pipeline.accept(id).await.unwrap();

    gitlab.until(PATIENCE, |model| model.reactions(note, bot) == ["eyes", "white_check_mark"]).await.unwrap();
    tokio::time::timeout(PATIENCE, pipeline.settled()).await.unwrap();
    assert_eq!(store.backlog().await.unwrap(), Backlog::default());
    stop.cancel();
    upkeep.await.unwrap();
    pipeline.drain(PATIENCE).await;
}

#[tokio::test]
async fn no_heart_beats_while_the_store_does_not_answer() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Unsure::new(folder.path()));
    let every = Duration::from_millis(20);
    let beats = watch::Sender::new(0_u32);
    let (beating, mut heard) = (beats.clone(), beats.subscribe());
    let watched = Arc::clone(&store);
    let heart = tokio::spawn(async move {
        heartbeat(watched.as_ref(), every, || beating.send_modify(|beats| *beats += 1)).await;
    });
    tokio::time::timeout(PATIENCE, heard.wait_for(|beats| *beats >= 3)).await.unwrap().unwrap();

    store.hangs.store(true, Ordering::SeqCst);
    // One that was under way may still come.
    let _ = tokio::time::timeout(every * 5, heard.changed()).await;
    heard.mark_unchanged();
    assert!(tokio::time::timeout(every * 25, heard.changed()).await.is_err(), "a beat that proves nothing");

    store.hangs.store(false, Ordering::SeqCst);
    store.goes_on.notify_one();
    let before = *heard.borrow();
    tokio::time::timeout(PATIENCE, heard.wait_for(|beats| *beats >= before + 3)).await.unwrap().unwrap();
    heart.abort();
}
