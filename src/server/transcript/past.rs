use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::files;
use crate::protocol::{EVENT_LIMIT, Event, Stamp};

/// How much is read at once when the last newline is looked for.
const BLOCK: usize = 64 * 1024;

/// What a transcript holds from before.
#[derive(Debug, Default)]
pub struct Past {
    /// What everybody heard, oldest first, cleaned. Each stamp is later than the one before.
    pub lines: Vec<(Stamp, Event<'static>)>,
    /// How many lines are none of these.
    pub skipped: usize,
    /// The last stamp, or [`Stamp::EPOCH`].
    pub last: Stamp,
}

impl Past {
    /// What is in the last `most` bytes of `newest`, and of `older` where that is shorter.
    pub fn read(newest: &File, older: &Path, most: usize) -> io::Result<Past> {
        let length = newest.metadata()?.len().try_into().unwrap_or(usize::MAX);
        let mut bytes = match File::open(older) {
            _ if length >= most => Vec::new(),
            Err(error) if files::is_absent(&error) => Vec::new(),
            older => last_lines(&older?, most - length)?,
        };
        bytes.extend(last_lines(newest, most)?);
        Ok(Past::of(&bytes))
    }

    fn of(lines: &[u8]) -> Past {
        let mut past = Past {
            lines: Vec::new(),
            skipped: 0,
            last: Stamp::EPOCH,
        };
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            match heard_by_all(line.strip_suffix(b"\n").unwrap_or(line)) {
                Some((stamp, event)) if stamp > past.last => {
                    past.last = stamp;
                    past.lines.push((stamp, event));
                }
                _ => past.skipped += 1,
            }
        }
        past
    }
}

fn heard_by_all(line: &[u8]) -> Option<(Stamp, Event<'static>)> {
    let (stamp, event) = Stamp::split(str::from_utf8(line).ok()?);
    if event.len() > EVENT_LIMIT {
        return None;
    }
    let event = event.parse().ok()?;
    let is_public = matches!(
        event,
        Event::Message(..)
            | Event::Action(..)
            | Event::Join(_)
            | Event::Leave(..)
            | Event::Renamed(..)
    );
    Some((stamp.filter(|_| is_public)?, event))
}

/// The whole lines among the last `most` bytes of `file`.
fn last_lines(file: &File, most: usize) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(most as u64);
    // With the byte before it, which tells whether a line begins here.
    let from = start.saturating_sub(1);
    let mut bytes = vec![0; (length - from) as usize];
    file.read_exact_at(&mut bytes, from)?;
    let is_newline = |&byte: &u8| byte == b'\n';
    let end = bytes.iter().rposition(is_newline).map_or(0, |at| at + 1);
    bytes.truncate(end);
    if start > 0 {
        let torn = bytes.iter().position(is_newline).map_or(0, |at| at + 1);
        bytes.drain(..torn);
    }
    Ok(bytes)
}

/// Takes what stands behind the last newline of `file` away.
pub fn cut_torn_line(file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut end = length;
    let mut block = vec![0; BLOCK];
    while end > 0 {
        let start = end.saturating_sub(BLOCK as u64);
        let bytes = &mut block[..(end - start) as usize];
        file.read_exact_at(bytes, start)?;
        if let Some(at) = bytes.iter().rposition(|&byte| byte == b'\n') {
            end = start + at as u64 + 1;
            break;
        }
        end = start;
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(())
}
