//! What to type for a service of systemd's.

use std::io::Write;

use owo_colors::OwoColorize;

use super::plan::Plan;
use crate::cli::words::plain;
use crate::cli::{Trouble, show};

/// Where the unit has the configuration (`systemd/flaglink.service`).
const CONFIG: &str = "/etc/flaglink/flaglink.toml";
/// The folder of the secrets that it hands over.
const SECRETS: &str = "/etc/flaglink/secrets";
/// Where systemd looks for what is added to the unit.
const DROP_IN: &str = "/etc/systemd/system/flaglink.service.d";
/// Where a service has its marker key, which has to be kept.
const MARKER_KEY: &str = "/var/lib/flaglink-keys/marker-key";
/// Where it can read certificates; not in somebody's home.
const CERTIFICATES: &str = "/etc/flaglink/ca.pem";

/// Tells it, in the order in which it is typed. The marker key goes along: the webhooks that were just registered are known by it,
/// and their secrets are made of it.
pub(super) fn tell(out: &mut impl Write, plan: &Plan) -> Result<(), Trouble> {
    let mut names = Vec::new();
    writeln!(out)?;
    let title = "As a service, with systemd (the program, its unit and its user first: docs/install.md):";
    writeln!(out, "{}", title.bold())?;
    writeln!(out, "   install -D -m 644 {} {CONFIG}", show(&plan.path))?;
    writeln!(out, "   install -d -m 700 {SECRETS}")?;
    for secret in &plan.secrets {
        let name = plain(&secret.path.file_name().unwrap_or_default().display().to_string());
        writeln!(out, "   install -m 600 {} {SECRETS}/{name}", show(&secret.path))?;
        names.push(name);
    }
    if plan.marker_key.exists() {
        let key = show(&plan.marker_key);
        writeln!(out, "   install -D -m 600 -o flaglink -g flaglink {key} {MARKER_KEY}")?;
    }
    if let Some(file) = &plan.ca_file {
        writeln!(out, "   install -D -m 644 {} {CERTIFICATES}", show(file))?;
    }
    writeln!(out, "   install -d -m 755 {DROP_IN}")?;
    writeln!(out, "{}", format!("In {CONFIG}, in place of what is there under [store]:").bold())?;
    writeln!(out, "   [store]\n   path = \"/var/lib/flaglink\"\n   marker_key_file = \"{MARKER_KEY}\"")?;
    if plan.ca_file.is_some() {
        writeln!(out, "{}", "And wherever a `ca_file` is:".bold())?;
        writeln!(out, "   ca_file = \"{CERTIFICATES}\"")?;
    }
    // systemd does not start a service of which a credential is missing: those of the unit are all taken back first.
    writeln!(out, "{}", format!("In {DROP_IN}/secrets.conf, a new file:").bold())?;
    writeln!(out, "   [Service]\n   LoadCredential=")?;
    for name in names {
        writeln!(out, "   LoadCredential={name}:{SECRETS}/{name}")?;
    }
    writeln!(out, "{}", "And then:".bold())?;
    writeln!(out, "   systemctl daemon-reload && systemctl enable --now flaglink")?;
    Ok(())
}
