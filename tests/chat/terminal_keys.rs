//! What the keys do in a terminal: completion, history, search and paste, with people talking
//! meanwhile.

use crate::support::client::{Impostor, client_of};
use crate::support::terminal::{
    CTRL_U, PASTE, PASTE_END, Terminal, UP, XTERM, ana_and_bruno, join,
};
use crate::support::{Server, proc_status, wait_until};

const DOWN: &str = "\x1b[B";
const TAB: &str = "\t";
const CTRL_R: &str = "\x12";

#[test]
fn the_name_is_asked_for_until_it_is_a_good_one() {
    let server = Server::start(&[]);
    let _bruno = server.join("bruno");
    let mut command = client_of(server.address, &[]);
    command.envs([XTERM]);
    let mut terminal = Terminal::start(command, 24, 80);
    for (name, problem) in [
        ("", "The name is empty"),
        ("a b", "\"a b\" cannot be a name"),
        ("BRUNO", "The name BRUNO is in use"),
    ] {
        terminal.wait_for_last_rows("Your name: ");
        terminal.press(&format!("{name}\r"));
        terminal.wait_for(problem);
    }
    terminal.wait_for_last_rows("Your name: ");
    terminal.press("ana\r");
    terminal.wait_for("Hello, ana: 2 people are here");
    terminal.wait_for_input("");
    // Who was there before can be completed: the client has asked for them.
    terminal.wait_for("here (2): ana, bruno");
    terminal.press("/msg b\t");
    terminal.wait_for_input("/msg bruno ");
    terminal.press(&format!("{CTRL_U}/SAIR\r"));
    assert_eq!(terminal.finish(), Some(0));
}

#[test]
fn tab_completes_commands_at_the_start_of_a_line() {
    let (_server, terminal, _bruno) = ana_and_bruno(&[]);
    for (typed, completed) in [
        ("/ms", "/msg "),
        ("/aj", "/ajuda "),
        ("/SA", "/SAIR "),
        ("/sa", "/SAIR "),
        ("/resp", "/responder "),
    ] {
        terminal.type_in(typed);
        terminal.press(TAB);
        terminal.wait_for_input(completed);
        terminal.press(CTRL_U);
        terminal.wait_for_input("");
    }
    // Elsewhere `/m` is no command, and what fits nothing stays as it is.
    for typed in ["a /ms", "/xyz", "xyz"] {
        terminal.type_in(typed);
        terminal.press(TAB);
        terminal.type_in_after(typed, "!");
        terminal.press(CTRL_U);
        terminal.wait_for_input("");
    }
}

#[test]
fn tab_completes_names_everywhere() {
    let (server, terminal, mut bruno) = ana_and_bruno(&[]);
    let _joao = join(&server, &terminal, "João");
    for (typed, completed) in [
        ("br", "bruno: "),
        ("hi br", "hi bruno "),
        ("/msg br", "/msg bruno "),
        ("/w BRU", "/w bruno "),
        ("joã", "João: "),
        ("hi JOÃ", "hi João "),
        ("(br", "(bruno "),
        ("hi (br", "hi (bruno "),
        ("@br", "@bruno "),
        ("/msg @br", "/msg @bruno "),
        ("he said: \"br", "he said: \"bruno "),
        ("hi [«br", "hi [«bruno "),
    ] {
        terminal.type_in(typed);
        terminal.press(TAB);
        terminal.wait_for_input(completed);
        terminal.press(CTRL_U);
        terminal.wait_for_input("");
    }
    // Under the new name, and not under the old one.
    bruno.send("/nome Bia");
    terminal.wait_for("bruno is now Bia");
    terminal.press("bi\t");
    terminal.wait_for_input("Bia: ");
    terminal.press(&format!("{CTRL_U}br\t"));
    terminal.wait_for_input("br");
    // Who has left cannot be spoken to.
    bruno.send("/SAIR");
    terminal.wait_for("Bia left");
    terminal.press(&format!("{CTRL_U}bi\t"));
    terminal.wait_for_input("bi");
}

