//! Where the server listens, and what it tells others to type (DESIGN, section 4, rules 11 and 12).

use std::net::SocketAddr;

use crate::support::client::client;
use crate::support::network::{Network, with_file};
use crate::support::{Peer, Process, Server, Setup, wait_until};

/// Where the server says it listens, by the time it says more.
fn addresses(server: &Server) -> Vec<SocketAddr> {
    wait_until("it says how to join", || server.log().contains(" join"));
    let log = server.log();
    let told = log
        .lines()
        .filter_map(|line| line.split_once("listening on "));
    told.map(|(_, address)| address.parse().unwrap()).collect()
}

/// Its addresses without their ports, and that one port.
#[track_caller]
fn hosts_and_port(server: &Server) -> (Vec<String>, u16) {
    let addresses = addresses(server);
    let port = addresses[0].port();
    assert!(
        addresses.iter().all(|address| address.port() == port),
        "expected: one port\n    came: {addresses:?}"
    );
    let hosts = addresses.iter().map(|address| address.ip().to_string());
    (hosts.collect(), port)
}

/// Somebody comes in at each of `addresses`, and they hear each other.
#[track_caller]
fn assert_one_room(addresses: &[SocketAddr]) {
    let mut inside: Vec<Peer> = Vec::new();
    for (n, &address) in addresses.iter().enumerate() {
        let mut peer = Peer::connect(address);
        peer.expect("<USERNAME>");
        peer.send(&format!("p{n}"));
        peer.expect(&format!("WELCOME p{n} {}", n + 1));
        for other in &mut inside {
            other.expect(&format!("JOIN p{n}"));
        }
        inside.push(peer);
    }
}

/// The commands that the server's screen shows for others are these, and typed as they are printed
/// on one of the machines they work.
#[track_caller]
fn assert_invites(server: &Server, expected: &[&str], network: &Network, machine: usize) {
    for (n, command) in expected.iter().enumerate() {
        let line = server
            .process
            .wait_for(&format!("others join with: {command} --fingerprint "));
        let (_, flags) = line.split_once("chat-client ").unwrap();
        let name = format!("p{n}");
        let words = flags
            .split(' ')
            .chain(["--lang", "en", "--username", &name]);
        let guest = client(&words.collect::<Vec<_>>());
        let mut process = Process::spawn(&mut network.on(machine, &guest));
        process.stdout.wait_for(&format!("Hello, {name}"));
        process.send("/SAIR");
        assert_eq!(process.finish(), Some(0), "(left: came)");
    }
    // By now it has said all that it says at the start.
    let log = server.log();
    let lines = log.lines();
    let told = lines.filter_map(|line| line.split_once("join with: "));
    let told: Vec<&str> = told
        .filter_map(|(_, command)| Some(command.split_once(" --fingerprint ")?.0))
        .collect();
    assert_eq!(told, expected, "(left: came)");
}

/// The server as it is started by hand, on the first machine.
fn start_on(network: &Network, flags: &[&str]) -> Server {
    Server::as_typed(flags)
        .through(|server| network.on(0, server))
        .start()
}

/// The server with `flags`, where /etc/hosts says `hosts`; `None` where that cannot be had.
#[track_caller]
fn start_with_hosts(hosts: &str, flags: &[&str]) -> Option<Server> {
    let setup = Server::as_typed(flags);
    let command = with_file("/etc/hosts", hosts, &setup.command)?;
    Some(Setup { command, ..setup }.start())
}

const BOTH: &str = "127.0.0.1 both\n::1 both\n";

#[test]
fn every_address_of_a_name_is_listened_on_at_one_free_port() {
    let Some(server) = start_with_hosts(BOTH, &["--bind", "both:0"]) else {
        return;
    };
    let (mut hosts, _) = hosts_and_port(&server);
    hosts.sort();
    assert_eq!(hosts, ["127.0.0.1", "::1"], "(left: came)");
    assert_one_room(&addresses(&server));
}

#[test]
fn one_address_of_a_name_in_use_is_no_reason_to_listen_on_the_others() {
    let first = Server::start(&["--bind", "[::1]:0"]);
    let bind = format!("both:{}", first.address.port());
    let server = Server::as_typed(&["--bind", &bind]).command;
    let Some(mut command) = with_file("/etc/hosts", BOTH, &server) else {
        return;
    };
    let told = Process::spawn(&mut command).last_words(1);
    let expected = format!("{} is in use", first.address);
    assert!(told.contains(&expected), "{told} (expected: {expected})");
}

#[test]
fn an_address_of_a_name_that_this_machine_has_not_is_passed_over() {
    let hosts = "203.0.113.1 home\n127.0.0.1 home\n";
    let Some(server) = start_with_hosts(hosts, &["--bind", "home:0"]) else {
        return;
    };
    assert_eq!(hosts_and_port(&server).0, ["127.0.0.1"], "(left: came)");
    assert!(server.log().contains("203.0.113.1"), "{}", server.log());
    assert_one_room(&addresses(&server));
}

