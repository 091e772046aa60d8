//! By what a server is known again: fingerprints, and the key a client expects.

use std::sync::Arc;
use std::thread;

use chat::tls::{Fingerprint, Key, MalformedFingerprint, Pin, Stream};
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection};

use super::stream::{pair, shake_hands};

#[test]
fn a_fingerprint_is_the_first_hundred_bits_of_the_hash() {
    // SHA-256 of nothing is e3b0c44298fc1c149afbf4c899…
    assert_eq!(Fingerprint::of(b"").to_string(), "WERC8-GMRZG-E196Q-VYK49");
}

#[test]
fn a_fingerprint_is_read_however_people_write_it() {
    for bytes in [&b""[..], b"a", b"b"] {
        let own = Fingerprint::of(bytes);
        let shown = own.to_string();
        let blanks = format!(" {} ", shown.replace('-', " "));
        for typed in [
            &shown,
            &shown.to_lowercase(),
            &shown.replace('-', ""),
            &blanks,
        ] {
            assert_eq!(typed.parse(), Ok(own), "{typed:?}");
        }
    }
    let plain: Fingerprint = "00000-11111-11111-0000Z".parse().unwrap();
    assert_eq!("OoOoO-IiIiI-LlLlL-0000z".parse(), Ok(plain));
    assert_eq!(plain.to_string(), "00000-11111-11111-0000Z");
}

#[test]
fn what_is_no_fingerprint_is_refused() {
    for typed in [
        "",
        "1110",
        "11100-11111-11111-1111",
        "11100-11111-11111-111111",
        "11100-11111-11111-1111U",
        "11100-11111-11111-1111é",
        "SHA256:11100-11111-11111-11111",
    ] {
        assert_eq!(
            typed.parse::<Fingerprint>(),
            Err(MalformedFingerprint),
            "{typed:?}"
        );
    }
}

/// How a client that expects `expected` fares with a server of this configuration.
fn meet(
    config: Arc<ServerConfig>,
    expected: Option<Fingerprint>,
) -> (Arc<Pin>, Result<(), String>) {
    let (server, client) = pair();
    let client = Stream::plain(client);
    let pin = Pin::new(expected);
    server.seal(ServerConnection::new(config).unwrap()).unwrap();
    client.seal(pin.connection().unwrap()).unwrap();
    thread::scope(|scope| {
        let serving = scope.spawn(|| shake_hands(&server));
        let met = shake_hands(&client);
        client.finish();
        assert_eq!(serving.join().unwrap().is_ok(), met.is_ok());
        (pin, met.map_err(|error| error.to_string()))
    })
}

#[test]
fn a_key_is_believed_when_it_is_expected_or_none_is() {
    let key = Key::generate().unwrap();
    let own = key.fingerprint();
    for expected in [None, Some(own)] {
        let (pin, met) = meet(key.server_config().unwrap(), expected);
        assert_eq!((pin.seen(), met), (Some(own), Ok(())));
    }
}

#[test]
fn another_key_than_the_expected_is_refused_and_shown() {
    let key = Key::generate().unwrap();
    let other = Key::generate().unwrap().fingerprint();
    let (pin, met) = meet(key.server_config().unwrap(), Some(other));
    assert_eq!(pin.seen(), Some(key.fingerprint()));
    assert!(met.is_err());
}

#[test]
fn whoever_shows_a_certificate_without_having_its_key_is_refused() {
    let key = KeyPair::generate().unwrap();
    let stolen = CertificateParams::default().self_signed(&key).unwrap();
    let thief = KeyPair::generate().unwrap().serialize_der();
    let own = PrivatePkcs8KeyDer::from(thief).into();
    let own = default_provider().key_provider.load_private_key(own);
    let shown = CertifiedKey::new(vec![stolen.into()], own.unwrap());
    let key = Fingerprint::of(&key.subject_public_key_info());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    for expected in [None, Some(key)] {
        let (pin, met) = meet(Arc::new(config.clone()), expected);
        assert_eq!(pin.seen(), Some(key));
        assert_eq!(
            met,
            Err("invalid peer certificate: BadSignature".to_owned())
        );
    }
}
