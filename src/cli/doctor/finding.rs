//! What is found: one line, what to do about it, and a short name under which docs/troubleshooting.md says more.

use std::path::PathBuf;

use serde::Serialize;

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    /// As it should be.
    Good,
    /// Nothing is wrong, and it is good to know.
    Note,
    /// It works, and should be looked at.
    Look,
    /// It does not work, or will not.
    Wrong,
}

/// Names the checks; each has its heading in docs/troubleshooting.md.
macro_rules! ids {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// The checks, by the names that stand behind what they find.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Id { $(
            #[doc = $name]
            $variant,
        )+ }

        impl Id {
            /// All of them, in the order of the checklist.
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// As it is written.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

ids! {
    ConfigFile = "config-file",
    ConfigWarning = "config-warning",
    FileModes = "file-modes",
    GitlabReachable = "gitlab-reachable",
    GitlabVersion = "gitlab-version",
    GitlabClock = "gitlab-clock",
    Epics = "epics",
    TokenAlive = "token-alive",
    TokenScope = "token-scope",
    TokenExpiry = "token-expiry",
    RuleMatches = "rule-matches",
    ProjectArchived = "project-archived",
    ProjectRole = "project-role",
    EnvironmentNames = "environment-names",
    ReminderProject = "reminder-project",
    HookThere = "hook-there",
    HookEvents = "hook-events",
    HookOff = "hook-off",
    HookSecret = "hook-secret",
    HookAnswers = "hook-answers",
    ListenAddress = "listen-address",
    PublicAddress = "public-address",
    AddressReachable = "address-reachable",
    AddressAnswers = "address-answers",
    ProviderKey = "provider-key",
    ProviderVersion = "provider-version",
    ProviderProject = "provider-project",
    ProviderEnvironments = "provider-environments",
    ProviderWebhook = "provider-webhook",
    ProviderOwnIntegration = "provider-own-integration",
    StoreFolder = "store-folder",
    StoreMode = "store-mode",
    StoreSpace = "store-space",
    StoreSchema = "store-schema",
    MarkerKey = "marker-key",
    DaemonRunning = "daemon-running",
    DaemonReady = "daemon-ready",
    QueueWaiting = "queue-waiting",
    DeadLetters = "dead-letters",
    ValuesShown = "values-shown",
    AdminExposed = "admin-exposed",
    PlainHttp = "plain-http",
}

/// What can be repaired without asking anybody.
#[derive(Debug, Clone)]
pub(super) enum Repair {
    /// The file or folder is for its owner alone.
    Mode(PathBuf, u32),
    /// The folder is made.
    Folder(PathBuf),
    /// The marker key of a store that is new is made.
    MarkerKey,
    /// GitLab sends a webhook once more: where that succeeds it is switched on again.
    TestHook {
        /// The project's number.
        project: u64,
        /// The hook's number.
        hook: u64,
        /// What it is sent for.
        triggers: Vec<String>,
        /// The rule's pattern, whose token is used.
        rule: String,
    },
    /// The running flaglink brings its webhooks into step.
    SyncHooks,
    /// The same, and the registered webhook of that project or group, which GitLab has switched off, is on again.
    SwitchOn(String),
}

/// One line of the checklist.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    /// Which check.
    pub(super) id: Id,
    /// How it stands.
    pub(super) standing: Standing,
    /// What was found.
    pub(super) says: String,
    /// What to do about it.
    pub(super) remedy: Option<String>,
    /// What `--fix` does about it.
    pub(super) repair: Option<Repair>,
    /// Whether nothing can be said of it, because it could not be looked at.
    pub(super) is_unseen: bool,
}

impl Finding {
    fn new(id: Id, standing: Standing, says: impl Into<String>) -> Self {
        Self { id, standing, says: says.into(), remedy: None, repair: None, is_unseen: false }
    }

    /// As it should be.
    pub(super) fn good(id: Id, says: impl Into<String>) -> Self {
        Self::new(id, Standing::Good, says)
    }

    /// Good to know.
    pub(super) fn note(id: Id, says: impl Into<String>) -> Self {
        Self::new(id, Standing::Note, says)
    }

    /// Should be looked at; `remedy` says what to do.
    pub(super) fn look(id: Id, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(id, Standing::Look, says).with(remedy)
    }

    /// Could not be looked at; `remedy` says how it can be.
    pub(super) fn unseen(id: Id, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { is_unseen: true, ..Self::look(id, says, remedy) }
    }

    /// Does not work; `remedy` says what to do.
    pub(super) fn wrong(id: Id, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(id, Standing::Wrong, says).with(remedy)
    }

    /// The same with what to do.
    pub(super) fn with(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// The same with what `--fix` does.
    pub(super) fn repaired_by(self, repair: Repair) -> Self {
        Self { repair: Some(repair), ..self }
    }
}

/// What is found about one part.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// The part.
    pub(super) title: String,
    /// What was found, in order.
    pub(super) findings: Vec<Finding>,
}

impl Group {
    /// A part.
    pub(super) fn new(title: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self { title: title.into(), findings }
    }
}
