use std::io::{self, Read};
use std::mem;

/// What the buffer starts with, and goes back to: enough for most lines, little enough for ten
/// thousand clients that say nothing.
const SMALL: usize = 512;

/// What one read takes at most. More would let one client's turn grow without making a send to
/// its readers any cheaper.
const LARGE: usize = 64 * 1024;

/// What programs on Windows put before a text (UTF-8's byte order mark, RFC 3629, section 6).
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Why a line cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// It is longer than the limit; the rest, up to its newline, is skipped. Reported once.
    #[error("the line is too long")]
    TooLong,
    /// It is within the limit, but not UTF-8.
    #[error("the line is not UTF-8")]
    NotUtf8,
}

/// Cuts what a source delivers into lines of at most `limit` bytes, however it is split or
/// merged on the way. A byte order mark at the start is dropped, and so is every `\r` at the end of
/// a line. Its buffer is never larger than 64 KiB, or twice the limit.
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
    begun: bool,
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
            begun: false,
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

    /// The next whole line of what was read, without its line end, or why it cannot be read. After
    /// the end, what stands behind the last newline counts as a line too.
    pub fn next_line(&mut self) -> Option<Result<&str, BadLine>> {
        if !self.begun {
            self.begin();
        }
        if !self.begun && !self.ended {
            return None;
        }
        loop {
            let unread = &self.buffer[self.start..self.end];
            let newline = unread[self.scanned..].iter().position(|&b| b == b'\n');
            let line = match newline {
                Some(at) => self.start..self.start + self.scanned + at,
                None if self.ended && !unread.is_empty() => self.start..self.end,
                None if self.skipping || without_returns(unread).len() > self.limit => {
                    self.start = self.end;
                    self.scanned = 0;
                    let known = mem::replace(&mut self.skipping, true);
                    return (!known).then_some(Err(BadLine::TooLong));
                }
                None => {
                    // How many `\r` reach past the limit makes no difference; they take no memory.
                    self.end = self.end.min(self.start + self.limit + 1);
                    self.scanned = self.end - self.start;
                    return None;
                }
            };
            self.start = self.end.min(line.end + 1);
            self.scanned = 0;
            if mem::take(&mut self.skipping) {
                continue;
            }
            let bytes = without_returns(&self.buffer[line]);
            if bytes.len() > self.limit {
                return Some(Err(BadLine::TooLong));
            }
            return Some(str::from_utf8(bytes).map_err(|_| BadLine::NotUtf8));
        }
    }

    /// Drops the byte order mark, once enough is read to tell whether there is one.
    fn begin(&mut self) {
        let unread = &self.buffer[self.start..self.end];
        self.begun = unread.starts_with(BYTE_ORDER_MARK) || !BYTE_ORDER_MARK.starts_with(unread);
        if unread.starts_with(BYTE_ORDER_MARK) {
            self.start += BYTE_ORDER_MARK.len();
            self.scanned = 0;
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

/// `line` without the `\r` at its end, which may be part of the line end.
fn without_returns(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|&byte| byte != b'\r');
    &line[..end.map_or(0, |last| last + 1)]
}
