//! From the file to the checked configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::file::ProviderCommon;
use super::hooks::Hooks;
use super::limits::Limits;
use super::pattern::covers;
use super::provider_table::ProviderTable;
use super::reminder::Reminder;
use super::rules::{ProjectRule, Rules};
use super::secret::Surroundings;
use super::section::{SecretFile, Section};
use super::settings::{GitlabSettings, Listen, StoreSettings};
use super::templates::{self, TemplateFile};
use super::tree::{self, Data, Node};
use super::tunnel::TunnelSettings;
use super::{ConfigError, read};

/// Where the file is looked for, best first, unless it is named.
pub const DEFAULT_PLACES: [&str; 2] = ["flaglink.toml", "/etc/flaglink/flaglink.toml"];

/// The longest file that is read. A thousand rules fit in a tenth of it.
const MOST: u64 = 1024 * 1024;

/// The tables that there are.
const TABLES: [&str; 9] =
    ["listen", "tunnel", "store", "limits", "gitlab", "providers", "projects", "reminders", "templates"];

/// What a rule looks like, for those who have none.
const RULE_SAMPLE: &str =
    "\n\n    [[projects]]\n    match = \"shop/**\"          # every project below the group `shop`\n";

/// What a provider looks like, for those who have none.
const PROVIDER_SAMPLE: &str = "\n\n    [providers.flagsmith]\n    kind = \"flagsmith\"\n    \
     url = \"https://api.flagsmith.com\"\n    api_key_file = \"flagsmith-key\"\n    project = 12\n";

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it was read from.
    pub path: PathBuf,
    /// When its reading began, by this machine's clock: a file that was changed later may hold something else.
    pub read_at: Timestamp,
    /// A digest of the file's text: another one is another configuration, or the same in other words.
    pub digest: String,
    /// `[listen]`.
    pub listen: Listen,
    /// `[tunnel]`.
    pub tunnel: TunnelSettings,
    /// `[store]`.
    pub store: StoreSettings,
    /// `[limits]`.
    pub limits: Limits,
    /// `[gitlab]`.
    pub gitlab: GitlabSettings,
    /// The `[providers.…]` tables, in the order of the file.
    pub providers: Vec<ProviderTable>,
    /// The `[[projects]]` entries, in the order of the file.
    pub rules: Rules,
    /// The `[[reminders]]` entries, in the order of the file.
    pub reminders: Vec<Reminder>,
    /// The files of the folder of `[templates]`.
    pub templates: Vec<TemplateFile>,
    /// The files with secrets that it names and that are there.
    pub secret_files: Vec<SecretFile>,
    /// What works but should be looked at; each a whole sentence for people.
    pub warnings: Vec<String>,
}

/// Finds the configuration file: the one that was named, else the first of `places` that is there.
pub fn find(named: Option<&Path>, places: &[PathBuf]) -> Result<PathBuf, ConfigError> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    places.iter().find(|path| path.exists()).cloned().ok_or_else(|| {
        let all: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
        ConfigError(format!(
            "there is no configuration: no {}. Name one with --config, or let `flaglink init` write one.",
            all.join(" and no ")
        ))
    })
}

/// The text of the file.
pub(crate) fn text_of(path: &Path) -> Result<String, ConfigError> {
    let unread = |why: String| ConfigError(format!("{} cannot be read: {why}", path.display()));
    let about = std::fs::metadata(path).map_err(|why| unread(why.to_string()))?;
    if about.is_dir() {
        return Err(unread("it is a directory".to_owned()));
    }
    if about.len() > MOST {
        return Err(unread("it is far too long for a configuration".to_owned()));
    }
    let bytes = std::fs::read(path).map_err(|why| unread(why.to_string()))?;
    String::from_utf8(bytes).map_err(|_| unread("it is not UTF-8 text".to_owned()))
}

