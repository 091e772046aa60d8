//! What a line asks for: the first visible character decides, and what cannot be obeyed is refused,
//! never said to everyone.

use std::fmt::Debug;

use chat::protocol::{
    COMMANDS, ClientCommand, ClientKind, Command, CommandError, CommandKind, Text,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::fuzz;

type Read<'a> = Result<Option<Command<'a>>, CommandError<'a>>;

fn say(text: &str) -> Read<'_> {
    Ok(Some(Command::Say(Text::new(text))))
}

fn act(text: &str) -> Read<'_> {
    Ok(Some(Command::Act(Text::new(text))))
}

fn to_ana(text: &str) -> Read<'_> {
    let text = Text::new(text);
    Ok(Some(Command::Private { to: "ana", text }))
}

fn rename(to: &str) -> Read<'_> {
    Ok(Some(Command::Rename(to)))
}

fn lacks(word: &str) -> Read<'_> {
    Err(CommandError::MissingArgument(Text::new(word)))
}

fn unknown(word: &str) -> Read<'_> {
    Err(CommandError::Unknown(Text::new(word)))
}

const QUIT: Read = Ok(Some(Command::Quit));
const WHO: Read = Ok(Some(Command::Who));
const HELP: Read = Ok(Some(Command::Help));

#[track_caller]
fn assert_reads(typed: &str, expected: &Read) {
    let came = Command::parse(typed);
    assert_eq!(came, *expected, "{typed:?} (left: came)");
}

#[test]
fn lines_are_read_as_people_mean_them() {
    let table = [
        // blank lines ask for nothing; text keeps its spaces
        (&["", " ", "   ", "\t", " \t ", "\u{3000}"][..], Ok(None)),
        (&["oi"], say("oi")),
        (&["  dois  espaços  "], say("  dois  espaços  ")),
        (&["um\ttab"], say("um tab")),
        // leaving: blanks or words behind it change nothing
        (
            &["/SAIR", "/sair", "/SaIr", "/quit", "/QUIT", "/exit"],
            QUIT,
        ),
        (
            &[
                "/SAIR ",
                "/SAIR  já",
                "/sair\t",
                "/SAIR\u{a0}",
                "/exit agora mesmo",
            ],
            QUIT,
        ),
        (&["digite /SAIR"], say("digite /SAIR")),
        (&["SAIR"], say("SAIR")),
        (&["/SAIRX"], unknown("/SAIRX")),
        // a doubled slash says one
        (&["//SAIR"], say("/SAIR")),
        (&["//"], say("/")),
        (&["///"], say("//")),
        (&["// oi"], say("/ oi")),
        (&["//msg/ana"], say("/msg/ana")),
        // a path is text, but not where what stands before its second slash is a command
        (&["/etc/hosts"], say("/etc/hosts")),
        (&["  /etc/hosts x"], say("  /etc/hosts x")),
        (&["/x/"], say("/x/")),
        (&["/msg/ana oi"], unknown("/msg/ana")),
        (&["/MSG/ana"], unknown("/MSG/ana")),
        (&["/r/ana"], unknown("/r/ana")),
        (&["/nada disso/aqui"], unknown("/nada")),
        // whatever unseen has slipped in between
        (&["/msg\u{8}/ana oi"], unknown("/msg\u{fffd}/ana")),
        (&["/msg\u{7f}/ana oi"], unknown("/msg\u{fffd}/ana")),
        (&["/msg\u{200d}/ana oi"], unknown("/msg\u{200d}/ana")),
        (&["/msg\u{fe0f}/ana oi"], unknown("/msg\u{fe0f}/ana")),
        (&["/msg\u{2800}/ana oi"], unknown("/msg\u{2800}/ana")),
        (&["/ms\u{301}g/ana oi"], unknown("/ms\u{301}g/ana")),
        (&["/\u{200b}/msg ana oi"], unknown("//msg")),
        (&["/\u{1b}[D/msg ana oi"], unknown("//msg")),
        (&["/\u{8}/msg ana oi"], unknown("/\u{fffd}/msg")),
        (&["\u{301}/nada disso"], unknown("/nada")),
        (&["/../x"], say("/../x")),
        // some keyboards write another slash
        (&["／msg ana oi", " ／msg ana oi"], unknown("／msg")),
        (&["∕w ana oi"], unknown("∕w")),
        (&["⁄quem"], unknown("⁄quem")),
        (&["／(^o^)＼"], say("／(^o^)＼")),
        (&["／etc／hosts"], say("／etc／hosts")),
        (&["/"], unknown("/")),
        (&["/ SAIR"], unknown("/")),
        (&["/nada disso"], unknown("/nada")),
        (
            &[
                "/msg ana oi",
                "/MSG ana oi",
                "/w ana oi",
                "/msg   ana oi",
                "/msg\u{a0}ana\u{3000}oi",
                // what belongs to the manner of speaking and not to the name
                "/msg ana: oi",
                "/msg ana, oi",
                "/msg @ana oi",
                "/msg @ana: oi",
            ],
            to_ana("oi"),
        ),
        (&["/msg ana  dois  espaços "], to_ana(" dois  espaços ")),
        (&["/msg ana /SAIR"], to_ana("/SAIR")),
        (&["/msg ana @bia: oi"], to_ana("@bia: oi")),
        (
            &[
                "/msg",
                "/msg ",
                "/msg ana",
                "/msg ana ",
                "/msg ana \0",
                "/msg : oi",
                "/msg @ oi",
            ],
            lacks("/msg"),
        ),
        (&["/W ana"], lacks("/W")),
        (&["/quem", "/who", "/names", "/QUEM", "/quem está aí"], WHO),
        (&["/nome ana", "/nick ana", "/Nick  ana "], rename("ana")),
        (&["/nome ana bia"], rename("ana bia")),
        (&["/nome", "/nome "], lacks("/nome")),
        (&["/eu acena", "/me acena", "/Me acena"], act("acena")),
        (&["/eu  acena "], act(" acena ")),
        (&["/eu", "/eu  "], lacks("/eu")),
        (&["/ajuda", "/help", "/Ajuda", "/help me"], HELP),
        // only a client can do these
        (&["/r oi", "/r"], unknown("/r")),
        (&["/responder oi"], unknown("/responder")),
        (&["/Ignorar ana"], unknown("/Ignorar")),
        (&["/ignore"], unknown("/ignore")),
    ];
    for (lines, expected) in table {
        for line in lines {
            assert_reads(line, &expected);
        }
    }
}

