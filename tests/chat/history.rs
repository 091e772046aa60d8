//! What was said before one came in, and what was said while one was away, as the client shows it.

use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::support::client::{Impostor, LANGS, client_of, meet, part};
use crate::support::terminal::{CTRL_U, Terminal, XTERM, without_stamp};
use crate::support::{Peer, Process};

/// Three hours behind UTC.
const ZONE: (&str, &str) = ("TZ", "<-03>3");

/// Over midnight in that zone, with everything in it that could ring or teach.
const PAST: [&str; 4] = [
    "@2024-11-24T23:59:59.000001Z MSG bruno hello, ana",
    "@2024-11-25T02:59:59.999999Z ACT bruno waves",
    "@2024-11-25T03:00:00.000000Z PRIV bruno ana psst",
    "@2024-11-25T22:08:30.123456Z MSG ana my own",
];

const SESSION: &str = "@2024-11-25T22:08:31.000000Z SESSION 00112233445566778899aabbccddeeff 30";

fn send(peer: &mut Peer, lines: &[&str]) {
    lines.iter().for_each(|line| peer.send(line));
}

/// `ana`'s client in a terminal, whose server is the test.
fn meet_in_terminal(flags: &[&str]) -> (Terminal, Peer) {
    let impostor = Impostor::listen();
    let mut command = client_of(impostor.address, &["--username", "ana"]);
    command.args(flags).envs([XTERM, ZONE]);
    let terminal = Terminal::start(command, 24, 100);
    let peer = impostor.welcome("ana");
    (terminal, peer)
}

/// The date there, as English has it.
fn today() -> String {
    let zone = TimeZone::posix(ZONE.1).unwrap();
    let now = Zoned::now().with_time_zone(zone);
    now.strftime("-- %Y-%m-%d").to_string()
}

#[test]
fn in_a_terminal_the_past_has_its_own_times_and_a_mark_at_its_end() {
    let before = today();
    let (terminal, mut peer) = meet_in_terminal(&[]);
    peer.expect("/quem");
    send(&mut peer, &PAST);
    peer.send(SESSION);
    terminal.wait_for("above: what was said");
    peer.send("USERS 1 ana");
    terminal.wait_for("here (1)");
    let rows = terminal.rows();
    let expected = [
        "-- 2024-11-24",
        "20:59 <bruno> hello, ana",
        "23:59 * bruno waves",
        "-- 2024-11-25",
        "00:00 [bruno -> ana] psst",
        "19:08 <ana> my own",
    ];
    assert!(rows[0].contains("Hello, ana"), "{rows:#?}");
    assert_eq!(rows[1..7], expected, "(left: came, right: expected)");
    assert!([before, today()].contains(&rows[7]), "{rows:#?}");
    let mark = "-- above: what was said before you came in";
    assert_eq!(without_stamp(&rows[8]), mark);
    assert_eq!(without_stamp(&rows[9]), "-- here (1): ana");
}

#[test]
fn without_a_session_what_has_no_stamp_ends_the_past() {
    let (terminal, mut peer) = meet_in_terminal(&["--lang", "pt"]);
    peer.expect("/quem");
    send(&mut peer, &PAST);
    terminal.wait_for("<ana> my own");
    assert!(!terminal.rows().iter().any(|row| row.contains("acima")));
    peer.send("ERR not-utf8");
    peer.send("JOIN carla");
    terminal.wait_for("carla entrou");
    let rows = terminal.rows();
    let said = rows.iter().position(|row| row.contains("<ana> my own"));
    // Behind the date of today.
    let rows = rows[said.unwrap() + 2..].iter();
    let rows: Vec<_> = rows.map(|row| without_stamp(row)).collect();
    assert_eq!(rows[0], "-- acima, o que foi dito antes de você entrar");
    assert!(rows[1].starts_with("!! A linha não é UTF-8"), "{rows:#?}");
    assert_eq!(rows[2], "--> carla entrou");
}

#[test]
fn without_a_past_there_is_no_mark() {
    let (terminal, mut peer) = meet_in_terminal(&[]);
    send(&mut peer, &[SESSION, "USERS 1 ana"]);
    terminal.wait_for("here (1)");
    assert!(!terminal.rows().iter().any(|row| row.contains("above")));
}

