//! The client: connects, gives a name, sends what is typed, shows what comes, and leaves.

pub mod lang;
mod prompt;
mod receiver;
mod render;
mod session;

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::net::{give_up_after, plain_words};
use crate::protocol::{
    COMMANDS, Command, CommandError, Farewell, LINE_LIMIT, Username, UsernameError,
};
use lang::Lang;
use prompt::{Prompt, Typed};
pub use render::Bell;
use render::{Painter, Screen};
use session::{Known, Session};

/// How long each address of the server may take to answer.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// How long a server may take to ask for a name before it is taken for something else.
const GREETING_PATIENCE: Duration = Duration::from_secs(10);

/// How long a vanished server is believed in: as long as the server, by default, believes in us.
const KEEPALIVE: Duration = Duration::from_secs(45);

/// How long to wait for `BYE quit` when a person wants to go.
const FAREWELL_PATIENCE: Duration = Duration::from_millis(500);

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
    /// The server closed without a `BYE`.
    #[error("connection closed")]
    ConnectionClosed,
    /// The connection broke.
    #[error("connection lost: {0}")]
    ConnectionLost(String),
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
                give_up_after(&stream, KEEPALIVE).map_err(system)?;
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
    let saved = tcgetattr(io::stdin()).ok();
    let (lang, server) = (options.lang, format!("{}:{}", options.host, options.port));
    let session = Arc::new(Session::new(move |ending| {
        restore(saved.as_ref());
        if let Some(sentence) = lang.ending(ending, &server) {
            let _ = writeln!(io::stderr(), "{sentence}");
        }
    }));
    end_at_signals(&session)?;

    let editor = if options.plain {
        None
    } else {
        Prompt::editor(&session, options.color)
    };
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
    };
    let failed = match talk.introduce(&mut prompt, options.username) {
        Ok(()) => {
            talk.talk(&mut prompt);
            None
        }
        Err(problem) => Some(Ending::Failed(problem)),
    };
    session.notice();
    let ending = talk.leave(failed);
    drop(talk);
    let printing = prompt.close();
    // The receiver may be showing its last lines; only if nobody reads them it never ends.
    let _ = stream.shutdown(Shutdown::Both);
    if session.wait_until(FAREWELL_PATIENCE, |known| known.is_disconnected) {
        let _ = receiving.join();
        printing.map(JoinHandle::join);
    }
    Ok(ending)
}

/// Ends the session at SIGINT (in a terminal without editor: Ctrl-C), SIGTERM and SIGHUP.
///
/// It also gives SIGINT a handler before the editor puts the terminal into raw mode, which it
/// does a moment before its own handler stands.
fn end_at_signals(session: &Arc<Session>) -> Result<(), Problem> {
    let system = |error: io::Error| Problem::System(plain_words(&error));
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(system)?;
    let session = session.clone();
    let wait = move || signals.forever().for_each(|_| session.end(Ending::Left));
    thread::Builder::new().spawn(wait).map_err(system)?;
    Ok(())
}

/// Puts the terminal back and ends paste mode, when the editor could not.
fn restore(saved: Option<&Termios>) {
    if let Some(saved) = saved {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, saved);
        let _ = io::stdout().write_all(b"\x1b[?2004l\r\n");
    }
}

/// The stdin loop's side of the session.
struct Talk<'a> {
    server: &'a TcpStream,
    session: &'a Session,
    painter: Painter,
    screen: Screen,
    is_interactive: bool,
    in_editor: bool,
}

