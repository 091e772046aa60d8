use std::fs;
use std::io;
use std::time::Duration;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use super::known::{Known, Question};
use super::prompt::Prompt;
use super::talk::Talk;
use super::typed::Typed;
use super::{Options, Problem};
use crate::net::plain_words;
use crate::tls::Fingerprint;

/// How sure it is whom one speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// The server has the key it should have, or is on this machine.
    Full,
    /// It has this key, which was never seen before.
    AtFirstSight(Fingerprint),
    /// Whoever it is, others can read along.
    None,
}

/// The password that was given before anybody is asked. Fails when its file has none.
pub fn given(options: &Options) -> Result<Option<String>, Problem> {
    let first_line = |text: &str| text.lines().next().unwrap_or_default().trim().to_owned();
    let Some(file) = &options.password_file else {
        return Ok(options.password.as_deref().map(first_line));
    };
    let none = |reason| Problem::NoPasswordFile {
        file: file.clone(),
        reason,
    };
    let text = fs::read_to_string(file).map_err(|error| none(Some(plain_words(&error))))?;
    let word = first_line(&text);
    match word.is_empty() {
        true => Err(none(None)),
        false => Ok(Some(word)),
    }
}

impl Talk<'_> {
    /// Gives the server the room's password for as long as it asks for it; `false` when the person
    /// leaves instead, or the session ends.
    ///
    /// MUST NOT send it where others could read it, nor to a key that nobody has vouched for, nor
    /// where a name is asked for by the time it is typed.
    pub fn give_password(&mut self, prompt: &mut Prompt) -> Result<bool, Problem> {
        let mut unseen = None;
        while self.session.lock().asked == Some(Question::Password) {
            match unseen {
                None if !self.is_trusted(prompt)? => return Ok(false),
                // Between two questions too: somebody may type ahead.
                None => unseen = Some(Unseen::new()),
                Some(_) if !self.is_interactive => return Err(Problem::PasswordRefused),
                Some(_) => {}
            }
            let password = match self.password.take() {
                Some(given) => given,
                None if !self.is_interactive => return Err(Problem::PasswordNeeded),
                None => match self.ask_for_password(prompt) {
                    Some(typed) => typed,
                    None => return Ok(false),
                },
            };
            let still_asked = |asked: &mut Question| *asked == Question::Password;
            if self.session.lock().asked.take_if(still_asked).is_none() {
                continue;
            }
            self.answer(&password);
            let is_answered = |known: &Known| known.asked.is_some() || known.ending.is_some();
            self.session.wait_until(Duration::MAX, is_answered);
            // The last one that is given is the right one.
            self.link.seat(|seat| seat.password = Some(password));
        }
        Ok(!self.session.is_ending())
    }

    /// Whether the password may be sent; `false` when the person says no, or leaves.
    fn is_trusted(&mut self, prompt: &mut Prompt) -> Result<bool, Problem> {
        let lang = self.painter.lang;
        match self.confidence {
            Confidence::Full => Ok(true),
            Confidence::None => Err(Problem::PasswordInPlain),
            Confidence::AtFirstSight(key) if !self.is_interactive => {
                Err(Problem::PasswordKept(key))
            }
            Confidence::AtFirstSight(key) => loop {
                self.ask(&lang.password_question(&key));
                match prompt.read(self.session) {
                    Typed::Lines(typed) => match typed.trim().to_lowercase().as_str() {
                        "s" | "sim" | "y" | "yes" => return Ok(true),
                        "n" | "não" | "nao" | "no" => return Ok(false),
                        _ => {}
                    },
                    Typed::Flawed(..) => {}
                    Typed::End => return Ok(false),
                }
            },
        }
    }

    fn ask_for_password(&mut self, prompt: &mut Prompt) -> Option<String> {
        self.screen.hide_line(true);
        self.ask(&self.painter.lang.password_prompt());
        let typed = loop {
            match prompt.read(self.session) {
                Typed::Lines(typed) if typed.trim().contains('\n') => {
                    // The next line would be taken for a name, which everybody sees.
                    self.complain(self.painter.lang.password_in_lines());
                }
                Typed::Lines(typed) => break Some(typed),
                Typed::Flawed(..) => self.complain(self.painter.lang.not_utf8()),
                Typed::End => break None,
            }
        };
        self.screen.ask("");
        self.screen.hide_line(false);
        typed.map(|typed| typed.trim().to_owned())
    }
}

/// A terminal that does not show what is typed, where no editor hides it; until this is dropped.
struct Unseen(Option<Termios>);

impl Unseen {
    fn new() -> Unseen {
        let settings = tcgetattr(io::stdin()).ok();
        let settings = settings.filter(|s| s.local_flags.contains(LocalFlags::ECHO));
        if let Some(mut unseen) = settings.clone() {
            unseen.local_flags &= !LocalFlags::ECHO;
            unseen.local_flags |= LocalFlags::ECHONL;
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &unseen);
        }
        Unseen(settings)
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        if let Some(settings) = &self.0 {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, settings);
        }
    }
}
