//! The client in a terminal: what you type is what you see, whatever arrives meanwhile, and what
//! you see can be read.

use crate::support::client::client_of;
use crate::support::terminal::{Terminal, XTERM, ana_and_bruno, find, talk, without_stamp};
use crate::support::{Server, wait_until};
use std::time::Instant;
use vt100::Color;

#[test]
fn a_half_typed_line_survives_fifty_lines_that_arrive() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    let half = "coração, 李雷 と 👋 e n\u{303}";
    terminal.type_in(half);
    let mut expected: Vec<_> = (0..50).map(|n| format!("<bruno> line {n}")).collect();
    for n in 0..50 {
        bruno.send(&format!("line {n}"));
        terminal.wait_for(&format!("line {n}"));
    }
    terminal.wait_for_input(half);
    expected.push(format!("ana> {half}"));
    assert_eq!(talk(&terminal), expected, "(left: came, right: expected)");

    terminal.type_in_after(half, "!");
    terminal.press("\r");
    bruno.expect(&format!("MSG ana {half}!"));
}

#[test]
fn a_half_typed_line_survives_a_burst_of_a_thousand_and_none_of_them_is_lost() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    terminal.type_in("half a li");
    let mut expected: Vec<_> = (0..1000).map(|n| format!("<bruno> line {n}")).collect();
    let burst: String = (0..1000).map(|n| format!("line {n}\n")).collect();
    bruno.send_bytes(burst.as_bytes());
    terminal.wait_for("line 999");
    terminal.wait_for_input("half a li");
    expected.push("ana> half a li".to_owned());
    assert_eq!(talk(&terminal), expected, "(left: came, right: expected)");
}

#[test]
fn a_line_over_three_rows_survives_with_the_cursor_in_its_middle() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    let line: String = ('a'..='z').cycle().take(200).collect();
    terminal.press(&line);
    terminal.press(&"\x02".repeat(100)); // Ctrl-B, a character back
    terminal.wait_for_input(&line[..100]);
    for n in 0..50 {
        bruno.send(&format!("line {n}"));
    }
    terminal.wait_for("line 49");
    terminal.wait_for_input(&line[..100]);

    let mut expected: Vec<_> = (0..50).map(|n| format!("<bruno> line {n}")).collect();
    let typed = format!("ana> {line}");
    expected.extend([&typed[..80], &typed[80..160], &typed[160..]].map(str::to_owned));
    assert_eq!(talk(&terminal), expected, "(left: came, right: expected)");
    let cursor = terminal.look(|screen| screen.cursor_position());
    assert_eq!(cursor, (23 - 1, 105 - 80), "(left: came, right: expected)");

    terminal.press("HERE\r");
    bruno.expect(&format!("MSG ana {}HERE{}", &line[..100], &line[100..]));
}

#[test]
fn ones_own_lines_and_those_of_others_never_mix() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    let mut lines = (0..).map(|n| format!("line {n}"));
    for n in 0..100 {
        terminal.type_in(&format!("mine {n}"));
        // Some come before the line ends, some after, and some just then.
        lines.by_ref().take(5).for_each(|line| bruno.send(&line));
        terminal.press("\r");
        lines.by_ref().take(5).for_each(|line| bruno.send(&line));
        bruno.wait_for(&format!("MSG ana mine {n}"));
        terminal.wait_for_input("");
    }
    terminal.wait_for("<bruno> line 999");
    terminal.wait_for_input("");
    let (mut mine, mut theirs) = (0, 0);
    let rows = talk(&terminal);
    for (at, row) in rows[..rows.len() - 1].iter().enumerate() {
        if *row == format!("<ana> mine {mine}") {
            mine += 1;
        } else {
            let around = &rows[at.saturating_sub(3)..rows.len().min(at + 4)];
            assert_eq!(*row, format!("<bruno> line {theirs}"), "in {around:#?}");
            theirs += 1;
        }
    }
    assert_eq!((mine, theirs), (100, 1000), "(mine, theirs)");
}

#[test]
fn the_prompt_shows_ones_name_and_a_new_one_at_once() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    terminal.type_in("/nome Anita");
    terminal.press("\r");
    bruno.expect("NICK ana Anita");
    terminal.wait_for("ana is now Anita");
    terminal.wait_for_last_rows("Anita> ");
}

