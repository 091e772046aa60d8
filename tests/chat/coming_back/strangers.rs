//! What is meant for one person is kept from whoever has the name by now. The server is the test.

use super::*;
use crate::support::terminal::{PASTE, PASTE_END};

/// Bruno is somebody else by now, as a server in the middle of a session tells it.
fn changes_of_hands() -> [String; 2] {
    [
        format!("@{} LEAVE bruno quit\n@{} JOIN bruno", stamp(21), stamp(22)),
        format!(
            "@{} NICK bruno bruna\n@{} NICK carla bruno",
            stamp(21),
            stamp(22)
        ),
    ]
}

/// As much of a line for bruno as fits in one, and so many of them.
fn many_lines_for_bruno(count: usize) -> String {
    let text = "x".repeat(4000);
    let lines = vec![text; count].join("\r");
    format!("/msg bruno {PASTE}{lines}{PASTE_END}")
}

#[test]
fn private_lines_that_still_wait_are_kept_from_whoever_takes_the_name() {
    for taken in changes_of_hands() {
        let (_impostor, terminal, mut peer) = ana_in_the_room();
        terminal.press(&many_lines_for_bruno(8));
        terminal.press("\r/msg carla hello\rto all\r");
        terminal.wait_for("<ana> to all");
        for _ in 0..4 {
            peer.expect_start("/msg bruno xxx");
        }
        peer.send(&taken);
        terminal.wait_for("the Up key brings them back");
        let rows = terminal.rows();
        let told = rows.iter().find_map(|row| row.split_once("!! "));
        let expected = "Not sent (4), for under the person's name there may be somebody else ";
        assert_eq!(told.map(|(_, words)| words), Some(expected), "(left: came)");
        peer.send("GOT 5");
        peer.expect("/msg carla hello");
        peer.expect("to all");
        terminal.wait_for_input("");
        // What is typed from now on is for them.
        terminal.say("/msg bruno who are you?");
        peer.expect("/msg bruno who are you?");
    }
}

#[test]
fn a_name_that_is_only_written_in_another_way_keeps_what_waits() {
    let (_impostor, terminal, mut peer) = ana_in_the_room();
    terminal.press(&many_lines_for_bruno(5));
    terminal.press("\rto all\r");
    terminal.wait_for("<ana> to all");
    for _ in 0..4 {
        peer.expect_start("/msg bruno xxx");
    }
    peer.send(&format!("@{} NICK bruno Bruno\nGOT 5", stamp(21)));
    peer.expect_start("/msg bruno xxx");
}

#[test]
fn what_is_to_be_done_with_a_person_is_done_with_nobody_who_has_taken_the_name() {
    for command in ["/expulsar bruno spam", "/kick bruno", "/banir bruno 12h"] {
        for missed in others_called_bruno() {
            let (impostor, terminal, peer) = ana_in_the_room();
            drop(peer);
            terminal.wait_for("trying again, Ctrl-C gives up.");
            for line in [command, "/ban 192.0.2.7", "to all"] {
                terminal.say(line);
            }
            let mut peer = let_back(&impostor, 10, 1);
            peer.expect("");
            peer.send(&format!("{missed}\nGOT 2"));
            peer.expect("/ban 192.0.2.7");
            peer.expect("to all");
            terminal.wait_for("for under the person's name");
            terminal.wait_for(&format!("-- {command}"));
        }
    }
}

/// What stands in the row of a draft to somebody who may have left.
const MAY_HAVE_LEFT: &str = "bruno may have left or changed names while you were typing";

#[test]
fn a_draft_for_somebody_who_leaves_meanwhile_is_sent_only_by_a_second_enter() {
    for taken in changes_of_hands() {
        for (draft, rest) in [
            ("/msg bruno the ke", "y"),
            ("/w @BRUNO: the ke", "y"),
            ("/expulsar bruno spa", "m"),
            ("/banir bruno 12", "h"),
        ] {
            let (_impostor, terminal, mut peer) = ana_in_the_room();
            terminal.type_in(draft);
            peer.send(&taken);
            terminal.wait_for("22:08 --");
            terminal.wait_for_input(draft);
            terminal.type_in_after(draft, rest);
            terminal.press("\r");
            terminal.wait_for(&MAY_HAVE_LEFT.replace("bruno", name_in(draft)));
            // It stays, and nothing was sent.
            let line = format!("{draft}{rest}");
            terminal.wait_for_input(&line);
            terminal.press("\x01\x0bto all\r");
            peer.expect("to all");
            terminal.press(&format!("{line}\r"));
            peer.expect(&line);
        }
    }
}

