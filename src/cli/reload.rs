//! `flaglink reload`.

use std::io::Write;

use crate::config::Places;
use crate::http::api_types::{Reload, Reloaded};

use super::client::Client;
use super::words::plain;
use super::{Context, Trouble, document, show};

/// Has the running daemon read its configuration again.
pub(super) async fn reload(context: &Context) -> Result<(), Trouble> {
    let file = context.config_file()?;
    let Places { socket, .. } = Places::load(&file, &context.env)?;
    let Some(mut client) = Client::connect(&socket).await? else {
        return Err(Trouble::World(format!(
            "flaglink is not running (nothing answers on {}), so there is nothing to reload: it reads its configuration when it \
             starts. If it does run, its socket is elsewhere, because `path` in [store] or `socket` in [listen] was changed since \
             it was started: start it again.",
            show(&socket)
        )));
    };
    let reloaded: Reloaded = client.change("/api/v1/reload", &Reload {}).await?;
    if context.json {
        return document::write(&reloaded);
    }
    let Reloaded { rules, providers, warnings, at_the_next_start, secrets_of_the_start } = reloaded;
    let mut out = std::io::stdout().lock();
    for warning in &warnings {
        writeln!(out, "Worth a look: {}", plain(warning))?;
    }
    if !at_the_next_start.is_empty() {
        let keys: Vec<String> = at_the_next_start.iter().map(|key| format!("`{}`", plain(key))).collect();
        writeln!(
            out,
            "These cannot change while flaglink runs, so start it again for them: {}.",
            keys.join(", ")
        )?;
    }
    let many = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    writeln!(
        out,
        "The configuration is in force: {}, {}.",
        many(rules, "project rule"),
        many(providers, "flag service")
    )?;
    if secrets_of_the_start {
        writeln!(out, "Its secrets are those of its start: `systemctl restart flaglink` gives it new ones.")?;
    }
    Ok(())
}
