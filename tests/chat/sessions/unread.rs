//! Whoever wrote privately to somebody who is gone for good is told that it may not have been read.

use std::io::Write;

use super::enter;
use crate::support::{Member, Peer, Server, wait_until};

const WARNING: &str = "INFO ana is gone, and may not have read what you last wrote privately";

#[test]
fn each_author_of_private_lines_that_nobody_fetched_is_told_once() {
    let server = Server::start(&["--hold", "1"]);
    let mut ana = enter(&server, "ana");
    let mut bia = server.join("bia");
    let mut caio = enter(&server, "caio");
    let mut dora = server.join("dora");
    ana.go_away(&server);
    bia.send("/msg ana one\n/msg ana two");
    caio.send("/msg ana three");
    dora.send("/msg bia four\nto all");
    bia.wait_for("LEAVE ana lost");
    bia.expect(WARNING);
    caio.wait_for("LEAVE ana lost");
    caio.expect(WARNING);
    dora.wait_for("LEAVE ana lost");
    for told in [bia.sync(), caio.sync(), dora.sync()] {
        assert_eq!(told, [""; 0], "once, and nobody else (left: came)");
    }
}

#[test]
fn nobody_is_told_of_what_was_fetched() {
    let server = Server::start(&["--hold", "1"]);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    ana.go_away(&server);
    bia.send("/msg ana psst");
    bia.wait_for("PRIV bia ana psst");
    ana.come_back(server.connect());
    ana.expect("PRIV bia ana psst");
    ana.go_away(&server);
    bia.expect("LEAVE ana lost");
    assert_eq!(bia.sync(), [""; 0], "(left: came)");
}

/// `bia`, who has a session, has written to `ana`, who is held for a second and does not come back.
#[track_caller]
fn write_to_one_who_is_away() -> (Server, Member) {
    let server = Server::start(&["--hold", "1"]);
    let mut ana = enter(&server, "ana");
    let mut bia = enter(&server, "bia");
    ana.go_away(&server);
    bia.send("/msg ana psst");
    bia.sync();
    (server, bia)
}

#[test]
fn an_author_who_is_away_meanwhile_is_told_on_coming_back() {
    let (server, mut bia) = write_to_one_who_is_away();
    bia.go_away(&server);
    server.process.wait_for("ana left: lost");
    // Whether their own time is up too makes no difference.
    bia.come_back(server.connect());
    assert_eq!(bia.sync(), ["LEAVE ana lost", WARNING], "(left: came)");
    bia.go_away(&server);
    bia.come_back(server.connect());
    assert_eq!(bia.sync(), [""; 0], "once (left: came)");
}

#[test]
fn an_author_whose_connection_is_dead_already_is_told_on_coming_back() {
    let (server, mut bia) = write_to_one_who_is_away();
    // What comes from now on is sent, and lost on the way.
    server.process.wait_for("ana left: lost");
    bia.come_back(server.connect());
    assert_eq!(bia.sync(), ["LEAVE ana lost", WARNING], "(left: came)");
}

#[test]
fn an_author_who_has_left_before_is_told_on_coming_back() {
    let server = Server::start(&["--hold", "1"]);
    let mut bia = enter(&server, "bia");
    let ana = enter(&server, "ana");
    bia.expect("JOIN ana");
    bia.send("/msg ana psst");
    bia.sync();
    bia.go_away(&server);
    server.process.wait_for("bia left: lost");
    // It broke, so that nobody knows what has arrived.
    ana.peer.reset();
    server.process.wait_for("ana left: lost");
    bia.come_back(server.connect());
    assert_eq!(bia.sync(), ["LEAVE ana lost", WARNING], "(left: came)");
}

#[test]
fn a_private_line_that_a_broken_connection_has_swallowed_counts_as_unread() {
    let server = Server::start(&["--hold", "1"]);
    let mut bia = server.join("bia");
    let ana = enter(&server, "ana");
    bia.expect("JOIN ana");
    bia.send("/msg ana psst");
    bia.expect("PRIV bia ana psst");
    let Member { peer, .. } = ana;
    peer.reset();
    bia.expect("LEAVE ana lost");
    bia.expect(WARNING);
}

#[test]
fn a_private_line_to_one_who_is_gone_and_whose_lines_still_wait_counts_as_unread() {
    let server = Server::start(&["--hold", "1", "--rate", "2", "--burst", "3"]);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    ana.send_all(&["one", "two", "three", "four"]);
    ana.expect_start("INFO you write faster");
    // With all read, it closes as one does who has left in order.
    assert_eq!(ana.any_line().as_deref(), Some("GOT 2"), "(left: came)");
    drop(ana);
    bia.send("/msg ana psst");
    let before = bia.wait_for("LEAVE ana lost");
    assert_eq!(before.last().map(String::as_str), Some("MSG ana four"));
    bia.expect(WARNING);
}

