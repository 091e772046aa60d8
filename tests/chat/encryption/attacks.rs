//! Attacks on encryption, each named after what the attacker does. None of them is noticed by those
//! who talk meanwhile.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use socket2::SockRef;

use super::forger::{Forger, TEXT};
use super::{Folder, sealed_server};
use crate::support::client::{client, enter};
use crate::support::{DEADLINE, Dice, Peer, Process, Server, wait_until};

const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

/// Two people who talk, while `attack` is made on their server; all that it took is given back.
#[track_caller]
fn while_others_talk(flags: &[&str], attack: impl FnOnce(&Server)) {
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), flags);
    let (mut ana, mut bia) = (server.join("ana"), server.join("bia"));
    ana.expect("JOIN bia");
    let before = server.held();
    attack(&server);
    ana.send("oi");
    bia.wait_for("MSG ana oi");
    bia.send("oi");
    ana.wait_for("MSG bia oi");
    server.wait_until_held(before);
    server.assert_at_rest();
    let log = server.log();
    assert!(
        !log.contains("panicked") && !log.contains("failed"),
        "{log}"
    );
}

#[test]
fn a_handshake_byte_by_byte_does_not_outlast_the_deadline() {
    while_others_talk(&["--handshake-timeout", "1"], |server| {
        let start = Instant::now();
        let mut tcp = TcpStream::connect(server.address).unwrap();
        for byte in HELLO.iter().chain([0; 1000].iter()) {
            if tcp.write_all(&[*byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        // And a second to take leave.
        let took = start.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
    });
}

#[test]
fn garbage_behind_the_first_byte_of_a_handshake() {
    while_others_talk(&[], |server| {
        let mut dice = Dice::new(7);
        for _ in 0..100 {
            let mut noise: Vec<u8> = (0..2000).map(|_| dice.roll(256) as u8).collect();
            noise[0] = 0x16;
            let mut peer = Peer::new(TcpStream::connect(server.address).unwrap());
            let _ = peer.wire.write_all(&noise);
            let _ = peer.wire.half_close();
            let told = peer.remains();
            assert!(!told.contains("USERNAME"), "{told:?}");
        }
    });
}

#[test]
fn resets_in_the_middle_of_a_handshake() {
    while_others_talk(&[], |server| {
        for length in 1..HELLO.len() {
            for _ in 0..10 {
                let mut tcp = TcpStream::connect(server.address).unwrap();
                tcp.write_all(&HELLO[..length]).unwrap();
                let socket = SockRef::from(&tcp);
                socket.set_linger(Some(Duration::ZERO)).unwrap();
            }
        }
    });
}

#[test]
fn a_thousand_handshakes_at_once() {
    // So many take longer than the moment after which who says nothing is greeted in plain.
    let flags = ["--max-clients", "2000", "--plaintext", "never"];
    while_others_talk(&flags, |server| {
        let start = Instant::now();
        thread::scope(|scope| {
            for thread in 0..10 {
                scope.spawn(move || {
                    // Everybody has begun before the first is done.
                    let crowd: Vec<Peer> = (0..100).map(|_| server.connect()).collect();
                    for (n, mut peer) in crowd.into_iter().enumerate() {
                        peer.expect("<USERNAME>");
                        peer.send(&format!("p{thread}x{n}"));
                        peer.expect_start("WELCOME ");
                    }
                });
            }
        });
        assert!(start.elapsed() < DEADLINE, "{:?}", start.elapsed());
    });
}

#[test]
fn a_record_cut_in_half() {
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &[]);
    let mut watcher = server.join("watcher");
    for is_closed in [true, false] {
        let mut forger = Forger::connect(server.address);
        forger.send("ana");
        watcher.expect("JOIN ana");
        forger.send("oi");
        let half = forger.seal(TEXT, b"nobody hears this\n", 0);
        forger.tcp.write_all(&half[..half.len() / 2]).unwrap();
        watcher.expect("MSG ana oi");
        match is_closed {
            true => drop(forger),
            // Behind it something that does not fit.
            false => forger.tcp.write_all(&[0; 64]).unwrap(),
        }
        watcher.expect("LEAVE ana lost");
    }
}

#[test]
fn what_came_before_a_reset_is_said_however_large_its_records_are() {
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &[]);
    let mut watcher = server.join("watcher");
    // Up to more than the 512 bytes that the server reads at first.
    for padding in 480..500 {
        let mut forger = Forger::connect(server.address);
        // A reset takes back what the author's own kernel still holds.
        forger.tcp.set_nodelay(true).unwrap();
        forger.send("ana");
        forger.send("oi");
        watcher.expect("JOIN ana");
        watcher.expect("MSG ana oi");
        let record = forger.seal(TEXT, b"tchau\n", padding);
        // So that it finds the record and the reset together.
        server.process.signal(Signal::SIGSTOP);
        forger.tcp.write_all(&record).unwrap();
        let socket = SockRef::from(&forger.tcp);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        drop(forger);
        server.process.signal(Signal::SIGCONT);
        watcher.expect("MSG ana tchau");
        watcher.expect("LEAVE ana lost");
    }
}

#[test]
fn a_record_byte_by_byte_is_one_that_is_slow() {
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &[]);
    let mut watcher = server.join("watcher");
    let mut forger = Forger::connect(server.address);
    forger.tcp.set_nodelay(true).unwrap();
    for line in ["ana", "oi", "and more"] {
        for byte in forger.seal(TEXT, format!("{line}\n").as_bytes(), 100) {
            forger.tcp.write_all(&[byte]).unwrap();
        }
    }
    watcher.expect("JOIN ana");
    watcher.expect("MSG ana oi");
    watcher.expect("MSG ana and more");
}

