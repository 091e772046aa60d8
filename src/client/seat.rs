use std::mem;
use std::time::{Duration, SystemTime};

use super::gone::Gone;
use super::outbox::{Line, Outbox};
use super::typed::person_in;
use crate::protocol::{Event, Stamp, Token, Username};

/// How long a line that was typed may wait for a connection. An older one is given back to whoever
/// typed it: what it answers is long past.
const TOO_OLD: Duration = Duration::from_secs(120);

/// A seat in the room that outlives the connection: what it takes to come back to it, and what was
/// said from it and not counted yet.
pub struct Seat {
    pub place: Place,
    pub claim: Claim,
    pub leaving: Leaving,
    pub outbox: Outbox,
    /// The password that opened the room, if it has one.
    pub password: Option<String>,
    /// Somebody types: what has become old is better asked about than said.
    pub is_typed: bool,
    /// The last stamp that has come.
    seen: Stamp,
    /// Given up while something was on its way over a connection that worked.
    gone: Gone,
    /// Nothing that was sent over this connection has been counted: what was missed may still come.
    is_catching_up: bool,
}

/// Where one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Not let in yet.
    Door,
    /// In the room.
    Room,
    /// In the room for the others at most: the connection is broken.
    Away,
}

/// By what one comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// By nothing: the server has not told of a session so far.
    None,
    /// By its token.
    Session(Token),
    /// By the name alone, as a newcomer: the server does not know the session any more.
    Name,
}

/// Whether one is leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    No,
    /// Whatever becomes of what was said.
    Now,
    /// When all has been counted.
    WhenCounted,
}

impl Seat {
    /// For somebody who is still at the door.
    pub fn new(is_typed: bool) -> Self {
        Seat {
            place: Place::Door,
            claim: Claim::None,
            leaving: Leaving::No,
            outbox: Outbox::default(),
            password: None,
            is_typed,
            seen: Stamp::EPOCH,
            gone: Gone::default(),
            is_catching_up: false,
        }
    }

    /// Takes in what the server says. Returns whether that is new, not said before the connection broke;
    /// and lines that are now kept from whoever may have taken the name of whom they are for.
    pub fn heed(&mut self, stamp: Option<Stamp>, event: &Event) -> (bool, Vec<Line>) {
        let mut withheld = Vec::new();
        if self.outbox.is_empty() {
            self.gone = Gone::default();
        }
        match event {
            Event::Welcome(..) => self.place = Place::Room,
            Event::Got(counted) => {
                self.outbox.count(*counted);
                if mem::take(&mut self.is_catching_up) {
                    let gone = mem::take(&mut self.gone);
                    withheld = self.withhold(&gone);
                }
            }
            Event::Leave(..) | Event::Renamed(..) | Event::Missed(_) => {
                let mut gone = Gone::default();
                gone.heed(event);
                withheld = self.withhold(&gone);
                if !self.is_catching_up {
                    // What is on its way may have to be sent again.
                    self.gone.heed(event);
                }
            }
            Event::Session(token, _) => {
                self.claim = Claim::Session(*token);
                // In a new session the clock may have been set back.
                self.seen = stamp.unwrap_or(self.seen);
                return (true, withheld);
            }
            _ => {}
        }
        let is_new = stamp.is_none_or(|stamp| stamp > self.seen);
        self.seen = self.seen.max(stamp.unwrap_or(self.seen));
        (is_new, withheld)
    }

    /// Whether `event` shows that the server gives no sessions: in one, it would have a stamp.
    pub fn is_without_session(&self, stamp: Option<Stamp>, event: &Event) -> bool {
        let is_stamped = matches!(
            event,
            Event::Join(_)
                | Event::Leave(..)
                | Event::Message(..)
                | Event::Action(..)
                | Event::Private(..)
                | Event::Renamed(..)
        );
        let has_session = matches!(self.claim, Claim::Session(_));
        is_stamped && stamp.is_none() && !has_session && self.outbox.is_sent()
    }

    /// What is answered to `<USERNAME>` to come back, `name` being one's own.
    pub fn claims(&self, name: &Username) -> Vec<String> {
        match self.claim {
            Claim::Session(token) => vec![format!("/resume {token} {}", self.seen)],
            Claim::None | Claim::Name => vec!["/session".to_owned(), name.to_string()],
        }
    }

    /// Whether the connection is to be made anew now that it has broken.
    pub fn is_worth_coming_back(&self) -> bool {
        let is_staying = match self.leaving {
            Leaving::No => true,
            Leaving::Now => false,
            Leaving::WhenCounted => !self.outbox.is_empty(),
        };
        self.claim != Claim::None && is_staying
    }

    /// Takes the seat again, from where the server has `counted` so many lines. Returns what has
    /// become too old to be said.
    pub fn resume(&mut self, counted: u64) -> Vec<Line> {
        self.place = Place::Room;
        self.is_catching_up = true;
        self.outbox.resume(counted);
        let oldest = self.oldest();
        self.outbox.withhold(|line| line.typed < oldest)
    }

    /// The next line to be sent. One for one person MUST wait until all that was missed has come, by
    /// which it may be withheld: until what is on its way is counted, or a blank line where nothing is.
    pub fn send_next(&mut self) -> Option<&str> {
        let is_for_one = |line: &Line| person_in(&line.text).is_some();
        if self.is_catching_up && self.outbox.next().is_some_and(is_for_one) {
            if !self.outbox.is_at_rest() {
                return None;
            }
            self.outbox.push_blank();
        }
        let counts = matches!(self.claim, Claim::Session(_));
        self.outbox.send_next(counts)
    }

    /// Keeps lines for one person from whoever may have taken a name that is `gone`.
    fn withhold(&mut self, gone: &Gone) -> Vec<Line> {
        self.outbox.withhold(|line| gone.find(&line.text).is_some())
    }

    /// Takes another seat, in a session that knows nothing of what was said before. Returns what was
    /// sent, said or not; and what was never sent and will not be, because it is too old, or for one
    /// person and the name may be somebody else's by now.
    pub fn begin_anew(&mut self) -> (Vec<Line>, Vec<Line>) {
        self.place = Place::Room;
        let oldest = self.oldest();
        let (uncertain, unsent) = self.outbox.empty();
        self.is_catching_up = false;
        let is_good = |line: &Line| line.typed >= oldest && person_in(&line.text).is_none();
        let (good, withheld) = unsent.into_iter().partition(is_good);
        let good: Vec<Line> = good;
        for line in good {
            self.outbox.push(line);
        }
        (uncertain, withheld)
    }

    /// What was typed before that is too old.
    fn oldest(&self) -> SystemTime {
        match self.is_typed {
            true => SystemTime::now() - TOO_OLD,
            false => SystemTime::UNIX_EPOCH,
        }
    }
}
