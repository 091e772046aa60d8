//! Whom the client believes: how encryption begins, and the servers it knows by their keys.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustls::Error;

use super::{Ending, Problem, ServerAddress, is_here};
use crate::files;
use crate::net::plain_words;
use crate::protocol::{Event, Text};
use crate::tls::{Fingerprint, Pin, Stream};

/// How long a server may take until what is said is encrypted.
const PATIENCE: Duration = Duration::from_secs(9);

/// How long encryption may take to cross the greeting of a server that took us for a plain client.
const CROSSING: Duration = Duration::from_secs(3);

/// How much of a line in plain is looked at, and how long its end may take.
const LONGEST: usize = 64;
const REST: Duration = Duration::from_millis(500);

/// The first bytes of TLS records (RFC 8446, section 5.1).
const RECORDS: std::ops::RangeInclusive<u8> = 0x14..=0x17;

/// What a client believes before it meets a server.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The key that the server has to have, whatever is known of it.
    pub fingerprint: Option<Fingerprint>,
    /// The file of known servers: `host:port FINGERPRINT`, one a line. Without it every server is new.
    pub known_servers: Option<PathBuf>,
}

impl Trust {
    /// With the fingerprint and the file of known servers that are given, or else the usual file.
    /// Fails when the fingerprint is none.
    pub fn new(fingerprint: Option<&str>, known_servers: Option<PathBuf>) -> Result<Self, Problem> {
        let parsed = fingerprint.map(|typed| {
            let malformed = |_| Problem::BadFingerprint(Text::new(typed).to_string());
            typed.parse().map_err(malformed)
        });
        let usual = || Some(files::state_folder("chat-client")?.join("known-servers"));
        Ok(Trust {
            fingerprint: parsed.transpose()?,
            known_servers: known_servers.or_else(usual),
        })
    }
}

/// A server that has proven which key it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// Its key.
    pub key: Fingerprint,
    /// It was seen for the first time, and nobody has said that it is the right one.
    pub is_new: bool,
    /// Why it is not in the file of known servers now, if it should be.
    pub unkept: Option<String>,
}

/// Begins encryption over `socket`, to a server that people call `server`; takes ten seconds at most.
///
/// On this machine a key is neither checked nor kept, unless one was given: nobody is in between.
/// Fails when the server does not encrypt, or has another key than it should; nothing but the
/// handshake was sent then.
pub fn encrypt(socket: TcpStream, server: &str, trust: &Trust) -> Result<(Stream, Met), Ending> {
    let is_here = is_here(&socket);
    let given = trust.fingerprint;
    let file = trust.known_servers.as_deref();
    let file = file.filter(|_| given.is_some() || !is_here);
    let known = match file {
        Some(file) => known(file, server).map_err(|error| Problem::UnreadableServers {
            file: file.to_owned(),
            reason: plain_words(&error),
        })?,
        None => None,
    };
    let (expected, known_in) = match (given, known, file) {
        (None, Some((Some(key), line)), Some(file)) => (Some(key), Some((file.to_owned(), line))),
        (None, Some((None, line)), Some(file)) => {
            let file = file.to_owned();
            return Err(Problem::UnreadableKey { file, line }.into());
        }
        _ => (given, None),
    };

    let pin = Pin::new(expected);
    let stream = Stream::plain(socket);
    let deadline = Instant::now() + PATIENCE;
    let cipher = pin.connection().map_err(|_| Problem::Garbled)?;
    stream.seal(cipher).map_err(|error| failed(&error))?;
    await_record(stream.socket(), deadline)?;
    let met = loop {
        match wait_until(stream.socket(), deadline).and_then(|()| stream.shake_hands()) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            met => break met,
        }
    };
    let key = match (met, pin.seen(), expected) {
        (Ok(()), Some(seen), _) => seen,
        (_, Some(seen), Some(expected)) if seen != expected => {
            return Err(Problem::OtherKey {
                seen,
                expected,
                known_in,
            }
            .into());
        }
        (Err(error), ..) => return Err(failed(&error).into()),
        (Ok(()), None, _) => return Err(Problem::Unproven.into()),
    };
    stream
        .socket()
        .set_read_timeout(None)
        .map_err(|error| failed(&error))?;

    let is_new = expected.is_none() && !is_here;
    let kept = match file {
        Some(file) if given.is_some() => replace(file, server, key),
        Some(file) if is_new => remember(file, server, key),
        None if is_new => Err(ErrorKind::NotFound.into()),
        _ => Ok(()),
    };
    let unkept = kept.err().map(|error| plain_words(&error));
    Ok((
        stream,
        Met {
            key,
            is_new,
            unkept,
        },
    ))
}

