use std::io::{self, Read};
use std::mem;

/// What the buffer starts with, and goes back to: enough for most lines, little enough for ten
/// thousand clients that say nothing.
const SMALL: usize = 512;

/// What one read takes at most. More would let one client's turn grow without making a send to
/// its readers any cheaper.
const LARGE: usize = 64 * 1024;

/// One line as it came, without its line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// UTF-8 within the limit.
    Text(&'a str),
    /// Longer than the limit; the rest, up to its newline, is skipped. Reported once.
    TooLong,
    /// Within the limit, but not UTF-8.
    NotUtf8,
}

/// Cuts what a source delivers into lines of at most `limit` bytes, however it is split or
/// merged on the way. Its buffer is never larger than 64 KiB, or twice the limit.
pub struct LineReader<R> {
    source: R,
    limit: usize,
    /// `buffer[start..end]` is read but not yet handed out; none of its first `scanned` bytes is
    /// a newline.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    scanned: usize,
    /// The last read left no space, so there is probably more where it came from.
    filled: bool,
    skipping: bool,
    ended: bool,
}

impl<R: Read> LineReader<R> {
    /// Lines of at most `limit` bytes, the line end not counted.
    pub fn new(source: R, limit: usize) -> Self {
        LineReader {
            source,
            limit,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            scanned: 0,
            filled: false,
            skipping: false,
            ended: false,
        }
    }

    /// Reads once, taking what is there, and says how many bytes came; 0 is the end. Passes on
    /// the source's error, and loses nothing by it. To be called when
    /// [`next_line`](Self::next_line) has no more.
    pub fn fill(&mut self) -> io::Result<usize> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= mem::take(&mut self.start);
        if self.filled || self.end == self.buffer.len() {
            let longest = LARGE.max(2 * self.limit);
            let size = (8 * self.buffer.len()).clamp(SMALL, longest);
            self.buffer.resize(size, 0);
        }
        let taken = self.source.read(&mut self.buffer[self.end..])?;
        self.end += taken;
        self.filled = self.end == self.buffer.len();
        self.ended = taken == 0;
        Ok(taken)
    }

    /// The next whole line of what was read. After the end, what stands behind the last newline
    /// counts as a line too.
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        loop {
            let unread = &self.buffer[self.start..self.end];
            let newline = unread[self.scanned..].iter().position(|&b| b == b'\n');
            let line = match newline {
                Some(at) => self.start..self.start + self.scanned + at,
                None if self.ended && !unread.is_empty() => self.start..self.end,
                None if self.skipping || is_too_long(unread, self.limit) => {
                    self.start = self.end;
                    self.scanned = 0;
                    let known = mem::replace(&mut self.skipping, true);
                    return (!known).then_some(Line::TooLong);
                }
                None => {
                    self.scanned = unread.len();
                    return None;
                }
            };
            self.start = self.end.min(line.end + 1);
            self.scanned = 0;
            if mem::take(&mut self.skipping) {
                continue;
            }
            let mut bytes = &self.buffer[line];
            if newline.is_some() {
                bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            }
            if bytes.len() > self.limit {
                return Some(Line::TooLong);
            }
            return Some(str::from_utf8(bytes).map_or(Line::NotUtf8, Line::Text));
        }
    }

    /// Whether the source has ended.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the line that is being read is too long, and skipped.
    pub fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Whether something is read and not yet handed out.
    pub fn has_rest(&self) -> bool {
        self.start < self.end
    }

    /// Whether a burst has made the buffer larger than a client at rest needs.
    pub fn has_grown(&self) -> bool {
        self.buffer.len() > SMALL
    }

    /// Gives the memory of a burst back; half a line that waits for its end is kept.
    pub fn shrink(&mut self) {
        if !self.has_rest() {
            (self.start, self.end, self.filled) = (0, 0, false);
            self.buffer = vec![0; SMALL];
        }
    }
}

/// A line without its end yet is too long when not even a `\r` at its end could save it.
fn is_too_long(unfinished: &[u8], limit: usize) -> bool {
    unfinished.len() > limit + 1 || unfinished.len() == limit + 1 && !unfinished.ends_with(b"\r")
}
