//! What one server carries. Starts the real `chat-server`, fills it with clients, checks every
//! byte they are sent, and prints a table.
//!
//! ```text
//! cargo bench                  the whole table, in two minutes on two cores (Linux)
//! cargo bench -- --quick       a rough one in seconds
//! cargo bench -- --full        with 10,000 clients at rest as well
//! cargo bench -- --one-cpu     what one processor carries: the server on the first, all else beside it
//! ```
//!
//! Most works are measured in turns with the *limit*: a server, part of this file, that only reads
//! a buffer and sends it to every other socket. That is what the kernel leaves to be had on this
//! machine at this hour, so the ratio to it holds on other machines too.
//!
//! - A *delivery* is a line of 64 bytes that has reached one reader. Authors number their lines;
//!   each reader has to get each of them once, in the author's order and byte by byte.
//! - *In flight* is how far an author is ahead of the slowest of its readers: a new line is sent
//!   when an earlier one has reached all of them.
//! - A *CPU second* is one of the server's, in all its threads, the kernel's work for them
//!   included. What is done in a wall second depends on what the clients leave of the machine.
//! - *p50, p99*: milliseconds from the author's send to a reader's read, of the first line in it.
//!
//! Figures are medians of the rounds, ratios those of neighbouring runs, per CPU second but where
//! the work says otherwise. `wanted` is what the ratio should come to.
//!
//! All clients live in one thread, which asks what has arrived and never sleeps until something
//! does: a client that sleeps has to be woken by the server's `send`, and in a virtual machine to
//! wake a sleeping processor costs as much as the send itself. The same server would look up to
//! twice as expensive.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it measures, prints a table and ends"
)]

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, mem, thread};

use nix::libc::MSG_DONTWAIT;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use socket2::{Domain, SockRef, Socket, Type};

/// Bytes of a line as its author sends it, line end included.
const LINE: usize = 64;
/// Every client's name is its number, in so many digits.
const DIGITS: usize = 4;
/// Makes this program the limit.
const LIMIT: &str = "--limit";
/// The name of one who does not read.
const SLEEPER: &str = "9999";
/// Bytes that may wait for a reader: what 500 authors may have in flight. All readers share a
/// thread and a processor with the servers; with less, one that has to wait for its turn would be
/// sent off as one who does not read.
const ROOM: usize = 4 * 1024 * 1024;
/// Nothing takes as long as this unless something is lost.
const DEADLINE: Duration = Duration::from_secs(60);

/// A server process; ended when dropped.
struct Server {
    process: Child,
    address: SocketAddr,
    is_limit: bool,
}

impl Server {
    fn chat() -> Server {
        Server::chat_with_room_for(256)
    }

    /// `kib` is the server's send buffer for each client.
    fn chat_with_room_for(kib: usize) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chat-server"));
        command.args(["--bind=127.0.0.1:0", "--rate=0", "--plaintext=only"]);
        command.args(["--max-clients=20000", "--max-per-address=0"]);
        command.arg(format!("--send-buffer={kib}"));
        Server::start(command.env_remove("RUST_LOG"), false)
    }

    fn limit() -> Server {
        Server::start(Command::new(env::current_exe().unwrap()).arg(LIMIT), true)
    }

    fn start(command: &mut Command, is_limit: bool) -> Server {
        // Its log is a file, as in life: a pipe would need somebody who wakes up to empty it.
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let started = STARTED.fetch_add(1, Ordering::Relaxed);
        let log = format!("{}/fanout-{started}.log", env!("CARGO_TARGET_TMPDIR"));
        command.stderr(File::create(&log).unwrap());
        let process = if has("--one-cpu") {
            // Inherited, also by the threads it starts before anybody could look.
            run_on(|cpu| cpu == 0);
            let process = command.spawn().unwrap();
            run_on(|cpu| cpu != 0);
            process
        } else {
            command.spawn().unwrap()
        };
        let start = Instant::now();
        let address = loop {
            let said = fs::read_to_string(&log).unwrap();
            let rest = said.split_once("listening on ").map(|(_, rest)| rest);
            if let Some((address, _)) = rest.and_then(|rest| rest.split_once('\n')) {
                break address.parse().unwrap();
            }
            assert!(start.elapsed() < DEADLINE, "the server says {said:?}");
        };
        Server {
            process,
            address,
            is_limit,
        }
    }

    /// What all its threads have used so far: `utime` and `stime` of `/proc/PID/stat`, which
    /// counts in hundredths of a second, to the nanosecond.
    fn cpu(&self) -> Duration {
        let pid = Pid::from_raw(self.process.id() as i32);
        clock_getcpuclockid(pid).unwrap().now().unwrap().into()
    }

    fn resident_kib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().strip_suffix(" kB");
        kib.unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The least a server can do. The socket options are those of the real one; the greeting tells a
