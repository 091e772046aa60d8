//! Somebody on the way who reads along.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Forwards what comes, and keeps a copy of both ways.
pub struct Tap {
    pub address: SocketAddr,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    pub fn before(server: SocketAddr) -> Tap {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let theirs = bytes.clone();
        // Ends with the tests.
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let ends = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let bytes = theirs.clone();
                    thread::spawn(move || forward(ends, &bytes));
                }
            }
        });
        Tap { address, bytes }
    }

    /// What has gone by so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }
}

fn forward((mut from, mut to): (TcpStream, TcpStream), copy: &Mutex<Vec<u8>>) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        copy.lock().unwrap().extend(&bytes[..length]);
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
