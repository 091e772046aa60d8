//! A cable that is out for a while. `CHAT_OUTAGE=20 cargo test --test chat coming_back::cable` leaves it
//! out for so many seconds, with a server as it is by itself.

use std::env;
use std::thread;
use std::time::Duration;

use crate::support::client::client_of;
use crate::support::network::Network;
use crate::support::terminal::{Terminal, XTERM};
use crate::support::{Process, wait_until};
use nix::sys::signal::Signal;

#[test]
fn a_cable_that_is_out_for_a_while_costs_nobody_a_line_and_the_room_sees_no_hiccup() {
    let Some(network) = Network::new() else {
        return;
    };
    let outage = env::var("CHAT_OUTAGE").ok().map(|seconds| seconds.parse());
    let (outage, flags): (u64, &[&str]) = match outage {
        Some(seconds) => (seconds.unwrap(), &[]),
        None => (4, &["--keepalive", "3"]),
    };
    let server = network.server(true, flags);
    let bia = network.client(0, server.address, "bia");
    let watcher = network.client(0, server.address, "watcher");
    let flags = ["--username", "ana", "--reconnect", "60"];
    let ana = Process::spawn(&mut network.on(1, &client_of(server.address, &flags)));
    ana.stdout.wait_for("Hello, ana");
    watcher.stdout.wait_for("ana joined");

    network.cut(1);
    let mut talkers = [("ana", ana), ("bia", bia)];
    for n in 0..100 {
        for (name, process) in &mut talkers {
            process.send(&format!("{name} says {n}"));
        }
    }
    // The outage itself is what is tested.
    thread::sleep(Duration::from_secs(outage));
    network.mend(1);

    let said_by = |name: &str, shown: &str| -> Vec<String> {
        let start = format!("<{name}> ");
        let said = shown.lines().filter_map(|line| line.strip_prefix(&start));
        said.map(str::to_owned).collect()
    };
    let all_of =
        |name: &str| -> Vec<String> { (0..100).map(|n| format!("{name} says {n}")).collect() };
    let [(_, ana), (_, bia)] = &talkers;
    let hearers: [(&Process, &[&str]); 3] = [
        (ana, &["bia"]),
        (bia, &["ana"]),
        (&watcher, &["ana", "bia"]),
    ];
    let heard = hearers
        .iter()
        .flat_map(|(hears, names)| names.iter().map(move |name| (hears, name)));
    for (hears, name) in heard {
        let last = format!("<{name}> {name} says 99\n");
        wait_until(&last, || hears.stdout.so_far().contains(&last));
        let came = said_by(name, &hears.stdout.so_far());
        assert_eq!(came, all_of(name), "(left: came)");
    }
    let order = |process: &Process| -> Vec<String> {
        let shown = process.stdout.so_far();
        let lines = shown.lines().filter(|line| line.contains(" says "));
        lines.map(str::to_owned).collect()
    };
    let heard_by_all = order(&watcher);
    for (process, own) in [(ana, "<ana>"), (bia, "<bia>")] {
        let others: Vec<_> = heard_by_all
            .iter()
            .filter(|line| !line.starts_with(own))
            .collect();
        assert_eq!(order(process).iter().collect::<Vec<_>>(), others);
    }
    let shown = watcher.stdout.so_far();
    let (_, since) = shown.split_once("ana joined").unwrap();
    assert!(
        !since.contains("left") && !since.contains("joined"),
        "{since}"
    );
}

#[test]
fn who_has_no_cable_is_told_and_goes_on_typing_or_leaves() {
    let Some(network) = Network::new() else {
        return;
    };
    let server = network.server(true, &["--keepalive", "3", "--hold", "120"]);
    let flags = ["--username", "carla", "--reconnect", "120"];
    let mut carla = Process::spawn(&mut network.on(1, &client_of(server.address, &flags)));
    carla.stdout.wait_for("Hello, carla");
    let mut bia = network.client(0, server.address, "bia");
    let mut ana = client_of(server.address, &["--username", "ana"]);
    let ana = Terminal::start(network.on(1, ana.envs([XTERM])), 24, 80);
    ana.wait_for("here (3)");
    bia.stdout.wait_for("ana joined");

    network.cut(1);
    for n in 0..100 {
        bia.send(&format!("theirs {n}"));
        ana.press(&format!("mine {n}\r"));
    }
    ana.press("half");
    // The server has noticed long before.
    ana.wait_for("trying again, Ctrl-C gives up.");
    // Nobody answers who connects; that holds up no end.
    carla.wait_for("trying again");
    carla.signal(Signal::SIGINT);
    assert_eq!(carla.finish(), Some(0), "(left: came)");

    network.mend(1);
    bia.stdout.wait_for("<ana> mine 99");
    ana.wait_for("<bia> theirs 99");
    ana.wait_for_input("half");
    let heard = bia.stdout.so_far();
    let heard = heard.lines().filter(|line| line.contains("ana"));
    let mine = (0..100).map(|n| format!("<ana> mine {n}"));
    let expected: Vec<String> = ["--> ana joined".to_owned()]
        .into_iter()
        .chain(mine)
        .collect();
    assert_eq!(heard.collect::<Vec<_>>(), expected, "(left: came)");
    let rows = ana.rows();
    let theirs = rows.iter().filter_map(|row| row.split_once("<bia> "));
    let theirs: Vec<&str> = theirs.map(|(_, text)| text).collect();
    let expected: Vec<String> = (0..100).map(|n| format!("theirs {n}")).collect();
    assert_eq!(theirs, expected, "(left: came)");
}
