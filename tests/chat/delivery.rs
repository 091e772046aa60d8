//! What is accepted is delivered, once and whole, whoever comes, goes or stops reading (sections 2
//! and 4 of the design). `order.rs` is about the one order of it all.

use std::collections::HashMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;

use crate::support::{Peer, Server, Wire, expect_farewell};
use chat::protocol::{LINE_LIMIT, fold};

#[test]
fn fifty_claim_one_name_and_one_gets_it() {
    let server = Server::start(&[]);
    let spellings = ["joão", "JOÃO", "Joa\u{303}o", "ｊｏãｏ"];
    for round in 0..3 {
        let barrier = Barrier::new(50);
        let answers: Vec<(Peer, String)> = thread::scope(|scope| {
            let claims: Vec<_> = (0..50)
                .map(|n| {
                    let (server, barrier) = (&server, &barrier);
                    scope.spawn(move || {
                        let mut peer = server.connect();
                        peer.expect("<USERNAME>");
                        barrier.wait();
                        peer.send(spellings[n % spellings.len()]);
                        let answer = peer.expect_start("");
                        (peer, answer)
                    })
                })
                .collect();
            claims
                .into_iter()
                .map(|claim| claim.join().unwrap())
                .collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = answers
            .into_iter()
            .partition(|(_, answer)| answer.starts_with("WELCOME "));
        let answers: Vec<_> = won.iter().map(|(_, answer)| answer).collect();
        assert_eq!(answers.len(), 1, "round {round}: {answers:?}");
        assert!(answers[0].ends_with(" 1"), "{answers:?}");
        for (_, answer) in lost {
            assert!(answer.starts_with("ERR username-taken "), "{answer:?}");
        }
        let mut winner = won.into_iter().next().unwrap().0;
        winner.send("/SAIR");
        winner.expect("BYE quit");
    }
}

#[test]
fn twenty_rename_to_one_name_and_one_gets_it() {
    let server = Server::start(&[]);
    let mut peers: Vec<Peer> = (0..20).map(|n| server.join(&format!("p{n}"))).collect();
    thread::scope(|scope| {
        for peer in &mut peers {
            scope.spawn(|| peer.send("/nome ana"));
        }
    });
    // Once each has its answer, all is settled; once each has asked again, all is heard.
    let answers: Vec<_> = peers.iter_mut().map(Peer::sync).collect();
    let later: Vec<_> = peers.iter_mut().map(Peer::sync).collect();
    let heard = [answers, later].concat();
    let count = |start| {
        heard
            .iter()
            .flatten()
            .filter(|line| line.starts_with(start))
            .count()
    };
    assert_eq!(count("NICK "), 20, "one renamed, heard by all: {heard:#?}");
    assert_eq!(count("ERR username-taken ana"), 19, "{heard:#?}");
}

#[test]
fn each_join_has_exactly_one_leave_however_it_ends() {
    const LIVES: usize = 25;
    let server = Server::start(&[]);
    let mut watcher = server.join("watcher");
    thread::scope(|scope| {
        for thread in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for life in 0..LIVES {
                    let name = format!("t{thread}-{}", life % 4);
                    let mut peer = server.connect();
                    peer.expect("<USERNAME>");
                    peer.send(&name);
                    // The name is free again once the one who had it is gone.
                    while peer.expect_start("").starts_with("ERR username-taken ") {
                        peer = server.connect();
                        peer.expect("<USERNAME>");
                        peer.send(&name);
                    }
                    match life % 4 {
                        0 => {
                            peer.send("/SAIR");
                            peer.wait_for("BYE quit");
                        }
                        1 => drop(peer),
                        2 => peer.reset(),
                        _ => {
                            peer.half_close();
                            peer.rest();
                        }
                    }
                }
            });
        }
    });
    let mut here: HashMap<String, usize> = HashMap::new();
    for _ in 0..2 * 8 * LIVES {
        let line = watcher.expect_start("");
        let words: Vec<_> = line.split(' ').collect();
        let seats = here.entry(words[1].to_owned()).or_default();
        match words[..] {
            ["JOIN", _] => *seats += 1,
            ["LEAVE", name, reason] => {
                *seats -= 1;
                let expected = if name.ends_with("-0") { "quit" } else { "lost" };
                assert_eq!(reason, expected, "{line:?}");
            }
            _ => panic!("expected: only JOIN and LEAVE\n    came: {line:?}"),
        }
        assert!(*seats <= 1, "{line:?}: somebody is here twice");
    }
    assert!(here.values().all(|&seats| seats == 0), "{here:?}");
    assert_eq!(
        watcher.sync(),
        [""; 0],
        "nothing comes after the last LEAVE"
    );
}

