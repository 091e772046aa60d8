use std::collections::HashMap;
use std::io::IoSlice;
use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use log::info;

use super::connection::{Connection, Undelivered};
use super::outbox::{Occupant, Outbox, Post, write_line};
use crate::protocol::{
    Event, Farewell, LINE_LIMIT, LeaveReason, Refusal, RefusalCode, Text, Username,
};

/// How many bytes go out at most before the next post is looked at: far below what a send buffer
/// holds, so that a client that reads is never taken for a slow one.
const SEND_SIZE: usize = 64 * 1024;

/// How many asides a reader keeps room for between deliveries.
const ASIDES: usize = 16;

/// What the registry knows of one person: where to send, and what this delivery owes them.
pub struct Reader {
    connection: Arc<Connection>,
    /// From here to here in the public lines; a newcomer hears nothing older than itself.
    hears: Range<usize>,
    asides: Vec<Aside>,
    /// A delivery failed: half a line may stand at its end, and nothing may follow it.
    deaf: bool,
}

/// Where one person's lines differ from the public ones: at `at`, `skip` public bytes (their own)
/// are left out and some bytes meant for them alone are put in.
struct Aside {
    at: usize,
    skip: usize,
    apart: Range<usize>,
}

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
    /// Who came, who left and why, in words for the log.
    news: Vec<String>,
}

impl Aftermath {
    /// Answers, finishes and logs; returns who does not read, to be sent off.
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
        for news in self.news {
            info!("{news}");
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
    /// … and lines for one, pointed at by asides.
    apart: Vec<u8>,
    /// Who has asides.
    aside: Vec<Username>,
    /// Who has left, with what they are still owed.
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
                    let lines = self.write_apart(|apart| apart.extend_from_slice(take(length)));
                    self.put_in(&to.name, lines, |reader| reader.is(&to));
                }
                Post::Private { from, to, length } => self.confide(&from, to, take(length)),
                Post::Asked { by } => {
                    let users = self.users();
                    self.put_in(&by.name, users, |reader| reader.is(&by));
                }
                Post::Join { who, answer } => {
                    let free = self.join(who);
                    self.aftermath.answers.push((answer, free));
                }
                Post::Rename { who, new, answer } => {
                    let free = self.rename(who, new);
                    self.aftermath.answers.push((answer, free));
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
        let Some(author) = seat(self.seats, from) else {
            return;
        };
        if author.asides.is_empty() {
            self.aside.push(from.name.clone());
        }
        author.asides.push(Aside {
            at: self.public.len(),
            skip: lines.len(),
            apart: 0..0,
        });
        self.public.extend_from_slice(lines);
    }

    fn confide(&mut self, from: &Occupant, to: Username, text: &[u8]) {
        if seat(self.seats, from).is_none() {
            return;
        }
        let addressee = self.seats.get_key_value(&to);
        let Some((to, _)) = addressee.filter(|(_, reader)| !reader.deaf) else {
            let refusal = Event::Refused(Refusal {
                code: RefusalCode::NoSuchUser,
                detail: Text::new(to.as_str()),
            });
            let line = self.write_apart(|apart| _ = write_line(apart, &refusal));
            return self.put_in(&from.name, line, |_| true);
        };
        let to = to.clone();
        let line = self.write_apart(|apart| {
            let text = Text::new(str::from_utf8(text).unwrap_or_default());
            let (from, to) = (from.name.clone(), to.clone());
            write_line(apart, &Event::Private { from, to, text });
        });
        self.put_in(&to, line.clone(), |_| true);
        if to != from.name {
            self.put_in(&from.name, line, |_| true);
        }
    }

    fn join(&mut self, who: Occupant) -> bool {
        if self.seats.contains_key(&who.name) {
            return false;
        }
        let people = self.seats.len() + 1;
        let name = who.name.clone();
        let from = who.connection.peer();
        self.aftermath
            .news
            .push(format!("{name} joined from {from}"));
        let welcome = self.write_apart(|apart| {
            let name = name.clone();
            write_line(apart, &Event::Welcome { name, people });
        });
        self.tell_all(&Event::Join { name: name.clone() });
        let reader = Reader {
            connection: who.connection,
            hears: self.public.len()..usize::MAX,
            asides: Vec::new(),
            deaf: false,
        };
        self.seats.insert(who.name, reader);
        self.put_in(&name, welcome, |_| true);
        true
    }

    fn rename(&mut self, who: Occupant, new: Username) -> bool {
        let old = who.name.clone();
        if seat(self.seats, &who).is_none() {
            return false;
        }
        let event = Event::Renamed {
            old: old.clone(),
            new: new.clone(),
        };
        if old.as_str() == new.as_str() {
            let line = self.write_apart(|apart| _ = write_line(apart, &event));
            self.put_in(&old, line, |_| true);
            return true;
        }
        if old != new && self.seats.contains_key(&new) {
            return false;
        }
        let Some(reader) = self.seats.remove(&old) else {
            return false;
        };
        if !reader.asides.is_empty() {
            self.aside.push(new.clone());
        }
        self.seats.insert(new.clone(), reader);
        self.aftermath.news.push(format!("{old} is now {new}"));
        self.tell_all(&event);
        true
    }

