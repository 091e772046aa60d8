use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use log::debug;

use super::Server;
use super::answers::{help, refuse, refuse_command, refuse_line, refuse_name, slow_down};
use super::connection::{Connection, GLANCE};
use super::limits::TokenBucket;
use super::outbox::{Outbox, line};
use super::registry::Seat;
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
}

/// How a client did not get in.
enum Turned {
    /// With these last words.
    Away(Farewell),
    /// It left by itself.
    Back,
}

/// Serves one client until it is gone, and its seat, if it had one, is free again.
pub fn serve(server: &Server, connection: &Arc<Connection>) {
    let options = &server.options;
    let mut session = Session {
        server,
        connection,
        lines: LineReader::new(&**connection, LINE_LIMIT),
        bucket: TokenBucket::new(options.rate, options.burst, Instant::now()),
        told_to_slow_down: false,
    };
    match session.come_in() {
        Ok(seat) => {
            if let Err(error) = session.talk(seat) {
                debug!("{}: {error}", connection.peer());
            }
            connection.drain();
        }
        Err(Turned::Away(farewell)) => say_farewell(connection, farewell),
        Err(Turned::Back) => {}
    }
}

/// Tells a client who is not in the room that it has to go, and sees to it that it arrives.
pub fn say_farewell(connection: &Connection, farewell: Farewell) {
    turn_away(connection, farewell);
    connection.drain();
}

/// The same without the wait, for whoever has other clients to think of.
pub fn turn_away(connection: &Connection, farewell: Farewell) {
    debug!("{} goes: {farewell}", connection.peer());
    // One who cannot be told is gone already.
    let _ = tell(connection, &Event::Goodbye(farewell));
    connection.finish();
}

/// For those who are not in the room: there, everything goes through the registry.
fn tell(connection: &Connection, event: &Event) -> Result<(), Turned> {
    connection.send(&line(event));
    match connection.failure() {
        None => Ok(()),
        Some(_) => Err(Turned::Back),
    }
}

impl Session<'_> {
    /// Asks for a name until one is free, within the limits of the door.
    fn come_in(&mut self) -> Result<Seat, Turned> {
        let deadline = Instant::now() + self.server.options.handshake_timeout;
        for _ in 0..ATTEMPTS {
            tell(self.connection, &Event::AskUsername)?;
            let refusal = match self.read_name(deadline)? {
                Err(refusal) => refusal,
                Ok(name) => match self.server.registry.join(name.clone(), self.connection) {
                    Some(seat) => return Ok(seat),
                    None if self.server.is_closing() => {
                        return Err(Turned::Away(Farewell::Shutdown));
                    }
                    None => refuse(RefusalCode::UsernameTaken, name.as_str()),
                },
            };
            tell(self.connection, &refusal)?;
        }
        Err(Turned::Away(Farewell::TooManyAttempts))
    }

    /// The name on the next line, or what is wrong with it. The deadline is absolute: a byte now
    /// and then does not move it.
    fn read_name(&mut self, deadline: Instant) -> Result<Result<Username, Event<'static>>, Turned> {
        loop {
            match self.lines.next_line() {
                Some(Ok(line)) if matches!(Command::parse(line), Ok(Some(Command::Quit))) => {
                    return Err(Turned::Away(Farewell::Quit));
                }
                Some(Ok(line)) => {
                    return Ok(line.parse().map_err(|error| refuse_name(&error)));
                }
                Some(Err(bad)) => return Ok(Err(refuse_line(bad))),
                None => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if self.server.is_closing() {
                return Err(Turned::Away(Farewell::Shutdown));
            }
            if left.is_zero() {
                return Err(Turned::Away(Farewell::HandshakeTimeout));
            }
            let patience = left.min(GLANCE).max(Duration::from_millis(1));
            self.connection
                .set_patience(Some(patience))
                .map_err(|_| Turned::Back)?;
            match self.fill() {
                Ok(0) if self.lines.has_rest() && !self.connection.is_broken() => {}
                Ok(0) => return Err(Turned::Back),
                Err(error) if !is_timeout(&error) => return Err(Turned::Back),
                _ => {}
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        if self.lines.is_skipping() && self.server.options.rate > 0 {
            thread::sleep(SKIPPING);
        }
        self.lines.fill()
    }

    /// Listens until the client leaves, and gives the seat back.
    fn talk(&mut self, mut seat: Seat) -> io::Result<()> {
        self.connection.set_patience(None)?;
        let mut is_patient = true;
        while self.hear(&mut seat) {
            match self.fill() {
                Ok(0) if !self.lines.has_rest() || self.connection.is_broken() => break,
                // The memory of a burst is given back after a moment of silence.
                Ok(_) if is_patient && self.lines.has_grown() => {
                    self.connection.set_patience(Some(SILENCE))?;
                    is_patient = false;
                }
                Ok(_) => {}
                Err(error) if is_timeout(&error) => {
                    self.lines.shrink();
                    self.connection.set_patience(None)?;
                    is_patient = true;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Does what the lines that came ask for; `false` when the client leaves or was sent off.
    fn hear(&mut self, seat: &mut Seat) -> bool {
        let mut outbox = Outbox::default();
        let mut now = Instant::now();
        let goes_on = loop {
            let Some(line) = self.lines.next_line() else {
                break true;
            };
            #[cfg(test)]
            assert_ne!(line, Ok("/panic"), "a test wants to see a session fail");
            let wait = self.bucket.take(now);
            if !wait.is_zero() {
                if !self.told_to_slow_down {
                    self.told_to_slow_down = true;
                    outbox.tell(seat.name(), &slow_down(self.server.options.rate));
                }
                self.server.registry.post(mem::take(&mut outbox));
                if !self.connection.pause(wait) {
                    break false;
                }
                now = Instant::now();
            }
            if self.connection.is_closed() {
                break false;
            }
            let me = seat.name();
            let before = outbox.size;
            let command = match line {
                Ok(line) => Command::parse(line).map_err(|error| refuse_command(&error)),
                Err(bad) => Err(refuse_line(bad)),
            };
            match command {
                Ok(None) => {}
                Ok(Some(Command::Say(text))) => outbox.say(me, &Event::Message(me.clone(), text)),
                Ok(Some(Command::Act(text))) => outbox.say(me, &Event::Action(me.clone(), text)),
                Ok(Some(Command::Private { to, text })) => match to.parse() {
                    Ok(to) => outbox.confide(me, to, text),
                    Err(_) => outbox.tell(me, &refuse(RefusalCode::NoSuchUser, to)),
                },
                Ok(Some(Command::Who)) => outbox.ask(me),
                Ok(Some(Command::Help)) => {
                    help().for_each(|line| outbox.tell(me, &line));
                }
                Ok(Some(Command::Rename(new))) => match new.parse::<Username>() {
                    Err(error) => outbox.tell(me, &refuse_name(&error)),
                    Ok(new) if seat.rename(new.clone(), mem::take(&mut outbox)) => {}
                    Ok(new) => {
                        let taken = refuse(RefusalCode::UsernameTaken, new.as_str());
                        outbox.tell(seat.name(), &taken);
                    }
                },
                Ok(Some(Command::Quit)) => {
                    seat.reason = LeaveReason::Quit;
                    break false;
                }
                Err(refusal) => outbox.tell(me, &refusal),
            }
            self.bucket
                .charge(outbox.size.saturating_sub(before) / USUAL_SIZE);
            if outbox.size >= FULL {
                self.server.registry.post(mem::take(&mut outbox));
            }
        };
        self.server.registry.post(outbox);
        goes_on && !self.connection.is_closed()
    }
}

fn is_timeout(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}
