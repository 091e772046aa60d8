//! Who is an operator, and what others learn of it.

use std::fs;
use std::process::Command;

use super::{Folder, join_from, op, operator};
use crate::support::client::client;
use crate::support::network::{ADDRESSES, Network};
use crate::support::{Process, Server, wait_until};

#[test]
fn the_secret_is_made_anew_at_each_start() {
    let secrets: Vec<String> = (0..3)
        .map(|_| {
            let server = Server::start(&[]);
            server.process.wait_for("operators type: ");
            op(&server)
        })
        .collect();
    for secret in &secrets {
        let word = secret.strip_prefix("/op ").unwrap();
        let (first, second) = word.split_once('-').unwrap();
        let is_digit = |c: char| "0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(c);
        assert!(first.len() == 4 && second.len() == 4, "{word}");
        assert!((first.to_owned() + second).chars().all(is_digit), "{word}");
    }
    assert!(secrets[0] != secrets[1] && secrets[1] != secrets[2]);
}

#[test]
fn the_secret_is_read_as_people_write_it_down() {
    let server = Server::start(&[]);
    server.process.wait_for("operators type: ");
    let word = op(&server).replace("/op ", "");
    let looser = word.to_lowercase().replace('0', "o").replace('1', "l");
    for (name, typed) in [
        ("a", format!("/OP {word}")),
        ("b", format!("  /op   {looser} ")),
        ("c", format!("/op {}", word.replace('-', ""))),
        ("d", format!("/op {}", word.replace('-', " "))),
    ] {
        let mut peer = server.join(name);
        peer.send(&typed);
        peer.wait_for("INFO you are an operator now; /who tells you where people are");
        peer.quit();
    }
}

#[test]
fn whoever_guesses_five_times_is_sent_off() {
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let mut guesser = server.join("guesser");
    for guess in ["AAAA-AAAA", "", "x", "AAAA-AAAAA", "\u{1f9ff}", "0"] {
        guesser.send(&format!("/op {guess}"));
        match guess {
            "" => guesser.expect("ERR missing-argument /op"),
            _ => guesser.expect("ERR password-wrong"),
        }
    }
    guesser.expect("BYE too-many-attempts");
    guesser.expect_end();
    bia.wait_for("LEAVE guesser kicked");
    let from = "guesser from 127.0.0.1:";
    wait_until("each guess is logged", || {
        server.log().matches(from).count() == 5
    });
    assert!(!server.log().contains("AAAA"), "but not what was guessed");
}

#[test]
fn whoever_is_no_operator_learns_nothing() {
    let folder = Folder::with("127.0.0.9 - spam\n");
    let server = folder.server(&[]);
    let mut ana = operator(&server, "ana");
    let mut bia = join_from(&server, [127, 0, 0, 7], "bia");
    for command in ["/expulsar", "/kick", "/banir", "/ban"] {
        for behind in ["ana", "bia", "nobody", "127.0.0.9", "127.0.0.300", "ana 7x"] {
            bia.send(&format!("{command} {behind}"));
            bia.expect(&format!("ERR not-operator {command}"));
        }
    }
    for typed in [
        "/desbanir 127.0.0.9",
        "/unban 127.0.0.8",
        "/banidos",
        "/BANS",
    ] {
        bia.send(typed);
        let word = typed.split(' ').next().unwrap();
        bia.expect(&format!("ERR not-operator {word}"));
    }
    ana.expect("JOIN bia");
    assert_eq!(ana.sync(), [""; 0], "nothing has happened");
    assert_eq!(folder.list(), "127.0.0.9 - spam\n");
}

#[test]
fn nobody_else_sees_who_becomes_an_operator_or_how() {
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let mut ana = operator(&server, "ana");
    ana.send("/op");
    ana.expect("ERR missing-argument /op");
    ana.send("/quem");
    ana.wait_for("USERS 2 ana bia");
    assert_eq!(bia.sync(), ["JOIN ana"]);
    bia.send("/quem");
    bia.expect("USERS 2 ana bia");
    assert_eq!(bia.sync(), [""; 0]);
    // A name is no place for it either.
    let mut late = server.connect();
    late.expect("<USERNAME>");
    late.send(&op(&server));
    late.expect_start("ERR username-invalid");
    let word = op(&server).replace("/op ", "");
    assert_eq!(server.log().matches(&word).count(), 1, "{}", server.log());
}

#[test]
fn somebody_who_left_does_not_leave_it_to_the_next_of_the_name() {
    let server = Server::start(&[]);
    operator(&server, "ana").quit();
    let mut ana = server.join("ana");
    ana.send("/banidos");
    ana.expect("ERR not-operator /banidos");
    ana.send("/quem");
    ana.expect("USERS 1 ana");
    assert_eq!(ana.sync(), [""; 0]);
}

