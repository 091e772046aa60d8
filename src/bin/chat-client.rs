//! The client's flags, its last words and its exit status.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use chat::client::lang::Lang;
use chat::client::{self, Bell, Options, Problem};
use clap::Parser;

/// A chat for the terminal: says what you type, and shows what the others say.
#[derive(Parser)]
#[command(version)]
struct Flags {
    /// IP address or name of the server
    #[arg(long, env = "CHAT_HOST", default_value = "127.0.0.1")]
    host: String,
    /// Port of the server
    #[arg(
        long,
        env = "CHAT_PORT",
        default_value = "50001",
        allow_negative_numbers = true
    )]
    port: String,
    /// Name to come in with; asked for when there is none
    #[arg(
        long,
        env = "CHAT_USERNAME",
        value_name = "NAME",
        allow_hyphen_values = true
    )]
    username: Option<String>,
    /// Language of the interface; otherwise the system's
    #[arg(long, env = "CHAT_LANG")]
    lang: Option<Lang>,
    /// Colours: auto minds NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM
    #[arg(long, env = "CHAT_COLOR", default_value = "auto", value_name = "WHEN")]
    color: clap::ColorChoice,
    /// What rings the bell: nothing, private messages and your name, or all that is said
    #[arg(
        long,
        env = "CHAT_BELL",
        default_value = "mentions",
        value_name = "WHEN"
    )]
    bell: Bell,
    /// Lines one by one, without cursor movement, also in a terminal
    #[arg(long)]
    plain: bool,
    /// The time before each line, also in a pipe
    #[arg(long)]
    stamps: bool,
}

/// Wrong usage, as for clap.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let flags = Flags::parse();
    let lang = flags.lang.unwrap_or_else(Lang::of_system);
    let server = client::server_name(bare(&flags.host), &flags.port);
    let (sentence, code) = match check(flags, lang) {
        Err(problem) => (Some(lang.problem(&problem, &server)), USAGE),
        Ok(options) => match client::run(options) {
            Err(problem) => (Some(lang.problem(&problem, &server)), 1),
            Ok(ending) => (lang.ending(&ending, &server), ending.exit_code()),
        },
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

/// A host without the blanks and brackets around it.
fn bare(host: &str) -> &str {
    let host = host.trim();
    let in_brackets = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    in_brackets.unwrap_or(host)
}

/// Refuses bad data before anything is sent (RF-6).
fn check(flags: Flags, lang: Lang) -> Result<Options, Problem> {
    let host = bare(&flags.host).to_owned();
    if host.is_empty() {
        return Err(Problem::EmptyHost);
    }
    let port = flags.port.parse().unwrap_or(0);
    if port == 0 {
        return Err(Problem::BadPort(flags.port));
    }
    Ok(Options {
        host,
        port,
        username: flags.username.map(|name| name.parse()).transpose()?,
        lang,
        plain: flags.plain,
        stamps: flags.stamps,
        color: match flags.color {
            clap::ColorChoice::Always => true,
            clap::ColorChoice::Never => false,
            clap::ColorChoice::Auto if flags.plain => false,
            clap::ColorChoice::Auto if is_bare_terminal() => false,
            clap::ColorChoice::Auto => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        },
        bell: flags.bell,
    })
}
