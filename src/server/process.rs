//! What the server asks of the system for itself: to be told of signals, and open files.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::{fs, io, thread};

use log::{info, warn};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use super::Server;

/// Shuts `server` down at the first SIGINT, SIGTERM or SIGHUP, and ends the program with status 1
/// at the next SIGINT or SIGTERM. Fails when the system has no thread or handler for it.
///
/// A SIGHUP that was ignored when the program started stays so, as nohup(1) wants it. One that
/// comes after another signal changes nothing: a window that is closed sends two, one by its shell
/// and one by the kernel.
pub fn end_at_signals(server: &Arc<Server>) -> io::Result<()> {
    let mut endings = vec![SIGINT, SIGTERM];
    let was_told = Arc::new(AtomicBool::new(false));
    for &signal in &endings {
        // Before the flag is put up: the first signal finds it down.
        flag::register_conditional_shutdown(signal, 1, was_told.clone())?;
    }
    if !is_hangup_ignored() {
        endings.push(SIGHUP);
    }
    for &signal in &endings {
        flag::register(signal, was_told.clone())?;
    }
    let mut signals = Signals::new(endings)?;
    let server = server.clone();
    thread::Builder::new().spawn(move || {
        if signals.forever().next().is_some() {
            info!("shutting down; once more ends it at once");
            server.shut_down();
        }
    })?;
    Ok(())
}

/// Whether SIGHUP is ignored now; where it cannot be seen (there is no /proc) it is taken to be.
fn is_hangup_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    // proc_pid_status(5): a mask in hexadecimal, its lowest bit is signal 1.
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (SIGHUP - 1) & 1 == 1)
}

/// Raises the soft limit of open files, usually 1,024, as far as may be: every client is one. And where
/// a file must not grow, to write fails as on a full disk, instead of ending the program by SIGXFSZ
/// (setrlimit(2)).
pub fn live_with_limits() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        warn!("cannot raise the limit of open files: {}", error.desc());
    }
    // It fails for no signal there is.
    let _ = flag::register(SIGXFSZ, Arc::default());
}
