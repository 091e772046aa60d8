use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::net::plain_words;
use crate::protocol::{Farewell, Username, UsernameError};
use crate::tls::Fingerprint;

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The person left: by `/SAIR`, the end of the input, or a signal.
    Left,
    /// The server said `BYE`.
    Dismissed(Farewell),
    /// Nobody reads what would be shown.
    OutputClosed,
    /// Something went wrong.
    Failed(Problem),
}

/// What can go wrong. [`Lang::problem`](super::lang::Lang::problem) has the words for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not a number from 1 to 65535.
    #[error("bad port {0:?}")]
    BadPort(String),
    /// The host is empty.
    #[error("empty host")]
    EmptyHost,
    /// A host with a port in it. As it was given, and the flags that say the same.
    #[error("{0:?} has a port in it")]
    PortInHost(String, String),
    /// A host that is a web address. As it was given, and the flags that would do.
    #[error("{0:?} is a web address")]
    SchemeInHost(String, String),
    /// A link-local address (IPv6) without its zone: each of several networks could be meant.
    #[error("{0} has no zone")]
    NoZone(String),
    /// The name given as a flag cannot be one.
    #[error(transparent)]
    BadUsername(#[from] UsernameError),
    /// The host has no address.
    #[error("unknown host {0:?}")]
    UnknownHost(String),
    /// The resolver did not answer in time, or there is none to be asked.
    #[error("nobody knows whether there is a host {0:?}")]
    NoResolver(String),
    /// Nobody listens there.
    #[error("{0} refused the connection")]
    Refused(SocketAddr),
    /// There is no route.
    #[error("{0} is unreachable")]
    Unreachable(SocketAddr),
    /// No answer in time.
    #[error("{0} timed out")]
    TimedOut(SocketAddr),
    /// Any other failure to connect.
    #[error("no connection to {0}: {1}")]
    NoConnection(SocketAddr, String),
    /// What the server said first was not encrypted.
    #[error("not encrypted")]
    NotEncrypted,
    /// The server has another key than it should.
    #[error("key {seen}, not {expected}")]
    OtherKey {
        /// What it has.
        seen: Fingerprint,
        /// What it should have.
        expected: Fingerprint,
        /// The file and line that say so, unless a flag does.
        known_in: Option<(PathBuf, usize)>,
    },
    /// The server does not prove that the key it shows is its own.
    #[error("no proof of the key")]
    Unproven,
    /// There is no version or cipher of TLS that both sides have.
    #[error("no TLS in common")]
    NoCommonTls,
    /// What the server says cannot be deciphered.
    #[error("garbled")]
    Garbled,
    /// The file of known servers is there, and cannot be read.
    #[error("cannot read {file}: {reason}")]
    UnreadableServers {
        /// Which.
        file: PathBuf,
        /// In the words of the system.
        reason: String,
    },
    /// A line of the file of known servers is about this one, and its key cannot be read.
    #[error("no key in line {line} of {file}")]
    UnreadableKey {
        /// Which file.
        file: PathBuf,
        /// Which line, counted from 1.
        line: usize,
    },
    /// What was given as the server's key has not the form of a fingerprint.
    #[error("no fingerprint: {0:?}")]
    BadFingerprint(String),
    /// There is no password in the file given for it, or it cannot be read.
    #[error("no password in {file}")]
    NoPasswordFile {
        /// Which.
        file: PathBuf,
        /// In the words of the system, if it cannot be read.
        reason: Option<String>,
    },
    /// The server wants a password, and nobody can be asked for it.
    #[error("password needed")]
    PasswordNeeded,
    /// The server wants a password and has this key, which nobody has vouched for.
    #[error("password wanted by {0}")]
    PasswordKept(Fingerprint),
    /// The server wants a password where others could read it.
    #[error("password wanted in plain")]
    PasswordInPlain,
    /// The server did not accept the password, has said so, and nobody can be asked for another.
    #[error("password refused")]
    PasswordRefused,
    /// Whoever answered did not ask for a name.
    #[error("not a chat server")]
    NoChatServer,
    /// Whoever took the connection said nothing.
    #[error("a silent server")]
    Silent,
    /// The server closed without a `BYE`.
    #[error("connection closed")]
    ConnectionClosed,
    /// The connection broke.
    #[error("connection lost: {0}")]
    ConnectionLost(ErrorKind),
    /// Somebody else has the name by which one would have come back.
    #[error("name {0} taken meanwhile")]
    NameTaken(Username),
    /// The server did not accept the name, has said why, and nobody can be asked for another.
    #[error("name refused")]
    NameRefused,
    /// The system has no thread, signal or descriptor for us.
    #[error("{0}")]
    System(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Problem::System(plain_words(&error))
    }
}

impl From<Problem> for Ending {
    fn from(problem: Problem) -> Self {
        Ending::Failed(problem)
    }
}

impl Ending {
    /// Whether it is worth trying again: the way there is broken for now, or the server is not there
    /// yet, or has no space. A server that sends people off, or is another one, would be the same again.
    pub fn is_passing(&self) -> bool {
        match self {
            Ending::Dismissed(farewell) => matches!(
                farewell,
                Farewell::Shutdown
                    | Farewell::ServerFull
                    | Farewell::TooManyConnections
                    | Farewell::HandshakeTimeout
            ),
            Ending::Failed(problem) => matches!(
                problem,
                Problem::UnknownHost(_)
                    | Problem::NoResolver(_)
                    | Problem::Refused(_)
                    | Problem::Unreachable(_)
                    | Problem::TimedOut(_)
                    | Problem::NoConnection(..)
                    | Problem::Silent
                    | Problem::ConnectionClosed
                    | Problem::ConnectionLost(_)
                    | Problem::NameTaken(_)
                    | Problem::System(_)
            ),
            Ending::Left | Ending::OutputClosed => false,
        }
    }

    /// The exit status: 0 after leaving, 1 for a problem.
    pub fn exit_code(&self) -> u8 {
        match self {
            Ending::Left | Ending::OutputClosed | Ending::Dismissed(Farewell::Quit) => 0,
            Ending::Dismissed(_) | Ending::Failed(_) => 1,
        }
    }
}
