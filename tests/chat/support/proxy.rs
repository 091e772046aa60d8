//! A proxy on this machine that breaks connections where a test wants them to break.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::{DEADLINE, is_sealed, set_sealed, wait_until};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    ToServer,
    ToClient,
}

/// What both ends notice of a break.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Break {
    /// The other end has closed.
    Fin,
    /// The other end knows of no connection.
    Reset,
    /// Nothing. What they send gets lost on the way.
    Silence,
}

/// Breaks a connection once exactly so many bytes have gone one way.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    pub way: Way,
    pub after: usize,
    pub by: Break,
}

/// Stands before a server; gone when dropped, with all that goes through it.
pub struct Proxy {
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    links: Mutex<Vec<Weak<Link>>>,
    broken: AtomicUsize,
    over: AtomicBool,
}

impl Proxy {
    /// Lets the first connection break as the first of `script` says, the second as the second,
    /// and forwards all that come after them whole.
    pub fn before(server: SocketAddr, script: &[Cut]) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        set_sealed(address, is_sealed(server));
        let state = Arc::new(State::default());
        let (script, theirs) = (script.to_vec(), state.clone());
        thread::spawn(move || {
            let mut script = script.into_iter();
            while let (Ok((client, _)), false) = (listener.accept(), theirs.is_over()) {
                // Where nobody listens, the client is told by a reset.
                match TcpStream::connect(server) {
                    Ok(server) => Link::start(client, server, script.next(), &theirs),
                    Err(_) => reset_when_closed(&client),
                }
            }
        });
        Proxy { address, state }
    }

    /// Breaks all that goes through it now.
    pub fn break_all(&self, by: Break) {
        let links = self.state.links.lock().unwrap();
        let open = links.iter().filter_map(Weak::upgrade);
        open.for_each(|link| link.break_off(by));
    }

    /// How many connections have been broken since it was started.
    pub fn breaks(&self) -> usize {
        self.state.broken.load(Ordering::Acquire)
    }

    /// Waits until so many connections have been broken since it was started.
    #[track_caller]
    pub fn wait_for_breaks(&self, count: usize) {
        wait_until(&format!("{count} are broken"), || self.breaks() >= count);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        self.break_all(Break::Reset);
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

/// One connection that is forwarded.
struct Link {
    client: TcpStream,
    server: TcpStream,
    is_broken: AtomicBool,
    state: Arc<State>,
}

impl Link {
    fn start(client: TcpStream, server: TcpStream, cut: Option<Cut>, state: &Arc<State>) {
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let link = Arc::new(Link {
            client,
            server,
            is_broken: AtomicBool::new(false),
            state: state.clone(),
        });
        state.links.lock().unwrap().push(Arc::downgrade(&link));
        for way in [Way::ToServer, Way::ToClient] {
            let (link, cut) = (link.clone(), cut.filter(|cut| cut.way == way));
            // It closes when both ways are at their end.
            thread::spawn(move || link.forward(way, cut));
        }
    }

    /// Takes bytes from one end to the other until they end, and then the end itself.
    fn forward(&self, way: Way, cut: Option<Cut>) {
        let (mut from, mut to) = match way {
            Way::ToServer => (&self.client, &self.server),
            Way::ToClient => (&self.server, &self.client),
        };
        let mut bytes = [0; 16 * 1024];
        let mut left = cut.map_or(usize::MAX, |cut| cut.after);
        loop {
            if let (0, Some(cut), false) = (left, cut, self.is_broken()) {
                self.break_off(cut.by);
            }
            let most = match self.is_broken() {
                true => bytes.len(),
                false => bytes.len().min(left),
            };
            match from.read(&mut bytes[..most]) {
                // What still comes goes nowhere.
                Ok(1..) if self.is_broken() => {}
                _ if self.is_broken() => return,
                Ok(0) => return drop(to.shutdown(Shutdown::Write)),
                Ok(length) if to.write_all(&bytes[..length]).is_ok() => left -= length,
                Ok(_) | Err(_) => return self.break_off(Break::Reset),
            }
        }
    }

    fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Acquire)
    }

    fn break_off(&self, by: Break) {
        let was_broken = self.is_broken.swap(true, Ordering::AcqRel);
        for stream in [&self.client, &self.server] {
            match by {
                Break::Fin => drop(stream.shutdown(Shutdown::Write)),
                Break::Reset => {
                    reset_when_closed(stream);
                    // Only wakes who reads here, who then closes.
                    let _ = stream.shutdown(Shutdown::Read);
                }
                Break::Silence => {}
            }
        }
        if !was_broken {
            self.state.broken.fetch_add(1, Ordering::Release);
        }
    }
}

