//! What is typed in a terminal reaches whom one sees it reach, as one sees it, whole or not at all.

use crate::support::Peer;
use crate::support::client::{Impostor, client_of};
use crate::support::terminal::{
    CTRL_U, PASTE, PASTE_END, Terminal, UP, XTERM, ana_and_bruno, join, talk,
};

/// `ana`'s client in a terminal, whose server is the test.
fn ana_alone() -> (Terminal, Peer) {
    let impostor = Impostor::listen();
    let mut command = client_of(impostor.address, &["--username", "ana"]);
    command.envs([XTERM]);
    let terminal = Terminal::start(command, 24, 80);
    let mut peer = impostor.welcome("ana");
    peer.expect("/quem");
    terminal.wait_for("Hello, ana");
    terminal.wait_for_input("");
    (terminal, peer)
}

/// Nothing has been sent: what the next line asks comes next.
#[track_caller]
fn expect_nothing_sent(terminal: &Terminal, peer: &mut Peer) {
    terminal.press(CTRL_U);
    terminal.say("/quem");
    peer.expect("/quem");
}

#[test]
fn what_was_sent_looks_as_the_others_see_it() {
    let (server, terminal, _bruno) = ana_and_bruno(&[]);
    let mut command = client_of(server.address, &["--username", "carla"]);
    command.envs([XTERM]);
    let carlas = Terminal::start(command, 24, 80);
    terminal.wait_for("carla joined");
    carlas.wait_for("here (3)");
    for (line, shown) in [
        ("hello", "<ana> hello"),
        ("  indented  ", "<ana>   indented"),
        ("//away", "<ana> /away"),
        ("/etc/hosts is a path", "<ana> /etc/hosts is a path"),
        ("\u{a0}/eu waves", "* ana waves"),
        ("/me  waves again", "* ana  waves again"),
        ("/msg carla psst", "[ana -> carla] psst"),
        ("/w CARLA: psst again", "[ana -> carla] psst again"),
        ("a\u{200b}b", "<ana> ab"),
    ] {
        terminal.press(&format!("{line}\r"));
        terminal.wait_for(shown);
        carlas.wait_for(shown);
    }
    terminal.wait_for_input("");
    let theirs = carlas
        .rows()
        .into_iter()
        .skip_while(|row| !row.contains("<ana> hello"));
    let theirs: Vec<_> = theirs.take_while(|row| row != "carla> ").collect();
    let mine = terminal
        .rows()
        .into_iter()
        .skip_while(|row| !row.contains("<ana> hello"));
    let mine: Vec<_> = mine.take_while(|row| row != "ana> ").collect();
    assert_eq!(
        mine, theirs,
        "(left: the author's screen, right: another's)"
    );
    assert_eq!(mine.len(), 9, "{mine:#?}");
    assert!(
        mine[0].as_bytes()[2] == b':' && mine[0].ends_with("<ana> hello"),
        "{mine:#?}"
    );
}

#[test]
fn what_was_refused_is_told_and_comes_back_with_up() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    let long = "x".repeat(4090);
    for (line, told) in [
        (
            "/msg nobody the key is under the mat",
            "!! nobody is not here",
        ),
        ("/mgs bruno oi", "!! /mgs is not a command"),
        ("/msg bruno", "!! /msg lacks something"),
        (
            "/r nobody wrote",
            "!! Nobody here has written to you privately",
        ),
        ("/nome b b", "!! \"b b\" cannot be a name"),
        (
            &format!("/msg bruno {long}"),
            "!! The line has more than 4096 bytes",
        ),
    ] {
        terminal.press(&format!("{line}\r"));
        terminal.wait_for(told);
        terminal.wait_for_input("");
        terminal.press(UP);
        let end = &line[line.len().saturating_sub(60)..];
        terminal.wait_until("the line again", |screen| {
            let before = screen.contents_between(
                0,
                0,
                screen.cursor_position().0,
                screen.cursor_position().1,
            );
            before.ends_with(end) || line.len() > 80 && before.ends_with("xxx")
        });
        terminal.press(CTRL_U);
        terminal.wait_for_input("");
    }
    assert_eq!(bruno.sync(), [""; 0]);
}

