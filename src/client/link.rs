use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::connect::{ServerAddress, reach};
use super::flood::Sent;
use super::outbox::Line;
use super::seat::{Claim, Leaving, Place, Seat};
use super::session::Session;
use super::trust::{self, Trust};
use super::{Ending, Problem, is_here};
use crate::protocol::{EVENT_LIMIT, Event, LineReader, Stamp};
use crate::tls::Stream;

/// Within which time a vanished server is given up; the server's own default for us.
pub const KEEPALIVE: Duration = Duration::from_secs(45);

/// How long a server may take for each word until one is in again.
const ANSWER_PATIENCE: Duration = Duration::from_secs(9);

/// The way to the server, over one connection or over several after each other, and the only sender
/// and receiver of their sockets.
///
/// With a seat that outlives them, what is sent in the room waits in its outbox until the server has
/// counted it, and nobody waits for a socket: the lines go out as far as it takes them, and more each
/// time that some have been counted. Without one, sending waits.
pub struct Link {
    session: Arc<Session>,
    pub server: ServerAddress,
    /// Whom to believe on each further connection; `None` does without encryption.
    trust: Option<Trust>,
    state: Mutex<State>,
}

struct State {
    stream: Arc<Stream>,
    sent: Sent,
    /// `None` for whoever does not come back when the connection breaks.
    seat: Option<Seat>,
    /// More was to be sent than is kept.
    is_full: bool,
    /// Over this connection nothing more is sent; whoever reads finds out why.
    is_broken: bool,
    /// `/SAIR` was said over it.
    has_left: bool,
}

/// What comes over one connection.
pub struct Incoming(Arc<Stream>);

/// The lines of it.
pub type Lines = LineReader<Incoming>;

impl Link {
    /// The link over `stream`, for as long as `session` lasts. With a `seat`, one comes back to
    /// `server` when the connection breaks, if it still is one that `trust` believes.
    pub fn new(
        stream: Stream,
        session: Arc<Session>,
        server: ServerAddress,
        trust: Option<Trust>,
        seat: Option<Seat>,
    ) -> Self {
        Link {
            session,
            server,
            trust,
            state: Mutex::new(State {
                stream: Arc::new(stream),
                sent: Sent::now(),
                seat,
                is_full: false,
                is_broken: false,
                has_left: false,
            }),
        }
    }

    /// Answers what is asked at the door, with a line that has no line end yet.
    ///
    /// Waits as long as the server takes nothing, but not once the session ends: then it fails
    /// with `TimedOut`. An error may leave half the line sent; all that is to follow it then fails
    /// with `BrokenPipe`.
    pub fn answer(&self, line: &str) -> io::Result<()> {
        let mut state = self.lock();
        let stream = state.stream.clone();
        let line = state.sent.add(line, stream.socket());
        drop(state);
        let wait = || self.session.wait_to_write(stream.socket(), Duration::ZERO);
        stream.send(line.as_bytes(), wait)
    }

    /// Sends one line in the room, which has no line end yet.
    ///
    /// Without a seat that outlives the connection it waits and fails as [`answer`](Self::answer) does.
    /// With one it MUST NOT wait: it fails with `StorageFull` when too much waits already. Whoever has time
    /// can try again once [`Known::is_full`](super::known::Known::is_full) is false.
    pub fn send(&self, text: &str) -> io::Result<()> {
        let mut state = self.lock();
        let Some(seat) = &mut state.seat else {
            return self.send_without_seat(state, text);
        };
        let line = Line {
            text: text.to_owned(),
            typed: SystemTime::now(),
        };
        if seat.outbox.push(line) {
            self.send_on(&mut state);
            return Ok(());
        }
        if seat.claim == Claim::None {
            // A server that has told of no session by now gives none.
            return self.send_without_seat(state, text);
        }
        state.is_full = true;
        self.session.change(|known| known.is_full = true);
        Err(ErrorKind::StorageFull.into())
    }

    /// Does without a seat from now on: sends what waits, and `last` behind it.
    fn send_without_seat(&self, mut state: MutexGuard<State>, last: &str) -> io::Result<()> {
        let unsent = state.seat.take().map(|mut seat| seat.outbox.empty().1);
        drop(state);
        let unsent = unsent.unwrap_or_default();
        let mut lines = unsent.iter().map(|line| line.text.as_str()).chain([last]);
        lines.try_for_each(|line| self.answer(line))
    }

