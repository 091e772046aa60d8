use std::io::{self, Write};
use std::mem;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::prompt::{Prompt, Typed};
use super::render::Painter;
use super::screen::Screen;
use super::session::{Known, Session};
use super::{ANSWER_PATIENCE, Ending, KEEPALIVE, Problem};
use crate::net::clear_user_timeout;
use crate::protocol::{
    COMMANDS, ClientCommand, Command, CommandError, LINE_LIMIT, Username, UsernameError,
};

/// How long a server may take to ask for a name before it is taken for something else.
const GREETING_PATIENCE: Duration = Duration::from_secs(10);

/// What is more than one of these within [`KEEPALIVE`] is a flood, which a server may slow down for
/// minutes: bytes, far fewer than it takes before it has to, …
const FLOOD_BYTES: usize = 16 * 1024;

/// … and lines, one a second: no server takes fewer.
const FLOOD_LINES: usize = KEEPALIVE.as_secs() as usize;

/// The stdin loop's side of the session.
pub struct Talk<'a> {
    pub server: &'a TcpStream,
    pub session: &'a Session,
    pub painter: Painter,
    pub screen: Screen,
    pub is_interactive: bool,
    pub in_editor: bool,
    /// What was pasted behind the name.
    pub pasted: String,
    /// How many lines and bytes were sent since …
    pub burst: (usize, usize),
    pub burst_began: Instant,
}

