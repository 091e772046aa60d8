//! Signals to the client, which all mean that the person leaves.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::{io, thread};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use super::Ending;
use super::session::Session;

/// What ends the session, or the way to it.
const ENDINGS: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// Leaves at these signals at once, with status 0, as long as what is returned is true: before there
/// is a session, nobody is to be told and nothing to be put back.
pub fn leave_at_signals() -> io::Result<Arc<AtomicBool>> {
    let is_on_its_way = Arc::new(AtomicBool::new(true));
    for signal in ENDINGS {
        flag::register_conditional_shutdown(signal, 0, is_on_its_way.clone())?;
    }
    Ok(is_on_its_way)
}

/// Ends the session at SIGINT (in a terminal: Ctrl-C), SIGTERM, SIGHUP and SIGQUIT.
pub fn end_at_signals(session: &Arc<Session>) -> io::Result<()> {
    let mut signals = Signals::new(ENDINGS)?;
    let session = session.clone();
    let wait = move || signals.forever().for_each(|_| session.end(Ending::Left));
    thread::Builder::new().spawn(wait)?;
    Ok(())
}
