use std::sync::Arc;
use std::time::Duration;

use super::bans::Bans;
use super::entrance::{Encryption, Plaintext};
use super::operator::OperatorSecret;
use super::secret::Secret;

/// How the server is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections in all.
    pub max_clients: usize,
    /// Connections from one address; 0 is no limit.
    pub max_per_address: usize,
    /// How long a client may take to come in with a name.
    pub handshake_timeout: Duration,
    /// Lines a second that a client may say; 0 is no limit.
    pub rate: u32,
    /// Lines that a client may say at once.
    pub burst: u32,
    /// Bytes asked of the kernel for what a client has not yet taken; Linux doubles it (socket(7)).
    pub send_buffer: usize,
    /// Within which time a vanished peer is given up.
    pub keepalive: Duration,
    /// Who may come in without encryption.
    pub plaintext: Plaintext,
    /// What it encrypts with; `None` is [`Plaintext::Only`].
    pub encryption: Option<Encryption>,
    /// What whoever comes in has to know, if anything.
    pub password: Option<Secret>,
    /// Who may not come in.
    pub bans: Arc<Bans>,
    /// How long a session is held when its connection breaks; zero holds nobody.
    pub hold: Duration,
    /// How many lines of what was said newcomers are told.
    pub history: usize,
    /// What makes somebody an operator.
    pub operator: OperatorSecret,
}