/// Lets a connection end in a reset.
fn reset_when_closed(stream: &TcpStream) {
    // It fails for one that has ended already.
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// A connection through a proxy that breaks as `cut` says: the client's end and the server's.
fn two_ends(cut: Cut) -> (Proxy, TcpStream, TcpStream) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::before(server.local_addr().unwrap(), &[cut]);
    let client = TcpStream::connect(proxy.address).unwrap();
    (proxy, client, server.accept().unwrap().0)
}

/// What one end reads until its end, and whether that end is as `by` says.
#[track_caller]
fn expect_break(end: &mut TcpStream, by: Break) -> Vec<u8> {
    // Of a silence, a glance has to be enough.
    let patience = match by {
        Break::Silence => Duration::from_millis(50),
        _ => DEADLINE,
    };
    end.set_read_timeout(Some(patience)).unwrap();
    let mut came = Vec::new();
    let ended = end.read_to_end(&mut came).map_err(|error| error.kind());
    let expected = match by {
        Break::Fin => Ok(came.len()),
        Break::Reset => Err(ErrorKind::ConnectionReset),
        Break::Silence => Err(ErrorKind::WouldBlock),
    };
    assert_eq!(ended, expected, "by {by:?} (left: came)");
    came
}

#[test]
fn a_connection_breaks_after_exactly_so_many_bytes_of_one_way() {
    let ways = [Way::ToServer, Way::ToClient];
    let kinds = [Break::Fin, Break::Reset, Break::Silence];
    for (way, by) in ways.into_iter().flat_map(|way| kinds.map(|by| (way, by))) {
        for after in [0, 1, 7, 50_000] {
            let (proxy, mut client, mut server) = two_ends(Cut { way, after, by });
            let (to, from) = match way {
                Way::ToServer => (&mut client, &mut server),
                Way::ToClient => (&mut server, &mut client),
            };
            let mut writer = to.try_clone().unwrap();
            // It may be cut off in the middle of more than fits on the way.
            let writing = thread::spawn(move || writer.write_all(&[b'x'; 200_000]));
            proxy.wait_for_breaks(1);
            let came = expect_break(from, by).len();
            assert_eq!(came, after, "{way:?} by {by:?} (left: came)");
            // Whoever writes may be told of a reset by that, and only once.
            match writing.join().unwrap() {
                Err(error) => assert_eq!(by, Break::Reset, "{error}"),
                Ok(()) => assert_eq!(expect_break(to, by), b"", "the other way"),
            }
        }
    }
}

#[test]
fn what_is_not_broken_is_forwarded_whole_and_ends_as_it_ended() {
    let none = Cut {
        way: Way::ToServer,
        after: usize::MAX,
        by: Break::Fin,
    };
    let (_proxy, mut client, mut server) = two_ends(none);
    client.write_all(b"there").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(expect_break(&mut server, Break::Fin), b"there");
    server.write_all(b"and back").unwrap();
    reset_when_closed(&server);
    drop(server);
    assert_eq!(expect_break(&mut client, Break::Reset), b"and back");
}

#[test]
fn all_can_be_broken_at_any_moment_and_the_next_is_whole_again() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::before(server.local_addr().unwrap(), &[]);
    for by in [Break::Fin, Break::Reset, Break::Silence] {
        let mut client = TcpStream::connect(proxy.address).unwrap();
        let mut server = server.accept().unwrap().0;
        client.write_all(b"x").unwrap();
        server.read_exact(&mut [0]).unwrap();
        proxy.break_all(by);
        assert_eq!(expect_break(&mut client, by), b"");
        assert_eq!(expect_break(&mut server, by), b"");
    }
}
