//! The public address: whether it is reached from here, and answers as flaglink.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::finding::{Finding, Group, Id};
use super::listens::Listens;
use super::within;
use super::words::WAIT_LONGER;
use crate::cli::client::Client;
use crate::config::Config;
use crate::http::NO_WEBHOOK;
use crate::http::api_types::{AddressProof, ProveAddress};
use crate::net::{ClientError, Failure, HttpClient, HttpOptions, Unanswered};
use crate::telemetry::Metrics;
use crate::tunnel::{AT_ADMIN, Survey};

/// Paths of webhooks that no webhook has: GitLab's, and those of flag services.
const NO_PATHS: [(&str, &str); 2] =
    [("hooks/gitlab/0-0", "hooks/"), ("hooks/providers/0-0", "hooks/providers/")];
/// What is to be done when there is a tunnel.
const BY_ITSELF: &str =
    "flaglink notices a tunnel that leads to its `listen.webhooks` by itself, as soon as there is one";
/// How long a proof may take.
const PROOF: Duration = Duration::from_secs(15);

/// Asks at the address from here. What a firewall or GitLab's own settings do to others cannot be told from here.
///
/// `of_services`: whether flag services send webhooks, too.
///
/// Where flaglink runs it proves the address itself: only its own answer tells it from another flaglink's.
pub(super) async fn look(
    config: &Config,
    public: Option<&Url>,
    socket: Option<&Path>,
    listens: Listens,
    of_services: bool,
    limit: Duration,
) -> Group {
    let proof = match socket {
        Some(socket) if public.is_some() || config.listen.public_auto => prove(socket, limit).await,
        _ => None,
    };
    let survey = match config.listen.public_auto && config.tunnel.embedded.is_none() {
        true => Survey::take(&config.tunnel, config.listen.webhooks).await.ok(),
        false => None,
    };
    let mut findings = listens.findings;
    findings.extend(match (proof, public) {
        (Some(proof), _) => {
            let url = proof.url.as_deref().filter(|_| proof.proven).and_then(|url| Url::parse(url).ok());
            let mut findings = told(proof, config);
            if let Some(proven) = url {
                findings.extend(posted(&proven, config, of_services, limit).await);
            }
            findings
        }
        (None, Some(public)) if listens.no_webhooks => vec![Finding::note(
            Id::AddressReachable,
            format!("whether {public} leads here can be told when flaglink can listen for webhooks"),
        )],
        (None, Some(public)) => ask(public, config, socket.is_some(), limit).await,
        (None, None) if config.listen.public_auto => vec![offered(survey.as_ref())],
        (None, None) => vec![Finding::note(Id::PublicAddress, "no public address is configured, so it cannot be asked").with(
            "write `public_url` in [listen]: the address of your tunnel or reverse proxy. It shows whether webhooks can \
             arrive, and flaglink then knows its own webhooks from those of others",
        )],
    });
    findings.extend(missed(survey.as_ref(), &findings));
    Group::new("Public address", findings)
}

/// What the agents say where nobody is there who could prove it.
fn offered(survey: Option<&Survey>) -> Finding {
    let Some(survey) = survey else {
        let says = "the public address is that of the tunnel, which only the running flaglink finds out";
        return Finding::note(Id::PublicAddress, says);
    };
    match (&survey.why_none, survey.offers.first()) {
        (Some(why), _) => Finding::look(Id::PublicAddress, format!("no tunnel is found: {why}"), BY_ITSELF),
        (None, Some(offer)) => Finding::note(
            Id::PublicAddress,
            format!(
                "{} offers {}; whether that leads here the running flaglink finds out",
                offer.agent, offer.url
            ),
        ),
        (None, None) => Finding::note(Id::PublicAddress, "the public address is not known yet"),
    }
}

/// The agents that the file names and that are not there, unless that is said already.
fn missed(survey: Option<&Survey>, said: &[Finding]) -> Vec<Finding> {
    let all = survey.into_iter().flat_map(|survey| &survey.missed);
    let news = all.filter(|line| !said.iter().any(|finding| finding.says.contains(line.as_str())));
    news.map(|line| {
        let (says, remedy) = line.rsplit_once(": ").unwrap_or((line, BY_ITSELF));
        Finding::look(Id::PublicAddress, says, remedy)
    })
    .collect()
}

/// The proof that the running flaglink gives; `None` where it gives none.
async fn prove(socket: &Path, limit: Duration) -> Option<AddressProof> {
    within(limit.max(PROOF), async {
        let mut client = Client::connect(socket).await.ok()??;
        client.change::<AddressProof>("/api/v1/address/prove", &ProveAddress {}).await.ok()
    })
    .await?
}

