use super::typed::person_in;
use crate::protocol::{Event, Username};

/// How many names are remembered one by one.
const MOST_GONE: usize = 4096;

/// The names that somebody has given up, under which there may be somebody else by now.
#[derive(Default)]
pub struct Gone {
    names: Vec<Username>,
    /// There may be more of them.
    is_partial: bool,
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

    /// Whether `line` may reach somebody else than whom it is meant for.
    pub fn concerns(&self, line: &str) -> bool {
        let is_gone = |name| self.is_partial || self.names.contains(&name);
        (self.is_partial || !self.names.is_empty()) && person_in(line).is_some_and(is_gone)
    }
}
