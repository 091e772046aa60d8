use std::mem;
use std::time::{Duration, Instant};

use chat::protocol::Stamp;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::DEADLINE;
use crate::client::Client;
use crate::server::{Kind, Server};
use crate::talk::{Author, DIGITS, LINE, Pace, Talk};

/// The name of one who does not read.
pub const SLEEPER: &str = "9999";

/// A server and all its clients.
pub struct Room {
    pub server: Server,
    epoll: Epoll,
    buffer: Vec<u8>,
    text: Vec<u8>,
    clients: Vec<Client>,
    /// What each client does, by its number; the authors are the first of them.
    readers: Vec<Reader>,
    authors: Vec<Author>,
    /// How many get each line, and how many bytes the server puts before it.
    audience: usize,
    heading: usize,
    pub heard: Heard,
    /// In nanoseconds.
    latencies: Vec<u32>,
}

/// How many of each, by all together.
#[derive(Default)]
pub struct Heard {
    prompts: usize,
    welcomes: usize,
    pub joins: usize,
    pub leaves: usize,
    lines: usize,
}

#[derive(Default)]
struct Reader {
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    /// Of each author, the number of the next line.
    next: Vec<usize>,
    /// How many were in the room when this one came, and who came later.
    rank: usize,
    joined: Vec<u16>,
}

/// What came of a run: deliveries a second, and milliseconds.
pub struct Run {
    pub wall: f64,
    pub cpu: f64,
    pub p50: f64,
    pub p99: f64,
}

impl Room {
    /// Clients who have been greeted. `window` is the most lines an author may have in flight.
    pub fn at_the_door(server: Server, people: usize, talk: Talk, window: usize) -> Room {
        let (authors, audience) = match talk {
            Talk::Public(authors) => (authors, people - 1),
            Talk::Private => (people / 2, 2),
        };
        let author = |me| match (server.kind, &talk) {
            (Kind::Limit, _) => Author::new(me, String::new(), "", window),
            (_, Talk::Public(_)) => {
                Author::new(me, String::new(), &format!("MSG {me:04} "), window)
            }
            (_, Talk::Private) => {
                let to = me + authors;
                let heading = format!("PRIV {me:04} {to:04} ");
                Author::new(me, format!("/msg {to:04} "), &heading, window)
            }
        };
        let authors: Vec<Author> = (0..authors).map(author).collect();
        let heading = authors.last().map_or(0, Author::heading);
        let mut room = Room {
            server,
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap(),
            buffer: vec![0; 256 * 1024],
            text: Vec::new(),
            clients: Vec::new(),
            readers: Vec::new(),
            authors,
            audience,
            heading,
            heard: Heard::default(),
            latencies: Vec::new(),
        };
        for number in 0..people {
            let client = Client::connect(&room.server);
            let interest = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
            let event = EpollEvent::new(interest, number as u64);
            room.epoll.add(&client.socket, event).unwrap();
            room.clients.push(client);
            room.readers.push(Reader {
                next: vec![0; room.authors.len()],
                ..Reader::default()
            });
            // Well within the server's backlog; one too many would wait for a second.
            if number % 256 == 255 || number + 1 == people {
                room.wait("prompts", |heard| heard.prompts == number + 1);
            }
        }
        room
    }

    /// All come in, so many at once. Waits until everyone has been told of all who came later: of
    /// each of them once, and everyone in the same order.
    pub fn enter(&mut self, at_once: usize) -> Duration {
        let people = self.clients.len();
        let notices = people * (people - 1) / 2;
        let start = Instant::now();
        for number in 0..people {
            self.wait("welcomes", |heard| {
                heard.welcomes >= number - number % at_once
            });
            let session = match self.server.kind {
                Kind::Stamped => "/session\n",
                _ => "",
            };
            self.clients[number].send(format!("{session}{number:04}\n").as_bytes());
        }
        self.wait("welcomes", |heard| heard.welcomes == people);
        self.wait("newcomers", |heard| heard.joins == notices);
        let took = start.elapsed();
        let mut order = vec![0; people];
        for (number, reader) in self.readers.iter().enumerate() {
            order[reader.rank - 1] = number as u16;
        }
        for reader in &mut self.readers {
            assert_eq!(reader.joined, order[reader.rank..], "who came, in order");
            reader.joined = Vec::new();
        }
        took
    }

