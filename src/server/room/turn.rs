use std::collections::HashMap;
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
    /// Who gets something else than all that is public.
    letters: HashMap<SeatId, Letter>,
}

/// How what one person gets differs from what is public.
#[derive(Default)]
struct Letter {
    /// Where it begins, for whoever has come in this turn.
    start: usize,
    changes: Vec<Change>,
    /// Where it ends, for whoever has left in this turn.
    end: Option<usize>,
}

/// At one place of what is public, personal lines instead of so many bytes of it.
struct Change {
    at: usize,
    skip: usize,
    lines: Range<usize>,
}

impl Turn {
    /// Whether so many bytes more are too much.
    pub fn is_full_for(&self, bytes: usize) -> bool {
        self.public.len() + self.personal.len() + bytes > SIZE
    }

    /// Adds whole lines.
    pub fn say(&mut self, to: To, lines: &str) {
        match to {
            To::All => self.public += lines,
            To::AllBut(author) => {
                self.change(author, lines.len(), 0..0);
                self.public += lines;
            }
            To::Only(seat) => {
                let lines = self.store(lines);
                self.change(seat, 0, lines);
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
        let changes = &self.letter(seat).changes;
        let shown = changes.iter().filter(|change| change.lines == lines);
        if shown.count() * lines.len() < SIZE {
            self.change(seat, 0, lines);
        }
    }

    /// From here on, this one hears what is said to all.
    pub fn enter(&mut self, seat: SeatId) {
        self.letter(seat).start = self.public.len();
    }

    /// From here on, this one hears nothing more.
    pub fn leave(&mut self, seat: SeatId) {
        self.letter(seat).end = Some(self.public.len());
    }

    /// What one person hears. `buffer` is for what is put together for them alone.
    pub fn heard_by<'a>(&'a self, seat: SeatId, buffer: &'a mut String) -> &'a str {
        let Some(letter) = self.letters.get(&seat) else {
            return &self.public;
        };
        buffer.clear();
        let mut at = letter.start;
        for change in &letter.changes {
            buffer.push_str(&self.public[at..change.at]);
            buffer.push_str(&self.personal[change.lines.clone()]);
            at = change.at + change.skip;
        }
        buffer.push_str(&self.public[at..letter.end.unwrap_or(self.public.len())]);
        buffer
    }

    /// The only ones who hear something; `None` when it is everyone.
    pub fn addressees(&self) -> Option<impl Iterator<Item = SeatId>> {
        self.public.is_empty().then(|| self.letters.keys().copied())
    }

    /// Who has left in this turn.
    pub fn left(&self) -> impl Iterator<Item = SeatId> {
        let left = self
            .letters
            .iter()
            .filter(|(_, letter)| letter.end.is_some());
        left.map(|(&seat, _)| seat)
    }

    /// Forgets it all, and keeps the memory for the next.
    pub fn clear(&mut self) {
        self.public.clear();
        self.personal.clear();
        self.letters.clear();
    }

    fn change(&mut self, seat: SeatId, skip: usize, lines: Range<usize>) {
        let at = self.public.len();
        self.letter(seat).changes.push(Change { at, skip, lines });
    }

    fn letter(&mut self, seat: SeatId) -> &mut Letter {
        self.letters.entry(seat).or_default()
    }
}
