use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::connection::Connection;
use super::network::Network;
use super::post::line;
use super::{Options, lock};
use crate::protocol::{Event, Farewell};

/// How many may be waited for at once until they have read that they cannot come in; beyond that
/// they are told and let go, so that a storm of connections cannot take a thread each.
const MOST_REFUSALS: usize = 64;

/// Knows who is connected, in the room or not yet.
#[derive(Default)]
pub struct Door {
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Default)]
struct Inside {
    /// Everyone who has a place, with the address that they count for.
    connections: Vec<(Network, Arc<Connection>)>,
    /// How many are being told that there is none.
    refused: usize,
    closed: bool,
}

/// A place among the connections, or among those sent off; given back when dropped.
pub struct Admission<'a> {
    door: &'a Door,
    connection: Arc<Connection>,
    /// What to send it off with, when there is no place.
    pub farewell: Option<Farewell>,
}

impl Door {
    /// Counts a connection, which has a place if `options` leave it one. Fails, with the farewell to
    /// send it off with, when it has none and too many are being sent off already, so that this one
    /// cannot be waited for.
    pub fn admit(
        &self,
        connection: &Arc<Connection>,
        options: &Options,
    ) -> Result<Admission<'_>, Farewell> {
        let ip = connection.peer().ip();
        let address = Network::of_customer(ip);
        let is_banned = options.bans.find(ip, Timestamp::now()).is_some();
        let mut inside = lock(&self.inside);
        let theirs = inside
            .connections
            .iter()
            .filter(|(from, _)| *from == address);
        let farewell = if inside.closed {
            Some(Farewell::Shutdown)
        } else if is_banned {
            Some(Farewell::Banned)
        } else if inside.connections.len() >= options.max_clients {
            Some(Farewell::ServerFull)
        } else if options.max_per_address != 0 && theirs.count() >= options.max_per_address {
            Some(Farewell::TooManyConnections)
        } else {
            None
        };
        match farewell {
            None => inside.connections.push((address, connection.clone())),
            Some(farewell) if inside.refused >= MOST_REFUSALS => return Err(farewell),
            Some(_) => inside.refused += 1,
        }
        Ok(Admission {
            door: self,
            connection: connection.clone(),
            farewell,
        })
    }

    /// Lets nobody in any more. The room MUST be closed before: what is queued there comes first.
    /// Otherwise as [`see_out`](Self::see_out).
    pub fn close(&self, patience: Duration) {
        lock(&self.inside).closed = true;
        self.see_out(Farewell::Shutdown, patience, |_| true);
    }

    /// Tells those to go whom it `is_about`, and hangs up on those who have not gone when `patience` is
    /// over. Whoever is in the room MUST have been sent off there before.
    pub fn see_out(
        &self,
        farewell: Farewell,
        patience: Duration,
        is_about: impl Fn(SocketAddr) -> bool,
    ) {
        let inside = lock(&self.inside);
        let goodbye = line(&Event::Goodbye(farewell));
        for connection in inside.about(&is_about) {
            connection.finish(&goodbye);
        }
        let is_busy = |inside: &mut Inside| inside.about(&is_about).next().is_some();
        let waited = self.changed.wait_timeout_while(inside, patience, is_busy);
        let (inside, _) = waited.unwrap_or_else(PoisonError::into_inner);
        for connection in inside.about(&is_about) {
            connection.hang_up("");
        }
    }
}

impl Inside {
    /// The connections whose other end `is_about` picks.
    fn about(&self, is_about: impl Fn(SocketAddr) -> bool) -> impl Iterator<Item = &Connection> {
        let connections = self.connections.iter().map(|(_, connection)| &**connection);
        connections.filter(move |connection| is_about(connection.peer()))
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        let mut inside = lock(&self.door.inside);
        if self.farewell.is_some() {
            inside.refused -= 1;
        } else {
            let is_other = |(_, other): &(Network, Arc<_>)| !Arc::ptr_eq(other, &self.connection);
            inside.connections.retain(is_other);
        }
        self.door.changed.notify_all();
    }
}
