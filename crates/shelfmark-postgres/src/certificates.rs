//! Certificates of servers: which are believed, by libpq's rules.
//!
//! `prefer` and `require` encrypt and believe any certificate; with a file of authorities `require` is `verify-ca`.
//! `verify-ca` wants a certificate of a known authority, `verify-full` also one for this host. The authorities are
//! those of the given file, or else the machine's.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
};
use shelfmark_core::config::SslMode;
use shelfmark_core::{Error, ErrorKind, Result};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::wire::Wire;

/// Puts TLS sessions on sockets.
#[derive(Clone)]
pub(crate) struct Connector(MakeRustlsConnect);

impl Connector {
    /// # Errors
    /// `InvalidConfig` when there are no authorities that could be asked.
    pub(crate) fn new(mode: SslMode, root_cert: Option<&Path>) -> Result<Self> {
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match (mode, root_cert) {
            (SslMode::VerifyFull, file) => authorities(file, &provider)?,
            (SslMode::VerifyCa, file) => Arc::new(AnyHost(authorities(file, &provider)?)),
            (SslMode::Require, Some(file)) => {
                Arc::new(AnyHost(authorities(Some(file), &provider)?))
            }
            _ => Arc::new(Anybody(Arc::clone(&provider))),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|cause| refused("TLS cannot be used").with_source(cause))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Connector(MakeRustlsConnect::new(config)))
    }

    /// Puts a session on a socket to `host`.
    pub(crate) fn connect(
        &self,
        host: &str,
    ) -> <MakeRustlsConnect as MakeTlsConnect<Wire>>::TlsConnect {
        let mut connector = self.0.clone();
        // The error type says that this cannot fail.
        match MakeTlsConnect::<Wire>::make_tls_connect(&mut connector, host) {
            Ok(connect) => connect,
            Err(never) => match never {},
        }
    }
}

fn refused(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidConfig).with_detail(detail.into())
}

/// The verifier that believes the authorities of `file`, or of the machine.
fn authorities(
    file: Option<&Path>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>> {
    let mut roots = RootCertStore::empty();
    let place = match file {
        Some(file) => {
            let place = format!("the file {} of sslrootcert", file.display());
            let unreadable = |cause| refused(format!("{place} cannot be read")).with_source(cause);
            for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
                let certificate = certificate.map_err(unreadable)?;
                roots.add(certificate).map_err(|cause| {
                    refused(format!("{place} has a certificate that cannot be used"))
                        .with_source(cause)
                })?;
            }
            place
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            "the machine's list of authorities".to_owned()
        }
    };
    if roots.is_empty() {
        return Err(refused(format!(
            "{place} has no certificates; name a PEM file with sslrootcert"
        )));
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|cause| refused(format!("{place} cannot be used")).with_source(cause))
}

/// Believes every certificate: `require` protects from listeners, not from impostors.
struct Anybody(Arc<CryptoProvider>);

impl fmt::Debug for Anybody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Anybody")
    }
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Believes certificates of known authorities, whatever host they are for.
#[derive(Debug)]
struct AnyHost(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        // The name is looked at last, so this refusal means that all else is well.
        match self
            .0
            .verify_server_cert(certificate, chain, host, ocsp, now)
        {
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
