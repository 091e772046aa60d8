use std::fmt;
use std::str::FromStr;

use super::{Text, Username};

/// An enum whose variants are single words on the wire.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl FromStr for $name {
            type Err = UnknownEvent;

            fn from_str(word: &str) -> Result<Self, UnknownEvent> {
                match word {
                    $($word => Ok($name::$variant),)+
                    _ => Err(UnknownEvent),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Why somebody is no longer here.
    LeaveReason {
        /// Typed `/SAIR`.
        Quit = "quit",
        /// The connection closed or broke without it.
        Lost = "lost",
        /// Did not read what it was sent.
        Slow = "slow",
    }
}

words! {
    /// The code of an `ERR` line.
    RefusalCode {
        /// A name of blanks alone.
        UsernameEmpty = "username-empty",
        /// A name past the limit, which is the detail.
        UsernameTooLong = "username-too-long",
        /// A name with something in it that names may not have.
        UsernameInvalid = "username-invalid",
        /// A name that somebody here has, or one that looks like it.
        UsernameTaken = "username-taken",
        /// A line that begins with `/` and is no command.
        UnknownCommand = "unknown-command",
        /// A command that lacks words.
        MissingArgument = "missing-argument",
        /// A private message to somebody who is not here.
        NoSuchUser = "no-such-user",
        /// A line past the limit, which is the detail.
        LineTooLong = "line-too-long",
        /// A line that is not UTF-8.
        NotUtf8 = "not-utf8",
    }
}

words! {
    /// The code of a `BYE` line.
    Farewell {
        /// You left.
        Quit = "quit",
        /// The server is being shut down.
        Shutdown = "shutdown",
        /// The server has as many connections as it takes.
        ServerFull = "server-full",
        /// Your address has as many connections as one address may have.
        TooManyConnections = "too-many-connections",
        /// The last attempt at a name was refused too.
        TooManyAttempts = "too-many-attempts",
        /// No name was accepted in time.
        HandshakeTimeout = "handshake-timeout",
    }
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
                name: name(word())?,
                people: number(word())?,
            },
            "JOIN" => Event::Join {
                name: name(word())?,
            },
            "LEAVE" => Event::Leave {
                name: name(word())?,
                reason: word().parse()?,
            },
            "MSG" => Event::Message {
                from: name(word())?,
                text: text(rest),
            },
            "ACT" => Event::Action {
                from: name(word())?,
                text: text(rest),
            },
            "PRIV" => Event::Private {
                from: name(word())?,
                to: name(word())?,
                text: text(rest),
            },
            "NICK" => Event::Renamed {
                old: name(word())?,
                new: name(word())?,
            },
            "USERS" => Event::Users {
                total: number(word())?,
                names: rest
                    .split_terminator(' ')
                    .map(name)
                    .collect::<Result<_, _>>()?,
            },
            "INFO" => Event::Info { text: text(rest) },
            "ERR" => Event::Refused(Refusal {
                code: word().parse()?,
                detail: text(rest),
            }),
            "BYE" => Event::Goodbye(word().parse()?),
            _ => return Err(UnknownEvent),
        };
        Ok(event)
    }
}

fn name(word: &str) -> Result<Username, UnknownEvent> {
    word.parse().map_err(|_| UnknownEvent)
}

fn number(word: &str) -> Result<usize, UnknownEvent> {
    word.parse().map_err(|_| UnknownEvent)
}

fn text(rest: &str) -> Text<'static> {
    Text::new(rest).into_owned()
}
