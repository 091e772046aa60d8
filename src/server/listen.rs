use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

use crate::net::plain_words;

/// How many connections the kernel holds for us until they are accepted.
const BACKLOG: i32 = 1024;

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Not an address or a host name with a port, or the name has no address.
    #[error("{address:?} is no address to listen on ({reason}); give one like 0.0.0.0:50001")]
    Unresolvable {
        /// As given.
        address: String,
        /// In the words of the resolver.
        reason: String,
    },
    /// Another program listens there.
    #[error("{0} is in use by another program; choose another port, or stop that program")]
    InUse(SocketAddr),
    /// No interface of this machine has the address.
    #[error("{0} is not an address of this machine; 0.0.0.0 stands for all it has")]
    NotOurs(SocketAddr),
    /// The port is reserved.
    #[error("no permission to listen on {0}; choose a port from 1024 on")]
    NoPermission(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {reason}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// In the words of the system.
        reason: String,
    },
}

/// Listens on the first address of `address` that can be had, and says which that is.
pub fn bind(address: &str) -> Result<(TcpListener, SocketAddr), BindError> {
    let unresolvable = |reason: String| BindError::Unresolvable {
        address: address.to_owned(),
        reason,
    };
    let candidates = address
        .to_socket_addrs()
        .map_err(|e| unresolvable(e.to_string()))?;
    let mut failure = unresolvable("it has no address".to_owned());
    for candidate in candidates {
        match listen(candidate).and_then(|listener| Ok((listener.local_addr()?, listener))) {
            Ok((address, listener)) => return Ok((listener, address)),
            Err(error) => failure = BindError::new(candidate, &error),
        }
    }
    Err(failure)
}

impl BindError {
    fn new(address: SocketAddr, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::AddrInUse => BindError::InUse(address),
            ErrorKind::AddrNotAvailable => BindError::NotOurs(address),
            ErrorKind::PermissionDenied => BindError::NoPermission(address),
            _ => BindError::Other {
                address,
                reason: plain_words(error),
            },
        }
    }
}

/// The standard library's listener has a backlog of 128, too short for a room that comes in at
/// once.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restarted server gets its port back while old connections are in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
