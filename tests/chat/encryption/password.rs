//! A room with a password.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use super::{Folder, fingerprint_of, own_address, sealed_server};
use crate::support::client::{Impostor, LANGS, client, client_of, last_words};
use crate::support::terminal::{PASTE, PASTE_END, Terminal};
use crate::support::{Peer, Process, Server, Wire};

const WORD: &str = "abre-te, sésamo";

/// A server whose room has that password.
#[track_caller]
fn locked(folder: &Folder, flags: &[&str]) -> Server {
    let file = folder.path("password");
    fs::write(&file, format!("  {WORD} \nnot this\n")).unwrap();
    let flags = [&["--password-file", file.to_str().unwrap()], flags].concat();
    sealed_server(&folder.path("state"), &flags)
}

#[track_caller]
fn come_in(peer: &mut Peer) {
    peer.send(WORD);
    peer.expect("<USERNAME>");
    peer.send("ana");
    peer.expect("WELCOME ana 1");
}

#[test]
fn the_password_is_asked_for_before_the_name_encrypted_or_from_this_machine() {
    let folder = Folder::new();
    let server = locked(&folder, &[]);
    let plain = Peer::new(TcpStream::connect(server.address).unwrap());
    for mut peer in [server.connect(), plain] {
        peer.expect("<PASSWORD>");
        peer.send("wrong");
        peer.expect("ERR password-wrong");
        peer.expect("<PASSWORD>");
        come_in(&mut peer);
        peer.quit();
    }
    assert!(!server.log().contains(WORD), "{}", server.log());
}

#[test]
fn nothing_at_the_password_prompt_tells_of_the_room_and_five_wrong_ones_are_enough() {
    let folder = Folder::new();
    let server = locked(&folder, &[]);
    let mut ana = server.connect();
    ana.expect("<PASSWORD>");
    come_in(&mut ana);
    let mut stranger = server.connect();
    for typed in ["", "/quem", "/help", "ana", "abre-te, sésam"] {
        stranger.expect("<PASSWORD>");
        stranger.send(typed);
        stranger.expect("ERR password-wrong");
    }
    stranger.expect("BYE too-many-attempts");
    stranger.expect_end();
    let mut fifth = server.connect();
    for typed in ["1", "2", "3", &"x".repeat(5000)] {
        fifth.expect("<PASSWORD>");
        fifth.send(typed);
        fifth.expect_start("ERR ");
    }
    fifth.expect("<PASSWORD>");
    fifth.send(WORD);
    fifth.expect("<USERNAME>");
    let mut leaver = server.connect();
    leaver.expect("<PASSWORD>");
    leaver.send("/SAIR");
    leaver.expect("BYE quit");
    assert_eq!(ana.sync(), [""; 0]);
}

#[test]
fn without_encryption_nobody_comes_in_from_afar_whatever_the_flag_says() {
    let Some(own) = own_address() else { return };
    let folder = Folder::new();
    for who in ["local", "any", "only"] {
        let flags = ["--bind", "0.0.0.0:0", "--plaintext", who];
        let server = locked(&folder, &flags);
        let tcp = TcpStream::connect((&*own, server.address.port())).unwrap();
        let mut peer = Peer::new(tcp);
        peer.send(WORD);
        let told = peer.expect_start("INFO ");
        let helps = match who {
            // Where nothing is encrypted, what encrypts is of no use.
            "only" => told.contains("from its own machine") && !told.contains("ncat --ssl"),
            _ => told.contains("ncat --ssl"),
        };
        assert!(helps, "--plaintext {who}: {told}");
        peer.expect("BYE encryption-required");
        peer.expect_end();
        if who != "only" {
            let tcp = TcpStream::connect((&*own, server.address.port())).unwrap();
            let mut peer = Peer::over(Wire::sealed(tcp).unwrap());
            peer.expect("<PASSWORD>");
            come_in(&mut peer);
        }
    }
}

