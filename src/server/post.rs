use std::fmt::Write;
use std::net::SocketAddr;

use jiff::Timestamp;

use super::network::Network;
use crate::protocol::{Event, LeaveReason, Stamp, Text, Token, Username};

/// How many bytes are said in one turn of the room at most, with stamps, unless there is more to be
/// told to one person at once: far below what a send buffer holds, so that a client that reads is
/// never taken for a slow one.
///
/// It also keeps every buffer within 64 KiB as it grows by doubling. Once glibc has freed one of
/// more than 128 KiB it keeps that much in each of its arenas (mallopt(3), `M_MMAP_THRESHOLD`).
pub const TURN_SIZE: usize = 60 * 1024;

/// What is put before a text at most, the stamp included, and what it takes to keep a post.
const HEADING: usize = 512;

/// A seat in the room, whatever the name of whoever has it. Given once, and never again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatId {
    /// No other seat has it.
    pub number: u64,
    /// Whether it outlives a connection; what happens in the room is told it with stamps.
    pub has_session: bool,
}

/// Somebody who comes in.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// The name they want.
    pub name: Username,
    /// Where they are connected.
    pub peer: SocketAddr,
    /// When they came.
    pub since: Timestamp,
}

impl Newcomer {
    /// Who comes in at this moment.
    pub fn now(name: Username, peer: SocketAddr) -> Self {
        let since = Timestamp::now();
        Newcomer { name, peer, since }
    }
}

/// Why somebody did not get a seat, or not the name they want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSeated {
    /// Somebody in the room has this name, or one that looks like it.
    NameTaken,
    /// Whoever had the seat was sent off.
    Gone,
    /// The room is closed.
    Closed,
}

/// Where a session goes on.
#[derive(Debug, Clone, Copy)]
pub struct Resumption {
    /// The last stamp that its owner has seen.
    pub after: Stamp,
    /// How many of its lines have taken effect.
    pub lines: u64,
    /// Whether nobody on the way can read what its owner is told; only then an operator stays one.
    pub is_confidential: bool,
}

/// Who is sent off.
#[derive(Debug, Clone, Copy)]
pub enum SentOff {
    /// Whoever has this seat.
    One(SeatId),
    /// All who come from there.
    From(Network),
}

impl SentOff {
    /// Whether whoever has this seat and comes from `peer` is one of them.
    pub fn includes(self, seat: SeatId, peer: SocketAddr) -> bool {
        match self {
            SentOff::One(one) => seat == one,
            SentOff::From(network) => network.contains(peer.ip()),
        }
    }
}

/// Something that happens to the room, as plain data. Posts take effect one after the other, in
/// the order in which they were queued; this is what gives everyone the same order of events.
#[derive(Debug, Clone)]
pub enum Post {
    /// Somebody wants a seat; whoever has a session, by this token.
    Join {
        seat: SeatId,
        newcomer: Newcomer,
        token: Option<Token>,
    },
    /// The connection of a session is gone, and its seat is held. What was sent since then may not
    /// have been read.
    Hold {
        seat: SeatId,
        unread_since: Timestamp,
    },
    /// A session goes on in its seat, which was held, or was given back by one who
    /// [was an operator](super::seat::Seat::was_given_back) or was none.
    Resume {
        seat: SeatId,
        newcomer: Newcomer,
        given_back: Option<bool>,
        resumption: Resumption,
    },
    /// Whole lines to everyone but their author, and how many bytes are added where they are heard with
    /// stamps.
    Public {
        from: SeatId,
        lines: String,
        stamps: usize,
    },
    /// A private text, with a receipt to its author. If it has had to wait since some turn, whoever has
    /// taken the name from then on is somebody else than who is meant.
    Private {
        from: SeatId,
        to: Username,
        text: Text<'static>,
        waits_since: Option<u64>,
    },
    /// Whole lines to one person alone.
    Answer { to: SeatId, lines: String },
    /// Somebody wants to know who is here.
    Who { asked_by: SeatId },
    /// Somebody wants another name.
    Rename { seat: SeatId, name: Username },
    /// They have to go, with these whole lines as the last.
    SendOff { whom: SentOff, last: String },
    /// A seat is given back.
    Leave { seat: SeatId, reason: LeaveReason },
    /// The room closes: everyone goes, and nobody comes in any more.
    Close,
}

impl Post {
    /// How many bytes somebody says with it.
    pub fn len(&self) -> usize {
        match self {
            Post::Public { lines, .. } | Post::Answer { lines, .. } => lines.len(),
            Post::Private { text, .. } => text.as_str().len(),
            _ => 0,
        }
    }

    /// How many bytes are added where it is heard with stamps.
    pub fn stamps(&self) -> usize {
        match self {
            Post::Public { stamps, .. } => *stamps,
            _ => 0,
        }
    }

    /// Whether everyone may hear of it.
    pub fn is_public(&self) -> bool {
        !matches!(
            self,
            Post::Private { .. } | Post::Answer { .. } | Post::Who { .. }
        )
    }
}

/// Posts of one author that travel together.
#[derive(Default)]
pub struct Batch {
    /// In the order in which they take effect.
    pub posts: Vec<Post>,
    /// About how much memory they take. Those of people who come and go do not count: there are only
    /// so many.
    pub size: usize,
    /// How much longer it gets where it is heard with stamps.
    stamps: usize,
}

impl Batch {
    /// Whether a line of so many bytes, whatever becomes of it, fits one turn with all the rest.
    pub fn has_room_for(&self, line: usize) -> bool {
        // Cleaned, each byte may be the three of U+FFFD.
        self.size + self.stamps + 3 * line + HEADING <= TURN_SIZE
    }

    /// Adds a line to everyone but its author. Lines in a row are one post.
    pub fn public(&mut self, from: SeatId, event: &Event) {
        self.stamps += Stamp::SIZE;
        if let Some(Post::Public { lines, stamps, .. }) = self.posts.last_mut() {
            let before = lines.len();
            writeln!(lines, "{event}").expect("a String takes every write");
            *stamps += Stamp::SIZE;
            self.size += lines.len() - before;
        } else {
            self.add(Post::Public {
                from,
                lines: line(event),
                stamps: Stamp::SIZE,
            });
        }
    }

    /// Adds a private text.
    pub fn private(&mut self, from: SeatId, to: Username, text: Text, waits_since: Option<u64>) {
        let text = text.into_owned();
        self.add(Post::Private {
            from,
            to,
            text,
            waits_since,
        });
    }

    /// Adds a line to one person alone.
    pub fn answer(&mut self, to: SeatId, event: &Event) {
        let lines = line(event);
        self.add(Post::Answer { to, lines });
    }

    /// Adds the question who is here.
    pub fn who(&mut self, asked_by: SeatId) {
        self.add(Post::Who { asked_by });
    }

    fn add(&mut self, post: Post) {
        self.size += post.len() + size_of::<Post>();
        self.posts.push(post);
    }
}

impl From<Post> for Batch {
    /// With this one post in it, and nothing that counts.
    fn from(post: Post) -> Self {
        Batch {
            posts: vec![post],
            ..Batch::default()
        }
    }
}

/// `event` as it is sent.
pub fn line(event: &Event) -> String {
    format!("{event}\n")
}
