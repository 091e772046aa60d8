//! The sessions that outlive their connections.

use std::collections::HashMap;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::info;
use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};

use super::connection::Connection;
use super::lock;
use super::network::Network;
use super::post::{SeatId, line};
use super::session::Session;
use crate::protocol::{Event, Farewell, Token};

/// How many are held at most, of all and of one address.
const MOST_HELD: usize = 256;
const MOST_HELD_OF_ONE: usize = 16;

/// How many that have left are remembered, and how long.
const MOST_REMEMBERED: usize = 1024;
const MEMORY: Duration = Duration::from_secs(60 * 60);

/// How often one can be resumed.
const BETWEEN_RESUMES: Duration = Duration::from_secs(1);

/// How long whoever takes a session over waits for the thread that has it.
const TAKING_OVER: Duration = Duration::from_secs(2);

/// The sessions whose owners can prove that they are theirs.
pub struct Sessions {
    hold: Duration,
    table: Mutex<Table>,
}

type Table = HashMap<Token, Entry>;

struct Entry {
    seat: SeatId,
    peer: SocketAddr,
    place: Place,
    /// Told when the place changes, and when the session is ended.
    changed: Arc<Condvar>,
    /// Whether somebody waits to take it over.
    is_wanted: bool,
    /// How many have wanted to: the last of them gets it.
    takers: u64,
    resumable_from: Instant,
}

/// Who has a session. Always somebody, and never two: so nothing of it is lost or done twice.
enum Place {
    /// In the hands of a thread, which serves it over this connection or gives its seat back. `None`
    /// once the connection is gone.
    Busy(Option<Arc<Connection>>),
    /// Here, and its seat is kept until then.
    Held {
        session: Box<Session>,
        until: Instant,
    },
    /// Here, since then, and its seat is free.
    Left {
        session: Box<Session>,
        since: Instant,
    },
}

/// Why a session cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// There is none of this token.
    Unknown,
    /// The thread that has it does not let go of it.
    Busy,
    /// Another connection has wanted it since.
    Replaced,
}

impl Sessions {
    /// None yet; those whose connection breaks are held for so long.
    pub fn new(hold: Duration) -> Self {
        let table = Mutex::default();
        Sessions { hold, table }
    }

    /// Begins a session in this seat, over `connection`; whoever has the returned token can resume it.
    /// Fails where the system has no random bytes to give.
    pub fn open(&self, seat: SeatId, connection: &Arc<Connection>) -> Result<Token, Unspecified> {
        let mut random = [0; 16];
        SystemRandom::new().fill(&mut random)?;
        let token = Token::new(random);
        let entry = Entry {
            seat,
            peer: connection.peer(),
            place: Place::Busy(Some(connection.clone())),
            changed: Arc::default(),
            is_wanted: false,
            takers: 0,
            resumable_from: Instant::now(),
        };
        lock(&self.table).insert(token, entry);
        Ok(token)
    }

    /// Reserves the next moment in which this may be resumed; returns how long it is until then.
    pub fn pace(&self, token: Token) -> Duration {
        let now = Instant::now();
        let mut table = lock(&self.table);
        let entry = table.get_mut(&token);
        entry.map_or(Duration::ZERO, |entry| {
            let from = entry.resumable_from.max(now);
            entry.resumable_from = from + BETWEEN_RESUMES;
            from - now
        })
    }

    /// Gives a session to the thread of `connection`. The one that still has it is sent off, with
    /// `BYE replaced`, and waited for until it has posted its last.
    pub fn take(
        &self,
        token: Token,
        connection: &Arc<Connection>,
    ) -> Result<Box<Session>, NotTaken> {
        let deadline = Instant::now() + TAKING_OVER;
        let mut table = lock(&self.table);
        forget_the_oldest(&mut table);
        let mut taker = None;
        loop {
            let entry = table.get_mut(&token).ok_or(NotTaken::Unknown)?;
            let own = *taker.get_or_insert(entry.takers + 1);
            if own < entry.takers {
                return Err(NotTaken::Replaced);
            }
            entry.takers = own;
            let ours = Place::Busy(Some(connection.clone()));
            match mem::replace(&mut entry.place, ours) {
                Place::Busy(theirs) => {
                    if let Some(theirs) = &theirs {
                        theirs.hang_up(&line(&Event::Goodbye(Farewell::Replaced)));
                    }
                    entry.place = Place::Busy(theirs);
                    entry.is_wanted = true;
                }
                Place::Held { session, .. } | Place::Left { session, .. } => {
                    entry.peer = connection.peer();
                    entry.is_wanted = false;
                    entry.changed.notify_all();
                    return Ok(session);
                }
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                entry.is_wanted = false;
                return Err(NotTaken::Busy);
            };
            table = wait(&entry.changed.clone(), table, left);
        }
    }

