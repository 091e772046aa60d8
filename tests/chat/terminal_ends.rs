//! However a session in a terminal ends, and in whatever state: at once, with the right exit
//! status and the reason in words, and the terminal is given back as it was.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::client::{Impostor, client_of};
use crate::support::terminal::{Terminal, XTERM};
use crate::support::{Dice, Peer, Server, behind, wait_until, wait_until_asleep};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use vt100::Screen;

/// What may be going on when the end comes.
#[derive(Debug, Clone, Copy)]
enum State {
    AtTheDoor,
    NameGiven,
    NothingTyped,
    HalfTyped,
    TallDraft,
    CompletionList,
    HistorySearch,
    HalfAKey,
    UnfinishedPaste,
}

use State::*;

const STATES: [State; 9] = [
    AtTheDoor,
    NameGiven,
    NothingTyped,
    HalfTyped,
    TallDraft,
    CompletionList,
    HistorySearch,
    HalfAKey,
    UnfinishedPaste,
];

/// What may bring the end.
#[derive(Debug, Clone, Copy)]
enum End {
    Quit,
    CtrlC,
    CtrlD,
    Signal(Signal),
    Shutdown,
    Closed,
    Reset,
}

const ENDS: [End; 9] = [
    End::Quit,
    End::CtrlC,
    End::CtrlD,
    End::Signal(Signal::SIGINT),
    End::Signal(Signal::SIGTERM),
    End::Signal(Signal::SIGHUP),
    End::Shutdown,
    End::Closed,
    End::Reset,
];

/// Brings a client of the test into `state`.
#[track_caller]
fn bring_into(state: State) -> (Terminal, Peer) {
    let impostor = Impostor::listen();
    let mut command = client_of(impostor.address, &[]);
    command.envs([XTERM]);
    if let AtTheDoor = state {
        let terminal = Terminal::start(command, 24, 80);
        let mut peer = impostor.accept();
        peer.send("<USERNAME>");
        terminal.wait_for_last_rows("Your name: ");
        return (terminal, peer);
    }
    command.args(["--username", "ana"]);
    let terminal = Terminal::start(command, 24, 80);
    if let NameGiven = state {
        let mut peer = impostor.accept();
        peer.send("<USERNAME>");
        peer.expect_name("ana");
        return (terminal, peer);
    }
    let mut peer = impostor.welcome("ana");
    peer.expect("/quem");
    terminal.wait_for("Hello, ana");
    terminal.wait_for_input("");
    match state {
        AtTheDoor | NameGiven | NothingTyped => {}
        TallDraft => {
            terminal.press(&"word ".repeat(600));
            terminal.press("end");
            terminal.wait_for("word end");
        }
        HalfAKey => {
            terminal.type_in("half");
            terminal.press("\x1b[1;");
        }
        HalfTyped => terminal.type_in("half a li"),
        CompletionList => {
            terminal.press("/m\t");
            terminal.wait_for("/msg");
        }
        HistorySearch => {
            terminal.say("find me");
            peer.expect("find me");
            terminal.press("\x12fi");
            terminal.wait_for("(reverse-i-search)`fi'");
        }
        UnfinishedPaste => {
            terminal.press("\x1b[200~one\rtwo");
            terminal.wait_for("2 lines");
        }
    }
    (terminal, peer)
}

impl End {
    /// Whether it can come in that state.
    fn can_come_in(self, state: State) -> bool {
        match self {
            End::Quit | End::CtrlD => matches!(state, AtTheDoor | NothingTyped),
            _ => true,
        }
    }

    /// Brings it.
    fn come(self, terminal: &Terminal, mut peer: Peer) {
        match self {
            End::Quit => terminal.press("/SAIR\r"),
            End::CtrlC => terminal.press("\x03"),
            End::CtrlD => terminal.press("\x04"),
            End::Signal(signal) => terminal.signal(signal),
            End::Shutdown => return peer.send("BYE shutdown"),
            End::Closed => return drop(peer),
            End::Reset => return peer.reset(),
        }
        peer.expect("/SAIR");
        peer.send("BYE quit");
    }

