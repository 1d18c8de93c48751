//! What to type for a service of systemd's.

use std::io::Write;
use std::path::{Path, PathBuf};

use owo_colors::OwoColorize;

use super::plan::Plan;
use crate::cli::words::plain;
use crate::cli::{Trouble, show};
use crate::config::Config;

/// Where the unit has the configuration (`systemd/flaglink.service`).
const CONFIG: &str = "/etc/flaglink/flaglink.toml";
/// The folder of the secrets that it hands over.
const SECRETS: &str = "/etc/flaglink/secrets";
/// Where systemd looks for what is added to the unit.
const DROP_IN: &str = "/etc/systemd/system/flaglink.service.d";
/// Where a service has its store.
const STORE: &str = "/var/lib/flaglink";
/// Where a service has its marker key, which has to be kept.
const MARKER_KEY: &str = "/var/lib/flaglink-keys/marker-key";
/// Where it can read certificates; not in somebody's home.
const CERTIFICATES: &str = "/etc/flaglink/ca.pem";

/// Whether the configuration is the service's own.
pub(super) fn is_in_place(plan: &Plan) -> bool {
    plan.credentials.is_some() || plan.path == Path::new(CONFIG)
}

/// Tells it, in the order in which it is typed.
pub(super) fn tell(out: &mut impl Write, plan: &Plan, config: &Config) -> Result<(), Trouble> {
    writeln!(out)?;
    match is_in_place(plan) {
        true => given_anew(out, plan, config),
        false => moved(out, plan, config),
    }
}

/// The service is there, and is given its secrets when it starts.
fn given_anew(out: &mut impl Write, plan: &Plan, config: &Config) -> Result<(), Trouble> {
    writeln!(out, "{}", "For the service, which systemd gives its secrets when it starts:".bold())?;
    let folder = plan.credentials.as_deref().unwrap_or(Path::new(SECRETS));
    let secrets = secrets(plan, config);
    put_in(out, folder, &secrets)?;
    writeln!(out, "   install -d -m 755 {DROP_IN}")?;
    handed_over(out, folder, &secrets)?;
    writeln!(out, "{}", "And then:".bold())?;
    writeln!(out, "   systemctl daemon-reload && systemctl restart flaglink")?;
    Ok(())
}

/// From here to where the unit has everything. The marker key goes along: the webhooks that were just registered are known by it, and
/// their secrets are made of it; and so does the store, which has the links.
fn moved(out: &mut impl Write, plan: &Plan, config: &Config) -> Result<(), Trouble> {
    let title = "As a service, with systemd (the program, its unit and its user first: docs/install.md):";
    writeln!(out, "{}", title.bold())?;
    writeln!(out, "   install -D -m 644 {} {CONFIG}", show(&plan.path))?;
    let (folder, secrets) = (Path::new(SECRETS), secrets(plan, config));
    put_in(out, folder, &secrets)?;
    if plan.marker_key.exists() {
        let key = show(&plan.marker_key);
        writeln!(out, "   install -D -m 600 -o flaglink -g flaglink {key} {MARKER_KEY}")?;
    }
    if let Some(file) = &plan.ca_file {
        writeln!(out, "   install -D -m 644 {} {CERTIFICATES}", show(file))?;
    }
    writeln!(out, "   install -d -m 755 {DROP_IN}")?;
    writeln!(out, "{}", format!("In {CONFIG}, in place of what is there under [store]:").bold())?;
    writeln!(out, "   [store]\n   path = \"{STORE}\"\n   marker_key_file = \"{MARKER_KEY}\"")?;
    if plan.ca_file.is_some() {
        writeln!(out, "{}", "And wherever a `ca_file` is:".bold())?;
        writeln!(out, "   ca_file = \"{CERTIFICATES}\"")?;
    }
    handed_over(out, folder, &secrets)?;
    let title = "The store, which has the links, when flaglink has run here before (stop that one first). Where the service has one \
                 already, bring them with `flaglink links export` and `import`:";
    writeln!(out, "{}", title.bold())?;
    // Two stores in one folder would be none.
    writeln!(out, "   mkdir -m 700 {STORE} && cp -a {}/. {STORE}/", show(&config.store.path))?;
    writeln!(out, "   chown -R flaglink: {STORE}")?;
    writeln!(out, "{}", "And then:".bold())?;
    writeln!(out, "   systemctl daemon-reload && systemctl enable --now flaglink")?;
    let end = "When the service runs, remove what is left here: started from it, a second flaglink would answer each command, too.";
    writeln!(out, "{}", end.bold())?;
    Ok(())
}

/// The lines that put those secrets into the folder which are not there yet.
fn put_in(out: &mut impl Write, folder: &Path, secrets: &[PathBuf]) -> Result<(), Trouble> {
    let not_there: Vec<&PathBuf> = secrets.iter().filter(|path| !path.starts_with(folder)).collect();
    if !not_there.is_empty() {
        writeln!(out, "   install -d -m 700 {}", show(folder))?;
    }
    for path in not_there {
        writeln!(out, "   install -m 600 {} {}/{}", show(path), show(folder), name(path))?;
    }
    Ok(())
}

/// What systemd is to hand over. It does not start a service of which a credential is missing: those of the unit are all taken back first.
fn handed_over(out: &mut impl Write, folder: &Path, secrets: &[PathBuf]) -> Result<(), Trouble> {
    writeln!(out, "{}", format!("In {DROP_IN}/secrets.conf, these lines:").bold())?;
    writeln!(out, "   [Service]\n   LoadCredential=")?;
    for name in secrets.iter().map(|path| name(path)) {
        writeln!(out, "   LoadCredential={name}:{}/{name}", show(folder))?;
    }
    Ok(())
}

fn name(path: &Path) -> String {
    plain(&path.file_name().unwrap_or_default().display().to_string())
}

/// All that the configuration names, each once. The marker key is only one of them where it is among the others.
fn secrets(plan: &Plan, config: &Config) -> Vec<PathBuf> {
    let named = config.secret_files.iter();
    let named = named.filter(|file| file.is_credential || !file.is_marker_key());
    let mut all: Vec<PathBuf> = Vec::new();
    for path in plan.secrets.iter().map(|secret| &secret.path).chain(named.map(|file| &file.path)) {
        if !all.iter().any(|one| one.file_name() == path.file_name()) {
            all.push(path.clone());
        }
    }
    all
}
