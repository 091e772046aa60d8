use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anstream::adapter::strip_str;
use nix::errno::Errno;
use nix::libc::PIPE_BUF;
use nix::unistd;

use super::session::{LAST_WORDS, Session};
use super::terminal::Terminal;
use super::tty::open_anew;

/// Where lines go.
#[derive(Clone)]
pub enum Screen {
    /// To standard output as they come, problems to standard error; waits for neither once the session
    /// ends.
    Plain(Arc<Session>),
    /// Above the line being edited.
    Terminal(Arc<Mutex<Terminal>>),
}

impl Screen {
    /// The terminal, for whoever has something to show or to ask.
    pub fn lock(terminal: &Mutex<Terminal>) -> MutexGuard<'_, Terminal> {
        terminal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `prompt` before the line from now on; an empty one hides both.
    pub fn ask(&self, prompt: &str) {
        if let Screen::Terminal(terminal) = self {
            Screen::lock(terminal).ask(prompt);
        }
    }

    /// Hides what is typed from now on, or shows it again.
    pub fn hide_line(&self, is_hidden: bool) {
        if let Screen::Terminal(terminal) = self {
            Screen::lock(terminal).line.is_hidden = is_hidden;
        }
    }

    /// Remembers what was typed, for the Up key.
    pub fn remember(&self, typed: &str) {
        if let Screen::Terminal(terminal) = self {
            Screen::lock(terminal).line.remember(typed);
        }
    }

    /// Whether there is a line being edited.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Screen::Terminal(_))
    }

    /// Shows whole lines. Fails when nobody reads them any more.
    pub fn show(&self, lines: &str) -> io::Result<()> {
        match self {
            _ if lines.is_empty() => {}
            Screen::Plain(session) => write(session, &io::stdout().lock(), lines)?,
            Screen::Terminal(terminal) => Screen::lock(terminal).show(lines),
        }
        Ok(())
    }

    /// Shows whole lines about a problem.
    pub fn complain(&self, lines: &str) {
        // There is nowhere to complain that a complaint could not be shown.
        let _ = match self {
            Screen::Plain(session) => {
                let stderr = io::stderr().lock();
                match stderr.is_terminal() {
                    true => write(session, &stderr, lines),
                    false => write(session, &stderr, &strip_str(lines).to_string()),
                }
            }
            Screen::Terminal(_) => self.show(lines),
        };
    }
}

/// Writes all of `text`, and waits as long as `stream` takes nothing; but not once the session ends.
fn write(session: &Session, stream: &impl AsFd, text: &str) -> io::Result<()> {
    let terminal = open_anew(stream).ok();
    let stream = terminal.as_ref().map_or(stream.as_fd(), AsFd::as_fd);
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        session.wait_to_write(&stream, LAST_WORDS)?;
        // So much a pipe that takes anything takes without waiting (pipe(7)).
        match unistd::write(stream, &rest[..rest.len().min(PIPE_BUF)]) {
            Ok(length) => rest = &rest[length..],
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
