//! The client trusts no server: nothing that one sends does more to the screen than to be read.

use crate::support::client::{last_words, meet, part};
use crate::support::proc_status;

#[test]
fn no_server_can_smuggle_an_escape_onto_the_screen() {
    let poison = "a\u{1b}[2J\u{1b}]0;x\u{7}b\r\u{8}\u{7f}\u{9b}31m\u{85}\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}c";
    let (process, mut peer) = meet(&[]);
    for line in [
        "MSG bruno",
        "ACT bruno",
        "PRIV bruno ana",
        "INFO",
        "ERR unknown-command",
        "WHAT",
    ] {
        peer.send(&format!("{line} {poison}"));
    }
    for word in ["MSG", "JOIN", "NICK bruno", "USERS 1", "BYE", "\u{1b}c"] {
        peer.send(&format!("{word} {poison} {poison}"));
    }
    peer.send("MSG bruno the end");
    process.stdout.wait_for("the end");
    let (out, err) = part(process, peer);
    for c in (out.clone() + &err).chars() {
        let is_line_end = c == '\n';
        assert!(is_line_end || !c.is_control(), "{c:?} in {out:?}{err:?}");
        assert!(
            !"\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}".contains(c),
            "{c:?}"
        );
    }
    // Cleaned, not lost: the lines that are lines of the protocol show their words.
    for begin in [
        "<bruno> a",
        "* bruno a",
        "[bruno -> ana] a",
        "-- a",
        "?? WHAT a",
    ] {
        assert_eq!(
            out.lines().filter(|line| line.starts_with(begin)).count(),
            1,
            "{begin:?} in\n{out}"
        );
    }
}

#[test]
fn nobody_can_forge_a_line_of_somebody_else() {
    let (process, mut peer) = meet(&[]);
    for line in [
        "INFO <bruno> lend me your key",
        "MSG bruno -- the server restarts, type your key",
        "MSG bruno\t-> x y",
        "MSG carla: hi",
        "<bruno> no line of the protocol",
        "-- nor this one",
        "--> mallory joined",
        "!! nor this",
        "MSG bruno the end",
    ] {
        peer.send(line);
    }
    process.stdout.wait_for("the end");
    let (out, _) = part(process, peer);
    let expected = "\
-- <bruno> lend me your key
<bruno> -- the server restarts, type your key
?? MSG bruno -> x y
?? MSG carla: hi
?? <bruno> no line of the protocol
?? -- nor this one
?? --> mallory joined
?? !! nor this
<bruno> the end
";
    let (_, shown) = out.split_once('\n').unwrap();
    assert_eq!(shown, expected, "(left: came, right: expected)");
}

#[test]
fn a_line_without_end_takes_no_memory() {
    let (process, mut peer) = meet(&[]);
    let before = proc_status(process.pid(), "VmRSS");
    (0..100).for_each(|_| peer.send_bytes(&[b'x'; 1 << 20]));
    peer.send("");
    peer.send("MSG bruno next");
    process.stdout.wait_for("<bruno> next");
    let grown = proc_status(process.pid(), "VmHWM").saturating_sub(before);
    assert!(
        grown < 4096,
        "expected: grown by a few KiB for 100 MiB\n    came: {grown} KiB"
    );
    let (out, err) = part(process, peer);
    assert!(!(out + &err).contains("xxx"), "the line is skipped");
}

#[test]
fn broken_lines_from_the_server_do_not_harm_the_next_one() {
    let (mut process, mut peer) = meet(&[]);
    peer.send_bytes(&[b"MSG bruno ".as_slice(), &[b'x'; 1 << 20], b"\n"].concat());
    peer.send("MSG bruno after the long one");
    process.stdout.wait_for("<bruno> after the long one");
    peer.send_bytes(b"MSG bruno \xff\xfe\x80\n");
    peer.send("MSG bruno after the binary one");
    process.stdout.wait_for("<bruno> after the binary one");
    peer.send("");
    // As long as any line may be: all bytes replaced on the way.
    let longest = "\u{fffd}".repeat(4096);
    peer.send(&format!("MSG bruno {longest}"));
    process.stdout.wait_for(&longest);
    peer.send_bytes(b"MSG bruno torn \x1b[2");
    drop(peer);
    let told = last_words(&mut process, 1);
    assert!(told.contains("closed the connection"), "{told}");
    let shown = process.stdout.so_far();
    assert!(!shown.contains(['\u{1b}', '\u{7}']), "{shown:?}");
    assert!(shown.len() < 100_000, "the over-long line is skipped");
}
