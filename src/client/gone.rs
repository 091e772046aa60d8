use super::typed::person_in;
use crate::protocol::{Event, Username};

/// How many names are remembered one by one.
const MOST_GONE: usize = 4096;

/// The names that somebody has given up, under which there may be somebody else by now.
#[derive(Default)]
pub struct Gone {
    names: Vec<Username>,
    /// There may be more of them.
    pub is_partial: bool,
    /// Who was asked about last, and the draft for them.
    asked: Option<(Username, String)>,
}

impl Gone {
    /// Takes in what the server says.
    pub fn heed(&mut self, event: &Event) {
        match event {
            Event::Renamed(old, new) if old == new => {}
            Event::Leave(name, _) | Event::Renamed(name, _) if self.names.len() < MOST_GONE => {
                self.names.push(name.clone());
            }
            Event::Leave(..) | Event::Renamed(..) | Event::Missed(_) => self.is_partial = true,
            _ => {}
        }
    }

    /// Whom alone `line` is for, if that may be somebody else by now.
    pub fn find(&self, line: &str) -> Option<Username> {
        let is_gone = |name: &Username| self.is_partial || self.names.contains(name);
        person_in(line).filter(is_gone)
    }

    /// About whom to ask before `draft` is sent as these lines: whoever has the name now is meant when it
    /// comes again just as it is.
    pub fn ask_about(&mut self, draft: &str, lines: &[String]) -> Option<Username> {
        let asked = self.asked.take().filter(|(_, before)| before != draft);
        let is_asked = |name: &Username| asked.as_ref().is_some_and(|(asked, _)| asked == name);
        let people = || lines.iter().filter_map(|line| person_in(line));
        let gone = lines.iter().find_map(|line| self.find(line));
        let name = gone.or_else(|| people().find(is_asked))?;
        self.names.retain(|gone| *gone != name);
        self.is_partial = false;
        self.asked = Some((name.clone(), draft.to_owned()));
        Some(name)
    }
}
