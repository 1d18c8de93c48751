//! A proxy of the environment that lets nobody through.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What it says to who gives no password.
pub(crate) const CLOSED: &str =
    "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// What it says where its rules are against it, as Squid does.
pub(crate) const STRICT: &str = "HTTP/1.1 403 Forbidden\r\nx-squid-error: ERR_ACCESS_DENIED 0\r\ncontent-type: text/html\r\n\
    content-length: 13\r\nconnection: close\r\n\r\n<html></html>";
/// What it says where it reaches nobody.
pub(crate) const BROKEN: &str = "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html></html>";

/// One that gives everybody the same answer. Returns its address.
pub(crate) async fn proxy(answer: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}
