//! Addresses as people paste them: with the API's path, of a project, without a scheme, with the wrong one; and what answers there.

use std::path::PathBuf;
use std::time::Duration;

use http::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use url::{Host, Url};

use crate::cli::doctor::wants_tls;
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

/// An address at which nobody answers as they should.
struct Not {
    why: String,
    speaks: Speaks,
}

/// What is spoken at an address, as far as that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Unknown,
    Http,
    Https,
}

impl Speaks {
    fn of(url: &Url) -> Self {
        if url.scheme() == "https" { Self::Https } else { Self::Http }
    }
}

impl Not {
    /// Something that speaks as it is asked.
    fn answers(base: &Url, why: String) -> Self {
        Self { why, speaks: Speaks::of(base) }
    }

    fn unknown(why: String) -> Self {
        Self { why, speaks: Speaks::Unknown }
    }
}

/// That what answers at an address is to be asked with the other scheme, if it seems so. `other`: what came of asking it so.
fn wrong_scheme(typed: &Url, not: &Not, other: Option<&Not>) -> Option<String> {
    let seems = match (not.speaks, other) {
        (Speaks::Unknown, Some(other)) => other.speaks,
        (speaks, _) => speaks,
    };
    let (is, asked) = match (seems, Speaks::of(typed)) {
        (Speaks::Http, Speaks::Https) => ("plain http", "https"),
        (Speaks::Https, Speaks::Http) => ("https", "plain http"),
        _ => return None,
    };
    Some(format!("what answers at {typed} seems to speak {is}, and not {asked}"))
}

fn looker(ca_file: Option<PathBuf>) -> Result<Looker, String> {
    let options = LookOptions { timeout: PATIENCE, most: MOST, ca_file };
    Looker::new(options).map_err(|error| error.to_string())
}

/// Finds GitLab under what was typed.
pub(super) async fn gitlab(text: &str, ca_file: Option<PathBuf>) -> Result<Found, String> {
    let typed = web_address(text)?;
    let own_ca = ca_file.is_some();
    let looker = looker(ca_file)?;
    let mut nots = Vec::new();
    for typed in with_the_other_scheme(&typed) {
        let mut first = None;
        for base in bases(&typed) {
            match ask(&looker, &base, own_ca).await {
                Ok(url) => {
                    let plain = pasted(text);
                    let same = plain.trim_end_matches('/') == url.as_str().trim_end_matches('/');
                    let remark = (!same).then(|| format!("GitLab is at {url}"));
                    return Ok(Found { url, remark });
                }
                // What the address says that was typed is the reason; the others are guesses.
                Err(not) => first = first.or(Some((base, not))),
            }
        }
        nots.extend(first);
    }
    let mut nots = nots.into_iter();
    let Some((base, first)) = nots.next() else { return Err("nothing answers there".to_owned()) };
    let other = nots.next().map(|(_, not)| not);
    Err(match (wrong_scheme(&base, &first, other.as_ref()), other) {
        (Some(seems), Some(other)) => format!("{seems}; {}", other.why),
        _ => first.why,
    })
}

/// Whether a service of that kind may be there: what answers refuses, as it does, to say anything without a key.
///
/// # Errors
/// What is there instead, and what to do.
async fn service_is_at(
    url: &str,
    own: &OwnService,
    service: &str,
    ca_file: Option<PathBuf>,
) -> Result<(), String> {
    let own_ca = ca_file.is_some();
    let looker = looker(ca_file)?;
    let base = Url::parse(&format!("{url}/")).map_err(|error| error.to_string())?;
    let whom = Whom { name: service, flag: "--service-url", own_ca };
    let Err(not) = ask_service(&looker, &base, own, &whom).await else { return Ok(()) };
    let [_, turned] = with_the_other_scheme(&base);
    let other = match not.speaks {
        Speaks::Unknown => match ask_service(&looker, &turned, own, &whom).await {
            Ok(()) => Some(Not::answers(&turned, String::new())),
            Err(other) => Some(other),
        },
        Speaks::Http | Speaks::Https => None,
    };
    Err(match wrong_scheme(&base, &not, other.as_ref()) {
        Some(seems) => format!("{seems}: give {}", turned.as_str().trim_end_matches('/')),
        None => not.why,
    })
}

