//! How a session in a pipe ends, from either side: in words where it is a problem, and always
//! with the right exit status.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use crate::support::client::{
    Impostor, LANGS, client_of, enter, expect_words_from, last_words, meet,
};
use crate::support::{Output, Peer, Process, Server, wait_until, wait_until_asleep};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What `BYE` is told as.
const FAREWELLS: [(&str, [&str; 2]); 6] = [
    ("shutdown", ["foi encerrado", "was shut down"]),
    ("server-full", ["está cheio", "is full"]),
    (
        "too-many-connections",
        ["conexões demais", "too many connections"],
    ),
    (
        "too-many-attempts",
        ["recusou tentativas demais", "refused too many attempts"],
    ),
    (
        "handshake-timeout",
        ["não esperou mais pelo nome", "waited no longer for a name"],
    ),
    ("encryption-required", ["só fala cifrado", "encrypted only"]),
];

/// What the end without `BYE` is told as.
const CLOSED: [&str; 2] = ["fechou a conexão", "closed the connection"];
const LOST: [&str; 2] = ["se perdeu", "was lost"];

#[test]
fn every_bye_but_quit_is_a_problem_told_in_words() {
    let impostor = Impostor::listen();
    for (code, words) in FAREWELLS {
        let bye = format!("BYE {code}");
        // At the door …
        expect_words_from(impostor.address, words, || impostor.accept().send(&bye));
        // … and in the room.
        expect_words_from(impostor.address, words, || {
            impostor.welcome("ana").send(&bye);
        });
    }
    let mut process = Process::spawn(&mut client_of(impostor.address, &["--username", "ana"]));
    impostor.welcome("ana").send("BYE quit");
    assert_eq!(process.finish(), Some(0));
    assert_eq!(process.stderr.so_far(), "");
}

#[test]
fn a_server_that_is_shut_down_is_told_as_such() {
    for (lang, words) in LANGS.into_iter().zip(FAREWELLS[0].1) {
        let server = Server::start(&[]);
        let mut ana = enter(&server, "ana");
        let mut visitor = Process::spawn(&mut client_of(server.address, &["--lang", lang]));
        wait_until("both are connected", || {
            server.log().matches("connection from").count() == 2
        });
        server.process.signal(Signal::SIGTERM);
        assert!(last_words(&mut ana, 1).contains("was shut down"));
        assert!(last_words(&mut visitor, 1).contains(words));
    }
}

#[test]
fn a_server_without_room_or_patience_is_told_as_such() {
    let server = Server::start(&["--max-clients", "1"]);
    let _ana = server.join("ana");
    expect_words_from(server.address, FAREWELLS[1].1, || {});

    let server = Server::start(&["--max-per-address", "1"]);
    let _ana = server.join("ana");
    expect_words_from(server.address, FAREWELLS[2].1, || {});

    let server = Server::start(&["--handshake-timeout", "1"]);
    let nameless =
        LANGS.map(|lang| Process::spawn(&mut client_of(server.address, &["--lang", lang])));
    for (mut nameless, words) in nameless.into_iter().zip(FAREWELLS[4].1) {
        assert!(last_words(&mut nameless, 1).contains(words));
    }
}

#[test]
fn a_server_that_is_killed_is_told_as_a_closed_connection() {
    for (lang, words) in LANGS.into_iter().zip(CLOSED) {
        let server = Server::start(&[]);
        let flags = ["--username", "ana", "--lang", lang];
        let mut ana = Process::spawn(&mut client_of(server.address, &flags));
        ana.stdout.wait_for("ana");
        server.process.signal(Signal::SIGKILL);
        let told = last_words(&mut ana, 1);
        assert!(
            told.contains(words),
            "expected: …{words}…\n    came: {told}"
        );
    }
}

