//! What is meant for one person reaches that person or nobody. Zed is a third person in the room,
//! and hears none of it.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::commands::{UNSEEN, any_unseen};
use crate::support::client::client_of;
use crate::support::{Peer, Process, Server, fuzz};

/// A room with Ana, for whom the words are, and Zed.
fn room() -> (Server, Peer, Peer) {
    let server = Server::start(&[]);
    let mut ana = server.join("ana");
    let zed = server.join("zed");
    ana.expect("JOIN zed");
    (server, ana, zed)
}

/// All that `peer` hears until kim leaves.
fn heard(peer: &mut Peer, reason: &str) -> Vec<String> {
    peer.wait_for(&format!("LEAVE kim {reason}"))
}

#[test]
fn a_program_that_ends_its_lines_with_nul_writes_privately_and_leaves() {
    let (server, mut ana, mut zed) = room();
    let mut kim = server.connect();
    kim.send_bytes(b"kim\noi\n\0/msg ana my pin is 1234\n\0/SAIR\n\0");
    let private = "PRIV kim ana my pin is 1234";
    let heard_by_ana = heard(&mut ana, "quit");
    assert_eq!(
        heard_by_ana,
        ["JOIN kim", "MSG kim oi", private],
        "(left: came)"
    );
    assert_eq!(
        heard(&mut zed, "quit"),
        ["JOIN kim", "MSG kim oi"],
        "(left: came)"
    );
    let told = kim.rest();
    assert_eq!(told.last().unwrap(), "BYE quit");
}

#[test]
fn whatever_unseen_stands_before_a_command_zed_hears_nothing() {
    let (server, mut ana, mut zed) = room();
    let mut kim = server.join("kim");
    ana.expect("JOIN kim");
    zed.expect("JOIN kim");
    for unseen in UNSEEN {
        kim.send(&format!("{unseen}/msg ana my pin is 1234"));
        kim.expect("PRIV kim ana my pin is 1234");
        ana.expect("PRIV kim ana my pin is 1234");
        kim.send(&format!("{unseen}/mgs ana my pin is 1234"));
        kim.expect("ERR unknown-command /mgs");
        kim.send(&format!("{unseen}/msg/ana my pin is 1234"));
        kim.expect("ERR unknown-command /msg/ana");
    }
    // Where there is nothing else, nothing is said.
    for blank in [
        "\0",
        " \t",
        "\u{a0}",
        "\u{1b}[C",
        "\u{200e}\u{200d}",
        "\u{feff}\r",
    ] {
        kim.send(blank);
    }
    assert_eq!(kim.sync(), [""; 0]);
    assert_eq!(zed.sync(), [""; 0], "(left: came)");
}

#[test]
fn who_is_addressed_as_people_address_each_other_is_written_to() {
    let (server, mut ana, mut zed) = room();
    let mut kim = server.join("kim");
    ana.expect("JOIN kim");
    for typed in [
        "/msg ana: oi",
        "/msg ana, oi",
        "/msg @ana oi",
        "/w @ANA: oi",
    ] {
        kim.send(typed);
        kim.expect("PRIV kim ana oi");
        ana.expect("PRIV kim ana oi");
    }
    // A path is no slip.
    kim.send("/etc/hosts");
    ana.expect("MSG kim /etc/hosts");
    assert_eq!(
        zed.wait_for("MSG kim /etc/hosts"),
        ["JOIN kim"],
        "(left: came)"
    );
}

#[test]
fn a_byte_order_mark_at_the_start_is_no_part_of_the_name_or_the_line() {
    let (server, mut ana, mut zed) = room();
    let mut kim = server.connect();
    kim.expect("<USERNAME>");
    kim.send_bytes(b"\xef\xbb\xbfkim\r\r\n/SAIR\r\r\n");
    kim.expect("WELCOME kim 3");
    kim.expect("BYE quit");
    assert_eq!(heard(&mut ana, "quit"), ["JOIN kim"], "(left: came)");

    for (flags, file) in [
        (
            &["--username", "kim"][..],
            "\u{feff}/msg ana my pin is 1234\r\n",
        ),
        (&[], "\u{feff}kim\r\n/msg ana my pin is 1234\r\n"),
        (&[], "\u{feff}  kim \n\u{feff}/msg ana my pin is 1234"),
    ] {
        let mut process = Process::spawn(&mut client_of(server.address, flags));
        process.send_bytes(file.as_bytes());
        process.end_input();
        assert_eq!(process.finish(), Some(0), "(left: came) {file:?}");
        let private = "PRIV kim ana my pin is 1234";
        assert_eq!(
            heard(&mut ana, "quit"),
            ["JOIN kim", private],
            "(left: came)"
        );
    }
    for _ in 0..4 {
        assert_eq!(heard(&mut zed, "quit"), ["JOIN kim"], "(left: came)");
    }
}