#[test]
fn bind_can_be_given_several_times_and_the_environment_lists_with_commas() {
    let wanted = ["127.0.0.2", "127.0.0.1", "::1"];
    let several = Server::start(&[
        "--bind",
        "127.0.0.2:0",
        "--bind",
        "127.0.0.1:0",
        "--bind",
        "[::1]:0",
    ]);
    let mut listed = Server::as_typed(&[]);
    let list = "127.0.0.2:0, 127.0.0.1:0,[::1]:0";
    listed.command.env("CHAT_BIND", list);
    for server in [several, listed.start()] {
        assert_eq!(hosts_and_port(&server).0, wanted, "(left: came)");
        assert_one_room(&addresses(&server));
    }
}

#[test]
fn what_another_address_stands_for_is_listened_on_once() {
    for (binds, expected) in [
        (["127.0.0.1:0", "127.0.0.1:0"], "127.0.0.1"),
        (["127.0.0.1:0", "0.0.0.0:0"], "0.0.0.0"),
        (["[::]:0", "127.0.0.1:0"], "::"),
        (["0.0.0.0:0", "[::]:0"], "::"),
    ] {
        let server = Server::start(&["--bind", binds[0], "--bind", binds[1]]);
        assert_eq!(hosts_and_port(&server).0, [expected], "(left: came)");
    }
}

#[test]
fn a_free_port_is_printed_and_what_is_good_on_this_machine_alone_says_so() {
    let server = Server::start(&[]);
    let port = server.address.port();
    let line = server.process.wait_for("join with");
    let flags = format!("--host 127.0.0.1 --port {port} --plaintext");
    let expected = format!("on this machine others join with: chat-client {flags}");
    assert!(line.ends_with(&expected), "{line} (expected: …{expected})");
    let words = flags
        .split(' ')
        .chain(["--lang", "en", "--username", "ana"]);
    let guest = Process::spawn(&mut client(&words.collect::<Vec<_>>()));
    guest.stdout.wait_for("Hello, ana");
}

#[test]
fn any_address_means_both_families_whatever_bindv6only_says() {
    let Some(network) = Network::new() else {
        return;
    };
    network.exec(0, "sysctl -w net.ipv6.bindv6only=1");
    for (machine, address) in ["fd77::1/64", "fd77::2/64"].iter().enumerate() {
        network.exec(machine, &format!("ip addr add {address} dev eth0 nodad"));
    }
    let server = start_on(&network, &["--bind", "[::]:50001"]);
    let expected = [
        "chat-client --host 10.77.0.1 --port 50001",
        "chat-client --host fd77::1 --port 50001",
    ];
    assert_invites(&server, &expected, &network, 1);
}

#[test]
fn a_link_local_address_is_told_with_its_zone() {
    let Some(network) = Network::new() else {
        return;
    };
    for (machine, address) in ["fe80::7/64", "fe80::8/64"].iter().enumerate() {
        // Without the address that the kernel makes up.
        network.exec(machine, "ip -6 addr flush dev eth0");
        network.exec(machine, &format!("ip addr add {address} dev eth0 nodad"));
    }
    let expected = ["chat-client --host fe80::7%eth0 --port 50001"];
    {
        let server = start_on(&network, &["--bind", "[fe80::7%eth0]:50001"]);
        assert_invites(&server, &expected, &network, 1);
        server.process.wait_for("in place of eth0");
    }
    // Whoever listens on all tells it where there is no better address.
    network.exec(0, "ip -4 addr flush dev eth0");
    let server = start_on(&network, &["--bind", "[::]:50001"]);
    assert_invites(&server, &expected, &network, 1);
}

#[test]
fn a_link_local_address_without_a_zone_is_refused_with_a_hint() {
    let mut server = Server::as_typed(&["--bind", "[fe80::7]:50001"]).command;
    let told = Process::spawn(&mut server).last_words(1);
    let expected = "[fe80::7]:50001 needs the name of its interface, like [fe80::7%eth0]:50001";
    assert!(told.contains(expected), "{told} (expected: {expected})");
}

#[test]
fn a_makeshift_address_is_told_where_there_is_no_other() {
    let Some(network) = Network::new() else {
        return;
    };
    for (machine, address) in ["169.254.7.1/16", "169.254.7.2/16"].iter().enumerate() {
        network.exec(machine, "ip addr flush dev eth0");
        network.exec(machine, &format!("ip addr add {address} dev eth0"));
    }
    let server = start_on(&network, &[]);
    let expected = ["chat-client --host 169.254.7.1 --port 50001"];
    assert_invites(&server, &expected, &network, 1);
}

#[test]
fn a_machine_without_a_network_is_good_for_itself_alone() {
    let Some(network) = Network::new() else {
        return;
    };
    network.cut(0);
    {
        let server = start_on(&network, &[]);
        let expected = ["chat-client --host 127.0.0.1 --port 50001"];
        assert_invites(&server, &expected, &network, 0);
        assert!(server.log().contains("on this machine others join"));
    }
    network.exec(0, "ip link set lo down");
    let server = start_on(&network, &[]);
    server.process.wait_for("nobody can join for now");
    let log = server.log();
    assert!(
        !log.contains("chat-client"),
        "nothing works, so nothing is told: {log}"
    );
}