#[test]
fn a_line_that_is_not_utf8_is_refused_whole() {
    let (terminal, mut peer) = ana_alone();
    for (bytes, readable) in [
        (&b"/msg bruno caf\xe9 secret\r"[..], "/msg bruno caf secret"),
        (b"\xff\xfe/msg bruno secret\r", "/msg bruno secret"),
        (b"tchau \xc3\r", "tchau "),
        (b"\x80\x81tchau\r", "tchau"),
    ] {
        terminal.press_bytes(bytes);
        terminal.wait_for("not UTF-8");
        terminal.wait_for_input("");
        terminal.press(UP);
        terminal.wait_for_input(readable);
        expect_nothing_sent(&terminal, &mut peer);
        terminal.press("\x0c");
    }
    // What is text, of whatever kind, is none of this.
    terminal.press("replaced: \u{fffd}\r");
    peer.expect("replaced: \u{fffd}");
}

#[test]
fn keys_that_mean_nothing_are_read_to_their_end_and_do_nothing() {
    let (terminal, mut peer) = ana_alone();
    for keys in [
        "\x1b[27;2;13~",
        "\x1b[13;2u",
        "\x1b[1;2P",
        "\x1b[15~",
        "\x1b[24;5~",
        "\x1b[2~",
        "\x1b[5~",
        "\x1b[[A",
        "\x1b[[E",
        "\x1bOP",
        "\x1bOM",
        "\x1bO2P",
        "\x1b[I",
        "\x1b[O",
        "\x1b[?1;2c",
        "\x1b[>0;276;0c",
        "\x1b[1;1R",
        "\x1b[<0;10;10M",
        "\x1b[M",
        "\x1b]11;rgb:0000/0000/0000\x07",
        "\x1b]0;title\x1b\\",
        "\x1bP1$r0m\x1b\\",
        "\x1b_apc\x1b\\",
        "\x1b^pm\x1b\\",
        "\x1bXsos\x1b\\",
        "\x1bx",
        "\x1b3",
        "\x1b.",
        "\x1b ",
        "\x1bé",
        "\x1b\x1b[5~",
        "\x1b\r",
        "\x16",
        "\x18",
        "\x13",
        "\x11",
        "\x0f",
        "\x1e",
        "\x1d",
        "\0",
    ] {
        terminal.press(&format!("one{keys}two\r"));
        peer.expect("onetwo");
        // Also when they come byte by byte.
        terminal.press("one");
        keys.bytes().for_each(|byte| terminal.press_bytes(&[byte]));
        terminal.press("two\r");
        peer.expect("onetwo");
    }
}

#[test]
fn no_half_key_takes_the_slash_from_a_command() {
    let (terminal, mut peer) = ana_alone();
    for keys in [
        "\x1b",
        "\x1b[",
        "\x1b[1;",
        "\x1bO",
        "\x1b\x1b",
        "\x1b[[",
        "\x1b]",
        "\x1bP",
        "\x1b]\x1b",
    ] {
        terminal.press(&format!("{keys}/msg bruno secret"));
        terminal.wait_for_input("/msg bruno secret");
        terminal.press("\r");
        peer.expect("/msg bruno secret");
    }
}

#[test]
fn a_resize_a_stop_and_a_signal_take_nothing_of_what_is_typed() {
    let (terminal, mut peer) = ana_alone();
    terminal.type_in("/msg bruno the ke");
    terminal.resize(20, 60);
    terminal.press("y");
    terminal.signal(nix::sys::signal::Signal::SIGSTOP);
    terminal.press(" is ");
    terminal.signal(nix::sys::signal::Signal::SIGCONT);
    terminal.press("un");
    terminal.signal(nix::sys::signal::Signal::SIGWINCH);
    terminal.press("der\r");
    peer.expect("/msg bruno the key is under");
}

