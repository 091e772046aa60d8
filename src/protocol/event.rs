use std::fmt;
use std::str::FromStr;

use strum::{Display, EnumString};

use super::{Text, Token, Username};

/// Why somebody is no longer here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum LeaveReason {
    /// Typed `/SAIR`.
    Quit,
    /// The connection closed or broke without it.
    Lost,
    /// Did not read what it was sent.
    Slow,
    /// Was sent off by an operator.
    Kicked,
}

/// The code of an `ERR` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
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
    /// A word that opens something, and was not that one.
    PasswordWrong,
    /// A session that is no longer known, or never was.
    SessionUnknown,
    /// A command, which is the detail, of somebody who is no operator.
    NotOperator,
    /// A word, which is the detail, that the command cannot do anything with.
    BadArgument,
}

/// The code of a `BYE` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
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
    /// The last attempt at a name, or at a password, was refused too.
    TooManyAttempts,
    /// No name was accepted in time.
    HandshakeTimeout,
    /// From where you are, everybody has to come in encrypted.
    EncryptionRequired,
    /// Your session goes on over another connection.
    Replaced,
    /// An operator has sent you off.
    Kicked,
    /// An operator keeps your address out.
    Banned,
}

/// One line from the server. `Display` writes it, `FromStr` reads it; neither has the line end, nor
/// the [stamp](super::Stamp) before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// `<USERNAME>`
    AskUsername,
    /// `<PASSWORD>`
    AskPassword,
    /// `WELCOME name people`
    Welcome(Username, usize),
    /// `SESSION token seconds`: what the session is resumed by, and how long it is held when its
    /// connection breaks.
    Session(Token, u64),
    /// `GOT lines`: so many lines of the session have taken effect.
    Got(u64),
    /// `RESUMED name people lines`: the session goes on; so many of its lines have taken effect.
    Resumed(Username, usize, u64),
    /// `MISSED lines`: at least so many that were said to all are no longer there to be told.
    Missed(u64),
    /// `JOIN name`
    Join(Username),
    /// `LEAVE name reason`
    Leave(Username, LeaveReason),
    /// `MSG from text`
    Message(Username, Text<'a>),
    /// `ACT from text`
    Action(Username, Text<'a>),
    /// `PRIV from to text`
    Private(Username, Username, Text<'a>),
    /// `NICK old new`
    Renamed(Username, Username),
    /// `USERS total name name …`
    Users(usize, Vec<Username>),
    /// `INFO text`
    Info(Text<'a>),
    /// `ERR code detail`. The detail is the offender: the name, the command or the limit; for some
    /// codes nothing.
    Refused(RefusalCode, Text<'a>),
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
            Event::AskPassword => f.write_str("<PASSWORD>"),
            Event::Welcome(name, people) => write!(f, "WELCOME {name} {people}"),
            Event::Session(token, seconds) => write!(f, "SESSION {token} {seconds}"),
            Event::Got(lines) => write!(f, "GOT {lines}"),
            Event::Resumed(name, people, lines) => write!(f, "RESUMED {name} {people} {lines}"),
            Event::Missed(lines) => write!(f, "MISSED {lines}"),
            Event::Join(name) => write!(f, "JOIN {name}"),
            Event::Leave(name, reason) => write!(f, "LEAVE {name} {reason}"),
            Event::Message(from, text) => write!(f, "MSG {from} {text}"),
            Event::Action(from, text) => write!(f, "ACT {from} {text}"),
            Event::Private(from, to, text) => write!(f, "PRIV {from} {to} {text}"),
            Event::Renamed(old, new) => write!(f, "NICK {old} {new}"),
            Event::Users(total, names) => {
                write!(f, "USERS {total}")?;
                names.iter().try_for_each(|name| write!(f, " {name}"))
            }
            Event::Info(text) => write!(f, "INFO {text}"),
            Event::Refused(code, detail) if detail.as_str().is_empty() => write!(f, "ERR {code}"),
            Event::Refused(code, detail) => write!(f, "ERR {code} {detail}"),
            Event::Goodbye(farewell) => write!(f, "BYE {farewell}"),
        }
    }
}

impl FromStr for Event<'static> {
    type Err = UnknownEvent;

    /// Cleans all text again: a client trusts no server.
    fn from_str(line: &str) -> Result<Self, UnknownEvent> {
        let (kind, mut rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = &mut rest;
        Ok(match kind {
            "<USERNAME>" => Event::AskUsername,
            "<PASSWORD>" => Event::AskPassword,
            "WELCOME" => Event::Welcome(word(rest)?, word(rest)?),
            "SESSION" => Event::Session(word(rest)?, word(rest)?),
            "GOT" => Event::Got(word(rest)?),
            "RESUMED" => Event::Resumed(word(rest)?, word(rest)?, word(rest)?),
            "MISSED" => Event::Missed(word(rest)?),
            "JOIN" => Event::Join(word(rest)?),
            "LEAVE" => Event::Leave(word(rest)?, word(rest)?),
            "MSG" => Event::Message(word(rest)?, text(rest)),
            "ACT" => Event::Action(word(rest)?, text(rest)),
            "PRIV" => Event::Private(word(rest)?, word(rest)?, text(rest)),
            "NICK" => Event::Renamed(word(rest)?, word(rest)?),
            "USERS" => {
                let total = word(rest)?;
                let names = rest.split_terminator(' ').map(str::parse);
                Event::Users(
                    total,
                    names.collect::<Result<_, _>>().map_err(|_| UnknownEvent)?,
                )
            }
            "INFO" => Event::Info(text(rest)),
            "ERR" => Event::Refused(word(rest)?, text(rest)),
            "BYE" => Event::Goodbye(word(rest)?),
            _ => return Err(UnknownEvent),
        })
    }
}

/// Takes the next word off `rest`.
fn word<T: FromStr>(rest: &mut &str) -> Result<T, UnknownEvent> {
    let (word, behind) = rest.split_once(' ').unwrap_or((rest, ""));
    *rest = behind;
    word.parse().map_err(|_| UnknownEvent)
}

fn text(rest: &str) -> Text<'static> {
    Text::new(rest).into_owned()
}
