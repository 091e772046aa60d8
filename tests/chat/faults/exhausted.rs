//! The system has no more of something: open files, threads, room for the log.

use std::fs::{self, File};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{self, Command, Stdio};
use std::thread;

use nix::sys::signal::Signal;

use crate::support::client::deserted;
use crate::support::{
    Output, Peer, Process, Server, behind, is_over_tls, is_root, proc_status, set_sealed, skip,
    wait_until,
};

const COMPLAINT: &str = "cannot take in more clients";

/// A server that may have so many open files, by `limit`, an option of `ulimit`.
fn start_with_open_files(limit: &str, most: usize) -> Server {
    let script = format!("ulimit {limit} {most}; exec \"$0\" \"$@\"");
    let limited = |server: &Command| behind(&["sh", "-c", &script], server);
    Server::with(&[]).through(limited).start()
}

fn complaints(server: &Server) -> usize {
    server.log().matches(COMPLAINT).count()
}

/// Those in the room talk with each other, and the server does not spin meanwhile.
#[track_caller]
fn assert_well(server: &Server, ana: &mut Peer, bia: &mut Peer) {
    ana.send("oi");
    bia.wait_for("MSG ana oi");
    server.assert_at_rest();
    bia.send("oi");
    ana.wait_for("MSG bia oi");
}

#[test]
fn fewer_open_files_than_there_could_be() {
    // The soft limit alone, which the server may raise.
    const FILES: usize = 20;
    let server = start_with_open_files("-S -n", FILES);
    let mut watcher = server.join("watcher");
    let mut crowd: Vec<Peer> = (0..2 * FILES).map(|_| server.connect()).collect();
    for (n, peer) in crowd.iter_mut().enumerate() {
        peer.send(&format!("p{n}"));
        peer.wait_for("<USERNAME>");
        peer.expect_start("WELCOME ");
    }
    (0..crowd.len()).for_each(|_| _ = watcher.expect_start("JOIN "));
    assert_eq!(complaints(&server), 0, "(left: came)");
}

#[test]
fn no_open_files_left() {
    let server = start_with_open_files("-n", 32);
    let mut ana = server.join("ana");
    let mut bia = server.join("bia");
    let connect = |_| TcpStream::connect(server.address).unwrap();
    let crowd: Vec<TcpStream> = (0..100).map(connect).collect();
    wait_until("it says so", || complaints(&server) > 0);
    assert_well(&server, &mut ana, &mut bia);
    assert_eq!(complaints(&server), 1, "said once (left: came)");
    drop(crowd);
    let mut late = server.join("late");
    late.send("oi");
    ana.wait_for("MSG late oi");
}

#[test]
fn no_open_files_left_when_it_is_told_to_end() {
    const FILES: usize = 32;
    let mut server = start_with_open_files("-n", FILES);
    let files = format!("/proc/{}/fd", server.process.pid());
    // One that it inherited may have a number past the limit, and does not count.
    let in_use = || {
        (0..FILES)
            .filter(|n| fs::exists(format!("{files}/{n}")).unwrap())
            .count()
    };
    // All but one, which the kernel holds ready for whoever comes next.
    let mut crowd = Vec::new();
    while in_use() < FILES - 1 {
        crowd.push(server.connect());
        crowd.last_mut().unwrap().expect("<USERNAME>");
    }
    server.process.signal(Signal::SIGTERM);
    for mut peer in crowd {
        peer.expect("BYE shutdown");
    }
    assert_eq!(server.process.finish(), Some(0));
}

/// The server where everyone may run it, for a user who has nothing else running.
struct Stranger {
    program: PathBuf,
    /// Where it can keep something.
    state: PathBuf,
    user: u32,
}

impl Stranger {
    fn new() -> Option<Stranger> {
        if !is_root() {
            skip("only root can become a user with no other processes");
            return None;
        }
        // In plain and over TLS at once, and beside another run of the tests.
        let user = 60_000 + (2 * process::id() + u32::from(is_over_tls())) % 5_000;
        let program = std::env::temp_dir().join(format!("chat-server-{user}"));
        let state = program.with_extension("state");
        // By a process of its own: another that this one starts meanwhile would hold the copy open to
        // be written, and nothing can run it then.
        let mut copy = Command::new("cp");
        copy.arg(env!("CARGO_BIN_EXE_chat-server")).arg(&program);
        assert!(copy.status().unwrap().success(), "the program is copied");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Some(Stranger {
            program,
            state,
            user,
        })
    }

