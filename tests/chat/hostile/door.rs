//! Attacks by those who are not in the room.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Dice, Peer, Server, wait_until};

/// Somebody who gets in once those before have gone.
fn come_in_again(server: &Server) -> Peer {
    let mut peer = server.connect();
    wait_until("there is room again", || {
        let answer = peer.expect_start("");
        if answer.starts_with("BYE ") {
            peer = server.connect();
        }
        answer == "<USERNAME>"
    });
    peer
}

#[test]
fn a_byte_now_and_then_does_not_keep_the_door_open() {
    let server = Server::start(&["--handshake-timeout", "1"]);
    let mut watcher = server.join("watcher");
    let start = Instant::now();
    let mut silent = server.connect();
    let mut dripping = server.connect();
    let mut drops = dripping.wire.clone();
    // Ends once the server has closed.
    thread::spawn(move || {
        while drops.write_all(b"a").is_ok() {
            thread::sleep(Duration::from_millis(200));
        }
    });
    for peer in [&mut silent, &mut dripping] {
        peer.expect("<USERNAME>");
        peer.expect("BYE handshake-timeout");
    }
    let took = start.elapsed();
    assert!(
        (1..3).contains(&took.as_secs()),
        "expected: a second\n    came: {took:?}"
    );
    silent.expect_end();
    assert_eq!(watcher.sync(), [""; 0], "the room hears nothing of it");
}

#[test]
fn a_name_is_guessed_five_times_and_not_once_more() {
    let server = Server::start(&[]);
    let mut taken = server.join("ana");
    let guesses: [(&[u8], &str); 6] = [
        (b"ana\n", "ERR username-taken ana"),
        (b"  \n", "ERR username-empty"),
        (b"\xff\n", "ERR not-utf8"),
        (b"a b\n", "ERR username-invalid a b"),
        (
            &[&[b'x'; 5000][..], b"\n"].concat(),
            "ERR line-too-long 4096",
        ),
        (
            &[&[b'x'; 33][..], b"\n"].concat(),
            "ERR username-too-long 32",
        ),
    ];
    // Each of them as the last, the others before it.
    for last in 0..guesses.len() {
        let mut peer = server.connect();
        for attempt in 1..=5 {
            let (guess, refusal) = guesses[(last + attempt) % guesses.len()];
            peer.expect("<USERNAME>");
            peer.send_bytes(guess);
            peer.expect(refusal);
        }
        peer.expect("BYE too-many-attempts");
        peer.expect_end();
    }

    let mut fifth_is_good = server.connect();
    fifth_is_good.send_bytes(b"ana\nana\nana\nana\nbia\noi\n");
    taken.expect("JOIN bia");
    taken.expect("MSG bia oi");

    let mut all_at_once = server.connect();
    all_at_once.send_bytes(&b"ana\n".repeat(10_000));
    let heard = all_at_once.rest();
    let expected = ["<USERNAME>", "ERR username-taken ana"].repeat(5);
    assert_eq!(heard[..10], expected, "(left: came)");
    assert_eq!(heard[10..], ["BYE too-many-attempts"], "(left: came)");
}

#[test]
fn a_full_house_turns_the_next_away_until_somebody_leaves() {
    let server = Server::start(&["--max-clients", "3"]);
    let mut ana = server.join("ana");
    let bia = server.join("bia");
    let mut at_the_door = server.connect();
    at_the_door.expect("<USERNAME>");
    for _ in 0..3 {
        let mut next = server.connect();
        let mut input = next.wire.clone();
        // What it sent and nobody reads must not cost it its last line.
        let pipelined = thread::spawn(move || input.write_all(&b"carla\noi\n".repeat(600_000)));
        next.expect("BYE server-full");
        next.expect_end();
        pipelined.join().unwrap().expect("all of it is drained");
    }
    drop(at_the_door);
    let mut third = come_in_again(&server);
    drop(bia);
    let _fourth = come_in_again(&server);
    third.send("dora");
    third.expect("WELCOME dora 2");
    let heard = ana.sync();
    assert_eq!(
        heard,
        ["JOIN bia", "LEAVE bia lost", "JOIN dora"],
        "(left: came)"
    );
}

