//! The protocol's public functions, held against the design.
//!
//! `CHAT_FUZZ_CASES=100000 cargo test --test chat protocol::` tries each property that often.

use std::str::FromStr;

use chat::protocol::{
    ClientCommand, Command, Event, Farewell, Introduction, LINE_LIMIT, LeaveReason, NAME_LIMIT,
    RefusalCode, Stamp, Text, Token, Username,
};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const CASES: u32 = 256;

const REASONS: &str = "quit lost slow kicked";
const REFUSALS: &str = "username-empty username-too-long username-invalid username-taken \
    unknown-command missing-argument no-such-user line-too-long not-utf8 password-wrong \
    session-unknown not-operator bad-argument";
const FAREWELLS: &str = "quit shutdown server-full too-many-connections too-many-attempts \
    handshake-timeout encryption-required replaced kicked banned";

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
        select(vec![Event::AskUsername, Event::AskPassword]),
        (any::<[u8; 16]>(), any::<u64>())
            .prop_map(|(chance, seconds)| Event::Session(Token::new(chance), seconds)),
        (a_name(), any::<usize>(), any::<u64>())
            .prop_map(|(name, people, lines)| Event::Resumed(name, people, lines)),
        any::<u64>().prop_flat_map(|lines| select(vec![Event::Got(lines), Event::Missed(lines)])),
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
        for word in [
            "", "MSG ", "PRIV ", "USERS ", "ERR ", "WELCOME ", "LEAVE ", "SESSION ", "RESUMED ",
        ] {
            let _ = format!("{word}{line}").parse::<Event>();
        }
        for word in [
            "",
            "/session",
            "/resume ",
            "@",
            "@2026-11-25T22:08:30.123456Z",
        ] {
            let line = format!("{word}{line}");
            let _ = (Introduction::parse(&line), Stamp::split(&line));
        }
        Ok(())
    });
}

fn any_stamp() -> impl Strategy<Value = Stamp> {
    (0..=253_402_207_200_999_999_i64)
        .prop_map(|micros| Stamp::EPOCH.next(Timestamp::from_microsecond(micros).unwrap()))
}

#[test]
fn a_stamp_reads_back_as_it_was_written_and_sorts_as_it_is_written() {
    fuzz((any_stamp(), any_stamp()), |(one, other)| {
        for stamp in [one, other] {
            let mut line = String::new();
            stamp.begin(&mut line);
            prop_assert_eq!(&line, &format!("@{stamp} "));
            prop_assert_eq!(line.len(), Stamp::SIZE);
            line += "MSG ana @oi";
            prop_assert_eq!(Stamp::split(&line), (Some(stamp), "MSG ana @oi"));
        }
        prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        Ok(())
    });
}

#[test]
fn no_two_stamps_are_the_same_though_the_clock_stands_or_is_set_back() {
    let clock = |micros| Timestamp::from_microsecond(micros).unwrap();
    let mut last = Stamp::EPOCH;
    let times = [7_000_000, 7_000_000, 3, 7_000_001, 9_000_000].map(|micros| {
        last = last.next(clock(micros));
        last.time().as_microsecond()
    });
    assert_eq!(
        times,
        [7_000_000, 7_000_001, 7_000_002, 7_000_003, 9_000_000]
    );
}

#[test]
fn what_is_nearly_a_stamp_is_none() {
    let stamp = "2026-11-25T22:08:30.123456Z";
    assert_eq!(stamp.parse::<Stamp>().unwrap().to_string(), stamp);
    for nearly in [
        "",
        "2026-11-25T22:08:30Z",
        "2026-11-25T22:08:30.1234567Z",
        "2026-11-25 22:08:30.123456Z",
        "2026-11-25T22:08:30.123456+00:00",
        "2026-11-25T22:08:30.123456z",
        "2026-13-25T22:08:30.123456Z",
    ] {
        assert!(nearly.parse::<Stamp>().is_err(), "{nearly:?}");
        let line = format!("@{nearly} MSG ana oi");
        assert_eq!(Stamp::split(&line), (None, line.as_str()));
    }
}

#[test]
fn a_line_at_the_name_prompt_asks_for_a_session_or_gives_a_name() {
    let (token, stamp) = (
        "0123456789abcdef0123456789abcdef",
        "2026-11-25T22:08:30.123456Z",
    );
    let resumes = Introduction::Resume(Some((token.parse().unwrap(), stamp.parse().unwrap())));
    let upper = token.to_uppercase();
    for (typed, expected) in [
        ("/session", Introduction::Session),
        ("\u{feff} /SESSION  ", Introduction::Session),
        (&format!("/resume {token} {stamp}"), resumes.clone()),
        (&format!(" /RESUME  {upper}  {stamp} "), resumes),
        (&format!("/resume {token}"), Introduction::Resume(None)),
        (
            &format!("/resume {stamp} {token}"),
            Introduction::Resume(None),
        ),
        (
            &format!("/resume {token}0 {stamp}"),
            Introduction::Resume(None),
        ),
        ("/resume", Introduction::Resume(None)),
        ("/sair", Introduction::Quit),
        ("/names", Introduction::Who),
        ("/ajuda", Introduction::Help),
        ("ana", Introduction::Name("ana")),
        ("/sessions", Introduction::Name("/sessions")),
        ("", Introduction::Name("")),
    ] {
        assert_eq!(Introduction::parse(typed), expected, "{typed:?}");
    }
}

#[test]
fn a_token_is_not_shown_by_accident() {
    let token: Token = "0123456789abcdef0123456789abcdef".parse().unwrap();
    assert_eq!(token.to_string(), "0123456789abcdef0123456789abcdef");
    assert_eq!(format!("{token:?}"), "Token(…)");
}
