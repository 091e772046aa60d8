use super::{Person, Room};
use crate::protocol::{LINE_LIMIT, fold};
use crate::server::post::SeatId;

/// Who is here.
impl Room {
    pub(super) fn list(&mut self, asked_by: SeatId) {
        if !self.people.contains_key(&asked_by) {
            return;
        }
        let users = match self.users.take() {
            Some(users) => users,
            None => self.turn.store(&self.users()),
        };
        self.turn.show(asked_by, users.clone());
        self.users = Some(users);
        if self.is_operator(asked_by) {
            let addresses = self.addresses();
            self.answer(asked_by, &addresses);
        }
    }

    /// The answer to `/quem`, in fold order.
    pub fn users(&self) -> String {
        let names = self.sorted().into_iter().map(|person| &person.name);
        let start = format!("USERS {}", names.len());
        let mut lines = String::new();
        let mut line = start.clone();
        for name in names {
            if line.len() + 1 + name.as_str().len() > LINE_LIMIT {
                lines = lines + &line + "\n";
                line.clone_from(&start);
            }
            line = line + " " + name.as_str();
        }
        lines + &line + "\n"
    }

    /// The people here, in fold order.
    pub(super) fn sorted(&self) -> Vec<&Person> {
        let mut people: Vec<&Person> = self.people.values().collect();
        people.sort_by_cached_key(|person| fold(person.name.as_str()));
        people
    }
}
