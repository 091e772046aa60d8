//! What both sides ask of TCP, and how its errors are told.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// Makes the kernel give `stream` up once its peer has been silent for `patience`, at least a
/// second: its reads and writes then fail with `TimedOut`. Fails where the options cannot be set.
///
/// On Linux `TCP_USER_TIMEOUT` overrides the count of probes and also covers data that is never
/// acknowledged (tcp(7)), so both come from one figure. Elsewhere the probes alone decide.
/// `takes_its_time` leaves it out: the timeout also counts a peer's closed window, which is how a
/// server slows a flood down.
pub fn give_up_after(
    stream: &TcpStream,
    patience: Duration,
    takes_its_time: bool,
) -> io::Result<()> {
    let second = Duration::from_secs(1);
    let socket = SockRef::from(stream);
    let probes = TcpKeepalive::new()
        .with_time((patience / 2).max(second))
        .with_interval((patience / 6).max(second))
        .with_retries(3);
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(target_os = "linux")]
    if !takes_its_time {
        socket.set_tcp_user_timeout(Some(patience.max(second)))?;
    }
    Ok(())
}

/// The system's words for `error`, without its number, which tells a person nothing.
pub fn plain_words(error: &io::Error) -> String {
    let words = error.to_string();
    let end = words.find(" (os error").unwrap_or(words.len());
    words[..end].to_lowercase()
}
