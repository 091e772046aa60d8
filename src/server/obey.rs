use std::mem;
use std::time::Instant;

use super::Server;
use super::answers::{help, refuse, refuse_command, refuse_line, refuse_name, slow_down};
use super::connection::Connection;
use super::operator::Asking;
use super::post::{Batch, NotSeated};
use super::session::{Client, Session};
use crate::protocol::{Command, Event, LINE_LIMIT, LeaveReason, RefusalCode, Username};

/// What a line takes at most, with the name before it, unless many of its bytes were replaced by
/// the three of U+FFFD. Such a line counts as several.
const USUAL_SIZE: usize = LINE_LIMIT + 512;

impl Session {
    /// Does what the lines that came ask for; `false` when the client leaves or was sent off.
    pub fn obey(&mut self, client: &mut Client) -> bool {
        let Client {
            server,
            connection,
            lines,
        } = client;
        let mut batch = Batch::default();
        let mut now = Instant::now();
        if self.silent_since + self.bucket.time_to_fill() <= now {
            // A flood is over; the next is another.
            self.told_to_slow_down = false;
        }
        let goes_on = loop {
            let Some(line) = lines.next_line() else {
                self.is_last_open &= lines.is_skipping();
                break true;
            };
            self.is_last_open = false;
            #[cfg(test)]
            assert_ne!(line, Ok("/panic"), "a test wants to see a session fail");
            let wait = self.bucket.take(now);
            if !wait.is_zero() {
                if !self.told_to_slow_down {
                    self.told_to_slow_down = true;
                    batch.answer(self.seat.id(), &slow_down(server.options.rate));
                }
                self.post(server, &mut batch);
                let this_turn = || server.registry.look(|room| room.turn_number());
                self.waits_since.get_or_insert_with(this_turn);
                if !connection.pause(wait) {
                    break false;
                }
                now = Instant::now();
            }
            if connection.state().is_over() {
                break false;
            }
            if !batch.has_room_for(line.map_or(0, str::len)) {
                self.post(server, &mut batch);
            }
            let command = match line {
                Ok(line) => Command::parse(line).map_err(|error| refuse_command(&error)),
                Err(bad) => Err(refuse_line(bad)),
            };
            let before = batch.size;
            if !self.act(server, connection, command, &mut batch) {
                break false;
            }
            self.lines += 1;
            self.silent_since = now;
            self.is_last_open = lines.is_skipping();
            self.bucket
                .charge(batch.size.saturating_sub(before) / USUAL_SIZE);
        };
        // What waits in the kernel was written while its author was held back; but nothing that answers
        // what is posted now.
        if self.waits_since.is_some() && !client.connection.has_unread() {
            self.waits_since = None;
        }
        self.post(client.server, &mut batch);
        goes_on && !client.connection.state().is_over()
    }

    /// Does what one line asks for; `false` when the client leaves.
    fn act(
        &mut self,
        server: &Server,
        connection: &Connection,
        command: Result<Option<Command>, Event<'static>>,
        batch: &mut Batch,
    ) -> bool {
        let (me, name) = (self.seat.id(), self.seat.name());
        match command {
            Ok(None) => {}
            Ok(Some(Command::Say(text))) => {
                batch.public(me, &Event::Message(name.clone(), text));
            }
            Ok(Some(Command::Act(text))) => {
                batch.public(me, &Event::Action(name.clone(), text));
            }
            Ok(Some(Command::Private { to, text })) => match find(&mut self.addressee, to) {
                Some(to) => batch.private(me, to, text, self.waits_since),
                None => batch.answer(me, &refuse(RefusalCode::NoSuchUser, to)),
            },
            Ok(Some(Command::Who)) => batch.who(me),
            Ok(Some(Command::Help)) => help().for_each(|line| batch.answer(me, &line)),
            Ok(Some(Command::Rename(new))) => match new.parse::<Username>() {
                Err(error) => batch.answer(me, &refuse_name(&error)),
                Ok(new) => match self.seat.rename(new.clone(), mem::take(batch)) {
                    Ok(()) => {}
                    Err(NotSeated::NameTaken) => {
                        let taken = refuse(RefusalCode::UsernameTaken, new.as_str());
                        batch.answer(me, &taken);
                    }
                    Err(NotSeated::Closed | NotSeated::Gone) => return false,
                },
            },
            Ok(Some(Command::Operator { word, command })) => {
                let asking = Asking {
                    server,
                    seat: &self.seat,
                    connection,
                    waits_since: self.waits_since,
                    batch,
                };
                asking.obey(&word, command, &mut self.wrong_secrets);
            }
            Ok(Some(Command::Quit)) => {
                self.seat.reason = LeaveReason::Quit;
                return false;
            }
            Err(refusal) => batch.answer(me, &refusal),
        }
        true
    }

    /// Posts what was collected, and how many lines of a session have taken effect with it.
    fn post(&mut self, server: &Server, batch: &mut Batch) {
        let lines = self.counted();
        if self.token.is_some() && lines > self.told {
            self.told = lines;
            batch.answer(self.seat.id(), &Event::Got(lines));
        }
        server.registry.post(mem::take(batch));
    }
}

/// The name that was typed, if it is one; `last` is the one before.
fn find(last: &mut Option<Username>, typed: &str) -> Option<Username> {
    if last.as_ref().is_none_or(|name| name.as_str() != typed) {
        *last = typed.parse().ok();
    }
    last.clone()
}
