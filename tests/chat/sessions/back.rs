//! What somebody is told who comes back, and who may.

use std::time::{Duration, Instant};

use super::{FIRST, ask_to_resume, enter, stamped};
use crate::support::{Member, Server};

/// Waits for a session to be remembered whose time is up.
#[track_caller]
fn leave_for_good(member: &mut Member, server: &Server) {
    member.go_away(server);
    let left = format!("{} left: lost", member.name);
    server.process.wait_for(&left);
}

#[test]
fn ones_own_lines_are_not_told_again_but_receipts_and_names_are() {
    let server = Server::start(&[]);
    let mut ana = enter(&server, "ana");
    let mut bia = server.join("bia");
    ana.expect("JOIN bia");
    let start = ana.last;
    ana.send_all(&["oi", "/eu acena", "/msg bia psst", "/msg ana note", "/nada"]);
    ana.send_all(&["/nome ana", "/nome anita", "/quem", "tchau"]);
    ana.sync();
    bia.send("oi");
    bia.sync();
    ana.name = "anita".into();
    ana.go_away(&server);
    ana.last = start;
    ana.come_back(server.connect());
    assert_eq!(
        ana.sync(),
        [
            "PRIV ana bia psst",
            "PRIV ana ana note",
            "NICK ana ana",
            "NICK ana anita",
            "MSG bia oi"
        ],
        "(left: came)"
    );
}

#[test]
fn what_is_told_again_begins_strictly_behind_the_last_stamp() {
    let server = Server::start(&["--hold", "60"]);
    let mut ana = enter(&server, "ana");
    let mut bia = server.join("bia");
    bia.send("one\n/msg ana two\n/nome beatriz");
    // Each with the last stamp that had been seen until then.
    let mut events = Vec::new();
    for _ in 0..4 {
        let before = ana.last;
        events.push((before, ana.line().unwrap()));
    }
    for (nth, (before, _)) in events.iter().enumerate() {
        ana.last = *before;
        ana.come_back(server.connect());
        let expected: Vec<_> = events[nth..].iter().map(|(_, event)| event).collect();
        assert_eq!(
            ana.sync().iter().collect::<Vec<_>>(),
            expected,
            "(left: came)"
        );
    }
    ana.come_back(server.connect());
    assert_eq!(ana.sync(), [""; 0], "(left: came)");
}

#[test]
fn whatever_cannot_be_resumed_is_unknown_and_counts_as_an_attempt() {
    let server = Server::start(&[]);
    let mut ana = enter(&server, "ana");
    let (token, last) = (ana.token.clone(), ana.last.to_string());
    ana.go_away(&server);
    let unknown = "0".repeat(32);
    let requests = [
        "/resume".to_owned(),
        format!("/resume {token}"),
        format!("/Resume {token} 2026-11-25T22:08:30Z"),
        format!("/resume {} {last}", &token[1..]),
        format!("/resume {unknown} {last}"),
    ];
    let mut peer = server.connect();
    for request in requests {
        peer.expect("<USERNAME>");
        peer.send(&request);
        peer.expect("ERR session-unknown");
    }
    peer.expect("BYE too-many-attempts");

    // All this has left it as it was.
    let mut peer = server.connect();
    for _ in 0..4 {
        peer.expect("<USERNAME>");
        peer.send(&format!("/resume {token} now"));
        peer.expect("ERR session-unknown");
    }
    peer.expect("<USERNAME>");
    peer.send(&format!("/resume {token} {last}"));
    peer.expect("RESUMED ana 1 0");
}

#[test]
fn whoever_cannot_go_on_comes_in_anew_at_the_same_prompt() {
    let server = Server::start(&[]);
    let mut peer = ask_to_resume(&server, &"0".repeat(32), FIRST);
    peer.expect("ERR session-unknown");
    peer.expect("<USERNAME>");
    peer.send("/session\nana");
    peer.expect("WELCOME ana 1");
    assert!(stamped(&peer.expect_start("@")).1.starts_with("SESSION "));
}

