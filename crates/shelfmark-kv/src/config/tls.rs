//! The files of encrypted connections: whose certificates are believed, and which one is shown.

use std::path::{Path, PathBuf};

pub(super) const AUTHORITIES: &str = "REDIS_TLS_CA";
pub(super) const CERTIFICATE: &str = "REDIS_TLS_CERT";
pub(super) const KEY: &str = "REDIS_TLS_KEY";

/// The files of encrypted connections, all of them PEM. They are checked when the store is opened, and read again for
/// each connection, so that renewed certificates are taken without a restart.
///
/// A server must have a certificate of an authority that is believed, for the host by which it is asked. Sentinels and
/// clusters name servers by address unless they are told otherwise (`resolve-hostnames`, `cluster-announce-hostname`), so
/// the certificates of those need their addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisTls {
    /// The authorities that are believed, in place of the machine's (`REDIS_TLS_CA`).
    pub authorities: Option<PathBuf>,
    /// The certificate that we show, with its chain (`REDIS_TLS_CERT`); needs `key`.
    pub certificate: Option<PathBuf>,
    /// The key of that certificate (`REDIS_TLS_KEY`).
    pub key: Option<PathBuf>,
}

/// What the files hold.
#[cfg_attr(
    not(feature = "tls"),
    expect(dead_code, reason = "nothing is encrypted without the feature")
)]
pub(crate) struct Pem {
    pub(crate) authorities: Option<Vec<u8>>,
    /// Our certificate and its key.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

/// A file that does not do: the variable that names it, and the problem.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) variable: &'static str,
    pub(crate) what: String,
}

impl RedisTls {
    /// Believes the authorities of `file`, and not the machine's.
    #[must_use = "the files are returned, not changed in place"]
    pub fn with_authorities(mut self, file: impl Into<PathBuf>) -> Self {
        self.authorities = Some(file.into());
        self
    }

    /// Shows the certificate of `certificate`, whose key is in `key`.
    #[must_use = "the files are returned, not changed in place"]
    pub fn with_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.certificate = Some(certificate.into());
        self.key = Some(key.into());
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == RedisTls::default()
    }

    /// The variable of the first file that is named.
    pub(super) fn first_variable(&self) -> &'static str {
        match (&self.authorities, &self.certificate) {
            (Some(_), _) => AUTHORITIES,
            (None, Some(_)) => CERTIFICATE,
            (None, None) => KEY,
        }
    }

    /// Reads the files. It blocks.
    pub(crate) fn read(&self) -> Result<Pem, Misfit> {
        let authorities = match &self.authorities {
            Some(file) => Some(certificates(AUTHORITIES, file)?),
            None => None,
        };
        let client = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                Some((certificates(CERTIFICATE, certificate)?, private_key(key)?))
            }
            (None, None) => None,
            (Some(_), None) => {
                return Err(misfit(CERTIFICATE, format!("needs its key, in {KEY}")));
            }
            (None, Some(_)) => {
                return Err(misfit(
                    KEY,
                    format!("needs its certificate, in {CERTIFICATE}"),
                ));
            }
        };
        Ok(Pem {
            authorities,
            client,
        })
    }
}

fn misfit(variable: &'static str, what: String) -> Misfit {
    Misfit { variable, what }
}

fn bytes(variable: &'static str, file: &Path) -> Result<Vec<u8>, Misfit> {
    std::fs::read(file).map_err(|error| {
        misfit(
            variable,
            format!("the file {} cannot be read: {error}", file.display()),
        )
    })
}

/// The bytes of a file that has at least one certificate, and none that cannot be used.
#[cfg(feature = "tls")]
fn certificates(variable: &'static str, file: &Path) -> Result<Vec<u8>, Misfit> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    let bytes = bytes(variable, file)?;
    let wrong = |what: &str| misfit(variable, format!("the file {} {what}", file.display()));
    let mut store = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|_| wrong("is no PEM file"))?;
        store
            .add(certificate)
            .map_err(|_| wrong("has a certificate that cannot be used"))?;
    }
    match store.is_empty() {
        true => Err(wrong("has no certificates; a PEM file is needed")),
        false => Ok(bytes),
    }
}

#[cfg(feature = "tls")]
fn private_key(file: &Path) -> Result<Vec<u8>, Misfit> {
    use rustls::pki_types::PrivateKeyDer;
    use rustls::pki_types::pem::PemObject as _;

    let bytes = bytes(KEY, file)?;
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(_) => Ok(bytes),
        Err(_) => Err(misfit(
            KEY,
            format!("the file {} has no private key in PEM", file.display()),
        )),
    }
}

#[cfg(not(feature = "tls"))]
fn certificates(variable: &'static str, file: &Path) -> Result<Vec<u8>, Misfit> {
    bytes(variable, file)
}

#[cfg(not(feature = "tls"))]
fn private_key(file: &Path) -> Result<Vec<u8>, Misfit> {
    bytes(KEY, file)
}
