use std::mem;
use std::time::Duration;

use super::Problem;
use super::known::Known;
use super::prompt::Prompt;
use super::talk::Talk;
use super::typed::{Flaw, Typed, is_text};
use crate::protocol::{Command, Username, UsernameError};

/// How long a server may take to ask for a name before it is taken for something else.
const GREETING_PATIENCE: Duration = Duration::from_secs(9);

/// How long it may be silent before it is prompted to speak.
const SILENCE: Duration = Duration::from_secs(1);

impl Talk<'_> {
    /// Gives the server the password if it wants one, and a name until it accepts one; `false` when
    /// the person leaves instead, or the session ends. Fails when a name is refused and nobody can be
    /// asked for another.
    pub fn introduce(
        &mut self,
        prompt: &mut Prompt,
        mut given: Option<Username>,
    ) -> Result<bool, Problem> {
        let is_over = |known: &Known| known.asked.is_some() || known.ending.is_some();
        if !self.session.wait_until(SILENCE, is_over) {
            self.link.nudge();
        }
        if !self.session.wait_until(GREETING_PATIENCE, is_over) {
            return Err(Problem::Silent);
        }
        if !self.give_password(prompt)? {
            return Ok(false);
        }
        loop {
            let name = match given.take() {
                Some(name) => name,
                None => match self.ask_for_name(prompt)? {
                    Some(name) => name,
                    None => return Ok(false),
                },
            };
            self.session.lock().asked = None;
            self.screen.ask("");
            if mem::take(&mut self.wants_session) {
                // It stays in force, whether this name is accepted or a later one.
                self.answer("/session");
            }
            self.answer(name.as_str());
            self.session.wait_until(Duration::MAX, |known| {
                known.me.is_some() || known.asked.is_some() || known.ending.is_some()
            });
            let known = self.session.lock();
            if known.me.is_some() || known.ending.is_some() {
                return Ok(known.ending.is_none());
            }
            if !self.is_interactive {
                return Err(Problem::NameRefused);
            }
        }
    }

    /// Asks until a name is one, and keeps what is pasted behind it. `None` when the person leaves
    /// instead, or the session ends.
    fn ask_for_name(&mut self, prompt: &mut Prompt) -> Result<Option<Username>, Problem> {
        let lang = self.painter.lang;
        loop {
            self.ask(&lang.name_prompt());
            let typed = match prompt.read(self.session) {
                Typed::End => return Ok(None),
                Typed::Flawed(_, Flaw::TooLong | Flaw::Cut) => Err(UsernameError::TooLong),
                Typed::Flawed(..) => Err(UsernameError::Invalid {
                    name: char::REPLACEMENT_CHARACTER.to_string(),
                    character: char::REPLACEMENT_CHARACTER,
                }),
                Typed::Lines(typed) => {
                    let (name, behind) = typed.split_once('\n').unwrap_or((&typed, ""));
                    if !behind.lines().all(is_text) {
                        self.complain(lang.command_in_paste());
                        prompt.put_back(typed);
                        continue;
                    }
                    self.pasted.extend(behind.lines().map(str::to_owned));
                    match Command::parse(name) {
                        Ok(Some(Command::Quit)) => return Ok(None),
                        Ok(Some(Command::Help)) => {
                            self.help();
                            continue;
                        }
                        Ok(Some(Command::Who)) => {
                            self.answer(name);
                            continue;
                        }
                        _ => {}
                    }
                    name.parse()
                }
            };
            match typed {
                Ok(name) => return Ok(Some(name)),
                Err(error) if self.is_interactive => self.complain(lang.bad_name(&error)),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