#[test]
fn those_heard_last_are_offered_first() {
    let (server, terminal, mut bruno) = ana_and_bruno(&[]);
    let mut bia = join(&server, &terminal, "bia");
    let offered = |first: &str, second: &str| {
        terminal.press("/msg b\t");
        terminal.wait_until(&format!("{first} before {second}"), |screen| {
            let contents = screen.contents();
            let (_, list) = contents.rsplit_once("> /msg b\n").unwrap_or_default();
            let order = (list.find(first), list.find(second));
            matches!(order, (Some(first), Some(second)) if first < second)
        });
        terminal.wait_for_input("/msg b");
        terminal.press(CTRL_U);
        terminal.wait_for_input("");
    };
    bruno.send("hello");
    terminal.wait_for("<bruno> hello");
    offered("bruno", "bia");
    bia.send("/eu nods");
    terminal.wait_for("* bia nods");
    offered("bia", "bruno");
    bruno.send("/msg ana psst");
    terminal.wait_for("psst");
    offered("bruno", "bia");
}

#[test]
fn an_open_list_of_completions_holds_nothing_up() {
    let (server, terminal, mut bruno) = ana_and_bruno(&[]);
    let _bia = join(&server, &terminal, "bia");
    terminal.type_in("/msg b");
    terminal.press(TAB);
    terminal.wait_until("the list", |screen| {
        let mut rows = screen.rows(0, 80);
        rows.any(|row| row.starts_with("bia ") && row.ends_with(" bruno"))
    });
    bruno.send("hello there");
    // Without another key.
    terminal.wait_for("<bruno> hello there");
    terminal.wait_for_input("/msg b");
    terminal.press("r\t");
    terminal.wait_for_input("/msg bruno ");
    terminal.press("hi\r");
    bruno.wait_for("PRIV ana bruno hi");
}

#[test]
fn a_lone_escape_holds_nothing_up() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    terminal.type_in("half");
    terminal.press("\x1b");
    bruno.send("hello there");
    terminal.wait_for("<bruno> hello there");
    terminal.wait_for_input("half");
}

#[test]
fn history_brings_lines_back_and_keeps_the_half_typed_one() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    for line in ["first", "second", "ção 李"] {
        terminal.say(line);
        bruno.expect(&format!("MSG ana {line}"));
    }
    terminal.type_in("half");
    for expected in ["ção 李", "second", "first", "first"] {
        terminal.press(UP);
        terminal.wait_for_input(expected);
    }
    for expected in ["second", "ção 李", "half"] {
        terminal.press(DOWN);
        terminal.wait_for_input(expected);
    }
    terminal.press(UP);
    terminal.press(UP);
    terminal.wait_for_input("second");
    bruno.send("over the line from the history");
    terminal.wait_for("over the line");
    terminal.wait_for_input("second");
    terminal.press("!\r");
    bruno.expect("MSG ana second!");
}

#[test]
fn what_arrives_during_a_search_is_shown_after_it() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    terminal.say("find me");
    terminal.say("another line");
    terminal.press(CTRL_R);
    terminal.press("nd m");
    terminal.wait_for("(reverse-i-search)`nd m': find me");
    for n in 0..200 {
        bruno.send(&format!("line {n}"));
    }
    bruno.sync();
    // Ctrl-E takes the line, to go on with it.
    terminal.press("\x05");
    terminal.wait_for("<bruno> line 199");
    terminal.wait_for_input("find me");
    let rows = terminal.rows();
    let mut shown = rows
        .iter()
        .filter_map(|row| row.split_once("<bruno> line "));
    let numbers: Vec<usize> = shown.by_ref().map(|(_, n)| n.parse().unwrap()).collect();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
    terminal.press("\r");
    bruno.wait_for("MSG ana find me");
}

