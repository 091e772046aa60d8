use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use super::connection::Connection;
use super::delivery::deliver;
use super::lock;
use super::post::{Batch, Newcomer, NotSeated, Post, Resumption, SeatId};
use super::queue::{Entry, Outcome, Queue, Request, Waiter};
use super::room::Room;
use super::seat::Seat;
use super::transcript::Transcript;
use crate::protocol::{Token, Username};

/// The one order: what clients post is queued here, takes effect in the room, and is delivered.
/// A handle: its clones are the same room.
///
/// Under its one lock names lead to seats (in the [`Room`]), and seats to connections: what a
/// `HashMap<Username, TcpStream>` would hold, for people who can change their names and come back.
#[derive(Clone)]
pub struct Registry {
    /// Locked by whoever delivers, for as long as that takes, and by whoever looks.
    seats: Arc<Mutex<Seats>>,
    queue: Arc<Queue>,
    seats_given: Arc<AtomicU64>,
}

/// Who is here, and how to reach them.
struct Seats {
    room: Room,
    connections: HashMap<SeatId, Arc<Connection>>,
    transcript: Option<Transcript>,
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
            seats_given: Arc::default(),
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
        let number = self.seats_given.fetch_add(1, Ordering::Relaxed);
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
        let id = seat.id();
        let post = Post::Resume {
            seat: id,
            newcomer: Newcomer::now(seat.name().clone(), connection.peer()),
            given_back: seat.was_given_back(),
            resumption,
        };
        self.request(post.into(), Some((id, connection.clone())))?;
        seat.resume();
        Ok(())
    }

    /// Looks at the room between two deliveries.
    pub fn look<T>(&self, look: impl FnOnce(&mut Room) -> T) -> T {
        look(&mut lock(&self.seats).room)
    }

    /// Posts, and waits until it is delivered.
    pub fn settle(&self, batch: Batch) {
        // It fails when the room is closed already, and everybody is sent off then.
        let _ = self.request(batch, None);
    }

    /// Posts, and waits for what became of the last of it.
    pub fn request(
        &self,
        batch: Batch,
        reach: Option<(SeatId, Arc<Connection>)>,
    ) -> Result<(), NotSeated> {
        let outcome = Arc::new(Outcome::new());
        let waiter = Waiter(outcome.clone());
        let request = Some(Request { reach, waiter });
        self.queue(Entry { batch, request });
        *outcome.wait()
    }

    /// Queues `batch`, and delivers the queue if nobody else is about to.
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
    /// Waits while too much is queued. What is posted after the room closed is dropped.
    pub fn post(&self, batch: Batch) {
        if !batch.posts.is_empty() {
            let request = None;
            self.queue(Entry { batch, request });
        }
    }

    fn queue(&self, entry: Entry) {
        let is_public = entry.batch.posts.iter().any(Post::is_public);
        if self.queue.push(entry) {
            if is_public {
                self.queue.gather();
            }
            self.deliver();
        }
    }

    fn deliver(&self) {
        let mut seats = lock(&self.seats);
        let entries = self.queue.take();
        let Seats {
            room,
            connections,
            transcript,
        } = &mut *seats;
        let now = Timestamp::now();
        let mut requests = Vec::new();
        for Entry { batch, request } in entries {
            let mut outcome = Ok(());
            for post in batch.posts {
                if room.is_full_for(&post) {
                    deliver(room, connections, transcript.as_ref());
                }
                outcome = room.take(post, now);
            }
            if let Some(Request { reach, waiter }) = request {
                if outcome.is_ok() {
                    connections.extend(reach);
                }
                requests.push((waiter, outcome));
            }
        }
        deliver(room, connections, transcript.as_ref());
        for (waiter, outcome) in requests {
            // Nothing else is set before.
            let _ = waiter.0.set(outcome);
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
            let _pending = registry.queue.lock();
            panic!("a test wants to see poisoned locks");
        });
        assert!(panicked.join().is_err());
    }
}