/// What nobody can see, each with something of every kind that the design names.
pub const UNSEEN: &[&str] = &[
    " ",
    "\t",
    "\u{a0}",
    "\u{2003}",
    "\u{3000}",
    "\u{2800}", // blanks
    "\0",
    "\u{1}",
    "\u{8}",
    "\r",
    "\u{7f}",
    "\u{1b}",
    "\u{85}",
    "\u{9b}",
    "\u{90}", // controls
    "\u{1b}[C",
    "\u{1b}[31m",
    "\u{1b}[1;5D",
    "\u{1b}[?25l",
    "\u{1b}[200~",
    "\u{1b}OA",
    "\u{1b}[[A",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]8;;http://x/y\u{1b}\\",
    "\u{1b}P1$r0m\u{1b}\\",
    "\u{1b}_x\u{1b}\\",
    "\u{1b}[",
    "\u{1b}[1;",
    "\u{1b}O", // torn off
    "\u{feff}",
    "\u{200b}",
    "\u{ad}",
    "\u{2060}",
    "\u{200e}",
    "\u{200f}",
    "\u{61c}",
    "\u{3164}",
    "\u{180e}",
    "\u{e0041}",
    "\u{e007f}",
    "\u{34f}",
    "\u{fe00}", // dropped
    "\u{202a}",
    "\u{202e}",
    "\u{2066}",
    "\u{2069}",
    "\u{2028}",
    "\u{2029}",
    "\u{fff9}", // replaced
    "\u{200c}",
    "\u{200d}",
    "\u{fe0e}",
    "\u{fe0f}",
    "\u{e0100}", // kept, and still unseen
];

#[test]
fn whatever_unseen_stands_before_a_command_goes_with_it() {
    for unseen in UNSEEN {
        for (typed, expected) in [
            ("/msg ana 1234", to_ana("1234")),
            ("/w @ana: 1234", to_ana("1234")),
            ("/SAIR", QUIT),
            ("/mgs ana 1234", unknown("/mgs")),
            ("/ msg ana 1234", unknown("/")),
            ("//msg", say("/msg")),
        ] {
            assert_reads(&format!("{unseen}{typed}"), &expected);
        }
    }
    // Inside the command's word it goes too.
    for typed in [
        "/ms\u{200b}g ana oi",
        "/msg\0 ana oi",
        "/\u{1b}[Cmsg ana oi",
    ] {
        assert_reads(typed, &to_ana("oi"));
    }
    assert_reads("/SAIR\u{200b}", &QUIT);
    // What can be seen makes a text.
    for typed in ["a/msg ana 1234", "./msg ana 1234", "\u{1b}[Cx/msg ana"] {
        assert!(
            matches!(Command::parse(typed), Ok(Some(Command::Say(_)))),
            "{typed:?}"
        );
    }
}

