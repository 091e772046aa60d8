use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::libc::MSG_DONTWAIT;
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

/// One client's socket: the only place that sends to a client, and the only one that receives.
pub struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    closed: AtomicBool,
    failure: OnceLock<LeaveReason>,
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

    /// Whether the connection broke. A read may only say that it ended, as if the client had closed
    /// it: a send has had the error (getpeername(2), `ENOTCONN`).
    pub fn is_broken(&self) -> bool {
        self.failure().is_some() || self.stream.peer_addr().is_err()
    }

    /// Waits; says whether the connection broke or was hung up meanwhile, and then at once. That the
    /// client has closed its side is neither (poll(2), `POLLERR`, `POLLHUP`).
    pub fn breaks_within(&self, wait: Duration) -> bool {
        let mut broken = [PollFd::new(self.stream.as_fd(), PollFlags::empty())];
        let wait = wait + Duration::from_millis(1);
        poll(
            &mut broken,
            PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX),
        )
        .is_ok_and(|n| n > 0)
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
