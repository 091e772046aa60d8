//! Several talk at once whose connections break again and again, at whatever moment.

use std::thread;

use super::Returning;
use crate::support::proxy::{Break, Proxy};
use crate::support::{Dice, Member, Peer, Server, fuzz_cases};

const NAMES: [&str; 3] = ["ana", "bia", "caio"];

/// How many lines each says.
const LINES: usize = 120;

/// Says numbered lines, to all or to one, while the connection breaks now and then; then waits until
/// all of the others have been heard to their end.
fn talk(name: &str, proxy: &Proxy, mut one: Returning, mut dice: Dice) -> Member {
    for n in 0..LINES {
        match dice.roll(4) {
            0 => one
                .member
                .send(&format!("/msg {} {n}", NAMES[dice.roll(3)])),
            _ => one.member.send(&n.to_string()),
        }
        if dice.roll(10) == 0 {
            one.go_on_until(|member| member.unconfirmed.is_empty());
        }
        if dice.roll(40) == 0 {
            let by = [Break::Fin, Break::Reset, Break::Silence][dice.roll(3)];
            proxy.break_all(by);
            if by == Break::Silence {
                // The server does not notice, and this end does at last.
                one.member.peer.wire.hang_up();
            }
        }
    }
    one.say(&["end"]);
    for other in NAMES.iter().filter(|&&other| other != name) {
        one.hear(&format!("MSG {other} end"));
    }
    one.member
}

/// How often each numbered line of `author` was heard by `member`, in the order in which it was.
fn heard_of<'a>(member: &'a Member, kind: &str, author: &str) -> Vec<&'a str> {
    let start = format!("{kind} {author} ");
    let heard = member.heard.iter();
    heard.filter_map(|line| line.strip_prefix(&start)).collect()
}

#[test]
fn however_their_connections_break_all_hear_all_of_it_once_and_in_one_order() {
    for seed in 0..fuzz_cases(1).into() {
        let server = Server::start(&[]);
        let mut watcher = server.join("watcher");
        let proxies = NAMES.map(|_| Proxy::before(server.address, &[]));
        let mut people: Vec<_> = NAMES
            .iter()
            .zip(&proxies)
            .map(|(name, proxy)| Returning::enter(proxy, name))
            .collect();
        // All are here before anybody speaks.
        for (one, others) in people.iter_mut().zip([&NAMES[1..], &NAMES[2..], &[]]) {
            others
                .iter()
                .for_each(|other| one.hear(&format!("JOIN {other}")));
        }
        let members: Vec<Member> = thread::scope(|scope| {
            let talking: Vec<_> = (0..)
                .zip(people)
                .map(|(n, one)| {
                    let dice = Dice::new(seed * 3 + n);
                    let (name, proxy) = (NAMES[n as usize], &proxies[n as usize]);
                    scope.spawn(move || talk(name, proxy, one, dice))
                })
                .collect();
            talking.into_iter().map(|one| one.join().unwrap()).collect()
        });
        check(&mut watcher, &members);
    }
}

#[track_caller]
fn check(watcher: &mut Peer, members: &[Member]) {
    let all = watcher.sync();
    let said = |line: &&String| line.starts_with("MSG ");
    let came: Vec<_> = all.iter().filter(|line| !said(line)).collect();
    assert_eq!(came, ["JOIN ana", "JOIN bia", "JOIN caio"], "(left: came)");
    for member in members {
        let own = format!("MSG {} ", member.name);
        let others = all.iter().filter(said);
        let others: Vec<_> = others.filter(|line| !line.starts_with(&own)).collect();
        let heard: Vec<_> = member.heard.iter().filter(said).collect();
        assert_eq!(heard, others, "by {} (left: came)", member.name);

        // Receipts and what others have heard tell the same.
        let receipts = heard_of(member, "PRIV", &member.name);
        for other in members {
            let to = format!("{} ", other.name);
            let sent = receipts.iter().filter(|line| line.starts_with(&to));
            let got = heard_of(other, "PRIV", &member.name);
            let got = got.iter().filter(|line| line.starts_with(&to));
            assert!(got.eq(sent), "from {} to {to}", member.name);
        }
        let public = all.iter().filter_map(|line| line.strip_prefix(&own));
        let private = receipts.iter().filter_map(|line| line.split(' ').nth(1));
        let mut numbers: Vec<usize> = public
            .chain(private)
            .filter_map(|n| n.parse().ok())
            .collect();
        numbers.sort();
        assert_eq!(numbers, (0..LINES).collect::<Vec<_>>(), "once (left: came)");
    }
}
