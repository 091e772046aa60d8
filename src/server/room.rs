use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;

use jiff::Timestamp;
use log::info;

use super::post::{Post, SeatId, line};
use crate::protocol::{
    Event, Farewell, LINE_LIMIT, LeaveReason, RefusalCode, Text, Username, fold,
};
use turn::{To, Turn};

mod operator;
mod turn;

#[cfg(test)]
mod tests;

/// Who is here, and what follows from what happens. Takes posts, and has letters for people until
/// they are delivered. A pure value: no sockets, no threads, no clock.
#[derive(Default)]
pub struct Room {
    people: HashMap<SeatId, Person>,
    /// Each name that is taken, and each look: no two people share either.
    names: HashMap<Username, SeatId>,
    looks: HashMap<Box<str>, SeatId>,
    turn: Turn,
    /// Where in the turn the answer to `/quem` stands, while it is true.
    users: Option<Range<usize>>,
}

struct Person {
    name: Username,
    /// Where they are connected, and since when they are here.
    peer: SocketAddr,
    since: Timestamp,
    /// Whether somebody reads what they are told.
    is_reachable: bool,
    is_operator: bool,
}

/// Somebody here has the name, or one that looks like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameTaken;

impl Room {
    /// Whether what was said has to be delivered before this post.
    pub fn is_full_for(&self, post: &Post) -> bool {
        self.turn.is_full_for(post.len())
    }

    /// What is to be delivered.
    pub fn turn(&mut self) -> &Turn {
        self.turn.sort();
        &self.turn
    }

    /// Forgets what was delivered.
    pub fn end_turn(&mut self) {
        self.turn.clear();
        self.users = None;
    }

    /// Takes note that somebody who has not left yet reads nothing more.
    pub fn lose(&mut self, seat: SeatId) {
        if let Some(person) = self.people.get_mut(&seat) {
            person.is_reachable = false;
        }
    }

    /// Lets a post take effect; one of somebody who is not here has none. Fails when it asks for a
    /// name that is not free.
    pub fn take(&mut self, post: Post) -> Result<(), NameTaken> {
        match post {
            Post::Join {
                seat,
                name,
                peer,
                since,
            } => return self.join(seat, name, peer, since),
            Post::Rename { seat, name } => return self.rename(seat, name),
            Post::Public { from, lines } => self.say(To::AllBut(from), &lines),
            Post::Private { from, to, text } => self.private(from, &to, text),
            Post::Answer { to, lines } => self.say(To::Only(to), &lines),
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
        name: Username,
        peer: SocketAddr,
        since: Timestamp,
    ) -> Result<(), NameTaken> {
        self.claim(seat, &name)?;
        info!("{name} joined from {peer}");
        self.tell_all(&Event::Join(name.clone()));
        self.turn.enter(seat);
        let welcome = Event::Welcome(name.clone(), self.people.len() + 1);
        let person = Person {
            name,
            peer,
            since,
            is_reachable: true,
            is_operator: false,
        };
        self.people.insert(seat, person);
        self.say(To::Only(seat), &line(&welcome));
        Ok(())
    }

    fn rename(&mut self, seat: SeatId, new: Username) -> Result<(), NameTaken> {
        let Some(old) = self.people.get(&seat).map(|person| person.name.clone()) else {
            return Ok(());
        };
        let event = Event::Renamed(old.clone(), new.clone());
        if old.as_str() == new.as_str() {
            self.say(To::Only(seat), &line(&event));
            return Ok(());
        }
        self.claim(seat, &new)?;
        info!("{old} is now {new}");
        self.people
            .entry(seat)
            .and_modify(|person| person.name = new);
        self.tell_all(&event);
        Ok(())
    }

    /// Gives somebody a name instead of the one they had.
    fn claim(&mut self, seat: SeatId, name: &Username) -> Result<(), NameTaken> {
        let holders = [self.names.get(name), self.looks.get(name.looks())];
        if holders.into_iter().flatten().any(|&holder| holder != seat) {
            return Err(NameTaken);
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

    fn private(&mut self, from: SeatId, to: &Username, text: Text) {
        let Some(author) = self.people.get(&from) else {
            return;
        };
        let addressee = self.names.get(to).map(|seat| (*seat, &self.people[seat]));
        let Some((to, addressee)) = addressee.filter(|(_, person)| person.is_reachable) else {
            let refusal = Event::Refused(RefusalCode::NoSuchUser, Text::new(to.as_str()));
            return self.say(To::Only(from), &line(&refusal));
        };
        // In the addressee's own spelling.
        let event = Event::Private(author.name.clone(), addressee.name.clone(), text);
        let lines = line(&event);
        self.say(To::Only(to), &lines);
        if to != from {
            self.say(To::Only(from), &lines);
        }
    }

    fn list(&mut self, asked_by: SeatId) {
        if !self.people.contains_key(&asked_by) {
            return;
        }
        let users = match self.users.take() {
            Some(users) => users,
            None => self.turn.store(&self.users()),
        };
        self.turn.show(asked_by, users.clone());
        self.users = Some(users);
        if self.is_operator(asked_by) {
            let addresses = self.addresses();
            self.say(To::Only(asked_by), &addresses);
        }
    }

    /// The answer to `/quem`, in fold order.
    pub fn users(&self) -> String {
        let names = self.sorted().into_iter().map(|person| &person.name);
        let start = format!("USERS {}", names.len());
        let mut lines = String::new();
        let mut line = start.clone();
        for name in names {
            if line.len() + 1 + name.as_str().len() > LINE_LIMIT {
                lines = lines + &line + "\n";
                line.clone_from(&start);
            }
            line = line + " " + name.as_str();
        }
        lines + &line + "\n"
    }

    /// The people here, in fold order.
    fn sorted(&self) -> Vec<&Person> {
        let mut people: Vec<&Person> = self.people.values().collect();
        people.sort_by_cached_key(|person| fold(person.name.as_str()));
        people
    }

    fn leave(&mut self, seat: SeatId, reason: LeaveReason) {
        if reason == LeaveReason::Quit {
            self.say(To::Only(seat), &line(&Event::Goodbye(Farewell::Quit)));
        }
        if let Some(name) = self.remove(seat) {
            info!("{name} left: {reason}");
            self.tell_all(&Event::Leave(name, reason));
        }
    }

    fn close(&mut self) {
        let goodbye = line(&Event::Goodbye(Farewell::Shutdown));
        for seat in self.people.keys().copied().collect::<Vec<_>>() {
            self.say(To::Only(seat), &goodbye);
            self.remove(seat);
        }
    }

    fn remove(&mut self, seat: SeatId) -> Option<Username> {
        self.release(seat);
        let person = self.people.remove(&seat)?;
        self.turn.leave(seat);
        Some(person.name)
    }

    /// Of who comes, goes or changes names.
    fn tell_all(&mut self, event: &Event) {
        self.users = None;
        self.say(To::All, &line(event));
    }

    /// All that is said passes through here, in the order that everyone hears.
    fn say(&mut self, to: To, lines: &str) {
        if let To::AllBut(seat) | To::Only(seat) = to
            && !self.people.contains_key(&seat)
        {
            return;
        }
        self.turn.say(to, lines);
    }
}