    /// The exit status, and what is said.
    fn outcome(self) -> (i32, Option<&'static str>) {
        match self {
            End::Shutdown => (1, Some("was shut down.")),
            End::Closed => (1, Some("closed the connection.")),
            End::Reset => (1, Some("was lost")),
            _ => (0, None),
        }
    }
}

/// Waits for the end, and holds it to what it promises.
#[track_caller]
fn expect_end(mut terminal: Terminal, end: End, what: &str) {
    let code = terminal.finish();
    let (contents, column) = terminal.look(|s| (s.contents(), s.cursor_position().1));
    let (expected, words) = end.outcome();
    assert_eq!(code, Some(expected), "{what}\n{contents}");
    // Whatever comes next on this terminal begins on a row of its own.
    assert_eq!(column, 0, "{what}\n{contents}");
    let last = contents.trim_end().lines().last().unwrap_or_default();
    match words {
        Some(words) => {
            // Keys that come when the terminal is given back already stand before it.
            let row = terminal
                .rows()
                .into_iter()
                .rev()
                .find(|row| row.contains("The "));
            let row = row.unwrap_or_else(|| panic!("no reason in words, {what}\n{contents}"));
            assert!(
                contents.contains(words),
                "expected: {words}, {what}\n    came: {row}"
            );
        }
        None => assert!(
            !last.starts_with("The "),
            "nothing to say, {what}\n{contents}"
        ),
    }
    for jargon in ["os error", "panicked", "Err("] {
        assert!(!contents.contains(jargon), "{what}\n{contents}");
    }
}

#[test]
fn every_end_in_every_state_gives_the_terminal_back() {
    for state in STATES {
        for end in ENDS.into_iter().filter(|end| end.can_come_in(state)) {
            let (terminal, peer) = bring_into(state);
            end.come(&terminal, peer);
            expect_end(terminal, end, &format!("{end:?} in {state:?}"));
        }
    }
}

/// How many random endings are tried; `CHAT_ENDINGS` for a longer run.
fn endings() -> usize {
    std::env::var("CHAT_ENDINGS").map_or(200, |endings| endings.parse().expect("a number"))
}

#[test]
fn hundreds_of_random_endings_leave_nothing_behind() {
    let mut dice = Dice::new(0x5eed);
    let started = Instant::now();
    let mut times = Vec::new();
    for step in 0..endings() {
        let state = STATES[dice.roll(STATES.len())];
        let end = ENDS[dice.roll(ENDS.len())];
        if !end.can_come_in(state) {
            continue;
        }
        let (terminal, mut peer) = bring_into(state);
        // People talk right up to the end, and keys may come along with it.
        let burst = dice.roll(3) * dice.roll(50);
        let lines = (0..burst).map(|n| format!("MSG bruno line {n}\n"));
        peer.send_bytes(lines.collect::<String>().as_bytes());
        let keys = ["", "x", "ção", "\x1b[D", "李", "\x0c"][dice.roll(6)];
        // Where nobody reads them yet, the kernel would show them behind the end.
        if end.outcome().0 == 1 && !matches!(state, NameGiven) {
            terminal.press(keys);
        }
        let before = Instant::now();
        end.come(&terminal, peer);
        let what = format!("step {step}: {end:?} in {state:?}, {burst} lines, keys {keys:?}");
        expect_end(terminal, end, &what);
        times.push(before.elapsed());
        let is_long_run = std::env::var_os("CHAT_ENDINGS").is_some();
        if !is_long_run && started.elapsed() > Duration::from_secs(30) {
            break;
        }
    }
    times.sort();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "{} endings, median {median:?}, longest {longest:?}",
        times.len()
    );
    // What is promised is measured with nothing beside it.
    let most = match std::env::var_os("CHAT_ENDINGS") {
        Some(_) => (Duration::from_millis(20), Duration::from_millis(100)),
        None => (Duration::from_millis(100), Duration::from_secs(1)),
    };
    let came = (median, longest);
    assert!(
        median < most.0 && longest < most.1,
        "expected: less than {most:?} (median, longest)\n    came: {came:?}"
    );
}

