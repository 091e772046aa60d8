//! The end comes at a bad moment.

use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use socket2::SockRef;

use crate::support::{Peer, Server, expect_farewell};

#[test]
fn sigterm_in_the_middle_of_a_storm_of_resets() {
    let mut server = Server::start(&[]);
    let address = server.address;
    let mut clients: Vec<Peer> = (0..50).map(|n| server.join(&format!("p{n}"))).collect();
    let storm: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(move || {
                let mut connections = 0;
                // Until nobody listens any more.
                while let Ok(stream) = TcpStream::connect(address) {
                    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                    connections += 1;
                }
                connections
            })
        })
        .collect();
    // The storm has begun.
    for _ in 0..200 {
        server.join("witness").reset();
        clients[0].wait_for("LEAVE witness lost");
    }
    server.shut_down(|| expect_farewell(clients));
    let connections: usize = storm.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!(connections > 100, "a storm of {connections}");
}

#[test]
fn clients_that_do_not_go_when_it_ends() {
    let mut server = Server::start(&[]);
    let mut stays = server.join("stays");
    let mut at_the_door = server.connect();
    at_the_door.expect("<USERNAME>");
    let mut deaf = server.join("deaf");
    deaf.send("não leio nada");
    stays.expect("JOIN deaf");
    stays.expect("MSG deaf não leio nada");
    server.shut_down(|| {});
    for mut peer in [stays, at_the_door, deaf] {
        assert_eq!(peer.remains(), "BYE shutdown\n", "(left: came)");
    }
}

#[test]
fn a_second_signal_while_it_waits_for_its_clients() {
    for (first, second) in [
        (Signal::SIGTERM, Signal::SIGTERM),
        (Signal::SIGINT, Signal::SIGTERM),
    ] {
        let mut server = Server::start(&[]);
        // It does not close its side, so the server waits for it.
        let _stays = server.join("stays");
        server.process.signal(first);
        server.process.wait_for("shutting down");
        server.process.signal(second);
        assert_eq!(
            server.process.finish(),
            Some(1),
            "ended by {second} at once (left: came)"
        );
    }
}
