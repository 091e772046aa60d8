//! Attacks by those who are in the room: too much, too many, too long, or without reading.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use chat::protocol::LINE_LIMIT;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::support::{Dice, Peer, Server, skip, wait_until};

#[test]
fn a_flood_is_slowed_down_and_nothing_of_it_is_lost() {
    const LINES: usize = 45;
    let server = Server::start(&["--rate", "20", "--burst", "5"]);
    let mut reader = server.join("reader");
    let mut other = server.join("other");
    let mut flooder = server.join("flooder");
    let flood: String = (0..LINES).map(|n| format!("{n}\n")).collect();
    let start = Instant::now();
    flooder.send_bytes(format!("{flood}/SAIR\n").as_bytes());

    reader.wait_for("MSG flooder 9");
    other.send("oi");
    let before = reader.wait_for("MSG other oi");
    assert!(
        before.len() < LINES / 2,
        "another's line has to wait: {before:?}"
    );
    let after = reader.wait_for("LEAVE flooder quit");
    let took = start.elapsed();
    let heard: Vec<_> = before.into_iter().chain(after).collect();
    let expected: Vec<_> = (10..LINES).map(|n| format!("MSG flooder {n}")).collect();
    assert_eq!(heard, expected, "(left: came)");
    let least = Duration::from_secs(2);
    assert!(
        took >= least,
        "expected: at 20 a second\n    came: all in {took:?}"
    );

    let told = flooder.rest();
    assert!(told[0].starts_with("INFO "), "{told:?}");
    assert_eq!(
        told[1..],
        ["MSG other oi", "BYE quit"],
        "told once (left: came)"
    );
}

#[test]
fn whoever_floods_again_is_told_again() {
    let server = Server::start(&["--rate", "40", "--burst", "40"]);
    let mut flooder = server.join("flooder");
    for _ in 0..2 {
        flooder.send_bytes("oi\n".repeat(60).as_bytes());
        let told = flooder.sync();
        assert_eq!(told.len(), 1, "told once a flood\n    came: {told:?}");
        assert!(told[0].starts_with("INFO you write faster"), "{told:?}");
        // Long enough for all that was taken to come back.
        std::thread::sleep(Duration::from_millis(1100));
    }
}

#[test]
fn questions_at_the_door_are_slowed_and_do_not_outlast_it() {
    let server = Server::start(&["--rate", "10", "--burst", "5", "--handshake-timeout", "1"]);
    let mut peer = server.connect();
    peer.expect("<USERNAME>");
    let start = Instant::now();
    peer.send_bytes("/quem\n".repeat(5_000).as_bytes());
    let answers = peer.wait_for("BYE handshake-timeout").len();
    let took = start.elapsed();
    assert!((5..20).contains(&answers), "came: {answers} answers");
    assert!(
        took < Duration::from_secs(3),
        "expected: a second\n    came: {took:?}"
    );
}

#[test]
fn a_paste_of_fifty_lines_passes_at_once() {
    let server = Server::start(&["--rate", "10"]);
    let mut reader = server.join("reader");
    let mut author = server.join("author");
    let paste: String = (0..50).map(|n| format!("{n}\n")).collect();
    author.send_bytes(paste.as_bytes());
    reader.wait_for("MSG author 49");
    author.half_close();
    assert_eq!(
        author.rest(),
        [""; 0],
        "nobody is told to slow down (left: came)"
    );
}

#[test]
fn a_line_that_grows_on_the_way_counts_as_several() {
    let server = Server::start(&["--rate", "10", "--burst", "5"]);
    let say_three = |name, byte: u8| {
        let mut author = server.join(name);
        let line = [vec![byte; LINE_LIMIT], vec![b'\n']].concat();
        (0..3).for_each(|_| author.send_bytes(&line));
        author.sync()
    };
    assert_eq!(say_three("plain", b'x'), [""; 0], "(left: came)");
    // Each byte becomes three.
    let told = say_three("growing", 1);
    let is_told = told.iter().any(|line| line.starts_with("INFO "));
    assert!(is_told, "{told:?}");
}

