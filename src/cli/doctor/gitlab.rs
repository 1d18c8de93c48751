//! GitLab itself: whether it answers, which version it is, its clock, and each token.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::finding::{Finding, Group, Id};
use super::within;
use super::words::{SCOPE, SLOW, WAIT_LONGER, of_gitlab};
use crate::cli::words::expires;
use crate::gitlab::{GitlabApi, GitlabError, Me, OwnToken, Release};
use crate::net::Sent;

/// A clock that is off by more than this is wrong: signatures are good for five minutes.
const CLOCK_WRONG: u64 = 2 * 60;
/// One that is off by more than this should be looked at.
const CLOCK_LOOK: u64 = 10;
/// So many days before its end a token is wrong, and should be looked at.
const DAYS: (i64, i64) = (7, 30);

/// A token and what is called by it.
pub(super) struct Access {
    /// How people call it: `the token of [gitlab]`.
    pub(super) name: String,
    /// The rule that it belongs to; `None`: `[gitlab]`.
    pub(super) rule: Option<String>,
    /// A client with it.
    pub(super) api: GitlabApi,
    /// Whether there is a `ca_file` for it.
    pub(super) own_ca: bool,
    /// What has a new one read.
    pub(super) anew: &'static str,
    /// Whose it is; `None` where GitLab does not say.
    pub(super) me: Option<Me>,
}

/// What one token told.
struct Told {
    me: Result<Me, GitlabError>,
    own: Result<Option<OwnToken>, GitlabError>,
    /// How far GitLab's clock is ahead of ours, in seconds.
    ahead: Option<i64>,
    /// How long the answer took.
    took: Duration,
}

/// Asks with every token. Fills in whose each is. Says as well how far GitLab's clock is ahead of ours, in seconds.
pub(super) async fn look(all: &mut [Access], address: &str, limit: Duration) -> (Group, Option<i64>) {
    let (told, version) = tokio::join!(futures_of(all, limit), version(all, limit));
    let (mut findings, mut differ) = (Vec::new(), None);
    if let Some(Told { ahead, took, .. }) = told.iter().find(|told| told.me.is_ok()) {
        differ = *ahead;
        findings.push(reached(address, *took));
        findings.extend(version);
        findings.extend(clock(*ahead));
    }
    for (access, told) in all.iter_mut().zip(told) {
        findings.extend(token(access, &told, address));
        access.me = told.me.ok();
    }
    // Where GitLab is away it is so for every token alike, and one line is enough.
    findings.dedup_by(|a, b| a.id == b.id && a.says == b.says);
    if reached_any(all) {
        findings.push(Finding::note(
            Id::Epics,
            "epics have no project, so /flag does nothing in them; in issues, tasks, incidents and merge requests it does",
        ));
    }
    (Group::new("GitLab", findings), differ)
}

fn reached(address: &str, took: Duration) -> Finding {
    if took < SLOW {
        return Finding::good(Id::GitlabReachable, format!("{address} answers"));
    }
    Finding::look(
        Id::GitlabReachable,
        format!("GitLab is slow: answers take {} s", took.as_secs()),
        "see how busy GitLab and the way to it are: commands are answered late. Where questions below ran out of time, wait longer: `flaglink doctor --patience 60`",
    )
}

fn reached_any(all: &[Access]) -> bool {
    all.iter().any(|access| access.me.is_some())
}

async fn futures_of(all: &[Access], limit: Duration) -> Vec<Told> {
    let mut asked = Vec::with_capacity(all.len());
    for access in all {
        let api = access.api.clone();
        asked.push(tokio::spawn(async move {
            let (me, own) = tokio::join!(timed(&api, limit), within(limit, api.own_token()));
            let (me, ahead, took) = me;
            Told { me, own: own.unwrap_or_else(|| Err(late(limit))), ahead, took }
        }));
    }
    let mut told = Vec::with_capacity(asked.len());
    for one in asked {
        let lost = || GitlabError::Strange("the question was given up".to_owned());
        told.push(one.await.unwrap_or_else(|_| Told {
            me: Err(lost()),
            own: Err(lost()),
            ahead: None,
            took: limit,
        }));
    }
    told
}

/// The error of a question that took too long.
pub(super) fn late(limit: Duration) -> GitlabError {
    GitlabError::Failed(crate::net::Failure {
        status: None,
        sent: Sent::StillAtWork,
        retry_after: None,
        message: format!("no answer within {} s", limit.as_secs().max(1)),
        said: String::new(),
        foreign: false,
        unseen: None,
    })
}

/// What to do about a question that was not answered well.
pub(super) fn again(error: &GitlabError) -> &'static str {
    match error {
        GitlabError::Failed(failure) if failure.status.is_none() && failure.sent == Sent::StillAtWork => {
            WAIT_LONGER
        }
        _ => "look again later",
    }
}

async fn timed(api: &GitlabApi, limit: Duration) -> (Result<Me, GitlabError>, Option<i64>, Duration) {
    let began = Instant::now();
    let me = within(limit, api.me()).await.unwrap_or_else(|| Err(late(limit)));
    let took = began.elapsed();
    let ahead = me.as_ref().ok().and_then(|me| ahead(me, took));
    (me, ahead, took)
}