#[test]
fn a_search_that_finds_nothing_says_so_and_sends_nothing() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    terminal.say("said before");
    bruno.expect("MSG ana said before");
    terminal.type_in("half");
    // Found, and then no longer; or the oldest was the last.
    for (keys, wanted) in [("be", "be"), ("bex", "bex"), ("be\x12", "be")] {
        terminal.press(&format!("{CTRL_R}{keys}"));
        if keys == "be" {
            terminal.wait_for("(reverse-i-search)`be': said before");
            terminal.press("\x07");
            terminal.wait_for_input("half");
            continue;
        }
        terminal.wait_for_last_rows(&format!("(failed reverse-i-search)`{wanted}': half"));
        terminal.press("\r");
        terminal.wait_for_input("half");
        assert_eq!(bruno.sync(), [""; 0]);
    }
    // With a character less it is found again.
    terminal.press(&format!("{CTRL_R}bex\x7f\r"));
    bruno.expect("MSG ana said before");

    let server = Server::start(&[]);
    let mut command = client_of(server.address, &["--lang", "pt"]);
    command.envs([XTERM]);
    let terminal = Terminal::start(command, 24, 80);
    terminal.wait_for("nome");
    terminal.press(&format!("{CTRL_R}x"));
    terminal.wait_for_last_rows("(busca para trás falhou)`x': ");
}

#[test]
fn a_paste_of_several_lines_says_each_in_order() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    let lines: Vec<_> = (0..100).map(|n| format!("  pasted {n} ção 👋")).collect();
    // Nothing is said before Enter is pressed, and what was typed before the paste is kept.
    terminal.type_in("first ");
    terminal.press(&format!("{PASTE}{}{PASTE_END}", lines.join("\n")));
    terminal.wait_for("pasted 99");
    assert_eq!(bruno.sync(), [""; 0]);
    terminal.press("\r");
    bruno.expect(&format!("MSG ana first {}", lines[0]));
    for line in &lines[1..] {
        bruno.expect(&format!("MSG ana {line}"));
    }
    terminal.wait_for_input("");
    // As terminals send it, and with the last line ended.
    terminal.press(&format!("{PASTE}a\rb\r\n\r\nc\r{PASTE_END}\r"));
    for line in ["a", "b", "c"] {
        bruno.expect(&format!("MSG ana {line}"));
    }
}

#[test]
fn lines_typed_ahead_or_pasted_without_brackets_are_all_said() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    let lines: Vec<_> = (0..50).map(|n| format!("line {n}")).collect();
    terminal.press(&(lines.join("\r") + "\r"));
    for line in lines {
        bruno.expect(&format!("MSG ana {line}"));
    }
}

#[test]
fn a_half_finished_paste_holds_nothing_up_for_good() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    terminal.press(&format!("{PASTE}one\rtw"));
    for n in 0..50 {
        bruno.send(&format!("line {n}"));
    }
    bruno.sync();
    terminal.press(&format!("o{PASTE_END}"));
    terminal.wait_for("<bruno> line 49");
    terminal.press("\r");
    bruno.expect("MSG ana one");
    bruno.expect("MSG ana two");
}

#[test]
fn bytes_that_are_no_text_are_told_and_end_nothing() {
    let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
    terminal.type_in("caf");
    terminal.press_bytes(b"\xe9 latin");
    terminal.wait_for("not UTF-8");
    terminal.press(&format!("{CTRL_U}still here\r"));
    bruno.expect("MSG ana still here");
}

#[test]
fn a_resize_ends_nothing_whatever_key_was_pressed_before() {
    // A quoted key, an escape, a completion, a search, an argument.
    for keys in ["half\x16", "half\x1b", "/msg b\t", "half\x12x", "half\x1b3"] {
        let (_server, terminal, mut bruno) = ana_and_bruno(&[]);
        terminal.press(keys);
        terminal.wait_until("the keys", |screen| {
            let contents = screen.contents();
            contents.contains("half") || contents.contains("/msg b")
        });
        let pid = terminal.child.id();
        let slept = || proc_status(pid, "voluntary_ctxt_switches");
        let before = slept();
        terminal.resize(30, 100);
        wait_until("it has noticed, and waits again", || slept() > before);
        // Out of whatever it was, to an empty line.
        terminal.press(&format!("\x07{CTRL_U}still here\r"));
        let is_ours =
            |line: &String| line.starts_with("MSG ana ") || line.starts_with("LEAVE ana ");
        let heard = std::iter::from_fn(|| bruno.line()).find(is_ours);
        let heard = heard.unwrap_or_default();
        assert_eq!(heard, "MSG ana still here", "after {keys:?}");
    }
}

