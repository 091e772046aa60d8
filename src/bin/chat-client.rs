//! The client's flags and its exit status.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use chat::cli::Generate;
use chat::client::lang::Lang;
use chat::client::trust::Trust;
use chat::client::{self, Bell, Options, Problem, ServerAddress};
use clap::{CommandFactory, Parser};

/// A chat for the terminal: says what you type, and shows what the others say.
#[derive(Parser)]
#[command(name = "chat-client", version, args_override_self = true, after_help = EXAMPLES)]
struct Flags {
    /// The server, as HOST or HOST:PORT; goes before --host and --port
    server: Option<String>,
    /// IP address or name of the server
    #[arg(
        help_heading = "Server",
        long,
        env = "CHAT_HOST",
        default_value = "127.0.0.1"
    )]
    host: String,
    /// Port of the server
    #[arg(
        help_heading = "Server",
        long,
        env = "CHAT_PORT",
        default_value = "50001",
        allow_negative_numbers = true
    )]
    port: String,
    /// Name to come in with; asked for when there is none
    #[arg(
        help_heading = "You",
        long,
        env = "CHAT_USERNAME",
        value_name = "NAME",
        allow_hyphen_values = true
    )]
    username: Option<String>,
    /// Language of the interface; otherwise the system's
    #[arg(help_heading = "You", long, env = "CHAT_LANG")]
    lang: Option<Lang>,
    /// Colours: auto minds NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM
    #[arg(
        help_heading = "Screen",
        long,
        env = "CHAT_COLOR",
        default_value = "auto",
        value_name = "WHEN"
    )]
    color: clap::ColorChoice,
    /// What rings the bell: nothing, private messages and your name, or all that is said
    #[arg(
        help_heading = "Screen",
        long,
        env = "CHAT_BELL",
        default_value = "mentions",
        value_name = "WHEN"
    )]
    bell: Bell,
    /// Lines one by one, without cursor movement, also in a terminal
    #[arg(help_heading = "Screen", long)]
    plain: bool,
    /// The time before each line, also in a pipe
    #[arg(help_heading = "Screen", long)]
    stamps: bool,
    /// What was said before you came in, also in a pipe
    #[arg(help_heading = "Screen", long)]
    history: bool,
    /// The key that the server has to have, as its screen shows it
    #[arg(
        help_heading = "Encryption",
        long,
        env = "CHAT_FINGERPRINT",
        conflicts_with = "plaintext"
    )]
    fingerprint: Option<String>,
    /// File of the servers that are known, with their keys; otherwise known-servers in
    /// $XDG_STATE_HOME/chat-client or ~/.local/state/chat-client
    #[arg(
        help_heading = "Encryption",
        long,
        env = "CHAT_KNOWN_SERVERS",
        value_name = "FILE"
    )]
    known_servers: Option<PathBuf>,
    /// Without encryption: anyone on the way can read along
    #[arg(help_heading = "Encryption", long)]
    plaintext: bool,
    /// File whose first line is the password of the room; otherwise that is in CHAT_PASSWORD, or
    /// asked for
    #[arg(
        help_heading = "Encryption",
        long,
        env = "CHAT_PASSWORD_FILE",
        value_name = "FILE"
    )]
    password_file: Option<PathBuf>,
    /// How long to try to come back when the connection breaks; 0 is not at all. Without end in a
    /// terminal, and 0 in a pipe, unless it is given
    #[arg(
        help_heading = "Server",
        long,
        env = "CHAT_RECONNECT",
        value_name = "SECONDS"
    )]
    reconnect: Option<u64>,
    /// Writes a manual page or a shell's completions to standard output
    #[arg(long, hide = true, value_name = "WHAT")]
    generate: Option<Generate>,
}

const EXAMPLES: &str = "\
Examples:
  chat-client                        the server on this machine
  chat-client 192.168.0.17           another one, at its usual port
  chat-client chat.example:6000 --username ana
  printf 'robot\\nthe build is green\\n' | chat-client

/ajuda (or /help) shows the commands, /SAIR (or Ctrl-D) leaves.";

/// Wrong usage, as for clap.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let flags = Flags::parse();
    if let Some(what) = flags.generate {
        return match io::stdout().write_all(&what.file(Flags::command())) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let lang = flags.lang.unwrap_or_else(Lang::of_system);
    let (sentence, code) = match check(flags, lang) {
        Err(problem) => (Some(lang.problem(&problem, "")), USAGE),
        Ok(options) => {
            let server = options.server.to_string();
            match client::run(options) {
                Err(problem) => (Some(lang.problem(&problem, &server)), 1),
                Ok(ending) => (lang.ending(&ending, &server), ending.exit_code()),
            }
        }
    };
    if let Some(sentence) = sentence {
        client::say_last(&sentence);
    }
    code.into()
}

/// Whether what is shown goes to a terminal that can do nothing but show it.
fn is_bare_terminal() -> bool {
    io::stdout().is_terminal() && !client::can_move_its_cursor()
}

/// Refuses bad data before anything is sent (RF-6).
fn check(flags: Flags, lang: Lang) -> Result<Options, Problem> {
    Ok(Options {
        server: match flags.server {
            Some(server) => ServerAddress::of_argument(&server, &flags.port)?,
            None => ServerAddress::of_flags(&flags.host, &flags.port)?,
        },
        username: flags.username.map(|name| name.parse()).transpose()?,
        lang,
        plain: flags.plain,
        stamps: flags.stamps,
        history: flags.history,
        color: match flags.color {
            clap::ColorChoice::Always => true,
            clap::ColorChoice::Never => false,
            clap::ColorChoice::Auto if flags.plain => false,
            clap::ColorChoice::Auto if is_bare_terminal() => false,
            clap::ColorChoice::Auto => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        },
        bell: flags.bell,
        trust: match flags.plaintext {
            true => None,
            false => Some(Trust::new(
                flags.fingerprint.as_deref(),
                flags.known_servers,
            )?),
        },
        password: env::var("CHAT_PASSWORD").ok(),
        password_file: flags.password_file,
        reconnect: flags.reconnect.map(Duration::from_secs),
    })
}
