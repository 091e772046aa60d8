use anstyle::Style;
use terminal_size::terminal_size;
use unicode_width::UnicodeWidthChar;

/// Without DECAWM a terminal that takes a character for wider than we do cuts the row off, where
/// it would otherwise begin one that we do not know of.
pub const WRAP_OFF: &str = "\x1b[?7l";
pub const WRAP_ON: &str = "\x1b[?7h";

/// How wide a terminal is that does not say it.
const USUAL_WIDTH: usize = 80;

/// A terminal that is narrower shows less.
const NARROWEST: usize = 10;

/// A piece of a line in one style.
pub struct Span(pub Style, pub String);

/// Writes `spans` as one line, without styles unless there are to be `colors`.
pub fn line(spans: &[Span], colors: bool) -> String {
    write(spans, colors, &[])
}

/// Writes `spans` as the rows of one line on the terminal, later ones `indent`ed, so that no text can
/// look like a line of its own. Only a word of printable ASCII that is longer than a row is left to
/// the terminal to wrap, which then can copy it whole; a row of its own follows it.
pub fn rows(spans: &[Span], colors: bool, indent: usize) -> String {
    let width = terminal_size().map_or(USUAL_WIDTH, |(width, _)| width.0.into());
    let columns = width.max(NARROWEST) - 1;
    let whole: String = spans.iter().map(|Span(_, text)| text.as_str()).collect();
    let breaks = breaks(&whole, columns, indent.min(columns / 2));
    format!("{WRAP_OFF}{}{WRAP_ON}", write(spans, colors, &breaks))
}

/// Writes `spans`, and before the characters of `breaks`, in bytes, what stands there.
fn write(spans: &[Span], colors: bool, breaks: &[(usize, String)]) -> String {
    let mut breaks = breaks.iter().peekable();
    let mut at = 0;
    let mut line = String::new();
    for Span(style, text) in spans {
        let style = if colors { *style } else { Style::new() };
        line += &style.render().to_string();
        for c in text.chars() {
            while let Some((_, between)) = breaks.next_if(|(place, _)| *place == at) {
                line += between;
            }
            line.push(c);
            at += c.len_utf8();
        }
        line += &style.render_reset().to_string();
    }
    line
}

/// What to write where in `line`, so that no row is wider than `columns`.
fn breaks(line: &str, columns: usize, indent: usize) -> Vec<(usize, String)> {
    let new_row = format!("\n{}", " ".repeat(indent));
    let mut breaks = Vec::new();
    let (mut column, mut at) = (0, 0);
    for piece in line.split_inclusive(' ') {
        let word = piece.trim_end_matches(' ');
        let blanks = piece.len() - word.len();
        let wide: usize = word.chars().map(width).sum();
        let fits = column + wide + blanks <= columns;
        if !fits && wide <= columns - indent {
            breaks.push((at, new_row.clone()));
            column = indent + wide;
        } else if !fits && word.bytes().all(|byte| byte.is_ascii_graphic()) {
            breaks.push((at, WRAP_ON.to_owned()));
            breaks.push((at + word.len(), format!("{WRAP_OFF}{new_row}")));
            column = indent;
        } else {
            for (place, c) in word.char_indices() {
                if column + width(c) > columns {
                    breaks.push((at + place, new_row.clone()));
                    column = indent;
                }
                column += width(c);
            }
        }
        column += blanks;
        at += piece.len();
    }
    breaks
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
