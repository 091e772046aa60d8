//! The client tells every problem in one sentence, in the person's language, and by its exit
//! status.

use std::io::Write;

use crate::support::client::{
    LANGS, client, client_of, deserted, enter, expect_words_from, last_words,
};
use crate::support::network::with_file;
use crate::support::{Process, Server};

/// Runs `chat-client` with `flags` in both languages: it has to end with `code` and say
/// something that begins or goes on with the Portuguese or the English `words`.
#[track_caller]
fn expect_words(flags: &[&str], code: i32, words: [&str; 2]) {
    for (lang, words) in LANGS.into_iter().zip(words) {
        let mut command = client(flags);
        // Should it try to connect after all, nobody listens there.
        command.args(["--lang", lang]).env("CHAT_PORT", "1");
        let mut process = Process::spawn(&mut command);
        let told = last_words(&mut process, code);
        assert!(
            told.contains(words),
            "with {flags:?}\nexpected: …{words}…\n    came: {told}"
        );
    }
}

#[test]
fn a_port_is_a_number_from_1_to_65535() {
    for port in [
        "0", "65536", "70000", "-1", "abc", "1.5", "", "+50001", "５０",
    ] {
        let pt = format!("{port:?} não é uma porta; use um número de 1 a 65535");
        let en = format!("{port:?} is not a port; use a number from 1 to 65535");
        expect_words(&["--port", port], 2, [&pt, &en]);
    }
}

#[test]
fn a_host_is_not_empty() {
    for host in ["", "  ", ":5", "[]:5", ":", "http://:5"] {
        let pt = "O endereço do servidor está vazio; use --host";
        let en = "The address of the server is empty; use --host";
        expect_words(&["--host", host], 2, [pt, en]);
        expect_words(&[host], 2, [pt, en]);
    }
}

#[test]
fn an_empty_port_is_wrong_usage() {
    for server in ["127.0.0.1:", "chat.example:", "[::1]:"] {
        let (pt, en) = ("\"\" não é uma porta", "\"\" is not a port");
        expect_words(&["--host", server], 2, [pt, en]);
        expect_words(&[server], 2, [pt, en]);
    }
}

/// Every kind of bad name.
const BAD_NAMES: &[&str] = &[
    "an a",
    "-ana",
    "_ana",
    "ana:",
    "ana!",
    "<ana>",
    "ana\u{200b}",            // no width
    "ana\u{202e}",            // right to left
    "\u{1b}[31mana",          // an escape
    "r\u{430}ul",             // a Cyrillic а
    "x\u{301}\u{301}\u{301}", // a stack of marks
    "🦀",
    "/SAIR",
];

#[test]
fn a_bad_name_given_as_a_flag_is_wrong_usage() {
    for name in BAD_NAMES {
        let (pt, en) = ("não serve de nome; use", "cannot be a name; use");
        expect_words(&["--username", name], 2, [pt, en]);
    }
    for name in ["", "  "] {
        let (pt, en) = ("O nome está vazio", "The name is empty");
        expect_words(&["--username", name], 2, [pt, en]);
    }
    let long = "a".repeat(33);
    let (pt, en) = ("mais de 32 caracteres", "more than 32 characters");
    expect_words(&["--username", &long], 2, [pt, en]);
}

#[test]
fn a_bad_name_in_a_pipe_ends_the_run_and_the_next_line_is_not_taken_for_one() {
    let server = Server::start(&[]);
    let mut witness = server.join("witness");
    let long = "a".repeat(33);
    let bad = BAD_NAMES.iter().filter(|name| **name != "/SAIR");
    for name in bad.copied().chain(["", "  ", &long]) {
        let mut process = Process::spawn(&mut client_of(server.address, &[]));
        process.send(&format!("{name}\nbruno\nhello"));
        process.end_input();
        last_words(&mut process, 1);
        assert_eq!(process.stdout.so_far(), "", "after {name:?}");
    }
    assert_eq!(witness.sync(), [""; 0], "nobody came in");
}