#[test]
fn ones_name_is_highlighted() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    let is_marked = |text: &str, at: u16| {
        terminal.wait_for(text);
        terminal.look(|screen| {
            let (row, column) = find(screen, text).unwrap();
            screen.cell(row, column + at).unwrap().inverse()
        })
    };
    bruno.send("banana");
    assert!(!is_marked("<bruno> banana", 11), "part of a word");
    bruno.send("olá, ＡNA!");
    assert!(is_marked("olá, ", 5), "another spelling of the same name");
    assert!(!is_marked("olá, ", 0), "only the name");
    bruno.send("/eu waves at ana");
    assert!(is_marked("waves at ana", 9));
}

#[test]
fn what_is_meant_for_one_rings_the_bell_as_asked() {
    let lines = [
        // What bruno says, what is shown of it, and whether it rings with `mentions` and `all`.
        ("hello", "<bruno> hello", [false, true]),
        ("banana", "<bruno> banana", [false, true]),
        ("hello ＡNA", "<bruno> hello", [true, true]),
        ("/eu waves", "* bruno waves", [false, true]),
        ("/eu waves at ana", "* bruno waves at ana", [true, true]),
        ("/msg ana psst", "[bruno -> ana] psst", [true, true]),
        ("/SAIR", "bruno left", [false, false]),
    ];
    for (line, shown, rings) in lines {
        for (bell, rings) in ["mentions", "all", "off"]
            .into_iter()
            .zip([rings[0], rings[1], false])
        {
            let (_server, terminal, mut bruno) = ana_and_bruno(&["--bell", bell]);
            bruno.send(line);
            terminal.wait_for(shown);
            let came = terminal.bells();
            assert_eq!(
                came,
                usize::from(rings),
                "{line:?} with --bell {bell} (left: came)"
            );
        }
    }
    let (_server, terminal, _bruno) = ana_and_bruno(&["--bell", "all"]);
    terminal.say("/msg bruno ana here");
    terminal.wait_for("[ana -> bruno] ana here");
    assert_eq!(terminal.bells(), 0, "nobody rings oneself");
}

#[test]
fn the_bell_rings_at_most_once_a_second() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    let started = Instant::now();
    let mut said = 0;
    while terminal.bells() < 3 {
        bruno.send(&format!("ana, {said}"));
        terminal.wait_for(&format!("ana, {said}"));
        said += 1;
        let most = 1 + started.elapsed().as_secs() as usize;
        let came = terminal.bells();
        assert!(
            came <= most,
            "expected: at most {most} bells\n    came: {came}"
        );
    }
}

#[test]
fn a_name_has_the_same_colour_everywhere_and_not_that_of_the_text() {
    let color_of_bruno = || {
        let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
        bruno.send("hello");
        terminal.wait_for("<bruno> hello");
        terminal.look(|screen| {
            let (row, column) = find(screen, "bruno> hello").unwrap();
            let color = |at| screen.cell(row, column + at).unwrap().fgcolor();
            (color(0), color(8))
        })
    };
    let (name, text) = color_of_bruno();
    assert_eq!(text, Color::Default);
    assert_ne!(name, Color::Default);
    assert_eq!(color_of_bruno().0, name, "(left: later, right: before)");
}

/// The last characters of all CSI sequences in `bytes`, which say what they do.
fn sequences(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let sequences = text.split("\u{1b}[").skip(1);
    sequences
        .filter_map(|sequence| sequence.chars().find(|c| ('@'..='~').contains(c)))
        .collect()
}

#[test]
fn who_wants_no_colours_gets_none() {
    let server = Server::start(&[]);
    // Flags, and variables of the environment.
    type Wish = (
        &'static [&'static str],
        &'static [(&'static str, &'static str)],
    );
    let wishes: [Wish; 4] = [
        (&[], &[("NO_COLOR", "1")]),
        (&[], &[("CLICOLOR", "0")]),
        (&["--color", "never"], &[("CLICOLOR_FORCE", "1")]),
        (&[], &[("CHAT_COLOR", "never")]),
    ];
    let talk = |flags: &[&str], variables: &[(&str, &str)]| {
        let mut command = client_of(server.address, &["--username", "ana"]);
        let variables = variables.iter().copied();
        command.args(flags).envs([XTERM]).envs(variables);
        let mut terminal = Terminal::start(command, 24, 80);
        terminal.wait_for_input("");
        let mut bruno = server.join("bruno");
        bruno.send("hello ana");
        terminal.wait_for("<bruno> hello ana");
        terminal.say("/nada");
        terminal.wait_for("!! /nada");
        terminal.press("/SAIR\r");
        assert_eq!(terminal.finish(), Some(0));
        // The next has the same name.
        bruno.quit();
        sequences(&terminal.bytes())
    };
    for (flags, variables) in wishes {
        let sequences = talk(flags, variables);
        assert!(
            !sequences.contains('m'),
            "with {flags:?} {variables:?}: {sequences}"
        );
    }
    assert!(talk(&[], &[]).contains('m'), "otherwise there are some");
}

