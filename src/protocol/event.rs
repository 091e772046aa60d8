use std::fmt;
use std::str::FromStr;

use strum::{Display, EnumString, VariantArray};

use super::{Text, Username};

/// Why somebody is no longer here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum LeaveReason {
    /// Typed `/SAIR`.
    Quit,
    /// The connection closed or broke without it.
    Lost,
    /// Did not read what it was sent.
    Slow,
}

/// The code of an `ERR` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum RefusalCode {
    /// A name of blanks alone.
    UsernameEmpty,
    /// A name past the limit, which is the detail.
    UsernameTooLong,
    /// A name with something in it that names may not have.
    UsernameInvalid,
    /// A name that somebody here has, or one that looks like it.
    UsernameTaken,
    /// A line that begins with `/` and is no command.
    UnknownCommand,
    /// A command that lacks words.
    MissingArgument,
    /// A private message to somebody who is not here.
    NoSuchUser,
    /// A line past the limit, which is the detail.
    LineTooLong,
    /// A line that is not UTF-8.
    NotUtf8,
}

/// The code of a `BYE` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Farewell {
    /// You left.
    Quit,
    /// The server is being shut down.
    Shutdown,
    /// The server has as many connections as it takes.
    ServerFull,
    /// Your address has as many connections as one address may have.
    TooManyConnections,
    /// The last attempt at a name was refused too.
    TooManyAttempts,
    /// No name was accepted in time.
    HandshakeTimeout,
}

/// What an `ERR` line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// What went wrong.
    pub code: RefusalCode,
    /// The offender: the name, the command or the limit; for some codes nothing.
    pub detail: Text<'a>,
}

/// One line from the server. `Display` writes it, `FromStr` reads it; neither has the line end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are those of the table in the module's documentation
pub enum Event<'a> {
    /// `<USERNAME>`
    AskUsername,
    /// `WELCOME name people`
    Welcome { name: Username, people: usize },
    /// `JOIN name`
    Join { name: Username },
    /// `LEAVE name reason`
    Leave { name: Username, reason: LeaveReason },
    /// `MSG from text`
    Message { from: Username, text: Text<'a> },
    /// `ACT from text`
    Action { from: Username, text: Text<'a> },
    /// `PRIV from to text`
    Private {
        from: Username,
        to: Username,
        text: Text<'a>,
    },
    /// `NICK old new`
    Renamed { old: Username, new: Username },
    /// `USERS total name name …`
    Users { total: usize, names: Vec<Username> },
    /// `INFO text`
    Info { text: Text<'a> },
    /// `ERR code detail`
    Refused(Refusal<'a>),
    /// `BYE code`
    Goodbye(Farewell),
}

/// A line that is none of the protocol's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a line of this protocol")]
pub struct UnknownEvent;

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Event::AskUsername => f.write_str("<USERNAME>"),
            Event::Welcome { name, people } => write!(f, "WELCOME {name} {people}"),
            Event::Join { name } => write!(f, "JOIN {name}"),
            Event::Leave { name, reason } => write!(f, "LEAVE {name} {reason}"),
            Event::Message { from, text } => write!(f, "MSG {from} {text}"),
            Event::Action { from, text } => write!(f, "ACT {from} {text}"),
            Event::Private { from, to, text } => write!(f, "PRIV {from} {to} {text}"),
            Event::Renamed { old, new } => write!(f, "NICK {old} {new}"),
            Event::Users { total, names } => {
                write!(f, "USERS {total}")?;
                names.iter().try_for_each(|name| write!(f, " {name}"))
            }
            Event::Info { text } => write!(f, "INFO {text}"),
            Event::Refused(Refusal { code, detail }) if detail.as_str().is_empty() => {
                write!(f, "ERR {code}")
            }
            Event::Refused(Refusal { code, detail }) => write!(f, "ERR {code} {detail}"),
            Event::Goodbye(farewell) => write!(f, "BYE {farewell}"),
        }
    }
}

impl FromStr for Event<'static> {
    type Err = UnknownEvent;

    /// Cleans all text again: a client trusts no server.
    fn from_str(line: &str) -> Result<Self, UnknownEvent> {
        let mut rest = line;
        let mut word = || {
            let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
            rest = behind;
            word
        };
        let event = match word() {
            "<USERNAME>" => Event::AskUsername,
            "WELCOME" => Event::Welcome {
                name: field(word())?,
                people: field(word())?,
            },
            "JOIN" => Event::Join {
                name: field(word())?,
            },
            "LEAVE" => Event::Leave {
                name: field(word())?,
                reason: field(word())?,
            },
            "MSG" => Event::Message {
                from: field(word())?,
                text: text(rest),
            },
            "ACT" => Event::Action {
                from: field(word())?,
                text: text(rest),
            },
            "PRIV" => Event::Private {
                from: field(word())?,
                to: field(word())?,
                text: text(rest),
            },
            "NICK" => Event::Renamed {
                old: field(word())?,
                new: field(word())?,
            },
            "USERS" => Event::Users {
                total: field(word())?,
                names: rest
                    .split_terminator(' ')
                    .map(field)
                    .collect::<Result<_, _>>()?,
            },
            "INFO" => Event::Info { text: text(rest) },
            "ERR" => Event::Refused(Refusal {
                code: field(word())?,
                detail: text(rest),
            }),
            "BYE" => Event::Goodbye(field(word())?),
            _ => return Err(UnknownEvent),
        };
        Ok(event)
    }
}

fn field<T: FromStr>(word: &str) -> Result<T, UnknownEvent> {
    word.parse().map_err(|_| UnknownEvent)
}

fn text(rest: &str) -> Text<'static> {
    Text::new(rest).into_owned()
}
