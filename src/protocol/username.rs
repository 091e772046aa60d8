use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;
use unicode_security::{GeneralSecurityProfile, RestrictionLevel, RestrictionLevelDetection};

/// The most characters of a name. A character has at most four bytes, so this also keeps a name
/// within 128 bytes.
pub const NAME_LIMIT: usize = 32;

/// A user name, valid by construction.
///
/// It shows the form its owner typed (after NFKC) and is compared folded and by its looks
/// (UTS 39): `João` = `JOÃO`, and a Cyrillic `ана` cannot stand beside a Latin `aha` it resembles.
/// Cheap to clone.
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
    /// A character that names may not have, scripts that are not written together, or a first
    /// character that is neither letter nor digit.
    #[error("{0:?} is not a name; use letters or digits, and '-' or '_' after the first")]
    Invalid(String),
}

impl Username {
    /// The form its owner typed, after NFKC.
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

    fn from_str(typed: &str) -> Result<Self, UsernameError> {
        if typed.trim().is_empty() {
            return Err(UsernameError::Empty);
        }
        let display: String = typed.nfkc().collect();
        if display.chars().count() > NAME_LIMIT {
            return Err(UsernameError::TooLong);
        }
        if !is_valid(&display) {
            return Err(UsernameError::Invalid(typed.to_owned()));
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

/// The form without case of a name, or of the beginning of one; lists of names are sorted by it.
pub fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let once = |name: &str| -> String {
        let upper: String = name.nfkd().flat_map(char::to_uppercase).collect();
        upper.to_lowercase().nfkc().collect()
    };
    // Twice, it is stable for every character; once, it is not for some (`ẞ`, `ǰ`).
    once(&once(name))
}

fn is_valid(name: &str) -> bool {
    let mut marks = 0;
    // Some vowel signs count as alphabetic, but stand on a letter before them.
    name.starts_with(|c: char| c.is_alphanumeric() && !is_combining_mark(c))
        && name.chars().all(|c| {
            // Longer stacks of marks ("Zalgo") climb over the lines above.
            marks = if is_combining_mark(c) { marks + 1 } else { 0 };
            marks <= 2 && (matches!(c, '-' | '_') || is_letter_or_digit(c))
        })
        && name.check_restriction_level(RestrictionLevel::HighlyRestrictive)
}

/// UTS 39 allows some punctuation inside identifiers (`'`, `.`, `:`, `·`); a name has none, or it
/// could end like a sentence of somebody else's.
fn is_letter_or_digit(c: char) -> bool {
    c.identifier_allowed() && (c.is_alphanumeric() || is_combining_mark(c))
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
