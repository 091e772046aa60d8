use crate::protocol::{
    COMMANDS, Command, CommandError, CommandKind, CommandSpec, Event, LINE_LIMIT, Line, NAME_LIMIT,
    RefusalCode, Text, UsernameError,
};

/// What a line asks for, or the refusal that answers it.
pub fn read(line: Line<'_>) -> Result<Option<Command<'_>>, Event<'static>> {
    let Line::Text(line) = line else {
        return Err(refuse_line(line));
    };
    // Who wrote last is the client's to know: here, `/r` is no command.
    let is_reply = |word| CommandSpec::find(word).is_some_and(|s| s.kind == CommandKind::Reply);
    match Command::parse(line) {
        Ok(Some(Command::Reply(_))) => {
            let word = line.split([' ', '\t']).next().unwrap_or_default();
            Err(refuse(RefusalCode::UnknownCommand, word))
        }
        Err(CommandError::MissingArgument(word)) if !is_reply(word) => {
            Err(refuse(RefusalCode::MissingArgument, word))
        }
        Err(CommandError::MissingArgument(word) | CommandError::Unknown(word)) => {
            Err(refuse(RefusalCode::UnknownCommand, word))
        }
        Ok(command) => Ok(command),
    }
}

/// An `ERR` line, its detail cleaned.
pub fn refuse(code: RefusalCode, detail: &str) -> Event<'static> {
    Event::Refused(code, Text::new(detail).into_owned())
}

/// For a line that cannot be read.
pub fn refuse_line(line: Line) -> Event<'static> {
    match line {
        Line::TooLong => refuse(RefusalCode::LineTooLong, &LINE_LIMIT.to_string()),
        Line::NotUtf8 | Line::Text(_) => refuse(RefusalCode::NotUtf8, ""),
    }
}

/// For a name that cannot be one.
pub fn refuse_name(error: &UsernameError) -> Event<'static> {
    match error {
        UsernameError::Empty => refuse(RefusalCode::UsernameEmpty, ""),
        UsernameError::TooLong => refuse(RefusalCode::UsernameTooLong, &NAME_LIMIT.to_string()),
        UsernameError::Invalid(name) => refuse(RefusalCode::UsernameInvalid, name),
    }
}

/// For whoever writes faster than `rate`.
pub fn slow_down(rate: u32) -> Event<'static> {
    let text = format!(
        "you write faster than {rate} lines a second; the rest follows slowly, none is lost"
    );
    Event::Info(Text::new(&text).into_owned())
}

/// The commands, for a person without the client; the client has its own words.
pub fn help() -> impl Iterator<Item = Event<'static>> {
    let known = COMMANDS
        .iter()
        .filter(|spec| spec.kind != CommandKind::Reply);
    known.map(|spec| {
        let mut text = spec.names.join(", ");
        if !spec.arguments.is_empty() {
            text = format!("{text} {}", spec.arguments);
        }
        let text = format!("{text}: {}", spec.summary);
        Event::Info(Text::new(&text).into_owned())
    })
}