    /// Lets go of a session whose connection has broken: holds it, or gives its seat back where too
    /// many are held. One that was ended meanwhile is gone.
    pub fn release(&self, token: Token, mut session: Box<Session>) {
        let mut table = lock(&self.table);
        let is_held = |entry: &&Entry| matches!(entry.place, Place::Held { .. });
        let held = table.values().filter(is_held);
        let held: Vec<IpAddr> = held.map(|entry| entry.peer.ip()).collect();
        if let Some(entry) = table.get_mut(&token) {
            let address = Network::of_customer(entry.peer.ip());
            let theirs = held.iter().filter(|&&other| address.contains(other));
            let has_room = held.len() < MOST_HELD && theirs.count() < MOST_HELD_OF_ONE;
            if entry.is_wanted || has_room && !self.hold.is_zero() {
                let hold = match entry.is_wanted {
                    true => self.hold.max(TAKING_OVER),
                    false => self.hold,
                };
                let until = Instant::now() + hold;
                let (name, peer) = (session.seat.name(), entry.peer);
                info!("{name} is held: the connection from {peer} is gone");
                entry.place = Place::Held { session, until };
                return entry.changed.notify_all();
            }
        }
        drop(table);
        session.seat.give_back();
        self.remember(token, session);
    }

    /// Waits until somebody has taken the session of this token, or its time is up: then gives its
    /// seat back. MUST be called by the thread that has [released](Self::release) it.
    pub fn watch(&self, token: Token) {
        let mut table = lock(&self.table);
        let mut session = loop {
            let Some(entry) = table.get_mut(&token) else {
                return;
            };
            let Place::Held { until, .. } = entry.place else {
                return;
            };
            let left = until.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                table = wait(&entry.changed.clone(), table, left);
            } else if let Place::Held { session, .. } =
                mem::replace(&mut entry.place, Place::Busy(None))
            {
                break session;
            }
        };
        drop(table);
        session.seat.give_back();
        self.remember(token, session);
    }

    /// Keeps a session whose seat is free, unless it was ended. The oldest are forgotten.
    pub fn remember(&self, token: Token, session: Box<Session>) {
        let mut table = lock(&self.table);
        let since = Instant::now();
        if let Some(entry) = table.get_mut(&token) {
            entry.place = Place::Left { session, since };
            entry.changed.notify_all();
        }
        forget_the_oldest(&mut table);
    }

    /// Ends the sessions that `is_about` picks by their seat and by where they were last connected:
    /// from then on nobody can resume them.
    pub fn end(&self, is_about: impl Fn(SeatId, SocketAddr) -> bool) {
        let mut table = lock(&self.table);
        let is_meant = |_: &Token, entry: &mut Entry| is_about(entry.seat, entry.peer);
        let ended: Vec<(Token, Entry)> = table.extract_if(is_meant).collect();
        // Their seats are given back without the lock: that may deliver.
        drop(table);
        for (_, entry) in &ended {
            entry.changed.notify_all();
        }
    }
}

impl Entry {
    /// Since when its seat is free; `None` while it is not.
    fn left_since(&self) -> Option<Instant> {
        match self.place {
            Place::Left { since, .. } => Some(since),
            _ => None,
        }
    }
}

/// Forgets those who have left long ago, and the first of one too many.
fn forget_the_oldest(table: &mut Table) {
    let is_fresh = |since: Instant| since.elapsed() <= MEMORY;
    table.retain(|_, entry| entry.left_since().is_none_or(is_fresh));
    let entries = table.iter();
    let left = entries.filter_map(|(&token, entry)| Some((entry.left_since()?, token)));
    if left.clone().count() > MOST_REMEMBERED
        && let Some((_, oldest)) = left.min_by_key(|(since, _)| *since)
    {
        table.remove(&oldest);
    }
}

fn wait<'a>(
    changed: &Condvar,
    table: MutexGuard<'a, Table>,
    left: Duration,
) -> MutexGuard<'a, Table> {
    let waited = changed.wait_timeout(table, left);
    waited.unwrap_or_else(PoisonError::into_inner).0
}