    /// A room where everybody is in; that of the limit has no door.
    pub fn open(server: Server, people: usize, talk: Talk, window: usize) -> Room {
        let mut room = Room::at_the_door(server, people, talk, window);
        if room.server.kind != Kind::Limit {
            room.enter(people);
        }
        room
    }

    pub fn wait(&mut self, what: &str, is_enough: impl Fn(&Heard) -> bool) {
        let start = Instant::now();
        while !is_enough(&self.heard) {
            self.listen();
            assert!(start.elapsed() < DEADLINE, "no end of the wait for {what}");
        }
    }

    /// Lets the authors speak for `length`, and waits until everything has arrived.
    pub fn run(&mut self, pace: Pace, length: Duration) -> Run {
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
            for (author, client) in self.authors.iter_mut().zip(&mut self.clients) {
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
                client.send(&author.out);
                author.out.clear();
            }
            self.listen();
        }
        let (cpu, wall) = (self.server.cpu() - cpu, start.elapsed());
        let deliveries = self.heard.lines - heard;
        assert_eq!(deliveries, (said(self) - already_said) * self.audience);
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
        let mut text = mem::take(&mut self.text);
        for event in &events[..count] {
            let number = event.data() as usize;
            let mut has_more = true;
            // The kernel tells only once of what has arrived, so all of it has to be taken.
            while has_more {
                text.clear();
                text.append(&mut self.readers[number].rest);
                has_more = self.clients[number].receive(&mut self.buffer, &mut text);
                let taken = self.hear(number, &text);
                self.readers[number].rest.extend_from_slice(&text[taken..]);
            }
        }
        self.text = text;
    }

    /// Checks the whole lines at the beginning of `bytes`; returns their length.
    fn hear(&mut self, number: usize, bytes: &[u8]) -> usize {
        let now = Instant::now();
        let mut is_first = true;
        let mut at = 0;
        while let Some(&first) = bytes.get(at) {
            let stamp = if first == b'@' { Stamp::SIZE } else { 0 };
            let Some(&begin) = bytes.get(at + stamp) else {
                break;
            };
            if matches!(begin, b'<' | b'W' | b'J' | b'L' | b'S' | b'G') {
                let Some(length) = bytes[at..].iter().position(|&byte| byte == b'\n') else {
                    break;
                };
                self.heed(
                    number,
                    str::from_utf8(&bytes[at + stamp..at + length]).unwrap(),
                );
                at += length + 1;
                continue;
            }
            let begin = at + stamp;
            let Some(bytes) = bytes.get(begin..begin + self.heading + LINE) else {
                break;
            };
            let digits = &bytes[self.heading..][..DIGITS];
            let add = |number, digit| 10 * number + usize::from(digit & 15);
            let by = digits.iter().fold(0, add);
            let author = &mut self.authors[by];
            let next = &mut self.readers[number].next[by];
            let slot = *next % author.lines.len();
            let line = &mut author.lines[slot];
            if bytes != line.bytes || *next >= author.said {
                let bytes = String::from_utf8_lossy(bytes);
                panic!("{number:04} expects line {next} of {by:04}, and hears {bytes:?}");
            }
            if mem::take(&mut is_first) {
                let latency = now.saturating_duration_since(line.sent).as_nanos();
                self.latencies.push(latency.try_into().unwrap_or(u32::MAX));
            }
            *next += 1;
            self.heard.lines += 1;
            line.reached += 1;
            if line.reached == self.audience {
                line.reached = 0;
                author.done += 1;
            }
            at = begin + bytes.len();
        }
        at
    }

    /// A line that nobody said.
    fn heed(&mut self, number: usize, line: &str) {
        let reader = &mut self.readers[number];
        match *line.split(' ').collect::<Vec<_>>() {
            ["<USERNAME>"] => self.heard.prompts += 1,
            ["WELCOME", _, rank] => {
                self.heard.welcomes += 1;
                reader.rank = rank.parse().unwrap();
            }
            ["JOIN", name] => {
                self.heard.joins += 1;
                reader.joined.push(name.parse().unwrap());
            }
            ["SESSION", ..] | ["GOT", _] => {}
            ["LEAVE", SLEEPER, "slow"] => self.heard.leaves += 1,
            ["LEAVE", name, "slow"] => panic!("{name} could not read in time"),
            _ => panic!("{number:04} hears {line:?}"),
        }
    }
}
