use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use jiff::Timestamp;

use super::connection::Connection;
use super::delivery::deliver;
use super::lock;
use super::post::{Newcomer, Outbox, Post, Resumption, SeatId};
use super::room::{Room, Unfulfilled};
use super::seat::Seat;
use super::transcript::Transcript;
use crate::protocol::{Token, Username};

/// How many bytes may be queued before authors have to wait for them to be taken.
const QUEUE_LIMIT: usize = 256 * 1024;

/// How many bytes fill one delivery, so that it gets no cheaper by waiting for more.
const ENOUGH: usize = 44 * 1024;

/// The one order: what clients post is queued here, takes effect in the room, and is delivered.
/// A handle: its clones are the same room.
#[derive(Clone)]
pub struct Registry {
    /// Locked by one deliverer at a time, for as long as its sends take.
    seats: Arc<Mutex<Seats>>,
    queue: Arc<Queue>,
}

/// Who is here, and how to reach them.
struct Seats {
    room: Room,
    connections: HashMap<SeatId, Arc<Connection>>,
    transcript: Option<Transcript>,
}

#[derive(Default)]
struct Queue {
    /// Locked for the moment of a push, never during a send.
    pending: Mutex<Pending>,
    taken: Condvar,
    seats_given: AtomicU64,
}

#[derive(Default)]
struct Pending {
    entries: Vec<Entry>,
    /// Of all of them.
    size: usize,
    closed: bool,
}

/// What one author has queued.
struct Entry {
    outbox: Outbox,
    /// Who waits for what became of its last post.
    request: Option<Request>,
}

struct Request {
    /// Who is to be reached by what, if it is for a new seat.
    reach: Option<(SeatId, Arc<Connection>)>,
    answer: SyncSender<Result<(), Unfulfilled>>,
}

/// Why somebody did not get a seat, or not the name they want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSeated {
    /// Somebody in the room has this name, or one that looks like it.
    NameTaken,
    /// Whoever had the seat was sent off.
    Gone,
    /// The room is closed.
    Closed,
}

impl Registry {
    /// Of this room, with nobody in it yet. What is said to all goes into `transcript` as well.
    pub fn new(room: Room, transcript: Option<Transcript>) -> Self {
        let seats = Seats {
            room,
            connections: HashMap::new(),
            transcript,
        };
        Registry {
            seats: Arc::new(Mutex::new(seats)),
            queue: Arc::default(),
        }
    }

    /// Waits until the transcript is on the disk. It ends with that.
    pub fn finish_transcript(&self) {
        // Without the lock.
        let transcript = lock(&self.seats).transcript.take();
        drop(transcript);
    }

    /// A seat that nobody ever had, still empty.
    pub fn new_seat(&self, has_session: bool) -> SeatId {
        let number = self.queue.seats_given.fetch_add(1, Ordering::Relaxed);
        SeatId {
            number,
            has_session,
        }
    }

    /// Takes the name and fills the seat in one step; the newcomer hears `WELCOME`, what was said
    /// before, and all that comes after. Whoever has a session is told its token.
    pub fn join(
        &self,
        id: SeatId,
        name: Username,
        connection: &Arc<Connection>,
        token: Option<Token>,
    ) -> Result<Seat, NotSeated> {
        let seat = Seat::of(self, id, name.clone());
        let newcomer = Newcomer::now(name, connection.peer());
        let join = Post::Join {
            seat: id,
            newcomer,
            token,
        };
        self.request(join.into(), Some((id, connection.clone())))?;
        Ok(seat)
    }

    /// Lets a session go on over `connection`, which hears what it missed, and all that comes after.
    /// A seat that was given back is filled again.
    pub fn resume(
        &self,
        seat: &mut Seat,
        connection: &Arc<Connection>,
        resumption: Resumption,
    ) -> Result<(), NotSeated> {
        let (id, peer) = (seat.id(), connection.peer());
        let post = match seat.was_given_back() {
            None => Post::Resume {
                seat: id,
                peer,
                resumption,
            },
            Some(is_operator) => Post::Return {
                seat: id,
                newcomer: Newcomer::now(seat.name().clone(), peer),
                is_operator,
                resumption,
            },
        };
        self.request(post.into(), Some((id, connection.clone())))?;
        seat.fill();
        Ok(())
    }

    /// Looks at the room between two deliveries.
    pub fn look<T>(&self, look: impl FnOnce(&mut Room) -> T) -> T {
        look(&mut lock(&self.seats).room)
    }

    /// Posts, and waits until it is delivered.
    pub fn settle(&self, outbox: Outbox) {
        // It fails when the room is closed, and everybody is sent off then.
        let _ = self.request(outbox, None);
    }

