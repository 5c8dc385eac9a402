//! Encrypted connections: whom we believe, whom we do not, and that nothing is ever sent in the open instead.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use shelfmark_core::{Error, ErrorKind};
use shelfmark_kv::{Counters, Event, Kv, KvConfig, Lists, PubSub, RedisTls, Strings};
use test_redis::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::proxy::{Mode, Proxy};
use crate::{SLACK, recovery};

/// An authority for one test, with a folder for its files.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> anyhow::Result<Authority> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = format!("authority {:016x}", fastrand::u64(..));
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("ca.pem"), issuer.pem())?;
        Ok(Authority { folder, issuer })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `name.pem` and `name.key`: a certificate for `host`.
    fn issue(&self, name: &str, host: &str) -> anyhow::Result<(PathBuf, PathBuf)> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, host);
        let certificate = params.signed_by(&key, &self.issuer)?;
        let (pem, key_file) = (
            self.file(&format!("{name}.pem")),
            self.file(&format!("{name}.key")),
        );
        std::fs::write(&pem, certificate.pem())?;
        std::fs::write(&key_file, key.serialize_pem())?;
        Ok((pem, key_file))
    }

    /// A server with a certificate for `host`. Whether it wants one of us is said by `asks`.
    fn server(&self, host: &str, asks: &str) -> anyhow::Result<Server> {
        let (certificate, key) = self.issue("server", host)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        Server::start_encrypted(&[
            ("tls-cert-file", &text(&certificate)),
            ("tls-key-file", &text(&key)),
            ("tls-ca-cert-file", &text(&self.file("ca.pem"))),
            ("tls-auth-clients", asks),
        ])
    }

    fn trusted(&self) -> RedisTls {
        RedisTls::default().with_authorities(self.file("ca.pem"))
    }
}

fn url(server: &Server, port: u16) -> String {
    let password = server.password().replace('@', "%40");
    format!("rediss://:{password}@localhost:{port}")
}

fn config(server: &Server, tls: RedisTls) -> anyhow::Result<KvConfig> {
    let port = server.tls_port().unwrap();
    Ok(KvConfig::from_url(&url(server, port))?.with_tls(tls))
}

