//! One order for everyone (section 4 of the design, rules 1 and 5).
//!
//! What one watcher hears from beginning to end is the truth. What anybody else heard has to be
//! that, from their own `JOIN` to their own `LEAVE`, without their own words.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};

use crate::support::{Dice, Peer, Server};

/// Somebody who hears everything, in a thread of its own: it must not be slow.
fn watch<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    server: &Server,
    is_last: impl FnMut(&str) -> bool + Send + 'scope,
) -> ScopedJoinHandle<'scope, Vec<String>> {
    let peer = server.join("watcher");
    scope.spawn(move || listen(peer, is_last))
}

/// Everything up to the last line.
fn listen(mut peer: Peer, mut is_last: impl FnMut(&str) -> bool) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        heard.push(peer.line().expect("the server stays"));
        if is_last(heard.last().unwrap()) {
            return heard;
        }
    }
}

/// True at the `n`th line that begins so.
fn nth(n: usize, start: &str) -> impl FnMut(&str) -> bool + Send {
    let mut left = n;
    move |line| {
        left -= usize::from(line.starts_with(start));
        left == 0
    }
}

/// What one person said and heard between `WELCOME` and the end.
struct Witness {
    /// All they had, one after the other. Nobody else ever has one of them.
    names: Vec<String>,
    welcome: String,
    heard: Vec<String>,
    /// What the others should have heard of them.
    said: Vec<String>,
    private: usize,
}

impl Witness {
    fn is_me(&self, name: &str) -> bool {
        self.names.iter().any(|mine| mine == name)
    }

    /// Holds what this one heard, and was heard to say, against the truth.
    fn check(&self, truth: &[String]) {
        let mine = |line: &str| self.is_me(words(line)[1]);
        let my = |event: &str| {
            truth
                .iter()
                .position(|line| line.starts_with(event) && mine(line))
        };
        let joined = my("JOIN ").expect("they joined");
        let left = my("LEAVE ").unwrap_or(truth.len());
        let mut present = BTreeSet::from(["watcher".to_owned()]);
        truth[..=joined]
            .iter()
            .for_each(|line| walk(line, &mut present));
        assert_eq!(
            self.welcome,
            format!("WELCOME {} {}", self.names[0], present.len())
        );

        let own_words = |line: &str| mine(line) && words(line)[0] != "NICK";
        let mut expected = truth[joined + 1..left]
            .iter()
            .filter(|line| !own_words(line));
        for (index, line) in self.heard.iter().enumerate() {
            let before = &self.heard[index.saturating_sub(3)..index];
            match words(line)[..] {
                ["USERS", ..] => {
                    let names: Vec<_> = present.iter().map(String::as_str).collect();
                    let users = format!("USERS {} {}", names.len(), names.join(" "));
                    assert_eq!(*line, users, "after {before:?} (left: came)");
                }
                ["PRIV", from, to, _] => {
                    let known = present.contains(from) && present.contains(to);
                    assert!(known, "{line:?} after {before:?} among {present:?}");
                }
                ["ERR", code, ..] => assert_eq!(code, "no-such-user", "{line:?}"),
                _ => {
                    let next = expected.next();
                    let (who, left) = (&self.names, "(left: came)");
                    assert_eq!(Some(line), next, "to {who:?} after {before:?} {left}");
                    walk(line, &mut present);
                }
            }
        }
        let missed: Vec<_> = expected.collect();
        assert!(
            missed.is_empty(),
            "{:?} did not hear {missed:?}",
            self.names
        );

        let told = truth.iter().filter(|line| mine(line));
        let told: Vec<_> = told.filter(|line| !is_coming_or_going(line)).collect();
        assert_eq!(told, self.said.iter().collect::<Vec<_>>(), "(left: came)");
        let refused = self
            .heard
            .iter()
            .filter(|line| line.starts_with("ERR "))
            .count();
        assert_eq!(
            self.sent().count() + refused,
            self.private,
            "{:?}",
            self.heard
        );
    }

    fn heard_private(&self) -> impl Iterator<Item = &String> {
        self.heard.iter().filter(|line| line.starts_with("PRIV "))
    }

    /// The receipts.
    fn sent(&self) -> impl Iterator<Item = &String> {
        self.heard_private()
            .filter(|line| self.is_me(words(line)[1]))
    }

    fn received(&self) -> impl Iterator<Item = &String> {
        self.heard_private()
            .filter(|line| self.is_me(words(line)[2]))
    }
}

fn words(line: &str) -> Vec<&str> {
    line.splitn(4, ' ').collect()
}

fn is_coming_or_going(line: &str) -> bool {
    matches!(words(line)[0], "JOIN" | "LEAVE")
}

