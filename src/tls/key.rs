use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData,
};
use rustls::ServerConfig;
use rustls::crypto::ring as provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;

use super::Fingerprint;
use crate::files;
use crate::net::plain_words;

/// A server's key (ECDSA on P-256), which is all of its identity.
pub struct Key(KeyPair);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can be read by others than its owner, so they may have it too.
    #[error(
        "{file} can be read by others (mode {mode:03o}): if nobody has seen it, chmod 600 {file}; \
         otherwise remove it, and all will be told of another key"
    )]
    TooOpen {
        /// The key's.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file is there, but cannot be read.
    #[error("cannot read the key in {file}: {reason}")]
    Unreadable {
        /// The key's.
        file: PathBuf,
        /// In the words of the system.
        reason: String,
    },
    /// The file has something else in it.
    #[error(
        "there is no key of this server in {0}: put back what was there, or remove it, and all will \
         be told of another key"
    )]
    NoKey(PathBuf),
    /// There was no key, and a new one cannot be kept there.
    #[error("cannot keep a key in {file}: {reason}")]
    Unkept {
        /// Where it would be.
        file: PathBuf,
        /// In the words of the system.
        reason: String,
    },
    /// The system has no random numbers, or the key cannot be used.
    #[error("cannot make a key: {0}")]
    Unmakable(String),
}

/// Far more than a key takes.
const LONGEST: u64 = 4096;

impl Key {
    /// A new one, known to nobody, and gone with the program.
    pub fn generate() -> Result<Key, KeyError> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
        pair.map(Key).map_err(unmakable)
    }

    /// The one in `file` (PKCS#8, RFC 5208), which is made if it is not there, with its folder, for
    /// the eyes of the user alone. Of several who make it at once, all have the key of the first.
    ///
    /// Fails when the file is there and is not to be used, and, with [`KeyError::Unkept`], when it
    /// cannot be made.
    pub fn keep_in(file: &Path) -> Result<Key, KeyError> {
        if let Some(key) = Key::read(file)? {
            return Ok(key);
        }
        let unkept = |error: io::Error| KeyError::Unkept {
            file: file.to_owned(),
            reason: plain_words(&error),
        };
        let key = Key::generate()?;
        files::create(file, key.0.serialized_der()).map_err(unkept)?;
        Key::read(file)?.ok_or_else(|| unkept(ErrorKind::NotFound.into()))
    }

    fn read(file: &Path) -> Result<Option<Key>, KeyError> {
        let unreadable = |error: io::Error| KeyError::Unreadable {
            file: file.to_owned(),
            reason: plain_words(&error),
        };
        let opened = match File::open(file) {
            Err(error) if files::is_absent(&error) => return Ok(None),
            opened => opened.map_err(unreadable)?,
        };
        let mode = opened.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let file = file.to_owned();
            return Err(KeyError::TooOpen { file, mode });
        }
        let mut bytes = Vec::new();
        let read = opened.take(LONGEST).read_to_end(&mut bytes);
        read.map_err(unreadable)?;
        let pkcs8 = PrivatePkcs8KeyDer::from(bytes);
        match KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_ECDSA_P256_SHA256) {
            Ok(pair) => Ok(Some(Key(pair))),
            Err(_) => Err(KeyError::NoKey(file.to_owned())),
        }
    }

    /// What others know it by.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0.subject_public_key_info())
    }

    /// A server's side of TLS that shows this key, in a certificate made for it now.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, KeyError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "chat-server");
        let certificate = params.self_signed(&self.0).map_err(unmakable)?;
        let private = PrivatePkcs8KeyDer::from(self.0.serialize_der());
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
                .with_protocol_versions(&[&TLS13])
                .map_err(unmakable)?
                .with_no_client_auth()
                .with_single_cert(vec![certificate.into()], private.into())
                .map_err(unmakable)?;
        // Nobody comes back so often that a ticket would pay.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(config))
    }
}

fn unmakable(error: impl ToString) -> KeyError {
    KeyError::Unmakable(error.to_string())
}
