//! Any posts in any order, against a model that tells each person each line as it happens.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::server::post::SentOff;

/// Names of which some are the same, and some look the same.
const NAMES: [&str; 7] = ["ana", "ANA", "Ivan", "lvan", "ivan", "bia", "João"];

#[derive(Debug, Clone)]
enum Step {
    Post(Post),
    Deliver,
    Lose(SeatId),
}

fn seats() -> impl Strategy<Value = SeatId> {
    (0..6u64).prop_map(SeatId)
}

fn names() -> impl Strategy<Value = Username> {
    (0..NAMES.len()).prop_map(|n| NAMES[n].parse().unwrap())
}

/// Some texts are so long that a few fill a turn.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[a-z]{1,5}", 1 => Just("x".repeat(25_000))]
}

fn posts() -> impl Strategy<Value = Post> {
    let peer = SocketAddr::from(([192, 0, 2, 1], 50001));
    let reasons = prop_oneof![Just(LeaveReason::Quit), Just(LeaveReason::Lost)];
    prop_oneof![
        4 => (seats(), names()).prop_map(move |(seat, name)| {
            let since = Timestamp::UNIX_EPOCH;
            Post::Join { seat, name, peer, since }
        }),
        4 => (seats(), texts()).prop_map(|(from, text)| {
            let lines = format!("MSG {} {text}\n", from.0);
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
    here: BTreeMap<SeatId, (Username, bool)>,
    heard: Heard,
}

impl Model {
    fn tell(&mut self, seat: SeatId, line: &str) {
        *self.heard.get_mut(&seat).unwrap() += line;
    }

    fn tell_all_but(&mut self, author: Option<SeatId>, line: &str) {
        for seat in self.here.keys().filter(|&&seat| Some(seat) != author) {
            *self.heard.get_mut(seat).unwrap() += line;
        }
    }

    fn is_taken(&self, name: &Username, but_by: SeatId) -> bool {
        self.here.iter().any(|(&seat, (other, _))| {
            seat != but_by && (other == name || other.looks() == name.looks())
        })
    }

    fn take(&mut self, post: &Post) -> Result<(), NameTaken> {
        let sender = match *post {
            Post::Public { from, .. } | Post::Private { from, .. } => from,
            Post::Answer { to, .. } => to,
            Post::Who { asked_by } => asked_by,
            Post::Join { seat, .. } | Post::Rename { seat, .. } | Post::Leave { seat, .. } => seat,
            Post::SendOff {
                whom: SentOff::One(seat),
                ..
            } => seat,
            Post::SendOff { .. } => unreachable!("no test sends a network off"),
            Post::Close => {
                self.tell_all_but(None, "BYE shutdown\n");
                self.here.clear();
                return Ok(());
            }
        };
        let own = self.here.get(&sender).map(|(name, _)| name.clone());
        let own = match (post, own) {
            (Post::Join { name, .. }, _) => {
                if self.is_taken(name, sender) {
                    return Err(NameTaken);
                }
                self.tell_all_but(None, &format!("JOIN {name}\n"));
                self.here.insert(sender, (name.clone(), true));
                self.heard.insert(sender, String::new());
                self.tell(sender, &format!("WELCOME {name} {}\n", self.here.len()));
                return Ok(());
            }
            (_, None) => return Ok(()),
            (_, Some(own)) => own,
        };
        match post {
            Post::Public { lines, .. } => self.tell_all_but(Some(sender), lines),
            Post::Answer { lines, .. } => self.tell(sender, lines),
            Post::Private { to, text, .. } => {
                let mut here = self.here.iter();
                match here.find(|(_, (name, is_reachable))| name == to && *is_reachable) {
                    None => self.tell(sender, &format!("ERR no-such-user {to}\n")),
                    Some((&seat, (name, _))) => {
                        let line = format!("PRIV {own} {name} {text}\n");
                        self.tell(seat, &line);
                        if seat != sender {
                            self.tell(sender, &line);
                        }
                    }
                }
            }
            Post::Who { .. } => {
                let mut names: Vec<_> = self.here.values().map(|(name, _)| name.as_str()).collect();
                names.sort_by_key(|name| name.to_lowercase());
                let line = format!("USERS {} {}\n", names.len(), names.join(" "));
                self.tell(sender, &line);
            }
            Post::Rename { name, .. } if name.as_str() == own.as_str() => {
                self.tell(sender, &format!("NICK {own} {name}\n"));
            }
            Post::Rename { name, .. } => {
                if self.is_taken(name, sender) {
                    return Err(NameTaken);
                }
                self.here.get_mut(&sender).unwrap().0 = name.clone();
                self.tell_all_but(None, &format!("NICK {own} {name}\n"));
            }
            Post::Leave { reason, .. } => {
                if *reason == LeaveReason::Quit {
                    self.tell(sender, "BYE quit\n");
                }
                self.here.remove(&sender);
                self.tell_all_but(None, &format!("LEAVE {own} {reason}\n"));
            }
            Post::SendOff { last, .. } => {
                self.tell(sender, last);
                self.here.remove(&sender);
                self.tell_all_but(None, &format!("LEAVE {own} kicked\n"));
            }
            Post::Join { .. } | Post::Close => unreachable!("handled above"),
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
        let (mut room, mut model) = (Room::default(), Model::default());
        let (mut open, mut closed) = (Heard::new(), Heard::new());
        for step in steps {
            match step {
                Step::Deliver => deliver(&mut room, &mut open, &mut closed),
                Step::Lose(seat) => {
                    room.lose(seat);
                    model.here.entry(seat).and_modify(|(_, is_reachable)| *is_reachable = false);
                }
                // A seat is given once.
                Step::Post(Post::Join { seat, .. }) if model.heard.contains_key(&seat) => {}
                Step::Post(post) => {
                    if room.is_full_for(&post) {
                        deliver(&mut room, &mut open, &mut closed);
                    }
                    let expected = model.take(&post);
                    prop_assert_eq!(room.take(post.clone()), expected, "after {:?}", post);
                    if let (Post::Join { seat, .. }, Ok(())) = (post, expected) {
                        open.insert(seat, String::new());
                    }
                }
            }
        }
        deliver(&mut room, &mut open, &mut closed);
        let here: Vec<_> = model.here.keys().collect();
        prop_assert_eq!(here, open.keys().collect::<Vec<_>>(), "who is here");
        open.append(&mut closed);
        prop_assert_eq!(model.heard, open);
    }
}