    /// Closes the room: everyone hears what is queued, then `BYE shutdown`, and nothing after.
    pub fn close(&self) {
        // It fails when the room is closed already, and is closed then too.
        let _ = self.request(Post::Close.into(), None);
    }

    /// Posts, and waits for what became of the last of it.
    pub fn request(
        &self,
        outbox: Outbox,
        reach: Option<(SeatId, Arc<Connection>)>,
    ) -> Result<(), NotSeated> {
        let (answer, outcome) = sync_channel(1);
        let request = Some(Request { reach, answer });
        self.queue(Entry { outbox, request });
        match outcome.recv() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Unfulfilled::NameTaken)) => Err(NotSeated::NameTaken),
            Ok(Err(Unfulfilled::Gone)) => Err(NotSeated::Gone),
            // What is dropped with the queue is never answered.
            Err(_) => Err(NotSeated::Closed),
        }
    }

    /// Queues `outbox`, and delivers the queue if nobody else is about to.
    ///
    /// The author of the first post in an empty queue delivers it, after the delivery before has
    /// ended; whatever others queue until then goes with it, and they need not wait. So
    ///
    /// - every post MUST be delivered by its author or by one who queued before it;
    /// - an author MUST NOT wait for the seats' lock only to find nothing left to do, nor deliver
    ///   more than one queue, however much others say meanwhile;
    /// - the queue's lock MUST NOT be held during a system call, nor the seats' during one that may
    ///   block: what is logged is only handed over, as what is sent.
    ///
    /// Waits while [`QUEUE_LIMIT`] bytes are queued. What is posted after the room closed is
    /// dropped.
    pub fn post(&self, outbox: Outbox) {
        if !outbox.posts.is_empty() {
            let request = None;
            self.queue(Entry { outbox, request });
        }
    }

    fn queue(&self, entry: Entry) {
        let mut pending = lock(&self.queue.pending);
        // Those who come and go need not wait for those who talk.
        if entry.outbox.size > 0 {
            let is_full = |pending: &mut Pending| pending.size >= QUEUE_LIMIT;
            let waited = self.queue.taken.wait_while(pending, is_full);
            pending = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if pending.closed {
            return;
        }
        pending.closed = matches!(entry.outbox.posts.last(), Some(Post::Close));
        let is_first = pending.entries.is_empty();
        let is_public = entry.outbox.posts.iter().any(Post::is_public);
        pending.size += entry.outbox.size;
        pending.entries.push(entry);
        drop(pending);
        if is_first {
            if is_public {
                self.gather();
            }
            self.deliver();
        }
    }

    /// Lets others who are about to speak do so first, while there are any: however many say
    /// something to all, each reader is sent it once. Nobody else is waited for.
    fn gather(&self) {
        let mut queued = 1;
        loop {
            thread::yield_now();
            let pending = lock(&self.queue.pending);
            if pending.entries.len() == queued || pending.size >= ENOUGH {
                return;
            }
            queued = pending.entries.len();
        }
    }

    fn deliver(&self) {
        let mut seats = lock(&self.seats);
        let mut pending = lock(&self.queue.pending);
        let entries = mem::take(&mut pending.entries);
        let was_full = mem::take(&mut pending.size) >= QUEUE_LIMIT;
        drop(pending);
        if was_full {
            self.queue.taken.notify_all();
        }
        let Seats {
            room,
            connections,
            transcript,
        } = &mut *seats;
        let now = Timestamp::now();
        let mut answers = Vec::new();
        for Entry { outbox, request } in entries {
            let mut outcome = Ok(());
            for post in outbox.posts {
                if room.is_full_for(&post) {
                    deliver(room, connections, transcript.as_ref());
                }
                outcome = room.take(post, now);
            }
            if let Some(Request { reach, answer }) = request {
                if outcome.is_ok() {
                    connections.extend(reach);
                }
                answers.push((answer, outcome));
            }
        }
        deliver(room, connections, transcript.as_ref());
        for (answer, outcome) in answers {
            // It fails when nobody waits any more, who then gives the seat back.
            let _ = answer.send(outcome);
        }
    }
}

#[cfg(test)]
impl Registry {
    /// Panics with every lock held, as no code here should.
    pub fn poison(&self) {
        let registry = self.clone();
        let panicked = std::thread::spawn(move || {
            let _seats = lock(&registry.seats);
            let _pending = lock(&registry.queue.pending);
            panic!("a test wants to see poisoned locks");
        });
        assert!(panicked.join().is_err());
    }
}
