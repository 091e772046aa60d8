//! The server's flags, its log and its exit status.

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::panic;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use chat::server::{Options, Server};
use clap::Parser;
use clap::builder::RangedU64ValueParser;
use env_logger::{Env, Target, WriteStyle};
use log::{error, info, warn};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// A chat for the terminal: takes in clients and passes on what they say.
#[derive(Parser)]
#[command(version)]
struct Flags {
    /// Address or host name, and port, to listen on; 0.0.0.0 is every address of this machine
    #[arg(long, env = "CHAT_BIND", default_value = "0.0.0.0:50001", value_name = "ADDRESS:PORT",
          value_parser = address_and_port)]
    bind: String,
    /// Connections in all
    #[arg(long, env = "CHAT_MAX_CLIENTS", default_value_t = 1024, value_name = "N",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    max_clients: usize,
    /// Connections from one address; 0 is no limit
    #[arg(
        long,
        env = "CHAT_MAX_PER_ADDRESS",
        default_value_t = 64,
        value_name = "N"
    )]
    max_per_address: usize,
    /// Seconds to come in with a name
    #[arg(long, env = "CHAT_HANDSHAKE_TIMEOUT", default_value_t = 60, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..))]
    handshake_timeout: u32,
    /// Lines a second a client may say; 0 is no limit
    #[arg(long, env = "CHAT_RATE", default_value_t = 10, value_name = "LINES")]
    rate: u32,
    /// Lines a client may say at once
    #[arg(long, env = "CHAT_BURST", default_value_t = 50, value_name = "LINES",
          value_parser = clap::value_parser!(u32).range(1..))]
    burst: u32,
    /// KiB asked of the kernel for what a client has not yet read
    #[arg(long, env = "CHAT_SEND_BUFFER", default_value_t = 256, value_name = "KIB",
          value_parser = clap::value_parser!(u32).range(1..=1024 * 1024))]
    send_buffer: u32,
    /// Seconds within which a vanished client is given up
    #[arg(long, env = "CHAT_KEEPALIVE", default_value_t = 45, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..=32_767))]
    keepalive: u32,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let result = Screen::start().and_then(|(screen, has_ended)| {
        let result = run(flags);
        // The last line; a screen that stands still is not waited for.
        let _ = screen.0.try_send(Vec::new());
        let _ = has_ended.recv_timeout(PATIENCE);
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // If it cannot be said, the exit status says it.
            let _ = writeln!(io::stderr(), "chat-server: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: Flags) -> anyhow::Result<()> {
    // Like all else on its screen, what a failed session says must hold nobody up.
    panic::set_hook(Box::new(|panicked| error!("{panicked}")));
    raise_open_files();
    let options = Options {
        max_clients: flags.max_clients,
        max_per_address: flags.max_per_address,
        handshake_timeout: Duration::from_secs(flags.handshake_timeout.into()),
        rate: flags.rate,
        burst: flags.burst,
        send_buffer: flags.send_buffer as usize * 1024,
        keepalive: Duration::from_secs(flags.keepalive.into()),
    };
    let server = Arc::new(Server::bind(&flags.bind, options)?);

    let was_told = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the second signal finds the flag up, and ends the program at once.
        signal_hook::flag::register_conditional_shutdown(signal, 1, was_told.clone())
            .and_then(|_| signal_hook::flag::register(signal, was_told.clone()))
            .context("cannot listen for signals")?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot listen for signals")?;
    let told = server.clone();
    thread::Builder::new()
        .spawn(move || {
            if signals.forever().next().is_some() {
                info!("shutting down; once more ends it at once");
                told.shut_down();
            }
        })
        .context("cannot start the thread that waits for signals")?;

    announce(server.address());
    server.run();
    info!("bye");
    Ok(())
}

/// Whether it has the form of what can be listened on; whether it can be is seen then.
fn address_and_port(bind: &str) -> Result<String, &'static str> {
    match bind.rsplit_once(':') {
        Some((address, port)) if !address.is_empty() && port.parse::<u16>().is_ok() => {
            Ok(bind.to_owned())
        }
        _ => Err("give an address and a port from 0 to 65535, like 0.0.0.0:50001"),
    }
}

/// Every client is an open file, and the usual soft limit is 1,024.
fn raise_open_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        warn!("cannot raise the limit of open files: {}", error.desc());
    }
}

/// Says where it listens, and what others have to type to come in (RF-10).
fn announce(address: SocketAddr) {
    info!("listening on {address}");
    let port = address.port();
    if !address.ip().is_unspecified() {
        return invite(address.ip(), port);
    }
    // Without a list of addresses there is nothing to suggest, and nothing is lost.
    let mut interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.retain(|i| i.is_oper_up() && !i.is_loopback() && !i.is_link_local());
    interfaces.retain(|i| i.ip().is_ipv4() || address.is_ipv6());
    interfaces.sort_by_key(|i| i.ip().is_ipv6());
    if interfaces.is_empty() {
        invite(IpAddr::from([127, 0, 0, 1]), port);
    }
    for interface in interfaces {
        invite(interface.ip(), port);
    }
}

fn invite(ip: IpAddr, port: u16) {
    info!("others join with: chat-client --host {ip} --port {port}");
}

/// Log lines on their way to standard error, which may stand still (Ctrl-S, a full pipe): then
/// what does not fit in here is lost, and nobody waits.
struct Screen(SyncSender<Vec<u8>>);

/// How many lines may wait for the screen.
const WAITING: usize = 4096;

/// How long the last lines may take.
const PATIENCE: Duration = Duration::from_millis(250);

impl Screen {
    /// Makes it the program's log. What is returned closes once an empty line was written.
    fn start() -> anyhow::Result<(Screen, Receiver<()>)> {
        let (screen, lines) = sync_channel::<Vec<u8>>(WAITING);
        let (writing, has_ended) = sync_channel(0);
        let write_all = move || {
            let _writing: SyncSender<()> = writing;
            for line in lines.iter().take_while(|line| !line.is_empty()) {
                // A log that cannot be written must not end the chat.
                let _ = io::stderr().write_all(&line);
            }
        };
        let thread = thread::Builder::new().spawn(write_all);
        thread.context("cannot start the thread that writes the log")?;
        let is_terminal = io::stderr().is_terminal();
        env_logger::Builder::from_env(Env::default().default_filter_or("info"))
            .format_target(false)
            .write_style(if is_terminal {
                WriteStyle::Auto
            } else {
                WriteStyle::Never
            })
            .target(Target::Pipe(Box::new(Screen(screen.clone()))))
            .init();
        Ok((Screen(screen), has_ended))
    }
}

impl Write for Screen {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.try_send(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
