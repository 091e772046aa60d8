//! Attacks by what is said: names and texts that pass for somebody else's, or for none at all.

use std::time::{SystemTime, UNIX_EPOCH};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{Peer, Server, fuzz, is_banned};

#[track_caller]
fn assert_harmless(line: &str) {
    assert!(!line.contains(is_banned), "on the screen: {line:?}");
}

/// What the server says to one who tries these names at the door and goes.
fn try_name(server: &Server, name: &str) -> String {
    let mut peer = server.connect();
    peer.expect("<USERNAME>");
    peer.send(name);
    let answer = peer.expect_start("");
    assert_harmless(&answer);
    answer
}

#[test]
fn names_that_hide_turn_or_pile_up_are_refused_without_showing_them() {
    let server = Server::start(&[]);
    let mut ana = server.join("ana");
    for (typed, shown) in [
        ("an\u{200b}a", "ana"),
        ("an\u{200d}a", "an\u{200d}a"),
        ("\u{202e}ana", "\u{fffd}ana"),
        ("ana\u{e0041}", "ana"),
        ("ana\u{1b}[2J", "ana"),
        ("ana\u{9b}2J", "ana\u{fffd}2J"),
        ("an\ta", "an a"),
        ("an\ra", "an\u{fffd}a"),
        ("ana\u{3164}", "ana"),
        (
            "a\u{316}\u{317}\u{318}\u{319}",
            "a\u{316}\u{317}\u{318}\u{319}",
        ),
        ("аna", "аna"),
        ("😀", "😀"),
    ] {
        assert_eq!(
            try_name(&server, typed),
            format!("ERR username-invalid {shown}")
        );
        ana.send(&format!("/nome {typed}"));
        ana.expect(&format!("ERR username-invalid {shown}"));
    }
    ana.send("/nome duas palavras");
    ana.expect("ERR username-invalid duas palavras");
    assert_eq!(ana.sync(), [""; 0]);
}

#[test]
fn look_alikes_of_a_name_in_use_are_that_name() {
    let server = Server::start(&[]);
    let people = [
        "coco", "bernardo", "user1", "João", "Alice", "TOM", "ΑΝΝΑ", "Ivan",
    ];
    let _people = people.map(|name| server.join(name));
    for name in [
        "сосо",
        "СОСО",
        "bemardo",
        "userl",
        "USERL",
        "JOÃO",
        "joa\u{303}o",
        "ｊｏãｏ",
        // In capitals alone, or in small letters alone.
        "AIice",
        "ТОМ",
        "ANNA",
        "lvan",
    ] {
        let answer = try_name(&server, name);
        assert!(
            answer.starts_with("ERR username-taken "),
            "{name} came in: {answer:?}"
        );
    }
    // Nor can anybody take such a name later; one's own may change its looks.
    let mut mallory = server.join("mallory");
    mallory.send("/nome AIice");
    mallory.expect("ERR username-taken AIice");
    mallory.send("/nome maIlory");
    mallory.expect("NICK mallory maIlory");
}

#[test]
fn escapes_reach_no_screen() {
    let server = Server::start(&[]);
    let mut reader = server.join("reader");
    let mut ana = server.join("ana");
    reader.expect("JOIN ana");
    for (typed, shown) in [
        ("a\u{1b}[2J\u{1b}[Hb", "ab"),
        ("a\u{1b}]52;c;cm0gLXJm\u{7}b", "ab"),
        ("\u{9b}31m\u{9d}0;x\u{9c}", "\u{fffd}31m\u{fffd}0;x\u{fffd}"),
        ("\u{7f}\u{8}\0", "\u{fffd}\u{fffd}"),
        ("\u{202e}oi\u{2066}", "\u{fffd}oi\u{fffd}"),
        ("a\tb", "a b"),
        (
            "👩\u{200d}💻 ❤\u{fe0f} می\u{200c}خواهم",
            "👩\u{200d}💻 ❤\u{fe0f} می\u{200c}خواهم",
        ),
    ] {
        for (before, event) in [
            ("", "MSG ana "),
            ("/me ", "ACT ana "),
            ("/msg reader ", "PRIV ana reader "),
        ] {
            ana.send(&format!("{before}{typed}"));
            reader.expect(&format!("{event}{shown}"));
        }
        ana.expect(&format!("PRIV ana reader {shown}"));
    }
    // What the server repeats to the one who typed it.
    for (typed, answer) in [
        ("/\u{1b}[2Jx", "ERR unknown-command /x"),
        ("/msg x\u{1b}[2J oi", "ERR no-such-user x"),
        ("/nome x\u{1b}[2J", "ERR username-invalid x"),
    ] {
        ana.send(typed);
        ana.expect(answer);
    }
}

