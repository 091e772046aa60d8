use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::{Lines, Link};
use super::render::Painter;
use super::screen::Screen;
use super::session::Session;
use super::{Ending, Problem};
use crate::net::plain_words;
use crate::protocol::{Event, Farewell, Stamp, Text, Username};

/// How long a connection has to last. Coming back from one that broke sooner counts as a try that
/// failed, so that nobody comes back again and again at once to where it cannot last.
const STEADY: Duration = Duration::from_secs(2);

/// The receiver thread's side of the session.
pub struct Receiver {
    pub link: Arc<Link>,
    pub session: Arc<Session>,
    pub painter: Arc<Painter>,
    pub screen: Screen,
    /// How long an outage may last.
    pub reconnect: Duration,
}

impl Receiver {
    /// Shows what the server says until it is over and nobody comes back, and then ends the session. The
    /// body of the receiver thread.
    pub fn receive(&self) {
        let mut lines = self.link.lines();
        let mut tries = 0;
        let ending = loop {
            let since = Instant::now();
            let ending = self.show_all(&mut lines);
            if since.elapsed() >= STEADY {
                tries = 0;
            }
            if !is_outage(&ending) || !self.link.lose() {
                break ending;
            }
            match self.come_back(ending, &mut tries) {
                Ok(new) => lines = new,
                Err(ending) => break ending,
            }
        };
        if ending == Ending::OutputClosed {
            // The server is still there to be left properly.
            self.session.end(ending.clone());
            let _ = io::copy(&mut self.link.incoming(), &mut io::sink());
        }
        self.session.disconnect(ending);
    }

    fn show_all(&self, lines: &mut Lines) -> Ending {
        let Receiver {
            link,
            session,
            painter,
            screen,
            ..
        } = self;
        let mut withheld = Vec::new();
        loop {
            // What came together is shown with one write.
            let mut batch = String::new();
            while let Some(line) = lines.next_line() {
                // No server of this protocol sends a line that is too long or not UTF-8.
                let Ok(line) = line else { continue };
                let (stamp, event) = Stamp::split(line);
                let Ok(event) = event.parse::<Event>() else {
                    if !session.lock().is_greeted {
                        return Ending::Failed(Problem::NoChatServer);
                    }
                    // Shown as it is, but cleaned.
                    batch += &painter.unknown(&Text::new(line));
                    continue;
                };
                let (is_new, kept) = link.heed(stamp, &event);
                withheld.extend(kept);
                if !is_new {
                    continue;
                }
                let known = session.lock();
                let past = stamp.filter(|_| known.is_past(&event));
                let is_hidden = known.hides(&event);
                drop(known);
                if let Some(stamp) = past {
                    // It teaches nothing: who spoke then need not be here now.
                    if !is_hidden {
                        batch += &painter.past(&event, stamp);
                    }
                    continue;
                }
                session.learn(&event);
                match &event {
                    Event::Goodbye(farewell) => {
                        let _ = screen.show(&batch);
                        return Ending::Dismissed(*farewell);
                    }
                    Event::Refused(code, detail) => {
                        // In its place among the lines, though it goes to another stream.
                        batch += &painter.end_past();
                        let shown = screen.show(&mem::take(&mut batch));
                        screen.complain(&painter.problem(painter.lang.refusal(*code, detail)));
                        if let Err(error) = shown {
                            return unshown(&error);
                        }
                    }
                    _ if is_hidden => {}
                    event => batch += &painter.paint(event, stamp),
                }
                if !withheld.is_empty() {
                    self.show(&mem::take(&mut batch));
                    self.give_back(&mem::take(&mut withheld), |count| {
                        painter.lang.withheld(count)
                    });
                }
                if let Event::Missed(_) = event {
                    self.ask_who_is_here();
                }
                if let Event::Welcome(name, _) | Event::Renamed(_, name) = &event {
                    let is_me = session.lock().me.as_ref() == Some(name);
                    if is_me {
                        self.ask_as(name);
                    }
                }
            }
            if let Err(error) = screen.show(&batch) {
                return unshown(&error);
            }
            match lines.fill() {
                Ok(0) => return Ending::Failed(Problem::ConnectionClosed),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Ending::Failed(Problem::ConnectionLost(error.kind())),
            }
        }
    }

    /// Asks it anew for the completion, where there is one.
    pub fn ask_who_is_here(&self) {
        if self.screen.is_terminal() {
            // It fails when there is too much to be said already.
            let _ = self.link.send("/quem");
        }
    }

    /// Puts the name that one has now before what is typed.
    pub fn ask_as(&self, name: &Username) {
        self.screen.ask(&format!("{name}> "));
    }

    /// Shows whole lines. Where that fails, so does what is shown next.
    pub fn show(&self, lines: &str) {
        let _ = self.screen.show(lines);
    }

    pub fn complain(&self, sentence: String) {
        self.screen.complain(&self.painter.problem(sentence));
    }
}

/// Whether the connection has broken, or the server is started anew: it can come back.
fn is_outage(ending: &Ending) -> bool {
    matches!(
        ending,
        Ending::Failed(Problem::ConnectionClosed | Problem::ConnectionLost(_))
            | Ending::Dismissed(Farewell::Shutdown)
    )
}

/// That nobody reads any more, or still when the session ends, is no problem; a full disk is one.
fn unshown(error: &io::Error) -> Ending {
    match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::TimedOut => Ending::OutputClosed,
        _ => Ending::Failed(Problem::System(plain_words(error))),
    }
}
