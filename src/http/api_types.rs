//! What the API answers: read by the command line and by other people's programs, so fields are only ever added.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::pipeline::RefusedByHand;

/// An error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What is wrong and what to do, for people.
    pub error: String,
}

/// A page of the issues and merge requests that have links.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinksPage {
    /// In the order of their names.
    pub noteables: Vec<LinkedNoteable>,
    /// What to give as `after` for the next page; null on the last one.
    pub next: Option<String>,
}

/// An issue or merge request with its links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkedNoteable {
    /// Its name here: `INSTANCE/PROJECT/issues/IID` or `INSTANCE/PROJECT/merge_requests/IID`.
    pub noteable: String,
    /// `issue` or `merge request`.
    pub kind: String,
    /// The project's path with its namespace, as it was last seen.
    pub project: String,
    /// GitLab's numeric id of the project.
    pub project_id: u64,
    /// Its number in the project.
    pub iid: u64,
    /// Its title; null where it is confidential.
    pub title: Option<String>,
    /// Its page.
    pub url: String,
    /// `opened`, `closed`, `merged` or `locked`, as it was last seen.
    pub state: String,
    /// Whether it is a draft.
    pub draft: bool,
    /// Whether it is confidential.
    pub confidential: bool,
    /// Its links, in the order of linking.
    pub links: Vec<LinkView>,
}

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkView {
    /// How people name the flag: `provider:key`.
    pub flag: String,
    /// The provider's name in the configuration.
    pub provider: String,
    /// The service's project or container; empty where it has none.
    pub scope: String,
    /// The key in the service's own spelling.
    pub key: String,
    /// The service's internal id.
    pub internal_id: String,
    /// The user name of who linked it.
    pub by: String,
    /// GitLab's numeric id of who linked it.
    pub by_id: u64,
    /// When, by GitLab's clock.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// What waits, and what was given up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// How much there is of everything; the lists may be shorter.
    pub counts: QueueCounts,
    /// What came in and is not understood yet, in order.
    pub inbox: Vec<Waiting>,
    /// What is to be done once (replies, reactions), in order.
    pub edges: Vec<Waiting>,
    /// What is to be brought up to date (panels, labels, links on flags).
    pub levels: Vec<Waiting>,
    /// What was given up, oldest first.
    pub dead: Vec<Dead>,
}

/// How much waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueueCounts {
    /// Inbox entries.
    pub inbox: u64,
    /// Edges.
    pub edges: u64,
    /// Levels.
    pub levels: u64,
    /// Dead letters.
    pub dead: u64,
}

/// Something that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// Its number; null for levels, which have none.
    pub id: Option<u64>,
    /// What it is, in a few words, for example `delivery from gitlab` or `reply`.
    pub what: String,
    /// What it is about: an issue, a merge request, a flag; null where that is not known yet.
    pub about: Option<String>,
    /// The issue or merge request as people write it, `shop/web#12`; null where its path is not known.
    #[serde(default)]
    pub work: Option<String>,
    /// Since when it waits; null where that was not kept.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// How long it has waited, in seconds.
    pub age_seconds: Option<u64>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next; null: as soon as it can be.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_try: Option<Timestamp>,
    /// Why it is not done yet, for people; null where it was not tried.
    pub reason: Option<String>,
}

/// Something that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dead {
    /// Its number.
    pub id: u64,
    /// What it was, in a few words.
    pub what: String,
    /// What it was about.
    pub about: Option<String>,
    /// The issue or merge request as people write it, `shop/web#12`; null where its path is not known.
    #[serde(default)]
    pub work: Option<String>,
    /// Since when it was to be done; null where that was not kept.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub begun: Option<Timestamp>,
    /// When it was given up.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// How long ago that was, in seconds.
    pub age_seconds: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it was given up, for people.
    pub reason: String,
    /// What a person does about it, a sentence or two; null where the reason alone does not tell.
    #[serde(default)]
    pub todo: Option<String>,
}

/// Of which provider what is missing is taken for gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// Its name in the configuration; with `/links` behind it, links that do not stand on its flags any more; `gitlab/work`:
    /// linked issues and merge requests that GitLab does not know any more.
    pub provider: String,
}

/// What is taken for gone from now on, if it is not found once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Believed {
    /// The provider's name.
    pub provider: String,
    /// How many of its flags were missing.
    pub flags: usize,
}

/// Links that are to be made or taken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinksChange {
    /// Whether it is to be done; else the answer says what would be.
    pub apply: bool,
    /// `link` or `unlink`.
    pub wish: LinkWish,
    /// At most a thousand.
    pub links: Vec<WantedLink>,
}

/// What is to be done with links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkWish {
    /// They are to be there.
    Link,
    /// They are not to be there any more.
    Unlink,
}

/// One link that is to be made or taken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedLink {
    /// `shop/web#12`, `shop/web!7`, or the address of the page.
    pub work: String,
    /// `KEY` or `PROVIDER:KEY`, as in a command.
    pub flag: String,
    /// What an export has of it besides. Only where something is to be linked.
    #[serde(default)]
    pub exported: Option<WantedAsExported>,
}

/// What an export says of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedAsExported {
    /// The addresses of the GitLab that it is of.
    pub instance_urls: Vec<String>,
    /// GitLab's numeric id of the project.
    pub project_id: u64,
    /// `issue` or `merge_request`.
    pub kind: String,
    /// Its number in the project.
    pub iid: u64,
    /// The service's internal id of the flag.
    pub internal_id: String,
    /// The user name of who linked it.
    pub by: String,
    /// GitLab's numeric id of who linked it.
    pub by_id: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The note that it was linked from; null: a description.
    pub note: Option<u64>,
}

