use std::collections::HashMap;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use log::info;

use super::connection::Connection;
use super::outbox::{Post, line};
use crate::protocol::{
    Event, Farewell, LINE_LIMIT, LeaveReason, RefusalCode, Text, Username, fold,
};

/// How many bytes one send takes at most, unless there is more to be told at once: far below what
/// a send buffer holds, so that a client that reads is never taken for a slow one.
///
/// It also keeps every buffer here within 64 KiB as it grows by doubling. Once glibc has freed one
/// of more than 128 KiB it keeps that much in each of its arenas (mallopt(3), `M_MMAP_THRESHOLD`).
const SEND_SIZE: usize = 60 * 1024;

/// One turn of deliveries: applies posts to the room in their order, and sends each person all
/// that came of it at once.
pub struct Delivery<'a> {
    seats: &'a mut HashMap<Username, Arc<Connection>>,
    /// Lines for everyone …
    public: String,
    /// … lines for some alone …
    apart: String,
    /// … and who is owed something else than all that is public.
    owed: HashMap<Username, Owed>,
    /// Where the answer to `/quem` stands, while it is true.
    users: Option<Range<usize>>,
}

/// What one person is owed: these lines, and behind them what is public from `from` on.
#[derive(Default)]
struct Owed {
    lines: Vec<Lines>,
    from: usize,
}

/// Where lines stand.
#[derive(PartialEq, Eq)]
enum Lines {
    Public(Range<usize>),
    Apart(Range<usize>),
}

impl<'a> Delivery<'a> {
    /// To the people in `seats`, whose lock the caller holds.
    pub fn new(seats: &'a mut HashMap<Username, Arc<Connection>>) -> Self {
        Delivery {
            seats,
            public: String::new(),
            apart: String::new(),
            owed: HashMap::new(),
            users: None,
        }
    }

    /// Delivers all of `posts`: one `send` for each reader, or a few when there is much.
    pub fn deliver(mut self, posts: impl Iterator<Item = Post>) {
        for post in posts {
            if self.public.len() + self.apart.len() + post.words() > SEND_SIZE {
                self.send();
            }
            match post {
                Post::Said { from, lines } => {
                    self.owed_to(&from).from += lines.len();
                    self.public += &lines;
                }
                Post::Told { to, lines } => self.tell(&to, &lines),
                Post::Private { from, to, text } => self.confide(from, to, text),
                Post::Asked { by } => self.list(&by),
                // An answer fails when nobody waits for it any more, who then gives the seat back.
                Post::Join {
                    name,
                    connection,
                    answer,
                } => _ = answer.send(self.join(name, connection)),
                Post::Rename { old, new, answer } => _ = answer.send(self.rename(old, new)),
                Post::Leave {
                    name,
                    connection,
                    reason,
                } => self.leave(name, &connection, reason),
                Post::Close { answer } => _ = answer.send(self.close()),
            }
        }
        self.send();
    }

    fn confide(&mut self, from: Username, to: Username, text: Text) {
        let addressee = self.seats.get_key_value(&to);
        let addressee = addressee.filter(|(_, connection)| connection.failure().is_none());
        let Some((to, _)) = addressee else {
            let refusal = Event::Refused(RefusalCode::NoSuchUser, Text::new(to.as_str()));
            return self.tell(&from, &line(&refusal));
        };
        // In the addressee's own spelling.
        let to = to.clone();
        let event = line(&Event::Private(from.clone(), to.clone(), text));
        self.tell(&to, &event);
        if from != to {
            self.tell(&from, &event);
        }
    }

    fn join(&mut self, name: Username, connection: Arc<Connection>) -> bool {
        if self.seats.keys().any(|other| other.is_like(&name)) {
            return false;
        }
        info!("{name} joined from {}", connection.peer());
        self.tell_all(&Event::Join(name.clone()));
        self.seats.insert(name.clone(), connection);
        let welcome = Event::Welcome(name.clone(), self.seats.len());
        self.owed_to(&name).lines.clear();
        self.tell(&name, &line(&welcome));
        true
    }

