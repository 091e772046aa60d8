use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::DEADLINE;
use crate::client::ROOM;
use crate::room::{Room, Run, SLEEPER};
use crate::server::{Kind, Server};
use crate::table::{median, print_row, print_row_by};
use crate::talk::{Pace, Talk};

pub struct Plan {
    pub rounds: usize,
    pub length: Duration,
}

impl Plan {
    /// Runs each in turns; returns what came of each, round by round.
    fn run<const N: usize>(&self, mut runs: [(&mut Room, Pace); N]) -> [Vec<Run>; N] {
        let mut results = [const { Vec::new() }; N];
        for (room, pace) in &mut runs {
            room.run(*pace, self.length / 8); // to warm up
        }
        for _ in 0..self.rounds {
            for ((room, pace), results) in runs.iter_mut().zip(&mut results) {
                results.push(room.run(*pace, self.length));
            }
        }
        results
    }
}

/// In plain beside the limit, and encrypted beside plain.
pub fn one_to_many(plan: &Plan) {
    for readers in [100, 1000] {
        let open = |kind| Room::open(Server::start(kind), readers + 1, Talk::Public(1), 1024);
        let kinds = [Kind::Limit, Kind::Plain, Kind::Encrypted];
        let [mut limit, mut plain, mut encrypted] = kinds.map(open);
        for (window, of_limit, of_plain) in [
            (1, "0.95", "0.85"),
            (64, "0.85", "0.65"),
            (1024, "0.70", "0.45"),
        ] {
            let rooms = [&mut limit, &mut plain, &mut encrypted];
            let [limit, plain, encrypted] =
                plan.run(rooms.map(|room| (room, Pace::InFlight(window))));
            let work = format!("1 to {readers}, {window} in flight");
            print_row(&work, &plain, &limit, of_limit);
            print_row("  encrypted (to plain)", &encrypted, &plain, of_plain);
        }
        if readers == 100 {
            let mut stamped = open(Kind::Stamped);
            let rooms = [&mut plain, &mut stamped];
            let [plain, stamped] = plan.run(rooms.map(|room| (room, Pace::InFlight(64))));
            print_row("1 to 100, 64, stamped (to plain)", &stamped, &plain, "0.80");
        }
        if readers == 1000 {
            let pace = Pace::Every(Duration::from_millis(10));
            let [limit, plain] = plan.run([&mut limit, &mut plain].map(|room| (room, pace)));
            let work = "1 to 1000, every 10 ms (p50)";
            print_row_by(|run| run.p50, work, &plain, &limit, "≤ 1.20");
        }
    }
}

/// Beside what the limit does for one author.
pub fn many_to_many(plan: &Plan) {
    let mut limit = Room::open(Server::start(Kind::Limit), 101, Talk::Public(1), 64);
    let open = |people| {
        let server = Server::with_room_for(ROOM / 1024, Kind::Plain);
        Room::open(server, people, Talk::Public(people), 64)
    };
    let (mut some, mut many) = (open(100), open(500));
    let mut pairs = Room::open(Server::start(Kind::Plain), 100, Talk::Private, 64);
    let (one, full) = (Pace::InFlight(1), Pace::InFlight(64));
    let [limit_one, pairs] = plan.run([(&mut limit, one), (&mut pairs, one)]);
    let [limit, some, many] = plan.run([&mut limit, &mut some, &mut many].map(|room| (room, full)));
    print_row("100 to 100, 64 in flight each", &some, &limit, "0.35");
    print_row("500 to 500, 64 in flight each", &many, &limit, "1.20");
    print_row("50 pairs in private", &pairs, &limit_one, "0.47");
}

/// Beside the same room without somebody who stops reading, and is sent off for it.
pub fn beside_a_sleeper(plan: &Plan) {
    let mut room = Room::open(Server::start(Kind::Plain), 101, Talk::Public(1), 64);
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
    print_row(work, &with, &without, "≥ 0.90");
}

/// Beside what the limit does for one author.
pub fn all_with_one_line(plan: &Plan) {
    let open = |kind, talk| Room::open(Server::start(kind), 100, talk, 1);
    let mut limit = open(Kind::Limit, Talk::Public(1));
    let mut pairs = open(Kind::Plain, Talk::Private);
    let mut all = open(Kind::Plain, Talk::Public(100));
    let rooms = [&mut limit, &mut pairs, &mut all];
    let [limit, pairs, all] = plan.run(rooms.map(|room| (room, Pace::InFlight(1))));
    print_row("50 pairs in private (wanted: 90 k)", &pairs, &limit, "");
    print_row("100 to 100, 1 in flight each (3.5 M)", &all, &limit, "");
}

