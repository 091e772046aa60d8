use std::collections::BTreeMap;

use super::{HISTORY, Heard, token};
use crate::server::post::SentOff;
use crate::server::room::*;

/// Tells each person each line as it happens.
#[derive(Default)]
pub struct Model {
    pub here: BTreeMap<SeatId, Member>,
    pub heard: Heard,
    /// The last stamp that each has heard.
    pub positions: BTreeMap<SeatId, Stamp>,
    pub log: Vec<(Stamp, Audience, String)>,
    pub last: Stamp,
    pub now: Timestamp,
}

pub struct Member {
    pub name: Username,
    pub gone: Option<Timestamp>,
}

impl Model {
    fn tell(&mut self, seat: SeatId, line: &str) {
        if self.here[&seat].gone.is_none() {
            *self.heard.get_mut(&seat).unwrap() += line;
        }
    }

    fn tell_stamped(&mut self, seat: SeatId, stamp: Stamp, line: &str) {
        match seat.has_session {
            true => self.tell(seat, &format!("@{stamp} {line}")),
            false => self.tell(seat, line),
        }
        if self.here[&seat].gone.is_none() {
            self.positions.insert(seat, stamp);
        }
    }

    fn stamp(&mut self) -> Stamp {
        self.last = self.last.next(self.now);
        self.last
    }

    fn happen(&mut self, audience: Audience, line: &str) {
        let stamp = self.stamp();
        self.log.push((stamp, audience, line.to_owned()));
        let seats: Vec<SeatId> = self.here.keys().copied().collect();
        for seat in seats {
            if is_theirs(audience, seat) {
                self.tell_stamped(seat, stamp, line);
            }
        }
    }

    fn is_taken(&self, name: &Username, but_by: SeatId) -> bool {
        self.here.iter().any(|(&seat, other)| {
            seat != but_by && (other.name == *name || other.name.looks() == name.looks())
        })
    }

    fn enter(&mut self, seat: SeatId, name: &Username) -> Result<(), NotSeated> {
        if self.is_taken(name, seat) {
            return Err(NotSeated::NameTaken);
        }
        self.happen(Audience::AllBut(seat), &format!("JOIN {name}\n"));
        let member = Member {
            name: name.clone(),
            gone: None,
        };
        self.here.insert(seat, member);
        self.heard.entry(seat).or_default();
        Ok(())
    }

    fn replay(&mut self, seat: SeatId, lines: u64) {
        let people = self.here.len();
        let member = self.here.get_mut(&seat).unwrap();
        member.gone = None;
        let resumed = format!("RESUMED {} {people} {lines}\n", member.name);
        self.tell(seat, &resumed);
        let after = self.positions.get(&seat).copied().unwrap_or_default();
        for (stamp, audience, line) in self.log.clone() {
            if stamp <= after || !is_theirs(audience, seat) {
                continue;
            }
            match line.starts_with("INFO ") {
                true => self.tell(seat, &line),
                false => self.tell_stamped(seat, stamp, &line),
            }
        }
    }

    fn leave(&mut self, seat: SeatId, reason: &str) {
        let Member { name, gone, .. } = self.here.remove(&seat).unwrap();
        self.happen(Audience::AllBut(seat), &format!("LEAVE {name} {reason}\n"));
        let Some(gone) = gone.filter(|_| seat.has_session) else {
            return;
        };
        let mut authors = Vec::new();
        for (stamp, audience, _) in self.log.iter().rev() {
            if let Audience::Private { to, from } = *audience
                && to == seat
                && from != seat
                && stamp.time() >= gone
                && !authors.contains(&from)
            {
                authors.push(from);
            }
        }
        for author in authors {
            let notice = format!(
                "INFO {name} is gone, and may not have read what you last wrote privately\n"
            );
            let is_there = |author| self.here.get(&author).is_some_and(|m| m.gone.is_none());
            if is_there(author) {
                self.tell(author, &notice);
            } else if author.has_session {
                let audience = Audience::Private {
                    to: author,
                    from: author,
                };
                self.log.push((self.last, audience, notice));
            }
        }
    }

