use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use log::debug;

use super::Server;
use super::answers::{
    encryption_required, help, refuse, refuse_command, refuse_line, refuse_name, slow_down,
};
use super::connection::Connection;
use super::entrance::Entrance;
use super::operator::{Asking, recheck};
use super::pace::TokenBucket;
use super::post::{Outbox, line};
use super::registry::{NotSeated, Seat};
use super::secret::Secret;
use crate::protocol::{
    Command, Event, Farewell, LINE_LIMIT, LeaveReason, LineReader, RefusalCode, Username,
};

/// How often a name may be tried.
const ATTEMPTS: usize = 5;

/// How many bytes one session collects before it posts them; a last long line may follow, and all
/// of it still goes out with one send.
const FULL: usize = 44 * 1024;

/// How long a client says nothing before the memory of its last burst is given back.
const SILENCE: Duration = Duration::from_secs(1);

/// How long to wait before each read of a line that does not end: no token is spent on it, and
/// without a wait it would keep a processor busy.
const SKIPPING: Duration = Duration::from_millis(4);

/// What a line takes at most, with the name before it, unless many of its bytes were replaced by
/// the three of U+FFFD. Such a line counts as several.
const USUAL_SIZE: usize = LINE_LIMIT + 512;

/// One client's thread: from the name prompt to the last line.
struct Session<'a> {
    server: &'a Server,
    connection: &'a Arc<Connection>,
    lines: LineReader<&'a Connection>,
    bucket: TokenBucket,
    told_to_slow_down: bool,
    /// It has heard the first question.
    is_asked: bool,
    /// Until when it has to be in the room.
    deadline: Instant,
    /// Given for `/op`.
    wrong_secrets: usize,
    /// Who was last written to privately: to read a name takes longer than to read a line.
    addressee: Option<Username>,
}

/// Why a client did not come in.
enum NotIn {
    /// It is told so.
    Refused(Farewell),
    /// It left by itself.
    Gone,
}

/// Serves one client until it is gone, and its seat, if it had one, is free again; to come in it has
/// until `deadline`. What it still sends is to be [drained](Connection::drain) then.
pub fn serve(server: &Server, connection: &Arc<Connection>, entrance: Entrance, deadline: Instant) {
    if entrance == Entrance::Refused {
        connection.send(&line(&encryption_required()));
        return turn_away(connection, Farewell::EncryptionRequired);
    }
    let options = &server.options;
    let mut session = Session {
        server,
        connection,
        lines: LineReader::new(&**connection, LINE_LIMIT),
        bucket: TokenBucket::new(options.rate, options.burst, Instant::now()),
        told_to_slow_down: false,
        is_asked: entrance == Entrance::Plain { is_asked: true },
        deadline,
        wrong_secrets: 0,
        addressee: None,
    };
    match session.come_in() {
        Ok(seat) => {
            if let Err(error) = session.stay(seat) {
                debug!("{}: {error}", connection.peer());
            }
        }
        Err(NotIn::Refused(farewell)) => turn_away(connection, farewell),
        Err(NotIn::Gone) => {}
    }
}

/// Tells a client who is not in the room that it has to go. For it to arrive, what the client
/// still sends has to be [drained](Connection::drain).
pub fn turn_away(connection: &Connection, farewell: Farewell) {
    debug!("{} goes: {farewell}", connection.peer());
    connection.finish(&line(&Event::Goodbye(farewell)));
}

