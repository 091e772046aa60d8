//! When its connection breaks, the client comes back by itself, and nobody loses a line by that. The
//! server is the test; with the real one, see `for_real`.

mod cable;
mod for_real;
mod from_a_pipe;
mod strangers;

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::Peer;
use crate::support::client::{Impostor, LANGS, client_of};
use crate::support::terminal::{CTRL_U, Terminal, UP, XTERM};
use nix::sys::signal::Signal;

const TOKEN: &str = "4f1c9a00112233445566778899aabbcc";

/// The stamp of that second.
fn stamp(second: u32) -> String {
    format!("2026-11-25T22:08:{second:02}.000000Z")
}

/// Lets the next client come in as `ana`, to a session that begins in that second.
#[track_caller]
fn let_in(impostor: &Impostor, second: u32) -> Peer {
    let mut peer = impostor.accept();
    peer.send("<USERNAME>");
    peer.expect("/session");
    peer.expect("ana");
    begin_session(&mut peer, second);
    peer
}

fn begin_session(peer: &mut Peer, second: u32) {
    peer.send(&format!(
        "WELCOME ana 2\n@{} SESSION {TOKEN} 30",
        stamp(second)
    ));
}

/// Waits for the client that comes back from where it was in that second, and lets it go on where the
/// server has counted so many lines.
#[track_caller]
fn let_back(impostor: &Impostor, second: u32, counted: u32) -> Peer {
    let mut peer = expect_claim(impostor, second);
    peer.send(&format!("RESUMED ana 2 {counted}"));
    peer
}

#[track_caller]
fn expect_claim(impostor: &Impostor, second: u32) -> Peer {
    let mut peer = impostor.accept();
    peer.send("<USERNAME>");
    peer.expect(&format!("/resume {TOKEN} {}", stamp(second)));
    peer
}

/// The client of `ana`, in English.
fn client_for(impostor: &Impostor, flags: &[&str]) -> Command {
    let mut command = client_of(impostor.address, &["--username", "ana"]);
    command.args(flags);
    command
}

/// `ana` in the room, in a terminal; the server has counted one line, the question who is here.
#[track_caller]
fn ana_in_the_room() -> (Impostor, Terminal, Peer) {
    ana_in_the_room_in("en")
}

/// The same in another language.
#[track_caller]
fn ana_in_the_room_in(lang: &str) -> (Impostor, Terminal, Peer) {
    let impostor = Impostor::listen();
    let mut command = client_for(&impostor, &["--lang", lang]);
    command.envs([XTERM]);
    let terminal = Terminal::start(command, 24, 80);
    let mut peer = let_in(&impostor, 10);
    peer.expect("/quem");
    peer.send("USERS 2 ana bruno\nGOT 1");
    terminal.wait_for("(2): ana, bruno");
    terminal.wait_for_input("");
    (impostor, terminal, peer)
}

/// How a connection may break.
const BREAKS: [fn(Peer); 3] = [drop, Peer::reset, |mut peer| {
    peer.send_bytes(b"@2026-11-25T22:08:30.000000Z MSG bruno torn off")
}];

#[test]
fn what_was_typed_meanwhile_goes_out_once_and_in_order_and_half_a_line_stays() {
    for (break_off, counted) in BREAKS.into_iter().flat_map(|by| [(by, 2), (by, 3)]) {
        let (impostor, terminal, mut peer) = ana_in_the_room();
        terminal.say("one");
        terminal.say("two");
        peer.expect("one");
        peer.expect("two");
        peer.send(&format!("@{} MSG bruno before\nGOT 2", stamp(20)));
        terminal.wait_for("<bruno> before");
        break_off(peer);
        terminal.wait_for("trying again, Ctrl-C gives up.");
        for line in ["three", "/msg bruno four"] {
            terminal.say(line);
        }
        terminal.wait_for("<ana> three");
        terminal.type_in("half");
        let mut peer = let_back(&impostor, 20, counted);
        if counted == 2 {
            peer.expect("two");
        }
        peer.expect("three");
        terminal.wait_for("Back after");
        // First what was missed has to have come, for the sake of the private line.
        peer.send(&format!("@{} MSG bruno missed", stamp(21)));
        terminal.wait_for("<bruno> missed");
        peer.send("GOT 4");
        peer.expect("/msg bruno four");
        terminal.wait_for_input("half");
        terminal.press(" a line\r");
        peer.expect("half a line");
        let rows = terminal.rows();
        let torn = rows.iter().find(|row| row.contains("torn"));
        assert_eq!(torn, None, "(left: came)");
        // All has been told once.
        for words in ["trying again", "Back after", "<ana> three", "Hello, ana"] {
            let told = rows.iter().filter(|row| row.contains(words));
            assert_eq!(told.count(), 1, "{words} (left: came) {rows:#?}");
        }
    }
}

