use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use ring::digest::{SHA256, digest};

/// By what a server is known: the first 100 bits of the SHA-256 of its public key
/// (`SubjectPublicKeyInfo`, RFC 5280, section 4.1), as people can read them to each other: four
/// groups of five of the digits of Crockford's base 32 (<https://www.crockford.com/base32.html>).
///
/// Enough that nobody finds another key with the same: that takes 2^100 attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 13]);

/// What was given for a fingerprint is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is four groups of five letters and digits, like 7Q4KD-0M2XB-R9V5T-HJ3WC")]
pub struct MalformedFingerprint;

/// How many digits there are, and how many stand together.
const DIGITS: usize = 20;
const GROUP: usize = 5;

/// Crockford's digits, which leave out those that are taken for others, and what is typed for them.
pub static CROCKFORD: LazyLock<Encoding> = LazyLock::new(|| {
    let mut digits = Specification::new();
    digits.symbols.push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    digits
        .translate
        .from
        .push_str("abcdefghjkmnpqrstvwxyzOoIiLl");
    digits.translate.to.push_str("ABCDEFGHJKMNPQRSTVWXYZ001111");
    digits.ignore.push_str("- ");
    digits.encoding().expect("32 digits, each of them once")
});

impl Fingerprint {
    /// Of a public key as certificates have it.
    pub fn of(public_key: &[u8]) -> Self {
        let hash = digest(&SHA256, public_key);
        let mut bits = [0; 13];
        bits.copy_from_slice(&hash.as_ref()[..13]);
        // 100 bits end in the middle of the last byte.
        bits[12] &= 0xf0;
        Fingerprint(bits)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let digits = CROCKFORD.encode(&self.0);
        for at in (0..DIGITS).step_by(GROUP) {
            let dash = if at > 0 { "-" } else { "" };
            write!(f, "{dash}{}", &digits[at..at + GROUP])?;
        }
        Ok(())
    }
}

impl FromStr for Fingerprint {
    type Err = MalformedFingerprint;

    /// Whatever the case, with or without dashes and blanks, and with `O` for 0, `I` and `L` for 1.
    fn from_str(typed: &str) -> Result<Self, MalformedFingerprint> {
        // One more digit fills the last byte.
        let bits = CROCKFORD.decode(format!("{typed}0").as_bytes());
        let bits = bits.map_err(|_| MalformedFingerprint)?;
        bits.try_into()
            .map(Fingerprint)
            .map_err(|_| MalformedFingerprint)
    }
}
