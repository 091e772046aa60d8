use std::env;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anstream::{AutoStream, ColorChoice};
use anstyle::Style;
use nix::sys::signal::{Signal, raise};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::lang::Lang;
use super::line::{Line, secret_in};
use super::session::Session;
use super::tty::Tty;

const PASTE_ON: &str = "\x1b[?2004h";
const PASTE_OFF: &str = "\x1b[?2004l";

/// Without DECAWM a terminal that takes a character for wider than we do cuts the row off, where
/// it would otherwise begin one of which we do not know.
pub const WRAP_ON: &str = "\x1b[?7h";
pub const WRAP_OFF: &str = "\x1b[?7l";

/// How long the shell may take to hand the terminal over to a program that goes on.
const HANDING_OVER: Duration = Duration::from_millis(250);

/// Terminals that take what people see as one character for one.
const BY_GRAPHEMES: [&str; 4] = ["Apple_Terminal", "iTerm.app", "WezTerm", "ghostty"];

/// Where lines go.
#[derive(Clone)]
pub enum Screen {
    /// To standard output as they come, problems to standard error.
    Plain,
    /// Above the line being edited.
    Terminal(Arc<Mutex<Terminal>>),
}

/// A terminal with the line being edited at its end. Whoever has something to show locks it, and
/// takes the line away, writes and puts it back in one write. The terminal is given back when this
/// is [closed](Self::close).
pub struct Terminal {
    pub line: Line,
    /// What stands before the line; while it is empty the line is not shown either.
    prompt: String,
    /// What stands below the line until the next key: what can be completed to.
    pub choices: Vec<String>,
    tty: Tty,
    session: Arc<Session>,
    lang: Lang,
    color: bool,
    by_graphemes: bool,
    drawn: Drawn,
}

/// How the line stands on the terminal.
#[derive(Default)]
struct Drawn {
    /// How many columns each row above the cursor takes.
    above: Vec<usize>,
    /// In which column the cursor is, counted from 0.
    column: usize,
}

impl Terminal {
    /// Takes the terminal over. Fails where it cannot be opened.
    pub fn open(session: &Arc<Session>, lang: Lang, color: bool) -> io::Result<Terminal> {
        let program = env::var("TERM_PROGRAM").unwrap_or_default();
        let mut terminal = Terminal {
            line: Line::default(),
            prompt: String::new(),
            choices: Vec::new(),
            tty: Tty::open(session)?,
            session: session.clone(),
            lang,
            color,
            by_graphemes: BY_GRAPHEMES.contains(&program.as_str()),
            drawn: Drawn::default(),
        };
        terminal.take_over()?;
        Ok(terminal)
    }

    fn take_over(&mut self) -> io::Result<()> {
        self.tty.take_over()?;
        self.tty.write(PASTE_ON);
        Ok(())
    }

    /// Leaves what is typed where it is, and gives the terminal back on a row of its own.
    fn give_back(&mut self) {
        self.choices.clear();
        let mut last = self.erased(None);
        let line = self.redrawn(true);
        last += &line;
        if !line.is_empty() {
            last.push('\n');
        }
        self.drawn = Drawn::default();
        self.tty.write(&(last + PASTE_OFF));
        self.tty.give_back();
    }

    /// Gives the terminal back for good. What is still shown comes without the line.
    pub fn close(&mut self) {
        self.give_back();
        self.prompt.clear();
    }

    /// The terminal itself.
    pub fn tty(&self) -> &Tty {
        &self.tty
    }

    /// Stops the program, until the shell goes on with it.
    pub fn suspend(&mut self) {
        self.give_back();
        // It fails for no signal there is.
        let _ = raise(Signal::SIGTSTP);
        // Whoever is ended while stopped leaves the terminal alone.
        let deadline = Instant::now() + HANDING_OVER;
        let a_moment = Duration::from_millis(10);
        while !self.tty.is_ours() && Instant::now() < deadline {
            let is_over = self
                .session
                .wait_until(a_moment, |known| known.ending.is_some());
            if is_over {
                return self.prompt.clear();
            }
        }
        // Where it fails, the terminal is gone.
        let _ = self.take_over();
        self.refresh();
    }

    /// Asks the terminal in which column its cursor is, when it has another size or the program
    /// goes on after a stop.
    pub fn measure(&mut self) {
        if self.tty.is_ours() {
            let _ = self.take_over();
            self.tty.write("\x1b[6n");
        }
    }

    /// Shows the line anew on a terminal of another size, whose cursor is in `column`.
    pub fn refresh_at(&mut self, column: usize) {
        let all = self.erased(Some(column)) + &self.redrawn(false);
        self.tty.write(&all);
    }

    /// Shows the line anew, after a change.
    pub fn refresh(&mut self) {
        self.show("");
    }

    /// Shows whole lines above the line being edited.
    pub fn show(&mut self, lines: &str) {
        let all = self.erased(None) + lines + &self.redrawn(false);
        self.tty.write(&all);
    }

    /// Shows nothing but the line.
    pub fn clear(&mut self) {
        let all = format!("\x1b[H\x1b[2J{}", self.redrawn(false));
        self.tty.write(&all);
    }

