use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anstream::adapter::strip_str;
use nix::libc::PIPE_BUF;

use super::session::{LAST_WORDS, Session};
use super::terminal::Terminal;
use super::tty::open_anew;

/// Where lines go.
#[derive(Clone)]
pub enum Screen {
    /// To standard output as they come, problems to standard error; waits for neither once the session
    /// ends.
    Plain(Arc<Plain>),
    /// Above the line being edited.
    Terminal(Arc<Mutex<Terminal>>),
}

impl Screen {
    /// The standard streams. Fails where there is no descriptor left.
    pub fn plain(session: &Arc<Session>) -> io::Result<Screen> {
        Ok(Screen::Plain(Arc::new(Plain::open(session)?)))
    }

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
            Screen::Plain(plain) => plain.write(&plain.stdout, lines)?,
            Screen::Terminal(terminal) => Screen::lock(terminal).show(lines),
        }
        Ok(())
    }

    /// Shows whole lines about a problem.
    pub fn complain(&self, lines: &str) {
        // There is nowhere to complain that a complaint could not be shown.
        let _ = match self {
            Screen::Plain(plain) => match io::stderr().is_terminal() {
                true => plain.write(&plain.stderr, lines),
                false => plain.write(&plain.stderr, &strip_str(lines).to_string()),
            },
            Screen::Terminal(_) => self.show(lines),
        };
    }
}

/// Standard output and standard error, for as long as the session lasts. Terminals are opened anew, so
/// that they can be written without waiting.
pub struct Plain {
    session: Arc<Session>,
    stdout: Mutex<File>,
    stderr: Mutex<File>,
}

impl Plain {
    fn open(session: &Arc<Session>) -> io::Result<Plain> {
        let open = |stream: BorrowedFd| match open_anew(stream) {
            Ok(terminal) => Ok(terminal),
            Err(_) => Ok::<_, io::Error>(stream.try_clone_to_owned()?.into()),
        };
        Ok(Plain {
            session: session.clone(),
            stdout: open(io::stdout().as_fd())?.into(),
            stderr: open(io::stderr().as_fd())?.into(),
        })
    }

    /// Writes all of `text`, and waits as long as `stream` takes nothing; but not once the session ends.
    fn write(&self, stream: &Mutex<File>, text: &str) -> io::Result<()> {
        let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            self.session.wait_to_write(&*stream, LAST_WORDS)?;
            // So much a pipe that takes anything takes without waiting (pipe(7)).
            match stream.write(&rest[..rest.len().min(PIPE_BUF)]) {
                Ok(length) => rest = &rest[length..],
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted | ErrorKind::WouldBlock => {}
                    _ => return Err(error),
                },
            }
        }
        Ok(())
    }
}
