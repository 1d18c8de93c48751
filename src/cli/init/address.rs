//! Addresses as people paste them: with the API's path, of a project, without a scheme, with the wrong one.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;
use url::{Host, Url};

use crate::cli::proxy_words::in_the_way;
use crate::cli::redirect::gitlab_at;
use crate::flags::{OwnService, Pasted};
use crate::net::{LookOptions, Looker, Seen, TlsTrouble, Unseen};

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long looking up a name may take.
const LOOKUP: Duration = Duration::from_secs(3);
/// How much of an answer is read, in bytes.
const MOST: usize = 64 * 1024;

/// An address that answers as it should.
pub(super) struct Found {
    /// The address, with `/` at its end.
    pub(super) url: Url,
    /// What was understood otherwise than it was written.
    pub(super) remark: Option<String>,
}

/// Text that was pasted: without quotes, spaces and invisible letters around it.
pub(super) fn pasted(text: &str) -> String {
    let around =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`' | '\u{feff}' | '\u{200b}');
    text.trim_matches(around).to_owned()
}

/// A web address in it; `https` where it has no scheme.
pub(super) fn web_address(text: &str) -> Result<Url, String> {
    let text = pasted(text);
    let whole = if text.contains("://") { text.clone() } else { format!("https://{text}") };
    let shape = || format!("`{text}` is no web address; write it like https://gitlab.example.com");
    let mut url = Url::parse(&whole).map_err(|_| shape())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(shape());
    }
    if text.starts_with("glpat-") {
        return Err("that is a token; the address of GitLab is asked for".to_owned());
    }
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// Where GitLab may be: at the host, or below a path of it. The shortest first: the rest may be a project.
fn bases(url: &Url) -> Vec<Url> {
    let path = url.path();
    let path = path.split("/api/v4").next().unwrap_or(path);
    let path = path.split("/-/").next().unwrap_or(path);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    (0..=parts.len().min(3))
        .filter_map(|many| {
            let mut base = url.clone();
            base.set_path(&match parts.get(..many)? {
                [] => "/".to_owned(),
                parts => format!("/{}/", parts.join("/")),
            });
            Some(base)
        })
        .collect()
}

/// Finds GitLab under what was typed.
pub(super) async fn gitlab(text: &str, ca_file: Option<PathBuf>) -> Result<Found, String> {
    let typed = web_address(text)?;
    let own_ca = ca_file.is_some();
    let looker = Looker::new(LookOptions { timeout: PATIENCE, most: MOST, ca_file })
        .map_err(|error| error.to_string())?;
    let mut first = None;
    for typed in with_the_other_scheme(&typed) {
        for base in bases(&typed) {
            match ask(&looker, &base, own_ca).await {
                Ok(url) => {
                    let plain = pasted(text);
                    let same = plain.trim_end_matches('/') == url.as_str().trim_end_matches('/');
                    let remark = (!same).then(|| format!("GitLab is at {url}"));
                    return Ok(Found { url, remark });
                }
                // What the address says that was typed is the reason; the others are guesses.
                Err(why) => first = first.or(Some(why)),
            }
        }
    }
    Err(first.unwrap_or_else(|| "nothing answers there".to_owned()))
}

fn with_the_other_scheme(typed: &Url) -> Vec<Url> {
    let mut other = typed.clone();
    let scheme = if typed.scheme() == "https" { "http" } else { "https" };
    let _ = other.set_scheme(scheme);
    vec![typed.clone(), other]
}

/// Asks without a token: GitLab then says in JSON that it wants one. Gives the address that answered.
async fn ask(looker: &Looker, base: &Url, own_ca: bool) -> Result<Url, String> {
    let url = base.join("api/v4/version").map_err(|error| error.to_string())?;
    let seen = looker.look(&url, HeaderMap::new()).await.map_err(|error| unseen(base, &error, own_ca))?;
    if is_gitlab(&seen) {
        return Ok(base.clone());
    }
    if let Some(proxy) = in_the_way(&(&seen).into(), base, "GitLab") {
        return Err(format!("{}; {}", proxy.says, proxy.remedy));
    }
    let location = seen.headers.get(http::header::LOCATION).and_then(|value| value.to_str().ok());
    if (300..400).contains(&seen.status)
        && let Some(to) = location.and_then(|to| base.join(to).ok())
    {
        return led(looker, base, &to, own_ca).await;
    }
    let body = String::from_utf8_lossy(&seen.body);
    let page = body.trim_start().starts_with('<');
    Err(match seen.status {
        502..=504 => format!("at {base} a proxy answers {} for GitLab: is GitLab up?", seen.status),
        _ if page => format!(
            "at {base} a web page answers ({}), not GitLab's API: is that its own address?",
            seen.status
        ),
        status => format!("at {base} something answers {status}, and it is not GitLab's API"),
    })
}

/// Where `base` leads to another address. What was led to GitLab's API or its sign-in on the same host tells where it is.
async fn led(looker: &Looker, base: &Url, to: &Url, own_ca: bool) -> Result<Url, String> {
    let there = gitlab_at(to).filter(|there| there != base);
    if let Some(there) = there.as_ref().filter(|there| {
        // A token is not taken from https to plain http.
        there.host() == base.host() && (there.scheme() == "https" || base.scheme() == "http")
    }) {
        let version = there.join("api/v4/version").map_err(|error| error.to_string())?;
        let seen = looker.look(&version, HeaderMap::new()).await;
        if is_gitlab(&seen.map_err(|error| unseen(there, &error, own_ca))?) {
            return Ok(there.clone());
        }
    }
    let to = format!("{}{}", to.origin().ascii_serialization(), to.path());
    Err(match there {
        Some(there) => format!("{base} leads to {to}: if GitLab is at {there}, give that as its address"),
        None => format!(
            "{base} leads to {to}: is that a sign-in page of a proxy? Give the address of GitLab itself"
        ),
    })
}

fn is_gitlab(seen: &Seen) -> bool {
    let json: Option<serde_json::Value> = serde_json::from_slice(&seen.body).ok();
    matches!(seen.status, 200 | 401 | 403) && json.is_some_and(|json| json.is_object())
}

fn unseen(base: &Url, error: &Unseen, own_ca: bool) -> String {
    if let Some(proxy) = in_the_way(&error.into(), base, "GitLab") {
        return format!("{}; {}", proxy.says, proxy.remedy);
    }
    let remedy = match error {
        Unseen::Name(_) => "is it spelled right?",
        Unseen::Refused => "is it running, and is the port right?",
        Unseen::Tls(why) if own_ca && TlsTrouble::of(why) == TlsTrouble::Untrusted => {
            "the certificate in --ca-file is not the one that signed GitLab's: give that of the CA, not that of the server"
        }
        Unseen::Tls(_) => "if its certificate comes from a CA of your own, name that with --ca-file",
        Unseen::NoWay(_) | Unseen::Slow | Unseen::Broken(_) => {
            "may this machine reach it (firewall, HTTPS_PROXY)?"
        }
    };
    format!("{base} does not answer: {error}; {remedy}")
}

/// What was pasted as the address of a flag service, as that kind of service understands it.
pub(super) fn service(text: &str, own: &OwnService) -> Result<Pasted, String> {
    Ok((own.read)(&web_address(text)?))
}

/// That no such name is known here, where the address has one: it may be mistyped, and GitLab could not reach it then.
pub(super) async fn unknown_name(public: Option<&str>) -> Option<String> {
    let url = Url::parse(public?).ok()?;
    let Some(Host::Domain(name)) = url.host() else { return None };
    let lookup = tokio::net::lookup_host((name, url.port_or_known_default().unwrap_or(443)));
    let known = tokio::time::timeout(LOOKUP, lookup).await.is_ok_and(|found| found.is_ok());
    (!known).then(|| {
        format!(
            "{name} is not known from this machine: is it spelled right, and is there a DNS entry for it? Where GitLab and the \
             flag service know it nothing is wrong; else give the right one with --public-url"
        )
    })
}