/// Characters that are blank, control something, or are not seen.
pub fn any_unseen() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => select(UNSEEN).prop_map(str::to_owned),
        1 => "[\\s\\p{Cc}]",
        1 => "\u{1b}\\[[0-9;]{0,5}[A-Za-z]",
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

#[test]
fn nothing_unseen_ever_makes_a_command_public() {
    let names = COMMANDS.iter().flat_map(|spec| spec.names);
    let word = prop_oneof![
        select(names.copied().collect::<Vec<_>>()).prop_map(str::to_owned),
        "/[a-zA-Z]{0,8}",
    ];
    fuzz(
        2048,
        (any_unseen(), word, "( \\PC{0,10})?"),
        |(unseen, word, rest)| {
            let typed = format!("{unseen}{word}{rest}");
            let is_public = |command: &Command| matches!(command, Command::Say(_));
            let read = Command::parse(&typed);
            prop_assert!(
                !read.is_ok_and(|read| read.is_some_and(|c| is_public(&c))),
                "{:?}",
                typed
            );
            // Unless another sequence has swallowed it whole, it is read as if it stood alone.
            let alone = format!("{word}{rest}");
            prop_assert_eq!(
                Command::parse(&typed),
                Command::parse(&alone),
                "{:?}",
                typed
            );
            if let Ok(Some(ClientCommand::Send { command, line })) = ClientCommand::parse(&typed) {
                prop_assert!(!is_public(&command), "{:?}", typed);
                prop_assert!(line.starts_with('/'), "{:?}", typed);
            }
            Ok(())
        },
    );
}

#[test]
fn a_client_reads_its_own_commands_and_sends_the_others() {
    #[track_caller]
    fn assert_at_client(typed: &str, expected: &impl Debug) {
        let came = format!("{:?}", ClientCommand::parse(typed));
        assert_eq!(came, format!("{expected:?}"), "{typed:?} (left: came)");
    }
    type AtClient<'a> = Result<Option<ClientCommand<'a>>, CommandError<'a>>;
    let send = |command, line| -> AtClient { Ok(Some(ClientCommand::Send { command, line })) };
    for typed in [
        "/r oi",
        "/responder oi",
        "/reply oi",
        "/R oi",
        "\u{feff}/r oi",
    ] {
        let expected: AtClient = Ok(Some(ClientCommand::Reply(Text::new("oi"))));
        assert_at_client(typed, &expected);
    }
    for (typed, name) in [
        ("/ignorar ana", Some("ana")),
        ("/IGNORE ana ", Some("ana")),
        ("/ignorar", None),
        ("/ignore ", None),
    ] {
        let expected: AtClient = Ok(Some(ClientCommand::Ignore(name)));
        assert_at_client(typed, &expected);
    }
    let lacks: AtClient = Err(CommandError::MissingArgument(Text::new("/r")));
    assert_at_client("/r  ", &lacks);
    let to_ana = Command::Private {
        to: "ana",
        text: Text::new("oi"),
    };
    assert_at_client(" \0/msg @ana, oi", &send(to_ana, "/msg @ana, oi"));
    assert_at_client("  oi", &send(Command::Say(Text::new("  oi")), "  oi"));
    assert_at_client("//oi", &send(Command::Say(Text::new("/oi")), "//oi"));
    assert_at_client(" ", &AtClient::Ok(None));
}

#[test]
fn every_word_of_the_table_is_found_whatever_its_case() {
    for spec in COMMANDS {
        for name in spec.names {
            let typed = format!("{} ana oi", name.to_uppercase());
            match spec.kind {
                CommandKind::Client(ClientKind::Reply | ClientKind::Ignore) => {
                    assert!(Command::parse(&typed).is_err(), "{typed}");
                }
                _ => assert!(Command::parse(&typed).is_ok(), "{typed}"),
            }
            assert!(ClientCommand::parse(&typed).is_ok(), "{typed}");
        }
    }
}
