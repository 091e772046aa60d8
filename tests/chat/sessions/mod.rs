//! Sessions on the wire: what was said before, and coming back without loss (section 7 of the
//! design), as a person with `nc` meets them.

use crate::support::proxy::Proxy;
use crate::support::{Member, Peer, Server};
use chat::protocol::Stamp;

mod back;
mod chaos;
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

/// Somebody whose connection may break at any moment, and who comes back then.
struct Returning<'a> {
    member: Member,
    proxy: &'a Proxy,
    /// Has left for good.
    is_out: bool,
}

impl Returning<'_> {
    /// Comes in through a proxy.
    #[track_caller]
    fn enter<'a>(proxy: &'a Proxy, name: &str) -> Returning<'a> {
        Returning {
            member: Member::enter(Peer::connect(proxy.address), name),
            proxy,
            is_out: false,
        }
    }

    /// Says something, and waits until all of it has taken effect.
    #[track_caller]
    fn say(&mut self, lines: &[&str]) {
        self.member.send_all(lines);
        self.go_on_until(|member| member.unconfirmed.is_empty());
    }

    #[track_caller]
    fn hear(&mut self, event: &str) {
        self.go_on_until(|member| member.heard.iter().any(|heard| heard == event));
    }

    #[track_caller]
    fn go_on_until(&mut self, is_done: impl Fn(&Member) -> bool) {
        while !is_done(&self.member) && !self.is_out {
            match self.member.any_line() {
                Some(line) => {
                    assert!(!line.starts_with("MISSED "), "{line}");
                    self.is_out |= line == "BYE quit";
                }
                None => {
                    let peer = Peer::connect(self.proxy.address);
                    // The session is gone where the server has heard of the end.
                    let is_known = self.member.try_to_come_back(peer).is_some();
                    self.is_out |= !is_known;
                }
            }
        }
    }
}
