//! How the client finds its server, and what it says when it does not: each cause in its own words
//! (DESIGN, section 5, rule 1).

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use socket2::{Domain, Socket, Type};

use crate::support::client::{LANGS, client, client_of, deserted, last_words};
use crate::support::network::{Network, with_file};
use crate::support::{Process, Server, behind, wait_until};

/// Runs `chat-client` in both languages, elsewhere as `place` says; it has to end with `code` and
/// these words, Portuguese first.
#[track_caller]
fn expect_words(flags: &[&str], place: impl Fn(&Command) -> Command, code: i32, words: [&str; 2]) {
    let clients = LANGS.map(|lang| {
        let flags = [flags, &["--lang", lang, "--username", "ana"]].concat();
        Process::spawn(&mut place(&client(&flags)))
    });
    for (mut process, words) in clients.into_iter().zip(words) {
        let told = process.last_words(code);
        // Above it, it may have said that it takes a while.
        let last = told.lines().last().unwrap_or_default();
        assert!(last == words, "expected: {words}\n    came: {told}");
    }
}

fn here(command: &Command) -> Command {
    behind(&["env"], command)
}

/// Nobody answers who connects to `address`: once its queue is full, the kernel is silent.
struct Silence {
    address: SocketAddr,
    _queue: (TcpListener, Vec<TcpStream>),
}

fn silence(domain: Domain, address: &str) -> Silence {
    let socket = Socket::new(domain, Type::STREAM, None).unwrap();
    let address: SocketAddr = address.parse().unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(0).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let patience = Duration::from_millis(200);
    let connect = || TcpStream::connect_timeout(&address, patience).ok();
    let queue = std::iter::from_fn(connect).take(16).collect();
    Silence {
        address,
        _queue: (listener, queue),
    }
}

#[test]
fn a_single_argument_is_the_server() {
    let server = Server::start(&[]);
    let port = server.address.port().to_string();
    let address = format!("127.0.0.1:{port}");
    let name = format!("localhost:{port}");
    let flags: [&[&str]; 5] = [
        &[&address],
        &[&name],
        &["127.0.0.1", "--port", &port],
        // It goes before the flags.
        &["--host", "nowhere.invalid", "--port", "1", &address],
        &["--host", "nowhere.invalid", &name],
    ];
    for (n, flags) in flags.into_iter().enumerate() {
        let name = format!("p{n}");
        let mut command = client(&[flags, &["--lang", "en", "--username", &name]].concat());
        command.arg("--plaintext");
        command.env("CHAT_HOST", "nowhere.invalid");
        let process = Process::spawn(&mut command);
        process.stdout.wait_for(&format!("Hello, {name}"));
    }
}

#[test]
fn an_ipv6_address_is_an_argument_with_and_without_a_port() {
    let server = Server::start(&["--bind", "[::1]:0"]);
    let port = server.address.port().to_string();
    let address = format!("[::1]:{port}");
    let flags: [&[&str]; 3] = [
        &[&address],
        &["::1", "--port", &port],
        &["[::1]", "--port", &port],
    ];
    for (n, flags) in flags.into_iter().enumerate() {
        let name = format!("p{n}");
        let flags = [flags, &["--lang", "en", "--username", &name]].concat();
        let process = Process::spawn(client(&flags).arg("--plaintext"));
        process.stdout.wait_for(&format!("Hello, {name}"));
    }
}

#[test]
fn a_port_in_the_host_is_pointed_out() {
    for (host, hint) in [
        ("127.0.0.1:50001", "--host 127.0.0.1 --port 50001"),
        ("chat.example:6000", "--host chat.example --port 6000"),
        ("[::1]:50001", "--host ::1 --port 50001"),
    ] {
        let pt = format!("\"{host}\" tem uma porta; dê-a à parte: {hint}.");
        let en = format!("\"{host}\" has a port in it; give that by itself: {hint}.");
        expect_words(&["--host", host], here, 2, [&pt, &en]);
    }
}

