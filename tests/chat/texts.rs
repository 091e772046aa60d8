//! What becomes of each class of characters in a text: the table in section 3 of the design.

use chat::protocol::{Command, Text};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{fuzz, is_banned};

/// What the table says of a character between two letters.
fn fate(c: char) -> String {
    match u32::from(c) {
        0x09 => " ".to_owned(),
        // NUL, and what is default-ignorable
        0
        | 0xad
        | 0x34f
        | 0x61c
        | 0x115f
        | 0x1160
        | 0x17b4
        | 0x17b5
        | 0x180b..=0x180f
        | 0x200b
        | 0x200e
        | 0x200f
        | 0x2060..=0x2065
        | 0x206a..=0x206f
        | 0x3164
        | 0xfe00..=0xfe0d
        | 0xfeff
        | 0xffa0
        | 0xfff0..=0xfff8
        | 0x13430..=0x1343f
        | 0x1bca0..=0x1bca3
        | 0x1d173..=0x1d17a
        | 0xe0000..=0xe00ff
        | 0xe01f0..=0xe0fff => String::new(),
        // the other controls; direction, ends of lines, annotation
        0..=0x1f | 0x7f..=0x9f | 0x2028..=0x202e | 0x2066..=0x2069 | 0xfff9..=0xfffb => {
            "\u{fffd}".to_owned()
        }
        _ => c.to_string(),
    }
}

#[test]
fn each_character_becomes_what_the_table_says() {
    for c in '\0'..=char::MAX {
        let raw = format!("a{c}b");
        let expected = format!("a{}b", fate(c));
        assert_eq!(
            Text::new(&raw).as_str(),
            expected,
            "U+{:04X} (left: came)",
            u32::from(c)
        );
    }
}

#[track_caller]
fn assert_cleaned(table: &[(&str, &str)]) {
    for (raw, expected) in table {
        assert_eq!(Text::new(raw).as_str(), *expected, "{raw:?} (left: came)");
    }
}

#[test]
fn a_whole_escape_sequence_goes_as_a_whole() {
    assert_cleaned(&[
        ("\u{1b}[31mred", "red"),
        ("\u{1b}[1;38;5;208mred\u{1b}[0m", "red"),
        ("\u{1b}[2J\u{1b}[H\u{1b}[?1049h", ""),
        (
            "a\u{1b}[Cb\u{1b}OAc\u{1b}[1;5Dd\u{1b}[3~e\u{1b}[[Af",
            "abcdef",
        ),
        ("a\u{1b}[ qb\u{1b}[!pc", "abc"),
        ("a\u{1b}]52;c;cm0gLXJm\u{7}b", "ab"),
        ("a\u{1b}]0;title\u{1b}\\b", "ab"),
        ("a\u{1b}]0;title\u{9c}b", "ab"),
        (
            "a\u{1b}]8;;http://x/\u{1b}\\link\u{1b}]8;;\u{1b}\\b",
            "alinkb",
        ),
        (
            "a\u{1b}P$q q\u{1b}\\b\u{1b}^pm\u{7}\u{1b}\\c\u{1b}_apc\u{1b}\\d\u{1b}Xsos\u{1b}\\e",
            "abcde",
        ),
        // one that never ends takes the rest of the line, or all before the next one
        ("a\u{1b}]0;title", "a"),
        ("a\u{1b}Px\u{1b}[31mb", "ab"),
        // one that is torn takes what is there of it
        ("a\u{1b}[", "a"),
        ("a\u{1b}[31", "a"),
        ("a\u{1b}[31é", "aé"),
        ("a\u{1b}O", "a"),
        // an ESC that begins nothing
        ("a\u{1b}", "a\u{fffd}"),
        ("a\u{1b}b", "a\u{fffd}b"),
        ("a\u{1b}\u{1b}[31mb", "a\u{fffd}b"),
        ("a\u{1b}/b", "a\u{fffd}/b"),
        ("a\u{9b}31mb", "a\u{fffd}31mb"),
    ]);
}

#[test]
fn living_languages_and_emoji_are_not_shredded() {
    for text in [
        "👩\u{200d}💻 ❤\u{fe0f}",
        "☎\u{fe0e}",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}!",
        "葛\u{e0100}城 邉\u{e010a}",
        "می\u{200c}خواهم",
        "ප\u{dca}\u{200d}රියා",
        "e\u{301} বাংলা ကျော် ស្រីម៉ុំ བསྒྲུབ น้ำ",
        "שִׁבֹּלֶת",
        "🇧🇷 👍🏽",
        "a\u{a0}b\u{2003}c\u{202f}d\u{3000}e",
    ] {
        assert_eq!(Text::new(text).as_str(), text);
    }
    assert_cleaned(&[
        ("ភាសា\u{200b}ខ្មែរ", "ភាសាខ្មែរ"),
        ("ab\u{ad}so\u{ad}lut", "absolut"),
        ("\u{200e}שלום\u{200e}!", "שלום!"),
        ("\u{feff}oi", "oi"),
        ("oi\0", "oi"),
    ]);
}

