//! The client as a program in a pipe, and a server that says whatever a test wants it to say.

use std::io::{BufReader, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::{DEADLINE, Peer, Process, Server};

/// `chat-client` with `flags`, and with nothing of this machine's environment.
pub fn client(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-client"));
    command.env_clear().args(flags);
    command
}

/// `chat-client` in English, towards `address`, with `flags`.
pub fn client_of(address: SocketAddr, flags: &[&str]) -> Command {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let mut command = client(&["--host", &host, "--port", &port]);
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

/// An address that nobody listens at, and nobody can as long as the socket is kept.
pub fn deserted() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
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
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Peer { stream, reader }
    }

    /// The next client, greeted as a chat server would greet it.
    #[track_caller]
    pub fn welcome(&self, name: &str) -> Peer {
        let mut peer = self.accept();
        peer.send("<USERNAME>");
        peer.expect(name);
        peer.send(&format!("WELCOME {name} 1"));
        peer
    }
}