/// client that it is among those who are sent to.
fn be_the_limit() {
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

/// Who talks to whom.
enum Talk {
    /// The first so many clients talk to everyone else.
    Public(usize),
    /// Each of the first half talks to one of the second.
    Private,
}

/// A server and all its clients.
struct Room {
    server: Server,
    epoll: Epoll,
    buffer: Vec<u8>,
    streams: Vec<TcpStream>,
    clients: Vec<Client>,
    /// The first of the clients.
    authors: Vec<Author>,
    /// How many get each line, and how many bytes the server puts before it.
    readers: usize,
    heading: usize,
    heard: Heard,
    /// In nanoseconds.
    latencies: Vec<u32>,
}

/// How many of each, by all together.
#[derive(Default)]
struct Heard {
    prompts: usize,
    welcomes: usize,
    joins: usize,
    leaves: usize,
    lines: usize,
}

#[derive(Default)]
struct Client {
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    /// Of each author, the number of the next line.
    next: Vec<usize>,
    /// How many were in the room when this one came, and who came later.
    rank: usize,
    joined: Vec<u16>,
}

#[derive(Default)]
struct Author {
    said: usize,
    /// How many of these have reached all their readers.
    done: usize,
    /// Line `n` stands at `n` modulo the most that may be in flight.
    lines: Vec<Line>,
    /// What makes a line private.
    command: String,
    /// What the kernel has not taken yet.
    out: Vec<u8>,
}

#[derive(Clone)]
struct Line {
    /// As it has to arrive.
    bytes: Vec<u8>,
    /// How many have it.
    reached: usize,
    sent: Instant,
}

/// When authors speak.
#[derive(Clone, Copy)]
enum Pace {
    InFlight(usize),
    Every(Duration),
}

/// What came of a run: deliveries a second, and milliseconds.
struct Run {
    wall: f64,
    cpu: f64,
    p50: f64,
    p99: f64,
}

impl Room {
    /// Clients who have been greeted. `window` is the most lines an author may have in flight.
    fn at_the_door(server: Server, people: usize, talk: Talk, window: usize) -> Room {
        let (authors, readers) = match talk {
            Talk::Public(authors) => (authors, people - 1),
            Talk::Private => (people / 2, 2),
        };
        let author = |me: usize| {
            let to = me + authors;
            let (command, heading) = match talk {
                _ if server.is_limit => Default::default(),
                Talk::Public(_) => (String::new(), format!("MSG {me:04} ")),
                Talk::Private => (format!("/msg {to:04} "), format!("PRIV {me:04} {to:04} ")),
            };
            // The author again, for the limit's readers; the line's number; and some words.
            let bytes = format!("{heading}{me:04} {:08} {:-<49}\n", 0, "").into_bytes();
            let line = Line {
                bytes,
                reached: 0,
                sent: Instant::now(),
            };
            Author {
                lines: vec![line; window],
                command,
                ..Author::default()
            }
        };
        let authors: Vec<Author> = (0..authors).map(author).collect();
        let lines = authors.iter().flat_map(|author| &author.lines);
        let heading = lines.last().map_or(0, |line| line.bytes.len() - LINE);
        let mut room = Room {
            server,
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap(),
            buffer: vec![0; 256 * 1024],
            streams: Vec::new(),
            clients: Vec::new(),
            authors,
            readers,
            heading,
            heard: Heard::default(),
            latencies: Vec::new(),
        };
        // Where the system allows less, its own way of making room by and by is the better one.
        let most_room = fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap();
        let most_room: usize = most_room.trim().parse().unwrap();
        for number in 0..people {
            let stream = TcpStream::connect(room.server.address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
            if most_room >= ROOM {
                SockRef::from(&stream).set_recv_buffer_size(ROOM).unwrap();
            }
            let interest = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
            let event = EpollEvent::new(interest, number as u64);
            room.epoll.add(&stream, event).unwrap();
            room.streams.push(stream);
            let next = vec![0; room.authors.len()];
            room.clients.push(Client {
                next,
                ..Client::default()
            });
            // Well within the server's backlog; one too many would wait for a second.
            if number % 256 == 255 || number + 1 == people {
                room.wait("prompts", |heard| heard.prompts == number + 1);
            }
        }
        room
    }

    /// All come in, so many at once. Waits until everyone has been told of all who came later: of each of
    /// them once, and everyone in the same order.
    fn enter(&mut self, at_once: usize) -> Duration {
        let people = self.clients.len();
        let notices = people * (people - 1) / 2;
        let start = Instant::now();
        for number in 0..people {
            self.wait("welcomes", |heard| {
                heard.welcomes >= number - number % at_once
            });
            writeln!(&self.streams[number], "{number:04}").unwrap();
        }
        self.wait("welcomes", |heard| heard.welcomes == people);
        self.wait("newcomers", |heard| heard.joins == notices);
        let took = start.elapsed();
        let mut order = vec![0; people];
        for (number, client) in self.clients.iter().enumerate() {
            order[client.rank - 1] = number as u16;
        }
        for client in &mut self.clients {
            assert_eq!(client.joined, order[client.rank..], "who came, in order");
            client.joined = Vec::new();
        }
        took
    }

    /// A room where everybody is in; that of the limit has no door.
    fn open(server: Server, people: usize, talk: Talk, window: usize) -> Room {
        let mut room = Room::at_the_door(server, people, talk, window);
        if !room.server.is_limit {
            room.enter(people);
        }
        room
    }

    fn wait(&mut self, what: &str, is_enough: impl Fn(&Heard) -> bool) {
        let start = Instant::now();
        while !is_enough(&self.heard) {
            self.listen();
            assert!(start.elapsed() < DEADLINE, "no end of the wait for {what}");
        }
    }

    /// Lets the authors speak for `length`, and waits until everything has arrived.
    fn run(&mut self, pace: Pace, length: Duration) -> Run {
        self.latencies.clear();
        let said = |room: &Room| room.authors.iter().map(|author| author.said).sum::<usize>();
        let (heard, already_said) = (self.heard.lines, said(self));
        let (cpu, start) = (self.server.cpu(), Instant::now());
        let mut due = start;
        loop {
            let now = Instant::now();
            let is_over = now - start >= length;
            if is_over && self.authors.iter().all(|author| author.done == author.said) {
                break;
            }
            assert!(now - start < length + DEADLINE, "some lines do not arrive");
            for (author, stream) in self.authors.iter_mut().zip(&self.streams) {
                match pace {
                    _ if is_over => {}
                    Pace::InFlight(most) => {
                        while author.said < author.done + most {
                            author.say(now);
                        }
                    }
                    // Counted from when it was due: that it could not be sent is a delay too.
                    Pace::Every(pause) => {
                        while due <= now && author.said < author.done + author.lines.len() {
                            author.say(due);
                            due += pause;
                        }
                    }
                }
                author.flush(stream);
            }
            self.listen();
        }
        let (cpu, wall) = (self.server.cpu() - cpu, start.elapsed());
        let deliveries = self.heard.lines - heard;
        assert_eq!(deliveries, (said(self) - already_said) * self.readers);
        self.latencies.sort_unstable();
        let percentile = |p| f64::from(self.latencies[self.latencies.len() * p / 100]) / 1e6;
        Run {
            wall: deliveries as f64 / wall.as_secs_f64(),
            cpu: deliveries as f64 / cpu.as_secs_f64(),
            p50: percentile(50),
            p99: percentile(99),
        }
    }

    /// Reads what has arrived.
    fn listen(&mut self) {
        let mut events = [EpollEvent::empty(); 512];
        let count = self.epoll.wait(&mut events, EpollTimeout::ZERO).unwrap();
        let mut buffer = mem::take(&mut self.buffer);
        for event in &events[..count] {
            let number = event.data() as usize;
            let mut is_full = true;
            // The kernel tells only once of what has arrived, so all of it has to be taken.
            while is_full {
                let rest = mem::take(&mut self.clients[number].rest);
                buffer[..rest.len()].copy_from_slice(&rest);
                let mut stream = &self.streams[number];
                let end = match stream.read(&mut buffer[rest.len()..]) {
                    Ok(0) => panic!("the server closed the connection of {number:04}"),
                    Ok(length) => rest.len() + length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => rest.len(),
                    Err(error) => panic!("{number:04} cannot read: {error}"),
                };
                let taken = self.hear(number, &buffer[..end]);
                self.clients[number].rest = buffer[taken..end].to_vec();
                is_full = end == buffer.len();
            }
        }
        self.buffer = buffer;
    }

    /// Checks the whole lines at the beginning of `bytes`; returns their length.
    fn hear(&mut self, reader: usize, bytes: &[u8]) -> usize {
        let now = Instant::now();
        let client = &mut self.clients[reader];
        let mut is_first = true;
        let mut at = 0;
        while let Some(&begin) = bytes.get(at) {
            if matches!(begin, b'<' | b'W' | b'J' | b'L') {
                let Some(length) = bytes[at..].iter().position(|&byte| byte == b'\n') else {
                    break;
                };
                let line = str::from_utf8(&bytes[at..at + length]).unwrap();
                match *line.split(' ').collect::<Vec<_>>() {
                    ["<USERNAME>"] => self.heard.prompts += 1,
                    ["WELCOME", _, rank] => {
                        self.heard.welcomes += 1;
                        client.rank = rank.parse().unwrap();
                    }
                    ["JOIN", name] => {
                        self.heard.joins += 1;
                        client.joined.push(name.parse().unwrap());
                    }
                    ["LEAVE", SLEEPER, "slow"] => self.heard.leaves += 1,
                    ["LEAVE", name, "slow"] => panic!("{name} could not read in time"),
                    _ => panic!("{reader:04} hears {line:?}"),
                }
                at += length + 1;
                continue;
            }
            let Some(bytes) = bytes.get(at..at + self.heading + LINE) else {
                break;
            };
            let digits = &bytes[self.heading..][..DIGITS];
            let add = |number, digit| 10 * number + usize::from(digit & 15);
            let number = digits.iter().fold(0, add);
            let author = &mut self.authors[number];
            let next = client.next[number];
            let slot = next % author.lines.len();
            let line = &mut author.lines[slot];
            if bytes != line.bytes || next >= author.said {
                let bytes = String::from_utf8_lossy(bytes);
                panic!("{reader:04} expects line {next} of {number:04}, and hears {bytes:?}");
            }
            if mem::take(&mut is_first) {
                let latency = now.saturating_duration_since(line.sent).as_nanos();
                self.latencies.push(latency.try_into().unwrap_or(u32::MAX));
            }
            client.next[number] += 1;
            self.heard.lines += 1;
            line.reached += 1;
            if line.reached == self.readers {
                line.reached = 0;
                author.done += 1;
            }
            at += bytes.len();
        }
        at
    }
}

impl Author {
    fn say(&mut self, now: Instant) {
        let slot = self.said % self.lines.len();
        let line = &mut self.lines[slot];
        let text = line.bytes.len() - LINE;
        write!(&mut line.bytes[text + DIGITS + 1..], "{:08}", self.said).unwrap();
        line.sent = now;
        self.out.extend_from_slice(self.command.as_bytes());
        self.out.extend_from_slice(&line.bytes[text..]);
        self.said += 1;
    }

    fn flush(&mut self, mut stream: &TcpStream) {
        if !self.out.is_empty() {
            match stream.write(&self.out) {
                Ok(length) => _ = self.out.drain(..length),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("an author cannot write: {error}"),
            }
        }
    }
}

struct Plan {
    rounds: usize,
    length: Duration,
}

impl Plan {
    /// Runs each in turns; returns what came of each, round by round.
    fn run<const N: usize>(&self, runs: [(&RefCell<Room>, Pace); N]) -> [Vec<Run>; N] {
        let mut results = [const { Vec::new() }; N];
        for (room, pace) in runs {
            room.borrow_mut().run(pace, self.length / 8); // to warm up
        }
        for _ in 0..self.rounds {
            for ((room, pace), results) in runs.iter().zip(&mut results) {
                results.push(room.borrow_mut().run(*pace, self.length));
            }
        }
        results
    }
}

/// A row: `ours` beside `theirs`, with the ratio of one figure of both.
fn print(work: &str, ours: &[Run], theirs: &[Run], figure: fn(&Run) -> f64, wanted: &str) {
    let rate = |runs: &[Run], figure: fn(&Run) -> f64| match median(runs.iter().map(figure)) {
        rate @ 1e7.. => format!("{:.1} M", rate / 1e6),
        rate @ 1e6.. => format!("{:.2} M", rate / 1e6),
        rate => format!("{:.0} k", rate / 1e3),
    };
    print!("{work:<38}{:>8}", rate(ours, |run| run.wall));
    for runs in [ours, theirs] {
        print!("{:>8}", rate(runs, |run| run.cpu));
    }
    let ratios = ours.iter().zip(theirs).map(|(a, b)| figure(a) / figure(b));
    print!("{:>7.2}{wanted:>8}", median(ratios));
    for runs in [ours, theirs] {
        print!("{:>9.2}", median(runs.iter().map(|run| run.p50)));
        print!("{:>8.2}", median(runs.iter().map(|run| run.p99)));
    }
    println!();
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn has(flag: &str) -> bool {
    env::args().any(|argument| argument == flag)
}

/// Lets this thread, and what it starts, run on these processors only.
fn run_on(is_one: impl Fn(usize) -> bool) {
    let mut cpus = CpuSet::new();
    for cpu in (0..CpuSet::count()).filter(|&cpu| is_one(cpu)) {
        cpus.set(cpu).unwrap();
    }
    sched_setaffinity(Pid::from_raw(0), &cpus).unwrap();
}

fn main() {
    // Every client is an open file, here as there.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    if has(LIMIT) {
        return be_the_limit();
    }
    let (rounds, length) = if has("--quick") { (1, 100) } else { (7, 500) };
    let length = Duration::from_millis(length);
    let plan = Plan { rounds, length };
    println!("{:39}deliveries a    the limit's{:26}the limit's", "", "");
    print!("{:38}{:>8}{:>8}{:>8}", "", "wall s", "CPU s", "CPU s");
    println!(
        "{:>7}{:>8}{:>9}{:>8}{:>9}{:>8}",
        "ratio", "wanted", "p50", "p99", "p50", "p99"
    );
    one_to_many(&plan);
    if has("--one-cpu") {
        all_with_one_line(&plan);
        return come_in(&plan, 64);
    }
    many_to_many(&plan);
    beside_a_sleeper(&plan);
    come_in(&plan, 2000);
    stay(100);
    stay(1000);
    if has("--full") {
        stay(10_000);
    }
}

fn one_to_many(plan: &Plan) {
    for readers in [100, 1000] {
        let open = |server| Room::open(server, readers + 1, Talk::Public(1), 1024).into();
        let (chat, limit) = (open(Server::chat()), open(Server::limit()));
        let run = |pace| plan.run([(&chat, pace), (&limit, pace)]);
        for (window, wanted) in [(1, "0.95"), (64, "0.85"), (1024, "0.70")] {
            let [ours, theirs] = run(Pace::InFlight(window));
            let work = format!("1 to {readers}, {window} in flight");
            print(&work, &ours, &theirs, |run| run.cpu, wanted);
        }
        if readers == 1000 {
            let [ours, theirs] = run(Pace::Every(Duration::from_millis(10)));
            let work = "1 to 1000, every 10 ms (p50)";
            print(work, &ours, &theirs, |run| run.p50, "≤ 1.20");
        }
    }
}

/// Beside what the limit does for one author.
fn many_to_many(plan: &Plan) {
    let open = |server, people, talk| RefCell::new(Room::open(server, people, talk, 64));
    let limit = open(Server::limit(), 101, Talk::Public(1));
    let chat = || Server::chat_with_room_for(ROOM / 1024);
    let some = open(chat(), 100, Talk::Public(100));
    let many = open(chat(), 500, Talk::Public(500));
    let pairs = open(Server::chat(), 100, Talk::Private);
    let (one, full) = (Pace::InFlight(1), Pace::InFlight(64));
    let [limit_one, pairs] = plan.run([(&limit, one), (&pairs, one)]);
    let [limit, some, many] = plan.run([(&limit, full), (&some, full), (&many, full)]);
    let row = |work, ours, theirs, wanted| print(work, ours, theirs, |run| run.cpu, wanted);
    row("100 to 100, 64 in flight each", &some, &limit, "0.35");
    row("500 to 500, 64 in flight each", &many, &limit, "1.20");
    row("50 pairs in private", &pairs, &limit_one, "0.47");
}

/// Beside the same room without somebody who stops reading, and is sent off for it.
fn beside_a_sleeper(plan: &Plan) {
    let mut room = Room::open(Server::chat(), 101, Talk::Public(1), 64);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 1..=plan.rounds {
        without.push(room.run(Pace::InFlight(64), plan.length));
        let mut sleeper = TcpStream::connect(room.server.address).unwrap();
        writeln!(sleeper, "{SLEEPER}").unwrap();
        room.wait("JOIN", |heard| heard.joins == 101 * 100 / 2 + 101 * round);
        with.push(room.run(Pace::InFlight(64), plan.length));
        let start = Instant::now();
        while room.heard.leaves < 101 * round {
            room.run(Pace::InFlight(64), plan.length / 100);
            assert!(start.elapsed() < DEADLINE, "the sleeper is still there");
        }
    }
    let work = "1 to 100, 64, a sleeper (to without)";
    print(work, &with, &without, |run| run.cpu, "≥ 0.90");
}

/// Beside what the limit does for one author.
fn all_with_one_line(plan: &Plan) {
    let open = |server, talk| RefCell::new(Room::open(server, 100, talk, 1));
    let limit = open(Server::limit(), Talk::Public(1));
    let pairs = open(Server::chat(), Talk::Private);
    let all = open(Server::chat(), Talk::Public(100));
    let [limit, pairs, all] =
        plan.run([&limit, &pairs, &all].map(|room| (room, Pace::InFlight(1))));
    let row = |work, ours, wanted| print(work, ours, &limit, |run| run.cpu, wanted);
    row("50 pairs in private (wanted: 90 k)", &pairs, "");
    row("100 to 100, 1 in flight each (3.5 M)", &all, "");
}

fn come_in(plan: &Plan, at_once: usize) {
    const PEOPLE: usize = 2000;
    let took = median((0..plan.rounds).map(|_| {
        let mut room = Room::at_the_door(Server::chat(), PEOPLE, Talk::Public(0), 1);
        room.enter(at_once).as_secs_f64()
    }));
    println!(
        "\n{PEOPLE} enter, {at_once} at once: {:.0} ms (wanted: 500), {:.0} people a second, {} notices",
        took * 1e3,
        PEOPLE as f64 / took,
        PEOPLE * (PEOPLE - 1) / 2
    );
}

fn stay(people: usize) {
    let server = Server::chat();
    let empty = server.resident_kib();
    let mut room = Room::open(server, people, Talk::Public(1), 1);
    let cpu = room.server.cpu();
    thread::sleep(Duration::from_secs(2));
    let used = room.server.cpu() - cpu;
    let resident = (room.server.resident_kib() - empty) / people as f64;
    let line = room.run(Pace::InFlight(1), Duration::from_millis(1));
    println!(
        "{people} at rest: {resident:.1} KiB resident each (wanted: 16), {used:.1?} of CPU in 2 s \
         (wanted: none); a line reaches 99 % of them in {:.1} ms",
        line.p99
    );
}
