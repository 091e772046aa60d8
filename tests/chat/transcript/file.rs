//! The file, without a server around it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::{iter, thread};

use chat::protocol::Stamp;
use chat::server::transcript::{Past, Transcript, TranscriptError};

use super::Place;
use crate::support::wait_until;

/// More than any of these tests reads.
const ALL: usize = 1024 * 1024;

/// At which size a file is put aside.
const FULL: usize = 16 * 1024 * 1024;

impl Place {
    fn open(&self) -> (Transcript, Past) {
        Transcript::open(&self.0, ALL).unwrap()
    }

    fn past(&self, most: usize) -> Vec<String> {
        written(&Transcript::open(&self.0, most).unwrap().1)
    }
}

/// As it stands in the file.
fn written(past: &Past) -> Vec<String> {
    let lines = past.lines.iter();
    lines
        .map(|(stamp, event)| format!("@{stamp} {event}"))
        .collect()
}

/// The line number `number` of a long conversation.
fn line(number: usize) -> String {
    let (minute, second) = (number / 60 % 60, number % 60);
    let hour = number / 3600 % 24;
    format!(
        "@2026-11-25T{hour:02}:{minute:02}:{second:02}.{:06}Z MSG ana {number}",
        number % 1_000_000
    )
}

fn lines(numbers: impl IntoIterator<Item = usize>) -> String {
    numbers.into_iter().map(|n| line(n) + "\n").collect()
}

