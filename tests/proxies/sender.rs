//! Who sends to the proxy, as GitLab does: with a trusted certificate, and HTTP/1.1.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::kit::PATIENCE;
use crate::tls_end::tls;

/// Somebody on this machine.
pub(crate) fn client() -> reqwest::Client {
    client_from(Ipv4Addr::LOCALHOST.into())
}

/// Somebody at that address.
pub(crate) fn client_from(address: IpAddr) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(&std::fs::read(tls("ca")).unwrap()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_merge([root]);
    client.local_address(address).timeout(PATIENCE + Duration::from_secs(60)).build().unwrap()
}

/// What is answered to a request with a body of so many spaces, which may be answered before it is there.
pub(crate) async fn answer_to_spaces(port: u16, head: &str, size: usize) -> String {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(tls("ca")).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let head = format!("{head}Host: localhost:{port}\r\nContent-Length: {size}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut answers, mut sends) = tokio::io::split(stream);
    let send = async {
        let mut left = size;
        let spaces = vec![b' '; 64 * 1024];
        while left > 0 {
            let next = left.min(spaces.len());
            // Whoever has answered need not listen any more.
            if sends.write_all(&spaces[..next]).await.is_err() {
                break;
            }
            left -= next;
        }
        let _ = sends.flush().await;
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let read = async {
        while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = answers.read_buf(&mut answer).await.unwrap();
            assert!(read > 0, "it ends in: {}", String::from_utf8_lossy(&answer));
        }
    };
    tokio::select! {
        () = read => {}
        () = send => {}
        () = tokio::time::sleep(PATIENCE) => panic!("no answer"),
    }
    String::from_utf8_lossy(&answer).into_owned()
}