impl Session<'_> {
    /// Asks for the password, and for a name until one is free, within the limits of the door.
    fn come_in(&mut self) -> Result<Seat, NotIn> {
        if let Some(password) = &self.server.options.password {
            self.check(password)?;
        }
        for _ in 0..ATTEMPTS {
            self.ask(&Event::AskUsername)?;
            let refusal = match self.read_name()? {
                Err(refusal) => refusal,
                Ok(name) => match self.server.registry.join(name.clone(), self.connection) {
                    Ok(seat) => {
                        recheck(self.server, &seat, self.connection);
                        return Ok(seat);
                    }
                    Err(NotSeated::Closed) => return Err(NotIn::Refused(Farewell::Shutdown)),
                    Err(NotSeated::NameTaken) => refuse(RefusalCode::UsernameTaken, name.as_str()),
                },
            };
            self.tell(&line(&refusal))?;
        }
        Err(NotIn::Refused(Farewell::TooManyAttempts))
    }

    /// Asks for the password until it is right. MUST NOT tell anything of the room meanwhile.
    fn check(&mut self, password: &Secret) -> Result<(), NotIn> {
        for _ in 0..ATTEMPTS {
            self.ask(&Event::AskPassword)?;
            let refusal = loop {
                match self.lines.next_line() {
                    None => self.read()?,
                    Some(Err(bad)) => break refuse_line(bad),
                    Some(Ok(typed)) if password.is(typed) => return Ok(()),
                    Some(Ok(typed)) => match Command::parse(typed) {
                        Ok(Some(Command::Quit)) => return Err(NotIn::Refused(Farewell::Quit)),
                        _ => break refuse(RefusalCode::PasswordWrong, ""),
                    },
                }
            };
            self.tell(&line(&refusal))?;
        }
        Err(NotIn::Refused(Farewell::TooManyAttempts))
    }

    fn ask(&mut self, question: &Event) -> Result<(), NotIn> {
        match mem::take(&mut self.is_asked) {
            true => Ok(()),
            false => self.tell(&line(question)),
        }
    }

    /// Only before the client is in the room: there, everything goes through the registry.
    fn tell(&self, lines: &str) -> Result<(), NotIn> {
        match self.connection.send(lines) {
            true => Ok(()),
            false => Err(NotIn::Gone),
        }
    }

    /// The name on the next line, or what is wrong with it. Answers questions meanwhile, at the pace
    /// of those who talk.
    fn read_name(&mut self) -> Result<Result<Username, Event<'static>>, NotIn> {
        loop {
            let typed = match self.lines.next_line() {
                None => {
                    self.read()?;
                    continue;
                }
                Some(Err(bad)) => return Ok(Err(refuse_line(bad))),
                Some(Ok(typed)) => typed,
            };
            let answer = match Command::parse(typed) {
                Ok(Some(Command::Quit)) => return Err(NotIn::Refused(Farewell::Quit)),
                Ok(Some(Command::Who)) => self.server.registry.look(|room| room.users()),
                Ok(Some(Command::Help)) => help().map(|event| line(&event)).collect(),
                _ => return Ok(typed.parse().map_err(|error| refuse_name(&error))),
            };
            self.answer(&answer)?;
        }
    }

    /// Answers somebody who has no name yet.
    fn answer(&mut self, lines: &str) -> Result<(), NotIn> {
        let now = Instant::now();
        let wait = self.bucket.take(now);
        let left = self.deadline.saturating_duration_since(now);
        if !self.connection.pause(wait.min(left)) {
            return Err(NotIn::Gone);
        }
        if wait > left {
            return Err(NotIn::Refused(Farewell::HandshakeTimeout));
        }
        self.tell(lines)
    }

    /// Reads more of what a client says who is not in the room.
    fn read(&mut self) -> Result<(), NotIn> {
        match self.fill() {
            Ok(0) if !self.lines.has_rest() => Err(NotIn::Gone),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                Err(NotIn::Refused(Farewell::HandshakeTimeout))
            }
            Err(_) => Err(NotIn::Gone),
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        if self.lines.is_skipping() && self.server.options.rate > 0 {
            thread::sleep(SKIPPING);
        }
        self.lines.fill()
    }

    /// Obeys the client until it leaves or is sent off, and gives the seat back.
    fn stay(&mut self, mut seat: Seat) -> io::Result<()> {
        self.connection.set_deadline(None)?;
        while self.obey(&mut seat) {
            if self.lines.has_grown() {
                self.connection
                    .set_deadline(Some(Instant::now() + SILENCE))?;
            }
            match self.fill() {
                Ok(0) if !self.lines.has_rest() => break,
                Ok(_) => {}
                // The memory of a burst is given back after a moment of silence.
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    self.lines.shrink();
                    self.connection.set_deadline(None)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Does what the lines that came ask for; `false` when the client leaves or was sent off.
    fn obey(&mut self, seat: &mut Seat) -> bool {
        let mut outbox = Outbox::default();
        let mut now = Instant::now();
        let goes_on = loop {
            let Some(line) = self.lines.next_line() else {
                break true;
            };
            #[cfg(test)]
            assert_ne!(line, Ok("/panic"), "a test wants to see a session fail");
            if self.bucket.is_full(now) {
                // The flood is over; the next is another.
                self.told_to_slow_down = false;
            }
            let wait = self.bucket.take(now);
            if !wait.is_zero() {
                if !self.told_to_slow_down {
                    self.told_to_slow_down = true;
                    outbox.answer(seat.id(), &slow_down(self.server.options.rate));
                }
                self.server.registry.post(mem::take(&mut outbox));
                if !self.connection.pause(wait) {
                    break false;
                }
                now = Instant::now();
            }
            if self.connection.state().is_over() {
                break false;
            }
            let (me, name) = (seat.id(), seat.name());
            let before = outbox.size;
            let command = match line {
                Ok(line) => Command::parse(line).map_err(|error| refuse_command(&error)),
                Err(bad) => Err(refuse_line(bad)),
            };
            match command {
                Ok(None) => {}
                Ok(Some(Command::Say(text))) => {
                    outbox.public(me, &Event::Message(name.clone(), text));
                }
                Ok(Some(Command::Act(text))) => {
                    outbox.public(me, &Event::Action(name.clone(), text));
                }
                Ok(Some(Command::Private { to, text })) => match find(&mut self.addressee, to) {
                    Some(to) => outbox.private(me, to, text),
                    None => outbox.answer(me, &refuse(RefusalCode::NoSuchUser, to)),
                },
                Ok(Some(Command::Who)) => outbox.who(me),
                Ok(Some(Command::Help)) => help().for_each(|line| outbox.answer(me, &line)),
                Ok(Some(Command::Rename(new))) => match new.parse::<Username>() {
                    Err(error) => outbox.answer(me, &refuse_name(&error)),
                    Ok(new) => match seat.rename(new.clone(), mem::take(&mut outbox)) {
                        Ok(()) => {}
                        Err(NotSeated::NameTaken) => {
                            let taken = refuse(RefusalCode::UsernameTaken, new.as_str());
                            outbox.answer(me, &taken);
                        }
                        Err(NotSeated::Closed) => break false,
                    },
                },
                Ok(Some(Command::Operator { word, command })) => {
                    let asking = Asking {
                        server: self.server,
                        seat,
                        connection: self.connection,
                        outbox: &mut outbox,
                    };
                    asking.obey(&word, command, &mut self.wrong_secrets);
                    now = Instant::now();
                }
                Ok(Some(Command::Quit)) => {
                    seat.reason = LeaveReason::Quit;
                    break false;
                }
                Err(refusal) => outbox.answer(me, &refusal),
            }
            self.bucket
                .charge(outbox.size.saturating_sub(before) / USUAL_SIZE);
            if outbox.size >= FULL {
                self.server.registry.post(mem::take(&mut outbox));
            }
        };
        self.server.registry.post(outbox);
        goes_on && !self.connection.state().is_over()
    }
}

/// The name that was typed, if it is one; `last` is the one before.
fn find(last: &mut Option<Username>, typed: &str) -> Option<Username> {
    if last.as_ref().is_none_or(|name| name.as_str() != typed) {
        *last = typed.parse().ok();
    }
    last.clone()
}
