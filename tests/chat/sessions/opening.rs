//! How a session begins, what bears a stamp, and what a newcomer is told of the past.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{ask_to_resume, enter, stamped};
use crate::support::{DEADLINE, Peer, Server, state_home};

#[test]
fn the_example_of_the_design_can_be_typed_by_hand() {
    let server = Server::start(&["--history", "20"]);
    let mut bia = server.join("bia");
    let mut caio = server.join("caio");
    bia.send("alguém?");
    caio.expect("MSG bia alguém?");

    let mut ana = server.connect();
    ana.expect("<USERNAME>");
    ana.send("/session");
    ana.send("ana");
    ana.expect("WELCOME ana 3");
    let past = ana.expect_start("@");
    let (before, said) = stamped(&past);
    assert_eq!(said, "MSG bia alguém?", "(left: came)");
    let opened = ana.expect_start("@");
    let (start, session) = stamped(&opened);
    assert!(start > before, "{opened} after {past}");
    let words: Vec<&str> = session.split(' ').collect();
    let ["SESSION", token, "30"] = words[..] else {
        panic!("expected: SESSION token 30\n    came: {session}");
    };
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    assert!(token.len() == 32 && token.chars().all(is_digit), "{token}");

    bia.send("oi");
    let live = ana.expect_start("@");
    let (last, event) = stamped(&live);
    assert_eq!(event, "MSG bia oi", "(left: came)");
    ana.send("tudo bem?");
    ana.expect("GOT 1");
    drop(ana);
    server.process.wait_for("ana is held");
    bia.send("tudo");
    bia.send("/msg ana e contigo?");
    bia.wait_for("PRIV bia ana e contigo?");

    let mut ana = ask_to_resume(&server, token, &last.to_string());
    ana.expect("RESUMED ana 3 1");
    for event in ["MSG bia tudo", "PRIV bia ana e contigo?"] {
        let missed = ana.expect_start("@");
        assert_eq!(stamped(&missed).1, event, "(left: came)");
    }
    assert_eq!(ana.sync(), [""; 0], "(left: came)");
    ana.expect("GOT 2");
    assert_eq!(
        caio.sync(),
        [
            "JOIN ana",
            "MSG bia oi",
            "MSG ana tudo bem?",
            "MSG bia tudo"
        ],
        "the room hears nothing of it (left: came)"
    );
}

#[test]
fn to_ask_for_a_session_has_no_answer() {
    let server = Server::start(&[]);
    let mut ana = server.connect();
    ana.expect("<USERNAME>");
    ana.send("/session\n/SESSION\n/quem\nana");
    ana.expect("USERS 0");
    ana.expect("WELCOME ana 1");
    let opened = ana.expect_start("@");
    assert!(stamped(&opened).1.starts_with("SESSION "), "{opened}");
}

#[test]
fn what_is_for_the_name_prompt_is_not_said_in_the_room() {
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    let resume = format!("/resume {} {}", ana.token, ana.last);
    ana.send_all(&["/session", &resume]);
    ana.expect("ERR unknown-command /session");
    ana.expect("ERR unknown-command /resume");
    ana.sync();
    assert_eq!(bia.sync(), ["JOIN ana"], "(left: came)");
}

#[test]
fn without_asking_nothing_is_stamped_and_nothing_counted() {
    let server = Server::start(&[]);
    let mut ana = server.join("ana");
    let mut bia = enter(&server, "bia");
    bia.send_all(&["oi", "/msg ana psst", "/nome beatriz"]);
    bia.sync();
    assert_eq!(
        ana.sync(),
        [
            "JOIN bia",
            "MSG bia oi",
            "PRIV bia ana psst",
            "NICK bia beatriz"
        ],
        "(left: came)"
    );
}

#[test]
fn each_event_of_the_room_bears_a_stamp_and_no_answer_does() {
    let server = Server::start(&[]);
    let mut ana = enter(&server, "ana");
    let mut bia = server.join("bia");
    bia.send("oi\n/eu ri\n/msg ana psst\n/nome beatriz\n/SAIR");
    bia.rest();
    ana.send_all(&["/nome ana", "/quem", "/ajuda", "/msg bia oi", "/SAIR"]);
    let mut last = ana.last;
    let (mut events, mut answers) = (Vec::new(), Vec::new());
    for line in ana.peer.rest() {
        let (stamp, event) = chat::protocol::Stamp::split(&line);
        if let Some(stamp) = stamp {
            assert!(stamp > last, "expected: after {last}\n    came: {line}");
            last = stamp;
        }
        let kind = event.split(' ').next().unwrap().to_owned();
        let seen = if stamp.is_some() {
            &mut events
        } else {
            &mut answers
        };
        if !seen.contains(&kind) {
            seen.push(kind);
        }
    }
    let kinds = ["JOIN", "MSG", "ACT", "PRIV", "NICK", "LEAVE"];
    assert_eq!(events, kinds, "(left: came)");
    answers.sort();
    let kinds = ["BYE", "ERR", "GOT", "INFO", "USERS"];
    assert_eq!(answers, kinds, "(left: came)");
}

