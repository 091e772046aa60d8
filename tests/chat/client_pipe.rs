//! The client in a pipe: plain lines in, plain lines out, and nothing sent that the server would
//! only refuse.

use crate::support::client::{Impostor, LANGS, client_of, meet, part};
use crate::support::terminal::without_stamp;
use crate::support::{Process, Server};

#[test]
fn lines_come_plain_one_by_one_and_the_prompt_stays_away() {
    let (mut process, mut peer) = meet(&[]);
    for line in [
        "JOIN bruno",
        "MSG bruno  two  blanks, ana!",
        "ACT bruno waves",
        "PRIV bruno ana psst",
        "PRIV ana bruno yes?",
        "NICK bruno Bia",
        "USERS 2 ana Bia",
        "INFO be kind",
        "LEAVE Bia slow",
        "ERR no-such-user Bia",
    ] {
        peer.send(line);
    }
    process.wait_for("Bia is not here");
    process.send("a line of mine");
    peer.expect("a line of mine");
    let (out, err) = part(process, peer);
    let expected = "\
-- Hello, ana: nobody else is here yet. /help shows the commands, /SAIR leaves.
--> bruno joined
<bruno>  two  blanks, ana!
* bruno waves
[bruno -> ana] psst
[ana -> bruno] yes?
-- bruno is now Bia
-- here (2): ana, Bia
-- be kind
<-- Bia left (could not keep up)
";
    assert_eq!(out, expected, "(left: came, right: expected)");
    assert_eq!(err, "!! Bia is not here; /who shows who is.\n");
}

#[test]
fn the_room_is_described_in_both_languages() {
    let server = Server::start(&[]);
    let mut bruno = server.join("bruno");
    let mut people = LANGS.map(|lang| {
        let flags = ["--lang", lang, "--username", lang];
        let process = Process::spawn(&mut client_of(server.address, &flags));
        process.stdout.wait_for(lang);
        process
    });
    bruno.send("/nome bia");
    bruno.send("/SAIR");
    let [pt, en] = &mut people;
    for line in ["-- bruno agora é bia", "<-- bia saiu"] {
        pt.stdout.wait_for(line);
    }
    for line in ["-- bruno is now bia", "<-- bia left"] {
        en.stdout.wait_for(line);
    }
    pt.send("/msg ninguém oi");
    pt.wait_for("!! ninguém não está aqui");
    pt.send("/quem");
    pt.stdout.wait_for("-- na sala (2): en, pt");
    en.send("/nome en en");
    en.wait_for("cannot be a name");
}

#[test]
fn stamps_and_colours_come_when_asked_for_and_only_then() {
    let shown = |flags: &[&str], variables: &[(&str, &str)]| {
        let impostor = Impostor::listen();
        let mut command = client_of(impostor.address, &["--username", "ana"]);
        command.args(flags).envs(variables.iter().copied());
        let process = Process::spawn(&mut command);
        let mut peer = impostor.welcome("ana");
        peer.send("MSG bruno hi ana");
        part(process, peer).0
    };
    let plain = shown(&[], &[]);
    assert!(plain.ends_with("\n<bruno> hi ana\n"), "{plain:?}");
    // The variables that ask for less have nothing to take away.
    for (name, value) in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")] {
        assert_eq!(shown(&[], &[(name, value)]), plain, "with {name}={value}");
    }
    // Those that claim a terminal do not make a pipe one.
    for (name, value) in [
        ("CLICOLOR", "1"),
        ("TERM", "xterm-256color"),
        ("COLORTERM", "truecolor"),
    ] {
        assert_eq!(shown(&[], &[(name, value)]), plain, "with {name}={value}");
    }
    assert_eq!(
        shown(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]),
        plain
    );
    assert_eq!(shown(&["--bell", "all"], &[]), plain, "no bell in a pipe");

    let stamped = shown(&["--stamps"], &[]);
    let without: String = stamped.split_inclusive('\n').map(without_stamp).collect();
    assert_eq!(without, plain, "(left: came) without its stamps: {stamped}");
    let stamps = stamped.lines().filter(|line| without_stamp(line) != *line);
    assert_eq!(stamps.count(), plain.lines().count(), "{stamped}");
    for colored in [
        shown(&["--color", "always"], &[]),
        shown(&["--color", "always"], &[("NO_COLOR", "1")]),
        shown(&[], &[("CLICOLOR_FORCE", "1")]),
    ] {
        let (stripped, codes) = strip_colors(&colored);
        assert!(codes > 0, "{colored:?}");
        assert_eq!(stripped, plain);
    }
}

/// A text without its colour codes (`ESC [ … m`), and how many there were.
fn strip_colors(text: &str) -> (String, usize) {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap().to_owned();
    pieces.fold((first, 0), |(stripped, codes), piece| {
        let (code, behind) = piece.split_once('m').expect("a colour");
        assert!(
            code.chars().all(|c| c.is_ascii_digit() || c == ';'),
            "{code:?}"
        );
        (stripped + behind, codes + 1)
    })
}

