//! The same with the real server, and a proxy that breaks the connection to it.

use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::client::client_of;
use crate::support::proxy::{Break, Cut, Proxy, Way};
use crate::support::terminal::{Terminal, XTERM};
use crate::support::{Process, Server, wait_until};
use nix::sys::signal::Signal;

/// `ana` in a terminal, through `proxy`.
#[track_caller]
fn ana_through(proxy: &Proxy) -> Terminal {
    let mut command = client_of(proxy.address, &["--username", "ana"]);
    command.envs([XTERM]);
    let terminal = Terminal::start(command, 24, 80);
    terminal.wait_for("here (");
    terminal.wait_for_input("");
    terminal
}

#[test]
fn both_sides_have_every_line_once_and_in_order_and_the_room_sees_no_hiccup() {
    let server = Server::start(&[]);
    let mut bruno = server.join("bruno");
    for by in [Break::Fin, Break::Reset, Break::Silence] {
        let proxy = Proxy::before(server.address, &[]);
        let mut terminal = ana_through(&proxy);
        bruno.expect("JOIN ana");
        let mut said = 0;
        for round in 1..=3 {
            terminal.say(&format!("mine {said}"));
            bruno.expect(&format!("MSG ana mine {said}"));
            said += 1;
            proxy.break_all(by);
            // Nobody notices silence for a while: what is said then gets lost on the way.
            for n in said..said + 3 {
                terminal.press(&format!("mine {n}\r"));
                bruno.send(&format!("theirs {n}"));
                bruno.send(&format!("/msg ana psst {n}"));
            }
            terminal.press("half");
            terminal.wait_for_input("half");
            if by == Break::Silence {
                proxy.break_all(Break::Reset);
            }
            let heard = std::iter::from_fn(|| bruno.line()).take(6);
            let (receipts, public): (Vec<_>, Vec<_>) =
                heard.partition(|line| line.starts_with("PRIV "));
            let each = |words: &str| [0, 1, 2].map(|n| format!("{words} {}", said + n));
            assert_eq!(receipts, each("PRIV bruno ana psst"), "(left: came)");
            assert_eq!(public, each("MSG ana mine"), "(left: came)");
            said += 3;
            terminal.wait_for(&format!("[bruno -> ana] psst {}", said - 1));
            terminal.wait_for_input("half");
            terminal.press("\x15");
            terminal.wait_for_input("");
            let rows = terminal.rows();
            let count = |words: &str| rows.iter().filter(|row| row.ends_with(words)).count();
            for n in (1..said).filter(|n| n % 4 != 0) {
                for line in [
                    format!("<bruno> theirs {n}"),
                    format!("[bruno -> ana] psst {n}"),
                    format!("<ana> mine {n}"),
                ] {
                    assert_eq!(count(&line), 1, "{line} by {by:?} (left: came)\n{rows:#?}");
                }
            }
            let told = rows.iter().filter(|row| row.contains("-- Back after"));
            assert_eq!(told.count(), round, "by {by:?} (left: came)\n{rows:#?}");
        }
        terminal.press("/SAIR\r");
        assert_eq!(terminal.finish(), Some(0), "(left: came)");
        bruno.expect("LEAVE ana quit");
    }
}

#[test]
fn wherever_the_connection_of_a_pipe_breaks_each_line_is_said_once_and_in_order() {
    let server = Server::start(&["--history", "0"]);
    let ways = [(Way::ToServer, 40), (Way::ToClient, 260)];
    let cuts = ways.into_iter().flat_map(|(way, bytes)| {
        let kinds = [Break::Fin, Break::Reset].into_iter();
        kinds.flat_map(move |by| (0..bytes).map(move |after| Cut { way, after, by }))
    });
    let cuts: Mutex<VecDeque<(usize, Cut)>> = Mutex::new(cuts.enumerate().collect());
    let returns = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let next = || cuts.lock().unwrap().pop_front();
                while let Some((number, cut)) = next() {
                    let came_back = say_three(&server, &format!("p{number:03}"), cut);
                    returns.fetch_add(came_back.into(), Ordering::Relaxed);
                }
            });
        }
    });
    let returns = returns.into_inner();
    assert!(
        returns > 50,
        "expected: many that come back\n    came: {returns}"
    );
}

/// Says three lines from a pipe as `name`, while the connection breaks as `cut` says; returns whether
/// it came back.
#[track_caller]
fn say_three(server: &Server, name: &str, cut: Cut) -> bool {
    let mut witness = server.join(&format!("w{name}"));
    let proxy = Proxy::before(server.address, &[cut]);
    let flags = ["--username", name, "--reconnect", "30"];
    let mut process = Process::spawn(&mut client_of(proxy.address, &flags));
    let mut input = process.child.stdin.take().unwrap();
    // It fails when the client has ended at the door already.
    let _ = input.write_all(b"one\ntwo\nthree\n");
    drop(input);
    let code = process.finish();
    let heard: Vec<String> = {
        let said = |line: &String| line.starts_with(&format!("MSG {name} "));
        witness.sync().into_iter().filter(said).collect()
    };
    let all = ["one", "two", "three"].map(|line| format!("MSG {name} {line}"));
    match code {
        Some(0) => assert_eq!(heard, all, "{cut:?} (left: came)"),
        // Who is not let in, or is told of no session, ends with the connection.
        _ => {
            let is_in = process.stderr.so_far().contains("trying again");
            assert!(code == Some(1) && !is_in, "{cut:?}: {code:?}");
            assert_eq!(heard, all[..heard.len()], "{cut:?} (left: came)");
        }
    }
    witness.quit();
    process.stdout.so_far().contains("Back after")
}

#[test]
fn after_a_restart_of_the_server_one_comes_in_anew_and_is_told_what_may_be_lost() {
    let server = Server::start(&[]);
    let address = server.address;
    let mut witness = server.join("bruno");
    let terminal = Terminal::enter(&server, &[]);
    terminal.say("before");
    witness.wait_for("MSG ana before");
    // What is shown next comes behind what tells that this was counted.
    witness.send("heard");
    terminal.wait_for("<bruno> heard");
    // A stopped server takes what it is sent, and does nothing with it.
    server.process.signal(Signal::SIGSTOP);
    wait_until("each of its threads has stopped", || {
        let threads = fs::read_dir(format!("/proc/{}/task", server.process.pid())).unwrap();
        let mut states =
            threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("stat")));
        states.all(|state| state.unwrap().contains(") T "))
    });
    terminal.say("lost on the way");
    wait_until("it has been sent", || has_unread(address.port()));
    server.process.signal(Signal::SIGKILL);
    drop(server);
    terminal.wait_for("trying again, Ctrl-C gives up.");
    terminal.say("typed meanwhile");
    let server = Server::start(&["--bind", &address.to_string()]);
    let mut witness = server.join("bruno");
    terminal.wait_for("as a newcomer");
    terminal.wait_for("-- lost on the way");
    terminal.wait_for_input("");
    terminal.say("after");
    let heard = witness.wait_for("MSG ana after");
    assert!(!heard.iter().any(|line| line.contains("lost")), "{heard:?}");
}

/// Whether something has come to this port of this machine that nobody has read yet.
fn has_unread(port: u16) -> bool {
    let sockets = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let local = format!(":{port:04X}");
    sockets.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // The state of an open connection, and what waits to be sent and to be read.
        fields[1].ends_with(&local) && fields[3] == "01" && !fields[4].ends_with(":00000000")
    })
}
