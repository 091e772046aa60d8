//! What ends a session, so that nobody goes on with it, and what does not.

use crate::operator::Folder;
use crate::support::{Member, Peer, Server};

use super::{ask_to_resume, enter};

/// Makes an operator of somebody.
#[track_caller]
fn appoint(server: &Server, member: &mut Member) {
    let line = server.process.wait_for("operators type: ");
    let (_, command) = line.split_once("operators type: ").unwrap();
    member.send(command);
    member.expect_start("INFO you are an operator now");
}

/// The session cannot be had any more.
#[track_caller]
fn expect_unknown(server: &Server, member: &Member) -> Peer {
    let mut peer = ask_to_resume(server, &member.token, &member.last.to_string());
    peer.expect("ERR session-unknown");
    peer
}

#[test]
fn whoever_leaves_has_no_session_any_more() {
    let server = Server::start(&[]);
    let mut bia = server.join("bia");
    let mut ana = enter(&server, "ana");
    ana.send("/SAIR");
    ana.wait_for("BYE quit");
    assert_eq!(bia.wait_for("LEAVE ana quit"), ["JOIN ana"], "(left: came)");
    let mut peer = expect_unknown(&server, &ana);
    peer.expect("<USERNAME>");
    peer.send("ana");
    peer.expect("WELCOME ana 2");
}

#[test]
fn whoever_is_sent_off_has_no_session_any_more() {
    let server = Server::start(&[]);
    let mut operator = enter(&server, "operator");
    appoint(&server, &mut operator);
    let mut ana = enter(&server, "ana");
    let mut bia = enter(&server, "bia");
    bia.go_away(&server);
    operator.send_all(&["/kick ana", "/kick bia"]);
    operator.wait_for("LEAVE ana kicked");
    operator.wait_for("LEAVE bia kicked");
    ana.wait_for("BYE kicked");
    assert_eq!(ana.line(), None, "(left: came, right: the end)");
    expect_unknown(&server, &ana);
    expect_unknown(&server, &bia);
    // The names are free, and the next who have them can stay.
    server.join("bia");
    assert_eq!(
        operator.sync().first().map(String::as_str),
        Some("JOIN bia")
    );
}

#[test]
fn whose_address_is_banned_has_no_session_any_more_held_or_left() {
    let folder = Folder::new();
    let server = folder.server(&["--hold", "1"]);
    let mut operator = enter(&server, "operator");
    appoint(&server, &mut operator);
    let from = [127, 0, 0, 2];
    let mut left = Member::enter(server.connect_from(from), "left");
    left.go_away(&server);
    operator.wait_for("LEAVE left lost");
    let mut here = Member::enter(server.connect_from(from), "here");
    let mut held = Member::enter(server.connect_from(from), "held");
    held.go_away(&server);
    operator.send("/ban 127.0.0.2");
    here.wait_for("BYE banned");
    operator.wait_for("LEAVE here kicked");
    operator.sync();
    for member in [left, here, held] {
        expect_unknown(&server, &member);
    }
}

#[test]
fn whoever_has_come_back_from_elsewhere_is_banned_with_that_address() {
    let folder = Folder::new();
    let server = folder.server(&["--hold", "1"]);
    let mut operator = enter(&server, "operator");
    appoint(&server, &mut operator);
    let mut members = ["left", "here", "held"].map(|name| enter(&server, name));
    for member in &mut members {
        member.come_back(server.connect_from([127, 0, 0, 3]));
    }
    let [left, here, held] = &mut members;
    left.go_away(&server);
    operator.wait_for("LEAVE left lost");
    held.go_away(&server);
    operator.send("/ban 127.0.0.3");
    here.wait_for("BYE banned");
    operator.wait_for("LEAVE here kicked");
    operator.sync();
    for member in &members {
        expect_unknown(&server, member);
    }
}

#[test]
fn an_operator_stays_one_and_sees_who_is_held() {
    let server = Server::start(&["--hold", "2"]);
    let mut operator = enter(&server, "operator");
    appoint(&server, &mut operator);
    let mut bia = enter(&server, "bia");
    bia.go_away(&server);
    operator.go_away(&server);
    operator.come_back(server.connect());
    operator.send("/quem");
    operator.wait_for("USERS 2 bia operator");
    let of_bia = operator.expect_start("INFO bia 127.0.0.1 since ");
    assert!(of_bia.ends_with("Z, held"), "{of_bia}");
    let of_operator = operator.expect_start("INFO operator 127.0.0.1 since ");
    assert!(of_operator.ends_with('Z'), "{of_operator}");
    operator.wait_for("LEAVE bia lost");

    operator.go_away(&server);
    server.process.wait_for("operator left: lost");
    operator.come_back(server.connect());
    let mut caio = enter(&server, "caio");
    operator.send("/kick caio");
    caio.wait_for("BYE kicked");
}

#[test]
fn whoever_guesses_the_operators_secret_has_no_more_attempts_for_coming_back() {
    let server = Server::start(&[]);
    let mut ana = enter(&server, "ana");
    ana.send_all(&["/op guess"; 4]);
    ana.sync();
    ana.go_away(&server);
    ana.come_back(server.connect());
    ana.send("/op guess");
    ana.expect("ERR password-wrong");
    ana.expect("BYE too-many-attempts");
    expect_unknown(&server, &ana);
}

#[test]
fn nobody_inherits_an_operator_with_the_name() {
    let server = Server::start(&["--hold", "1"]);
    let mut operator = enter(&server, "operator");
    appoint(&server, &mut operator);
    operator.go_away(&server);
    server.process.wait_for("operator left: lost");
    let mut next = enter(&server, "operator");
    next.send("/banidos");
    next.expect("ERR not-operator /banidos");
}

#[test]
fn a_server_that_shuts_down_waits_for_nobody_who_is_held() {
    let mut server = Server::start(&["--hold", "3600"]);
    let mut ana = enter(&server, "ana");
    ana.go_away(&server);
    let mut bia = enter(&server, "bia");
    // Somebody who waits for the second in which a session can be resumed once.
    bia.come_back(server.connect());
    let mut waiting = ask_to_resume(&server, &bia.token, &bia.last.to_string());
    server.shut_down(|| {});
    assert_eq!(bia.line().as_deref(), Some("BYE shutdown"), "(left: came)");
    assert_eq!(
        waiting.rest().last().map(String::as_str),
        Some("BYE shutdown")
    );
}
