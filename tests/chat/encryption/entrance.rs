//! One port for those who encrypt and those who do not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Folder, own_address, sealed_server};
use crate::support::client::{LANGS, client};
use crate::support::{DEADLINE, Peer, Process, Server, Wire};

const REQUIRED: &str = "BYE encryption-required";

/// A connection in plain, whatever the server wants.
fn plain(host: &str, server: &Server) -> Peer {
    Peer::new(TcpStream::connect((host, server.address.port())).unwrap())
}

fn sealed(host: &str, server: &Server) -> Peer {
    let tcp = TcpStream::connect((host, server.address.port())).unwrap();
    Peer::over(Wire::sealed(tcp).expect("the server encrypts"))
}

#[track_caller]
fn come_in(mut peer: Peer, name: &str) {
    peer.expect("<USERNAME>");
    peer.send(name);
    peer.expect(&format!("WELCOME {name} 1"));
    peer.quit();
}

#[track_caller]
fn expect_refusal(mut peer: Peer) {
    peer.send("ana");
    let told = peer.expect_start("INFO ");
    assert!(told.contains("ncat --ssl"), "{told}");
    peer.expect(REQUIRED);
    peer.expect_end();
}

#[test]
fn who_may_come_in_without_encryption_is_as_the_flag_says() {
    let Some(own) = own_address() else { return };
    let folder = Folder::new();
    for (who, here, afar) in [
        ("never", false, false),
        ("local", true, false),
        ("any", true, true),
        ("only", true, true),
    ] {
        let flags = ["--bind", "0.0.0.0:0", "--plaintext", who];
        let server = sealed_server(&folder.path("state"), &flags);
        for (host, may) in [("127.0.0.1", here), (&*own, afar)] {
            match may {
                true => come_in(plain(host, &server), "ana"),
                false => expect_refusal(plain(host, &server)),
            }
            if who != "only" {
                come_in(sealed(host, &server), "bia");
            }
        }
        assert!(!server.log().contains("panicked"), "{}", server.log());
    }
}

#[test]
fn a_plain_client_here_waits_a_quarter_of_a_second_to_be_asked_and_no_longer_than_that() {
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &[]);
    let start = Instant::now();
    let mut silent = plain("127.0.0.1", &server);
    silent.expect("<USERNAME>");
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(240), "{waited:?}");
    // Whoever speaks first is known at once.
    let mut quick = plain("127.0.0.1", &server);
    quick.send("ana");
    quick.expect("<USERNAME>");
    quick.expect("WELCOME ana 1");
    silent.send("bia");
    silent.expect("WELCOME bia 2");
}

#[test]
fn a_handshake_that_crosses_the_greeting_is_accepted() {
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &[]);
    let mut tcp = TcpStream::connect(server.address).unwrap();
    tcp.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut greeting = [0; 11];
    tcp.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"<USERNAME>\n");
    come_in(Peer::over(Wire::sealed(tcp).unwrap()), "ana");
}

#[test]
fn a_silent_client_is_given_up_at_the_deadline_whatever_it_was_to_be() {
    let Some(own) = own_address() else { return };
    let folder = Folder::new();
    let flags = ["--bind", "0.0.0.0:0", "--handshake-timeout", "1"];
    let server = sealed_server(&folder.path("state"), &flags);
    let before = server.held();
    let mut here = plain("127.0.0.1", &server);
    let mut afar = plain(&own, &server);
    let mut half = plain("127.0.0.1", &server);
    half.send_bytes(b"\x16\x03\x01\x02\x00\x01");
    here.expect("<USERNAME>");
    here.expect("BYE handshake-timeout");
    here.expect_end();
    afar.expect_start("INFO ");
    afar.expect(REQUIRED);
    afar.expect_end();
    // Nothing but TLS's own goodbye.
    let told = half.remains();
    assert!(told.is_empty() || told.starts_with('\x15'), "{told:?}");
    drop((here, afar, half));
    server.wait_until_held(before);
}

#[test]
fn a_plain_client_program_from_afar_is_told_so() {
    let Some(own) = own_address() else { return };
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &["--bind", "0.0.0.0:0"]);
    let port = server.address.port().to_string();
    let clients = LANGS.map(|lang| {
        let flags = ["--host", &own, "--port", &port, "--lang", lang];
        Process::spawn(client(&flags).args(["--plaintext", "--username", "ana"]))
    });
    let words = ["só fala cifrado", "encrypted only"];
    for (mut process, words) in clients.into_iter().zip(words) {
        assert_eq!(process.finish(), Some(1), "(left: came)");
        let told = process.stderr.so_far();
        assert!(told.contains(words), "{told}");
    }
    assert!(!server.log().contains("joined"), "{}", server.log());
}

#[test]
fn whoever_cannot_come_in_is_told_encrypted_as_well() {
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &["--max-clients", "1"]);
    let ana = server.join("ana");
    let mut late = server.connect();
    late.expect("BYE server-full");
    late.expect_end();
    let mut late = plain("127.0.0.1", &server);
    late.expect("BYE server-full");
    late.expect_end();
    ana.quit();
}

#[test]
fn the_end_of_the_server_reaches_those_who_have_not_begun() {
    let folder = Folder::new();
    let mut server = sealed_server(&folder.path("state"), &[]);
    let mut unknown = plain("127.0.0.1", &server);
    let mut half = plain("127.0.0.1", &server);
    half.send_bytes(b"\x16\x03\x01\x02\x00\x01");
    let mut inside = server.join("ana");
    unknown.expect("<USERNAME>");
    server.shut_down(|| {
        inside.wait_for("BYE shutdown");
        inside.expect_end();
        unknown.wait_for("BYE shutdown");
        half.remains();
        drop((unknown, half));
    });
}

#[test]
fn what_is_said_between_machines_cannot_be_read_on_the_way() {
    let Some(own) = own_address() else { return };
    let folder = Folder::new();
    let server = sealed_server(&folder.path("state"), &["--bind", "0.0.0.0:0"]);
    let address = format!("{own}:{}", server.address.port()).parse().unwrap();
    let tap = super::tap::Tap::before(address);
    let (host, port) = (tap.address.ip().to_string(), tap.address.port().to_string());
    let flags = ["--host", &host, "--port", &port, "--lang", "en"];
    let mut ana = Process::spawn(client(&flags).args(["--username", "amanda"]));
    ana.stdout.wait_for("Hello, amanda");
    let mut bia = server.join("beatriz");
    ana.stdout.wait_for("beatriz joined");
    ana.send("segredo");
    bia.wait_for("MSG amanda segredo");
    bia.send("/msg amanda resposta");
    ana.stdout.wait_for("resposta");
    ana.end_input();
    assert_eq!(ana.finish(), Some(0), "(left: came)");
    let wire = tap.bytes();
    assert!(wire.len() > 1000, "only {} bytes", wire.len());
    for word in [
        "amanda", "beatriz", "segredo", "resposta", "USERNAME", "MSG", "SAIR", "BYE",
    ] {
        let found = wire
            .windows(word.len())
            .any(|bytes| bytes == word.as_bytes());
        assert!(!found, "{word} can be read on the way");
    }
    // The tap does see what is said in plain.
    let mut plain = Peer::new(TcpStream::connect(tap.address).unwrap());
    plain.wire.write_all(b"segredo\n").unwrap();
    plain.remains();
    let wire = tap.bytes();
    assert!(wire.windows(7).any(|bytes| bytes == b"segredo"));
}
