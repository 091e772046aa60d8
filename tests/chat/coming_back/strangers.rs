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
