//! Records that no library would send.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use chat::tls::Pin;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite::TLS13_AES_128_GCM_SHA256, default_provider};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, KeyLog};

use crate::support::DEADLINE;

/// What stands in a record (RFC 8446, section 5.1).
pub const HANDSHAKE: u8 = 22;
pub const TEXT: u8 = 23;

/// A client that has shaken hands, and seals its records by hand from then on.
pub struct Forger {
    pub tcp: TcpStream,
    secret: Vec<u8>,
    number: u64,
}

/// Keeps the secret from which a client's keys are made.
#[derive(Debug, Default)]
struct Secret(Mutex<Vec<u8>>);

impl KeyLog for Secret {
    fn log(&self, label: &str, _random: &[u8], secret: &[u8]) {
        if label == "CLIENT_TRAFFIC_SECRET_0" {
            *self.0.lock().unwrap() = secret.to_vec();
        }
    }
}

impl Forger {
    pub fn connect(address: SocketAddr) -> Forger {
        let provider = CryptoProvider {
            cipher_suites: vec![TLS13_AES_128_GCM_SHA256],
            ..default_provider()
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Pin::new(None))
            .with_no_client_auth();
        let secret = Arc::new(Secret::default());
        config.key_log = secret.clone();
        let name = "a-name".try_into().unwrap();
        let mut cipher = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut tcp = TcpStream::connect(address).unwrap();
        while cipher.is_handshaking() {
            cipher.complete_io(&mut tcp).unwrap();
        }
        let secret = secret.0.lock().unwrap().clone();
        let number = 0;
        Forger {
            tcp,
            secret,
            number,
        }
    }

    /// One record (RFC 8446, section 5.2), with as many zeros behind what it says as wanted.
    pub fn seal(&mut self, kind: u8, content: &[u8], padding: usize) -> Vec<u8> {
        let mut nonce: [u8; 12] = expand(&self.secret, "iv", 12).try_into().unwrap();
        let numbered = nonce[4..].iter_mut().zip(self.number.to_be_bytes());
        numbered.for_each(|(nonce, number)| *nonce ^= number);
        self.number += 1;
        let mut record = [content, &[kind], &vec![0; padding]].concat();
        let length = (record.len() + 16) as u16;
        let header = [&[23, 3, 3][..], &length.to_be_bytes()].concat();
        let key = UnboundKey::new(&AES_128_GCM, &expand(&self.secret, "key", 16)).unwrap();
        let nonce = Nonce::assume_unique_for_key(nonce);
        LessSafeKey::new(key)
            .seal_in_place_append_tag(nonce, Aad::from(&header), &mut record)
            .unwrap();
        [header, record].concat()
    }

    /// Takes new keys, and wants the server to do so as well (RFC 8446, sections 4.6.3 and 7.2).
    pub fn update_key(&mut self) -> Vec<u8> {
        let record = self.seal(HANDSHAKE, &[24, 0, 0, 1, 1], 0);
        self.secret = expand(&self.secret, "traffic upd", 32);
        self.number = 0;
        record
    }

    pub fn send(&mut self, line: &str) {
        let record = self.seal(TEXT, format!("{line}\n").as_bytes(), 0);
        self.tcp.write_all(&record).unwrap();
    }

    /// Sends such records until the server takes no more.
    pub fn flood(&mut self, mut next: impl FnMut(&mut Forger) -> Vec<u8>) {
        let start = Instant::now();
        loop {
            let record = next(self);
            if self.tcp.write_all(&record).is_err() {
                return;
            }
            assert!(start.elapsed() < DEADLINE, "the server takes it for ever");
        }
    }
}

/// HKDF-Expand-Label (RFC 8446, section 7.1).
fn expand(secret: &[u8], label: &str, length: usize) -> Vec<u8> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let label = format!("tls13 {label}");
    let info = [
        &(length as u16).to_be_bytes()[..],
        &[label.len() as u8],
        label.as_bytes(),
        &[0],
    ];
    let mut expanded = vec![0; length];
    let prk = Prk::new_less_safe(HKDF_SHA256, secret);
    let okm = prk.expand(&info, Length(length)).unwrap();
    okm.fill(&mut expanded).unwrap();
    expanded
}
