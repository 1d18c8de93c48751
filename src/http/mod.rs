//! The listeners: webhooks for the world; health, metrics and the API for the machine itself.

mod admin;
mod admin_view;
mod api;
mod api_address;
mod api_believe;
pub mod api_hooks;
pub mod api_letter;
mod api_links;
mod api_queue;
mod api_reload;
pub mod api_types;
mod asked;
mod body;
mod change;
mod connection;
mod files_read;
mod forwarded;
mod gate;
pub mod letter_view;
pub mod link_view;
mod probes;
mod serve;
mod socket;
pub mod view;
mod webhooks;

pub use admin::{Admin, Route};
pub use admin_view::AdminView;
pub use api::ApiDoc;
pub use asked::{DEFAULT_LIMIT, MAX_LIMIT};
pub use body::{Answer, BodyError, RequestBody, StreamError, empty, json, streamed, text, typed};
pub use files_read::{files_read, template_name};
pub use forwarded::sender;
pub use gate::{Gate, Refusal, TcpGate};
pub use serve::{Drained, Handler, Listener, Peer, ServeOptions, serve};
pub use socket::{SOCKET_MODE, SocketError, SocketFile, bind_socket};
pub use webhooks::{Door, Headers, KEPT_HEADERS, MAX_BODY, NO_WEBHOOK, Taken, Webhooks};