/// The error of a connection that must not come to be, which has to come soon.
async fn refusal(config: KvConfig) -> Error {
    let limit = config.connect_timeout + SLACK;
    let began = Instant::now();
    let error = Kv::connect(config).await.unwrap_err();
    assert!(began.elapsed() < limit, "{:?}", began.elapsed());
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_our_own_authority_is_believed_and_asked_for_everything() -> anyhow::Result<()>
{
    let authority = Authority::new()?;
    let server = authority.server("localhost", "no")?;
    let vars = [
        ("REDIS_URL", url(&server, server.tls_port().unwrap())),
        (
            "REDIS_TLS_CA",
            authority.file("ca.pem").display().to_string(),
        ),
    ];
    let vars = vars.map(|(name, value)| (name.to_owned(), value));
    let kv = Kv::connect(KvConfig::from_vars(vars)?).await?;
    assert_eq!(kv.incr("a", 1).await?, 1);
    // Messages and waits for lists have connections of their own.
    let mut subscription = kv.subscribe(&["m"]).await?;
    kv.publish("m", b"x").await?;
    assert!(matches!(subscription.next().await, Event::Message { .. }));
    let second = Duration::from_secs(1);
    let (popped, pushed) = tokio::join!(kv.pop_wait(&["l"], 20 * second), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        kv.push_back("l", &[b"y"]).await
    });
    assert_eq!(pushed?, 1);
    assert_eq!(popped?.unwrap().1, &b"y"[..]);
    // And so it is after the server has been away.
    server.restart()?;
    let recovered = recovery(|| kv.set("a", b"1", None)).await?;
    assert!(recovered < second + SLACK, "{recovered:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_an_unknown_authority_is_not_believed() -> anyhow::Result<()> {
    let (authority, other) = (Authority::new()?, Authority::new()?);
    let server = authority.server("localhost", "no")?;
    // Neither another's authority nor the machine's have signed its certificate.
    for tls in [other.trusted(), RedisTls::default()] {
        let error = refusal(config(&server, tls)?).await;
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
        let told = error.to_string();
        assert!(told.contains("UnknownIssuer"), "{told}");
        assert!(told.contains("check REDIS_TLS_CA"), "{told}");
        assert!(!told.contains(server.password()), "{told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_another_host_is_not_believed() -> anyhow::Result<()> {
    let authority = Authority::new()?;
    let server = authority.server("redis.example.org", "no")?;
    let error = refusal(config(&server, authority.trusted())?).await;
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    let told = error.to_string();
    assert!(
        told.contains("not valid for name \"localhost\"") && told.contains("redis.example.org"),
        "{told}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_who_we_are_is_shown_our_certificate() -> anyhow::Result<()> {
    let authority = Authority::new()?;
    let server = authority.server("localhost", "yes")?;
    let error = refusal(config(&server, authority.trusted())?).await;
    let told = error.to_string();
    assert!(told.contains("check REDIS_TLS_CERT"), "{told}");
    let (certificate, key) = authority.issue("client", "client")?;
    let tls = authority.trusted().with_certificate(certificate, key);
    let kv = Kv::connect(config(&server, tls)?).await?;
    assert_eq!(kv.incr("a", 1).await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_in_the_open_to_a_server_that_does_not_encrypt() -> anyhow::Result<()> {
    let authority = Authority::new()?;
    let server = Server::start()?;
    let plain = KvConfig::from_url(&url(&server, server.port()))?.with_tls(authority.trusted());
    let error = refusal(plain).await;
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.to_string().contains("TLS"), "{error}");
    // What we send to such a server is a handshake and nothing else, whatever it says and however often we come.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listening = tokio::spawn({
        let heard = heard.clone();
        async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut bytes = vec![0; 4096];
                let length = client.read(&mut bytes).await.unwrap_or(0);
                bytes.truncate(length);
                // What plain servers say to what they do not understand.
                let _ = client.write_all(b"-ERR Protocol error\r\n").await;
                let _ = client.read_to_end(&mut bytes).await;
                heard.lock().unwrap().extend(bytes);
            }
        }
    });
    let config = KvConfig::from_url(&url(&server, port))?.with_tls(authority.trusted());
    let error = refusal(config).await;
    assert!(error.to_string().contains("does not speak TLS"), "{error}");
    listening.abort();
    let heard = heard.lock().unwrap();
    // The first byte of a record of the handshake.
    assert_eq!(heard[0], 0x16);
    for word in ["AUTH", "HELLO", server.password()] {
        let is_there = heard
            .windows(word.len())
            .any(|part| part == word.as_bytes());
        assert!(!is_there, "{word} was sent in the open");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_without_an_answer_ends_in_time() -> anyhow::Result<()> {
    let authority = Authority::new()?;
    let server = authority.server("localhost", "no")?;
    let proxy = Proxy::before(server.tls_port().unwrap()).await?;
    proxy.set(Mode::Late(Duration::from_secs(60)));
    let port = proxy
        .url(&server.url())
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()?;
    let config = KvConfig::from_url(&url(&server, port))?
        .with_tls(authority.trusted())
        .with_connect_timeout(Duration::from_millis(300));
    let error = refusal(config).await;
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.to_string().contains("cannot be reached"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_in_the_open_to_a_port_that_encrypts_is_told_apart() -> anyhow::Result<()> {
    let authority = Authority::new()?;
    let server = authority.server("localhost", "no")?;
    let open = url(&server, server.tls_port().unwrap()).replacen("rediss", "redis", 1);
    let config = KvConfig::from_url(&open)?.with_connect_timeout(Duration::from_millis(500));
    let error = refusal(config).await;
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.to_string().contains("rediss://"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewed_authorities_are_taken_with_the_next_connection() -> anyhow::Result<()> {
    let (old, new) = (Authority::new()?, Authority::new()?);
    let server = new.server("localhost", "no")?;
    let kv = Kv::connect(config(&server, old.trusted())?.with_lazy(true)).await?;
    assert_eq!(
        kv.get("a").await.unwrap_err().kind(),
        ErrorKind::InvalidConfig
    );
    std::fs::copy(new.file("ca.pem"), old.file("ca.pem"))?;
    recovery(|| kv.get("a")).await?;
    // A file that is gone is told, too.
    std::fs::remove_file(old.file("ca.pem"))?;
    let error = Kv::connect(config(&server, old.trusted())?)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("REDIS_TLS_CA"), "{error}");
    Ok(())
}