#[test]
fn a_name_in_use_ends_a_pipe_and_the_next_line_is_not_taken_for_one() {
    let server = Server::start(&[]);
    let mut ana = server.join("ana");
    // `a` with a Cyrillic look-alike of its own is no name at all; a capital is the same name.
    for (lang, words) in [("pt", "ANA está em uso"), ("en", "ANA is in use")] {
        for flags in [
            &["--lang", lang][..],
            &["--lang", lang, "--username", "ANA"],
        ] {
            let mut process = Process::spawn(&mut client_of(server.address, flags));
            if flags.len() == 2 {
                process.send("ANA");
            }
            // It may be gone before it has read them.
            let input = process.child.stdin.as_mut().unwrap();
            let _ = input.write_all(b"bruno\nhello\n");
            process.end_input();
            let told = last_words(&mut process, 1);
            assert!(
                told.contains(words),
                "expected: …{words}…\n    came: {told}"
            );
        }
    }
    assert_eq!(ana.sync(), [""; 0], "nobody came in");
}

#[test]
fn the_language_is_the_systems_unless_one_is_asked_for() {
    let languages: &[(&str, &[(&str, &str)])] = &[
        ("pt", &[]),
        ("pt", &[("LANG", "C")]),
        ("pt", &[("LANG", "C.UTF-8")]),
        ("pt", &[("LANG", "POSIX")]),
        ("pt", &[("LANG", "pt_BR")]),
        ("pt", &[("LANG", "pt_PT.UTF-8")]),
        ("en", &[("LANG", "en_US.UTF-8")]),
        ("en", &[("LANG", "de_DE.UTF-8")]),
        ("en", &[("LANG", "pt_BR.UTF-8"), ("LC_ALL", "en_US.UTF-8")]),
        ("pt", &[("LANG", "en_US.UTF-8"), ("LC_ALL", "pt_BR.UTF-8")]),
        ("en", &[("CHAT_LANG", "en")]),
        ("pt", &[("LANG", "en_US.UTF-8"), ("CHAT_LANG", "pt")]),
    ];
    for (expected, variables) in languages {
        let mut command = client(&["--port", "0"]);
        let told = last_words(
            &mut Process::spawn(command.envs(variables.iter().copied())),
            2,
        );
        let came = if told.contains("porta") { "pt" } else { "en" };
        assert_eq!(came, *expected, "with {variables:?}: {told}");
    }
}

#[test]
fn the_environment_stands_in_for_flags_and_a_flag_goes_before_it() {
    let server = Server::start(&[]);
    let port = server.address.port().to_string();
    let mut command = client(&["--lang", "en", "--plaintext"]);
    command.envs([("CHAT_HOST", "127.0.0.1"), ("CHAT_PORT", &port)]);
    command.env("CHAT_USERNAME", "ana");
    let ana = Process::spawn(&mut command);
    ana.stdout.wait_for("Hello, ana");
    let bruno = Process::spawn(command.args(["--username", "bruno"]));
    bruno.stdout.wait_for("Hello, bruno");
    command
        .env("CHAT_PORT", "abc")
        .env("CHAT_USERNAME", "carla");
    let told = last_words(&mut Process::spawn(&mut command), 2);
    assert!(told.contains("\"abc\" is not a port"), "{told}");
}

#[test]
fn a_host_without_an_address_is_told_as_such() {
    for host in ["nao-existe.invalid", "no such host", &"a".repeat(300)] {
        let pt = format!("Não há endereço para {host:?}");
        let en = format!("There is no address for {host:?}");
        expect_words(&["--host", host], 1, [&pt, &en]);
    }
}

#[test]
fn a_refused_connection_is_told_as_such() {
    let (_kept, address) = deserted();
    let words = ["recusou a conexão", "refused the connection"];
    expect_words_from(address, words, || {});
}

#[test]
fn each_address_of_a_host_is_tried_in_turn() {
    // Whichever of the two comes first, once it is the one that refuses.
    for bind in ["127.0.0.1:0", "[::1]:0"] {
        let server = Server::start(&["--bind", bind]);
        let port = server.address.port().to_string();
        let flags = ["--host", "both", "--port", &port, "--username", "ana"];
        let client = client(&[&flags[..], &["--lang", "en", "--plaintext"]].concat());
        let hosts = "127.0.0.1 both\n::1 both\n";
        let Some(mut client) = with_file("/etc/hosts", hosts, &client) else {
            return;
        };
        let mut ana = Process::spawn(&mut client);
        ana.stdout.wait_for("Hello, ana");
        drop(server);
        let told = last_words(&mut ana, 1);
        assert!(told.contains(&format!("both:{port}")), "{told}");
    }
}

#[test]
fn an_ipv6_address_is_written_in_brackets_before_its_port() {
    let server = Server::start(&["--bind", "[::1]:0"]);
    let mut ana = enter(&server, "ana");
    drop(server);
    let told = last_words(&mut ana, 1);
    assert!(told.contains("The server [::1]:"), "{told}");
}
