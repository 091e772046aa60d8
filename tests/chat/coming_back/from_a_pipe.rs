//! What comes from a pipe is delivered whole, whatever breaks meanwhile, where that is asked for.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{client_for, expect_claim, let_back, let_in, stamp};
use crate::support::client::Impostor;
use crate::support::{Peer, Process, wait_until, wait_until_asleep};
use nix::sys::signal::Signal;

/// `ana` in the room, from a pipe.
#[track_caller]
fn ana_in_a_pipe(flags: &[&str]) -> (Impostor, Process, Peer) {
    let impostor = Impostor::listen();
    let process = Process::spawn(&mut client_for(&impostor, flags));
    let peer = let_in(&impostor, 10);
    process.stdout.wait_for("Hello, ana");
    (impostor, process, peer)
}

#[test]
fn from_a_pipe_all_is_delivered_before_the_end_whatever_breaks_meanwhile() {
    let (impostor, mut process, mut peer) = ana_in_a_pipe(&["--reconnect", "30"]);
    process.send("one");
    process.send("two");
    peer.expect("one");
    peer.reset();
    process.wait_for("trying again");
    process.send("three");
    process.end_input();
    let mut peer = let_back(&impostor, 10, 1);
    for line in ["two", "three", "/SAIR"] {
        peer.expect(line);
    }
    // Before it is told that all has arrived, it breaks again.
    drop(peer);
    let mut peer = let_back(&impostor, 10, 3);
    peer.expect("/SAIR");
    peer.send("BYE quit");
    assert_eq!(process.finish(), Some(0), "(left: came)");
}

#[test]
fn an_outage_that_lasts_too_long_ends_it_and_names_what_was_not_sent() {
    let (impostor, mut process, mut peer) = ana_in_a_pipe(&["--reconnect", "1"]);
    process.send("one");
    peer.expect("one");
    drop(impostor);
    drop(peer);
    process.wait_for("closed the connection; trying again");
    process.send("two");
    let words = process.last_words(1);
    for told in ["not have arrived (1)", "-- one", "not sent (1)", "-- two"] {
        assert!(words.contains(told), "expected: {told}\n    came: {words}");
    }
    let last = words.lines().last().unwrap();
    assert!(last.ends_with("closed the connection."), "{words}");
}

#[test]
fn a_pipe_is_held_back_while_the_server_counts_nothing() {
    let (_impostor, mut process, mut peer) = ana_in_a_pipe(&["--reconnect", "30"]);
    let lines = 1_000;
    let text = "x".repeat(4_000);
    let mut stdin = process.child.stdin.take().unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let (theirs, count) = (text.clone(), taken.clone());
    let writing = thread::spawn(move || {
        for _ in 0..lines {
            writeln!(stdin, "{theirs}").unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    // A few KiB are on their way, a MiB is kept, and the rest is left to the pipe.
    let (mut before, mut still) = (0, 0);
    wait_until("nothing more is taken", || {
        let now = taken.load(Ordering::Relaxed);
        still = if now == before { still + 1 } else { 0 };
        before = now;
        still > 20
    });
    let most = (1024 + 256) * 1024 / 4_001;
    assert!((262..most).contains(&before), "{before} lines");
    for heard in 0..lines {
        peer.expect(&text);
        peer.send(&format!("GOT {}", heard + 1));
    }
    peer.expect("/SAIR");
    peer.send("BYE quit");
    writing.join().unwrap();
    assert_eq!(process.finish(), Some(0), "(left: came)");
}

#[test]
fn an_outage_in_which_nothing_waits_is_left_at_once() {
    let (impostor, mut process, mut peer) = ana_in_a_pipe(&["--reconnect", "30"]);
    process.send("one");
    peer.expect("one");
    peer.send(&format!("GOT 1\n@{} MSG bruno heard", stamp(20)));
    process.stdout.wait_for("heard");
    drop(impostor);
    drop(peer);
    process.wait_for("trying again");
    process.end_input();
    assert_eq!(process.finish(), Some(0), "(left: came)");
}

#[test]
fn a_signal_leaves_whatever_waits() {
    let (impostor, mut process, peer) = ana_in_a_pipe(&["--reconnect", "30"]);
    drop(impostor);
    drop(peer);
    process.wait_for("trying again");
    process.send("one");
    process.end_input();
    process.signal(Signal::SIGINT);
    assert_eq!(process.finish(), Some(0), "(left: came)");
}

#[test]
fn a_server_that_gives_no_session_is_spoken_to_as_without_one() {
    let impostor = Impostor::listen();
    let mut process = Process::spawn(&mut client_for(&impostor, &["--reconnect", "30"]));
    let mut peer = impostor.welcome("ana");
    let text = "x".repeat(4_000);
    let lines = 2 * 1024 * 1024 / 4_001;
    let mut stdin = process.child.stdin.take().unwrap();
    let theirs = text.clone();
    let writing = thread::spawn(move || {
        (0..lines).for_each(|_| writeln!(stdin, "{theirs}").unwrap());
    });
    // It counts nothing, says nothing, and has no place to come back to.
    (0..lines).for_each(|_| peer.expect(&text));
    writing.join().unwrap();
    peer.expect("/SAIR");
    drop(peer);
    assert_eq!(process.finish(), Some(1), "(left: came)");
    assert!(!process.stderr.so_far().contains("trying again"));
}

#[test]
fn who_has_missed_lines_answers_nobody_of_before() {
    let (impostor, mut process, mut peer) = ana_in_a_pipe(&["--reconnect", "30"]);
    peer.send(&format!("@{} PRIV bruno ana psst", stamp(20)));
    process.stdout.wait_for("psst");
    drop(peer);
    let mut peer = let_back(&impostor, 20, 0);
    peer.send("MISSED 7");
    process.stdout.wait_for("at least 7 lines");
    process.send("/r secret");
    process.send("to all");
    peer.expect("to all");
    process.wait_for("Nobody here has written to you privately");
}

#[test]
fn a_pipe_that_is_held_back_goes_on_when_there_is_no_session_any_more() {
    let (impostor, mut process, peer) = ana_in_a_pipe(&["--reconnect", "30"]);
    drop(peer);
    let mut peer = expect_claim(&impostor, 10);
    peer.send("ERR session-unknown\n<USERNAME>");
    peer.expect("/session");
    peer.expect("ana");
    // Another server by now, which gives no sessions.
    peer.send("WELCOME ana 2");
    let text = "x".repeat(4_000);
    let lines = 2 * 1024 * 1024 / 4_001;
    let kept = 1024 * 1024 / 4_001;
    let mut stdin = process.child.stdin.take().unwrap();
    let theirs = text.clone();
    let writing = thread::spawn(move || {
        (0..lines).for_each(|_| writeln!(stdin, "{theirs}").unwrap());
    });
    (0..kept).for_each(|_| peer.expect(&text));
    wait_until_asleep(process.pid());
    peer.send("MSG bruno where is everybody?");
    (kept..lines).for_each(|_| peer.expect(&text));
    writing.join().unwrap();
    peer.expect("/SAIR");
    peer.send("BYE quit");
    assert_eq!(process.finish(), Some(0), "(left: came)");
}
