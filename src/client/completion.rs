use super::line::Line;
use super::session::Session;
use crate::protocol::{COMMANDS, ClientKind, CommandKind, CommandSpec, fold};

/// How many names are offered at most: a longer list is no help.
const MOST_CHOICES: usize = 8;

/// What may stand before a name.
const OPENING: [char; 12] = ['(', '[', '{', '<', '@', '"', '\'', '«', '“', '‘', '¿', '¡'];

/// Completes the command at the start of the line or the name before the cursor as far as it is
/// certain; otherwise returns what it could be, the most recently heard first.
pub fn complete(line: &mut Line, session: &Session) -> Vec<String> {
    let at = line.at();
    let before = &line.text()[..at];
    let word = before.rfind([' ', '\n']).map_or(0, |blank| blank + 1);
    let start = at - before[word..].trim_start_matches(OPENING).len();
    let begun = &before[start..];
    let folded = fold(begun);
    let fits = |name: &&str| fold(name).starts_with(&folded);
    let is_command = start == 0 && begun.starts_with('/');
    let mut names: Vec<String> = if is_command {
        let names = COMMANDS.iter().flat_map(|spec| spec.names).copied();
        names.filter(fits).map(str::to_owned).collect()
    } else {
        let known = session.lock();
        let names = known.others.iter().map(|name| name.as_str());
        names.filter(fits).map(str::to_owned).collect()
    };
    let [first, others @ ..] = &names[..] else {
        return names;
    };
    if others.is_empty() {
        let behind = if start == 0 && !is_command { ": " } else { " " };
        line.replace(start..at, &format!("{first}{behind}"));
        return Vec::new();
    }
    let is_common = |end: &usize| others.iter().all(|name| name.starts_with(&first[..*end]));
    let ends = first.char_indices().map(|(at, c)| at + c.len_utf8());
    let common = ends.take_while(is_common).last().unwrap_or(0);
    if common > begun.len() {
        line.replace(start..at, &first[..common]);
        return Vec::new();
    }
    if names.len() > MOST_CHOICES {
        names.truncate(MOST_CHOICES);
        names.push("…".to_owned());
    }
    names
}

/// Makes `/msg NAME ` of the `/r ` the line begins with, so that one sees whom one writes to.
///
/// MUST be done with the key that makes the line begin with it, and with no later one: then whoever
/// writes meanwhile changes nothing.
pub fn address_reply(line: &mut Line, session: &Session) {
    let correspondent = session.lock().correspondent.clone();
    if let (Some(end), Some(name)) = (reply_in(line.text()), correspondent) {
        line.replace(0..end, &format!("/msg {name} "));
    }
}

/// Where what is answered begins in `typed`, behind its `/r `, if it has one.
pub fn reply_in(typed: &str) -> Option<usize> {
    let (command, text) = typed.trim_start().split_once(' ')?;
    let kind = CommandSpec::find(command)?.kind;
    let is_reply = kind == CommandKind::Client(ClientKind::Reply);
    is_reply.then_some(typed.len() - text.len())
}
