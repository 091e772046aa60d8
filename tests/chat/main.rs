//! The programs as a person or another program meets them, and the protocol's public functions
//! held against the design. One binary: what starts slowly is linked once.
//!
//! `cargo test --test chat MODULE::` runs one module. On Linux: they look into `/proc`, lay cables
//! between network namespaces, and take files and threads away from the programs.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failed test says so by a panic"
)]

mod cable;
mod client;
mod client_distrust;
mod client_ends;
mod client_pipe;
mod coming_back;
mod commands;
mod connecting;
mod cutting;
mod delivery;
mod editing;
mod encryption;
mod faults;
mod history;
mod hostile;
mod ignoring;
mod installing;
mod lines;
mod listening;
mod names;
mod operator;
mod order;
mod over_tls;
mod privacy;
mod prompt;
mod protocol;
mod requirements;
mod running;
mod sessions;
mod support;
mod terminal;
mod terminal_ends;
mod terminal_keys;
mod terminal_random;
mod terminal_sent;
mod terminal_shown;
mod texts;
mod transcript;
