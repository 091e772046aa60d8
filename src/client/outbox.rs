use std::collections::VecDeque;
use std::time::SystemTime;

/// How many bytes of lines are kept, their line ends included: four of the longest pastes.
pub const MOST_KEPT: usize = 1024 * 1024;

/// How many bytes are on their way at most. A server that slows down a flood leaves what it has not read
/// yet to its kernel; this little fits there, so that the connection never seems to stand still.
const MOST_ON_THE_WAY: usize = 16 * 1024;

/// What the server has not counted yet of what a person said, in the order it was typed.
///
/// Both sides count the lines of a session, and only whole ones; so whatever breaks, a line that was
/// counted is gone from here, and one that was not has had no effect. The lines that were sent stand
/// before those that were not.
#[derive(Debug, Default)]
pub struct Outbox {
    lines: VecDeque<Line>,
    bytes: usize,
    /// How many lines of the session the server has counted.
    counted: u64,
    /// How many of `lines` were sent over this connection.
    sent: usize,
    /// How many of them were sent over any.
    tried: usize,
    /// How many bytes were sent over this connection and not counted yet.
    on_the_way: usize,
}

/// A line without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    /// By the clock on the wall, which goes on while the machine sleeps.
    pub typed: SystemTime,
}

impl Line {
    /// How many bytes it takes, with its line end.
    fn bytes(&self) -> usize {
        self.text.len() + 1
    }
}

impl Outbox {
    /// Keeps `line` as the last; `false` when it is full.
    pub fn push(&mut self, line: Line) -> bool {
        let bytes = self.bytes + line.bytes();
        let fits = bytes <= MOST_KEPT;
        if fits {
            self.bytes = bytes;
            self.lines.push_back(line);
        }
        fits
    }

    /// The [`next`](Self::next) line, which counts as sent from now on, whatever becomes of it. `None`
    /// where a server that `counts` has enough on its way.
    pub fn send_next(&mut self, counts: bool) -> Option<&str> {
        let line = self.lines.get(self.sent)?;
        let on_the_way = self.on_the_way + line.bytes();
        if counts && self.on_the_way > 0 && on_the_way > MOST_ON_THE_WAY {
            return None;
        }
        self.on_the_way = on_the_way;
        self.sent += 1;
        self.tried = self.tried.max(self.sent);
        Some(&line.text)
    }

    /// Forgets what the server has counted, which is so many lines of the session in all.
    pub fn count(&mut self, counted: u64) {
        let news = counted.saturating_sub(self.counted);
        // A server cannot have counted what it was never sent.
        let gone = self.tried.min(news.try_into().unwrap_or(usize::MAX));
        self.counted += gone as u64;
        self.tried -= gone;
        for line in self.lines.drain(..gone) {
            self.bytes -= line.bytes();
            if self.sent > 0 {
                self.sent -= 1;
                self.on_the_way -= line.bytes();
            }
        }
    }

    /// The session goes on over a new connection, where all lines but the `counted` are to be sent
    /// anew.
    pub fn resume(&mut self, counted: u64) {
        self.count(counted);
        (self.sent, self.on_the_way) = (0, 0);
    }

    /// Puts a line that says nothing before all others.
    pub fn push_blank(&mut self) {
        let blank = Line {
            text: String::new(),
            typed: SystemTime::now(),
        };
        self.bytes += blank.bytes();
        self.lines.push_front(blank);
        // What was tried stands in front.
        self.tried += usize::from(self.tried > 0);
    }

    /// Takes out and returns those lines not sent over this connection that `is_meant` picks.
    pub fn withhold(&mut self, is_meant: impl Fn(&Line) -> bool) -> Vec<Line> {
        let (mut withheld, tried) = (Vec::new(), self.tried);
        for (place, line) in (self.sent..).zip(self.lines.split_off(self.sent)) {
            if is_meant(&line) {
                self.tried -= usize::from(place < tried);
                self.bytes -= line.bytes();
                withheld.push(line);
            } else {
                self.lines.push_back(line);
            }
        }
        withheld
    }

    /// The next line to be sent over this connection.
    pub fn next(&self) -> Option<&Line> {
        self.lines.get(self.sent)
    }

    /// Whether nothing is on its way.
    pub fn is_at_rest(&self) -> bool {
        self.sent == 0
    }

    /// Empties it, for a new session: returns what was sent and may have had its effect or not, and
    /// what was never sent.
    pub fn empty(&mut self) -> (Vec<Line>, Vec<Line>) {
        let tried = self.tried;
        let mut sent = Vec::from(self.take());
        let unsent = sent.split_off(tried);
        (sent, unsent)
    }

    fn take(&mut self) -> VecDeque<Line> {
        std::mem::take(self).lines
    }

    /// Whether the server has counted all.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether all was sent over this connection.
    pub fn is_sent(&self) -> bool {
        self.sent == self.lines.len()
    }
}

#[cfg(test)]
mod tests;
