//! The process's one TLS provider, and the trusted roots for an external broker.
//!
//! rustls refuses to guess between providers; every part of the program that speaks TLS calls `install` first.

use std::{path::PathBuf, sync::Once};

static ONCE: Once = Once::new();

/// Installs ring as the process's provider. Harmless when called again or after somebody else installed one.
pub fn install() {
    ONCE.call_once(|| {
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            tracing::debug!("a TLS provider was installed before; it stays");
        }
    });
}

/// Where systems keep their trusted roots as one PEM file; `SSL_CERT_FILE` comes first, as everywhere.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The trusted roots, PEM. Blocking; called once at start.
pub fn trusted_roots() -> std::io::Result<Vec<u8>> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let mut last = std::io::Error::new(
        std::io::ErrorKind::NotFound,
        "no file with trusted certificates was found; name one with the environment variable SSL_CERT_FILE",
    );
    for path in named.into_iter().chain(BUNDLES.map(PathBuf::from)) {
        match std::fs::read(&path) {
            Ok(pem) if pem.len() <= 16 << 20 => return Ok(pem),
            Ok(_) => last = std::io::Error::other(format!("{} is over 16 MiB", path.display())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => last = e,
        }
    }
    Err(last)
}
