use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::session::Session;
use crate::net::clear_user_timeout;
use crate::tls::Stream;

/// Within which time a vanished server is given up; the server's own default for us.
pub const KEEPALIVE: Duration = Duration::from_secs(45);

/// More bytes than this within [`KEEPALIVE`] are a flood: far fewer than a server takes before it
/// has to slow it down.
const FLOOD_BYTES: usize = 16 * 1024;

/// More lines than this within [`KEEPALIVE`] are a flood: no server takes fewer than one a second.
const FLOOD_LINES: usize = KEEPALIVE.as_secs() as usize;

/// The connection to the server, and the only sender and receiver of its socket.
pub struct Link {
    stream: Stream,
    session: Arc<Session>,
    sent: Mutex<Sent>,
}

/// What was sent since a moment at most [`KEEPALIVE`] ago.
struct Sent {
    lines: usize,
    bytes: usize,
    since: Instant,
}

impl Link {
    /// The link over `stream`, for as long as `session` lasts.
    pub fn new(stream: Stream, session: Arc<Session>) -> Self {
        let sent = Mutex::new(Sent::now());
        Link {
            stream,
            session,
            sent,
        }
    }

    /// Sends one line, which has no line end yet.
    ///
    /// Waits as long as the server takes nothing, but not once the session ends: then it fails
    /// with `TimedOut`. An error may leave half the line sent; all that is to follow it then fails
    /// with `BrokenPipe`.
    pub fn send(&self, line: &str) -> io::Result<()> {
        let line = format!("{line}\n");
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.is_flood_with(line.len()) {
            clear_user_timeout(self.stream.socket());
        }
        drop(sent);
        let socket = self.stream.socket();
        let wait = || self.session.wait_to_write(socket, Duration::ZERO);
        self.stream.send(line.as_bytes(), wait)
    }

    /// Makes a server speak that waits to see whether we encrypt, by a first byte that says nothing: it
    /// drops a byte order mark. Where something is said encrypted, none is needed.
    pub fn prompt(&self) {
        if !self.stream.is_sealed() {
            // When it fails, whoever reads finds out why.
            let _ = self
                .stream
                .send("\u{feff}".as_bytes(), || Err(ErrorKind::WouldBlock.into()));
        }
    }

    /// Closes the connection; who reads from it reads its end.
    pub fn close(&self) {
        self.stream.finish();
        // It fails only where it is closed already.
        let _ = self.stream.socket().shutdown(Shutdown::Both);
    }
}

impl Sent {
    fn now() -> Self {
        Sent {
            lines: 0,
            bytes: 0,
            since: Instant::now(),
        }
    }

    /// Adds a line of so many bytes; says whether it makes a flood of what was sent, which a server
    /// may slow down for minutes.
    fn is_flood_with(&mut self, bytes: usize) -> bool {
        if self.since.elapsed() > KEEPALIVE {
            *self = Sent::now();
        }
        self.lines += 1;
        self.bytes += bytes;
        self.lines > FLOOD_LINES || self.bytes > FLOOD_BYTES
    }
}

impl Read for &Link {
    /// Reads once; `Interrupted` when what came says nothing yet.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.stream).read(buffer)
    }
}
