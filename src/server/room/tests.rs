//! Any posts in any order, against a model that tells each person each line as it happens.

use std::collections::BTreeMap;
use std::mem;

use jiff::SignedDuration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::protocol::Text;
use crate::server::post::{Resumption, SentOff};

/// Names of which some are the same, and some look the same.
const NAMES: [&str; 7] = ["ana", "ANA", "Ivan", "lvan", "ivan", "bia", "João"];

#[derive(Debug, Clone)]
enum Step {
    Post(Post),
    Deliver,
    Lose(SeatId),
}

/// How much of what was said newcomers hear.
const HISTORY: usize = 3;

/// Half of them have sessions.
fn seats() -> impl Strategy<Value = SeatId> {
    (0..8u64).prop_map(|number| SeatId {
        number,
        has_session: number % 2 == 1,
    })
}

fn newcomer(name: Username) -> Newcomer {
    Newcomer {
        name,
        peer: peer(),
        since: Timestamp::UNIX_EPOCH,
    }
}

fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 50001))
}

fn token(seat: SeatId) -> Option<Token> {
    seat.has_session
        .then(|| Token::new([seat.number as u8; 16]))
}

fn names() -> impl Strategy<Value = Username> {
    (0..NAMES.len()).prop_map(|n| NAMES[n].parse().unwrap())
}

/// Some texts are so long that a few fill a turn.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[a-z]{1,5}", 1 => Just("x".repeat(25_000))]
}

fn posts() -> impl Strategy<Value = Post> {
    // Filled in as the model knows them.
    let resumption = Resumption {
        after: Stamp::FIRST,
        lines: 7,
    };
    let reasons = prop_oneof![Just(LeaveReason::Quit), Just(LeaveReason::Lost)];
    prop_oneof![
        4 => (seats(), names()).prop_map(|(seat, name)| {
            let (newcomer, token) = (newcomer(name), token(seat));
            Post::Join { seat, newcomer, token }
        }),
        2 => seats().prop_map(|seat| {
            let unread_since = Timestamp::UNIX_EPOCH;
            Post::Hold { seat, unread_since }
        }),
        3 => seats().prop_map(move |seat| {
            let peer = peer();
            Post::Resume { seat, peer, resumption }
        }),
        2 => (seats(), names()).prop_map(move |(seat, name)| {
            let (newcomer, is_operator) = (newcomer(name), false);
            Post::Return { seat, newcomer, is_operator, resumption }
        }),
        4 => (seats(), texts()).prop_map(|(from, text)| {
            let lines = format!("MSG {} {text}\n", from.number);
            Post::Public { from, lines }
        }),
        4 => (seats(), names(), texts()).prop_map(|(from, to, text)| {
            let text = Text::new(&text).into_owned();
            Post::Private { from, to, text }
        }),
        1 => (seats(), texts()).prop_map(|(to, text)| {
            let lines = format!("INFO {text}\n");
            Post::Answer { to, lines }
        }),
        1 => seats().prop_map(|asked_by| Post::Who { asked_by }),
        2 => (seats(), names()).prop_map(|(seat, name)| Post::Rename { seat, name }),
        1 => (seats(), texts()).prop_map(|(seat, text)| Post::SendOff {
            whom: SentOff::One(seat),
            last: format!("INFO {text}\nBYE kicked\n"),
        }),
        2 => (seats(), reasons).prop_map(|(seat, reason)| Post::Leave { seat, reason }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => posts().prop_map(Step::Post),
        2 => Just(Step::Deliver),
        1 => seats().prop_map(Step::Lose),
    ];
    let close = any::<bool>().prop_map(|closes| closes.then_some(Step::Post(Post::Close)));
    (vec(step, 0..60), close).prop_map(|(steps, close)| steps.into_iter().chain(close).collect())
}

/// What each seat has heard so far.
type Heard = BTreeMap<SeatId, String>;

#[derive(Default)]
struct Model {
    here: BTreeMap<SeatId, Member>,
    heard: Heard,
    /// The last stamp that each has heard.
    positions: BTreeMap<SeatId, Stamp>,
    log: Vec<(Stamp, Audience, String)>,
    last: Stamp,
    now: Timestamp,
}

struct Member {
    name: Username,
    gone: Option<Timestamp>,
    notices: String,
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
            let is_theirs = match audience {
                Audience::All => true,
                Audience::AllBut(author) => seat != author,
                Audience::Private { to, from } => seat == to || seat == from,
            };
            if is_theirs {
                self.tell_stamped(seat, stamp, line);
            }
        }
    }

    fn is_taken(&self, name: &Username, but_by: SeatId) -> bool {
        self.here.iter().any(|(&seat, other)| {
            seat != but_by && (other.name == *name || other.name.looks() == name.looks())
        })
    }

    fn enter(&mut self, seat: SeatId, name: &Username) -> Result<(), Unfulfilled> {
        if self.is_taken(name, seat) {
            return Err(Unfulfilled::NameTaken);
        }
        self.happen(Audience::AllBut(seat), &format!("JOIN {name}\n"));
        let member = Member {
            name: name.clone(),
            gone: None,
            notices: String::new(),
        };
        self.here.insert(seat, member);
        self.heard.entry(seat).or_default();
        Ok(())
    }

    fn replay(&mut self, seat: SeatId, lines: u64) {
        let people = self.here.len();
        let member = self.here.get_mut(&seat).unwrap();
        member.gone = None;
        let notices = mem::take(&mut member.notices);
        let resumed = format!("RESUMED {} {people} {lines}\n", member.name);
        self.tell(seat, &resumed);
        let after = self.positions.get(&seat).copied().unwrap_or_default();
        for (stamp, audience, line) in self.log.clone() {
            let is_theirs = match audience {
                Audience::All => true,
                Audience::AllBut(author) => seat != author,
                Audience::Private { to, from } => seat == to || seat == from,
            };
            if stamp > after && is_theirs {
                self.tell_stamped(seat, stamp, &line);
            }
        }
        self.tell(seat, &notices);
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
            match self.here.get_mut(&author) {
                Some(away) if away.gone.is_some() && author.has_session => away.notices += &notice,
                Some(_) => self.tell(author, &notice),
                None => {}
            }
        }
    }

    fn take(&mut self, post: &Post) -> Result<(), Unfulfilled> {
        let sender = match *post {
            Post::Public { from, .. } | Post::Private { from, .. } => from,
            Post::Answer { to, .. } => to,
            Post::Who { asked_by } => asked_by,
            Post::Join { seat, .. }
            | Post::Rename { seat, .. }
            | Post::Leave { seat, .. }
            | Post::Hold { seat, .. }
            | Post::Resume { seat, .. }
            | Post::Return { seat, .. }
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
                Post::Return {
                    newcomer,
                    resumption,
                    ..
                },
                _,
            ) => {
                self.enter(sender, &newcomer.name)?;
                self.replay(sender, resumption.lines);
                return Ok(());
            }
            (Post::Resume { .. }, None) => return Err(Unfulfilled::Gone),
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
                    return Err(Unfulfilled::NameTaken);
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
            Post::Join { .. } | Post::Return { .. } | Post::Close => {
                unreachable!("handled above")
            }
        }
        Ok(())
    }
}

