//! Machines with addresses of their own, as network namespaces. Nothing in them reaches further
//! than they do.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::client::client_of;
use super::{Process, Server, Setup, behind, skip, skip_for_good, wait_until};

/// Two machines and a cable between them; gone when dropped.
pub struct Network {
    machines: [String; 2],
}

/// The addresses of the two machines.
pub const ADDRESSES: [&str; 2] = ["10.77.0.1", "10.77.0.2"];

impl Network {
    /// `None`, said aloud, where this may not be made.
    #[track_caller]
    pub fn new() -> Option<Network> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let machine = |side| format!("chat-{}-{number}-{side}", process::id());
        let network = Network {
            machines: [machine("a"), machine("b")],
        };
        match network.build() {
            Ok(()) => Some(network),
            Err(reason) => {
                do_without("network namespaces", &reason);
                None
            }
        }
    }

    fn build(&self) -> Result<(), String> {
        let [a, b] = &self.machines;
        ip(&["netns", "add", a])?;
        ip(&["netns", "add", b])?;
        let cable = ["type", "veth", "peer", "name", "eth0", "netns", b];
        ip(&[&["link", "add", "eth0", "netns", a], &cable[..]].concat())?;
        for (machine, address) in self.machines.iter().zip(ADDRESSES) {
            let address = format!("{address}/24");
            ip(&["-n", machine, "addr", "add", &address, "dev", "eth0"])?;
            ip(&["-n", machine, "link", "set", "eth0", "up"])?;
            ip(&["-n", machine, "link", "set", "lo", "up"])?;
        }
        // The kernel notices later that both ends are in; until then nobody is told the addresses.
        wait_until("the cable is in", || (0..2).all(|side| self.is_up(side)));
        Ok(())
    }

    fn is_up(&self, machine: usize) -> bool {
        let mut show = Command::new("cat");
        let show = self
            .on(machine, show.arg("/sys/class/net/eth0/operstate"))
            .output();
        show.expect("ip runs").stdout == b"up\n"
    }

    /// Pulls the cable out of a machine; neither side hears anything of the other any more.
    pub fn cut(&self, machine: usize) {
        let machine = &self.machines[machine];
        ip(&["-n", machine, "link", "set", "eth0", "down"]).expect("the cable comes out");
    }

    /// Puts the cable back in.
    pub fn mend(&self, machine: usize) {
        let machine = &self.machines[machine];
        ip(&["-n", machine, "link", "set", "eth0", "up"]).expect("the cable goes in");
    }

    /// Makes both directions of the cable lose, delay, double and reorder what passes. `None`,
    /// said aloud, where that cannot be had.
    #[track_caller]
    pub fn spoil(&self) -> Option<()> {
        let netem =
            "qdisc add dev eth0 root netem delay 20ms 10ms loss 5% duplicate 2% reorder 20%";
        for machine in &self.machines {
            let words = ["-n", machine].into_iter().chain(netem.split(' '));
            if let Err(reason) = run("tc", &words.collect::<Vec<_>>()) {
                do_without("bad network", &reason);
                return None;
            }
        }
        Some(())
    }

    /// Whether a connection of a machine has sent something that the other side has not yet
    /// acknowledged.
    pub fn is_waiting(&self, machine: usize) -> bool {
        let mut show = Command::new("cat");
        let show = self.on(machine, show.arg("/proc/net/tcp")).output();
        let shown = show.expect("ip runs").stdout;
        // The fourth column is how many bytes wait in the queues to be sent and to be read.
        String::from_utf8_lossy(&shown).lines().skip(1).any(|line| {
            let queues = line.split_whitespace().nth(4).unwrap();
            !queues.starts_with("00000000:")
        })
    }

    /// A server on the first of the machines. Who encrypts is known by the address, so servers that
    /// do and servers that do not have different ports.
    #[track_caller]
    pub fn server(&self, is_sealed: bool, flags: &[&str]) -> Server {
        let (port, plaintext) = match is_sealed {
            true => (50_002, "never"),
            false => (50_001, "only"),
        };
        let bind = format!("{}:{port}", ADDRESSES[0]);
        let flags = [&["--bind", &bind, "--plaintext", plaintext], flags].concat();
        let setup = Server::with(&flags).through(|server| self.on(0, server));
        Setup { is_sealed, ..setup }.start()
    }

    /// A client on one of the machines, who has been greeted by the server.
    #[track_caller]
    pub fn client(&self, machine: usize, server: SocketAddr, name: &str) -> Process {
        let flags = ["--username", name];
        let process = Process::spawn(&mut self.on(machine, &client_of(server, &flags)));
        process.stdout.wait_for(&format!("Hello, {name}"));
        process
    }

    /// Does something on one of the two machines, where it has to succeed.
    #[track_caller]
    pub fn exec(&self, machine: usize, line: &str) {
        let there = ["netns", "exec", &self.machines[machine]];
        let words = there.into_iter().chain(line.split(' '));
        ip(&words.collect::<Vec<_>>()).expect(line);
    }

    /// `command` on one of the two machines, in no environment but what it sets itself.
    pub fn on(&self, machine: usize, command: &Command) -> Command {
        let there = ["ip", "netns", "exec", &self.machines[machine], "env", "-i"];
        let mut there = there.map(str::to_owned).to_vec();
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                there.push(format!("{}={}", name.display(), value.display()));
            }
        }
        let there: Vec<&str> = there.iter().map(String::as_str).collect();
        behind(&there, command)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for machine in &self.machines {
            // It fails for what was never made.
            let _ = ip(&["netns", "del", machine]);
        }
    }
}

/// `command` where `file`, of this machine's, says `text` instead. `None`, said aloud, where that
/// cannot be had.
#[track_caller]
pub fn with_file(file: &str, text: &str, command: &Command) -> Option<Command> {
    let script = "draft=$(mktemp) && chmod a+r $draft && printf %s \"$1\" >$draft \
        && mount --bind $draft \"$0\" && rm $draft && shift && exec \"$@\"";
    let elsewhere = ["unshare", "--mount", "sh", "-c", script, file, text];
    let tried = behind(&elsewhere, &Command::new("true")).output();
    if !tried.as_ref().is_ok_and(|tried| tried.status.success()) {
        do_without("mount namespaces", &format!("{tried:?}"));
        return None;
    }
    Some(behind(&elsewhere, command))
}

/// Says why there is no such `thing` here.
#[track_caller]
fn do_without(thing: &str, reason: &str) {
    let kernel_has_none = !Path::new("/proc/self/ns/net").exists()
        || reason.contains("Unknown device type")
        || reason.contains("qdisc kind is unknown");
    let reason = format!("no {thing}: {reason}");
    match kernel_has_none {
        true => skip_for_good(&reason),
        false => skip(&reason),
    }
}

fn ip(words: &[&str]) -> Result<(), String> {
    run("ip", words)
}

fn run(program: &str, words: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(words).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