/// Lines of private words, of which each may be broken: no name, no text, no such command.
fn private_lines() -> impl Strategy<Value = Vec<String>> {
    let words = prop_oneof![
        4 => Just("/msg ana my pin is 1234"),
        1 => Just("/w @ana: my pin is 1234"),
        1 => Just("/mgs ana my pin is 1234"),
        1 => Just("/msg/ana my pin is 1234"),
        1 => Just("/msg nobody my pin is 1234"),
        1 => Just("/ msg ana my pin is 1234"),
        1 => Just("/r my pin is 1234"),
        1 => Just("/msg"),
    ];
    // A line end would make another line of what follows; the client itself says what it cannot do.
    let line = (any_unseen(), words).prop_map(|(unseen, words)| unseen.replace('\n', "") + words);
    vec(line, 1..20)
}

/// What Ana hears of these lines: those that are whole.
fn written_to_ana(lines: &[String]) -> Vec<&str> {
    let is_whole =
        |line: &&String| line.ends_with("/msg ana my pin is 1234") || line.contains("/w @ana");
    let whole = lines.iter().filter(is_whole);
    whole.map(|_| "PRIV kim ana my pin is 1234").collect()
}

#[test]
fn on_the_wire_nothing_private_is_ever_said_to_all() {
    let (server, ana, zed) = room();
    let (ana, zed) = (std::cell::RefCell::new(ana), std::cell::RefCell::new(zed));
    fuzz(64, private_lines(), |lines| {
        let mut kim = server.join("kim");
        let sent = lines.iter().map(|line| format!("{line}\n"));
        kim.send_bytes(sent.collect::<String>().as_bytes());
        kim.half_close();
        kim.rest();
        let private = heard(&mut ana.borrow_mut(), "lost");
        prop_assert_eq!(&private[1..], written_to_ana(&lines), "(left: came)");
        prop_assert_eq!(
            heard(&mut zed.borrow_mut(), "lost"),
            ["JOIN kim"],
            "(left: came)"
        );
        Ok(())
    });
}

#[test]
fn through_the_client_nothing_private_is_ever_said_to_all() {
    let (server, ana, zed) = room();
    let (ana, zed) = (std::cell::RefCell::new(ana), std::cell::RefCell::new(zed));
    fuzz(24, private_lines(), |lines| {
        let mut process = Process::spawn(&mut client_of(server.address, &["--username", "kim"]));
        process.send_bytes(lines.join("\n").as_bytes());
        process.end_input();
        prop_assert_eq!(process.finish(), Some(0));
        let private = heard(&mut ana.borrow_mut(), "quit");
        prop_assert_eq!(&private[1..], written_to_ana(&lines), "(left: came)");
        prop_assert_eq!(
            heard(&mut zed.borrow_mut(), "quit"),
            ["JOIN kim"],
            "(left: came)"
        );
        Ok(())
    });
}

/// `kim` writes 20 private lines to `ana` at once, of which the server takes one after the other; after
/// the first, `leave` lets somebody else have her name, and returns them.
#[track_caller]
fn write_while(leave: impl FnOnce(&Server, Peer, Peer) -> Peer) {
    let server = Server::start(&["--rate", "10", "--burst", "1"]);
    let (mut kim, mut ana) = (server.join("kim"), server.join("ana"));
    let zed = server.join("zed");
    // More than is read at once.
    let padding = "x".repeat(500);
    let lines: String = (0..50)
        .map(|n| format!("/msg ana {n} my pin {padding}\n"))
        .collect();
    kim.send_bytes(lines.as_bytes());
    let first = format!("PRIV kim ana 0 my pin {padding}");
    ana.wait_for(&first);
    let mut stranger = leave(&server, ana, zed);
    kim.wait_for(&first);
    kim.wait_for("ERR no-such-user ana");
    kim.wait_for(
        "INFO ana has that name only since after you wrote; say it again if it is for them",
    );
    kim.send("that was all");
    let heard = stranger.wait_for("MSG kim that was all");
    let private: Vec<_> = heard.iter().filter(|line| line.contains("pin")).collect();
    assert_eq!(private, [""; 0], "(left: came)");
    // What is written from now on is meant for them.
    kim.send("/msg ana hello");
    stranger.wait_for("PRIV kim ana hello");
}

#[test]
fn private_lines_that_wait_go_to_no_newcomer_of_that_name() {
    write_while(|server, ana, _zed| {
        ana.quit();
        server.join("ana")
    });
}

#[test]
fn private_lines_that_wait_go_to_nobody_who_takes_that_name() {
    write_while(|_server, ana, mut zed| {
        ana.quit();
        zed.send("/nome ana");
        zed.wait_for("NICK zed ana");
        zed
    });
}

#[test]
fn private_lines_that_wait_go_to_whoever_only_writes_the_name_in_another_way() {
    let server = Server::start(&["--rate", "10", "--burst", "1"]);
    let (mut kim, mut ana) = (server.join("kim"), server.join("ana"));
    let lines: String = (0..10).map(|n| format!("/msg ana line {n}\n")).collect();
    kim.send_bytes(lines.as_bytes());
    ana.wait_for("PRIV kim ana line 0");
    ana.send("/nome Ana");
    ana.wait_for("NICK ana Ana");
    ana.wait_for("PRIV kim Ana line 9");
}

#[test]
fn whoever_takes_another_name_can_write_to_it_in_the_same_breath() {
    let server = Server::start(&[]);
    let mut kim = server.join("kim");
    kim.send_bytes(b"/nome kai\n/msg kai a note\n");
    kim.expect("NICK kim kai");
    kim.expect("PRIV kai kai a note");
}