#[test]
fn nobody_forges_a_line_of_somebody_elses() {
    let server = Server::start(&[]);
    let mut reader = server.join("reader");
    let mut ana = server.join("ana");
    reader.expect("JOIN ana");
    for end in [
        "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\0", "\r\r",
    ] {
        let replaced = end.chars().filter(|&c| c != '\0').count();
        let shown = "\u{fffd}".repeat(replaced);
        for (before, event) in [
            ("", "MSG ana "),
            ("/eu ", "ACT ana "),
            ("/msg reader ", "PRIV ana reader "),
        ] {
            ana.send(&format!("{before}oi{end}MSG bia fora{end}BYE shutdown"));
            reader.expect(&format!("{event}oi{shown}MSG bia fora{shown}BYE shutdown"));
        }
    }
    for name in [
        "MSG\u{2028}",
        "ana oi",
        "reader\u{a0}oi",
        "INFO\rx",
        "a\nLEAVE reader quit",
    ] {
        let answer = try_name(&server, name);
        assert!(
            !answer.starts_with("WELCOME") || name.starts_with("a\n"),
            "{name:?}: {answer:?}"
        );
    }
    for expected in ["JOIN a", "MSG a LEAVE reader quit", "LEAVE a lost"] {
        reader.expect(expected);
    }
    assert_eq!(reader.sync(), [""; 0]);
}

/// Bytes that may mean something to a parser or a terminal, with line ends among them.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let telling = [
        "\n",
        "\r\n",
        "\r",
        "/me ",
        "/msg reader ",
        "/w fuzz ",
        "//",
        "/nome ",
        "/nick bia\n",
        "/r ",
        "/quem\n",
        "/SAIR\n",
        "\u{1b}[2J",
        "\u{9b}",
        "\u{202e}",
        "\u{2028}",
        "\u{feff}",
        "ana",
        " ",
    ];
    let piece = prop_oneof![
        3 => select(telling.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..30),
        1 => "\\PC{0,20}".prop_map(String::into_bytes),
        1 => any::<char>().prop_map(|c| c.to_string().into_bytes()),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Sends `bytes` as somebody who joins for it; everything that came out at both ends.
fn say(server: &Server, reader: &mut Peer, bytes: &[u8]) -> Vec<String> {
    let mut author = server.join("fuzz");
    author.send_bytes(bytes);
    author.half_close();
    let mut heard = author.rest();
    loop {
        let line = reader.expect_start("");
        let is_last = line.starts_with("LEAVE ");
        heard.push(line);
        if is_last {
            return heard;
        }
    }
}

#[test]
fn whatever_goes_in_no_control_character_comes_out() {
    let server = Server::start(&[]);
    let reader = std::cell::RefCell::new(server.join("reader"));
    fuzz(64, any_bytes(), |bytes| {
        let events = "JOIN MSG ACT PRIV NICK LEAVE USERS INFO ERR BYE";
        for line in say(&server, &mut reader.borrow_mut(), &bytes) {
            let event = line.split(' ').next().unwrap();
            prop_assert!(events.split(' ').any(|known| known == event), "{:?}", line);
            prop_assert!(!line.contains(is_banned), "{:?}", line);
        }
        Ok(())
    });
    let log = server.log();
    assert!(log.lines().count() > 64, "the log tells who came: {log}");
    log.lines().for_each(assert_harmless);
}

#[test]
fn the_servers_screen_shows_who_comes_and_goes_but_not_what_they_say() {
    let server = Server::start(&[]);
    let mut ana = server.join("ana");
    // Not to be found in the log by chance.
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let secret = format!("segredo{}", time.subsec_nanos());
    for before in [
        "",
        "/me ",
        "/msg ana ",
        "/msg bia ",
        "/",
        "/quem ",
        "/SAIR ",
    ] {
        ana.send(&format!("{before}{secret}"));
    }
    ana.wait_for("BYE quit");
    try_name(&server, &format!("{secret} {secret}"));
    server.process.wait_for("ana joined from 127.0.0.1:");
    server.process.wait_for("ana left: quit");
    assert!(!server.log().contains(&secret), "{}", server.log());
}