#[test]
fn tags_hide_nothing() {
    let tags = |text: &str| -> String {
        let tag = |c: char| char::from_u32(0xe0000 + u32::from(c)).unwrap();
        text.chars().map(tag).collect()
    };
    let end = '\u{e007f}';
    for (what, raw, expected) in [
        ("no flag", format!("a{}{end}b", tags("gbeng")), "ab"),
        ("no end", format!("🏴{}b", tags("gbeng")), "🏴b"),
        ("no tags", format!("🏴{end}b"), "🏴b"),
        (
            "no region",
            format!("🏴{}{end}b", tags("the key is 1234")),
            "🏴b",
        ),
        ("too long", format!("🏴{}{end}b", tags("gbengland")), "🏴b"),
        (
            "behind",
            format!("🏴\u{200b}{}{end}b", tags("gbeng")),
            "🏴b",
        ),
    ] {
        assert_eq!(Text::new(&raw).as_str(), expected, "{what} (left: came)");
    }
}

#[test]
fn marks_pile_up_to_the_eighth() {
    let marks = |n: usize| "\u{301}".repeat(n);
    assert_cleaned(&[
        (&format!("e{}!", marks(8)), &format!("e{}!", marks(8))),
        (&format!("e{}!", marks(9)), &format!("e{}!", marks(8))),
        (
            &format!("e{}e{}", marks(500), marks(500)),
            &format!("e{0}e{0}", marks(8)),
        ),
        // neither what is dropped in between nor a joiner lets them begin anew
        (
            &format!("e{}\u{200b}{}", marks(8), marks(8)),
            &format!("e{}", marks(8)),
        ),
        (
            &format!("e{}\u{200d}{}", marks(8), marks(8)),
            &format!("e{}\u{200d}", marks(8)),
        ),
        // spacing marks are letters
        (
            &"က\u{103b}\u{1031}".repeat(9),
            &"က\u{103b}\u{1031}".repeat(9),
        ),
    ]);
}

#[test]
fn printable_ascii_is_cleaned_without_a_copy() {
    let typed: String = (' '..='~').collect();
    assert_eq!(Text::new(&typed).as_str().as_ptr(), typed.as_ptr());
    let Ok(Some(Command::Say(said))) = Command::parse(&typed) else {
        panic!("{typed:?} is a text");
    };
    assert_eq!(said.as_str().as_ptr(), typed.as_ptr());
}

/// Any characters, and often those that matter to the cleaning.
fn any_string() -> impl Strategy<Value = String> {
    let telling = "\t\r\0\u{1b}\u{1b}\u{1b}[[[OP]]\\\u{7}\u{9b}\u{9c};31mA/~\u{200b}\u{200c}\u{200d}\u{202e}\u{2028}\
                   \u{fe0e}\u{fe0f}\u{feff}\u{301}\u{301}\u{301}\u{302}\u{3164}🏴🏴🏴\u{e0067}\u{e0062}\u{e0065}\u{e007f}\u{e0100}";
    let telling: Vec<char> = telling.chars().collect();
    let piece = prop_oneof![
        2 => "\\PC{0,4}",
        12 => select(telling).prop_map(String::from),
        1 => any::<char>().prop_map(String::from),
        1 => "\u{301}{1,12}",
        1 => "🏴[\u{e0061}-\u{e0065}]{2,7}\u{e007f}",
    ];
    vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// The longest row of nonspacing marks, a few of them standing for all; joiners do not end it.
fn marks_in_a_row(text: &str) -> usize {
    let (mut row, mut longest) = (0, 0);
    for c in text.chars() {
        match c {
            '\u{300}'..='\u{36f}' => row += 1,
            '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{e0100}' => {}
            _ => row = 0,
        }
        longest = longest.max(row);
    }
    longest
}

#[test]
fn cleaning_leaves_nothing_that_goes_and_is_done_once() {
    fuzz(2048, any_string(), |raw| {
        let clean = Text::new(&raw);
        let is_tag = |c: char| matches!(c, '\u{e0020}'..='\u{e007f}');
        let banned = |c: char| is_banned(c) && !is_tag(c);
        prop_assert!(!clean.as_str().contains(banned), "{:?}", clean);
        // Tags stand behind a black flag, and are ended.
        for piece in clean.as_str().split_inclusive('\u{e007f}') {
            if piece.contains(is_tag) {
                let (_, tags) = piece.rsplit_once('🏴').expect("a flag before tags");
                prop_assert!(
                    tags.ends_with('\u{e007f}') && tags.chars().all(is_tag),
                    "{:?}",
                    clean
                );
            }
        }
        prop_assert!(marks_in_a_row(clean.as_str()) <= 8, "{:?}", clean);
        let twice = Text::new(clean.as_str());
        prop_assert_eq!(twice.as_str(), clean.as_str());
        Ok(())
    });
}
