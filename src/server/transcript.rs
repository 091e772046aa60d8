//! What is said to all, kept in a file.

mod past;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use log::warn;

use super::lock;
use crate::net::plain_words;
pub use past::Past;
use writer::Writer;

/// How many bytes may wait for the disk.
const MOST_WAITING: usize = 4 * 1024 * 1024;

/// What is said to all, in a file that is only added to: each line as it is sent, behind its stamp.
/// A thread of its own writes it, so that nobody waits for a disk; it ends with this.
pub struct Transcript {
    queue: Arc<Queue>,
    writing: Mutex<Option<JoinHandle<()>>>,
}

/// Why no transcript can be kept.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// The file cannot be made, read, locked or written, or there is no thread to be had.
    #[error("cannot keep the transcript {file}: {reason}")]
    Unusable {
        /// The newest of its files.
        file: PathBuf,
        /// In the words of the system.
        reason: String,
    },
    /// Another server is writing it.
    #[error("another server keeps the transcript {file}; give one of them another --state-dir")]
    Locked {
        /// The newest of its files.
        file: PathBuf,
    },
}

/// What waits for the disk.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: String,
    /// Since the writer kept up for the last time, some were dropped.
    is_dropping: bool,
    is_closed: bool,
}

impl Transcript {
    /// Opens `transcript` in `folder`, which are made at need for the eyes of their user alone, and
    /// reads its last `most` bytes, some of them from `transcript.1` where it is shorter. A torn
    /// last line is cut off. Fails while another server has it open, and when it cannot be used.
    pub fn open(folder: &Path, most: usize) -> Result<(Transcript, Past), TranscriptError> {
        let file = folder.join("transcript");
        let (queue, path) = (Arc::new(Queue::default()), file.clone());
        let opened = Writer::open(queue.clone(), path).and_then(|writer| {
            let Some(writer) = writer else {
                return Ok(None);
            };
            let past = writer.past(most)?;
            let writing = thread::Builder::new().spawn(move || writer.run())?;
            Ok(Some((writing, past)))
        });
        match opened {
            Ok(Some((writing, past))) => {
                let writing = Mutex::new(Some(writing));
                Ok((Transcript { queue, writing }, past))
            }
            Ok(None) => Err(TranscriptError::Locked { file }),
            Err(error) => Err(TranscriptError::Unusable {
                file,
                reason: plain_words(&error),
            }),
        }
    }

    /// Adds whole lines, each behind its stamp.
    ///
    /// MUST NOT wait for the disk: while more waits for it than it can take, they are dropped, which
    /// is logged once. After [`close`](Self::close) they are dropped too.
    pub fn write(&self, lines: &str) {
        if lines.is_empty() {
            return;
        }
        let mut waiting = lock(&self.queue.waiting);
        if waiting.is_closed {
            return;
        }
        if waiting.lines.len() + lines.len() <= MOST_WAITING {
            waiting.lines.push_str(lines);
            self.queue.changed.notify_one();
        } else if !waiting.is_dropping {
            waiting.is_dropping = true;
            drop(waiting);
            warn!("the disk does not keep up: some lines will be missing from the transcript");
        }
    }

    /// Waits until all that was added is on the disk, or has failed to get there once more.
    pub fn close(&self) {
        lock(&self.queue.waiting).is_closed = true;
        self.queue.changed.notify_one();
        if let Some(writing) = lock(&self.writing).take() {
            // A panic in there has told of itself.
            let _ = writing.join();
        }
    }
}

impl Queue {
    /// Waits as long as `rests` says so and `patience` lasts.
    fn wait(
        &self,
        patience: Option<Duration>,
        rests: impl Fn(&mut Waiting) -> bool,
    ) -> MutexGuard<'_, Waiting> {
        let waiting = lock(&self.waiting);
        match patience {
            Some(patience) => {
                let changed = self.changed.wait_timeout_while(waiting, patience, rests);
                changed.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let changed = self.changed.wait_while(waiting, rests);
                changed.unwrap_or_else(PoisonError::into_inner)
            }
        }
    }
}

impl Drop for Transcript {
    fn drop(&mut self) {
        self.close();
    }
}