#[test]
fn an_answer_shows_whom_it_goes_to_and_whoever_writes_meanwhile_changes_nothing() {
    let (server, terminal, mut bruno) = ana_and_bruno(&[]);
    let mut carla = join(&server, &terminal, "carla");
    bruno.send("/msg ana hi");
    terminal.wait_for("[bruno -> ana] hi");
    for typed in ["/r ", "/R ", "/responder ", "/reply ", "  /r "] {
        terminal.press(typed);
        terminal.wait_for_input("/msg bruno ");
        terminal.press(CTRL_U);
        terminal.wait_for_input("");
    }
    terminal.press("/r well");
    terminal.wait_for_input("/msg bruno well");
    carla.send("/msg ana no, me");
    terminal.wait_for("no, me");
    terminal.wait_for_input("/msg bruno well");
    terminal.press("\r");
    bruno.wait_for("PRIV ana bruno well");
    // The other aliases of no command, and what only begins like one, stay.
    for typed in ["/right ", "a /r b", "//r b"] {
        terminal.type_in(typed);
        terminal.press(CTRL_U);
        terminal.wait_for_input("");
    }
    // All typed ahead, or pasted.
    terminal.press("/r one\r");
    carla.wait_for("PRIV ana carla one");
    terminal.press(&format!("{PASTE}/r two{PASTE_END}"));
    terminal.wait_for_input("/msg carla two");
    terminal.press("\r");
    carla.expect("PRIV ana carla two");
    // Put before what is already there.
    terminal.press("three\x01/r ");
    terminal.wait_for_input("/msg carla ");
    terminal.press("\r");
    carla.expect("PRIV ana carla three");
}

#[test]
fn an_answer_to_nobody_goes_to_nobody_also_if_somebody_writes_before_it_is_sent() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    terminal.type_in("/r the key");
    bruno.send("/msg ana hi");
    terminal.wait_for("[bruno -> ana] hi");
    terminal.press("\r");
    terminal.wait_for("Nobody here has written to you privately");
    bruno.expect("PRIV bruno ana hi");
    assert_eq!(bruno.sync(), [""; 0]);
    // Told to whom, when it comes back.
    terminal.press(UP);
    terminal.wait_for_input("/msg bruno the key");
}

#[test]
fn an_answer_to_nobody_is_not_turned_to_whoever_writes_while_it_is_typed() {
    let (typed, pasted) = ("/r the ke", &format!("{PASTE}/r the ke{PASTE_END}"));
    let paste = &format!("{PASTE}y{PASTE_END}");
    for (begun, more) in [
        (typed, "y"),
        (pasted, "y"),
        (typed, paste),
        (typed, "y\t"),
        // Another line before it, found, or recalled.
        (typed, "y\x12one\x07"),
        // The same, but not found.
        (typed, "y\x12onezz\r"),
        (typed, "y\x1b[A\x1b[B"),
        // Cut and yanked.
        (typed, "y\x15\x19"),
    ] {
        let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
        terminal.say("one");
        bruno.expect("MSG ana one");
        terminal.press(begun);
        terminal.wait_for_input("/r the ke");
        bruno.send("/msg ana hi");
        terminal.wait_for("[bruno -> ana] hi");
        terminal.press(more);
        terminal.wait_for_input("/r the key");
        terminal.press("\r");
        terminal.wait_for("Nobody here has written to you privately");
        bruno.expect("PRIV bruno ana hi");
        assert_eq!(bruno.sync(), [""; 0]);
    }
}

#[test]
fn an_answer_is_turned_by_the_key_that_corrects_it_too() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    bruno.send("/msg ana hi");
    terminal.wait_for("[bruno -> ana] hi");
    let corrections = [
        "/rr oi\x1b[D\x1b[D\x1b[D\x7f",
        "x/r oi\x1b[H\x1b[3~",
        "one /r oi\x1b[H\x1bd",
    ];
    for keys in corrections {
        terminal.press(keys);
        terminal.wait_for("ana> /msg bruno oi");
        terminal.press("\x05\x15");
        terminal.wait_for_input("");
    }
}

#[test]
fn a_half_typed_private_line_reaches_nobody_who_takes_the_name() {
    let (server, terminal, bruno) = ana_and_bruno(&[]);
    terminal.type_in("/msg bruno the ke");
    bruno.quit();
    terminal.wait_for("bruno left");
    let mut stranger = server.join("bruno");
    terminal.press("y\r");
    terminal.wait_for("bruno may have left or changed names");
    terminal.wait_for_input("/msg bruno the key");
    assert_eq!(stranger.sync(), [""; 0], "(left: came)");
    terminal.press("\r");
    stranger.expect("PRIV ana bruno the key");
}

