//! Searching for flags and for events.

use jiff::SignedDuration;
use serde_json::{Value as Json, json};

use super::call::{Answer, Call, Reply};
use crate::sandbox::unleash::clock::Stamp;
use crate::sandbox::unleash::model::{Event, Feature};
use crate::sandbox::unleash::view;

/// How a filter of tags begins.
const TAG_FILTERS: &str =
    "INCLUDE|DO_NOT_INCLUDE|INCLUDE_ALL_OF|INCLUDE_ANY_OF|EXCLUDE_IF_ANY_OF|EXCLUDE_ALL";

/// The seconds that a window of the limit has.
const WINDOW: i64 = 60;

/// Searches for flags. So many in a minute, and no more; the limit is for this call alone, as recorded.
pub(super) fn features(call: &mut Call<'_>) -> Answer {
    let Some(limit) = call.world.searches else { return found_features(call) };
    let now = Stamp::now();
    let minute = SignedDuration::from_secs(WINDOW);
    let (began, count) = match call.world.searched {
        Some((began, count)) if now.0.duration_since(began.0) < minute => (began, count + 1),
        _ => (now, 1),
    };
    call.world.searched = Some((began, count));
    let left = (WINDOW - now.0.duration_since(began.0).as_secs()).max(1);
    let reply = if count > limit {
        Reply::text(429, "Too many requests, please try again later.")
            .with("retry-after", &WINDOW.to_string())
    } else {
        found_features(call).unwrap_or_else(|refusal| refusal)
    };
    Ok(reply
        .with("ratelimit-policy", &format!("{limit};w={WINDOW}"))
        .with("ratelimit-limit", &limit.to_string())
        .with("ratelimit-remaining", &limit.saturating_sub(count).to_string())
        .with("ratelimit-reset", &left.to_string()))
}

fn found_features(call: &Call<'_>) -> Answer {
    let tag = match call.query("tag").map(|tag| (tag, tag.split_once(':'))) {
        None => None,
        Some((_, Some((filter, rest))))
            if TAG_FILTERS.split('|').any(|known| known == filter) && rest.contains(':') =>
        {
            Some(rest.to_owned())
        }
        Some((sent, _)) => {
            let words = format!(
                "The `/query/tag` property must match pattern \
                 \"^({TAG_FILTERS}):([^:,]+:.+?)(,\\s*[^:,]+:.+?)*$\". You sent \"{sent}\"."
            );
            return Err(Reply::invalid("/query/tag", &words));
        }
    };
    let text = call.query("query").unwrap_or_default().to_lowercase();
    let projects = call.filter("project");
    let archived = call.filter("archived").is_some_and(|values| values == ["true"]);
    let wanted = |feature: &&Feature| {
        let about = feature.description.as_deref().unwrap_or_default().to_lowercase();
        (feature.name.to_lowercase().contains(&text) || about.contains(&text))
            && projects.as_ref().is_none_or(|projects| projects.contains(&feature.project.as_str()))
            && feature.archived_at.is_some() == archived
            && tag.as_ref().is_none_or(|wanted| {
                feature.tags.iter().any(|tag| *wanted == format!("{}:{}", tag.kind, tag.value))
            })
    };
    let mut found: Vec<&Feature> = call.world.features.iter().filter(wanted).collect();
    if call.query("sortOrder") == Some("desc") {
        found.reverse();
    }
    let page = found.iter().skip(call.number("offset", 0)).take(call.number("limit", 50));
    let shown: Vec<Json> = page
        .map(|feature| {
            let mut shown = view::found_feature(call.world, feature);
            // Where tags are asked for, the others are not shown.
            if let (Some(wanted), Some(Json::Array(tags))) = (&tag, shown.get_mut("tags")) {
                tags.retain(|tag| {
                    let part =
                        |name: &str| tag.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
                    *wanted == format!("{}:{}", part("type"), part("value"))
                });
            }
            shown
        })
        .collect();
    Ok(Reply::ok(json!({ "features": shown, "total": found.len() })))
}

/// Searches for events, the newest first. `from` and `to` are days, both included.
pub(super) fn events(call: &mut Call<'_>) -> Answer {
    let (features, projects, kinds) = (call.filter("feature"), call.filter("project"), call.filter("type"));
    let (from, to) = (call.filter("from"), call.filter("to"));
    let is = |wanted: &Option<Vec<&str>>, name: Option<&str>| {
        wanted.as_ref().is_none_or(|wanted| name.is_some_and(|name| wanted.contains(&name)))
    };
    let wanted = |event: &&Event| {
        let day = event.at.day();
        is(&features, event.feature.as_deref())
            && is(&projects, event.project.as_deref())
            && is(&kinds, Some(event.kind))
            && from.as_ref().and_then(|days| days.first()).is_none_or(|from| day.as_str() >= *from)
            && to.as_ref().and_then(|days| days.first()).is_none_or(|to| day.as_str() <= *to)
    };
    let found: Vec<&Event> = call.world.events.iter().rev().filter(wanted).collect();
    let page = found.iter().skip(call.number("offset", 0)).take(call.number("limit", 50).min(1000));
    let shown: Vec<Json> = page.map(|event| view::found_event(event)).collect();
    Ok(Reply::ok(json!({ "events": shown, "total": found.len() })))
}
