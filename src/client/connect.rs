//! The way to the server: what people give as its address, and a connection to it.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, channel, sync_channel};
use std::thread;
use std::time::Duration;

use super::Problem;
use super::link::KEEPALIVE;
use crate::net::{lacks_zone, plain_words, set_keepalive};
use crate::protocol::Text;

/// How long each address of the server may take to answer.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// How long the resolver may take: resolver(3) gives a name server five seconds, and there may be
/// a second one.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(10);

/// When a person begins to wonder.
const AWHILE: Duration = Duration::from_secs(1);

/// Where a server is: an IP address or a host name, and a port. Shown as people write it, with an
/// IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// Without brackets.
    host: String,
    port: u16,
}

impl ServerAddress {
    /// Of what `--host` and `--port` say, blanks and brackets around the host forgiven. Fails
    /// where it can be seen that this is no address (RF-6).
    pub fn of_flags(host: &str, port: &str) -> Result<Self, Problem> {
        let typed = host.trim();
        let web = typed.split_once("://");
        let authority = web.map_or(typed, |(_, rest)| {
            rest.split('/').next().unwrap_or_default()
        });
        let (host, own_port) = split_port(authority);
        if host.is_empty() {
            return Err(Problem::EmptyHost);
        }
        let mut flags = format!("--host {host}");
        if let Some(port) = own_port.filter(|port| !port.is_empty()) {
            flags += &format!(" --port {port}");
        }
        let port = match own_port {
            _ if web.is_some() => return Err(Problem::SchemeInHost(shown(typed), shown(&flags))),
            Some("") => "",
            Some(_) => return Err(Problem::PortInHost(shown(typed), shown(&flags))),
            None => port,
        };
        let port = match port.parse() {
            Ok(number @ 1..) if !port.starts_with('+') => number,
            _ => return Err(Problem::BadPort(shown(port))),
        };
        // However it is written, an address is one server.
        let (ip, zone) = host.split_at(host.find('%').unwrap_or(host.len()));
        let host = match ip.parse::<IpAddr>() {
            Ok(ip) if zone.is_empty() && lacks_zone(&(ip, port).into()) => {
                return Err(Problem::NoZone(shown(host)));
            }
            Ok(ip) => format!("{}{zone}", ip.to_canonical()),
            Err(_) => host.to_owned(),
        };
        Ok(ServerAddress { host, port })
    }

    /// Of a single argument: HOST or HOST:PORT. Where it has no port, `port` counts.
    pub fn of_argument(server: &str, port: &str) -> Result<Self, Problem> {
        let (host, own_port) = split_port(server);
        Self::of_flags(host, own_port.unwrap_or(port))
    }

    /// All its addresses, as the system's resolver has them, within [`RESOLVE_PATIENCE`].
    fn resolve(&self) -> Result<Vec<SocketAddr>, Problem> {
        let unknown = || Problem::UnknownHost(shown(&self.host));
        // Nobody needs to be asked, and nothing answers where there is no network (RFC 6761, 6.4).
        if self.host.ends_with(".invalid") {
            return Err(unknown());
        }
        let (sender, resolved) = sync_channel(1);
        let (host, port) = (self.host.clone(), self.port);
        let resolve = move || {
            let addresses = (host, port).to_socket_addrs().map(Vec::from_iter);
            // Nobody waits for it any more where it fails.
            let _ = sender.send(addresses);
        };
        thread::Builder::new().spawn(resolve)?;
        match resolved.recv_timeout(RESOLVE_PATIENCE) {
            Ok(Ok(addresses)) if addresses.is_empty() => Err(unknown()),
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) if error.raw_os_error().is_some() => Err(error.into()),
            Ok(Err(error)) if !is_resolver_silent(&error) => Err(unknown()),
            _ => Err(Problem::NoResolver(shown(&self.host))),
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// What somebody typed, as it can be shown to them.
fn shown(typed: &str) -> String {
    Text::new(typed).to_string()
}

/// HOST, without brackets, and PORT of what is written HOST:PORT or `[IPv6]:PORT`; without a port,
/// all is the host.
fn split_port(typed: &str) -> (&str, Option<&str>) {
    let typed = typed.trim();
    let (host, port) = match typed.rsplit_once(':') {
        _ if typed.contains("://") => (typed, None),
        Some((host, _)) if host.contains(':') && !host.ends_with(']') => (typed, None),
        Some((host, port)) => (host, Some(port)),
        None => (typed, None),
    };
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    (bare.unwrap_or(host), port)
}

/// Whether nobody could be asked, or nobody answered in time (`EAI_AGAIN`, getaddrinfo(3)). The
/// standard library passes on the words alone: here glibc's and macOS's, then musl's.
fn is_resolver_silent(error: &io::Error) -> bool {
    let words = error.to_string();
    ["Temporary failure in name resolution", "Try again"]
        .iter()
        .any(|silent| words.contains(silent))
}

/// Connects to the server as [`reach`] does; where that takes more than a second, calls `still_trying`
/// once.
pub fn connect(
    server: &ServerAddress,
    still_trying: impl FnOnce() + Send,
) -> Result<TcpStream, Problem> {
    thread::scope(|scope| {
        let (_connecting, ended) = channel::<()>();
        let watch = move || {
            if ended.recv_timeout(AWHILE) == Err(RecvTimeoutError::Timeout) {
                still_trying();
            }
        };
        thread::Builder::new().spawn_scoped(scope, watch)?;
        reach(server)
    })
}

/// Connects to the server, each of its addresses in turn. Fails with what happened at the first
/// address to which there is a way.
pub fn reach(server: &ServerAddress) -> Result<TcpStream, Problem> {
    let mut problem = None;
    for address in server.resolve()? {
        match connect_to(address) {
            Ok(stream) => return Ok(stream),
            Err(later) => {
                problem = match problem {
                    None | Some(Problem::Unreachable(_)) => Some(later),
                    first => first,
                }
            }
        }
    }
    Err(problem.expect("a resolved name has an address"))
}

fn connect_to(address: SocketAddr) -> Result<TcpStream, Problem> {
    if lacks_zone(&address) {
        return Err(Problem::NoZone(address.ip().to_string()));
    }
    let stream = TcpStream::connect_timeout(&address, CONNECT_PATIENCE);
    let stream = stream.map_err(|error| match error.kind() {
        ErrorKind::ConnectionRefused => Problem::Refused(address),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Problem::Unreachable(address),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Problem::TimedOut(address),
        // Taken, and broken before anybody looked.
        kind @ (ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted) => {
            Problem::ConnectionLost(kind)
        }
        _ => Problem::NoConnection(address, plain_words(&error)),
    })?;
    stream.set_nodelay(true)?;
    set_keepalive(&stream, KEEPALIVE)?;
    Ok(stream)
}
