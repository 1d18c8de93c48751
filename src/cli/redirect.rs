//! Where GitLab is, by where a request to its API was led.

use url::Url;

/// The page to which GitLab leads whoever is not signed in and asks for something else than its API.
const SIGN_IN: &str = "/users/sign_in";
/// What GitLab's API begins with.
const API: &str = "/api/v4/";

/// GitLab's own address, with `/` at its end, where a request is led to its API or to its sign-in.
pub(super) fn gitlab_at(to: &Url) -> Option<Url> {
    let path = to.path();
    let own = path.strip_suffix(SIGN_IN).or_else(|| path.find(API).and_then(|at| path.get(..at)))?;
    let mut url = to.clone();
    url.set_path(&format!("{own}/"));
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}
