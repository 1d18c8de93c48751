//! The tables of the file as they are written. Their doc comments are the reference: `docs/configuration.md` is
//! made from them, so they speak to the person who writes the file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hooks::Hooks;
use super::role::{Role, Values};
use super::span::{Pause, Span};

/// Where flaglink listens. The webhook listener is the one that GitLab and the flag services must reach, through a
/// reverse proxy or a tunnel; the admin listener is for you.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ListenTable {
    /// Address and port for webhooks: what the tunnel or the reverse proxy points at. Only webhooks and `/healthz` are
    /// answered here.
    pub(crate) webhooks: String,
    /// The address under which the webhook listener is reached from outside, such as `https://flags.example.com`. It is
    /// used to show the addresses of the webhooks, at start and in the status, and to tell flaglink's own webhooks in GitLab from
    /// those of others: only such are switched on again when GitLab has switched them off. It may have a path: what stands before
    /// flaglink may pass it on or take it away, both is understood. `"auto"`: the tunnel's agent on this machine is asked, as
    /// `[tunnel]` says.
    #[schemars(extend("format" = "uri"))]
    pub(crate) public_url: Option<String>,
    /// Proxies that are believed when they say in `X-Forwarded-For` for whom they ask: addresses (`"127.0.0.1"`) or networks
    /// (`"10.0.0.0/8"`). What anybody else says there is ignored. It is used to say in the log who sent a request that was refused.
    pub(crate) trusted_proxies: Vec<String>,
    /// Address and port for health, readiness, metrics and the API.
    pub(crate) admin: String,
    /// File with the token for the admin listener. Without a token nothing can be changed there; anywhere but on a
    /// loopback address the listener needs one for everything.
    pub(crate) admin_token_file: Option<String>,
    /// Environment variable with that token.
    pub(crate) admin_token_env: Option<String>,
    /// The unix socket over which the command line speaks to the daemon. Not given: `/run/flaglink/flaglink.sock` where
    /// the directory `/run/flaglink` is there and `store.path` is the usual one, else `flaglink.sock` in the store's directory.
    #[schemars(extend("format" = "path"))]
    pub(crate) socket: Option<String>,
}

impl Default for ListenTable {
    fn default() -> Self {
        Self {
            webhooks: "127.0.0.1:8080".to_owned(),
            public_url: None,
            trusted_proxies: Vec::new(),
            admin: "127.0.0.1:9180".to_owned(),
            admin_token_file: None,
            admin_token_env: None,
            socket: None,
        }
    }
}

/// Where flaglink keeps what it knows.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct StoreTable {
    /// The directory of the store. One daemon owns it.
    #[schemars(extend("format" = "path"))]
    pub(crate) path: String,
    /// File with the key by which flaglink knows its own comments again. It is made at first start if it is not
    /// there. Keep it outside the store and keep a copy: without it, comments of before are not known again.
    pub(crate) marker_key_file: String,
    /// Environment variable with that key: at least 32 characters, for example from `openssl rand -hex 32`.
    pub(crate) marker_key_env: Option<String>,
    /// Names of providers that are gone for good. Their links are kept but not watched any more. Without this,
    /// flaglink does not start while there are links to a provider that the configuration does not know.
    pub(crate) retired_providers: Vec<String>,
}

/// The directory of the store, unless the file says otherwise.
pub(crate) const DEFAULT_STORE: &str = "/var/lib/flaglink";

/// The name of the marker key's file, unless the file says otherwise.
pub(crate) const DEFAULT_MARKER_KEY: &str = "marker-key";

impl Default for StoreTable {
    fn default() -> Self {
        Self {
            path: DEFAULT_STORE.to_owned(),
            marker_key_file: DEFAULT_MARKER_KEY.to_owned(),
            marker_key_env: None,
            retired_providers: Vec::new(),
        }
    }
}

