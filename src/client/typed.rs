//! What was typed, and what of it is sent.

use crate::protocol::{
    ClientCommand, Command, CommandKind, CommandSpec, LINE_LIMIT, OperatorCommand, OperatorKind,
    Text, Username, visible_start,
};

/// Why a line cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Some of its bytes were not UTF-8.
    NotUtf8,
    /// More was typed or pasted than is kept.
    TooLong,
    /// The terminal may have given only its beginning.
    Cut,
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// These lines: several when they were pasted at once.
    Lines(String),
    /// What cannot be sent, as far as it could be read; nothing while it is still being typed.
    Flawed(String, Flaw),
    /// The end.
    End,
}

/// Why nothing of what was typed at once is sent.
pub enum Refused {
    /// A line but the first is a command, or behind the first it could be taken amiss.
    Command,
    /// A line is longer than can be sent.
    TooLong,
}

/// The lines to send of what was typed or pasted at once. Behind a `/msg NAME` each of them is
/// private; nothing but the first may be a command. What a slip could say to everyone is refused.
pub fn lines_of(typed: &str) -> Result<Vec<String>, Refused> {
    let is_blank = |line: &&str| matches!(Command::parse(line), Ok(None));
    let mut lines = typed.lines().filter(|line| !is_blank(line));
    let first = lines.next().unwrap_or_default();
    let mut rest = lines.peekable();
    if rest.peek().is_none() {
        return Ok(vec![first.to_owned()]);
    }
    // The text may begin in the next line.
    let with_text = format!("{first} .");
    let (first, prefix) = match (ClientCommand::parse(first), addressee(&with_text)) {
        (Ok(_), Some(to)) => (Some(first), format!("/msg {to} ")),
        (Err(_), Some(to)) => (None, format!("/msg {to} ")),
        (Err(_) | Ok(Some(ClientCommand::Reply(_))), _) => return Err(Refused::Command),
        _ if secret_in(first).is_some() => return Err(Refused::Command),
        _ => (Some(first), String::new()),
    };
    let mut all: Vec<String> = first.into_iter().map(str::to_owned).collect();
    for line in rest {
        if !is_text(line) {
            return Err(Refused::Command);
        }
        all.push(format!("{prefix}{line}"));
    }
    match all.iter().all(|line| line.len() <= LINE_LIMIT) {
        true => Ok(all),
        false => Err(Refused::TooLong),
    }
}

/// For whom alone a line is, as typed, if it is private.
fn addressee(line: &str) -> Option<&str> {
    match Command::parse(line) {
        Ok(Some(Command::Private { to, .. })) => Some(to),
        _ => None,
    }
}

/// Whom alone a line is for, or is to be done something with.
pub fn person_in(line: &str) -> Option<Username> {
    let name = match Command::parse(line) {
        Ok(Some(Command::Private { to, .. })) => to,
        Ok(Some(Command::Operator { command, .. })) => match command {
            OperatorCommand::Kick { name, .. } => name,
            OperatorCommand::Ban { whom, .. } => whom,
            _ => return None,
        },
        _ => return None,
    };
    name.parse().ok()
}

/// Whether a line is said as it is.
pub fn is_text(line: &str) -> bool {
    matches!(Command::parse(line), Ok(None | Some(Command::Say(_))))
}

/// Where in `typed` a secret begins, which is neither shown nor remembered: behind `/op` and a
/// blank in any of its lines, whatever stands before them or in them that a server drops.
pub fn secret_in(typed: &str) -> Option<usize> {
    let mut rest = typed;
    loop {
        rest = &rest[visible_start(rest)..];
        let (word, secret) = rest.split_once(char::is_whitespace)?;
        let is_op = |spec: &CommandSpec| spec.kind == CommandKind::Operator(OperatorKind::Op);
        if word.starts_with('/') && CommandSpec::find(Text::new(word).as_str()).is_some_and(is_op) {
            return Some(typed.len() - secret.len());
        }
        rest = rest.split_once('\n')?.1;
    }
}
