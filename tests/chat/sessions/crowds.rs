//! More sessions than are kept, and many that come back at once.

use std::{env, thread};

use crate::support::{Member, Peer, Server};

/// How many take part; as many as `variable` says for a longer run.
fn crowd(variable: &str, usually: usize) -> usize {
    env::var(variable).map_or(usually, |people| people.parse().expect("a number"))
}

/// Lets a connection end, and waits until the server has closed it: by then it has decided whether
/// the session is held.
#[track_caller]
fn let_go(server: &Server, member: &mut Member) {
    let (_, files) = server.held();
    member.let_go();
    server.wait_until_held((usize::MAX, files - 1));
}

/// So many in the room, of whom so many have one address.
#[track_caller]
fn enter_from(server: &Server, people: u8, of_one: u8) -> Vec<Member> {
    let from = |n| [127, 0, 1 + n / of_one, 1];
    (0..people)
        .map(|n| Member::enter(server.connect_from(from(n)), &format!("p{n}")))
        .collect()
}

#[test]
fn of_one_address_sixteen_are_held_and_whoever_is_one_too_many_leaves_at_once() {
    let server = Server::start(&[]);
    let mut members = enter_from(&server, 20, 18);
    let mut bia = server.join("bia");
    for (n, member) in members.iter_mut().enumerate() {
        let_go(&server, member);
        // The last two have another address.
        if n != 16 && n != 17 {
            server.process.wait_for(&format!("p{n} is held"));
        } else {
            bia.expect(&format!("LEAVE p{n} lost"));
            server.process.wait_for(&format!("p{n} left: lost"));
            let held = format!("p{n} is held");
            assert!(!server.log().contains(&held), "{}", server.log());
        }
    }
    assert_eq!(bia.sync(), [""; 0], "(left: came)");
    // Where one has come back there is room for another.
    members[3].come_back(server.connect_from([127, 0, 1, 1]));
    members[16].come_back(server.connect_from([127, 0, 1, 1]));
    bia.expect("JOIN p16");
    let_go(&server, &mut members[16]);
    assert_eq!(bia.sync(), [""; 0], "(left: came)");
}

#[test]
fn of_all_256_are_held_and_take_a_thread_each_and_no_connection() {
    let people = crowd("CHAT_HELD", 270);
    let mut server = Server::start(&["--hold", "3600"]);
    let mut bia = server.join("bia");
    bia.sync();
    let (threads, files) = server.held();
    let connect = |n: usize| server.connect_from([127, 1, (n / 16 / 256) as u8, (n / 16) as u8]);
    let mut members = Vec::new();
    for n in 0..people {
        let mut member = Member::enter(connect(n), &format!("p{n}"));
        bia.expect(&format!("JOIN p{n}"));
        let_go(&server, &mut member);
        match n {
            0..256 => members.push(member),
            _ => bia.expect(&format!("LEAVE p{n} lost")),
        }
    }
    server.wait_until_held((threads + 256, files));
    assert_eq!(resume_at_once(&mut members, connect), 256);
    assert_eq!(bia.sync(), [""; 0], "(left: came)");

    // Nobody waits for them, held or not.
    members
        .iter_mut()
        .take(200)
        .for_each(|one| one.go_away(&server));
    server.shut_down(|| drop(members));
}

/// Lets a connection end where nobody is held, and waits until the room hears of it.
#[track_caller]
fn leave(server: &Server, member: &mut Member) {
    member.let_go();
    server
        .process
        .wait_for(&format!("{} left: lost", member.name));
}

#[test]
fn whoever_comes_and_goes_lets_nobody_be_forgotten() {
    let server = Server::start(&["--hold", "0"]);
    let mut ana = Member::enter(server.connect(), "ana");
    leave(&server, &mut ana);
    // Each leaves twice: more often, all in all, than so many sessions are remembered.
    for n in 0..520 {
        let mut member = Member::enter(server.connect(), &format!("p{n}"));
        leave(&server, &mut member);
        member.come_back(server.connect());
        leave(&server, &mut member);
    }
    let back = ana.try_to_come_back(server.connect());
    assert_eq!(back, Some(0), "(left: came)");
}

#[test]
fn of_those_who_have_left_the_last_1024_are_remembered() {
    let server = Server::start(&["--hold", "0"]);
    let start = server.held();
    let come_and_go = |n| {
        let mut member = Member::enter(server.connect(), &format!("p{n}"));
        leave(&server, &mut member);
        member
    };
    let mut members: Vec<_> = (0..1024 + 3).map(come_and_go).collect();
    server.wait_until_held(start);
    // Two may have left in the same moment, so which of them was the first nobody knows.
    let first = members.iter_mut().take(10);
    let known = first.filter_map(|one| one.try_to_come_back(server.connect()));
    assert_eq!(known.count(), 10 - 3, "(left: came)");
}

/// All come back in the same moment, whatever became of their connections; returns how many do.
fn resume_at_once(members: &mut [Member], connect: impl Fn(usize) -> Peer) -> usize {
    let peers: Vec<_> = (0..members.len()).map(connect).collect();
    let each = members.len().div_ceil(16);
    let mut peers = peers.into_iter();
    thread::scope(|scope| {
        let crowds: Vec<_> = members
            .chunks_mut(each)
            .map(|crowd| {
                let peers: Vec<_> = peers.by_ref().take(crowd.len()).collect();
                scope.spawn(move || {
                    let back = crowd.iter_mut().zip(peers);
                    back.filter_map(|(member, peer)| member.try_to_come_back(peer))
                        .count()
                })
            })
            .collect();
        crowds.into_iter().map(|crowd| crowd.join().unwrap()).sum()
    })
}

#[test]
fn hundreds_take_their_sessions_over_at_once_and_the_room_hears_nothing() {
    let people = crowd("CHAT_STORM", 300);
    let server = Server::start(&["--max-clients", "10000"]);
    let mut bia = server.join("bia");
    let enter = |n: usize| Member::enter(server.connect(), &format!("p{n}"));
    let mut members: Vec<_> = (0..people).map(enter).collect();
    bia.wait_for(&format!("JOIN p{}", people - 1));
    assert_eq!(resume_at_once(&mut members, |_| server.connect()), people);
    bia.send("/quem\nhello");
    let told = bia.sync();
    let is_list = |line: &String| line.starts_with(&format!("USERS {} ", people + 1));
    assert!(told.iter().all(is_list), "{told:?}");
    for member in &mut members {
        member.wait_for("MSG bia hello");
        let mut old = member.old.take().unwrap();
        assert_eq!(old.rest().last().map(String::as_str), Some("BYE replaced"));
    }
}