#[test]
fn the_past_rings_for_nothing_and_teaches_no_names() {
    let (terminal, mut peer) = meet_in_terminal(&["--bell", "all"]);
    peer.expect("/quem");
    send(&mut peer, &PAST);
    send(&mut peer, &[SESSION, "USERS 1 ana"]);
    terminal.wait_for("here (1)");
    assert_eq!(terminal.bells(), 0);
    terminal.press("br\t");
    terminal.wait_for_input("br");
    terminal.press(CTRL_U);
    terminal.say("/r well");
    terminal.wait_for("Nobody here has written to you privately");
    // From here on it is now.
    peer.send("@2024-11-25T22:09:00.000001Z MSG bruno hi");
    terminal.wait_for("19:09 <bruno> hi");
    terminal.press("br\t");
    terminal.wait_for_input("bruno: ");
    assert_eq!(terminal.bells(), 1);
}

#[test]
fn what_was_said_while_one_was_away_is_news() {
    let (terminal, mut peer) = meet_in_terminal(&[]);
    peer.expect("/quem");
    let private = "@2024-11-25T22:09:00.000001Z PRIV bruno ana psst";
    send(
        &mut peer,
        &[SESSION, "RESUMED ana 2 1", "MISSED 12", private],
    );
    terminal.wait_for("19:09 [bruno -> ana] psst");
    terminal.wait_for("-- at least 12 lines said to all were lost while you were away");
    assert_eq!(terminal.bells(), 1);
    terminal.press("/r ");
    terminal.wait_for_input("/msg bruno ");
    assert!(!terminal.rows().iter().any(|row| row.contains("above")));
}

#[test]
fn how_much_was_missed_is_said_in_both_languages() {
    let words = [
        [
            "-- ao menos uma linha dita a todos se perdeu enquanto você esteve fora\n",
            "-- ao menos 2 linhas ditas a todos se perderam enquanto você esteve fora\n",
        ],
        [
            "-- at least one line said to all was lost while you were away\n",
            "-- at least 2 lines said to all were lost while you were away\n",
        ],
    ];
    for (lang, words) in LANGS.into_iter().zip(words) {
        let (process, mut peer) = meet(&["--lang", lang]);
        send(&mut peer, &["MISSED 1", "MISSED 2"]);
        let (out, _) = part(process, peer);
        assert!(out.ends_with(&words.concat()), "{words:#?} in {out}");
    }
}

#[test]
fn in_a_pipe_the_past_is_left_out_unless_it_is_asked_for() {
    let shown = |flags: &[&str]| {
        let impostor = Impostor::listen();
        let mut command = client_of(impostor.address, &["--username", "ana"]);
        command.args(flags).envs([ZONE]);
        let process = Process::spawn(&mut command);
        let mut peer = impostor.welcome("ana");
        send(&mut peer, &PAST);
        send(&mut peer, &["ERR not-utf8", "MSG carla now"]);
        let (out, _) = part(process, peer);
        let (_welcome, rest) = out.split_once('\n').unwrap();
        rest.to_owned()
    };
    let past = "<bruno> hello, ana\n* bruno waves\n[bruno -> ana] psst\n<ana> my own\n";
    let mark = "-- above: what was said before you came in\n";
    let now = "<carla> now\n";
    assert_eq!(shown(&[]), now);
    let all = [past, mark, now].concat();
    assert_eq!(shown(&["--history"]), all);

    let stamped = shown(&["--history", "--stamps"]);
    let past = "-- 2024-11-24\n20:59 <bruno> hello, ana\n23:59 * bruno waves\n-- 2024-11-25\n";
    assert!(stamped.starts_with(past), "{stamped}");
    let stamped = shown(&["--stamps"]);
    assert_eq!(
        stamped.lines().map(without_stamp).collect::<String>(),
        now.trim_end()
    );
}

#[test]
fn who_is_ignored_is_not_shown_in_the_past_either() {
    let (mut process, mut peer) = meet(&["--history"]);
    process.send("/ignorar bruno");
    process.stdout.wait_for("Nothing more of what bruno says");
    send(&mut peer, &PAST);
    let (out, _) = part(process, peer);
    assert!(out.ends_with("\n<ana> my own\n"), "{out}");
    for said in ["<bruno>", "* bruno", "[bruno"] {
        assert!(!out.contains(said), "{said:?} in {out}");
    }
}
