use std::fmt::Write;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::connection::Connection;
use crate::protocol::{Event, LeaveReason, Text, Username};

/// Something that happens to the room. Posts take effect one after the other, in the order in
/// which they were queued; this is what gives everyone the same order of events.
///
/// A session posts only while it has its seat, under the name it has then, and its
/// [`Leave`](Self::Leave) last.
pub enum Post {
    /// Lines to everyone but the author.
    Said { from: Username, lines: String },
    /// Lines to this one alone.
    Told { to: Username, lines: String },
    /// A private text.
    Private {
        from: Username,
        to: Username,
        text: Text<'static>,
    },
    /// Somebody wants to know who is here.
    Asked { by: Username },
    /// Somebody wants a seat; the answer is whether the name was free.
    Join {
        name: Username,
        connection: Arc<Connection>,
        answer: SyncSender<bool>,
    },
    /// Somebody wants another name; the answer is whether it was free.
    Rename {
        old: Username,
        new: Username,
        answer: SyncSender<bool>,
    },
    /// Somebody's seat is free again, unless it never was theirs: then it is another connection's.
    Leave {
        name: Username,
        connection: Arc<Connection>,
        reason: LeaveReason,
    },
    /// The room closes; the answer is who was in it.
    Close {
        answer: SyncSender<Vec<Arc<Connection>>>,
    },
}

impl Post {
    /// How many bytes somebody says with it.
    pub fn words(&self) -> usize {
        match self {
            Post::Said { lines, .. } | Post::Told { lines, .. } => lines.len(),
            Post::Private { text, .. } => text.as_str().len(),
            _ => 0,
        }
    }
}

/// Posts that travel together.
#[derive(Default)]
pub struct Outbox {
    pub posts: Vec<Post>,
    /// About how much memory that takes which somebody says or asks for. Who comes and goes is not
    /// counted: there are only so many.
    pub size: usize,
}

impl Outbox {
    /// With this one post in it.
    pub fn with(post: Post) -> Self {
        Outbox {
            posts: vec![post],
            size: 0,
        }
    }

    /// Adds a line to everyone but its author, who is the only author of this outbox. Lines in a row
    /// are one post.
    pub fn say(&mut self, from: &Username, event: &Event) {
        if let Some(Post::Said { lines, .. }) = self.posts.last_mut() {
            let before = lines.len();
            writeln!(lines, "{event}").expect("a String takes every write");
            self.size += lines.len() - before;
        } else {
            let (from, lines) = (from.clone(), line(event));
            self.add(Post::Said { from, lines });
        }
    }

    /// Adds a line to one person alone.
    pub fn tell(&mut self, to: &Username, event: &Event) {
        let (to, lines) = (to.clone(), line(event));
        self.add(Post::Told { to, lines });
    }

    /// Adds a private text.
    pub fn confide(&mut self, from: &Username, to: Username, text: Text) {
        let (from, text) = (from.clone(), text.into_owned());
        self.add(Post::Private { from, to, text });
    }

    /// Adds the question who is here.
    pub fn ask(&mut self, by: &Username) {
        self.add(Post::Asked { by: by.clone() });
    }

    fn add(&mut self, post: Post) {
        self.size += post.words() + size_of::<Post>();
        self.posts.push(post);
    }
}

/// `event` as it is sent.
pub fn line(event: &Event) -> String {
    format!("{event}\n")
}
