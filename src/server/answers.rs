use crate::protocol::{
    BadLine, COMMANDS, CommandError, CommandKind, Event, LINE_LIMIT, NAME_LIMIT, RefusalCode, Text,
    UsernameError,
};

/// For a line that begins with `/` and cannot be obeyed.
pub fn refuse_command(error: &CommandError) -> Event<'static> {
    match error {
        CommandError::Unknown(word) => refuse(RefusalCode::UnknownCommand, word.as_str()),
        CommandError::MissingArgument(word) => refuse(RefusalCode::MissingArgument, word.as_str()),
    }
}

/// An `ERR` line, its detail cleaned.
pub fn refuse(code: RefusalCode, detail: &str) -> Event<'static> {
    Event::Refused(code, Text::new(detail).into_owned())
}

/// For a line that cannot be read.
pub fn refuse_line(bad: BadLine) -> Event<'static> {
    match bad {
        BadLine::TooLong => refuse(RefusalCode::LineTooLong, &LINE_LIMIT.to_string()),
        BadLine::NotUtf8 => refuse(RefusalCode::NotUtf8, ""),
    }
}

/// For a name that cannot be one.
pub fn refuse_name(error: &UsernameError) -> Event<'static> {
    match error {
        UsernameError::Empty => refuse(RefusalCode::UsernameEmpty, ""),
        UsernameError::TooLong => refuse(RefusalCode::UsernameTooLong, &NAME_LIMIT.to_string()),
        UsernameError::Invalid { name, .. } => refuse(RefusalCode::UsernameInvalid, name),
    }
}

/// For whoever writes faster than `rate`.
pub fn slow_down(rate: u32) -> Event<'static> {
    let text = format!(
        "you write faster than {rate} lines a second; the rest follows slowly, none is lost"
    );
    Event::Info(Text::new(&text).into_owned())
}

/// For a client in plain from where it must not be, at a server that `encrypts` or does not.
pub fn encryption_required(encrypts: bool) -> Event<'static> {
    let text = match encrypts {
        true => {
            "this server talks with other machines encrypted only: use chat-client, \
             ncat --ssl HOST PORT or openssl s_client -quiet -connect HOST:PORT"
        }
        false => {
            "this server has a password and encrypts nothing, so people come in only from its own \
             machine, as through a tunnel"
        }
    };
    Event::Info(Text::new(text).into_owned())
}

/// The commands, for a person without the client; the client has its own words.
pub fn help() -> impl Iterator<Item = Event<'static>> {
    let known = COMMANDS
        .iter()
        .filter(|spec| !matches!(spec.kind, CommandKind::Client(_)));
    known.map(|spec| {
        let text = format!("{} {}", spec.names.join(", "), spec.arguments);
        Event::Info(Text::new(text.trim_end()).into_owned())
    })
}
