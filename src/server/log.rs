//! The server's screen: a log on standard error that holds nobody up.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use std::{env, panic, thread};

use env_logger::fmt::Formatter;
use env_logger::{Target, WriteStyle};
use jiff::Zoned;
use log::{LevelFilter, Record, error};

use crate::protocol::Text;

/// How many lines may wait for the screen.
const WAITING: usize = 4096;

/// How long the last lines may take.
const PATIENCE: Duration = Duration::from_millis(250);

/// The program's log, as long as it is kept. Standard error may stand still (Ctrl-S, a full pipe):
/// then what does not fit in here is lost, and nobody waits. Dropping it waits a moment for the
/// last lines to be written.
pub struct Log {
    lines: SyncSender<Vec<u8>>,
    has_ended: Receiver<()>,
}

impl Log {
    /// Makes it the program's log, also for what a panic says. Level `info`, unless `RUST_LOG` says
    /// otherwise. Fails when there is no thread to be had. Panics when there is a log already.
    pub fn start() -> io::Result<Log> {
        let (lines, waiting) = sync_channel::<Vec<u8>>(WAITING);
        let (writing, has_ended) = sync_channel(0);
        let write_all = move || {
            let _writing: SyncSender<()> = writing;
            for line in waiting.iter().take_while(|line| !line.is_empty()) {
                // A log that cannot be written must not end the chat.
                let _ = io::stderr().write_all(&line);
            }
        };
        thread::Builder::new().spawn(write_all)?;
        let is_terminal = io::stderr().is_terminal();
        env_logger::Builder::new()
            // Stays where the variable is empty or says nothing that can be understood.
            .filter_level(LevelFilter::Info)
            .parse_filters(&env::var("RUST_LOG").unwrap_or_default())
            .format(write_record)
            .write_style(if is_terminal {
                WriteStyle::Auto
            } else {
                WriteStyle::Never
            })
            .target(Target::Pipe(Box::new(Queue(lines.clone()))))
            .init();
        panic::set_hook(Box::new(|panicked| error!("{panicked}")));
        Ok(Log { lines, has_ended })
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // The last line; a screen that stands still is not waited for.
        let _ = self.lines.try_send(Vec::new());
        let _ = self.has_ended.recv_timeout(PATIENCE);
    }
}

/// In local time, with the offset that tells which that is. Whatever anybody could bring in here,
/// nothing but text reaches the screen.
fn write_record(out: &mut Formatter, record: &Record) -> io::Result<()> {
    let time = Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z");
    let level = record.level();
    let style = out.default_level_style(level);
    write!(out, "[{time} {style}{level:<5}{style:#}]")?;
    for line in record.args().to_string().lines() {
        writeln!(out, " {}", Text::new(line))?;
    }
    Ok(())
}

struct Queue(SyncSender<Vec<u8>>);

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.try_send(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use log::{Level, Log as _};

    use super::*;

    #[test]
    fn whatever_is_logged_moves_no_terminal() {
        let (lines, written) = sync_channel(WAITING);
        let logger = env_logger::Builder::new()
            .filter_level(log::LevelFilter::Info)
            .format(write_record)
            .target(Target::Pipe(Box::new(Queue(lines))))
            .build();
        let words = format_args!("\u{1b}[2Jred\u{202e}\r\nsecond\u{9b} line");
        logger.log(&Record::builder().level(Level::Info).args(words).build());
        let line = String::from_utf8(written.recv().unwrap()).unwrap();
        let (_, said) = line.split_once("INFO ] ").unwrap();
        assert_eq!(said, "red\u{fffd}\n second\u{fffd} line\n", "(left: came)");
    }
}
