//! The name prompt, as somebody with `nc` meets it.

use chat::protocol::LINE_LIMIT;

use crate::support::{Peer, Server};

/// Somebody at the door of `server`, who was asked for a name.
fn at_the_door(server: &Server) -> Peer {
    let mut peer = server.connect();
    peer.expect("<USERNAME>");
    peer
}

#[test]
fn help_and_quem_are_answered_and_cost_no_attempt() {
    let server = Server::start(&[]);
    let _people = ["bia", "Ana"].map(|name| server.join(name));
    let mut peer = at_the_door(&server);
    for _ in 0..6 {
        for typed in ["/quem", "/who", "\0/QUEM agora"] {
            peer.send(typed);
            peer.expect("USERS 2 Ana bia");
        }
        peer.send("/help");
        let told: Vec<String> = (0..11).map(|_| peer.expect_start("INFO /")).collect();
        assert!(told[1].contains("/msg, /w NAME TEXT"), "{told:?}");
        assert!(
            !told.iter().any(|line| line.contains("/r")),
            "only what it obeys: {told:?}"
        );
    }
    peer.send("kim");
    peer.expect("WELCOME kim 3");
}

#[test]
fn the_fifth_attempt_may_still_succeed_and_its_refusal_is_the_last() {
    let server = Server::start(&[]);
    let too_long = "a".repeat(LINE_LIMIT + 1);
    let refused = [
        ("", "ERR username-empty"),
        (" \u{200b}\u{feff}", "ERR username-empty"),
        (too_long.as_str(), "ERR line-too-long 4096"),
        ("/msg ana oi", "ERR username-invalid /msg ana oi"),
        ("kim kim", "ERR username-invalid kim kim"),
    ];
    let (mut lucky, mut unlucky) = (at_the_door(&server), at_the_door(&server));
    for (typed, refusal) in &refused[..4] {
        for peer in [&mut lucky, &mut unlucky] {
            peer.send(typed);
            peer.expect(refusal);
            peer.expect("<USERNAME>");
        }
    }
    lucky.send("kim");
    lucky.expect("WELCOME kim 1");
    unlucky.send(refused[4].0);
    unlucky.expect(refused[4].1);
    unlucky.expect("BYE too-many-attempts");
    unlucky.expect_end();
}

#[test]
fn sair_works_whatever_stands_around_it() {
    let server = Server::start(&[]);
    for typed in [
        "/SAIR",
        " /sair  já",
        "\u{feff}/quit\u{a0}",
        "\u{1b}[C/exit x",
        "/SAIR\r\r",
    ] {
        let mut peer = at_the_door(&server);
        peer.send(typed);
        peer.expect("BYE quit");
        peer.expect_end();
    }
}
