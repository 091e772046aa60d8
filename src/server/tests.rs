use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;

use super::bans::Bans;
use super::entrance::Plaintext;
use super::*;

/// A running server, to be shut down with the handle.
fn start() -> (Arc<Server>, thread::JoinHandle<()>) {
    let options = Options {
        max_clients: 10,
        max_per_address: 0,
        handshake_timeout: Duration::from_secs(10),
        rate: 0,
        burst: 1,
        send_buffer: 64 * 1024,
        keepalive: Duration::from_secs(10),
        plaintext: Plaintext::Only,
        encryption: None,
        password: None,
        bans: Arc::new(Bans::open(None).unwrap()),
        hold: Duration::ZERO,
        history: 0,
        operator: OperatorSecret::make().unwrap().0,
    };
    let server = Arc::new(Server::bind(&["127.0.0.1:0".parse().unwrap()], options, None).unwrap());
    let running = server.clone();
    (server, thread::spawn(move || running.run()))
}

/// Comes in, and returns what the server says from `WELCOME` on.
fn join(server: &Server, name: &str) -> (TcpStream, impl Iterator<Item = String>) {
    let mut stream = TcpStream::connect(server.addresses()[0]).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("<USERNAME>"));
    writeln!(stream, "{name}").unwrap();
    (stream, lines)
}

#[test]
fn a_panic_in_one_session_ends_that_session_only() {
    let (server, running) = start();
    let (mut ana, mut ana_hears) = join(&server, "ana");
    assert_eq!(ana_hears.next().as_deref(), Some("WELCOME ana 1"));
    let (mut bia, mut bia_hears) = join(&server, "bia");
    assert_eq!(bia_hears.next().as_deref(), Some("WELCOME bia 2"));
    assert_eq!(ana_hears.next().as_deref(), Some("JOIN bia"));

    writeln!(bia, "/panic").unwrap();
    assert_eq!(ana_hears.next().as_deref(), Some("LEAVE bia lost"));
    assert_eq!(bia_hears.next(), None);

    let (_again, mut again_hears) = join(&server, "bia");
    assert_eq!(again_hears.next().as_deref(), Some("WELCOME bia 2"));
    writeln!(ana, "/SAIR").unwrap();
    assert_eq!(again_hears.next().as_deref(), Some("LEAVE ana quit"));
    server.shut_down();
    running.join().unwrap();
    assert_eq!(again_hears.next().as_deref(), Some("BYE shutdown"));
}

#[test]
fn a_poisoned_lock_is_taken_over() {
    let (server, running) = start();
    let (_ana, mut ana_hears) = join(&server, "ana");
    assert_eq!(ana_hears.next().as_deref(), Some("WELCOME ana 1"));
    server.registry.poison();
    let (_bia, mut bia_hears) = join(&server, "bia");
    assert_eq!(bia_hears.next().as_deref(), Some("WELCOME bia 2"));
    server.shut_down();
    running.join().unwrap();
}
