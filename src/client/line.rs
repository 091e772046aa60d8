//! The line being edited, which knows nothing of terminals.

use std::mem;
use std::ops::Range;

use super::buffer::{Buffer, is_in_word};
use super::history::{History, Search};
use super::keys::Key;
use super::typed::{Flaw, Typed, secret_in};

/// How many bytes can be typed or pasted at once.
const MOST_TYPED: usize = 256 * 1024;

/// How many changes can be undone.
const MOST_CHANGES: usize = 100;

/// The line being edited; after a paste it may be several.
#[derive(Default)]
pub struct Line {
    /// All that is typed is a secret.
    pub is_hidden: bool,
    typed: Buffer,
    /// What was typed before each change.
    before: Vec<Buffer>,
    /// What the last key changed.
    change: Change,
    /// What was cut last.
    cut: String,
    history: History,
    search: Option<Search>,
    is_pasting: bool,
    last_key: Option<Key>,
    flaw: Option<Flaw>,
}

/// What a key changes. Keys in a row that change the same are undone together.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Change {
    #[default]
    Other,
    Typing,
    Deleting,
}

/// What a key asks of others.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing; the line may have changed.
    Nothing,
    /// Do with it what is to be done with what was typed.
    Take(Typed),
    /// Complete what stands before the cursor.
    Complete,
    /// Stop the program.
    Suspend,
    /// Clear the screen.
    Clear,
    /// Nothing of the line: the terminal's cursor is in this column, counted from 1.
    CursorAt(usize),
}

impl Line {
    /// Does what `key` means for the line.
    pub fn press(&mut self, key: Key) -> Asked {
        let last_key = self.last_key.replace(key);
        match key {
            Key::CursorAt(column) => return Asked::CursorAt(column),
            Key::Ctrl('Z') => return Asked::Suspend,
            Key::NotUtf8 if self.flaw.is_none() => {
                self.flaw = Some(Flaw::NotUtf8);
                return Asked::Take(Typed::Flawed(String::new(), Flaw::NotUtf8));
            }
            _ if self.is_pasting => self.paste(key, last_key),
            _ if self.search_on(key) => {}
            Key::Ctrl('M' | 'J') => return Asked::Take(self.finish()),
            Key::Ctrl('D') if self.text().is_empty() => return Asked::Take(Typed::End),
            Key::Ctrl('L') => return Asked::Clear,
            Key::Ctrl('I') => return Asked::Complete,
            key => self.edit(key),
        }
        Asked::Nothing
    }

    fn edit(&mut self, key: Key) {
        let change = mem::take(&mut self.change);
        let (at, end) = (self.typed.at(), self.text().len());
        let (left, right) = (self.typed.left_of(at), self.typed.right_of(at));
        match key {
            Key::Char(c) => {
                // Each word by itself.
                if change != Change::Typing || c == ' ' {
                    self.keep();
                }
                self.insert(c);
                self.change = Change::Typing;
            }
            Key::Left | Key::Ctrl('B') => self.typed.go(left),
            Key::Right | Key::Ctrl('F') => self.typed.go(right),
            Key::WordLeft | Key::Alt('b') => self.typed.go(self.typed.word_left(is_in_word)),
            Key::WordRight | Key::Alt('f') => self.typed.go(self.typed.word_right()),
            Key::Home | Key::Ctrl('A') => self.typed.go(0),
            Key::End | Key::Ctrl('E') => self.typed.go(end),
            // A line said before is no password, and what is searched for is shown.
            Key::Up | Key::Down | Key::Ctrl('P' | 'N' | 'R') if self.is_hidden => {}
            Key::Up | Key::Ctrl('P') => self.recall(true),
            Key::Down | Key::Ctrl('N') => self.recall(false),
            Key::Backspace => self.delete(left..at, change),
            Key::Delete | Key::Ctrl('D') => self.delete(at..right, change),
            Key::Ctrl('U') => self.cut(0..at),
            Key::Ctrl('K') => self.cut(at..end),
            Key::Ctrl('W') => self.cut(self.typed.word_left(|c| !c.is_whitespace())..at),
            Key::WordBackspace => self.cut(self.typed.word_left(is_in_word)..at),
            Key::WordDelete | Key::Alt('d') => self.cut(at..self.typed.word_right()),
            Key::Ctrl('Y') => self.replace(at..at, &self.cut.clone()),
            Key::Ctrl('R') => {
                self.search = Some(Search {
                    wanted: String::new(),
                    has_failed: false,
                    found: usize::MAX,
                    before: self.typed.clone(),
                });
            }
            Key::Ctrl('_') => self.typed = self.before.pop().unwrap_or(self.typed.clone()),
            Key::PasteBegins => {
                self.keep();
                self.is_pasting = true;
            }
            _ => {}
        }
    }

