use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::connection::Connection;
use super::delivery::{Aftermath, Delivery};
use super::lock;
use super::outbox::{Occupant, Outbox, Post};
use super::reader::Reader;
use crate::protocol::{LeaveReason, Username};

/// How many bytes may be queued before authors have to wait for them to be taken.
const QUEUE_LIMIT: usize = 256 * 1024;

/// Who is here, and delivery to them in one order. A handle: its clones are the same room.
#[derive(Clone, Default)]
pub struct Registry {
    /// Locked by one deliverer at a time, for as long as its sends take.
    seats: Arc<Mutex<HashMap<Username, Reader>>>,
    /// Locked for the moment of a push, never during a send.
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    pending: Mutex<Pending>,
    taken: Condvar,
    /// Whether several had something in the last delivery.
    is_crowded: AtomicBool,
}

#[derive(Default)]
struct Pending {
    outbox: Outbox,
    closed: bool,
}

/// Somebody's place in the room. Gives itself back when dropped, and frees only itself: never the
/// seat of a later client of the same name.
pub struct Seat {
    registry: Registry,
    occupant: Occupant,
    /// What the others are told when the seat is given back.
    pub reason: LeaveReason,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSeat {
    /// Somebody here has this name, or one that looks like it.
    #[error("the name is in use")]
    Taken,
    /// The room is closed.
    #[error("the server is shutting down")]
    Closed,
}

impl Registry {
    /// Takes the name and fills the seat in one step; the newcomer hears `WELCOME`, and all that
    /// comes after.
    pub fn join(&self, name: Username, connection: &Arc<Connection>) -> Result<Seat, NoSeat> {
        let seat = Seat {
            registry: self.clone(),
            occupant: Occupant {
                name,
                connection: connection.clone(),
            },
            reason: LeaveReason::Lost,
        };
        let (answer, is_free) = sync_channel(1);
        let who = seat.occupant.clone();
        self.post(Outbox::with(Post::Join { who, answer }));
        match is_free.recv() {
            Ok(true) => Ok(seat),
            Ok(false) => Err(NoSeat::Taken),
            Err(_) => Err(NoSeat::Closed),
        }
    }

    /// Queues `outbox`, and delivers the queue if nobody else is about to.
    ///
    /// The author of the first post in an empty queue delivers it, after the delivery before has
    /// ended; whatever others queue until then goes with it, and they need not wait. So
    ///
    /// - every post MUST be delivered by its author or by one who queued before it;
    /// - an author MUST NOT wait for the seats' lock only to find nothing left to do, nor deliver
    ///   more than one queue, however much others say meanwhile, but for the news of those who
    ///   turned out not to read;
    /// - the queue's lock MUST NOT be held during a system call, the seats' during none but sends
    ///   (the log's lines, of those who come and go, are only handed over).
    ///
    /// Waits while [`QUEUE_LIMIT`] bytes are queued. What is posted after the room closed is
    /// dropped.
    pub fn post(&self, outbox: Outbox) {
        let mut outbox = outbox;
        let mut slow = Vec::new();
        loop {
            let is_ours = self.enqueue(&mut outbox);
            // Only now, so that their `LEAVE slow` is queued before their threads wake up.
            for Occupant { connection, .. } in slow {
                connection.cut();
            }
            if !is_ours {
                return;
            }
            // Where many talk, others who are ready get to add their lines to this delivery.
            if self.queue.is_crowded.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            slow = self.deliver().conclude();
            let reason = LeaveReason::Slow;
            let leave = |who| Post::Leave { who, reason };
            outbox.posts.extend(slow.iter().cloned().map(leave));
        }
    }

    /// Whether the queue was empty, and so is the caller's to deliver.
    fn enqueue(&self, outbox: &mut Outbox) -> bool {
        if outbox.posts.is_empty() {
            return false;
        }
        let full = |pending: &mut Pending| pending.outbox.size() >= QUEUE_LIMIT;
        let mut pending = lock(&self.queue.pending);
        // Those who come and go need not wait for those who talk.
        if !outbox.bytes.is_empty() {
            let waited = self.queue.taken.wait_while(pending, full);
            pending = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        if pending.closed {
            return false;
        }
        pending.closed = matches!(outbox.posts.last(), Some(Post::Close { .. }));
        let is_first = pending.outbox.posts.is_empty();
        pending.outbox.append(outbox);
        is_first
    }

    fn deliver(&self) -> Aftermath {
        let mut seats = self.seats.lock().unwrap_or_else(|poisoned| {
            self.seats.clear_poison();
            let mut seats = poisoned.into_inner();
            seats.values_mut().for_each(Reader::forget);
            seats
        });
        let outbox = std::mem::take(&mut lock(&self.queue.pending).outbox);
        if outbox.size() >= QUEUE_LIMIT {
            self.queue.taken.notify_all();
        }
        let is_crowded = outbox.posts.len() > 1;
        self.queue.is_crowded.store(is_crowded, Ordering::Relaxed);
        Delivery::new(&mut seats).deliver(outbox)
    }

    /// Closes the room: everyone hears what is queued, then `BYE shutdown`, and nothing after.
    /// Returns the connections that were in it.
    pub fn close(&self) -> Vec<Arc<Connection>> {
        let (answer, everyone) = sync_channel(1);
        self.post(Outbox::with(Post::Close { answer }));
        everyone.recv().unwrap_or_default()
    }
}

#[cfg(test)]
impl Registry {
    /// Panics with every lock held, as no code here should.
    pub fn poison(&self) {
        let registry = self.clone();
        let panicked = thread::spawn(move || {
            let _seats = lock(&registry.seats);
            let _pending = lock(&registry.queue.pending);
            panic!("a test wants to see poisoned locks");
        });
        assert!(panicked.join().is_err());
    }
}

impl Seat {
    /// Who sits here, under the name they have now.
    pub fn occupant(&self) -> &Occupant {
        &self.occupant
    }

    /// Takes another name; `false` when it is in use. The others hear of it after all that
    /// `before` holds.
    pub fn rename(&mut self, new: Username, mut before: Outbox) -> bool {
        let (answer, is_free) = sync_channel(1);
        before.posts.push(Post::Rename {
            who: self.occupant.clone(),
            new: new.clone(),
            answer,
        });
        self.registry.post(before);
        let is_free = is_free.recv().unwrap_or(false);
        if is_free {
            self.occupant.name = new;
        }
        is_free
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let who = self.occupant.clone();
        let reason = self.reason;
        self.registry
            .post(Outbox::with(Post::Leave { who, reason }));
    }
}
