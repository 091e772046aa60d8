//! The client: connects, gives a name, sends what is typed, shows what comes, and leaves.
//!
//! | room | what it does |
//! | --- | --- |
//! | `connect`, `trust`, `link`, `flood` | reach the server, know it again, and alone speak to it |
//! | `seat`, `outbox`, `gone`, `comeback` | what outlives a connection, and how to come back to it |
//! | `session`, `known`, `ending` | what the threads share: what is known of the room, and how it ends |
//! | `receiver`, `render`, `layout` | the receiver thread, and the lines it shows |
//! | `talk`, `introduction`, `password`, [`typed`], `completion` | the stdin loop, and what it makes of what is typed |
//! | `prompt`, [`keys`], [`mod@line`], `buffer`, `history` | from bytes to keys to the line being edited |
//! | `screen`, `terminal`, `draft`, `tty` | lines above the line being edited, under one mutex |
//! | [`lang`] | all words, in both languages |

mod buffer;
mod comeback;
mod completion;
mod connect;
mod draft;
mod ending;
mod flood;
mod gone;
mod history;
mod introduction;
pub mod keys;
mod known;
pub mod lang;
mod layout;
pub mod line;
mod link;
mod outbox;
mod password;
mod prompt;
mod receiver;
mod render;
mod screen;
mod seat;
mod session;
mod signals;
mod talk;
mod terminal;
pub mod trust;
mod tty;
pub mod typed;

use std::io::{self, IsTerminal, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};

use crate::protocol::Username;
use crate::tls::Stream;
pub use connect::ServerAddress;
use connect::connect;
pub use ending::{Ending, Problem};
use known::Known;
use lang::Lang;
use link::Link;
use password::Confidence;
use prompt::Prompt;
use receiver::Receiver;
pub use render::Bell;
use render::Painter;
use screen::Screen;
use seat::Seat;
use session::{LAST_WORDS, Session};
use signals::{end_at_signals, leave_at_signals};
use talk::Talk;
use trust::Trust;
pub use tty::can_move_its_cursor;

/// How long to wait for the answer to `/SAIR` while a person sits there.
const FAREWELL_PATIENCE: Duration = Duration::from_millis(500);

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
    /// What was said before one came in, even without a terminal.
    pub history: bool,
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
    /// How long to try to come back when the connection breaks; without end where somebody types, and
    /// not at all from a pipe, unless it is said.
    pub reconnect: Option<Duration>,
}

/// All from the first connection to the last line, in as many sessions as it takes. Returns how it
/// ended; the terminal is as it was before.
pub fn run(options: Options) -> Result<Ending, Problem> {
    let password = password::given(&options)?;
    let (lang, server) = (options.lang, &options.server);
    let is_on_its_way = leave_at_signals()?;
    let stream = connect(server, || {
        say_last(&lang.still_connecting(server));
    })?;
    let (stream, confidence, later) = match encrypt(stream, &options) {
        Ok(encrypted) => encrypted,
        Err(ending) => return Ok(ending),
    };
    let session = Arc::new(Session::new()?);
    end_at_signals(&session)?;
    is_on_its_way.store(false, Ordering::Release);
    let is_interactive = io::stdin().is_terminal();
    let reconnect = options.reconnect.unwrap_or(match is_interactive {
        true => Duration::MAX,
        false => Duration::ZERO,
    });
    let seat = (!reconnect.is_zero()).then(|| Seat::new(is_interactive));
    let wants_session = seat.is_some();
    let server = options.server.clone();
    let link = Arc::new(Link::new(stream, session.clone(), server, later, seat));

    let has_terminal = is_interactive && io::stdout().is_terminal();
    let in_editor = has_terminal && !options.plain && can_move_its_cursor();
    let (mut prompt, screen) = match in_editor {
        true => Prompt::editor(&session, options.lang, options.color)?,
        false => (Prompt::plain()?, Screen::plain(&session)?),
    };
    let painter = Arc::new(Painter {
        lang: options.lang,
        color: options.color,
        stamps: options.stamps || in_editor,
        wraps: in_editor,
        bell: match io::stdout().is_terminal() {
            true => options.bell,
            false => Bell::Off,
        },
        history: options.history || has_terminal,
        session: session.clone(),
        last: Mutex::default(),
    });
    let receiver = Receiver {
        link: link.clone(),
        session: session.clone(),
        painter: painter.clone(),
        screen: screen.clone(),
        reconnect,
    };
    let receiving = thread::Builder::new().spawn(move || receiver.receive())?;
    let mut talk = Talk {
        link: &link,
        session: &session,
        painter,
        screen,
        is_interactive,
        in_editor,
        wants_session,
        pasted: Vec::new(),
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
    // The receiver may be showing its last lines; only if nobody reads them it never ends. While it
    // tries to come back nobody waits for it.
    let is_over = |known: &Known| known.is_disconnected || known.is_away;
    if session.wait_until(FAREWELL_PATIENCE, is_over) && session.lock().is_disconnected {
        let _ = receiving.join();
    }
    if ending == Ending::Left && session.lock().is_away {
        // On the screen they look as if they had been said; it has to be given back first.
        drop(prompt);
        let told = comeback::tell_of_waiting(&talk.painter, &link);
        let _ = told.lines().all(say_last);
    }
    Ok(ending)
}

/// Encrypts, unless that is not wanted, and tells of a server that is new. Returns also whom to believe
/// from now on: whoever has its key.
fn encrypt(
    stream: TcpStream,
    options: &Options,
) -> Result<(Stream, Confidence, Option<Trust>), Ending> {
    let Some(trust) = &options.trust else {
        let confidence = match is_here(&stream) {
            true => Confidence::Full,
            false => Confidence::None,
        };
        return Ok((Stream::plain(stream), confidence, None));
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
    let later = Trust {
        fingerprint: Some(met.key),
        known_servers: None,
    };
    Ok((stream, confidence, Some(later)))
}

/// Whether the other side is on this machine.
fn is_here(stream: &TcpStream) -> bool {
    let peer = stream.peer_addr();
    peer.is_ok_and(|peer| peer.ip().to_canonical().is_loopback())
}

/// Says on standard error why the program ends; not to a terminal that stands still, where the exit
/// status alone has to say it. Returns whether it was said.
pub fn say_last(sentence: &str) -> bool {
    let mut stderr = io::stderr();
    let fd = stderr.as_fd();
    let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
    session::poll_for(&mut fds, Some(LAST_WORDS)).is_ok()
        && fds[0].any() == Some(true)
        && writeln!(stderr, "{sentence}").is_ok()
}
