//! The customer's ten requirements, each shown with the real programs: the server, and clients in
//! pipes.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use crate::support::client::{client, client_of, deserted, enter};
use crate::support::network::{ADDRESSES, Network};
use crate::support::{Peer, Process, Server};
use nix::sys::signal::Signal;

/// How many of the lines that a program has shown have `needle` in them.
fn count(shown: &str, needle: &str) -> usize {
    shown.lines().filter(|line| line.contains(needle)).count()
}

/// Makes `process` leave; returns all it has shown.
#[track_caller]
fn leave(mut process: Process) -> String {
    process.send("/SAIR");
    assert_eq!(process.finish(), Some(0), "(left: came, right: expected)");
    process.stdout.so_far()
}

#[test]
fn rf_1_everyone_sees_the_name_of_each_user_who_enters() {
    let server = Server::start(&[]);
    let ana = enter(&server, "ana");
    let bruno = enter(&server, "Bruno");
    ana.stdout.wait_for("Bruno joined");
    let conceicao = enter(&server, "Conceição");
    ana.stdout.wait_for("Conceição joined");
    bruno.stdout.wait_for("Conceição joined");
    // Nobody is told of themselves, nor of those who were there before.
    assert_eq!(count(&leave(conceicao), "joined"), 0);
    assert_eq!(count(&leave(bruno), "joined"), 1);
    assert_eq!(count(&leave(ana), "joined"), 2);
}

#[test]
fn rf_2_what_one_says_reaches_all_others_while_the_talk_goes_on() {
    let server = Server::start(&[]);
    let names = ["ana", "bruno", "carla"];
    let mut people = names.map(|name| enter(&server, name));
    for round in 0..20 {
        for speaker in 0..people.len() {
            let text = format!("{round}: é você? 👋");
            people[speaker].send(&text);
            let line = format!("<{}> {text}", names[speaker]);
            for (hearer, person) in people.iter().enumerate() {
                if hearer != speaker {
                    person.stdout.wait_for(&line);
                }
            }
        }
    }
}

#[test]
fn rf_3_a_private_message_reaches_its_addressee_alone() {
    let server = Server::start(&[]);
    let mut ana = enter(&server, "ana");
    let bruno = enter(&server, "bruno");
    let carla = enter(&server, "carla");
    ana.send("/msg bruno only for you");
    ana.send("to all");
    bruno.stdout.wait_for("[ana -> bruno] only for you");
    carla.stdout.wait_for("<ana> to all");
    // The receipt: it was delivered.
    ana.stdout.wait_for("[ana -> bruno] only for you");
    assert_eq!(count(&carla.stdout.so_far(), "only for you"), 0);

    ana.send("/msg dora are you there?");
    ana.wait_for("dora is not here");
}

#[test]
fn rf_4_the_servers_screen_shows_ip_and_port_of_each_client_that_connects() {
    let server = Server::start(&[]);
    // At the door already, before there is a name.
    let visitor = server.connect();
    let address = visitor.wire.local_addr();
    server
        .process
        .wait_for(&format!("connection from {address}"));

    let _people = ["ana", "bruno"].map(|name| enter(&server, name));
    let screen = &server.process.stderr;
    screen.wait_until("three clients, three ports", |log| {
        let from = log
            .lines()
            .filter_map(|line| line.split_once("connection from 127.0.0.1:"));
        let ports: HashSet<&str> = from.map(|(_, port)| port).collect();
        (ports.len() == 3).then_some(())
    });
}

#[test]
fn rf_5_sair_ends_the_session() {
    let server = Server::start(&[]);
    for quit in ["/SAIR", "/sair", "/Sair ", "/quit", "/exit até logo"] {
        let ana = enter(&server, "ana");
        let mut bruno = enter(&server, "bruno");
        bruno.send(quit);
        assert_eq!(bruno.finish(), Some(0), "after {quit:?}");
        assert_eq!(bruno.stderr.so_far(), "", "after {quit:?}");
        // Typed, not lost: the others can tell.
        let line = ana.stdout.wait_for("bruno left");
        assert_eq!(line, "<-- bruno left", "after {quit:?}");
        leave(ana);
    }
}

#[test]
fn rf_6_host_port_and_name_are_validated_before_anything_is_sent() {
    let server = Server::start(&[]);
    let port = server.address.port().to_string();
    let good = ["--host", "127.0.0.1", "--port", &port, "--username", "ana"];
    for (at, bad) in [(1, ""), (3, "0"), (3, "70000"), (5, "an a"), (5, "")] {
        let mut flags = good;
        flags[at] = bad;
        let mut process = Process::spawn(&mut client(&flags));
        assert_eq!(process.finish(), Some(2), "with {} {bad:?}", flags[at - 1]);
        let words = process.stderr.so_far();
        assert_eq!(words.lines().count(), 1, "one sentence: {words:?}");
    }
    // What the client let pass, the server would still refuse.
    let mut visitor = server.connect();
    visitor.expect("<USERNAME>");
    visitor.send("an a");
    visitor.expect("ERR username-invalid an a");
    let address = visitor.wire.local_addr();
    server
        .process
        .wait_for(&format!("connection from {address}"));
    assert_eq!(count(&server.log(), "connection from"), 1, "only this one");
}

