//! The protocol's public functions, held against the design.
//!
//! `CHAT_FUZZ_CASES=100000 cargo test --test chat protocol::` tries each property that often.

use std::str::FromStr;

use chat::protocol::{
    ClientCommand, Command, Event, Farewell, LINE_LIMIT, LeaveReason, NAME_LIMIT, RefusalCode,
    Text, Username,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const CASES: u32 = 256;

const REASONS: &str = "quit lost slow";
const REFUSALS: &str = "username-empty username-too-long username-invalid username-taken \
    unknown-command missing-argument no-such-user line-too-long not-utf8";
const FAREWELLS: &str =
    "quit shutdown server-full too-many-connections too-many-attempts handshake-timeout";

fn codes<T: FromStr>(words: &str) -> Vec<T> {
    let read = |word: &str| {
        word.parse()
            .ok()
            .unwrap_or_else(|| panic!("{word} is no code"))
    };
    words.split(' ').map(read).collect()
}

fn fuzz<S: Strategy>(strategy: S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    crate::support::fuzz(CASES, strategy, property);
}

pub fn name(typed: &str) -> Username {
    typed
        .parse()
        .unwrap_or_else(|error| panic!("expected: {typed:?} is a name\n    came: {error}"))
}

/// Names in the scripts people write in.
pub fn a_name() -> impl Strategy<Value = Username> {
    let typed = prop_oneof![
        "[a-zA-Z0-9][a-zA-Z0-9_-]{0,31}",
        "[A-Za-zçãéõüßñøÇÃÉÕÜẞ]{1,32}",
        "[α-ωΑ-Ω]{1,20}",
        "[а-яА-Я]{1,20}",
        "[一-龥]{1,10}[a-z0-9]{0,5}",
        "[가-힣]{1,20}",
        "[ぁ-んァ-ン]{1,6}[一-龥]{0,6}",
        "[ا-ي]{1,20}",
        "[א-ת]{1,20}",
        "[अ-ह][ा-ूअ-ह]{0,15}",
        "[ก-ฮ]{1,20}",
    ];
    typed.prop_filter_map("a valid name", |typed| typed.parse().ok())
}

/// Any characters, and often those that matter to parsers and screens.
pub fn any_string() -> impl Strategy<Value = String> {
    let telling = " \t\r\n/\0\u{1b}\u{7f}\u{9b}\u{200b}\u{200c}\u{200d}\u{202e}\u{2028}\u{2066}\
                   \u{fe0f}\u{feff}\u{e0041}\u{301}\u{3164}ßẞςİıǰﬁａаﷺ가\u{1100}";
    let telling: Vec<char> = telling.chars().collect();
    let piece = prop_oneof![
        4 => "\\PC{0,8}",
        1 => "/[a-zA-Z]{0,6} ",
        4 => select(telling).prop_map(String::from),
        2 => any::<char>().prop_map(String::from),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn any_text() -> impl Strategy<Value = Text<'static>> {
    any_string().prop_map(|raw| Text::new(&raw).into_owned())
}

fn any_event() -> impl Strategy<Value = Event<'static>> {
    prop_oneof![
        Just(Event::AskUsername),
        (a_name(), any::<usize>()).prop_map(|(name, people)| Event::Welcome(name, people)),
        a_name().prop_map(Event::Join),
        (a_name(), select(codes::<LeaveReason>(REASONS)))
            .prop_map(|(name, reason)| Event::Leave(name, reason)),
        (a_name(), any_text()).prop_map(|(from, text)| Event::Message(from, text)),
        (a_name(), any_text()).prop_map(|(from, text)| Event::Action(from, text)),
        (a_name(), a_name(), any_text())
            .prop_map(|(from, to, text)| Event::Private(from, to, text)),
        (a_name(), a_name()).prop_map(|(old, new)| Event::Renamed(old, new)),
        (any::<usize>(), vec(a_name(), 0..20))
            .prop_map(|(total, names)| Event::Users(total, names)),
        any_text().prop_map(Event::Info),
        (select(codes::<RefusalCode>(REFUSALS)), any_text())
            .prop_map(|(code, detail)| Event::Refused(code, detail)),
        select(codes::<Farewell>(FAREWELLS)).prop_map(Event::Goodbye),
    ]
}

#[test]
fn every_event_reads_back_as_it_was_written() {
    fuzz(any_event(), |event| {
        let line = event.to_string();
        prop_assert!(!line.contains(['\n', '\r']), "{:?} is one line", line);
        let read = line.parse::<Event>();
        prop_assert_eq!(read.as_ref(), Ok(&event));
        // Names are equal when they look alike; what is shown has to be the very same.
        prop_assert_eq!(read.unwrap().to_string(), line);
        Ok(())
    });
}

#[test]
fn the_codes_are_those_of_the_design() {
    fn check<T: FromStr + ToString>(words: &str) {
        let written: Vec<_> = codes::<T>(words).iter().map(T::to_string).collect();
        assert_eq!(written.join(" "), words);
    }
    check::<LeaveReason>(REASONS);
    check::<RefusalCode>(REFUSALS);
    check::<Farewell>(FAREWELLS);
    assert_eq!((LINE_LIMIT, NAME_LIMIT), (4096, 32));
}

#[test]
fn no_string_makes_a_parser_panic() {
    fuzz(any_string(), |line| {
        let _ = line.parse::<Username>();
        let _ = (Command::parse(&line), ClientCommand::parse(&line));
        for word in ["", "MSG ", "PRIV ", "USERS ", "ERR ", "WELCOME ", "LEAVE "] {
            let _ = format!("{word}{line}").parse::<Event>();
        }
        Ok(())
    });
}
