//! Who may not come in.

use std::net::Ipv6Addr;
use std::time::Duration;

use jiff::Timestamp;

use super::{Folder, expect_banned, join_from, op, operator};
use crate::support::client::{client_of, last_words};
use crate::support::{Peer, Process, wait_until};

const BIAS: [u8; 4] = [127, 0, 0, 7];

#[test]
fn a_banned_address_stays_out_whatever_the_name() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let mut ana = operator(&server, "ana");
    let mut bia = join_from(&server, BIAS, "bia");
    let mut at_the_door = server.connect_from(BIAS);
    at_the_door.expect("<USERNAME>");
    ana.send("/banir bia 7d floods");
    // A second one from there does not make the address a shared one: it has no name yet.
    ana.expect("JOIN bia");
    let banned = ana.expect_start("INFO 127.0.0.7 is banned until ");
    let until = banned.rsplit(' ').next().unwrap();
    assert_eq!(
        bia.rest(),
        [
            &*format!("INFO the operator has banned your address until {until}: floods"),
            "BYE banned"
        ]
    );
    assert_eq!(at_the_door.rest(), ["BYE banned"]);
    ana.expect("LEAVE bia kicked");
    expect_banned(&server, BIAS);
    // From elsewhere they come in again, under any name.
    let mut elsewhere = join_from(&server, [127, 0, 0, 8], "bia");
    elsewhere.send("/nome caio");
    ana.wait_for("NICK bia caio");

    ana.send("/banidos");
    ana.expect(&format!("INFO 127.0.0.7 until {until}: floods"));
    assert_eq!(folder.list(), format!("127.0.0.7 {until} floods\n"));
    let until: Timestamp = until.parse().unwrap();
    let left = until.duration_since(Timestamp::now()).as_secs();
    assert!((7 * 86_400 - 60..=7 * 86_400).contains(&left), "{left}");

    ana.send("/desbanir 127.0.0.7");
    ana.expect("INFO 127.0.0.7 is no longer banned");
    ana.send("/bans");
    ana.expect("INFO nobody is banned");
    join_from(&server, BIAS, "bia");
}

#[test]
fn a_network_is_banned_to_its_edges() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let mut ana = operator(&server, "ana");
    let mut within = join_from(&server, [127, 0, 1, 255], "within");
    let mut beyond = join_from(&server, [127, 0, 2, 0], "beyond");
    ana.send("/ban 127.0.1.77/24");
    within.wait_for("BYE banned");
    beyond.expect("LEAVE within kicked");
    for own in [[127, 0, 1, 0], [127, 0, 1, 1], [127, 0, 1, 255]] {
        expect_banned(&server, own);
    }
    join_from(&server, [127, 0, 0, 255], "before");
    assert_eq!(folder.list(), "127.0.1.0/24 -\n");
}

#[test]
fn a_ban_holds_on_a_socket_for_both_families() {
    let folder = Folder::new();
    let server = folder.server(&["--bind", "[::]:0"]);
    server.process.wait_for("operators type: ");
    let port = server.address.port();
    let mut ana = Peer::connect(([127, 0, 0, 1], port).into());
    ana.send(&format!("ana\n{}\n/ban ::ffff:127.0.0.7", op(&server)));
    ana.wait_for("INFO 127.0.0.7 is banned without end");
    let mut bia = Peer::connect_from(BIAS, ([127, 0, 0, 1], port).into());
    assert_eq!(bia.rest(), ["BYE banned"]);
    assert_eq!(folder.list(), "127.0.0.7 -\n");
    // One customer's network is one address; this machine has only one address of it.
    ana.send("/ban ::7/64");
    ana.wait_for("INFO ::/64 is banned without end");
    let mut six = Peer::connect((Ipv6Addr::LOCALHOST, port).into());
    assert_eq!(six.rest(), ["BYE banned"]);
}

#[test]
fn a_name_whose_address_others_share_is_not_banned_by_it() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let mut ana = operator(&server, "ana");
    let mut bia = join_from(&server, BIAS, "bia");
    let mut caio = join_from(&server, BIAS, "caio");
    let mut dora = server.join("dora");
    ana.wait_for("JOIN dora");
    ana.send("/ban bia");
    ana.expect("ERR bad-argument bia");
    ana.expect(
        "INFO 127.0.0.7 is the address of caio too; to ban it for all of them, give the address",
    );
    for name in ["dora", "ana"] {
        ana.send(&format!("/ban {name}"));
        ana.expect(&format!("ERR bad-argument {name}"));
        let told = ana.expect_start("INFO 127.0.0.1 is the address of ");
        assert!(told.contains("ana"), "{told}");
    }
    for peer in [&mut bia, &mut caio, &mut dora] {
        assert!(peer.sync().iter().all(|line| line.starts_with("JOIN ")));
    }
    ana.send("/ban 127.0.0.7 enough");
    for peer in [&mut bia, &mut caio] {
        peer.wait_for("INFO the operator has banned your address without end: enough");
        peer.wait_for("BYE banned");
    }
    // A person can be banned alone again.
    let _bia = join_from(&server, [127, 0, 0, 8], "bia");
    ana.send("/ban bia");
    ana.wait_for("INFO 127.0.0.8 is banned without end");
}

