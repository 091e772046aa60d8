//! The server's key, and where it is kept.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::{Folder, fingerprint_of, sealed_server};
use crate::support::{Process, Server, is_root};

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

fn start(state: &Path) -> Process {
    let state = state.to_str().unwrap();
    let flags = ["--bind", "127.0.0.1:0", "--state-dir", state];
    Process::spawn(&mut Server::as_typed(&flags).command)
}

/// What a server says that does not start, with status 1.
fn refusal(state: &Path) -> String {
    start(state).last_words(1)
}

#[test]
fn a_server_has_the_same_key_after_a_restart_and_keeps_it_to_itself() {
    let folder = Folder::new();
    let state = folder.path("a/b");
    let first = fingerprint_of(&sealed_server(&state, &[]));
    let again = fingerprint_of(&sealed_server(&state, &[]));
    assert_eq!(first, again);
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("key")), 0o600);
    assert_eq!(fs::read_dir(&state).unwrap().count(), 1, "no draft is left");
}

#[test]
fn eight_first_starts_at_once_have_one_key() {
    for _ in 0..5 {
        let folder = Folder::new();
        let state = folder.path("state");
        let servers: Vec<Process> = (0..8).map(|_| start(&state)).collect();
        let keys = servers.iter().map(|server| {
            let line = server.wait_for("fingerprint ");
            line.split_once("fingerprint ").unwrap().1.to_owned()
        });
        let keys: Vec<String> = keys.collect();
        assert_eq!(keys, vec![keys[0].clone(); 8]);
    }
}

#[test]
fn a_key_that_others_can_read_stops_the_server_with_a_sentence() {
    let folder = Folder::new();
    let state = folder.path("state");
    drop(sealed_server(&state, &[]));
    let key = state.join("key");
    for mode in [0o644, 0o640, 0o604, 0o620] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let told = refusal(&state);
        assert!(told.contains(key.to_str().unwrap()), "{told}");
        let words = format!("can be read by others (mode {mode:o})");
        assert!(told.contains(&words), "{told}");
    }
}

#[test]
fn a_key_that_is_none_or_cannot_be_read_stops_the_server_and_is_left_as_it_is() {
    let folder = Folder::new();
    let state = folder.path("state");
    drop(sealed_server(&state, &[]));
    let key = state.join("key");
    for bytes in [&b""[..], b"no key", &[0x30; 5000]] {
        fs::write(&key, bytes).unwrap();
        let told = refusal(&state);
        assert!(told.contains("there is no key"), "{told}");
        assert_eq!(fs::read(&key).unwrap(), bytes);
    }
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o700)).unwrap();
    let told = refusal(&state);
    assert!(told.contains("cannot read the key in"), "{told}");
}

#[test]
fn where_no_key_can_be_kept_it_lives_as_long_as_the_server_and_that_is_told() {
    let folder = Folder::new();
    fs::write(folder.path("file"), "").unwrap();
    let linked = folder.path("linked");
    fs::create_dir(&linked).unwrap();
    symlink("nowhere/at/all", linked.join("key")).unwrap();
    let mut places = vec![folder.path("file/state"), linked.clone()];
    if is_root() {
        // Nobody can make a folder there.
        places.push(PathBuf::from("/proc/chat"));
    }
    for place in places {
        let mut keys = Vec::new();
        for _ in 0..2 {
            let server = sealed_server(&place, &[]);
            let told = server.log();
            assert!(
                told.contains("will be told that the key has changed"),
                "{told}"
            );
            keys.push(fingerprint_of(&server));
            server.join("ana");
        }
        assert_ne!(keys[0], keys[1]);
    }
    assert_eq!(
        fs::read_dir(&linked).unwrap().count(),
        1,
        "no draft is left"
    );
}

#[test]
fn a_server_that_does_not_encrypt_makes_no_key() {
    let folder = Folder::new();
    let state = folder.path("state");
    let flags = [
        "--plaintext",
        "only",
        "--state-dir",
        state.to_str().unwrap(),
    ];
    let server = Server::start(&flags);
    server.join("ana");
    assert!(!state.exists());
    assert!(!server.log().contains("fingerprint"), "{}", server.log());
}
