//! Names: who may be called what, and who counts as the same.

use chat::protocol::{NAME_LIMIT, Username, UsernameError};
use proptest::prelude::*;

use crate::protocol::{a_name, any_string, name};
use crate::support::{fuzz, is_banned};

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
