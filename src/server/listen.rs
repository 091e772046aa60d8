//! Where the server listens, and what others have to type to reach it there.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::str::FromStr;

use if_addrs::{Interface, get_if_addrs};
use log::{info, warn};
use socket2::{Domain, Protocol, Socket, Type};

use super::Server;
use crate::net::{lacks_zone, plain_words};

/// How many connections the kernel holds for us until they are accepted. The standard library's
/// 128 are too few for a room that comes in at once.
const BACKLOG: i32 = 1024;

/// How often another free port is tried for, until one is free on every address.
const TRIES: usize = 16;

/// An IP address or a host name, and a port: `0.0.0.0:50001`, `localhost:0`,
/// `[fe80::7%eth0]:50001`. It has the form of something to listen on; whether one can is seen then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindAddress {
    /// Without brackets.
    host: String,
    port: u16,
}

/// What was given has not the form of a [`BindAddress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("give an address and a port from 0 to 65535, like 0.0.0.0:50001")]
pub struct BadBindAddress;

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A name that has no address, or a zone that this machine has no interface for.
    #[error("\"{address}\" is no address to listen on ({reason}); give one like 0.0.0.0:50001")]
    Unresolvable {
        /// As given.
        address: BindAddress,
        /// In the words of the resolver.
        reason: String,
    },
    /// Another program listens there.
    #[error("{0} is in use by another program; choose another port, or stop that program")]
    InUse(SocketAddr),
    /// No interface of this machine has the address.
    #[error("{0} is not an address of this machine; 0.0.0.0 stands for all it has")]
    NotOurs(SocketAddr),
    /// A link-local address without its zone: each of several networks could be meant.
    #[error("{0} needs the name of its interface, like [fe80::7%eth0]:50001")]
    NoZone(SocketAddr),
    /// The port is reserved.
    #[error("no permission to listen on {0}; choose a port from 1024 on")]
    NoPermission(SocketAddr),
    /// The system has nothing left to wake the listeners with when the server is to end.
    #[error("cannot start: {0}")]
    System(String),
    /// Anything else.
    #[error("cannot listen on {address}: {reason}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// In the words of the system.
        reason: String,
    },
}

impl FromStr for BindAddress {
    type Err = BadBindAddress;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let (host, port) = typed.trim().rsplit_once(':').ok_or(BadBindAddress)?;
        let in_brackets = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = in_brackets.unwrap_or(host).to_owned();
        match port.parse() {
            Ok(port) if !host.is_empty() => Ok(BindAddress { host, port }),
            _ => Err(BadBindAddress),
        }
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl BindAddress {
    fn resolve(&self) -> Result<Vec<SocketAddr>, BindError> {
        let addresses = (&*self.host, self.port).to_socket_addrs();
        addresses
            .map(Vec::from_iter)
            .map_err(|error| BindError::Unresolvable {
                address: self.clone(),
                reason: plain_words(&error),
            })
    }
}

impl BindError {
    fn new(address: SocketAddr, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::AddrInUse => BindError::InUse(address),
            ErrorKind::AddrNotAvailable => BindError::NotOurs(address),
            ErrorKind::PermissionDenied => BindError::NoPermission(address),
            _ if lacks_zone(&address) => BindError::NoZone(address),
            _ => BindError::Other {
                address,
                reason: plain_words(error),
            },
        }
    }
}

/// Listens on every address of each of `binds`; port 0 is one free port for all that ask for it.
/// None of the listeners blocks.
///
/// Of a name's several addresses one that this machine does not have is passed over with a warning,
/// as long as there is another: hosts(5) often knows ::1 where there is no IPv6. Whatever else
/// fails, fails the whole; nobody should believe to be reached where another program answers.
pub fn listen(binds: &[BindAddress]) -> Result<Vec<TcpListener>, BindError> {
    let mut wanted: Vec<(SocketAddr, bool)> = Vec::new();
    for bind in binds {
        let addresses = bind.resolve()?;
        let has_others = addresses.len() > 1;
        for address in addresses {
            if !wanted.iter().any(|(other, _)| covers(other, &address)) {
                wanted.retain(|(other, _)| !covers(&address, other));
                wanted.push((address, has_others));
            }
        }
    }
    let takes_any_port = wanted.iter().any(|(address, _)| address.port() == 0);
    let mut outcome = listen_on(&wanted);
    for _ in 1..TRIES {
        if takes_any_port && matches!(outcome, Err(BindError::InUse(_))) {
            outcome = listen_on(&wanted);
        }
    }
    outcome
}

