use jiff::Timestamp;
use log::info;

use super::Room;
use crate::protocol::{Event, Stamp, Text, Username};
use crate::server::backlog::{Audience, Replay};
use crate::server::post::{Newcomer, NotSeated, Resumption, SeatId, line};

/// What becomes of sessions whose connection breaks. The room hears nothing of those that go on in
/// time.
impl Room {
    /// Nobody reads what this seat is told, since then, until it is resumed.
    pub(super) fn hold(&mut self, seat: SeatId, unread_since: Timestamp) {
        if let Some(person) = self.people.get_mut(&seat) {
            let gone = person.gone.get_or_insert(unread_since);
            *gone = unread_since.min(*gone);
            self.turn.stop(seat);
        }
    }

    pub(super) fn resume(
        &mut self,
        seat: SeatId,
        newcomer: Newcomer,
        given_back: Option<bool>,
        resumption: Resumption,
    ) -> Result<(), NotSeated> {
        if let Some(is_operator) = given_back {
            self.enter(seat, newcomer)?;
            if is_operator {
                self.appoint(seat);
            }
        } else {
            let person = self.people.get_mut(&seat).ok_or(NotSeated::Gone)?;
            info!("{} is back from {}", person.name, newcomer.peer);
            person.peer = newcomer.peer;
        }
        self.replay(seat, resumption);
        Ok(())
    }

    /// Tells somebody who is back what they missed. The turn MUST be empty but for this.
    fn replay(&mut self, seat: SeatId, resumption: Resumption) {
        let Resumption {
            after,
            lines,
            is_confidential,
        } = resumption;
        let people = self.people.len();
        let Some(person) = self.people.get_mut(&seat) else {
            return;
        };
        person.is_operator &= is_confidential;
        // No author is told twice of the same.
        let gone = person.gone.take().map(|gone| gone.max(person.warned));
        let resumed = Event::Resumed(person.name.clone(), people, lines);
        let text = format!(
            "{} is back, and was not told all that you wrote privately",
            person.name
        );
        let most = self.rules.most_replayed;
        let replay = self.backlog.replay(seat, gone, after, most);
        let Replay {
            lines,
            missed,
            unread,
        } = replay;
        self.turn.answer(seat, &line(&resumed));
        if missed > 0 {
            self.turn.answer(seat, &line(&Event::Missed(missed)));
        }
        self.turn.answer(seat, &lines);
        if !unread.is_empty() {
            person.warned = self.now;
            let stamp = self.stamp();
            self.notify(&unread, &text, stamp);
        }
    }

    /// Tells a newcomer the last of what was said.
    pub(super) fn show_history(&mut self, seat: SeatId) {
        let history = self.history.take().unwrap_or_else(|| {
            let Room { rules, backlog, .. } = self;
            let history = backlog.history(rules.history, rules.most_replayed);
            self.turn.store(&history)
        });
        self.turn.show(seat, history.clone());
        self.history = Some(history);
    }

    /// Tells those who have written privately to `name`, who is gone for good since then, that it may
    /// not have been read.
    pub(super) fn tell_authors(&mut self, seat: SeatId, name: &Username, gone: Timestamp) {
        let text = format!("{name} is gone, and may not have read what you last wrote privately");
        let authors = self.backlog.authors_to(seat, gone);
        // Whoever has heard of the end has heard this.
        self.notify(&authors, &text, self.last);
    }

    /// Tells each of them; and again when they come back from before this stamp, for then they were
    /// away, or their connection was dead though nobody knew.
    fn notify(&mut self, authors: &[SeatId], text: &str, stamp: Stamp) {
        let notice = line(&Event::Info(Text::new(text)));
        for &author in authors {
            self.answer(author, &notice);
            if author.has_session {
                let audience = Audience::Private {
                    to: author,
                    from: author,
                };
                self.backlog.keep(stamp, audience, &notice);
            }
        }
    }
}
