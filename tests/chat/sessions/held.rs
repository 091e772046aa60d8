//! What becomes of a session whose connection is gone: kept for a while, then left.

use std::thread;

use super::{FIRST, ask_to_resume, enter};
use crate::support::{Member, Server};

#[test]
fn the_room_hears_nothing_until_the_time_is_up_and_then_that_they_are_lost() {
    let server = Server::start(&["--hold", "2"]);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    bia.expect("JOIN ana");
    ana.go_away(&server);
    bia.send("/quem");
    bia.expect("USERS 2 ana bia");
    let mut other = server.connect();
    other.expect("<USERNAME>");
    other.send("ana");
    other.expect("ERR username-taken ana");
    bia.expect("LEAVE ana lost");
    other.expect("<USERNAME>");
    other.send("ana");
    other.expect("WELCOME ana 2");
}

#[test]
fn whoever_resets_the_connection_is_kept_as_whoever_closes_it() {
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let ana = enter(&server, "ana");
    let Member {
        token, last, peer, ..
    } = ana;
    bia.expect("JOIN ana");
    peer.reset();
    server.process.wait_for("ana is held");
    bia.send("oi");
    let mut ana = ask_to_resume(&server, &token, &last.to_string());
    ana.expect("RESUMED ana 2 0");
    assert!(ana.expect_start("@").ends_with(" MSG bia oi"));
    assert_eq!(bia.sync(), [""; 0], "(left: came)");
}

#[test]
fn where_nobody_is_kept_all_leave_at_once_and_can_still_come_back() {
    let server = Server::start(&["--hold", "0"]);
    let mut bia = server.join("bia");
    let mut ana = server.connect();
    ana.expect("<USERNAME>");
    ana.send("/session\nana");
    ana.expect("WELCOME ana 2");
    let opened = ana.expect_start("@");
    assert!(opened.ends_with(" 0"), "{opened}");
    let token = opened.split(' ').nth(2).unwrap();
    drop(ana);
    bia.expect("JOIN ana");
    bia.expect("LEAVE ana lost");
    let mut ana = ask_to_resume(&server, token, FIRST);
    ana.expect("RESUMED ana 2 0");
    bia.expect("JOIN ana");
    // Also while the connection still seems alive, as if they had stayed.
    let mut again = ask_to_resume(&server, token, FIRST);
    again.expect("RESUMED ana 2 0");
    ana.wait_for("BYE replaced");
    assert_eq!(bia.sync(), [""; 0], "(left: came)");
}

#[test]
fn nobody_is_said_to_be_held_who_leaves_at_once() {
    let server = Server::start(&["--hold", "0"]);
    let mut ana = enter(&server, "ana");
    ana.let_go();
    server.process.wait_for("ana left: lost");
    assert!(!server.log().contains("is held"), "{}", server.log());
}

#[test]
fn what_is_written_privately_meanwhile_is_kept_for_them_alone() {
    let server = Server::start(&["--hold", "1"]);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    ana.go_away(&server);
    bia.send("/msg ana secret");
    bia.wait_for("PRIV bia ana secret");
    server.process.wait_for("ana left: lost");

    let mut next = enter(&server, "ana");
    assert_eq!(next.sync(), [""; 0], "(left: came)");
    next.go_away(&server);
    next.last = FIRST.parse().unwrap();
    next.come_back(server.connect());
    let heard = next.sync();
    let is_secret = |line: &String| line.contains("secret");
    assert!(!heard.iter().any(is_secret), "{heard:?}");
    next.send("/SAIR");
    next.wait_for("BYE quit");

    ana.come_back(server.connect());
    assert!(ana.sync().contains(&"PRIV bia ana secret".to_owned()));
}

#[test]
fn all_come_back_at_once_and_each_hears_what_was_for_them() {
    let server = Server::start(&[]);
    let mut bia = enter(&server, "bia");
    let mut members: Vec<_> = (0..12).map(|n| enter(&server, &format!("p{n}"))).collect();
    for member in &mut members {
        member.sync();
        member.go_away(&server);
    }
    for n in 0..12 {
        bia.send(&format!("/msg p{n} only {n}"));
    }
    bia.send("all");
    bia.sync();
    thread::scope(|scope| {
        for (n, member) in members.iter_mut().enumerate() {
            let server = &server;
            scope.spawn(move || {
                member.come_back(server.connect());
                let expected = [format!("PRIV bia p{n} only {n}"), "MSG bia all".to_owned()];
                assert_eq!(member.sync(), expected, "(left: came)");
            });
        }
    });
    assert_eq!(bia.sync(), [""; 0], "(left: came)");
}
