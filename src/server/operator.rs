//! What only an operator may do: see where people are, send them off, keep their addresses out.

use std::fmt::Display;
use std::mem;
use std::net::SocketAddr;

use jiff::Timestamp;
use log::{info, warn};
use ring::rand::{SecureRandom, SystemRandom};

use super::answers::refuse;
use super::bans::{Ban, end};
use super::connection::Connection;
use super::network::Network;
use super::post::{Batch, Post, SeatId, SentOff, line};
use super::seat::Seat;
use super::secret::{Secret, SecretError};
use super::{GRACE, Server};
use crate::net::plain_words;
use crate::protocol::{Event, Farewell, OperatorCommand, RefusalCode, Text, Username};
use crate::tls::CROCKFORD;

/// How often a secret may be tried in one session.
const ATTEMPTS: usize = 5;

/// How many bans are listed, so that they fit whatever a client has not read yet.
const MOST_LISTED: usize = 100;

/// Who knows this is an operator.
#[derive(Debug, Clone)]
pub struct OperatorSecret {
    secret: Secret,
    /// Then it may be typed as people read it to each other.
    is_made: bool,
}

impl OperatorSecret {
    /// The word that the operators have chosen.
    pub fn chosen(secret: Secret) -> Self {
        let is_made = false;
        OperatorSecret { secret, is_made }
    }

    /// A new one, and how it is typed: like `K7QM-2VXD`, 40 random bits in Crockford's base 32.
    pub fn make() -> Result<(Self, String), SecretError> {
        let mut bits = [0; 5];
        let filled = SystemRandom::new().fill(&mut bits);
        filled.map_err(|_| SecretError::NoRandomNumbers)?;
        let digits = CROCKFORD.encode(&bits);
        let (first, second) = digits.split_at(4);
        let typed = format!("{first}-{second}");
        let secret = Secret::new(&digits)?;
        let is_made = true;
        Ok((OperatorSecret { secret, is_made }, typed))
    }

    fn is(&self, typed: &str) -> bool {
        match CROCKFORD.decode(typed.as_bytes()) {
            Ok(bits) if self.is_made => self.secret.is(&CROCKFORD.encode(&bits)),
            _ => self.secret.is(typed),
        }
    }
}

/// Sends whoever has taken `seat` off again if their address was banned while they came in.
pub fn recheck(server: &Server, seat: &Seat, connection: &Connection) {
    let ip = connection.peer().ip();
    if let Some(ban) = server.options.bans.find(ip, Timestamp::now()) {
        let (whom, last) = (SentOff::One(seat.id()), ban_words(&ban));
        send_off(server, Batch::default(), whom, last);
    }
}

/// Sends them off after all in `before`, and ends their sessions.
fn send_off(server: &Server, mut before: Batch, whom: SentOff, last: String) {
    before.posts.push(Post::SendOff { whom, last });
    server.registry.settle(before);
    server.sessions.end(|seat, peer| whom.includes(seat, peer));
}

/// Somebody in the room who asks for what only operators may do.
pub struct Asking<'a> {
    /// Where it is asked.
    pub server: &'a Server,
    /// Who asks.
    pub seat: &'a Seat,
    /// Over which connection.
    pub connection: &'a Connection,
    /// Since which turn it has had to wait, if it has.
    pub waits_since: Option<u64>,
    /// What they have asked for before, which comes first; answers go in here.
    pub batch: &'a mut Batch,
}

