use std::borrow::Cow;
use std::fmt;

/// Words that are safe on any screen: no control characters, nothing that reorders or hides.
///
/// Tabs became a space; every other control character (C0, DEL, C1), bidirectional and invisible
/// format character and filler became U+FFFD. The joiners and VS16, which emoji and Persian need, stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// Cleans `raw`; borrows it when there is nothing to clean.
    pub fn new(raw: &'a str) -> Self {
        // Bytes from space to tilde are by far the most common line, and clean by themselves.
        let printable = raw.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if printable || !raw.contains(is_unsafe) {
            return Text(Cow::Borrowed(raw));
        }
        let clean = |c| match c {
            '\t' => ' ',
            c if is_unsafe(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        };
        Text(Cow::Owned(raw.chars().map(clean).collect()))
    }

    /// The cleaned words.
    pub fn as_str(&self) -> &str {
        &self.0
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

/// Whether `c` can move a cursor, colour a screen, turn text around or hide in it: the controls,
/// and what Unicode calls default-ignorable (UAX 44, `Default_Ignorable_Code_Point`) or a format
/// character that is not shown, but for the joiners and VS16.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}'         // soft hyphen, joiner, direction
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers
            | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' // Khmer, Mongolian
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' // width, direction, ends
            | '\u{2060}'..='\u{206f}'                // width, direction, deprecated
            | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' // variations, annotation
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' // hieroglyphs, shorthand, music
            | '\u{e0000}'..='\u{e0fff}') // tags, variations
}
