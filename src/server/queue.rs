use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use super::connection::Connection;
use super::lock;
use super::post::{Batch, NotSeated, Post, SeatId};

/// How many bytes may be queued before authors have to wait for them to be taken.
const LIMIT: usize = 256 * 1024;

/// From so many bytes on, a delivery gets no cheaper by waiting for more.
const ENOUGH: usize = 44 * 1024;

/// What waits to take effect, in its order.
#[derive(Default)]
pub struct Queue {
    /// Locked for the moment of a push, never during a system call.
    pending: Mutex<Pending>,
    taken: Condvar,
}

/// All that waits.
#[derive(Default)]
pub struct Pending {
    entries: Vec<Entry>,
    /// Of all of them.
    size: usize,
    closed: bool,
}

/// What one author has queued.
pub struct Entry {
    /// What is to take effect, in its order.
    pub batch: Batch,
    /// Who waits for what became of its last post.
    pub request: Option<Request>,
}

/// Somebody who waits.
pub struct Request {
    /// Who is to be reached by what, if it is for a seat that is to be filled.
    pub reach: Option<(SeatId, Arc<Connection>)>,
    /// Who waits.
    pub waiter: Waiter,
}

/// What became of a request. Lighter on the stack of whoever waits for it, where it stays resident,
/// than a channel.
pub type Outcome = OnceLock<Result<(), NotSeated>>;

/// Where somebody waits for an outcome. Dropped before there is one, it says that the room is closed.
pub struct Waiter(pub Arc<Outcome>);

impl Drop for Waiter {
    fn drop(&mut self) {
        // It fails where there is one, and then nobody waits any more.
        let _ = self.0.set(Err(NotSeated::Closed));
    }
}

impl Queue {
    /// Adds an entry, and says whether it is the first since the last [`take`](Self::take), so that
    /// its author has to see to it. Waits while 256 KiB are queued. Behind [`Post::Close`] nothing is
    /// added.
    pub fn push(&self, entry: Entry) -> bool {
        let mut pending = self.lock();
        // Those who come and go need not wait for those who talk.
        if entry.batch.size > 0 {
            let is_full = |pending: &mut Pending| pending.size >= LIMIT;
            let waited = self.taken.wait_while(pending, is_full);
            pending = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if pending.closed {
            return false;
        }
        pending.closed = matches!(entry.batch.posts.last(), Some(Post::Close));
        pending.size += entry.batch.size;
        pending.entries.push(entry);
        pending.entries.len() == 1
    }

    /// Lets others who are about to speak do so first, while there are any: however many say
    /// something to all, each reader is sent it once. Nobody else is waited for.
    pub fn gather(&self) {
        let mut queued = 1;
        loop {
            thread::yield_now();
            let pending = self.lock();
            if pending.entries.len() == queued || pending.size >= ENOUGH {
                return;
            }
            queued = pending.entries.len();
        }
    }

    /// Takes all there is, and lets those go on who wait for that.
    pub fn take(&self) -> Vec<Entry> {
        let mut pending = self.lock();
        let entries = mem::take(&mut pending.entries);
        let was_full = mem::take(&mut pending.size) >= LIMIT;
        drop(pending);
        if was_full {
            self.taken.notify_all();
        }
        entries
    }

    /// MUST be let go of before anything that may wait.
    pub fn lock(&self) -> MutexGuard<'_, Pending> {
        lock(&self.pending)
    }
}
