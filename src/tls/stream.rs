use std::io::{self, BufRead, Cursor, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use nix::libc::MSG_DONTWAIT;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustls::{Connection, PeerMisbehaved};
use socket2::SockRef;

/// One connection, plain until it is [sealed](Self::seal). One thread reads; any thread sends.
///
/// - To seal and to send MUST be one step, under the connection's own lock: records are numbered,
///   and one that overtakes another ends the connection (RFC 8446, section 5.3).
/// - After a send that was torn nothing MUST be sent: it would be read as the rest of that record.
/// - Reading MUST NOT need the lock that sending holds, nor hold the lock of the cipher while it
///   waits: or a client that is held back could not hear, and a deliverer would wait for a reader.
///   So a reader never sends; what TLS itself has to answer goes with what is sent next.
pub struct Stream {
    socket: TcpStream,
    /// Whether a send was torn. Locked for as long as sending takes.
    is_torn: Mutex<bool>,
    /// Locked to seal or to open what is there, never during a system call.
    sealed: OnceLock<Box<Mutex<Sealed>>>,
}

/// The cipher of one connection, and what it has opened.
struct Sealed {
    cipher: Connection,
    text: Cursor<Vec<u8>>,
    end: Option<End>,
    /// Bytes that came since there was text in them.
    fruitless: usize,
}

/// Why nothing more is opened.
enum End {
    Closed,
    Broken(rustls::Error),
}

/// How much may come without a word in it: one record at its longest (RFC 8446, section 5.2), and as
/// much again for what TLS itself has to say, a handshake for one. rustls bounds empty records and
/// key updates, but not those in turn.
const FRUITLESS: usize = 2 * (5 + (1 << 14) + 256);

impl Stream {
    /// Plain, as `socket` is.
    pub fn plain(socket: TcpStream) -> Self {
        Stream {
            socket,
            is_torn: Mutex::new(false),
            sealed: OnceLock::new(),
        }
    }

    /// For its options, for what comes before TLS, and to shut it down. To read from it or to write
    /// to it otherwise breaks what is sealed.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Seals it, once, from the next byte on, and sends what `cipher` says first. Nothing else that is
    /// sent arrives before the [handshake](Self::shake_hands) has ended. Fails as [`send`](Self::send).
    pub fn seal(&self, cipher: impl Into<Connection>) -> io::Result<()> {
        let mut cipher = cipher.into();
        // All that is written is taken from it at once; the usual limit would cut it.
        cipher.set_buffer_limit(None);
        self.sealed.get_or_init(|| {
            Box::new(Mutex::new(Sealed {
                cipher,
                text: Cursor::default(),
                end: None,
                fruitless: 0,
            }))
        });
        self.flush()
    }

    /// Whether it is sealed.
    pub fn is_sealed(&self) -> bool {
        self.sealed.get().is_some()
    }

    /// Goes on with the handshake of a sealed stream by one read, within the socket's read timeout.
    /// `Interrupted` when it has not ended by that. Other errors are those of the socket, `InvalidData`
    /// with a [`rustls::Error`] in it, and `UnexpectedEof` when the other side closes.
    pub fn shake_hands(&self) -> io::Result<()> {
        let Some(sealed) = self.sealed.get() else {
            return Ok(());
        };
        if !lock(sealed).cipher.is_handshaking() {
            return Ok(());
        }
        // Not on the stack, which would keep what it once took.
        let mut records = vec![0; 4096];
        let length = (&self.socket).read(&mut records)?;
        let mut opened = lock(sealed);
        opened.open(&records[..length]);
        let shaken = match &opened.end {
            _ if !opened.cipher.is_handshaking() => Ok(()),
            None => Err(ErrorKind::Interrupted.into()),
            Some(End::Closed) => Err(ErrorKind::UnexpectedEof.into()),
            Some(End::Broken(error)) => Err(invalid(error)),
        };
        drop(opened);
        // Also the alert that tells the other side why it has failed.
        let sent = self.flush();
        shaken.and(sent)
    }

    /// Sends all of `text`. When the kernel takes no more, `when_full` waits until it does, or fails,
    /// and so does this. Fails also when the connection is broken, and with `BrokenPipe` after a send
    /// that was torn.
    pub fn send(
        &self,
        text: &[u8],
        mut when_full: impl FnMut() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut is_torn = lock(&self.is_torn);
        if *is_torn {
            return Err(ErrorKind::BrokenPipe.into());
        }
        // Looked at once: another thread may seal meanwhile.
        let records = match self.sealed.get() {
            None => None,
            Some(sealed) => Some(lock(sealed).seal(text)?),
        };
        let all = records.as_deref().unwrap_or(text);
        let mut rest = all;
        while !rest.is_empty() {
            // A record that was not sent is missed, by its number.
            *is_torn = records.is_some() || rest.len() < all.len();
            match SockRef::from(&self.socket).send_with_flags(rest, MSG_DONTWAIT) {
                Ok(length) => rest = &rest[length..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => when_full()?,
                Err(error) => return Err(error),
            }
        }
        *is_torn = false;
        Ok(())
    }

    /// Whether the kernel takes something to be sent. Of a connection that is broken it does too, and the
    /// send then fails.
    pub fn has_space(&self) -> bool {
        !self.shows(PollFlags::POLLOUT).is_empty()
    }

    /// Whether something has come that was not read yet, or the end.
    pub fn has_unread(&self) -> bool {
        let sealed = self.sealed.get();
        sealed.is_some_and(|sealed| !lock(sealed).text.get_ref().is_empty())
            || self.shows(PollFlags::POLLIN).contains(PollFlags::POLLIN)
    }

    /// Says that nothing more will be sent, and waits for nobody to hear it.
    pub fn finish(&self) {
        if let Some(sealed) = self.sealed.get() {
            lock(sealed).cipher.send_close_notify();
            let _ = self.flush();
        }
        // It fails when the peer is gone, which is as finished as it gets.
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Which of `flags` the socket shows now, and that it is broken, if it is.
    fn shows(&self, flags: PollFlags) -> PollFlags {
        let mut socket = [PollFd::new(self.socket.as_fd(), flags)];
        let _ = poll(&mut socket, PollTimeout::ZERO);
        socket[0].revents().unwrap_or(PollFlags::empty())
    }

    /// Sends what TLS itself has to say, if that needs no wait.
    fn flush(&self) -> io::Result<()> {
        self.send(&[], || Err(ErrorKind::WouldBlock.into()))
    }
}

impl Read for &Stream {
    /// Reads once, within the socket's read timeout. `Interrupted` when what came has no text in it
    /// yet: whoever has a deadline is to look at it then, for records can come byte by byte.
    ///
    /// That the other side closed without saying so first is no error (`ncat` does so).
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(sealed) = self.sealed.get() else {
            return (&self.socket).read(buffer);
        };
        if let Some(taken) = lock(sealed).take(buffer)? {
            return Ok(taken);
        }
        let length = (&self.socket).read(buffer)?;
        lock(sealed).open(&buffer[..length]);
        // Text is shorter than its records, so the reader's buffer would never be found full; what is
        // read here too makes it so, and it grows. This read MUST NOT fail, or text that was opened
        // would be lost: where the connection shows broken as well, the error is for the next one.
        if length == buffer.len() && self.shows(PollFlags::POLLIN) == PollFlags::POLLIN {
            let mut more = vec![0; length];
            let length = (&self.socket).read(&mut more)?;
            lock(sealed).open(&more[..length]);
        }
        let taken = lock(sealed).take(buffer)?;
        taken.ok_or(ErrorKind::Interrupted.into())
    }
}

impl Sealed {
    /// Records of `text`, behind what TLS itself has to say.
    fn seal(&mut self, text: &[u8]) -> io::Result<Vec<u8>> {
        self.cipher.writer().write_all(text)?;
        let mut records = Vec::with_capacity(text.len() + text.len() / 512 + 64);
        while self.cipher.wants_write() {
            self.cipher.write_tls(&mut records)?;
        }
        Ok(records)
    }

    /// Opens what came, to be [taken](Self::take); that nothing came is the end.
    fn open(&mut self, mut records: &[u8]) {
        if records.is_empty() {
            self.end.get_or_insert(End::Closed);
        }
        self.fruitless += records.len();
        // Step by step: it takes in some KiB at a time, and holds as much text as one record has.
        while !records.is_empty() && self.end.is_none() {
            if let Err(error) = self.step(&mut records) {
                self.end = Some(End::Broken(error));
            }
        }
        if self.fruitless > FRUITLESS && self.end.is_none() {
            self.end = Some(End::Broken(PeerMisbehaved::TooManyEmptyFragments.into()));
        }
    }

    fn step(&mut self, records: &mut &[u8]) -> Result<(), rustls::Error> {
        let general = |error: io::Error| rustls::Error::General(error.to_string());
        self.cipher.read_tls(records).map_err(general)?;
        let state = self.cipher.process_new_packets();
        // Also what came before something that is broken.
        while let Ok(text @ [_, ..]) = self.cipher.reader().fill_buf() {
            let length = text.len();
            self.text.get_mut().extend_from_slice(text);
            self.cipher.reader().consume(length);
            self.fruitless = 0;
        }
        if state?.peer_has_closed() {
            self.end = Some(End::Closed);
        }
        Ok(())
    }

    /// Puts what was opened into `buffer`; `None` when there is nothing yet, 0 at the end.
    fn take(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let taken = self.text.read(buffer)?;
        if self.text.position() == self.text.get_ref().len() as u64 {
            self.text = Cursor::default();
        }
        match &self.end {
            _ if taken > 0 => Ok(Some(taken)),
            None => Ok(None),
            Some(End::Closed) => Ok(Some(0)),
            Some(End::Broken(error)) => Err(invalid(error)),
        }
    }
}

fn invalid(error: &rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error.clone())
}

/// A panic elsewhere does not make what the lock guards unusable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
