//! Outbound HTTP for everything that leaves the house: timeouts, no redirects, a limit per host,
//! `Retry-After`, and errors that say whether a request may have reached the other side.

mod answer;
mod backoff;
mod client;
mod failure;
mod limit;
mod look;
mod peers;
mod places;
mod proxy;
mod said;
mod tls;
mod unseen;

pub use backoff::delay;
pub use client::{ClientError, HttpClient, HttpOptions, LastWord};
pub use failure::{Failure, Sent, is_for_the_server, status_in, without_request};
pub use limit::Share;
pub use look::{LookOptions, Looker, Seen};
pub use peers::Peers;
pub use places::{Place, Places};
pub use proxy::{is_proxy, proxy_for};
pub use said::one_line;
pub use tls::TlsTrouble;
pub use unseen::{Unanswered, Unseen};
