//! From a key as somebody wrote it to the one flag that it means.

use super::Trouble;
use super::limits::NEAR_KEYS;
use super::world::{Project, World};
use crate::config::ProjectRule;
use crate::domain::{Flag, FlagRef, Link, ProjectId};
use crate::flags::{FlagProvider, Provided};

/// What a key means in a project.
pub(super) enum Meaning {
    /// This flag.
    One(Box<Flag>),
    /// No flag that this project may see. The keys that are nearest, ready to be written.
    None {
        /// Whose flags were looked through.
        providers: Vec<String>,
        /// Nearest keys.
        near: Vec<String>,
    },
    /// Flags of several providers, each as `provider:key`.
    Several(Vec<String>),
}

/// Whether the service has another flag of the key of one that is gone, as it is seen from that project.
pub(super) async fn is_made_again(
    provider: &dyn FlagProvider,
    project: ProjectId,
    gone: &Flag,
) -> Provided<bool> {
    let there = provider.look_up(project, &gone.flag.key).await?;
    Ok(there.is_some_and(|there| there.flag == gone.flag && there.internal_id != gone.internal_id))
}

/// A provider that could not answer.
pub(super) struct Silent {
    /// Its name.
    pub(super) provider: String,
    /// What happened.
    pub(super) trouble: Trouble,
}

/// Finds out what a key means by asking every provider that the project may see.
///
/// Where one of them cannot answer nothing is decided: the key could be one of its flags.
pub(super) async fn meaning(world: &World, project: &Project, written: &str) -> Result<Meaning, Silent> {
    let rule = &project.rule;
    let from = project.detail.id;
    let (asked, key) = whom_to_ask(world, rule, written);
    let mut hits: Vec<Flag> = Vec::new();
    for name in &asked {
        let Some(provider) = world.flags().get(name) else { continue };
        match provider.look_up(from, &key).await {
            Ok(Some(flag)) if rule.sees(name, &flag.flag.key) => hits.push(flag),
            Ok(_) => {}
            Err(error) => return Err(Silent { provider: name.clone(), trouble: error.into() }),
        }
    }
    if hits.len() > 1 {
        return Ok(Meaning::Several(hits.iter().map(|flag| flag.flag.words()).collect()));
    }
    match hits.pop() {
        Some(flag) => Ok(Meaning::One(Box::new(flag))),
        None => Ok(Meaning::None { near: nearest(world, project, &asked, &key).await, providers: asked }),
    }
}

/// `provider:key` asks that provider, where one of that name is to be seen here; everything else asks all.
fn whom_to_ask(world: &World, rule: &ProjectRule, written: &str) -> (Vec<String>, String) {
    if let Some((name, key)) = written.split_once(':')
        && !key.is_empty()
        && let Some(known) = rule.providers.iter().find(|known| known.eq_ignore_ascii_case(name))
        && world.flags().get(known).is_some()
    {
        return (vec![known.clone()], key.to_owned());
    }
    (rule.providers.clone(), written.to_owned())
}

/// Help for a typo; a provider that cannot tell its keys simply helps nobody.
async fn nearest(world: &World, project: &Project, asked: &[String], key: &str) -> Vec<String> {
    let wanted = key.to_lowercase();
    let mut near: Vec<(f64, String)> = Vec::new();
    for name in asked {
        let Some(provider) = world.flags().get(name) else { continue };
        let Ok(keys) = provider.keys(project.detail.id).await else { continue };
        for found in keys.into_iter().filter(|found| project.rule.sees(name, found)) {
            let likeness = strsim::jaro_winkler(&wanted, &found.to_lowercase());
            if likeness > 0.84 {
                near.push((likeness, found));
            }
        }
    }
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    near.dedup_by(|a, b| a.1 == b.1);
    near.truncate(NEAR_KEYS);
    near.into_iter().map(|(_, key)| key).collect()
}

/// Which of the links of a noteable a key means: no provider is asked.
pub(super) fn linked<'a>(links: &'a [Link], written: &str) -> Vec<&'a Link> {
    let exact: Vec<&Link> =
        links.iter().filter(|link| link.flag.key == written || link.flag.words() == written).collect();
    if !exact.is_empty() {
        return exact;
    }
    links
        .iter()
        .filter(|link| {
            link.flag.key.eq_ignore_ascii_case(written) || link.flag.words().eq_ignore_ascii_case(written)
        })
        .collect()
}

/// A link of the page to a flag of that key in another service than the one that is meant. That service was asked, too, and does not
/// have the flag any more: whoever wrote the bare key may have meant that one.
pub(super) fn gone_beside<'a>(
    world: &World,
    rule: &ProjectRule,
    links: &'a [Link],
    written: &str,
    meant: &FlagRef,
) -> Option<&'a Link> {
    let was_asked =
        |flag: &FlagRef| rule.sees(&flag.provider, &flag.key) && world.flags().get(&flag.provider).is_some();
    let mut others = linked(links, written).into_iter().filter(|link| link.flag.provider != meant.provider);
    others.find(|link| was_asked(&link.flag))
}

/// How flags are named on a page: by key, with the provider in front where flags of several are there.
pub(super) fn page_name(flag: &crate::domain::FlagRef, several_providers: bool) -> String {
    if several_providers { flag.words() } else { flag.key.clone() }
}

/// Whether the links are to flags of more than one provider.
pub(super) fn several_providers(links: &[Link]) -> bool {
    links.windows(2).any(|pair| matches!(pair, [a, b] if a.flag.provider != b.flag.provider))
}
