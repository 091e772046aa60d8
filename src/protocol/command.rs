use super::Text;

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandKind {
    /// Leave the room.
    Quit,
    /// Say something to one person.
    Private,
    /// Say something to whoever last wrote privately; the client turns it into [`Private`](Self::Private).
    Reply,
    /// Ask who is here.
    Who,
    /// Change one's name.
    Rename,
    /// Say what one does.
    Act,
    /// Ask for the commands.
    Help,
}

/// One row of [`COMMANDS`].
#[derive(Debug)]
pub struct CommandSpec {
    /// What it does.
    pub kind: CommandKind,
    /// How it is typed: first the name shown to people, then what else it answers to.
    pub names: &'static [&'static str],
    /// What follows it, as shown to people; empty for nothing.
    pub arguments: &'static str,
    /// What the server's help says of it.
    pub summary: &'static str,
}

/// Every command there is; the parser, the help and the completion go by this table.
pub const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        kind: CommandKind::Quit,
        names: &["/SAIR", "/quit", "/exit"],
        arguments: "",
        summary: "leave",
    },
    CommandSpec {
        kind: CommandKind::Private,
        names: &["/msg", "/w"],
        arguments: "NAME TEXT",
        summary: "say something to one person",
    },
    CommandSpec {
        kind: CommandKind::Reply,
        names: &["/r", "/responder", "/reply"],
        arguments: "TEXT",
        summary: "answer the last private message",
    },
    CommandSpec {
        kind: CommandKind::Who,
        names: &["/quem", "/who", "/names"],
        arguments: "",
        summary: "who is here",
    },
    CommandSpec {
        kind: CommandKind::Rename,
        names: &["/nome", "/nick"],
        arguments: "NAME",
        summary: "change your name",
    },
    CommandSpec {
        kind: CommandKind::Act,
        names: &["/eu", "/me"],
        arguments: "TEXT",
        summary: "say what you do",
    },
    CommandSpec {
        kind: CommandKind::Help,
        names: &["/ajuda", "/help"],
        arguments: "",
        summary: "this list",
    },
];

impl CommandSpec {
    /// The row for a typed word, whatever its case.
    pub fn find(word: &str) -> Option<&'static CommandSpec> {
        COMMANDS.iter().find(|spec| {
            spec.names
                .iter()
                .any(|name| name.eq_ignore_ascii_case(word))
        })
    }
}

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'a> {
    /// Say this to everyone.
    Say(Text<'a>),
    /// Say this to everyone as something one does.
    Act(Text<'a>),
    /// Say this to one person, named as typed.
    Private {
        /// The addressee as typed, not yet known to be a name.
        to: &'a str,
        /// What is said.
        text: Text<'a>,
    },
    /// Say this to whoever last wrote privately. Only a client can know who that was.
    Reply(Text<'a>),
    /// Take this name, as typed.
    Rename(&'a str),
    /// Tell who is here.
    Who,
    /// Tell the commands.
    Help,
    /// Leave.
    Quit,
}

/// Why a line that begins with `/` is not a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError<'a> {
    /// No row of [`COMMANDS`] has this word.
    #[error("{0} is not a command")]
    Unknown(&'a str),
    /// The command, as typed, needs more words than it was given.
    #[error("{0} needs more words")]
    MissingArgument(&'a str),
}

impl<'a> Command<'a> {
    /// Reads a line as a person types it. `None` for a blank line, which asks for nothing.
    ///
    /// A command begins with `/` in the first column, and text keeps its inner and leading
    /// spaces.
    pub fn parse(line: &'a str) -> Result<Option<Command<'a>>, CommandError<'a>> {
        let Some(after_slash) = line.strip_prefix('/') else {
            let blank = line.trim_start().is_empty();
            return Ok((!blank).then(|| Command::Say(Text::new(line))));
        };
        if after_slash.starts_with('/') {
            return Ok(Some(Command::Say(Text::new(after_slash))));
        }
        let (word, rest) = split_word(line);
        let spec = CommandSpec::find(word).ok_or(CommandError::Unknown(word))?;
        let text = || match rest.trim().is_empty() {
            true => Err(CommandError::MissingArgument(word)),
            false => Ok(Text::new(rest)),
        };
        Ok(Some(match spec.kind {
            CommandKind::Quit => Command::Quit,
            CommandKind::Who => Command::Who,
            CommandKind::Help => Command::Help,
            CommandKind::Act => Command::Act(text()?),
            CommandKind::Reply => Command::Reply(text()?),
            CommandKind::Rename => {
                text()?;
                Command::Rename(rest.trim())
            }
            CommandKind::Private => {
                text()?;
                let (to, said) = split_word(rest.trim_start());
                if said.trim().is_empty() {
                    return Err(CommandError::MissingArgument(word));
                }
                let text = Text::new(said);
                Command::Private { to, text }
            }
        }))
    }
}

/// The first word, and what stands behind the one blank after it.
fn split_word(line: &str) -> (&str, &str) {
    line.split_once([' ', '\t']).unwrap_or((line, ""))
}
