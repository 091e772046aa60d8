use std::fmt::Display;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anstyle::{Ansi256Color, Style};
use jiff::Zoned;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::buffer::is_in_word;
use super::lang::Lang;
use super::layout::{self, Span};
use super::session::Session;
use crate::protocol::{Command, Event, Stamp, Text, Username};

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

/// How often the bell rings at most.
const BETWEEN_BELLS: Duration = Duration::from_secs(1);

/// How lines look.
pub struct Painter {
    pub lang: Lang,
    pub color: bool,
    /// Begin each line with the local time.
    pub stamps: bool,
    /// Wrap long lines under themselves.
    pub wraps: bool,
    pub bell: Bell,
    /// Whether what was said before one came in is shown.
    pub history: bool,
    pub session: Arc<Session>,
    pub last: Mutex<Last>,
}

/// What came last.
#[derive(Default)]
pub struct Last {
    /// The local date of a line.
    date: Option<Date>,
    /// When the bell rang.
    bell: Option<Instant>,
    /// It was of the past, whose end is not marked yet.
    is_past: bool,
}

/// These have a contrast of at least 4.5 : 1 both on black and on white (WCAG 2.2, 1.4.3).
const GREY: Style = color(243);
const RED: Style = color(131).bold();
const MAGENTA: Style = color(163).bold();
const NAME_COLORS: [Style; 5] = [color(29), color(63), color(98), color(131), color(163)];

const BOLD: Style = Style::new().bold();
const MENTION: Style = Style::new().bold().invert();

const fn color(number: u8) -> Style {
    Style::new().fg_color(Some(anstyle::Color::Ansi256(Ansi256Color(number))))
}

impl Painter {
    /// The line that shows `event`, if it is to be shown, with the time when it happened.
    pub fn paint(&self, event: &Event, stamp: Option<Stamp>) -> String {
        if let Event::Session(..) = event {
            return self.end_past();
        }
        let Some((spans, rings)) = self.spans(event) else {
            return String::new();
        };
        let mut line = self.end_past() + &self.timed(spans, &stamp.map_or_else(Zoned::now, local));
        if rings && self.may_ring() {
            // Before the line end, so that it belongs to the line.
            line.insert(line.len() - 1, '\x07');
        }
        line
    }

    /// The line that shows what was said before one came in, if that is to be shown.
    pub fn past(&self, event: &Event, stamp: Stamp) -> String {
        match self.spans(event).filter(|_| self.history) {
            None => String::new(),
            Some((spans, _)) => {
                self.last().is_past = true;
                self.timed(spans, &local(stamp))
            }
        }
    }

    /// The line that marks where the past ends, if it came last.
    pub fn end_past(&self) -> String {
        let ends = mem::take(&mut self.last().is_past);
        match ends {
            true => self.timed(notice("--", self.lang.end_of_past()), &Zoned::now()),
            false => String::new(),
        }
    }

    /// What shows `event`, if anything, and whether it rings. The text of a person stands behind
    /// their name in a form that no name and no other event can have.
    fn spans(&self, event: &Event) -> Option<(Vec<Span>, bool)> {
        let lang = self.lang;
        Some(match event {
            Event::AskUsername
            | Event::AskPassword
            | Event::Session(..)
            | Event::Got(_)
            | Event::Resumed(..)
            | Event::Refused(..)
            | Event::Goodbye(_) => return None,
            Event::Welcome(name, people) => (notice("--", lang.welcome(name, *people)), false),
            Event::Join(name) => (notice("-->", lang.joined(name)), false),
            Event::Leave(name, reason) => (notice("<--", lang.left(name, *reason)), false),
            Event::Renamed(old, new) => (notice("--", lang.renamed(old, new)), false),
            Event::Users(total, names) => {
                let names: Vec<&str> = names.iter().map(Username::as_str).collect();
                (notice("--", lang.users(*total, &names.join(", "))), false)
            }
            Event::Missed(lines) => (notice("--", lang.missed(*lines)), false),
            Event::Info(text) => (notice("--", text), false),
            Event::Message(from, text) => self.with_mentions(said_by(from), text),
            Event::Action(from, text) => self.with_mentions(done_by(from), text),
            Event::Private(from, to, text) => {
                let mark = |mark: &str| Span(MAGENTA, mark.to_owned());
                let names = [
                    mark("["),
                    name_span(from),
                    mark(" -> "),
                    name_span(to),
                    mark("] "),
                ];
                let spans = names.into_iter().chain([plain(text.as_str())]).collect();
                (spans, Some(from) != self.session.lock().me.as_ref())
            }
        })
    }