fn told(proof: AddressProof, config: &Config) -> Vec<Finding> {
    let url = proof.url.unwrap_or_default();
    if proof.proven {
        return vec![
            Finding::good(Id::PublicAddress, format!("webhooks are to come in at {url}")),
            Finding::good(Id::AddressReachable, format!("{url} is reached from here")),
            Finding::good(Id::AddressAnswers, "the answer is that of this very flaglink"),
        ];
    }
    let why = proof.why.unwrap_or_else(|| "the public address is not proven".to_owned());
    let trouble = proof.trouble.unwrap_or_default();
    let id = match trouble.as_str() {
        "no_address" => Id::PublicAddress,
        "upstream" | "page" | "other_program" | "sign_in" | "not_found" | "admin_listener" | "redirect" => {
            Id::AddressAnswers
        }
        _ => Id::AddressReachable,
    };
    if trouble == "busy" {
        return vec![Finding::look(id, why, "look again in a moment")];
    }
    let remedy = match trouble.as_str() {
        // What is the matter with each agent, and how one is started, stands in the reason.
        "no_address" if config.listen.public_auto => BY_ITSELF,
        _ if config.gitlab.register_hooks => {
            "when that is mended, `flaglink hooks sync` brings the webhooks into step"
        }
        _ => {
            "mend that; when the address becomes another one, write it into the webhooks in GitLab, with the secret token anew"
        }
    };
    vec![Finding::wrong(id, why, remedy)]
}

/// `runs`: whether a flaglink is there that could answer.
async fn ask(public: &Url, config: &Config, runs: bool, limit: Duration) -> Vec<Finding> {
    let client = match client(config, limit) {
        Ok(client) => client,
        Err(error) => {
            return vec![Finding::look(Id::AddressReachable, error.to_string(), "see `ca_file` in [gitlab]")];
        }
    };
    let mut findings = vec![Finding::good(Id::PublicAddress, format!("webhooks are to come in at {public}"))];
    let health = match within(limit, get(&client, public, "healthz")).await {
        None => Err(None),
        Some(answer) => answer.map_err(Some),
    };
    match health {
        Ok(text) if text.trim() == "ok" => {
            findings.push(Finding::good(Id::AddressReachable, format!("{public} is reached from here")));
        }
        Ok(_) => {
            findings.push(Finding::wrong(
                Id::AddressAnswers,
                format!("something else than flaglink answers at {public}healthz"),
                "point the tunnel or the proxy at `listen.webhooks`, or put `public_url` right. Some tunnels show a page of \
                 their own first",
            ));
            return findings;
        }
        Err(failure) => {
            findings.push(unreached(public, failure.as_ref(), runs, limit));
            return findings;
        }
    }
    // A path of webhooks takes only POST, and says so in flaglink's words.
    let hook = within(limit, get(&client, public, "hooks/gitlab")).await;
    findings.push(match hook {
        Some(Err(failure)) if failure.status == Some(405) && failure.said.contains("only POST here") => {
            Finding::good(Id::AddressAnswers, format!("{public}hooks/gitlab answers as flaglink does"))
        }
        Some(Err(failure)) if failure.status == Some(404) && failure.said.contains("there is nothing here") => {
            Finding::note(
                Id::AddressAnswers,
                "flaglink answers, and takes no webhooks made by hand, because it has no secret for them",
            )
        }
        Some(Err(failure)) if failure.said.contains(AT_ADMIN) => Finding::wrong(
            Id::AddressAnswers,
            format!("{public} leads to flaglink's admin listener, which is for this machine alone"),
            format!("point the tunnel or the proxy at {}, where webhooks come in", config.listen.webhooks),
        ),
        Some(Err(failure)) => Finding::wrong(
            Id::AddressAnswers,
            format!("the path of the webhooks does not answer as flaglink does: {}", failure.message),
            "the proxy is to pass /hooks/ on as it is, with method, headers and body; a sign-in before it locks GitLab out",
        ),
        Some(Ok(_)) => Finding::wrong(
            Id::AddressAnswers,
            format!("{public}hooks/gitlab answers a question that flaglink refuses: it is not flaglink"),
            "point the tunnel or the proxy at `listen.webhooks`",
        ),
        None => Finding::unseen(
            Id::AddressAnswers,
            format!("{public}hooks/gitlab does not answer within {} s", limit.as_secs()),
            WAIT_LONGER,
        ),
    });
    findings
}

fn client(config: &Config, limit: Duration) -> Result<HttpClient, ClientError> {
    let options = HttpOptions {
        peer: "address".to_owned(),
        timeout: limit,
        connect_timeout: limit,
        in_flight: 2,
        ca_file: config.gitlab.ca_file.clone(),
    };
    HttpClient::new(options, Arc::new(Metrics::default()))
}

/// Whether what is posted to the path of the webhooks comes here, too: to a path that no webhook has, which flaglink refuses in
/// words of its own. `None`: it does.
async fn posted(public: &Url, config: &Config, of_services: bool, limit: Duration) -> Option<Finding> {
    let client = client(config, limit).ok()?;
    for (path, below) in NO_PATHS.into_iter().take(if of_services { 2 } else { 1 }) {
        let found = posted_to(&client, public, path, below, limit).await;
        if found.is_some() {
            return found;
        }
    }
    None
}

