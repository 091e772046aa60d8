use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Typed so many seconds after a moment.
fn line(text: &str, seconds: u64) -> Line {
    let typed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let text = text.to_owned();
    Line { text, typed }
}

fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

/// All that can be sent now.
fn send_all(outbox: &mut Outbox) -> Vec<String> {
    std::iter::from_fn(|| outbox.send_next(true).map(str::to_owned)).collect()
}

/// Over the next connection, and what was typed before `since` is taken out.
fn resume(outbox: &mut Outbox, counted: u64, since: SystemTime) -> Vec<Line> {
    outbox.resume(counted);
    outbox.withhold(|line| line.typed < since)
}

const LONG_AGO: SystemTime = SystemTime::UNIX_EPOCH;

#[test]
fn what_was_not_counted_is_sent_again_over_the_next_connection() {
    let mut outbox = Outbox::default();
    for text in ["a", "b", "c"] {
        assert!(outbox.push(line(text, 0)));
    }
    assert_eq!(send_all(&mut outbox), ["a", "b", "c"]);
    outbox.count(1);
    outbox.push(line("d", 0));
    assert!(resume(&mut outbox, 2, LONG_AGO).is_empty());
    assert_eq!(send_all(&mut outbox), ["c", "d"]);
    outbox.count(4);
    assert!(outbox.is_empty() && outbox.is_sent());
}

#[test]
fn what_is_older_than_two_minutes_comes_back_and_the_rest_keeps_its_order() {
    let mut outbox = Outbox::default();
    for (text, seconds) in [("counted", 0), ("old", 100), ("new", 301), ("newest", 400)] {
        outbox.push(line(text, seconds));
    }
    outbox.send_next(true);
    outbox.send_next(true);
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(300);
    assert_eq!(texts(&resume(&mut outbox, 1, since)), ["old"]);
    assert_eq!(send_all(&mut outbox), ["new", "newest"]);
    // The server counts what it got, and never got the old one.
    outbox.count(2);
    assert!(!outbox.is_empty());
    outbox.count(3);
    assert!(outbox.is_empty());
}

#[test]
fn a_new_session_is_told_nothing_of_what_may_have_been_said() {
    let mut outbox = Outbox::default();
    for text in ["a", "b", "c"] {
        outbox.push(line(text, 0));
    }
    outbox.send_next(true);
    resume(&mut outbox, 0, LONG_AGO);
    let (sent, unsent) = outbox.empty();
    assert_eq!((texts(&sent), texts(&unsent)), (vec!["a"], vec!["b", "c"]));
    // It counts from the beginning.
    outbox.push(line("d", 0));
    assert_eq!(send_all(&mut outbox), ["d"]);
    outbox.count(1);
    assert!(outbox.is_empty());
}

#[test]
fn it_is_full_until_something_is_counted() {
    let mut outbox = Outbox::default();
    let text = "x".repeat(MOST_KEPT / 4 - 1);
    for _ in 0..4 {
        assert!(outbox.push(line(&text, 0)));
    }
    assert!(!outbox.push(line("", 0)));
    outbox.send_next(true);
    outbox.count(1);
    assert!(outbox.push(line(&text, 0)));
    assert!(!outbox.push(line("", 0)));
}

#[test]
fn little_is_on_its_way_until_it_is_counted() {
    let mut outbox = Outbox::default();
    let text = "x".repeat(MOST_ON_THE_WAY / 4 - 1);
    for _ in 0..10 {
        outbox.push(line(&text, 0));
    }
    assert_eq!(send_all(&mut outbox).len(), 4);
    outbox.count(1);
    assert_eq!(send_all(&mut outbox).len(), 1);
    // Over a new connection nothing is on its way.
    resume(&mut outbox, 2, LONG_AGO);
    assert_eq!(send_all(&mut outbox).len(), 4);
    outbox.count(10);
    assert_eq!(send_all(&mut outbox).len(), 4);
    // A server that does not count would be waited for in vain.
    outbox.push(line("", 0));
    assert!(outbox.send_next(true).is_none());
    assert!(outbox.send_next(false).is_some());
}

