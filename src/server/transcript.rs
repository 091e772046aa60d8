//! What is said to all, kept in a file.

mod past;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

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
    /// `None` once it has ended.
    writing: Option<JoinHandle<()>>,
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
    /// Whether some were dropped since the writer last kept up.
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
                let writing = Some(writing);
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
    /// is logged once.
    pub fn write(&self, lines: &str) {
        if lines.is_empty() {
            return;
        }
        let mut waiting = lock(&self.queue.waiting);
        if waiting.lines.len() + lines.len() <= MOST_WAITING {
            waiting.lines.push_str(lines);
            self.queue.changed.notify_one();
        } else if !waiting.is_dropping {
            waiting.is_dropping = true;
            drop(waiting);
            warn!("the disk does not keep up: some lines will be missing from the transcript");
        }
    }
}

impl Drop for Transcript {
    /// Waits until all that was added is on the disk, or has failed to get there once more.
    fn drop(&mut self) {
        lock(&self.queue.waiting).is_closed = true;
        self.queue.changed.notify_one();
        if let Some(writing) = self.writing.take() {
            // A panic in there has told of itself.
            let _ = writing.join();
        }
    }
}
