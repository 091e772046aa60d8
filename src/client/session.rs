use std::collections::VecDeque;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::Signal;

use super::Ending;
use crate::protocol::{Event, Username};

/// How often the stdin loop is woken until it notices: a signal may come just before it begins
/// to wait.
const NUDGE: Duration = Duration::from_millis(25);

/// When it has not noticed by then, it never will.
const LAST_RESORT: Duration = Duration::from_secs(1);

/// How long that may take: the terminal may stand still.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// How many names are known at most, so that no server can fill the memory with them.
const MOST_NAMES: usize = 4096;

/// Leaves, puts the terminal back and says how it ended, when the stdin loop cannot.
type LastResort = Arc<Mutex<dyn Fn(&Ending) + Send>>;

/// What the client's threads share: what they know of the room, and how it ends.
pub struct Session {
    known: Mutex<Known>,
    changed: Condvar,
    stdin_loop: Pthread,
    has_noticed: AtomicBool,
    last_resort: LastResort,
}

/// What a session knows.
#[derive(Default)]
pub struct Known {
    /// Our name, once the server has accepted it.
    pub me: Option<Username>,
    /// The server has spoken as a chat server does.
    pub is_greeted: bool,
    /// The server waits for a name.
    pub is_asked: bool,
    /// How often the server has refused something, or renamed us.
    pub answers: usize,
    /// Who last wrote to us privately, while they are here.
    pub correspondent: Option<Username>,
    /// Who is here but us, the most recently heard first.
    pub others: VecDeque<Username>,
    /// How the session ends; the first reason counts.
    pub ending: Option<Ending>,
    /// Nothing more will come from the server.
    pub is_disconnected: bool,
}

impl Session {
    /// Of the calling thread, which is to run the stdin loop. `last_resort` is for when that loop
    /// cannot be freed.
    pub fn new(last_resort: impl Fn(&Ending) + Send + 'static) -> Self {
        Session {
            known: Mutex::default(),
            changed: Condvar::new(),
            stdin_loop: pthread_self(),
            has_noticed: AtomicBool::new(false),
            last_resort: Arc::new(Mutex::new(last_resort)),
        }
    }

    /// What is known now.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the session is to end.
    pub fn is_ending(&self) -> bool {
        self.known().ending.is_some()
    }

    /// Learns from what the server said.
    pub fn learn(&self, event: &Event) {
        let mut known = self.known();
        known.learn(event);
        drop(known);
        self.changed.notify_all();
    }

    /// Says that nothing more will come from the server, and why, in one step: whoever waits for the
    /// one also asks for the other. Ends the session as [`end`](Self::end) does.
    pub fn disconnect(&self, why: Ending) {
        let mut known = self.known();
        known.is_disconnected = true;
        self.finish(known, why);
    }

    /// Waits until `is_so`, at most `patience`; says whether it became so.
    pub fn wait_until(&self, patience: Duration, is_so: impl Fn(&Known) -> bool) -> bool {
        let known = self.known();
        let (known, _) = self
            .changed
            .wait_timeout_while(known, patience, |known| !is_so(known))
            .unwrap_or_else(PoisonError::into_inner);
        is_so(&known)
    }

    /// Ends the session, unless it is ending already: frees the stdin loop from wherever it
    /// waits. Not to be called by that loop itself.
    pub fn end(&self, ending: Ending) {
        self.finish(self.known(), ending);
    }

    fn finish(&self, mut known: MutexGuard<Known>, ending: Ending) {
        let is_ending = known.ending.is_some();
        known.ending.get_or_insert_with(|| ending.clone());
        drop(known);
        self.changed.notify_all();
        if is_ending {
            return;
        }
        let deadline = Instant::now() + LAST_RESORT;
        while !self.has_noticed.load(Ordering::Acquire) {
            if Instant::now() > deadline {
                let code = ending.exit_code().into();
                let last_resort = self.last_resort.clone();
                // Where there is no thread for it either, the program ends without.
                let _ = thread::Builder::new().spawn(move || {
                    last_resort.lock().unwrap_or_else(PoisonError::into_inner)(&ending);
                });
                thread::sleep(LAST_WORDS);
                process::exit(code);
            }
            // It interrupts whatever the loop waits in; its handler does nothing else.
            let _ = pthread_kill(self.stdin_loop, Signal::SIGINT);
            thread::sleep(NUDGE);
        }
    }

    /// Says that the stdin loop waits no more, neither for input nor for a server to take it.
    pub fn notice(&self) {
        self.has_noticed.store(true, Ordering::Release);
    }
}

impl Known {
    fn learn(&mut self, event: &Event) {
        self.is_greeted = true;
        match event {
            Event::AskUsername => self.is_asked = true,
            Event::Refused(..) => self.answers += 1,
            Event::Welcome(name, _) => self.me = Some(name.clone()),
            Event::Join(name) => self.hear(name),
            Event::Message(from, _) | Event::Action(from, _) => self.hear(from),
            Event::Private(from, ..) if Some(from) != self.me.as_ref() => {
                self.hear(from);
                self.correspondent = Some(from.clone());
            }
            Event::Leave(name, _) => {
                self.others.retain(|other| other != name);
                // The next of that name may be somebody else.
                self.correspondent.take_if(|known| known == name);
            }
            Event::Renamed(old, new) => {
                self.answers += usize::from(Some(old) == self.me.as_ref());
                for known in [&mut self.me, &mut self.correspondent]
                    .into_iter()
                    .flatten()
                {
                    if known == old {
                        *known = new.clone();
                    }
                }
                if self.others.contains(old) {
                    self.others.retain(|other| other != old);
                    self.hear(new);
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

    /// Puts `name` in front of the others.
    fn hear(&mut self, name: &Username) {
        if self.others.front() != Some(name) {
            self.others.retain(|other| other != name);
            self.others.push_front(name.clone());
            self.others.truncate(MOST_NAMES);
        }
    }
}