#[test]
fn what_was_said_before_the_connection_broke_is_heard_before_the_leave() {
    let server = Server::start(&[]);
    let mut reader = server.join("reader");
    for (n, close) in [drop, Peer::reset, |peer: Peer| peer.half_close()]
        .into_iter()
        .enumerate()
    {
        let name = format!("a{n}");
        let mut author = server.join(&name);
        // What it never reads makes the kernel close with a reset.
        reader.send("unread");
        assert_eq!(reader.sync(), [format!("JOIN {name}")]);
        // In one packet: a reset takes back what the author's own kernel still holds.
        let said: String = (0..50).map(|n| format!("{n}\n")).collect();
        author.send_bytes(said.as_bytes());
        close(author);
        let expected: Vec<_> = (0..50).map(|n| format!("MSG {name} {n}")).collect();
        assert_eq!(
            reader.wait_for(&format!("LEAVE {name} lost")),
            expected,
            "(left: came)"
        );
    }
}

#[test]
fn a_last_line_without_its_end_counts() {
    let server = Server::start(&[]);
    let mut reader = server.join("reader");
    let mut author = server.connect();
    author.send_bytes(b"ana\noi\nsem fim");
    author.half_close();
    for expected in [
        "JOIN ana",
        "MSG ana oi",
        "MSG ana sem fim",
        "LEAVE ana lost",
    ] {
        reader.expect(expected);
    }
    assert_eq!(
        author.rest(),
        ["<USERNAME>", "WELCOME ana 2"],
        "(left: came)"
    );

    let mut only_a_name = server.connect();
    only_a_name.send_bytes(b"bia");
    only_a_name.half_close();
    reader.expect("JOIN bia");
    reader.expect("LEAVE bia lost");
    assert_eq!(
        only_a_name.rest(),
        ["<USERNAME>", "WELCOME bia 2"],
        "(left: came)"
    );
}

#[test]
fn what_stands_before_a_quit_is_delivered_and_what_stands_behind_it_is_not() {
    let server = Server::start(&[]);
    let mut reader = server.join("reader");
    let mut author = server.connect();
    author.send_bytes(b"ana\num\n/msg reader dois\n/nome bia\n/me ri\n/SAIR tarde\ndepois\n");
    for expected in [
        "JOIN ana",
        "MSG ana um",
        "PRIV ana reader dois",
        "NICK ana bia",
        "ACT bia ri",
        "LEAVE bia quit",
    ] {
        reader.expect(expected);
    }
    let expected = [
        "<USERNAME>",
        "WELCOME ana 2",
        "PRIV ana reader dois",
        "NICK ana bia",
        "BYE quit",
    ];
    assert_eq!(author.rest(), expected, "(left: came)");
    assert_eq!(reader.sync(), [""; 0]);
}

#[test]
fn a_slow_reader_is_dropped_and_the_others_hear_why() {
    let server = Server::start(&["--send-buffer", "16"]);
    let mut slow = server.join("slow");
    let mut reader = server.join("reader");
    let mut author = server.join("author");
    slow.expect("JOIN reader");
    reader.expect("JOIN author");
    let filling = "x".repeat(LINE_LIMIT - 5);
    let line = |n: usize| format!("{n:05}{filling}");
    let mut sent = 0;
    // In step with the one who reads, who therefore has to hear it all.
    loop {
        assert!(
            sent < 10_000,
            "expected: LEAVE slow slow\n    came: 40 MB without it"
        );
        author.send(&line(sent));
        let expected = format!("MSG author {}", line(sent));
        let came = reader.expect_start("");
        if came != expected {
            assert_eq!(came, "LEAVE slow slow", "(left: came)");
            reader.expect(&expected);
            break;
        }
        sent += 1;
    }
    author.expect("LEAVE slow slow");
    let mut second = server.join("slow");
    reader.expect("JOIN slow");

    let heard = slow.remains();
    let mut lines: Vec<&str> = heard.split_inclusive('\n').collect();
    assert_eq!(lines.remove(0), "JOIN author\n");
    assert!(!lines.is_empty(), "it heard nothing of {sent} lines");
    for (n, heard) in lines.iter().enumerate() {
        let whole = format!("MSG author {}\n", line(n));
        let is_last = n + 1 == lines.len();
        assert!(
            *heard == whole || is_last && whole.starts_with(heard),
            "torn: line {n}: {heard:?}"
        );
    }
    drop(slow);
    assert_eq!(
        second.sync(),
        [""; 0],
        "the old one's end is not the new one's"
    );
    assert_eq!(reader.sync(), [""; 0]);
}

