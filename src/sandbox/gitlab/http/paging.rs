//! Pages of lists: `page`, `per_page`, the `x-…` headers and `Link` (facts, section 5, "Paging").

use http::StatusCode;
use serde_json::Value;

use super::call::{Call, Problem};
use crate::sandbox::server::Response;

/// The page that was asked for, as JSON. `keep` says what is shown of an item; what it hides leaves its place empty, so a page
/// can be shorter than asked for.
pub(super) fn page<T>(
    call: &Call<'_>,
    items: &[T],
    keep: impl Fn(&T) -> Option<Value>,
) -> Result<Response, Problem> {
    let number = |name: &str, default: usize| match call.asked(name) {
        None => Ok(default),
        Some(text) => match text.parse::<usize>() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(Problem::error(StatusCode::BAD_REQUEST, format!("{name} does not have a valid value"))),
        },
    };
    let page = number("page", 1)?;
    let per_page = number("per_page", 20)?.min(100);
    let pages = items.len().div_ceil(per_page).max(1);
    let first = (page - 1).saturating_mul(per_page);
    let shown: Vec<Value> = items.iter().skip(first).take(per_page).filter_map(keep).collect();

    let next = (page < pages).then_some(page + 1);
    let previous = (page > 1).then_some(page - 1);
    let link = |to: usize, rel: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in call.query.iter().filter(|(name, _)| name != "page" && name != "per_page") {
            query.append_pair(name, value);
        }
        query.append_pair("page", &to.to_string()).append_pair("per_page", &per_page.to_string());
        format!("<{}{}?{}>; rel=\"{rel}\"", call.model.settings.url, call.path, query.finish())
    };
    let mut links = Vec::new();
    links.extend(previous.map(|to| link(to, "prev")));
    links.extend(next.map(|to| link(to, "next")));
    links.push(link(1, "first"));
    links.push(link(pages, "last"));

    let number = |value: Option<usize>| value.map(|value| value.to_string()).unwrap_or_default();
    Ok(Response::json(StatusCode::OK, &Value::Array(shown))
        .with_header("link", &links.join(", "))
        .with_header("x-page", &page.to_string())
        .with_header("x-per-page", &per_page.to_string())
        .with_header("x-next-page", &number(next))
        .with_header("x-prev-page", &number(previous))
        .with_header("x-total", &items.len().to_string())
        .with_header("x-total-pages", &pages.to_string()))
}
