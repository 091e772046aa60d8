//! Nothing typed withholds what arrives, and what is shown can be read, copied and believed.

use std::time::Duration;

use crate::support::client::{Impostor, client_of};
use crate::support::terminal::{PASTE, Terminal, XTERM, ana_and_bruno, join, talk, without_stamp};
use crate::support::{Server, busy_time};

#[test]
fn nothing_typed_withholds_what_arrives() {
    for keys in [
        "half",
        "half\x16",  // Ctrl-V
        "half\x18",  // Ctrl-X
        "half\x13",  // Ctrl-S
        "half\x1b3", // Alt-3
        "half\x1b",  // an Esc, or half a key
        "half\x1b[",
        "half\x1b[27;2;1",
        "half\x1bO",
        "half\x1b]0;title",
        "half\x1bP1$r",
        "half\x12", // a search that has found nothing
        "half\x12xyz",
        "half\t",
        "/m\t", // a list
        "ha\u{e9}lf",
        &format!("{PASTE}half\rof a"),
        &format!("{PASTE}half\x1b[20"),
    ] {
        let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
        terminal.press(keys);
        for n in 0..3 {
            bruno.send(&format!("ana, this is {n}"));
            terminal.wait_for(&format!("<bruno> ana, this is {n}"));
        }
        assert_eq!(terminal.bells(), 1, "after {keys:?} (left: came)");
    }
    // Half a character.
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    terminal.press_bytes(b"half\xc3");
    bruno.send("hello");
    terminal.wait_for("<bruno> hello");
    terminal.press_bytes(b"\xa9\r");
    bruno.expect("MSG ana halfé");
}

#[test]
fn messages_show_while_one_searches() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    terminal.say("find me");
    terminal.press("\x12nd");
    terminal.wait_for_last_rows("(reverse-i-search)`nd': fi");
    bruno.send("hello");
    terminal.wait_for("<bruno> hello");
    terminal.wait_for_last_rows("(reverse-i-search)`nd': fi");
    terminal.press("\x07");
    terminal.wait_for_input("");
}

#[test]
fn a_draft_taller_than_the_screen_neither_hides_nor_repeats_what_arrives() {
    let server = Server::start(&[]);
    let terminal = Terminal::enter_sized(&server, &[], 8, 40);
    let mut bruno = join(&server, &terminal, "bruno");
    let draft: String = (0..64).map(|n| format!("word{n:02}_")).collect();
    let rows = (draft.len() + 5).div_ceil(40);
    assert!(rows > 11, "{rows}");
    terminal.press(&draft);
    terminal.wait_for("word63_");
    for n in 0..19 {
        // Around the cursor, wherever it is.
        let back = if n < 10 {
            "\x02".repeat(7)
        } else {
            "\x06".repeat(7)
        };
        terminal.press(&back);
        bruno.send(&format!("line {n}"));
        terminal.wait_for(&format!("<bruno> line {n}"));
        let at = 63 - if n < 10 { n } else { 18 - n };
        terminal.wait_until("the part around the cursor", |screen| {
            screen
                .contents()
                .replace('\n', "")
                .contains(&format!("word{at:02}_"))
        });
    }
    terminal.press("\x01"); // Ctrl-A
    terminal.wait_for("ana> word00_");
    terminal.press("\x05\x15that is all\r"); // Ctrl-E, Ctrl-U
    terminal.wait_for("<ana> that is all");
    terminal.wait_for_input("");
    let rows = talk(&terminal);
    let expected = (0..19).map(|n| format!("<bruno> line {n}"));
    let expected: Vec<_> = expected.chain(["<ana> that is all".to_owned()]).collect();
    assert_eq!(
        rows[..rows.len() - 1],
        expected,
        "(left: came, right: expected)"
    );
}

