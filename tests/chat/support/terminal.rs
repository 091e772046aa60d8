//! A terminal for a program to run in, and what a person would see on its screen.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use nix::unistd::Pid;
use pty_process::Size;
use pty_process::blocking::{Pts, Pty};
use unicode_width::UnicodeWidthStr;
use vt100::{Callbacks, Parser, Screen};

use super::client::client_of;
use super::{DEADLINE, Peer, Server};

/// A pseudo-terminal with a program in it, which is killed when this is dropped.
pub struct Terminal {
    pub child: Child,
    pty: Arc<Pty>,
    /// Kept open, so that the settings can be read once the program has ended.
    pts: Option<Pts>,
    /// The settings before the program started.
    before: Termios,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

/// What a terminal has been sent.
pub struct Seen {
    parser: Parser<Asked>,
    /// The bytes themselves.
    pub bytes: Vec<u8>,
    closed: bool,
}

/// What the program asks of the terminal beside showing things.
#[derive(Default)]
struct Asked {
    bells: usize,
    /// Where the cursor was when it asked for that.
    cursor: Option<(u16, u16)>,
}

impl Callbacks for Asked {
    fn audible_bell(&mut self, _: &mut Screen) {
        self.bells += 1;
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut Screen,
        _: Option<u8>,
        _: Option<u8>,
        params: &[&[u16]],
        last: char,
    ) {
        if (params, last) == (&[&[6]], 'n') {
            self.cursor = Some(screen.cursor_position());
        }
    }
}

/// Keys, as a common terminal sends them.
pub const UP: &str = "\x1b[A";
pub const CTRL_U: &str = "\x15";
pub const PASTE: &str = "\x1b[200~";
pub const PASTE_END: &str = "\x1b[201~";

/// What a common terminal calls itself.
pub const XTERM: (&str, &str) = ("TERM", "xterm-256color");

impl Terminal {
    /// Runs `command` in a terminal of that size.
    pub fn start(command: Command, rows: u16, columns: u16) -> Terminal {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(Size::new(rows, columns)).unwrap();
        let before = tcgetattr(&pts).unwrap();
        let child = pty_process::blocking::Command::from(command)
            .spawn_borrowed(&pts)
            .expect("the program starts");
        let pty = Arc::new(pty);
        let seen = Seen {
            parser: Parser::new_with_callbacks(size(rows), size(columns), 10_000, Asked::default()),
            bytes: Vec::new(),
            closed: false,
        };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let (source, theirs) = (pty.clone(), seen.clone());
        thread::spawn(move || {
            let mut bytes = [0; 64 * 1024];
            let mut unseen = Vec::new();
            // At the end, Linux gives an error: nobody has the other side open.
            while let Ok(length @ 1..) = (&*source).read(&mut bytes) {
                unseen.extend_from_slice(&bytes[..length]);
                // The parser loses what stands before a character that comes in two pieces.
                let whole = match str::from_utf8(&unseen) {
                    Err(error) if error.error_len().is_none() => error.valid_up_to(),
                    _ => unseen.len(),
                };
                let mut seen = theirs.0.lock().unwrap();
                seen.parser.process(&unseen[..whole]);
                unseen.drain(..whole);
                seen.bytes.extend_from_slice(&bytes[..length]);
                let asked = seen.parser.callbacks_mut().cursor.take();
                theirs.1.notify_all();
                drop(seen);
                if let Some((row, column)) = asked {
                    let answer = format!("\x1b[{};{}R", row + 1, column + 1);
                    // The program may be gone.
                    let _ = (&*source).write_all(answer.as_bytes());
                }
            }
            theirs.0.lock().unwrap().closed = true;
            theirs.1.notify_all();
        });
        Terminal {
            child,
            pty,
            pts: Some(pts),
            before,
            seen,
        }
    }

    /// `ana`'s client, in English, at its prompt in a terminal of 80 columns and 24 rows.
    #[track_caller]
    pub fn enter(server: &Server, flags: &[&str]) -> Terminal {
        Terminal::enter_sized(server, flags, 24, 80)
    }

