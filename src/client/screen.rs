use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use anstream::{AutoStream, ColorChoice};

/// How many bytes may wait to be shown before no more are taken from the server.
const MOST_WAITING: usize = 4 * 1024 * 1024;

/// How long the end waits for the last lines to be shown.
const SETTLING: Duration = Duration::from_millis(50);

/// Where lines go.
#[derive(Clone)]
pub enum Screen {
    /// To standard output as they come, problems to standard error.
    Plain,
    /// To the thread that prints above the line being edited.
    AboveEditor {
        printer: Sender<String>,
        /// How many bytes it has been sent and not yet shown.
        waiting: Arc<AtomicUsize>,
    },
}

impl Screen {
    /// Shows whole lines. Fails when nobody reads them any more.
    pub fn show(&self, lines: String) -> io::Result<()> {
        match self {
            _ if lines.is_empty() => Ok(()),
            Screen::Plain => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(lines.as_bytes())?;
                stdout.flush()
            }
            Screen::AboveEditor { printer, waiting } => {
                waiting.fetch_add(lines.len(), Ordering::Relaxed);
                let sent = printer.send(lines);
                sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
            }
        }
    }

    /// Waits while much waits to be shown. MUST NOT be called by the stdin loop: the editor shows
    /// nothing until that loop reads on.
    pub fn wait_for_room(&self) {
        if let Screen::AboveEditor { waiting, .. } = self {
            while waiting.load(Ordering::Acquire) > MOST_WAITING {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Waits until all is shown, though not for long: the editor may withhold it. What it has
    /// taken when it ends would be lost.
    pub fn settle(&self) {
        let deadline = Instant::now() + SETTLING;
        if let Screen::AboveEditor { waiting, .. } = self {
            while waiting.load(Ordering::Acquire) > 0 && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Shows one line about a problem.
    pub fn complain(&self, line: String) {
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
            Screen::AboveEditor { .. } => self.show(line),
        };
    }
}