#[test]
fn a_private_line_typed_meanwhile_is_said_to_wait_and_shown_when_it_is_delivered() {
    for (lang, waits) in LANGS.into_iter().zip([
        "-- o que é só para bruno espera pela conexão",
        "-- what is for bruno alone waits for the connection",
    ]) {
        let (impostor, terminal, mut peer) = ana_in_the_room_in(lang);
        terminal.say("/msg bruno at once");
        peer.expect("/msg bruno at once");
        peer.send("GOT 2");
        drop(peer);
        terminal.wait_for("Ctrl-C");
        terminal.say("/msg @bruno: four");
        terminal.wait_for(waits);
        let mut peer = let_back(&impostor, 10, 2);
        peer.expect("");
        peer.send("GOT 3");
        peer.expect("/msg @bruno: four");
        peer.send(&format!("@{} PRIV ana bruno four\nGOT 4", stamp(21)));
        terminal.wait_for("[ana -> bruno] four");
        let rows = terminal.rows();
        for (words, expected) in [(waits, 1), ("four", 1), ("at once", 0)] {
            let told = rows.iter().filter(|row| row.contains(words)).count();
            assert_eq!(told, expected, "{words} (left: came) {rows:#?}");
        }
    }
}

/// After what of that was missed somebody else may be called bruno.
fn others_called_bruno() -> [String; 3] {
    [
        format!("@{} LEAVE bruno lost\n@{} JOIN bruno", stamp(21), stamp(22)),
        format!("@{} NICK bruno bruna\n@{} JOIN bruno", stamp(21), stamp(22)),
        "MISSED 7".to_owned(),
    ]
}

#[test]
fn a_private_line_is_kept_from_whoever_may_have_taken_the_name_meanwhile() {
    for missed in others_called_bruno() {
        let (impostor, terminal, peer) = ana_in_the_room();
        drop(peer);
        terminal.wait_for("trying again, Ctrl-C gives up.");
        for line in ["/msg carla hello", "/msg @BRUNO: the key", "to all"] {
            terminal.say(line);
        }
        let mut peer = let_back(&impostor, 10, 1);
        peer.expect("");
        peer.send(&format!("{missed}\nGOT 2"));
        if !missed.contains("MISSED") {
            peer.expect("/msg carla hello");
        }
        peer.expect("to all");
        terminal.wait_for("for under the person's name");
        terminal.wait_for("-- /msg @BRUNO: the key");
        terminal.press(UP);
        terminal.wait_for_input("/msg @BRUNO: the key");
    }
}

#[test]
fn a_private_line_typed_right_after_the_return_waits_for_what_was_missed() {
    let befores = [Some("to all"), None];
    for (missed, before) in others_called_bruno()
        .into_iter()
        .flat_map(|missed| befores.map(|before| (missed.clone(), before)))
    {
        let (impostor, terminal, peer) = ana_in_the_room();
        drop(peer);
        let mut peer = let_back(&impostor, 10, 1);
        terminal.wait_for("Back after");
        // What is said to all waits for nothing.
        if let Some(before) = before {
            terminal.say(before);
            peer.expect(before);
        }
        terminal.say("/msg bruno the key");
        if before.is_none() {
            peer.expect("");
        }
        peer.send(&format!("{missed}\nGOT 2"));
        terminal.wait_for("for under the person's name");
        terminal.wait_for("-- /msg bruno the key");
        if missed.contains("MISSED") {
            peer.expect("/quem");
        }
        // From here on nothing waits.
        for line in ["/msg bruno who are you?", "/msg carla hello"] {
            terminal.say(line);
            peer.expect(line);
        }
    }
}

#[test]
fn who_has_missed_lines_answers_nobody_of_before_and_asks_who_is_here() {
    let (impostor, terminal, mut peer) = ana_in_the_room();
    peer.send(&format!("@{} PRIV bruno ana psst", stamp(20)));
    terminal.wait_for("[bruno -> ana] psst");
    drop(peer);
    let mut peer = let_back(&impostor, 20, 1);
    peer.send("MISSED 7");
    terminal.wait_for("at least 7 lines");
    peer.expect("/quem");
    peer.send("USERS 3 ana bruno carla\nGOT 2");
    terminal.wait_for("here (3)");
    terminal.wait_for_input("");
    // It names nobody.
    terminal.type_in("/r secret");
    terminal.press("\r");
    terminal.wait_for("Nobody here has written to you privately");
    terminal.say("to all");
    peer.expect("to all");
}