/// Somebody in the room floods it with records that say nothing, and is put out.
#[track_caller]
fn expect_flood_to_end(next: impl FnMut(&mut Forger) -> Vec<u8>) {
    while_others_talk(&["--rate", "10"], |server| {
        let mut watcher = server.join("watcher");
        let mut forger = Forger::connect(server.address);
        forger.send("flood");
        watcher.wait_for("JOIN flood");
        forger.flood(next);
        watcher.wait_for("LEAVE flood lost");
        watcher.quit();
    });
}

#[test]
fn a_flood_of_empty_records() {
    expect_flood_to_end(|forger| forger.seal(TEXT, b"", 0));
    expect_flood_to_end(|forger| forger.seal(TEXT, b"", 1000));
}

#[test]
fn a_flood_of_key_updates() {
    expect_flood_to_end(Forger::update_key);
}

#[test]
fn a_flood_of_empty_records_and_key_updates_in_turn() {
    let mut is_empty = false;
    expect_flood_to_end(|forger| {
        is_empty = !is_empty;
        match is_empty {
            true => forger.seal(TEXT, b"", 0),
            false => forger.update_key(),
        }
    });
}

#[test]
fn key_updates_between_lines_are_fine() {
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &[]);
    let mut watcher = server.join("watcher");
    let mut forger = Forger::connect(server.address);
    forger.send("ana");
    watcher.expect("JOIN ana");
    for n in 0..100 {
        let update = forger.update_key();
        forger.tcp.write_all(&update).unwrap();
        forger.send(&format!("line {n}"));
        watcher.expect(&format!("MSG ana line {n}"));
        watcher.send("oi");
    }
}

#[test]
fn somebody_on_the_way_who_strips_encryption_hears_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let flags = ["--host", "127.0.0.1", "--port", &port, "--lang", "en"];
    let mut command = client(&flags);
    command
        .args(["--username", "amanda"])
        .env("CHAT_PASSWORD", "segredo");
    let mut process = Process::spawn(&mut command);
    process.send("a line");
    let (mut tcp, _) = listener.accept().unwrap();
    tcp.set_read_timeout(Some(DEADLINE)).unwrap();
    tcp.write_all(b"<USERNAME>\n").unwrap();
    let mut heard = Vec::new();
    // Until the client gives up.
    let _ = tcp.read_to_end(&mut heard);
    assert_eq!(heard.first(), Some(&0x16), "it begins with a handshake");
    for word in ["amanda", "segredo", "a line", "SAIR"] {
        let found = heard
            .windows(word.len())
            .any(|bytes| bytes == word.as_bytes());
        assert!(!found, "{word} was sent in plain");
    }
    let told = process.last_words(1);
    assert!(told.contains("--plaintext"), "{told}");
}

#[test]
fn an_author_who_is_held_back_hears_what_others_say_meanwhile() {
    let folder = Folder::new();
    let flags = ["--rate", "5", "--burst", "5", "--send-buffer", "64"];
    let server = sealed_server(&folder.path("state"), &flags);
    let mut ana = enter(&server, "ana");
    // More than all buffers on the way hold.
    let input = ana.child.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut input = &input;
            let line = format!("{}\n", "x".repeat(4000));
            for _ in 0..1000 {
                if input.write_all(line.as_bytes()).is_err() {
                    break;
                }
            }
        });
        let mut bia = server.join("bia");
        ana.stdout.wait_for("bia joined");
        for n in 0..5 {
            bia.send(&format!("line {n}"));
            ana.stdout.wait_for(&format!("line {n}"));
        }
        // Nobody who keeps up is put out.
        wait_until("it is held back", || {
            bia.sync().iter().any(|line| line.contains("xxx"))
        });
        ana.child.kill().unwrap();
    });
}