    #[track_caller]
    pub fn enter_sized(server: &Server, flags: &[&str], rows: u16, columns: u16) -> Terminal {
        let mut command = client_of(server.address, &["--username", "ana"]);
        command.args(flags).envs([XTERM]);
        let terminal = Terminal::start(command, rows, columns);
        terminal.wait_for("Hello, ana");
        // The client asks who is here; nothing else of its own comes after that.
        terminal.wait_for("here (");
        terminal.wait_for_input("");
        terminal
    }

    /// Presses keys.
    pub fn press(&self, keys: &str) {
        self.press_bytes(keys.as_bytes());
    }

    pub fn press_bytes(&self, keys: &[u8]) {
        (&*self.pty).write_all(keys).unwrap();
    }

    /// Types at the prompt, and waits until it is shown.
    #[track_caller]
    pub fn type_in(&self, text: &str) {
        self.press(text);
        self.wait_for_input(text);
    }

    /// Types more behind what is there.
    #[track_caller]
    pub fn type_in_after(&self, before: &str, text: &str) {
        self.press(text);
        self.wait_for_input(&format!("{before}{text}"));
    }

    /// Types a line, sends it, and waits for the prompt to come back.
    #[track_caller]
    pub fn say(&self, line: &str) {
        self.type_in(line);
        self.press("\r");
        self.wait_for_input("");
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        let mut seen = self.seen.0.lock().unwrap();
        seen.parser.set_size(size(rows), size(columns));
        self.pty.resize(Size::new(rows, columns)).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("the process is there");
    }

    /// Whether it shows what is typed by itself.
    pub fn echoes(&self) -> bool {
        let settings = tcgetattr(self.pts.as_ref().unwrap()).unwrap();
        settings.local_flags.contains(LocalFlags::ECHO)
    }

    /// Looks at the screen.
    pub fn look<T>(&self, find: impl FnOnce(&Screen) -> T) -> T {
        let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        find(seen.parser.screen())
    }

    /// All rows there have been, those that have scrolled away included, without the empty ones
    /// at the end.
    pub fn rows(&self) -> Vec<String> {
        let mut seen = self.seen.0.lock().unwrap();
        let screen = seen.parser.screen_mut();
        let columns = screen.size().1.get();
        let mut rows = Vec::new();
        for above in (1..=screen.scrollback_len()).rev() {
            screen.set_scrollback(above);
            rows.extend(screen.rows(0, columns).next());
        }
        screen.set_scrollback(0);
        rows.extend(screen.rows(0, columns));
        while rows.pop_if(|row| row.is_empty()).is_some() {}
        rows
    }

    /// Everything the program has written, as it wrote it.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen.0.lock().unwrap().bytes.clone()
    }

    /// How often the bell has rung.
    pub fn bells(&self) -> usize {
        self.seen.0.lock().unwrap().parser.callbacks().bells
    }

