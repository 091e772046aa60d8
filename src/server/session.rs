use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use log::debug;

use super::Server;
use super::answers::encryption_required;
use super::connection::{Connection, State};
use super::entrance::Entrance;
use super::pace::TokenBucket;
use super::post::{Post, line};
use super::prompt::{NotIn, Prompt};
use super::seat::Seat;
use crate::protocol::{
    Event, Farewell, LINE_LIMIT, LeaveReason, LineReader, Stamp, Token, Username,
};

/// How long a client says nothing before the memory of its last burst is given back.
const SILENCE: Duration = Duration::from_secs(1);

/// How long to wait before each read of a line that does not end: no token is spent on it, and
/// without a wait it would keep a processor busy.
const SKIPPING: Duration = Duration::from_millis(4);

/// A client, as its thread sees it.
pub struct Client<'a> {
    /// Where it comes in.
    pub server: &'a Server,
    /// How it is reached.
    pub connection: &'a Arc<Connection>,
    /// What it says, cut into lines.
    pub lines: LineReader<&'a Connection>,
}

/// Somebody in the room. Whoever has a token outlives the connection.
pub struct Session {
    /// The place in the room.
    pub seat: Seat,
    /// By what it is resumed over another connection; `None` for whoever leaves with this one.
    pub token: Option<Token>,
    /// Behind this comes all that its owner may hear.
    pub opened: Stamp,
    /// How many lines have taken effect.
    pub lines: u64,
    /// Whether the last of them, which is too long, has no end yet.
    pub(super) is_last_open: bool,
    /// How many lines it was told of.
    pub(super) told: u64,
    pub(super) bucket: TokenBucket,
    pub(super) told_to_slow_down: bool,
    /// When its last line had its effect.
    pub(super) silent_since: Instant,
    /// Since which turn of the room what it says has had to wait, if it has.
    pub(super) waits_since: Option<u64>,
    /// Given for `/op`.
    pub(super) wrong_secrets: usize,
    /// Who was last written to privately: to read a name takes longer than to read a line.
    pub(super) addressee: Option<Username>,
}

/// Serves one client until it is gone, and its seat, if it had one, is free again or is held: then
/// returns the token of the session, to be [watched](super::sessions::Sessions::watch). To come in
/// the client has until `deadline`; what it still sends is to be [drained](Connection::drain).
pub fn serve(
    server: &Server,
    connection: &Arc<Connection>,
    entrance: Entrance,
    deadline: Instant,
) -> Option<Token> {
    if entrance == Entrance::Refused {
        let encrypts = server.options.encryption.is_some();
        connection.send(&line(&encryption_required(encrypts)));
        turn_away(connection, Farewell::EncryptionRequired);
        return None;
    }
    let mut client = Client {
        server,
        connection,
        lines: LineReader::new(&**connection, LINE_LIMIT),
    };
    let is_asked = entrance == Entrance::Plain { is_asked: true };
    match Prompt::new(&mut client, is_asked, deadline).come_in() {
        Ok(mut session) => {
            let ended = session.stay(&mut client);
            session.part(&client, ended)
        }
        Err(NotIn::Refused(farewell)) => {
            turn_away(connection, farewell);
            None
        }
        Err(NotIn::Gone) => None,
    }
}

/// Tells a client who is not in the room that it has to go. For it to arrive, what the client
/// still sends has to be [drained](Connection::drain).
pub fn turn_away(connection: &Connection, farewell: Farewell) {
    debug!("{} goes: {farewell}", connection.peer());
    connection.finish(&line(&Event::Goodbye(farewell)));
}

impl Client<'_> {
    /// Reads more of what it says, at a pace.
    pub fn fill(&mut self) -> io::Result<usize> {
        if self.lines.is_skipping() && self.server.options.rate > 0 {
            thread::sleep(SKIPPING);
        }
        self.lines.fill()
    }
}

impl Session {
    /// Of whoever has taken this seat, and may say as much as `bucket` lets them.
    ///
    /// Not on the stack, nor inlined, as what follows: what a stack once took stays resident as long as
    /// its thread.
    #[inline(never)]
    pub fn new(seat: Seat, token: Option<Token>, opened: Stamp, bucket: TokenBucket) -> Box<Self> {
        Box::new(Session {
            seat,
            token,
            opened,
            lines: 0,
            is_last_open: false,
            told: 0,
            bucket,
            told_to_slow_down: false,
            silent_since: Instant::now(),
            waits_since: None,
            wrong_secrets: 0,
            addressee: None,
        })
    }

    /// Obeys the client until it leaves, is sent off, or its connection breaks.
    #[inline(never)]
    fn stay(&mut self, client: &mut Client) -> io::Result<()> {
        self.told = self.lines;
        client.connection.set_deadline(None)?;
        while self.obey(client) {
            if client.lines.has_grown() {
                let deadline = Some(Instant::now() + SILENCE);
                client.connection.set_deadline(deadline)?;
            }
            match client.fill() {
                // Half a line counts where it can be seen that nothing follows.
                Ok(0) if self.token.is_some() || !client.lines.has_rest() => break,
                Ok(_) => {}
                // The memory of a burst is given back after a moment of silence.
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    client.lines.shrink();
                    client.connection.set_deadline(None)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives the seat back, or keeps it for one whose connection has ended by itself: then returns
    /// the token.
    #[inline(never)]
    fn part(mut self: Box<Self>, client: &Client, ended: io::Result<()>) -> Option<Token> {
        let Client {
            server, connection, ..
        } = client;
        let state = connection.state();
        if let Err(error) = &ended {
            debug!("{}: {error}", connection.peer());
        }
        if state == State::Slow {
            self.seat.reason = LeaveReason::Slow;
        }
        let token = self.token?;
        let seat = self.seat.id();
        if self.seat.reason == LeaveReason::Quit {
            server.sessions.end(|other, _| other == seat);
            return None;
        }
        self.lines = self.counted();
        self.is_last_open = false;
        let now = Timestamp::now();
        let unread_since = match state {
            // The client has closed its side, and could still read.
            State::Open if ended.is_ok() => now,
            // So long it may have been unable to read, or unwilling: also where it comes back over
            // another connection before it is known that this one is dead.
            _ => now - server.options.keepalive,
        };
        server
            .registry
            .post(Post::Hold { seat, unread_since }.into());
        server.sessions.release(token, self);
        Some(token)
    }

    /// How many lines with an end have taken effect.
    pub fn counted(&self) -> u64 {
        self.lines - u64::from(self.is_last_open)
    }
}