const CROWD: usize = 2000;

/// From the door on.
pub fn come_in(plan: &Plan, at_once: usize) {
    let took = median((0..plan.rounds).map(|_| {
        let server = Server::start(Kind::Plain);
        let mut room = Room::at_the_door(server, CROWD, Talk::Public(0), 1);
        room.enter(at_once).as_secs_f64()
    }));
    println!(
        "\n{CROWD} enter, {at_once} at once: {:.0} ms (wanted: 500), {:.0} people a second, {} notices",
        took * 1e3,
        CROWD as f64 / took,
        CROWD * (CROWD - 1) / 2
    );
}

/// From the first byte on: the handshakes of all, and then all at once.
pub fn come_in_encrypted(plan: &Plan) {
    let (mut all, mut handshakes) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let server = Server::start(Kind::Encrypted);
        let start = Instant::now();
        let mut room = Room::at_the_door(server, CROWD, Talk::Public(0), 1);
        handshakes.push(start.elapsed().as_secs_f64());
        room.enter(CROWD);
        all.push(start.elapsed().as_secs_f64());
    }
    println!(
        "{CROWD} enter encrypted: {:.0} ms (wanted: 1000), {:.0} of them for the handshakes",
        median(all.into_iter()) * 1e3,
        median(handshakes.into_iter()) * 1e3
    );
}

/// People whose connections have all broken at once. Few of so many are held; the others come back with
/// a `JOIN`.
pub fn come_back() {
    const PEOPLE: usize = 1000;
    let server = Server::start(Kind::Stamped);
    let connect = || {
        let mut client = BufReader::new(TcpStream::connect(server.address).unwrap());
        expect(&mut client, "<USERNAME>");
        client
    };
    let mut clients: Vec<_> = (0..PEOPLE).map(|_| connect()).collect();
    let mut sessions = Vec::new();
    for (number, client) in clients.iter_mut().enumerate() {
        write!(client.get_mut(), "/session\n{number:04}\n").unwrap();
        let line = expect(client, "SESSION ");
        let words: Vec<&str> = line.split(' ').collect();
        sessions.push(format!("/resume {} {}\n", words[2], &words[0][1..]));
    }
    for client in clients {
        SockRef::from(client.get_ref())
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
    let start = Instant::now();
    let mut clients: Vec<_> = (0..PEOPLE).map(|_| connect()).collect();
    for (client, session) in clients.iter_mut().zip(&sessions) {
        client.get_mut().write_all(session.as_bytes()).unwrap();
    }
    for client in &mut clients {
        expect(client, "RESUMED ");
    }
    let took = start.elapsed().as_secs_f64();
    println!(
        "{PEOPLE} sessions resumed at once: {:.0} ms (wanted: 2000)",
        took * 1e3
    );
}

/// Skips what comes before a line with `words` in it.
fn expect(client: &mut BufReader<TcpStream>, words: &str) -> String {
    let lines = client.lines().map(Result::unwrap);
    let mut found = lines.filter(|line| line.contains(words));
    found.next().expect("the server goes on")
}

pub fn stay(people: usize, kind: Kind) {
    let server = Server::start(kind);
    let empty = server.resident_kib();
    let mut room = Room::open(server, people, Talk::Public(1), 1);
    thread::sleep(Duration::from_millis(200)); // for all to come to rest
    let cpu = room.server.cpu();
    thread::sleep(Duration::from_secs(2));
    let used = room.server.cpu() - cpu;
    let resident = (room.server.resident_kib() - empty) / people as f64;
    let line = room.run(Pace::InFlight(1), Duration::from_millis(1));
    let (how, wanted) = match kind {
        Kind::Encrypted => (", encrypted", 28),
        Kind::Stamped => (" with sessions", 18),
        _ => ("", 16),
    };
    println!(
        "{people} at rest{how}: {resident:.1} KiB resident each (wanted: {wanted}), {used:.1?} of CPU \
         in 2 s (wanted: none); a line reaches 99 % of them in {:.1} ms",
        line.p99
    );
}
