//! Encryption: TLS 1.3 under the lines, and the key by which a server is known again.
//!
//! A server has a [`Key`] and nothing else to show; a client that was told its [`Fingerprint`], or
//! that has met it before, [pins](Pin) it. Whatever else a certificate can say (names, dates, who
//! signed it) is made up anew at each start and not looked at. Both sides then speak through a
//! [`Stream`], which is plain until it is sealed.

mod fingerprint;
mod key;
mod pin;
mod stream;

pub(crate) use fingerprint::CROCKFORD;
pub use fingerprint::{Fingerprint, MalformedFingerprint};
pub use key::{Key, KeyError};
pub use pin::Pin;
pub use stream::Stream;
