use std::fmt::Display;
use std::sync::Arc;

use anstyle::{Ansi256Color, AnsiColor, Style};
use unicode_width::UnicodeWidthChar;

use super::lang::Lang;
use super::session::Session;
use crate::protocol::{Event, Text, Username};

/// What rings the terminal's bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Bell {
    /// Nothing.
    Off,
    /// Private messages, and one's own name.
    Mentions,
    /// Everything anybody says.
    All,
}

/// How lines look.
#[derive(Clone)]
pub struct Painter {
    pub lang: Lang,
    pub color: bool,
    /// Begin each line with the local time.
    pub stamps: bool,
    /// Wrap long lines under themselves, so that no text can look like a line of its own.
    pub wraps: bool,
    pub bell: Bell,
    pub session: Arc<Session>,
}

/// A terminal that takes a character for wider than we do would go on in the first column, where
/// somebody else's line could begin. Without DECAWM it cuts the row off instead.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

/// How wide a terminal is that does not say it.
const USUAL_WIDTH: usize = 80;

/// A terminal that is narrower shows less.
const NARROWEST: usize = 10;

const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();
const PRIVATE: Style = AnsiColor::Magenta.on_default().bold();
const PROBLEM: Style = AnsiColor::Red.on_default();
const MENTION: Style = AnsiColor::Yellow.on_default().bold().invert();

/// Colours that can be read on black and on white.
const NAME_COLORS: [u8; 12] = [31, 33, 37, 64, 71, 97, 130, 133, 136, 162, 166, 168];

/// A piece of a line in one style.
struct Span(Style, String);

impl Painter {
    /// The line that shows `event`, if it is to be shown. The text of a person stands behind their
    /// name in a form that no name and no other event can have.
    pub fn paint(&self, event: &Event) -> String {
        let lang = self.lang;
        let mut rings = false;
        let spans = match event {
            Event::AskUsername | Event::Refused(..) | Event::Goodbye(_) => return String::new(),
            Event::Welcome(name, people) => notice("--", lang.welcome(name, *people)),
            Event::Join(name) => notice("-->", lang.joined(name)),
            Event::Leave(name, reason) => notice("<--", lang.left(name, *reason)),
            Event::Renamed(old, new) => notice("--", lang.renamed(old, new)),
            Event::Users(total, names) => {
                let names: Vec<&str> = names.iter().map(Username::as_str).collect();
                notice("--", lang.users(*total, &names.join(", ")))
            }
            Event::Info(text) => notice("--", text),
            Event::Message(from, text) => {
                let mut spans = vec![plain("<"), name_span(from), plain("> ")];
                rings = self.add_text(text, &mut spans) || self.bell == Bell::All;
                spans
            }
            Event::Action(from, text) => {
                let mut spans = vec![Span(BOLD, "* ".to_owned()), name_span(from), plain(" ")];
                rings = self.add_text(text, &mut spans) || self.bell == Bell::All;
                spans
            }
            Event::Private(from, to, text) => {
                rings = Some(from) != self.session.known().me.as_ref();
                let mark = |mark: &str| Span(PRIVATE, mark.to_owned());
                let (from, to, text) = (name_span(from), name_span(to), plain(text.as_str()));
                vec![mark("["), from, mark(" -> "), to, mark("] "), text]
            }
        };
        let mut line = self.lay_out(spans);
        if rings && self.bell != Bell::Off {
            // Before the line end, so that it belongs to the line.
            line.insert(line.len() - 1, '\x07');
        }
        line
    }

    /// A line that is none of the protocol's.
    pub fn unknown(&self, line: &Text) -> String {
        self.lay_out(notice("??", line))
    }

    /// A line about a problem.
    pub fn problem(&self, sentence: String) -> String {
        self.lay_out(vec![Span(PROBLEM, format!("!! {sentence}"))])
    }

    /// A line in the server's manner.
    pub fn remark(&self, sentence: String) -> String {
        self.lay_out(notice("--", sentence))
    }

