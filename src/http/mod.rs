//! The listeners: webhooks for the world; health, metrics and the API for the machine itself.

mod body;
mod connection;
mod serve;
mod socket;
mod webhooks;

pub use body::{Answer, BodyError, RequestBody, StreamError, empty, json, streamed, text, typed};
pub use serve::{Drained, Handler, Listener, Peer, ServeOptions, serve};
pub use socket::{SOCKET_MODE, SocketError, SocketFile, bind_socket};
pub use webhooks::{Door, Headers, KEPT_HEADERS, MAX_BODY, Taken, Webhooks};