    fn leave(&mut self, who: Occupant, reason: LeaveReason) {
        if seat(self.seats, &who).is_none() {
            return;
        }
        if reason == LeaveReason::Quit {
            let bye = Event::Goodbye(Farewell::Quit);
            let line = self.write_apart(|apart| _ = write_line(apart, &bye));
            self.put_in(&who.name, line, |_| true);
            self.aftermath.finished.push(who.connection);
        }
        if let Some(reader) = self.seats.remove(&who.name) {
            self.owe(reader);
        }
        let name = who.name;
        self.aftermath.news.push(format!("{name} left: {reason}"));
        self.tell_all(&Event::Leave { name, reason });
    }

    fn close(&mut self, answer: SyncSender<Vec<Arc<Connection>>>) {
        let bye = Event::Goodbye(Farewell::Shutdown);
        let line = self.write_apart(|apart| _ = write_line(apart, &bye));
        let at = self.public.len();
        let seats = mem::take(self.seats);
        for mut reader in seats.into_values() {
            self.aftermath.finished.push(reader.connection.clone());
            reader.put_in(at, line.clone());
            self.owe(reader);
        }
        self.aftermath.closed = Some(answer);
    }

    /// Keeps what somebody who left has still to hear: all until now.
    fn owe(&mut self, mut reader: Reader) {
        reader.hears.end = self.public.len();
        self.leaving.push(reader);
    }

    fn tell_all(&mut self, event: &Event) {
        self.users = None;
        write_line(&mut self.public, event);
    }

    fn write_apart(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.apart.len();
        write(&mut self.apart);
        start..self.apart.len()
    }

    /// Puts bytes for one person where the public lines are now, if `is_meant` says so.
    fn put_in(&mut self, to: &Username, apart: Range<usize>, is_meant: impl Fn(&Reader) -> bool) {
        if let Some(reader) = self.seats.get_mut(to).filter(|reader| is_meant(reader)) {
            if reader.asides.is_empty() {
                self.aside.push(to.clone());
            }
            reader.put_in(self.public.len(), apart);
        }
    }

    /// The lines of `USERS`, in fold order, made once however many ask.
    fn users(&mut self) -> Range<usize> {
        if let Some(users) = &self.users {
            return users.clone();
        }
        let mut names: Vec<&Username> = self.seats.keys().collect();
        names.sort_unstable_by_key(|name| name.fold());
        let total = names.len();
        let start = self.apart.len();
        let mut line = Vec::new();
        for name in names {
            if line.len() + 1 + name.as_str().len() > LINE_LIMIT {
                self.apart.append(&mut line);
                self.apart.push(b'\n');
            }
            if line.is_empty() {
                line.extend_from_slice(format!("USERS {total}").as_bytes());
            }
            line.push(b' ');
            line.extend_from_slice(name.as_str().as_bytes());
        }
        self.apart.append(&mut line);
        self.apart.push(b'\n');
        let users = start..self.apart.len();
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

impl Reader {
    fn is(&self, occupant: &Occupant) -> bool {
        Arc::ptr_eq(&self.connection, &occupant.connection)
    }

    fn put_in(&mut self, at: usize, apart: Range<usize>) {
        let skip = 0;
        self.asides.push(Aside { at, skip, apart });
    }

    fn send<'b>(
        &mut self,
        public: &'b [u8],
        apart: &'b [u8],
        slices: &mut Vec<IoSlice<'b>>,
    ) -> Result<(), Undelivered> {
        slices.clear();
        let end = self.hears.end.min(public.len());
        let mut at = self.hears.start;
        let mut add = |bytes: &'b [u8]| {
            if !bytes.is_empty() {
                slices.push(IoSlice::new(bytes));
            }
        };
        for aside in self.asides.drain(..) {
            add(&public[at..aside.at]);
            add(&apart[aside.apart]);
            at = aside.at + aside.skip;
        }
        add(&public[at..end]);
        self.hears.start = 0;
        self.asides.shrink_to(ASIDES);
        if self.deaf || slices.is_empty() {
            return Ok(());
        }
        let sent = self.connection.send(slices);
        self.deaf = sent.is_err();
        sent
    }
}

/// The seat that `occupant` still has. Their seat, not that of a later client of the same name.
fn seat<'a>(
    seats: &'a mut HashMap<Username, Reader>,
    occupant: &Occupant,
) -> Option<&'a mut Reader> {
    seats
        .get_mut(&occupant.name)
        .filter(|reader| reader.is(occupant))
}
