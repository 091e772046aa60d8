//! The wire protocol, for both sides, and for whoever writes a client in another language.
//!
//! UTF-8 lines that end in `\n`; every `\r` before it is dropped, and a byte order mark at the start
//! of the stream. What a client sends is what a person types: first a [user name](Username), then
//! one line per message or [command](Command). A last line without its `\n` counts when the client
//! closes its side, though not in a session. What else can be typed at the name prompt is an
//! [introduction](Introduction). What the server sends is one [event](Event) a line, words separated
//! by one space, the last field being the rest of the line, all [text](Text) cleaned:
//!
//! | line | meaning |
//! | --- | --- |
//! | `<USERNAME>` | give a name: on connecting, and again after each refusal |
//! | `<PASSWORD>` | give the word that opens the room, before a name |
//! | `WELCOME name n` | accepted; `n` people are in the room, this one included |
//! | `JOIN name`, `LEAVE name reason` | to everyone else; the reason is `quit`, `lost`, `slow` or `kicked` |
//! | `MSG name text`, `ACT name text` | said to all but the author |
//! | `PRIV from to text` | private: to the addressee, and to the author as a receipt |
//! | `NICK old new` | renamed, to everyone |
//! | `USERS n name name …` | who is here; as many lines as it takes, `n` always the total |
//! | `SESSION token seconds` | the session is resumed by this token, and held so long when its connection breaks |
//! | `GOT n` | so many lines of the session have taken effect |
//! | `RESUMED name n lines` | the session goes on; `n` people are in the room, so many of its lines have taken effect |
//! | `MISSED n` | at least so many public lines are no longer there to be told |
//! | `INFO text` | from the server, for people to read |
//! | `ERR code detail` | refused; the connection goes on |
//! | `BYE code` | the server closes the connection after this line |
//!
//! # The past, and sessions
//!
//! Behind `WELCOME` comes what was said to all before, each line behind a [stamp](Stamp):
//! `@2026-11-25T22:08:30.123456Z MSG bia oi`. Whoever types `/session` before the name then gets a
//! `SESSION` line, and from there on every event of the room behind its stamp; `WELCOME`, `USERS`,
//! `GOT`, `RESUMED`, `MISSED`, `INFO`, `ERR` and `BYE` have none. Both sides count the lines that the
//! client sends behind its name, each with its `\n`, across connections. When the connection breaks,
//! `/resume token stamp` at the name prompt of the next one goes on behind that stamp: the last the
//! client has seen. It sends again what `RESUMED` does not count.
//!
//! Pure code: no sockets, no threads.

mod command;
mod commands;
mod event;
mod introduction;
mod lines;
mod stamp;
mod text;
mod token;
mod username;

pub use command::{ClientCommand, Command, CommandError, OperatorCommand};
pub use commands::{COMMANDS, ClientKind, CommandKind, CommandSpec, OperatorKind};
pub use event::{Event, Farewell, LeaveReason, RefusalCode, UnknownEvent};
pub use introduction::Introduction;
pub use lines::{BadLine, LineReader};
pub use stamp::{NotAStamp, Stamp};
pub use text::{Text, visible_start};
pub use token::{NotAToken, Token};
pub use username::{NAME_LIMIT, Username, UsernameError, fold};

/// The most bytes of a line that a client may send, and of a `USERS` line; the line end is not
/// counted.
pub const LINE_LIMIT: usize = 4096;

/// The most bytes of a line that a server sends: a full line whose every byte was replaced by a
/// three-byte U+FFFD, behind two names.
pub const EVENT_LIMIT: usize = 3 * LINE_LIMIT + 1024;