/// Waits for the first byte of the server's answer, and leaves it there. Overlooked is the greeting of
/// a server that took us for a plain client; whatever else comes in plain is the end.
fn await_record(socket: &TcpStream, mut deadline: Instant) -> Result<(), Ending> {
    let mut is_greeted = false;
    loop {
        let mut first = [0];
        match wait_until(socket, deadline).and_then(|()| socket.peek(&mut first)) {
            Ok(0) => return Err(Problem::ConnectionClosed.into()),
            Ok(_) if RECORDS.contains(&first[0]) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock && is_greeted => {
                return Err(Problem::NotEncrypted.into());
            }
            Err(error) => return Err(failed(&error).into()),
        }
        match plain_line(socket).parse() {
            Ok(Event::AskUsername | Event::AskPassword) if !is_greeted => is_greeted = true,
            Ok(Event::Goodbye(farewell)) => return Err(Ending::Dismissed(farewell)),
            _ => return Err(Problem::NotEncrypted.into()),
        }
        deadline = deadline.min(Instant::now() + CROSSING);
    }
}

/// A line in plain, or what there is of it.
fn plain_line(mut socket: &TcpStream) -> String {
    let deadline = Instant::now() + REST;
    let mut line = Vec::new();
    let mut next = [0];
    while line.len() < LONGEST
        && matches!(
            wait_until(socket, deadline).and_then(|()| socket.read(&mut next)),
            Ok(1)
        )
        && next != *b"\n"
    {
        line.extend(next);
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// Bounds the wait of the next read; fails as that does when there is no time left.
fn wait_until(socket: &TcpStream, deadline: Instant) -> io::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(ErrorKind::WouldBlock.into()),
        false => socket.set_read_timeout(Some(left)),
    }
}

/// What a failed handshake is called: there are more reasons than a person can do something about.
fn failed(error: &io::Error) -> Problem {
    let tls = error.get_ref().and_then(|error| error.downcast_ref());
    match (error.kind(), tls) {
        (_, Some(Error::InvalidCertificate(_))) => Problem::Unproven,
        (_, Some(Error::AlertReceived(_) | Error::PeerIncompatible(_))) => Problem::NoCommonTls,
        (_, Some(_)) => Problem::Garbled,
        (ErrorKind::WouldBlock, _) => Problem::Silent,
        (ErrorKind::UnexpectedEof, _) => Problem::ConnectionClosed,
        (kind, _) => Problem::ConnectionLost(kind),
    }
}

/// Which key `server` has by `file`, where that can be read, and by which line of it, counted from 1.
/// Lines that say nothing of it are passed over.
fn known(file: &Path, server: &str) -> io::Result<Option<(Option<Fingerprint>, usize)>> {
    let text = read(file)?;
    let about = |(entry, line)| Some((key_of(entry, server)?, line));
    Ok(text.lines().zip(1..).find_map(about))
}

/// What is in `file`, if anything is, without the byte order mark that some editors write.
fn read(file: &Path) -> io::Result<String> {
    match fs::read(file) {
        Err(error) if files::is_absent(&error) => Ok(String::new()),
        text => Ok(String::from_utf8_lossy(&text?)
            .trim_start_matches('\u{feff}')
            .to_owned()),
    }
}

/// The key in `entry`, where it can be read, if that is about `server`. What stands behind it is
/// ignored.
fn key_of(entry: &str, server: &str) -> Option<Option<Fingerprint>> {
    let mut words = entry.split_whitespace();
    let name = ServerAddress::of_argument(words.next()?, "").ok()?;
    let mut groups = String::new();
    let key = words.find_map(|word| {
        groups += word;
        groups.parse().ok()
    });
    let is_about = name.to_string().eq_ignore_ascii_case(server);
    is_about.then_some(key)
}

fn remember(file: &Path, server: &str, key: Fingerprint) -> io::Result<()> {
    files::append(file, &format!("{server} {key}"))
}

/// Makes this the only line about `server`.
fn replace(file: &Path, server: &str, key: Fingerprint) -> io::Result<()> {
    let text = read(file)?;
    let (about, others): (Vec<&str>, Vec<&str>) = text
        .lines()
        .partition(|entry| key_of(entry, server).is_some());
    if let [only] = about[..]
        && key_of(only, server) == Some(Some(key))
    {
        return Ok(());
    }
    let mut lines: String = others.iter().map(|entry| format!("{entry}\n")).collect();
    lines += &format!("{server} {key}\n");
    files::replace(file, &lines)
}

#[cfg(test)]
mod tests;