#[test]
fn a_mistyped_command_is_told_at_once_and_not_sent() {
    let table = [
        (
            "/mgs bruno oi",
            "did you mean /msg?",
            "você quis dizer /msg?",
        ),
        ("/SIAR", "did you mean /SAIR?", "você quis dizer /SAIR?"),
        (
            "/xyzzy",
            "/xyzzy is not a command; /help",
            "/xyzzy não é um comando; /ajuda",
        ),
        ("/", "/ is not a command", "/ não é um comando"),
        ("/msg", "write /msg NAME TEXT", "escreva /msg NOME TEXTO"),
        ("/w bruno", "write /w NAME TEXT", "escreva /w NOME TEXTO"),
        ("/nome", "write /nome NAME", "escreva /nome NOME"),
        ("/eu  ", "write /eu TEXT", "escreva /eu TEXTO"),
        ("/r", "write /r TEXT", "escreva /r TEXTO"),
        (
            "/r oi",
            "Nobody here has written",
            "Ninguém daqui lhe escreveu",
        ),
    ];
    for lang in LANGS {
        let (mut process, mut peer) = meet(&["--lang", lang]);
        for (typed, en, pt) in table {
            process.send(typed);
            process.wait_for(if lang == "en" { en } else { pt });
        }
        process.send("the next line");
        peer.expect("the next line");
    }
}

#[test]
fn help_is_told_in_the_language_of_the_interface() {
    for (lang, words) in LANGS.into_iter().zip([
        [
            "/SAIR",
            "sai",
            "/msg NOME TEXTO",
            "/w",
            "/r TEXTO",
            "/quem",
            "/nome NOME",
            "/eu TEXTO",
            "/ajuda",
            "//texto",
        ],
        [
            "/SAIR",
            "leaves",
            "/msg NAME TEXT",
            "/w",
            "/r TEXT",
            "/quem",
            "/nome NAME",
            "/eu TEXT",
            "/ajuda",
            "//text",
        ],
    ]) {
        for typed in ["/ajuda", "/HELP"] {
            let (mut process, mut peer) = meet(&["--lang", lang]);
            process.send(typed);
            process.send("the next line");
            peer.expect("the next line");
            let (out, err) = part(process, peer);
            for word in words {
                assert!(out.contains(word), "{word:?} in {out}");
            }
            assert_eq!(err, "");
        }
    }
}

#[test]
fn what_is_typed_is_sent_as_it_is_typed() {
    let (mut process, mut peer) = meet(&[]);
    for line in [
        "  indented",
        "//away",
        "a /SAIR inside",
        "/etc/hosts",
        "/quem",
        "/nome Ana",
        "tab\there",
        "olá 👋🏽",
    ] {
        process.send(line);
        peer.expect(line);
    }
    // Blank lines ask for nothing, and a \r before the line end is no part of the line.
    process.send("\n   \nfrom Windows\r");
    peer.expect("from Windows");
}

#[test]
fn r_answers_whoever_last_wrote_privately() {
    let (mut process, mut peer) = meet(&[]);
    let mut step = 0;
    let mut answer = |events: &[&str], expected: &str| {
        for event in events {
            peer.send(event);
        }
        step += 1;
        peer.send(&format!("INFO step {step}"));
        process.stdout.wait_for(&format!("-- step {step}"));
        process.send("/r  well");
        peer.expect(expected);
    };
    answer(&["PRIV bruno ana hi"], "/msg bruno  well");
    answer(&["PRIV carla ana hi"], "/msg carla  well");
    // Neither a receipt nor what is said to all changes that; a new name does.
    answer(&["PRIV ana bruno hi", "MSG bruno hi"], "/msg carla  well");
    answer(&["NICK carla Carlota"], "/msg Carlota  well");
    answer(
        &["NICK ana Anita", "PRIV Anita Anita note"],
        "/msg Carlota  well",
    );
    // The next of that name may be somebody else.
    for event in ["LEAVE Carlota quit", "JOIN carlota", "INFO back"] {
        peer.send(event);
    }
    process.stdout.wait_for("-- back");
    process.send("/r the key");
    process.wait_for("Nobody here has written");
}

#[test]
fn what_is_typed_wrong_reaches_no_screen_as_an_escape() {
    let (process, peer) = meet(&["--color", "always"]);
    let mut process = process;
    process.send("/\u{1b}[31mfoo\u{9b}2J");
    process.wait_for("/foo\u{fffd}2J is not a command");
    let (_, complaints) = part(process, peer);
    assert!(!complaints.contains(['\u{1b}', '\u{9b}']), "{complaints:?}");
}

#[test]
fn a_line_that_would_grow_past_the_limit_is_refused_here() {
    let (mut process, mut peer) = meet(&[]);
    let longest = "é".repeat(2048);
    process.send(&longest);
    peer.expect(&longest);
    let refusals = |process: &Process| process.stderr.so_far().matches("4096 bytes").count();
    peer.send("PRIV bruno ana hi");
    process.stdout.wait_for("[bruno -> ana] hi");
    let in_answer = "x".repeat(4096 - "/msg bruno ".len());
    process.send(&format!("/r {in_answer}"));
    peer.expect(&format!("/msg bruno {in_answer}"));
    assert_eq!(refusals(&process), 0);

    for too_long in [
        format!("{longest}x").into_bytes(),
        format!("/msg bruno {longest}").into_bytes(),
        format!("/r {in_answer}x").into_bytes(), // fits as typed, not as sent
        vec![b'x'; 1 << 20],
    ] {
        process.send_bytes(&too_long);
        process.send("");
    }
    // Nor is sent what is no text at all.
    process.send_bytes(b"\xff\xfe\nthe next line\n");
    peer.expect("the next line");
    let (_, err) = part(process, peer);
    assert_eq!(err.matches("4096 bytes").count(), 4, "{err}");
    assert_eq!(err.matches("not UTF-8").count(), 1, "{err}");
}