#[test]
fn a_dumb_terminal_and_a_plain_client_never_see_an_escape() {
    let server = Server::start(&[]);
    for (term, flags) in [("dumb", &[][..]), (XTERM.1, &["--plain"])] {
        let mut command = client_of(server.address, flags);
        command.env("TERM", term);
        let mut terminal = Terminal::start(command, 24, 80);
        terminal.wait_for("Your name:");
        terminal.press("an a\r");
        terminal.wait_for("cannot be a name");
        terminal.press("ana\r");
        terminal.wait_for("Hello, ana");
        let mut bruno = server.join("bruno");
        bruno.send(&format!("hello ana {}", "long ".repeat(30)));
        terminal.wait_for("<bruno> hello ana");
        terminal.press("hello bruno\r");
        bruno.expect("MSG ana hello bruno");
        terminal.press("\x03");
        assert_eq!(terminal.finish(), Some(0));
        bruno.expect("LEAVE ana quit");
        bruno.quit();
        let bytes = terminal.bytes();
        let shown = String::from_utf8_lossy(&bytes);
        assert!(!shown.contains('\u{1b}'), "with {term}: {shown:?}");
    }
}

#[test]
fn a_line_that_a_terminal_may_have_cut_is_refused_whole() {
    let server = Server::start(&[]);
    let mut bruno = server.join("bruno");
    let mut command = client_of(server.address, &["--plain", "--username", "ana"]);
    command.envs([XTERM]);
    let mut terminal = Terminal::start(command, 24, 80);
    bruno.expect("JOIN ana");
    // The longest that is surely whole; those that follow end at byte 4,095 (termios(3)).
    let whole = "x".repeat(4094);
    terminal.press(&format!("{whole}\r"));
    bruno.expect(&format!("MSG ana {whole}"));
    for length in [4095, 4096, 5000] {
        terminal.press(&format!("{}\r", "y".repeat(length)));
        terminal.press(&format!("behind {length}\r"));
        bruno.expect(&format!("MSG ana behind {length}"));
    }
    terminal.press("/SAIR\r");
    assert_eq!(terminal.finish(), Some(0), "(left: came)");
    let seen = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    assert_eq!(seen.matches("more than 4094 bytes").count(), 3, "{seen}");
}

#[test]
fn a_long_message_is_wrapped_so_that_it_cannot_pass_for_another() {
    let server = Server::start(&[]);
    let terminal = Terminal::enter_sized(&server, &["--bell", "off"], 24, 40);
    let mut bruno = server.join("bruno");
    terminal.wait_for("bruno joined");
    let mut expected = String::new();
    for filler in ["x", "x ", "李", "e\u{301}", "x\u{301} "] {
        for length in 0..42 {
            let text = format!("{}12:34 <carla> I owe you", filler.repeat(length));
            bruno.send(&text);
            expected += &format!("<bruno>{text}");
        }
    }
    bruno.send("the end");
    terminal.wait_for("the end");
    terminal.wait_for_input("");
    let rows = terminal.rows();
    let joined = |row: &&String| !row.ends_with("bruno joined");
    let mut came = String::new();
    for row in rows.iter().skip_while(joined).skip(1) {
        let is_first = row.get(6..).is_some_and(|row| row.starts_with("<bruno> "));
        // A long word is the terminal's to wrap; nothing but it stands in its rows.
        let is_later = row.starts_with("          ") || !row.contains(' ');
        let is_prompt = row == "ana> ";
        assert!(is_first || is_later || is_prompt, "{row:?} in {rows:#?}");
        came += if is_first { without_stamp(row) } else { row };
    }
    let without_blanks = |text: &str| text.replace(' ', "");
    let expected = without_blanks(&expected) + "<bruno>theendana>";
    assert_eq!(
        without_blanks(&came),
        expected,
        "(left: came, right: expected)"
    );
}