#[test]
fn a_mistyped_command_is_told_at_once_and_not_sent() {
    let impostor = Impostor::listen();
    let mut command = client_of(impostor.address, &["--username", "ana"]);
    command.envs([XTERM]);
    let terminal = Terminal::start(command, 24, 80);
    let mut peer = impostor.welcome("ana");
    peer.expect("/quem");
    terminal.wait_for_input("");
    terminal.say("/mgs bruno oi");
    terminal.wait_for("!! /mgs is not a command; did you mean /msg?");
    terminal.say("/ajuda");
    terminal.wait_for("-- /msg NAME TEXT");
    terminal.say("hello");
    peer.expect("hello");
}

#[test]
fn names_that_are_not_listed_still_count_for_what_is_completed() {
    let (server, terminal, _bruno) = ana_and_bruno(&[]);
    let names = (0..10).map(|n| format!("maria{n}"));
    let names: Vec<_> = ["mario".to_owned()].into_iter().chain(names).collect();
    let _people: Vec<_> = names
        .iter()
        .map(|name| join(&server, &terminal, name))
        .collect();
    terminal.press("ma\t");
    terminal.wait_for_input("mari");
    terminal.press("\t");
    terminal.wait_for("…");
    terminal.wait_for_input("mari");
}

/// A client in a terminal that asks for a name.
#[track_caller]
fn at_the_door(server: &Server) -> Terminal {
    let mut command = client_of(server.address, &[]);
    command.envs([XTERM]);
    let terminal = Terminal::start(command, 24, 80);
    terminal.wait_for_last_rows("Your name: ");
    terminal
}

#[test]
fn what_is_pasted_behind_the_name_is_said() {
    let server = Server::start(&[]);
    let mut bruno = server.join("bruno");
    let terminal = at_the_door(&server);
    terminal.press(&format!(
        "{PASTE} ana \rhello\r\rhow are you?\r{PASTE_END}\r"
    ));
    for event in ["JOIN ana", "MSG ana hello", "MSG ana how are you?"] {
        bruno.expect(event);
    }
    // The name was not said: it does not come back as they do.
    terminal.wait_for_input("");
    terminal.press(&UP.repeat(3));
    terminal.type_in_after("hello", "!");
}

#[test]
fn what_is_pasted_behind_a_name_that_is_refused_is_said_under_the_next() {
    let server = Server::start(&[]);
    let mut bruno = server.join("bruno");
    // Refused by the server, or before; or no name at all.
    for first in ["bruno", "-", "/quem"] {
        let mut terminal = at_the_door(&server);
        terminal.press(&format!("{PASTE}{first}\rhello{PASTE_END}\r"));
        terminal.wait_for_last_rows("Your name: ");
        terminal.press(&format!("{PASTE}ana\rhow are you?{PASTE_END}\r"));
        for event in ["JOIN ana", "MSG ana hello", "MSG ana how are you?"] {
            bruno.expect(event);
        }
        terminal.press("/SAIR\r");
        assert_eq!(terminal.finish(), Some(0), "(left: came)");
        bruno.expect("LEAVE ana quit");
    }
}

#[test]
fn what_is_pasted_behind_the_name_comes_back_with_up() {
    let server = Server::start(&[]);
    let mut bruno = server.join("bruno");
    let terminal = at_the_door(&server);
    let line = "x".repeat(4096);
    terminal.press(&format!("{PASTE}ana\rhello\r{line}y{PASTE_END}\r"));
    terminal.wait_for("more than 4096 bytes");
    terminal.wait_for_input("");
    // Without its last character it can be sent.
    terminal.press(&format!("{UP}\x08\r"));
    for event in ["JOIN ana", "MSG ana hello", &format!("MSG ana {line}")] {
        bruno.expect(event);
    }
}
