use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::connection::Connection;
use super::lock;
use super::post::line;
use crate::protocol::{Event, Farewell};

/// How many may be waited for at once until they have read that they cannot come in; beyond that
/// they are told and let go, so that a storm of connections cannot take a thread each.
const MOST_REFUSALS: usize = 64;

/// Knows who is connected, in the room or not yet, and how many from each address may be.
pub struct Door {
    max_clients: usize,
    /// 0 is no limit.
    max_per_address: usize,
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Default)]
struct Inside {
    /// Everyone who has a place, with the address that they count for.
    connections: Vec<(IpAddr, Arc<Connection>)>,
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
    /// Of a house with room for `max_clients`, at most `max_per_address` of them from one address
    /// (0: no limit).
    pub fn new(max_clients: usize, max_per_address: usize) -> Self {
        Door {
            max_clients,
            max_per_address,
            inside: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Counts a connection. Fails, with the farewell to send it off with, when it has no place and
    /// too many are being sent off already, so that this one cannot be waited for.
    pub fn admit(&self, connection: &Arc<Connection>) -> Result<Admission<'_>, Farewell> {
        let address = counted_as(connection.peer().ip());
        let mut inside = lock(&self.inside);
        let theirs = inside.connections.iter().filter(|(ip, _)| *ip == address);
        let farewell = if inside.closed {
            Some(Farewell::Shutdown)
        } else if inside.connections.len() >= self.max_clients {
            Some(Farewell::ServerFull)
        } else if self.max_per_address != 0 && theirs.count() >= self.max_per_address {
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

    /// Lets nobody in any more. Those who are not in the room are told so, and all get `patience`
    /// to go before they are hung up on. The room MUST be closed before: what is queued there comes
    /// first.
    pub fn close(&self, patience: Duration) {
        let mut inside = lock(&self.inside);
        inside.closed = true;
        let goodbye = line(&Event::Goodbye(Farewell::Shutdown));
        for (_, connection) in &inside.connections {
            connection.finish(&goodbye);
        }
        let is_busy = |inside: &mut Inside| !inside.connections.is_empty() || inside.refused > 0;
        let waited = self.changed.wait_timeout_while(inside, patience, is_busy);
        let (inside, _) = waited.unwrap_or_else(PoisonError::into_inner);
        for (_, connection) in &inside.connections {
            connection.hang_up();
        }
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        let mut inside = lock(&self.door.inside);
        if self.farewell.is_some() {
            inside.refused -= 1;
        } else {
            let is_other = |(_, other): &(IpAddr, Arc<_>)| !Arc::ptr_eq(other, &self.connection);
            inside.connections.retain(is_other);
        }
        self.door.changed.notify_all();
    }
}

/// IPv4 stays itself, also when mapped into IPv6; of IPv6, one network (/64) is one address, for
/// that is what one customer gets (RFC 6177).
fn counted_as(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_counts_as_one_address_and_a_mapped_ipv4_as_itself() {
        let counted = |ip: &str| counted_as(ip.parse().unwrap());
        assert_eq!(counted("2001:db8::1"), counted("2001:db8::2"));
        assert_ne!(counted("2001:db8::1"), counted("2001:db8:0:1::1"));
        assert_eq!(counted("192.0.2.1"), counted("::ffff:192.0.2.1"));
        assert_ne!(counted("192.0.2.1"), counted("192.0.2.2"));
    }
}
