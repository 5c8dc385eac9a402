//! Encrypted connections: the driver's client with the authorities that are believed, and what its errors say.
//!
//! Nothing is ever sent in the open to a server that should encrypt: a handshake that fails is the end of the attempt.

use redis::{Client, ConnectionInfo, RedisError, RedisResult};

use crate::config::RedisTls;

/// A client that encrypts. The files are read each time, away from the tasks, so that renewed ones are taken.
#[cfg(feature = "tls")]
pub(super) async fn client(info: ConnectionInfo, files: &RedisTls) -> RedisResult<Client> {
    install_provider();
    let files = files.clone();
    let read = tokio::task::spawn_blocking(move || files.read()).await;
    let pem = match read {
        Ok(Ok(pem)) => pem,
        Ok(Err(misfit)) => {
            let what = format!("{}: {}", misfit.variable, misfit.what);
            return Err(RedisError::from(std::io::Error::other(what)));
        }
        Err(ended) => return Err(RedisError::from(std::io::Error::other(ended))),
    };
    let certificates = redis::TlsCertificates {
        root_cert: pem.authorities,
        client_tls: pem
            .client
            .map(|(client_cert, client_key)| redis::ClientTlsConfig {
                client_cert,
                client_key,
            }),
    };
    Client::build_with_tls(info, certificates)
}

/// A URL that asks for encryption is refused without the feature, so this is for targets made in code.
#[cfg(not(feature = "tls"))]
#[expect(clippy::unused_async, reason = "as with the feature")]
pub(super) async fn client(_: ConnectionInfo, _: &RedisTls) -> RedisResult<Client> {
    Err(RedisError::from((
        redis::ErrorKind::InvalidClientConfig,
        "encryption needs the feature `tls` of shelfmark-kv",
    )))
}

/// The driver takes the process' provider of cryptography; a program that has chosen one keeps it.
#[cfg(feature = "tls")]
fn install_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have been faster, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// What a handshake failed by.
pub(super) struct Mistrust {
    /// In words, with the remedy.
    pub(super) reason: String,
    /// Whether trying again is pointless until somebody changes a certificate or a setting.
    pub(super) is_final: bool,
}

#[cfg(not(feature = "tls"))]
pub(super) fn mistrust(_: &RedisError) -> Option<Mistrust> {
    None
}

/// What `error` says about the handshake, when it is of the handshake.
#[cfg(feature = "tls")]
pub(super) fn mistrust(error: &RedisError) -> Option<Mistrust> {
    use std::error::Error;

    use rustls::Error as Tls;

    let cause = error.source()?;
    // The driver shares its causes.
    let cause = cause.downcast_ref::<std::sync::Arc<dyn Error + Send + Sync>>()?;
    let cause = match cause.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref()?.downcast_ref::<Tls>()?,
        None => cause.downcast_ref::<Tls>()?,
    };
    let (reason, is_final) = match cause {
        Tls::InvalidCertificate(_) => (
            format!(
                "its certificate is not believed ({cause}); check REDIS_TLS_CA and the host's name"
            ),
            true,
        ),
        Tls::InvalidMessage(_) => (
            "it does not speak TLS; check the port, or say redis:// for a connection in the open"
                .to_owned(),
            false,
        ),
        Tls::AlertReceived(_) => (
            format!(
                "it ends the handshake ({cause}); check REDIS_TLS_CERT and REDIS_TLS_KEY, if it asks for them"
            ),
            true,
        ),
        _ => (format!("the handshake failed ({cause})"), false),
    };
    Some(Mistrust { reason, is_final })
}
