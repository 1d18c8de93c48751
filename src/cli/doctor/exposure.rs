//! What can be seen by more people than need to: values on public projects, the admin listener, plain http.

use super::finding::{Finding, Group, Id};
use super::projects::{Matched, names};
use crate::config::Config;
use crate::domain::Visibility;

/// Looks at what is open.
pub(super) fn look(config: &Config, matched: &[Matched]) -> Group {
    let mut findings = Vec::new();
    let shown = matched.iter().filter(|one| {
        let rule = config.rules.rules.get(one.rule);
        one.project.visibility == Visibility::Public
            && rule.is_some_and(|rule| rule.shows_values(Visibility::Public))
    });
    let shown: Vec<_> = shown.map(|one| &one.project).collect();
    if !shown.is_empty() {
        findings.push(Finding::look(
            Id::ValuesShown,
            format!(
                "values of flags are shown to the whole world in {}: public, and `values = \"show\"`",
                names(shown.into_iter())
            ),
            "write `values = \"auto\"` in the rule, unless that is meant",
        ));
    }
    let admin = config.listen.admin;
    if !admin.ip().is_loopback() {
        findings.push(Finding::look(
            Id::AdminExposed,
            format!("the admin listener is on {admin}, where other machines reach it: metrics and API, behind the admin token alone"),
            "write `admin = \"127.0.0.1:9180\"` in [listen], unless another machine has to ask",
        ));
    }
    let in_the_clear = [
        ("gitlab.url", Some(&config.gitlab.url), "the bot's token can be read on its way"),
        (
            "listen.public_url",
            config.listen.public_url.as_ref(),
            "secrets of webhooks can be read on their way",
        ),
    ];
    for (key, url, what) in in_the_clear {
        if let Some(url) = url
            && crate::config::travels_in_the_clear(url)
        {
            findings.push(Finding::look(Id::PlainHttp, format!("{key} is plain http: {what}"), "use https"));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::good(
            Id::AdminExposed,
            "nothing is open that need not be: the admin listener is for this machine",
        ));
    }
    Group::new("Exposure", findings)
}
