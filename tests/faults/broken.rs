//! Connections that break without a word.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::client::{client_of, enter};
use crate::support::network::{ADDRESSES, Network};
use crate::support::{Process, Server, wait_until};

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
fn cut_off(while_cut: impl Fn(&mut Process)) {
    let Some(network) = Network::new() else {
        return;
    };
    let bind = format!("{}:50001", ADDRESSES[0]);
    let flags = ["--bind", &bind, "--keepalive", "3"];
    let server = Server::spawn(&mut network.on(0, &Server::command(&flags)));
    let client = |machine, name| {
        let flags = ["--lang", "en", "--username", name];
        let process = Process::spawn(&mut network.on(machine, &client_of(server.address, &flags)));
        process.stdout.wait_for(&format!("Hello, {name}"));
        process
    };
    let mut watcher = client(0, "watcher");
    let _ana = client(1, "ana");
    watcher.stdout.wait_for("ana joined");

    network.cut(1);
    let start = Instant::now();
    while_cut(&mut watcher);
    watcher.stdout.wait_for("ana left (connection lost)");
    let took = start.elapsed();
    // Three seconds and a probe are promised; the rest is for the machine that runs this.
    assert!(took < Duration::from_secs(10), "took {took:?}");
    client(0, "ana");
}

#[test]
fn a_cable_that_is_cut_while_nobody_says_anything() {
    cut_off(|_| {});
}

#[test]
fn a_cable_that_is_cut_while_others_talk() {
    cut_off(|watcher| (0..20).for_each(|n| watcher.send(&n.to_string())));
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
