//! What is said between machines is encrypted, and with whom one speaks is known (DESIGN, section 6).

mod attacks;
mod entrance;
mod forger;
mod keys;
mod known_keys;
mod password;
mod programs;
mod stream;
mod tap;
mod trust;

use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

use crate::support::{Server, skip_for_good};

/// A folder that is empty at first, and gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("chat-tls-{}-{number}", process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server with its key in `state`, which takes plain lines from this machine, as by default; but
/// whoever joins it here encrypts.
#[track_caller]
fn sealed_server(state: &Path, flags: &[&str]) -> Server {
    let state = state.to_str().unwrap();
    let flags = [&["--plaintext", "local", "--state-dir", state], flags].concat();
    let mut setup = Server::with(&flags);
    setup.is_sealed = true;
    setup.start()
}

/// The fingerprint that its screen shows.
#[track_caller]
fn fingerprint_of(server: &Server) -> String {
    server.process.stderr.wait_until("a fingerprint", |log| {
        let mut lines = log.lines();
        let told = lines.find_map(|line| line.split_once(" fingerprint "));
        told.map(|(_, fingerprint)| fingerprint.to_owned())
    })
}

/// An address of this machine at which others reach it; `None`, said aloud, where it has none.
fn own_address() -> Option<String> {
    let interfaces = if_addrs::get_if_addrs().unwrap();
    let mut addresses = interfaces.iter().map(|interface| interface.ip());
    let own = addresses.find(|ip| ip.is_ipv4() && !ip.is_loopback());
    if own.is_none() {
        skip_for_good("this machine has no address but its own loopback");
    }
    own.map(|ip| ip.to_string())
}
