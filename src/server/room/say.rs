use super::{Person, Room};
use crate::protocol::{Event, RefusalCode, Stamp, Text, Username};
use crate::server::backlog::Audience;
use crate::server::post::{SeatId, line};

/// What people are told, now and, by the backlog, later.
impl Room {
    /// To whoever has the name, and had it before the line had to wait, if it had; else to nobody.
    pub(super) fn private(
        &mut self,
        from: SeatId,
        to: &Username,
        text: Text,
        waits_since: Option<u64>,
    ) {
        let Some(author) = self.people.get(&from) else {
            return;
        };
        let addressee = self.names.get(to).map(|seat| (*seat, &self.people[seat]));
        let reads = |(seat, person): &(SeatId, &Person)| person.gone.is_none() || seat.has_session;
        let refusal = || {
            let name = Text::new(to.as_str());
            line(&Event::Refused(RefusalCode::NoSuchUser, name))
        };
        let Some((to, addressee)) = addressee.filter(reads) else {
            return self.answer(from, &refusal());
        };
        if !addressee.is_meant(waits_since) && to != from {
            let name = &addressee.name;
            let why = format!(
                "{name} has that name only since after you wrote; say it again if it is for them"
            );
            let why = Event::Info(Text::new(&why));
            return self.answer(from, &(refusal() + &line(&why)));
        }
        // In the addressee's own spelling.
        let event = Event::Private(author.name.clone(), addressee.name.clone(), text);
        self.tell_both(to, from, &line(&event));
    }

    /// The stamp of what happens now.
    pub(super) fn stamp(&mut self) -> Stamp {
        self.last = self.last.next(self.now);
        self.last
    }

    /// Whole lines of what somebody says to all others.
    pub(super) fn say(&mut self, from: SeatId, lines: &str) {
        if !self.people.contains_key(&from) {
            return;
        }
        self.history = None;
        let heard = self.turn.heard(from);
        for line in lines.split_inclusive('\n') {
            self.tell(line, Audience::AllBut(from));
        }
        self.turn.spare(from, heard);
    }

    /// Tells everyone who comes, goes or changes names: from then on `/quem` has another answer.
    pub(super) fn tell_all(&mut self, event: &Event, audience: Audience) {
        self.users = None;
        self.tell(&line(event), audience);
    }

    /// All that is said to all passes through here, in the order that everyone hears. The `audience`
    /// is who is told it again on coming back.
    pub(super) fn tell(&mut self, line: &str, audience: Audience) {
        let stamp = self.stamp();
        self.turn.say_to_all(stamp, line, self.reads_stamps());
        self.backlog.keep(stamp, audience, line);
    }

    /// Whether anybody reads stamps.
    pub(super) fn reads_stamps(&self) -> bool {
        self.sessions > 0 || self.rules.is_transcribed
    }

    /// What is said to these two alone, who may be the same. It is kept where one may come back.
    pub(super) fn tell_both(&mut self, to: SeatId, from: SeatId, line: &str) {
        let stamp = self.stamp();
        if to.has_session || from.has_session {
            self.backlog
                .keep(stamp, Audience::Private { to, from }, line);
        }
        let others = (from != to).then_some(from);
        for seat in [to].into_iter().chain(others) {
            if self.is_there(seat) {
                self.turn.say_to(seat, stamp, line);
            }
        }
    }

    /// Whole lines to one person alone, which nobody hears later.
    pub(super) fn answer(&mut self, to: SeatId, lines: &str) {
        if self.is_there(to) {
            self.turn.answer(to, lines);
        }
    }

    /// Whether somebody in the seat reads what they are told.
    pub fn is_there(&self, seat: SeatId) -> bool {
        let person = self.people.get(&seat);
        person.is_some_and(|person| person.gone.is_none())
    }
}
