use std::fmt::{self, Write};
use std::str::FromStr;

use jiff::Timestamp;

/// When something happened in the room, in microseconds. No two events of a room have the same, so
/// it is also the place of an event in their order. Written in UTC, like
/// `2026-11-25T22:08:30.123456Z`, always in 27 characters.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(Timestamp);

/// What should be a stamp, and is not written as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a stamp like 2026-11-25T22:08:30.123456Z")]
pub struct NotAStamp;

impl Stamp {
    /// Before everything that happens: the stamp of no event.
    pub const EPOCH: Stamp = Stamp(Timestamp::UNIX_EPOCH);

    /// How many bytes a line has more when it begins with a stamp.
    pub const SIZE: usize = "@2026-11-25T22:08:30.123456Z ".len();

    /// The stamp of what happens at `now`, where this is the last one before. A clock that stands, or
    /// was set back, makes no two the same.
    pub fn next(self, now: Timestamp) -> Stamp {
        let micros = self.0.as_microsecond().saturating_add(1);
        let micros = micros.max(now.as_microsecond());
        Stamp(Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX))
    }

    /// The time itself.
    pub fn time(self) -> Timestamp {
        self.0
    }

    /// Begins a line with it: adds `@`, the stamp and a space to `lines`.
    pub fn begin(self, lines: &mut String) {
        write!(lines, "@{self} ").expect("a String takes every write");
    }

    /// The stamp before an event, if it has one, and the event.
    pub fn split(line: &str) -> (Option<Stamp>, &str) {
        let stamped = line.strip_prefix('@').and_then(|rest| {
            let (stamp, event) = rest.split_once(' ')?;
            Some((Some(stamp.parse().ok()?), event))
        });
        stamped.unwrap_or((None, line))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:.6}", self.0)
    }
}

impl FromStr for Stamp {
    type Err = NotAStamp;

    fn from_str(typed: &str) -> Result<Self, NotAStamp> {
        let stamp = Stamp(typed.parse().map_err(|_| NotAStamp)?);
        match stamp.to_string() == typed {
            true => Ok(stamp),
            false => Err(NotAStamp),
        }
    }
}