#[test]
fn what_came_before_the_end_is_shown_before_the_reason() {
    for _ in 0..30 {
        for state in [NothingTyped, HalfTyped, HistorySearch] {
            let (mut terminal, mut peer) = bring_into(state);
            peer.send("MSG bruno last words\nBYE shutdown");
            assert_eq!(terminal.finish(), Some(1));
            let contents = terminal.look(Screen::contents);
            let words = contents.find("<bruno> last words");
            assert!(
                words.is_some() && words < contents.find("was shut down"),
                "expected: the last words, and behind them the reason\n    came: in {state:?}\n{contents}"
            );
        }
    }
}

#[test]
fn a_server_that_ends_is_told_as_such() {
    for (signal, words) in [
        (Signal::SIGTERM, "was shut down."),
        (Signal::SIGKILL, "closed the connection."),
    ] {
        let server = Server::start(&[]);
        let mut terminal = Terminal::enter(&server, &["--reconnect", "0"]);
        terminal.type_in("half a li");
        server.process.signal(signal);
        assert_eq!(terminal.finish(), Some(1));
        let rows = terminal.rows();
        let [.., typed, told] = &rows[..] else {
            panic!("{rows:#?}")
        };
        assert_eq!(typed, "ana> half a li");
        assert_eq!(told, &format!("The server {} {words}", server.address));
    }
}

#[test]
fn everybody_sees_that_one_has_left_on_purpose() {
    let server = Server::start(&[]);
    let mut bruno = server.join("bruno");
    for end in [
        End::Quit,
        End::CtrlC,
        End::CtrlD,
        End::Signal(Signal::SIGTERM),
        End::Signal(Signal::SIGHUP),
    ] {
        let mut terminal = Terminal::enter(&server, &[]);
        match end {
            End::Quit => terminal.press("/SAIR\r"),
            End::CtrlC => terminal.press("half\x03"),
            End::CtrlD => terminal.press("\x04"),
            End::Signal(signal) => terminal.signal(signal),
            _ => unreachable!(),
        }
        assert_eq!(terminal.finish(), Some(0), "{end:?}");
        bruno.expect("JOIN ana");
        bruno.expect("LEAVE ana quit");
    }
}

#[test]
fn ctrl_d_in_a_line_takes_a_character_and_does_not_leave() {
    let server = Server::start(&[]);
    let mut bruno = server.join("bruno");
    let terminal = Terminal::enter(&server, &[]);
    terminal.type_in("halff");
    terminal.press("\x02\x04");
    terminal.wait_for_input("half");
    terminal.press("\x04\r");
    bruno.expect("JOIN ana");
    bruno.expect("MSG ana half");
}

#[test]
fn a_terminal_that_is_closed_ends_the_session() {
    let server = Server::start(&[]);
    let mut bruno = server.join("bruno");
    let client = client_of(server.address, &["--username", "ana"]);
    let mut shell = Command::new("/bin/sh");
    // The shell owns the terminal; when it dies the kernel hangs up.
    shell.args(["-c", "\"$@\"; :", "sh"]).envs([XTERM]);
    shell.env("CHAT_LANG", "en");
    shell.arg(client.get_program()).args(client.get_args());
    let terminal = Terminal::start(shell, 24, 80);
    terminal.wait_for("Hello, ana");
    terminal.wait_for_input("");
    bruno.expect("JOIN ana");
    let id = terminal.child.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    terminal.signal(Signal::SIGKILL);
    bruno.expect("LEAVE ana quit");
    let stat = format!("/proc/{}/stat", children.trim());
    wait_until("the client has ended", || {
        fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
    });
}

#[test]
fn a_terminal_that_stands_still_holds_no_end_up() {
    let server = Server::start(&[]);
    let mut bruno = server.join("bruno");
    // Nobody reads what it is sent, as when a connection to it stalls.
    let (pty, pts) = pty_process::blocking::open().unwrap();
    pty.resize(pty_process::Size::new(24, 80)).unwrap();
    let mut client = client_of(server.address, &["--username", "ana"]);
    client.envs([XTERM]);
    let mut command = pty_process::blocking::Command::from(client);
    let mut client = command.spawn_borrowed(&pts).unwrap();
    bruno.expect("JOIN ana");
    let line = "x".repeat(1_000);
    (0..200).for_each(|_| bruno.send(&line));
    // The editor writes until nothing fits any more, and then does nothing at all.
    wait_until_asleep(client.id());
    kill(Pid::from_raw(client.id() as i32), Signal::SIGTERM).unwrap();
    bruno.expect("LEAVE ana quit");
    wait_until("it has ended", || client.try_wait().unwrap().is_some());
    assert_eq!(client.wait().unwrap().code(), Some(0), "(left: came)");
}

