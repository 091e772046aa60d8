use std::collections::HashMap;
use std::mem;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::connection::Connection;
use super::delivery::Delivery;
use super::lock;
use super::outbox::{Outbox, Post};
use crate::protocol::{LeaveReason, Username};

/// How many bytes may be queued before authors have to wait for them to be taken.
const QUEUE_LIMIT: usize = 256 * 1024;

/// Who is here, and delivery to them in one order. A handle: its clones are the same room.
#[derive(Clone, Default)]
pub struct Registry {
    /// Locked by one deliverer at a time, for as long as its sends take.
    seats: Arc<Mutex<HashMap<Username, Arc<Connection>>>>,
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    /// Locked for the moment of a push, never during a send.
    pending: Mutex<Pending>,
    taken: Condvar,
}

#[derive(Default)]
struct Pending {
    outboxes: Vec<Outbox>,
    /// Of all of them.
    size: usize,
    closed: bool,
}

/// Somebody's place in the room. Gives itself back when dropped, and frees only itself: never the
/// seat of a later client of the same name.
pub struct Seat {
    registry: Registry,
    name: Username,
    connection: Arc<Connection>,
    /// What the others are told when the seat is given back.
    pub reason: LeaveReason,
}

impl Registry {
    /// Takes the name and fills the seat in one step; the newcomer hears `WELCOME`, and all that
    /// comes after. `None` when somebody here has this name, or one that looks like it, and when the
    /// room is closed.
    pub fn join(&self, name: Username, connection: &Arc<Connection>) -> Option<Seat> {
        let seat = Seat {
            registry: self.clone(),
            name: name.clone(),
            connection: connection.clone(),
            reason: LeaveReason::Lost,
        };
        let (answer, is_free) = sync_channel(1);
        self.post(Outbox::with(Post::Join {
            name,
            connection: connection.clone(),
            answer,
        }));
        is_free.recv().unwrap_or(false).then_some(seat)
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
        if outbox.posts.is_empty() {
            return;
        }
        let mut pending = lock(&self.queue.pending);
        // Those who come and go need not wait for those who talk.
        if outbox.size > 0 {
            let is_full = |pending: &mut Pending| pending.size >= QUEUE_LIMIT;
            let waited = self.queue.taken.wait_while(pending, is_full);
            pending = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if pending.closed {
            return;
        }
        pending.closed = matches!(outbox.posts.last(), Some(Post::Close { .. }));
        let is_first = pending.outboxes.is_empty();
        pending.size += outbox.size;
        pending.outboxes.push(outbox);
        drop(pending);
        if is_first {
            self.deliver();
        }
    }

    fn deliver(&self) {
        let mut seats = lock(&self.seats);
        let mut pending = lock(&self.queue.pending);
        let outboxes = mem::take(&mut pending.outboxes);
        let was_full = mem::take(&mut pending.size) >= QUEUE_LIMIT;
        drop(pending);
        if was_full {
            self.queue.taken.notify_all();
        }
        let posts = outboxes.into_iter().flat_map(|outbox| outbox.posts);
        Delivery::new(&mut seats).deliver(posts);
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
        let panicked = std::thread::spawn(move || {
            let _seats = lock(&registry.seats);
            let _pending = lock(&registry.queue.pending);
            panic!("a test wants to see poisoned locks");
        });
        assert!(panicked.join().is_err());
    }
}

impl Seat {
    /// The name they have now.
    pub fn name(&self) -> &Username {
        &self.name
    }

    /// Takes another name; `false` when it is in use. The others hear of it after all that
    /// `before` holds.
    pub fn rename(&mut self, new: Username, mut before: Outbox) -> bool {
        let (answer, is_free) = sync_channel(1);
        before.posts.push(Post::Rename {
            old: self.name.clone(),
            new: new.clone(),
            answer,
        });
        self.registry.post(before);
        let is_free = is_free.recv().unwrap_or(false);
        if is_free {
            self.name = new;
        }
        is_free
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.registry.post(Outbox::with(Post::Leave {
            name: self.name.clone(),
            connection: self.connection.clone(),
            reason: self.reason,
        }));
    }
}
