use super::command::split_word;
use super::text::visible_start;
use super::{Command, Stamp, Token};

/// What a line asks for at the name prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Introduction<'a> {
    /// Come in under this name, as typed.
    Name(&'a str),
    /// Come in, with the next name, to a session that outlives its connection.
    Session,
    /// Go on with the session of this token, behind what has this stamp; `None` when what was typed
    /// is not both.
    Resume(Option<(Token, Stamp)>),
    /// Tell who is here.
    Who,
    /// Tell the commands.
    Help,
    /// Leave.
    Quit,
}

impl<'a> Introduction<'a> {
    /// Reads a line as the server does at the name prompt: what is none of these commands is a name,
    /// though perhaps none that can be had.
    pub fn parse(line: &'a str) -> Introduction<'a> {
        let (word, rest) = split_word(&line[visible_start(line)..]);
        if word.eq_ignore_ascii_case("/session") {
            return Introduction::Session;
        }
        if word.eq_ignore_ascii_case("/resume") {
            let (token, stamp) = split_word(rest.trim());
            let parsed = (token.parse(), stamp.trim_start().parse());
            return Introduction::Resume(match parsed {
                (Ok(token), Ok(stamp)) => Some((token, stamp)),
                _ => None,
            });
        }
        match Command::parse(line) {
            Ok(Some(Command::Quit)) => Introduction::Quit,
            Ok(Some(Command::Who)) => Introduction::Who,
            Ok(Some(Command::Help)) => Introduction::Help,
            _ => Introduction::Name(line),
        }
    }
}
