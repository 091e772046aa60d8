use std::ops::Range;

use crate::server::post::SeatId;

/// How many bytes one turn says at most, unless there is more to be told at once: far below what a
/// send buffer holds, so that a client that reads is never taken for a slow one.
///
/// It also keeps every buffer within 64 KiB as it grows by doubling. Once glibc has freed one of
/// more than 128 KiB it keeps that much in each of its arenas (mallopt(3), `M_MMAP_THRESHOLD`).
const SIZE: usize = 60 * 1024;

/// Whom lines are for.
#[derive(Clone, Copy)]
pub enum To {
    /// Everyone who is here.
    All,
    /// Everyone but their author.
    AllBut(SeatId),
    /// This one alone.
    Only(SeatId),
}

/// What was said since the last delivery, each line once, and for whom.
#[derive(Default)]
pub struct Turn {
    /// What is said to all, in order.
    public: String,
    /// What is said to single people.
    personal: String,
    /// What is not the same for everyone.
    changes: Vec<Change>,
    left: Vec<SeatId>,
}

/// One person hears some of what is personal instead of some of what is public.
struct Change {
    seat: SeatId,
    public: Range<usize>,
    personal: Range<usize>,
}

impl Turn {
    /// Whether so many bytes more are too much.
    pub fn is_full_for(&self, bytes: usize) -> bool {
        self.public.len() + self.personal.len() + bytes > SIZE
    }

    /// Adds whole lines.
    pub fn say(&mut self, to: To, lines: &str) {
        let now = self.public.len();
        match to {
            To::All => self.public += lines,
            To::AllBut(author) => {
                self.public += lines;
                self.change(author, now..self.public.len(), 0..0);
            }
            To::Only(seat) => {
                let lines = self.store(lines);
                self.change(seat, now..now, lines);
            }
        }
    }

    /// Keeps lines that several people may ask for. Returns where, for [`show`](Self::show).
    pub fn store(&mut self, lines: &str) -> Range<usize> {
        self.personal += lines;
        self.personal.len() - lines.len()..self.personal.len()
    }

    /// Adds stored lines, for one person alone. Whoever is shown them again and again, so that they
    /// would fill a send buffer, has them already.
    pub fn show(&mut self, seat: SeatId, lines: Range<usize>) {
        let is_same = |change: &&Change| change.seat == seat && change.personal == lines;
        if self.changes.iter().filter(is_same).count() * lines.len() < SIZE {
            let now = self.public.len();
            self.change(seat, now..now, lines);
        }
    }

    /// Somebody hears what is said to all from now on.
    pub fn enter(&mut self, seat: SeatId) {
        self.change(seat, 0..self.public.len(), 0..0);
    }

    /// Somebody hears what was said to all until now.
    pub fn leave(&mut self, seat: SeatId) {
        self.change(seat, self.public.len()..usize::MAX, 0..0);
        self.left.push(seat);
    }

    fn change(&mut self, seat: SeatId, public: Range<usize>, personal: Range<usize>) {
        let change = Change {
            seat,
            public,
            personal,
        };
        self.changes.push(change);
    }

    /// MUST be called before it is heard.
    pub fn sort(&mut self) {
        self.changes.sort_by_key(|change| change.seat);
    }

    /// What one person hears. `buffer` is for what has to be put together for them.
    pub fn heard_by<'a>(&'a self, seat: SeatId, buffer: &'a mut String) -> &'a str {
        let first = self.changes.partition_point(|change| change.seat < seat);
        let own = self.changes[first..]
            .iter()
            .take_while(|change| change.seat == seat);
        let mut own = own.peekable();
        if own.peek().is_none() {
            return &self.public;
        }
        buffer.clear();
        let mut at = 0;
        for Change {
            public, personal, ..
        } in own
        {
            buffer.push_str(&self.public[at..public.start]);
            buffer.push_str(&self.personal[personal.clone()]);
            at = public.end.min(self.public.len());
        }
        buffer.push_str(&self.public[at..]);
        buffer
    }

    /// The only ones who hear something; `None` when it is everyone.
    pub fn addressees(&self) -> Option<impl Iterator<Item = SeatId>> {
        let each = self.changes.chunk_by(|one, next| one.seat == next.seat);
        self.public.is_empty().then(|| each.map(|own| own[0].seat))
    }

    /// Who has left in this turn.
    pub fn left(&self) -> impl Iterator<Item = SeatId> {
        self.left.iter().copied()
    }

    /// Forgets it all, and keeps the memory for the next.
    pub fn clear(&mut self) {
        self.public.clear();
        self.personal.clear();
        self.changes.clear();
        self.left.clear();
    }
}