#[test]
fn a_flooder_that_resets_the_connection_is_gone_at_once() {
    let server = Server::start(&["--rate", "10"]);
    let mut watcher = server.join("watcher");
    let mut flooder = server.join("flooder");
    watcher.expect("JOIN flooder");
    // What waits to be said would take five minutes.
    flooder.send_bytes(&b"\n".repeat(3_000));
    flooder.expect_start("INFO ");
    let start = Instant::now();
    flooder.reset();
    watcher.expect("LEAVE flooder lost");
    let took = start.elapsed();
    assert!(
        took < Duration::from_secs(1),
        "expected: at once\n    came: after {took:?}"
    );
}

/// Whether a connection is half closed by its other side. (On one machine, a reset may otherwise
/// come before the end that it follows.)
fn is_in_close_wait(port: u16, others_port: u16) -> bool {
    let sockets = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    sockets.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let mut ends_with = |end: String| fields.next().unwrap().ends_with(&end);
        ends_with(format!(":{port:04X}"))
            & ends_with(format!(":{others_port:04X}"))
            & ends_with("08".to_owned())
    })
}

/// How many lines take two seconds at fifty a second.
const LONG: usize = 100;

/// Somebody who says a hundred lines faster than they may, `last` behind them, and then goes as `go`
/// does, while somebody else speaks to them: all is heard, and then `reason`.
#[track_caller]
fn expect_heard_to_the_end(last: &str, reason: &str, go: impl FnOnce(Peer) -> Option<Peer>) {
    let server = Server::start(&["--rate", "50", "--burst", "5"]);
    let mut reader = server.join("reader");
    let mut flooder = server.join("flooder");
    reader.expect("JOIN flooder");
    let flood: String = (0..LONG).map(|n| format!("{n}\n")).collect();
    flooder.send_bytes((flood + last).as_bytes());
    flooder.expect_start("INFO ");
    let port = flooder.wire.local_addr().port();
    let flooder = go(flooder);
    // On a busy machine all may be over before anybody looks.
    let is_over = || server.process.stderr.so_far().contains("flooder left");
    wait_until("the server's side has heard of it", || {
        is_over() || is_in_close_wait(server.address.port(), port)
    });
    let hears_more = !is_over();
    for n in 0..LONG {
        if n < 5 {
            // Answered with a reset when nobody is there any more.
            reader.send("oi");
        }
        reader.expect(&format!("MSG flooder {n}"));
    }
    reader.expect(&format!("LEAVE flooder {reason}"));
    if let Some(mut flooder) = flooder.filter(|_| hears_more) {
        flooder.wait_for("MSG reader oi");
    }
}

#[test]
fn a_flooder_that_has_only_closed_its_side_is_heard_to_the_end() {
    expect_heard_to_the_end("", "lost", |flooder| {
        flooder.half_close();
        Some(flooder)
    });
}

#[test]
fn a_flooder_that_has_closed_and_gone_is_heard_to_the_end() {
    // Nothing that came was left unread, or the kernel would reset the connection.
    expect_heard_to_the_end("", "lost", |_gone| None);
}

#[test]
fn a_flooder_that_has_said_sair_and_gone_is_heard_to_the_end() {
    expect_heard_to_the_end("/SAIR\n", "quit", |_gone| None);
}

#[test]
fn a_half_line_of_a_connection_that_is_reset_is_not_said() {
    let server = Server::start(&[]);
    let mut reader = server.join("reader");
    let mut talker = server.join("talker");
    for round in 0..100 {
        let mut author = server.join("author");
        author.send_bytes(format!("whole {round}\n").repeat(200).as_bytes());
        author.send_bytes(b"half a l");
        // What is sent to it learns of the reset, and its own session may not.
        talker.send_bytes(&b"oi\n".repeat(200));
        author.reset();
        loop {
            let line = reader.expect_start("");
            assert_ne!(line, "MSG author half a l", "in round {round}");
            if line.starts_with("LEAVE author") {
                break;
            }
        }
    }
}

