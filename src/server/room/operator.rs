use std::net::SocketAddr;

use super::Room;
use crate::protocol::{Event, LeaveReason, Text, Username};
use crate::server::network::Network;
use crate::server::post::{SeatId, SentOff, line};

/// What operators see and do. Addresses are for them alone.
impl Room {
    /// Makes somebody an operator.
    pub fn appoint(&mut self, seat: SeatId) {
        if let Some(person) = self.people.get_mut(&seat) {
            person.is_operator = true;
        }
    }

    /// Whether they are one.
    pub fn is_operator(&self, seat: SeatId) -> bool {
        let person = self.people.get(&seat);
        person.is_some_and(|person| person.is_operator)
    }

    /// Whoever has this name, and had it before the line about them had to wait, if it had: the name as
    /// they write it, their seat, and where they are connected.
    pub fn find(
        &self,
        name: &Username,
        waits_since: Option<u64>,
    ) -> Option<(Username, SeatId, SocketAddr)> {
        let seat = *self.names.get(name)?;
        let person = &self.people[&seat];
        let found = (person.name.clone(), seat, person.peer);
        person.is_meant(waits_since).then_some(found)
    }

    /// Who comes from there, in fold order.
    pub fn all_from(&self, network: Network) -> Vec<Username> {
        let people = self.sorted().into_iter();
        let theirs = people.filter(|person| network.contains(person.peer.ip()));
        theirs.map(|person| person.name.clone()).collect()
    }

    /// A line for each person, in fold order.
    pub(super) fn addresses(&self) -> String {
        let lines = self.sorted().into_iter().map(|person| {
            let (name, address) = (&person.name, person.peer.ip());
            let since = person.since.strftime("%Y-%m-%dT%H:%M:%SZ");
            let held = if person.gone.is_some() { ", held" } else { "" };
            let text = format!("{name} {address} since {since}{held}");
            line(&Event::Info(Text::new(&text)))
        });
        lines.collect()
    }

    pub(super) fn send_off(&mut self, whom: SentOff, last: &str) {
        let people = self.people.iter();
        let meant = people.filter(|&(&seat, person)| whom.includes(seat, person.peer));
        for seat in meant.map(|(&seat, _)| seat).collect::<Vec<_>>() {
            self.answer(seat, last);
            self.leave(seat, LeaveReason::Kicked);
        }
    }
}