#[test]
fn what_has_been_heard_is_not_shown_again() {
    let (impostor, terminal, mut peer) = ana_in_the_room();
    peer.send(&format!("@{} MSG bruno once", stamp(20)));
    terminal.wait_for("<bruno> once");
    drop(peer);
    let mut peer = let_back(&impostor, 20, 1);
    peer.send(&format!("@{} MSG bruno once", stamp(20)));
    peer.send(&format!("@{} MSG bruno and more", stamp(21)));
    terminal.wait_for("<bruno> and more");
    let rows = terminal.rows();
    let once = rows.iter().filter(|row| row.contains("<bruno> once"));
    assert_eq!(once.count(), 1, "(left: came) {rows:#?}");
}

#[test]
fn an_outage_can_be_left_at_once_and_what_was_not_sent_is_told() {
    type Ending = fn(&Terminal);
    let endings: [Ending; 4] = [
        |terminal| terminal.press("\x03"),
        |terminal| terminal.press("/SAIR\r"),
        |terminal| terminal.press("\x04"),
        |terminal| terminal.signal(Signal::SIGTERM),
    ];
    for end in endings {
        // Nobody listens any more; or somebody does, and says nothing.
        for is_silent in [false, true] {
            let (impostor, mut terminal, peer) = ana_in_the_room();
            drop(peer);
            terminal.wait_for("trying again");
            terminal.say("goes nowhere");
            terminal.wait_for("<ana> goes nowhere");
            let _silent = match is_silent {
                true => Some(impostor.accept()),
                false => {
                    drop(impostor);
                    None
                }
            };
            end(&terminal);
            assert_eq!(terminal.finish(), Some(0), "(left: came)");
            // It is told once the terminal is as it was before, and without a key that is no more.
            terminal.wait_for("Lines that were not sent (1):");
            terminal.wait_for("-- goes nowhere");
            let rows = terminal.rows();
            let up = rows.iter().find(|row| row.contains("Up key"));
            assert_eq!(up, None, "(left: came)");
        }
    }
}

#[test]
fn who_was_sent_off_does_not_come_back() {
    for (code, words) in [
        ("replaced", "goes on over another connection"),
        ("kicked", "has sent you off"),
        ("banned", "lets nobody in from your address"),
    ] {
        // In the room …
        let (impostor, mut terminal, mut peer) = ana_in_the_room();
        peer.send(&format!("BYE {code}"));
        assert_eq!(terminal.finish(), Some(1), "(left: came)");
        terminal.wait_for(words);
        drop(impostor);
        // … and where one comes back.
        let (impostor, mut terminal, peer) = ana_in_the_room();
        drop(peer);
        impostor.accept().send(&format!("BYE {code}"));
        assert_eq!(terminal.finish(), Some(1), "(left: came)");
        terminal.wait_for(words);
    }
    let (_impostor, mut terminal, mut peer) = ana_in_the_room();
    peer.send("BYE quit");
    assert_eq!(terminal.finish(), Some(0), "(left: came)");
}

#[test]
fn a_server_that_is_shut_down_or_full_is_tried_again() {
    let (impostor, terminal, mut peer) = ana_in_the_room();
    peer.send("BYE shutdown");
    drop(peer);
    terminal.wait_for("was shut down; I come back when it does");
    for code in ["server-full", "too-many-connections", "shutdown"] {
        impostor.accept().send(&format!("BYE {code}"));
    }
    let _peer = let_back(&impostor, 10, 1);
    terminal.wait_for("Back after");
    terminal.wait_for_input("");
}

#[test]
fn a_connection_that_is_lost_is_closed_before_there_is_another() {
    let (impostor, terminal, mut peer) = ana_in_the_room();
    peer.send("BYE shutdown");
    terminal.wait_for("I come back when it does");
    // A server that shuts down waits for that.
    assert_eq!(peer.line(), None, "(left: came)");
    let_back(&impostor, 10, 1);
}

#[test]
fn one_comes_back_more_and_more_seldom_to_where_no_connection_lasts() {
    let (impostor, _terminal, peer) = ana_in_the_room();
    drop(peer);
    let start = Instant::now();
    for _ in 0..4 {
        drop(let_back(&impostor, 10, 1));
    }
    let (took, least) = (start.elapsed(), Duration::from_secs(3));
    assert!(
        took >= least,
        "expected: {least:?} at least\n    came: {took:?}"
    );
}