#[test]
fn a_web_address_is_pointed_out() {
    for (typed, hint) in [
        ("http://chat.example", "--host chat.example"),
        (
            "https://192.0.2.1:6000/room",
            "--host 192.0.2.1 --port 6000",
        ),
        ("tcp://[::1]:50001", "--host ::1 --port 50001"),
    ] {
        let pt =
            format!("\"{typed}\" é um endereço da web; basta o nome ou o IP do servidor: {hint}.");
        let en =
            format!("\"{typed}\" is a web address; the name or IP of the server will do: {hint}.");
        expect_words(&["--host", typed], here, 2, [&pt, &en]);
        expect_words(&[typed], here, 2, [&pt, &en]);
    }
}

#[test]
fn a_link_local_address_without_its_zone_is_pointed_out() {
    let words = [
        "fe80::7 só vale numa rede; diga por qual interface se chega a ele, \
         como em --host fe80::7%eth0.",
        "fe80::7 is good on one network alone; say which interface leads there, \
         as in --host fe80::7%eth0.",
    ];
    expect_words(&["--host", "fe80::7"], here, 2, words);
    // A name can have such an address, too.
    let there = |command: &_| with_file("/etc/hosts", "fe80::7 near\n", command).unwrap();
    if with_file("/etc/hosts", "", &client(&[])).is_some() {
        expect_words(&["--host", "near"], there, 1, words);
    }
}

#[test]
fn a_resolver_that_does_not_answer_is_no_unknown_name() {
    let Some(network) = Network::new() else {
        return;
    };
    let words = [
        "Ninguém respondeu qual é o endereço de \"chat.example\"; \
         confira a rede, ou use o IP do servidor.",
        "Nobody answered what the address of \"chat.example\" is; \
         check the network, or use the server's IP.",
    ];
    // One listens, and says nothing; the other cannot even be asked.
    let mut deaf = Command::new("socat");
    deaf.args(["-u", "UDP-RECV:53", "STDOUT"]);
    let deaf = Process::spawn(&mut network.on(1, &deaf));
    wait_until("the name server listens", || {
        let mut list = Command::new("cat");
        let list = network.on(1, list.arg("/proc/net/udp")).output().unwrap();
        String::from_utf8_lossy(&list.stdout).contains(":0035 ")
    });
    for name_server in ["10.77.0.2", "10.88.0.1"] {
        let resolver = format!("nameserver {name_server}\n");
        let there = |command: &_| {
            let there = network.on(0, command);
            with_file("/etc/resolv.conf", &resolver, &there).unwrap()
        };
        expect_words(&["--host", "chat.example"], there, 1, words);
    }
    drop(deaf);
}

#[test]
fn refused_here_and_refused_elsewhere_call_for_different_things() {
    let (_kept, address) = deserted();
    let server = address.to_string();
    let pt = format!(
        "{server} recusou a conexão: nesta máquina não há servidor nessa porta; \
         inicie um, ou dê o endereço de outro, como em chat-client 192.168.0.17."
    );
    let en = format!(
        "{server} refused the connection: this machine has no server at that port; \
         start one, or give the address of another, as in chat-client 192.168.0.17."
    );
    expect_words(&[&server], here, 1, [&pt, &en]);
    let Some(network) = Network::new() else {
        return;
    };
    let there = |command: &_| network.on(0, command);
    // With no flags at all, as a newcomer starts it.
    let en = en.replace(&server, "127.0.0.1:50001");
    let pt = pt.replace(&server, "127.0.0.1:50001");
    expect_words(&[], there, 1, [&pt, &en]);
    let words = [
        "10.77.0.2:50001 recusou a conexão; \
         confira se o servidor está no ar e a porta é essa.",
        "10.77.0.2:50001 refused the connection; \
         check that the server runs and that this is its port.",
    ];
    expect_words(&["10.77.0.2"], there, 1, words);
}

