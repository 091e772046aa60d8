//! Any posts in any order, against a model that tells each person each line as it happens.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::protocol::{LINE_LIMIT, Text};
use crate::server::post::{Batch, Resumption, SentOff, TURN_SIZE};

mod model;

use model::Model;

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
        is_confidential: true,
        after: Stamp::EPOCH,
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
            let (newcomer, given_back) = (newcomer(NAMES[0].parse().unwrap()), None);
            Post::Resume { seat, newcomer, given_back, resumption }
        }),
        2 => (seats(), names()).prop_map(move |(seat, name)| {
            let (newcomer, given_back) = (newcomer(name), Some(false));
            Post::Resume { seat, newcomer, given_back, resumption }
        }),
        4 => (seats(), texts()).prop_map(|(from, text)| {
            let lines = format!("MSG {} {text}\n", from.number);
            Post::Public { from, lines, stamps: Stamp::SIZE }
        }),
        4 => (seats(), names(), texts()).prop_map(|(from, to, text)| {
            let text = Text::new(&text).into_owned();
            Post::Private { from, to, text, waits_since: None }
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

/// As the delivery does it, with a string for each connection.
fn deliver(room: &mut Room, open: &mut Heard, closed: &mut Heard) {
    let turn = room.turn();
    let addressees: Option<Vec<SeatId>> = turn.addressees().map(Iterator::collect);
    for (seat, heard) in open.iter_mut() {
        if addressees.as_ref().is_none_or(|some| some.contains(seat)) {
            *heard += turn.heard_by(*seat, &mut String::new());
        }
    }
    for seat in turn.stopped() {
        closed.extend(open.remove_entry(&seat));
    }
    room.end_turn();
}

#[test]
fn what_is_said_at_once_fits_one_turn_with_its_stamps_and_fills_it() {
    let rules = Rules::default();
    let [author, reader] = [0, 1].map(|number| SeatId {
        number,
        has_session: number == 1,
    });
    for text in ["x", "words", &"x".repeat(64), &"\u{1b}".repeat(LINE_LIMIT)] {
        let mut room = Room::new(rules.clone(), &[]);
        for (seat, name) in [(author, "ana"), (reader, "bia")] {
            let (newcomer, token) = (newcomer(name.parse().unwrap()), token(seat));
            let join = Post::Join {
                seat,
                newcomer,
                token,
            };
            room.take(join, Timestamp::UNIX_EPOCH).unwrap();
        }
        room.end_turn();
        let mut batch = Batch::default();
        while batch.has_room_for(text.len()) {
            let text = Text::new(text).into_owned();
            batch.public(author, &Event::Message("ana".parse().unwrap(), text));
        }
        assert_eq!(batch.posts.len(), 1);
        let post = batch.posts.remove(0);
        assert!(!room.is_full_for(&post), "{text:?}");
        room.take(post.clone(), Timestamp::UNIX_EPOCH).unwrap();
        let said = room.turn().heard_by(reader, &mut String::new()).len();
        let most = TURN_SIZE - 3 * text.len() - 1024..=TURN_SIZE;
        assert!(
            most.contains(&said),
            "expected: {most:?}\n    came: {said}, {text:?}"
        );
        assert!(room.is_full_for(&post), "{text:?}");
    }
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
                        Post::Resume { seat, resumption, given_back, .. } => {
                            resumption.after = model.positions.get(seat).copied().unwrap_or_default();
                            seat.has_session && match given_back {
                                None => model.here.get(seat).is_none_or(|member| member.gone.is_some()),
                                Some(_) => !is_here(seat) && model.heard.contains_key(seat),
                            }
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
                    if let (Post::Join { seat, .. } | Post::Resume { seat, .. }, Ok(())) = (post, expected) {
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
