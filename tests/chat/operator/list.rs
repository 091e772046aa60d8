//! The list of bans and its file; what becomes of it in a running server is told elsewhere.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, process, thread};

use chat::server::bans::{Ban, Bans, end};
use chat::server::network::Network;
use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::fuzz;

/// A file in a folder of its own, neither of which is there yet; gone when dropped.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Place {
        let folder = env::temp_dir().join(format!("chat-bans-{test}-{}", process::id()));
        Place(folder.join("state/bans"))
    }

    /// With `text` in the file.
    fn with(test: &str, text: &str) -> Place {
        let place = Place::new(test);
        fs::create_dir_all(place.0.parent().unwrap()).unwrap();
        fs::write(&place.0, text).unwrap();
        place
    }

    fn open(&self) -> Bans {
        Bans::open(Some(self.0.clone())).unwrap()
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.ancestors().nth(2).unwrap());
    }
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn ban(line: &str) -> Ban {
    line.parse().unwrap()
}

fn keeps_out(bans: &Bans, address: &str) -> bool {
    bans.find(address.parse().unwrap(), Timestamp::now())
        .is_some()
}

#[test]
fn a_ban_is_kept_for_the_eyes_of_the_user_alone_and_found_again() {
    let place = Place::new("kept");
    let bans = place.open();
    assert!(!keeps_out(&bans, "192.0.2.7"));
    bans.add(ban("192.0.2.0/24 - spam, spam")).unwrap();
    bans.add(ban("2001:db8::/64 2300-01-01T00:00:00Z")).unwrap();
    for bans in [bans, place.open()] {
        assert!(keeps_out(&bans, "192.0.2.7"));
        assert!(keeps_out(&bans, "2001:db8::1:2:3:4"));
        assert!(!keeps_out(&bans, "192.0.3.7"));
    }
    let lines = "192.0.2.0/24 - spam, spam\n2001:db8::/64 2300-01-01T00:00:00Z\n";
    assert_eq!(place.text(), lines);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = place.0.parent().unwrap();
    assert_eq!((mode(&place.0), mode(folder)), (0o600, 0o700));
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
}

#[test]
fn a_ban_ends_when_it_says() {
    let place = Place::with("ends", "192.0.2.7 2026-12-02T22:08:30Z\n");
    let bans = place.open();
    let found = |time| bans.find("192.0.2.7".parse().unwrap(), at(time)).is_some();
    assert!(found("2026-12-02T22:08:29Z"));
    assert!(!found("2026-12-02T22:08:30Z"));
    assert_eq!(bans.running(at("2026-12-02T22:08:29Z")).len(), 1);
    assert!(bans.running(at("2026-12-02T22:08:30Z")).is_empty());
}

#[test]
fn what_has_ended_goes_with_the_next_change() {
    let place = Place::with("ended", "192.0.2.1 2020-01-01T00:00:00Z\n192.0.2.2 -\n");
    place.open().add(ban("192.0.2.3 -")).unwrap();
    assert_eq!(place.text(), "192.0.2.2 -\n192.0.2.3 -\n");
}

#[test]
fn a_network_has_one_ban_and_it_is_the_last() {
    let place = Place::new("one");
    let bans = place.open();
    bans.add(ban("192.0.2.7 - first")).unwrap();
    bans.add(ban("192.0.2.0/24 - wider")).unwrap();
    bans.add(ban("192.0.2.7 - second")).unwrap();
    assert_eq!(place.text(), "192.0.2.0/24 - wider\n192.0.2.7 - second\n");
    assert!(bans.lift("192.0.2.7".parse().unwrap()).unwrap());
    assert!(keeps_out(&bans, "192.0.2.7"), "the wider one goes on");
    assert!(!bans.lift("192.0.2.7".parse().unwrap()).unwrap());
    assert_eq!(place.text(), "192.0.2.0/24 - wider\n");
}

#[test]
fn a_line_that_is_no_ban_stays_and_the_rest_counts() {
    let text = "192.0.2.1 -\n\n192.0.2.300 -\n# by hand\n192.0.2.2\n192.0.2.3 tomorrow\n\
                192.0.2.4  \t\n 192.0.2.5 - \u{1b}[31mred\r\n";
    let place = Place::with("unreadable", text);
    let bans = place.open();
    let now = Timestamp::now();
    let running: Vec<String> = bans.running(now).iter().map(Ban::to_string).collect();
    assert_eq!(running, ["192.0.2.1 -", "192.0.2.5 - red"]);
    bans.add(ban("192.0.2.9 -")).unwrap();
    let unreadable = "192.0.2.300 -\n# by hand\n192.0.2.2\n192.0.2.3 tomorrow\n192.0.2.4  \t\n";
    let bans = "192.0.2.1 -\n192.0.2.5 - red\n192.0.2.9 -\n";
    assert_eq!(place.text(), format!("{unreadable}{bans}"));
}

