use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, tcgetattr};
use rustyline::completion::{Completer, Pair, longest_common_prefix};
use rustyline::error::{ReadlineError, Signal};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{
    Behavior, ColorMode, CompletionType, Config, Context, Editor, ExternalPrinter, Helper,
};

use super::Problem;
use super::screen::Screen;
use super::session::Session;
use crate::net::plain_words;
use crate::protocol::{BadLine, COMMANDS, LINE_LIMIT, LineReader, fold};

/// How many of what waits to be printed is printed at once: one by one, each would redraw the line being edited.
const AT_ONCE: usize = 1000;

/// How long the editor may take from one line to the next.
const BETWEEN_LINES: Duration = Duration::from_millis(100);

/// A line up, and down again.
const NOTHING: &str = "\x1b[A\n";

/// How many names completion offers at most: a long list would push the talk off the screen.
const CANDIDATES: usize = 8;

/// Where typed lines come from.
pub enum Prompt {
    /// A line editor, on a terminal.
    Editor {
        editor: Box<Editor<Completion, MemHistory>>,
        printing: JoinHandle<()>,
    },
    /// Plain lines, from a pipe or a terminal that wants nothing more.
    Plain {
        lines: LineReader<File>,
        input: File,
    },
}

/// What was typed.
pub enum Typed {
    /// These lines: several when they were pasted at once.
    Lines(String),
    /// A line that cannot be sent, for it is too long.
    TooLong,
    /// A line that cannot be sent, for it is not UTF-8.
    NotUtf8,
    /// The end of the input, or Ctrl-C, or the session ends.
    End,
}

impl Prompt {
    /// The line editor on this terminal, and the screen above it. `None` when the terminal cannot
    /// move its cursor.
    pub fn editor(session: &Arc<Session>, color: bool) -> Option<(Prompt, Screen)> {
        // Nothing is known of it then, not even whether it can move its cursor.
        if std::env::var_os("TERM").is_none_or(|term| term.is_empty()) {
            return None;
        }
        let config = Config::builder()
            .behavior(Behavior::Stdio)
            .color_mode(if color {
                ColorMode::Enabled
            } else {
                ColorMode::Disabled
            })
            // Otherwise an ambiguous Tab withholds what arrives until the next key.
            .completion_show_all_if_ambiguous(true)
            .completion_type(CompletionType::List)
            .completion_prompt_limit(usize::MAX)
            // Otherwise a lone Esc does.
            .keyseq_timeout(Some(100))
            .bracketed_paste(true)
            .build();
        let mut editor = Editor::with_history(config, MemHistory::new()).ok()?;
        let printer = editor.create_external_printer().ok()?;
        // Without a helper, rustyline shows the prompt without its colours.
        editor.set_helper(Some(Completion(session.clone())));
        let (sender, queue) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let (shown, theirs) = (waiting.clone(), session.clone());
        let printing = thread::Builder::new()
            .spawn(move || print_all(printer, &queue, &shown, &theirs))
            .ok()?;
        let editor = Box::new(editor);
        Some((
            Prompt::Editor { editor, printing },
            Screen::AboveEditor {
                printer: sender,
                waiting,
            },
        ))
    }

    /// Plain lines from standard input.
    pub fn plain() -> Result<Prompt, Problem> {
        // Not the standard library's handle: its buffer would hide lines from poll(2).
        let input = || io::stdin().as_fd().try_clone_to_owned().map(File::from);
        let (input, lines) = input()
            .and_then(|first| Ok((first, input()?)))
            .map_err(|error| Problem::System(plain_words(&error)))?;
        let lines = LineReader::new(lines, LINE_LIMIT);
        Ok(Prompt::Plain { lines, input })
    }

    /// Waits for what is typed next, or for the session to end.
    pub fn read(&mut self, session: &Session, prompt: &str) -> Typed {
        match self {
            Prompt::Editor { editor, .. } => {
                if session.is_ending() {
                    return Typed::End;
                }
                let styled = format!("{}{prompt}{0:#}", anstyle::Style::new().bold());
                match editor.readline(&(prompt, styled)) {
                    Ok(text) => Typed::Lines(text),
                    Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                        Typed::NotUtf8
                    }
                    // A resize while the second half of a key was awaited.
                    Err(ReadlineError::Signal(Signal::Resize)) => Typed::Lines(String::new()),
                    // What is half typed when the input ends is not sent.
                    Err(_) => Typed::End,
                }
            }
            Prompt::Plain { lines, input } => read_plain(session, lines, input),
        }
    }

    /// Remembers what was said, for the Up key.
    pub fn remember(&mut self, said: &str) {
        if let Prompt::Editor { editor, .. } = self {
            // It fails only for a history in a file.
            let _ = editor.add_history_entry(said);
        }
    }

    /// Gives the terminal back. The thread returned, if any, shows what still waits, and ends when
    /// nobody can add to it.
    pub fn close(self) -> Option<JoinHandle<()>> {
        match self {
            // The editor's end also frees a printer that waits for it.
            Prompt::Editor { printing, .. } => Some(printing),
            Prompt::Plain { .. } => None,
        }
    }
}

