//! Sessions on the wire: what was said before, and coming back without loss (section 7 of the
//! design), as a person with `nc` meets them.

use crate::support::{Member, Peer, Server};
use chat::protocol::Stamp;

mod back;
mod counting;
mod crowds;
mod cuts;
mod ended;
mod held;
mod opening;
mod slow;
mod takeover;
mod unread;

/// Before all that was ever said.
const FIRST: &str = "1970-01-01T00:00:00.000000Z";

/// Somebody in the room with a session.
#[track_caller]
fn enter(server: &Server, name: &str) -> Member {
    Member::enter(server.connect(), name)
}

/// Somebody at the name prompt who wants to go on with a session.
#[track_caller]
fn ask_to_resume(server: &Server, token: &str, after: &str) -> Peer {
    let mut peer = server.connect();
    peer.expect("<USERNAME>");
    peer.send(&format!("/resume {token} {after}"));
    peer
}

/// A line that has to have a stamp, and what stands behind it.
#[track_caller]
fn stamped(line: &str) -> (Stamp, &str) {
    match Stamp::split(line) {
        (Some(stamp), event) => (stamp, event),
        (None, _) => panic!("expected: a stamp\n    came: {line:?}"),
    }
}