#[test]
fn bytes_that_are_no_utf_8_cost_one_reason_and_no_ban() {
    let place = Place::with("latin", "");
    fs::write(&place.0, b"192.0.2.1 - raz\xe3o\n192.0.2.2 -\n").unwrap();
    let bans = place.open();
    assert!(keeps_out(&bans, "192.0.2.1") && keeps_out(&bans, "192.0.2.2"));
}

#[test]
fn what_a_person_writes_in_the_file_is_not_overwritten() {
    let place = Place::new("by-hand");
    let bans = place.open();
    bans.add(ban("192.0.2.1 -")).unwrap();
    fs::write(&place.0, place.text() + "192.0.2.2 -\n").unwrap();
    bans.add(ban("192.0.2.3 -")).unwrap();
    assert_eq!(place.text(), "192.0.2.1 -\n192.0.2.2 -\n192.0.2.3 -\n");
    assert!(keeps_out(&bans, "192.0.2.2"));
}

#[test]
fn a_list_that_cannot_be_saved_is_as_it_was() {
    let place = Place::new("unsaved");
    let bans = place.open();
    bans.add(ban("192.0.2.1 -")).unwrap();
    let folder = place.0.parent().unwrap();
    // A draft cannot take the place of a folder.
    let draft = place.0.with_extension(process::id().to_string());
    fs::create_dir(&draft).unwrap();
    assert!(bans.add(ban("192.0.2.2 -")).is_err());
    assert!(bans.lift("192.0.2.1".parse().unwrap()).is_err());
    assert_eq!(place.text(), "192.0.2.1 -\n");
    assert!(keeps_out(&bans, "192.0.2.1") && !keeps_out(&bans, "192.0.2.2"));
    fs::remove_dir(&draft).unwrap();
    bans.add(ban("192.0.2.2 -")).unwrap();
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
}

#[test]
fn whoever_reads_during_a_change_reads_all_of_the_old_list_or_of_the_new() {
    let place = Place::new("meanwhile");
    let bans = place.open();
    let long = "x".repeat(200);
    let line = |n: u8| format!("192.0.2.{n} - {long}");
    bans.add(ban(&line(0))).unwrap();
    thread::scope(|scope| {
        let adding = scope.spawn(|| {
            for n in 1..200 {
                bans.add(ban(&line(n))).unwrap();
            }
        });
        while !adding.is_finished() {
            let text = place.text();
            let count = u8::try_from(text.lines().count()).unwrap();
            let whole: String = (0..count).map(|n| line(n) + "\n").collect();
            assert!(count > 0 && text == whole, "{count} lines, not whole");
        }
    });
}

#[test]
fn a_file_that_cannot_be_read_is_no_empty_list() {
    let place = Place::new("folder");
    fs::create_dir_all(&place.0).unwrap();
    assert!(Bans::open(Some(place.0.clone())).is_err());
}

#[test]
fn ten_thousand_bans_are_looked_through_in_no_time() {
    let lines = (0..10_000).map(|n| format!("10.{}.{}.0/24 -\n", n / 256, n % 256));
    let place = Place::with("many", &lines.collect::<String>());
    let bans = place.open();
    // Of this thread alone: others may keep the processors busy.
    let busy = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let start = busy();
    assert!((0..100).all(|_| !keeps_out(&bans, "192.0.2.1")));
    let each = (busy() - start) / 100;
    assert!(each < Duration::from_millis(5), "{each:?} each");
}

#[test]
fn a_duration_is_minutes_hours_or_days() {
    let now = at("2026-11-25T22:08:30.75Z");
    for (word, expected) in [
        ("30m", Some("2026-11-25T22:38:30Z")),
        ("+30m", None),
        ("12h", Some("2026-11-26T10:08:30Z")),
        ("7d", Some("2026-12-02T22:08:30Z")),
        ("0m", None),
        ("m", None),
        ("", None),
        ("7", None),
        ("7s", None),
        ("-7d", None),
        ("1.5h", None),
        ("7 d", None),
        ("7dd", None),
        ("7€", None),
        ("4294967295d", None),
        ("99999999999999999999d", None),
    ] {
        assert_eq!(end(word, now), expected.map(at), "{word:?}");
    }
}

#[test]
fn a_ban_is_read_as_it_is_written() {
    let end = proptest::option::of(0..4_000_000_000_i64);
    let bans = (any::<IpAddr>(), 0..=32_u8, end, any::<String>());
    fuzz(512, bans, |(address, bits, seconds, said)| {
        let network = format!("{address}/{bits}").parse();
        let network = network.unwrap_or(Network::of_customer(address));
        let until = seconds.map(|seconds| Timestamp::from_second(seconds).unwrap());
        let ban = Ban::new(network, until, &said);
        let line = ban.to_string();
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(line.parse(), Ok(ban));
        Ok(())
    });
}

#[test]
fn no_line_of_a_file_makes_it_unreadable() {
    let place = Place::with("random", "");
    fuzz(256, vec(any::<u8>(), 0..200), |bytes| {
        fs::write(&place.0, &bytes).unwrap();
        place.open();
        Ok(())
    });
}