fn with_the_other_scheme(typed: &Url) -> [Url; 2] {
    let mut other = typed.clone();
    let scheme = if typed.scheme() == "https" { "http" } else { "https" };
    let _ = other.set_scheme(scheme);
    [typed.clone(), other]
}

/// Asks without a token: GitLab then says in JSON that it wants one. Gives the address that answered.
async fn ask(looker: &Looker, base: &Url, own_ca: bool) -> Result<Url, Not> {
    let whom = Whom { name: "GitLab", flag: "--gitlab-url", own_ca };
    let url = base.join("api/v4/version").map_err(|error| Not::unknown(error.to_string()))?;
    let seen = looker.look(&url, HeaderMap::new()).await.map_err(|error| unseen(base, &error, &whom))?;
    if is_gitlab(&seen) {
        return Ok(base.clone());
    }
    if let Some(to) = leads_to(&seen, base)
        && in_the_way(&(&seen).into(), base, whom.name).is_none()
    {
        return led(looker, base, &to, &whom).await.map_err(|why| Not::answers(base, why));
    }
    Err(other_than(&seen, base, &whom))
}

/// The same of a flag service.
async fn ask_service(looker: &Looker, base: &Url, own: &OwnService, whom: &Whom<'_>) -> Result<(), Not> {
    let url = base.join(own.sign).map_err(|error| Not::unknown(error.to_string()))?;
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    let seen = looker.look(&url, headers).await.map_err(|error| unseen(base, &error, whom))?;
    let is_page = is_page(&seen);
    if let Some(to) = leads_to(&seen, base)
        && in_the_way(&(&seen).into(), base, whom.name).is_none()
    {
        let (to, name) = (format!("{}{}", to.origin().ascii_serialization(), to.path()), whom.name);
        let why = format!(
            "{base} leads to {to}: if {name} is there, give that; a sign-in page means that a proxy stands before it: give the \
             address of {name}'s API itself"
        );
        return Err(Not::answers(base, why));
    }
    let is_other = match seen.status {
        200 => is_page || serde_json::from_slice::<serde_json::Value>(&seen.body).is_err(),
        // With a key it may be otherwise.
        401 | 403 | 429 => is_page,
        status => is_page || status < 500 || (502..=504).contains(&status),
    };
    let proxy = in_the_way(&(&seen).into(), base, whom.name).is_some();
    if is_other || proxy { Err(other_than(&seen, base, whom)) } else { Ok(()) }
}

/// Who is asked.
struct Whom<'a> {
    name: &'a str,
    /// What answers the question for the address.
    flag: &'a str,
    own_ca: bool,
}

fn leads_to(seen: &Seen, base: &Url) -> Option<Url> {
    let location = seen.headers.get(http::header::LOCATION).and_then(|value| value.to_str().ok());
    location.filter(|_| (300..400).contains(&seen.status)).and_then(|to| base.join(to).ok())
}

fn is_page(seen: &Seen) -> bool {
    String::from_utf8_lossy(&seen.body).trim_start().starts_with('<')
}

/// Something else answers than who is asked.
fn other_than(seen: &Seen, base: &Url, whom: &Whom<'_>) -> Not {
    let (name, status) = (whom.name, seen.status);
    if let Some(proxy) = in_the_way(&seen.into(), base, name) {
        return Not::answers(base, format!("{}; {}", proxy.says, proxy.remedy));
    }
    let why = match status {
        502..=504 => format!("at {base} a proxy answers {status} for {name}: is {name} up?"),
        _ if is_page(seen) => {
            format!("at {base} a web page answers ({status}), not {name}'s API: is that its own address?")
        }
        status => format!("at {base} something answers {status}, and it is not {name}'s API"),
    };
    match wants_tls(Some(status), &String::from_utf8_lossy(&seen.body)) {
        true => Not { why, speaks: Speaks::Https },
        false => Not::answers(base, why),
    }
}

