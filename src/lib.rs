#![forbid(unsafe_code)]
#![warn(missing_docs)]
//! x
pub mod client;
pub mod keepalive;
pub mod protocol;
pub mod server;
