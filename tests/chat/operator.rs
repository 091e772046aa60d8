//! The operator in the room, and whom they send off or keep out.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, id};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Peer, Server};

mod bans;
mod kick;
mod list;
mod network;
mod saving;
mod secret;

/// An empty folder of its own; gone when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("chat-operator-{}-{number}", id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    /// With a list of bans in it.
    fn with(bans: &str) -> Folder {
        let folder = Folder::new();
        fs::write(folder.bans(), bans).unwrap();
        folder
    }

    fn bans(&self) -> PathBuf {
        self.0.join("bans")
    }

    /// The list of bans.
    fn list(&self) -> String {
        fs::read_to_string(self.bans()).unwrap()
    }

    /// A server that keeps things in here.
    #[track_caller]
    pub fn server(&self, flags: &[&str]) -> Server {
        let state_dir = ["--state-dir", self.0.to_str().unwrap()];
        Server::start(&[&state_dir, flags].concat())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-q").arg(&self.0).output();
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What makes an operator, as the screen of `server` says it.
#[track_caller]
fn op(server: &Server) -> String {
    let announced = server.log();
    let (_, behind) = announced
        .split_once("operators type: ")
        .unwrap_or_else(|| panic!("no secret in {announced}"));
    behind.lines().next().unwrap().to_owned()
}

/// An operator in the room.
#[track_caller]
fn operator(server: &Server, name: &str) -> Peer {
    server.process.wait_for("operators type: ");
    let mut peer = server.join(name);
    peer.send(&op(server));
    peer.expect_start("INFO you are an operator now");
    peer
}

/// Somebody in the room, who comes from another address of this machine.
#[track_caller]
fn join_from(server: &Server, own: [u8; 4], name: &str) -> Peer {
    let mut peer = server.connect_from(own);
    peer.expect("<USERNAME>");
    peer.send(name);
    peer.expect_start(&format!("WELCOME {name} "));
    peer
}

/// Somebody who comes from there hears nothing but that they are banned.
#[track_caller]
fn expect_banned(server: &Server, own: [u8; 4]) {
    let mut peer = server.connect_from(own);
    assert_eq!(peer.rest(), ["BYE banned"], "(left: came, right: expected)");
}