    /// A server with at most so many threads; `None` where that cannot be had.
    fn start(&self, threads: usize) -> Option<Server> {
        if Command::new("setpriv").arg("--version").output().is_err() {
            skip("no setpriv to become another user with");
            return None;
        }
        let user = self.user.to_string();
        let nproc = format!("--nproc={threads}");
        let become_them = [
            "setpriv",
            "--reuid",
            &user,
            "--regid",
            &user,
            "--clear-groups",
            "--",
        ];
        let words = [&become_them[..], &["prlimit", &nproc, "--"]].concat();
        let theirs = |server: &Command| {
            let mut program = Command::new(&self.program);
            program.args(server.get_args()).arg("--state-dir");
            behind(&words, program.arg(&self.state))
        };
        Some(Server::with(&[]).through(theirs).start())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.program);
        let _ = fs::remove_dir_all(&self.state);
    }
}

#[test]
fn no_threads_left() {
    let Some(stranger) = Stranger::new() else {
        return;
    };
    let Some(server) = stranger.start(12) else {
        return;
    };
    let mut ana = server.join("ana");
    let mut bia = server.join("bia");
    let mut crowd: Vec<Peer> = (0..30).map(|_| server.connect()).collect();
    wait_until("it says so", || complaints(&server) > 0);
    assert_well(&server, &mut ana, &mut bia);
    // Who has shaken hands goes on in another thread, and is refused where there is none.
    let threads = proc_status(server.process.pid(), "Threads");
    assert!(
        threads == 12 || is_over_tls() && threads == 11,
        "{threads} threads"
    );
    // The last of them is long refused, or there would be a thread for each.
    let answers = crowd.iter_mut().map(|peer| peer.expect_start(""));
    let refused = answers.filter(|answer| answer == "BYE server-full").count();
    assert!(refused >= 18, "{refused} of 30 were refused");
    assert_eq!(complaints(&server), 1, "said once (left: came)");
    drop(crowd);
    wait_until("it serves again", || {
        let mut late = server.connect();
        late.expect_start("") == "<USERNAME>"
    });
}

/// A server whose log goes to `log`; it cannot tell where it listens.
fn start_with_log(log: Stdio) -> Server {
    let (_kept, address) = deserted();
    let setup = Server::with(&["--bind", &address.to_string()]);
    set_sealed(address, setup.is_sealed);
    let mut command = setup.command;
    let child = command.stdin(Stdio::null()).stderr(log).spawn().unwrap();
    let (stdout, stderr) = (Output::default(), Output::default());
    let server = Server {
        address,
        process: Process {
            child,
            stdout,
            stderr,
        },
    };
    wait_until("it listens", || {
        std::net::TcpStream::connect(address).is_ok()
    });
    server
}

/// Comings and goings, which it logs; then it is told to end.
fn chat_and_end(mut server: Server) {
    let mut ana = server.join("ana");
    for n in 0..20 {
        server.join(&format!("p{n}")).quit();
    }
    let mut bia = server.join("bia");
    assert_well(&server, &mut ana, &mut bia);
    drop((ana, bia));
    server.process.signal(Signal::SIGTERM);
    assert_eq!(server.process.wait().code(), Some(0));
}

#[test]
fn no_room_on_the_disk_for_the_log() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    chat_and_end(start_with_log(full.into()));
}

#[test]
fn nobody_at_the_other_end_of_the_log() {
    let (reader, writer) = std::io::pipe().unwrap();
    let server = start_with_log(writer.into());
    drop(reader);
    chat_and_end(server);
}

#[test]
fn a_log_that_stands_still() {
    let (reader, writer) = std::io::pipe().unwrap();
    let server = start_with_log(writer.into());
    // Three lines each, far more than a pipe holds and the server keeps.
    thread::scope(|scope| {
        for thread in 0..4 {
            let server = &server;
            scope.spawn(move || {
                for n in 0..700 {
                    server.join(&format!("t{thread}-{n}")).quit();
                }
            });
        }
    });
    let mut ana = server.join("ana");
    ana.send("/quem");
    ana.expect("USERS 1 ana");
    // Once it moves on, it shows who comes again.
    let log = Output::collect(reader);
    wait_until("the log goes on", || {
        server.join("bia").quit();
        log.so_far().contains("bia joined")
    });
    ana.quit();
    chat_and_end(server);
}
