use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error,
    PeerIncompatible, SignatureScheme,
};

use super::Fingerprint;

/// The key a server has to have, for one connection to it. Nothing else of its certificate counts:
/// no name, no authority, and no date, so that a wrong clock does not matter.
#[derive(Debug)]
pub struct Pin {
    expected: Option<Fingerprint>,
    seen: OnceLock<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl Pin {
    /// The `expected` key; `None` believes whichever the server has.
    pub fn new(expected: Option<Fingerprint>) -> Arc<Self> {
        Arc::new(Pin {
            expected,
            seen: OnceLock::new(),
            provider: Arc::new(ring::default_provider()),
        })
    }

    /// The key that the server showed, once it did. That it is the server's own is proven when the
    /// handshake has ended well.
    pub fn seen(&self) -> Option<Fingerprint> {
        self.seen.get().copied()
    }

    /// A client's side of TLS that believes this key alone.
    pub fn connection(self: &Arc<Self>) -> Result<ClientConnection, Error> {
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(self.clone())
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        let unnamed = ServerName::try_from("chat-server").expect("it has the form of a name");
        ClientConnection::new(Arc::new(config), unnamed)
    }
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(certificate)?;
        let seen = Fingerprint::of(&certificate.subject_public_key_info());
        let _ = self.seen.set(seen);
        match self.expected {
            Some(expected) if expected != seen => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    /// MUST stay: a certificate is public, and anybody can show it. Only this signature, over the
    /// handshake itself, proves that whoever shows it has its key (RFC 8446, section 4.4.3).
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
