use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc::MSG_DONTWAIT;
#[cfg(target_os = "linux")]
use nix::libc::POLLRDHUP;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;

use super::Options;
use crate::net::give_up_within;
use crate::protocol::LeaveReason;

/// What the kernel holds of a client's own lines while its thread is busy. Small, so that a
/// flood is held back at its source (RFC 9293, section 3.8.6) and little of it outlives its author.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// How long a client may take to close its side after the last line it was sent.
const LINGER: Duration = Duration::from_secs(1);

/// How long one who waits goes without looking whether the connection or the server was closed.
pub const GLANCE: Duration = Duration::from_millis(250);

/// poll(2) counts in milliseconds.
const ROUNDED: Duration = Duration::from_millis(1);

/// What says that the client has closed its side, beside errors, which are always said.
#[cfg(target_os = "linux")]
const CLOSES: PollFlags = PollFlags::from_bits_retain(POLLRDHUP);
#[cfg(not(target_os = "linux"))]
const CLOSES: PollFlags = PollFlags::POLLHUP;

/// One client's socket: the only place that sends to a client, and the only one that receives.
pub struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    closed: AtomicBool,
    failure: OnceLock<LeaveReason>,
    /// The client has closed its side, before anything else went wrong.
    has_left: AtomicBool,
}

impl Connection {
    /// Takes over an accepted socket and sets its options: blocking, no delay, buffers and
    /// keepalive as `options` say. Fails when the peer is already gone.
    pub fn new(stream: TcpStream, peer: SocketAddr, options: &Options) -> io::Result<Self> {
        let socket = SockRef::from(&stream);
        socket.set_send_buffer_size(options.send_buffer)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_tcp_nodelay(true)?;
        give_up_within(options.keepalive, &stream)?;
        Ok(Connection {
            stream,
            peer: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
            closed: AtomicBool::new(false),
            failure: OnceLock::new(),
            has_left: AtomicBool::new(false),
        })
    }

    /// Where the client is, IPv4 as IPv4 also on a socket for both.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Hands whole lines to the kernel, whose send buffer is the client's queue. Ends the connection
    /// when they do not fit: the client has let it fill up, or is no longer there.
    ///
    /// MUST NOT block: nobody waits for a slow reader. MUST NOT send anything after a
    /// [`failure`](Self::failure): the kernel may have taken half a line.
    pub fn send(&self, lines: &str) {
        if lines.is_empty() || self.failure().is_some() {
            return;
        }
        let sent = loop {
            match SockRef::from(&self.stream).send_with_flags(lines.as_bytes(), MSG_DONTWAIT) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                sent => break sent,
            }
        };
        if matches!(&sent, Err(error) if error.kind() == ErrorKind::BrokenPipe) {
            self.leaves();
        }
        let failure = match sent {
            Ok(sent) if sent == lines.len() => return,
            Err(error) if error.kind() != ErrorKind::WouldBlock => LeaveReason::Lost,
            _ => LeaveReason::Slow,
        };
        let _ = self.failure.set(failure);
        if failure == LeaveReason::Slow {
            self.cut();
        } else {
            // What it has sent before can still be read, and then the end.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }

    /// Why what was sent did not reach the kernel whole, if it did not.
    pub fn failure(&self) -> Option<LeaveReason> {
        self.failure.get().copied()
    }

    /// Says that nothing more will be sent, so that what was sent arrives; whoever listens for the
    /// client is to look at [`is_closed`](Self::is_closed) and stop.
    pub fn finish(&self) {
        self.closed.store(true, Ordering::Release);
        // It fails when the peer is gone, which is as finished as it gets.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection at both sides, and frees whoever is blocked in a read. What was sent
    /// may still arrive.
    pub fn hang_up(&self) {
        self.closed.store(true, Ordering::Release);
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Hangs up and throws away what was still to arrive: otherwise the kernel would keep it for
    /// a client that does not read.
    fn cut(&self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        self.hang_up();
    }

    /// Whether the connection broke before the client had closed its side. A read may only say that
    /// it ended: a send has had the error (getpeername(2), `ENOTCONN`).
    pub fn is_broken(&self) -> bool {
        !self.has_left() && (self.failure().is_some() || self.stream.peer_addr().is_err())
    }

    /// Whether the client was seen to have closed its side. All that it sent has come then, and
    /// whatever happens to the connection afterwards is no reason not to say it.
    fn has_left(&self) -> bool {
        self.has_left.load(Ordering::Acquire)
    }

    /// Waits, but not for a client whose connection breaks or is closed here; `false` then.
    pub fn pause(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.is_closed() || self.failure().is_some() && !self.has_left() {
                return false;
            }
            if self.has_left() {
                thread::sleep(left.min(GLANCE));
            } else {
                self.watch(left);
            }
        }
        true
    }

    /// Watches for the client to close its side, or for the connection to break.
    fn watch(&self, wait: Duration) {
        let mut news = [PollFd::new(self.stream.as_fd(), CLOSES)];
        let timeout = PollTimeout::try_from(wait + ROUNDED).unwrap_or(PollTimeout::MAX);
        if !matches!(poll(&mut news, timeout), Ok(1..)) {
            return;
        }
        match self.stream.take_error() {
            // Only a connection whose other side had been closed breaks like this.
            Ok(Some(error)) if error.kind() == ErrorKind::BrokenPipe => self.leaves(),
            Ok(Some(_)) | Err(_) => _ = self.failure.set(LeaveReason::Lost),
            Ok(None) if self.failure().is_none() => self.leaves(),
            Ok(None) => {}
        }
    }

    fn leaves(&self) {
        self.has_left.store(true, Ordering::Release);
    }

    /// Whether it was finished, hung up or cut.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Reads and forgets, until the client closes its side or has had a second for it. To close a
    /// socket with unread input resets it, and loses the last line sent (RFC 2525, section 2.17).
    pub fn drain(&self) {
        let deadline = Instant::now() + LINGER;
        let mut scrap = [0; 1024];
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            let patience = left.max(Duration::from_millis(1));
            let read = self
                .stream
                .set_read_timeout(Some(patience))
                .and_then(|()| (&self.stream).read(&mut scrap));
            match read {
                Ok(0) => return,
                Err(error) if error.kind() != ErrorKind::Interrupted => return,
                _ => {}
            }
        }
    }

    /// Bounds the wait of each read; `None` waits for ever.
    pub fn set_patience(&self, patience: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(patience)
    }
}

impl Read for &Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&self.stream).read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => return read,
            }
        }
    }
}
