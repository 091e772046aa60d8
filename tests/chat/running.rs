//! How the server runs and ends where people start it: its flags, its log, its window (DESIGN,
//! section 4, rules 9 to 11).

use std::time::Duration;

use jiff::Timestamp;
use nix::sys::signal::Signal;

use crate::support::{Peer, Server, behind, wait_until};

#[test]
fn the_window_is_closed_and_everyone_is_told() {
    let mut server = Server::start(&[]);
    let mut ana = server.join("ana");
    server.process.signal(Signal::SIGHUP);
    server.process.wait_for("shutting down");
    // A window that is closed sends two: the shell one, and the kernel one.
    server.process.signal(Signal::SIGHUP);
    ana.expect("BYE shutdown");
    ana.expect_end();
    drop(ana);
    assert_eq!(server.process.finish(), Some(0), "(left: came)");
}

#[test]
fn whoever_cannot_wait_after_a_hangup_says_so_with_another_signal() {
    let mut server = Server::start(&[]);
    // It does not close its side, so the server waits for it.
    let _stays = server.join("stays");
    server.process.signal(Signal::SIGHUP);
    server.process.wait_for("shutting down");
    server.process.signal(Signal::SIGTERM);
    assert_eq!(server.process.finish(), Some(1), "(left: came)");
}

#[test]
fn under_nohup_it_survives_its_window() {
    let setup = Server::with(&[]);
    let mut server = setup.through(|server| behind(&["nohup"], server)).start();
    let mut ana = server.join("ana");
    server.process.signal(Signal::SIGHUP);
    ana.sync();
    assert!(!server.log().contains("shutting down"), "{}", server.log());
    server.process.signal(Signal::SIGTERM);
    ana.expect("BYE shutdown");
    drop(ana);
    assert_eq!(server.process.finish(), Some(0), "(left: came)");
}

#[test]
fn the_log_is_in_local_time_with_its_offset() {
    for (zone, offset) in [
        ("<-03>3", "-03:00"),
        ("<+0545>-5:45", "+05:45"),
        ("UTC", "+00:00"),
    ] {
        let mut setup = Server::with(&[]);
        setup.command.env("TZ", zone);
        let server = setup.start();
        let line = server.log();
        let stamp = line
            .strip_prefix('[')
            .and_then(|line| line.split(' ').next());
        let stamp = stamp.expect("a stamp in brackets");
        assert!(stamp.ends_with(offset), "{line} (expected: {offset})");
        let time: Timestamp = stamp.parse().expect("a time");
        let age = Timestamp::now().duration_since(time).unsigned_abs();
        assert!(age < Duration::from_secs(60), "{line} (expected: now)");
    }
}

#[test]
fn nothing_that_strangers_send_moves_the_logs_terminal() {
    let mut setup = Server::with(&[]);
    setup.command.env("RUST_LOG", "trace");
    let server = setup.start();
    let mut peer = server.connect();
    for _ in 0..5 {
        peer.expect("<USERNAME>");
        peer.send("a\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31mb\u{202e}c\u{200b}");
        peer.expect_start("ERR username-invalid");
    }
    peer.expect("BYE too-many-attempts");
    server.process.wait_for("connection from");
    server.process.signal(Signal::SIGTERM);
    server.process.wait_for("bye");
    let log = server.log();
    let bad = |c: char| c.is_control() && c != '\n' || ('\u{200b}'..='\u{206f}').contains(&c);
    assert!(!log.contains(bad), "{log:?}");
}

#[test]
fn a_log_level_that_is_none_leaves_the_screen_as_it_is() {
    for level in ["", "junk=="] {
        let mut setup = Server::with(&[]);
        setup.command.env("RUST_LOG", level);
        // It has to tell where it listens.
        setup.start().join("ana").quit();
    }
}

#[test]
fn of_a_flag_given_twice_the_last_one_counts() {
    let twice = [
        "--max-clients",
        "9",
        "--max-clients",
        "1",
        "--rate",
        "5",
        "--rate",
        "0",
    ];
    let server = Server::start(&twice);
    let _ana = server.join("ana");
    server.connect().expect("BYE server-full");
}

#[test]
fn no_open_files_are_complained_of_once_at_however_many_addresses() {
    let limit = ["sh", "-c", "ulimit -n 32; exec \"$0\" \"$@\""];
    let setup = Server::with(&["--bind", "127.0.0.1:0", "--bind", "127.0.0.2:0"]);
    let server = setup.through(|server| behind(&limit, server)).start();
    let other = ([127, 0, 0, 2], server.address.port()).into();
    let mut ana = server.join("ana");
    let crowd: Vec<_> = (0..100)
        .map(|n| match n % 2 {
            0 => server.connect(),
            _ => Peer::connect(other),
        })
        .collect();
    let complaints = || server.log().matches("cannot take in more").count();
    wait_until("it says so", || complaints() > 0);
    ana.sync();
    server.assert_at_rest();
    assert_eq!(complaints(), 1, "said once (left: came)");
    drop(crowd);
    let mut late = Peer::connect(other);
    late.expect("<USERNAME>");
}
