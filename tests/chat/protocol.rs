//! The protocol's public functions, held against the design.
//!
//! `CHAT_FUZZ_CASES=100000 cargo test --test chat protocol::` tries each property that often.

use std::str::FromStr;

use crate::support::is_banned;
use chat::protocol::{
    Command, CommandError, Event, Farewell, LINE_LIMIT, LeaveReason, NAME_LIMIT, RefusalCode, Text,
    Username, UsernameError,
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

fn name(typed: &str) -> Username {
    typed
        .parse()
        .unwrap_or_else(|error| panic!("expected: {typed:?} is a name\n    came: {error}"))
}

/// Names in the scripts people write in.
fn a_name() -> impl Strategy<Value = Username> {
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
fn any_string() -> impl Strategy<Value = String> {
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
        let _ = Command::parse(&line);
        for word in ["", "MSG ", "PRIV ", "USERS ", "ERR ", "WELCOME ", "LEAVE "] {
            let _ = format!("{word}{line}").parse::<Event>();
        }
        Ok(())
    });
}

#[test]
fn lines_are_read_as_people_mean_them() {
    let say = |text| Ok(Some(Command::Say(Text::new(text))));
    let act = |text| Ok(Some(Command::Act(Text::new(text))));
    let reply = |text| Ok(Some(Command::Reply(Text::new(text))));
    let rename = |to| Ok(Some(Command::Rename(to)));
    let to_ana = |text| {
        let text = Text::new(text);
        Ok(Some(Command::Private { to: "ana", text }))
    };
    let lacks = |word| Err(CommandError::MissingArgument(word));
    let unknown = |word| Err(CommandError::Unknown(word));
    let quit = || Ok(Some(Command::Quit));
    let who = || Ok(Some(Command::Who));
    let help = || Ok(Some(Command::Help));
    let table = [
        // blank lines ask for nothing; text keeps its spaces
        (&["", " ", "   ", "\t", " \t ", "\u{3000}"][..], Ok(None)),
        (&["oi"], say("oi")),
        (&["  dois  espaços  "], say("  dois  espaços  ")),
        (&["um\ttab"], say("um tab")),
        // leaving: blanks or words behind it change nothing, a blank before it does
        (
            &["/SAIR", "/sair", "/SaIr", "/quit", "/QUIT", "/exit"],
            quit(),
        ),
        (
            &["/SAIR ", "/SAIR  já", "/sair\t", "/exit agora mesmo"],
            quit(),
        ),
        (&[" /SAIR"], say(" /SAIR")),
        (&["digite /SAIR"], say("digite /SAIR")),
        (&["SAIR"], say("SAIR")),
        (&["/SAIRX"], unknown("/SAIRX")),
        (&["/SAIR\u{200b}"], unknown("/SAIR\u{200b}")),
        // a doubled slash says one
        (&["//SAIR"], say("/SAIR")),
        (&["//"], say("/")),
        (&["///"], say("//")),
        (&["// oi"], say("/ oi")),
        (&["/"], unknown("/")),
        (&["/ SAIR"], unknown("/")),
        (&["/nada disso"], unknown("/nada")),
        (
            &["/msg ana oi", "/MSG ana oi", "/w ana oi", "/msg   ana oi"],
            to_ana("oi"),
        ),
        (&["/msg ana  dois  espaços "], to_ana(" dois  espaços ")),
        (&["/msg ana /SAIR"], to_ana("/SAIR")),
        (
            &["/msg", "/msg ", "/msg ana", "/msg ana ", "/msg ana   "],
            lacks("/msg"),
        ),
        (&["/W ana"], lacks("/W")),
        (
            &["/r oi", "/responder oi", "/reply oi", "/R oi"],
            reply("oi"),
        ),
        (&["/r", "/r  "], lacks("/r")),
        (
            &["/quem", "/who", "/names", "/QUEM", "/quem está aí"],
            who(),
        ),
        (&["/nome ana", "/nick ana", "/Nick ana"], rename("ana")),
        (&["/nome ana bia"], rename("ana bia")),
        (&["/nome", "/nome "], lacks("/nome")),
        (&["/eu acena", "/me acena", "/Me acena"], act("acena")),
        (&["/eu  acena "], act(" acena ")),
        (&["/eu", "/eu  "], lacks("/eu")),
        (&["/ajuda", "/help", "/Ajuda", "/help me"], help()),
    ];
    for (lines, expected) in table {
        for line in lines {
            assert_eq!(Command::parse(line), expected, "{line:?} (left: came)");
        }
    }
}

#[test]
fn a_name_in_other_clothes_is_the_same_name() {
    for (one, other) in [
        ("João", "JOÃO"),
        ("João", "Joa\u{303}o"),
        ("João", "ｊｏãｏ"),
        ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
        ("οδυσσευς", "οδυσσευσ"),
        ("straße", "STRASSE"),
        ("straße", "STRAẞE"),
        ("том", "ТОМ"),
        // look-alikes, and their price
        ("coco", "сосо"),
        ("user1", "userl"),
        ("bernardo", "bemardo"),
    ] {
        assert_eq!(name(one), name(other));
    }
    for (one, other) in [("ana", "anna"), ("joao", "joão"), ("李雷", "李磊")] {
        assert_ne!(name(one), name(other));
    }
}