/// How far GitLab's clock is ahead of ours, in seconds, where its answer has just come and `took` so long.
pub(super) fn ahead(me: &Me, took: Duration) -> Option<i64> {
    let then = Timestamp::now().as_millisecond() - i64::try_from((took / 2).as_millis()).ok()?;
    // `Date` has whole seconds: on the average half of one is cut off.
    Some((me.date?.as_millisecond() + 500 - then) / 1000)
}

async fn version(all: &[Access], limit: Duration) -> Vec<Finding> {
    let Some(access) = all.first() else { return Vec::new() };
    match within(limit, access.api.release()).await.unwrap_or_else(|| Err(late(limit))) {
        Ok(version) => vec![judge_version(&version)],
        Err(_) => vec![Finding::note(Id::GitlabVersion, "GitLab does not say which version it is")],
    }
}

fn judge_version(version: &Release) -> Finding {
    if !version.at_least(Release::OLDEST) {
        return Finding::wrong(
            Id::GitlabVersion,
            format!("GitLab {version} is too old: flaglink needs 16.11 or later"),
            "update GitLab. Before 16.11 edited comments cannot be told from new ones",
        );
    }
    let lacks: Vec<&str> = [
        (Release::FAILED_DELIVERIES, "deliveries that failed cannot be read back (17.3)"),
        (Release::DELIVERY_KEYS, "deliveries carry no key to know repeats by (17.4)"),
        (Release::SIGNING, "webhooks cannot be signed (19.0)"),
    ]
    .into_iter()
    .filter_map(|(since, what)| (!version.at_least(since)).then_some(what))
    .collect();
    let says = match lacks.as_slice() {
        [] => format!("GitLab {version}: everything that flaglink can use is there"),
        lacks => format!("GitLab {version} will do; {}", lacks.join(", ")),
    };
    Finding::good(Id::GitlabVersion, says)
}

pub(super) fn clock(ahead: Option<i64>) -> Option<Finding> {
    let ahead = ahead?;
    let off = ahead.unsigned_abs();
    let way = if ahead > 0 { "behind" } else { "ahead of" };
    let remedy =
        "let this machine (or GitLab) get its time from NTP: `timedatectl status` says whether it does";
    Some(if off > CLOCK_WRONG {
        Finding::wrong(
            Id::GitlabClock,
            format!(
                "this machine's clock is {off} s {way} GitLab's: signed webhooks are refused when they look older than five \
                 minutes, and switches by comment when they look older than two"
            ),
            remedy,
        )
    } else if off > CLOCK_LOOK {
        Finding::look(Id::GitlabClock, format!("this machine's clock is {off} s {way} GitLab's"), remedy)
    } else {
        Finding::good(Id::GitlabClock, "this machine's clock and GitLab's agree")
    })
}

fn token(access: &Access, told: &Told, address: &str) -> Vec<Finding> {
    let name = &access.name;
    let scopes = told.own.as_ref().ok().and_then(Option::as_ref).map(|own| own.scopes.join(", "));
    let me = match &told.me {
        Ok(me) => me,
        Err(error) => {
            let mut finding = of_gitlab(error, name, address, access.own_ca, access.anew);
            if finding.id == Id::TokenScope
                && let Some(scopes) = scopes
            {
                finding.says = format!("the scope of {name} is too small: {scopes}");
            }
            return vec![finding];
        }
    };
    let mut findings =
        vec![Finding::good(Id::TokenAlive, format!("{name} is good: it is @{}'s", me.username))];
    let own = match &told.own {
        Ok(Some(own)) => own,
        _ => {
            findings.push(Finding::note(
                Id::TokenScope,
                format!("GitLab does not tell the scopes and the end of {name}; that it is alive is known"),
            ));
            return findings;
        }
    };
    findings.push(if own.scopes.iter().any(|scope| scope == "api") {
        Finding::good(Id::TokenScope, format!("the scope of {name} is `api`, as it should be"))
    } else {
        let scopes = own.scopes.join(", ");
        Finding::wrong(
            Id::TokenScope,
            format!("the scope of {name} is {scopes}: flaglink can write nothing"),
            SCOPE,
        )
    });
    findings.push(expiry(name, own, me.date.unwrap_or_else(Timestamp::now)));
    findings
}

fn expiry(name: &str, own: &OwnToken, now: Timestamp) -> Finding {
    let Some(end) = own.expires_at else {
        return Finding::good(Id::TokenExpiry, format!("{name} does not expire"));
    };
    let today = now.to_zoned(TimeZone::UTC).date();
    let days = i64::from(today.until(end).map_or(0, |span| span.get_days()));
    let says = format!("{name} {}", expires(end, days));
    let remedy = "make a new one in time (Settings → Access tokens) and put it in the old one's place, then run `flaglink \
                  reload`. A token that is rotated keeps its bot user";
    match days {
        days if days <= DAYS.0 => Finding::wrong(Id::TokenExpiry, says, remedy),
        days if days <= DAYS.1 => Finding::look(Id::TokenExpiry, says, remedy),
        _ => Finding::good(Id::TokenExpiry, says),
    }
}