#[test]
fn a_password_file_without_a_password_stops_the_server() {
    let folder = Folder::new();
    let file = folder.path("password");
    let told = || {
        let flags = [
            "--bind",
            "127.0.0.1:0",
            "--password-file",
            file.to_str().unwrap(),
        ];
        Process::spawn(&mut Server::as_typed(&flags).command).last_words(1)
    };
    let missing = told();
    assert!(missing.contains("cannot read the password in"), "{missing}");
    for text in ["", " \t\n", "\nlater\n"] {
        fs::write(&file, text).unwrap();
        let empty = told();
        assert!(
            empty.contains("there is no password on the first line"),
            "{empty}"
        );
    }
}

/// The client towards a server, as a pipe.
fn piped(server: &Server, host: &str, lang: &str) -> std::process::Command {
    let port = server.address.port().to_string();
    let flags = [
        "--host",
        host,
        "--port",
        &port,
        "--lang",
        lang,
        "--username",
        "ana",
    ];
    client(&flags)
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_password() {
    let folder = Folder::new();
    let file = folder.path("marked");
    fs::write(&file, format!("\u{feff}{WORD}\r\n")).unwrap();
    let flags = ["--password-file", file.to_str().unwrap()];
    let server = sealed_server(&folder.path("state"), &flags);
    let mut peer = server.connect();
    peer.expect("<PASSWORD>");
    come_in(&mut peer);
    peer.quit();
    let mut command = piped(&server, "127.0.0.1", "en");
    let mut process = Process::spawn(command.arg("--password-file").arg(&file));
    process.end_input();
    assert_eq!(process.finish(), Some(0), "(left: came)");
}

#[test]
fn what_is_printed_works_also_where_the_password_is_asked_for_in_plain() {
    let folder = Folder::new();
    let file = folder.path("password");
    fs::write(&file, WORD).unwrap();
    let mut setup = Server::as_typed(&["--bind", "0.0.0.0:0", "--plaintext", "only"]);
    setup.command.arg("--password-file").arg(&file);
    let server = setup.start();
    server.process.wait_for("operators type");
    let log = server.log();
    let commands = log
        .lines()
        .filter_map(|line| line.split_once("join with: "));
    let commands: Vec<&str> = commands.map(|(_, command)| command).collect();
    let port = server.address.port();
    let expected = format!("chat-client --host 127.0.0.1 --port {port} --plaintext");
    assert_eq!(commands, [expected], "(left: came)\n{log}");
}

#[test]
fn the_client_gives_the_password_it_was_given_from_a_file_or_the_environment() {
    let folder = Folder::new();
    let server = locked(&folder, &[]);
    let file = folder.path("password");
    let mut from_file = piped(&server, "127.0.0.1", "en");
    // The file counts more.
    from_file
        .arg("--password-file")
        .arg(&file)
        .env("CHAT_PASSWORD", "x");
    // Of both, only the first line is the password.
    let given = [" {} ", "{}\n", "{}\nnot this\n", "{}\r\nbia"];
    let from_environment = given.map(|given| {
        let mut command = piped(&server, "127.0.0.1", "en");
        command.env("CHAT_PASSWORD", given.replace("{}", WORD));
        command
    });
    for mut command in [from_file].into_iter().chain(from_environment) {
        let mut process = Process::spawn(&mut command);
        process.stdout.wait_for("Hello, ana");
        process.end_input();
        assert_eq!(process.finish(), Some(0), "(left: came)");
        assert_eq!(process.stderr.so_far(), "");
    }
}

#[test]
fn a_wrong_or_missing_password_ends_a_pipe_with_a_sentence() {
    let folder = Folder::new();
    let server = locked(&folder, &[]);
    let words = [
        ["A senha não é essa", "That is not the password"],
        ["pede a senha da sala", "wants the password of the room"],
    ];
    for (given, words) in [Some("wrong"), None].into_iter().zip(words) {
        for (lang, words) in LANGS.into_iter().zip(words) {
            let mut command = piped(&server, "127.0.0.1", lang);
            if let Some(given) = given {
                command.env("CHAT_PASSWORD", given);
            }
            let mut process = Process::spawn(&mut command);
            // It may have ended before it would read this.
            let mut input = process.child.stdin.take().unwrap();
            let _ = input.write_all(b"a line that is no password\n");
            assert_eq!(process.finish(), Some(1), "(left: came)");
            let told = process.stderr.so_far();
            assert!(told.contains(words), "{told}");
        }
    }
    for (lang, words) in LANGS
        .into_iter()
        .zip(["não se deixa ler", "cannot be read"])
    {
        let mut command = piped(&server, "127.0.0.1", lang);
        command.arg("--password-file").arg(folder.path("none"));
        let told = last_words(&mut Process::spawn(&mut command), 1);
        assert!(
            told.contains(words) && told.contains("--password-file"),
            "{told}"
        );
    }
}

#[test]
fn the_password_is_sent_to_no_key_that_is_seen_for_the_first_time() {
    let Some(own) = own_address() else { return };
    let folder = Folder::new();
    let server = locked(&folder, &["--bind", "0.0.0.0:0"]);
    let key = fingerprint_of(&server);
    let known = folder.path("known");
    for (lang, words) in LANGS.into_iter().zip(["não foi enviada", "was not sent"]) {
        let mut command = piped(&server, &own, lang);
        command.env("CHAT_PASSWORD", WORD).arg("--known-servers");
        let mut process = Process::spawn(command.arg(folder.path(lang)));
        assert_eq!(process.finish(), Some(1), "(left: came)");
        let told = process.stderr.so_far();
        assert!(told.contains(words), "{told}");
        assert!(told.contains(&format!("--fingerprint {key}")), "{told}");
    }
    assert!(!server.log().contains("joined"), "{}", server.log());
    // Whoever was told the key may, and from then on it is known.
    for flags in [&["--fingerprint", &*key][..], &[]] {
        let mut command = piped(&server, &own, "en");
        command.env("CHAT_PASSWORD", WORD).arg("--known-servers");
        let mut process = Process::spawn(command.arg(&known).args(flags));
        process.stdout.wait_for("Hello, ana");
        process.end_input();
        assert_eq!(process.finish(), Some(0), "(left: came)");
    }
}

#[test]
fn the_password_is_not_sent_in_plain_to_another_machine() {
    let Some(own) = own_address() else { return };
    let listener = std::net::TcpListener::bind((&*own, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for (lang, words) in LANGS.into_iter().zip(["sem cifrar", "without encryption"]) {
        let flags = [
            "--host",
            &own,
            "--port",
            &port,
            "--lang",
            lang,
            "--plaintext",
        ];
        let mut process = Process::spawn(client(&flags).env("CHAT_PASSWORD", WORD));
        let mut thief = Peer::new(listener.accept().unwrap().0);
        thief.send("<PASSWORD>");
        let told = last_words(&mut process, 1);
        assert!(told.contains(words), "{told}");
        let heard = thief.remains();
        assert!(!heard.contains("abre"), "{heard}");
    }
}

/// The client in a terminal, towards the room with the password.
fn in_terminal(server: &Server, host: &str, term: &str, known: &Path) -> Terminal {
    let mut command = piped(server, host, "en");
    command.env("TERM", term).arg("--known-servers").arg(known);
    Terminal::start(command, 24, 80)
}

#[test]
fn a_person_is_asked_for_the_password_which_nobody_sees() {
    let folder = Folder::new();
    let server = locked(&folder, &[]);
    for term in ["xterm-256color", "dumb"] {
        let mut terminal = in_terminal(&server, "127.0.0.1", term, &folder.path("known"));
        for word in ["a wrong word", WORD] {
            terminal.wait_for("Password of the room:");
            assert!(!terminal.echoes());
            // What is cut there is as secret.
            terminal.press(&format!("hunter2\x15{word}\r"));
            let next = if word == WORD {
                "Hello, ana"
            } else {
                "not the password"
            };
            terminal.wait_for(next);
        }
        let seen = terminal.bytes();
        let seen = String::from_utf8_lossy(&seen);
        assert!(
            !seen.contains("wrong word") && !seen.contains("abre"),
            "{seen}"
        );
        // What is said is seen again.
        assert_eq!(terminal.echoes(), term == "dumb");
        terminal.press("oi\r/quem\r");
        terminal.wait_for("here (1)");
        terminal.wait_for("oi");
        if term != "dumb" {
            // Neither Up, undo nor yank brings it back.
            terminal.press("\x1b[A\x1b[A\x1b[A\x1b[A\x1f\x1f\x19");
        }
        terminal.press("\r/SAIR\r");
        assert_eq!(terminal.finish(), Some(0), "(left: came)");
        let seen = String::from_utf8_lossy(&terminal.bytes()).into_owned();
        assert!(
            !seen.contains("abre") && !seen.contains("hunter2"),
            "{seen}"
        );
    }
}

#[test]
fn a_search_at_the_hidden_prompt_shows_nothing() {
    let folder = Folder::new();
    let server = locked(&folder, &[]);
    let known = folder.path("known");
    let terminal = in_terminal(&server, "127.0.0.1", "xterm-256color", &known);
    terminal.wait_for("Password of the room:");
    terminal.press("\x12hunter2");
    terminal.wait_for_last_rows("Password of the room: *******");
    terminal.press(&format!("\x15\x12{WORD}\r"));
    terminal.wait_for("Hello, ana");
    let seen = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    assert!(
        !seen.contains("search") && !seen.contains("hunter2") && !seen.contains("abre"),
        "{seen}"
    );
}

#[test]
fn a_paste_of_several_lines_is_no_password_and_no_name() {
    let folder = Folder::new();
    let server = locked(&folder, &[]);
    let known = folder.path("known");
    let terminal = in_terminal(&server, "127.0.0.1", "xterm-256color", &known);
    terminal.wait_for("Password of the room:");
    terminal.press(&format!("{PASTE}{WORD}\rbia{PASTE_END}\r"));
    terminal.wait_for("nothing was sent");
    terminal.wait_for_last_rows("Password of the room: ");
    // Its end may be copied with a line.
    terminal.press(&format!("{PASTE}{WORD}\r{PASTE_END}\r"));
    terminal.wait_for("here (1): ana");
    assert!(!server.log().contains("bia"), "{}", server.log());
    terminal.press("\x1b[A\x19\x1f");
    terminal.say("oi");
    let seen = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    assert!(!seen.contains("abre"), "{seen}");
}

#[test]
fn a_password_is_not_sent_to_whoever_asks_for_a_name_by_then() {
    let impostor = Impostor::listen();
    let mut command = client_of(impostor.address, &["--username", "ana"]);
    command.env("TERM", "xterm-256color");
    let terminal = Terminal::start(command, 24, 80);
    let mut peer = impostor.accept();
    peer.send("<PASSWORD>");
    terminal.wait_for("Password of the room:");
    peer.send("<USERNAME>\nINFO by now it is the name");
    terminal.wait_for("by now it is the name");
    terminal.press(&format!("{WORD}\r"));
    peer.expect_name("ana");
}

#[test]
fn a_person_vouches_for_a_key_that_is_new_before_the_password_is_sent() {
    let Some(own) = own_address() else { return };
    let folder = Folder::new();
    let server = locked(&folder, &["--bind", "0.0.0.0:0"]);
    let key = fingerprint_of(&server);
    for (answer, comes_in) in [("no", false), ("yes", true)] {
        let known = folder.path(answer);
        let mut terminal = in_terminal(&server, &own, "xterm-256color", &known);
        terminal.wait_for(&format!("Is {key} the key"));
        terminal.press("maybe\r");
        terminal.wait_for("(yes or no):");
        terminal.press(&format!("{answer}\r"));
        if comes_in {
            terminal.wait_for("Password of the room:");
            terminal.press(&format!("{WORD}\r"));
            terminal.wait_for("Hello, ana");
        } else {
            assert_eq!(terminal.finish(), Some(0), "(left: came)");
        }
    }
}
