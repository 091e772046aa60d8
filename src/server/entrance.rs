//! How a client comes in: encrypted, or in plain where it may.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use log::warn;
use rustls::{ServerConfig, ServerConnection};

use super::Options;
use super::connection::Connection;
use super::post::line;
use crate::protocol::Event;
use crate::tls::{Fingerprint, Key, KeyError};

/// Who may come in without encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Plaintext {
    /// Nobody
    Never,
    /// Who is on this machine
    Local,
    /// Everybody, where there is no password
    Any,
    /// As any, and nobody encrypted
    Only,
}

/// What a server needs to encrypt.
#[derive(Debug, Clone)]
pub struct Encryption {
    /// Its side of TLS.
    pub config: Arc<ServerConfig>,
    /// By what its key is known.
    pub fingerprint: Fingerprint,
}

impl Encryption {
    /// With the key that is kept in `folder`, or, with a warning, one that is gone with the program
    /// where none can be kept. Fails when there is a key that is not to be used.
    pub fn prepare(folder: Option<&Path>) -> Result<Encryption, KeyError> {
        let kept = match folder {
            Some(folder) => Key::keep_in(&folder.join("key")),
            None => Err(KeyError::Unkept {
                file: "key".into(),
                reason: "there is no home folder, and no --state-dir".into(),
            }),
        };
        let key = match kept {
            Err(error @ KeyError::Unkept { .. }) => {
                warn!("{error}; whoever comes again will be told that the key has changed");
                Key::generate()?
            }
            kept => kept?,
        };
        let fingerprint = key.fingerprint();
        let config = key.server_config()?;
        Ok(Encryption {
            config,
            fingerprint,
        })
    }
}

/// How a client begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// Encrypted.
    Sealed,
    /// In plain.
    Plain {
        /// It was asked already what everybody is asked first.
        is_asked: bool,
    },
    /// In plain, from where it must not be.
    Refused,
}

/// How long one who may be plain can take to begin encryption before it is asked in plain.
const HELLO: Duration = Duration::from_millis(250);

/// How every TLS connection begins: a handshake record (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;

/// Finds out how the client begins, by its first byte, and shakes hands if it wants encryption. All
/// of it before `deadline`, which the connection has from now on.
///
/// A plain client may wait to be asked: so it is asked within a moment, if it is welcome. Encryption
/// may still cross that. Fails when the handshake does.
pub fn receive(
    connection: &Connection,
    options: &Options,
    deadline: Instant,
    is_welcome: bool,
) -> io::Result<Entrance> {
    let mut entrance = match may_be_plain(connection, options) {
        true => Entrance::Plain { is_asked: false },
        false => Entrance::Refused,
    };
    let Some(encryption) = &options.encryption else {
        connection.set_deadline(Some(deadline))?;
        return Ok(entrance);
    };
    let mut first = None;
    if entrance != Entrance::Refused {
        connection.set_deadline(Some(deadline.min(Instant::now() + HELLO)))?;
        first = connection.peek()?;
        if first.is_none() && !is_welcome {
            return Ok(entrance);
        }
        if first.is_none() && connection.send(&line(&first_question(options))) {
            entrance = Entrance::Plain { is_asked: true };
        }
    }
    connection.set_deadline(Some(deadline))?;
    if first.is_none() {
        first = connection.peek()?;
    }
    if first == Some(HANDSHAKE) {
        shake_hands(connection, encryption)?;
        entrance = Entrance::Sealed;
    }
    Ok(entrance)
}

/// Not inlined: its room on the stack would be touched, and stay resident, for plain clients too.
#[inline(never)]
fn shake_hands(connection: &Connection, encryption: &Encryption) -> io::Result<()> {
    let cipher = ServerConnection::new(encryption.config.clone()).map_err(io::Error::other)?;
    connection.seal(cipher)
}

/// What everybody is asked first.
fn first_question(options: &Options) -> Event<'static> {
    match options.password {
        Some(_) => Event::AskPassword,
        None => Event::AskUsername,
    }
}

/// A room with a password lets nobody in whose password others could have read.
fn may_be_plain(connection: &Connection, options: &Options) -> bool {
    let is_here = connection.peer().ip().is_loopback();
    match options.plaintext {
        Plaintext::Never => false,
        Plaintext::Local => is_here,
        Plaintext::Any | Plaintext::Only => is_here || options.password.is_none(),
    }
}