#[test]
fn a_connection_that_is_reset_or_closed_is_told_as_such() {
    let impostor = Impostor::listen();
    let at_the_door: fn(&Impostor) -> Peer = |impostor| {
        let mut peer = impostor.accept();
        peer.send("<USERNAME>");
        peer.expect("ana");
        peer
    };
    for meet in [at_the_door, |impostor| impostor.welcome("ana")] {
        expect_words_from(impostor.address, LOST, || meet(&impostor).reset());
        expect_words_from(impostor.address, CLOSED, || drop(meet(&impostor)));
    }
}

#[test]
fn what_is_no_chat_server_is_told_as_such() {
    let impostor = Impostor::listen();
    let words = [
        "mas não como servidor deste chat",
        "but not as a server of this chat",
    ];
    for greeting in [
        &b"SSH-2.0-OpenSSH_10.0\r\n"[..],
        b"220 mail.example ESMTP\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n<html>",
        b"\x15\x03\x03\x00\x02\x02\x50\n",
    ] {
        expect_words_from(impostor.address, words, || {
            impostor.accept().send_bytes(greeting);
        });
    }
}

#[test]
fn the_end_of_the_input_leaves_as_sair_does_when_all_is_delivered() {
    let server = Server::start(&[]);
    let mut witness = server.join("witness");
    // The last line without its end is a line all the same.
    for input in ["ana\noi\n", "ana\noi"] {
        let mut process = Process::spawn(&mut client_of(server.address, &[]));
        process.send_bytes(input.as_bytes());
        process.end_input();
        assert_eq!(process.finish(), Some(0), "after {input:?}");
        assert_eq!(process.stderr.so_far(), "");
        for line in ["JOIN ana", "MSG ana oi", "LEAVE ana quit"] {
            witness.expect(line);
        }
    }
}

#[test]
fn much_input_is_delivered_whole_before_the_end_however_slowly_the_server_takes_it() {
    let server = Server::start(&["--rate", "200", "--burst", "50"]);
    let mut witness = server.join("witness");
    let mut process = Process::spawn(&mut client_of(server.address, &["--username", "ana"]));
    let lines: String = (0..300).map(|n| format!("line {n}\n")).collect();
    process.send_bytes(lines.as_bytes());
    process.end_input();
    assert_eq!(process.finish(), Some(0));
    witness.expect("JOIN ana");
    for n in 0..300 {
        witness.expect(&format!("MSG ana line {n}"));
    }
    witness.expect("LEAVE ana quit");
}

#[test]
fn an_input_that_ends_before_a_name_is_given_leaves_in_silence() {
    let server = Server::start(&[]);
    for input in ["", "/SAIR\n", "/quit"] {
        let mut process = Process::spawn(&mut client_of(server.address, &[]));
        process.send_bytes(input.as_bytes());
        process.end_input();
        assert_eq!(process.finish(), Some(0), "after {input:?}");
        assert_eq!(
            (process.stdout.so_far(), process.stderr.so_far()),
            Default::default()
        );
    }
}

/// Whether a process does something of its own when this signal comes.
fn minds(pid: u32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    // proc_pid_status(5): a mask in hexadecimal, its lowest bit is signal 1.
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = u64::from_str_radix(mask.unwrap().trim(), 16).unwrap();
    mask >> (signal as u32 - 1) & 1 == 1
}

#[test]
fn signals_leave_as_sair_does_half_a_line_typed_or_not() {
    let server = Server::start(&[]);
    let mut witness = server.join("witness");
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        for half in ["", "half a li"] {
            let mut ana = enter(&server, "ana");
            ana.send_bytes(half.as_bytes());
            ana.signal(signal);
            assert_eq!(ana.finish(), Some(0), "after {signal} and {half:?}");
            assert_eq!(ana.stderr.so_far(), "");
            witness.expect("JOIN ana");
            witness.expect("LEAVE ana quit");
        }
        // At the door, too: once it minds signals.
        let mut nameless = Process::spawn(&mut client_of(server.address, &[]));
        wait_until("it minds signals", || minds(nameless.pid(), signal));
        nameless.signal(signal);
        assert_eq!(nameless.finish(), Some(0), "after {signal} at the door");
    }
}

