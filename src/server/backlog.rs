//! What was said, for those who come later and for those who come back.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::post::SeatId;
use crate::protocol::Stamp;

/// How many bytes of what was said are kept in memory, with what it takes to keep them.
pub const BACKLOG_SIZE: usize = 512 * 1024;

/// Of how many lines that are no longer kept it is still known for whom they were; as many to all, and
/// as many private ones.
const COUNTED: usize = 4096;

/// For whom a line is. Seats are given once: the next of the same name is somebody else.
#[derive(Debug, Clone, Copy)]
pub enum Audience {
    /// Everyone.
    All,
    /// Everyone but whoever said it, or whom it is about.
    AllBut(SeatId),
    /// These two alone.
    Private {
        /// The addressee.
        to: SeatId,
        /// The author.
        from: SeatId,
    },
}

/// The last of what was said, in its order. Forgets the oldest where it takes more than 512 KiB.
#[derive(Default)]
pub struct Backlog {
    lines: VecDeque<Line>,
    size: usize,
    /// Of lines to all that are no longer kept.
    forgotten: VecDeque<(Stamp, Audience)>,
    /// Of private ones: a flood to all makes nobody forget who wrote them.
    forgotten_private: VecDeque<(Stamp, Audience)>,
}

struct Line {
    stamp: Stamp,
    audience: Audience,
    text: Box<str>,
}

/// What somebody missed.
pub struct Replay {
    /// Whole lines, stamped.
    pub lines: String,
    /// How many public ones there were at least before these.
    pub missed: u64,
    /// Who wrote private ones before these since `seat` was gone, each once.
    pub unread: Vec<SeatId>,
}

impl Backlog {
    /// Keeps a whole line. A stamp MUST NOT be smaller than the one before.
    pub fn keep(&mut self, stamp: Stamp, audience: Audience, line: &str) {
        let line = Line {
            stamp,
            audience,
            text: line.into(),
        };
        self.size += line.size();
        self.lines.push_back(line);
        while self.size > BACKLOG_SIZE
            && let Some(oldest) = self.lines.pop_front()
        {
            self.size -= oldest.size();
            let forgotten = match oldest.audience.is_public() {
                true => &mut self.forgotten,
                false => &mut self.forgotten_private,
            };
            forgotten.push_back((oldest.stamp, oldest.audience));
            if forgotten.len() > COUNTED {
                forgotten.pop_front();
            }
        }
    }

    /// The last `count` lines that were said to all, in at most `most` bytes.
    pub fn history(&self, count: usize, most: usize) -> String {
        let lines = self.lines.iter().rev();
        let said = lines.filter(|line| line.was_said_to_all()).take(count);
        write(said, most).0
    }

    /// What `seat`, who was `gone` since then, has to hear of what came after `after`: the last of it,
    /// in at most `most` bytes.
    pub fn replay(
        &self,
        seat: SeatId,
        gone: Option<Timestamp>,
        after: Stamp,
        most: usize,
    ) -> Replay {
        let lines = self.lines.iter().rev();
        let theirs: Vec<&Line> = lines
            .take_while(|line| line.stamp > after)
            .filter(|line| line.audience.has(seat))
            .collect();
        let (lines, written) = write(theirs.iter().copied(), most);
        let too_many = theirs[written..].iter();
        let too_many = too_many.map(|line| (line.stamp, line.audience));
        let untold = |forgotten| {
            let forgotten = VecDeque::iter(forgotten).rev().copied();
            let untold = forgotten.take_while(|(stamp, _)| *stamp > after);
            too_many.clone().chain(untold)
        };
        let missed = untold(&self.forgotten)
            .filter(|(_, audience)| audience.is_public() && audience.has(seat));
        Replay {
            lines,
            missed: missed.count() as u64,
            unread: match gone {
                Some(gone) => authors(untold(&self.forgotten_private), seat, gone),
                None => Vec::new(),
            },
        }
    }

    /// Who has written to `seat` privately since `then`, each once.
    pub fn authors_to(&self, seat: SeatId, then: Timestamp) -> Vec<SeatId> {
        let kept = self.lines.iter().rev();
        let kept = kept.map(|line| (line.stamp, line.audience));
        let forgotten = self.forgotten_private.iter().rev().copied();
        authors(kept.chain(forgotten), seat, then)
    }
}

/// Who else has written to `seat` privately since `then`, each once. The latest come first.
fn authors(
    latest_first: impl Iterator<Item = (Stamp, Audience)>,
    seat: SeatId,
    then: Timestamp,
) -> Vec<SeatId> {
    // Stamps have no nanoseconds.
    let then = Stamp::EPOCH.next(then);
    let mut authors = Vec::new();
    for (_, audience) in latest_first.take_while(|(stamp, _)| *stamp >= then) {
        if let Audience::Private { to, from } = audience
            && to == seat
            && from != seat
            && !authors.contains(&from)
        {
            authors.push(from);
        }
    }
    authors
}

impl Audience {
    fn has(self, seat: SeatId) -> bool {
        match self {
            Audience::All => true,
            Audience::AllBut(one) => one != seat,
            Audience::Private { to, from } => to == seat || from == seat,
        }
    }

    fn is_public(self) -> bool {
        !matches!(self, Audience::Private { .. })
    }
}

impl Line {
    /// With its place among the others.
    fn size(&self) -> usize {
        size_of::<Line>() + self.text.len()
    }

    fn was_said_to_all(&self) -> bool {
        self.audience.is_public()
            && (self.text.starts_with("MSG ") || self.text.starts_with("ACT "))
    }
}

/// Of lines that come newest first, takes as many as fit in `most` bytes with their stamps, and writes
/// those oldest first. Returns also how many they are.
fn write<'a>(latest_first: impl Iterator<Item = &'a Line>, most: usize) -> (String, usize) {
    let mut size = 0;
    let fitting: Vec<&Line> = latest_first
        .take_while(|line| {
            size += Stamp::SIZE + line.text.len();
            size <= most
        })
        .collect();
    let mut lines = String::new();
    for line in fitting.iter().rev() {
        // As everywhere, what is for people alone to read has none.
        if !line.text.starts_with("INFO ") {
            line.stamp.begin(&mut lines);
        }
        lines.push_str(&line.text);
    }
    (lines, fitting.len())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn seat(number: u64) -> SeatId {
        SeatId {
            number,
            has_session: true,
        }
    }

    #[test]
    fn a_private_line_of_the_very_moment_in_which_somebody_is_gone_counts_as_unread() {
        let now: Timestamp = "2026-11-25T22:08:30.123456789Z".parse().unwrap();
        let (ana, bia) = (seat(1), seat(2));
        let mut backlog = Backlog::default();
        let private = Audience::Private { to: ana, from: bia };
        backlog.keep(Stamp::EPOCH.next(now), private, "PRIV bia ana psst\n");
        assert_eq!(backlog.authors_to(ana, now), [bia]);
        let later = now + Duration::from_micros(1);
        assert_eq!(backlog.authors_to(ana, later), []);
    }
}
