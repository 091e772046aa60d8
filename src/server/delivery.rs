use std::collections::HashMap;
use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use log::info;

use super::connection::{Connection, Undelivered};
use super::outbox::{Occupant, Outbox, Post, write_line};
use super::reader::Reader;
use crate::protocol::{
    Event, Farewell, LINE_LIMIT, LeaveReason, Refusal, RefusalCode, Text, Username,
};

/// How many bytes go out at most before the next post is looked at: far below what a send buffer
/// holds, so that a client that reads is never taken for a slow one.
const SEND_SIZE: usize = 64 * 1024;

/// What is left to do once the registry's lock is given back, because it may take a while.
#[derive(Default)]
pub struct Aftermath {
    /// Whom to answer, and what.
    answers: Vec<(SyncSender<bool>, bool)>,
    /// Connections whose `BYE` is sent …
    finished: Vec<Arc<Connection>>,
    /// … and who wants to know them: the one who closed the room.
    closed: Option<SyncSender<Vec<Arc<Connection>>>>,
    /// Who does not read.
    slow: Vec<Occupant>,
}

impl Aftermath {
    /// Answers and finishes; returns who does not read, to be sent off.
    pub fn conclude(self) -> Vec<Occupant> {
        for (answer, is_free) in self.answers {
            // It fails when nobody waits for it any more, who then gives the seat back.
            let _ = answer.send(is_free);
        }
        for connection in &self.finished {
            connection.finish();
        }
        if let Some(answer) = self.closed {
            let _ = answer.send(self.finished);
        }
        self.slow
    }
}

/// One turn of deliveries: applies posts to the room in their order, and sends each person all
/// that came of it at once.
pub struct Delivery<'a> {
    seats: &'a mut HashMap<Username, Reader>,
    /// Lines for everyone …
    public: Vec<u8>,
    /// … and lines for some, put in by asides.
    apart: Vec<u8>,
    /// Who has asides.
    aside: Vec<Username>,
    /// Who has left, and is still owed what came before.
    leaving: Vec<Reader>,
    /// The answer to `/quem`, while it is true.
    users: Option<Range<usize>>,
    aftermath: Aftermath,
}

impl<'a> Delivery<'a> {
    /// To the people in `seats`, whose lock the caller holds.
    pub fn new(seats: &'a mut HashMap<Username, Reader>) -> Self {
        Delivery {
            seats,
            public: Vec::new(),
            apart: Vec::new(),
            aside: Vec::new(),
            leaving: Vec::new(),
            users: None,
            aftermath: Aftermath::default(),
        }
    }

    /// Delivers all of `outbox`: one `send` for each reader, or a few when it is long.
    pub fn deliver(mut self, outbox: Outbox) -> Aftermath {
        let mut bytes = outbox.bytes.as_slice();
        let mut take = |length| bytes.split_off(..length).unwrap_or_default();
        for post in outbox.posts {
            match post {
                Post::Said { from, length } => self.say(&from, take(length)),
                Post::Told { to, length } => {
                    let lines = self.put_apart(take(length));
                    self.tell(&to, lines);
                }
                Post::Private { from, to, length } => self.confide(&from, &to, take(length)),
                Post::Asked { by } => {
                    let users = self.users();
                    // Whoever asks again and again, in a room so large that the answers would
                    // fill their send buffer, has it already.
                    let asker = self.seats.get(&by.name);
                    let given = asker.map_or(0, |asker| asker.times_put_in(&users));
                    if given * users.len() < SEND_SIZE {
                        self.tell(&by, users);
                    }
                }
                Post::Join { who, answer } => {
                    let is_free = self.join(who);
                    self.aftermath.answers.push((answer, is_free));
                }
                Post::Rename { who, new, answer } => {
                    let is_free = self.rename(&who, &new);
                    self.aftermath.answers.push((answer, is_free));
                }
                Post::Leave { who, reason } => self.leave(who, reason),
                Post::Close { answer } => self.close(answer),
            }
            if self.public.len() + self.apart.len() >= SEND_SIZE {
                self.send();
            }
        }
        self.send();
        self.aftermath
    }

    fn say(&mut self, from: &Occupant, lines: &[u8]) {
        if self.has_seat(from) {
            self.set_aside(&from.name, lines.len(), 0..0);
            self.public.extend_from_slice(lines);
        }
    }

    fn confide(&mut self, from: &Occupant, to: &Username, text: &[u8]) {
        if !self.has_seat(from) {
            return;
        }
        // In the addressee's own spelling.
        let addressee = self
            .seats
            .get_key_value(to)
            .filter(|(_, reader)| !reader.is_deaf);
        let Some(to) = addressee.map(|(to, _)| to.clone()) else {
            let (code, detail) = (RefusalCode::NoSuchUser, Text::new(to.as_str()));
            let line = self.put_line_apart(&Event::Refused(Refusal { code, detail }));
            return self.set_aside(&from.name, 0, line);
        };
        let text = Text::new(str::from_utf8(text).unwrap_or_default());
        let (from, to) = (from.name.clone(), to);
        let line = self.put_line_apart(&Event::Private {
            from: from.clone(),
            to: to.clone(),
            text,
        });
        self.set_aside(&to, 0, line.clone());
        if from != to {
            self.set_aside(&from, 0, line);
        }
    }

