//! The wire protocol, for both sides, and for whoever writes a client in another language.
//!
//! UTF-8 lines that end in `\n`; every `\r` before it is dropped, and a byte order mark at the start
//! of the stream. What a client sends is what a person types: first a [user name](Username), then
//! one line per message or [command](Command). At the name prompt `/SAIR`, `/quem` and `/ajuda` are
//! obeyed too. What the server sends is one [event](Event) a line, words separated by one space, the
//! last field being the rest of the line, all [text](Text) cleaned:
//!
//! | line | meaning |
//! | --- | --- |
//! | `<USERNAME>` | give a name: on connecting, and again after each refusal |
//! | `WELCOME name n` | accepted; `n` people are in the room, this one included |
//! | `JOIN name`, `LEAVE name reason` | to everyone else; the reason is `quit`, `lost`, `slow` or `kicked` |
//! | `MSG name text`, `ACT name text` | said to all but the author |
//! | `PRIV from to text` | private: to the addressee, and to the author as a receipt |
//! | `NICK old new` | renamed, to everyone |
//! | `USERS n name name …` | who is here; as many lines as it takes, `n` always the total |
//! | `INFO text` | from the server, for people to read |
//! | `ERR code detail` | refused; the connection goes on |
//! | `BYE code` | the server closes the connection after this line |
//!
//! Pure code: no sockets, no threads.

mod command;
mod commands;
mod event;
mod lines;
mod text;
mod username;

pub use command::{ClientCommand, Command, CommandError, OperatorCommand};
pub use commands::{COMMANDS, ClientKind, CommandKind, CommandSpec, OperatorKind};
pub use event::{Event, Farewell, LeaveReason, RefusalCode, UnknownEvent};
pub use lines::{BadLine, LineReader};
pub use text::Text;
pub use username::{NAME_LIMIT, Username, UsernameError, fold};

/// The most bytes of a line that a client may send, and of a `USERS` line; the line end is not
/// counted.
pub const LINE_LIMIT: usize = 4096;

/// The most bytes of a line that a server sends: a full line whose every byte was replaced by a
/// three-byte U+FFFD, behind two names.
pub const EVENT_LIMIT: usize = 3 * LINE_LIMIT + 1024;
