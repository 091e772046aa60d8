use std::fs;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;

use chat::tls::Pin;
use rustls::ClientConnection;
use socket2::SockRef;

use crate::server::{Kind, Server};

/// Bytes that may wait for a reader: what 500 authors may have in flight. All readers share a
/// thread and a processor with the servers; with less, one that has to wait for its turn would be
/// sent off as one who does not read.
pub const ROOM: usize = 4 * 1024 * 1024;

/// One client's end of a connection, plain or encrypted. It waits for nothing.
pub struct Client {
    pub socket: TcpStream,
    cipher: Option<ClientConnection>,
    /// What the kernel has not taken yet.
    out: Vec<u8>,
}

impl Client {
    pub fn connect(server: &Server) -> Client {
        // Where the system allows less, its own way of making room by and by is the better one.
        static HAS_ROOM: LazyLock<bool> = LazyLock::new(|| {
            let most = fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap();
            most.trim().parse::<usize>().unwrap() >= ROOM
        });
        let socket = TcpStream::connect(server.address).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_nonblocking(true).unwrap();
        if *HAS_ROOM {
            SockRef::from(&socket).set_recv_buffer_size(ROOM).unwrap();
        }
        let mut client = Client {
            socket,
            cipher: None,
            out: Vec::new(),
        };
        if server.kind == Kind::Encrypted {
            // It believes any key.
            let mut cipher = Pin::new(None).connection().unwrap();
            cipher.set_buffer_limit(None);
            client.cipher = Some(cipher);
            client.flush();
        }
        client
    }

    /// Sends `text`, and before it what was left, as far as the kernel takes it.
    pub fn send(&mut self, text: &[u8]) {
        match &mut self.cipher {
            None => self.out.extend_from_slice(text),
            Some(cipher) => cipher.writer().write_all(text).unwrap(),
        }
        self.flush();
    }

    fn flush(&mut self) {
        while let Some(cipher) = self.cipher.as_mut().filter(|cipher| cipher.wants_write()) {
            cipher.write_tls(&mut self.out).unwrap();
        }
        if !self.out.is_empty() {
            match self.socket.write(&self.out) {
                Ok(length) => _ = self.out.drain(..length),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("a client cannot write: {error}"),
            }
        }
    }

    /// Reads once, and puts what came behind `text`; `true` when `buffer` was too small for all of it.
    pub fn receive(&mut self, buffer: &mut [u8], text: &mut Vec<u8>) -> bool {
        let came = match self.socket.read(buffer) {
            Ok(0) => panic!("the server closed a connection"),
            Ok(length) => &buffer[..length],
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("a client cannot read: {error}"),
        };
        let is_full = came.len() == buffer.len();
        match &mut self.cipher {
            None => text.extend_from_slice(came),
            Some(cipher) => open(cipher, came, text),
        }
        // A handshake has an answer.
        self.flush();
        is_full
    }
}

fn open(cipher: &mut ClientConnection, mut records: &[u8], text: &mut Vec<u8>) {
    while !records.is_empty() {
        cipher.read_tls(&mut records).unwrap();
        cipher.process_new_packets().unwrap();
        while let Ok(opened @ [_, ..]) = cipher.reader().fill_buf() {
            let length = opened.len();
            text.extend_from_slice(opened);
            cipher.reader().consume(length);
        }
    }
}
