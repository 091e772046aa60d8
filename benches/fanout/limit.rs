use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::libc::MSG_DONTWAIT;
use socket2::{Domain, SockRef, Socket, Type};

/// The least a server can do. The socket options are those of the real one; the greeting tells a
/// client that it is among those who are sent to.
pub fn be_the_limit() {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let loopback: SocketAddr = ([127, 0, 0, 1], 0).into();
    listener.bind(&loopback.into()).unwrap();
    listener.listen(1024).unwrap();
    let listener = TcpListener::from(listener);
    eprintln!("listening on {}", listener.local_addr().unwrap());
    let everyone: Arc<Mutex<Vec<Arc<TcpStream>>>> = Arc::default();
    for stream in listener.incoming() {
        let mine = Arc::new(stream.unwrap());
        mine.set_nodelay(true).unwrap();
        let socket = SockRef::from(&*mine);
        socket.set_send_buffer_size(256 * 1024).unwrap();
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        (&*mine).write_all(b"<USERNAME>\n").unwrap();
        everyone.lock().unwrap().push(mine.clone());
        let everyone = everyone.clone();
        thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(length @ 1..) = (&*mine).read(&mut buffer) {
                for other in everyone.lock().unwrap().iter() {
                    if !Arc::ptr_eq(other, &mine) {
                        let other = SockRef::from(&**other);
                        let _ = other.send_with_flags(&buffer[..length], MSG_DONTWAIT);
                    }
                }
            }
        });
    }
}
