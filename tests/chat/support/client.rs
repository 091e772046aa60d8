//! The client as a program in a pipe, and a server that says whatever a test wants it to say.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::{DEADLINE, Peer, Process, Server, is_sealed, set_sealed, state_home};

/// `chat-client` with `flags`, and with nothing of this machine's environment.
pub fn client(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-client"));
    command.env_clear().env("XDG_STATE_HOME", state_home());
    command.args(flags);
    command
}

/// `chat-client` in English, towards `address`, with `flags`; encrypted where the server there wants
/// that.
pub fn client_of(address: SocketAddr, flags: &[&str]) -> Command {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let mut command = client(&["--host", &host, "--port", &port]);
    if !is_sealed(address) {
        command.arg("--plaintext");
    }
    command.env("CHAT_LANG", "en").args(flags);
    command
}

/// A client in the room, who has been greeted there.
#[track_caller]
pub fn enter(server: &Server, name: &str) -> Process {
    let process = Process::spawn(&mut client_of(server.address, &["--username", name]));
    process.stdout.wait_for(&format!("Hello, {name}"));
    process
}

/// Both languages of the interface.
pub const LANGS: [&str; 2] = ["pt", "en"];

/// Waits for `process` to end with `code`; returns the one sentence it says about that.
#[track_caller]
pub fn last_words(process: &mut Process, code: i32) -> String {
    let words = process.last_words(code);
    assert!(
        words.ends_with(".\n") || words.ends_with("?\n"),
        "a sentence: {words:?}"
    );
    assert_eq!(words.lines().count(), 1, "one sentence: {words:?}");
    words.trim_end().to_owned()
}

/// Runs `chat-client` towards `address` in both languages, and lets `serve` be the server.
#[track_caller]
pub fn expect_words_from(address: SocketAddr, words: [&str; 2], serve: impl Fn()) {
    for (lang, words) in LANGS.into_iter().zip(words) {
        let flags = ["--lang", lang, "--username", "ana"];
        let mut process = Process::spawn(&mut client_of(address, &flags));
        serve();
        let told = last_words(&mut process, 1);
        assert!(
            told.contains(words) && told.contains(&address.to_string()),
            "expected: …{words}… with {address}\n    came: {told}"
        );
    }
}

/// An address that nobody listens at, and only a server that is told to can, as long as the socket
/// is kept.
pub fn deserted() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// Listens where a chat server could be, and says what the test says.
pub struct Impostor {
    listener: TcpListener,
    pub address: SocketAddr,
}

impl Impostor {
    pub fn listen() -> Impostor {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        set_sealed(address, false);
        Impostor { listener, address }
    }

    /// The next client that connects.
    #[track_caller]
    pub fn accept(&self) -> Peer {
        let deadline = Instant::now() + DEADLINE;
        let stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
            assert!(Instant::now() < deadline, "nobody within {DEADLINE:?}");
            std::thread::sleep(Duration::from_millis(5));
        };
        stream.set_nonblocking(false).unwrap();
        Peer::new(stream)
    }

    /// The next client, greeted as a chat server would greet it.
    #[track_caller]
    pub fn welcome(&self, name: &str) -> Peer {
        let mut peer = self.accept();
        peer.send("<USERNAME>");
        peer.expect_name(name);
        peer.send(&format!("WELCOME {name} 1"));
        peer
    }
}

/// A client whose server is the test.
pub fn meet(flags: &[&str]) -> (Process, Peer) {
    let impostor = Impostor::listen();
    let mut command = client_of(impostor.address, &["--username", "ana"]);
    let process = Process::spawn(command.args(flags));
    let peer = impostor.welcome("ana");
    (process, peer)
}

/// Lets `process` leave, with the test as its server; returns what it has shown and what it has complained about.
#[track_caller]
pub fn part(mut process: Process, mut peer: Peer) -> (String, String) {
    process.end_input();
    peer.expect("/SAIR");
    peer.send("BYE quit");
    assert_eq!(process.finish(), Some(0), "(left: came, right: expected)");
    (process.stdout.so_far(), process.stderr.so_far())
}