    fn join(&mut self, who: Occupant) -> bool {
        let Occupant { name, connection } = who;
        if self.seats.contains_key(&name) {
            return false;
        }
        let from = connection.peer();
        info!("{name} joined from {from}");
        self.tell_all(&Event::Join { name: name.clone() });
        let reader = Reader::new(connection, self.public.len());
        self.seats.insert(name.clone(), reader);
        let people = self.seats.len();
        let welcome = self.put_line_apart(&Event::Welcome {
            name: name.clone(),
            people,
        });
        self.set_aside(&name, 0, welcome);
        true
    }

    fn rename(&mut self, who: &Occupant, new: &Username) -> bool {
        let old = &who.name;
        let is_taken = old != new && self.seats.contains_key(new);
        let is_deaf = self.seats.get(old).is_none_or(|reader| reader.is_deaf);
        // One who is about to leave as slow leaves under the name that is known for it.
        if is_taken || is_deaf || !self.has_seat(who) {
            return false;
        }
        let event = Event::Renamed {
            old: old.clone(),
            new: new.clone(),
        };
        if old.as_str() == new.as_str() {
            let line = self.put_line_apart(&event);
            self.set_aside(old, 0, line);
        } else if let Some(reader) = self.seats.remove(old) {
            if reader.has_asides() {
                self.aside.push(new.clone());
            }
            self.seats.insert(new.clone(), reader);
            info!("{old} is now {new}");
            self.tell_all(&event);
        }
        true
    }

    fn leave(&mut self, who: Occupant, reason: LeaveReason) {
        if !self.has_seat(&who) {
            return;
        }
        let Occupant { name, connection } = who;
        if reason == LeaveReason::Quit {
            let line = self.put_line_apart(&Event::Goodbye(Farewell::Quit));
            self.set_aside(&name, 0, line);
            self.aftermath.finished.push(connection);
        }
        if let Some(mut reader) = self.seats.remove(&name) {
            reader.hear_until(self.public.len());
            self.leaving.push(reader);
        }
        info!("{name} left: {reason}");
        self.tell_all(&Event::Leave { name, reason });
    }

    fn close(&mut self, answer: SyncSender<Vec<Arc<Connection>>>) {
        let line = self.put_line_apart(&Event::Goodbye(Farewell::Shutdown));
        for mut reader in mem::take(self.seats).into_values() {
            self.aftermath.finished.push(reader.connection.clone());
            reader.set_aside(self.public.len(), 0, line.clone());
            self.leaving.push(reader);
        }
        self.aftermath.closed = Some(answer);
    }

    /// Whether they are still here: they themselves, not a later client of the same name.
    fn has_seat(&self, who: &Occupant) -> bool {
        self.seats
            .get(&who.name)
            .is_some_and(|reader| reader.is(who))
    }

    fn tell_all(&mut self, event: &Event) {
        self.users = None;
        write_line(&mut self.public, event);
    }

    fn tell(&mut self, to: &Occupant, apart: Range<usize>) {
        if self.has_seat(to) {
            self.set_aside(&to.name, 0, apart);
        }
    }

    /// For one person, leaves out what is said next to all, or puts in what is apart.
    fn set_aside(&mut self, who: &Username, skip: usize, apart: Range<usize>) {
        if let Some(reader) = self.seats.get_mut(who) {
            if !reader.has_asides() {
                self.aside.push(who.clone());
            }
            reader.set_aside(self.public.len(), skip, apart);
        }
    }

    fn put_apart(&mut self, lines: &[u8]) -> Range<usize> {
        self.apart.extend_from_slice(lines);
        self.apart.len() - lines.len()..self.apart.len()
    }

    fn put_line_apart(&mut self, event: &Event) -> Range<usize> {
        let length = write_line(&mut self.apart, event);
        self.apart.len() - length..self.apart.len()
    }

    /// The lines of `USERS`, in fold order, made once however many ask.
    fn users(&mut self) -> Range<usize> {
        if let Some(users) = &self.users {
            return users.clone();
        }
        let mut names: Vec<&Username> = self.seats.keys().collect();
        names.sort_unstable_by_key(|name| name.fold());
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
        let users = self.put_apart((lines + &line + "\n").as_bytes());
        self.users = Some(users.clone());
        users
    }

    /// Sends everyone what they are owed, with one `send` each.
    ///
    /// MUST be all that a client is sent while it is in the room, or lines could overtake each
    /// other. MUST NOT remove anybody: a reader that cannot take its lines goes deaf here, and
    /// leaves through the queue, after what it has said itself.
    fn send(&mut self) {
        let (public, apart) = (&self.public, &self.apart);
        let slow = &mut self.aftermath.slow;
        let mut slices = Vec::new();
        let mut send_to = |name: &Username, reader: &mut Reader| {
            if let Err(Undelivered::Slow) = reader.send(public, apart, &mut slices) {
                let (name, connection) = (name.clone(), reader.connection.clone());
                slow.push(Occupant { name, connection });
            }
        };
        if public.is_empty() {
            for name in &self.aside {
                if let Some(reader) = self.seats.get_mut(name) {
                    send_to(name, reader);
                }
            }
        } else {
            self.seats
                .iter_mut()
                .for_each(|(name, reader)| send_to(name, reader));
        }
        for mut reader in self.leaving.drain(..) {
            // Whoever left cannot be told that it did not arrive.
            let _ = reader.send(public, apart, &mut slices);
        }
        drop(slices);
        self.public.clear();
        self.apart.clear();
        self.aside.clear();
        self.users = None;
    }
}
