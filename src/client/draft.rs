use std::mem;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What is typed, as it is to stand on a terminal.
pub struct Draft<'a> {
    /// What stands before it.
    pub prompt: &'a str,
    pub text: &'a str,
    /// Where the cursor is in the text, in bytes.
    pub at: usize,
    /// Where a secret begins in it, if one does.
    pub secret: Option<usize>,
    /// Whether the terminal takes what people see as one character for one.
    pub by_graphemes: bool,
}

/// A row, and how many columns it takes.
#[derive(Default)]
pub struct Row(pub String, pub usize);

impl Draft<'_> {
    /// Its rows on a terminal of that size, those far from the cursor left out; and the row and
    /// column of the cursor in them.
    pub fn rows(&self, columns: usize, height: usize) -> (Vec<Row>, (usize, usize)) {
        let mut breaks = self.text[..self.at].rmatch_indices('\n');
        let begin = breaks.nth(height).map_or(0, |(at, _)| at + 1);
        let prompt = if begin == 0 { self.prompt } else { "" };
        let secret = self.secret.unwrap_or(self.text.len())..self.text.len();
        // What stands before the text is never at the cursor.
        let before = prompt.graphemes(true).map(|cluster| (usize::MAX, cluster));
        let clusters = self.text[begin..].grapheme_indices(true);
        let clusters = clusters.map(|(at, cluster)| (begin + at, cluster));
        let (mut rows, mut row, mut cursor) = (Vec::new(), Row::default(), None);
        for (at, cluster) in before.chain(clusters) {
            let is_break = cluster.ends_with('\n');
            let shown = match cluster {
                _ if is_break => "",
                _ if secret.contains(&at) => "*",
                cluster => cluster,
            };
            let width = self.width(shown);
            if row.1 + width > columns || row.1 == columns && at == self.at {
                rows.push(mem::take(&mut row));
            }
            if at == self.at {
                cursor = Some((rows.len(), row.1));
            }
            row.0 += shown;
            row.1 += width;
            if is_break {
                rows.push(mem::take(&mut row));
            }
            if cursor.is_some_and(|(row, _)| rows.len() > row + height) {
                break;
            }
        }
        // Behind a full row the cursor is in the next.
        if row.1 == columns {
            rows.push(mem::take(&mut row));
        }
        let end = (rows.len(), row.1);
        rows.push(row);
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
