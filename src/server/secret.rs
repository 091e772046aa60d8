//! Words that let people in.

use std::path::{Path, PathBuf};
use std::{fmt, fs};

use ring::hmac::{HMAC_SHA256, Key, Tag, sign, verify};
use ring::rand::SystemRandom;

use unicode_normalization::UnicodeNormalization;

use crate::net::plain_words;

/// A word that lets people in. How long it takes to refuse another does not tell how much of it was
/// right, nor how long this one is.
#[derive(Clone)]
pub struct Secret {
    key: Key,
    tag: Tag,
}

/// Why there is no such word.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read the password in {file}: {reason}")]
    Unreadable {
        /// As given.
        file: PathBuf,
        /// In the words of the system.
        reason: String,
    },
    /// There is nothing but blanks on the file's first line.
    #[error("there is no password on the first line of {0}")]
    Empty(PathBuf),
    /// The system has no random numbers to compare it with.
    #[error("the system has no random numbers")]
    NoRandomNumbers,
}

impl Secret {
    /// The first line of `file`, without a byte order mark and the blanks around it.
    pub fn read(file: &Path) -> Result<Secret, SecretError> {
        let text = fs::read_to_string(file).map_err(|error| SecretError::Unreadable {
            file: file.to_owned(),
            reason: plain_words(&error),
        })?;
        let text = text.trim_start_matches('\u{feff}');
        match text.lines().next().map(str::trim) {
            None | Some("") => Err(SecretError::Empty(file.to_owned())),
            Some(word) => Secret::new(word),
        }
    }

    pub(super) fn new(word: &str) -> Result<Secret, SecretError> {
        let key = Key::generate(HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| SecretError::NoRandomNumbers)?;
        let tag = sign(&key, form(word).as_bytes());
        Ok(Secret { key, tag })
    }

    /// Whether it was typed, with whatever blanks around it.
    pub fn is(&self, typed: &str) -> bool {
        verify(&self.key, form(typed).as_bytes(), self.tag.as_ref()).is_ok()
    }
}

/// Keyboards write one character in several ways (RFC 8265, section 4.2.2).
fn form(word: &str) -> String {
    word.trim().nfc().collect()
}

/// Never the word.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_by_its_word_alone() {
        let secret = Secret::new("abre-te, sésamo").unwrap();
        for typed in ["abre-te, sésamo", " abre-te, se\u{301}samo \t"] {
            assert!(secret.is(typed), "{typed:?}");
        }
        for typed in ["", "abre-te, sésam", "abre-te, sésamoo", "Abre-te, sésamo"] {
            assert!(!secret.is(typed), "{typed:?}");
        }
        assert!(!format!("{secret:?}").contains("abre"));
    }
}