impl Talk<'_> {
    /// Gives the server a name until it accepts one; `false` when the person leaves instead, or
    /// the session ends. Fails when a name is refused and nobody can be asked for another.
    pub fn introduce(
        &mut self,
        prompt: &mut Prompt,
        given: Option<Username>,
    ) -> Result<bool, Problem> {
        let lang = self.painter.lang;
        let mut given = given;
        let is_over = |known: &Known| known.is_asked || known.ending.is_some();
        if !self.session.wait_until(GREETING_PATIENCE, is_over) {
            return Err(Problem::Silent);
        }
        loop {
            let name = match given.take() {
                Some(name) => name,
                None => {
                    if self.is_interactive && !self.in_editor {
                        // Whoever sits there has to see it, wherever the lines go.
                        let _ = writeln!(io::stderr(), "{}", lang.name_prompt().trim_end());
                    }
                    let typed = match prompt.read(self.session, &lang.name_prompt()) {
                        Typed::End => return Ok(false),
                        Typed::Lines(lines) => {
                            let (name, behind) = lines.split_once('\n').unwrap_or((&lines, ""));
                            if asks_to_quit(name) {
                                return Ok(false);
                            }
                            self.pasted = behind.to_owned();
                            name.trim().parse()
                        }
                        Typed::TooLong => Err(UsernameError::TooLong),
                        Typed::NotUtf8 => Err(UsernameError::Invalid("\u{fffd}".to_owned())),
                    };
                    match typed {
                        Ok(name) => name,
                        Err(error) if self.is_interactive => {
                            self.complain(lang.bad_name(&error));
                            continue;
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
            };
            self.session.known().is_asked = false;
            self.send(name.as_str());
            self.session.wait_until(Duration::MAX, |known| {
                known.me.is_some() || known.is_asked || known.ending.is_some()
            });
            let known = self.session.known();
            if known.me.is_some() || known.ending.is_some() {
                return Ok(known.ending.is_none());
            }
            if !self.is_interactive {
                return Err(Problem::NameRefused);
            }
        }
    }

    /// The stdin loop: sends what is typed until the person leaves or the session ends.
    pub fn talk(&mut self, prompt: &mut Prompt) {
        if self.in_editor {
            // For completion, and to know whom one speaks to.
            self.send("/quem");
        }
        for line in mem::take(&mut self.pasted).lines() {
            if asks_to_quit(line) {
                return;
            }
            self.say(line);
        }
        while !self.session.is_ending() {
            let name = self.session.known().me.clone();
            let name = name.map_or_else(String::new, |name| name.to_string());
            match prompt.read(self.session, &format!("{name}> ")) {
                Typed::Lines(lines) => {
                    prompt.remember(&lines);
                    for line in lines.split('\n') {
                        if asks_to_quit(line) {
                            return;
                        }
                        self.say(line);
                    }
                }
                Typed::TooLong => self.complain(self.painter.lang.line_too_long()),
                Typed::NotUtf8 => self.complain(self.painter.lang.not_utf8()),
                Typed::End => return,
            }
        }
    }

    /// Does what one typed line asks for.
    fn say(&mut self, line: &str) {
        let lang = self.painter.lang;
        let line = line.strip_suffix('\r').unwrap_or(line);
        match ClientCommand::parse(line) {
            Ok(None) => {}
            Ok(Some(ClientCommand::Reply(text))) => {
                let correspondent = self.session.known().correspondent.clone();
                match correspondent {
                    Some(name) => self.send(&format!("/msg {name} {text}")),
                    None => self.complain(lang.nobody_to_answer()),
                }
            }
            // Nobody is ignored yet.
            Ok(Some(ClientCommand::Ignore(_))) => {}
            Ok(Some(ClientCommand::Send { command, line })) => match command {
                Command::Help => {
                    let rows = lang.help().into_iter();
                    // When it cannot be shown, the receiver finds out and ends the session.
                    let _ = self
                        .screen
                        .show(rows.map(|row| self.painter.remark(row)).collect());
                }
                Command::Rename(_) => {
                    let before = self.session.known().answers;
                    self.send(line);
                    if self.in_editor {
                        // The next prompt is to show the new name.
                        let is_answered = |known: &Known| known.answers != before;
                        self.session.wait_until(ANSWER_PATIENCE, is_answered);
                    }
                }
                _ => self.send(line),
            },
            Err(CommandError::Unknown(typed)) => {
                let nearest = nearest_command(typed.as_str());
                self.complain(lang.unknown_command(typed.as_str(), nearest));
            }
            Err(CommandError::MissingArgument(typed)) => {
                self.complain(lang.missing_argument(typed.as_str()));
            }
        }
    }

    /// Sends one line, if it is not too long.
    fn send(&mut self, line: &str) {
        if line.len() > LINE_LIMIT {
            return self.complain(self.painter.lang.line_too_long());
        }
        if self.burst_began.elapsed() > KEEPALIVE {
            (self.burst, self.burst_began) = ((0, 0), Instant::now());
        }
        let (lines, bytes) = &mut self.burst;
        (*lines, *bytes) = (*lines + 1, *bytes + line.len() + 1);
        if *lines > FLOOD_LINES || *bytes > FLOOD_BYTES {
            clear_user_timeout(self.server);
        }
        // When it fails the receiver finds out why, and ends the session.
        let _ = self.server.write_all(format!("{line}\n").as_bytes());
    }

    /// Leaves as `/SAIR` does, and waits for what is still to come: from a pipe, all that was
    /// sent has to be delivered before, however long that takes.
    pub fn leave(&mut self, failed: Option<Ending>) -> Ending {
        if !self.session.known().is_disconnected {
            // A server that takes nothing may let this wait; whoever wants to go need not.
            self.send("/SAIR");
        }
        self.session.notice();
        let is_over = self
            .session
            .wait_until(ANSWER_PATIENCE, |known| known.is_disconnected);
        if !is_over && !self.is_interactive && failed.is_none() {
            self.session
                .wait_until(Duration::MAX, |known| known.ending.is_some());
        }
        let ending = self.session.known().ending.clone();
        failed.or(ending).unwrap_or(Ending::Left)
    }

    fn complain(&self, sentence: String) {
        self.screen.complain(self.painter.problem(sentence));
    }
}

fn asks_to_quit(line: &str) -> bool {
    matches!(Command::parse(line), Ok(Some(Command::Quit)))
}

/// The command that was probably meant.
fn nearest_command(typed: &str) -> Option<&'static str> {
    let typed = typed.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &typed);
    let names = COMMANDS.iter().flat_map(|spec| spec.names);
    let nearest = names.min_by_key(|name| distance(name))?;
    (3 * distance(nearest) <= typed.len()).then_some(nearest)
}
