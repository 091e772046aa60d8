//! Names: who may be called what, and who counts as the same.

use chat::protocol::{NAME_LIMIT, Username, UsernameError, fold};
use proptest::prelude::*;

use crate::protocol::{a_name, any_string, name};
use crate::support::client::{LANGS, client, client_of, last_words};
use crate::support::{Process, Server, fuzz, is_banned};

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

/// What is said against a name: the character that does not belong in it.
fn offender(typed: &str) -> char {
    match typed.parse::<Username>() {
        Err(UsernameError::Invalid { name, character }) => {
            assert_eq!(name, typed);
            character
        }
        other => panic!("expected: {typed:?} is invalid\n    came: {other:?}"),
    }
}

#[test]
fn names_of_every_living_language_come_in_as_typed() {
    for typed in [
        "ကျော်",
        "ကြီး",
        "စိုး",
        "ស្រីម៉ុំ",
        "བསྒྲུབ",
        "علی\u{200c}رضا",
        "ප්\u{200d}රියා",
        "র\u{200d}্যাচেল",
        "น้ำ",
        "ນ້ຳ",
        "क्षितिज",
        "ക്\u{200d}ഷ",
        "ಶ್ರೀ",
        "اللّٰه",
        "Nguyễn",
    ] {
        assert_eq!(name(typed).as_str(), typed);
    }
    // Typed in two parts, SARA AM is the same letter.
    assert_eq!(name("น้\u{e4d}\u{e32}").as_str(), "น้ำ");
    assert_eq!(name("น้ำ"), name("น้\u{e4d}\u{e32}"));
}

#[test]
fn joiners_stand_where_the_spelling_needs_them_and_are_not_compared() {
    for (with, without) in [
        ("علی\u{200c}رضا", "علیرضا"),
        ("ප්\u{200d}රියා", "ප්රියා"),
        ("র\u{200d}্যাচেল", "র্যাচেল"),
        ("क्\u{200c}ष", "क्ष"),
    ] {
        assert_eq!(name(with), name(without));
        assert_eq!(name(with).looks(), name(without).looks());
        assert_eq!(fold(with), fold(without), "for lists and completion too");
        assert_ne!(name(with).as_str(), name(without).as_str());
    }
    for (typed, why) in [
        ("a\u{200c}b", "Latin letters do not join"),
        ("ن\u{200d}ا", "ZWJ shapes nothing between Arabic letters"),
        ("ا\u{200c}ن", "ALEF does not join the next letter"),
        ("ن\u{200c}ء", "HAMZA does not join the one before"),
        ("ن\u{200c}\u{200c}ا", "one is enough"),
        ("ن\u{200c}", "nothing follows"),
        ("क\u{200c}ष", "no virama before"),
        ("क\u{200d}ष", "no virama before or after"),
        ("क्\u{200d}\u{200d}ष", "one is enough"),
    ] {
        assert!(matches!(offender(typed), '\u{200c}' | '\u{200d}'), "{why}");
    }
    // A mark between an Arabic letter and the joiner changes nothing.
    assert_eq!(name("ن\u{650}\u{200c}ا"), name("ن\u{650}ا"));
}

#[test]
fn marks_do_not_pile_up() {
    for typed in ["কাাাাা", "q\u{300}\u{301}", "ស្រីម៉ុំ", &"ကျေ".repeat(10)]
    {
        assert_eq!(name(typed).as_str(), typed);
    }
    for (typed, character) in [
        // of those that go on every letter, two
        ("q\u{300}\u{301}\u{302}", '\u{302}'),
        ("z\u{32a}\u{32b}\u{32c}\u{32f}", '\u{32a}'),
        // of a script's own, four
        ("ក\u{17c9}\u{17bb}\u{17b7}\u{17cb}\u{17cd}", '\u{17cd}'),
        // none twice in a row
        ("क\u{941}\u{941}", '\u{941}'),
        ("q\u{300}\u{300}", '\u{300}'),
        // not on nothing
        ("\u{301}ana", '\u{301}'),
        ("\u{93e}", '\u{93e}'),
        ("\u{93f}ana", '\u{93f}'),
        ("\u{e33}", '\u{e4d}'),
    ] {
        assert_eq!(offender(typed), character, "{typed:?} (left: came)");
    }
}

