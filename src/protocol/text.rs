use std::borrow::Cow;
use std::fmt;

use unicode_normalization::char::is_combining_mark;
use unicode_width::UnicodeWidthChar;

/// How many nonspacing marks may stand on one letter of a text; more climb over the lines above.
const MOST_MARKS: usize = 8;

/// Words that are safe on any screen: nothing that moves a cursor, reorders, or hides.
///
/// | what | becomes |
/// | --- | --- |
/// | a whole escape sequence (CSI, SS3; OSC, DCS, SOS, PM, APC to their end) | dropped |
/// | tab | a space |
/// | other controls; what embeds, overrides or isolates a direction; ends of lines and paragraphs; annotations | U+FFFD |
/// | NUL and what is default-ignorable (UAX 44), but for the next row | dropped |
/// | joiners, VS15, VS16, ideographic variation selectors, the tags of a flag | stay |
/// | nonspacing marks from the ninth in a row | dropped |
///
/// Cleaning what is clean changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// Cleans `raw`. Printable ASCII, by far the most common line, is borrowed as it is.
    pub fn new(raw: &'a str) -> Self {
        // To the end in any case: without a way out the compiler looks at many bytes at once.
        let and_printable = |all, byte| all & (b' '..=b'~').contains(&byte);
        let is_printable = raw.bytes().fold(true, and_printable);
        Text(match is_printable {
            true => Cow::Borrowed(raw),
            false => Cow::Owned(clean(raw)),
        })
    }

    /// The cleaned words.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing of it can be seen.
    pub fn is_blank(&self) -> bool {
        self.0.chars().all(is_unseen)
    }

    /// The same words, free of the line they were read from.
    pub fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.0.into_owned()))
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What becomes of the beginning of a text.
enum Fate {
    Stays,
    Becomes(char),
    Goes,
}

/// Where the first visible character of `raw` stands. Neither a blank is visible, nor what the
/// cleaning drops or replaces, nor what it leaves without a shape of its own.
pub fn visible_start(raw: &str) -> usize {
    let mut at = 0;
    while let Some(first) = raw[at..].chars().next() {
        let (length, fate) = judge(first, &raw[at..]);
        if matches!(fate, Fate::Stays) && is_seen(first) {
            break;
        }
        at += length;
    }
    at
}

fn clean(raw: &str) -> String {
    let mut clean = String::with_capacity(raw.len());
    let mut marks = 0;
    let mut rest = raw;
    while let Some(first) = rest.chars().next() {
        let (length, fate) = judge(first, rest);
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        match fate {
            Fate::Goes => continue,
            Fate::Stays if is_nonspacing(first) => {
                marks += 1;
                if marks > MOST_MARKS {
                    continue;
                }
            }
            // Otherwise a joiner now and then would let marks pile up.
            Fate::Stays if is_joiner(first) => {}
            Fate::Stays | Fate::Becomes(_) => marks = 0,
        }
        match fate {
            Fate::Becomes(c) => clean.push(c),
            _ => clean.push_str(piece),
        }
    }
    clean
}

/// How many bytes of `rest` belong together with its `first` character, and what becomes of them.
fn judge(first: char, rest: &str) -> (usize, Fate) {
    let one = first.len_utf8();
    match first {
        ' '..='~' => (one, Fate::Stays),
        '\u{1b}' => match sequence_length(rest) {
            Some(length) => (length, Fate::Goes),
            None => (one, Fate::Becomes(char::REPLACEMENT_CHARACTER)),
        },
        '\u{1f3f4}' => (one + flag_length(&rest[one..]), Fate::Stays),
        '\t' => (one, Fate::Becomes(' ')),
        '\0' => (one, Fate::Goes),
        c if c.is_control() || is_disruptive(c) => {
            (one, Fate::Becomes(char::REPLACEMENT_CHARACTER))
        }
        c if is_joiner(c) || is_selector(c) => (one, Fate::Stays),
        c if is_ignorable(c) => (one, Fate::Goes),
        _ => (one, Fate::Stays),
    }
}