#[test]
fn a_session_that_has_left_comes_back_with_a_join_and_misses_nothing() {
    let server = Server::start(&["--hold", "1"]);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    ana.send("oi");
    ana.sync();
    ana.go_away(&server);
    bia.send("/msg ana kept");
    bia.wait_for("PRIV bia ana kept");
    server.process.wait_for("ana left: lost");
    bia.send("/msg ana refused\nmeanwhile");
    bia.wait_for("ERR no-such-user ana");
    assert_eq!(ana.come_back(server.connect()), 2, "(left: came)");
    assert_eq!(
        ana.sync(),
        ["PRIV bia ana kept", "MSG bia meanwhile"],
        "(left: came)"
    );
    ana.send("back");
    ana.sync();
    assert_eq!(bia.sync(), ["JOIN ana", "MSG ana back"], "(left: came)");
}

#[test]
fn whose_name_was_taken_meanwhile_is_told_and_comes_in_anew() {
    let server = Server::start(&["--hold", "1"]);
    let mut ana = enter(&server, "ana");
    leave_for_good(&mut ana, &server);
    let other = server.join("ana");
    let mut peer = ask_to_resume(&server, &ana.token, &ana.last.to_string());
    peer.expect("ERR username-taken ana");
    peer.expect("<USERNAME>");
    peer.send("anita");
    peer.expect("WELCOME anita 2");
    // Once the name is free, the session can be had again.
    other.quit();
    ana.come_back(server.connect());
    ana.send("/quem");
    ana.wait_for("USERS 2 ana anita");
}

/// What somebody hears of `lines` lines that were said while they were away: how many are said to
/// have been missed, and the others.
#[track_caller]
fn be_away_while(lines: usize, flags: &[&str]) -> (usize, Vec<String>) {
    let server = Server::start(flags);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    ana.go_away(&server);
    let padding = "x".repeat(1000);
    for n in 0..lines {
        bia.send(&format!("{n} {padding}\n/msg bia {padding}"));
    }
    bia.sync();
    ana.come_back(server.connect());
    let mut heard = ana.sync();
    let missed = heard.first().and_then(|line| line.strip_prefix("MISSED "));
    let missed = missed.map(|count| count.parse().unwrap());
    if missed.is_some() {
        heard.remove(0);
    }
    let first = missed.unwrap_or(0);
    for (n, line) in (first..lines).zip(&heard) {
        assert_eq!(*line, format!("MSG bia {n} {padding}"), "(left: came)");
    }
    assert_eq!(first + heard.len(), lines, "told or counted (left: came)");
    (first, heard)
}

#[test]
fn what_fits_half_the_send_buffer_is_told_and_the_rest_is_counted() {
    let (missed, heard) = be_away_while(100, &["--send-buffer", "64"]);
    let size: usize = heard.iter().map(|line| line.len() + 30).sum();
    let half = 32 * 1024;
    assert!((half - 1100..=half).contains(&size), "{size} of {half}");
    assert!(missed > 0);
    let (missed, _) = be_away_while(100, &["--send-buffer", "256"]);
    assert_eq!(missed, 0, "(left: came)");
}

#[test]
fn what_is_no_longer_kept_is_counted() {
    // More than fits the send buffer in all, and half of what is said is private.
    let (missed, heard) = be_away_while(1000, &["--send-buffer", "2048"]);
    assert!(missed > 0);
    let size: usize = heard.iter().map(|line| line.len()).sum();
    assert!((400_000..512 * 1024).contains(&size), "{size}");
}

#[test]
fn a_session_is_resumed_once_a_second_and_no_oftener() {
    let server = Server::start(&[]);
    let mut ana = enter(&server, "ana");
    let start = Instant::now();
    for _ in 0..3 {
        ana.come_back(server.connect());
    }
    let took = start.elapsed();
    let least = Duration::from_secs(2);
    assert!(took >= least, "expected: {least:?}\n    came: {took:?}");
}

#[test]
fn nobody_is_told_what_was_said_before_they_came_in_whatever_stamp_they_name() {
    // The seat is held, or was given back.
    for hold in ["30", "0"] {
        let server = Server::start(&["--hold", hold, "--history", "0"]);
        let mut ana = enter(&server, "ana");
        let mut bia = server.join("bia");
        ana.send_all(&["before", "/msg bia psst"]);
        ana.sync();
        let mut caio = enter(&server, "caio");
        bia.send("since");
        caio.expect("MSG bia since");
        for _ in 0..2 {
            let files = server.held().1;
            caio.let_go();
            server.wait_until_held((usize::MAX, files - 1));
            caio.last = FIRST.parse().unwrap();
            caio.come_back(server.connect());
            assert_eq!(caio.sync(), ["MSG bia since"], "(left: came)");
        }
    }
}
