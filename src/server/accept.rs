use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use log::{debug, error, info, warn};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::connection::Connection;
use super::door::Admission;
use super::entrance::{self, Entrance};
use super::{GRACE, Server, lock, session};
use crate::net::plain_words;
use crate::protocol::Farewell;

/// How long accepting has to have gone well before a failure is told again.
const EPISODE: Duration = Duration::from_secs(10);

/// A session needs little; what it touches of this stays resident. So that it touches little, what
/// a session does is not inlined into one frame with room for all of it.
const STACK: usize = 256 * 1024;

/// More than four times as much as a session's. For glibc keeps the stacks of ended threads, and
/// gives them to threads that ask for a quarter of their size or more; of one in which somebody has
/// shaken hands 16 KiB stay resident, and no session is to be given it. Of large stacks it also keeps
/// fewer.
const HANDSHAKE_STACK: usize = 5 * STACK;

/// From the listener to a thread for each client.
impl Server {
    /// Says that a client cannot be taken in; once an episode.
    pub(super) fn complain(&self, error: &io::Error) {
        let before = lock(&self.failed).replace(Instant::now());
        if before.is_none_or(|last| last.elapsed() > EPISODE) {
            let reason = plain_words(error);
            warn!("cannot take in more clients for now: {reason}");
        }
    }

    /// Waits until there are clients, or the server is to end; takes in one client from each listener
    /// that has any.
    pub(super) fn take_in<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
    ) -> io::Result<()> {
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
        let admission = match self.door.admit(&connection, &self.options) {
            Ok(admission) => admission,
            Err(farewell) => {
                session::turn_away(&connection, farewell);
                return Ok(());
            }
        };
        self.spawn(&connection.clone(), scope, HANDSHAKE_STACK, move || {
            self.let_in(scope, connection, admission)
        })
    }

    /// Runs `serve` for `connection` in a thread of its own. What fails in there ends this session only.
    fn spawn<'scope>(
        &'scope self,
        connection: &Arc<Connection>,
        scope: &'scope Scope<'scope, '_>,
        stack: usize,
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
            .stack_size(stack)
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
                if let Err(error) = self.spawn(&connection, scope, STACK, serve) {
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
}

/// Whether accepting failed for something the other side did (accept(2)), so that the next may
/// well succeed.
pub fn is_peers_fault(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
            // How macOS answers socket options when the peer has already closed.
            | ErrorKind::InvalidInput
    )
}
