//! Random keys, arrivals and resizes: no message is lost, and one prompt is on the screen.

use crate::support::Server;
use crate::support::terminal::{CTRL_U, PASTE, PASTE_END, Terminal, join};
use crate::support::{Dice, wait_until};

const KEYS: [&str; 26] = [
    "x",
    "word ",
    "李雷",
    "é",
    "👋🏽",
    "🇧🇷",
    "e\u{301}",
    "\x1b",
    "\x1b[",
    "\x1b[D",
    "\x1b[1;5C",
    "\x1b[A",
    "\x1b[B",
    "\x12x",
    "\t",
    "/m\t",
    "b\t",
    "\x01",
    "\x05",
    "\x17",
    "\x19",
    "\x1f",
    "\r",
    "\x7f",
    "a longer piece of text, to fill rows ",
    "\x1b[27;2;13~",
];

/// How many things happen; `CHAT_RANDOM` for a longer run.
fn steps() -> usize {
    std::env::var("CHAT_RANDOM").map_or(600, |steps| steps.parse().expect("a number"))
}

#[test]
fn random_keys_arrivals_and_resizes_lose_no_message_and_leave_one_prompt() {
    let mut dice = Dice::new(0x0dd5);
    for round in 0..steps().div_ceil(200) {
        let server = Server::start(&[]);
        let terminal = Terminal::enter_sized(&server, &["--bell", "off"], 24, 80);
        let mut bruno = join(&server, &terminal, "bruno");
        let mut lines = (0..).map(|n| format!("line {n}"));
        let mut said = 0;
        let mut say = |count: usize| {
            lines
                .by_ref()
                .take(count)
                .for_each(|line| bruno.send(&line));
            said += count;
            said
        };
        // It may have scrolled away at once.
        let see = |line: usize| {
            let end = format!("<bruno> line {line}");
            wait_until(&end, || {
                terminal.rows().iter().any(|row| row.ends_with(&end))
            });
        };
        // Out of whatever it was, to the end of the line.
        let settle = |step: usize| {
            terminal.press(&format!("\x07\x07\x05/{step}"));
            terminal.wait_until("all keys have been read", |screen| {
                let contents = screen.contents().replace('\n', "");
                contents.contains(&format!("/{step}"))
            });
        };
        for step in 0..200 {
            match dice.roll(10) {
                0..=4 => terminal.press(KEYS[dice.roll(KEYS.len())]),
                5 => terminal.press(&format!("{PASTE}one\rtwo {step}{PASTE_END}")),
                6 | 7 => drop(say(dice.roll(4))),
                8 => {
                    // What was drawn for the old size must not meet the new one: `vt100` would break
                    // its rows, where a terminal cuts them off.
                    let said = say(1);
                    see(said - 1);
                    settle(step);
                    // Not so low that rows of what is typed scroll away, which nobody can take back.
                    let rows = [24, 30, 40][dice.roll(3)];
                    terminal.resize(rows, [80, 40, 60, 120, 33][dice.roll(5)]);
                    say(dice.roll(3));
                    settle(1000 + step);
                }
                _ => {
                    // All is seen that was sent, whatever is half typed.
                    let said = say(1);
                    see(said - 1);
                }
            }
        }
        settle(2000);
        terminal.press(CTRL_U);
        let said = say(1);
        see(said - 1);
        terminal.wait_until("one prompt, and nothing else below", |screen| {
            let contents = screen.contents();
            let prompts = contents.lines().filter(|row| row.starts_with("ana> "));
            contents.lines().last() == Some("ana> ") && prompts.count() == 1
        });
        let rows = terminal.rows();
        let shown = rows
            .iter()
            .filter_map(|row| row.split_once("<bruno> line "));
        let shown: Vec<usize> = shown.map(|(_, n)| n.parse().unwrap()).collect();
        let expected: Vec<_> = (0..said).collect();
        assert_eq!(
            shown, expected,
            "(left: came, right: expected) round {round}:\n{rows:#?}"
        );
    }
}
