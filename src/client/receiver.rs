use std::io::{self, ErrorKind};
use std::mem;

use super::link::Link;
use super::render::Painter;
use super::screen::Screen;
use super::session::Session;
use super::{Ending, Problem};
use crate::net::plain_words;
use crate::protocol::{EVENT_LIMIT, Event, LineReader, Stamp, Text};

/// Shows what the server says until the connection ends, and then ends the session. The body of
/// the receiver thread.
pub fn receive(link: &Link, session: &Session, painter: &Painter, screen: &Screen) {
    let ending = show_all(link, session, painter, screen);
    if ending == Ending::OutputClosed {
        // The server is still there to be left properly.
        session.end(ending.clone());
        let _ = io::copy(&mut { link }, &mut io::sink());
    }
    session.disconnect(ending);
}

fn show_all(link: &Link, session: &Session, painter: &Painter, screen: &Screen) -> Ending {
    let mut lines = LineReader::new(link, EVENT_LIMIT);
    loop {
        match lines.fill() {
            Ok(0) => return Ending::Failed(Problem::ConnectionClosed),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Ending::Failed(Problem::ConnectionLost(error.kind())),
        }
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
            if let Event::Welcome(name, _) | Event::Renamed(_, name) = &event {
                let is_me = session.lock().me.as_ref() == Some(name);
                if is_me {
                    screen.ask(&format!("{name}> "));
                }
            }
        }
        if let Err(error) = screen.show(&batch) {
            return unshown(&error);
        }
    }
}

/// That nobody reads any more is no problem; a full disk is one.
fn unshown(error: &io::Error) -> Ending {
    match error.kind() {
        ErrorKind::BrokenPipe => Ending::OutputClosed,
        _ => Ending::Failed(Problem::System(plain_words(error))),
    }
}
