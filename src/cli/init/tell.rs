//! What was done, and what to type where.

use std::io::Write;

use owo_colors::OwoColorize;
use serde::Serialize;

use super::as_service;
use super::flags::Flags;
use super::gitlab::{Chosen, Gitlab};
use super::plan::Plan;
use super::webhooks::Registered;
use crate::cli::screen::{fold, width};
use crate::cli::words::plain;
use crate::cli::{Trouble, show};
use crate::config::Config;
use crate::gitlab::needed_triggers;

/// What `--json` says.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    file: &'a std::path::Path,
    /// What was written; empty: nothing differed.
    changes: &'a [String],
    /// What became of the webhooks.
    webhooks: &'a [String],
    /// What could not be done.
    problems: &'a [String],
    /// What is not done yet, or could not be tried.
    not_yet: &'a [String],
    /// What wants attention before long.
    warnings: &'a [String],
}

impl<'a> Told<'a> {
    pub(super) fn new(plan: &'a Plan, changes: &'a [String], hooks: &'a Registered) -> Self {
        Self {
            file: &plan.path,
            changes,
            webhooks: &hooks.done,
            problems: &hooks.not,
            not_yet: &hooks.not_yet,
            warnings: &plan.warnings,
        }
    }
}

/// Tells it to people.
pub(super) fn done(
    plan: &Plan,
    changes: &[String],
    hooks: &Registered,
    chosen: &Chosen,
    gitlab: &Gitlab,
    flags: &Flags,
    config_now: &Config,
) -> Result<(), Trouble> {
    let mut out = anstream::stdout().lock();
    let wide = width();
    let mut line = |sign: String, text: &str| writeln!(out, "{sign} {}", fold(&plain(text), wide, 2, 2));
    if changes.is_empty() {
        line(
            "✔".green().bold().to_string(),
            &format!("Nothing to change: {} is as it should be.", show(&plan.path)),
        )?;
    }
    for change in changes.iter().chain(&hooks.done) {
        line("✔".green().bold().to_string(), &format!("{change}."))?;
    }
    for not in &hooks.not {
        line("✘".red().bold().to_string(), not)?;
    }
    for not_yet in &hooks.not_yet {
        line("…".yellow().bold().to_string(), not_yet)?;
    }
    for warning in &plan.warnings {
        line("⚠".yellow().bold().to_string(), &format!("{warning}."))?;
    }
    writeln!(out)?;
    let file = show(&plan.path);
    let config = if file == "flaglink.toml" { String::new() } else { format!(" --config {file}") };
    let is_service = as_service::is_in_place(plan);
    let with_secrets = plan.credentials.as_deref();
    let with_secrets = with_secrets.map(|folder| format!("CREDENTIALS_DIRECTORY={} ", show(folder)));
    let with_secrets = with_secrets.unwrap_or_default();
    let mut step = 0;
    let mut next = |text: &str| {
        step += 1;
        writeln!(out, "{} {}", format!("{step}.").bold(), fold(text, wide, 3, 3))
    };
    if plan.by_hand {
        let paths: Vec<&str> = chosen.matched.iter().take(6).map(|project| project.path.as_str()).collect();
        next(&format!(
            "In GitLab, in {} (or their group, where the tier has group webhooks): Settings → Webhooks. URL \
             {}/hooks/gitlab, the secret token from {}, and the triggers {}.",
            paths.join(", "),
            plan.address().unwrap_or("https://YOUR-ADDRESS"),
            plan.webhook_secret.as_deref().map(show).unwrap_or_default(),
            needed_triggers(plan.own_flags).map(|trigger| trigger.title).collect::<Vec<_>>().join(", ")
        ))?;
    }
    if let Some(because) = &plan.because {
        next(&format!(
            "Webhooks stay made by hand: {because}. For flaglink to register them itself, delete those that lead to \
             /hooks/gitlab, take `webhook_secret_file` out of [gitlab], and run `{with_secrets}flaglink init{config}` again."
        ))?;
    }
    if hooks.has_old_secrets {
        next(
            "flaglink runs, with the secrets of its start. Start it again: `systemctl restart flaglink`. Then it brings its webhooks into \
             step.",
        )?;
    } else if hooks.waits {
        next(
            "flaglink runs already. Start it again: only then it takes the address, and registers its webhooks.",
        )?;
    } else if hooks.runs {
        next("flaglink runs already. What it does not take over while it runs it takes at its next start.")?;
    } else if is_service {
        next("Start it: `systemctl restart flaglink`")?;
    } else {
        next(&format!("Start it: `flaglink run{config}`"))?;
    }
    next(&format!("Look whether all is well: `{with_secrets}flaglink doctor{config}`"))?;
    let key = flags.example.as_deref().map_or_else(|| "KEY".to_owned(), plain);
    let page = chosen.matched.first().map(|project| gitlab.api.page(&format!("{}/-/issues", project.path)));
    next(&format!(
        "Write `/flag link {key}` in a comment on an issue, for example at {}",
        page.unwrap_or_default()
    ))?;
    if !is_service || !changes.is_empty() {
        as_service::tell(&mut out, plan, config_now)?;
    }
    Ok(())
}
