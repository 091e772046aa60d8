use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;

use jiff::Timestamp;
use log::info;

use super::backlog::{Audience, Backlog};
use super::post::{Newcomer, NotSeated, Post, SeatId, line};
use crate::protocol::{Event, Farewell, LeaveReason, Stamp, Token, Username};
use turn::Turn;

mod operator;
mod say;
mod sessions;
mod turn;
mod who;

#[cfg(test)]
mod tests;

/// Who is here, and what follows from what happens. Takes posts, and keeps what each is to hear until
/// it is delivered. It knows no socket, no thread and no clock.
#[derive(Default)]
pub struct Room {
    rules: Rules,
    people: HashMap<SeatId, Person>,
    /// Each name that is taken, and each look: no two people share either.
    names: HashMap<Username, SeatId>,
    looks: HashMap<Box<str>, SeatId>,
    backlog: Backlog,
    /// Of what happened last.
    last: Stamp,
    /// When what happens now happens.
    now: Timestamp,
    /// How many people read stamps.
    sessions: usize,
    turn: Turn,
    /// Which it is, counted from 0.
    turn_number: u64,
    /// Where in the turn the answer to `/quem` stands, while it is true.
    users: Option<Range<usize>>,
    /// Where in the turn the history stands, while it is all of it.
    history: Option<Range<usize>>,
}

/// How a room is to be.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// How many lines of what was said newcomers hear.
    pub history: usize,
    /// How many bytes of what they missed people are told at most.
    pub most_replayed: usize,
    /// How many seconds a session is held.
    pub hold: u64,
    /// Whether all that is said to all is to be had [with stamps](Turn::stamped).
    pub is_transcribed: bool,
}

struct Person {
    name: Username,
    /// In which turn they took it.
    named_in: u64,
    /// Where they are connected, and since when they are here.
    peer: SocketAddr,
    since: Timestamp,
    /// Since when nobody reads what they are told; `None` while somebody does.
    gone: Option<Timestamp>,
    /// When authors were last told that they have not been told all.
    warned: Timestamp,
    is_operator: bool,
}

impl Person {
    /// Whether one whose words have waited since then, if they have, can have meant this person.
    fn is_meant(&self, waits_since: Option<u64>) -> bool {
        waits_since.is_none_or(|turn| self.named_in < turn)
    }
}

impl Room {
    /// An empty one, in which this was said before, by people who are not known any more. Stamps go
    /// on behind the last of it.
    pub fn new(rules: Rules, past: &[(Stamp, Event)]) -> Self {
        let mut room = Room {
            rules,
            ..Room::default()
        };
        for (stamp, event) in past {
            room.backlog.keep(*stamp, Audience::All, &line(event));
            room.last = *stamp;
        }
        room
    }

    /// Whether what was said has to be delivered before this post.
    pub fn is_full_for(&self, post: &Post) -> bool {
        match post {
            // What is replayed ends where the turn begins.
            Post::Resume { .. } => !self.turn.is_empty(),
            post if self.reads_stamps() => self.turn.is_full_for(post.len() + post.stamps()),
            post => self.turn.is_full_for(post.len()),
        }
    }

    /// What is to be delivered.
    pub fn turn(&mut self) -> &Turn {
        self.turn.sort();
        &self.turn
    }

    /// Which turn comes next.
    pub fn turn_number(&self) -> u64 {
        self.turn_number
    }

    /// Forgets what was delivered.
    pub fn end_turn(&mut self) {
        self.turn.clear();
        self.turn_number += 1;
        self.users = None;
        self.history = None;
    }

    /// The stamp of what happened last.
    pub fn last(&self) -> Stamp {
        self.last
    }

    /// Takes note that somebody no longer reads, though they have not left yet.
    pub fn lose(&mut self, seat: SeatId) {
        let now = self.now;
        if let Some(person) = self.people.get_mut(&seat) {
            person.gone.get_or_insert(now);
        }
    }

