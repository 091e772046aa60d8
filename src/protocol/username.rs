use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_security::confusable_detection::skeleton;
use unicode_security::{GeneralSecurityProfile, RestrictionLevel, RestrictionLevelDetection};

use super::Text;
use super::text::{is_blank, is_joiner, is_nonspacing};

/// The most characters of a name. A character has at most four bytes, so this also keeps a name
/// within 128 bytes.
pub const NAME_LIMIT: usize = 32;

/// How many nonspacing marks may stand on one letter of a name; more climb over the lines above.
const MOST_MARKS: usize = 4;

/// The same for marks that belong to no script and go on every letter.
const MOST_GENERAL_MARKS: usize = 2;

/// A user name, valid by construction.
///
/// It shows the form its owner typed (after NFKC, SARA AM kept whole) and is compared folded and by
/// its looks (UTS 39): `João` = `JOÃO`, and a Cyrillic `ана` cannot stand beside a Latin `aha` it
/// resembles. Cheap to clone.
#[derive(Clone)]
pub struct Username(Arc<Forms>);

struct Forms {
    display: Box<str>,
    key: Box<str>,
    looks: Box<str>,
}

/// Why a string is not a user name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// Nothing, or blanks alone.
    #[error("the name is empty; type one")]
    Empty,
    /// More than [`NAME_LIMIT`] characters after NFKC.
    #[error("the name is longer than {NAME_LIMIT} characters; choose a shorter one")]
    TooLong,
    /// A character that no name may have, or not where it stands; or whose script is not written
    /// together with those before it.
    #[error("{} cannot be a name because of U+{:04X}", Text::new(name), u32::from(*character))]
    Invalid {
        /// The name as typed, and so not to be shown as it is.
        name: String,
        /// The first character that does not belong there.
        character: char,
    },
}

impl Username {
    /// The form its owner typed, after NFKC, but for SARA AM.
    pub fn as_str(&self) -> &str {
        &self.0.display
    }

    /// What two names share that count as the same. Not for people to read.
    pub fn key(&self) -> &str {
        &self.0.key
    }

    /// What two names share that look the same as they were typed, as `Ivan` and `lvan` do, and `TOM`
    /// in Latin and in Cyrillic. Those cannot be in a room together either.
    pub fn looks(&self) -> &str {
        &self.0.looks
    }
}

impl FromStr for Username {
    type Err = UsernameError;

    /// Blanks around the name are no part of it, nor is what programs put before it: a byte order
    /// mark, or the NUL that ended their last line.
    fn from_str(typed: &str) -> Result<Self, UsernameError> {
        let is_before = |c| is_blank(c) || matches!(c, '\u{feff}' | '\0');
        let typed = typed
            .trim_start_matches(is_before)
            .trim_end_matches(is_blank);
        if Text::new(typed).is_blank() {
            return Err(UsernameError::Empty);
        }
        let normal: String = typed.nfkc().collect();
        // NFKC takes SARA AM apart, which is not how Thai and Lao are written.
        let display = normal
            .replace("\u{e4d}\u{e32}", "\u{e33}")
            .replace("\u{ecd}\u{eb2}", "\u{eb3}");
        if display.chars().count() > NAME_LIMIT {
            return Err(UsernameError::TooLong);
        }
        if let Some(character) = offender(&normal) {
            let name = typed.to_owned();
            return Err(UsernameError::Invalid { name, character });
        }
        // Folded again, for the skeleton of a zero is a capital O.
        let key = fold(&skeleton(&fold(&display)).collect::<String>());
        Ok(Username(Arc::new(Forms {
            key: key.into(),
            looks: skeleton(&display).collect::<String>().into(),
            display: display.into(),
        })))
    }
}

/// The form of a name, or of the beginning of one, without case and joiners; lists of names are
/// sorted by it.
pub fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let once = |name: &str| -> String {
        let letters = name.nfkd().filter(|&c| !is_joiner(c));
        let upper: String = letters.flat_map(char::to_uppercase).collect();
        upper.to_lowercase().nfkc().collect()
    };
    // Twice, it is stable for every character; once, it is not for some (`ẞ`, `ǰ`).
    once(&once(name))
}

