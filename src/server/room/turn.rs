use std::ops::Range;

use crate::protocol::Stamp;
use crate::server::post::{SeatId, TURN_SIZE};

/// What was said since the last delivery, each line once, and for whom.
#[derive(Default)]
pub struct Turn {
    /// What is said to all, in order.
    public: String,
    /// The same with stamps, from where there were people to read them.
    stamped: String,
    /// What is said to single people.
    personal: String,
    /// What is not the same for everyone.
    changes: Vec<Change>,
}

/// One person hears this stretch of `Turn::personal` instead of this stretch of what is said to all;
/// each may be empty. Whoever has a session hears the stamped text, and the stretch is of that.
struct Change {
    seat: SeatId,
    public: Range<usize>,
    personal: Range<usize>,
}

impl Turn {
    /// Whether so many bytes more are too much.
    pub fn is_full_for(&self, bytes: usize) -> bool {
        self.public.len().max(self.stamped.len()) + self.personal.len() + bytes > TURN_SIZE
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.public.is_empty() && self.changes.is_empty()
    }

    /// Adds a whole line to everyone; with its stamp where anybody `reads_stamps`.
    pub fn say_to_all(&mut self, stamp: Stamp, line: &str, reads_stamps: bool) {
        self.public += line;
        if reads_stamps {
            stamp.begin(&mut self.stamped);
            self.stamped += line;
        }
    }

    /// How many bytes have been said to all so far, as this person reads them; to be given to
    /// [`spare`](Self::spare).
    pub fn heard(&self, seat: SeatId) -> usize {
        self.public_for(seat).len()
    }

    /// Leaves out for one person what was said to all since [`heard`](Self::heard) returned `since`.
    pub fn spare(&mut self, seat: SeatId, since: usize) {
        let now = self.heard(seat);
        self.change(seat, since..now, 0..0);
    }

    /// Adds a whole line to one person alone, with its stamp if they read stamps.
    pub fn say_to(&mut self, seat: SeatId, stamp: Stamp, line: &str) {
        let start = self.personal.len();
        if seat.has_session {
            stamp.begin(&mut self.personal);
        }
        self.personal += line;
        self.add(seat, start..self.personal.len());
    }

    /// Adds whole lines, as they are, to one person alone.
    pub fn answer(&mut self, seat: SeatId, lines: &str) {
        let lines = self.store(lines);
        self.add(seat, lines);
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
        if self.changes.iter().filter(is_same).count() * lines.len() < TURN_SIZE {
            self.add(seat, lines);
        }
    }

    fn add(&mut self, seat: SeatId, personal: Range<usize>) {
        let now = self.heard(seat);
        self.change(seat, now..now, personal);
    }

    /// Somebody hears what is said to all from now on.
    pub fn enter(&mut self, seat: SeatId) {
        self.spare(seat, 0);
    }

    /// Somebody hears what was said to all until now, and nothing after.
    pub fn stop(&mut self, seat: SeatId) {
        let now = self.heard(seat);
        self.change(seat, now..usize::MAX, 0..0);
    }

    /// All that is said to all, as they read it.
    fn public_for(&self, seat: SeatId) -> &String {
        match seat.has_session {
            true => &self.stamped,
            false => &self.public,
        }
    }

    /// What is said to all, with stamps, where somebody reads them.
    pub fn stamped(&self) -> &str {
        &self.stamped
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
        let said = self.public_for(seat);
        if own.peek().is_none() {
            return said;
        }
        buffer.clear();
        let mut at = 0;
        for Change {
            public, personal, ..
        } in own
        {
            buffer.push_str(&said[at..public.start]);
            buffer.push_str(&self.personal[personal.clone()]);
            if public.end == usize::MAX {
                return buffer;
            }
            at = public.end;
        }
        buffer.push_str(&said[at..]);
        buffer
    }

    /// The only ones who hear something; `None` when it is everyone.
    pub fn addressees(&self) -> Option<impl Iterator<Item = SeatId>> {
        let each = self.changes.chunk_by(|one, next| one.seat == next.seat);
        self.public.is_empty().then(|| each.map(|own| own[0].seat))
    }

    /// Who hears nothing after this turn.
    pub fn stopped(&self) -> impl Iterator<Item = SeatId> {
        let ends = |change: &&Change| change.public.end == usize::MAX;
        self.changes.iter().filter(ends).map(|change| change.seat)
    }

    /// Forgets it all, and keeps the memory for the next.
    pub fn clear(&mut self) {
        self.public.clear();
        self.stamped.clear();
        self.personal.clear();
        self.changes.clear();
    }
}
