use std::net::TcpStream;
use std::time::Instant;

use super::link::KEEPALIVE;
use crate::net::clear_user_timeout;

/// More bytes than this within [`KEEPALIVE`] are a flood: far fewer than a server takes before it
/// has to slow it down.
const FLOOD_BYTES: usize = 16 * 1024;

/// More lines than this within [`KEEPALIVE`] are a flood: no server takes fewer than one a second.
const FLOOD_LINES: usize = KEEPALIVE.as_secs() as usize;

/// What was sent since a moment at most [`KEEPALIVE`] ago.
pub struct Sent {
    lines: usize,
    bytes: usize,
    since: Instant,
}

impl Sent {
    /// Nothing, from now on.
    pub fn now() -> Self {
        Sent {
            lines: 0,
            bytes: 0,
            since: Instant::now(),
        }
    }

    /// Adds `line`, which is about to be sent over `socket`, and returns it with its end. From a flood
    /// on, which a server may slow down for minutes, what is sent may wait for as long as it takes.
    pub fn add(&mut self, line: &str, socket: &TcpStream) -> String {
        if self.since.elapsed() > KEEPALIVE {
            *self = Sent::now();
        }
        let line = format!("{line}\n");
        self.lines += 1;
        self.bytes += line.len();
        if self.lines > FLOOD_LINES || self.bytes > FLOOD_BYTES {
            clear_user_timeout(socket);
        }
        line
    }
}
