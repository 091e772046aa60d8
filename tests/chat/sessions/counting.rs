//! Which of one's own lines count: those that have their end, whatever becomes of them.

use chat::protocol::LINE_LIMIT;

use super::enter;
use crate::support::Server;

#[test]
fn a_last_line_without_its_end_is_neither_said_nor_counted() {
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    ana.send("whole");
    ana.peer.send_bytes(b"tor");
    ana.go_away(&server);
    assert_eq!(ana.come_back(server.connect()), 1, "(left: came)");
    ana.send("torn");
    ana.sync();
    assert_eq!(
        bia.sync(),
        ["JOIN ana", "MSG ana whole", "MSG ana torn"],
        "(left: came)"
    );
}

#[test]
fn a_name_without_its_end_lets_nobody_in_who_asked_for_a_session() {
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let mut ana = server.connect();
    ana.expect("<USERNAME>");
    ana.send_bytes(b"/session\nan");
    ana.half_close();
    ana.expect_end();
    assert_eq!(bia.sync(), [""; 0], "(left: came)");
}

#[test]
fn an_over_long_line_counts_once_it_has_its_end() {
    let server = Server::start(&[]);
    let mut ana = enter(&server, "ana");
    let long = "x".repeat(2 * LINE_LIMIT);
    ana.peer.send_bytes(format!("one\n{long}").as_bytes());
    ana.peer.wait_for("ERR line-too-long 4096");
    // What the server has read of it may be less than all.
    ana.peer.half_close();
    let told = ana.peer.rest();
    assert!(!told.contains(&"GOT 2".to_owned()), "{told:?}");
    server.process.wait_for("ana is held");

    ana.send_all(&["one", &long, "three"]);
    assert_eq!(ana.come_back(server.connect()), 1, "(left: came)");
    ana.sync();
    ana.go_away(&server);
    assert_eq!(ana.come_back(server.connect()), 4, "(left: came)");
}

/// Somebody takes the session over while its last line, which is too long, has to wait for its turn
/// and has no end yet.
#[track_caller]
fn take_over_from_one_who_waits(burst: &str, before: &[&str]) {
    let server = Server::start(&["--rate", "1", "--burst", burst]);
    let mut ana = enter(&server, "ana");
    ana.send_all(before);
    ana.peer.send_bytes("x".repeat(2 * LINE_LIMIT).as_bytes());
    ana.expect_start("INFO you write faster");
    let count = ana.come_back(server.connect());
    assert_eq!(count, before.len() as u64, "(left: came)");
}

#[test]
fn an_over_long_line_without_an_end_that_waits_takes_nothing_from_the_count() {
    // The question for a session takes one of the burst.
    take_over_from_one_who_waits("1", &[]);
    take_over_from_one_who_waits("3", &["one", "two"]);
}

#[test]
fn blank_and_refused_lines_count_as_others_do() {
    let server = Server::start(&[]);
    let mut ana = enter(&server, "ana");
    let long = "x".repeat(LINE_LIMIT + 1);
    let lines = ["", " \t", "/nada", "/msg", &long, "/quem", "oi", "\u{200b}"];
    for line in &lines {
        ana.peer.send(line);
    }
    ana.peer.send_bytes(b"\xff\n");
    ana.peer.wait_for("GOT 9");
    ana.go_away(&server);
    ana.send_all(&[""; 9]);
    assert_eq!(ana.come_back(server.connect()), 9, "(left: came)");
}

#[test]
fn all_that_stands_behind_the_name_counts_also_where_it_came_with_it() {
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let mut ana = server.connect();
    ana.expect("<USERNAME>");
    ana.send("/session\n/quem\n/eu!\nana\none\ntwo");
    ana.wait_for("GOT 2");
    assert_eq!(
        bia.sync(),
        ["JOIN ana", "MSG ana one", "MSG ana two"],
        "(left: came)"
    );
}

#[test]
fn a_line_is_confirmed_when_all_who_are_here_have_it() {
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    bia.expect("JOIN ana");
    for round in 1..=50 {
        ana.peer.send(&format!("{round}\n/nada"));
        // Once with the first of the two, if they came apart.
        let told = ana.peer.wait_for(&format!("GOT {}", 2 * round));
        let confirmed = told.iter().filter(|line| line.starts_with("GOT ")).count();
        assert!(confirmed <= 1, "{told:?}");
        // Already on its way, so that it comes before the answer to anything asked now.
        assert_eq!(bia.sync(), [format!("MSG ana {round}")], "(left: came)");
    }
}