fn read_plain(session: &Session, lines: &mut LineReader<File>, input: &File) -> Typed {
    loop {
        match lines.next_line() {
            Some(Ok(line)) => return Typed::Lines(line.to_owned()),
            Some(Err(BadLine::TooLong)) => return Typed::TooLong,
            Some(Err(BadLine::NotUtf8)) => return Typed::NotUtf8,
            None => {}
        }
        // A terminal's end is said once, and it could be read from again.
        if session.is_ending() || lines.has_ended() {
            return Typed::End;
        }
        // Unlike a read, poll(2) comes back after any signal.
        let mut ready = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            Err(_) => return Typed::End,
            Ok(_) => {}
        }
        match lines.fill() {
            Ok(0) if !lines.has_rest() => return Typed::End,
            Err(error) if error.kind() != ErrorKind::Interrupted => return Typed::End,
            _ => {}
        }
    }
}

/// The body of the printing thread, and the only caller of `print`: it may wait, for instance
/// while somebody searches the history.
fn print_all(
    mut printer: impl ExternalPrinter,
    queue: &Receiver<String>,
    waiting: &AtomicUsize,
    session: &Session,
) {
    while let Ok(mut lines) = queue.recv() {
        queue
            .try_iter()
            .take(AT_ONCE)
            .for_each(|more| lines += &more);
        let bytes = lines.len();
        wait_for_editor(session);
        // The second shows nothing, but waits until the editor has taken the first.
        let printed = printer.print(lines.clone()).and_then(|()| {
            wait_for_editor(session);
            printer.print(NOTHING.to_owned())
        });
        if printed.is_err() {
            // The editor has ended before it took them; nothing is lost.
            let _ = io::stdout().lock().write_all(lines.as_bytes());
        }
        waiting.fetch_sub(bytes, Ordering::Release);
    }
}

/// Waits until the editor reads, though not for long. What is printed between two of its lines is
/// shown at once, and would overtake what the editor was handed at the end of the first and takes
/// only with the second.
fn wait_for_editor(session: &Session) {
    let deadline = Instant::now() + BETWEEN_LINES;
    let is_reading = || {
        let settings = tcgetattr(io::stdin());
        settings.is_ok_and(|settings| !settings.local_flags.contains(LocalFlags::ICANON))
    };
    while !is_reading() && !session.is_ending() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Completes commands at the start of a line, and names everywhere.
pub struct Completion(Arc<Session>);

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..pos];
        let start = before.rfind([' ', '\n']).map_or(0, |blank| blank + 1);
        let begun = fold(&before[start..]);
        let behind = if start == 0 { ": " } else { " " };
        let candidate = |name: &str, behind: &str| Pair {
            display: name.to_owned(),
            replacement: format!("{name}{behind}"),
        };
        let candidates = if start == 0 && begun.starts_with('/') {
            let names = COMMANDS.iter().flat_map(|spec| spec.names);
            let fitting = names.filter(|name| fold(name).starts_with(&begun));
            fitting.map(|name| candidate(name, " ")).collect()
        } else {
            let known = self.0.known();
            let fitting = known
                .others
                .iter()
                .filter(|name| fold(name.as_str()).starts_with(&begun));
            let mut names: Vec<Pair> = fitting
                .map(|name| candidate(name.as_str(), behind))
                .collect();
            // Those that are not listed still have a say in what they all begin with.
            let common = longest_common_prefix(&names).unwrap_or_default().to_owned();
            if names.len() > CANDIDATES {
                names.truncate(CANDIDATES);
                names.push(Pair {
                    display: "…".to_owned(),
                    replacement: common,
                });
            }
            names
        };
        Ok((start, candidates))
    }
}

impl Hinter for Completion {
    type Hint = String;
}
impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}