#[test]
fn an_endless_line_keeps_no_processor_busy() {
    let server = Server::start(&["--rate", "10"]);
    let mut author = server.join("author");
    let mut endless = author.wire.clone();
    // Ends when the server has closed.
    let pumping = thread::spawn(move || while endless.write_all(&[b'x'; 1 << 16]).is_ok() {});
    author.expect("ERR line-too-long 4096");
    server.assert_at_rest();
    server.join("another").sync();
    drop(server);
    pumping.join().unwrap();
}

#[test]
fn an_endless_line_is_refused_once_and_takes_no_memory() {
    let server = Server::start(&[]);
    let mut reader = server.join("reader");
    let mut author = server.join("author");
    reader.expect("JOIN author");
    let before = server.memory("VmRSS");
    let piece = vec![b'x'; 1 << 20];
    (0..50).for_each(|_| author.send_bytes(&piece));
    author.send("");
    author.send("oi");
    author.expect("ERR line-too-long 4096");
    reader.expect("MSG author oi");
    let grown = server.memory("VmHWM").saturating_sub(before);
    assert!(
        grown < 1024,
        "expected: less than 1 MiB\n    came: {grown} KiB"
    );
}

#[test]
fn an_endless_name_is_refused_once_and_takes_no_memory() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    let before = server.memory("VmRSS");
    let piece = vec![b'x'; 1 << 20];
    (0..20).for_each(|_| peer.send_bytes(&piece));
    peer.send("\nana");
    peer.expect("<USERNAME>");
    peer.expect("ERR line-too-long 4096");
    peer.expect("<USERNAME>");
    peer.expect("WELCOME ana 1");
    let grown = server.memory("VmHWM").saturating_sub(before);
    assert!(
        grown < 1024,
        "expected: less than 1 MiB\n    came: {grown} KiB"
    );
}

#[test]
fn a_hundred_slow_readers_change_nothing_for_the_rest() {
    let server = Server::start(&["--send-buffer", "16"]);
    let mut reader = server.join("reader");
    let mut author = server.join("author");
    reader.expect("JOIN author");
    let slow: Vec<Peer> = (0..100).map(|n| server.join(&format!("slow{n}"))).collect();
    (0..100).for_each(|n| reader.expect(&format!("JOIN slow{n}")));
    let filling = "x".repeat(LINE_LIMIT - 10);
    let mut gone = 0;
    let mut sent = 0;
    while gone < 100 {
        assert!(
            sent < 5_000,
            "expected: 100 slow ones gone\n    came: {gone}"
        );
        author.send(&format!("{sent}{filling}"));
        loop {
            let line = reader.expect_start("");
            if line.starts_with("LEAVE slow") && line.ends_with(" slow") {
                gone += 1;
                continue;
            }
            assert_eq!(line, format!("MSG author {sent}{filling}"), "(left: came)");
            break;
        }
        sent += 1;
        author.sync();
    }
    drop(slow);
    assert_eq!(reader.sync(), [""; 0]);
}

#[test]
fn asking_again_and_again_who_is_here_takes_no_memory() {
    // Whoever asks reads only afterwards.
    let server = Server::start(&["--send-buffer", "8192"]);
    let name = |n: usize| format!("{}{n:03}", "ç".repeat(29));
    let _people: Vec<Peer> = (0..100).map(|n| server.join(&name(n))).collect();
    let mut asking = server.join("asking");
    let before = server.memory("VmRSS");
    // It would be 60 MB if each were answered.
    asking.send_bytes(&b"/quem\n".repeat(10_000));
    asking.sync();
    let grown = server.memory("VmHWM").saturating_sub(before);
    assert!(
        grown < 4096,
        "expected: less than 4 MiB\n    came: {grown} KiB"
    );
}

#[test]
fn asking_fifty_times_at_once_is_not_slow_reading() {
    let server = Server::start(&["--rate", "10"]);
    let name = |n: usize| format!("{}{n:03}", "ç".repeat(29));
    let _people: Vec<Peer> = (0..200).map(|n| server.join(&name(n))).collect();
    let mut watcher = server.join("watcher");
    let mut asking = server.join("asking");
    watcher.expect("JOIN asking");
    asking.send_bytes(&b"/quem\n".repeat(50));
    asking.half_close();
    let heard = asking.remains();
    watcher.expect("LEAVE asking lost");
    let last = heard.rsplit("USERS 202 asking ").next().unwrap();
    assert!(
        last.ends_with('\n') && last.contains(&name(199)),
        "the last answer is whole: {last:?}"
    );
}

