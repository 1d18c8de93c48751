//! A GitLab whose certificate is not trusted: whose fault that is depends on what `ca_file` names.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::place::Place;

/// A file beside the stories of tunnels.
fn tls(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/tunnel/tls/{name}.pem"))
}

/// A server that speaks TLS, with that certificate, and passes on what comes as it is.
async fn with_tls(certificate: &str, to: SocketAddr) -> SocketAddr {
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let certificate = CertificateDer::from_pem_file(tls(certificate)).unwrap();
    let key = PrivateKeyDer::from_pem_file(tls("key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut near = TcpStream::connect(to).await.unwrap();
                if let Ok(mut far) = acceptor.accept(stream).await {
                    let _ = tokio::io::copy_bidirectional(&mut far, &mut near).await;
                }
            });
        }
    });
    at
}

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