    /// What one says to all, as the others see it.
    pub fn own(&self, said: &Command) -> String {
        let me = self.session.lock().me.clone();
        let spans = me.and_then(|me| match said {
            Command::Say(text) => Some((said_by(&me), text)),
            Command::Act(text) => Some((done_by(&me), text)),
            _ => None,
        });
        spans.map_or_else(String::new, |(mut spans, text)| {
            spans.push(plain(text.as_str()));
            self.stamped(spans)
        })
    }

    /// A line that is none of the protocol's.
    pub fn unknown(&self, line: &Text) -> String {
        self.stamped(notice("??", line))
    }

    /// A line about a problem.
    pub fn problem(&self, sentence: String) -> String {
        let spans = vec![Span(RED, format!("!! {sentence}"))];
        self.timed(spans, &Zoned::now())
    }

    /// A line in the server's manner.
    pub fn remark(&self, sentence: String) -> String {
        self.stamped(notice("--", sentence))
    }

    /// Adds a text, one's own name made visible; says whether it rings.
    fn with_mentions(&self, mut spans: Vec<Span>, text: &Text) -> (Vec<Span>, bool) {
        let mut rings = self.bell == Bell::All;
        let me = self.session.lock().me.clone();
        match me.filter(|_| self.color || self.bell == Bell::Mentions) {
            None => spans.push(plain(text.as_str())),
            Some(me) => {
                for piece in words(text.as_str()) {
                    let mut forms = [piece, piece.trim_matches(['-', '_'])].into_iter();
                    let is_me = forms.any(|word| word.parse() == Ok(me.clone()));
                    rings |= is_me;
                    let style = if is_me { MENTION } else { Style::new() };
                    spans.push(Span(style, piece.to_owned()));
                }
            }
        }
        (spans, rings)
    }

    fn may_ring(&self) -> bool {
        let mut last = self.last();
        let is_quiet = last.bell.is_none_or(|rang| rang.elapsed() >= BETWEEN_BELLS);
        let may_ring = self.bell != Bell::Off && is_quiet;
        if may_ring {
            last.bell = Some(Instant::now());
        }
        may_ring
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The line of `spans`, which are of now.
    fn stamped(&self, spans: Vec<Span>) -> String {
        self.end_past() + &self.timed(spans, &Zoned::now())
    }

    /// Writes one line out of `spans`, as wished: with the time, behind a line with the date where
    /// that changes.
    fn timed(&self, mut spans: Vec<Span>, time: &Zoned) -> String {
        let mut date = String::new();
        let mut indent = 4;
        if self.stamps {
            let last = self.last().date.replace(time.date());
            if last.is_some_and(|last| last != time.date()) {
                date = self.written(&notice("--", self.lang.date(time)), indent);
            }
            let stamp = time.strftime("%H:%M ").to_string();
            indent += stamp.len();
            spans.insert(0, Span(GREY, stamp));
        }
        date + &self.written(&spans, indent)
    }

    fn written(&self, spans: &[Span], indent: usize) -> String {
        let mut line = match self.wraps {
            true => layout::rows(spans, self.color, indent),
            false => layout::line(spans, self.color),
        };
        line.push('\n');
        line
    }
}

/// Here, at the time of `stamp`.
fn local(stamp: Stamp) -> Zoned {
    stamp.time().to_zoned(TimeZone::system())
}

fn plain(text: &str) -> Span {
    Span(Style::new(), text.to_owned())
}

fn notice(mark: &str, sentence: impl Display) -> Vec<Span> {
    vec![Span(GREY, format!("{mark} {sentence}"))]
}

fn said_by(name: &Username) -> Vec<Span> {
    vec![plain("<"), name_span(name), plain("> ")]
}

fn done_by(name: &Username) -> Vec<Span> {
    vec![Span(BOLD, "* ".to_owned()), name_span(name), plain(" ")]
}

/// A name in its own colour, the same for everyone and in every run (FNV-1a of its key).
fn name_span(name: &Username) -> Span {
    let bytes = name.key().bytes();
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let color = NAME_COLORS[(hash % NAME_COLORS.len() as u64) as usize];
    Span(color.bold(), name.to_string())
}

/// Cuts a text into what could be names and what stands between them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_in_name = |c: char| is_in_word(c) || matches!(c, '-' | '_' | '\u{200c}' | '\u{200d}');
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
