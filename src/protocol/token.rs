use std::fmt;
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

/// What its owner proves a session by: 16 random bytes, written as 32 digits of base 16. Whoever
/// knows it can take the session over, so `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; 16]);

/// What should be a token, and is not written as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not 32 digits of base 16")]
pub struct NotAToken;

impl Token {
    /// Made of these bytes, which MUST be random: whoever guesses them has the session.
    pub fn new(random: [u8; 16]) -> Self {
        Token(random)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(typed: &str) -> Result<Self, NotAToken> {
        let bytes = HEXLOWER_PERMISSIVE.decode(typed.as_bytes());
        let bytes = bytes.ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Token).ok_or(NotAToken)
    }
}
