//! How the client comes back when its connection has broken.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant, SystemTime};

use super::link::{Lines, Link};
use super::outbox::Line;
use super::receiver::Receiver;
use super::render::Painter;
use super::seat::{Claim, Seat};
use super::typed::secret_in;
use super::{Ending, Problem};
use crate::protocol::{Command, Event, RefusalCode, Text};

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often one is told that there is still no connection.
const BETWEEN_WORDS: Duration = Duration::from_secs(60);

/// How long somebody else may have one's name before one gives up.
const NAME_PATIENCE: Duration = Duration::from_secs(60);

/// How one is in the room again, and which lines come to nothing by that.
enum Return {
    /// In the same session.
    Resumed { too_old: Vec<Line> },
    /// As a newcomer.
    Anew {
        /// Sent, and said or not: nobody knows.
        uncertain: Vec<Line>,
        /// Neither sent nor to be sent.
        unsent: Vec<Line>,
    },
}

impl Receiver {
    /// Comes back to the server, which was lost as `why` says, and tells of that; returns what comes
    /// over the new connection. Counts on the `tries` that came to nothing before. Fails with how the
    /// session ends instead: because the person leaves, the outage lasts too long, or the server is
    /// somebody else or wants nobody back.
    pub fn come_back(&self, why: Ending, tries: &mut u32) -> Result<Lines, Ending> {
        let lang = self.painter.lang;
        let lost = SystemTime::now();
        self.complain(lang.lost(&why));
        let returned = self.try_until_back(why, tries);
        let lasted = lost.elapsed().unwrap_or_default();
        match &returned {
            Ok((_, Return::Resumed { too_old })) => {
                self.show(&self.painter.remark(lang.back(lasted)));
                self.give_back(too_old, |count| lang.too_old(count));
            }
            Ok((_, Return::Anew { uncertain, unsent })) => {
                self.show(&self.painter.remark(lang.back_anew(lasted)));
                self.give_back(uncertain, |count| lang.uncertain(count));
                self.give_back(unsent, |count| lang.unsent(count));
                self.ask_who_is_here();
            }
            Err(Ending::Left) => {}
            Err(_) => {
                let told = tell_of_waiting(&self.painter, &self.link);
                if !told.is_empty() {
                    self.screen.complain(&told);
                }
            }
        }
        returned.map(|(lines, _)| lines)
    }

    /// Tries again and again, soon at first and then more seldom.
    fn try_until_back(&self, why: Ending, tries: &mut u32) -> Result<(Lines, Return), Ending> {
        let mut outage = Outage {
            begun: Instant::now(),
            told: Instant::now(),
            last: why.clone(),
        };
        let mut taken = None;
        loop {
            if !self.wait(&mut outage, pause(*tries, random_fraction()))? {
                return Err(why);
            }
            *tries += 1;
            outage.last = match self.link.connect().and_then(|lines| self.enter(lines)) {
                Err(ending) if ending.is_passing() => ending,
                returned => return returned,
            };
            if matches!(outage.last, Ending::Failed(Problem::NameTaken(_))) {
                let since = *taken.get_or_insert(Instant::now());
                if since.elapsed() >= NAME_PATIENCE {
                    return Err(outage.last);
                }
            }
        }
    }

    /// Waits before the next try, and tells each minute that there is still no connection; `false` when
    /// it was lost for too long. Fails when the session ends.
    fn wait(&self, outage: &mut Outage, pause: Duration) -> Result<bool, Ending> {
        let due = Instant::now() + pause;
        loop {
            let now = Instant::now();
            let left = self.reconnect.saturating_sub(outage.begun.elapsed());
            if left.is_zero() {
                return Ok(false);
            }
            if now >= outage.told + BETWEEN_WORDS {
                let (lang, server) = (self.painter.lang, self.link.server.to_string());
                self.complain(lang.still_lost(outage.begun.elapsed(), &outage.last, &server));
                outage.told = now;
            }
            if now >= due {
                return Ok(true);
            }
            let next = due.min(outage.told + BETWEEN_WORDS) - now;
            // Nothing can be read but the end of the session.
            let waited = self.session.wait_to_read([], Some(next.min(left)));
            if waited.is_err() || self.session.is_ending() {
                return Err(Ending::Left);
            }
        }
    }

