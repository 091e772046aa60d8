use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use nix::libc::{_POSIX_VDISABLE, O_NOCTTY, O_NONBLOCK};
use nix::sys::termios::{
    InputFlags, LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr,
};
use nix::unistd::{getpgrp, tcgetpgrp, ttyname};
use terminal_size::terminal_size_of;

use super::session::{LAST_WORDS, Session};

/// What calls itself so cannot move its cursor.
const IMMOBILE: [&str; 7] = [
    "", "dumb", "unknown", "emacs", "network", "dialup", "cons25",
];

/// Whether the terminal that `TERM` names can move its cursor, and have colours.
pub fn can_move_its_cursor() -> bool {
    let term = env::var("TERM").unwrap_or_default();
    !IMMOBILE.contains(&term.as_str())
}

/// The terminal that `stream` goes to, opened anew to be read and written without waiting. Fails where
/// it goes to none.
pub fn open_anew(stream: impl AsFd) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let options = options.custom_flags(O_NONBLOCK | O_NOCTTY);
    options.open(ttyname(stream)?)
}

/// The terminal's two ends, and its settings.
pub struct Tty {
    /// Read and written without waiting, so that no terminal that stands still holds anybody.
    file: File,
    settings: Termios,
    session: Arc<Session>,
    /// It took nothing when the session ended, and gets nothing more.
    stands_still: bool,
}

impl Tty {
    /// The terminal of standard output, and the keys that are pressed there. Fails where it cannot be
    /// opened anew.
    pub fn open(session: &Arc<Session>) -> io::Result<(Tty, File)> {
        let file = open_anew(io::stdout())?;
        let keys = file.try_clone()?;
        let tty = Tty {
            settings: tcgetattr(&file)?,
            file,
            session: session.clone(),
            stands_still: false,
        };
        Ok((tty, keys))
    }

    /// Takes each key as it is pressed, and shows none by itself. Ctrl-C stays a signal, which
    /// leaves what is shown as it is.
    pub fn take_over(&self) -> io::Result<()> {
        let mut settings = self.settings.clone();
        settings.input_flags &= !(InputFlags::BRKINT
            | InputFlags::ICRNL
            | InputFlags::INPCK
            | InputFlags::ISTRIP
            | InputFlags::IXON);
        settings.local_flags &= !(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::IEXTEN);
        settings.local_flags |= LocalFlags::ISIG | LocalFlags::NOFLSH;
        let characters = &mut settings.control_chars;
        characters[SpecialCharacterIndices::VSUSP as usize] = _POSIX_VDISABLE;
        characters[SpecialCharacterIndices::VMIN as usize] = 1;
        characters[SpecialCharacterIndices::VTIME as usize] = 0;
        Ok(tcsetattr(&self.file, SetArg::TCSANOW, &settings)?)
    }

    /// Gives the terminal the settings it had before; but not from the background, where it is
    /// somebody else's.
    pub fn give_back(&self) {
        if self.is_ours() {
            // There is nothing else to be done about a terminal that is gone.
            let _ = tcsetattr(&self.file, SetArg::TCSANOW, &self.settings);
        }
    }

    /// Whether this program is in the foreground.
    pub fn is_ours(&self) -> bool {
        tcgetpgrp(&self.file).is_ok_and(|group| group == getpgrp())
    }

    /// Its columns and rows.
    pub fn size(&self) -> (usize, usize) {
        let size = terminal_size_of(&self.file);
        size.map_or((80, 24), |(columns, rows)| {
            (usize::from(columns.0).max(2), usize::from(rows.0).max(1))
        })
    }

    /// Writes all of `text`, and waits as long as the terminal stands still; but not once the
    /// session ends. What fails to be written is lost with the terminal.
    pub fn write(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while !rest.is_empty() && !self.stands_still {
            match self.file.write(rest) {
                Ok(length) => rest = &rest[length..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let wait = self.session.wait_to_write(&self.file, LAST_WORDS);
                    self.stands_still = wait.is_err();
                }
                Err(_) => return,
            }
        }
    }
}