#[test]
fn names_that_deceive_are_refused_for_the_character_that_does_it() {
    for (character, names) in [
        (' ', "ana bia"),
        ('\t', "ana\tbia"),
        ('\r', "ana\r"),
        ('\u{2028}', "ana\u{2028}"),
        ('\0', "ana\0"),
        ('\u{7f}', "ana\u{7f}"),
        ('\u{1b}', "ana\u{1b}[31m"),
        ('\u{9b}', "ana\u{9b}31m"),
        ('/', "/ana|//|/SAIRX"),
        ('<', "<ana>|<USERNAME>"),
        (':', "ana:"),
        ('\'', "ana's"),
        ('\u{2019}', "ana\u{2019}s"),
        ('.', "ana."),
        ('·', "a·b"),
        ('-', "-ana|-"),
        ('_', "_ana|_"),
        ('\u{200b}', "an\u{200b}a|ana\u{200b}"),
        ('\u{2060}', "an\u{2060}a"),
        ('\u{ad}', "an\u{ad}a"),
        ('\u{34f}', "an\u{34f}a"),
        ('\u{feff}', "an\u{feff}a"),
        ('\u{fe0f}', "ana\u{fe0f}"),
        ('\u{e0041}', "ana\u{e0041}"),
        ('\u{115f}', "ana\u{115f}"),
        ('\u{2800}', "ana\u{2800}|\u{2800}ana"),
        ('\u{17b4}', "ana\u{17b4}"),
        ('\u{202e}', "ana\u{202e}|\u{202e}ana"),
        ('\u{2066}', "\u{2066}ana\u{2069}"),
        ('\u{200f}', "ana\u{200f}"),
        // scripts that are not written together
        ('y', "раypal"),
        ('н', "aна"),
        ('α', "anaα"),
        ('a', "علa"),
        ('а', "mаriа"),
        ('カ', "가カ"),
        // pictures
        ('😀', "😀|ana😀"),
        ('❤', "❤"),
        ('♥', "ana♥"),
    ] {
        for typed in names.split('|') {
            assert_eq!(offender(typed), character, "{typed:?} (left: came)");
        }
    }
    for typed in [
        "", " ", "   ", "\t", "\u{3000}", "\0", "\u{200b}", "\u{3164}", "\u{1b}[C",
    ] {
        let came = typed.parse::<Username>();
        assert_eq!(came, Err(UsernameError::Empty), "{typed:?} (left: came)");
    }
    for letter in ["a", "𠮷", "ａ", "é", "น้ำ"] {
        let typed = letter.repeat(NAME_LIMIT + 1);
        let came = typed.parse::<Username>();
        assert_eq!(came, Err(UsernameError::TooLong), "{typed} (left: came)");
    }
}

#[test]
fn blanks_around_a_name_are_no_part_of_it() {
    for typed in [
        " ana",
        "ana ",
        "\tana \t",
        "\u{a0}ana\u{3000}",
        "\u{feff}ana",
        "\u{feff} ana",
        "\0ana",
    ] {
        assert_eq!(name(typed).as_str(), "ana", "{typed:?} (left: came)");
    }
}

#[test]
fn a_name_that_is_shown_can_be_typed() {
    let typed = prop_oneof![a_name().prop_map(|name| name.to_string()), any_string()];
    fuzz(256, typed, |typed| {
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
fn whoever_is_refused_is_told_which_character_it_was() {
    for (typed, words) in [
        ("an a", ["um espaço (U+0020)", "a blank (U+0020)"]),
        ("ana:", [": (U+003A)"; 2]),
        ("-ana", ["- (U+002D)"; 2]),
        ("ana\u{200b}", ["_: U+200B"; 2]),
        ("ana\u{202e}", ["_: U+202E"; 2]),
        ("\u{1b}[31mana", ["_: U+001B"; 2]),
        ("r\u{430}ul", ["а (U+0430)"; 2]),
        ("q\u{300}\u{301}\u{302}", ["◌\u{302} (U+0302)"; 2]),
        ("क\u{200d}ष", ["_: U+200D"; 2]),
        ("🦀", ["🦀 (U+1F980)"; 2]),
    ] {
        for (lang, words) in LANGS.into_iter().zip(words) {
            let flags = ["--lang", lang, "--username", typed];
            let told = last_words(&mut Process::spawn(&mut client(&flags)), 2);
            assert!(
                told.contains(words),
                "expected: …{words}…\n    came: {told}"
            );
            assert!(!told.contains("\\u{"), "{told}");
        }
    }
    // In the room too, and nothing was sent.
    let server = Server::start(&[]);
    let mut process = Process::spawn(&mut client_of(server.address, &["--username", "ana"]));
    process.send("/nome a\u{200b}na");
    process.wait_for("_: U+200B does not fit");
}

#[test]
fn blanks_around_a_name_are_dropped_at_every_door() {
    let server = Server::start(&[]);
    let mut ana = server.join("ana");
    let mut enter = |command: &mut std::process::Command, input: &[u8]| {
        let mut process = Process::spawn(command);
        process.send_bytes(input);
        process.end_input();
        assert_eq!(process.finish(), Some(0), "(left: came)");
        ana.expect("JOIN bob");
        ana.expect("LEAVE bob quit");
    };
    let flagged = |name| client_of(server.address, &["--username", name]);
    enter(&mut flagged(" bob "), b"");
    enter(&mut flagged("\u{feff}bob\u{a0}"), b"");
    enter(
        client_of(server.address, &[]).env("CHAT_USERNAME", "bob "),
        b"",
    );
    enter(&mut client_of(server.address, &[]), b"\t bob \n");
    enter(&mut client_of(server.address, &[]), b"\xef\xbb\xbf bob");

    let mut bob = server.connect();
    bob.expect("<USERNAME>");
    bob.send("  bob\t");
    bob.expect("WELCOME bob 2");
    bob.send("/nome   bia  ");
    bob.expect("NICK bob bia");
    bob.send("/nome bia bia");
    bob.expect("ERR username-invalid bia bia");
    // Everybody hears a new name, but nobody that it is still the old one.
    bob.send("/nome BIA");
    bob.expect("NICK bia BIA");
    bob.send("/nome BIA");
    bob.expect("NICK BIA BIA");
    let heard = ["JOIN bob", "NICK bob bia", "NICK bia BIA"];
    assert_eq!(ana.sync(), heard, "(left: came)");
}

#[test]
fn names_come_in_and_go_round_as_they_were_typed() {
    let server = Server::start(&[]);
    let mut ana = server.join("ana");
    for typed in [
        "ကျော်",
        "علی\u{200c}رضا",
        "ප්\u{200d}රියා",
        "র\u{200d}্যাচেল",
        "น้ำ",
    ] {
        server.join(typed).quit();
        ana.expect(&format!("JOIN {typed}"));
        ana.expect(&format!("LEAVE {typed} quit"));
    }
}
