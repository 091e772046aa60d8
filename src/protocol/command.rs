use std::iter;

use super::Text;
use super::commands::{ClientKind, CommandKind, CommandSpec, OperatorKind};
use super::text::{is_seen, visible_start};

/// What some keyboards write for `/`, and people take for it.
const OTHER_SLASHES: [char; 3] = ['\u{ff0f}', '\u{2215}', '\u{2044}'];

/// What a line asks of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'a> {
    /// Say this to everyone.
    Say(Text<'a>),
    /// Say this to everyone as something one does.
    Act(Text<'a>),
    /// Say this to one person.
    Private {
        /// The addressee as typed, not yet known to be a name.
        to: &'a str,
        /// What is said.
        text: Text<'a>,
    },
    /// Take this name, as typed.
    Rename(&'a str),
    /// Tell who is here.
    Who,
    /// Tell the commands.
    Help,
    /// Leave.
    Quit,
    /// Do this for an operator.
    Operator {
        /// The command, as typed.
        word: Text<'a>,
        /// What it asks for.
        command: OperatorCommand<'a>,
    },
}

/// What an operator asks of the server. Names and addresses are as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorCommand<'a> {
    /// Let me be one, for I know this secret.
    Op(&'a str),
    /// Send this person off.
    Kick {
        /// Who it is.
        name: &'a str,
        /// Why; may be empty.
        reason: &'a str,
    },
    /// Keep this person's address out, or this one.
    Ban {
        /// A name, an address or a network.
        whom: &'a str,
        /// For how long and why, or either, or neither.
        terms: &'a str,
    },
    /// Let an address or a network in again.
    Unban(&'a str),
    /// List who is kept out.
    Bans,
}

/// What a line asks of the client it is typed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCommand<'a> {
    /// Say this to whoever last wrote privately.
    Reply(Text<'a>),
    /// Show nothing more of this person, named as typed, or show it again; without a name, list
    /// those not shown.
    Ignore(Option<&'a str>),
    /// Send `line`, by which the server will understand `command`.
    Send {
        /// What it asks of the server.
        command: Command<'a>,
        /// Text as it was typed; of a command, what stands from its `/` on.
        line: &'a str,
    },
}

/// Why a line that begins with `/` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError<'a> {
    /// No row of [`COMMANDS`](super::COMMANDS) has this word, or none that can be done here.
    #[error("{0} is not a command")]
    Unknown(Text<'a>),
    /// The command, as typed, needs more words than it was given.
    #[error("{0} needs more words")]
    MissingArgument(Text<'a>),
}

/// A line as its first visible character makes it.
enum Shape<'a> {
    Blank,
    Text(Text<'a>),
    Command(Typed<'a>),
}

/// A command as typed: its row's kind, its word, what stands behind the blank after that, and all
/// of it from its `/` on.
struct Typed<'a> {
    kind: CommandKind,
    word: Text<'a>,
    rest: &'a str,
    line: &'a str,
}

/// The first visible character decides: behind a `/`, whatever unseen stands before it, a line is
/// a command or is refused.
///
/// MUST NOT take for text what somebody may have meant for one person: what cannot be obeyed is an
/// error.
fn shape(line: &str) -> Result<Shape<'_>, CommandError<'_>> {
    let visible = &line[visible_start(line)..];
    let Some(behind) = visible.strip_prefix('/') else {
        if let Some(behind) = visible.strip_prefix(OTHER_SLASHES)
            && is_command(split_word(behind).0)
        {
            return Err(CommandError::Unknown(Text::new(split_word(visible).0)));
        }
        let text = Text::new(line);
        return Ok(match text.is_blank() {
            true => Shape::Blank,
            false => Shape::Text(text),
        });
    };
    if behind.starts_with('/') {
        return Ok(Shape::Text(Text::new(behind)));
    }
    let (typed, rest) = split_word(visible);
    let word = Text::new(typed);
    if let Some(&CommandSpec { kind, .. }) = CommandSpec::find(word.as_str()) {
        let line = visible;
        return Ok(Shape::Command(Typed {
            kind,
            word,
            rest,
            line,
        }));
    }
    // `/etc/hosts` is a path and `/msg/ana` a slip.
    let head = word.as_str()[1..].split_once('/').map(|(head, _)| head);
    match head {
        Some(head) if head.contains(is_seen) && !is_command(head) => {
            Ok(Shape::Text(Text::new(line)))
        }
        _ => Err(CommandError::Unknown(word)),
    }
}

/// Whether `word`, of which only what shows counts, is a command behind its slash.
fn is_command(word: &str) -> bool {
    let seen = word.chars().filter(|&c| is_seen(c));
    CommandSpec::find(&iter::once('/').chain(seen).collect::<String>()).is_some()
}

impl<'a> Command<'a> {
    /// Reads a line as the server does: what only a client can do is unknown. `None` for a blank
    /// line, which asks for nothing. Text keeps its inner and leading spaces.
    pub fn parse(line: &'a str) -> Result<Option<Command<'a>>, CommandError<'a>> {
        match shape(line)? {
            Shape::Blank => Ok(None),
            Shape::Text(text) => Ok(Some(Command::Say(text))),
            Shape::Command(typed) => typed.for_server().map(Some),
        }
    }
}

impl<'a> ClientCommand<'a> {
    /// Reads a line as a person types it at a client. `None` for a blank line.
    pub fn parse(line: &'a str) -> Result<Option<ClientCommand<'a>>, CommandError<'a>> {
        Ok(Some(match shape(line)? {
            Shape::Blank => return Ok(None),
            Shape::Text(text) => ClientCommand::Send {
                command: Command::Say(text),
                line,
            },
            Shape::Command(typed) => match typed.kind {
                CommandKind::Client(ClientKind::Reply) => ClientCommand::Reply(typed.text()?),
                CommandKind::Client(ClientKind::Ignore) => {
                    let name = typed.rest.trim();
                    ClientCommand::Ignore((!name.is_empty()).then_some(name))
                }
                _ => ClientCommand::Send {
                    line: typed.line,
                    command: typed.for_server()?,
                },
            },
        }))
    }
}

impl<'a> Typed<'a> {
    fn for_server(self) -> Result<Command<'a>, CommandError<'a>> {
        Ok(match self.kind {
            CommandKind::Quit => Command::Quit,
            CommandKind::Who => Command::Who,
            CommandKind::Help => Command::Help,
            CommandKind::Act => Command::Act(self.text()?),
            CommandKind::Rename => {
                let new = self.rest.trim();
                self.text()?;
                Command::Rename(new)
            }
            CommandKind::Private => {
                let (typed, said) = split_word(self.rest.trim_start());
                let to = typed.strip_prefix('@').unwrap_or(typed);
                let to = to.strip_suffix([':', ',']).unwrap_or(to);
                let rest = if to.is_empty() { "" } else { said };
                let text = Typed { rest, ..self }.text()?;
                Command::Private { to, text }
            }
            CommandKind::Client(_) => return Err(CommandError::Unknown(self.word)),
            CommandKind::Operator(kind) => {
                let (first, behind) = split_word(self.rest.trim());
                let behind = behind.trim_start();
                if first.is_empty() && kind != OperatorKind::Bans {
                    return Err(CommandError::MissingArgument(self.word));
                }
                let command = match kind {
                    OperatorKind::Op => OperatorCommand::Op(self.rest.trim()),
                    OperatorKind::Kick => OperatorCommand::Kick {
                        name: first,
                        reason: behind,
                    },
                    OperatorKind::Ban => OperatorCommand::Ban {
                        whom: first,
                        terms: behind,
                    },
                    OperatorKind::Unban => OperatorCommand::Unban(first),
                    OperatorKind::Bans => OperatorCommand::Bans,
                };
                let word = self.word;
                Command::Operator { word, command }
            }
        })
    }

    /// What is said behind the command.
    fn text(self) -> Result<Text<'a>, CommandError<'a>> {
        let text = Text::new(self.rest);
        match text.is_blank() {
            true => Err(CommandError::MissingArgument(self.word)),
            false => Ok(text),
        }
    }
}

/// The first word, and what stands behind the one blank after it.
pub(super) fn split_word(line: &str) -> (&str, &str) {
    line.split_once(char::is_whitespace).unwrap_or((line, ""))
}
