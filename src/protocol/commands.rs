/// What a command does, and by that who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandKind {
    /// Leave the room.
    Quit,
    /// Say something to one person.
    Private,
    /// Ask who is here.
    Who,
    /// Change one's name.
    Rename,
    /// Say what one does.
    Act,
    /// Ask for the commands; a client answers in its own words, the server somebody who has none.
    Help,
    /// Done by the client alone; to the server it is no command.
    Client(ClientKind),
    /// Done for an operator alone.
    Operator(OperatorKind),
}

/// What only a client can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// Say something to whoever last wrote privately.
    Reply,
    /// Show nothing more of one person, or show it again, or list those not shown.
    Ignore,
}

/// What operators do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorKind {
    /// Become one.
    Op,
    /// Send somebody off.
    Kick,
    /// Keep an address out.
    Ban,
    /// Let an address in again.
    Unban,
    /// List who is kept out.
    Bans,
}

/// One row of [`COMMANDS`].
#[derive(Debug)]
pub struct CommandSpec {
    /// What it does.
    pub kind: CommandKind,
    /// How it is typed: first the name shown to people, then what else it answers to.
    pub names: &'static [&'static str],
    /// What follows it, in English words; empty for nothing.
    pub arguments: &'static str,
}

const fn row(
    kind: CommandKind,
    names: &'static [&'static str],
    arguments: &'static str,
) -> CommandSpec {
    CommandSpec {
        kind,
        names,
        arguments,
    }
}

/// Every command there is; the parsers, the help and the completion go by this table.
pub const COMMANDS: &[CommandSpec] = &[
    row(CommandKind::Quit, &["/SAIR", "/quit", "/exit"], ""),
    row(CommandKind::Private, &["/msg", "/w"], "NAME TEXT"),
    row(
        CommandKind::Client(ClientKind::Reply),
        &["/r", "/responder", "/reply"],
        "TEXT",
    ),
    row(CommandKind::Who, &["/quem", "/who", "/names"], ""),
    row(CommandKind::Rename, &["/nome", "/nick"], "NAME"),
    row(CommandKind::Act, &["/eu", "/me"], "TEXT"),
    row(
        CommandKind::Client(ClientKind::Ignore),
        &["/ignorar", "/ignore"],
        "NAME",
    ),
    row(CommandKind::Help, &["/ajuda", "/help"], ""),
    row(CommandKind::Operator(OperatorKind::Op), &["/op"], "SECRET"),
    row(
        CommandKind::Operator(OperatorKind::Kick),
        &["/expulsar", "/kick"],
        "NAME [REASON]",
    ),
    row(
        CommandKind::Operator(OperatorKind::Ban),
        &["/banir", "/ban"],
        "NAME|ADDRESS[/BITS] [30m|12h|7d] [REASON]",
    ),
    row(
        CommandKind::Operator(OperatorKind::Unban),
        &["/desbanir", "/unban"],
        "ADDRESS[/BITS]",
    ),
    row(
        CommandKind::Operator(OperatorKind::Bans),
        &["/banidos", "/bans"],
        "",
    ),
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