/// What became of links that were to be made or taken off, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinksChanged {
    /// Whether it was done.
    pub applied: bool,
    /// One for each.
    pub links: Vec<ChangedLink>,
}

/// What became of one, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedLink {
    /// The work, as `shop/web#12` where it was found, else as it was named.
    pub work: String,
    /// The flag as it was named.
    pub flag: String,
    /// What became of it.
    pub became: LinkBecame,
    /// Why not, for people.
    pub why: Option<String>,
}

/// What became of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkBecame {
    /// It is there.
    Linked,
    /// It was there before.
    LinkedBefore,
    /// It is not there any more.
    Unlinked,
    /// It was not there.
    NotLinked,
    /// It cannot be done.
    Refused,
}

/// The configuration is to be read again. Nothing is said with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reload {}

/// The configuration was read again and is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// How many project rules there are.
    pub rules: usize,
    /// How many flag services there are.
    pub providers: usize,
    /// What works but should be looked at, whole sentences.
    pub warnings: Vec<String>,
    /// Keys that are different now and are followed at the next start only.
    pub at_the_next_start: Vec<String>,
    /// Whether it has secrets of systemd's (`LoadCredential=`), which are those of its start.
    #[serde(default)]
    pub secrets_of_the_start: bool,
}

/// Which dead letters are meant: some, or all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Letters {
    /// Their numbers.
    pub ids: Vec<u64>,
    /// All that there are; `ids` is then to be empty.
    pub all: bool,
}

/// What became of dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LettersDealt {
    /// The numbers of those that were dealt with.
    pub done: Vec<u64>,
    /// How many further dead letters went with them, because they hung on them.
    pub with_them: u64,
    /// Those that were left as they are.
    pub not: Vec<LetterLeft>,
}

/// A dead letter that was left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LetterLeft {
    /// Its number.
    pub id: u64,
    /// Why, for people.
    pub why: String,
}

/// How the daemon is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// flaglink's version.
    pub version: String,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// How long it has been running, in seconds.
    pub uptime_seconds: u64,
    /// The public address, as far as it is known.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Where webhooks come in: those of GitLab only where webhooks made by hand are taken.
    pub webhooks: Vec<WebhookAddress>,
    /// The GitLab instance.
    pub gitlab: GitlabStatus,
    /// The providers, in the order of their names.
    pub providers: Vec<ProviderStatus>,
    /// Keys that the file had otherwise when it was last read again, and that flaglink takes up at its next start alone.
    #[serde(default)]
    pub at_the_next_start: Vec<String>,
    /// When the configuration that is in force was read; null where it is not told.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub config_read_at: Option<Timestamp>,
    /// The SHA-256 of the text of its file, in hex.
    #[serde(default)]
    pub config_digest: Option<String>,
    /// What was in the files that it names; null where it is not told.
    #[serde(default)]
    pub config_files: Option<FilesRead>,
}

/// What was in the files that a configuration names when it was read: secrets and templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FilesRead {
    /// Of nothing: where it is another one, the digests were made with another marker key.
    pub key: String,
    /// The files.
    pub files: Vec<FileRead>,
}

/// What was in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileRead {
    /// The key and the table that name it, or `template` and its name.
    pub name: String,
    /// A digest that is made with the marker key, so that nobody guesses with it what was in the file.
    pub digest: String,
}

/// Where one source sends its webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookAddress {
    /// `gitlab` or the provider's name.
    pub source: String,
    /// The path on the webhook listener.
    pub path: String,
    /// The whole address, where the public one is known.
    pub url: Option<String>,
}

/// The GitLab instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GitlabStatus {
    /// Its id here; null until it was reached for the first time.
    pub instance: Option<String>,
    /// Its URL.
    pub url: String,
    /// What came over the path of webhooks made by hand and was refused; null where nothing was, or it is past.
    #[serde(default)]
    pub webhooks_refused: Option<RefusedByHand>,
    /// The bot's user name there; null until it was reached.
    pub bot: Option<String>,
    /// How it was when it was last asked.
    pub health: Health,
}

/// One provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProviderStatus {
    /// Its name in the configuration.
    pub name: String,
    /// What people call the service, for example `Flagsmith`.
    pub service: String,
    /// How it was when it was last asked.
    pub health: Health,
    /// When a webhook over its path was last refused for its secret or signature, if no right one came since.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub webhook_refused_at: Option<Timestamp>,
}

/// How something outside was when it was last asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Health {
    /// It answered as it should.
    Good,
    /// It did not.
    Bad {
        /// What is wrong, for people.
        why: String,
    },
    /// It was not asked yet.
    Unknown,
}

/// Asks for a proof of the public address. There is nothing to say yet: `{}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProveAddress {}

/// Whether this flaglink answers under its public address, asked from outside just now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressProof {
    /// The public address that was asked; null where there is none.
    pub url: Option<String>,
    /// Whether this flaglink answered.
    pub proven: bool,
    /// What went wrong and what to do, a sentence or two for people; null where it is proven.
    pub why: Option<String>,
    /// One word for that: `no_address`, `name`, `refused`, `no_way`, `tls`, `timeout`, `broken`, `redirect`, `sign_in`,
    /// `not_found`, `admin_listener`, `tunnel_offline`, `upstream`, `limited`, `page`, `other_program` or `busy`; null where it is proven.
    pub trouble: Option<String>,
}
