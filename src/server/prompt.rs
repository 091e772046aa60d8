use std::io::ErrorKind;
use std::mem;
use std::time::{Duration, Instant};

use super::answers::{help, refuse, refuse_line, refuse_name};
use super::operator::recheck;
use super::pace::TokenBucket;
use super::post::{NotSeated, Resumption, line};
use super::secret::Secret;
use super::session::{Client, Session};
use super::sessions::NotTaken;
use crate::protocol::{
    Command, Event, Farewell, Introduction, RefusalCode, Stamp, Token, Username,
};

/// How often a name may be tried.
const ATTEMPTS: usize = 5;

/// What a client is asked before it is in the room.
pub struct Prompt<'a, 'c> {
    client: &'a mut Client<'c>,
    bucket: TokenBucket,
    /// It has heard the first question.
    is_asked: bool,
    /// Until when it has to be in the room.
    deadline: Instant,
    wants_session: bool,
}

/// Why a client did not come in.
pub enum NotIn {
    /// It is told so.
    Refused(Farewell),
    /// It left by itself.
    Gone,
}

/// What somebody wants to come in by.
enum Wanted {
    /// A name, as typed.
    Name(String),
    Resume(Token, Stamp),
}

impl<'a, 'c> Prompt<'a, 'c> {
    /// Of a client that has to be in the room before `deadline`.
    pub fn new(client: &'a mut Client<'c>, is_asked: bool, deadline: Instant) -> Self {
        let options = &client.server.options;
        let bucket = TokenBucket::new(options.rate, options.burst, Instant::now());
        Prompt {
            client,
            bucket,
            is_asked,
            deadline,
            wants_session: false,
        }
    }

    /// Asks for the password, and for a name until one is free, or for a session to go on with;
    /// within the limits of the door.
    ///
    /// Neither this is inlined nor what it does one after the other: all of it would be on the stack at
    /// once, and what a stack once took stays resident as long as its thread.
    #[inline(never)]
    pub fn come_in(mut self) -> Result<Box<Session>, NotIn> {
        if let Some(password) = &self.client.server.options.password {
            self.check(password)?;
        }
        for _ in 0..ATTEMPTS {
            self.ask(&Event::AskUsername)?;
            let seated = match self.read_wanted()? {
                Err(refusal) => Err(refusal),
                // To read a name takes a stack of its own, not on top of what reads the line.
                Ok(Wanted::Name(typed)) => match typed.parse() {
                    Ok(name) => self.join(name)?,
                    Err(error) => Err(refuse_name(&error)),
                },
                Ok(Wanted::Resume(token, after)) => self.resume(token, after)?,
            };
            match seated {
                Ok(session) => {
                    recheck(self.client.server, &session.seat, self.client.connection);
                    return Ok(session);
                }
                Err(refusal) => self.tell(&line(&refusal))?,
            }
        }
        Err(NotIn::Refused(Farewell::TooManyAttempts))
    }

