use std::io::Write;
use std::time::{Duration, Instant};

/// Bytes of a line as its author sends it, line end included.
pub const LINE: usize = 64;
/// Every client's name is its number, in so many digits.
pub const DIGITS: usize = 4;

/// Who talks to whom.
pub enum Talk {
    /// The first so many clients talk to everyone else.
    Public(usize),
    /// Each of the first half talks to one of the second.
    Private,
}

/// When authors speak.
#[derive(Clone, Copy)]
pub enum Pace {
    InFlight(usize),
    Every(Duration),
}

/// One who talks.
pub struct Author {
    pub said: usize,
    /// How many of these have reached all their readers.
    pub done: usize,
    /// Line `n` stands at `n` modulo the most that may be in flight.
    pub lines: Vec<Line>,
    /// What makes a line private.
    command: String,
    pub out: Vec<u8>,
}

/// One of them, on its way.
#[derive(Clone)]
pub struct Line {
    /// As it has to arrive.
    pub bytes: Vec<u8>,
    /// How many have it.
    pub reached: usize,
    pub sent: Instant,
}

impl Author {
    /// `heading` is what the server puts before each line, `window` how many may be in flight.
    pub fn new(me: usize, command: String, heading: &str, window: usize) -> Author {
        // The author again, for the limit's readers; the line's number; and some words.
        let bytes = format!("{heading}{me:04} {:08} {:-<49}\n", 0, "").into_bytes();
        let line = Line {
            bytes,
            reached: 0,
            sent: Instant::now(),
        };
        Author {
            said: 0,
            done: 0,
            lines: vec![line; window],
            command,
            out: Vec::new(),
        }
    }

    /// How many bytes the server puts before each line.
    pub fn heading(&self) -> usize {
        self.lines[0].bytes.len() - LINE
    }

    /// Puts the next line behind what is to be sent.
    pub fn say(&mut self, now: Instant) {
        let slot = self.said % self.lines.len();
        let line = &mut self.lines[slot];
        let text = line.bytes.len() - LINE;
        write!(&mut line.bytes[text + DIGITS + 1..], "{:08}", self.said).unwrap();
        line.sent = now;
        self.out.extend_from_slice(self.command.as_bytes());
        self.out.extend_from_slice(&line.bytes[text..]);
        self.said += 1;
    }
}
