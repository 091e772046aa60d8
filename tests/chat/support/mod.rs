//! Starts the real binaries, and talks to them as a person with `nc` would.
//!
//! Everything waits for an event with a deadline; nothing sleeps and hopes. A failed expectation
//! shows what was expected beside what came.

pub mod client;
mod member;
pub mod network;
mod peer;
mod process;
pub mod proxy;
mod server;
pub mod terminal;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::{Strategy, TestCaseError};
use proptest::test_runner::TestRunner;

pub use member::Member;
pub use peer::{Peer, Wire, expect_farewell};
pub use process::{Output, Process, behind};
pub use server::{Server, Setup};

/// Far longer than anything takes, also on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Waits until `happened`, looking again and again; for what sends no event, as `/proc` does not.
#[track_caller]
pub fn wait_until(what: &str, happened: impl FnMut() -> bool) {
    wait_within(DEADLINE, what, happened);
}

/// The same for what takes longer, or must not take as long.
#[track_caller]
pub fn wait_within(patience: Duration, what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !happened() {
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A figure from `/proc/PID/status`: `Threads`, or `VmRSS` in KiB.
pub fn proc_status(pid: u32, field: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with(&format!("{field}:")))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Waits until each thread of a process has waited for something for a while.
#[track_caller]
pub fn wait_until_asleep(pid: u32) {
    let mut still = 0;
    wait_until("it stands still", || {
        let mut threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let is_asleep = threads.all(|thread| {
            let status = std::fs::read_to_string(thread.unwrap().path().join("status"));
            status.is_ok_and(|status| status.contains("State:\tS"))
        });
        still = if is_asleep { still + 1 } else { 0 };
        still > 20
    });
}

/// How long a process has kept a processor busy.
pub fn busy_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // proc_pid_stat(5): behind the name, which may have blanks, utime is the 12th, stime the 13th.
    let behind_name = stat.rsplit(") ").next().unwrap();
    let ticks = behind_name.split(' ').skip(11).take(2);
    Duration::from_millis(10 * ticks.map(|n| n.parse::<u64>().unwrap()).sum::<u64>())
}

/// Where the programs keep their state during the tests: keys, and known servers.
pub fn state_home() -> &'static str {
    concat!(env!("CARGO_TARGET_TMPDIR"), "/state")
}

/// Whether this test is to encrypt: by the module it stands in, which gives its thread a name.
pub fn is_over_tls() -> bool {
    let thread = thread::current();
    thread
        .name()
        .is_some_and(|name| name.starts_with("over_tls::"))
}

/// Who encrypts of those who listen, as far as tests have started them.
static LISTENERS: Mutex<BTreeMap<SocketAddr, bool>> = Mutex::new(BTreeMap::new());

/// Says whether whoever connects to `address` has to encrypt. Whoever had the port before is gone.
pub fn set_sealed(address: SocketAddr, is_sealed: bool) {
    let mut listeners = LISTENERS.lock().unwrap();
    let is_same =
        |other: &SocketAddr| other.port() == address.port() && address.ip().is_unspecified();
    listeners.retain(|other, _| !is_same(other));
    listeners.insert(address, is_sealed);
}

/// Whether whoever connects to `address` has to encrypt.
pub fn is_sealed(address: SocketAddr) -> bool {
    let listeners = LISTENERS.lock().unwrap();
    listeners.get(&address).copied().unwrap_or_else(is_over_tls)
}

pub fn is_root() -> bool {
    proc_status(std::process::id(), "Uid") == 0
}

/// A test cannot run here for want of something that a machine can be given: root, a package.
/// With `CHAT_REQUIRE_ALL` set that is a failure.
#[track_caller]
pub fn skip(reason: &str) {
    assert!(
        std::env::var_os("CHAT_REQUIRE_ALL").is_none(),
        "expected: all that the tests need\n    came: {reason}"
    );
    skip_for_good(reason);
}

/// A test cannot run here and no set-up changes that: the kernel does not know how.
pub fn skip_for_good(reason: &str) {
    // Not with `eprintln!`, which a passing test keeps to itself.
    let mut stderr = std::io::stderr();
    stderr
        .write_all(format!("SKIPPED, {reason}\n").as_bytes())
        .unwrap();
}

/// How many files a process has open.
pub fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count()
}

/// How often a property is tried; `CHAT_FUZZ_CASES` for a longer run.
pub fn fuzz_cases(usually: u32) -> u32 {
    std::env::var("CHAT_FUZZ_CASES").map_or(usually, |cases| cases.parse().expect("a number"))
}

/// Tries `property` on what `strategy` makes up, and shows the smallest input it fails for.
#[track_caller]
pub fn fuzz<S: Strategy>(
    cases: u32,
    strategy: S,
    property: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = proptest::test_runner::Config {
        cases: fuzz_cases(cases),
        failure_persistence: None,
        ..Default::default()
    };
    if let Err(failure) = TestRunner::new(config).run(&strategy, property) {
        panic!("{failure}");
    }
}

/// What section 3 of the design bans from every screen: the controls, Unicode's
/// Default_Ignorable_Code_Point, and what else moves or ends lines; not the joiners, VS15, VS16 and
/// the selectors of ideographs. Tags too, though they may end a flag.
pub fn is_banned(c: char) -> bool {
    matches!(u32::from(c),
        0..=0x1f | 0x7f..=0x9f                                          // C0, DEL, C1
        | 0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f
        | 0x200b | 0x200e | 0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164
        | 0xfe00..=0xfe0d | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x13430..=0x1343f
        | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe00ff | 0xe01f0..=0xe0fff)
}

/// Repeatable chance (xorshift).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(0x9e37_79b9_7f4a_7c15 ^ seed)
    }

    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The upper bits are the better ones.
        (self.0 >> 33) as usize % sides
    }
}

/// Skips what `next_line` gives until `expected` comes; returns what was skipped.
#[track_caller]
pub fn skip_until(expected: &str, mut next_line: impl FnMut() -> Option<String>) -> Vec<String> {
    let mut skipped = Vec::new();
    loop {
        match next_line() {
            Some(line) if line == expected => return skipped,
            Some(line) => skipped.push(line),
            None => {
                panic!("expected: {expected:?}, then the server closed\n    came: {skipped:#?}")
            }
        }
    }
}
