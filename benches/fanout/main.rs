//! What one server carries. Starts the real `chat-server`, fills it with clients, checks every
//! byte they are sent, and prints a table.
//!
//! ```text
//! cargo bench                  the whole table, in two to three minutes on two cores (Linux)
//! cargo bench -- --quick       a rough one in seconds
//! cargo bench -- --full        with 10,000 clients at rest as well, plain and encrypted
//! cargo bench -- --one-cpu     what one processor carries: the server on the first, all else beside it
//! ```
//!
//! Most works are measured in turns with the *limit*: a server, part of this program, that only
//! reads a buffer and sends it to every other socket. That is what the kernel leaves to be had on
//! this machine at this hour, so the ratio to it holds on other machines too. Encryption is measured
//! in turns with plain text, and so are stamps, which people with sessions read.
//!
//! - A *delivery* is a line of 64 bytes that has reached one reader. Authors number their lines;
//!   each reader has to get each of them once, in the author's order and byte by byte.
//! - *In flight* is how far an author is ahead of the slowest of its readers: a new line is sent
//!   when an earlier one has reached all of them.
//! - A *CPU second* is one of the server's, in all its threads, the kernel's work for them
//!   included. What is done in a wall second depends on what the clients leave of the machine:
//!   encrypted ones, which have as much to decrypt as the server to encrypt, leave less.
//! - *p50, p99*: milliseconds from the author's send to a reader's read, of the first line in it.
//!
//! Figures are medians of the rounds, ratios those of neighbouring runs, per CPU second but where
//! the work says otherwise. `wanted` is what the ratio should come to.
//!
//! All clients live in one thread, which asks what has arrived and never sleeps until something
//! does: a client that sleeps has to be woken by the server's `send`, and in a virtual machine to
//! wake a sleeping processor costs as much as the send itself. The same server would look up to
//! twice as expensive.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it measures, prints a table and ends"
)]

mod client;
mod limit;
mod room;
mod server;
mod table;
mod talk;
mod works;

use std::env;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use server::Kind;
use works::Plan;

/// Makes this program the limit.
const LIMIT: &str = "--limit";
/// Gives the server a processor of its own, and no other.
const ONE_CPU: &str = "--one-cpu";
/// Nothing takes as long as this unless something is lost.
const DEADLINE: Duration = Duration::from_secs(60);

fn has(flag: &str) -> bool {
    env::args().any(|argument| argument == flag)
}

fn main() {
    // Every client is an open file, here as there.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    if has(LIMIT) {
        return limit::be_the_limit();
    }
    let (rounds, length) = if has("--quick") { (1, 100) } else { (7, 500) };
    let length = Duration::from_millis(length);
    let plan = Plan { rounds, length };
    table::print_heading();
    works::one_to_many(&plan);
    if has(ONE_CPU) {
        works::all_with_one_line(&plan);
        return works::come_in(&plan, 64);
    }
    works::many_to_many(&plan);
    works::beside_a_sleeper(&plan);
    works::come_in(&plan, 2000);
    works::come_in_encrypted(&plan);
    works::come_back();
    works::stay(100, Kind::Plain);
    works::stay(1000, Kind::Plain);
    works::stay(1000, Kind::Stamped);
    works::stay(1000, Kind::Encrypted);
    if has("--full") {
        works::stay(10_000, Kind::Plain);
        works::stay(10_000, Kind::Encrypted);
    }
}