#[test]
fn no_two_of_a_thousand_events_have_the_same_stamp() {
    let server = Server::start(&[]);
    let mut ana = enter(&server, "ana");
    let mut bia = server.join("bia");
    let flood: String = (0..1000).map(|n| format!("{n}\n")).collect();
    bia.send_bytes(flood.as_bytes());
    // Whoever hears it sees that they grow.
    let mut heard = ana.wait_for("MSG bia 999");
    heard.remove(0);
    let expected: Vec<_> = (0..999).map(|n| format!("MSG bia {n}")).collect();
    assert_eq!(heard, expected, "(left: came)");
}

#[test]
fn a_newcomer_is_told_what_was_last_said_to_all_and_nothing_else() {
    let server = Server::start(&["--history", "3"]);
    let mut bia = server.join("bia");
    bia.send("one\ntwo\n/eu three\n/msg bia private\n/nome beatriz\nfour\n/nada");
    bia.sync();
    server.join("caio").quit();
    let expected = ["MSG bia two", "ACT bia three", "MSG beatriz four"];

    let mut plain = TcpStream::connect(server.address).unwrap();
    plain.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut asked = [0; 11];
    plain.read_exact(&mut asked).unwrap();
    plain.write_all(b"ana\n").unwrap();
    let mut welcome = [0; 4096];
    let length = plain.read(&mut welcome).unwrap();
    let welcome = str::from_utf8(&welcome[..length]).unwrap();
    let mut lines = welcome.lines();
    assert_eq!(lines.next(), Some("WELCOME ana 2"), "(left: came)");
    let told: Vec<_> = lines.map(|line| stamped(line).1).collect();
    assert_eq!(told, expected, "in the same send (left: came)");

    let mut plain = Peer::new(plain);
    bia.wait_for("JOIN ana");
    bia.send("live");
    plain.expect("MSG beatriz live");
}

#[test]
fn where_no_past_is_told_a_newcomer_hears_none() {
    let server = Server::start(&["--history", "0"]);
    let mut bia = server.join("bia");
    bia.send("oi");
    bia.sync();
    let mut plain = server.join("ana");
    assert_eq!(plain.sync(), [""; 0], "(left: came)");
    let mut caio = server.connect();
    caio.expect("<USERNAME>");
    caio.send("/session\ncaio");
    caio.expect("WELCOME caio 3");
    let opened = caio.expect_start("@");
    assert!(stamped(&opened).1.starts_with("SESSION "), "{opened}");
}

#[test]
fn the_password_comes_before_a_session_and_nothing_there_tells_of_one() {
    let file = format!("{}/session-password", state_home());
    std::fs::create_dir_all(state_home()).unwrap();
    std::fs::write(&file, "sesame\n").unwrap();
    let server = Server::start(&["--password-file", &file]);
    let mut ana = server.connect();
    ana.expect("<PASSWORD>");
    ana.send("sesame\n/session\nana");
    ana.expect("<USERNAME>");
    ana.expect("WELCOME ana 1");
    let opened = ana.expect_start("@");
    let (start, session) = stamped(&opened);
    let token = session.split(' ').nth(1).unwrap();
    drop(ana);
    server.process.wait_for("ana is held");

    let mut back = server.connect();
    back.expect("<PASSWORD>");
    let resume = format!("/resume {token} {start}");
    back.send(&resume);
    back.expect("ERR password-wrong");
    back.expect("<PASSWORD>");
    back.send(&format!("sesame\n{resume}"));
    back.expect("<USERNAME>");
    back.expect("RESUMED ana 1 0");
}

#[test]
fn the_token_is_nowhere_in_the_log() {
    let mut setup = Server::with(&["--hold", "1"]);
    setup.command.env("RUST_LOG", "trace");
    let server = setup.start();
    let mut ana = enter(&server, "ana");
    ana.send("oi");
    ana.go_away(&server);
    ana.come_back(server.connect());
    ana.come_back(server.connect());
    ana.go_away(&server);
    server.process.wait_for("ana left");
    let mut stranger = ask_to_resume(&server, &ana.token, "yesterday");
    stranger.expect("ERR session-unknown");
    ana.come_back(server.connect());
    ana.send("/SAIR");
    ana.wait_for("BYE quit");
    server.process.wait_for("ana left");
    let log = server.log();
    assert!(!log.contains(&ana.token), "{} in {log}", ana.token);
}
