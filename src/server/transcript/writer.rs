use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use log::{info, warn};

use super::past::{self, Past};
use super::{Queue, Waiting};
use crate::files;
use crate::net::plain_words;
use crate::server::lock;

/// From this size on a file is put aside, and a new one begun.
const FULL: u64 = 16 * 1024 * 1024;

/// How much time a power cut can take, and how long a disk that fails is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// The one who writes the file, and keeps others from it.
pub struct Writer {
    queue: Arc<Queue>,
    path: PathBuf,
    file: File,
    /// Taken from the queue, and not written yet.
    lines: String,
    /// Where the file has to be cut before anything is added: half a line stands behind it.
    torn_at: Option<u64>,
    /// When something was written that may not be on the disk yet.
    unsynced: Option<Instant>,
    is_failing: bool,
    /// Held for as long as this lives. Not the transcript itself: that is renamed when it is full.
    lock: File,
}

impl Writer {
    /// `None` while another has the lock.
    pub fn open(queue: Arc<Queue>, path: PathBuf) -> io::Result<Option<Writer>> {
        let lock = files::open(&path.with_extension("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let file = files::open(&path)?;
        past::cut_torn_line(&file)?;
        Ok(Some(Writer {
            queue,
            path,
            file,
            lines: String::new(),
            torn_at: None,
            unsynced: None,
            is_failing: false,
            lock,
        }))
    }

    fn older(&self) -> PathBuf {
        self.path.with_extension("1")
    }

    /// What is in the last `most` bytes of the files.
    pub fn past(&self, most: usize) -> io::Result<Past> {
        Past::read(&self.file, &self.older(), most)
    }

    /// Writes until the queue is closed. The body of the writer's thread.
    pub fn run(mut self) {
        loop {
            let is_closed = self.take();
            let kept = self.write().and_then(|()| self.sync(is_closed));
            self.tell(kept);
            if is_closed {
                break;
            }
        }
        if !self.lines.is_empty() {
            let missing = self.lines.lines().count();
            warn!("the last {missing} lines are missing from the transcript");
        }
        // To close it would not do where the program also starts children, as tests do: for a moment
        // one of them may have it open as well.
        let _ = self.lock.unlock();
    }

    /// Waits for lines, or until there is something else to do; says whether these are the last.
    fn take(&mut self) -> bool {
        let patience = match self.unsynced {
            _ if self.is_failing => PAUSE,
            Some(since) => PAUSE.saturating_sub(since.elapsed()),
            None => Duration::MAX,
        };
        let rests = |waiting: &mut Waiting| {
            let keeps_up = !self.is_failing && waiting.lines.is_empty();
            waiting.is_dropping &= !keeps_up;
            (keeps_up || self.is_failing) && !waiting.is_closed
        };
        let Queue { waiting, changed } = &*self.queue;
        let waited = changed.wait_timeout_while(lock(waiting), patience, rests);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if self.lines.is_empty() || waiting.is_closed {
            self.lines += &waiting.lines;
            waiting.lines.clear();
        }
        waiting.is_closed
    }

    /// Writes what was taken, or as many whole lines of it as there is room for; the rest stays.
    fn write(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        self.cut()?;
        if self.file.metadata()?.len() >= FULL {
            self.put_aside()?;
        }
        let start = self.file.metadata()?.len();
        self.unsynced.get_or_insert_with(Instant::now);
        let Err(error) = self.file.write_all(self.lines.as_bytes()) else {
            self.lines.clear();
            return Ok(());
        };
        let written = self.file.metadata()?.len().saturating_sub(start) as usize;
        let written = &self.lines.as_bytes()[..written.min(self.lines.len())];
        let newline = written.iter().rposition(|&byte| byte == b'\n');
        let (whole, written) = (newline.map_or(0, |at| at + 1), written.len());
        self.lines.drain(..whole);
        if whole < written {
            self.torn_at = Some(start + whole as u64);
            // Where it fails, it is tried again.
            let _ = self.cut();
        }
        Err(error)
    }

    fn cut(&mut self) -> io::Result<()> {
        if let Some(end) = self.torn_at {
            self.file.set_len(end)?;
            self.torn_at = None;
        }
        Ok(())
    }

    /// Goes on in a new file. Whatever fails, what is there stays, and it can be tried again.
    fn put_aside(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        match fs::rename(&self.path, self.older()) {
            // Renamed before, when there was no room for the new one.
            Err(error) if files::is_absent(&error) => {}
            renamed => renamed?,
        }
        self.file = files::open(&self.path)?;
        Ok(())
    }

    fn sync(&mut self, is_last: bool) -> io::Result<()> {
        let is_due = |since: Instant| is_last || since.elapsed() >= PAUSE;
        if self.unsynced.is_some_and(is_due) {
            self.file.sync_data()?;
            self.unsynced = None;
        }
        Ok(())
    }

    fn tell(&mut self, kept: io::Result<()>) {
        let is_failing = kept.is_err();
        match kept {
            Ok(()) if self.is_failing => info!("the transcript is written again"),
            Err(error) if !self.is_failing => {
                let (file, reason) = (self.path.display(), plain_words(&error));
                warn!("cannot write the transcript {file} for now: {reason}");
            }
            _ => {}
        }
        self.is_failing = is_failing;
    }
}
