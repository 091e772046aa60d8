//! It cannot start, and says why in words.

use std::process::Command;

use crate::support::network::Network;
use crate::support::{Process, Server, Setup, behind, is_root, skip};

/// It says one sentence, with `value` and `reason` in it.
#[track_caller]
fn assert_cannot_listen(mut server: Setup, value: &str, reason: &str) {
    let words = Process::spawn(&mut server.command).last_words(1);
    let is_told = words.contains(value) && words.contains(reason);
    assert!(is_told, "expected: …{value}…{reason}…\n    came: {words}");
    assert_eq!(words.lines().count(), 1, "one sentence: {words:?}");
}

#[test]
fn an_address_in_use() {
    let first = Server::start(&[]);
    let address = first.address.to_string();
    let second = Server::with(&["--bind", &address]);
    assert_cannot_listen(second, &address, "in use");
    first.join("ana");
}

#[test]
fn an_address_that_is_not_ours() {
    let address = "203.0.113.1:50001";
    let server = Server::with(&["--bind", address]);
    assert_cannot_listen(server, address, "not an address of this machine");
}

#[test]
fn a_port_without_permission() {
    let address = "127.0.0.1:80";
    let mut server = Server::with(&["--bind", address]);
    if is_root() {
        if Command::new("setpriv").arg("--version").output().is_err() {
            return skip("no setpriv to give up root's permissions with");
        }
        let without = "setpriv --bounding-set -all --inh-caps -all --";
        let without: Vec<&str> = without.split(' ').collect();
        server = server.through(|server| behind(&without, server));
    }
    let first_free = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if first_free.is_ok_and(|port| port.trim().parse::<u16>().unwrap() <= 80) {
        // Everyone may listen on that port here; on a machine as it comes from the kernel, nobody.
        let Some(network) = Network::new() else {
            return;
        };
        server = server.through(|server| network.on(0, server));
        return assert_cannot_listen(server, address, "no permission");
    }
    assert_cannot_listen(server, address, "no permission");
}

#[test]
fn an_address_that_is_none() {
    let address = "no.such.host.invalid:50001";
    let server = Server::with(&["--bind", address]);
    let value = format!("{address:?}");
    assert_cannot_listen(server, &value, "no address to listen on");
}

#[test]
fn flags_that_make_no_sense() {
    for (flags, named) in [
        (&["--max-clients", "0"][..], "--max-clients"),
        (&["--max-clients", "-1"], "-1"),
        (&["--handshake-timeout", "0"], "--handshake-timeout"),
        (&["--burst", "0"], "--burst"),
        (&["--rate", "viele"], "viele"),
        (&["--send-buffer", "0"], "--send-buffer"),
        (&["--keepalive", "0"], "--keepalive"),
        (&["--bind", "localhost"], "localhost"),
        (&["--bind", "127.0.0.1:70000"], "127.0.0.1:70000"),
        (&["--bind", ":50001"], ":50001"),
        (&["--bind", ""], "--bind"),
        (&["--nope"], "--nope"),
        (&["zuviel"], "zuviel"),
    ] {
        let words = Process::spawn(&mut Server::with(flags).command).last_words(2);
        assert!(
            words.contains(named),
            "expected: …{named}…\n    came: {words}"
        );
    }
    let mut twin = Server::with(&[]).command;
    let words = Process::spawn(twin.env("CHAT_KEEPALIVE", "immer")).last_words(2);
    assert!(words.contains("immer"), "{words}");
}

#[test]
fn a_state_folder_that_cannot_be_made_is_told_and_the_server_starts() {
    let program = env!("CARGO_BIN_EXE_chat-server");
    let server = Server::start(&[
        "--plaintext",
        "local",
        "--state-dir",
        &format!("{program}/state"),
    ]);
    let told = server.process.stderr.so_far();
    assert!(told.contains("cannot keep a key in "), "came: {told}");
    server.join("ana");
}
