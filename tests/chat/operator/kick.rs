//! Who is sent off.

use std::io::Write;

use socket2::{Domain, Socket, Type};

use super::{Folder, join_from, operator};
use crate::support::client::{enter, last_words};
use crate::support::{DEADLINE, Member, Peer, Server, wait_until, wait_within};

#[test]
fn whoever_is_sent_off_is_told_why_and_the_others_that_they_are_gone() {
    let server = Server::start(&[]);
    let mut ana = operator(&server, "ana");
    let mut bia = server.join("bia");
    let mut caio = server.join("caio");
    ana.send("/expulsar BIA  spam, spam");
    assert_eq!(
        bia.rest(),
        [
            "JOIN caio",
            "INFO the operator has sent you off: spam, spam",
            "BYE kicked"
        ]
    );
    caio.expect("LEAVE bia kicked");
    ana.wait_for("LEAVE bia kicked");
    ana.send("/Kick caio");
    assert_eq!(
        caio.rest(),
        ["INFO the operator has sent you off", "BYE kicked"]
    );
    ana.wait_for("LEAVE caio kicked");
    // The name is free at once.
    let mut again = server.join("bia");
    assert_eq!(again.sync(), [""; 0]);
}

#[test]
fn nobody_is_sent_off_who_takes_the_name_while_the_command_waits() {
    let server = Server::start(&["--rate", "10", "--burst", "10"]);
    let mut ana = operator(&server, "ana");
    let mut bia = server.join("bia");
    let mut zed = server.join("zed");
    let lines: String = (0..40).map(|n| format!("line {n}\n")).collect();
    ana.send_bytes(format!("{lines}/kick bia spam\n/ban bia\nthat was all\n").as_bytes());
    bia.wait_for("MSG ana line 5");
    bia.quit();
    zed.send("/nome bia");
    zed.wait_for("NICK zed bia");
    zed.wait_for("MSG ana that was all");
    assert_eq!(zed.sync(), [""; 0]);
    ana.wait_for("ERR no-such-user bia");
}

#[test]
fn what_was_said_before_comes_before_and_what_was_not_obeyed_does_not_count() {
    let server = Server::start(&[]);
    let mut ana = operator(&server, "ana");
    let mut bia = server.join("bia");
    let mut caio = server.join("caio");
    ana.send("first\n/kick bia\nsecond");
    bia.wait_for("MSG ana first");
    assert_eq!(
        bia.rest(),
        ["INFO the operator has sent you off", "BYE kicked"]
    );
    for line in ["MSG ana first", "LEAVE bia kicked", "MSG ana second"] {
        caio.expect(line);
    }
    // They may go on to write, and nobody hears of it.
    let _ = bia.wire.write_all(b"still here\n");
    caio.send("/quem");
    caio.expect("USERS 2 ana caio");
}

#[test]
fn whoever_does_not_go_is_hung_up_on() {
    let server = Server::start(&[]);
    let mut ana = operator(&server, "ana");
    let before = server.held();
    let mut bia = server.join("bia");
    ana.send("/kick bia");
    bia.wait_for("BYE kicked");
    // Its own side stays open.
    wait_within(DEADLINE / 5, "the server lets go", || {
        server.held() == before
    });
    ana.send("/quem");
    ana.wait_for("USERS 1 ana");
}

#[test]
fn whoever_reads_nothing_holds_nobody_up() {
    let server = Server::start(&[]);
    let mut ana = operator(&server, "ana");
    let silent = server.join("silent");
    let mut bia = server.join("bia");
    ana.send("/kick silent");
    bia.expect("LEAVE silent kicked");
    ana.send("oi");
    bia.expect("MSG ana oi");
    drop(silent);
}

