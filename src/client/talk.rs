use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::known::Known;
use super::link::Link;
use super::password::Confidence;
use super::prompt::Prompt;
use super::render::Painter;
use super::screen::Screen;
use super::seat::Leaving;
use super::session::Session;
use super::typed::{Flaw, Refused, Typed, lines_of};
use super::{Ending, FAREWELL_PATIENCE};
use crate::protocol::{COMMANDS, ClientCommand, Command, CommandError, LINE_LIMIT, Text, Username};

/// The stdin loop's side of the session.
pub struct Talk<'a> {
    pub link: &'a Link,
    pub session: &'a Session,
    pub painter: Arc<Painter>,
    pub screen: Screen,
    pub is_interactive: bool,
    pub in_editor: bool,
    /// The server is asked for a session.
    pub wants_session: bool,
    /// The lines pasted behind names, until one is accepted.
    pub pasted: Vec<String>,
    /// The room's password, until it is given.
    pub password: Option<String>,
    /// Whom it may be given to.
    pub confidence: Confidence,
}

impl Talk<'_> {
    /// The stdin loop: sends what is typed until the person leaves or the session ends.
    pub fn send_what_is_typed(&mut self, prompt: &mut Prompt) {
        if self.in_editor {
            // For completion, and to know whom one speaks to.
            self.send("/quem");
        }
        for line in mem::take(&mut self.pasted) {
            self.screen.remember(&line);
            self.say(&line);
        }
        while !self.session.is_ending() {
            match prompt.read(self.session) {
                Typed::Lines(typed) => match lines_of(&typed) {
                    Ok(lines) if self.is_for_another(&typed, &lines) => {
                        prompt.put_back(typed);
                    }
                    Ok(lines) => {
                        self.screen.remember(&typed);
                        for line in lines {
                            if matches!(Command::parse(&line), Ok(Some(Command::Quit))) {
                                return;
                            }
                            self.say(&line);
                        }
                    }
                    Err(refused) => {
                        self.complain(match refused {
                            Refused::Command => self.painter.lang.command_in_paste(),
                            Refused::TooLong => self.painter.lang.line_too_long(),
                        });
                        prompt.put_back(typed);
                    }
                },
                Typed::Flawed(typed, flaw) => {
                    self.complain(match flaw {
                        Flaw::TooLong => self.painter.lang.line_too_long(),
                        Flaw::Cut => self.painter.lang.line_cut(),
                        Flaw::NotUtf8 => self.painter.lang.not_utf8(),
                    });
                    self.screen.remember(&typed);
                }
                Typed::End => return,
            }
        }
    }

    /// Whether one types in the editor, and whom alone the draft is for has left since it was begun. That
    /// is told once, so that it can be sent all the same.
    fn is_for_another(&self, draft: &str, lines: &[String]) -> bool {
        if !self.in_editor {
            return false;
        }
        let asked = self.session.lock().gone.ask_about(draft, lines);
        let Some(name) = asked else {
            return false;
        };
        self.complain(self.painter.lang.may_be_another(&name));
        true
    }

    /// Does what one typed line asks for.
    fn say(&mut self, line: &str) {
        let lang = self.painter.lang;
        match ClientCommand::parse(line) {
            Ok(None) => {}
            Ok(Some(ClientCommand::Reply(text))) => {
                // In the editor it has become a `/msg` where there is somebody to answer.
                let correspondent = self.session.lock().correspondent.clone();
                match correspondent.filter(|_| !self.in_editor) {
                    Some(name) => self.send(&format!("/msg {name} {text}")),
                    None => self.complain(lang.nobody_to_answer()),
                }
            }
            Ok(Some(ClientCommand::Ignore(name))) => self.ignore(name),
            Ok(Some(ClientCommand::Send { command, line })) => match command {
                Command::Help => self.help(),
                _ if line.len() > LINE_LIMIT => self.complain(lang.line_too_long()),
                command => {
                    if let Command::Rename(new) = command
                        && let Err(error) = new.parse::<Username>()
                    {
                        // Only here is it known which character was typed.
                        return self.complain(lang.bad_name(&error));
                    }
                    if self.in_editor {
                        let is_away = self.session.lock().is_away;
                        self.show(&match command {
                            // Its receipt will show it.
                            Command::Private { to, .. } if is_away => {
                                self.painter.remark(lang.waits(&Text::new(to)))
                            }
                            command => self.painter.own(&command),
                        });
                    }
                    self.send(line);
                }
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

    /// Shows nothing more of whom `name` names, or shows it again; without one, tells of whom
    /// nothing is shown.
    fn ignore(&self, name: Option<&str>) {
        let lang = self.painter.lang;
        let told = match name.map(str::parse::<Username>) {
            Some(Err(error)) => return self.complain(lang.bad_name(&error)),
            Some(Ok(name)) => match self.session.lock().toggle_ignored(name.clone()) {
                true => lang.ignored(&name),
                false => lang.no_longer_ignored(&name),
            },
            None => {
                let names = self.session.lock().ignored.clone();
                let names: Vec<&str> = names.iter().map(Username::as_str).collect();
                lang.all_ignored(names.len(), &names.join(", "))
            }
        };
        self.show(&self.painter.remark(told));
    }

    /// Answers what the server asks before it lets anybody in.
    pub fn answer(&self, line: &str) {
        // Where it fails, the receiver finds out why, and ends the session.
        let _ = self.link.answer(line);
    }

    /// Sends one line, if it is not too long.
    fn send(&self, line: &str) {
        if line.len() > LINE_LIMIT {
            return self.complain(self.painter.lang.line_too_long());
        }
        let mut sent = self.link.send(line);
        while !self.is_interactive && is_full(&sent) {
            // Who writes into a pipe waits for who reads from it.
            self.session.wait_until(Duration::MAX, |known| {
                !known.is_full || known.ending.is_some()
            });
            if self.session.is_ending() {
                return;
            }
            sent = self.link.send(line);
        }
        if is_full(&sent) || sent.is_err() && self.in_editor {
            // Else the receiver finds out why, and ends the session.
            self.complain(self.painter.lang.not_sent());
        }
    }

    /// Leaves as `/SAIR` does, and waits for what is still to come: from a pipe, all that was
    /// sent has to be delivered before, however long that takes.
    pub fn leave(&mut self, failed: Option<Ending>) -> Ending {
        let delivers = !self.is_interactive && failed.is_none() && !self.session.is_ending();
        if !self.session.lock().is_disconnected {
            self.link.leave(match delivers {
                true => Leaving::WhenCounted,
                false => Leaving::Now,
            });
        }
        let is_over = |known: &Known| known.is_disconnected || known.is_away;
        self.session.wait_until(FAREWELL_PATIENCE, is_over);
        if delivers {
            self.session
                .wait_until(Duration::MAX, |known| known.ending.is_some());
        }
        let ending = self.session.lock().ending.clone();
        failed.or(ending).unwrap_or(Ending::Left)
    }

    /// Asks the person for something.
    pub fn ask(&self, prompt: &str) {
        if self.is_interactive && !self.in_editor {
            // Whoever sits there has to see it, wherever the lines go.
            self.screen.complain(&format!("{}\n", prompt.trim_end()));
        }
        self.screen.ask(prompt);
    }

    pub fn help(&self) {
        let rows = self.painter.lang.help().into_iter();
        self.show(&rows.map(|row| self.painter.remark(row)).collect::<String>());
    }

    fn show(&self, lines: &str) {
        // When it cannot be shown, the receiver finds out and ends the session.
        let _ = self.screen.show(lines);
    }

    pub fn complain(&self, sentence: String) {
        self.screen.complain(&self.painter.problem(sentence));
    }
}

/// Whether a line was not sent because too many wait.
fn is_full(sent: &io::Result<()>) -> bool {
    sent.as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::StorageFull)
}

/// The command that was probably meant.
fn nearest_command(typed: &str) -> Option<&'static str> {
    let typed = typed.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &typed);
    let names = COMMANDS.iter().flat_map(|spec| spec.names);
    let nearest = names.min_by_key(|name| distance(name))?;
    (3 * distance(nearest) <= typed.len()).then_some(nearest)
}
