//! Sending one webhook: a real request, to loopback only, that never follows a redirect.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::{Host, Url};

/// Posts a body with these headers, and `Host`. Returns the status of the answer.
///
/// # Errors
///
/// When the address is not plain HTTP to loopback, and when there is no answer.
pub(super) async fn post(url: &str, headers: &[(String, String)], body: &str) -> io::Result<u16> {
    let refused = |text: &str| io::Error::new(io::ErrorKind::AddrNotAvailable, text.to_owned());
    let url = Url::parse(url).map_err(|error| refused(&error.to_string()))?;
    let (host, loopback) = match url.host() {
        Some(Host::Ipv4(address)) => (address.to_string(), address.is_loopback()),
        Some(Host::Ipv6(address)) => (address.to_string(), address.is_loopback()),
        Some(Host::Domain(name)) => ("127.0.0.1".to_owned(), name == "localhost"),
        None => return Err(refused("no host")),
    };
    if !loopback || url.scheme() != "http" {
        return Err(refused("a sandbox sends over plain HTTP to loopback only"));
    }
    let port = url.port_or_known_default().unwrap_or(80);
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let driver = tokio::spawn(connection);
    let mut request = http::Request::post(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header("Host", format!("{}:{port}", url.host_str().unwrap_or_default()));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).map_err(io::Error::other)?;
    let answered = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        response.into_body().collect().await?;
        Ok::<u16, hyper::Error>(status)
    };
    let status = answered.await;
    driver.abort();
    status.map_err(io::Error::other)
}
