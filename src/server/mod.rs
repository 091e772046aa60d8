//! The server: binds, accepts, gives each client a thread, and shuts down.
//!
//! | room | what it does |
//! | --- | --- |
//! | `listen`, `accept`, `process` | where it listens and what others type, a thread for each client, signals |
//! | `door`, [`entrance`], [`bans`], [`network`] | who may come in: counts, encryption, bans |
//! | `connection`, `pace` | one socket, plain or sealed, with one way to fail; who writes too fast |
//! | `prompt`, [`secret`], `session`, `obey`, `answers` | one client's thread: it comes in, is obeyed, and goes |
//! | `seat`, `sessions` | a place in the room, and those that outlive their connections |
//! | `post`, `queue`, `registry` | what may happen to the room, and the one order in which it does |
//! | `room`, `backlog` | what follows from it, for whom, and what is kept of it |
//! | `delivery`, [`transcript`] | one send for each seat; the same in a file |
//! | `operator` | what only operators may do |
//! | `log`, `options` | its screen, and how it is to be |

mod accept;
mod answers;
mod backlog;
pub mod bans;
mod connection;
mod delivery;
mod door;
pub mod entrance;
mod listen;
mod log;
pub mod network;
mod obey;
mod operator;
mod options;
mod pace;
mod post;
mod process;
mod prompt;
mod queue;
mod registry;
mod room;
mod seat;
pub mod secret;
mod session;
mod sessions;
pub mod transcript;

use std::io::{self, PipeReader, PipeWriter, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ::log::debug;

use crate::files;
use crate::net::plain_words;
use crate::tls::Fingerprint;
use accept::is_peers_fault;
pub use backlog::BACKLOG_SIZE;
use door::Door;
pub use listen::{BadBindAddress, BindAddress, BindError, announce};
pub use log::Log;
pub use operator::OperatorSecret;
pub use options::Options;
use post::Post;
pub use process::{end_at_signals, live_with_limits};
use registry::Registry;
use room::{Room, Rules};
use sessions::Sessions;
use transcript::{Past, Transcript};

/// How long to leave the listener alone when accepting fails, instead of failing in a spin.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How long clients may take to close their side after the last line they are sent.
const GRACE: Duration = Duration::from_secs(1);

/// A bound server. [`run`](Self::run) serves until [`shut_down`](Self::shut_down) is called from
/// another thread.
pub struct Server {
    listeners: Vec<TcpListener>,
    /// Holds a byte once it is told to end, for the thread that waits for clients.
    ending: (PipeReader, PipeWriter),
    options: Options,
    registry: Registry,
    sessions: Sessions,
    door: Door,
    closing: AtomicBool,
    /// When taking in a client last failed.
    failed: Mutex<Option<Instant>>,
}

impl Server {
    /// Listens on every address of each of `addresses`; port 0 is any free one, the same for all.
    /// Of a name's several addresses those that this machine does not have are passed over. Fails
    /// with the first reason why it cannot listen.
    ///
    /// Keeps what is said to all in a transcript, where there is one, and goes on behind its past.
    pub fn bind(
        addresses: &[BindAddress],
        options: Options,
        transcript: Option<(Transcript, Past)>,
    ) -> Result<Server, BindError> {
        let (transcript, past) = transcript.unzip();
        let past = past.unwrap_or_default();
        let rules = Rules {
            history: options.history,
            most_replayed: options.send_buffer / 2,
            hold: options.hold.as_secs(),
            is_transcribed: transcript.is_some(),
        };
        Ok(Server {
            listeners: listen::listen(addresses)?,
            ending: io::pipe().map_err(|error| BindError::System(plain_words(&error)))?,
            registry: Registry::new(Room::new(rules, &past.lines), transcript),
            sessions: Sessions::new(options.hold),
            door: Door::default(),
            options,
            closing: AtomicBool::new(false),
            failed: Mutex::new(None),
        })
    }

    /// Where it listens, with the true port when 0 was asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let own = self.listeners.iter().map(TcpListener::local_addr);
        own.map(|address| address.expect("a bound socket has an address"))
            .collect()
    }

    /// By what its key is known, if it encrypts.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let encryption = self.options.encryption.as_ref();
        encryption.map(|encryption| encryption.fingerprint)
    }

    /// Accepts clients and serves each in a thread of its own. Returns after
    /// [`shut_down`](Self::shut_down), when all of them have ended.
    pub fn run(&self) {
        thread::scope(|scope| {
            while !self.is_closing() {
                match self.take_in(scope) {
                    Ok(()) => {}
                    Err(error) if is_peers_fault(&error) => {
                        debug!("a client did not wait: {error}")
                    }
                    Err(error) => {
                        self.complain(&error);
                        thread::sleep(BACK_OFF);
                    }
                }
            }
        });
        self.registry.finish_transcript();
    }

    /// Ends [`run`](Self::run): no new clients, `BYE shutdown` to all after what is queued, and a
    /// second for it to arrive.
    pub fn shut_down(&self) {
        self.closing.store(true, Ordering::Release);
        // It cannot fail: the pipe is empty, and its other end is open.
        let _ = (&self.ending.1).write_all(b"!");
        self.registry.settle(Post::Close.into());
        self.sessions.end(|_, _| true);
        self.door.close(GRACE);
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }
}

/// Where the server keeps what it has to remember, unless it is told otherwise; `None` where there is
/// no home.
pub fn state_folder() -> Option<PathBuf> {
    files::state_folder("chat-server")
}

/// A panic elsewhere does not make what the lock guards unusable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