/// Where `base` leads to another address. What was led to GitLab's API or its sign-in on the same host tells where it is.
async fn led(looker: &Looker, base: &Url, to: &Url, whom: &Whom<'_>) -> Result<Url, String> {
    let there = gitlab_at(to).filter(|there| there != base);
    if let Some(there) = there.as_ref().filter(|there| {
        // A token is not taken from https to plain http.
        there.host() == base.host() && (there.scheme() == "https" || base.scheme() == "http")
    }) {
        let version = there.join("api/v4/version").map_err(|error| error.to_string())?;
        let seen = looker.look(&version, HeaderMap::new()).await;
        if is_gitlab(&seen.map_err(|error| unseen(there, &error, whom).why)?) {
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

fn unseen(base: &Url, error: &Unseen, whom: &Whom<'_>) -> Not {
    let name = whom.name;
    if let Some(proxy) = in_the_way(&error.into(), base, name) {
        // What the proxy says tells nothing of the address.
        return Not::answers(base, format!("{}; {}", proxy.says, proxy.remedy));
    }
    let speaks = match error {
        Unseen::Tls(why) if TlsTrouble::of(why) == TlsTrouble::NotTls => Speaks::Http,
        Unseen::Tls(_) => Speaks::Https,
        _ => Speaks::Unknown,
    };
    let remedy = match error {
        Unseen::Name(_) => "is it spelled right?".to_owned(),
        Unseen::Refused => "is it running, and is the port right?".to_owned(),
        Unseen::Tls(why) if TlsTrouble::of(why) == TlsTrouble::NotTls => {
            format!("is it plain http at that port? Then give it with http:// to {}", whom.flag)
        }
        Unseen::Tls(why) if whom.own_ca && TlsTrouble::of(why) == TlsTrouble::Untrusted => format!(
            "the certificate in --ca-file is not the one that signed {name}'s: give that of the CA, not that of the server"
        ),
        Unseen::Tls(_) => {
            "if its certificate comes from a CA of your own, name that with --ca-file".to_owned()
        }
        Unseen::NoWay(_) | Unseen::Slow | Unseen::Broken(_) => {
            "may this machine reach it (firewall, HTTPS_PROXY)?".to_owned()
        }
    };
    Not { why: format!("{base} does not answer: {error}; {remedy}"), speaks }
}

/// What was pasted as the address of a flag service, as that kind of service understands it, where one may be there.
pub(super) async fn service(
    text: &str,
    own: &OwnService,
    title: &str,
    ca_file: Option<&str>,
) -> Result<Pasted, String> {
    let pasted = (own.read)(&web_address(text)?);
    service_is_at(&pasted.url, own, title, ca_file.map(PathBuf::from)).await?;
    Ok(pasted)
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

/// Whether both are the same place: the host, its port, and the path.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let place = |text: &str| {
        let url = Url::parse(text).ok()?;
        let path = url.path().trim_end_matches('/').to_owned();
        Some((url.host_str()?.to_owned(), url.port_or_known_default(), path))
    };
    place(one).is_some_and(|one| Some(one) == place(other))
}

/// That another program answers at the address that is to be flaglink's. Nothing that answers is no fault: flaglink may not run yet.
pub(super) async fn other_program(public: Option<&str>, ca_file: Option<PathBuf>) -> Option<String> {
    let base = Url::parse(&format!("{}/", public?)).ok()?;
    // A tunnel's page for browsers is not shown to this.
    let headers = HeaderMap::from_iter([(
        HeaderName::from_static("ngrok-skip-browser-warning"),
        HeaderValue::from_static("1"),
    )]);
    let seen = looker(ca_file).ok()?.look(&base.join("healthz").ok()?, headers).await.ok()?;
    let is_flaglink = seen.status == 200 && seen.body.trim_ascii() == b"ok";
    // A proxy or a tunnel, before a flaglink that does not run.
    let is_before_it = seen.status >= 500 || seen.headers.contains_key("ngrok-error-code");
    if is_flaglink || is_before_it || in_the_way(&(&seen).into(), &base, "flaglink").is_some() {
        return None;
    }
    Some(format!(
        "something else than flaglink answers at {base}healthz ({}), and there GitLab and the flag service would send what is for \
         flaglink: is that its address? A proxy is to pass on /healthz and all below /hooks/; a mistyped address is put right \
         with --public-url",
        seen.status
    ))
}