#[test]
fn ctrl_z_and_fg_work_as_in_every_program() {
    let server = Server::start(&[]);
    let mut bruno = server.join("bruno");
    let client = client_of(server.address, &["--username", "ana"]);
    let mut shell = Command::new("/bin/sh");
    shell.arg("-i").env_clear().envs([XTERM]);
    shell.env("PS1", "shell$ ").env("CHAT_LANG", "en");
    let terminal = Terminal::start(shell, 24, 80);
    terminal.wait_for_last_rows("shell$ ");
    let words = [client.get_program()].into_iter().chain(client.get_args());
    let words: Vec<_> = words.map(|word| word.to_str().unwrap()).collect();
    terminal.press(&format!("clear; {}\r", words.join(" ")));
    terminal.wait_for("Hello, ana");
    terminal.wait_for_input("");
    bruno.expect("JOIN ana");
    for round in 0..3 {
        terminal.type_in("half");
        terminal.press("\x1a");
        terminal.wait_for("Stopped");
        terminal.wait_for_last_rows("shell$ ");
        // The shell has a terminal in its right mind.
        terminal.press(&format!("clear; echo $((6 * 7)) {round}\r"));
        terminal.wait_until("the shell works", |screen| {
            screen.contents() == format!("42 {round}\nshell$ ")
        });
        bruno.send(&format!("are you there? {round}"));
        terminal.press("fg\r");
        terminal.wait_for(&format!("<bruno> are you there? {round}"));
        terminal.wait_for_input("half");
        terminal.press(" a line\r");
        bruno.expect("MSG ana half a line");
        terminal.wait_for_input("");
        terminal.press("\x0c");
    }
    terminal.press("/SAIR\r");
    terminal.wait_for_last_rows("shell$ ");
    bruno.expect("LEAVE ana quit");
}

#[test]
fn a_pipe_on_either_side_means_plain_lines() {
    let server = Server::start(&[]);
    let mut bruno = server.join("bruno");
    let client = client_of(server.address, &["--username", "ana"]);
    for script in ["\"$@\" | cat", "{ echo hello; cat; } | \"$@\""] {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script, "sh"]).env("CHAT_LANG", "en");
        shell
            .env("TERM", "xterm-256color")
            .env_remove("CLICOLOR_FORCE");
        shell.arg(client.get_program()).args(client.get_args());
        let mut terminal = Terminal::start(shell, 24, 80);
        terminal.wait_for("Hello, ana");
        bruno.expect("JOIN ana");
        if script.starts_with('{') {
            bruno.expect("MSG ana hello");
        }
        terminal.press("over here\r");
        bruno.expect("MSG ana over here");
        bruno.send("hello ana");
        terminal.wait_for("<bruno> hello ana");
        terminal.press("\x04");
        assert_eq!(terminal.finish(), Some(0));
        bruno.expect("LEAVE ana quit");
        let shown = String::from_utf8_lossy(&terminal.bytes()).into_owned();
        assert!(
            !shown.contains("\u{1b}[K") && !shown.contains("ana> "),
            "{shown:?}"
        );
    }
}

#[test]
fn whichever_descriptor_there_is_none_left_for_the_terminal_is_given_back() {
    let server = Server::start(&[]);
    for limit in 3.. {
        let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        let client = client_of(server.address, &["--username", "ana"]);
        let mut command = behind(&["sh", "-c", &script], &client);
        command.envs([XTERM]);
        let mut terminal = Terminal::start(command, 24, 80);
        let is_in = |screen: &Screen| screen.contents().contains("Hello, ana");
        wait_until("it has ended or come in", || {
            terminal.look(is_in) || terminal.child.try_wait().unwrap().is_some()
        });
        let comes_in = terminal.look(is_in);
        if comes_in {
            terminal.press("/SAIR\r");
        }
        let code = terminal.finish();
        if comes_in {
            assert_eq!(code, Some(0), "with {limit} (left: came)");
            return;
        }
        assert_ne!(code, Some(0), "with {limit} (left: came)");
    }
}