/// As the delivery does it, with a string for each connection.
fn deliver(room: &mut Room, open: &mut Heard, closed: &mut Heard) {
    let turn = room.turn();
    let addressees: Option<Vec<SeatId>> = turn.addressees().map(Iterator::collect);
    for (seat, heard) in open.iter_mut() {
        if addressees.as_ref().is_none_or(|some| some.contains(seat)) {
            *heard += turn.heard_by(*seat, &mut String::new());
        }
    }
    for seat in turn.left() {
        closed.extend(open.remove_entry(&seat));
    }
    room.end_turn();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn everyone_hears_the_one_order_less_their_own_lines_and_what_is_for_others(steps in steps()) {
        let rules = Rules { history: HISTORY, most_replayed: usize::MAX, hold: 30, is_transcribed: false };
        let (mut room, mut model) = (Room::new(rules, &[]), Model::default());
        let (mut open, mut closed) = (Heard::new(), Heard::new());
        for step in steps {
            model.now += SignedDuration::from_micros(5);
            match step {
                Step::Deliver => deliver(&mut room, &mut open, &mut closed),
                Step::Lose(seat) => {
                    deliver(&mut room, &mut open, &mut closed);
                    closed.extend(open.remove_entry(&seat));
                    room.lose(seat);
                    let now = room.now;
                    model.here.entry(seat).and_modify(|member| _ = member.gone.get_or_insert(now));
                }
                Step::Post(mut post) => {
                    let is_here = |seat: &SeatId| model.here.contains_key(seat);
                    let is_possible = match &mut post {
                        // A seat is given once.
                        Post::Join { seat, .. } => !model.heard.contains_key(seat),
                        Post::Hold { seat, unread_since } => {
                            *unread_since = model.now;
                            seat.has_session && is_here(seat)
                        }
                        // Only what is held is resumed, and only who has left returns.
                        Post::Resume { seat, resumption, .. } => {
                            resumption.after = model.positions.get(seat).copied().unwrap_or_default();
                            seat.has_session && model.here.get(seat).is_none_or(|member| member.gone.is_some())
                        }
                        Post::Return { seat, resumption, .. } => {
                            resumption.after = model.positions.get(seat).copied().unwrap_or_default();
                            seat.has_session && !is_here(seat) && model.heard.contains_key(seat)
                        }
                        _ => true,
                    };
                    if !is_possible {
                        continue;
                    }
                    if room.is_full_for(&post) {
                        deliver(&mut room, &mut open, &mut closed);
                    }
                    let expected = model.take(&post);
                    prop_assert_eq!(room.take(post.clone(), model.now), expected, "after {:?}", post);
                    if let (Post::Join { seat, .. } | Post::Resume { seat, .. } | Post::Return { seat, .. }, Ok(())) = (post, expected) {
                        let heard = open.remove(&seat).or_else(|| closed.remove(&seat));
                        open.insert(seat, heard.unwrap_or_default());
                    }
                }
            }
        }
        deliver(&mut room, &mut open, &mut closed);
        let here = model.here.iter().filter(|(_, member)| member.gone.is_none());
        let here: Vec<_> = here.map(|(seat, _)| seat).collect();
        let there: Vec<_> = open.keys().filter(|seat| room.is_there(**seat)).collect();
        prop_assert_eq!(here, there, "who is here");
        open.append(&mut closed);
        prop_assert_eq!(model.heard, open);
    }
}
