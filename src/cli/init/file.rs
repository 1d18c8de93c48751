//! The configuration as it is to be: a new one with comments, or the one that is there with what differs changed in place.

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use crate::config::covers;
use crate::flags::{KindDoc, lives_in_gitlab};

/// What a new file begins with. Whatever differs is then written into it as into a file that is there.
const NEW: &str = r#"# flaglink. `flaglink config reference` explains every key, `flaglink doctor` looks at everything.
# Secrets are in files of their own, beside this one. `flaglink init` changes only what differs and keeps the rest as you write it.

[listen]
webhooks = "127.0.0.1:8080"          # what the tunnel or the reverse proxy points at

[store]
path = "store"                       # one folder for one flaglink
marker_key_file = "marker-key"       # made at the first start; keep a copy of it

[gitlab]
url = ""
token_file = "gitlab-token"          # access token of the bot, scope `api`
"#;

/// A flag service as it stands in the file.
pub(super) struct There {
    /// What stands there as its kind; nobody has looked whether there is such a kind.
    pub(super) kind: String,
    /// The table's name.
    pub(super) name: String,
    /// Its address, where it has one.
    pub(super) url: Option<String>,
    /// Its project, where it has one.
    pub(super) project: Option<String>,
}

/// A flag service as it is to be.
pub(super) struct Service {
    /// Its kind.
    pub(super) kind: &'static KindDoc,
    /// The table's name: how people name it in comments.
    pub(super) name: String,
    /// Its address; `None` where it has none of its own.
    pub(super) url: Option<String>,
    /// Its project, where it has one.
    pub(super) project: Option<String>,
    /// The certificates that it was tried with.
    pub(super) ca_file: Option<String>,
}

/// Everything that is to stand in the file.
pub(super) struct Wanted {
    /// `[gitlab] url`.
    pub(super) gitlab: String,
    /// `[listen] webhooks`, where somebody said it.
    pub(super) webhooks: Option<String>,
    /// `[listen] public_url`, where there is one; where not, one that stands there goes.
    pub(super) public_url: Option<String>,
    /// `[store] path`, where somebody said it.
    pub(super) store: Option<String>,
    /// `[gitlab] ca_file`, where somebody said it.
    pub(super) ca_file: Option<String>,
    /// Whether webhooks are made by hand in GitLab, with a secret in a file.
    pub(super) by_hand: bool,
    /// Whether the secret of those goes, because flaglink registers them from now on.
    pub(super) registered_now: bool,
    /// The flag service.
    pub(super) service: Service,
    /// Patterns of projects.
    pub(super) projects: Vec<String>,
    /// Environments that a new rule is told of.
    pub(super) tell: Vec<String>,
    /// Whether somebody said so: then those rules that are there are told of them, too.
    pub(super) tell_said: bool,
}

/// The file that is there, or a new one.
pub(super) fn read(text: Option<&str>) -> Result<DocumentMut, String> {
    text.unwrap_or(NEW).parse::<DocumentMut>().map_err(|error| {
        // Its own words quote the line, which may hold a secret that was put there by mistake.
        let line = error.span().map(|span| {
            let before = text.unwrap_or_default().get(..span.start).unwrap_or_default();
            before.matches('\n').count() + 1
        });
        match line {
            Some(line) => format!("line {line} is not TOML: {}", error.message().trim().replace('\n', "; ")),
            None => format!("it is not TOML: {}", error.message().trim().replace('\n', "; ")),
        }
    })
}

/// A text in the file.
pub(super) fn text<'a>(document: &'a DocumentMut, table: &str, key: &str) -> Option<&'a str> {
    document.get(table)?.get(key)?.as_str()
}

/// The service in the file: of that kind, if one is wanted.
pub(super) fn service(document: &DocumentMut, kind: Option<&str>) -> Option<There> {
    let providers = document.get("providers")?.as_table_like()?;
    providers.iter().find_map(|(name, table)| {
        let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
        let of = text("kind").unwrap_or_default();
        if kind.is_some_and(|kind| kind != of) {
            return None;
        }
        let number = || table.get("project").and_then(Item::as_integer).map(|number| number.to_string());
        let project = text("project").or_else(number);
        Some(There { kind: of, name: name.to_owned(), url: text("url"), project })
    })
}

