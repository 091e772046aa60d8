use std::ops::Range;

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::GraphemeCursor;

/// A text with a cursor, which is always between two characters as people see them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buffer {
    text: String,
    /// Where the cursor is, in bytes.
    at: usize,
}

impl Buffer {
    /// `text` with the cursor at `at`, or behind the character that would be in.
    pub fn new(text: String, at: usize) -> Self {
        let mut buffer = Buffer { text, at: 0 };
        buffer.go(at);
        buffer
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the cursor is, in bytes.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Puts `new` in the place of `range`. A cursor in it goes behind what is new; one behind it
    /// stays at what follows it.
    pub fn replace(&mut self, range: Range<usize>, new: &str) {
        let behind = self.at.saturating_sub(range.end);
        let at = match self.at < range.start {
            true => self.at,
            false => range.start + new.len() + behind,
        };
        self.text.replace_range(range, new);
        // A change can make one character of two.
        self.go(at);
    }

    /// Moves the cursor to `at`, or behind the character that would be in.
    pub fn go(&mut self, at: usize) {
        self.at = self.border(at, Self::right_of);
    }

    /// The place one character before `at`.
    pub fn left_of(&self, at: usize) -> usize {
        let border = self.cursor(at).prev_boundary(&self.text, 0);
        border.ok().flatten().unwrap_or(0)
    }

    /// The place one character behind `at`.
    pub fn right_of(&self, at: usize) -> usize {
        let border = self.cursor(at).next_boundary(&self.text, 0);
        border.ok().flatten().unwrap_or(self.text.len())
    }

    /// Where the word before the cursor begins, which consists of what `is_in_word`.
    pub fn word_left(&self, is_in_word: fn(char) -> bool) -> usize {
        let word = self.text[..self.at].trim_end_matches(|c| !is_in_word(c));
        let at = word.trim_end_matches(is_in_word).len();
        self.border(at, Self::left_of)
    }

    /// Where the word behind the cursor ends.
    pub fn word_right(&self) -> usize {
        let behind = self.text[self.at..].trim_start_matches(|c| !is_in_word(c));
        let behind = behind.trim_start_matches(is_in_word);
        self.border(self.text.len() - behind.len(), Self::right_of)
    }

    fn border(&self, at: usize, otherwise: fn(&Self, usize) -> usize) -> usize {
        match self.cursor(at).is_boundary(&self.text, 0) {
            Ok(true) => at,
            _ => otherwise(self, at),
        }
    }

    fn cursor(&self, at: usize) -> GraphemeCursor {
        GraphemeCursor::new(at, self.text.len(), true)
    }
}

/// Whether words of letters and digits have `c`.
pub fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}
