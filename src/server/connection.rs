use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustls::ServerConnection;
use socket2::SockRef;

use super::{GRACE, Options, lock};
use crate::net::set_keepalive;
use crate::tls::Stream;

/// What the kernel holds of a client's own lines while its thread is busy. Small, so that a
/// flood is held back at its source (RFC 9293, section 3.8.6) and little of it outlives its author.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// How soon one who waits sees that the connection has broken or was closed.
const LOOK: Duration = Duration::from_millis(250);

/// How a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It can be read, and sent to.
    Open,
    /// The client is gone, but had closed its side before: all it said has come, and counts.
    Left,
    /// It broke: something of what was said may be missing, so half a line is none.
    Broken,
    /// Ended here, for the client did not read what it was sent.
    Slow,
    /// Ended here, with the last words that the client is sent.
    Finished,
}

impl State {
    /// Whether it was ended here, so that nothing the client says counts any more.
    pub fn is_over(self) -> bool {
        matches!(self, State::Slow | State::Finished)
    }
}

/// One client's socket, plain or sealed: the only place that sends to a client, and the only one that
/// receives.
pub struct Connection {
    stream: Stream,
    peer: SocketAddr,
    /// Locked for a send, which does not block, and never during a read, which does.
    state: Mutex<State>,
    deadline: Mutex<Option<Instant>>,
}

impl Connection {
    /// Takes over an accepted socket and sets its options: blocking, no delay, buffers and
    /// keepalive as `options` say. Fails when the peer is already gone.
    pub fn new(stream: TcpStream, peer: SocketAddr, options: &Options) -> io::Result<Self> {
        let socket = SockRef::from(&stream);
        socket.set_send_buffer_size(options.send_buffer)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_tcp_nodelay(true)?;
        set_keepalive(&stream, options.keepalive)?;
        Ok(Connection {
            stream: Stream::plain(stream),
            peer: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
            state: Mutex::new(State::Open),
            deadline: Mutex::new(None),
        })
    }

    /// Where the client is, IPv4 as IPv4 also on a socket for both.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The first byte of what the client sends, which stays to be read; `None` when it says nothing
    /// until the deadline. Fails as a read does, or with `UnexpectedEof` when nothing comes any more.
    pub fn peek(&self) -> io::Result<Option<u8>> {
        let mut first = [0];
        match self.wait(|| self.stream.socket().peek(&mut first)) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(None),
            peeked => peeked.map(|_| Some(first[0])),
        }
    }

    /// Seals it with `cipher`, and shakes hands until the deadline at most.
    pub fn seal(&self, cipher: ServerConnection) -> io::Result<()> {
        self.stream.seal(cipher)?;
        self.wait(|| self.stream.shake_hands())
    }

    /// Whether nobody on the way can read or change what is said over it.
    pub fn is_confidential(&self) -> bool {
        self.stream.is_sealed() || self.peer.ip().is_loopback()
    }

    /// How it stands.
    pub fn state(&self) -> State {
        *lock(&self.state)
    }

    /// Hands whole lines to the kernel, whose send buffer is the client's queue; `false` when they
    /// do not reach the client. Ends the connection when they do not fit: the client has let it fill
    /// up, or is no longer there.
    ///
    /// MUST NOT block: nobody waits for a slow reader. MUST NOT send anything after lines that the
    /// kernel took in part, or after the last ones.
    pub fn send(&self, lines: &str) -> bool {
        let mut state = lock(&self.state);
        if *state == State::Open {
            *state = self.transmit(lines.as_bytes());
        }
        *state == State::Open
    }

    /// The same for the last lines, none of which may be lost if the client reads on. Nothing of
    /// what the client says counts any more.
    pub fn finish(&self, last: &str) {
        let mut state = lock(&self.state);
        if *state == State::Open {
            *state = self.transmit(last.as_bytes());
        }
        if *state != State::Slow {
            *state = State::Finished;
        }
        self.stream.finish();
    }

    /// The same, and frees whoever is blocked in a read. What was sent may still arrive.
    pub fn hang_up(&self, last: &str) {
        self.finish(last);
        let _ = self.stream.socket().shutdown(Shutdown::Read);
    }

    /// Sends, without waiting. The state's lock is held: what is sent has an order.
    fn transmit(&self, bytes: &[u8]) -> State {
        if bytes.is_empty() {
            return State::Open;
        }
        let state = match self
            .stream
            .send(bytes, || Err(ErrorKind::WouldBlock.into()))
        {
            Ok(()) => return State::Open,
            Err(error) if error.kind() == ErrorKind::WouldBlock => State::Slow,
            Err(error) => failure(&error),
        };
        let socket = self.stream.socket();
        if state == State::Slow {
            // Or the kernel would keep what it has for a client that does not read.
            let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
        }
        // What the client has sent before can still be read, and then the end.
        let _ = socket.shutdown(Shutdown::Both);
        state
    }

    /// Waits, but not for a client whose connection breaks or is ended here; `false` then.
    pub fn pause(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            thread::sleep(left.min(LOOK));
            let mut state = lock(&self.state);
            if let (State::Open, Ok(Some(error))) = (*state, self.stream.socket().take_error()) {
                *state = failure(&error);
            }
            if !matches!(*state, State::Open | State::Left) {
                return false;
            }
        }
        true
    }

    /// Whether the client has said something that was not read yet, or has closed its side.
    pub fn has_unread(&self) -> bool {
        self.stream.has_unread()
    }

    /// Until when reads wait; then they fail with [`ErrorKind::TimedOut`]. `None` is for ever. Fails
    /// when the socket cannot be set.
    pub fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        *lock(&self.deadline) = deadline;
        match deadline {
            None => self.stream.socket().set_read_timeout(None),
            // How much is left of it, each read has to find out.
            Some(_) => Ok(()),
        }
    }

    /// Reads and forgets, until the client closes its side or has had a second for it. To close a
    /// socket with unread input resets it, and loses the last line sent (RFC 2525, section 2.17).
    pub fn drain(&self) {
        let mut scrap = [0; 1024];
        let mut socket = self.stream.socket();
        let _ = self.set_deadline(Some(Instant::now() + GRACE));
        // Nobody opens what is forgotten.
        while matches!(self.wait(|| socket.read(&mut scrap)), Ok(1..)) {}
    }

    /// Does what waits for the client, again and again while it comes to nothing, until the deadline.
    fn wait<T>(&self, mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            let deadline = *lock(&self.deadline);
            if let Some(deadline) = deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(ErrorKind::TimedOut.into());
                }
                self.stream.socket().set_read_timeout(Some(left))?;
            }
            match act() {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && deadline.is_some() => {}
                done => return done,
            }
        }
    }
}

/// What an error of the socket says of the connection: one that the client had closed at its side
/// breaks with `EPIPE`, and no other.
fn failure(error: &io::Error) -> State {
    match error.kind() {
        ErrorKind::BrokenPipe => State::Left,
        _ => State::Broken,
    }
}

impl Read for &Connection {
    /// Waits until the deadline at most. Half a line from a connection that broke is worth nothing,
    /// so that is an error too, where the kernel only says that it ended: a send has had the error.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut stream = &self.stream;
        match self.wait(|| stream.read(buffer))? {
            0 if self.state() == State::Broken => Err(ErrorKind::ConnectionReset.into()),
            length => Ok(length),
        }
    }
}
