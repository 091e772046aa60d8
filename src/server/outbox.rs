use std::io::Write;
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::connection::Connection;
use crate::protocol::{Event, LeaveReason, Text, Username};

/// A name and the connection that has it. A later client of the same name is another occupant.
#[derive(Clone)]
pub struct Occupant {
    pub name: Username,
    pub connection: Arc<Connection>,
}

/// Something that happens to the room. Posts take effect one after the other, in the order in
/// which they were queued; this is what gives everyone the same order of events.
pub enum Post {
    /// The next `length` bytes are lines to everyone but the author.
    Said { from: Occupant, length: usize },
    /// The next `length` bytes are lines to this one alone.
    Told { to: Occupant, length: usize },
    /// The next `length` bytes are a private text.
    Private {
        from: Occupant,
        to: Username,
        length: usize,
    },
    /// Somebody wants to know who is here.
    Asked { by: Occupant },
    /// Somebody wants a seat; the answer is whether the name was free.
    Join {
        who: Occupant,
        answer: SyncSender<bool>,
    },
    /// Somebody wants another name; the answer is whether it was free.
    Rename {
        who: Occupant,
        new: Username,
        answer: SyncSender<bool>,
    },
    /// Somebody's seat is free again.
    Leave { who: Occupant, reason: LeaveReason },
    /// The room closes; the answer is who was in it.
    Close {
        answer: SyncSender<Vec<Arc<Connection>>>,
    },
}

/// Posts that travel together, with their bytes in one buffer.
#[derive(Default)]
pub struct Outbox {
    pub posts: Vec<Post>,
    pub bytes: Vec<u8>,
}

impl Outbox {
    /// With this one post in it.
    pub fn with(post: Post) -> Self {
        Outbox {
            posts: vec![post],
            bytes: Vec::new(),
        }
    }

    /// Adds a line to everyone but its author, who is the only author of this outbox. Lines in a row
    /// are one post.
    pub fn say(&mut self, from: &Occupant, line: &Event) {
        let added = write_line(&mut self.bytes, line);
        if let Some(Post::Said { length, .. }) = self.posts.last_mut() {
            *length += added;
        } else {
            let from = from.clone();
            let length = added;
            self.posts.push(Post::Said { from, length });
        }
    }

    /// Adds a line to one person alone.
    pub fn tell(&mut self, to: &Occupant, line: &Event) {
        let length = write_line(&mut self.bytes, line);
        let to = to.clone();
        self.posts.push(Post::Told { to, length });
    }

    /// Adds a private text.
    pub fn confide(&mut self, from: &Occupant, to: Username, text: &Text) {
        self.bytes.extend_from_slice(text.as_str().as_bytes());
        self.posts.push(Post::Private {
            from: from.clone(),
            to,
            length: text.as_str().len(),
        });
    }

    /// About how much memory this takes.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.posts.len() * size_of::<Post>()
    }

    /// Puts `later` behind what is here, and leaves it empty.
    pub fn append(&mut self, later: &mut Outbox) {
        if self.posts.is_empty() {
            mem::swap(self, later);
        } else {
            self.posts.append(&mut later.posts);
            self.bytes.append(&mut later.bytes);
        }
    }
}

/// Writes `event` and its line end; returns how many bytes that took.
pub fn write_line(bytes: &mut Vec<u8>, event: &Event) -> usize {
    let before = bytes.len();
    writeln!(bytes, "{event}").expect("a Vec takes every write");
    bytes.len() - before
}
