//! A GitLab and flag services small enough to run in-process, over real HTTP on a loopback port.
//!
//! Stands apart from the house: it imports nothing of it, so that a misunderstanding of the house cannot agree
//! with itself. Each server's state is a plain model, and its HTTP handlers only read and change that model.
//! It is used by `flaglink demo`, `flaglink sandbox` and the tests.

pub mod faults;
pub mod flagsmith;
pub mod gitlab;
mod message;
mod paths;
mod post;
mod received;
pub mod server;
pub mod unleash;
