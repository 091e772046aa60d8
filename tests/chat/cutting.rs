//! Connections that break after any byte, plain and encrypted.

use std::io::Write;

use crate::support::client::{client_of, last_words};
use crate::support::proxy::{Break, Cut, Proxy, Way};
use crate::support::{Peer, Process, Server};

/// Every way to break a connection that both ends notice, after each of `length` bytes of one way.
fn everywhere(way: Way, length: usize) -> impl Iterator<Item = Cut> {
    let at = move |by| (0..=length).map(move |after| Cut { way, after, by });
    [Break::Fin, Break::Reset].into_iter().flat_map(at)
}

/// What others hear of somebody who has said `bytes`, and then broke off by `by`.
fn heard_of(bytes: &[u8], by: Break) -> Vec<String> {
    let mut lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    // A half line counts when its author closes, and not when the connection breaks.
    let half = lines.pop().unwrap();
    if by == Break::Fin && !half.is_empty() {
        lines.push(half);
    }
    let mut lines = lines
        .into_iter()
        .filter_map(|line| str::from_utf8(line).ok());
    let Some(name) = lines.next() else {
        return Vec::new();
    };
    let told = lines.filter_map(|line| match line.strip_prefix("/msg watcher ") {
        Some("") => None,
        Some(text) => Some(format!("PRIV {name} watcher {text}")),
        // Half a private line is nobody's.
        None if line.starts_with('/') => None,
        None => Some(format!("MSG {name} {line}")),
    });
    let joined = [format!("JOIN {name}")].into_iter();
    let left = [format!("LEAVE {name} lost")];
    joined.chain(told).chain(left).collect()
}

#[test]
fn a_connection_that_breaks_after_any_byte_of_what_is_said() {
    let server = Server::start(&[]);
    let mut watcher = server.join("watcher");
    let before = server.held();
    let said = "ana\noi, você\n/msg watcher só\ntchau\n";
    for cut in everywhere(Way::ToServer, said.len()) {
        let proxy = Proxy::before(server.address, &[cut]);
        let mut author = Peer::connect(proxy.address);
        if cut.after > 0 {
            author.expect("<USERNAME>");
        }
        // It may break in the middle.
        let _ = author.wire.write_all(said.as_bytes());
        proxy.wait_for_breaks(1);
        drop(author);
        server.wait_until_held(before);
        let expected = heard_of(&said.as_bytes()[..cut.after], cut.by);
        assert_eq!(watcher.sync(), expected, "{cut:?} (left: came)");
    }
}

#[test]
fn a_connection_that_breaks_after_any_byte_of_what_is_heard() {
    let server = Server::start(&[]);
    let mut watcher = server.join("watcher");
    let before = server.held();
    let greeting = "<USERNAME>\nWELCOME ana 2\n";
    let heard = format!("{greeting}MSG watcher oi\n");
    for cut in everywhere(Way::ToClient, heard.len()) {
        let proxy = Proxy::before(server.address, &[cut]);
        let mut ana = Process::spawn(&mut client_of(proxy.address, &["--username", "ana"]));
        if cut.after > greeting.len() {
            watcher.wait_for("JOIN ana");
            watcher.send("oi");
        }
        let told = last_words(&mut ana, 1);
        let words = match cut.by {
            Break::Fin => "closed the connection",
            // It may be writing its name, learn of the reset by that, and then read an end.
            _ if cut.after == "<USERNAME>\n".len() => " connection",
            _ => "was lost",
        };
        assert!(
            told.contains(words),
            "{cut:?}\nexpected: …{words}…\n    came: {told}"
        );
        // What has come whole is shown, and nothing else.
        let shown = ana.stdout.so_far();
        let came = heard[..cut.after].matches('\n').count();
        let expected = [
            (2, "-- Hello, ana: 2 people are here."),
            (3, "<watcher> oi"),
        ];
        let expected = expected.iter().filter(|(least, _)| came >= *least);
        let expected: Vec<_> = expected.map(|(_, line)| *line).collect();
        assert_eq!(shown.lines().count(), expected.len(), "{cut:?}: {shown}");
        for (line, begin) in shown.lines().zip(expected) {
            assert!(line.starts_with(begin), "{cut:?}: {shown}");
        }
        server.wait_until_held(before);
        watcher.sync();
    }
}