#[test]
fn an_operator_stays_one_under_another_name() {
    let server = Server::start(&[]);
    let mut ana = operator(&server, "ana");
    ana.send("/nome caio\n/banidos");
    ana.expect("NICK ana caio");
    ana.expect("INFO nobody is banned");
}

#[test]
fn a_chosen_password_counts_as_it_stands_and_is_not_shown() {
    let folder = Folder::new();
    let file = folder.0.join("operator");
    fs::write(&file, "  abre-te, sésamo \nmore\n").unwrap();
    let server = folder.server(&["--operator-password-file", file.to_str().unwrap()]);
    let mut ana = server.join("ana");
    for wrong in ["abre-te, sésam", "Abre-te, sésamo", "abre-te, sesamo"] {
        ana.send(&format!("/op {wrong}"));
        ana.expect("ERR password-wrong");
    }
    ana.send("/op  abre-te, sésamo ");
    ana.expect_start("INFO you are an operator now");
    assert!(!server.log().contains("operators type"), "{}", server.log());
    assert!(!server.log().contains("abre-te"), "{}", server.log());
}

#[test]
fn without_a_password_in_its_file_the_server_does_not_start() {
    let folder = Folder::new();
    let empty = folder.0.join("empty");
    fs::write(&empty, " \n\n").unwrap();
    for file in [empty, folder.0.join("missing")] {
        let flags = ["--operator-password-file", file.to_str().unwrap()];
        let mut process = Process::spawn(&mut Server::with(&flags).command);
        let words = process.last_words(1);
        assert!(words.contains(file.to_str().unwrap()), "{words}");
    }
}

#[test]
fn from_afar_only_encryption_makes_an_operator() {
    let Some(network) = Network::new() else {
        return;
    };
    let folder = Folder::new();
    let server = Server::with(&["--bind", "0.0.0.0:0", "--plaintext", "any"]);
    let server = server.through(|server| network.on(0, server)).start();
    server.process.wait_for("operators type: ");
    let port = server.address.port().to_string();
    let known_servers = folder.0.join("known-servers");
    let enter = |machine, name, flags: &[&str]| {
        let own = ["--port", &port, "--username", name, "--lang", "en"];
        let mut command = client(&[&own, flags].concat());
        command.arg("--known-servers").arg(&known_servers);
        let process = Process::spawn(&mut network.on(machine, &command));
        process.stdout.wait_for(&format!("Hello, {name}"));
        process
    };
    let far = ["--host", ADDRESSES[0]];
    let mut plain = enter(1, "plain", &[&far[..], &["--plaintext"]].concat());
    for typed in [&op(&server), "/op x", "/banidos"] {
        plain.send(typed);
        plain.stderr.wait_for("Only the operator can use");
    }
    for (machine, name, flags) in [
        (1, "sealed", &far[..]),
        (0, "near", &["--plaintext"]),
        (0, "near-and-sealed", &[]),
    ] {
        let mut process = enter(machine, name, flags);
        process.send(&op(&server));
        process.stdout.wait_for("you are an operator now");
    }
}

#[test]
fn an_operator_who_comes_back_where_others_can_read_along_is_none() {
    let Some(network) = Network::new() else {
        return;
    };
    let server = Server::with(&["--bind", "0.0.0.0:0", "--plaintext", "any"]);
    let server = server.through(|server| network.on(0, server)).start();
    server.process.wait_for("operators type: ");
    let connect = |machine, address: &str| {
        let port = server.address.port();
        let talk = format!("exec 3<>/dev/tcp/{address}/{port}; cat <&3 & cat >&3");
        let mut bash = Command::new("bash");
        Process::spawn(&mut network.on(machine, bash.args(["-c", &talk])))
    };
    let mut near = connect(0, "127.0.0.1");
    near.stdout.wait_for("<USERNAME>");
    near.send("/session\nana");
    near.stdout.wait_for(" SESSION ");
    near.send(&op(&server));
    near.stdout.wait_for("you are an operator now");
    near.send("/quem");
    near.stdout.wait_for("INFO ana 127.0.0.1 since ");
    let heard = near.stdout.so_far();
    let session = heard.lines().find(|line| line.contains(" SESSION "));
    let words: Vec<&str> = session.unwrap().split(' ').collect();
    let [stamp, "SESSION", token, _] = words[..] else {
        panic!("{words:?}");
    };

    let mut far = connect(1, ADDRESSES[0]);
    far.stdout.wait_for("<USERNAME>");
    far.send(&format!("/resume {token} {}", &stamp[1..]));
    far.stdout.wait_for("RESUMED ana 1");
    far.send("/quem\n/sync");
    far.stdout.wait_for("ERR unknown-command /sync");
    let heard = far.stdout.so_far();
    assert!(heard.contains("USERS 1 ana"), "{heard}");
    assert!(!heard.contains("INFO ana"), "{heard}");
}
