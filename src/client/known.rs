use std::collections::VecDeque;

use super::Ending;
use super::gone::Gone;
use crate::protocol::{Event, Username};

/// How many names are known at most, so that no server can fill the memory with them.
const MOST_NAMES: usize = 4096;

/// What the client knows of the room and of its own session.
#[derive(Default)]
pub struct Known {
    /// Our name, once the server has accepted it.
    pub me: Option<Username>,
    /// The server has spoken as a chat server does.
    pub is_greeted: bool,
    /// The server stamps what happens from now on; until then, only what happened before.
    pub is_stamped: bool,
    /// What the server waits for.
    pub asked: Option<Question>,
    /// Who last wrote to us privately, while they are here.
    pub correspondent: Option<Username>,
    /// Who is here but us, the most recently heard first.
    pub others: VecDeque<Username>,
    /// The names given up since what is being typed was begun.
    pub gone: Gone,
    /// Of whom nothing is shown that they say.
    pub ignored: Vec<Username>,
    /// How the session ends; the first reason counts.
    pub ending: Option<Ending>,
    /// Nothing more will come from the server.
    pub is_disconnected: bool,
    /// The connection is broken, and a new one is tried.
    pub is_away: bool,
    /// No more can be sent until the server has counted some of it.
    pub is_full: bool,
}

/// What a server asks before it lets anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The room's password.
    Password,
    /// A name.
    Username,
}

impl Known {
    /// Whether `event`, if it has a stamp, happened before one came in.
    pub fn is_past(&self, event: &Event) -> bool {
        !self.is_stamped && !matches!(event, Event::Session(..))
    }

    /// Takes in what the server said. What is [hidden](Self::hides) teaches nothing.
    pub fn learn(&mut self, event: &Event) {
        self.is_greeted = true;
        if self.hides(event) {
            return;
        }
        self.gone.heed(event);
        match event {
            Event::AskUsername => {
                self.asked = Some(Question::Username);
                self.is_stamped = false;
            }
            Event::AskPassword => self.asked = Some(Question::Password),
            Event::Welcome(name, _) => {
                self.me = Some(name.clone());
                self.forget_others();
            }
            Event::Missed(_) => self.forget_others(),
            Event::Session(..) => self.is_stamped = true,
            Event::Resumed(name, ..) => {
                self.me = Some(name.clone());
                self.is_stamped = true;
            }
            Event::Join(name) => self.put_first(name),
            Event::Message(from, _) | Event::Action(from, _) => self.put_first(from),
            Event::Private(from, ..) if Some(from) != self.me.as_ref() => {
                self.put_first(from);
                self.correspondent = Some(from.clone());
            }
            Event::Leave(name, _) => {
                self.others.retain(|other| other != name);
                // The next of that name may be somebody else.
                self.correspondent.take_if(|known| known == name);
            }
            Event::Renamed(old, new) => {
                let places = [&mut self.me, &mut self.correspondent];
                let places = places.into_iter().flatten().chain(&mut self.ignored);
                places
                    .filter(|known| *known == old)
                    .for_each(|known| *known = new.clone());
                if self.others.contains(old) {
                    self.others.retain(|other| other != old);
                    self.put_first(new);
                }
            }
            Event::Users(_, names) => {
                for name in names {
                    if Some(name) != self.me.as_ref() && !self.others.contains(name) {
                        self.others.push_back(name.clone());
                    }
                }
                self.others.truncate(MOST_NAMES);
            }
            _ => {}
        }
    }

    /// Whether `event` is not to be shown, for it was said by somebody who is ignored.
    pub fn hides(&self, event: &Event) -> bool {
        match event {
            Event::Message(from, _) | Event::Action(from, _) | Event::Private(from, ..) => {
                self.ignored.contains(from) && Some(from) != self.me.as_ref()
            }
            _ => false,
        }
    }

    /// Ignores `name`, or no longer; says whether it is ignored now.
    pub fn toggle_ignored(&mut self, name: Username) -> bool {
        let before = self.ignored.len();
        self.ignored.retain(|ignored| *ignored != name);
        let is_new = self.ignored.len() == before;
        if is_new {
            self.ignored.push(name);
        }
        is_new
    }

    /// Under the names of before there may be somebody else.
    fn forget_others(&mut self) {
        (self.correspondent, self.others) = Default::default();
        self.gone.is_partial = true;
    }

    /// Puts `name` in front of the others.
    fn put_first(&mut self, name: &Username) {
        if self.others.front() != Some(name) {
            self.others.retain(|other| other != name);
            self.others.push_front(name.clone());
            self.others.truncate(MOST_NAMES);
        }
    }
}