    /// Asks for the password until it is right. MUST NOT tell anything of the room meanwhile.
    fn check(&mut self, password: &Secret) -> Result<(), NotIn> {
        for _ in 0..ATTEMPTS {
            self.ask(&Event::AskPassword)?;
            let refusal = loop {
                match self.client.lines.next_line() {
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
        match self.client.connection.send(lines) {
            true => Ok(()),
            false => Err(NotIn::Gone),
        }
    }

    /// Seats whoever gave this name, or says why not.
    #[inline(never)]
    fn join(&self, name: Username) -> Result<Result<Box<Session>, Event<'static>>, NotIn> {
        let (server, connection) = (self.client.server, self.client.connection);
        let id = server.registry.new_seat(self.wants_session);
        let (token, opened) = match self.wants_session {
            true => {
                let token = server.sessions.open(id, connection);
                // Before anybody hears of it, so that nothing said meanwhile is lost on coming back.
                let opened = server.registry.look(|room| room.last());
                (Some(token.map_err(|_| NotIn::Gone)?), opened)
            }
            false => (None, Stamp::EPOCH),
        };
        let joined = server.registry.join(id, name.clone(), connection, token);
        if joined.is_err() && token.is_some() {
            server.sessions.end(|seat, _| seat == id);
        }
        match joined {
            Ok(seat) => Ok(Ok(Session::new(seat, token, opened, self.bucket.clone()))),
            Err(NotSeated::NameTaken) => Ok(Err(refuse(RefusalCode::UsernameTaken, name.as_str()))),
            Err(NotSeated::Closed | NotSeated::Gone) => Err(NotIn::Refused(Farewell::Shutdown)),
        }
    }

    /// Goes on with a session behind `after`, or says why not.
    #[inline(never)]
    fn resume(
        &self,
        token: Token,
        after: Stamp,
    ) -> Result<Result<Box<Session>, Event<'static>>, NotIn> {
        let (server, connection) = (self.client.server, self.client.connection);
        self.pause(server.sessions.pace(token))?;
        let mut session = match server.sessions.take(token, connection) {
            Ok(session) => session,
            Err(NotTaken::Unknown) => return Ok(Err(refuse(RefusalCode::SessionUnknown, ""))),
            Err(NotTaken::Busy) => return Err(NotIn::Gone),
            Err(NotTaken::Replaced) => return Err(NotIn::Refused(Farewell::Replaced)),
        };
        let lines = session.lines;
        let seat = &mut session.seat;
        let place = Resumption {
            after: after.max(session.opened),
            lines,
            is_confidential: connection.is_confidential(),
        };
        let resumed = server.registry.resume(seat, connection, place);
        let (id, name) = (seat.id(), seat.name().clone());
        match resumed {
            Ok(()) => Ok(Ok(session)),
            Err(NotSeated::NameTaken) => {
                server.sessions.remember(token, session);
                Ok(Err(refuse(RefusalCode::UsernameTaken, name.as_str())))
            }
            Err(NotSeated::Gone) => {
                server.sessions.end(|seat, _| seat == id);
                Ok(Err(refuse(RefusalCode::SessionUnknown, "")))
            }
            Err(NotSeated::Closed) => Err(NotIn::Refused(Farewell::Shutdown)),
        }
    }

    /// What the next lines ask for, or what is wrong with them. Answers questions meanwhile, at the
    /// pace of those who talk.
    #[inline(never)]
    fn read_wanted(&mut self) -> Result<Result<Wanted, Event<'static>>, NotIn> {
        loop {
            let typed = match self.client.lines.next_line() {
                None => {
                    self.read()?;
                    continue;
                }
                Some(Err(bad)) => return Ok(Err(refuse_line(bad))),
                Some(Ok(typed)) => typed,
            };
            let answer = match Introduction::parse(typed) {
                Introduction::Quit => return Err(NotIn::Refused(Farewell::Quit)),
                Introduction::Who => self.client.server.registry.look(|room| room.users()),
                Introduction::Help => help().map(|event| line(&event)).collect(),
                Introduction::Session => {
                    self.wants_session = true;
                    String::new()
                }
                Introduction::Resume(Some((token, after))) => {
                    return Ok(Ok(Wanted::Resume(token, after)));
                }
                Introduction::Resume(None) => {
                    return Ok(Err(refuse(RefusalCode::SessionUnknown, "")));
                }
                Introduction::Name(typed) => return Ok(Ok(Wanted::Name(typed.to_owned()))),
            };
            let wait = self.bucket.take(Instant::now());
            self.pause(wait)?;
            self.tell(&answer)?;
        }
    }

    /// Waits, until the deadline at most.
    fn pause(&self, wait: Duration) -> Result<(), NotIn> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if !self.client.connection.pause(wait.min(left)) {
            return Err(NotIn::Gone);
        }
        match wait > left {
            true => Err(NotIn::Refused(Farewell::HandshakeTimeout)),
            false => Ok(()),
        }
    }

    /// Reads more of what a client says who is not in the room.
    fn read(&mut self) -> Result<(), NotIn> {
        match self.client.fill() {
            // Where a session is wanted, half a name is none.
            Ok(0) if self.wants_session || !self.client.lines.has_rest() => Err(NotIn::Gone),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                Err(NotIn::Refused(Farewell::HandshakeTimeout))
            }
            Err(_) => Err(NotIn::Gone),
        }
    }
}
