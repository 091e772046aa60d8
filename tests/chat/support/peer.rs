//! A connection without a client program, as `nc` makes one.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use chat::tls::{Pin, Stream};

use super::{DEADLINE, is_sealed, skip_until};

/// What a connection's bytes travel over, plain or encrypted. Clones are the same connection, so that
/// one thread can write while another reads; it closes with the last of them.
#[derive(Clone)]
pub struct Wire {
    stream: Arc<Stream>,
}

impl Wire {
    /// Reads fail that take longer than the deadline.
    pub fn new(tcp: TcpStream) -> Wire {
        tcp.set_read_timeout(Some(DEADLINE)).unwrap();
        tcp.set_nodelay(true).unwrap();
        let stream = Arc::new(Stream::plain(tcp));
        Wire { stream }
    }

    /// The same, encrypted, to whoever listens there; unless that one has only a few words in plain.
    pub fn sealed(tcp: TcpStream) -> io::Result<Wire> {
        let plain = tcp.try_clone()?;
        let wire = Wire::new(tcp);
        wire.stream.seal(Pin::new(None).connection().unwrap())?;
        let mut first = [0];
        let peeked = loop {
            match plain.peek(&mut first) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                peeked => break peeked?,
            }
        };
        if peeked == 1 && first[0].is_ascii_uppercase() {
            return Ok(Wire::new(plain));
        }
        while let Err(error) = wire.stream.shake_hands() {
            if error.kind() != ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(wire)
    }

    pub fn local_addr(&self) -> SocketAddr {
        self.stream.socket().local_addr().unwrap()
    }

    /// Says that nothing more will be sent.
    pub fn half_close(&self) -> io::Result<()> {
        self.stream.finish();
        Ok(())
    }

    /// Ends it at this side, and frees whoever is blocked in a read.
    pub fn hang_up(&self) {
        // It fails for one that has ended already.
        let _ = self.stream.socket().shutdown(Shutdown::Both);
    }

    /// Lets it end in a reset, as a machine does that was switched off and on again.
    pub fn reset(self) {
        let socket = SockRef::from(self.stream.socket());
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

impl Read for Wire {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        (&*self.stream).read(bytes)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let wait = || {
            thread::sleep(Duration::from_millis(1));
            Ok(())
        };
        self.stream.send(bytes, wait).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everybody is told at last that the server shuts down, and closes.
#[track_caller]
pub fn expect_farewell(everybody: Vec<Peer>) {
    thread::scope(|scope| {
        for mut peer in everybody {
            scope.spawn(move || {
                let heard = peer.rest();
                let last = heard.last().map(String::as_str);
                assert_eq!(last, Some("BYE shutdown"), "(left: came) {heard:#?}");
            });
        }
    });
}

/// A connection that speaks in lines.
pub struct Peer {
    pub wire: Wire,
    reader: BufReader<Wire>,
}

impl Peer {
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Peer {
        Peer::to(
            address,
            TcpStream::connect(address).expect("the server accepts"),
        )
    }

    /// From another address of this machine; Linux has all of 127/8.
    #[track_caller]
    pub fn connect_from(own: [u8; 4], address: SocketAddr) -> Peer {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let own = SocketAddr::from((own, 0));
        socket.bind(&own.into()).unwrap();
        socket.connect(&address.into()).expect("the server accepts");
        Peer::to(address, socket.into())
    }

    /// Over a connection to whoever listens at `address`, encrypted where that is wanted there.
    #[track_caller]
    fn to(address: SocketAddr, tcp: TcpStream) -> Peer {
        match is_sealed(address) {
            true => Peer::over(Wire::sealed(tcp).expect("the server encrypts")),
            false => Peer::new(tcp),
        }
    }

    pub fn new(tcp: TcpStream) -> Peer {
        Peer::over(Wire::new(tcp))
    }

    pub fn over(wire: Wire) -> Peer {
        let reader = BufReader::new(wire.clone());
        Peer { wire, reader }
    }

    /// Sends one line.
    pub fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes());
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.wire.write_all(bytes).expect("the server reads");
    }

    /// The next line; `None` when the server closed.
    pub fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => {
                let text = String::from_utf8(line).expect("the server sends UTF-8");
                let text = text
                    .strip_suffix('\n')
                    .expect("the server sends whole lines");
                Some(text.to_owned())
            }
            Err(error) => panic!("no line within {DEADLINE:?}: {error}"),
        }
    }

    /// The next whole line; `None` when the connection has ended or is broken, perhaps in the middle
    /// of one.
    #[track_caller]
    pub fn whole_line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("no line within {DEADLINE:?}")
            }
            Ok(_) if line.pop() == Some(b'\n') => {
                Some(String::from_utf8(line).expect("the server sends UTF-8"))
            }
            _ => None,
        }
    }

    /// The next line has to be this one.
    #[track_caller]
    pub fn expect(&mut self, expected: &str) {
        assert_eq!(
            self.line().as_deref(),
            Some(expected),
            "(left: came, right: expected)"
        );
    }

    /// A client has to give this name next, whether it asks for a session or not, and whether or not it
    /// was asked so late that it sent the byte that says nothing.
    #[track_caller]
    pub fn expect_name(&mut self, name: &str) {
        let first = self.line().unwrap_or_default();
        let first = first.trim_start_matches('\u{feff}');
        if first == "/session" {
            return self.expect(name);
        }
        assert_eq!(first, name, "(left: came, right: expected)");
    }

    /// The next line has to begin so; returns it.
    #[track_caller]
    pub fn expect_start(&mut self, expected: &str) -> String {
        let line = self
            .line()
            .unwrap_or_else(|| panic!("expected {expected:?}…, the server closed"));
        assert!(
            line.starts_with(expected),
            "expected: {expected:?}…\n    came: {line:?}"
        );
        line
    }

    /// Skips lines until this one comes; returns the skipped ones.
    #[track_caller]
    pub fn wait_for(&mut self, expected: &str) -> Vec<String> {
        skip_until(expected, || self.line())
    }

    /// The server has to have closed: nothing more comes.
    #[track_caller]
    pub fn expect_end(&mut self) {
        assert_eq!(self.line(), None, "(left: came, right: the end)");
    }

    /// Everything until the server closes, which a `BYE` is answered by closing too.
    pub fn rest(&mut self) -> Vec<String> {
        let mut heard = Vec::new();
        while let Some(line) = self.line() {
            if line.starts_with("BYE ") {
                // The connection may be gone already.
                let _ = self.wire.half_close();
            }
            heard.push(line);
        }
        heard
    }

    /// Everything until the server closes or cuts the connection, half a line at its end included.
    pub fn remains(&mut self) -> String {
        let mut bytes = Vec::new();
        match self.reader.read_to_end(&mut bytes) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => {
                panic!("no end within {DEADLINE:?}: {error}")
            }
            _ => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// Says that nothing more will be sent, as `nc -N` does at the end of its input.
    pub fn half_close(&self) {
        self.wire.half_close().unwrap();
    }

    /// Asks something harmless and waits for the answer: all sent before has been dealt with, and
    /// all heard before has been read. Returns what came in between.
    #[track_caller]
    pub fn sync(&mut self) -> Vec<String> {
        self.send("/sync");
        self.wait_for("ERR unknown-command /sync")
    }

    /// Leaves; the name is free again.
    #[track_caller]
    pub fn quit(mut self) {
        self.send("/SAIR");
        self.wait_for("BYE quit");
    }

    /// Closes with a reset.
    pub fn reset(self) {
        self.wire.reset();
    }
}