    /// Sends what waits in the outbox until enough is on its way, and `/SAIR` behind the last of it for
    /// whoever leaves. Each time the server has counted some, it is called for more.
    fn send_on(&self, state: &mut State) {
        while let Some(line) = state.next_line() {
            let stream = &state.stream;
            let line = format!("{line}\n");
            let sent = stream.send(line.as_bytes(), || Err(ErrorKind::WouldBlock.into()));
            state.is_broken = sent.is_err();
            if sent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                // Only a new connection mends what is torn.
                let _ = stream.socket().shutdown(Shutdown::Both);
            }
        }
        if state.is_full {
            state.is_full = false;
            self.session.change(|known| known.is_full = false);
        }
    }

    /// Makes a server speak that waits to see whether we encrypt, by a first byte that says nothing: it
    /// drops a byte order mark. Where something is said encrypted, none is needed.
    pub fn nudge(&self) {
        let stream = self.lock().stream.clone();
        if !stream.is_sealed() {
            // When it fails, whoever reads finds out why.
            let _ = stream.send("\u{feff}".as_bytes(), || Err(ErrorKind::WouldBlock.into()));
        }
    }

    /// Takes in what concerns the seat, as [`Seat::heed`] does; what has come before is not to be shown
    /// again.
    pub fn heed(&self, stamp: Option<Stamp>, event: &Event) -> (bool, Vec<Line>) {
        let mut state = self.lock();
        let Some(seat) = &mut state.seat else {
            return (true, Vec::new());
        };
        let heeded = match seat.is_without_session(stamp, event) {
            true => {
                state.seat = None;
                (true, Vec::new())
            }
            false => seat.heed(stamp, event),
        };
        self.send_on(&mut state);
        heeded
    }

    /// Leaves the room, behind all that waits to be sent. Where the connection is broken the session ends
    /// at once, unless all has to be counted first.
    pub fn leave(&self, when: Leaving) {
        let mut state = self.lock();
        match &mut state.seat {
            Some(seat) if seat.place != Place::Door => {
                seat.leaving = when;
                if seat.place == Place::Away && !seat.is_worth_coming_back() {
                    self.session.end(Ending::Left);
                }
                self.send_on(&mut state);
            }
            // A server that takes nothing need not be told.
            _ => drop(self.send_without_seat(state, "/SAIR")),
        }
    }

    /// Gives the connection up, at once: a server that shuts down waits for that. `false` when nobody
    /// is to come back over a new one.
    pub fn lose(&self) -> bool {
        let mut state = self.lock();
        let returns = |seat: &&mut Seat| seat.is_worth_coming_back() && !self.session.is_ending();
        let Some(seat) = state.seat.as_mut().filter(returns) else {
            return false;
        };
        seat.place = Place::Away;
        self.session.change(|known| known.is_away = true);
        drop(state);
        self.close();
        true
    }

    /// Connects anew, to a server that has the key it had before.
    pub fn connect(&self) -> Result<Lines, Ending> {
        let socket = reach(&self.server)?;
        let stream = match &self.trust {
            None => Stream::plain(socket),
            Some(trust) => trust::encrypt(socket, &self.server.to_string(), trust)?.0,
        };
        set_patience(&stream, Some(ANSWER_PATIENCE))?;
        let mut state = self.lock();
        state.stream = Arc::new(stream);
        state.sent = Sent::now();
        (state.is_broken, state.has_left) = (false, false);
        drop(state);
        Ok(self.lines())
    }

    /// What comes over the connection there is now.
    pub fn incoming(&self) -> Incoming {
        Incoming(self.lock().stream.clone())
    }

    /// The same in lines.
    pub fn lines(&self) -> Lines {
        LineReader::new(self.incoming(), EVENT_LIMIT)
    }

    /// Looks at the seat, or changes it, if there is one.
    pub fn seat<T>(&self, act: impl FnOnce(&mut Seat) -> T) -> Option<T> {
        self.lock().seat.as_mut().map(act)
    }

    /// Whether nobody on the way can read what is sent.
    pub fn is_private(&self) -> bool {
        let stream = &self.lock().stream;
        stream.is_sealed() || is_here(stream.socket())
    }

    /// Goes on over this connection, which one has come back by.
    pub fn go_on(&self) -> Result<(), Problem> {
        let mut state = self.lock();
        set_patience(&state.stream, None)?;
        self.session.change(|known| known.is_away = false);
        self.send_on(&mut state);
        Ok(())
    }

    /// Closes the connection; who reads from it reads its end.
    pub fn close(&self) {
        let stream = self.lock().stream.clone();
        stream.finish();
        // It fails only where it is closed already.
        let _ = stream.socket().shutdown(Shutdown::Both);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The next line to be sent, as long as not enough is on its way and the kernel has space for it.
    fn next_line(&mut self) -> Option<String> {
        let seat = self.seat.as_mut()?;
        let leaves = seat.leaving != Leaving::No && !self.has_left;
        let is_all_sent = seat.outbox.is_sent() && !leaves;
        let may_send = seat.place == Place::Room && !self.is_broken;
        if is_all_sent || !may_send || !self.stream.has_space() {
            return None;
        }
        if !seat.outbox.is_sent() {
            return seat.send_next().map(str::to_owned);
        }
        self.has_left = true;
        Some("/SAIR".to_owned())
    }
}

impl Read for Incoming {
    /// Reads once; `Interrupted` when what came says nothing yet.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

/// How long each wait for the server may take.
fn set_patience(stream: &Stream, patience: Option<Duration>) -> Result<(), Problem> {
    Ok(stream.socket().set_read_timeout(patience)?)
}