#[test]
fn a_private_line_that_a_slow_reader_has_not_read_counts_as_unread() {
    let server = Server::start(&["--hold", "1", "--send-buffer", "16"]);
    let mut bia = server.join("bia");
    let _ana = enter(&server, "ana");
    bia.expect("JOIN ana");
    // It waits in some buffer, and is thrown away with it.
    bia.send("/msg ana psst");
    bia.expect("PRIV bia ana psst");
    let padding = "x".repeat(4000);
    let is_held = || {
        let _ = bia.wire.write_all(format!("{padding}\n").as_bytes());
        server.log().contains("ana is held")
    };
    wait_until("ana does not read", is_held);
    bia.expect("LEAVE ana slow");
    bia.expect(WARNING);
}

/// `ana` is away, and so many lines are said meanwhile after something private.
#[track_caller]
fn say_much_meanwhile(flags: &[&str], lines: usize) -> (Server, Member, Peer) {
    let server = Server::start(flags);
    let mut ana = enter(&server, "ana");
    ana.go_away(&server);
    let mut bia = server.join("bia");
    bia.send("/msg ana psst");
    let padding = "x".repeat(4000);
    (0..lines).for_each(|_| bia.send(&padding));
    (server, ana, bia)
}

#[test]
fn a_private_line_that_is_too_long_ago_to_be_told_counts_as_unread() {
    let told = "INFO ana is back, and was not told all that you wrote privately";
    // It is still kept in the one, and no longer in the other.
    for (send_buffer, lines) in [("16", 20), ("2048", 200)] {
        let flags = ["--send-buffer", send_buffer];
        let (server, mut ana, mut bia) = say_much_meanwhile(&flags, lines);
        assert_eq!(bia.sync(), ["PRIV bia ana psst"], "(left: came)");
        let last = ana.last;
        ana.come_back(server.connect());
        ana.sync();
        assert_eq!(bia.sync(), [told], "(left: came)");
        assert!(!ana.heard.iter().any(|line| line.contains("psst")));
        // Whoever asks for it again was here meanwhile.
        ana.last = last;
        ana.come_back(server.connect());
        assert_eq!(bia.sync(), [""; 0], "(left: came)");
    }
    let (_server, _ana, mut bia) = say_much_meanwhile(&["--hold", "3"], 200);
    bia.wait_for("LEAVE ana lost");
    bia.expect(WARNING);
}

#[test]
fn however_much_is_said_to_all_nobody_forgets_who_wrote_privately() {
    let server = Server::start(&["--hold", "5", "--send-buffer", "4096"]);
    let mut ana = enter(&server, "ana");
    let mut caio = enter(&server, "caio");
    ana.go_away(&server);
    caio.go_away(&server);
    let mut bia = server.join("bia");
    bia.send("/msg ana psst\n/msg caio psst");
    let short: String = (0..15_000).map(|n| format!("{n}\n")).collect();
    bia.send_bytes(short.as_bytes());
    bia.sync();
    ana.come_back(server.connect());
    ana.expect_start("MISSED ");
    let told = "INFO ana is back, and was not told all that you wrote privately";
    bia.expect(told);
    bia.wait_for("LEAVE caio lost");
    bia.expect(&WARNING.replace("ana", "caio"));
}

#[test]
fn a_private_line_that_one_who_takes_over_is_not_told_counts_as_unread() {
    let server = Server::start(&["--burst", "100"]);
    let mut ana = enter(&server, "ana");
    let mut bia = server.join("bia");
    bia.send("/msg ana psst");
    let padding = "x".repeat(4000);
    // More than she is told again, and less than makes her slow.
    (0..40).for_each(|_| bia.send(&padding));
    assert_eq!(bia.sync(), ["PRIV bia ana psst"], "(left: came)");
    // The server does not know yet that her old connection is dead.
    ana.come_back(server.connect());
    ana.expect_start("MISSED ");
    let told = "INFO ana is back, and was not told all that you wrote privately";
    assert_eq!(bia.sync(), [told], "(left: came)");
}

#[test]
fn an_author_who_is_away_while_that_is_found_out_is_told_on_coming_back() {
    let server = Server::start(&["--send-buffer", "16"]);
    let mut ana = enter(&server, "ana");
    let mut bia = enter(&server, "bia");
    ana.go_away(&server);
    bia.send("/msg ana psst");
    let padding = "x".repeat(4000);
    bia.send_all(&[padding.as_str(); 20]);
    bia.sync();
    bia.go_away(&server);
    ana.come_back(server.connect());
    ana.sync();
    bia.come_back(server.connect());
    let told = "INFO ana is back, and was not told all that you wrote privately";
    assert_eq!(bia.sync(), [told], "(left: came)");
}