/// Applies a public line to those present, and checks that it could happen.
fn walk(line: &str, present: &mut BTreeSet<String>) {
    let words = words(line);
    let who = words[1].to_owned();
    let could = match words[0] {
        "JOIN" => present.insert(who),
        "LEAVE" => present.remove(&who),
        "NICK" => present.remove(&who) && present.insert(words[2].to_owned()),
        _ => present.contains(&who),
    };
    assert!(could, "{line:?} cannot happen with {present:?}");
}

#[test]
fn eight_authors_and_ten_readers_agree_on_one_order() {
    const LINES: usize = 500;
    let server = Server::start(&[]);
    let readers: Vec<Peer> = (0..10)
        .map(|n| server.join(&format!("reader{n}")))
        .collect();
    let authors: Vec<Peer> = (0..8).map(|n| server.join(&format!("author{n}"))).collect();
    let heard: Vec<Vec<String>> = thread::scope(|scope| {
        let mut listeners = Vec::new();
        for reader in readers {
            listeners.push(scope.spawn(|| listen(reader, nth(8 * LINES, "MSG "))));
        }
        for mut author in authors {
            scope.spawn(move || {
                (0..LINES).for_each(|n| author.send(&n.to_string()));
                listen(author, nth(7 * LINES, "MSG "))
            });
        }
        listeners
            .into_iter()
            .map(|listener| listener.join().unwrap())
            .collect()
    });
    let said = |heard: &[String], who: &str| -> Vec<String> {
        let said = heard.iter().filter_map(|line| line.strip_prefix(who));
        said.map(str::to_owned).collect()
    };
    let first = said(&heard[0], "MSG ");
    for other in &heard {
        assert!(
            said(other, "MSG ") == first,
            "all hear the same in the same order"
        );
    }
    let expected: Vec<String> = (0..LINES).map(|n| n.to_string()).collect();
    for n in 0..8 {
        assert_eq!(
            said(&heard[0], &format!("MSG author{n} ")),
            expected,
            "(left: came)"
        );
    }
}

#[test]
fn what_one_says_in_public_in_private_and_under_new_names_keeps_its_order() {
    let server = Server::start(&[]);
    let reader = server.join("watcher");
    let authors: Vec<Peer> = (0..4).map(|n| server.join(&format!("a{n}"))).collect();
    let script = |n: usize| {
        let (mut typed, mut heard) = (Vec::new(), Vec::new());
        let mut name = format!("a{n}");
        for step in 0..100 {
            let new = format!("a{n}-{step}");
            typed.push(format!("/nome {new}"));
            heard.push(format!("NICK {name} {new}"));
            name = new;
            typed.extend([
                format!("{step}"),
                format!("/msg watcher {step}"),
                "/eu ri".into(),
            ]);
            heard.extend([
                format!("MSG {name} {step}"),
                format!("PRIV {name} watcher {step}"),
                format!("ACT {name} ri"),
            ]);
        }
        (typed, heard)
    };
    thread::scope(|scope| {
        let reader = scope.spawn(|| listen(reader, nth(4, "LEAVE ")));
        for (n, mut author) in authors.into_iter().enumerate() {
            scope.spawn(move || {
                let (mut typed, heard) = script(n);
                typed.push("/SAIR\n".to_owned());
                if n % 2 == 0 {
                    author.send_bytes(typed.join("\n").as_bytes());
                } else {
                    typed.iter().for_each(|line| author.send(line));
                }
                // Of its own words, an author hears the renames and the receipts.
                let own = |line: &String| {
                    let name = words(line)[1];
                    name.split('-').next() == Some(&format!("a{n}"))
                };
                let came: Vec<_> = author.rest().into_iter().filter(own).collect();
                let receipt = |line: &&String| line.starts_with("NICK") || line.starts_with("PRIV");
                let expected: Vec<_> = heard.iter().filter(receipt).cloned().collect();
                assert_eq!(came, expected, "(left: came)");
            });
        }
        let heard = reader.join().unwrap();
        for n in 0..4 {
            let own = |line: &&String| words(line)[1].split('-').next() == Some(&format!("a{n}"));
            let mut came: Vec<String> = heard.iter().filter(own).cloned().collect();
            came.retain(|line| !is_coming_or_going(line));
            assert_eq!(came, script(n).1, "(left: came)");
        }
    });
}