impl Config {
    /// The command that has a new secret of that table (`[gitlab]`) read. Of its credentials systemd gives a service copies when it starts,
    /// and a reload reads these again.
    pub fn read_anew_by(&self, table: &str) -> &'static str {
        let of_table = format!(" in {table}");
        let mut files = self.secret_files.iter().filter(|file| file.named_by.ends_with(&of_table));
        match files.any(|file| file.is_credential) {
            true => "systemctl restart flaglink",
            false => "flaglink reload",
        }
    }

    /// Reads and checks the file. `env` is the environment: overrides, secrets, `CREDENTIALS_DIRECTORY`.
    pub fn load(path: &Path, env: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let read_at = Timestamp::now();
        let text = text_of(path)?;
        Ok(Self { read_at, ..Self::parse(&text, path, env)? })
    }

    /// Checks the text of a file. `path` is where it is or would be: errors name it, and what it names is looked for
    /// beside it.
    pub fn parse(text: &str, path: &Path, env: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut root = tree::parse(text, path)?;
        tree::override_from(&mut root, env)?;
        if let Some(entry) = root.entries().iter().find(|entry| !TABLES.contains(&entry.key.as_str())) {
            return Err(tree::unknown_key("the file", entry, &TABLES));
        }
        let around = Arc::new(Surroundings::new(path, env));
        let mut section = |name: &str| {
            let place = root.place.clone();
            let node = root.take(name).map_or_else(|| Node::empty(place), |entry| entry.value);
            Section::new(format!("[{name}]"), node, around.clone())
        };
        let (listen, store, gitlab) = (section("listen"), section("store"), section("gitlab"));
        let tunnel = section("tunnel");
        let limits = Limits::check(&section("limits"))?;
        let providers = providers(section("providers"), &around)?;
        let (rules, reminders) = (section("projects"), section("reminders"));

        let (mut warnings, mut secret_files) = (Vec::new(), Vec::new());
        let templates = templates::check(&section("templates"), &mut warnings)?;
        for section in
            [&listen, &tunnel, &store, &gitlab].into_iter().chain(providers.iter().map(|p| &p.section))
        {
            warnings.extend(section.open_files());
            secret_files.extend(section.secret_files());
        }
        let store_settings = StoreSettings::check(&store)?;
        let listen = Listen::check(&listen, &store_settings.path, &mut warnings)?;
        let tunnel = TunnelSettings::check(&tunnel, listen.public_auto, &mut warnings)?;
        let public = listen.public_auto || listen.public_url.is_some();
        let gitlab = GitlabSettings::check(&gitlab, public, &mut warnings)?;
        let providers = check_names(providers, &store_settings, &store)?;
        let rules = check_rules(rules, &providers, &around, &mut warnings, &mut secret_files)?;
        warnings.extend(unheard(&gitlab, &rules));
        let reminders = check_reminders(&reminders, &providers, &rules, &around)?;
        Ok(Self {
            path: path.to_owned(),
            read_at: Timestamp::now(),
            digest: hex::encode(Sha256::digest(text)),
            listen,
            tunnel,
            store: store_settings,
            limits,
            gitlab,
            providers,
            rules,
            reminders,
            templates,
            secret_files,
            warnings,
        })
    }
}

/// Takes the `[providers.…]` tables apart.
fn providers(all: Section, around: &Arc<Surroundings>) -> Result<Vec<ProviderTable>, ConfigError> {
    let Data::Table(entries) = &all.node().data else {
        return Err(ConfigError(format!(
            "{}: providers are tables of their own:{PROVIDER_SAMPLE}",
            all.node().place
        )));
    };
    if entries.is_empty() {
        return Err(ConfigError(format!(
            "{}: there is no flag service yet. Add one:{PROVIDER_SAMPLE}",
            all.node().place
        )));
    }
    let mut tables = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = &entry.key;
        if !matches!(entry.value.data, Data::Table(_)) {
            return Err(ConfigError(format!(
                "{}: `{}` in [providers] should be a table:{PROVIDER_SAMPLE}",
                entry.place,
                name.escape_debug()
            )));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(ConfigError(format!(
                "{}: `{}` cannot be the name of a provider: people write it in comments, so it is 1 to 64 letters, \
                 digits, `-` and `_`",
                entry.place,
                name.chars().take(64).flat_map(char::escape_debug).collect::<String>()
            )));
        }
        let mut node = entry.value.clone();
        node.place = entry.place.clone();
        let title = format!("[providers.{name}]");
        let common = Node {
            place: node.place.clone(),
            data: Data::Table(
                node.entries()
                    .iter()
                    .filter(|entry| super::provider_table::COMMON_KEYS.contains(&entry.key.as_str()))
                    .cloned()
                    .collect(),
            ),
        };
        let ProviderCommon { kind, formerly } = read::read(&common, &title)?;
        let section = Section::new(title, node, around.clone());
        tables.push(ProviderTable { name: name.clone(), kind, formerly, section });
    }
    Ok(tables)
}

/// Each name, present, former or retired, stands for one provider.
fn check_names(
    tables: Vec<ProviderTable>,
    store: &StoreSettings,
    store_section: &Section,
) -> Result<Vec<ProviderTable>, ConfigError> {
    for (at, table) in tables.iter().enumerate() {
        let others = || tables.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| other);
        // In comments and in the environment, names that differ only so would be mixed up.
        let same = |a: &str, b: &str| a.replace('-', "_").eq_ignore_ascii_case(&b.replace('-', "_"));
        if let Some(twin) = others().take(at).find(|other| same(&other.name, &table.name)) {
            return Err(ConfigError(format!(
                "{}: the names of `{}` and `{}` are too much alike",
                table.section.node().place,
                twin.name,
                table.name
            )));
        }
        for (nth, former) in table.formerly.iter().enumerate() {
            if tables.iter().any(|other| other.name == *former) {
                return Err(table.section.error(
                    "formerly",
                    format_args!("`{former}` is the name of a provider now, so its links stay with that one"),
                ));
            }
            if others().any(|other| other.formerly.contains(former))
                || table.formerly.iter().take(nth).any(|f| f == former)
            {
                return Err(table.section.error(
                    "formerly",
                    format_args!("`{former}` is given twice; only one provider can take over its links"),
                ));
            }
        }
    }
    for retired in &store.retired_providers {
        if tables.iter().any(|table| table.name == *retired || table.formerly.contains(retired)) {
            return Err(store_section.error(
                "retired_providers",
                format_args!("`{retired}` is still configured, so it is not gone for good"),
            ));
        }
    }
    Ok(tables)
}