#[test]
fn a_line_that_arrives_costs_no_more_than_what_is_visible() {
    let server = Server::start(&[]);
    let terminal = Terminal::enter_sized(&server, &["--color", "never"], 24, 80);
    let mut bruno = join(&server, &terminal, "bruno");
    terminal.type_in("half a line");
    let before = terminal.bytes().len();
    bruno.send("hello");
    terminal.wait_for("<bruno> hello");
    terminal.wait_for_input("half a line");
    let few = terminal.bytes().len() - before;
    assert!(few < 200, "{few} bytes for one line and half a line");
    terminal.press(&"x".repeat(20_000));
    terminal.press("END");
    terminal.wait_for("xEND");
    let before = terminal.bytes().len();
    bruno.send("hello again");
    terminal.wait_for("<bruno> hello again");
    terminal.press("!");
    terminal.wait_for("xEND!");
    let many = terminal.bytes().len() - before;
    assert!(
        many < 3 * 24 * 80,
        "{many} bytes for two drawings of a tall draft"
    );
}

#[test]
fn a_long_word_of_ascii_can_be_copied_whole() {
    let server = Server::start(&[]);
    let terminal = Terminal::enter_sized(&server, &[], 24, 40);
    let mut bruno = join(&server, &terminal, "bruno");
    let url = format!("https://example.org/{}?q=1", "path/".repeat(20));
    bruno.send(&format!("look: {url} 20:01 <carla> I owe you"));
    bruno.send(&url);
    bruno.send("the end");
    terminal.wait_for("the end");
    // Rows that the terminal has wrapped are one line to it.
    let contents = terminal.look(|screen| screen.contents());
    assert_eq!(contents.matches(&url).count(), 2, "{contents}");
    // What follows it begins no row of its own.
    assert!(
        contents.contains("\n           20:01 <carla>"),
        "{contents}"
    );
    // Neither does a word that the terminal may take for wider.
    let wide = "é".repeat(60);
    bruno.send(&format!("{wide} end"));
    terminal.wait_for("é end");
    let rows = terminal.rows();
    let wide = rows.iter().filter(|row| row.contains('é'));
    let is_indented = |row: &&String| row.starts_with("          ") || without_stamp(row) != **row;
    assert!(wide.clone().all(|row| is_indented(&row)), "{rows:#?}");
}

#[test]
fn a_line_with_the_date_stands_where_the_day_begins() {
    let server = Server::start(&[]);
    // A place where midnight is in a moment.
    let now = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC);
    let (hour, minute, second) = (now.hour(), now.minute(), now.second());
    let seconds = i32::from(hour) * 3600 + i32::from(minute) * 60 + i32::from(second) + 4;
    let behind = if seconds > 43_200 {
        seconds - 86_400
    } else {
        seconds
    };
    let zone = format!(
        "<here>{}{:02}:{:02}:{:02}",
        if behind < 0 { "-" } else { "+" },
        behind.abs() / 3600,
        behind.abs() / 60 % 60,
        behind.abs() % 60
    );
    let day = now
        .checked_add(jiff::SignedDuration::from_secs(i64::from(4 - behind)))
        .unwrap();
    let mut command = client_of(server.address, &["--username", "ana"]);
    command.envs([XTERM]).env("TZ", &zone);
    let terminal = Terminal::start(command, 24, 80);
    terminal.wait_for("here (");
    let mut bruno = join(&server, &terminal, "bruno");
    let mut said = 0;
    while !terminal.look(|screen| screen.contents()).contains("\n-- ") {
        bruno.send(&format!("line {said}"));
        terminal.wait_for(&format!("line {said}"));
        said += 1;
        std::thread::sleep(Duration::from_millis(20));
        assert!(said < 1_000, "no date, in {zone}:\n{:#?}", terminal.rows());
    }
    let rows = terminal.rows();
    let at = rows.iter().position(|row| row.starts_with("-- ")).unwrap();
    assert!(rows[at - 1].starts_with("23:59 "), "in {zone}: {rows:#?}");
    assert!(rows[at + 1].starts_with("00:00 "), "in {zone}: {rows:#?}");
    let date = day.strftime("-- %Y-%m-%d").to_string();
    assert_eq!(rows[at], date, "in {zone} (left: came, right: expected)");
    assert_eq!(rows.iter().filter(|row| row.starts_with("-- ")).count(), 1);
}

/// The numbers of all sequences that choose how characters look.
fn looks(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let sequences = text.split("\u{1b}[").skip(1);
    let looks = sequences.filter_map(|sequence| {
        let end = sequence.find(|c: char| ('@'..='~').contains(&c))?;
        sequence[end..]
            .starts_with('m')
            .then(|| sequence[..end].to_owned())
    });
    looks.collect()
}

