//! The line being edited and the keys that edit it, by themselves: any keys in any order.

use chat::client::keys::{Key, Keys};
use chat::client::line::{Asked, Line};
use chat::client::typed::Typed;
use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof};
use unicode_segmentation::UnicodeSegmentation;

use crate::support::fuzz;

/// Characters that make others of their neighbours, or take no room, or much.
fn character() -> impl Strategy<Value = char> {
    let tricky =
        "a b-\u{301}\u{200d}\u{fe0f}👩🇧🇷李\u{e0061}क\u{94d}ष\u{1100}\u{1161}ن\u{0}\u{85}\u{2028}\n";
    let tricky: Vec<char> = tricky.chars().collect();
    prop_oneof![prop::sample::select(tricky), any::<char>()]
}

/// A key that edits, but for Enter.
fn key() -> impl Strategy<Value = Key> {
    let special = [
        Key::Up,
        Key::Down,
        Key::Left,
        Key::Right,
        Key::WordLeft,
        Key::WordRight,
        Key::Home,
        Key::End,
        Key::Backspace,
        Key::WordBackspace,
        Key::Delete,
        Key::WordDelete,
        Key::PasteBegins,
        Key::PasteEnds,
        Key::CursorAt(3),
        Key::NotUtf8,
    ];
    prop_oneof![
        4 => character().prop_map(Key::Char),
        4 => prop::sample::select(special.to_vec()),
        2 => prop::sample::select("ABDEFGHIKLNPRTUWYZ_@".chars().collect::<Vec<_>>()).prop_map(Key::Ctrl),
        1 => prop::sample::select(vec!['b', 'f', 'd', 'x']).prop_map(Key::Alt),
    ]
}

fn is_border(text: &str, at: usize) -> bool {
    at == text.len() || text.grapheme_indices(true).any(|(start, _)| start == at)
}

#[test]
fn whatever_is_pressed_the_cursor_stands_between_two_characters() {
    let keys = prop::collection::vec(prop_oneof![9 => key(), 1 => Just(Key::Ctrl('M'))], 0..60);
    fuzz(200, &keys, |keys| {
        let mut line = Line::default();
        for key in keys {
            if let Asked::Take(Typed::Lines(typed)) = line.press(key) {
                line.remember(&typed);
            }
            let (text, at) = (line.text(), line.at());
            prop_assert!(is_border(text, at), "{at} in {text:?} after {key:?}");
            let is_clean = |c: char| !c.is_control() || c == '\n';
            prop_assert!(text.chars().all(is_clean), "{text:?} after {key:?}");
        }
        Ok(())
    });
}

#[test]
fn undo_comes_back_to_the_beginning() {
    let keys = prop::collection::vec(key(), 0..60);
    fuzz(200, &keys, |keys| {
        let mut line = Line::default();
        line.remember("said before");
        line.remember("and this");
        for key in keys {
            line.press(key);
        }
        // Out of a paste, and of a search.
        line.press(Key::PasteEnds);
        line.press(Key::Right);
        for _ in 0..200 {
            line.press(Key::Ctrl('_'));
        }
        prop_assert_eq!(line.text(), "");
        Ok(())
    });
}

#[test]
fn no_line_of_the_history_comes_where_the_line_is_hidden() {
    let mut line = Line::default();
    line.remember("said before");
    line.is_hidden = true;
    let keys = [
        Key::Up,
        Key::Ctrl('P'),
        Key::Down,
        Key::Ctrl('N'),
        Key::Ctrl('R'),
        Key::Char('s'),
    ];
    for key in keys {
        line.press(key);
    }
    assert_eq!(line.text(), "s");
}

#[test]
fn what_is_typed_is_what_is_sent() {
    let text = prop::collection::vec(character(), 0..80);
    fuzz(200, &text, |text| {
        let text: String = text.into_iter().filter(|c| !c.is_control()).collect();
        let in_lines = text.replace(['\u{2028}', '\u{2029}'], "\n");
        for (before, after, expected) in
            [("", "\r", &text), ("\x1b[200~", "\x1b[201~\r", &in_lines)]
        {
            let bytes = format!("{before}{text}{after}");
            let mut keys = Keys::default();
            let mut line = Line::default();
            keys.read(bytes.as_bytes());
            let asked = std::iter::from_fn(|| keys.pop()).map(|key| line.press(key));
            let sent = asked.last();
            prop_assert_eq!(sent, Some(Asked::Take(Typed::Lines(expected.clone()))));
        }
        Ok(())
    });
}

#[test]
fn keys_are_the_same_however_their_bytes_come() {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..6),
        prop::sample::select(vec![
            &b"\x1b"[..],
            b"\x1b[",
            b"\x1b[200~",
            b"\x1b[201~",
            b"\x1bO",
            b"\x1b]0;",
            b"\x07",
            b"\x1b\\",
            b"\x1bP",
            b"/msg ana ",
            b"\xc3",
            b"\xa9",
            b"\xe2\x82",
            b"1;5D",
            b"~",
            b"\x7f",
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    let pieces = prop::collection::vec(piece, 0..12);
    fuzz(300, &pieces, |pieces| {
        let bytes = pieces.concat();
        let read = |pieces: Vec<&[u8]>| {
            let mut keys = Keys::default();
            pieces.into_iter().for_each(|piece| keys.read(piece));
            keys.give_up();
            keys.give_up();
            std::iter::from_fn(|| keys.pop()).collect::<Vec<_>>()
        };
        let at_once = read(vec![&bytes]);
        prop_assert_eq!(&at_once, &read(bytes.chunks(1).collect()));
        // No slash is lost.
        let slashes = at_once.iter().filter(|key| **key == Key::Char('/')).count();
        let typed = bytes.iter().filter(|byte| **byte == b'/').count();
        let ended_string = bytes.windows(2).any(|pair| pair == b"\x1b\\") || bytes.contains(&7);
        prop_assert!(
            slashes == typed || ended_string && slashes < typed,
            "{slashes} of {typed}"
        );
        Ok(())
    });
}

#[test]
fn editing_ascii_is_as_simple_as_it_looks() {
    let keys = prop_oneof![
        prop::sample::select(vec!['a', 'b', ' ']).prop_map(Key::Char),
        prop::sample::select(vec![
            Key::Left,
            Key::Right,
            Key::Home,
            Key::End,
            Key::Backspace,
            Key::Delete,
            Key::Ctrl('U'),
            Key::Ctrl('K'),
            Key::Ctrl('Y'),
        ]),
    ];
    let keys = prop::collection::vec(keys, 0..60);
    fuzz(200, &keys, |keys| {
        let mut line = Line::default();
        let (mut text, mut at, mut cut) = (String::new(), 0, String::new());
        for key in keys {
            line.press(key);
            match key {
                Key::Char(c) => {
                    text.insert(at, c);
                    at += 1;
                }
                Key::Left => at = at.saturating_sub(1),
                Key::Right => at = text.len().min(at + 1),
                Key::Home => at = 0,
                Key::End => at = text.len(),
                Key::Backspace if at > 0 => {
                    at -= 1;
                    text.remove(at);
                }
                Key::Delete if at < text.len() => drop(text.remove(at)),
                Key::Ctrl('U') => {
                    cut = text.drain(..at).collect();
                    at = 0;
                }
                Key::Ctrl('K') => cut = text.drain(at..).collect(),
                Key::Ctrl('Y') => {
                    text.insert_str(at, &cut);
                    at += cut.len();
                }
                _ => {}
            }
            prop_assert_eq!((line.text(), line.at()), (text.as_str(), at));
        }
        Ok(())
    });
}