/// Takes the `[[reminders]]` entries apart and checks them.
fn check_reminders(
    all: &Section,
    providers: &[ProviderTable],
    rules: &Rules,
    around: &Arc<Surroundings>,
) -> Result<Vec<Reminder>, ConfigError> {
    let items = match &all.node().data {
        Data::List(items) => items.as_slice(),
        Data::Table(entries) if entries.is_empty() => &[],
        _ => {
            let place = &all.node().place;
            return Err(ConfigError(format!(
                "{place}: `reminders` is a list, so it is written with two brackets: [[reminders]]"
            )));
        }
    };
    let names: Vec<String> = providers.iter().map(|provider| provider.name.clone()).collect();
    let mut reminders: Vec<Reminder> = Vec::with_capacity(items.len());
    for item in items {
        let section = Section::new("[[reminders]]", item.clone(), around.clone());
        if !matches!(item.data, Data::Table(_)) {
            return Err(ConfigError(format!("{}: a reminder is a table", item.place)));
        }
        let reminder = Reminder::check(&section, &names)?;
        match rules.for_project(&reminder.project) {
            None => return Err(section.error("project", "no [[projects]] rule matches it")),
            Some(rule) if !rule.providers.contains(&reminder.provider) => {
                let why = "the rule for this project does not have it among its `providers`";
                return Err(section.error("provider", why));
            }
            Some(_) => {}
        }
        if reminders.iter().any(|before| before.name().eq_ignore_ascii_case(&reminder.name())) {
            return Err(section.error("project", "there is a reminder for this provider and project already"));
        }
        reminders.push(reminder);
    }
    Ok(reminders)
}

/// Rules of whose projects no webhook can come: flaglink registers none, and takes none that was made by hand.
fn unheard(gitlab: &GitlabSettings, rules: &Rules) -> Option<String> {
    // A group's webhook tells of what other rules are about, too.
    if gitlab.takes_by_hand() || rules.rules.iter().any(|rule| rule.hooks == Hooks::Group) {
        return None;
    }
    let none: Vec<String> = rules
        .rules
        .iter()
        .filter(|rule| rule.hooks == Hooks::None)
        .map(|rule| format!("\"{}\"", rule.pattern))
        .collect();
    (!none.is_empty()).then(|| {
        format!(
            "the rules for {} say `hooks = \"none\"`, and webhooks made by hand are not taken, so what happens there is heard of with \
             each `catch_up` alone. For webhooks made by hand write `webhook_secret_file` in [gitlab], and `register_hooks = true` \
             beside it where other rules have theirs registered",
            none.join(", ")
        )
    })
}

/// Takes the `[[projects]]` entries apart and checks them.
fn check_rules(
    all: Section,
    providers: &[ProviderTable],
    around: &Arc<Surroundings>,
    warnings: &mut Vec<String>,
    secret_files: &mut Vec<SecretFile>,
) -> Result<Rules, ConfigError> {
    let place = &all.node().place;
    let items = match &all.node().data {
        Data::List(items) => items.as_slice(),
        Data::Table(entries) if entries.is_empty() => &[],
        _ => {
            return Err(ConfigError(format!(
                "{place}: `projects` is a list of rules, so it is written with two brackets:{RULE_SAMPLE}"
            )));
        }
    };
    if items.is_empty() {
        return Err(ConfigError(format!(
            "{place}: there is no rule for any project, so flaglink would be silent everywhere. Add one:{RULE_SAMPLE}"
        )));
    }
    let names: Vec<String> = providers.iter().map(|provider| provider.name.clone()).collect();
    let mut rules: Vec<Arc<ProjectRule>> = Vec::with_capacity(items.len());
    for item in items {
        let section = Section::new("[[projects]]", item.clone(), around.clone());
        if !matches!(item.data, Data::Table(_)) {
            return Err(ConfigError(format!("{}: a rule is a table:{RULE_SAMPLE}", item.place)));
        }
        let rule = ProjectRule::check(&section, &names)?;
        if rules.iter().any(|before| before.pattern.eq_ignore_ascii_case(&rule.pattern)) {
            return Err(section.error(
                "match",
                format_args!("\"{}\" has a rule already, and the first one holds", rule.pattern),
            ));
        }
        if let Some(before) = rules.iter().find(|before| covers(&before.pattern, &rule.pattern)) {
            warnings.push(format!(
                "{}: the rule for \"{}\" never holds, because \"{}\" above it matches the same projects; the first that matches holds",
                item.place, rule.pattern, before.pattern
            ));
        }
        warnings.extend(section.open_files());
        secret_files.extend(section.secret_files());
        rules.push(Arc::new(rule));
    }
    Ok(Rules { rules })
}
