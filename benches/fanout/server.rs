use std::env;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use crate::{DEADLINE, LIMIT, ONE_CPU, has};

/// What clients talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Plain,
    /// In plain, to people who have sessions and so read stamps.
    Stamped,
    Encrypted,
    Limit,
}

/// A server process; ended when dropped.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
    pub kind: Kind,
}

impl Server {
    pub fn start(kind: Kind) -> Server {
        Server::with_room_for(256, kind)
    }

    /// `kib` is the server's send buffer for each client.
    pub fn with_room_for(kib: usize, kind: Kind) -> Server {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let started = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fanout-{started}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let mut command = match kind {
            Kind::Limit => Command::new(env::current_exe().unwrap()),
            _ => Command::new(env!("CARGO_BIN_EXE_chat-server")),
        };
        match kind {
            Kind::Plain | Kind::Stamped => command.arg("--plaintext=only"),
            Kind::Encrypted => command.arg("--plaintext=never"),
            Kind::Limit => command.arg(LIMIT),
        };
        if kind != Kind::Limit {
            command.args(["--bind=127.0.0.1:0", "--rate=0"]);
            command.args(["--max-clients=20000", "--max-per-address=0"]);
            command.arg(format!("--send-buffer={kib}"));
            command.arg("--state-dir").arg(&folder);
            command.env_remove("RUST_LOG");
        }
        // Its log is a file, as in life: a pipe would need somebody who wakes up to empty it.
        let log = folder.join("log");
        command.stderr(File::create(&log).unwrap());
        let process = if has(ONE_CPU) {
            // Inherited, also by the threads it starts before anybody could look.
            run_on(|cpu| cpu == 0);
            let process = command.spawn().unwrap();
            run_on(|cpu| cpu != 0);
            process
        } else {
            command.spawn().unwrap()
        };
        let start = Instant::now();
        let address = loop {
            let said = fs::read_to_string(&log).unwrap();
            let rest = said.split_once("listening on ").map(|(_, rest)| rest);
            if let Some((address, _)) = rest.and_then(|rest| rest.split_once('\n')) {
                break address.parse().unwrap();
            }
            assert!(start.elapsed() < DEADLINE, "the server says {said:?}");
        };
        Server {
            process,
            address,
            kind,
        }
    }

    /// What all its threads have used so far: `utime` and `stime` of `/proc/PID/stat`, which
    /// counts in hundredths of a second, to the nanosecond.
    pub fn cpu(&self) -> Duration {
        let pid = Pid::from_raw(self.process.id() as i32);
        clock_getcpuclockid(pid).unwrap().now().unwrap().into()
    }

    pub fn resident_kib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().strip_suffix(" kB");
        kib.unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Lets this thread, and what it starts, run on these processors only.
fn run_on(is_one: impl Fn(usize) -> bool) {
    let mut cpus = CpuSet::new();
    for cpu in (0..CpuSet::count()).filter(|&cpu| is_one(cpu)) {
        cpus.set(cpu).unwrap();
    }
    sched_setaffinity(Pid::from_raw(0), &cpus).unwrap();
}
