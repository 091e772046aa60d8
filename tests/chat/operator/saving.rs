//! The list of bans in its file, whatever happens to the disk or to the server.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{Folder, expect_banned, join_from, operator};
use crate::support::{Dice, Server, is_root, skip};

#[test]
fn a_line_that_is_no_ban_is_named_with_its_number_and_the_rest_counts() {
    let folder = Folder::with("127.0.0.7 -\n127.0.0.300 - spam\n\n127.0.0.8 soon\n127.0.0.9 -\n");
    let server = folder.server(&[]);
    for number in [2, 4] {
        let named = format!("line {number} of {} is no ban", folder.bans().display());
        assert!(server.log().contains(&named), "{}", server.log());
    }
    assert_eq!(server.log().matches("is no ban").count(), 2);
    expect_banned(&server, [127, 0, 0, 7]);
    expect_banned(&server, [127, 0, 0, 9]);
    let mut ana = operator(&server, "ana");
    ana.send("/unban 127.0.0.7");
    ana.wait_for("INFO 127.0.0.7 is no longer banned");
    let kept = "127.0.0.300 - spam\n127.0.0.8 soon\n127.0.0.9 -\n";
    assert_eq!(folder.list(), kept);
}

#[test]
fn a_list_that_cannot_be_read_lets_no_server_start() {
    let folder = Folder::new();
    fs::create_dir(folder.bans()).unwrap();
    let state_dir = ["--state-dir", folder.0.to_str().unwrap()];
    let mut command = Server::with(&state_dir).command;
    let mut process = crate::support::Process::spawn(&mut command);
    let words = process.last_words(1);
    let bans = folder.bans().display().to_string();
    assert!(
        words.contains(&bans) && words.contains("cannot read"),
        "{words}"
    );
}

/// A small disk in `folder`, full but for a few bytes; `None`, said aloud, where it cannot be had.
fn fill_up(folder: &Path) -> Option<()> {
    if !is_root() {
        skip("only root can mount a small disk");
        return None;
    }
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=64k", "chat-bans"]);
    let mounted = mount.arg(folder).output();
    let mounted = mounted
        .map_err(|error| error.to_string())
        .and_then(|output| match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        });
    if let Err(reason) = mounted {
        skip(&format!("no small disk: {reason}"));
        return None;
    }
    Some(())
}

#[test]
fn on_a_full_disk_the_old_list_stays_and_the_operator_is_told() {
    let folder = Folder::new();
    if fill_up(&folder.0).is_none() {
        return;
    }
    let server = folder.server(&[]);
    let mut ana = operator(&server, "ana");
    let mut bia = join_from(&server, [127, 0, 0, 7], "bia");
    ana.send("/ban 127.0.0.8 before\n/ban 127.0.0.9 before");
    ana.wait_for("INFO 127.0.0.9 is banned without end");
    let old = folder.list();
    let filler = folder.0.join("filler");
    assert!(fs::write(&filler, vec![0; 128 * 1024]).is_err());
    for typed in ["/ban bia", "/unban 127.0.0.9"] {
        ana.send(typed);
        ana.expect(
            "INFO the list of bans cannot be saved, and is as it was: no space left on device",
        );
    }
    server
        .process
        .wait_for("cannot save the list of bans: no space left on device");
    assert_eq!(folder.list(), old);
    assert_eq!(bia.sync(), [""; 0], "nobody is sent off");
    expect_banned(&server, [127, 0, 0, 9]);
    let files = fs::read_dir(&folder.0).unwrap().count();
    assert_eq!(files, 2, "no draft is left (left: came)");

    fs::remove_file(filler).unwrap();
    ana.send("/ban bia");
    bia.wait_for("BYE banned");
    assert_eq!(folder.list(), old + "127.0.0.7 -\n");
}

#[test]
fn a_server_without_a_folder_says_that_it_cannot_ban() {
    let mut setup = Server::with(&[]);
    setup
        .command
        .env_remove("XDG_STATE_HOME")
        .env("HOME", "nowhere");
    let server = setup.start();
    let mut ana = operator(&server, "ana");
    ana.send("/ban 127.0.0.7");
    ana.expect_start("INFO the list of bans cannot be saved, and is as it was: ");
    join_from(&server, [127, 0, 0, 7], "bia");
}

#[test]
fn whenever_the_server_is_killed_the_list_is_whole_and_has_all_that_was_answered() {
    let folder = Folder::new();
    let mut dice = Dice::new(7);
    let mut answered = Vec::new();
    for round in 0..12 {
        let mut server = folder.server(&[]);
        let mut ana = operator(&server, "ana");
        let reason = "x".repeat(150);
        let bans = (0..200).map(|n| format!("/ban 10.{round}.{n}.0/24 {reason}\n"));
        // Nobody waits for the answers.
        let mut wire = ana.wire.clone();
        let bans: String = bans.collect();
        let writing = thread::spawn(move || std::io::Write::write_all(&mut wire, bans.as_bytes()));
        thread::sleep(Duration::from_micros(dice.roll(60_000) as u64));
        server.process.signal(Signal::SIGKILL);
        server.process.wait();
        let _ = writing.join().unwrap();
        let heard = ana.remains();
        for line in heard
            .lines()
            .filter(|line| line.ends_with(" is banned without end"))
        {
            answered.push(line.split(' ').nth(1).unwrap().to_owned());
        }
        let list = fs::read_to_string(folder.bans()).unwrap_or_default();
        assert!(list.is_empty() || list.ends_with('\n'));
        for line in list.lines() {
            assert!(
                line.starts_with("10.") && line.ends_with(&format!("/24 - {reason}")),
                "{line}"
            );
        }
        for network in &answered {
            assert!(
                list.contains(&format!("{network} - ")),
                "{network} was answered"
            );
        }
    }
    assert!(!answered.is_empty());
}
