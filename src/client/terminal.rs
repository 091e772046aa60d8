use std::env;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anstyle::Style;
use nix::sys::signal::{Signal, raise};
use unicode_width::UnicodeWidthStr;

use super::draft::{Draft, Row};
use super::lang::Lang;
use super::layout::{WRAP_OFF, WRAP_ON};
use super::line::Line;
use super::session::Session;
use super::tty::Tty;

const PASTE_ON: &str = "\x1b[?2004h";
const PASTE_OFF: &str = "\x1b[?2004l";

/// How long a terminal may take to tell where its cursor is.
const MEASURING: Duration = Duration::from_millis(100);

/// How long the shell may take to hand the terminal over to a program that goes on.
const HANDING_OVER: Duration = Duration::from_millis(250);

/// Terminals that take what people see as one character for one.
const BY_GRAPHEMES: [&str; 4] = ["Apple_Terminal", "iTerm.app", "WezTerm", "ghostty"];

/// Terminals that break rows anew when they are resized, and these too.
const REFLOWING: [&str; 2] = ["tmux", "vscode"];

/// A terminal with the line being edited at its end. Whoever has something to show locks it, takes
/// the line away, writes, and puts it back, all in one write.
pub struct Terminal {
    pub line: Line,
    /// What stands before the line; while it is empty the line is not shown either.
    prompt: String,
    /// What stands below the line until the next key: what it could be completed to.
    pub choices: Vec<String>,
    tty: Tty,
    session: Arc<Session>,
    lang: Lang,
    color: bool,
    by_graphemes: bool,
    reflows: bool,
    drawn: Drawn,
    /// When the terminal was asked where its cursor is, if the line still stands as it did then.
    asked: Option<Instant>,
}

/// How the line stands on the terminal.
#[derive(Default)]
struct Drawn {
    /// How many columns each row above that of the cursor takes.
    above: Vec<usize>,
    /// In which column the cursor is, counted from 0.
    column: usize,
}

impl Terminal {
    /// Takes the terminal over, and returns with it the keys that are pressed, to be read without
    /// waiting. Fails where it cannot be opened.
    pub fn open(session: &Arc<Session>, lang: Lang, color: bool) -> io::Result<(Terminal, File)> {
        let (tty, keys) = Tty::open(session)?;
        let program = env::var("TERM_PROGRAM").unwrap_or_default();
        let by_graphemes = BY_GRAPHEMES.contains(&program.as_str());
        let mut terminal = Terminal {
            line: Line::default(),
            prompt: String::new(),
            choices: Vec::new(),
            tty,
            session: session.clone(),
            lang,
            color,
            by_graphemes,
            reflows: by_graphemes || REFLOWING.contains(&program.as_str()),
            drawn: Drawn::default(),
            asked: None,
        };
        // Last: nobody gives a terminal back that has not come to be.
        terminal.take_over()?;
        Ok((terminal, keys))
    }

    fn take_over(&mut self) -> io::Result<()> {
        self.tty.take_over()?;
        self.tty.write(PASTE_ON);
        Ok(())
    }

    /// Gives the terminal back, and leaves what is typed above the row that comes next.
    fn give_back(&mut self) {
        self.choices.clear();
        let mut last = self.without_line(None);
        let line = self.with_line(true);
        last += &line;
        if !line.is_empty() {
            last.push('\n');
        }
        self.drawn = Drawn::default();
        self.tty.write(&(last + PASTE_OFF));
        self.tty.give_back();
    }

    /// Gives the terminal back for good; what is still shown comes without the line.
    pub fn close(&mut self) {
        self.give_back();
        self.prompt.clear();
    }

