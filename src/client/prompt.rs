use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGCONT, SIGWINCH};
use signal_hook::low_level::pipe;

use super::completion::{address_reply, complete};
use super::keys::{Key, Keys};
use super::lang::Lang;
use super::line::{Asked, Flaw};
use super::screen::{Screen, Terminal};
use super::session::Session;
use crate::protocol::{BadLine, LINE_LIMIT, LineReader};

/// How long a terminal may take to tell where its cursor is.
const MEASURING: Duration = Duration::from_millis(100);

/// Where typed lines come from.
pub enum Prompt {
    /// A line editor, on a terminal.
    Editor(Box<Editor>),
    /// Plain lines, from a pipe or a terminal that wants nothing more.
    Plain {
        lines: LineReader<File>,
        input: File,
    },
}

/// The keys of a terminal. The terminal is given back when this is dropped.
pub struct Editor {
    terminal: Arc<Mutex<Terminal>>,
    input: File,
    keys: Keys,
    /// Can be read when the terminal has another size, or the program goes on after a stop.
    changed: UnixStream,
    /// Until when the terminal may tell where its cursor is; it was asked.
    measuring: Option<Instant>,
}

/// What was typed.
pub enum Typed {
    /// These lines: several when they were pasted at once.
    Lines(String),
    /// What cannot be sent, as far as it could be read.
    Flawed(String, Flaw),
    /// The end of the input, or the session ends.
    End,
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
        let terminal = Terminal::open(session, lang, color)?;
        let input = terminal.tty().keys();
        let terminal = Arc::new(Mutex::new(terminal));
        let screen = Screen::Terminal(terminal.clone());
        let editor = Editor {
            terminal,
            input: input?,
            keys: Keys::default(),
            changed,
            measuring: None,
        };
        Ok((Prompt::Editor(Box::new(editor)), screen))
    }

    /// Plain lines from standard input. Fails where there is no descriptor left.
    pub fn plain() -> io::Result<Prompt> {
        // Not the standard library's handle: its buffer would hide lines from poll(2).
        let input = || io::stdin().as_fd().try_clone_to_owned().map(File::from);
        let lines = LineReader::new(input()?, LINE_LIMIT);
        let input = input()?;
        Ok(Prompt::Plain { lines, input })
    }

    /// Waits for what is typed next, or for the session to end.
    pub fn read(&mut self, session: &Session) -> Typed {
        match self {
            Prompt::Editor(editor) => editor.read(session),
            Prompt::Plain { lines, input } => read_plain(session, lines, input),
        }
    }

    /// Remembers what was typed, for the Up key.
    pub fn remember(&mut self, typed: &str) {
        if let Prompt::Editor(editor) = self {
            Screen::lock(&editor.terminal).line.remember(typed);
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
        while !session.is_ending() {
            if let Some(typed) = self.press_all(session) {
                return typed;
            }
            let measuring = self
                .measuring
                .map(|until| until.saturating_duration_since(Instant::now()));
            let patience = measuring.into_iter().chain(self.keys.patience()).min();
            let sources = [self.input.as_fd(), self.changed.as_fd()];
            match session.wait_to_read(sources, patience) {
                Ok([_, true]) => {
                    // However often it has changed, it is asked once.
                    let _ = (&self.changed).read(&mut [0; 64]);
                    Screen::lock(&self.terminal).measure();
                    self.measuring = Some(Instant::now() + MEASURING);
                }
                Ok([true, _]) => {
                    let mut bytes = [0; 4096];
                    match self.input.read(&mut bytes) {
                        Ok(length @ 1..) => self.keys.read(&bytes[..length]),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Ok(_) | Err(_) => break,
                    }
                }
                Ok(_) => {
                    if self.keys.patience() == Some(Duration::ZERO) {
                        self.keys.give_up();
                    }
                    if self
                        .measuring
                        .take_if(|until| *until <= Instant::now())
                        .is_some()
                    {
                        Screen::lock(&self.terminal).refresh();
                    }
                }
                Err(_) => break,
            }
        }
        Typed::End
    }

    /// Does what the keys ask for that have been read, up to the end of a line.
    fn press_all(&mut self, session: &Session) -> Option<Typed> {
        let mut terminal = Screen::lock(&self.terminal);
        let (mut typed, mut is_changed) = (None, false);
        while typed.is_none()
            && let Some(key) = self.keys.pop()
        {
            if !matches!(key, Key::CursorAt(_)) {
                is_changed = true;
                terminal.choices.clear();
            }
            match terminal.line.press(key) {
                Asked::Nothing if key != Key::Ctrl('_') => {
                    address_reply(&mut terminal.line, session)
                }
                Asked::Nothing => {}
                Asked::Send(text) => typed = Some(Typed::Lines(text)),
                Asked::Refuse(text, flaw) => typed = Some(Typed::Flawed(text, flaw)),
                Asked::Warn(flaw) => typed = Some(Typed::Flawed(String::new(), flaw)),
                Asked::Leave => typed = Some(Typed::End),
                Asked::Suspend => terminal.suspend(),
                Asked::Clear => terminal.clear(),
                Asked::CursorAt(column) => {
                    if self.measuring.take().is_some() {
                        terminal.refresh_at(column);
                    }
                }
                Asked::Complete => terminal.choices = complete(&mut terminal.line, session),
            }
        }
        // What was typed stays until it is shown otherwise, in one write.
        if is_changed && typed.is_none() {
            terminal.refresh();
        }
        typed
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        Screen::lock(&self.terminal).close();
    }
}

fn read_plain(session: &Session, lines: &mut LineReader<File>, input: &File) -> Typed {
    loop {
        match lines.next_line() {
            Some(Ok(line)) => return Typed::Lines(line.to_owned()),
            Some(Err(BadLine::TooLong)) => return Typed::Flawed(String::new(), Flaw::TooLong),
            Some(Err(BadLine::NotUtf8)) => return Typed::Flawed(String::new(), Flaw::NotUtf8),
            None => {}
        }
        // A terminal's end is said once, and it could be read from again.
        if session.is_ending() || lines.has_ended() {
            return Typed::End;
        }
        match session.wait_to_read([input.as_fd()], None) {
            Ok([true]) => {}
            Ok(_) => continue,
            Err(_) => return Typed::End,
        }
        match lines.fill() {
            Ok(0) if !lines.has_rest() => return Typed::End,
            Err(error) if error.kind() != ErrorKind::Interrupted => return Typed::End,
            _ => {}
        }
    }
}
