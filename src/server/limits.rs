use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use super::lock;
use crate::protocol::Farewell;

/// A token bucket: holds `burst` tokens, gains `rate` of them a second, and may fall into debt,
/// which its owner waits off.
pub struct TokenBucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    counted: Instant,
}

impl TokenBucket {
    /// Full at `now`. A rate of 0 is no limit.
    pub fn new(rate: u32, burst: u32, now: Instant) -> Self {
        TokenBucket {
            rate: rate.into(),
            burst: burst.into(),
            tokens: burst.into(),
            counted: now,
        }
    }

    /// Takes one token at `now` and says how long to wait before using it.
    pub fn take(&mut self, now: Instant) -> Duration {
        if self.rate == 0.0 {
            return Duration::ZERO;
        }
        let gained = now.saturating_duration_since(self.counted).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + gained).min(self.burst) - 1.0;
        self.counted = now;
        Duration::from_secs_f64((-self.tokens / self.rate).max(0.0))
    }

    /// Takes more tokens, to be waited for at the next [`take`](Self::take).
    pub fn charge(&mut self, tokens: usize) {
        self.tokens -= tokens as f64;
    }
}

/// Counts who is connected, in all and from each address, those still at the door included.
pub struct Door {
    max_clients: usize,
    /// 0 is no limit.
    max_per_address: usize,
    count: Mutex<Count>,
    changed: Condvar,
}

#[derive(Default)]
struct Count {
    /// The address of each who has a place.
    inside: Vec<IpAddr>,
    /// How many are being told that there is none.
    refused: usize,
}

/// How many may be waited for at once until they have read that they cannot come in; beyond that
/// they are told and let go, so that a storm of connections cannot take a thread each.
const MOST_REFUSALS: usize = 64;

/// A place among the connections, or among those sent off; given back when dropped.
pub struct Admission<'a> {
    door: &'a Door,
    address: IpAddr,
    /// What to send it off with, when there is no place.
    pub farewell: Option<Farewell>,
}

impl Door {
    /// A house with room for `max_clients`, at most `max_per_address` of them from one address (0:
    /// no limit).
    pub fn new(max_clients: usize, max_per_address: usize) -> Self {
        Door {
            max_clients,
            max_per_address,
            count: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Counts a connection from `ip`. Fails, with the farewell to send it off with, when it has
    /// no place and too many are being sent off already, so that this one cannot be waited for.
    pub fn admit(&self, ip: IpAddr) -> Result<Admission<'_>, Farewell> {
        let address = counted_as(ip);
        let mut count = lock(&self.count);
        let theirs = count.inside.iter().filter(|&&other| other == address);
        let farewell = if count.inside.len() >= self.max_clients {
            Some(Farewell::ServerFull)
        } else if self.max_per_address != 0 && theirs.count() >= self.max_per_address {
            Some(Farewell::TooManyConnections)
        } else {
            None
        };
        match farewell {
            None => count.inside.push(address),
            Some(farewell) if count.refused >= MOST_REFUSALS => return Err(farewell),
            Some(_) => count.refused += 1,
        }
        Ok(Admission {
            door: self,
            address,
            farewell,
        })
    }

    /// Waits until nobody is connected, but no longer than `patience`.
    pub fn wait_until_empty(&self, patience: Duration) {
        let busy = |count: &mut Count| !count.inside.is_empty() || count.refused > 0;
        drop(
            self.changed
                .wait_timeout_while(lock(&self.count), patience, busy),
        );
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        let mut count = lock(&self.door.count);
        if self.farewell.is_some() {
            count.refused -= 1;
        } else if let Some(at) = count.inside.iter().position(|&ip| ip == self.address) {
            count.inside.swap_remove(at);
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

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, 50, start);
        let waits: Vec<Duration> = (0..53).map(|_| bucket.take(start)).collect();
        assert_eq!(waits[..50], [Duration::ZERO; 50]);
        assert_eq!(waits[50..], [SECOND / 10, SECOND / 5, SECOND * 3 / 10]);
    }

    #[test]
    fn patience_fills_the_bucket_again_but_never_past_its_burst() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(2, 3, start);
        (0..5).for_each(|_| _ = bucket.take(start));
        assert_eq!(bucket.take(start + SECOND), SECOND / 2);
        let much_later = start + 1000 * SECOND;
        assert_eq!([0; 3].map(|_| bucket.take(much_later)), [Duration::ZERO; 3]);
        assert_eq!(bucket.take(much_later), SECOND / 2);
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(0, 1, start);
        assert!((0..1000).all(|_| bucket.take(start).is_zero()));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address_and_a_mapped_ipv4_as_itself() {
        let door = Door::new(10, 1);
        let mut inside = Vec::new();
        let mut admit = |ip: &str| {
            inside.push(door.admit(ip.parse().unwrap()).unwrap());
            inside.last().unwrap().farewell
        };
        assert_eq!(admit("2001:db8::1"), None);
        assert_eq!(admit("2001:db8::2"), Some(Farewell::TooManyConnections));
        assert_eq!(admit("2001:db8:0:1::1"), None);
        assert_eq!(admit("192.0.2.1"), None);
        assert_eq!(
            admit("::ffff:192.0.2.1"),
            Some(Farewell::TooManyConnections)
        );
    }

    #[test]
    fn a_place_is_given_back_when_dropped() {
        let door = Door::new(1, 1);
        let ip = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..3 {
            let first = door.admit(ip).unwrap();
            assert_eq!(first.farewell, None);
            let second = door.admit(ip).unwrap();
            assert_eq!(second.farewell, Some(Farewell::ServerFull));
        }
        door.wait_until_empty(Duration::ZERO);
        assert!(lock(&door.count).inside.is_empty());
    }
}