    /// Adds a text, one's own name made visible; says whether it was there.
    fn add_text(&self, text: &Text, spans: &mut Vec<Span>) -> bool {
        let me = self.session.known().me.clone();
        let (Some(me), true) = (me, self.color || self.bell == Bell::Mentions) else {
            spans.push(plain(text.as_str()));
            return false;
        };
        let mut found = false;
        for piece in words(text.as_str()) {
            let is_me = [piece, piece.trim_matches(['-', '_'])]
                .iter()
                .any(|word| word.parse() == Ok(me.clone()));
            found |= is_me;
            let style = if is_me { MENTION } else { Style::new() };
            spans.push(Span(style, piece.to_owned()));
        }
        found
    }

    /// Writes one line out of `spans`: stamped, coloured and wrapped as wished.
    fn lay_out(&self, mut spans: Vec<Span>) -> String {
        let mut indent = 4;
        if self.stamps {
            let stamp = jiff::Zoned::now().strftime("%H:%M ").to_string();
            indent += stamp.len();
            spans.insert(0, Span(DIM, stamp));
        }
        let columns = match terminal_size::terminal_size() {
            _ if !self.wraps => usize::MAX,
            Some((width, _)) => usize::from(width.0).max(NARROWEST) - 1,
            None => USUAL_WIDTH - 1,
        };
        let indent = indent.min(columns / 2);
        let whole: String = spans.iter().map(|Span(_, text)| text.as_str()).collect();
        let mut breaks = breaks(&whole, columns, indent).into_iter().peekable();
        let mut at = 0;
        let mut lines = String::new();
        if self.wraps {
            lines.push_str(NO_WRAP);
        }
        for Span(style, text) in spans {
            let style = if self.color { style } else { Style::new() };
            lines.push_str(&style.render().to_string());
            for c in text.chars() {
                if breaks.next_if_eq(&at).is_some() {
                    lines.push('\n');
                    lines.extend(std::iter::repeat_n(' ', indent));
                }
                lines.push(c);
                at += c.len_utf8();
            }
            lines.push_str(&style.render_reset().to_string());
        }
        if self.wraps {
            lines.push_str(WRAP);
        }
        lines.push('\n');
        lines
    }
}

fn plain(text: &str) -> Span {
    Span(Style::new(), text.to_owned())
}

fn notice(mark: &str, sentence: impl Display) -> Vec<Span> {
    vec![Span(DIM, format!("{mark} {sentence}"))]
}

/// A name in its own colour, the same for everyone and in every run (FNV-1a of its key).
fn name_span(name: &Username) -> Span {
    let hash = name
        .key()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let color = NAME_COLORS[(hash % NAME_COLORS.len() as u64) as usize];
    let style = Style::new()
        .bold()
        .fg_color(Some(Ansi256Color(color).into()));
    Span(style, name.to_string())
}

/// Cuts a text into what could be names and what stands between them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_in_name = |c: char| {
        c.is_alphanumeric()
            || matches!(c, '-' | '_')
            || unicode_normalization::char::is_combining_mark(c)
    };
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let is_name = is_in_name(first);
        let end = rest
            .find(|c| is_in_name(c) != is_name)
            .unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        Some(piece)
    })
}

/// How many columns a terminal takes for `c` at most. Of what Unicode gives no width, only the
/// common marks and the joiners have none everywhere.
fn width(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{64b}'..='\u{65f}' => 0,
        '\u{200c}' | '\u{200d}' => 0,
        '\u{3248}'..='\u{324f}' => 2,
        c => c.width().unwrap_or(0).max(1),
    }
}

/// Where to break `line` so that no row is wider than `columns`, later rows being indented:
/// before a word, or inside one that is wider than a row.
fn breaks(line: &str, columns: usize, indent: usize) -> Vec<usize> {
    let mut breaks = Vec::new();
    // The column after the characters so far, and where the word in progress began.
    let (mut column, mut word, mut word_column) = (0, 0, 0);
    for (at, c) in line.char_indices() {
        let width = width(c);
        if column + width > columns {
            let begins_row = word_column <= indent;
            let (from, from_column) = if begins_row {
                (at, column)
            } else {
                (word, word_column)
            };
            breaks.push(from);
            column = indent + column - from_column;
            (word, word_column) = (from, indent);
        }
        column += width;
        if c == ' ' {
            (word, word_column) = (at + 1, column);
        }
    }
    breaks
}
