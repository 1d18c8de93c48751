//! Whether flaglink could listen where it is to: tried while it does not run, and let go at once.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::net::TcpSocket;

use super::finding::{Finding, Id};
use crate::config::Config;

/// Where it could not.
#[derive(Default)]
pub(super) struct Listens {
    /// What was found.
    pub(super) findings: Vec<Finding>,
    /// Whether no webhook could come in: then nothing can be told of the way to flaglink.
    pub(super) no_webhooks: bool,
}

/// Tries both addresses.
pub(super) fn look(config: &Config) -> Listens {
    let (webhooks, admin) = (config.listen.webhooks, config.listen.admin);
    let of_webhooks = try_one("webhooks", webhooks);
    let no_webhooks = of_webhooks.is_some();
    let findings = of_webhooks.into_iter().chain(try_one("admin", admin)).collect();
    Listens { findings, no_webhooks }
}

fn try_one(key: &str, address: SocketAddr) -> Option<Finding> {
    if address.port() == 0 {
        return None;
    }
    // Who may use a port below 1024 cannot be told from here: the service may have rights of its own.
    Some(match bind(address).err()?.kind() {
        ErrorKind::AddrInUse => Finding::wrong(
            Id::ListenAddress,
            format!("{address} (`{key}` in [listen]) is taken by another program, so flaglink cannot start"),
            format!(
                "`ss -ltnp 'sport = :{}'` (as root) says which: stop that one, or write another port as `{key}`{}. A flaglink that is there runs \
                 with another `listen.socket`",
                address.port(),
                if key == "webhooks" { " and let the proxy or the tunnel point there" } else { "" }
            ),
        ),
        ErrorKind::AddrNotAvailable => Finding::wrong(
            Id::ListenAddress,
            format!(
                "this machine has no address {} (`{key}` in [listen]), so flaglink cannot start",
                address.ip()
            ),
            "write one that it has (`ip address` lists them): 127.0.0.1 for this machine alone, 0.0.0.0 or [::] for all its networks",
        ),
        _ => return None,
    })
}

/// Takes an address without listening there: who listens is in the way, and a flaglink that just starts is not hindered.
fn bind(address: SocketAddr) -> io::Result<()> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)
}