#[test]
fn a_paste_waits_for_enter_and_says_how_many_lines_it_has() {
    let (terminal, mut peer) = ana_alone();
    terminal.press(&format!("{PASTE}one\r\ntwo\nthree{PASTE_END}"));
    terminal.wait_for("3 lines");
    terminal.press("\x02\x02!");
    terminal.wait_for("thr!ee");
    terminal.press("\r");
    for line in ["one", "two", "thr!ee"] {
        peer.expect(line);
    }
    terminal.wait_for_input("");
    assert!(
        !terminal
            .look(|screen| screen.contents())
            .contains("3 lines")
    );
    // One undo takes it away as a whole.
    terminal.type_in("a ");
    terminal.press(&format!("{PASTE}b\rc{PASTE_END}"));
    terminal.wait_for("2 lines");
    terminal.press("\x1f");
    terminal.wait_for_input("a ");
}

#[test]
fn every_line_of_a_paste_behind_a_name_is_private() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    bruno.send("/msg ana hi");
    bruno.expect("PRIV bruno ana hi");
    terminal.wait_for("[bruno -> ana] hi");
    let secret = [
        "secret 1",
        "  secret 2",
        "",
        "//secret 3",
        "/etc/secret",
        "secret 4",
    ]
    .join("\r");
    let mut expect = |addressed: &str| {
        terminal.press(addressed);
        terminal.press(&format!("{PASTE}{secret}{PASTE_END}\r"));
        for line in [
            "secret 1",
            "  secret 2",
            "//secret 3",
            "/etc/secret",
            "secret 4",
        ] {
            bruno.wait_for(&format!("PRIV ana bruno {line}"));
            terminal.wait_for(&format!("[ana -> bruno] {line}"));
        }
        terminal.wait_for_input("");
        assert_eq!(bruno.sync(), [""; 0]);
    };
    for addressed in ["/msg bruno ", "/w BRUNO: ", "\u{a0}/msg @bruno ", "/r "] {
        expect(addressed);
    }
    // The text may begin with the second line.
    terminal.press(&format!(
        "/msg bruno {PASTE}\rsecret 5\rsecret 6{PASTE_END}\r"
    ));
    bruno.wait_for("PRIV ana bruno secret 5");
    bruno.expect("PRIV ana bruno secret 6");
    // The whole of it pasted.
    terminal.press(&format!(
        "{PASTE}/msg bruno secret 7\rsecret 8\r{PASTE_END}\r"
    ));
    bruno.expect("PRIV ana bruno secret 7");
    bruno.expect("PRIV ana bruno secret 8");
}

#[test]
fn a_paste_with_a_command_in_it_is_not_sent_and_stays() {
    let (terminal, mut peer) = ana_alone();
    for paste in [
        "one\r/SAIR",
        "one\r/msg bruno secret\rthree",
        "one\r\u{a0}/quem",
        "one\r/msg/bruno secret",
        "one\r/nada",
        "/mgs bruno secret\rmore of it",
        "/r secret\rmore of it",
        "/msg\rbruno secret",
        "/op secret\rmore of it",
    ] {
        terminal.press(&format!("{PASTE}{paste}{PASTE_END}\r"));
        terminal.wait_for("nothing was sent");
        terminal.wait_for(&format!("{} lines", paste.split('\r').count()));
        let last = paste.rsplit('\r').next().unwrap();
        if !paste.starts_with("/op") {
            terminal.wait_for(last.trim_start());
        }
        expect_nothing_sent(&terminal, &mut peer);
        terminal.press("\x0c");
    }
    // Mended, it goes.
    terminal.press(&format!("{PASTE}one\r/two{PASTE_END}\r"));
    terminal.wait_for("nothing was sent");
    terminal.press("\x02\x02\x02\x02/\r");
    peer.expect("one");
    peer.expect("//two");
    // A line that cannot be sent keeps the others back as well.
    terminal.press(&format!("{PASTE}one\r{}{PASTE_END}\r", "x".repeat(4097)));
    terminal.wait_for("more than 4096 bytes");
    expect_nothing_sent(&terminal, &mut peer);
}

