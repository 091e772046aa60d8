//! The one stream that both sides speak through, plain and sealed.

use std::hint::spin_loop;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use chat::tls::{Key, Pin, Stream};
use rustls::ServerConnection;

use crate::support::DEADLINE;

fn serving(key: &Key) -> ServerConnection {
    ServerConnection::new(key.server_config().unwrap()).unwrap()
}

pub fn shake_hands(stream: &Stream) -> std::io::Result<()> {
    loop {
        match stream.shake_hands() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            shaken => return shaken,
        }
    }
}

/// Both ends of a connection over loopback: the server's, and the client's.
pub fn pair() -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for end in [&server, &client] {
        end.set_read_timeout(Some(DEADLINE)).unwrap();
    }
    (Stream::plain(server), client)
}

/// Both ends after a handshake in which the client expected the server's key.
fn sealed(key: &Key) -> (Stream, Stream) {
    let (server, client) = pair();
    let client = Stream::plain(client);
    server.seal(serving(key)).unwrap();
    shake_both_hands(&server, &client, key);
    (server, client)
}

/// Seals the client's end too, and ends the handshake.
fn shake_both_hands(server: &Stream, client: &Stream, key: &Key) {
    let pin = Pin::new(Some(key.fingerprint()));
    client.seal(pin.connection().unwrap()).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| shake_hands(server).unwrap());
        shake_hands(client).unwrap();
    });
}

fn send(stream: &Stream, text: &[u8]) -> std::io::Result<()> {
    stream.send(text, || Err(ErrorKind::WouldBlock.into()))
}

/// The next text, over whatever comes without any.
fn read(mut stream: &Stream) -> std::io::Result<Vec<u8>> {
    let mut buffer = [0; 512];
    loop {
        match stream.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => return read.map(|length| buffer[..length].to_vec()),
        }
    }
}

#[test]
fn what_one_side_sends_the_other_reads_plain_and_sealed() {
    let (server, client) = pair();
    for (a, b) in [
        (server, Stream::plain(client)),
        sealed(&Key::generate().unwrap()),
    ] {
        for (from, to) in [(&a, &b), (&b, &a)] {
            send(from, b"MSG ana oi\n").unwrap();
            assert_eq!(read(to).unwrap(), b"MSG ana oi\n");
            from.finish();
            assert_eq!(read(to).unwrap(), b"");
        }
    }
}

#[test]
fn what_is_sent_while_another_thread_seals_comes_in_plain_or_sealed() {
    let key = Key::generate().unwrap();
    for turn in 0..500 {
        let (server, client) = pair();
        let cipher = serving(&key);
        let ready = AtomicUsize::new(0);
        let wait_for_both = || {
            ready.fetch_add(1, Ordering::SeqCst);
            while ready.load(Ordering::SeqCst) < 2 {
                spin_loop();
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                wait_for_both();
                // Now sooner, now later in what the other does.
                (0..turn % 50).for_each(|_| spin_loop());
                send(&server, b"x").unwrap();
            });
            wait_for_both();
            server.seal(cipher).unwrap();
        });
        server.socket().write_all(b".").unwrap();
        let mut plain = [0; 2];
        let length = client.peek(&mut plain).unwrap();
        if plain[..length].starts_with(b"x") {
            continue;
        }
        (&client).read_exact(&mut plain[..1]).unwrap();
        let client = Stream::plain(client);
        shake_both_hands(&server, &client, &key);
        server.finish();
        assert_eq!(read(&client).unwrap(), b"x", "(left: came) turn {turn}");
    }
}

#[test]
fn nothing_follows_a_torn_send() {
    let (server, client) = pair();
    for (from, to) in [
        (server, Stream::plain(client)),
        sealed(&Key::generate().unwrap()),
    ] {
        let much = vec![b'x'; 1 << 16];
        let torn = (0..1000).find_map(|_| send(&from, &much).err());
        assert_eq!(torn.map(|error| error.kind()), Some(ErrorKind::WouldBlock));
        // Now there would be room again.
        to.socket().read_exact(&mut vec![0; 1 << 20]).unwrap();
        let after = send(&from, b"y").map_err(|error| error.kind());
        assert_eq!(after, Err(ErrorKind::BrokenPipe));
    }
}

