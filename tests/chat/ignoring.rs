//! `/ignorar` hides what one person says, and nothing else.

use crate::support::client::{meet, part};
use crate::support::terminal::{CTRL_U, ana_and_bruno, join, talk};

#[test]
fn what_an_ignored_person_says_is_hidden_and_what_they_do_in_the_room_is_not() {
    let (mut process, mut peer) = meet(&[]);
    process.send("/ignorar bruno");
    process
        .stdout
        .wait_for("Nothing more of what bruno says is shown");
    for event in [
        "MSG bruno hidden",
        "ACT BRUNO hidden",
        "PRIV bruno ana hidden",
        "LEAVE bruno quit",
        "JOIN bruno",
        "MSG bruno hidden",
        "MSG carla shown",
        // As the name is, not as it looks.
        "MSG ｂruno hidden",
        // Under any new name.
        "NICK bruno Bia",
        "MSG Bia hidden",
        "NICK carla bruno",
        "MSG bruno shown",
        // What one says to them is one's own.
        "PRIV ana Bia shown",
        "USERS 3 ana Bia bruno",
    ] {
        peer.send(event);
    }
    process.stdout.wait_for("here (3)");
    // Whoever is not heard is not answered.
    process.send("/r well");
    process.wait_for("Nobody here has written to you privately");
    process.send("/ignore");
    process.stdout.wait_for("ignored (1): Bia");
    process.send("/ignorar bia");
    process.stdout.wait_for("What bia says is shown again");
    peer.send("MSG Bia shown");
    process.stdout.wait_for("<Bia> shown");
    process.send("/ignorar");
    process.stdout.wait_for("ignored (0)");
    let (out, _) = part(process, peer);
    assert!(!out.contains("hidden"), "{out}");
    assert_eq!(out.matches("shown\n").count(), 4, "{out}");
    for told in ["<-- bruno left", "--> bruno joined", "-- bruno is now Bia"] {
        assert!(out.contains(told), "{told:?} in {out}");
    }
}

#[test]
fn what_cannot_be_a_name_cannot_be_ignored() {
    let (mut process, mut peer) = meet(&[]);
    process.send("/ignorar b b");
    process.wait_for("cannot be a name");
    // It is the client's own, and nothing of it reaches the server.
    process.send("hello");
    peer.expect("hello");
}

#[test]
fn an_ignored_person_rings_nothing_and_can_be_completed() {
    let (server, terminal, mut bruno) = ana_and_bruno(&[]);
    let mut carla = join(&server, &terminal, "carla");
    terminal.press("/ign\t");
    terminal.wait_for_input("/ignor");
    terminal.press("ar \x08br\t");
    terminal.press(CTRL_U);
    terminal.press("/ignorar br\t");
    terminal.wait_for_input("/ignorar bruno ");
    terminal.press("\r");
    terminal.wait_for("Nothing more of what bruno says");
    bruno.send("ana!");
    bruno.send("/msg ana psst");
    bruno.expect("JOIN carla");
    bruno.expect("PRIV bruno ana psst");
    carla.send("hello");
    terminal.wait_for("<carla> hello");
    terminal.wait_for_input("");
    assert_eq!(terminal.bells(), 0);
    let rows = talk(&terminal);
    assert!(
        !rows
            .iter()
            .any(|row| row.contains("psst") || row.contains("ana!")),
        "{rows:#?}"
    );
}
