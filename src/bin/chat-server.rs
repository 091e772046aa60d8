//! The server's flags and its exit status.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chat::cli::Generate;
use chat::server::bans::Bans;
use chat::server::entrance::{Encryption, Plaintext};
use chat::server::secret::Secret;
use chat::server::transcript::Transcript;
use chat::server::{self, BACKLOG_SIZE, BindAddress, Log, OperatorSecret, Options, Server};
use clap::builder::{BoolishValueParser, RangedU64ValueParser};
use clap::{ArgAction, CommandFactory, Parser};
use log::{info, warn};

/// A chat for the terminal: takes in clients and passes on what they say.
#[derive(Parser)]
#[command(name = "chat-server", version, args_override_self = true, after_help = EXAMPLES)]
struct Flags {
    /// Address or host name, and port, to listen on; can be given several times. 0.0.0.0 stands for
    /// all IPv4 addresses of this machine, `[::]` for those of IPv6 too
    #[arg(
        help_heading = "Where",
        long,
        env = "CHAT_BIND",
        default_value = "0.0.0.0:50001",
        value_name = "ADDRESS:PORT",
        value_delimiter = ','
    )]
    bind: Vec<BindAddress>,
    /// Connections in all
    #[arg(help_heading = "Who", long, env = "CHAT_MAX_CLIENTS",
          default_value_t = 1024, value_name = "N",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    max_clients: usize,
    /// Connections from one address; 0 is no limit
    #[arg(
        help_heading = "Who",
        long,
        env = "CHAT_MAX_PER_ADDRESS",
        default_value_t = 64,
        value_name = "N"
    )]
    max_per_address: usize,
    /// Seconds to come in with a name
    #[arg(help_heading = "Who", long, env = "CHAT_HANDSHAKE_TIMEOUT",
          default_value_t = 60, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..))]
    handshake_timeout: u32,
    /// Lines a second a client may say; 0 is no limit
    #[arg(
        help_heading = "How much",
        long,
        env = "CHAT_RATE",
        default_value_t = 10,
        value_name = "LINES"
    )]
    rate: u32,
    /// Lines a client may say at once
    #[arg(help_heading = "How much", long, env = "CHAT_BURST",
          default_value_t = 50, value_name = "LINES",
          value_parser = clap::value_parser!(u32).range(1..))]
    burst: u32,
    /// KiB asked of the kernel for what a client has not yet read
    #[arg(help_heading = "How much", long, env = "CHAT_SEND_BUFFER",
          default_value_t = 256, value_name = "KIB",
          value_parser = clap::value_parser!(u32).range(1..=1024 * 1024))]
    send_buffer: u32,
    /// Seconds within which a vanished client is given up
    #[arg(help_heading = "How much", long, env = "CHAT_KEEPALIVE",
          default_value_t = 45, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..=32_767))]
    keepalive: u32,
    /// Seconds a session is held when its connection breaks; 0 holds nobody
    #[arg(help_heading = "How much", long, env = "CHAT_HOLD",
          default_value_t = 30, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(..=86_400))]
    hold: u32,
    /// Lines of what was said that newcomers are told; 0 is none
    #[arg(
        help_heading = "How much",
        long,
        env = "CHAT_HISTORY",
        default_value_t = 20,
        value_name = "LINES"
    )]
    history: usize,
    /// Keep what is said to all, and who comes and goes, in the file transcript of the --state-dir,
    /// from which newcomers are told after a restart
    #[arg(help_heading = "How much", long, env = "CHAT_TRANSCRIPT", action = ArgAction::SetTrue,
          value_parser = BoolishValueParser::new())]
    transcript: bool,
    /// Who may come in without encryption
    #[arg(
        help_heading = "Who",
        long,
        env = "CHAT_PLAINTEXT",
        default_value = "local",
        value_name = "WHO"
    )]
    plaintext: Plaintext,
    /// File whose first line is the password of the room
    #[arg(
        help_heading = "Who",
        long,
        env = "CHAT_PASSWORD_FILE",
        value_name = "FILE"
    )]
    password_file: Option<PathBuf>,
    /// Folder for what the server has to remember; made at need
    /// [default: $XDG_STATE_HOME/chat-server, or ~/.local/state/chat-server]
    #[arg(
        help_heading = "Where",
        long,
        env = "CHAT_STATE_DIR",
        value_name = "FOLDER"
    )]
    state_dir: Option<PathBuf>,
    /// File whose first line makes an operator of whoever types it behind /op [default: a secret
    /// made anew at each start, and shown]
    #[arg(
        help_heading = "Who",
        long,
        env = "CHAT_OPERATOR_PASSWORD_FILE",
        value_name = "FILE"
    )]
    operator_password_file: Option<PathBuf>,
    /// Writes a manual page or a shell's completions to standard output
    #[arg(long, hide = true, value_name = "WHAT")]
    generate: Option<Generate>,
}

const EXAMPLES: &str = "\
Examples:
  chat-server                                    for the whole network
  chat-server --bind localhost:50001             for this machine alone
  chat-server --bind '[::]:50001'                over IPv6 too
  chat-server --bind localhost:50001 --bind 10.0.0.1:50001

Its screen shows what others type to join. Ctrl-C ends it.";

fn main() -> ExitCode {
    match run(Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // If it cannot be said, the exit status says it.
            let _ = writeln!(io::stderr(), "chat-server: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: Flags) -> anyhow::Result<()> {
    if let Some(what) = flags.generate {
        let file = what.file(Flags::command());
        return io::stdout().write_all(&file).context("cannot write");
    }
    let _log = Log::start().context("cannot start the thread that writes the log")?;
    let password = flags.password_file.as_deref().map(Secret::read);
    let state_folder = flags.state_dir.or_else(server::state_folder);
    let encryption =
        (flags.plaintext != Plaintext::Only).then(|| Encryption::prepare(state_folder.as_deref()));
    let transcript = match (flags.transcript, &state_folder) {
        (false, _) => None,
        (true, Some(folder)) => Some(Transcript::open(folder, BACKLOG_SIZE)?),
        (true, None) => bail!("--transcript needs a folder: there is no home, so give --state-dir"),
    };
    if let Some((_, past)) = &transcript
        && past.skipped > 0
    {
        warn!(
            "{} lines of the transcript cannot be read, and are skipped",
            past.skipped
        );
    }
    let (operator, shown) = match &flags.operator_password_file {
        Some(file) => (OperatorSecret::chosen(Secret::read(file)?), None),
        None => {
            let (secret, word) = OperatorSecret::make()?;
            (secret, Some(word))
        }
    };
    let options = Options {
        max_clients: flags.max_clients,
        max_per_address: flags.max_per_address,
        handshake_timeout: Duration::from_secs(flags.handshake_timeout.into()),
        rate: flags.rate,
        burst: flags.burst,
        send_buffer: flags.send_buffer as usize * 1024,
        keepalive: Duration::from_secs(flags.keepalive.into()),
        plaintext: flags.plaintext,
        encryption: encryption.transpose()?,
        password: password.transpose()?,
        bans: Arc::new(Bans::open(state_folder.map(|folder| folder.join("bans")))?),
        hold: Duration::from_secs(flags.hold.into()),
        history: flags.history,
        operator,
    };
    server::live_with_limits();
    let server = Arc::new(Server::bind(&flags.bind, options, transcript)?);
    server::end_at_signals(&server).context("cannot wait for signals")?;
    server::announce(&server);
    if let Some(word) = shown {
        info!("operators type: /op {word}");
    }
    server.run();
    info!("bye");
    Ok(())
}
