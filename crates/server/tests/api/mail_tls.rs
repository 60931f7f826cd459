//! Mail over TLS, implicit and after STARTTLS: to a server whose authority is trusted because somebody said so, and to no other.

use std::sync::Arc;

use proofline_server::{Authorities, AuthorityFault};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::mail::{MailServer, app_writing_to, invite, loopback, mails};

/// An authority of nobody's, and a certificate of it for `localhost`.
const AUTHORITY: &[u8] = include_bytes!("../tls/authority.pem");
const CERTIFICATE: &[u8] = include_bytes!("../tls/server.pem");
const KEY: &[u8] = include_bytes!("../tls/server.key");

/// How a mail server comes to TLS.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Begins {
    /// From the first byte.
    AtOnce,
    /// When it is asked to.
    Asked,
    /// It says that it knows no such thing.
    Never,
}

async fn talk(
    server: &MailServer,
    stream: TcpStream,
    tls: &TlsAcceptor,
    begins: Begins,
) -> std::io::Result<()> {
    if begins == Begins::AtOnce {
        let mut stream = tls.accept(stream).await?;
        stream.write_all(b"220 mail.example ready\r\n").await?;
        return server.listen_to(stream).await;
    }
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 mail.example ready\r\n").await?;
    if begins == Begins::Never {
        return server.listen_to(stream).await;
    }
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    assert!(line.starts_with("EHLO"), "{line}");
    stream.write_all(b"250-mail.example\r\n250-8BITMIME\r\n250 STARTTLS\r\n").await?;
    line.clear();
    stream.read_line(&mut line).await?;
    assert_eq!(line.trim_end(), "STARTTLS", "nothing else is said in clear");
    stream.write_all(b"220 go on\r\n").await?;
    server.listen_to(tls.accept(stream.into_inner()).await?).await
}

/// A mail server, and the port that it listens at.
async fn listen(begins: Begins) -> (MailServer, u16) {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(KEY).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the default versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("its key");
    let tls = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(loopback()).await.expect("binds");
    let port = listener.local_addr().expect("an address").port();
    let server = MailServer::default();
    let serving = server.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever does not trust it hangs up.
            let _ = talk(&serving, stream, &tls, begins).await;
        }
    });
    (server, port)
}

/// Sends an invitation: how many mails the server took, and why it took none.
async fn sent(
    begins: Begins,
    address: impl FnOnce(u16) -> String,
    authorities: &Authorities,
) -> (usize, String) {
    let (server, port) = listen(begins).await;
    let app = app_writing_to(&address(port), authorities).await;
    let mut admin = app.admin().await;
    invite(&mut admin, "newcomer@staff.example").await;
    app.run_job("mail").await;
    let mail = mails(&mut admin).await.remove(0);
    let taken = server.taken();
    assert_eq!(mail["state"], if taken.is_empty() { "queued" } else { "sent" }, "{mail}");
    assert!(taken.iter().all(|mail| mail.contains("To: newcomer@staff.example")), "{taken:?}");
    (taken.len(), mail["last_error"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn mail_goes_over_tls_to_a_server_of_an_authority_that_was_named() {
    let named = Authorities::with(AUTHORITY).expect("an authority");
    let at_once = |port| format!("smtps://localhost:{port}");
    let asked = |port| format!("smtp://localhost:{port}?tls=required");
    assert_eq!(sent(Begins::AtOnce, at_once, &named).await, (1, String::new()));
    assert_eq!(sent(Begins::Asked, asked, &named).await, (1, String::new()));
}

#[tokio::test]
async fn no_mail_goes_to_a_server_that_nobody_vouches_for_nor_in_clear() {
    let named = Authorities::with(AUTHORITY).expect("an authority");
    for (begins, url, authorities, why) in [
        (Begins::AtOnce, "smtps://localhost:PORT", &Authorities::public(), "certificate"),
        (Begins::Asked, "smtp://localhost:PORT?tls=required", &Authorities::public(), "certificate"),
        // Somebody else's certificate.
        (Begins::AtOnce, "smtps://127.0.0.1:PORT", &named, "certificate"),
        (Begins::Asked, "smtp://127.0.0.1:PORT?tls=required", &named, "certificate"),
        // Somebody on the way who takes the offer out.
        (Begins::Never, "smtp://localhost:PORT?tls=required", &named, "STARTTLS"),
    ] {
        let address = |port: u16| url.replace("PORT", &port.to_string());
        let (taken, said) = sent(begins, address, authorities).await;
        assert_eq!(taken, 0, "{begins:?} {url}");
        assert!(said.contains(why), "{begins:?} {url}: {said}");
    }
}

#[test]
fn what_is_no_list_of_authorities_is_told() {
    assert!(Authorities::with(&[AUTHORITY, AUTHORITY].concat()).is_ok());
    let fault = |pem: &[u8]| Authorities::with(pem).map(drop).expect_err("refused");
    assert_eq!(fault(b""), AuthorityFault::Empty);
    assert_eq!(fault(KEY), AuthorityFault::Empty);
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    assert_eq!(fault(format!("{begin}\n!!!\n{end}\n").as_bytes()), AuthorityFault::NotPem);
    assert_eq!(fault(format!("{begin}\nAAAA\n{end}\n").as_bytes()), AuthorityFault::Unreadable);
    // One that is damaged spoils the file: what it was meant to say is not known.
    let both = [AUTHORITY, format!("{begin}\nAAAA\n{end}\n").as_bytes()].concat();
    assert_eq!(fault(&both), AuthorityFault::Unreadable);
}