#[test]
fn rf_7_everyone_is_shown_that_a_user_has_left_however_they_left() {
    let server = Server::start(&[]);
    let ana = enter(&server, "ana");
    let bruno = enter(&server, "bruno");
    leave(enter(&server, "carla"));
    let mut davi = enter(&server, "davi");
    davi.end_input();
    let elisa = enter(&server, "elisa");
    elisa.signal(Signal::SIGINT);
    drop(enter(&server, "fabio")); // killed
    let left = ["carla left", "davi left", "elisa left", "fabio left"];
    for witness in [&ana, &bruno] {
        let lines = witness.stdout.wait_for_all(&left);
        let expected = [
            "<-- carla left",
            "<-- davi left",
            "<-- elisa left",
            "<-- fabio left (connection lost)",
        ];
        assert_eq!(lines, expected, "(left: came)");
    }
    for shown in [leave(ana), leave(bruno)] {
        let times = left.map(|left| count(&shown, left));
        assert_eq!(times, [1; 4], "each of them once: {shown}");
    }
}

#[test]
fn rf_8_a_socket_error_is_shown_as_a_problem_in_words() {
    let server = Server::start(&[]);
    let address = server.address;
    let mut ana = enter(&server, "ana");
    drop(server); // killed
    assert_eq!(ana.finish(), Some(1));
    ana.wait_for(&format!("The server {address} closed the connection."));

    let (_kept, address) = deserted();
    for (lang, words) in [
        ("en", "refused the connection"),
        ("pt", "recusou a conexão"),
    ] {
        let mut late = Process::spawn(&mut client_of(address, &["--lang", lang]));
        assert_eq!(late.finish(), Some(1));
        late.wait_for(&format!("{address} {words}"));
    }
}

#[test]
fn rf_9_the_server_broadcasts_over_tcp_to_every_client_but_the_author() {
    let server = Server::start(&[]);
    let mut ana = enter(&server, "ana");
    let bruno = enter(&server, "bruno");
    // A bare TCP connection hears what the clients hear.
    let mut carla = server.join("carla");
    ana.send("hello");
    ana.send("/eu waves");
    carla.expect("MSG ana hello");
    carla.expect("ACT ana waves");
    bruno.stdout.wait_for("* ana waves");
    assert_eq!(count(&leave(bruno), "<ana> hello"), 1);
    let shown = leave(ana);
    assert_eq!(count(&shown, "hello") + count(&shown, "waves"), 0);
}

#[test]
fn rf_10_what_the_servers_screen_tells_others_to_type_brings_them_in() {
    // On every address of this machine, of which there may be only one.
    let server = Server::as_typed(&["--bind", "0.0.0.0:0"]).start();
    let mut elsewhere = Peer::connect_from([127, 0, 0, 2], server.address);
    server.process.wait_for("connection from 127.0.0.2:");
    elsewhere.expect("<USERNAME>");
    elsewhere.send("elsewhere");
    elsewhere.expect("WELCOME elsewhere 1");

    // What it says at its start stands before whoever comes.
    let screen = server.log();
    let commands = screen
        .lines()
        .filter_map(|line| line.split_once("chat-client "));
    let commands: Vec<_> = commands.map(|(_, flags)| flags).collect();
    assert!(!commands.is_empty(), "no command on its screen: {screen}");
    for (n, typed) in commands.into_iter().enumerate() {
        let name = format!("guest{n}");
        let flags = typed
            .split(' ')
            .chain(["--lang", "en", "--username", &name]);
        let mut guest = Process::spawn(&mut client(&flags.collect::<Vec<_>>()));
        guest.stdout.wait_for(&format!("Hello, {name}"));
        guest.send("anybody there?");
        elsewhere.wait_for(&format!("MSG {name} anybody there?"));
        elsewhere.send("yes");
        guest.stdout.wait_for("<elsewhere> yes");
        leave(guest);
    }
}

#[test]
fn rf_10_people_on_different_machines_talk_with_each_other() {
    let Some(network) = Network::new() else {
        return;
    };
    // As a person would start it: with no flags at all …
    let server = Server::as_typed(&[]);
    let server = server.through(|server| network.on(0, server)).start();
    assert_eq!(server.address, (Ipv4Addr::UNSPECIFIED, 50001).into());
    // … and on the other machine with what its screen says.
    let invitation = server.process.wait_for("chat-client --host");
    let (_, flags) = invitation.split_once("chat-client ").unwrap();
    let expected = format!("--host {} --port 50001 --fingerprint ", ADDRESSES[0]);
    assert!(flags.starts_with(&expected), "{flags}");

    let flags: Vec<&str> = flags.split(' ').chain(["--lang", "en"]).collect();
    let mut near = Process::spawn(&mut network.on(0, &client(&flags)));
    let mut far = Process::spawn(&mut network.on(1, &client(&flags)));
    near.send("near");
    near.stdout.wait_for("Hello, near");
    far.send("far");
    near.stdout.wait_for("far joined");
    near.send("how is it over there?");
    far.stdout.wait_for("<near> how is it over there?");
    far.send("quiet");
    near.stdout.wait_for("<far> quiet");
    server
        .process
        .wait_for(&format!("connection from {}:", ADDRESSES[1]));
    leave(far);
    near.stdout.wait_for("far left");
}
