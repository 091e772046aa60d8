//! A classic chat for the terminal: one server, many clients, lines over blocking TCP, sealed with TLS.
//!
//! # What lives where
//!
//! | place | what it knows |
//! | --- | --- |
//! | [`protocol`] | the lines both sides exchange: names, text, commands, events, framing. Pure: no sockets, no threads |
//! | [`server`] | who is here, and how a line reaches all of them |
//! | [`client`] | what a person types and sees |
//! | [`net`] | what both sides ask of TCP |
//! | [`tls`] | the server's key, how it is known again, and the one stream both sides speak through |
//! | [`cli`] | what the flags of both programs share |
//! | `files` | the files that both keep for the eyes of their user alone |
//! | `src/bin` | flags and exit status; nothing else |
//!
//! `protocol` imports nothing of ours, and `server` and `client` never import each other.
//!
//! # How a line travels
//!
//! ```text
//!  client                               server                                  client
//!  stdin loop  (client::talk)           session thread, one for each client     receiver thread
//!     │                                 connection ─ the socket reads and sends   ▲
//!     │ what was typed                     │                                      │ Event
//!     ▼                                    ▼                                      │
//!  tls::Stream ───── TCP ───────────▶ LineReader ─▶ Command ─▶ post             LineReader
//!                                                               │                 ▲
//!                                        registry (the queue) ◀─┘                 │
//!                                          │                                      │
//!                                          ▼                                      │
//!                                        room ─▶ delivery (one send a seat) ──── TCP
//! ```
//!
//! 1. The **session** thread of a client blocks in a read of its **connection**, takes what is
//!    there, cuts it into lines and reads each as a command. What the commands ask for it collects
//!    as **posts**: plain data.
//! 2. It queues the posts at the **registry**. Whoever finds the queue empty becomes the
//!    deliverer: it waits for the delivery before its own to end, and takes all that others have
//!    queued meanwhile. So one line on a quiet server goes out at once, and under load lines that
//!    pile up travel together, with one `send` for each reader however many they are.
//! 3. The **room** applies the posts in their order: people come, go, talk and change names. It
//!    knows no sockets, only what follows from what, and for whom. What happens it stamps, and keeps
//!    the last of it in a **backlog**, for those who come later and for sessions that come back.
//! 4. The **delivery** sends each person what came of it. It never waits: the kernel's send buffer
//!    is each client's queue, and whoever lets it fill up is dropped as `slow`.
//! 5. The client's **receiver** thread reads events and paints them above the line being typed.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

pub mod cli;
pub mod client;
mod files;
pub mod net;
pub mod protocol;
pub mod server;
pub mod tls;
