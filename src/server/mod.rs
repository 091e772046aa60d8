//! The server: binds, accepts, gives each client a thread, and shuts down.

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
mod registry;
mod room;
mod seat;
pub mod secret;
mod session;
mod sessions;
pub mod transcript;

use std::io::{self, ErrorKind, PipeReader, PipeWriter, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use ::log::{debug, error, info, warn};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::files;
use crate::net::plain_words;
use crate::protocol::Farewell;
use crate::tls::Fingerprint;
use connection::Connection;
use door::{Admission, Door};
use entrance::Entrance;
pub use listen::{BadBindAddress, BindAddress, BindError, announce};
pub use log::Log;
pub use operator::OperatorSecret;
pub use options::Options;
pub use process::{end_at_signals, raise_open_files};
use registry::Registry;
use room::{Room, Rules};
use sessions::Sessions;

/// How long to leave the listener alone when accepting fails, instead of failing in a spin.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How long accepting has to have gone well before a failure is told again.
const EPISODE: Duration = Duration::from_secs(1);

/// How long clients may take to close their side once the server has said farewell.
const GRACE: Duration = Duration::from_secs(1);

/// A session needs little; what it touches of this stays resident.
const STACK: usize = 256 * 1024;

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
    /// When a client could not be taken in for the last time.
    failed: Mutex<Option<Instant>>,
}

impl Server {
    /// Listens on every address of each of `addresses`; port 0 is any free one, the same for all.
    /// Of a name's several addresses those that this machine does not have are passed over. Fails
    /// with the first reason why it cannot listen.
    pub fn bind(addresses: &[BindAddress], options: Options) -> Result<Server, BindError> {
        let rules = Rules {
            history: options.history,
            most_replayed: options.send_buffer / 2,
            hold: options.hold.as_secs(),
            is_transcribed: false,
        };
        Ok(Server {
            listeners: listen::listen(addresses)?,
            ending: io::pipe().map_err(|error| BindError::System(plain_words(&error)))?,
            registry: Registry::new(Room::new(rules, Vec::new())),
            sessions: Sessions::new(options.hold),
            door: Door::new(
                options.max_clients,
                options.max_per_address,
                options.bans.clone(),
            ),
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
    }

    /// Says that a client cannot be taken in; once an episode.
    fn complain(&self, error: &io::Error) {
        let before = lock(&self.failed).replace(Instant::now());
        if before.is_none_or(|last| last.elapsed() > EPISODE) {
            let reason = plain_words(error);
            warn!("cannot take in more clients for now: {reason}");
        }
    }

    /// Waits for clients, or to be told to end, and takes in one at each listener where they are.
    fn take_in<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) -> io::Result<()> {
        let listeners = self.listeners.iter().map(AsFd::as_fd);
        let mut sources: Vec<_> = listeners
            .chain([self.ending.0.as_fd()])
            .map(|source| PollFd::new(source, PollFlags::POLLIN))
            .collect();
        poll(&mut sources, PollTimeout::NONE)?;
        for (listener, source) in self.listeners.iter().zip(&sources) {
            if source.any() == Some(false) || self.is_closing() {
                continue;
            }
            match listener.accept() {
                Ok((stream, peer)) => self.receive(scope, stream, peer)?,
                // Gone between poll(2) and accept(2).
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives a connection its thread, or turns it away. Fails when there is no thread to be had.
    fn receive<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> io::Result<()> {
        // Elsewhere than on Linux it takes after its listener.
        stream.set_nonblocking(false)?;
        let connection = Arc::new(Connection::new(stream, peer, &self.options)?);
        info!("connection from {}", connection.peer());
        let admission = match self.door.admit(&connection) {
            Ok(admission) => admission,
            Err(farewell) => {
                session::turn_away(&connection, farewell);
                return Ok(());
            }
        };
        self.spawn(&connection.clone(), scope, move || {
            self.let_in(scope, connection, admission)
        })
    }

    /// Runs `serve` for `connection` in a thread of its own. What fails in there ends this session only.
    fn spawn<'scope>(
        &'scope self,
        connection: &Arc<Connection>,
        scope: &'scope Scope<'scope, '_>,
        serve: impl FnOnce() + Send + 'scope,
    ) -> io::Result<()> {
        let peer = connection.peer();
        let guarded = move || {
            if panic::catch_unwind(AssertUnwindSafe(serve)).is_err() {
                error!("the session of {peer} failed, and ends");
                self.sessions.end(|_, theirs| theirs == peer);
            }
        };
        let spawned = thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, guarded);
        spawned
            .map(drop)
            .inspect_err(|_| session::turn_away(connection, Farewell::ServerFull))
    }

    /// Serves a client from its first byte on.
    ///
    /// Whoever shakes hands goes on in a fresh thread: that takes several times the stack of what
    /// follows, and what a stack once took stays resident as long as its thread.
    fn let_in<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        connection: Arc<Connection>,
        admission: Admission<'scope>,
    ) {
        let is_welcome = admission.farewell.is_none();
        let patience = match is_welcome {
            true => self.options.handshake_timeout,
            false => GRACE,
        };
        let deadline = Instant::now() + patience;
        match entrance::receive(&connection, &self.options, deadline, is_welcome) {
            Err(error) => {
                debug!("{} did not come in: {error}", connection.peer());
                connection.finish("");
                connection.drain();
            }
            Ok(Entrance::Sealed) => {
                let theirs = connection.clone();
                let serve = move || self.serve(theirs, admission, Entrance::Sealed, deadline);
                if let Err(error) = self.spawn(&connection, scope, serve) {
                    self.complain(&error);
                }
            }
            Ok(entrance) => self.serve(connection, admission, entrance, deadline),
        }
    }

    fn serve(
        &self,
        connection: Arc<Connection>,
        admission: Admission,
        entrance: Entrance,
        deadline: Instant,
    ) {
        let held = match admission.farewell {
            None => session::serve(self, &connection, entrance, deadline),
            Some(farewell) => {
                session::turn_away(&connection, farewell);
                None
            }
        };
        connection.drain();
        drop((admission, connection));
        if let Some(token) = held {
            self.sessions.watch(token);
        }
    }

    /// Ends [`run`](Self::run): no new clients, `BYE shutdown` to all after what is queued, and a
    /// second for it to arrive.
    pub fn shut_down(&self) {
        self.closing.store(true, Ordering::Release);
        // It cannot fail: the pipe is empty, and its other end is open.
        let _ = (&self.ending.1).write_all(b"!");
        self.registry.close();
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

/// Whether accepting failed for something the other side did (accept(2)), so that the next may
/// well succeed.
fn is_peers_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
            // How macOS answers socket options when the peer has already closed.
            | ErrorKind::InvalidInput
    )
}

/// A panic elsewhere does not make what the lock guards unusable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