    /// Waits until a row of the screen has `text` in it.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        self.wait_until(&format!("a row with {text:?}"), |screen| {
            screen.contents().contains(text)
        });
    }

    /// Waits until this stands behind the prompt, with the cursor at its end.
    #[track_caller]
    pub fn wait_for_input(&self, text: &str) {
        self.wait_for_last_rows(&format!("ana> {text}"));
    }

    /// Waits until the rows down to the cursor are `text`, with the cursor at its end.
    #[track_caller]
    pub fn wait_for_last_rows(&self, text: &str) {
        self.wait_until(&format!("{text:?} before the cursor"), |screen| {
            let columns = screen.size().1.get();
            let expected = in_rows(text, columns);
            let (last, column) = screen.cursor_position();
            let above = usize::from(last + 1).checked_sub(expected.len());
            let is_so = |above| {
                let came = screen.rows(0, columns).skip(above);
                came.zip(&expected).all(|(came, row)| came.starts_with(row))
            };
            above.is_some_and(is_so) && usize::from(column) == expected.last().unwrap().width()
        });
    }

    /// Waits until the screen is as wished.
    #[track_caller]
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&Screen) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = self.seen.0.lock().unwrap();
        while !is_so(seen.parser.screen()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if seen.closed || left.is_zero() {
                let screen = seen.parser.screen();
                let (contents, cursor) = (screen.contents(), screen.cursor_position());
                drop(seen);
                panic!("expected: {what}\n    came: (cursor at {cursor:?})\n{contents}");
            }
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Waits for the end of the program, and that it gives the terminal back as it was: the
    /// settings, the paste mode, a visible cursor. Returns the exit status.
    #[track_caller]
    pub fn finish(&mut self) -> Option<i32> {
        let code = self.wait_for_end();
        let pts = self.pts.take().unwrap();
        let after = tcgetattr(&pts).unwrap();
        // The last one: now the reading thread finds the end.
        drop(pts);
        let seen = self.seen.0.lock().unwrap();
        let (seen, timeout) = self
            .seen
            .1
            .wait_timeout_while(seen, DEADLINE, |seen| !seen.closed)
            .unwrap();
        let screen = seen.parser.screen();
        let contents = screen.contents();
        let state = (screen.bracketed_paste(), screen.hide_cursor());
        drop(seen);
        assert!(!timeout.timed_out(), "somebody still writes:\n{contents}");
        assert_eq!(after, self.before, "(left: after, right: before)");
        assert_eq!(
            state,
            (false, false),
            "(paste mode, cursor hidden), left: came, right: expected\n{contents}"
        );
        code
    }

    #[track_caller]
    fn wait_for_end(&mut self) -> Option<i32> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(
                Instant::now() < deadline,
                "still running after {DEADLINE:?}:\n{}",
                self.look(Screen::contents)
            );
            thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("screen:\n{}", self.look(Screen::contents));
        }
    }
}

/// A server, `ana` in a terminal there, and `bruno` as a plain connection that has been seen.
pub fn ana_and_bruno(flags: &[&str]) -> (Server, Terminal, Peer) {
    let server = Server::start(&[]);
    let terminal = Terminal::enter(&server, flags);
    let bruno = server.join("bruno");
    terminal.wait_for("bruno joined");
    terminal.wait_for_input("");
    (server, terminal, bruno)
}

/// The rows after the one that says that `bruno` joined, without their stamps.
pub fn talk(terminal: &Terminal) -> Vec<String> {
    let rows = terminal.rows();
    let joined = |row: &&String| !row.ends_with("bruno joined");
    let talk = rows.iter().skip_while(joined).skip(1);
    talk.map(|row| without_stamp(row).to_owned()).collect()
}

/// Where `text` stands on the screen: its row and column.
pub fn find(screen: &Screen, text: &str) -> Option<(u16, u16)> {
    let rows = screen.rows(0, screen.size().1.get());
    let place = |(at, row): (usize, String)| {
        let before = &row[..row.find(text)?];
        Some((at as u16, before.chars().count() as u16))
    };
    rows.enumerate().find_map(place)
}

/// Somebody more, whom `ana` has seen.
pub fn join(server: &Server, terminal: &Terminal, name: &str) -> Peer {
    let peer = server.join(name);
    terminal.wait_for(&format!("{name} joined"));
    peer
}

/// A row without the time that begins it, if one does.
pub fn without_stamp(row: &str) -> &str {
    let is_stamp = |stamp: &str| {
        let (hour, minute) = (stamp.get(..2), stamp.get(3..5));
        let is_number = |digits: Option<&str>| digits.is_some_and(|d| d.parse::<u8>().is_ok());
        is_number(hour) && stamp[2..].starts_with(':') && is_number(minute) && stamp.ends_with(' ')
    };
    match row.split_at_checked(6) {
        Some((stamp, row)) if is_stamp(stamp) => row,
        _ => row,
    }
}

/// `text` as it stands in rows of that many columns; the last one has space for a cursor.
fn in_rows(text: &str, columns: u16) -> Vec<String> {
    let mut rows = vec![String::new()];
    for c in text.chars() {
        let row = rows.last_mut().unwrap();
        row.push(c);
        if row.width() > columns.into() {
            row.pop();
            rows.push(c.into());
        }
    }
    if rows.last().unwrap().width() == usize::from(columns) {
        rows.push(String::new());
    }
    rows
}

fn size(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}