/// The first character of `name`, in NFKC, that does not belong there.
fn offender(name: &str) -> Option<char> {
    let characters: Vec<char> = name.chars().collect();
    // The nonspacing marks on the letter before (UTS 39, section 5.4).
    let mut marks: Vec<char> = Vec::new();
    for (at, &c) in characters.iter().enumerate() {
        let fits = if is_joiner(c) {
            is_needed(c, &characters[..at], &characters[at + 1..])
        } else if is_nonspacing(c) {
            let is_doubled = marks.last() == Some(&c);
            marks.push(c);
            let general = marks.iter().filter(|&&mark| is_general(mark)).count();
            let are_few = marks.len() <= MOST_MARKS && general <= MOST_GENERAL_MARKS;
            at > 0 && c.identifier_allowed() && are_few && !is_doubled
        } else {
            marks.clear();
            // A spacing mark is a letter of its script, but hangs on one before it.
            at > 0 && matches!(c, '-' | '_') || is_letter_or_digit(c, at == 0)
        };
        if !fits {
            return Some(c);
        }
    }
    let are_mixed = |some: &[char]| {
        let letters: String = some.iter().filter(|&&c| !is_joiner(c)).collect();
        !letters.check_restriction_level(RestrictionLevel::HighlyRestrictive)
    };
    if !are_mixed(&characters) {
        return None;
    }
    let foreign = (0..characters.len()).find(|&at| are_mixed(&characters[..=at]));
    foreign.map(|at| characters[at])
}

/// UTS 39 allows some punctuation inside identifiers (`'`, `.`, `:`, `·`); a name has none, or it
/// could end like a sentence of somebody else's.
fn is_letter_or_digit(c: char, is_first: bool) -> bool {
    let is_mark = is_combining_mark(c);
    c.identifier_allowed() && (c.is_alphanumeric() || is_mark) && !(is_first && is_mark)
}

/// Whether a mark belongs to no script: those of which towers are built ("Zalgo").
fn is_general(mark: char) -> bool {
    matches!(mark, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}')
}

/// Whether the spelling needs a joiner between `before` and `behind`: after a virama, or ZWNJ
/// between Arabic letters that would join (RFC 5892, appendices A.1 and A.2); and ZWJ between a
/// letter and a virama, as Bengali writes `র‍্য`.
fn is_needed(joiner: char, before: &[char], behind: &[char]) -> bool {
    let is_virama = |&c: &char| canonical_combining_class(c) == 9;
    if before.last().is_some_and(is_virama) {
        return true;
    }
    if joiner == '\u{200d}' {
        let is_letter = |c: &char| c.is_alphanumeric();
        return before.last().is_some_and(is_letter) && behind.first().is_some_and(is_virama);
    }
    let is_base = |c: &&char| !is_nonspacing(**c);
    let previous = before.iter().rev().find(is_base);
    let next = behind.iter().find(is_base);
    previous.is_some_and(|&c| joins_previous(c) && !is_right_joining(c))
        && next.is_some_and(|&c| joins_previous(c))
}

/// Whether an Arabic letter joins the one before it: all do but HAMZA and its like.
fn joins_previous(c: char) -> bool {
    matches!(c, '\u{620}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{870}'..='\u{8ff}')
        && c.is_alphabetic()
        && !matches!(c, '\u{621}' | '\u{674}' | '\u{8ad}')
}

/// Whether an Arabic letter that names may have joins the one before it alone (Unicode's
/// ArabicShaping.txt, joining type R).
fn is_right_joining(c: char) -> bool {
    matches!(c,
        '\u{622}'..='\u{625}' | '\u{627}' | '\u{629}' | '\u{62f}'..='\u{632}' | '\u{648}'
        | '\u{671}'..='\u{673}' | '\u{675}'..='\u{677}' | '\u{688}'..='\u{699}' | '\u{6c0}'
        | '\u{6c3}'..='\u{6cb}' | '\u{6cd}' | '\u{6cf}' | '\u{6d2}' | '\u{6d3}' | '\u{6d5}'
        | '\u{6ee}' | '\u{6ef}' | '\u{759}'..='\u{75b}' | '\u{76b}' | '\u{76c}' | '\u{771}'
        | '\u{773}' | '\u{774}' | '\u{778}' | '\u{779}' | '\u{870}'..='\u{882}' | '\u{88e}'
        | '\u{8aa}'..='\u{8ac}' | '\u{8ae}' | '\u{8b1}' | '\u{8b2}' | '\u{8b9}')
}

impl PartialEq for Username {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for Username {}

impl Hash for Username {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0.display)
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Debug::fmt(&self.0.display, f)
    }
}