/// The relative luminance of a colour of xterm's 256 that no theme changes (WCAG 2.2).
fn luminance(number: usize) -> f64 {
    let rgb = match number {
        16..=231 => {
            let steps = [0, 95, 135, 175, 215, 255];
            let number = number - 16;
            [steps[number / 36], steps[number / 6 % 6], steps[number % 6]]
        }
        232..=255 => [8 + 10 * (number - 232); 3],
        _ => panic!("{number} looks as the theme likes"),
    };
    let linear = |value: usize| match value as f64 / 255.0 {
        value if value <= 0.04045 => value / 12.92,
        value => ((value + 0.055) / 1.055).powf(2.4),
    };
    0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2])
}

#[test]
fn every_colour_can_be_read_on_black_and_on_white() {
    let (server, terminal, mut bruno) = ana_and_bruno(&[]);
    for n in 0..30 {
        join(&server, &terminal, &format!("person{n}")).send("hello");
        terminal.wait_for(&format!("<person{n}> hello"));
    }
    bruno.send("ana, look");
    bruno.send("/eu waves");
    bruno.send("/msg ana psst");
    terminal.wait_for("psst");
    terminal.say("/nada");
    terminal.say("/quem");
    terminal.wait_for("!! /nada");
    let looks = looks(&terminal.bytes());
    let mut colors = Vec::new();
    for look in &looks {
        match look.strip_prefix("38;5;") {
            Some(number) => colors.push(number.parse().unwrap()),
            // Bold, inverse, and as usual: never faint.
            None => assert!(["", "0", "1", "7"].contains(&look.as_str()), "{look}"),
        }
    }
    colors.sort();
    colors.dedup();
    assert!(colors.len() >= 5, "{colors:?}");
    for color in colors {
        let (light, dark) = (luminance(color) + 0.05, 0.05);
        let (on_black, on_white) = (light / dark, 1.05 / light);
        assert!(on_black >= 4.5, "{color} on black: {on_black:.2} : 1");
        assert!(on_white >= 4.5, "{color} on white: {on_white:.2} : 1");
    }
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_gets_plain_lines_without_colours() {
    let server = Server::start(&[]);
    for term in [None, Some(""), Some("dumb"), Some("unknown"), Some("emacs")] {
        let mut command = client_of(server.address, &["--username", "ana"]);
        if let Some(term) = term {
            command.env("TERM", term);
        }
        let mut terminal = Terminal::start(command, 24, 80);
        terminal.wait_for("Hello, ana");
        let mut bruno = server.join("bruno");
        bruno.send("hello ana");
        terminal.wait_for("<bruno> hello ana");
        terminal.press("/nada\r");
        terminal.wait_for("!! /nada");
        terminal.press("/SAIR\r");
        assert_eq!(terminal.finish(), Some(0));
        let bytes = terminal.bytes();
        let shown = String::from_utf8_lossy(&bytes);
        assert!(!shown.contains('\u{1b}'), "with {term:?}: {shown:?}");
        bruno.quit();
    }
}

#[test]
fn a_client_at_rest_takes_no_time() {
    let terminals = ["half", "\x1b", "\x12", PASTE].map(|keys| {
        let impostor = Impostor::listen();
        let mut command = client_of(impostor.address, &["--username", "ana"]);
        command.envs([XTERM]);
        let terminal = Terminal::start(command, 24, 80);
        let peer = impostor.welcome("ana");
        terminal.wait_for_input("");
        terminal.press(keys);
        (keys, terminal, peer)
    });
    std::thread::sleep(Duration::from_millis(700));
    let before = terminals
        .each_ref()
        .map(|(_, terminal, _)| busy_time(terminal.child.id()));
    std::thread::sleep(Duration::from_secs(1));
    for ((keys, terminal, _), before) in terminals.iter().zip(before) {
        let busy = busy_time(terminal.child.id()) - before;
        assert_eq!(busy, Duration::ZERO, "after {keys:?} (left: came)");
    }
}