/// Sixteen read, and half of them say far more than fits; what each of them heard.
fn talk_too_much(line: &str) -> Vec<String> {
    let server = Server::start(&["--send-buffer", "16"]);
    let peers: Vec<Peer> = (0..16).map(|n| server.join(&format!("p{n:02}"))).collect();
    let flood = line.repeat(500);
    thread::scope(|scope| {
        let mut said = Vec::new();
        let mut heard = Vec::new();
        for (n, mut peer) in peers.into_iter().enumerate() {
            let mut wire = peer.wire.clone();
            heard.push(scope.spawn(move || peer.remains()));
            let flood = if n < 8 { flood.as_bytes() } else { b"" };
            said.push(scope.spawn(move || {
                // It fails for those who were too slow themselves.
                let _ = wire.write_all(flood);
                wire
            }));
        }
        let said: Vec<Wire> = said.into_iter().map(|said| said.join().unwrap()).collect();
        for wire in said {
            let _ = wire.half_close();
        }
        heard
            .into_iter()
            .map(|heard| heard.join().unwrap())
            .collect()
    })
}

#[test]
fn a_torn_line_is_never_followed_by_another() {
    let text = format!("{}\n", "x".repeat(2_000));
    let mut torn = 0;
    // Each time, everyone is torn off somewhere.
    for heard in (0..15).flat_map(|_| talk_too_much(&text)) {
        let lines: Vec<&str> = heard.split_inclusive('\n').collect();
        // One or the other is cut off before anything has arrived.
        let Some((_torn, whole)) = lines.split_last() else {
            continue;
        };
        torn += 1;
        for line in whole {
            let is_said = line.starts_with("MSG p") && line.get(8..) == Some(&text);
            let is_event = line.starts_with("JOIN p") || line.starts_with("LEAVE p");
            assert!(is_said || is_event, "torn, and more came: {line:?}");
        }
    }
    assert!(torn > 15 * 15, "{torn} of {} heard something", 15 * 16);
}

#[test]
fn sigterm_says_farewell_to_fifty_clients_and_ends_well() {
    let mut server = Server::start(&[]);
    let mut clients: Vec<Peer> = (0..49).map(|n| server.join(&format!("p{n}"))).collect();
    let mut at_the_door = server.connect();
    at_the_door.expect("<USERNAME>");
    let last = clients.last_mut().unwrap();
    (0..20).for_each(|n| last.send(&n.to_string()));
    last.sync();
    server.shut_down(|| {
        at_the_door.expect("BYE shutdown");
        at_the_door.expect_end();
        drop(at_the_door);
        expect_farewell(clients);
    });
    assert!(
        TcpStream::connect(server.address).is_err(),
        "nobody listens any more"
    );
}

#[test]
fn a_thousand_visits_leave_no_thread_and_no_descriptor_behind() {
    let server = Server::start(&[]);
    let mut watcher = server.join("watcher");
    let before = server.held();
    thread::scope(|scope| {
        for thread in 0..10 {
            let server = &server;
            scope.spawn(move || {
                for visit in 0..100 {
                    let name = format!("t{thread}-{visit}");
                    match visit % 5 {
                        0 => drop(server.connect()),
                        1 => server.connect().reset(),
                        2 => drop(server.join(&name)),
                        3 => server.join(&name).reset(),
                        _ => server.join(&name).quit(),
                    }
                }
            });
        }
    });
    server.wait_until_held(before);
    let heard = watcher.sync();
    let count = |start| heard.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(
        (count("JOIN "), count("LEAVE ")),
        (600, 600),
        "(left: came)"
    );
}

#[test]
fn three_hundred_people_with_long_names_are_listed_in_order_on_short_lines() {
    let server = Server::start(&[]);
    // As long as names can be, and such that the order of bytes is not that without case.
    let name = |n: usize| match n % 2 {
        0 => format!("{}{:03}", "Ç".repeat(29), n * 7 % 300),
        _ => format!("{}{:03}", "ç".repeat(29), n * 7 % 300),
    };
    let people: Vec<Peer> = (0..299).map(|n| server.join(&name(n))).collect();
    let mut asking = server.join("ana");
    asking.send("/quem");
    let lines = asking.sync();
    let mut listed = Vec::new();
    for line in &lines {
        assert!(line.len() <= LINE_LIMIT, "{} bytes", line.len());
        let names = line.strip_prefix("USERS 300 ");
        let names = names.unwrap_or_else(|| panic!("expected: USERS 300 …\n    came: {line:?}"));
        listed.extend(names.split(' ').map(str::to_owned));
    }
    let mut expected: Vec<String> = (0..299).map(name).chain(["ana".to_owned()]).collect();
    expected.sort_by_key(|name| fold(name));
    assert_eq!(listed, expected, "(left: came)");
    let needed = expected.iter().map(|name| name.len() + 1).sum::<usize>() / LINE_LIMIT + 1;
    assert!(
        lines.len() <= needed + 1,
        "{} lines where {needed} would do",
        lines.len()
    );
    drop(people);
}