    fn rename(&mut self, old: Username, new: Username) -> bool {
        let mut others = self.seats.keys().filter(|&other| *other != old);
        if others.any(|other| other.is_like(&new)) {
            return false;
        }
        let event = Event::Renamed(old.clone(), new.clone());
        if old.as_str() == new.as_str() {
            self.tell(&old, &line(&event));
        } else if let Some(connection) = self.seats.remove(&old) {
            info!("{old} is now {new}");
            if let Some(owed) = self.owed.remove(&old) {
                self.owed.insert(new.clone(), owed);
            }
            self.seats.insert(new, connection);
            self.tell_all(&event);
        }
        true
    }

    fn leave(&mut self, name: Username, connection: &Arc<Connection>, reason: LeaveReason) {
        let sitting = self.seats.get(&name);
        if !sitting.is_some_and(|sitting| Arc::ptr_eq(sitting, connection)) {
            return;
        }
        let reason = match connection.failure() {
            Some(LeaveReason::Slow) => LeaveReason::Slow,
            _ => reason,
        };
        if reason == LeaveReason::Quit {
            self.tell(&name, &line(&Event::Goodbye(Farewell::Quit)));
        }
        self.seats.remove(&name);
        self.finish(&name, connection);
        info!("{name} left: {reason}");
        self.tell_all(&Event::Leave(name, reason));
    }

    fn close(&mut self) -> Vec<Arc<Connection>> {
        let everyone = mem::take(self.seats);
        for (name, connection) in &everyone {
            self.tell(name, &line(&Event::Goodbye(Farewell::Shutdown)));
            self.finish(name, connection);
        }
        everyone.into_values().collect()
    }

    /// Sends one who is no longer here what came before, and says that nothing follows.
    fn finish(&mut self, name: &Username, connection: &Connection) {
        self.owed_to(name);
        let owed = self.owed.remove(name).unwrap_or_default();
        connection.send(&self.lines(&owed));
        connection.finish();
    }

    /// Tells one person who is here.
    fn list(&mut self, who: &Username) {
        let users = match self.users.take() {
            Some(users) => users,
            None => self.put_apart(&self.users()),
        };
        let answer = Lines::Apart(users.clone());
        let owed = self.owed_to(who);
        // Whoever asks again and again, in a room so large that the answers would fill their send
        // buffer, has it already.
        let given = owed.lines.iter().filter(|lines| **lines == answer).count();
        if given * users.len() < SEND_SIZE {
            owed.lines.push(answer);
        }
        self.users = Some(users);
    }

    /// The answer to `/quem`, in fold order.
    fn users(&self) -> String {
        let mut names: Vec<&Username> = self.seats.keys().collect();
        names.sort_by_cached_key(|name| fold(name.as_str()));
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

    fn tell_all(&mut self, event: &Event) {
        self.users = None;
        self.public += &line(event);
    }

    fn tell(&mut self, who: &Username, lines: &str) {
        let lines = Lines::Apart(self.put_apart(lines));
        self.owed_to(who).lines.push(lines);
    }

    fn put_apart(&mut self, lines: &str) -> Range<usize> {
        self.apart += lines;
        self.apart.len() - lines.len()..self.apart.len()
    }

    /// What one person is owed, with all that is public so far in it.
    fn owed_to(&mut self, who: &Username) -> &mut Owed {
        let owed = self.owed.entry(who.clone()).or_default();
        if owed.from < self.public.len() {
            owed.lines.push(Lines::Public(owed.from..self.public.len()));
            owed.from = self.public.len();
        }
        owed
    }

    /// The words of what one person is owed.
    fn lines(&self, owed: &Owed) -> String {
        let mut lines = String::new();
        for part in &owed.lines {
            lines += match part {
                Lines::Public(range) => &self.public[range.clone()],
                Lines::Apart(range) => &self.apart[range.clone()],
            };
        }
        lines + &self.public[owed.from..]
    }

    /// Sends everyone what they are owed, with one `send` each.
    ///
    /// MUST, with [`finish`](Self::finish), be all that a client is sent while it is in the room,
    /// or lines could overtake each other.
    fn send(&mut self) {
        if self.public.is_empty() {
            for (name, owed) in &self.owed {
                if let Some(connection) = self.seats.get(name) {
                    connection.send(&self.lines(owed));
                }
            }
        } else {
            for (name, connection) in self.seats.iter() {
                match self.owed.get(name) {
                    Some(owed) => connection.send(&self.lines(owed)),
                    None => connection.send(&self.public),
                }
            }
        }
        self.public.clear();
        self.apart.clear();
        self.owed.clear();
        self.users = None;
    }
}