#[test]
fn a_paste_at_the_name_prompt_with_a_command_in_it_gives_no_name() {
    let impostor = Impostor::listen();
    let mut command = client_of(impostor.address, &[]);
    command.envs([XTERM]);
    let terminal = Terminal::start(command, 24, 80);
    let mut peer = impostor.accept();
    peer.send("<USERNAME>");
    terminal.wait_for_last_rows("Your name: ");
    terminal.press(&format!("{PASTE}ana\r/msg bruno secret\rmore{PASTE_END}\r"));
    terminal.wait_for("nothing was sent");
    terminal.press(&format!("{CTRL_U}bia\r"));
    peer.expect_name("bia");
}

#[test]
fn a_secret_is_neither_shown_nor_remembered() {
    let (terminal, mut peer) = ana_alone();
    for typed in [
        "/op k7qm-2vxd",
        "/OP k7qm-2vxd",
        "\u{a0}/op  k7qm-2vxd",
        "/o\u{200b}p k7qm-2vxd",
        "\u{3164}/op k7qm-2vxd",
    ] {
        terminal.press(typed);
        terminal.wait_for("*********");
        // Not on any way around.
        terminal.press("\x17\x19\x15\x19\x1f\x1f\x1f\x1f");
        terminal.wait_for("*********");
        terminal.press("\r");
        terminal.wait_for_input("");
        terminal.press(UP);
        terminal.press("\x12k7");
        terminal.wait_for("(failed reverse-i-search)`k7'");
        terminal.press("\x07");
        terminal.wait_for_input("");
    }
    terminal.press("/op k7qm-2vxd");
    terminal.wait_for_input("/op *********");
    peer.send("MSG bruno hello");
    terminal.wait_for("<bruno> hello");
    terminal.wait_for_input("/op *********");
    let bytes = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    assert!(
        !bytes.contains("k7q") && !bytes.contains("2vxd"),
        "{bytes:?}"
    );
}

#[test]
fn a_secret_is_hidden_in_whatever_line_of_a_paste_it_stands() {
    let (terminal, mut peer) = ana_alone();
    for paste in [
        "one\r/op k7qm-2vxd",
        "one\r\r \u{200b}/OP k7qm-2vxd\rthree",
        "/nada\r/op\rk7qm-2vxd",
    ] {
        terminal.press(&format!("{PASTE}{paste}{PASTE_END}\r"));
        terminal.wait_for("nothing was sent");
        terminal.wait_for("*********");
        // Cut, it does not come back; undone, it is hidden again.
        terminal.press("\x15\x19!");
        terminal.wait_for_input("!");
        terminal.press("\x1f\x1f\x1f");
        terminal.wait_for("*********");
        expect_nothing_sent(&terminal, &mut peer);
        terminal.press("\x0c");
    }
    let bytes = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    assert!(
        !bytes.contains("k7q") && !bytes.contains("2vxd"),
        "{bytes:?}"
    );
}

#[test]
fn whatever_ends_a_line_for_word_processors_ends_one_of_a_paste() {
    let (terminal, mut peer) = ana_alone();
    for end in ["\u{2028}", "\u{2029}", "\u{85}", "\x0b", "\x0c"] {
        terminal.press(&format!("{PASTE}one{end}/msg zoe secret{PASTE_END}\r"));
        terminal.wait_for("nothing was sent");
        terminal.wait_for("2 lines");
        expect_nothing_sent(&terminal, &mut peer);
        terminal.press("\x0c");
        terminal.press(&format!("{PASTE}three{end}four{PASTE_END}\r"));
        peer.expect("three");
        peer.expect("four");
    }
}

#[test]
fn what_is_said_to_all_is_shown_in_its_place() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    for n in 0..20 {
        terminal.say(&format!("question {n}"));
        bruno.wait_for(&format!("MSG ana question {n}"));
        bruno.send(&format!("answer {n}"));
        terminal.wait_for(&format!("<bruno> answer {n}"));
    }
    terminal.wait_for_input("");
    let expected =
        (0..20).flat_map(|n| [format!("<ana> question {n}"), format!("<bruno> answer {n}")]);
    let expected: Vec<_> = expected.chain(["ana> ".to_owned()]).collect();
    assert_eq!(talk(&terminal), expected, "(left: came, right: expected)");
}