#[test]
fn a_newcomer_hears_everything_that_comes_after_its_welcome() {
    let server = Server::start(&[]);
    let all_in = AtomicBool::new(false);
    thread::scope(|scope| {
        let truth = watch(scope, &server, nth(1, "LEAVE author "));
        let mut author = server.join("author");
        let all_in = &all_in;
        scope.spawn(move || {
            for n in 0.. {
                author.send(&n.to_string());
                // Keeps pace with the server, or the readers could not keep pace with it.
                if n % 20 == 0 {
                    author.sync();
                }
                if all_in.load(Ordering::Relaxed) {
                    break;
                }
            }
            author.send("/SAIR");
            author.rest()
        });
        let comers: Vec<_> = (0..20)
            .map(|n| {
                let (name, mut peer) = (format!("n{n}"), server.connect());
                peer.expect("<USERNAME>");
                peer.send(&name);
                let welcome = peer.expect_start("WELCOME ");
                let (names, said, private) = (vec![name], Vec::new(), 0);
                scope.spawn(move || {
                    let heard = listen(peer, nth(1, "LEAVE author "));
                    Witness {
                        names,
                        welcome,
                        heard,
                        said,
                        private,
                    }
                })
            })
            .collect();
        all_in.store(true, Ordering::Relaxed);
        let truth = truth.join().unwrap();
        for comer in comers {
            comer.join().unwrap().check(&truth);
        }
    });
}

/// The name that each thread has at the moment, to write to.
type Now = [Mutex<String>; 8];

/// Comes in, does this and that, and leaves one way or another.
fn live(server: &Server, now: &Now, thread: u64, life: u64, dice: &mut Dice) -> Witness {
    let mut name = format!("t{thread}-{life}");
    let mut peer = server.connect();
    peer.expect("<USERNAME>");
    peer.send(&name);
    let welcome = peer.expect_start("WELCOME ");
    let (mut names, mut said, mut private) = (vec![name.clone()], Vec::new(), 0);
    let known_as = |name: &str| *now[thread as usize].lock().unwrap() = name.to_owned();
    known_as(&name);
    for step in 0..dice.roll(25) {
        match dice.roll(12) {
            0..5 => {
                peer.send(&format!("say {step}"));
                said.push(format!("MSG {name} say {step}"));
            }
            5 => {
                peer.send(&format!("/me act {step}"));
                said.push(format!("ACT {name} act {step}"));
            }
            6..9 => {
                let to = now[dice.roll(8)].lock().unwrap().clone();
                peer.send(&format!("/msg {to} {name} {step}"));
                private += 1;
            }
            9..11 => {
                let new = format!("t{thread}-{life}-{}", names.len() - 1);
                peer.send(&format!("/nick {new}"));
                said.push(format!("NICK {name} {new}"));
                names.push(new.clone());
                known_as(&new);
                name = new;
            }
            _ => peer.send("/quem"),
        }
    }
    let quits = dice.roll(2) == 0;
    match quits {
        true => peer.send("/SAIR"),
        false => peer.half_close(),
    }
    let mut heard = peer.rest();
    if quits {
        assert_eq!(heard.pop().as_deref(), Some("BYE quit"), "(left: came)");
    }
    Witness {
        names,
        welcome,
        heard,
        said,
        private,
    }
}

#[test]
fn in_a_storm_of_everything_at_once_all_agree_on_what_happened() {
    const LIVES: u64 = 40;
    let now = Now::default();
    let server = Server::start(&[]);
    let (truth, witnesses) = thread::scope(|scope| {
        let truth = watch(scope, &server, nth(8 * LIVES as usize, "LEAVE "));
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let mut dice = Dice::new(thread);
                let (server, now) = (&server, &now);
                scope.spawn(move || -> Vec<Witness> {
                    (0..LIVES)
                        .map(|life| live(server, now, thread, life, &mut dice))
                        .collect()
                })
            })
            .collect();
        let witnesses = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap());
        let witnesses: Vec<Witness> = witnesses.collect();
        (truth.join().unwrap(), witnesses)
    });
    let mut present = BTreeSet::from(["watcher".to_owned()]);
    truth.iter().for_each(|line| walk(line, &mut present));
    assert_eq!(present.len(), 1, "only the watcher stays: {present:?}");
    witnesses.iter().for_each(|witness| witness.check(&truth));

    // Every receipt stands for one line that arrived, and the other way round.
    let to_others = |line: &&String| {
        !witnesses
            .iter()
            .any(|w| w.is_me(words(line)[1]) && w.is_me(words(line)[2]))
    };
    let mut sent: Vec<_> = witnesses
        .iter()
        .flat_map(Witness::sent)
        .filter(to_others)
        .collect();
    let mut received: Vec<_> = witnesses
        .iter()
        .flat_map(Witness::received)
        .filter(to_others)
        .collect();
    sent.sort();
    received.sort();
    assert!(
        sent.len() > 50,
        "the storm had private lines: {}",
        sent.len()
    );
    assert_eq!(sent, received, "(left: receipts)");
}
