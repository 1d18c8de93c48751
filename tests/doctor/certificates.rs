//! A GitLab whose certificate is not trusted: whose fault that is depends on what `ca_file` names.

use std::net::SocketAddr;

use crate::loopback::free_port;
use crate::place::Place;
use crate::tls_end::{tls, with_tls};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_certificate_is_told_by_what_ca_file_names() {
    let place = Place::quiet().await;
    let gitlab: SocketAddr = place.gitlab.url().trim_start_matches("http://").parse().unwrap();
    for (certificate, ca_file, words) in [
        ("good", None, "name that with `ca_file`"),
        ("good", Some("good"), "`ca_file` beside `url` in [gitlab] is not the one that signed GitLab's"),
        ("other", Some("ca"), "the host in `url` in [gitlab] is the one that the certificate is for"),
        ("expired", Some("ca"), "has expired, or this machine's clock is wrong"),
    ] {
        let url = format!("https://{}", with_tls(certificate, gitlab).await);
        let ca = ca_file.map(|name| tls(name).display().to_string()).unwrap_or_default();
        let mut env = vec![("FLAGLINK_GITLAB__URL", url.as_str())];
        if ca_file.is_some() {
            env.push(("FLAGLINK_GITLAB__CA_FILE", ca.as_str()));
        }
        place.doctor(&[], &env).await.says("wrong", "gitlab-reachable", &[words]);
    }
    let url = format!("https://{}", with_tls("good", gitlab).await);
    let ca = tls("ca").display().to_string();
    let env = [("FLAGLINK_GITLAB__URL", url.as_str()), ("FLAGLINK_GITLAB__CA_FILE", ca.as_str())];
    place.doctor(&[], &env).await.says("good", "gitlab-reachable", &["answers"]);

    // The same of a flag service.
    let flagsmith: SocketAddr = place.flagsmith.url().trim_start_matches("http://").parse().unwrap();
    let url = format!("https://{}", with_tls("good", flagsmith).await);
    let server = tls("good").display().to_string();
    let env = [
        ("FLAGLINK_PROVIDERS__FLAGSMITH__URL", url.as_str()),
        ("FLAGLINK_PROVIDERS__FLAGSMITH__CA_FILE", server.as_str()),
    ];
    place.doctor(&[], &env).await.says("wrong", "provider-key", &["is not the one that signed Flagsmith's"]);
}

/// What an address is called says nothing of why there is no answer.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_an_address_is_not_taken_for_the_reason() {
    let place = Place::quiet().await;
    let url = format!("http://{}/tls-certificate-expired", free_port());
    let env = [("FLAGLINK_GITLAB__URL", url.as_str()), ("FLAGLINK_PROVIDERS__FLAGSMITH__URL", url.as_str())];
    let found = place.doctor(&[], &env).await;
    found.says("wrong", "gitlab-reachable", &["nothing listens there"]);
    found.says("wrong", "provider-key", &["Flagsmith", "nothing listens there"]);
}
