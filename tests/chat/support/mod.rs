//! Starts the real binaries, and talks to them as a person with `nc` would.
//!
//! Everything waits for an event with a deadline; nothing sleeps and hopes. A failed expectation
//! shows what was expected beside what came.

pub mod client;
pub mod network;
pub mod terminal;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proptest::prelude::{Strategy, TestCaseError};
use proptest::test_runner::TestRunner;

/// Far longer than anything takes, also on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A running `chat-server` on a free port; killed when dropped.
pub struct Server {
    pub address: SocketAddr,
    pub process: Process,
}

impl Server {
    /// With the limits that would be in the way of most tests taken off, then `flags`.
    pub fn start(flags: &[&str]) -> Server {
        Server::spawn(&mut Server::command(flags))
    }

    /// What [`start`](Self::start) runs, for those who want it otherwise.
    pub fn command(flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chat-server"));
        let usually = [
            ("--bind", "127.0.0.1:0"),
            ("--rate", "0"),
            ("--max-per-address", "0"),
        ];
        for (flag, value) in usually {
            if !flags.contains(&flag) {
                command.args([flag, value]);
            }
        }
        command.args(flags);
        command
    }

    /// Runs `command`, a server by whatever way, and waits until it listens.
    pub fn spawn(command: &mut Command) -> Server {
        let process = Process::spawn(command);
        let line = process.wait_for("listening on ");
        let address = line.split("listening on ").nth(1).unwrap().trim();
        let address = address.parse().unwrap();
        Server { address, process }
    }

    /// What its screen shows so far.
    pub fn log(&self) -> String {
        self.process.stderr.so_far()
    }

    /// How many threads and open files it has.
    pub fn held(&self) -> (usize, usize) {
        let pid = self.process.pid();
        (proc_status(pid, "Threads"), open_files(pid))
    }

    /// Waits until it has given back all it did not have at `start`.
    #[track_caller]
    pub fn wait_until_held(&self, start: (usize, usize)) {
        let what = format!("back at {start:?} threads and open files");
        wait_until(&what, || self.held() == start);
    }

    /// It is hardly busy: whatever just happened to it, it does not spin.
    #[track_caller]
    pub fn assert_at_rest(&self) {
        let before = busy_time(self.process.pid());
        let watched = Duration::from_secs(1);
        thread::sleep(watched);
        let busy = busy_time(self.process.pid()) - before;
        assert!(
            busy < watched / 5,
            "expected: hardly busy\n    came: {busy:?} of {watched:?}"
        );
    }

    /// KiB of memory: `VmRSS` at the moment, `VmHWM` at the most so far.
    pub fn memory(&self, field: &str) -> usize {
        proc_status(self.process.pid(), field)
    }

    /// Somebody at the door.
    pub fn connect(&self) -> Peer {
        Peer::connect(self.address)
    }

    /// Somebody in the room, who has heard `WELCOME`.
    pub fn join(&self, name: &str) -> Peer {
        let mut peer = self.connect();
        peer.expect("<USERNAME>");
        peer.send(name);
        peer.expect_start(&format!("WELCOME {name} "));
        peer
    }
}