impl Asking<'_> {
    /// Does what `command` asks for, typed as `word`, if it may be done; returns once it is done.
    ///
    /// MUST NOT tell anybody but an operator anything that depends on more than the secret and on
    /// who they are: neither names nor addresses, nor whether there are any. MUST NOT let the
    /// secret out, whether right or wrong.
    pub fn obey(mut self, word: &Text, command: OperatorCommand, wrong_secrets: &mut usize) {
        let me = self.seat.id();
        let may_be_one = self.connection.is_confidential();
        let is_one = may_be_one && self.server.registry.look(|room| room.is_operator(me));
        match command {
            OperatorCommand::Op(secret) if may_be_one => self.op(secret, wrong_secrets),
            _ if !is_one => self.refuse(RefusalCode::NotOperator, word.as_str()),
            OperatorCommand::Op(_) => {}
            OperatorCommand::Kick { name, reason } => self.kick(name, reason),
            OperatorCommand::Ban { whom, terms } => self.ban(whom, terms),
            OperatorCommand::Unban(network) => self.unban(network),
            OperatorCommand::Bans => self.bans(),
        }
    }

    fn op(&mut self, secret: &str, wrong_secrets: &mut usize) {
        let me = self.seat.id();
        if self.server.options.operator.is(secret) {
            self.server.registry.look(|room| room.appoint(me));
            self.log("is an operator now");
            return self.tell("you are an operator now; /who tells you where people are");
        }
        warn!("{} gave a wrong secret for /op", self.who());
        self.refuse(RefusalCode::PasswordWrong, "");
        *wrong_secrets += 1;
        if *wrong_secrets >= ATTEMPTS {
            let last = line(&Event::Goodbye(Farewell::TooManyAttempts));
            self.send_off(SentOff::One(me), last);
        }
    }

    fn kick(&mut self, name: &str, reason: &str) {
        let Some((name, seat, peer)) = self.find(name) else {
            return;
        };
        self.tell(&format!("{name} is sent off"));
        let why = format!("the operator has sent you off{}", because(reason));
        // Of somebody held, the port may be somebody else's by now.
        let is_there = self.server.registry.look(|room| room.is_there(seat));
        let whom = SentOff::One(seat);
        self.send_off(whom, last_words(&why, Farewell::Kicked));
        self.log(&format!("sent {name} off, from {peer}"));
        self.see_out(Farewell::Kicked, |other| is_there && other == peer);
    }

    fn ban(&mut self, whom: &str, terms: &str) {
        let (word, rest) = terms.split_once(char::is_whitespace).unwrap_or((terms, ""));
        let until = end(word, Timestamp::now());
        if until.is_none() && word.starts_with(|c: char| c.is_ascii_digit()) {
            return self.refuse(RefusalCode::BadArgument, word);
        }
        let reason = if until.is_some() { rest } else { terms };
        let Some(network) = self.network(whom) else {
            return;
        };
        let ban = Ban::new(network, until, reason);
        if let Err(error) = self.server.options.bans.add(ban.clone()) {
            return self.cannot_save(&error);
        }
        let until = until_words(&ban);
        self.tell(&format!("{network} is banned {until}"));
        self.send_off(SentOff::From(network), ban_words(&ban));
        self.log(&format!("banned {network} {until}"));
        self.see_out(Farewell::Banned, |peer| network.contains(peer.ip()));
    }

    fn unban(&mut self, word: &str) {
        let Ok(network) = word.parse::<Network>() else {
            return self.refuse(RefusalCode::BadArgument, word);
        };
        match self.server.options.bans.lift(network) {
            Err(error) => self.cannot_save(&error),
            Ok(true) => {
                self.log(&format!("lifted the ban of {network}"));
                self.tell(&format!("{network} is no longer banned"));
            }
            Ok(false) => {
                self.refuse(RefusalCode::BadArgument, word);
                self.tell(&format!("there is no ban of {network}; /bans lists them"));
            }
        }
    }

    fn bans(&mut self) {
        let bans = self.server.options.bans.running(Timestamp::now());
        let older = bans.len().saturating_sub(MOST_LISTED);
        match bans.len() {
            0 => self.tell("nobody is banned"),
            _ if older > 0 => self.tell(&format!("{older} older ones are in the file bans")),
            _ => {}
        }
        for ban in &bans[older..] {
            let (until, why) = (until_words(ban), because(&ban.reason));
            self.tell(&format!("{} {until}{why}", ban.network));
        }
    }

    /// Whom a ban is about; has answered where it is nobody.
    fn network(&mut self, whom: &str) -> Option<Network> {
        if let Ok(network) = whom.parse() {
            return Some(network);
        }
        if whom.parse::<Username>().is_err() {
            self.refuse(RefusalCode::BadArgument, whom);
            return None;
        }
        let (name, seat, peer) = self.find(whom)?;
        let network = Network::of_customer(peer.ip());
        let mut others = self.server.registry.look(|room| room.all_from(network));
        others.retain(|other| *other != name || seat == self.seat.id());
        if others.is_empty() {
            return Some(network);
        }
        let others: Vec<&str> = others.iter().map(Username::as_str).collect();
        let others = others.join(", ");
        self.refuse(RefusalCode::BadArgument, whom);
        self.tell(&format!(
            "{network} is the address of {others} too; to ban it for all of them, give the address"
        ));
        None
    }

    /// Somebody in the room; has answered where it is nobody.
    fn find(&mut self, typed: &str) -> Option<(Username, SeatId, SocketAddr)> {
        let name = typed.parse().ok();
        let registry = &self.server.registry;
        let find = |name: Username| registry.look(|room| room.find(&name, self.waits_since));
        let found = name.and_then(find);
        if found.is_none() {
            self.refuse(RefusalCode::NoSuchUser, typed);
        }
        found
    }

    /// After all that was asked for before.
    fn send_off(&mut self, whom: SentOff, last: String) {
        send_off(self.server, mem::take(self.batch), whom, last);
    }

    /// Of those who were sent off, and of those who were about to come in, sees that they go. Whoever
    /// asks goes by themselves.
    fn see_out(&self, farewell: Farewell, is_about: impl Fn(SocketAddr) -> bool) {
        let me = self.connection.peer();
        let is_about = |peer| peer != me && is_about(peer);
        self.server.door.see_out(farewell, GRACE, is_about);
    }

    fn cannot_save(&mut self, error: &std::io::Error) {
        let reason = plain_words(error);
        warn!("cannot save the list of bans: {reason}");
        self.tell(&format!(
            "the list of bans cannot be saved, and is as it was: {reason}"
        ));
    }

    fn tell(&mut self, text: &str) {
        let event = Event::Info(Text::new(text));
        self.batch.answer(self.seat.id(), &event);
    }

    fn refuse(&mut self, code: RefusalCode, detail: &str) {
        self.batch.answer(self.seat.id(), &refuse(code, detail));
    }

    fn log(&self, what: &str) {
        info!("{} {what}", self.who());
    }

    fn who(&self) -> impl Display {
        format!("{} from {}", self.seat.name(), self.connection.peer())
    }
}

/// What whoever is sent off hears last.
fn last_words(why: &str, farewell: Farewell) -> String {
    line(&Event::Info(Text::new(why))) + &line(&Event::Goodbye(farewell))
}

fn ban_words(ban: &Ban) -> String {
    let (until, why) = (until_words(ban), because(&ban.reason));
    let why = format!("the operator has banned your address {until}{why}");
    last_words(&why, Farewell::Banned)
}

fn until_words(ban: &Ban) -> String {
    let until = ban.until.map(|until| format!("until {until}"));
    until.unwrap_or_else(|| "without end".to_owned())
}

fn because(reason: &str) -> String {
    match reason.trim() {
        "" => String::new(),
        reason => format!(": {reason}"),
    }
}