    /// What takes the line away. A terminal that was resized may have broken the rows anew;
    /// `column`, that of the cursor counted from 1, tells whether it has. Where that is not known,
    /// a row too many stays rather than that one of somebody else goes.
    fn erased(&self, column: Option<usize>) -> String {
        let columns = self.tty.size().0;
        let rows = |width: &usize| width.div_ceil(columns).max(1);
        let broken: usize = self.drawn.above.iter().map(rows).sum();
        let broken = broken + self.drawn.column / columns;
        let kept = self.drawn.above.len();
        let column_broken = self.drawn.column % columns;
        let column_kept = self.drawn.column.min(columns - 1);
        let above = match column.map(|column| column.saturating_sub(1)) {
            Some(column) if column == column_broken && column != column_kept => broken,
            // Some stay at the end of a full row.
            Some(column) if column_broken == 0 && column + 1 >= columns => broken.saturating_sub(1),
            Some(column) if column == column_kept && column != column_broken => kept,
            _ => broken.min(kept),
        };
        match above {
            // First the row alone: tmux keeps what a screen cleared from its first place on had.
            0 => "\r\x1b[K\x1b[J".to_owned(),
            above => format!("\r\x1b[{above}A\x1b[J"),
        }
    }

    /// What puts the line back: of one that is higher than half the terminal, the rows around the
    /// cursor, so that what arrives is seen as well.
    fn redrawn(&mut self, at_end: bool) -> String {
        self.drawn = Drawn::default();
        if self.prompt.is_empty() {
            return String::new();
        }
        let (columns, height) = self.tty.size();
        let below = self.below(columns);
        let most = (height / 2).saturating_sub(below.len()).max(1);
        let (rows, (row, column)) = self.rows(columns, at_end);
        let first = row.saturating_sub(most / 2);
        let first = first.min(rows.len().saturating_sub(most));
        let last = rows.len().min(first + most);
        let shown: Vec<&str> = rows[first..last]
            .iter()
            .map(|row| row.text.as_str())
            .collect();
        let mut drawn = shown.join("\n");
        if let (true, Some(behind)) = (self.color, drawn.strip_prefix(&self.prompt)) {
            let bold = Style::new().bold();
            drawn = format!("{bold}{}{bold:#}{behind}", self.prompt);
        }
        for row in &below {
            drawn.push('\n');
            drawn += row;
        }
        let up = last - 1 - row + below.len();
        if up > 0 {
            drawn += &format!("\x1b[{up}A");
        }
        drawn.push('\r');
        if column > 0 {
            drawn += &format!("\x1b[{column}C");
        }
        let above = rows[first..row].iter().map(|row| row.width).collect();
        self.drawn = Drawn { above, column };
        format!("{WRAP_OFF}{drawn}{WRAP_ON}")
    }

    /// The rows below the line.
    fn below(&self, columns: usize) -> Vec<String> {
        let mut row = String::new();
        let lines = self.line.text().lines().count();
        if lines > 1 {
            row = self.lang.pasted(lines);
        }
        for choice in &self.choices {
            if row.width() + choice.width() + 2 > columns {
                break;
            }
            row += choice;
            row += "  ";
        }
        let row = row.trim_end().to_owned();
        if row.is_empty() { vec![] } else { vec![row] }
    }

    /// The rows of prompt and line, and in which row and column of them the cursor is.
    fn rows(&self, columns: usize, at_end: bool) -> (Vec<Row>, (usize, usize)) {
        let (text, at, wanted) = self.line.shown();
        let at = if at_end { text.len() } else { at };
        let prompt = match wanted {
            Some(wanted) => &self.lang.search_prompt(wanted),
            None => &self.prompt,
        };
        let whole = format!("{prompt}{text}");
        let secret = secret_in(text).map_or(whole.len(), |start| prompt.len() + start);
        let cursor_at = prompt.len() + at;
        let mut rows = vec![Row::default()];
        let mut cursor = None;
        for (start, cluster) in whole.grapheme_indices(true) {
            let is_break = cluster.ends_with('\n');
            let shown = match cluster {
                _ if is_break => "",
                _ if start >= secret => "*",
                cluster => cluster,
            };
            let width = self.width(shown);
            let row = rows.last().map_or(0, |row| row.width);
            if row + width > columns || row == columns && start == cursor_at {
                rows.push(Row::default());
            }
            let count = rows.len();
            if let Some(row) = rows.last_mut() {
                if start == cursor_at {
                    cursor = Some((count - 1, row.width));
                }
                row.text += shown;
                row.width += width;
            }
            if is_break {
                rows.push(Row::default());
            }
        }
        // The cursor stands behind a full row in the next.
        rows.extend(
            rows.last()
                .filter(|row| row.width == columns)
                .map(|_| Row::default()),
        );
        let end = (rows.len() - 1, rows.last().map_or(0, |row| row.width));
        (rows, cursor.unwrap_or(end))
    }

    /// How many columns the terminal takes for what people see as one character.
    fn width(&self, cluster: &str) -> usize {
        match self.by_graphemes {
            true => cluster.width(),
            false => cluster.chars().map(|c| c.width().unwrap_or(0)).sum(),
        }
    }
}

#[derive(Default)]
struct Row {
    text: String,
    width: usize,
}

impl Screen {
    /// The terminal, for whoever has something to show or to ask.
    pub fn lock(terminal: &Mutex<Terminal>) -> MutexGuard<'_, Terminal> {
        terminal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `prompt` before the line from now on; an empty one hides both.
    pub fn ask(&self, prompt: &str) {
        if let Screen::Terminal(terminal) = self {
            let mut terminal = Screen::lock(terminal);
            // First, for it is part of what is taken away.
            prompt.clone_into(&mut terminal.prompt);
            terminal.refresh();
        }
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
