use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use signal_hook::consts::{SIGCONT, SIGWINCH};
use signal_hook::low_level::pipe;

use super::completion::{address_reply, complete, reply_in};
use super::gone::Gone;
use super::history::Search;
use super::keys::{Key, Keys};
use super::lang::Lang;
use super::line::Asked;
use super::screen::Screen;
use super::session::Session;
use super::terminal::Terminal;
use super::typed::{Flaw, Typed};
use crate::protocol::{BadLine, LINE_LIMIT, LineReader};

/// A line of a terminal that edits lines itself is surely whole up to here: Linux takes 4,095 bytes,
/// and drops the others without a word (termios(3)).
pub const TERMINAL_LIMIT: usize = 4094;

/// Where typed lines come from.
pub enum Prompt {
    /// A line editor, on a terminal.
    Editor(Box<Editor>),
    /// Plain lines, from a pipe or a terminal that wants nothing more.
    Plain(LineReader<File>),
}

/// The keys of a terminal. The terminal is given back when this is dropped.
pub struct Editor {
    terminal: Arc<Mutex<Terminal>>,
    input: File,
    keys: Keys,
    /// Can be read when the terminal has another size, or the program goes on after a stop.
    changed: UnixStream,
    /// The line began with `/r ` before the last key, or before the paste that goes on.
    was_reply: bool,
}

impl Prompt {
    /// The line editor on this terminal, and the screen above it. Fails where the terminal cannot
    /// be opened.
    pub fn editor(session: &Arc<Session>, lang: Lang, color: bool) -> io::Result<(Prompt, Screen)> {
        let (changed, change) = UnixStream::pair()?;
        changed.set_nonblocking(true)?;
        for signal in [SIGWINCH, SIGCONT] {
            pipe::register(signal, change.try_clone()?)?;
        }
        let (terminal, input) = Terminal::open(session, lang, color)?;
        let terminal = Arc::new(Mutex::new(terminal));
        let screen = Screen::Terminal(terminal.clone());
        let editor = Box::new(Editor {
            terminal,
            input,
            keys: Keys::default(),
            changed,
            was_reply: false,
        });
        Ok((Prompt::Editor(editor), screen))
    }

    /// Plain lines from standard input. Fails where there is no descriptor left.
    pub fn plain() -> io::Result<Prompt> {
        // Not the standard library's handle: its buffer would hide lines from poll(2).
        let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let limit = match input.is_terminal() {
            true => TERMINAL_LIMIT,
            false => LINE_LIMIT,
        };
        Ok(Prompt::Plain(LineReader::new(input, limit)))
    }

    /// Waits for what is typed next, or for the session to end.
    pub fn read(&mut self, session: &Session) -> Typed {
        match self {
            Prompt::Editor(editor) => editor.read(session),
            Prompt::Plain(lines) => read_plain(session, lines),
        }
    }

    /// Lets what was typed be edited further.
    pub fn put_back(&mut self, typed: String) {
        if let Prompt::Editor(editor) = self {
            let mut terminal = Screen::lock(&editor.terminal);
            terminal.line.put_back(typed);
            terminal.refresh();
        }
    }
}

impl Editor {
    fn read(&mut self, session: &Session) -> Typed {
        // What was typed before may have been answered with nothing.
        Screen::lock(&self.terminal).refresh();
        loop {
            if session.is_ending() {
                return Typed::End;
            }
            if let Some(typed) = self.press_all(session) {
                return typed;
            }
            let asked = Screen::lock(&self.terminal).patience();
            let patience = asked.into_iter().chain(self.keys.patience()).min();
            let sources = [self.input.as_fd(), self.changed.as_fd()];
            let result = session.wait_to_read(sources, patience);
            let Ok([has_keys, has_changed]) = result else {
                return Typed::End;
            };
            if has_changed {
                // However often it has, the terminal is asked once.
                let _ = (&self.changed).read(&mut [0; 64]);
                Screen::lock(&self.terminal).measure();
            }
            if has_keys {
                let mut bytes = [0; 4096];
                match self.input.read(&mut bytes) {
                    Ok(length @ 1..) => self.keys.read(&bytes[..length]),
                    Err(error) if is_passing(&error) => {}
                    Ok(_) | Err(_) => return Typed::End,
                }
            } else {
                self.stop_waiting();
            }
        }
    }

    /// Does without what has not come in time.
    fn stop_waiting(&mut self) {
        if self.keys.patience() == Some(Duration::ZERO) {
            self.keys.give_up();
        }
        let mut terminal = Screen::lock(&self.terminal);
        if terminal.patience() == Some(Duration::ZERO) {
            terminal.refresh_at(None);
        }
    }

    /// Does what the keys ask for that have been read, up to the end of a line.
    fn press_all(&mut self, session: &Session) -> Option<Typed> {
        let mut terminal = Screen::lock(&self.terminal);
        let mut is_changed = false;
        while let Some(key) = self.keys.pop() {
            if !matches!(key, Key::CursorAt(_)) {
                is_changed = true;
                terminal.choices.clear();
            }
            if !terminal.line.is_pasting() {
                self.was_reply = reply_in(terminal.line.text()).is_some();
            }
            if terminal.line.text().is_empty() {
                session.lock().gone = Gone::default();
            }
            match terminal.line.press(key) {
                Asked::Nothing => {}
                // It stays on the screen until it is shown otherwise, in one write.
                Asked::Take(typed) => return Some(typed),
                Asked::Suspend => terminal.suspend(),
                Asked::Clear => terminal.clear(),
                Asked::CursorAt(column) => {
                    terminal.refresh_at(Some(column));
                }
                Asked::Complete => terminal.choices = complete(&mut terminal.line, session),
            }
            // What was there before, while somebody wrote, does not begin now.
            let brings_back = matches!(key, Key::Down | Key::Ctrl('N' | 'G' | 'Y' | '_'));
            let has_failed = |search: &Search| search.has_failed;
            let brings_back = brings_back || terminal.line.search().is_some_and(has_failed);
            if !brings_back && !terminal.line.is_pasting() && !self.was_reply {
                address_reply(&mut terminal.line, session);
            }
        }
        if is_changed {
            terminal.refresh();
        }
        None
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        Screen::lock(&self.terminal).close();
    }
}

fn read_plain(session: &Session, lines: &mut LineReader<File>) -> Typed {
    loop {
        match lines.next_line() {
            Some(Ok(line)) => return Typed::Lines(line.to_owned()),
            Some(Err(BadLine::TooLong)) if io::stdin().is_terminal() => {
                return Typed::Flawed(String::new(), Flaw::Cut);
            }
            Some(Err(BadLine::TooLong)) => return Typed::Flawed(String::new(), Flaw::TooLong),
            Some(Err(BadLine::NotUtf8)) => return Typed::Flawed(String::new(), Flaw::NotUtf8),
            None => {}
        }
        // A terminal's end is said once, and it could be read from again.
        if session.is_ending() || lines.has_ended() {
            return Typed::End;
        }
        match session.wait_to_read([io::stdin().as_fd()], None) {
            Ok([true]) => {}
            Ok(_) => continue,
            Err(_) => return Typed::End,
        }
        match lines.fill() {
            Ok(0) if !lines.has_rest() => return Typed::End,
            Err(error) if !is_passing(&error) => return Typed::End,
            _ => {}
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
}