async fn posted_to(
    client: &HttpClient,
    public: &Url,
    path: &str,
    below: &str,
    limit: Duration,
) -> Option<Finding> {
    let request = http::Request::post(format!("{public}{path}"));
    let request = request.header("content-type", "application/json").body(b"{}".to_vec()).ok()?;
    let says = match within(limit, client.send(request)).await {
        Some(Err(failure)) if failure.status == Some(404) && failure.said.contains(NO_WEBHOOK) => {
            return None;
        }
        // It has come here, by another path.
        Some(Err(failure))
            if failure.status == Some(404) && failure.said.contains("there is nothing here") =>
        {
            return Some(Finding::wrong(
                Id::AddressAnswers,
                format!(
                    "a POST to {public}{below} comes to this flaglink without that path: a proxy takes it away"
                ),
                "let the proxy pass the path below /hooks/ on whole; in nginx: `proxy_pass` with no path behind the port, not even \
                 a slash",
            ));
        }
        Some(Ok(answer)) => format!("was answered {}", answer.status().as_u16()),
        Some(Err(Failure { status: Some(status), .. })) => format!("was answered {status}"),
        Some(Err(failure)) => format!("did not come through: {}", failure.message),
        None => format!("was not answered within {} s", limit.as_secs()),
    };
    Some(Finding::wrong(
        Id::AddressAnswers,
        format!(
            "a POST to {public}{below} {says}, and not by flaglink, though other paths of that address lead to it"
        ),
        "the proxy is to pass POST below /hooks/ on as it is, with headers and body; a sign-in before it locks GitLab out",
    ))
}

/// Why the public address that the file has does not lead to a flaglink, where the running one has another.
pub(super) async fn of_file(config: &Config, runs_at: Option<&Url>, limit: Duration) -> Option<String> {
    let new =
        config.listen.public_url.as_ref().filter(|new| runs_at.is_some_and(|runs_at| runs_at != *new))?;
    let client = client(config, limit).ok()?;
    match within(limit, get(&client, new, "healthz")).await {
        Some(Ok(text)) if text.trim() == "ok" => None,
        Some(Ok(_)) => Some(format!("something else than flaglink answers at {new}healthz")),
        Some(Err(failure)) => Some(failure.message),
        None => Some(format!("{new} does not answer within {} s", limit.as_secs())),
    }
}

fn unreached(public: &Url, failure: Option<&Failure>, runs: bool, limit: Duration) -> Finding {
    // Nothing is there that could answer: whether the way leads here cannot be told.
    let by_itself = failure.is_none_or(|failure| {
        matches!(failure.status, None | Some(502..=504))
            && !matches!(failure.unseen, Some(Unanswered::Name | Unanswered::Tls(_)))
    });
    if !runs && by_itself {
        let why = failure.map_or_else(
            || format!("it does not answer within {} s", limit.as_secs()),
            |failure| failure.message.clone(),
        );
        return Finding::wrong(
            Id::AddressReachable,
            format!("{public} is not reached from here, and flaglink is not running: {why}"),
            "start flaglink, and look again: only then it can be told whether the tunnel or the proxy leads to it",
        );
    }
    let Some(failure) = failure else {
        return Finding::wrong(
            Id::AddressReachable,
            format!("{public} does not answer within {} s", limit.as_secs()),
            "does the tunnel run, and is a firewall in between?",
        );
    };
    let remedy = match failure.status {
        Some(502..=504) => {
            "the tunnel or the proxy answers and flaglink does not: start flaglink, and let them point at `listen.webhooks`"
        }
        Some(404) => {
            "that address leads elsewhere: the tunnel's address may have changed, or the path before /healthz is another one. \
             Put `public_url` right, then the webhooks: flaglink's own by `flaglink hooks sync`, those made by hand in GitLab"
        }
        Some(300..=399) => {
            "it leads elsewhere, and GitLab does not follow: write the address it leads to as `public_url`"
        }
        Some(401 | 403) => {
            "something asks for a sign-in there, which GitLab cannot give: let /hooks/ and /healthz through"
        }
        Some(_) => "see what answers at that address",
        None if matches!(failure.unseen, Some(Unanswered::Tls(_))) => {
            "GitLab does not send to an address whose certificate it does not trust: put the certificate right, or name your \
             CA with `ca_file` if GitLab trusts it"
        }
        None if matches!(failure.unseen, Some(Unanswered::Name)) => {
            "no such host is known: the tunnel's address may have changed. Put `public_url` right, then the webhooks"
        }
        None => {
            "does the tunnel run and point at `listen.webhooks`, and has its address changed? Some networks do not let a \
             machine reach its own public address: then ask from another one"
        }
    };
    Finding::wrong(
        Id::AddressReachable,
        format!("{public} is not reached from here: {}", failure.message),
        remedy,
    )
}

async fn get(client: &HttpClient, base: &Url, path: &str) -> Result<String, Failure> {
    let request = http::Request::get(format!("{base}{path}")).body(Vec::new());
    let request = request.map_err(|error| Failure {
        status: None,
        sent: crate::net::Sent::No,
        retry_after: None,
        message: error.to_string(),
        said: String::new(),
        foreign: false,
        unseen: None,
    })?;
    let answer = client.send(request).await?;
    Ok(String::from_utf8_lossy(answer.body()).chars().take(200).collect())
}