    /// Says at the door what it takes to be in the room again.
    fn enter(&self, mut lines: Lines) -> Result<(Lines, Return), Ending> {
        let mut password = self.link.seat(|seat| seat.password.clone()).flatten();
        let mut is_greeted = false;
        loop {
            let event = next_event(&mut lines, is_greeted)?;
            is_greeted = true;
            match &event {
                Event::AskPassword if !self.link.is_private() => {
                    return Err(Problem::PasswordInPlain.into());
                }
                Event::AskPassword => match password.take() {
                    Some(password) => self.answer(&password)?,
                    None => return Err(Problem::PasswordNeeded.into()),
                },
                Event::AskUsername => {
                    self.session.learn(&event);
                    let name = self.session.lock().me.clone();
                    let claims = name.and_then(|name| self.link.seat(|seat| seat.claims(&name)));
                    for line in claims.unwrap_or_default() {
                        self.answer(&line)?;
                    }
                }
                Event::Refused(RefusalCode::SessionUnknown, _) => {
                    self.link.seat(|seat| seat.claim = Claim::Name);
                }
                Event::Refused(RefusalCode::UsernameTaken, name) => {
                    let name = name.as_str().parse().map_err(Problem::BadUsername)?;
                    return Err(Problem::NameTaken(name).into());
                }
                Event::Refused(code, detail) => {
                    self.complain(self.painter.lang.refusal(*code, detail));
                    return Err(match code {
                        RefusalCode::PasswordWrong => Problem::PasswordRefused.into(),
                        _ => Problem::NameRefused.into(),
                    });
                }
                Event::Resumed(name, _, counted) => {
                    let too_old = self.link.seat(|seat| seat.resume(*counted));
                    let too_old = too_old.unwrap_or_default();
                    self.session.learn(&event);
                    self.link.go_on()?;
                    // It may be another one than before.
                    self.ask_as(name);
                    return Ok((lines, Return::Resumed { too_old }));
                }
                Event::Welcome(..) => {
                    let (uncertain, unsent) = self.link.seat(Seat::begin_anew).unwrap_or_default();
                    self.session.learn(&event);
                    self.show(&self.painter.paint(&event, None));
                    self.link.go_on()?;
                    return Ok((lines, Return::Anew { uncertain, unsent }));
                }
                Event::Goodbye(farewell) => return Err(Ending::Dismissed(*farewell)),
                _ => {}
            }
        }
    }

    fn answer(&self, line: &str) -> Result<(), Problem> {
        let lost = |error: io::Error| Problem::ConnectionLost(error.kind());
        self.link.answer(line).map_err(lost)
    }

    /// Shows `lines` that will not be said, and lets the Up key bring them back.
    pub(super) fn give_back(&self, lines: &[Line], sentence: impl Fn(usize) -> String) {
        let mut told = tell_of(&self.painter, lines, sentence);
        if told.is_empty() {
            return;
        }
        said_in(lines).for_each(|line| self.screen.remember(&line.text));
        if self.screen.is_terminal() {
            told += &self.painter.remark(self.painter.lang.up_brings_back());
        }
        self.screen.complain(&told);
    }
}

/// What tells of all lines that still wait when the client ends; empty where there are none.
pub fn tell_of_waiting(painter: &Painter, link: &Link) -> String {
    let (uncertain, unsent) = link.seat(|seat| seat.outbox.empty()).unwrap_or_default();
    let uncertain = tell_of(painter, &uncertain, |count| painter.lang.uncertain(count));
    uncertain + &tell_of(painter, &unsent, |count| painter.lang.unsent(count))
}

/// What tells of `lines` that will not be said, each without the secret in it.
fn tell_of(painter: &Painter, lines: &[Line], sentence: impl Fn(usize) -> String) -> String {
    let count = said_in(lines).count();
    if count == 0 {
        return String::new();
    }
    let mut told = painter.problem(sentence(count));
    for Line { text, .. } in said_in(lines) {
        let shown = &text[..secret_in(text).unwrap_or(text.len())];
        told += &painter.remark(Text::new(shown).to_string());
    }
    told
}

/// Those of `lines` that do more than ask who is here.
fn said_in(lines: &[Line]) -> impl Iterator<Item = &Line> {
    let says = |line: &&Line| !matches!(Command::parse(&line.text), Ok(None | Some(Command::Who)));
    lines.iter().filter(says)
}

/// An outage so far.
struct Outage {
    begun: Instant,
    /// When one was told of it last.
    told: Instant,
    /// Why there is no connection.
    last: Ending,
}

/// The next thing that is said at the door.
fn next_event(lines: &mut Lines, is_greeted: bool) -> Result<Event<'static>, Problem> {
    loop {
        match lines.next_line() {
            Some(Ok(line)) => match line.parse() {
                Ok(event) => return Ok(event),
                Err(_) if !is_greeted => return Err(Problem::NoChatServer),
                Err(_) => {}
            },
            Some(Err(_)) => {}
            None => match lines.fill() {
                Ok(0) => return Err(Problem::ConnectionClosed),
                Ok(_) => {}
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => return Err(Problem::Silent),
                    kind => return Err(Problem::ConnectionLost(kind)),
                },
            },
        }
    }
}

/// How long to wait before the next try. `random`, from 0 to 1, spreads it: not all come back at once
/// to a server that was away.
fn pause(tries: u32, random: f64) -> Duration {
    match tries {
        0 => Duration::from_millis(500).mul_f64(random),
        tries => {
            let longest = Duration::from_secs(1 << (tries - 1).min(5)).min(LONGEST_PAUSE);
            longest.mul_f64(0.5 + random / 2.0)
        }
    }
}

/// From 0 to 1. Random because each `RandomState` has keys of its own.
fn random_fraction() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tries_at_once_and_then_more_and_more_seldom() {
        let pauses = |random| (0..8).map(move |tries| pause(tries, random).as_millis());
        assert_eq!(
            pauses(0.0).collect::<Vec<_>>(),
            [0, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]
        );
        assert_eq!(
            pauses(1.0).collect::<Vec<_>>(),
            [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
        );
    }
}