impl Talk<'_> {
    /// Gives the server a name until it accepts one. Fails when it refuses one that nobody can
    /// be asked about again.
    fn introduce(&mut self, prompt: &mut Prompt, given: Option<Username>) -> Result<(), Problem> {
        let lang = self.painter.lang;
        let mut given = given;
        let is_over = |known: &Known| known.is_asked || known.ending.is_some();
        if !self.session.wait_until(GREETING_PATIENCE, is_over) {
            return Err(Problem::NoChatServer);
        }
        loop {
            let name = match given.take() {
                Some(name) => name,
                None => {
                    if self.is_interactive && !self.in_editor {
                        self.remark(lang.name_prompt().trim_end().to_owned());
                    }
                    match prompt.read(self.session, &lang.name_prompt()) {
                        Typed::End => return Ok(()),
                        Typed::Lines(line) if asks_to_quit(&line) => return Ok(()),
                        Typed::Lines(line) => match line.parse() {
                            Ok(name) => name,
                            Err(error) if self.is_interactive => {
                                self.complain(lang.bad_name(&error));
                                continue;
                            }
                            Err(error) => return Err(Problem::BadUsername(error)),
                        },
                        Typed::TooLong => return Err(UsernameError::TooLong.into()),
                        Typed::NotUtf8 => {
                            return Err(UsernameError::Invalid("\u{fffd}".to_owned()).into());
                        }
                    }
                }
            };
            self.session.known().is_asked = false;
            self.send(name.as_str());
            self.session.wait_until(Duration::MAX, |known| {
                known.me.is_some() || known.is_asked || known.ending.is_some()
            });
            let known = self.session.known();
            if known.me.is_some() || known.ending.is_some() {
                return Ok(());
            }
            if !self.is_interactive {
                return Err(Problem::NameRefused);
            }
        }
    }

    /// The stdin loop: sends what is typed until the person leaves or the session ends.
    fn talk(&mut self, prompt: &mut Prompt) {
        if self.in_editor {
            // For completion, and to know whom one speaks to.
            self.send("/quem");
        }
        while !self.session.is_ending() {
            let name = self.session.known().me.clone();
            let name = name.map_or_else(String::new, |name| name.to_string());
            match prompt.read(self.session, &format!("{name}> ")) {
                Typed::Lines(lines) => {
                    for line in lines.split('\n') {
                        if asks_to_quit(line) {
                            return;
                        }
                        self.say(line);
                    }
                }
                Typed::TooLong => self.complain(self.painter.lang.line_too_long()),
                Typed::NotUtf8 => self.complain(self.painter.lang.not_utf8()),
                Typed::End => return,
            }
        }
    }

    /// Does what one typed line asks for.
    fn say(&mut self, line: &str) {
        let lang = self.painter.lang;
        let line = line.strip_suffix('\r').unwrap_or(line);
        match Command::parse(line) {
            Ok(None) => {}
            Ok(Some(Command::Help)) => {
                let mut lines = String::new();
                for row in lang.help() {
                    self.painter.remark(row, &mut lines);
                }
                // When it cannot be shown, the receiver finds out and ends the session.
                let _ = self.screen.show(lines);
            }
            Ok(Some(Command::Reply(text))) => {
                let correspondent = self.session.known().correspondent.clone();
                match correspondent {
                    Some(name) => self.send(&format!("/msg {name} {text}")),
                    None => self.complain(lang.nobody_to_answer()),
                }
            }
            Ok(Some(_)) => self.send(line),
            Err(CommandError::Unknown(typed)) => {
                self.complain(lang.unknown_command(typed, nearest_command(typed)));
            }
            Err(CommandError::MissingArgument(typed)) => {
                self.complain(lang.missing_argument(typed));
            }
        }
    }

    /// Sends one line, if it is not too long.
    fn send(&mut self, line: &str) {
        if line.len() > LINE_LIMIT {
            return self.complain(self.painter.lang.line_too_long());
        }
        // When it fails the receiver finds out why, and ends the session.
        let _ = self.server.write_all(format!("{line}\n").as_bytes());
    }

    /// Leaves as `/SAIR` does, and waits for what is still to come: from a pipe, all that was
    /// sent has to be delivered before, however long that takes.
    fn leave(&mut self, failed: Option<Ending>) -> Ending {
        if !self.session.known().is_disconnected {
            self.send("/SAIR");
        }
        let is_over = self
            .session
            .wait_until(FAREWELL_PATIENCE, |known| known.is_disconnected);
        if !is_over && !self.is_interactive && failed.is_none() {
            self.session
                .wait_until(Duration::MAX, |known| known.ending.is_some());
        }
        let ending = self.session.known().ending.clone();
        failed.or(ending).unwrap_or(Ending::Left)
    }

    fn complain(&self, sentence: String) {
        self.screen.complain(self.painter.problem(sentence));
    }

    fn remark(&self, sentence: String) {
        let mut lines = String::new();
        self.painter.remark(sentence, &mut lines);
        let _ = self.screen.show(lines);
    }
}

fn asks_to_quit(line: &str) -> bool {
    matches!(Command::parse(line), Ok(Some(Command::Quit)))
}

/// The command that was probably meant.
fn nearest_command(typed: &str) -> Option<&'static str> {
    let typed = typed.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &typed);
    let names = COMMANDS.iter().flat_map(|spec| spec.names);
    let nearest = names.min_by_key(|name| distance(name))?;
    (3 * distance(nearest) <= typed.len()).then_some(nearest)
}