#[test]
fn what_is_no_address_and_what_is_no_time_is_refused_by_name() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let mut ana = operator(&server, "ana");
    let mut bia = join_from(&server, BIAS, "bia");
    ana.expect("JOIN bia");
    for (typed, answer) in [
        ("/ban", "ERR missing-argument /ban"),
        ("/unban", "ERR missing-argument /unban"),
        ("/ban nobody", "ERR no-such-user nobody"),
        ("/ban 127.0.0.300", "ERR bad-argument 127.0.0.300"),
        ("/ban 127.0.0.7/33", "ERR bad-argument 127.0.0.7/33"),
        ("/ban bia 7", "ERR bad-argument 7"),
        ("/ban bia 7x spam", "ERR bad-argument 7x"),
        ("/ban bia 0d", "ERR bad-argument 0d"),
        ("/ban bia 99999999999d", "ERR bad-argument 99999999999d"),
        ("/ban 127.0.0.7 1.5h", "ERR bad-argument 1.5h"),
        ("/unban bia", "ERR bad-argument bia"),
        ("/unban 127.0.0.7x", "ERR bad-argument 127.0.0.7x"),
    ] {
        ana.send(typed);
        ana.expect(answer);
    }
    ana.send("/unban 127.0.0.7");
    ana.expect("ERR bad-argument 127.0.0.7");
    ana.expect("INFO there is no ban of 127.0.0.7; /bans lists them");
    assert_eq!(bia.sync(), [""; 0]);
    assert!(!folder.bans().exists());
    // A word that does not begin with a digit is a reason.
    ana.send("/ban bia d7 is no time");
    bia.wait_for("INFO the operator has banned your address without end: d7 is no time");
}

#[test]
fn a_ban_outlasts_the_server_until_it_ends() {
    let folder = Folder::new();
    let mut server = folder.server(&[]);
    let mut ana = operator(&server, "ana");
    ana.send("/ban 127.0.0.7 30m\n/ban 127.0.0.8 12h\n/ban 127.0.0.9");
    ana.wait_for("INFO 127.0.0.9 is banned without end");
    server.process.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(server.process.finish(), Some(0));

    // Time passes: one is over, one soon will be.
    let list = folder.list();
    let end_of = |address: &str| {
        let line = list.lines().find(|line| line.starts_with(address));
        line.unwrap().split(' ').nth(1).unwrap().to_owned()
    };
    let soon = Timestamp::now() + Duration::from_secs(3);
    let list = list
        .replace(&end_of("127.0.0.7"), "2026-01-01T00:00:00Z")
        .replace(&end_of("127.0.0.8"), &soon.to_string());
    std::fs::write(folder.bans(), list).unwrap();
    let server = folder.server(&[]);
    expect_banned(&server, [127, 0, 0, 9]);
    join_from(&server, BIAS, "bia");
    let mut was_kept_out = false;
    wait_until("the ban has ended", || {
        let first = server.connect_from([127, 0, 0, 8]).line();
        was_kept_out |= first.as_deref() == Some("BYE banned");
        first.as_deref() == Some("<USERNAME>")
    });
    assert!(was_kept_out && Timestamp::now() >= soon);
    expect_banned(&server, [127, 0, 0, 9]);
}

#[test]
fn whoever_comes_in_just_when_they_are_banned_does_not_stay() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let mut ana = operator(&server, "ana");
    let mut watcher = server.join("watcher");
    for round in 0..20 {
        // Some are in the room, some on their way into it, some at the door.
        let crowd: Vec<_> = (0..12)
            .map(|n| {
                let mut peer = server.connect_from(BIAS);
                if n % 3 > 0 {
                    peer.send(&format!("b{n}"));
                }
                peer
            })
            .collect();
        ana.send("/ban 127.0.0.7");
        ana.wait_for("INFO 127.0.0.7 is banned without end");
        for mut peer in crowd {
            let last = peer.rest().pop();
            assert_eq!(last.as_deref(), Some("BYE banned"), "round {round}");
        }
        ana.sync();
        let heard = watcher.sync();
        let joins = heard.iter().filter(|line| line.starts_with("JOIN "));
        let leaves = heard.iter().filter(|line| line.starts_with("LEAVE "));
        assert_eq!(joins.count(), leaves.clone().count(), "{heard:#?}");
        assert!(
            leaves.into_iter().all(|line| line.ends_with(" kicked")),
            "{heard:#?}"
        );
        watcher.send("/quem");
        watcher.expect("USERS 2 ana watcher");
        ana.send("/unban 127.0.0.7");
        ana.wait_for("INFO 127.0.0.7 is no longer banned");
    }
}

#[test]
fn a_long_list_of_bans_is_shown_in_part() {
    let lines = (0..250).map(|n| format!("10.0.{n}.0/24 - {}\n", "x".repeat(500)));
    let folder = Folder::with(&lines.collect::<String>());
    let server = folder.server(&[]);
    let mut ana = operator(&server, "ana");
    ana.send("/bans");
    ana.expect("INFO 150 older ones are in the file bans");
    for n in 150..250 {
        ana.expect_start(&format!("INFO 10.0.{n}.0/24 without end: xxx"));
    }
    assert_eq!(ana.sync(), [""; 0]);
}

#[test]
fn the_client_that_is_banned_at_the_door_says_so() {
    let folder = Folder::with("127.0.0.1 -\n");
    for plaintext in ["only", "local", "never"] {
        let server = folder.server(&["--plaintext", plaintext]);
        let mut command = client_of(server.address, &["--username", "bia"]);
        let mut bia = Process::spawn(&mut command);
        let told = last_words(&mut bia, 1);
        assert!(told.contains("lets nobody in from your address"), "{told}");
    }
}