#[test]
fn a_server_that_counts_what_it_was_never_sent_makes_nothing_go_lost() {
    let mut outbox = Outbox::default();
    outbox.push(line("a", 0));
    outbox.push(line("b", 0));
    outbox.send_next(true);
    outbox.count(u64::MAX);
    resume(&mut outbox, u64::MAX, LONG_AGO);
    assert_eq!(send_all(&mut outbox), ["b"]);
}

/// What may happen.
#[derive(Debug, Clone)]
enum Step {
    Say,
    /// So many of the lines that wait are sent …
    Send(usize),
    /// … so many of those arrive …
    Arrive(usize),
    /// … and the server tells how many have.
    Tell,
    /// The connection breaks, and is made anew.
    Break,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Say),
        3 => (0..4usize).prop_map(Step::Send),
        3 => (0..4usize).prop_map(Step::Arrive),
        2 => Just(Step::Tell),
        1 => Just(Step::Break),
    ];
    vec(step, 0..200)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_arrives_once_and_in_order_however_often_the_connection_breaks(steps in steps()) {
        let mut outbox = Outbox::default();
        let (mut said, mut heard) = (0, Vec::new());
        let mut on_the_way: VecDeque<String> = VecDeque::new();
        let last = [Step::Break, Step::Send(usize::MAX), Step::Arrive(usize::MAX), Step::Tell];
        for step in steps.into_iter().chain(last) {
            match step {
                Step::Say => {
                    outbox.push(line(&said.to_string(), 0));
                    said += 1;
                }
                Step::Send(most) => {
                    let sent = std::iter::from_fn(|| outbox.send_next(true).map(str::to_owned));
                    on_the_way.extend(sent.take(most));
                }
                Step::Arrive(most) => {
                    let most = most.min(on_the_way.len());
                    heard.extend(on_the_way.drain(..most));
                }
                Step::Tell => outbox.count(heard.len() as u64),
                Step::Break => {
                    on_the_way.clear();
                    resume(&mut outbox, heard.len() as u64, LONG_AGO);
                }
            }
        }
        let expected: Vec<String> = (0..said).map(|n| n.to_string()).collect();
        prop_assert_eq!(heard, expected);
        prop_assert!(outbox.is_empty());
    }
}

#[test]
fn a_blank_line_goes_before_all_others_and_counts_as_they_do() {
    let mut outbox = Outbox::default();
    for text in ["a", "b", "c"] {
        outbox.push(line(text, 0));
    }
    outbox.send_next(true);
    outbox.resume(0);
    outbox.push_blank();
    assert_eq!(outbox.send_next(true), Some(""));
    assert!(!outbox.is_at_rest());
    outbox.count(1);
    assert!(outbox.is_at_rest());
    assert_eq!(texts(&outbox.withhold(|line| line.text == "b")), ["b"]);
    assert_eq!(send_all(&mut outbox), ["a", "c"]);
    outbox.count(3);
    assert!(outbox.is_empty());
}

#[test]
fn only_what_was_not_sent_over_this_connection_is_withheld() {
    let mut outbox = Outbox::default();
    for text in ["a", "b", "c", "d"] {
        outbox.push(line(text, 0));
    }
    outbox.send_next(true);
    outbox.send_next(true);
    let is_one_of = |texts: &'static [&str]| move |line: &Line| texts.contains(&line.text.as_str());
    assert_eq!(texts(&outbox.withhold(is_one_of(&["b", "c"]))), ["c"]);
    // Over the next connection it can be.
    outbox.resume(0);
    outbox.send_next(true);
    assert_eq!(texts(&outbox.withhold(is_one_of(&["a", "b"]))), ["b"]);
    assert_eq!(send_all(&mut outbox), ["d"]);
    outbox.count(2);
    assert!(outbox.is_empty());
}