/// Whether GitLab's own flags are among the services in the file.
pub(super) fn own_flags(document: &DocumentMut) -> bool {
    let providers = document.get("providers").and_then(Item::as_table_like);
    let kinds = providers.into_iter().flat_map(|all| all.iter()).filter_map(|(_, table)| table.get("kind"));
    kinds.filter_map(Item::as_str).any(lives_in_gitlab)
}

/// Whether any rule in the file has linked work labelled.
pub(super) fn labels(document: &DocumentMut) -> bool {
    let rules = document.get("projects").and_then(Item::as_array_of_tables);
    let label =
        |rule: &Table| rule.get("label").and_then(Item::as_str).is_none_or(|label| !label.trim().is_empty());
    rules.into_iter().flatten().any(label)
}

/// The patterns in the file.
pub(super) fn projects(document: &DocumentMut) -> Vec<String> {
    let rules = document.get("projects").and_then(Item::as_array_of_tables);
    let patterns =
        rules.into_iter().flatten().filter_map(|rule| Some(rule.get("match")?.as_str()?.to_owned()));
    patterns.collect()
}

/// Writes what is wanted into it. What is so already stays as it stands there. Says what was left out, and why.
pub(super) fn write(document: &mut DocumentMut, wanted: &Wanted) -> Result<Vec<String>, String> {
    let listen = table(document, "listen")?;
    set_if(listen, "webhooks", wanted.webhooks.as_deref());
    match &wanted.public_url {
        Some(address) => set(listen, "public_url", address),
        None => drop(listen.remove("public_url")),
    }
    set_if(table(document, "store")?, "path", wanted.store.as_deref());
    let gitlab = table(document, "gitlab")?;
    if gitlab.get("url").and_then(Item::as_str).map(|url| url.trim_end_matches('/'))
        != Some(wanted.gitlab.trim_end_matches('/'))
    {
        set(gitlab, "url", wanted.gitlab.trim_end_matches('/'));
    }
    if gitlab.get("token_env").is_none() {
        set_once(gitlab, "token_file", "gitlab-token");
    }
    set_if(gitlab, "ca_file", wanted.ca_file.as_deref());
    if wanted.by_hand && gitlab.get("webhook_secret_env").is_none() {
        set_once(gitlab, "webhook_secret_file", "webhook-secret");
    }
    if wanted.registered_now {
        gitlab.remove("webhook_secret_file");
    }
    provider(document, &wanted.service)?;
    rules(document, wanted)
}

fn provider(document: &mut DocumentMut, service: &Service) -> Result<(), String> {
    let providers = document.entry("providers").or_insert_with(|| {
        let mut providers = Table::new();
        providers.set_implicit(true);
        Item::Table(providers)
    });
    let providers =
        providers.as_table_mut().ok_or("`providers` is written in a way that init does not change")?;
    let is_new = !providers.contains_key(&service.name);
    let entry = providers.entry(&service.name).or_insert_with(|| Item::Table(Table::new()));
    let table = entry.as_table_mut().ok_or("the provider is written in a way that init does not change")?;
    if is_new {
        table.decor_mut().set_prefix("\n");
        let name = &service.name;
        table.decor_mut().set_suffix(format!("  # people write {name}:my_flag, or my_flag alone"));
    }
    set(table, "kind", service.kind.kind);
    let (Some(url), Some(own)) = (&service.url, &service.kind.setup.own) else { return Ok(()) };
    let same = |is: &Item| is.as_str().map(|is| is.trim_end_matches('/')) == Some(url.trim_end_matches('/'));
    if !table.get("url").is_some_and(same) {
        set(table, "url", url);
    }
    if let Some(file) = &service.ca_file {
        set_once(table, "ca_file", file);
    }
    if table.get(&own.key_env()).is_none() {
        set_once(table, &own.key_file(), &format!("{}-key", service.name));
    }
    if own.webhook_secret && table.get("webhook_secret_env").is_none() {
        set_once(table, "webhook_secret_file", &format!("{}-webhook", service.name));
    }
    if let (Some(project), Some(setting)) = (&service.project, &own.project) {
        match project.parse::<i64>() {
            Ok(number) if setting.number => {
                if table.get("project").and_then(Item::as_integer) != Some(number) {
                    replace(table, "project", value(number));
                }
            }
            _ => set(table, "project", project),
        }
    }
    Ok(())
}