#[test]
fn whoever_has_the_port_that_somebody_held_had_is_not_sent_off_with_them() {
    let server = Server::start(&[]);
    let mut operator = operator(&server, "operator");
    let Member { peer, .. } = Member::enter(server.connect_from([127, 0, 0, 66]), "ana");
    let own = peer.wire.local_addr();
    peer.reset();
    server.process.wait_for("ana is held");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&own.into()).unwrap();
    socket.connect(&server.address.into()).unwrap();
    let mut bia = Peer::new(socket.into());
    bia.expect("<USERNAME>");
    bia.send("bia");
    bia.expect("WELCOME bia 3");
    operator.send("/kick ana");
    operator.sync();
    assert_eq!(bia.sync(), ["LEAVE ana kicked"], "(left: came)");
}

#[test]
fn an_operator_may_send_themselves_off() {
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let mut ana = operator(&server, "ana");
    ana.send("/kick ana enough");
    let heard = ana.rest();
    assert!(
        heard.ends_with(&[
            "INFO the operator has sent you off: enough".into(),
            "BYE kicked".into()
        ]),
        "{heard:?}"
    );
    bia.wait_for("LEAVE ana kicked");
}

#[test]
fn nobody_is_sent_off_for_somebody_else() {
    let server = Server::start(&[]);
    let mut ana = operator(&server, "ana");
    let mut bia = server.join("bia");
    ana.wait_for("JOIN bia");
    for (typed, answer) in [
        ("/kick bi", "ERR no-such-user bi"),
        ("/kick bia,caio", "ERR no-such-user bia,caio"),
        ("/kick", "ERR missing-argument /kick"),
        ("/expulsar  ", "ERR missing-argument /expulsar"),
        ("/kick/bia", "ERR unknown-command /kick/bia"),
    ] {
        ana.send(typed);
        ana.expect(answer);
    }
    assert_eq!(bia.sync(), [""; 0]);
}

#[test]
fn an_operator_sees_where_people_are_and_nobody_else_does() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let mut ana = operator(&server, "ana");
    let mut bia = join_from(&server, [127, 0, 0, 7], "bia");
    ana.expect("JOIN bia");
    ana.send("/quem");
    ana.expect("USERS 2 ana bia");
    let since = |line: String, start: &str| {
        let time = line.strip_prefix(start).map(str::to_owned);
        let time = time.unwrap_or_else(|| panic!("expected: {start}…\n    came: {line}"));
        let time: jiff::Timestamp = time.parse().unwrap();
        let ago = jiff::Timestamp::now().duration_since(time);
        assert!((0..30).contains(&ago.as_secs()), "{ago:?} ago");
    };
    since(ana.expect_start("INFO "), "INFO ana 127.0.0.1 since ");
    since(ana.expect_start("INFO "), "INFO bia 127.0.0.7 since ");
    bia.send("/quem\n/who");
    for _ in 0..2 {
        bia.expect("USERS 2 ana bia");
    }
    assert_eq!(bia.sync(), [""; 0]);
    assert_eq!(ana.sync(), [""; 0]);
}

#[test]
fn what_an_operator_does_is_logged_with_where_from() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let mut ana = operator(&server, "ana");
    let from = format!("ana from {}", ana.wire.local_addr());
    let bia = join_from(&server, [127, 0, 0, 7], "bia");
    let bias = bia.wire.local_addr();
    ana.send("/kick bia because\n/ban 127.0.0.8 because\n/unban 127.0.0.8");
    server.process.stderr.wait_for_all(&[
        &format!("{from} is an operator now"),
        &format!("{from} sent bia off, from {bias}"),
        &format!("{from} banned 127.0.0.8 without end"),
        &format!("{from} lifted the ban of 127.0.0.8"),
    ]);
    assert!(!server.log().contains("because"));
}

#[test]
fn a_client_says_in_words_that_it_was_sent_off() {
    let folder = Folder::new();
    let server = folder.server(&[]);
    let mut ana = operator(&server, "ana");
    for (act, words) in [
        ("/kick bia", "has sent you off"),
        ("/ban 127.0.0.1", "lets nobody in from your address"),
    ] {
        let mut bia = enter(&server, "bia");
        ana.send(act);
        let told = last_words(&mut bia, 1);
        assert!(told.contains(words), "expected: {words}\n    came: {told}");
    }
    // The operator has come from there too.
    wait_until("the operator is gone", || ana.line().is_none());
}
