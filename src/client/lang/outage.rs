//! The words for a connection that has broken, and for what becomes of what was said meanwhile.

use std::io::ErrorKind;
use std::time::Duration;

use super::Lang;
use crate::client::{Ending, Problem};
use crate::protocol::{Farewell, Text};

sentences! {
    fn too_old(lines: usize) {
        "Linhas de mais de dois minutos atrás, não enviadas ({lines}):",
        "Lines from more than two minutes ago, not sent ({lines}):"
    }
    fn unsent(lines: usize) {
        "Linhas não enviadas ({lines}):",
        "Lines that were not sent ({lines}):"
    }
    fn waits(to: &Text) {
        "o que é só para {to} espera pela conexão",
        "what is for {to} alone waits for the connection"
    }
    fn withheld(lines: usize) {
        "Não enviadas ({lines}), pois sob o nome da pessoa pode agora estar outra:",
        "Not sent ({lines}), for under the person's name there may be somebody else by now:"
    }
    fn uncertain(lines: usize) {
        "Linhas que talvez não tenham chegado ({lines}):",
        "Lines that may not have arrived ({lines}):"
    }
    fn up_brings_back() {
        "a seta para cima as traz de volta",
        "the Up key brings them back"
    }
}

#[allow(missing_docs, reason = "the sentences are the documentation")]
impl Lang {
    /// That the connection has broken, and that a new one is tried.
    pub fn lost(self, why: &Ending) -> String {
        match why {
            Ending::Dismissed(Farewell::Shutdown) => say! { self,
            "O servidor foi encerrado; volto quando ele voltar, Ctrl-C desiste.",
            "The server was shut down; I come back when it does, Ctrl-C gives up." },
            Ending::Failed(Problem::ConnectionClosed) => say! { self,
            "O servidor fechou a conexão; tentando de novo, Ctrl-C desiste.",
            "The server closed the connection; trying again, Ctrl-C gives up." },
            Ending::Failed(Problem::ConnectionLost(ErrorKind::TimedOut)) => say! { self,
            "O servidor não responde mais; tentando de novo, Ctrl-C desiste.",
            "The server does not answer any more; trying again, Ctrl-C gives up." },
            _ => say! { self,
            "A conexão caiu; tentando de novo, Ctrl-C desiste.",
            "The connection broke; trying again, Ctrl-C gives up." },
        }
    }

    /// That there is still none, and what came of the last try.
    pub fn still_lost(self, lasted: Duration, last: &Ending, server: &str) -> String {
        let lasted = time(lasted);
        let reason = self.ending(last, server).unwrap_or_default();
        say! { self,
        "Ainda sem conexão após {lasted}; Ctrl-C desiste. {reason}",
        "Still no connection after {lasted}; Ctrl-C gives up. {reason}" }
    }

    pub fn back(self, lasted: Duration) -> String {
        let lasted = time(lasted);
        say! { self, "De volta após {lasted}", "Back after {lasted}" }
    }

    pub fn back_anew(self, lasted: Duration) -> String {
        let lasted = time(lasted);
        say! { self,
        "De volta após {lasted}, mas como quem chega: o servidor já não conhecia a sessão",
        "Back after {lasted}, but as a newcomer: the server did not know the session any more" }
    }
}

/// How long something took, in the largest unit of which there are at least two.
fn time(lasted: Duration) -> String {
    match lasted.as_secs().max(1) {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}
