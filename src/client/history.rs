use std::mem;

use super::buffer::Buffer;

/// How many lines are kept.
const MOST_LINES: usize = 1000;

/// What was said before.
#[derive(Default)]
pub struct History {
    lines: Vec<String>,
    /// How many lines back one is; 0 is what is being typed, which `half` keeps meanwhile.
    back: usize,
    half: String,
}

/// A search through the history; what it finds is shown as if it was typed.
pub struct Search {
    /// What is searched for.
    pub wanted: String,
    /// There is no such line; what was typed before is shown.
    pub has_failed: bool,
    /// Which line has been found.
    pub found: usize,
    /// What was typed before.
    pub before: Buffer,
}

impl History {
    /// Keeps `line` as the latest.
    pub fn remember(&mut self, line: &str) {
        if !line.trim().is_empty() && self.lines.last().is_none_or(|last| last != line) {
            self.lines.push(line.to_owned());
            // Who looks at an older one meanwhile stays there.
            self.back += usize::from(self.back > 0);
        }
        if self.lines.len() > MOST_LINES {
            self.lines.remove(0);
        }
    }

    /// The line one further back, or forth, where `left` is what one comes from. `None` when there
    /// is no more.
    pub fn go(&mut self, further_back: bool, left: &str) -> Option<String> {
        let back = match further_back {
            true => self.back + 1,
            false => self.back.checked_sub(1)?,
        };
        let at = self.lines.len().checked_sub(back)?;
        if self.back == 0 {
            self.half = left.to_owned();
        }
        self.back = back;
        let line = self.lines.get(at).cloned();
        Some(line.unwrap_or_else(|| mem::take(&mut self.half)))
    }

    /// What is typed next is a new line.
    pub fn leave(&mut self) {
        self.back = 0;
    }

    /// The latest line older than number `end` that has `wanted` in it: its number, where it has it,
    /// and the line.
    pub fn find(&self, wanted: &str, end: usize) -> Option<(usize, usize, &str)> {
        let lines = self.lines.iter().enumerate().take(end).rev();
        let mut found = lines.filter_map(|(n, line)| Some((n, line.find(wanted)?, &**line)));
        found.next()
    }
}