#[test]
fn it_says_that_connecting_takes_a_while_and_tries_the_next_address() {
    let server = Server::start(&[]);
    let port = server.address.port().to_string();
    // Of a name's addresses the resolver puts this one first.
    let _silent = silence(Domain::IPV6, &format!("[::1]:{port}"));
    let hosts = "::1 both\n127.0.0.1 both\n";
    let clients = LANGS.map(|lang| {
        let flags = ["both", "--port", &port, "--lang", lang, "--username", lang];
        with_file("/etc/hosts", hosts, client(&flags).arg("--plaintext"))
            .map(|mut client| Process::spawn(&mut client))
    });
    let words = [
        ("Ainda conectando a both", "Olá, pt"),
        ("Still connecting to both", "Hello, en"),
    ];
    for (client, (meanwhile, hello)) in clients.into_iter().zip(words) {
        let Some(client) = client else { return };
        client.wait_for(&format!("{meanwhile}:{port};"));
        client.stdout.wait_for(hello);
        assert_eq!(client.stderr.so_far().lines().count(), 1, "said once");
    }
}

#[test]
fn of_several_addresses_the_one_with_a_way_to_it_is_told() {
    let (_kept, address) = deserted();
    let server = format!("both:{}", address.port());
    let hosts = "127.0.0.1 both\n2001:db8::1 both\n";
    let command = client(&[&server, "--lang", "en"]);
    let Some(command) = with_file("/etc/hosts", hosts, &command) else {
        return;
    };
    let mut command = behind(
        &[
            "unshare",
            "--net",
            "sh",
            "-c",
            "ip link set lo up && exec \"$0\" \"$@\"",
        ],
        &command,
    );
    let told = last_words(&mut Process::spawn(&mut command), 1);
    let expected = format!("{address} refused the connection");
    assert!(
        told.starts_with(&expected),
        "{told} (expected: {expected}…)"
    );
}

#[test]
fn a_time_out_is_told_after_a_word_that_it_takes_a_while() {
    let silent = silence(Domain::IPV4, "127.0.0.1:0");
    let address = silent.address;
    let clients = LANGS.map(|lang| Process::spawn(&mut client_of(address, &["--lang", lang])));
    let words = [
        ("Ainda conectando a", "não respondeu a tempo; confira"),
        ("Still connecting to", "did not answer in time; check"),
    ];
    for (mut process, (meanwhile, last)) in clients.into_iter().zip(words) {
        let told = process.last_words(1);
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 2, "{told}");
        assert!(
            lines[0].starts_with(&format!("{meanwhile} {address}")),
            "{told}"
        );
        assert!(lines[1].starts_with(&format!("{address} {last}")), "{told}");
    }
}

#[test]
fn an_address_that_no_way_leads_to_is_told_as_such() {
    let Some(network) = Network::new() else {
        return;
    };
    // One outside of the network, and one inside that nobody has.
    for host in ["10.88.0.1", "10.77.0.9"] {
        let words = [
            format!("Não há caminho até {host}:50001; confira a rede e o endereço."),
            format!("There is no way to {host}:50001; check the network and the address."),
        ];
        let there = |command: &_| network.on(0, command);
        expect_words(&["--host", host], there, 1, [&words[0], &words[1]]);
    }
}

#[test]
fn whoever_does_not_want_to_wait_for_a_connection_can_leave() {
    let silent = silence(Domain::IPV4, "127.0.0.1:0");
    let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
    let clients = signals.map(|_| Process::spawn(&mut client_of(silent.address, &[])));
    for (mut client, signal) in clients.into_iter().zip(signals) {
        client.wait_for("Still connecting to");
        client.signal(signal);
        assert_eq!(client.finish(), Some(0), "after {signal} (left: came)");
        assert_eq!(client.stderr.so_far().lines().count(), 1, "no more to say");
    }
}
