//! Connections that break without a word.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::client::enter;
use crate::support::network::Network;
use crate::support::{Process, Server, is_over_tls, wait_until};

#[test]
fn a_client_that_is_killed() {
    let server = Server::start(&[]);
    let mut watcher = server.join("watcher");
    let mut ana = enter(&server, "ana");
    watcher.expect("JOIN ana");
    ana.send("oi");
    watcher.expect("MSG ana oi");
    ana.child.kill().unwrap();
    watcher.expect("LEAVE ana lost");
    server.join("ana");
}

/// A server on one machine and `ana` on another, whose cable is then cut.
fn cut_off(rate: &str, while_cut: impl Fn(&mut Process)) {
    let Some(network) = Network::new() else {
        return;
    };
    let flags = ["--keepalive", "3", "--rate", rate];
    let server = network.server(is_over_tls(), &flags);
    let client = |machine, name| network.client(machine, server.address, name);
    let mut watcher = client(0, "watcher");
    let mut ana = client(1, "ana");
    watcher.stdout.wait_for("ana joined");
    if rate != "0" {
        (0..1_000).for_each(|_| ana.send("//"));
        ana.stdout.wait_for("you write faster");
    }

    network.cut(1);
    let start = Instant::now();
    while_cut(&mut watcher);
    watcher.stdout.wait_for("ana left (connection lost)");
    let took = start.elapsed();
    assert!(
        took < Duration::from_secs(3),
        "expected: given up within three seconds\n    came: {took:?}"
    );
    client(0, "ana");
}

#[test]
fn a_cable_that_is_cut_while_nobody_says_anything() {
    cut_off("0", |_| {});
}

#[test]
fn a_cable_that_is_cut_while_others_talk() {
    cut_off("0", |watcher| {
        (0..20).for_each(|n| watcher.send(&n.to_string()))
    });
}

#[test]
fn a_cable_that_is_cut_in_the_middle_of_a_flood() {
    // What waits to be said would take half an hour.
    cut_off("1", |_| {});
}

#[test]
fn a_connection_that_ends_before_it_is_served() {
    let server = Server::start(&["--max-clients", "10"]);
    let mut watcher = server.join("watcher");
    for _ in 0..200 {
        let stream = TcpStream::connect(server.address).unwrap();
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
    let mut places = Vec::new();
    wait_until("all their places are free again", || {
        let mut peer = server.connect();
        if peer.line().as_deref() == Some("<USERNAME>") {
            places.push(peer);
        }
        places.len() == 9
    });
    assert_eq!(watcher.sync(), [""; 0]);
}

/// Two who talk and two who only listen, one of each on either machine, while the network between
/// them does as `disturb` says before each round: everyone hears all, once, in one order.
fn talk_over(network: &Network, disturb: impl Fn(usize, &mut dyn FnMut())) {
    const ROUNDS: usize = 40;
    let server = network.server(is_over_tls(), &[]);
    let client = |machine, name| network.client(machine, server.address, name);
    let readers = [client(0, "near"), client(1, "far")];
    let mut authors = [client(0, "ana"), client(1, "bia")];
    for reader in &readers {
        reader.stdout.wait_for("bia joined");
    }
    for round in 0..ROUNDS {
        disturb(round, &mut || {
            for author in &mut authors {
                author.send(&round.to_string());
            }
        });
    }
    for author in &mut authors {
        author.end_input();
        assert_eq!(author.finish(), Some(0), "(left: came)");
    }
    let said = readers.each_ref().map(|reader| {
        reader.stdout.wait_for_all(&["ana left", "bia left"]);
        let shown = reader.stdout.so_far();
        let said = shown.lines().filter(|line| line.starts_with('<'));
        said.map(str::to_owned).collect::<Vec<_>>()
    });
    assert_eq!(said[0], said[1], "one order (left: near, right: far)");
    for name in ["ana", "bia"] {
        let expected: Vec<_> = (0..ROUNDS).map(|n| format!("<{name}> {n}")).collect();
        let begin = format!("<{name}>");
        let theirs = said[0].iter().filter(|line| line.starts_with(&begin));
        assert_eq!(
            theirs.cloned().collect::<Vec<_>>(),
            expected,
            "(left: came)"
        );
    }
}

#[test]
fn a_cable_with_a_loose_contact() {
    let Some(network) = Network::new() else {
        return;
    };
    talk_over(&network, |round, talk| {
        if round % 8 != 0 {
            return talk();
        }
        network.cut(1);
        talk();
        wait_until("what is said is on its way into the void", || {
            network.is_waiting(0) && network.is_waiting(1)
        });
        network.mend(1);
    });
}

#[test]
fn a_network_that_loses_delays_doubles_and_reorders() {
    let Some(network) = Network::new() else {
        return;
    };
    if network.spoil().is_some() {
        talk_over(&network, |_, talk| talk());
    }
}
