//! The client: connects, gives a name, sends what is typed, shows what comes, and leaves.

mod buffer;
mod completion;
mod connect;
mod history;
pub mod keys;
mod known;
pub mod lang;
mod layout;
pub mod line;
mod link;
mod password;
mod paste;
mod prompt;
mod receiver;
mod render;
mod screen;
mod session;
mod signals;
mod talk;
mod terminal;
pub mod trust;
mod tty;

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};

use crate::net::plain_words;
use crate::protocol::{Farewell, Username, UsernameError};
use crate::tls::{Fingerprint, Stream};
pub use connect::ServerAddress;
use connect::connect;
use lang::Lang;
use link::Link;
use password::Confidence;
use prompt::Prompt;
pub use render::Bell;
use render::Painter;
use screen::Screen;
use session::{LAST_WORDS, Session};
use signals::{end_at_signals, leave_at_signals};
use talk::Talk;
use trust::Trust;
pub use tty::can_move_its_cursor;

/// How long to wait for the answer to `/SAIR` while a person sits there.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);

/// How the client is to be.
pub struct Options {
    /// Where the server is.
    pub server: ServerAddress,
    /// The name to come in with; asked for when there is none.
    pub username: Option<Username>,
    /// The language of the interface.
    pub lang: Lang,
    /// Plain lines even on a terminal.
    pub plain: bool,
    /// The time before each line even without an editor.
    pub stamps: bool,
    /// Whether to use colours.
    pub color: bool,
    /// What rings the bell.
    pub bell: Bell,
    /// Whom to believe; `None` does without encryption.
    pub trust: Option<Trust>,
    /// What the room's password is, as far as it is known.
    pub password: Option<String>,
    /// The file whose first line it is, which counts more.
    pub password_file: Option<PathBuf>,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The person wanted to go: a signal.
    Left,
    /// The server said `BYE`.
    Dismissed(Farewell),
    /// Nobody reads what would be shown.
    OutputClosed,
    /// Something went wrong.
    Failed(Problem),
}

/// What can go wrong. [`Lang::problem`] has the words for people.
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
    /// A host that is a web address. As it was given, and the host in it.
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
    /// The server did not accept the name, has said why, and nobody can be asked for another.
    #[error("name refused")]
    NameRefused,
    /// The system has no thread, signal or descriptor for us.
    #[error("{0}")]
    System(String),
}

impl From<Problem> for Ending {
    fn from(problem: Problem) -> Self {
        Ending::Failed(problem)
    }
}

impl Ending {
    /// The exit status: 0 after leaving, 1 for a problem.
    pub fn exit_code(&self) -> u8 {
        match self {
            Ending::Left | Ending::OutputClosed | Ending::Dismissed(Farewell::Quit) => 0,
            Ending::Dismissed(_) | Ending::Failed(_) => 1,
        }
    }
}

/// One session, from the connection to the last line. Returns how it ended; the terminal is as
/// it was before.
pub fn run(options: Options) -> Result<Ending, Problem> {
    let system = |error: io::Error| Problem::System(plain_words(&error));
    let password = password::given(&options)?;
    let (lang, server) = (options.lang, &options.server);
    let is_on_its_way = leave_at_signals().map_err(system)?;
    let stream = connect(server, || say_last(&lang.still_connecting(server)))?;
    let (stream, confidence) = match encrypt(stream, &options) {
        Ok(encrypted) => encrypted,
        Err(ending) => return Ok(ending),
    };
    let session = Arc::new(Session::new().map_err(system)?);
    end_at_signals(&session).map_err(system)?;
    is_on_its_way.store(false, Ordering::Release);
    let link = Arc::new(Link::new(stream, session.clone()));

    let has_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let in_editor = has_terminal && !options.plain && can_move_its_cursor();
    let (mut prompt, screen) = match in_editor {
        true => Prompt::editor(&session, options.lang, options.color),
        false => Prompt::plain().map(|prompt| (prompt, Screen::Plain)),
    }
    .map_err(system)?;
    let painter = Arc::new(Painter {
        lang: options.lang,
        color: options.color,
        stamps: options.stamps || in_editor,
        wraps: in_editor,
        bell: match io::stdout().is_terminal() {
            true => options.bell,
            false => Bell::Off,
        },
        session: session.clone(),
        last: Mutex::default(),
    });
    let receiving = {
        let (link, session) = (link.clone(), session.clone());
        let (painter, screen) = (painter.clone(), screen.clone());
        thread::Builder::new()
            .spawn(move || receiver::receive(&link, &session, &painter, &screen))
            .map_err(system)?
    };
    let mut talk = Talk {
        link: &link,
        session: &session,
        painter,
        screen,
        is_interactive: io::stdin().is_terminal(),
        in_editor,
        pasted: String::new(),
        password,
        confidence,
    };
    let failed = match talk.introduce(&mut prompt, options.username) {
        Ok(is_in) => {
            if is_in {
                talk.send_what_is_typed(&mut prompt);
            }
            None
        }
        Err(problem) => Some(Ending::Failed(problem)),
    };
    let ending = talk.leave(failed);
    // From here on nothing waits for a terminal that stands still.
    session.end(ending.clone());
    link.close();
    // The receiver may be showing its last lines; only if nobody reads them it never ends.
    if session.wait_until(ANSWER_PATIENCE, |known| known.is_disconnected) {
        let _ = receiving.join();
    }
    Ok(ending)
}

/// Encrypts, unless that is not wanted, and tells of a server that is new.
fn encrypt(stream: TcpStream, options: &Options) -> Result<(Stream, Confidence), Ending> {
    let Some(trust) = &options.trust else {
        let confidence = match is_here(&stream) {
            true => Confidence::Full,
            false => Confidence::None,
        };
        return Ok((Stream::plain(stream), confidence));
    };
    let server = options.server.to_string();
    let (stream, met) = trust::encrypt(stream, &server, trust)?;
    if met.is_new {
        say_last(&options.lang.new_server(&server, &met.key));
    }
    if let Some(reason) = &met.unkept {
        say_last(&options.lang.unkept_server(&server, reason));
    }
    let confidence = match met.is_new {
        true => Confidence::AtFirstSight(met.key),
        false => Confidence::Full,
    };
    Ok((stream, confidence))
}

/// Whether the other side is on this machine.
fn is_here(stream: &TcpStream) -> bool {
    let peer = stream.peer_addr();
    peer.is_ok_and(|peer| peer.ip().to_canonical().is_loopback())
}

/// Says on standard error why the program ends; not to a terminal that stands still, where the exit
/// status alone has to say it.
pub fn say_last(sentence: &str) {
    let mut stderr = io::stderr();
    let fd = stderr.as_fd();
    let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
    if session::poll_for(&mut fds, Some(LAST_WORDS)).is_ok() && fds[0].any() == Some(true) {
        let _ = writeln!(stderr, "{sentence}");
    }
}