/// A rule behind one that is about the same projects would never hold: it is left out.
fn rules(document: &mut DocumentMut, wanted: &Wanted) -> Result<Vec<String>, String> {
    let mut left_out = Vec::new();
    let rules = document.entry("projects").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let rules =
        rules.as_array_of_tables_mut().ok_or("`projects` is written in a way that init does not change")?;
    for pattern in &wanted.projects {
        let is_it = |rule: &&mut Table| {
            rule.get("match").and_then(Item::as_str).is_some_and(|is| is.eq_ignore_ascii_case(pattern))
        };
        if let Some(there) = rules.iter_mut().find(is_it) {
            if wanted.tell_said {
                tell(there, &wanted.tell);
            }
            continue;
        }
        let patterns = rules.iter().filter_map(|rule| rule.get("match")?.as_str());
        if let Some(broad) = patterns.into_iter().find(|broad| covers(broad, pattern)) {
            left_out.push(format!(
                "\"{pattern}\" needs no rule of its own: match = \"{broad}\" is about it already, and stays. For other \
                 settings write [[projects]] match = \"{pattern}\" above it"
            ));
            continue;
        }
        let mut rule = Table::new();
        rule.decor_mut().set_prefix("\n");
        if rules.is_empty() {
            rule.decor_mut().set_suffix("  # the first rule that matches a project holds");
        }
        rule.insert("match", value(pattern));
        tell(&mut rule, &wanted.tell);
        rules.push(rule);
    }
    Ok(left_out)
}

/// Has a rule told of those environments, and of no others.
fn tell(rule: &mut Table, environments: &[String]) {
    let now: Vec<&str> = rule
        .get("tell")
        .and_then(Item::as_array)
        .map(|all| all.iter().filter_map(toml_edit::Value::as_str).collect())
        .unwrap_or_default();
    if now == environments {
        return;
    }
    if environments.is_empty() {
        rule.remove("tell");
        return;
    }
    let all: toml_edit::Array = environments.iter().collect();
    replace(rule, "tell", value(all));
}

fn table<'a>(document: &'a mut DocumentMut, name: &str) -> Result<&'a mut Table, String> {
    let item = document.entry(name).or_insert_with(|| {
        let mut table = Table::new();
        table.decor_mut().set_prefix("\n");
        Item::Table(table)
    });
    item.as_table_mut().ok_or_else(|| format!("`{name}` is written in a way that init does not change"))
}

fn set_if(table: &mut Table, key: &str, to: Option<&str>) {
    if let Some(to) = to {
        set(table, key, to);
    }
}

/// Sets a text, unless it is that already.
fn set(table: &mut Table, key: &str, to: &str) {
    if table.get(key).and_then(Item::as_str) != Some(to) {
        replace(table, key, value(to));
    }
}

/// Sets a text where there is none.
fn set_once(table: &mut Table, key: &str, to: &str) {
    if table.get(key).is_none() {
        replace(table, key, value(to));
    }
}

/// Another value in the place of the old one: the comment behind it stays.
fn replace(table: &mut Table, key: &str, mut new: Item) {
    let decor = table.get(key).and_then(Item::as_value).map(|old| old.decor().clone());
    if let (Some(decor), Some(new)) = (decor, new.as_value_mut()) {
        *new.decor_mut() = decor;
    }
    table.insert(key, new);
}