#[test]
fn a_small_terminal_shows_what_is_typed_as_well() {
    let server = Server::start(&[]);
    let terminal = Terminal::enter_sized(&server, &[], 10, 40);
    let mut bruno = server.join("bruno");
    terminal.wait_for("bruno joined");
    let half = "até 李雷 wraps in here, where it is narrow 👋 and goes on";
    for (n, word) in half.split_inclusive(' ').enumerate() {
        bruno.send(&format!("line {n}, long enough to be wrapped as well"));
        terminal.press(word);
        terminal.wait_for(&format!("line {n}"));
    }
    terminal.wait_for_input(half);
    terminal.press("\r");
    bruno.expect(&format!("MSG ana {half}"));
    terminal.wait_for_input("");
}

#[test]
fn a_resize_keeps_what_is_typed() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    let half = "word ".repeat(20);
    terminal.type_in(&half);
    for (rows, columns) in [(24, 120), (40, 100), (12, 60), (24, 80)] {
        terminal.resize(rows, columns);
        // What arrives before the editor knows the new width may be cleared away with it.
        terminal.wait_for_input(&half);
        bruno.send(&format!("you have {columns} columns"));
        terminal.wait_for(&format!("you have {columns} columns"));
        terminal.wait_for_input(&half);
    }
    terminal.press("end\r");
    bruno.expect(&format!("MSG ana {half}end"));
    // What comes later is wrapped at the width of now.
    terminal.resize(24, 50);
    bruno.send(&"x ".repeat(50));
    bruno.send("the end");
    terminal.wait_for("the end");
    let rows = talk(&terminal);
    let wrapped = rows.iter().filter(|row| row.contains("x x x"));
    assert_eq!(wrapped.count(), 3, "in {rows:#?}");
}

#[test]
fn ctrl_l_clears_the_screen_but_not_the_line() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    terminal.type_in("half a li");
    terminal.press("\x0c");
    terminal.wait_until("the prompt alone", |screen| {
        screen.contents() == "ana> half a li"
    });
    bruno.send("hello");
    terminal.wait_for("<bruno> hello");
    terminal.wait_until("the prompt below the message", |screen| {
        let contents = screen.contents();
        contents.lines().nth(1) == Some("ana> half a li") && contents.lines().count() == 2
    });
}

/// What a row of a terminal takes of what was written to it, without the sequences for colours.
fn row_of(written: &str) -> String {
    let mut pieces = written.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    let shown = |piece: &str| {
        let end = piece.find(|c| ('@'..='~').contains(&c)).unwrap();
        piece[end + 1..].to_owned()
    };
    first + &pieces.map(shown).collect::<String>()
}

#[test]
fn what_a_terminal_may_take_for_wider_than_it_is_begins_no_row() {
    let server = Server::start(&[]);
    let terminal = Terminal::enter_sized(&server, &["--bell", "off"], 24, 40);
    let mut bruno = server.join("bruno");
    // Of no width for Unicode, but shown by many terminals.
    for filler in ['\u{605}', '\u{8e2}', '\u{9be}', '\u{302e}'] {
        let fillers = filler.to_string().repeat(50);
        bruno.send(&format!("oi{fillers}12:34 <carla> I owe you{filler}"));
        let end = format!("you{filler}");
        wait_until("the line is shown", || {
            String::from_utf8_lossy(&terminal.bytes()).contains(&end)
        });
    }
    let bytes = terminal.bytes();
    let written = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = written.split("\u{1b}[?7l").skip(1).collect();
    let mut told = 0;
    for line in lines {
        let (line, _) = line
            .split_once("\u{1b}[?7h")
            .expect("the terminal wraps again");
        for (n, row) in line.split("\r\n").map(row_of).enumerate() {
            told += usize::from(row.contains("oi\u{605}"));
            assert!(row.chars().count() < 40, "{row:?}");
            assert!(n == 0 || row.starts_with("          "), "{row:?}");
        }
    }
    assert_eq!(told, 1, "{written}");
}

#[test]
fn a_name_is_highlighted_also_when_it_ends_in_a_dash() {
    let server = Server::start(&[]);
    let mut command = client_of(server.address, &["--username", "ana_"]);
    command.envs([XTERM]);
    let terminal = Terminal::start(command, 24, 80);
    terminal.wait_for("here (");
    let mut bruno = server.join("bruno");
    for (line, at) in [("ana_: here", 8), ("is -ana_- here?", 12)] {
        bruno.send(line);
        terminal.wait_for(line);
        let is_marked = terminal.look(|screen| {
            let (row, column) = find(screen, &format!("<bruno> {line}")).unwrap();
            screen.cell(row, column + at).unwrap().inverse()
        });
        assert_eq!(is_marked, line.starts_with("ana_"), "{line} (left: came)");
    }
    assert_eq!(terminal.bells(), 1);
}