/// As many of `wanted` connections as the system lets us and the server have.
fn allowed_connections(wanted: usize) -> usize {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    // The other tests need some too.
    let most = (hard as usize).saturating_sub(1000);
    if most < wanted {
        skip(&format!(
            "all but {most} of {wanted}: no more open files are allowed here"
        ));
    }
    most.min(wanted)
}

#[test]
fn two_thousand_who_leave_at_once_are_two_thousand_lines() {
    let crowd = allowed_connections(2_000);
    let server = Server::start(&["--max-clients", "3000"]);
    let mut watcher = server.join("watcher");
    let before = server.held();
    let mut peers: Vec<Peer> = (0..crowd).map(|_| server.connect()).collect();
    for (n, peer) in peers.iter_mut().enumerate() {
        peer.send(&format!("p{n}"));
    }
    let mut count = |event: &str| {
        for _ in 0..crowd {
            watcher.expect_start(event);
        }
    };
    count("JOIN ");
    drop(peers);
    count("LEAVE ");
    server.wait_until_held(before);
    assert_eq!(watcher.sync(), [""; 0]);
}

/// What attackers do in a minute: scans and visits, one of each a second, noise, an endless line,
/// somebody who does not read, and a flood of ten lines a second.
fn attack(server: &Server, dice: &mut Dice) {
    let mut noise =
        |length: usize| -> Vec<u8> { (0..length).map(|_| dice.roll(256) as u8).collect() };
    for n in 0..60 {
        drop(server.connect());
        let mut visitor = server.join(&format!("visitor{n}"));
        match n % 6 {
            0 => {
                let _ = visitor.wire.write_all(&noise(50_000));
            }
            1 => {
                let mut stranger = server.connect();
                let _ = stranger.wire.write_all(&noise(2_000));
            }
            2 => visitor.reset(),
            3 => server.connect().reset(),
            _ => visitor.send("/SAIR"),
        }
    }
    let mut endless = server.join("endless");
    (0..4).for_each(|_| endless.send_bytes(&vec![b'x'; 1 << 20]));
    let mut deaf = server.join("deaf");
    let mut flooder = server.join("flooder");
    let _ = deaf.wire.write_all(&b"/quem\n".repeat(2_000));
    let line = format!("{}\n", "x".repeat(4_000));
    (0..600).for_each(|_| flooder.send_bytes(line.as_bytes()));
    flooder.send("/SAIR");
    flooder.remains();
}

#[test]
fn an_hours_siege_leaves_memory_threads_and_files_as_they_were() {
    let mut setup = Server::with(&["--send-buffer", "16"]);
    // glibc keeps what each of its arenas once took, and which threads share one is up to chance.
    setup.command.env("MALLOC_ARENA_MAX", "1");
    let server = setup.start();
    // Until it takes people in it may hold files only to say where it listens.
    let mut first = server.connect();
    first.expect("<USERNAME>");
    let (threads, files) = server.held();
    let start = (threads - 1, files - 1);
    // What is kept of what was said takes all the memory it will ever take.
    first.send("first");
    first.send_bytes("what is said in an hour\n".repeat(20_000).as_bytes());
    first.sync();
    drop(first);
    let mut dice = Dice::new(7);
    let mut memory_after_a_minute = || {
        attack(&server, &mut dice);
        server.wait_until_held(start);
        server.memory("VmRSS")
    };
    // What any use of it takes.
    let usually = (0..10).map(|_| memory_after_a_minute()).max().unwrap();
    let minutes: Vec<_> = (0..60).map(|_| memory_after_a_minute()).collect();
    let most = *minutes.iter().max().unwrap();
    assert!(
        most < usually + 1024,
        "expected: about {usually} KiB\n    came: {minutes:?}"
    );
    let mut ana = server.join("ana");
    ana.send("/quem");
    ana.expect("USERS 1 ana");
}