/// A plain connection that speaks in lines.
pub struct Peer {
    pub stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Peer {
    pub fn connect(address: SocketAddr) -> Peer {
        Peer::new(TcpStream::connect(address).expect("the server accepts"))
    }

    pub fn new(stream: TcpStream) -> Peer {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Peer { stream, reader }
    }

    /// Sends one line.
    pub fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes());
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// The next line; `None` when the server closed.
    pub fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => {
                let text = String::from_utf8(line).expect("the server sends UTF-8");
                let text = text
                    .strip_suffix('\n')
                    .expect("the server sends whole lines");
                Some(text.to_owned())
            }
            Err(error) => panic!("no line within {DEADLINE:?}: {error}"),
        }
    }

    /// The next line has to be this one.
    #[track_caller]
    pub fn expect(&mut self, expected: &str) {
        assert_eq!(
            self.line().as_deref(),
            Some(expected),
            "(left: came, right: expected)"
        );
    }

    /// The next line has to begin so; returns it.
    #[track_caller]
    pub fn expect_start(&mut self, expected: &str) -> String {
        let line = self
            .line()
            .unwrap_or_else(|| panic!("expected {expected:?}…, the server closed"));
        assert!(
            line.starts_with(expected),
            "expected: {expected:?}…\n    came: {line:?}"
        );
        line
    }

    /// Skips lines until this one comes; returns the skipped ones.
    #[track_caller]
    pub fn wait_for(&mut self, expected: &str) -> Vec<String> {
        let mut skipped = Vec::new();
        loop {
            match self.line() {
                Some(line) if line == expected => return skipped,
                Some(line) => skipped.push(line),
                None => {
                    panic!("expected: {expected:?}, then the server closed\n    came: {skipped:#?}")
                }
            }
        }
    }

    /// The server has to have closed: nothing more comes.
    #[track_caller]
    pub fn expect_end(&mut self) {
        assert_eq!(self.line(), None, "(left: came, right: the end)");
    }

    /// Everything until the server closes.
    pub fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }

    /// Everything until the server closes or cuts the connection, half a line at its end included.
    pub fn remains(&mut self) -> String {
        let mut bytes = Vec::new();
        match self.reader.read_to_end(&mut bytes) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => {
                panic!("no end within {DEADLINE:?}: {error}")
            }
            _ => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// Says that nothing more will be sent, as `nc -N` does at the end of its input.
    pub fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Asks something harmless and waits for the answer: all sent before has been dealt with, and
    /// all heard before has been read. Returns what came in between.
    #[track_caller]
    pub fn sync(&mut self) -> Vec<String> {
        self.send("/sync");
        self.wait_for("ERR unknown-command /sync")
    }

    /// Leaves; the name is free again.
    #[track_caller]
    pub fn quit(mut self) {
        self.send("/SAIR");
        self.wait_for("BYE quit");
    }

    /// Closes with a reset, as a machine does that was switched off and on again.
    pub fn reset(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

/// A child process whose output is collected; killed when dropped.
pub struct Process {
    pub child: Child,
    pub stdout: Output,
    pub stderr: Output,
}

impl Process {
    /// Its input is a pipe, unless the command says otherwise.
    pub fn spawn(command: &mut Command) -> Process {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = Output::collect(child.stdout.take().unwrap());
        let stderr = Output::collect(child.stderr.take().unwrap());
        Process {
            child,
            stdout,
            stderr,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types one line.
    pub fn send(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("the input is open");
        stdin
            .write_all(format!("{line}\n").as_bytes())
            .expect("the program reads");
    }

    /// Ends its input.
    pub fn end_input(&mut self) {
        self.child.stdin = None;
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).expect("the process is there");
    }

    /// Waits for a line with `needle` in it on standard error; returns the line.
    #[track_caller]
    pub fn wait_for(&self, needle: &str) -> String {
        self.stderr.wait_for(needle)
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > deadline {
                let (out, err) = (self.stdout.so_far(), self.stderr.so_far());
                panic!("still running after {DEADLINE:?}\nstdout: {out}\nstderr: {err}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it ends, and for all it has written; returns its exit code.
    #[track_caller]
    pub fn finish(&mut self) -> Option<i32> {
        let status = self.wait();
        self.stdout.wait_until_closed();
        self.stderr.wait_until_closed();
        status.code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!(
                "stdout:\n{}\nstderr:\n{}",
                self.stdout.so_far(),
                self.stderr.so_far()
            );
        }
    }
}

/// What a process has written so far.
#[derive(Clone, Default)]
pub struct Output(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Default)]
struct Collected {
    text: String,
    closed: bool,
}

impl Output {
    pub fn collect(source: impl Read + Send + 'static) -> Output {
        let output = Output::default();
        let theirs = output.clone();
        thread::spawn(move || {
            let mut source = BufReader::new(source);
            let mut line = Vec::new();
            while let Ok(1..) = source.read_until(b'\n', &mut line) {
                theirs.0.0.lock().unwrap().text += &String::from_utf8_lossy(&line);
                theirs.0.1.notify_all();
                line.clear();
            }
            theirs.0.0.lock().unwrap().closed = true;
            theirs.0.1.notify_all();
        });
        output
    }

    pub fn so_far(&self) -> String {
        // Also after a test has failed in the middle of reading it.
        let collected = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        collected.text.clone()
    }

    /// Waits for a line with `needle` in it; returns the first such line.
    #[track_caller]
    pub fn wait_for(&self, needle: &str) -> String {
        self.wait_until(&format!("a line with {needle:?}"), |text| {
            text.lines()
                .find(|line| line.contains(needle))
                .map(str::to_owned)
        })
    }

    /// Waits until `find` finds something in all that was written.
    #[track_caller]
    pub fn wait_until<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        let mut collected = self.0.0.lock().unwrap();
        loop {
            if let Some(found) = find(&collected.text) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if collected.closed || left.is_zero() {
                panic!("expected: {what}\n    came: {:?}", collected.text);
            }
            collected = self.0.1.wait_timeout(collected, left).unwrap().0;
        }
    }

    /// Waits until the process has closed it.
    #[track_caller]
    pub fn wait_until_closed(&self) {
        let collected = self.0.0.lock().unwrap();
        let (collected, timeout) = self
            .0
            .1
            .wait_timeout_while(collected, DEADLINE, |c| !c.closed)
            .unwrap();
        assert!(
            !timeout.timed_out(),
            "still open after {DEADLINE:?}: {:?}",
            collected.text
        );
    }
}

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

/// How long a process has kept a processor busy.
pub fn busy_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // proc_pid_stat(5): behind the name, which may have blanks, utime is the 12th, stime the 13th.
    let behind_name = stat.rsplit(") ").next().unwrap();
    let ticks = behind_name.split(' ').skip(11).take(2);
    Duration::from_millis(10 * ticks.map(|n| n.parse::<u64>().unwrap()).sum::<u64>())
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
/// Default_Ignorable_Code_Point, and what else moves or ends lines; not the joiners and VS16.
pub fn is_banned(c: char) -> bool {
    matches!(u32::from(c),
        0..=0x1f | 0x7f..=0x9f                                          // C0, DEL, C1
        | 0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f
        | 0x200b | 0x200e | 0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164
        | 0xfe00..=0xfe0e | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x13430..=0x1343f
        | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
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
