use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anstream::{AutoStream, ColorChoice};

use super::terminal::Terminal;

/// Where lines go.
#[derive(Clone)]
pub enum Screen {
    /// To standard output as they come, problems to standard error.
    Plain,
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
            Screen::lock(terminal).is_line_hidden = is_hidden;
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
            Screen::Plain => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(lines.as_bytes())?;
                stdout.flush()?;
            }
            Screen::Terminal(terminal) => Screen::lock(terminal).show(lines),
        }
        Ok(())
    }

    /// Shows one line about a problem.
    pub fn complain(&self, line: &str) {
        // There is nowhere to complain that a complaint could not be shown.
        let _ = match self {
            Screen::Plain => {
                let stderr = io::stderr();
                let choice = match stderr.is_terminal() {
                    true => ColorChoice::AlwaysAnsi,
                    false => ColorChoice::Never,
                };
                AutoStream::new(stderr, choice).write_all(line.as_bytes())
            }
            Screen::Terminal(_) => self.show(line),
        };
    }
}
