//! The real server, started for one test.

use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{
    Peer, Process, busy_time, is_over_tls, open_files, proc_status, set_sealed, state_home,
    wait_until,
};

/// A server before its start. Every server of a test is started through this.
pub struct Setup {
    /// What will be run.
    pub command: Command,
    /// Whether whoever speaks to it encrypts.
    pub is_sealed: bool,
}

impl Setup {
    /// Runs it by another program, or elsewhere.
    pub fn through(self, wrap: impl FnOnce(&Command) -> Command) -> Setup {
        Setup {
            command: wrap(&self.command),
            ..self
        }
    }

    /// Runs it, and waits until it listens.
    #[track_caller]
    pub fn start(mut self) -> Server {
        let process = Process::spawn(&mut self.command);
        process.wait_for("listening on ");
        // By then it has closed what it opens to find its own addresses.
        let tells = |log: &str| log.contains(" join").then(|| log.to_owned());
        let log = process.stderr.wait_until("it tells how to join", tells);
        let listeners = log
            .lines()
            .filter_map(|line| line.split_once("listening on "));
        let addresses: Vec<_> = listeners.map(|(_, at)| at.parse().unwrap()).collect();
        for address in &addresses {
            set_sealed(*address, self.is_sealed);
        }
        let address = addresses[0];
        Server { address, process }
    }
}

/// A running `chat-server` on a free port; killed when dropped.
pub struct Server {
    pub address: SocketAddr,
    pub process: Process,
}

impl Server {
    /// With the limits that would be in the way of most tests taken off, then `flags`.
    #[track_caller]
    pub fn start(flags: &[&str]) -> Server {
        Server::with(flags).start()
    }

    /// What [`start`](Self::start) starts, for those who want it otherwise.
    pub fn with(flags: &[&str]) -> Setup {
        let usually = [
            ("--bind", "127.0.0.1:0"),
            ("--rate", "0"),
            ("--max-per-address", "0"),
            ("--history", "0"),
            ("--plaintext", if is_over_tls() { "never" } else { "only" }),
        ];
        let usually = usually
            .iter()
            .filter(|(flag, _)| !flags.contains(flag))
            .flat_map(|&(flag, value)| [flag, value]);
        Server::as_typed(&usually.chain(flags.iter().copied()).collect::<Vec<_>>())
    }

    /// With `flags` alone, as a person starts it, and with nothing of this machine's environment.
    pub fn as_typed(flags: &[&str]) -> Setup {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chat-server"));
        command.env_clear().env("XDG_STATE_HOME", state_home());
        command.args(flags);
        Setup {
            command,
            is_sealed: is_over_tls(),
        }
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

    /// Waits until it has given back all it did not have at `start`. It may give back more: what was
    /// still ending then, as the thread in which somebody has shaken hands.
    #[track_caller]
    pub fn wait_until_held(&self, (threads, files): (usize, usize)) {
        let what = format!("back at {threads} threads and {files} open files");
        wait_until(&what, || {
            let held = self.held();
            held.0 <= threads && held.1 <= files
        });
    }

    /// Tells it to end and does `meanwhile`. It ends well, in time.
    #[track_caller]
    pub fn shut_down(&mut self, meanwhile: impl FnOnce()) {
        let start = Instant::now();
        self.process.signal(Signal::SIGTERM);
        meanwhile();
        assert_eq!(self.process.finish(), Some(0), "(left: came)");
        // The end of its log: so it does not count how long `meanwhile` took.
        let took = self.process.stderr.wait_until_closed() - start;
        assert!(
            took < Duration::from_secs(2),
            "expected: two seconds at the most\n    came: {took:?}"
        );
    }

    /// It is hardly busy: whatever just happened to it, it does not spin.
    #[track_caller]
    pub fn assert_at_rest(&self) {
        let before = busy_time(self.process.pid());
        let watched = Duration::from_millis(500);
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
    #[track_caller]
    pub fn connect(&self) -> Peer {
        Peer::connect(self.address)
    }

    /// Somebody at the door, from another address of this machine.
    #[track_caller]
    pub fn connect_from(&self, own: [u8; 4]) -> Peer {
        Peer::connect_from(own, self.address)
    }

    /// Somebody in the room, who has heard `WELCOME`.
    #[track_caller]
    pub fn join(&self, name: &str) -> Peer {
        let mut peer = self.connect();
        peer.expect("<USERNAME>");
        peer.send(name);
        peer.expect_start(&format!("WELCOME {name} "));
        peer
    }
}