/// Whether whoever listens on `address` is reached at `other` too, and nobody else can listen there.
fn covers(address: &SocketAddr, other: &SocketAddr) -> bool {
    let is_any = address.ip().is_unspecified() && (address.is_ipv6() || other.is_ipv4());
    address == other || is_any && address.port() == other.port()
}

fn listen_on(wanted: &[(SocketAddr, bool)]) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::new();
    let mut failure = None;
    let mut free_port = 0;
    for &(mut address, has_others) in wanted {
        let takes_any_port = address.port() == 0;
        if takes_any_port {
            address.set_port(free_port);
        }
        match open(address).and_then(|listener| Ok((listener.local_addr()?, listener))) {
            Ok((address, listener)) => {
                if takes_any_port {
                    free_port = address.port();
                }
                listeners.push(listener);
            }
            Err(error) => match BindError::new(address, &error) {
                error @ (BindError::NotOurs(_) | BindError::Other { .. }) if has_others => {
                    failure = Some(error);
                }
                error => return Err(error),
            },
        }
    }
    match failure {
        Some(failure) if listeners.is_empty() => return Err(failure),
        Some(failure) => warn!("{failure}"),
        None => {}
    }
    Ok(listeners)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // A restarted server gets its port back while old connections are in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // [::] is for both families, whatever /proc/sys/net/ipv6/bindv6only says.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Says where the server listens, and the commands with which others can come in (RF-10). Each MUST
/// work as it is printed: with the zone of a link-local address, and what is good on this machine
/// alone says so. The key goes with it.
pub fn announce(server: &Server) {
    let addresses = server.addresses();
    let fingerprint = server.fingerprint();
    for address in &addresses {
        info!("listening on {address}");
    }
    if let Some(fingerprint) = fingerprint {
        info!("fingerprint {fingerprint}");
    }
    // A password is taken from afar encrypted only.
    let is_local = fingerprint.is_none() && server.options.password.is_some();
    if is_local {
        warn!("with a password and without encryption, people come in from this machine alone");
    }
    // Without a list of interfaces there is less to suggest, and nothing is lost.
    let mut interfaces = get_if_addrs().unwrap_or_default();
    interfaces.retain(|it| it.is_oper_up() && (!is_local || it.ip().is_loopback()));
    let mut told = Vec::new();
    let how = match fingerprint {
        Some(key) => format!("--fingerprint {key}"),
        None => "--plaintext".to_owned(),
    };
    for address in &addresses {
        let port = address.port();
        for (ip, zone) in reached_at(address, &interfaces) {
            if is_local && reach(&ip) != Reach::Machine {
                continue;
            }
            let command = match reach(&ip) {
                Reach::Interface => format!("chat-client --host {ip}%{zone} --port {port} {how}"),
                _ => format!("chat-client --host {ip} --port {port} {how}"),
            };
            if told.contains(&command) {
                continue;
            }
            match reach(&ip) {
                Reach::Machine => info!("on this machine others join with: {command}"),
                _ => info!("others join with: {command}"),
            }
            if reach(&ip) == Reach::Interface {
                info!("where their interface has another name, it stands in place of {zone}");
            }
            told.push(command);
        }
    }
    if told.is_empty() && !is_local {
        warn!("this machine has no network, so nobody can join for now");
    }
}

/// From where an address can be reached, the widest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Network,
    /// Where one says by which interface (IPv6, link-local).
    Interface,
    Machine,
}

fn reach(ip: &IpAddr) -> Reach {
    match ip {
        ip if ip.is_loopback() => Reach::Machine,
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Reach::Interface,
        _ => Reach::Network,
    }
}

/// The addresses, each with its interface, at which others reach what listens on `address`: of all
/// that 0.0.0.0 or `[::]` stand for those of the widest reach, the most usual first.
fn reached_at(address: &SocketAddr, interfaces: &[Interface]) -> Vec<(IpAddr, String)> {
    if !address.ip().is_unspecified() {
        let zone = match address {
            SocketAddr::V6(v6) => v6.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let interface = interfaces.iter().find(|i| i.index == Some(zone));
        let zone = interface.map_or(zone.to_string(), |i| i.name.clone());
        return vec![(address.ip().to_canonical(), zone)];
    }
    let of_family = |i: &&Interface| i.ip().is_ipv4() || address.is_ipv6();
    let all = interfaces.iter().filter(of_family);
    let mut all: Vec<_> = all.map(|i| (i.ip(), i.name.clone())).collect();
    all.sort_by_key(|(ip, _)| {
        let is_makeshift = matches!(ip, IpAddr::V4(v4) if v4.is_link_local());
        (reach(ip), is_makeshift, ip.is_ipv6())
    });
    let widest = all.first().map(|(ip, _)| reach(ip));
    all.retain(|(ip, _)| Some(reach(ip)) == widest);
    all
}
