//! Whether a server that speaks TLS is the one that is meant: a camera by its channel's policy, a receiver by its own.
//!
//! A certificate that is refused is named by its sum in the reason, so that who trusts it can pin it. With `accept-any`
//! nothing is checked at all: cameras have certificates that no library would take for one.

use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;
use sha2::Digest;

use crate::config::Tls;

/// The roots that this machine trusts are read once.
static TRUSTED: LazyLock<Result<Arc<Verifier>, Error>> = LazyLock::new(|| Verifier::new(provider()).map(Arc::new));

/// The first line of a text in which may stand what the server sends, made safe to show.
fn shown(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(160).collect()
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));
    PROVIDER.clone()
}

/// What the server is to us; names the key under which its certificate can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Camera,
    Receiver,
}

/// What a connection is set up with; the error is that of this machine's trusted roots.
pub fn client(policy: Tls, server: Server) -> Result<ClientConfig, Error> {
    let trusted = if policy == Tls::Verify { Some(TRUSTED.clone()?) } else { None };
    let judge = Arc::new(Judge { policy, server, trusted });
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(judge).with_no_client_auth())
}

#[derive(Debug)]
struct Judge {
    policy: Tls,
    server: Server,
    /// With `Tls::Verify`.
    trusted: Option<Arc<Verifier>>,
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let sum: [u8; 32] = sha2::Sha256::digest(certificate.as_ref()).into();
        let (its, key) = match self.server {
            Server::Camera => ("the camera's", "the channel's"),
            Server::Receiver => ("the receiver's", "the webhook's"),
        };
        let refused = |why: String| {
            Error::General(format!(
                "{why}; if it is {its} own (SHA-256 of the certificate), set {key} tls = \"{}\"",
                Tls::Pin(sum)
            ))
        };
        match (self.policy, &self.trusted) {
            (Tls::AcceptAny, _) => Ok(ServerCertVerified::assertion()),
            (Tls::Pin(pin), _) if pin == sum => Ok(ServerCertVerified::assertion()),
            (Tls::Pin(_), _) => Err(refused("its certificate is another than the pinned one".into())),
            (Tls::Verify, Some(trusted)) => trusted
                .verify_server_cert(certificate, between, name, ocsp, now)
                .map_err(|e| refused(format!("its certificate is not trusted ({})", shown(&e.to_string())))),
            (Tls::Verify, None) => Err(Error::General("no trusted certificates".into())),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.policy == Tls::AcceptAny {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.policy == Tls::AcceptAny {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
