//! A connection that takes a session over from one that still seems alive.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::enter;
use crate::support::{Member, Server};

#[test]
fn the_old_connection_is_told_and_the_room_is_not() {
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    ana.send("one");
    ana.sync();
    assert_eq!(ana.come_back(server.connect()), 2, "(left: came)");
    let mut old = ana.old.take().unwrap();
    old.wait_for("BYE replaced");
    old.expect_end();
    bia.send("two");
    ana.expect("MSG bia two");
    ana.send("three");
    ana.sync();
    assert_eq!(
        bia.sync(),
        ["JOIN ana", "MSG ana one", "MSG ana three"],
        "(left: came)"
    );
}

#[test]
fn what_an_author_had_pending_who_is_held_back_is_said_once_and_in_order() {
    let server = Server::start(&["--rate", "20", "--burst", "5"]);
    let mut bia = enter(&server, "bia");
    let mut ana = enter(&server, "ana");
    bia.expect("JOIN ana");
    let lines: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    let all: Vec<&str> = lines.iter().map(String::as_str).collect();
    ana.send_all(&all);
    ana.expect_start("INFO you write faster");
    for _ in 0..2 {
        let applied = ana.come_back(server.connect());
        assert!(applied < 40, "some still wait: {applied}");
    }
    let heard: Vec<_> = (0..40).map(|_| bia.line().unwrap()).collect();
    let expected: Vec<_> = (0..40).map(|n| format!("MSG ana {n}")).collect();
    assert_eq!(heard, expected, "(left: came)");
    ana.sync();
    assert_eq!(bia.sync(), [""; 0], "once (left: came)");
}

#[test]
fn what_may_be_said_at_once_is_not_more_for_coming_back() {
    let server = Server::start(&["--rate", "1", "--burst", "30"]);
    let mut ana = enter(&server, "ana");
    // The question for a session was the first of thirty.
    let lines = [""; 29];
    ana.send_all(&lines);
    ana.peer.wait_for("GOT 29");
    ana.come_back(server.connect());
    ana.send_all(&lines);
    ana.expect_start("INFO you write faster");
}

#[test]
fn whoever_floods_without_a_limit_is_taken_over_between_two_lines() {
    const LINES: usize = 20_000;
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    bia.expect("JOIN ana");
    let lines: Vec<String> = (0..LINES).map(|n| n.to_string()).collect();
    let all: Vec<&str> = lines.iter().map(String::as_str).collect();
    thread::scope(|scope| {
        let hearing = scope.spawn(|| {
            for n in 0..LINES {
                bia.expect(&format!("MSG ana {n}"));
            }
            bia
        });
        // Each time some of it is on its way, and the rest is sent again.
        ana.send_all(&all);
        ana.come_back(server.connect());
        ana.come_back(server.connect());
        ana.sync();
        let mut bia = hearing.join().unwrap();
        assert_eq!(bia.sync(), [""; 0], "(left: came)");
    });
}

/// Comes back whenever it is replaced, until all is over; returns how often.
fn insist(member: &mut Member, server: &Server, over: &AtomicBool) -> usize {
    let mut times = 0;
    while !over.load(Ordering::Relaxed) {
        member.come_back(server.connect());
        times += 1;
        while let Some(line) = member.line() {
            if line == "BYE replaced" || over.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    times
}

#[test]
fn two_who_have_one_token_take_the_session_from_each_other_and_nobody_else_notices() {
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let mut one = enter(&server, "ana");
    let mut other = one.copy(server.connect());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let insisting = [&mut one, &mut other].map(|member| {
            let (server, over) = (&server, &over);
            scope.spawn(move || insist(member, server, over))
        });
        // Each resumption takes a second.
        (0..4).for_each(|_| _ = server.process.wait_for("ana is back"));
        over.store(true, Ordering::Relaxed);
        bia.send("over");
        let times: usize = insisting.map(|one| one.join().unwrap()).iter().sum();
        assert!(times >= 4, "{times}");
    });
    assert_eq!(bia.sync(), ["JOIN ana"], "(left: came)");
    // Whoever comes last has it.
    one.come_back(server.connect());
    one.sync();
}