    /// Lets a post take effect at `now`; one of somebody who is not here has none. Fails when it
    /// cannot be done.
    pub fn take(&mut self, post: Post, now: Timestamp) -> Result<(), NotSeated> {
        self.now = now;
        match post {
            Post::Join {
                seat,
                newcomer,
                token,
            } => return self.join(seat, newcomer, token),
            Post::Hold { seat, unread_since } => self.hold(seat, unread_since),
            Post::Resume {
                seat,
                newcomer,
                given_back,
                resumption,
            } => return self.resume(seat, newcomer, given_back, resumption),
            Post::Rename { seat, name } => return self.rename(seat, name),
            Post::Public { from, lines, .. } => self.say(from, &lines),
            Post::Private {
                from,
                to,
                text,
                waits_since,
            } => self.private(from, &to, text, waits_since),
            Post::Answer { to, lines } => self.answer(to, &lines),
            Post::Who { asked_by } => self.list(asked_by),
            Post::SendOff { whom, last } => self.send_off(whom, &last),
            Post::Leave { seat, reason } => self.leave(seat, reason),
            Post::Close => self.close(),
        }
        Ok(())
    }

    fn join(
        &mut self,
        seat: SeatId,
        newcomer: Newcomer,
        token: Option<Token>,
    ) -> Result<(), NotSeated> {
        let name = newcomer.name.clone();
        self.enter(seat, newcomer)?;
        let welcome = Event::Welcome(name, self.people.len());
        self.turn.answer(seat, &line(&welcome));
        self.show_history(seat);
        if let Some(token) = token {
            let session = Event::Session(token, self.rules.hold);
            let stamp = self.stamp();
            self.turn.say_to(seat, stamp, &line(&session));
        }
        Ok(())
    }

    /// Seats somebody who hears all that comes after.
    fn enter(&mut self, seat: SeatId, newcomer: Newcomer) -> Result<(), NotSeated> {
        let Newcomer { name, peer, since } = newcomer;
        self.claim(seat, &name)?;
        info!("{name} joined from {peer}");
        self.tell_all(&Event::Join(name.clone()), Audience::AllBut(seat));
        self.turn.enter(seat);
        self.sessions += usize::from(seat.has_session);
        let person = Person {
            name,
            named_in: self.turn_number,
            peer,
            since,
            gone: None,
            warned: Timestamp::UNIX_EPOCH,
            is_operator: false,
        };
        self.people.insert(seat, person);
        Ok(())
    }

    fn rename(&mut self, seat: SeatId, new: Username) -> Result<(), NotSeated> {
        let Some(old) = self.people.get(&seat).map(|person| person.name.clone()) else {
            return Ok(());
        };
        let event = Event::Renamed(old.clone(), new.clone());
        if old.as_str() == new.as_str() {
            self.tell_both(seat, seat, &line(&event));
            return Ok(());
        }
        self.claim(seat, &new)?;
        info!("{old} is now {new}");
        let now = self.turn_number;
        self.people.entry(seat).and_modify(|person| {
            if person.name != new {
                person.named_in = now;
            }
            person.name = new;
        });
        self.tell_all(&event, Audience::All);
        Ok(())
    }

    /// Gives somebody a name instead of the one they had.
    fn claim(&mut self, seat: SeatId, name: &Username) -> Result<(), NotSeated> {
        let holders = [self.names.get(name), self.looks.get(name.looks())];
        if holders.into_iter().flatten().any(|&holder| holder != seat) {
            return Err(NotSeated::NameTaken);
        }
        self.release(seat);
        self.names.insert(name.clone(), seat);
        self.looks.insert(name.looks().into(), seat);
        Ok(())
    }

    fn release(&mut self, seat: SeatId) {
        if let Some(person) = self.people.get(&seat) {
            self.names.remove(&person.name);
            self.looks.remove(person.name.looks());
        }
    }

    fn leave(&mut self, seat: SeatId, reason: LeaveReason) {
        if reason == LeaveReason::Quit {
            self.answer(seat, &line(&Event::Goodbye(Farewell::Quit)));
        }
        if let Some(person) = self.remove(seat) {
            let name = person.name;
            info!("{name} left: {reason}");
            let audience = Audience::AllBut(seat);
            self.tell_all(&Event::Leave(name.clone(), reason), audience);
            if let (true, Some(gone)) = (seat.has_session, person.gone) {
                self.tell_authors(seat, &name, gone);
            }
        }
    }

    fn close(&mut self) {
        let goodbye = line(&Event::Goodbye(Farewell::Shutdown));
        for seat in self.people.keys().copied().collect::<Vec<_>>() {
            self.answer(seat, &goodbye);
            self.remove(seat);
        }
    }

    fn remove(&mut self, seat: SeatId) -> Option<Person> {
        self.release(seat);
        let person = self.people.remove(&seat)?;
        self.sessions -= usize::from(seat.has_session);
        self.turn.stop(seat);
        Some(person)
    }
}
