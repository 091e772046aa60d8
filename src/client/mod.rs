//! The client: connects, gives a name, sends what is typed, shows what comes, and leaves.

pub mod lang;
mod prompt;
mod receiver;
mod render;
mod screen;
mod session;
mod talk;

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::libc::MSG_DONTWAIT;
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use socket2::SockRef;

use crate::net::{plain_words, set_keepalive};
use crate::protocol::{Farewell, Username, UsernameError};
use lang::Lang;
use prompt::Prompt;
pub use render::Bell;
use render::Painter;
use screen::Screen;
use session::Session;
use talk::Talk;

/// How long each address of the server may take to answer.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Within which time a vanished server is given up; the server's own default for us.
const KEEPALIVE: Duration = Duration::from_secs(45);

/// How long to wait for the answer to `/SAIR` or `/nome` while a person sits there.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);

/// How long the last lines may take to be shown.
const LAST_LINES: Duration = Duration::from_secs(2);

/// How the client is to be.
pub struct Options {
    /// IP address or name of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
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
    /// The name given as a flag cannot be one.
    #[error(transparent)]
    BadUsername(#[from] UsernameError),
    /// The host has no address.
    #[error("unknown host {0:?}")]
    UnknownHost(String),
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

impl Ending {
    /// The exit status: 0 after leaving, 1 for a problem.
    pub fn exit_code(&self) -> u8 {
        match self {
            Ending::Left | Ending::OutputClosed | Ending::Dismissed(Farewell::Quit) => 0,
            Ending::Dismissed(_) | Ending::Failed(_) => 1,
        }
    }
}

/// How a server is named to people: as it was given, an IPv6 address in brackets.
pub fn server_name(host: &str, port: impl Display) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// Connects to the server, each of its addresses in turn.
pub fn connect(host: &str, port: u16) -> Result<TcpStream, Problem> {
    let unknown = || Problem::UnknownHost(host.to_owned());
    let addresses = (host, port).to_socket_addrs().map_err(|_| unknown())?;
    let mut problem = unknown();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_PATIENCE) {
            Ok(stream) => {
                let system = |error: io::Error| Problem::System(plain_words(&error));
                stream.set_nodelay(true).map_err(system)?;
                set_keepalive(&stream, KEEPALIVE).map_err(system)?;
                return Ok(stream);
            }
            Err(error) => problem = Problem::connecting(address, &error),
        }
    }
    Err(problem)
}

impl Problem {
    fn connecting(address: SocketAddr, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Problem::Refused(address),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                Problem::Unreachable(address)
            }
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Problem::TimedOut(address),
            _ => Problem::NoConnection(address, plain_words(error)),
        }
    }
}

/// One session, from the connection to the last line. Returns how it ended; the terminal is as
/// it was before.
pub fn run(options: Options) -> Result<Ending, Problem> {
    let stream = Arc::new(connect(&options.host, options.port)?);
    let in_terminal = !options.plain && io::stdin().is_terminal() && io::stdout().is_terminal();
    let saved = tcgetattr(io::stdin()).ok().filter(|_| in_terminal);
    let (lang, server) = (options.lang, server_name(&options.host, options.port));
    let leaving = stream.clone();
    let session = Arc::new(Session::new(move |ending| {
        let _ = SockRef::from(&*leaving).send_with_flags(b"/SAIR\n", MSG_DONTWAIT);
        restore(saved.as_ref());
        if let Some(sentence) = lang.ending(ending, &server) {
            let _ = writeln!(io::stderr(), "{sentence}");
        }
    }));
    end_at_signals(&session)?;

    let editor = in_terminal.then(|| Prompt::editor(&session, options.color));
    let editor = editor.flatten();
    let in_editor = editor.is_some();
    let (mut prompt, screen) = match editor {
        Some(editor) => editor,
        None => (Prompt::plain()?, Screen::Plain),
    };
    let painter = Painter {
        lang: options.lang,
        color: options.color,
        stamps: options.stamps || in_editor,
        wraps: in_editor,
        bell: if io::stdout().is_terminal() {
            options.bell
        } else {
            Bell::Off
        },
        session: session.clone(),
    };
    let receiving = {
        let (stream, session) = (stream.clone(), session.clone());
        let (painter, screen) = (painter.clone(), screen.clone());
        thread::Builder::new()
            .spawn(move || receiver::receive(&stream, &session, painter, screen))
            .map_err(|error| Problem::System(plain_words(&error)))?
    };
    let mut talk = Talk {
        server: &stream,
        session: &session,
        painter,
        screen,
        is_interactive: io::stdin().is_terminal(),
        in_editor,
        pasted: String::new(),
        burst: (0, 0),
        burst_began: Instant::now(),
    };
    let failed = match talk.introduce(&mut prompt, options.username) {
        Ok(is_in) => {
            if is_in {
                talk.talk(&mut prompt);
            }
            None
        }
        Err(problem) => Some(Ending::Failed(problem)),
    };
    let ending = talk.leave(failed);
    drop(talk);
    let printing = prompt.close();
    // The receiver may be showing its last lines; only if nobody reads them it never ends.
    let _ = stream.shutdown(Shutdown::Both);
    if session.wait_until(ANSWER_PATIENCE, |known| known.is_disconnected) {
        let _ = receiving.join();
        let deadline = Instant::now() + LAST_LINES;
        while printing
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
        {
            if Instant::now() > deadline {
                // The terminal stands still; whatever else is said would wait for it too.
                process::exit(ending.exit_code().into());
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(ending)
}

/// Ends the session at SIGINT (in a terminal without editor: Ctrl-C), SIGTERM, SIGHUP and SIGQUIT.
///
/// It also gives SIGINT a handler before the editor puts the terminal into raw mode, which it
/// does a moment before its own handler stands.
fn end_at_signals(session: &Arc<Session>) -> Result<(), Problem> {
    let system = |error: io::Error| Problem::System(plain_words(&error));
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT]).map_err(system)?;
    let session = session.clone();
    let wait = move || signals.forever().for_each(|_| session.end(Ending::Left));
    thread::Builder::new().spawn(wait).map_err(system)?;
    Ok(())
}

/// Puts the terminal back and ends paste mode, when the editor could not; what was half shown may
/// also have left it without line wrapping.
fn restore(saved: Option<&Termios>) {
    if let Some(saved) = saved {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, saved);
        let _ = io::stdout().write_all(b"\x1b[?2004l\x1b[?7h\r\n");
    }
}