#[test]
fn what_was_said_is_there_at_the_next_start() {
    let place = Place::new("restart");
    let (transcript, past) = place.open();
    assert_eq!(written(&past), [""; 0]);
    assert_eq!((past.skipped, past.last), (0, Stamp::EPOCH));
    transcript.write(&lines(0..2));
    transcript.write("@2026-11-25T22:08:30.123456Z JOIN bia\n");
    drop(transcript);

    let (transcript, past) = place.open();
    let expected = [
        line(0),
        line(1),
        "@2026-11-25T22:08:30.123456Z JOIN bia".into(),
    ];
    assert_eq!(written(&past), expected);
    assert_eq!(past.last.to_string(), "2026-11-25T22:08:30.123456Z");
    drop(transcript);
    assert_eq!(place.text().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn it_is_for_the_eyes_of_its_user_alone() {
    let place = Place::new("mode");
    drop(place.open());
    let mode = |file: PathBuf| fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(place.0.clone()), 0o700);
    assert_eq!(mode(place.file()), 0o600);
}

#[test]
fn a_line_torn_at_any_byte_is_cut_off() {
    let text = lines(0..3);
    let whole = lines(0..1).len();
    for end in whole..=text.len() {
        let place = Place::with(&format!("torn-{end}"), &text[..end]);
        let kept = text[..end].matches('\n').count();
        let (transcript, past) = place.open();
        assert_eq!(written(&past), (0..kept).map(line).collect::<Vec<_>>());
        assert_eq!(past.skipped, 0);
        transcript.write(&lines(7..8));
        drop(transcript);
        assert_eq!(place.text(), lines((0..kept).chain([7])), "cut at {end}");
    }
}

#[test]
fn a_torn_line_of_any_length_is_cut_off() {
    let place = Place::with("torn-long", lines(0..2) + &"x".repeat(300_000));
    assert_eq!(place.past(1000), [line(0), line(1)]);
    assert_eq!(place.text(), lines(0..2));
    fs::write(place.file(), vec![0; 300_000]).unwrap();
    assert_eq!(place.past(1000), [""; 0]);
    assert_eq!(place.text(), "");
}

#[test]
fn of_many_who_open_it_at_once_one_has_it() {
    let place = Place::new("lock");
    let opened: Vec<_> = thread::scope(|scope| {
        let open = || scope.spawn(|| Transcript::open(&place.0, ALL));
        let openers: Vec<_> = iter::repeat_with(open).take(8).collect();
        openers.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (held, refused): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
    assert_eq!((held.len(), refused.len()), (1, 7));
    for refused in refused {
        let Err(error) = refused else { unreachable!() };
        assert!(matches!(error, TranscriptError::Locked { .. }), "{error}");
    }
    drop(held);
    drop(place.open());
}

#[test]
fn it_stays_locked_over_a_change_of_files() {
    let place = Place::with("lock-full", lines((0..FULL / 30).map(|n| n % 80_000)));
    let (transcript, _) = place.open();
    transcript.write(&lines(80_001..80_002));
    let is_begun = |file| fs::metadata(file).is_ok_and(|file| file.len() > 0);
    let is_put_aside = || place.older().exists() && is_begun(place.file());
    wait_until("the full file is put aside", is_put_aside);
    let error = Transcript::open(&place.0, ALL).err().unwrap();
    assert!(matches!(error, TranscriptError::Locked { .. }), "{error}");
}

#[test]
fn a_full_file_is_put_aside_and_still_read() {
    let text = "x\n".repeat(FULL / 2 - 100) + &lines(0..2);
    let place = Place::with("full", &text);
    fs::write(place.older(), "older still\n").unwrap();
    let (transcript, past) = place.open();
    assert_eq!(written(&past), [line(0), line(1)]);
    transcript.write(&lines(2..8));
    drop(transcript);
    let (transcript, _) = place.open();
    transcript.write(&lines(8..9));
    drop(transcript);
    assert_eq!(
        fs::read_to_string(place.older()).unwrap(),
        text + &lines(2..8)
    );
    assert_eq!(place.text(), lines(8..9));

    let (newest, whole) = (lines(8..9).len(), lines(7..9).len());
    assert_eq!(place.past(ALL), (0..9).map(line).collect::<Vec<_>>());
    assert_eq!(place.past(whole), [line(7), line(8)]);
    assert_eq!(place.past(whole - 1), [line(8)]);
    assert_eq!(place.past(newest), [line(8)]);
}

#[test]
fn lines_that_nobody_heard_are_skipped_and_counted() {
    let skipped: [&[u8]; 12] = [
        b"",
        b"\0\0\0\0",
        b"hello",
        b"MSG ana no stamp",
        b"@2026-11-25T22:08:30.5Z MSG ana another stamp",
        b"@2026-11-25T22:08:30.100000Z PRIV ana bia private",
        b"@2026-11-25T22:08:30.100000Z INFO words",
        b"@2026-11-25T22:08:30.100000Z SESSION 00112233445566778899aabbccddeeff 30",
        b"@2026-11-25T22:08:30.100000Z MSG a:b no name",
        b"@2026-11-25T22:08:30.100000Z MSG ana not \xff UTF-8",
        // Not after the line before.
        b"@2026-11-25T22:08:30.000001Z MSG ana twice",
        b"@2026-11-25T21:08:30.000000Z MSG ana late",
    ];
    let first = "@2026-11-25T22:08:30.000001Z NICK ana bia";
    let long = "x".repeat(20_000);
    let long = format!("@2026-11-25T22:08:30.100000Z MSG ana {long}");
    let last = "@2026-11-25T22:08:31.000001Z ACT bia waves\x1b[2J\u{202e}";
    let lines = [first.as_bytes()].into_iter().chain(skipped);
    let lines: Vec<_> = lines
        .chain([long.as_bytes(), last.as_bytes(), b""])
        .collect();
    let place = Place::with("garbage", lines.join(&b'\n'));
    let (_transcript, past) = place.open();
    let cleaned = "@2026-11-25T22:08:31.000001Z ACT bia waves\u{fffd}";
    assert_eq!(written(&past), [first, cleaned]);
    assert_eq!(past.skipped, skipped.len() + 1);
}

#[test]
fn a_huge_file_is_read_from_its_end() {
    let place = Place::with("huge", "");
    let mut file = OpenOptions::new().append(true).open(place.file()).unwrap();
    // More than there is memory, and no more on the disk than what is behind it.
    file.set_len(1 << 40).unwrap();
    let text = format!("\n{}", lines(0..3));
    file.write_all(text.as_bytes()).unwrap();
    let length = lines(0..3).len();
    assert_eq!(place.past(length), [line(0), line(1), line(2)]);
    assert_eq!(place.past(length - 1), [line(1), line(2)]);
    assert_eq!(place.past(ALL), [line(0), line(1), line(2)]);
    assert_eq!(place.past(0), [""; 0]);
}

#[test]
fn nobody_waits_for_a_disk_that_stands_still() {
    let place = Place::with_pipe("still");
    let (transcript, _) = place.open();
    // Far more than may wait; nobody reads the pipe.
    let text = lines(0..20_000);
    for _ in 0..40 {
        transcript.write(&text);
    }
    let reader = File::open(place.file()).unwrap();
    let reading = thread::spawn(move || {
        let mut reader = reader;
        std::io::copy(&mut reader, &mut std::io::sink()).unwrap()
    });
    drop(transcript);
    let kept = reading.join().unwrap() as usize;
    assert!((1..30 * text.len()).contains(&kept), "{kept} bytes kept");
    assert_eq!(kept % text.len(), 0, "{kept} bytes kept");
}

#[test]
fn a_full_disk_holds_nobody_up_at_the_end() {
    let place = Place::with("no-room", "");
    fs::remove_file(place.file()).unwrap();
    symlink("/dev/full", place.file()).unwrap();
    let (transcript, past) = place.open();
    assert_eq!(written(&past), [""; 0]);
    transcript.write(&lines(0..9));
    drop(transcript);
}

#[test]
fn what_cannot_be_kept_there_is_said() {
    let place = Place::with("unusable", "");
    fs::remove_file(place.file()).unwrap();
    fs::create_dir(place.file()).unwrap();
    let error = Transcript::open(&place.0, ALL).err().unwrap();
    let expected = format!(
        "cannot keep the transcript {}: is a directory",
        place.file().display()
    );
    assert_eq!(error.to_string(), expected);
}