/// Whom a line is for, as typed.
fn name_in(line: &str) -> &str {
    let name = line.split(' ').nth(1).unwrap();
    name.trim_start_matches('@').trim_end_matches(':')
}

#[test]
fn a_second_enter_sends_it_unless_the_name_changes_hands_once_more() {
    let (_impostor, terminal, mut peer) = ana_in_the_room();
    peer.send(&format!("@{} PRIV bruno ana psst", stamp(20)));
    terminal.wait_for("[bruno -> ana] psst");
    terminal.press("/r the key");
    terminal.wait_for_input("/msg bruno the key");
    for round in 1..=2 {
        peer.send(&format!("@{} LEAVE bruno quit", stamp(20 + round)));
        terminal.wait_until("bruno left", |screen| {
            screen.contents().matches("bruno left").count() == round as usize
        });
        terminal.press("\r");
        terminal.wait_until("it is told", |screen| {
            screen.contents().matches(MAY_HAVE_LEFT).count() == round as usize
        });
        terminal.wait_for_input("/msg bruno the key");
    }
    terminal.press("\r");
    peer.expect("/msg bruno the key");
    terminal.wait_for_input("");
}

#[test]
fn a_second_enter_sends_nothing_that_was_not_told_of() {
    let (_impostor, terminal, mut peer) = ana_in_the_room();
    terminal.type_in("/msg bruno the ke");
    peer.send(&format!("@{} LEAVE bruno quit", stamp(20)));
    terminal.wait_for("bruno left");
    // As a terminal sends it that does not tell what is pasted.
    terminal.press("y\rand more\r");
    terminal.wait_until("it is told of both", |screen| {
        screen.contents().matches(MAY_HAVE_LEFT).count() == 2
    });
    terminal.wait_for_input("/msg bruno the keyand more");
    terminal.press("\r");
    peer.expect("/msg bruno the keyand more");
}

#[test]
fn a_draft_that_lasts_longer_than_an_outage_is_for_nobody_who_has_taken_the_name() {
    for missed in others_called_bruno() {
        let (impostor, terminal, peer) = ana_in_the_room();
        terminal.type_in("/msg bruno the ke");
        drop(peer);
        let mut peer = let_back(&impostor, 10, 1);
        peer.send(&format!("{missed}\n@{} MSG carla hi", stamp(23)));
        terminal.wait_for("<carla> hi");
        terminal.press("y\r");
        terminal.wait_for(MAY_HAVE_LEFT);
        terminal.wait_for_input("/msg bruno the key");
        terminal.press("\r");
        if missed.contains("MISSED") {
            peer.expect("/quem");
        } else {
            peer.expect("");
        }
        peer.send("GOT 2");
        peer.expect("/msg bruno the key");
    }
}

#[test]
fn a_draft_of_an_earlier_session_is_told_of_in_words_in_both_languages() {
    for (lang, told) in LANGS.into_iter().zip([
        "bruno pode ter saído ou mudado de nome enquanto você digitava",
        MAY_HAVE_LEFT,
    ]) {
        let (impostor, terminal, peer) = ana_in_the_room_in(lang);
        // A paste waits as well.
        terminal.press(&format!("/msg bruno {PASTE}one\rtwo{PASTE_END}"));
        terminal.wait_for("-- 2 lin");
        drop(peer);
        let mut peer = expect_claim(&impostor, 10);
        peer.send("ERR session-unknown\n<USERNAME>");
        peer.expect("/session");
        peer.expect("ana");
        begin_session(&mut peer, 20);
        peer.expect("/quem");
        terminal.press("\r");
        terminal.wait_for(told);
        terminal.press("\r");
        peer.expect("/msg bruno one");
        peer.expect("/msg bruno two");
    }
}

#[test]
fn who_has_left_before_a_draft_and_who_has_not_are_written_to_at_once() {
    let (_impostor, terminal, mut peer) = ana_in_the_room();
    let left = |second, name: &str| format!("@{} LEAVE {name} quit", stamp(second));
    peer.send(&left(20, "bruno"));
    terminal.wait_for("bruno left");
    terminal.type_in("/msg carla the ke");
    peer.send(&left(21, "dora"));
    terminal.wait_for("dora left");
    terminal.press("y\r");
    peer.expect("/msg carla the key");
    terminal.type_in("nothing yet");
    peer.send(&left(22, "carla"));
    terminal.wait_for("carla left");
    terminal.press(CTRL_U);
    for line in ["/msg carla a new draft", "/msg bruno and this"] {
        terminal.say(line);
        peer.expect(line);
    }
}