    pub fn take(&mut self, post: &Post) -> Result<(), NotSeated> {
        let sender = match *post {
            Post::Public { from, .. } | Post::Private { from, .. } => from,
            Post::Answer { to, .. } => to,
            Post::Who { asked_by } => asked_by,
            Post::Join { seat, .. }
            | Post::Rename { seat, .. }
            | Post::Leave { seat, .. }
            | Post::Hold { seat, .. }
            | Post::Resume { seat, .. }
            | Post::SendOff {
                whom: SentOff::One(seat),
                ..
            } => seat,
            Post::SendOff { .. } => unreachable!("no test sends a network off"),
            Post::Close => {
                for seat in self.here.keys().copied().collect::<Vec<_>>() {
                    self.tell(seat, "BYE shutdown\n");
                }
                self.here.clear();
                return Ok(());
            }
        };
        let own = self.here.get(&sender).map(|member| member.name.clone());
        let own = match (post, own) {
            (Post::Join { newcomer, .. }, _) => {
                let name = &newcomer.name;
                self.enter(sender, name)?;
                self.tell(sender, &format!("WELCOME {name} {}\n", self.here.len()));
                let said = self
                    .log
                    .iter()
                    .filter(|(_, _, line)| line.starts_with("MSG"));
                let past: Vec<_> = said.map(|(at, _, line)| format!("@{at} {line}")).collect();
                let last = past.len().saturating_sub(HISTORY);
                self.tell(sender, &past[last..].concat());
                if let Some(token) = token(sender) {
                    let stamp = self.stamp();
                    self.tell_stamped(sender, stamp, &format!("SESSION {token} 30\n"));
                }
                return Ok(());
            }
            (
                Post::Resume {
                    newcomer,
                    given_back: Some(_),
                    resumption,
                    ..
                },
                _,
            ) => {
                self.enter(sender, &newcomer.name)?;
                self.replay(sender, resumption.lines);
                return Ok(());
            }
            (Post::Resume { .. }, None) => return Err(NotSeated::Gone),
            (_, None) => return Ok(()),
            (_, Some(own)) => own,
        };
        match post {
            Post::Public { lines, .. } => self.happen(Audience::AllBut(sender), lines),
            Post::Answer { lines, .. } => self.tell(sender, lines),
            Post::Private { to, text, .. } => {
                let mut here = self.here.iter();
                let reads = |(seat, member): &(&SeatId, &Member)| {
                    member.name == *to && (member.gone.is_none() || seat.has_session)
                };
                match here.find(reads) {
                    None => self.tell(sender, &format!("ERR no-such-user {to}\n")),
                    Some((&to, member)) => {
                        let line = format!("PRIV {own} {} {text}\n", member.name);
                        self.happen(Audience::Private { to, from: sender }, &line);
                    }
                }
            }
            Post::Who { .. } => {
                let mut names: Vec<_> = self
                    .here
                    .values()
                    .map(|member| member.name.as_str())
                    .collect();
                names.sort_by_key(|name| name.to_lowercase());
                let line = format!("USERS {} {}\n", names.len(), names.join(" "));
                self.tell(sender, &line);
            }
            Post::Rename { name, .. } if name.as_str() == own.as_str() => {
                let audience = Audience::Private {
                    to: sender,
                    from: sender,
                };
                self.happen(audience, &format!("NICK {own} {name}\n"));
            }
            Post::Rename { name, .. } => {
                if self.is_taken(name, sender) {
                    return Err(NotSeated::NameTaken);
                }
                self.here.get_mut(&sender).unwrap().name = name.clone();
                self.happen(Audience::All, &format!("NICK {own} {name}\n"));
            }
            Post::Leave { reason, .. } => {
                if *reason == LeaveReason::Quit {
                    self.tell(sender, "BYE quit\n");
                }
                self.leave(sender, &reason.to_string());
            }
            Post::SendOff { last, .. } => {
                self.tell(sender, last);
                self.leave(sender, "kicked");
            }
            Post::Hold { unread_since, .. } => {
                let member = self.here.get_mut(&sender).unwrap();
                member.gone = Some(member.gone.unwrap_or(*unread_since).min(*unread_since));
            }
            Post::Resume { resumption, .. } => self.replay(sender, resumption.lines),
            Post::Join { .. } | Post::Close => {
                unreachable!("handled above")
            }
        }
        Ok(())
    }
}

fn is_theirs(audience: Audience, seat: SeatId) -> bool {
    match audience {
        Audience::All => true,
        Audience::AllBut(author) => seat != author,
        Audience::Private { to, from } => seat == to || seat == from,
    }
}
