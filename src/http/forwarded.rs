//! Who sent a request, where a proxy stands in between.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

/// Where each proxy adds, at the end, whom it heard from.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// More proxies than this stand before nobody.
const HOPS: usize = 32;

/// The address of who sent the request, as far as those say who are trusted to: `peer` is who is at the other end of the
/// connection.
///
/// The header is read from its end, because each proxy adds there what it has seen itself, and everything before is only what it
/// was told. Where something stands that is no address, what is before it is nobody's word either.
pub fn sender(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut sender = peer.to_canonical();
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    // A line that is not text ends it as any other garbage does.
    let mut hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',')).take(HOPS);
    while is_trusted(sender) {
        match hops.next().and_then(address) {
            Some(before) => sender = before,
            None => break,
        }
    }
    sender
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = || text.parse().ok();
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare().or_else(in_brackets).or_else(with_port).map(|address: IpAddr| address.to_canonical())
}