#[test]
fn what_the_server_says_while_one_leaves_is_not_overheard() {
    for _ in 0..50 {
        let (mut process, mut peer) = meet(&[]);
        process.end_input();
        peer.expect("/SAIR");
        peer.send("BYE shutdown");
        assert!(last_words(&mut process, 1).contains("was shut down"));
    }
}

#[test]
fn a_client_whose_server_hangs_can_still_be_left() {
    let impostor = Impostor::listen();
    let mut process = Process::spawn(&mut client_of(impostor.address, &["--username", "ana"]));
    let mut peer = impostor.welcome("ana");
    process.signal(Signal::SIGINT);
    peer.expect("/SAIR");
    // No `BYE` ever comes.
    assert_eq!(process.finish(), Some(0));
}

#[test]
fn a_closed_output_ends_it_quietly() {
    let server = Server::start(&[]);
    let mut witness = server.join("witness");
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = client_of(server.address, &["--username", "ana"]);
    let mut ana = command
        .stdin(Stdio::piped())
        .stdout(writer.try_clone().unwrap())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    BufReader::new(reader)
        .read_line(&mut String::new())
        .unwrap();
    // A program that another test starts just now has the reading end too, until it has begun.
    wait_until("nobody reads", || {
        let mut fds = [PollFd::new(writer.as_fd(), PollFlags::empty())];
        poll(&mut fds, PollTimeout::ZERO).unwrap();
        fds[0].any() == Some(true)
    });
    let stderr = Output::collect(ana.stderr.take().unwrap());
    witness.wait_for("JOIN ana");
    witness.send("who reads this?");
    wait_until("ended", || ana.try_wait().unwrap().is_some());
    assert_eq!(ana.wait().unwrap().code(), Some(0));
    stderr.wait_until_closed();
    assert_eq!(stderr.so_far(), "");
    witness.expect_start("LEAVE ana ");
}

#[test]
fn an_output_that_takes_nothing_is_no_crash() {
    let server = Server::start(&[]);
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let mut command: Command = client_of(server.address, &["--username", "ana"]);
    command.stdin(Stdio::piped()).stdout(full()).stderr(full());
    let mut ana = command.spawn().unwrap();
    wait_until("ended", || ana.try_wait().unwrap().is_some());
    let code = ana.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 1)), "no panic: {code:?}");
}

#[test]
fn an_output_that_nobody_reads_holds_no_end_up() {
    let server = Server::start(&[]);
    let mut witness = server.join("witness");
    let (_reader, pipe) = std::io::pipe().unwrap();
    let (_pty, pts) = pty_process::blocking::open().unwrap();
    for output in [pipe.as_fd(), pts.as_fd()] {
        let stdio = || Stdio::from(output.try_clone_to_owned().unwrap());
        // One fills the one stream, one the other.
        for command in ["/ajuda", "/nada"] {
            let mut ana = client_of(server.address, &["--username", "ana"])
                .stdin(Stdio::piped())
                .stdout(stdio())
                .stderr(stdio())
                .spawn()
                .unwrap();
            witness.expect("JOIN ana");
            // First the one thread has more to show than there is space for, then the other.
            let line = "x".repeat(1_000);
            (0..200).for_each(|_| witness.send(&line));
            wait_until_asleep(ana.id());
            let lines = format!("{command}\n").repeat(4_000);
            let stdin = ana.stdin.as_mut().unwrap();
            stdin.write_all(lines.as_bytes()).unwrap();
            wait_until_asleep(ana.id());
            kill(Pid::from_raw(ana.id() as i32), Signal::SIGTERM).unwrap();
            witness.expect("LEAVE ana quit");
            wait_until("it has ended", || ana.try_wait().unwrap().is_some());
            assert_eq!(ana.wait().unwrap().code(), Some(0), "(left: came)");
        }
    }
}
