//! Addresses for daemons that stop and come back.
//!
//! While one is down its port is free, and the system hands free ports of 127.0.0.1 to whatever asks: another story's
//! listener, or the near end of any connection. So each daemon has a loopback address of its own, which nobody else is given.
//! Linux has all of 127.0.0.0/8; elsewhere there is only the one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

static NEXT: AtomicU16 = AtomicU16::new(0);

/// An address that only the caller uses.
pub(crate) fn ip_of_its_own() -> IpAddr {
    if !cfg!(target_os = "linux") {
        return IpAddr::V4(Ipv4Addr::LOCALHOST);
    }
    let [.., high, low] = std::process::id().to_be_bytes();
    // Test programs that run side by side differ in their numbers, daemons of one in the rest.
    let host = 1 + u8::try_from(NEXT.fetch_add(1, Ordering::Relaxed) % 250).unwrap();
    IpAddr::V4(Ipv4Addr::new(127, 64 | (high & 63), low, host))
}

/// A port that is free there, and stays so for the caller.
#[allow(dead_code, reason = "not every test program starts the real binary")]
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind((ip_of_its_own(), 0)).unwrap().local_addr().unwrap()
}
