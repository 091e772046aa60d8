use super::post::{Batch, NotSeated, Post, SeatId};
use super::registry::Registry;
use crate::protocol::{LeaveReason, Username};

/// Somebody's place in the room. Gives itself back when dropped, and frees only itself: never the
/// seat of a later client of the same name.
pub struct Seat {
    registry: Registry,
    id: SeatId,
    name: Username,
    /// What the others are told when it is given back.
    pub reason: LeaveReason,
    /// Whether its owner was an operator when it was given back.
    given_back: Option<bool>,
}

impl Seat {
    /// Seat `id` of the room. MUST be filled by the registry, and only once at a time.
    pub fn of(registry: &Registry, id: SeatId, name: Username) -> Self {
        Seat {
            registry: registry.clone(),
            id,
            name,
            reason: LeaveReason::Lost,
            given_back: None,
        }
    }

    /// Which it is.
    pub fn id(&self) -> SeatId {
        self.id
    }

    /// The name they have now.
    pub fn name(&self) -> &Username {
        &self.name
    }

    /// Takes another name, after all that `before` holds.
    pub fn rename(&mut self, new: Username, mut before: Batch) -> Result<(), NotSeated> {
        before.posts.push(Post::Rename {
            seat: self.id,
            name: new.clone(),
        });
        self.registry.request(before, None)?;
        self.name = new;
        Ok(())
    }

    /// Gives it back, until its session may go on in it. Notes before whether its owner is an operator,
    /// so that they are one then.
    pub fn give_back(&mut self) {
        if self.given_back.is_none() {
            let id = self.id;
            let is_operator = id.has_session && self.registry.look(|room| room.is_operator(id));
            self.given_back = Some(is_operator);
            let (seat, reason) = (id, self.reason);
            self.registry.post(Post::Leave { seat, reason }.into());
        }
    }

    /// Whether it was given back, and then whether its owner was an operator.
    pub fn was_given_back(&self) -> Option<bool> {
        self.given_back
    }

    /// Takes note that its session goes on in it.
    pub fn resume(&mut self) {
        self.given_back = None;
        self.reason = LeaveReason::Lost;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.give_back();
    }
}