#[test]
fn one_address_cannot_take_every_place() {
    let server = Server::start(&["--max-per-address", "2"]);
    let first = server.join("ana");
    let mut at_the_door = server.connect();
    at_the_door.expect("<USERNAME>");
    for _ in 0..3 {
        let mut third = server.connect();
        third.expect("BYE too-many-connections");
        third.expect_end();
    }
    let mut elsewhere = server.connect_from([127, 0, 0, 2]);
    elsewhere.expect("<USERNAME>");
    drop(first);
    come_in_again(&server);
}

#[test]
fn a_crowd_before_a_full_house_takes_no_thread_each() {
    let server = Server::start(&["--max-clients", "1"]);
    let mut watcher = server.join("watcher");
    let before = server.held();
    // None of them closes its side, so each could keep a thread for as long as it is waited for.
    let crowd: Vec<Peer> = (0..500).map(|_| server.connect()).collect();
    let most = before.0 + 100;
    let mut told = 0;
    for mut peer in crowd {
        assert!(
            server.held().0 < most,
            "{} threads for those who cannot come in",
            server.held().0
        );
        match peer.remains().as_str() {
            "BYE server-full\n" => told += 1,
            "" => {}
            other => panic!("expected: BYE server-full, or to be cut off\n    came: {other:?}"),
        }
    }
    assert!(told > 0, "some are told why");
    server.wait_until_held(before);
    assert_eq!(watcher.sync(), [""; 0]);
}

#[test]
fn scanners_and_strange_protocols_make_no_chat_line() {
    let server = Server::start(&[]);
    let mut watcher = server.join("watcher");
    let before = server.held();
    let mut dice = Dice::new(1);
    let mut noise = || -> Vec<u8> { (0..4000).map(|_| dice.roll(256) as u8).collect() };
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    let http =
        b"GET / HTTP/1.1\r\nHost: chat\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n".to_vec();
    let strange = [
        tls,
        http,
        b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
        b"\0".repeat(100_000),
        noise(),
        noise(),
    ];
    let scan = |rounds| {
        for round in 0..rounds {
            for bytes in &strange {
                let mut peer = server.connect();
                // It may be turned away in the middle.
                let _ = peer.wire.write_all(bytes);
                match round % 3 {
                    0 => drop(peer),
                    1 => peer.reset(),
                    _ => {
                        peer.half_close();
                        let heard = peer.remains();
                        assert!(heard.starts_with("<USERNAME>\n"), "{heard:?}");
                        assert!(!heard.contains("WELCOME"), "{bytes:?} came in");
                    }
                }
            }
            drop(server.connect());
            server.connect().reset();
        }
        server.wait_until_held(before);
        server.memory("VmRSS")
    };
    let usually = scan(10);
    let grown = scan(30).saturating_sub(usually);
    assert!(
        grown < 1024,
        "expected: less than 1 MiB\n    came: {grown} KiB"
    );

    let stay: Vec<Peer> = strange
        .iter()
        .map(|bytes| {
            let mut peer = server.connect();
            let _ = peer.wire.write_all(bytes);
            peer
        })
        .collect();
    server.assert_at_rest();
    drop(stay);
    assert_eq!(watcher.sync(), [""; 0]);
}

#[test]
fn who_is_not_in_the_room_hears_and_says_nothing() {
    let server = Server::start(&[]);
    let mut ana = server.join("ana");
    let mut outside = server.connect();
    outside.expect("<USERNAME>");
    ana.send("segredo");
    ana.sync();
    for command in ["/msg ana oi", "/me ri", "//oi"] {
        outside.send(command);
        outside.expect(&format!("ERR username-invalid {command}"));
        outside.expect("<USERNAME>");
    }
    outside.send("/sair já");
    outside.expect("BYE quit");
    outside.expect_end();
    assert_eq!(ana.sync(), [""; 0]);
    assert!(TcpStream::connect(server.address).is_ok());
}