#[test]
fn a_session_that_is_not_known_any_more_names_what_may_not_have_arrived() {
    let (impostor, terminal, mut peer) = ana_in_the_room();
    terminal.say("said and counted");
    peer.expect("said and counted");
    peer.send("GOT 2");
    terminal.say("said and lost");
    peer.expect("said and lost");
    drop(peer);
    terminal.wait_for("trying again");
    terminal.say("typed meanwhile");
    terminal.say("/msg bruno for your eyes");
    terminal.type_in("half");
    let mut peer = expect_claim(&impostor, 10);
    peer.send("ERR session-unknown\n<USERNAME>");
    peer.expect("/session");
    peer.expect("ana");
    begin_session(&mut peer, 5);
    // Nothing of the old session is repeated; what is private goes to nobody but whom one sees.
    peer.expect("typed meanwhile");
    peer.expect("/quem");
    peer.send("USERS 1 ana\nGOT 2");
    terminal.wait_for("as a newcomer");
    terminal.wait_for("may not have arrived (1)");
    terminal.wait_for("-- said and lost");
    terminal.wait_for("not sent (1)");
    terminal.wait_for("-- /msg bruno for your eyes");
    terminal.wait_for_input("half");
    terminal.press(CTRL_U);
    for line in ["/msg bruno for your eyes", "said and lost"] {
        terminal.press(UP);
        terminal.wait_for_input(line);
    }
    let rows = terminal.rows();
    assert!(
        !rows.iter().any(|row| row.contains("-- said and counted")),
        "{rows:#?}"
    );
    // From here on it is a session like the first.
    drop(peer);
    let _peer = let_back(&impostor, 5, 2);
    terminal.wait_until("back once more", |screen| {
        screen.contents().matches("Back after").count() == 2
    });
}

#[test]
fn a_name_that_somebody_else_has_is_tried_again() {
    let (impostor, terminal, peer) = ana_in_the_room();
    drop(peer);
    let mut peer = expect_claim(&impostor, 10);
    peer.send("ERR username-taken ana\n<USERNAME>");
    drop(peer);
    let _peer = let_back(&impostor, 10, 1);
    terminal.wait_for("Back after");
}

#[test]
fn the_password_is_given_again() {
    let impostor = Impostor::listen();
    let mut command = client_for(&impostor, &[]);
    command.env("CHAT_PASSWORD", "open sesame").envs([XTERM]);
    let terminal = Terminal::start(command, 24, 80);
    let mut peer = impostor.accept();
    peer.send("<PASSWORD>");
    peer.expect("open sesame");
    peer.send("<USERNAME>");
    peer.expect("/session");
    peer.expect("ana");
    begin_session(&mut peer, 10);
    terminal.wait_for("Hello, ana");
    drop(peer);
    let mut peer = impostor.accept();
    peer.send("<PASSWORD>");
    peer.expect("open sesame");
    peer.send("<USERNAME>");
    peer.expect(&format!("/resume {TOKEN} {}", stamp(10)));
    peer.send("RESUMED ana 1 0");
    terminal.wait_for("Back after");
}

#[test]
fn whoever_does_not_want_it_ends_with_the_connection() {
    let impostor = Impostor::listen();
    let mut command = client_for(&impostor, &["--reconnect", "0"]);
    command.envs([XTERM]);
    let mut terminal = Terminal::start(command, 24, 80);
    let mut peer = impostor.accept();
    peer.send("<USERNAME>");
    peer.expect("ana");
    peer.send("WELCOME ana 1");
    peer.expect("/quem");
    drop(peer);
    assert_eq!(terminal.finish(), Some(1), "(left: came)");
    terminal.wait_for("closed the connection.");
}

#[test]
fn what_cannot_be_kept_is_told_to_who_types_it() {
    let impostor = Impostor::listen();
    let mut command = client_for(&impostor, &["--plain"]);
    command.envs([XTERM]);
    let mut terminal = Terminal::start(command, 24, 80);
    let peer = let_in(&impostor, 10);
    terminal.wait_for("Hello, ana");
    drop(peer);
    terminal.wait_for("trying again");
    let line = "x".repeat(4_000) + "\r";
    for _ in 0..1024 * 1024 / 4_001 {
        terminal.press(&line);
    }
    terminal.press("this fits\r");
    terminal.press(&line);
    terminal.wait_for("!! The line could not be sent");
    let rows = terminal.rows().concat();
    let told = rows.matches("could not be sent").count();
    assert_eq!(told, 1, "(left: came)");
    terminal.press("\x03");
    assert_eq!(terminal.finish(), Some(0), "(left: came)");
}
