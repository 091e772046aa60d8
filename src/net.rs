//! What both sides ask of TCP, and how its errors are told.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// Makes the kernel give `stream` up once its peer has vanished, within `patience`, plus a 24th of it
/// or a second, whichever is longer: its reads and writes then fail with `TimedOut`. Fails where the
/// options cannot be set.
///
/// On Linux `TCP_USER_TIMEOUT` takes the place of the count of probes, and also bounds how long data
/// may stay unacknowledged (tcp(7)). It counts anew from the first data sent into the void, which may
/// be just before the probes would have given up; so each of the two gets half of `patience`. Probes
/// follow each other closely only where one was not answered; they are many, so that some may be
/// lost. Elsewhere the probes alone decide.
pub fn set_keepalive(stream: &TcpStream, patience: Duration) -> io::Result<()> {
    let second = Duration::from_secs(1);
    let socket = SockRef::from(stream);
    let probes = TcpKeepalive::new()
        .with_time((patience / 4).max(second))
        .with_interval((patience / 24).max(second))
        .with_retries(6);
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some((patience / 2).max(second)))?;
    Ok(())
}

/// Lets data wait on `stream` for as long as it takes, from now on: a server that slows down a flood
/// keeps its window closed, which `TCP_USER_TIMEOUT` counts as silence. A peer that vanishes is then
/// found in time only while nothing waits.
#[cfg_attr(
    not(target_os = "linux"),
    expect(unused_variables, reason = "nothing was set that is to be taken back")
)]
pub fn clear_user_timeout(stream: &TcpStream) {
    // It can fail only where it could not be set.
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_user_timeout(None);
}

/// Whether `address` is link-local (IPv6) without the zone that says which network is meant
/// (RFC 4007).
pub fn lacks_zone(address: &SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0)
}

/// The system's words for `error`, without its number, which tells a person nothing.
pub fn plain_words(error: &io::Error) -> String {
    let words = error.to_string();
    let end = words.find(" (os error").unwrap_or(words.len());
    words[..end].to_lowercase()
}
