use std::io::{self, ErrorKind, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Ending;
use super::known::Known;
use crate::protocol::Event;

/// How long something may still take that could not be written when the session ended.
pub const LAST_WORDS: Duration = Duration::from_millis(50);

/// What the client's threads share: what they know of the room, and how the session ends.
///
/// Whoever ends it says why, once; from then on nothing waits, neither here nor in the functions
/// of this that wait.
pub struct Session {
    known: Mutex<Known>,
    changed: Condvar,
    /// Nobody reads it: from the end of the session on it can be read, for all who poll.
    over: PipeReader,
    end: PipeWriter,
}

impl Session {
    /// Fails where the system has no pipe.
    pub fn new() -> io::Result<Self> {
        let (over, end) = io::pipe()?;
        Ok(Session {
            known: Mutex::default(),
            changed: Condvar::new(),
            over,
            end,
        })
    }

    /// What is known now. MUST NOT be held while the terminal is locked after it.
    pub fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the session is to end.
    pub fn is_ending(&self) -> bool {
        self.lock().ending.is_some()
    }

    /// Learns from what the server said.
    pub fn learn(&self, event: &Event) {
        self.change(|known| known.learn(event));
    }

    /// Changes what is known, and wakes all who wait for that.
    pub fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Ends the session, unless it is ending already, and frees all who wait.
    pub fn end(&self, why: Ending) {
        self.finish(self.lock(), why);
    }

    /// Says that nothing more will come from the server, and ends the session, in one step:
    /// whoever waits for the one also asks for the other.
    pub fn disconnect(&self, why: Ending) {
        let mut known = self.lock();
        known.is_disconnected = true;
        self.finish(known, why);
    }

    fn finish(&self, mut known: MutexGuard<Known>, why: Ending) {
        if known.ending.is_none() {
            known.ending = Some(why);
            // The pipe is empty: this neither waits nor fails.
            let _ = (&self.end).write_all(&[0]);
        }
        drop(known);
        self.changed.notify_all();
    }

    /// Waits until `is_so`, at most `patience`; says whether it became so.
    pub fn wait_until(&self, patience: Duration, is_so: impl Fn(&Known) -> bool) -> bool {
        let known = self.lock();
        let (known, _) = self
            .changed
            .wait_timeout_while(known, patience, |known| !is_so(known))
            .unwrap_or_else(PoisonError::into_inner);
        is_so(&known)
    }

    /// Waits until some of `sources` can be read, at most `patience`; says of each whether it can.
    /// None can when the time is up or the session ends.
    pub fn wait_to_read<const N: usize>(
        &self,
        sources: [BorrowedFd; N],
        patience: Option<Duration>,
    ) -> io::Result<[bool; N]> {
        let mut fds = sources
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .to_vec();
        fds.push(PollFd::new(self.over.as_fd(), PollFlags::POLLIN));
        poll_for(&mut fds, patience)?;
        let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(true));
        Ok(sources.map(|_| ready.next() == Some(true)))
    }

    /// Waits until `sink` takes something; once the session ends no longer than `patience`. Fails with
    /// `TimedOut` then.
    pub fn wait_to_write(&self, sink: &impl AsFd, patience: Duration) -> io::Result<()> {
        let mut fds = [
            PollFd::new(sink.as_fd(), PollFlags::POLLOUT),
            PollFd::new(self.over.as_fd(), PollFlags::POLLIN),
        ];
        poll_for(&mut fds, None)?;
        if fds[0].any() != Some(true) {
            poll_for(&mut fds[..1], Some(patience))?;
        }
        match fds[0].any() {
            Some(true) => Ok(()),
            _ => Err(ErrorKind::TimedOut.into()),
        }
    }
}

/// poll(2), which a signal does not interrupt.
pub fn poll_for(fds: &mut [PollFd], patience: Option<Duration>) -> io::Result<()> {
    let timeout = patience.map_or(PollTimeout::NONE, |patience| {
        PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX)
    });
    loop {
        match poll(fds, timeout) {
            Err(Errno::EINTR) => {}
            result => return Ok(result.map(drop)?),
        }
    }
}