/// The GitLab instance. Needed are its `url` and a token; and `public_url` in `[listen]`, so that flaglink registers its webhooks, or
/// a secret for webhooks that you make by hand.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct GitlabTable {
    /// The address of GitLab, with its path if it is not at the root of its host.
    #[schemars(extend("format" = "uri"))]
    pub(crate) url: String,
    /// File with the access token of the bot: a project, group or personal access token with the scope `api` and at
    /// least the role Reporter in the projects.
    pub(crate) token_file: Option<String>,
    /// Environment variable with that token.
    pub(crate) token_env: Option<String>,
    /// File with the secret token of webhooks that were made by hand. With several lines each of them is good: write
    /// the new secret below the old one, change it in GitLab, then take the old one away.
    pub(crate) webhook_secret_file: Option<String>,
    /// Environment variable with that secret.
    pub(crate) webhook_secret_env: Option<String>,
    /// File with the signing token (`whsec_…`, GitLab 19.0 and later) of webhooks that were made by hand. Several lines
    /// are several good ones here too.
    pub(crate) signing_token_file: Option<String>,
    /// Environment variable with that signing token.
    pub(crate) signing_token_env: Option<String>,
    /// Whether flaglink registers its webhooks itself, in GitLab and at the flag services, and keeps them right. It needs
    /// `public_url` in `[listen]`, and the role Maintainer in the projects. Not given: it does where there is a `public_url`
    /// and no secret for webhooks that were made by hand.
    #[serde(default)]
    pub(crate) register_hooks: Option<bool>,
    /// Refuse webhooks that are not signed, even if their secret token is right. Needs a signing token.
    #[serde(default)]
    pub(crate) require_signature: bool,
    /// The longest time for which GitLab may still work on a request that flaglink gave up on. After it, what GitLab
    /// shows is final. Only raise it if your GitLab allows requests that take longer than a minute.
    #[serde(default = "default_ceiling")]
    pub(crate) request_ceiling: Span,
    /// How often flaglink asks GitLab for what no webhook told: comments, changes of linked work, deliveries that failed. It is
    /// asked at the start, too. Webhooks of flaglink's that GitLab has switched off are switched on again then.
    #[serde(default = "default_catch_up")]
    pub(crate) catch_up: Span,
    /// PEM file with further root certificates, for a GitLab whose certificate comes from a CA of your own.
    pub(crate) ca_file: Option<String>,
    /// Addresses that this same GitLab had before. Links made then are found again.
    #[serde(default)]
    #[schemars(inner(url))]
    pub(crate) formerly: Vec<String>,
}

fn default_catch_up() -> Span {
    Span::seconds(10 * 60)
}

fn default_ceiling() -> Span {
    Span::seconds(65)
}

/// One flag service each. The table's name is how people name it in comments: the flags of `[providers.flagsmith]`
/// are `flagsmith:my_flag`. Letters, digits, `-` and `_`. Besides these keys a table has those of its kind.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ProviderCommon {
    /// What service it is.
    pub(crate) kind: String,
    /// Names that this provider had before in this file. Links made then are found again.
    #[serde(default)]
    pub(crate) formerly: Vec<String>,
}