/// How long the escape sequence is that `rest` begins with; `None` for an ESC that begins none of
/// those that are dropped whole (ECMA-48, sections 5.4 and 5.6; SS3 as terminals send keys).
///
/// MUST NOT take a `/` for part of a key: `ESC` or `ESC [` and then `/msg` is a slip of the hand
/// before a command. So a torn sequence takes no more than its own bytes.
fn sequence_length(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let skip = |from: usize, is_part: fn(&u8) -> bool| {
        let part = bytes[from..].iter().take_while(|byte| is_part(byte));
        from + part.count()
    };
    match *bytes.get(1)? {
        // F1 to F5 on the console of Linux.
        b'[' if bytes.get(2) == Some(&b'[') => {
            let is_whole = matches!(bytes.get(3), Some(b'A'..=b'E'));
            Some(3 + usize::from(is_whole))
        }
        kind @ (b'[' | b'O') => {
            let parameters = skip(2, |byte| matches!(byte, b'0'..=b'?'));
            let end = match kind {
                b'[' => skip(parameters, |byte| matches!(byte, b' '..=b'.')),
                _ => parameters,
            };
            let is_whole = matches!(bytes.get(end), Some(b'@'..=b'~'));
            Some(if is_whole { end + 1 } else { parameters })
        }
        kind @ (b']' | b'P' | b'X' | b'^' | b'_') => {
            let ends = |c| matches!(c, '\u{1b}' | '\u{9c}') || c == '\u{7}' && kind == b']';
            let end = rest[2..].find(ends).map_or(rest.len(), |at| at + 2);
            let last = match rest[end..].chars().next() {
                Some('\u{1b}') if rest[end..].starts_with("\u{1b}\\") => 2,
                // The next sequence has begun.
                Some('\u{1b}') | None => 0,
                Some(c) => c.len_utf8(),
            };
            Some(end + last)
        }
        _ => None,
    }
}

/// How many bytes the tags take, at the start of what stands `behind` a black flag, that make it the
/// flag of a region (UTS 51, ED-14a): letters and digits, and the tag that ends them. Other tags
/// would hide words in it.
fn flag_length(behind: &str) -> usize {
    let is_part = |c: &char| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
    let tags = behind.chars().take_while(is_part).count();
    let length = 4 * tags;
    let is_flag = (3..=6).contains(&tags) && behind[length..].starts_with('\u{e007f}');
    if is_flag { length + 4 } else { 0 }
}

/// What turns the direction of writing, ends a line, or annotates (UAX 9, UAX 44).
fn is_disruptive(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fff9}'..='\u{fffb}')
}

/// ZWNJ and ZWJ, which shape letters and emoji.
pub fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// VS15 and VS16 for emoji, and VS17 to VS256 for ideographs, as in Japanese names.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe0e}' | '\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// What takes no room and is not shown: Unicode's `Default_Ignorable_Code_Point` (UAX 44), and the
/// format controls of hieroglyphs.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}'         // soft hyphen, grapheme joiner, ALM
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' // Khmer, Mongolian
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' // width, direction
        | '\u{2060}'..='\u{206f}' | '\u{feff}'   // width, invisible operators, deprecated; BOM
        | '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fff8}' // variations, unassigned
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' // hieroglyphs, shorthand, music
        | '\u{e0000}'..='\u{e0fff}') // tags, variations
}

/// A tab, or a blank of any width.
pub fn is_blank(c: char) -> bool {
    c == '\t' || c.is_whitespace() && !c.is_control() && !is_disruptive(c)
}

/// What a clean text may hold without showing it: blanks, the one of braille too, and what only
/// shapes its neighbours.
fn is_unseen(c: char) -> bool {
    is_blank(c) || c == '\u{2800}' || is_joiner(c) || is_selector(c)
}

/// Whether `c` shows by itself, in a clean text.
pub fn is_seen(c: char) -> bool {
    !is_unseen(c) && !is_nonspacing(c) && c != char::REPLACEMENT_CHARACTER
}

/// Whether `c` is a nonspacing mark: one that takes no room of its own. Some spacing ones that belong
/// to the letter before them are given none either.
pub fn is_nonspacing(c: char) -> bool {
    let is_spacing = matches!(c,
        '\u{9be}' | '\u{9d7}' | '\u{b3e}' | '\u{b57}' | '\u{bbe}' | '\u{bd7}' | '\u{cc0}' | '\u{cc2}'
        | '\u{cc7}'..='\u{cc8}' | '\u{cca}'..='\u{ccb}' | '\u{cd5}'..='\u{cd6}' | '\u{d3e}' | '\u{d57}'
        | '\u{dcf}' | '\u{ddf}');
    is_combining_mark(c) && c.width() == Some(0) && !is_spacing
}
