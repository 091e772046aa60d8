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

    /// Whoever has `name` now is meant.
    pub fn forget(&mut self, name: &Username) {
        self.names.retain(|gone| gone != name);
        self.is_partial = false;
    }
}
