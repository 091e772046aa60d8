//! What the bytes of a terminal mean as keys.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use vte::{Params, Parser, Perform};

/// How long the rest of a key may take to come; what has begun with Esc alone was that key.
const ESCAPE: Duration = Duration::from_millis(100);

/// How long the rest of a key may take of which more has come. What is pressed meanwhile counts as
/// part of it, so that it is not long.
const SEQUENCE: Duration = Duration::from_millis(500);

/// What a person pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "keys are called as on the keyboard")]
pub enum Key {
    Char(char),
    /// With Ctrl, as a capital letter.
    Ctrl(char),
    /// With Alt, or after Esc.
    Alt(char),
    Up,
    Down,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Backspace,
    /// Backspace with Alt.
    WordBackspace,
    Delete,
    /// Delete with Alt or Ctrl.
    WordDelete,
    /// What follows is pasted, up to [`PasteEnds`](Self::PasteEnds).
    PasteBegins,
    PasteEnds,
    /// No key: the terminal says in which column the cursor is, counted from 1.
    CursorAt(usize),
    /// Bytes that are no text.
    NotUtf8,
}

/// What begins a string behind ESC: OSC, DCS, SOS, PM, APC. No terminal sends one unasked.
macro_rules! string {
    () => {
        b']' | b'P' | b'X' | b'^' | b'_'
    };
}

/// Reads keys, each to its end, also when its bytes come one by one. Sequences that mean no key
/// are read to their end too, and are none.
#[derive(Default)]
pub struct Keys {
    parser: Parser,
    reading: Reading,
    /// The sequence in progress, from its ESC on.
    begun: Vec<u8>,
    since: Option<Instant>,
}

#[derive(Default)]
struct Reading {
    pressed: VecDeque<Key>,
    /// The last bytes, the latest lowest.
    latest: u32,
    next: Next,
    /// Nothing more belongs to the sequence in progress.
    is_done: bool,
}

/// What the next character is.
#[derive(Default, PartialEq, Eq)]
enum Next {
    #[default]
    Itself,
    /// The end of a key (`ESC O A` is Up).
    EndOfKey,
    /// The end of what means nothing.
    Nothing,
}

impl Keys {
    /// Takes bytes as they come from the terminal.
    ///
    /// MUST NOT take a `/` for part of a key, nor lose what stands behind it: without its `/` a
    /// command would be said to everyone.
    pub fn read(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let is_string = matches!(self.begun[..], [0x1b, string!(), ..]);
            match self.begun[..] {
                // Only its end may follow that.
                [.., 0x1b] if is_string && byte != b'\\' => {
                    self.give_up();
                    self.read(&[byte]);
                    continue;
                }
                [0x1b] | [0x1b, b'[', ..] if byte == b'/' => self.give_up(),
                [..] if is_string && matches!(byte, 0x18 | 0x1a | 0x9c) => self.give_up(),
                // These begin no sequence, but each of them can be pressed with Alt.
                [0x1b] if matches!(byte, 0x08 | 0x7f) => {
                    self.give_up();
                    self.reading.pressed.push_back(Key::WordBackspace);
                    continue;
                }
                [0x1b] if byte < 0x30 && byte != 0x1b => {
                    self.give_up();
                    continue;
                }
                [0x1b] if byte >= 0x80 => {
                    self.give_up();
                    self.reading.next = Next::Nothing;
                }
                _ => {}
            }
            if byte == 0x1b && !is_string {
                (self.begun, self.since) = (vec![byte], Some(Instant::now()));
            } else if !self.begun.is_empty() {
                self.begun.push(byte);
            }
            self.reading.latest = self.reading.latest << 8 | u32::from(byte);
            self.reading.is_done = false;
            self.parser.advance(&mut self.reading, &[byte]);
            if self.reading.is_done && byte != 0x1b {
                self.begun.clear();
            }
        }
    }

    /// The next key that was pressed.
    pub fn pop(&mut self) -> Option<Key> {
        self.reading.pressed.pop_front()
    }

    /// How long to wait for the rest of a key of which a part has come.
    pub fn patience(&self) -> Option<Duration> {
        let patience = match self.begun[..] {
            [] => return None,
            [_] => ESCAPE,
            _ => SEQUENCE,
        };
        Some(patience.saturating_sub(self.since?.elapsed()))
    }

    /// Waits no longer for the rest of a key: it means nothing. But what looked like a string was
    /// typed.
    pub fn give_up(&mut self) {
        (self.parser, self.reading.next) = (Parser::new(), Next::Itself);
        if let [0x1b, string!(), typed @ ..] = &mem::take(&mut self.begun)[..] {
            self.read(typed);
        }
    }
}

impl Perform for Reading {
    fn print(&mut self, c: char) {
        // The parser says the same of what is not UTF-8; as text it has these three bytes.
        let is_text = c != '\u{fffd}' || self.latest & 0xff_ffff == 0xef_bfbd;
        self.is_done = true;
        match mem::take(&mut self.next) {
            _ if !is_text => self.pressed.push_back(Key::NotUtf8),
            Next::EndOfKey if matches!(c, '0'..='9' | ';') => {
                (self.is_done, self.next) = (false, Next::EndOfKey);
            }
            Next::EndOfKey if c != '/' => self.pressed.extend(key_of(c, 1, 1)),
            Next::Nothing if c != '/' => {}
            _ if c == '\x7f' => self.pressed.push_back(Key::Backspace),
            _ => self.pressed.push_back(Key::Char(c)),
        }
    }

    fn execute(&mut self, byte: u8) {
        self.pressed.push_back(match byte {
            0x80.. => Key::NotUtf8,
            0x08 => Key::Backspace,
            byte => Key::Ctrl((byte + b'@').into()),
        });
    }

    fn csi_dispatch(&mut self, params: &Params, before: &[u8], ignores: bool, last: char) {
        self.is_done = last != '[';
        let mut params = params.iter().map(|param| param[0]);
        let mut param = || params.next().unwrap_or(0);
        match (param(), param()) {
            _ if ignores || !before.is_empty() => {}
            // The Linux console: F1 is `ESC [ [ A`.
            _ if last == '[' => self.next = Next::Nothing,
            (number, modifier) => self.pressed.extend(key_of(last, number, modifier)),
        }
    }

    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.is_done = byte != b'O';
        match byte {
            b'O' => self.next = Next::EndOfKey,
            byte => self.pressed.push_back(Key::Alt(byte.into())),
        }
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], has_ended: bool) {
        self.is_done = has_ended;
    }
}

/// The key that a sequence is which ends so (xterm's control sequences, "PC-Style Function Keys").
fn key_of(last: char, number: u16, modifier: u16) -> Option<Key> {
    // Alt, Ctrl, and both.
    let by_words = matches!(modifier, 3 | 5 | 7);
    Some(match (last, number) {
        ('A', _) => Key::Up,
        ('B', _) => Key::Down,
        ('C', _) if by_words => Key::WordRight,
        ('D', _) if by_words => Key::WordLeft,
        ('C', _) => Key::Right,
        ('D', _) => Key::Left,
        ('H', _) | ('~', 1 | 7) => Key::Home,
        ('F', _) | ('~', 4 | 8) => Key::End,
        ('~', 3) if by_words => Key::WordDelete,
        ('~', 3) => Key::Delete,
        ('~', 200) => Key::PasteBegins,
        ('~', 201) => Key::PasteEnds,
        ('R', _) => Key::CursorAt(modifier.max(1).into()),
        _ => return None,
    })
}
