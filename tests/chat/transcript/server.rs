//! The transcript of a running server, and what newcomers are told from it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use chat::protocol::Stamp;
use jiff::Timestamp;
use nix::sys::signal::Signal;

use super::Place;
use crate::support::{Dice, Peer, Process, Server, Setup, behind, is_root, skip};

impl Place {
    fn setup(&self) -> Setup {
        let folder = self.0.to_str().unwrap();
        Server::with(&["--state-dir", folder, "--transcript", "--history", "20"])
    }

    #[track_caller]
    fn server(&self) -> Server {
        self.setup().start()
    }

    /// Its whole lines, without their stamps.
    fn events(&self) -> Vec<String> {
        let text = self.text();
        let lines = text.split_inclusive('\n');
        let whole = lines.filter_map(|line| line.strip_suffix('\n'));
        whole.map(|line| event(line).to_owned()).collect()
    }

    /// What newcomers are to be told.
    fn last_said(&self) -> Vec<String> {
        let events = self.events().into_iter();
        let said: Vec<_> = events.filter(|event| event.starts_with("MSG ")).collect();
        said[said.len().saturating_sub(20)..].to_vec()
    }
}

/// What stands behind the stamp of `line`.
#[track_caller]
fn event(line: &str) -> &str {
    let (stamp, event) = Stamp::split(line);
    assert!(stamp.is_some(), "no stamp: {line:?}");
    event
}

/// What a newcomer to `server` is told of the past.
#[track_caller]
fn past(server: &Server) -> Vec<String> {
    let mut newcomer = server.join("newcomer");
    let told = newcomer.sync();
    newcomer.quit();
    told.iter().map(|line| event(line).to_owned()).collect()
}

/// Says `count` lines as `ana`; returns them as all others hear them.
fn say(ana: &mut Peer, count: usize) -> Vec<String> {
    let lines: Vec<_> = (0..count).map(|n| format!("line {n}")).collect();
    ana.send(&lines.join("\n"));
    ana.sync();
    lines.iter().map(|line| format!("MSG ana {line}")).collect()
}

#[test]
fn newcomers_are_told_after_a_restart_what_was_said_before() {
    let place = Place::new("survives");
    let mut server = place.server();
    let mut ana = server.join("ana");
    let expected = say(&mut ana, 25).split_off(5);
    server.shut_down(move || drop(ana.rest()));
    assert_eq!(place.last_said(), expected);
    let mode = fs::metadata(place.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "(left: came)");

    let server = place.server();
    assert_eq!(past(&server), expected);
    let mut bia = server.join("bia");
    bia.send("/eu waves");
    bia.sync();
    let expected = [&expected[1..], &["ACT bia waves".to_owned()]].concat();
    assert_eq!(past(&server), expected);
}

#[test]
fn everything_that_all_hear_is_in_it_and_nothing_private() {
    let place = Place::new("private");
    let mut server = place.server();
    let mut ana = server.join("ana");
    let bia = server.join("bia");
    for line in [
        "hello",
        "/eu waves",
        "/msg bia psst",
        "/op wrong-secret",
        "/quem",
        "/nome Ana2",
        "/msg bia psst again",
    ] {
        ana.send(line);
    }
    ana.sync();
    bia.quit();
    server.shut_down(move || drop(ana.rest()));
    let expected = [
        "JOIN ana",
        "JOIN bia",
        "MSG ana hello",
        "ACT ana waves",
        "NICK ana Ana2",
        "LEAVE bia quit",
    ];
    let events = place.events();
    assert_eq!(events[..expected.len()], expected, "(left: came)");
    for secret in ["psst", "secret"] {
        assert!(!place.text().contains(secret), "{}", place.text());
    }
}

#[test]
fn killed_in_a_flood_it_has_whole_lines_and_newcomers_the_last_of_them() {
    let place = Place::new("flood");
    let mut dice = Dice::new(11);
    let mut said = 0;
    for round in 0..12 {
        let mut server = place.server();
        let ana = server.join("ana");
        let mut wire = ana.wire.clone();
        let words = "word ".repeat(20);
        let lines: String = (0..4_000)
            .map(|n| format!("{round} {n} {words}\n"))
            .collect();
        let writing = thread::spawn(move || wire.write_all(lines.as_bytes()));
        thread::sleep(Duration::from_micros(dice.roll(30_000) as u64));
        server.process.signal(Signal::SIGKILL);
        server.process.wait();
        // It fails once nobody is there.
        let _ = writing.join().unwrap();

        let told = past(&place.server());
        let expected = place.last_said();
        assert_eq!(told, expected, "round {round} (left: came)");
        let last = format!("MSG ana {round} ");
        let events = place.events();
        let flood = events.iter().filter(|event| event.starts_with(&last));
        let is_next = |(n, event): (usize, &String)| event.starts_with(&format!("{last}{n} "));
        assert!(flood.clone().enumerate().all(is_next), "round {round}");
        said += flood.count();
    }
    assert!(said > 0, "no flood was ever under way");
}

#[test]
fn cut_at_any_byte_of_its_last_lines_it_is_read_again() {
    let place = Place::new("cut");
    let mut server = place.server();
    let mut ana = server.join("ana");
    let said = say(&mut ana, 5);
    server.shut_down(move || drop(ana.rest()));
    let text = place.text();
    // Behind these come those that say that she left.
    let end = text.find("line 4\n").unwrap() + "line 4\n".len();
    let start = text.find("line 2\n").unwrap() + "line 2\n".len();
    for cut in start..=end {
        fs::write(place.file(), &text[..cut]).unwrap();
        let whole = text[start..cut].matches('\n').count();
        let told = past(&place.server());
        assert_eq!(told, said[..3 + whole], "cut at {cut} (left: came)");
        assert!(place.text().starts_with(&text[..start]), "cut at {cut}");
    }
}