    /// Stops the program, until the shell goes on with it.
    pub fn suspend(&mut self) {
        self.give_back();
        // It fails for no signal there is.
        let _ = raise(Signal::SIGTSTP);
        let deadline = Instant::now() + HANDING_OVER;
        while !self.tty.is_ours() && Instant::now() < deadline {
            let a_moment = Duration::from_millis(10);
            if self
                .session
                .wait_until(a_moment, |known| known.ending.is_some())
            {
                // Whoever is ended while stopped leaves the terminal alone.
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
            self.asked = Some(Instant::now());
        }
    }

    /// How long to wait for its answer.
    pub fn patience(&self) -> Option<Duration> {
        Some(MEASURING.saturating_sub(self.asked?.elapsed()))
    }

    /// Shows the line anew on a terminal that has answered with `column`, or not answered; unless
    /// it was shown anew meanwhile.
    pub fn refresh_at(&mut self, column: Option<usize>) {
        if self.asked.is_some() {
            let all = self.without_line(column) + &self.with_line(false);
            self.tty.write(&all);
        }
    }

    /// Shows the line anew, after a change.
    pub fn refresh(&mut self) {
        self.show("");
    }

    /// Puts `prompt` before the line from now on; an empty one hides both.
    pub fn ask(&mut self, prompt: &str) {
        let before = self.without_line(None);
        prompt.clone_into(&mut self.prompt);
        let all = before + &self.with_line(false);
        self.tty.write(&all);
    }

    /// Shows whole lines above the line being edited.
    pub fn show(&mut self, lines: &str) {
        let all = self.without_line(None) + lines + &self.with_line(false);
        self.tty.write(&all);
    }

    /// Shows nothing but the line.
    pub fn clear(&mut self) {
        let all = format!("\x1b[H\x1b[2J{}", self.with_line(false));
        self.tty.write(&all);
    }

    /// What takes the line away. A terminal that was resized may have broken the rows anew;
    /// `column`, that of the cursor counted from 1, tells whether it has. Where that is not known,
    /// a row too many stays rather than that one of somebody else goes.
    fn without_line(&self, column: Option<usize>) -> String {
        let columns = self.tty.size().0;
        let Drawn {
            above,
            column: drawn,
        } = &self.drawn;
        let rows = above.iter().map(|width| width.div_ceil(columns).max(1));
        let (kept, broken) = (above.len(), rows.sum::<usize>() + drawn / columns);
        let (column_kept, column_broken) = (*drawn.min(&(columns - 1)), drawn % columns);
        let above = match column.map(|column| column.saturating_sub(1)) {
            Some(column) if column == column_broken && column != column_kept => broken,
            // Some stay at the end of a full row.
            Some(column) if column_broken == 0 && column + 1 >= columns => broken.saturating_sub(1),
            Some(column) if column == column_kept && column != column_broken => kept,
            _ if self.reflows => broken,
            _ => broken.min(kept),
        };
        match above {
            // First the row alone: tmux keeps what a screen cleared from its first place on had.
            0 => "\r\x1b[K\x1b[J".to_owned(),
            above => format!("\r\x1b[{above}A\x1b[J"),
        }
    }

    /// What puts the line back: of one that is higher than half the terminal the rows around the
    /// cursor, so that what arrives is seen as well.
    fn with_line(&mut self, at_end: bool) -> String {
        (self.drawn, self.asked) = (Drawn::default(), None);
        if self.prompt.is_empty() {
            return String::new();
        }
        let (columns, height) = self.tty.size();
        let below = self.below(columns);
        let most = (height / 2).saturating_sub(below.iter().count()).max(1);
        let text = self.line.text();
        let searching = self.line.search().map(|search| match search.has_failed {
            true => self.lang.failed_search_prompt(&search.wanted),
            false => self.lang.search_prompt(&search.wanted),
        });
        let draft = Draft {
            prompt: searching.as_ref().unwrap_or(&self.prompt),
            text,
            at: if at_end { text.len() } else { self.line.at() },
            secret: self.line.secret(),
            by_graphemes: self.by_graphemes,
        };
        let (rows, (row, column)) = draft.rows(columns, height);
        let first = row
            .saturating_sub(most / 2)
            .min(rows.len().saturating_sub(most));
        let last = rows.len().min(first + most);
        let shown = rows[first..last].iter().map(|Row(text, _)| text.as_str());
        let shown: Vec<&str> = shown.chain(below.as_deref()).collect();
        let mut drawn = shown.join("\n");
        if let (true, Some(behind)) = (self.color, drawn.strip_prefix(&self.prompt)) {
            let bold = Style::new().bold();
            drawn = format!("{bold}{}{bold:#}{behind}", self.prompt);
        }
        let up = first + shown.len() - 1 - row;
        if up > 0 {
            drawn += &format!("\x1b[{up}A");
        }
        drawn.push('\r');
        if column > 0 {
            drawn += &format!("\x1b[{column}C");
        }
        let above = rows[first..row]
            .iter()
            .map(|Row(_, width)| *width)
            .collect();
        self.drawn = Drawn { above, column };
        format!("{WRAP_OFF}{drawn}{WRAP_ON}")
    }

    /// The row below the line.
    fn below(&self, columns: usize) -> Option<String> {
        let mut row = String::new();
        for choice in &self.choices {
            if row.width() + 2 + choice.width() > columns {
                break;
            }
            row += if row.is_empty() { "" } else { "  " };
            row += choice;
        }
        let lines = self.line.text().lines().count();
        if row.is_empty() && lines > 1 {
            row = self.lang.pasted(lines);
        }
        Some(row).filter(|row| !row.is_empty())
    }
}
