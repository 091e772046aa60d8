//! Somebody with a session, who keeps what it takes to come back.

use std::collections::VecDeque;
use std::io::Write;
use std::mem;

use chat::protocol::Stamp;

use super::{Peer, Server, skip_until};

/// Somebody in the room whose session outlives the connection.
pub struct Member {
    pub peer: Peer,
    /// The connection before, as long as it may still be open.
    pub old: Option<Peer>,
    pub name: String,
    pub token: String,
    /// The last stamp that was seen.
    pub last: Stamp,
    /// What happened in the room, without the stamps.
    pub heard: Vec<String>,
    /// How many lines were sent since `SESSION`.
    sent: u64,
    /// Those of which the server has not said yet that they have taken effect.
    pub unconfirmed: VecDeque<String>,
}

impl Member {
    /// Comes in through a door that nothing was said at.
    #[track_caller]
    pub fn enter(mut peer: Peer, name: &str) -> Member {
        peer.expect("<USERNAME>");
        peer.send(&format!("/session\n{name}"));
        peer.expect_start(&format!("WELCOME {name} "));
        let (last, session) = loop {
            let line = peer.line().expect("the server goes on");
            if let (Some(stamp), event) = Stamp::split(&line)
                && event.starts_with("SESSION ")
            {
                break (stamp, event.to_owned());
            }
        };
        Member {
            peer,
            old: None,
            name: name.to_owned(),
            token: session.split(' ').nth(1).unwrap().to_owned(),
            last,
            heard: Vec::new(),
            sent: 0,
            unconfirmed: VecDeque::new(),
        }
    }

    /// Somebody else who knows the token, at the door.
    pub fn copy(&self, peer: Peer) -> Member {
        Member {
            peer,
            old: None,
            name: self.name.clone(),
            token: self.token.clone(),
            last: self.last,
            heard: Vec::new(),
            sent: self.sent,
            unconfirmed: self.unconfirmed.clone(),
        }
    }

    /// Sends a line, which the connection may lose.
    pub fn send(&mut self, line: &str) {
        self.send_all(&[line]);
    }

    /// The same for several lines at once.
    pub fn send_all(&mut self, lines: &[&str]) {
        self.sent += lines.len() as u64;
        self.unconfirmed.extend(lines.iter().map(|&s| s.to_owned()));
        let bytes: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let _ = self.peer.wire.write_all(bytes.as_bytes());
    }

    /// The next line without its stamp; takes note of what it says of stamps and of lines that have
    /// taken effect. `None` when the connection has ended or is broken.
    #[track_caller]
    pub fn any_line(&mut self) -> Option<String> {
        let line = self.peer.whole_line()?;
        if let Some(count) = line.strip_prefix("GOT ") {
            self.confirm(count);
        }
        let (stamp, event) = Stamp::split(&line);
        if let Some(stamp) = stamp {
            let last = self.last;
            assert!(stamp > last, "expected: after {last}\n    came: {line}");
            self.last = stamp;
            self.heard.push(event.to_owned());
        }
        Some(event.to_owned())
    }

    /// The same, but for those lines which only say that one's own have taken effect.
    #[track_caller]
    pub fn line(&mut self) -> Option<String> {
        loop {
            let line = self.any_line()?;
            if !line.starts_with("GOT ") {
                return Some(line);
            }
        }
    }

    /// The next line has to be this one.
    #[track_caller]
    pub fn expect(&mut self, expected: &str) {
        let line = self.line();
        assert_eq!(line.as_deref(), Some(expected), "(left: came)");
    }

    /// The next line has to begin so; returns it.
    #[track_caller]
    pub fn expect_start(&mut self, expected: &str) -> String {
        let line = self.line().unwrap_or_default();
        let is_so = line.starts_with(expected);
        assert!(is_so, "expected: {expected:?}…\n    came: {line:?}");
        line
    }

    /// All lines until this one.
    #[track_caller]
    pub fn wait_for(&mut self, expected: &str) -> Vec<String> {
        skip_until(expected, || self.line())
    }

    /// Waits until all that was sent has taken effect. Returns what came in between.
    #[track_caller]
    pub fn sync(&mut self) -> Vec<String> {
        self.send("/sync");
        self.wait_for("ERR unknown-command /sync")
    }

    /// Lets the connection end, and hears what has come so far.
    #[track_caller]
    pub fn let_go(&mut self) {
        self.peer.half_close();
        while self.line().is_some() {}
    }

    /// The same, and waits until the server holds the session.
    #[track_caller]
    pub fn go_away(&mut self, server: &Server) {
        self.let_go();
        server.process.wait_for(&format!("{} is held", self.name));
    }

    /// Goes on over another connection, and sends again what did not take effect. Returns how many
    /// lines did.
    #[track_caller]
    pub fn come_back(&mut self, peer: Peer) -> u64 {
        self.try_to_come_back(peer).expect("the session is known")
    }

    /// The same; `None` where the session is not known.
    #[track_caller]
    pub fn try_to_come_back(&mut self, peer: Peer) -> Option<u64> {
        // Not closed yet: whether it still is alive, the server has to find out.
        self.old = Some(mem::replace(&mut self.peer, peer));
        self.peer.expect("<USERNAME>");
        let request = format!("/resume {} {}", self.token, self.last);
        self.peer.send(&request);
        let answer = self.peer.line().expect("the server answers");
        if answer == "ERR session-unknown" {
            return None;
        }
        let words: Vec<&str> = answer.split(' ').collect();
        let ["RESUMED", _, _, count] = words[..] else {
            panic!("expected: RESUMED …\n    came: {answer}");
        };
        self.confirm(count);
        let again: String = self.unconfirmed.iter().map(|s| s.clone() + "\n").collect();
        let _ = self.peer.wire.write_all(again.as_bytes());
        Some(count.parse().unwrap())
    }

    /// So many of the lines have taken effect.
    #[track_caller]
    fn confirm(&mut self, count: &str) {
        let count: u64 = count.parse().unwrap();
        let waiting = self.sent.checked_sub(count);
        let waiting = waiting.expect("no more lines than were sent") as usize;
        let confirmed = self.unconfirmed.len().checked_sub(waiting);
        let confirmed = confirmed.expect("what took effect still does");
        self.unconfirmed.drain(..confirmed);
    }
}