    /// All that is pasted is text.
    fn paste(&mut self, key: Key, last_key: Option<Key>) {
        match key {
            Key::PasteEnds => self.is_pasting = false,
            Key::Ctrl('J') if last_key == Some(Key::Ctrl('M')) => {}
            // What ends a line in Unicode (section 5.8), VT and FF too, whoever wrote the text.
            Key::Char('\u{85}' | '\u{2028}' | '\u{2029}') | Key::Ctrl('J' | 'K' | 'L' | 'M') => {
                self.insert('\n');
            }
            Key::Char(c) => self.insert(c),
            Key::Ctrl('I') => self.insert(' '),
            // A NUL.
            Key::Ctrl('@') => {}
            Key::Ctrl(_) => self.insert(char::REPLACEMENT_CHARACTER),
            Key::Alt(c) => {
                self.insert(char::REPLACEMENT_CHARACTER);
                self.insert(c);
            }
            _ => {}
        }
    }

    /// Goes on with a search, if there is one; `false` when `key` has a meaning of its own.
    fn search_on(&mut self, key: Key) -> bool {
        let Some(mut search) = self.search.take() else {
            return false;
        };
        let end = mem::replace(&mut search.found, usize::MAX);
        match key {
            Key::Char(c) => search.wanted.push(c),
            Key::Backspace => drop(search.wanted.pop()),
            Key::Ctrl('R') => search.found = end,
            Key::Ctrl('G') => {
                self.typed = search.before;
                return true;
            }
            Key::Ctrl('M' | 'J') if search.has_failed => return true,
            _ if self.typed != search.before => {
                self.before.push(search.before);
                return false;
            }
            _ => return false,
        }
        let found = self.history.find(&search.wanted, search.found);
        search.has_failed = found.is_none();
        self.typed = match found {
            Some((number, at, line)) => {
                search.found = number;
                Buffer::new(line.to_owned(), at)
            }
            None => search.before.clone(),
        };
        self.search = Some(search);
        true
    }

    /// The search through the history, if there is one.
    pub fn search(&self) -> Option<&Search> {
        self.search.as_ref()
    }

    /// What is typed so far.
    pub fn text(&self) -> &str {
        self.typed.text()
    }

    /// Where a secret begins in it, if one does.
    pub fn secret(&self) -> Option<usize> {
        match self.is_hidden {
            true => Some(0),
            false => secret_in(self.text()),
        }
    }

    /// Where the cursor is in it, in bytes.
    pub fn at(&self) -> usize {
        self.typed.at()
    }

    /// Whether a paste has begun and not yet ended.
    pub fn is_pasting(&self) -> bool {
        self.is_pasting
    }

    /// Puts `new` in the place of `range`. A cursor in it goes behind what is new; one behind it
    /// stays at what follows it.
    pub fn replace(&mut self, range: Range<usize>, new: &str) {
        self.keep();
        self.typed.replace(range, new);
        if self.text().len() > MOST_TYPED {
            self.flaw = Some(Flaw::TooLong);
        }
    }

    /// Remembers what was typed, for the Up key; but no secret.
    pub fn remember(&mut self, typed: &str) {
        if secret_in(typed).is_none() {
            self.history.remember(typed);
        }
    }

    /// Begins with what was typed before.
    pub fn put_back(&mut self, typed: String) {
        let end = typed.len();
        self.typed = Buffer::new(typed, end);
    }

    fn finish(&mut self) -> Typed {
        self.before.clear();
        self.history.leave();
        let typed = mem::take(&mut self.typed).text().to_owned();
        match self.flaw.take() {
            None => Typed::Lines(typed),
            Some(flaw) => Typed::Flawed(typed, flaw),
        }
    }

    /// Keeps what is typed, for undo.
    fn keep(&mut self) {
        if self.before.len() == MOST_CHANGES {
            self.before.remove(0);
        }
        self.before.push(self.typed.clone());
    }

    fn insert(&mut self, c: char) {
        let at = self.typed.at();
        let c = match c.is_control() && c != '\n' {
            true => char::REPLACEMENT_CHARACTER,
            false => c,
        };
        match self.text().len() < MOST_TYPED {
            true => self.typed.replace(at..at, c.encode_utf8(&mut [0; 4])),
            false => self.flaw = Some(Flaw::TooLong),
        }
    }

    fn delete(&mut self, range: Range<usize>, change: Change) {
        if change != Change::Deleting {
            self.keep();
        }
        self.typed.replace(range, "");
        self.change = Change::Deleting;
        if self.text().is_empty() {
            self.flaw = None;
        }
    }

    fn cut(&mut self, range: Range<usize>) {
        if self.secret().is_none() {
            self.cut = self.text()[range.clone()].to_owned();
        }
        self.delete(range, Change::Other);
        self.change = Change::Other;
    }

    fn recall(&mut self, further_back: bool) {
        if let Some(line) = self.history.go(further_back, self.typed.text()) {
            self.keep();
            self.put_back(line);
        }
    }
}