#[test]
fn a_second_server_that_keeps_it_too_does_not_start() {
    let place = Place::new("second");
    let mut first = place.server();
    let second = Process::spawn(&mut place.setup().command).last_words(1);
    let file = place.file().display().to_string();
    let expected = format!("another server keeps the transcript {file}");
    assert!(second.contains(&expected), "{second}");
    let mut ana = first.join("ana");
    ana.send("still here");
    ana.sync();
    first.shut_down(move || drop(ana.rest()));
    assert_eq!(past(&place.server()), ["MSG ana still here"]);
}

#[test]
fn without_a_folder_there_is_no_transcript() {
    let mut setup = Server::with(&["--transcript"]);
    let command = setup.command.env_remove("XDG_STATE_HOME");
    let words = Process::spawn(command.env("HOME", "nowhere")).last_words(1);
    assert!(words.contains("--state-dir"), "{words}");
}

#[test]
fn lines_that_are_none_are_counted_on_the_screen_and_the_rest_is_told() {
    let text = "hello\n@2026-11-25T22:08:30.123456Z MSG ana hi\x1b[2J\nMSG bia no stamp\n";
    let place = Place::with("counted", text);
    let server = place.server();
    let told = "2 lines of the transcript cannot be read, and are skipped";
    assert!(server.log().contains(told), "{}", server.log());
    assert_eq!(past(&server), ["MSG ana hi"]);
    assert!(place.text().starts_with(text), "they stay where they are");
}

#[test]
fn stamps_go_on_behind_the_last_of_a_clock_that_was_set_back() {
    let before = "@2126-11-25T22:08:30.123456Z MSG ana from the future\n";
    let place = Place::with("clock", before);
    let mut server = place.server();
    let mut ana = server.join("ana");
    say(&mut ana, 2);
    server.shut_down(move || drop(ana.rest()));
    let text = place.text();
    let times = text.lines().map(|line| Stamp::split(line).0.unwrap());
    let times: Vec<Timestamp> = times.map(Stamp::time).collect();
    assert!(times.len() >= 4 && times.is_sorted(), "{text}");
    assert!(times.windows(2).all(|two| two[0] != two[1]), "{text}");
    let expected = ["from the future", "line 0", "line 1"].map(|said| format!("MSG ana {said}"));
    assert_eq!(past(&place.server()), expected);
}

#[test]
fn a_disk_that_stands_still_holds_nobody_up() {
    let place = Place::with_pipe("pipe");
    let mut server = place.server();
    let mut ana = server.join("ana");
    let mut bia = server.join("bia");
    let long = "x".repeat(4000);
    for round in 0..20 {
        // More than waits for the disk.
        ana.send(&vec![&long[..]; 100].join("\n"));
        ana.send(&format!("end of {round}"));
        bia.wait_for(&format!("MSG ana end of {round}"));
    }
    let told = "the disk does not keep up";
    server.process.wait_for(told);
    let log = server.log();
    assert_eq!(log.matches(told).count(), 1, "told once in {log}");
    server.process.signal(Signal::SIGKILL);
    server.process.wait();
}

/// A small disk in the folder of `place`; `None`, said aloud, where it cannot be had.
fn mount_small_disk(place: &Place) -> Option<()> {
    if !is_root() {
        skip("only root can mount a small disk");
        return None;
    }
    fs::create_dir(&place.0).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=128k", "chat-transcript"]);
    match mount.arg(&place.0).output() {
        Ok(output) if output.status.success() => return Some(()),
        Ok(output) => skip(&String::from_utf8_lossy(&output.stderr)),
        Err(error) => skip(&format!("no small disk: {error}")),
    }
    None
}

#[test]
fn a_full_disk_is_told_once_and_what_was_said_is_kept_until_there_is_room() {
    let place = Place::new("full-disk");
    if mount_small_disk(&place).is_none() {
        return;
    }
    let mut server = place.server();
    let filler = place.0.join("filler");
    fs::write(&filler, vec![0; 100 * 1024]).unwrap();
    let mut ana = server.join("ana");
    let mut bia = server.join("bia");
    let failed = "cannot write the transcript";
    let mut said = say(&mut ana, 1000);
    server.process.wait_for(failed);
    bia.wait_for("MSG ana line 999");
    // While it is tried again, twice at least.
    thread::sleep(Duration::from_millis(2500));
    let log = server.log();
    assert_eq!(log.matches(failed).count(), 1, "told once in {log}");
    assert!(log.contains("no space left on device"), "{log}");
    assert!(place.text().ends_with('\n'), "no torn line");

    fs::remove_file(filler).unwrap();
    server.process.wait_for("the transcript is written again");
    ana.send("goes on");
    ana.sync();
    server.shut_down(move || drop(ana.rest()));
    said.push("MSG ana goes on".to_owned());
    let events = place.events().into_iter();
    let came: Vec<_> = events.filter(|event| event.starts_with("MSG ")).collect();
    assert_eq!(came, said, "(left: came, right: expected)");
}

#[test]
fn a_file_that_may_not_grow_is_a_full_disk() {
    let place = Place::new("limited");
    // In blocks of 512 bytes (POSIX, ulimit).
    let limit = ["sh", "-c", "ulimit -f 8; exec \"$0\" \"$@\""];
    let mut server = place.setup().through(|it| behind(&limit, it)).start();
    let mut ana = server.join("ana");
    let mut bia = server.join("bia");
    say(&mut ana, 1000);
    server.process.wait_for("cannot write the transcript");
    bia.wait_for("MSG ana line 999");
    assert!(place.text().ends_with('\n'), "no torn line");
    server.shut_down(move || drop((ana.rest(), bia.rest())));
}
