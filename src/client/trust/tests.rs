use std::os::unix::fs::{PermissionsExt, symlink};
use std::{env, process, thread};

use super::*;

/// A file that is not there yet, in a folder of its own; gone when dropped.
struct Servers(PathBuf);

impl Servers {
    fn new(test: &str) -> Servers {
        let folder = env::temp_dir().join(format!("chat-{test}-{}", process::id()));
        Servers(folder.join("chat-client/known-servers"))
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.0).unwrap()
    }

    fn known(&self, server: &str) -> Option<(Option<Fingerprint>, usize)> {
        known(&self.0, server).unwrap()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.ancestors().nth(2).unwrap());
    }
}

fn keys() -> [Fingerprint; 3] {
    [b"a", b"b", b"c"].map(|key| Fingerprint::of(key))
}

#[test]
fn a_server_is_remembered_under_its_name_for_the_eyes_of_the_user_alone() {
    let (servers, [a, b, _]) = (Servers::new("remembered"), keys());
    assert_eq!(servers.known("a.example:50001"), None);
    remember(&servers.0, "a.example:50001", a).unwrap();
    remember(&servers.0, "[2001:db8::1]:50001", b).unwrap();
    assert_eq!(servers.known("A.example:50001"), Some((Some(a), 1)));
    assert_eq!(servers.known("[2001:db8::1]:50001"), Some((Some(b), 2)));
    assert_eq!(servers.known("a.example:50002"), None);
    let mode = fs::metadata(&servers.0).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_line_behind_a_torn_one_is_a_line_of_its_own() {
    let (servers, [a, b, _]) = (Servers::new("torn"), keys());
    remember(&servers.0, "a:1", a).unwrap();
    fs::write(&servers.0, servers.text() + "b:2 7Q4KD").unwrap();
    remember(&servers.0, "c:3", b).unwrap();
    assert_eq!(servers.known("a:1"), Some((Some(a), 1)));
    assert_eq!(servers.known("b:2"), Some((None, 2)));
    assert_eq!(servers.known("c:3"), Some((Some(b), 3)));
}

#[test]
fn first_contacts_at_once_lose_none() {
    let (servers, [a, ..]) = (Servers::new("contacts"), keys());
    let names: Vec<String> = (1..9).map(|port| format!("a:{port}")).collect();
    thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| remember(&servers.0, name, a).unwrap());
        }
    });
    for name in &names {
        assert_eq!(
            servers.known(name).map(|(key, _)| key),
            Some(Some(a)),
            "{name}"
        );
    }
}

#[test]
fn a_replaced_key_leaves_one_line_for_its_server() {
    let (servers, [a, b, c]) = (Servers::new("replaced"), keys());
    for (name, key) in [("a:1", a), ("b:2", b), ("A:1", b), ("a:1", a)] {
        remember(&servers.0, name, key).unwrap();
    }
    replace(&servers.0, "a:1", c).unwrap();
    let replaced = format!("b:2 {b}\na:1 {c}\n");
    assert_eq!(servers.text(), replaced);
    replace(&servers.0, "a:1", c).unwrap();
    assert_eq!(servers.text(), replaced);
    let folder = servers.0.parent().unwrap();
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
}

#[test]
fn however_it_is_spelt_an_address_is_one_host() {
    let (servers, [a, b, c]) = (Servers::new("spelt"), keys());
    for (name, key) in [
        ("[fd00:0::2]:1", a),
        ("[FE80:0::7%eth0]:1", b),
        ("[::ffff:192.0.2.2]:1", c),
    ] {
        remember(&servers.0, name, key).unwrap();
    }
    assert_eq!(servers.known("[fd00::2]:1"), Some((Some(a), 1)));
    assert_eq!(servers.known("[fe80::7%eth0]:1"), Some((Some(b), 2)));
    assert_eq!(servers.known("192.0.2.2:1"), Some((Some(c), 3)));
}

#[test]
fn a_key_is_read_also_in_groups_and_before_a_comment() {
    let (servers, [a, ..]) = (Servers::new("groups"), keys());
    let groups = a.to_string().replace('-', " ");
    fs::create_dir_all(servers.0.parent().unwrap()).unwrap();
    fs::write(&servers.0, format!("a:1 {groups}\nb:1 {groups} mine\n")).unwrap();
    assert_eq!(servers.known("a:1"), Some((Some(a), 1)));
    assert_eq!(servers.known("b:1"), Some((Some(a), 2)));
}

#[test]
fn a_replaced_key_changes_what_a_link_leads_to_there_already_or_not() {
    let (servers, [a, b, _]) = (Servers::new("linked"), keys());
    let folder = servers.0.parent().unwrap();
    fs::create_dir_all(folder.join("dotfiles")).unwrap();
    symlink("dotfiles/link", &servers.0).unwrap();
    symlink("known", folder.join("dotfiles/link")).unwrap();
    for key in [a, b] {
        replace(&servers.0, "a:1", key).unwrap();
        assert!(servers.0.is_symlink());
        let text = fs::read_to_string(folder.join("dotfiles/known")).unwrap();
        assert_eq!(text, format!("a:1 {key}\n"));
    }
}