#[test]
fn whoever_waits_to_send_can_be_told_something() {
    let (server, client) = sealed(&Key::generate().unwrap());
    let much = vec![b'x'; 1 << 23];
    let (is_full, full) = sync_channel(1);
    thread::scope(|scope| {
        let wait = move || {
            let _ = is_full.try_send(());
            thread::sleep(Duration::from_millis(1));
            Ok(())
        };
        let sending = scope.spawn(|| client.send(&much, wait));
        full.recv().unwrap();
        // The server reads nothing before the client has heard this.
        send(&server, b"slower\n").unwrap();
        assert_eq!(read(&client).unwrap(), b"slower\n");
        let mut came = 0;
        while came < much.len() {
            came += read(&server).unwrap().len();
        }
        sending.join().unwrap().unwrap();
    });
}

#[test]
fn a_batch_that_does_not_fit_fills_the_readers_buffer() {
    let (server, client) = sealed(&Key::generate().unwrap());
    let batch: Vec<u8> = (0..20_000_u32).map(|at| at as u8).collect();
    // In small records, which take much more room than what they say.
    for line in batch.chunks(50) {
        send(&client, line).unwrap();
    }
    // So that a reader of lines sees that it needs more room.
    let mut came = read(&server).unwrap();
    assert_eq!(came.len(), 512);
    while came.len() < batch.len() {
        came.extend(read(&server).unwrap());
    }
    assert_eq!(came, batch);
}

#[test]
fn the_longest_record_is_not_taken_for_a_flood_however_it_comes() {
    for size in [1, 100, 1024, 1 << 14] {
        let (server, client) = sealed(&Key::generate().unwrap());
        let much = vec![b'x'; 3 << 14];
        send(&client, &much).unwrap();
        let (mut came, mut buffer) = (0, vec![0; size]);
        while came < much.len() {
            match (&server).read(&mut buffer) {
                Ok(length) => came += length,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}"),
            }
        }
    }
}

#[test]
fn what_comes_before_a_broken_record_counts() {
    let (server, client) = sealed(&Key::generate().unwrap());
    send(&client, b"one\n").unwrap();
    let mut socket = client.socket();
    socket.write_all(b"\x17\x03\x03\x00\x20").unwrap();
    socket.write_all(&[7; 32]).unwrap();
    assert_eq!(read(&server).unwrap(), b"one\n");
    let broken = read(&server).map_err(|error| error.kind());
    assert_eq!(broken, Err(ErrorKind::InvalidData));
}

#[test]
fn a_close_in_the_middle_of_a_record_is_a_close() {
    let (server, client) = sealed(&Key::generate().unwrap());
    client.socket().write_all(b"\x17\x03\x03\x00").unwrap();
    client.socket().shutdown(Shutdown::Write).unwrap();
    assert_eq!(read(&server).unwrap(), b"");
}

#[test]
fn a_dribbled_record_does_not_hold_its_reader_up() {
    let (server, client) = sealed(&Key::generate().unwrap());
    for byte in b"\x17\x03\x03" {
        client.socket().write_all(&[*byte]).unwrap();
        let came = (&server).read(&mut [0; 512]);
        let kind = came.map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::Interrupted));
    }
}

#[test]
fn a_handshake_goes_on_by_one_read_at_a_time() {
    let key = Key::generate().unwrap();
    let (server, client) = pair();
    let timeout = Some(Duration::from_millis(5));
    server.socket().set_read_timeout(timeout).unwrap();
    server.seal(serving(&key)).unwrap();
    let kind = || server.shake_hands().map_err(|error| error.kind());
    assert_eq!(kind(), Err(ErrorKind::WouldBlock));
    (&client).write_all(b"\x16").unwrap();
    assert_eq!(kind(), Err(ErrorKind::Interrupted));
    assert_eq!(kind(), Err(ErrorKind::WouldBlock));
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(kind(), Err(ErrorKind::UnexpectedEof));
}

#[test]
fn a_panic_while_something_is_sent_harms_nobody_else() {
    let (server, client) = sealed(&Key::generate().unwrap());
    let much = vec![b'x'; 1 << 23];
    thread::scope(|scope| {
        let panicked = scope.spawn(|| client.send(&much, || panic!("a test wants to see this")));
        assert!(panicked.join().is_err());
    });
    let after = send(&client, b"y").map_err(|error| error.kind());
    assert_eq!(after, Err(ErrorKind::BrokenPipe));
    send(&server, b"still here\n").unwrap();
    assert_eq!(read(&client).unwrap(), b"still here\n");
}