/// One rule each for the GitLab projects that it matches. The first rule that matches a project, in the order of the
/// file, is the one that holds; where none matches, flaglink is silent. At least one is needed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ProjectTable {
    /// Pattern for the paths of projects. `*` stands for any part of a name, `**` also for several levels: `shop/**` is
    /// every project below the group `shop`, `shop/*` only those directly in it. Upper and lower case are the same.
    pub(crate) r#match: String,
    /// Names of the providers whose flags can be named there. Not given: all of them, in the order of the file.
    pub(crate) providers: Option<Vec<String>>,
    /// Keys of the flags that the project may see: `"glob"` for all its providers or `"provider:glob"` for one.
    #[serde(default = "all")]
    pub(crate) flags: Vec<String>,
    /// What is done with the values of flags in comments. `show` them, `hide` them, or `auto`: hide them on public
    /// projects.
    #[serde(default)]
    pub(crate) values: Values,
    /// Who may do what.
    #[serde(default)]
    pub(crate) permissions: PermissionsTable,
    /// Least roles to switch flags by environment, over `permissions.toggle`: `{ production = "maintainer",
    /// "unleash:review/*" = "developer" }`. The names are written as in `tell`. Of several that fit an environment the most exact
    /// holds: its whole name before one with `*`, of these the one with more other letters, then one with the provider in front
    /// before one without; of two that are equally exact, the higher role. To change what holds in many environments at once, as
    /// GitLab's scopes `*` and `review/*` do, takes the highest role of all of them.
    #[serde(default)]
    pub(crate) toggle_in: BTreeMap<String, Role>,
    /// Whether flaglink keeps a comment on each issue and merge request that shows the state of its flags.
    #[serde(default = "yes")]
    pub(crate) panel: bool,
    /// Environments whose changes also get a reply, which notifies people: `"name"` or `"provider:name"`. A `*` in the name
    /// stands for any text, so `"review/*"` is all that begin with `review/`, and `"*"` is all of them. Upper and lower case
    /// are the same.
    #[serde(default)]
    pub(crate) tell: Vec<String>,
    /// How long changes that are to be told are gathered: the first one begins it, and then all of them are one reply, from what
    /// was before to what is then. At most an hour; `"0s"` tells each at once.
    #[serde(default = "default_tell_after")]
    pub(crate) tell_after: Pause,
    /// Whether changes are told in closed issues and in closed or merged merge requests, too. Their panels are kept up to date in
    /// any case.
    #[serde(default)]
    pub(crate) tell_closed: bool,
    /// Whether changes are told in merge requests that are drafts.
    #[serde(default = "yes")]
    pub(crate) tell_drafts: bool,
    /// Label on issues and merge requests that have flags. Made if it is not there; `""` for none.
    #[serde(default = "default_label")]
    pub(crate) label: String,
    /// Whether links count that people put on a flag in its own service to issues and merge requests here: they are linked here,
    /// too, and what is taken off there is taken off here. Only Flagsmith can tell of such links.
    #[serde(default)]
    pub(crate) adopt: bool,
    /// Labels of the issues that `/flag cleanup-issue` opens. GitLab makes those that are not there.
    #[serde(default = "default_cleanup_labels")]
    pub(crate) cleanup_labels: Vec<String>,
    /// Where flaglink registers its webhook, if it registers any (`register_hooks` in `[gitlab]`): `project`, one in each project;
    /// `group`, one in the group (GitLab Premium, and the bot is an Owner of the group; `match` is like `GROUP/**` then); or
    /// `none`.
    #[serde(default)]
    pub(crate) hooks: Hooks,
    /// File with an access token for these projects alone, used instead of that of `[gitlab]`.
    pub(crate) token_file: Option<String>,
    /// Environment variable with that token.
    pub(crate) token_env: Option<String>,
}

fn all() -> Vec<String> {
    vec!["*".to_owned()]
}

fn yes() -> bool {
    true
}

fn default_tell_after() -> Pause {
    Pause::seconds(60)
}

fn default_label() -> String {
    "Feature flag".to_owned()
}

fn default_cleanup_labels() -> Vec<String> {
    vec!["Feature flag cleanup".to_owned()]
}

/// Least roles: a person needs at least this role in the project, or more.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct PermissionsTable {
    /// Least role to see states and links, and to search.
    pub(crate) read: Role,
    /// Least role to link and unlink flags.
    pub(crate) link: Role,
    /// Least role to switch flags with `/flag on`, `off` and `set` in every environment for which `toggle_in` says nothing else:
    /// **in production, too**, unless `toggle_in` names it. Nobody may, unless it is given here or there.
    pub(crate) toggle: Role,
    /// Least role to make new flags with `/flag create`. Nobody may, unless it is given here.
    pub(crate) create: Role,
    /// Least role to archive flags with `/flag archive`. Nobody may, unless it is given here.
    pub(crate) archive: Role,
    /// Least role to open issues in which flags are to be cleaned up, with `/flag cleanup-issue`. Nobody may, unless it is given
    /// here.
    pub(crate) cleanup_issue: Role,
}

impl Default for PermissionsTable {
    fn default() -> Self {
        Self {
            read: Role::Reporter,
            link: Role::Developer,
            toggle: Role::None,
            create: Role::None,
            archive: Role::None,
            cleanup_issue: Role::None,
        }
    }
}