#[test]
fn names_of_people_are_kept_as_typed() {
    let people = "ana Ana-Maria_2 2pac João Conceição 李雷 김철수 さくら桜 クロちゃん क्षितिज علي Nguyễn \
                  Ελένη Дмитрий משה สมชาย 李Lee";
    let longest = ["a".repeat(NAME_LIMIT), "李".repeat(NAME_LIMIT)];
    for typed in people.split(' ').chain(longest.iter().map(String::as_str)) {
        assert_eq!(name(typed).as_str(), typed);
    }
    assert_eq!(name("ｊｏａ\u{303}ｏ").as_str(), "joão");
    assert_eq!(name("q\u{300}\u{301}").as_str(), "q\u{300}\u{301}");
}

#[test]
fn names_that_deceive_are_refused() {
    for (why, names) in [
        (
            "blanks",
            " ana|ana |ana bia|ana\tbia|ana\u{a0}bia|ana\u{3000}bia|ana\u{2028}",
        ),
        (
            "controls",
            "ana\0|ana\r|ana\u{7f}|ana\u{1b}[31m|ana\u{9b}31m",
        ),
        (
            "signs",
            "/ana|//|<ana>|<USERNAME>|@ana|ana:|ana's|ana.|a·b|ana,|ana\u{2019}s",
        ),
        ("first", "-ana|_ana|-|_|\u{301}ana"),
        (
            "hidden",
            "an\u{200b}a|an\u{200c}a|an\u{200d}a|an\u{2060}a|an\u{ad}a|an\u{34f}a|\u{feff}a",
        ),
        (
            "hidden",
            "ana\u{fe0f}|ana\u{e0041}|ana\u{3164}|\u{3164}|ana\u{115f}|ana\u{2800}|ana\u{17b4}",
        ),
        (
            "turned",
            "ana\u{202e}|\u{2066}ana\u{2069}|ana\u{200f}|ana\u{61c}",
        ),
        (
            "stacked",
            "q\u{300}\u{301}\u{302}|z\u{32a}\u{32b}\u{32c}\u{32f}",
        ),
        ("mixed", "раypal|аna|anaα|ανаn|علיa|mаriа|가カ"),
        ("pictures", "😀|ana😀|❤|ana♥|🇧🇷"),
    ] {
        for typed in names.split('|') {
            let expected = Err(UsernameError::Invalid(typed.to_owned()));
            assert_eq!(typed.parse::<Username>(), expected, "{why} (left: came)");
        }
    }
    for typed in ["", " ", "   ", "\t", "\u{3000}"] {
        assert_eq!(
            typed.parse::<Username>(),
            Err(UsernameError::Empty),
            "{typed:?}"
        );
    }
    for letter in ["a", "𠮷", "ａ", "é"] {
        let typed = letter.repeat(NAME_LIMIT + 1);
        assert_eq!(
            typed.parse::<Username>(),
            Err(UsernameError::TooLong),
            "{typed}"
        );
    }
}

#[test]
fn a_vowel_sign_is_no_first_letter() {
    // Alphabetic to Unicode, but a mark: it hangs on whatever stands before the name.
    for typed in ["\u{93e}", "\u{93f}ana", "\u{e33}"] {
        let expected = Err(UsernameError::Invalid(typed.to_owned()));
        assert_eq!(typed.parse::<Username>(), expected, "(left: came)");
    }
}

#[test]
fn a_name_that_is_shown_can_be_typed() {
    let typed = prop_oneof![a_name().prop_map(|name| name.to_string()), any_string()];
    fuzz(typed, |typed| {
        let Ok(name) = typed.parse::<Username>() else {
            return Ok(());
        };
        let again: Username = name.as_str().parse().unwrap();
        prop_assert_eq!(again.as_str(), name.as_str());
        prop_assert_eq!(again, name.clone());
        prop_assert!(name.as_str().len() <= 128);
        let harmless = |c: char| c.is_alphanumeric() || "-_".contains(c) || !c.is_ascii();
        prop_assert!(name.as_str().chars().all(harmless));
        prop_assert!(
            !name
                .as_str()
                .contains(|c| is_banned(c) || c.is_whitespace())
        );
        Ok(())
    });
}

#[test]
fn no_banned_character_comes_out_of_a_text() {
    for c in '\0'..=char::MAX {
        let raw = format!("a{c}b");
        let expected = match c {
            '\t' => "a b",
            c if is_banned(c) => "a\u{fffd}b",
            _ => &raw,
        };
        assert_eq!(Text::new(&raw).as_str(), expected, "U+{:04X}", u32::from(c));
    }
    fuzz(any_string(), |raw| {
        let text = Text::new(&raw);
        prop_assert!(!text.as_str().contains(is_banned), "{:?}", text);
        prop_assert_eq!(text.as_str().chars().count(), raw.chars().count());
        let twice = Text::new(text.as_str());
        prop_assert_eq!(twice.as_str(), text.as_str());
        Ok(())
    });
}

#[test]
fn emoji_and_persian_survive() {
    for text in [
        "👩\u{200d}💻 ❤\u{fe0f}",
        "می\u{200c}خواهم",
        "e\u{301}",
        "🇧🇷",
        "👍🏽",
    ] {
        assert_eq!(Text::new(text).as_str(), text);
    }
}
